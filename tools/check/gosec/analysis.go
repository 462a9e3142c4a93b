package gosec

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"errors"
	"fmt"
	"go/ast"
	"io"
	"log"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/securego/gosec/v2"
	"github.com/securego/gosec/v2/analyzers"
	"github.com/securego/gosec/v2/issue"
	"github.com/securego/gosec/v2/rules"
	"golang.org/x/sync/errgroup"
	"golang.org/x/tools/go/packages"

	"github.com/magewright/magewright/tools/internal/actioncache"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/gocmd"
	"github.com/magewright/magewright/tools/internal/inputs"
	"github.com/magewright/magewright/tools/project"
)

// An analysis collects the findings in packages.
type analysis struct {
	force    bool
	cache    *actioncache.Cache // nil if there is none
	toolSet  inputs.Set         // digest of this program and the toolchain
	rules    int
	packages int
	reused   int

	mu      sync.Mutex
	issues  []*issue.Issue
	metrics gosec.Metrics
	errors  map[string][]gosec.Error

	generated int // files that the rules leave out
}

// A result has gosec's findings in a package. Files are relative to the module, with slashes.
type result struct {
	Issues    []*issue.Issue
	Metrics   gosec.Metrics
	Generated int // files that the rules leave out
}

func newAnalysis() *analysis {
	a := &analysis{errors: map[string][]gosec.Error{}, rules: len(rules.Generate(true).Rules) + len(analyzers.Generate(true).Analyzers)}
	// Without a cache, every package is analysed.
	a.cache, _ = actioncache.Open()
	return a
}

// modules analyses every package of modules in the repository in the current directory.
func (a *analysis) modules(ctx context.Context, dirs []string) error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	modules, err := project.Config{Dir: root}.Modules(ctx)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		at := slices.IndexFunc(modules.All, func(m project.GoModule) bool { return m.Dir == filepath.ToSlash(filepath.Clean(dir)) })
		if at < 0 {
			return fmt.Errorf("analysing %s: it is not a module of the repository in %s", dir, root)
		}
		if err := a.module(ctx, modules.All[at]); ctx.Err() != nil {
			return context.Cause(ctx)
		} else if err != nil {
			// The other modules are still analysed, and the other tools still run.
			a.errors[dir] = append(a.errors[dir], gosec.Error{Err: err.Error()})
		}
	}
	if a.metrics.NumFiles == 0 && len(a.errors) == 0 {
		return fmt.Errorf("analysing: no files were read in %s", strings.Join(dirs, " "))
	}
	slices.SortFunc(a.issues, func(x, y *issue.Issue) int {
		return strings.Compare(x.File+"\x00"+fmt.Sprintf("%12s", x.Line)+x.RuleID, y.File+"\x00"+fmt.Sprintf("%12s", y.Line)+y.RuleID)
	})
	if a.cache != nil {
		if err := a.cache.Trim(); err != nil {
			fmt.Fprintf(os.Stderr, "gosec: %v\n", err)
		}
	}
	return nil
}

func (a *analysis) module(ctx context.Context, module project.GoModule) error {
	self, err := program()
	if err != nil {
		return err
	}
	a.toolSet = inputs.Set{"program": self}
	if err := a.toolSet.Go(ctx, module.Abs()); err != nil {
		return err
	}
	exports := exports{}
	for _, patterns := range module.Patterns(false) {
		if err := a.matching(ctx, module, exports, patterns...); err != nil {
			return err
		}
	}
	return nil
}

// matching analyses the packages that match patterns, or the package that consists of the
// given files.
func (a *analysis) matching(ctx context.Context, module project.GoModule, exports exports, patterns ...string) error {
	// Names, files and compiled dependencies, but no syntax trees: this is enough to see what
	// has changed.
	const names = packages.NeedName | packages.NeedFiles | packages.NeedEmbedFiles | packages.NeedImports | packages.NeedDeps | packages.NeedExportFile | packages.NeedModule
	listed, err := load(ctx, module, names, patterns...)
	if err != nil {
		return err
	}
	if len(listed) == 0 {
		// Build constraints leave nothing, or the loader has hidden an error of the go command.
		_, err := module.Go().Output(ctx, append([]string{"list"}, patterns...)...)
		return err
	}
	a.packages += len(listed)
	keys := map[string]string{}
	sets := map[string]inputs.Set{}
	var missing []string
	for _, p := range listed {
		if len(p.Errors) == 0 {
			sets[p.PkgPath], err = a.inputs(p, module.Abs(), exports)
			if err != nil && !errors.Is(err, errNotCompiled) {
				return err
			}
			if err == nil {
				keys[p.PkgPath] = sets[p.PkgPath].Key("gosec " + p.PkgPath)
			}
		}
		if !a.take(p.PkgPath, keys[p.PkgPath], module.Abs()) {
			missing = append(missing, p.PkgPath)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if patterns[0] != "./..." {
		missing = patterns // a package that consists of files has no path
	}
	loaded, err := load(ctx, module, gosec.LoadMode, missing...)
	if err != nil {
		return err
	}
	group, _ := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, p := range loaded {
		group.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return a.analyse(p, sets[p.PkgPath], keys[p.PkgPath], module.Abs())
		})
	}
	return group.Wait()
}

// program returns the digest of this program. It covers the rules, which of them are enabled,
// and which findings are kept.
var program = sync.OnceValues(func() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	data, err := os.ReadFile(path) // #nosec G304 -- this program
	return inputs.Hash(string(data)), err
})

func load(ctx context.Context, module project.GoModule, mode packages.LoadMode, patterns ...string) ([]*packages.Package, error) {
	return packages.Load(&packages.Config{
		Context: ctx, Mode: mode, Dir: module.Abs(), Env: gocmd.ToolEnviron(module.Environ()...),
	}, patterns...)
}

// analyse runs the rules on a package and keeps the result.
func (a *analysis) analyse(p *packages.Package, set inputs.Set, key, dir string) error {
	parse, err := gosec.ParseErrors(p)
	if err != nil {
		return fmt.Errorf("%s: %w", p.PkgPath, err)
	}
	config := gosec.NewConfig()
	config.SetGlobal(gosec.NoSecRequireRules, "true")
	config.SetGlobal(gosec.NoSecRequireJustification, "true")
	// If gosec can't build SSA, the form that a third of its rules need, it only logs that
	// and goes on without these rules.
	var said bytes.Buffer
	analyzer := gosec.NewAnalyzer(config, false, true, true, 1, log.New(&said, "", 0))
	loaded := rules.Generate(true)
	analyzer.LoadRules(loaded.RulesInfo())
	ssa := analyzers.Generate(true)
	analyzer.LoadAnalyzers(ssa.AnalyzersInfo())
	analyzer.CheckRules(p)
	analyzer.CheckAnalyzers(p)
	found, metrics, errs := analyzer.Report()
	for line := range strings.Lines(said.String()) {
		// Where it is the code that does not compile, that is the reason.
		if strings.HasPrefix(line, "Error ") && len(parse) == 0 {
			errs[p.PkgPath] = append(errs[p.PkgPath], gosec.Error{Err: strings.TrimSpace(line)})
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	all := result{found, *metrics, generatedFiles(p)}
	a.add(all)
	for file, list := range parse {
		errs[file] = append(errs[file], list...)
	}
	for file, list := range errs {
		a.errors[file] = append(a.errors[file], list...)
	}
	if len(errs) > 0 || key == "" || a.cache == nil {
		return nil
	}
	if err := a.keep(p.PkgPath, set, key, dir, all); err != nil {
		fmt.Fprintf(os.Stderr, "gosec: %v\n", err) // it is analysed again the next time
	}
	return nil
}

// add adds a package's result. The caller holds the lock of the analysis.
func (a *analysis) add(r result) {
	a.issues = append(a.issues, r.Issues...)
	a.metrics.Merge(&r.Metrics)
	a.generated += r.Generated
}

// generatedFiles counts the files of a package that say that they are generated, apart
// from what cgo has made of others.
func generatedFiles(p *packages.Package) int {
	n := 0
	for _, file := range p.Syntax {
		if ast.IsGenerated(file) && slices.Contains(p.GoFiles, p.Fset.PositionFor(file.Package, false).Filename) {
			n++
		}
	}
	return n
}

// take takes a package's result from the cache if it is there.
func (a *analysis) take(pkg, key, dir string) bool {
	if a.cache == nil || key == "" {
		return false
	}
	if a.force { // what is found now replaces it
		if err := a.cache.Forget(key); err != nil {
			fmt.Fprintf(os.Stderr, "gosec: %v\n", err)
		}
		return false
	}
	record, err := a.cache.Lookup("gosec "+pkg, key)
	if err != nil {
		if !errors.Is(err, actioncache.ErrMiss) {
			fmt.Fprintf(os.Stderr, "gosec: %v\n", err)
		}
		return false
	}
	// The result is small, so it is stored in the record itself.
	var r result
	data, err := hex.DecodeString(record.Output)
	if err == nil {
		err = gob.NewDecoder(bytes.NewReader(data)).Decode(&r)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "gosec: the result of %s can't be read: %v\n", pkg, err)
		return false
	}
	for _, i := range r.Issues {
		i.File = filepath.Join(dir, filepath.FromSlash(i.File))
	}
	a.add(r)
	a.reused++
	return true
}

func (a *analysis) keep(pkg string, set inputs.Set, key, dir string, r result) error {
	relative := make([]*issue.Issue, len(r.Issues))
	for n, i := range r.Issues {
		below, err := filepath.Rel(dir, i.File)
		if err != nil || !filepath.IsLocal(below) {
			return nil // it is in no file of the module, so another checkout could not say where it is
		}
		moved := *i
		moved.File = filepath.ToSlash(below)
		relative[n] = &moved
	}
	var data bytes.Buffer
	if err := gob.NewEncoder(&data).Encode(result{relative, r.Metrics, r.Generated}); err != nil {
		return fmt.Errorf("keeping the result of %s: %w", pkg, err)
	}
	return a.cache.Put(actioncache.Record{
		Action: "gosec " + pkg, Key: key, Inputs: set, Output: hex.EncodeToString(data.Bytes()), FinishedOn: clock.System().Now().UTC(),
	}, nil)
}

// inputs returns what the analysis of a package depends on: the package's files, and the
// exported declarations of the packages that it imports.
func (a *analysis) inputs(p *packages.Package, dir string, exports exports) (inputs.Set, error) {
	set := inputs.Set{}
	maps.Copy(set, a.toolSet)
	if p.Module != nil { // the language version determines what code means
		set["module go"] = p.Module.GoVersion
	}
	for _, file := range slices.Concat(p.GoFiles, p.OtherFiles, p.EmbedFiles) {
		relative, err := filepath.Rel(dir, file)
		if err != nil {
			return nil, err
		}
		data, err := os.ReadFile(file) // #nosec G304 -- a source of the module
		if err != nil {
			return nil, err
		}
		set["file "+filepath.ToSlash(relative)] = inputs.Hash(string(data))
	}
	var add func(*packages.Package) error
	add = func(p *packages.Package) error {
		for _, imported := range p.Imports {
			// The path in the source would be wrong here: the standard library has its own
			// packages of golang.org/x, which are imported with the same paths.
			name := "import " + imported.PkgPath
			if _, done := set[name]; done {
				continue
			}
			digest, err := exports.digest(imported)
			if err != nil {
				return err
			}
			set[name] = digest
			if err := add(imported); err != nil {
				return err
			}
		}
		return nil
	}
	return set, add(p)
}

// errNotCompiled says that an import of a package can't be compiled or found. Then the
// package can't be compiled either, which is reported when it is analysed.
var errNotCompiled = errors.New("an import is not compiled")

// exports has the digests of the exported declarations of packages, by the packages' files.
type exports map[string]string

// digest returns the digest of the part of a compiled package that importers read. A change
// inside a function's body usually does not change it.
func (e exports) digest(p *packages.Package) (string, error) {
	if p.PkgPath == "unsafe" {
		return "unsafe", nil
	}
	if p.ExportFile == "" {
		return "", errNotCompiled
	}
	if known, ok := e[p.ExportFile]; ok {
		return known, nil
	}
	file, err := os.Open(p.ExportFile)
	if err != nil {
		return "", fmt.Errorf("reading what %s exports: %w", p.PkgPath, err)
	}
	defer func() { _ = file.Close() }()
	data, err := exportData(file)
	if err != nil {
		return "", fmt.Errorf("reading what %s exports: %w", p.PkgPath, err)
	}
	sum := sha256.Sum256(data)
	e[p.ExportFile] = hex.EncodeToString(sum[:])
	return e[p.ExportFile], nil
}

// exportData returns the first member of an archive of the compiler. It leaves out the build
// ID in the member's header, because that depends on everything from which the package was
// compiled.
func exportData(r io.Reader) ([]byte, error) {
	// The archive has a magic text, then a header of 60 bytes, in which bytes 48 to 58 are
	// the size. See package cmd/internal/archive.
	var head [8 + 60]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	size, err := strconv.ParseInt(strings.TrimRight(string(head[8+48:8+58]), " "), 10, 64)
	if err != nil || string(head[:8]) != "!<arch>\n" || !strings.HasPrefix(string(head[8:]), "__.PKGDEF") {
		return nil, errors.New("it is not an archive with exported declarations")
	}
	data, err := io.ReadAll(io.LimitReader(r, size))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) != size {
		return nil, errors.New("it is truncated")
	}
	_, declarations, ok := bytes.Cut(data, []byte("\n$$B\n"))
	if !ok {
		return nil, errors.New("it has no exported declarations")
	}
	return declarations, nil
}
