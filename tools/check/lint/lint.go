// Package lint checks formatting and code with gofmt, go vet and golangci-lint. The magefile
// is included.
package lint

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/magewright/magewright/tools/check/annotation"
	"github.com/magewright/magewright/tools/check/reuse"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/internal/gocmd"
	"github.com/magewright/magewright/tools/internal/inputs"
	"github.com/magewright/magewright/tools/pins"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// A Check looks at files that are not Go code.
type Check struct {
	Name string // the name under which findings are summed up
	// Reads reports whether the result depends on a file, whose path is relative to the root.
	Reads func(cfg project.Config, name string) bool
	// Run returns the findings. Each is a line that begins with the file.
	Run func(ctx context.Context, cfg project.Config) ([]string, error)
}

// With returns the target's function with further checks. It prints each finding as file:line
// and fails if there is one. If nothing has changed since there was none, it runs nothing.
func With(checks ...Check) func(context.Context, project.Config) error {
	return func(ctx context.Context, cfg project.Config) error {
		return reuse.Work{
			Name: "lint",
			Inputs: func(ctx context.Context, cfg project.Config) (inputs.Set, error) {
				return read(ctx, cfg, checks...)
			},
			Outputs: []string{reuse.Evidence + "/lint" + evidence.Suffix},
			Run: func(ctx context.Context, cfg project.Config) error {
				if annotation.Wanted() {
					cfg.Stdout = annotation.New(cfg.Stdout, "lint", "")
				}
				return run(ctx, cfg, checks...)
			},
			Adopt: reuse.Adopt("lint"),
		}.Do(ctx, cfg)
	}
}

// read returns what the linters read: sources and module files, the names of other files
// (embed directives match them), the list of files that git has, the configuration and the
// pin of golangci-lint, and what further checks read.
func read(ctx context.Context, cfg project.Config, checks ...Check) (inputs.Set, error) {
	tree, err := inputs.ReadTree(cfg.Dir, cfg.Evidence, cfg.Assembly)
	if err != nil {
		return nil, err
	}
	set := inputs.Set{}
	reads := func(name string) bool {
		return inputs.GoSource(name) || strings.HasPrefix(path.Base(name), ".golangci.") ||
			slices.ContainsFunc(checks, func(c Check) bool { return c.Reads(cfg, name) })
	}
	for _, c := range checks {
		set["check "+c.Name] = "1"
	}
	set.Files(tree, reads)
	set.Names(tree, func(name string) bool { return !reads(name) })
	set.Environ(gocmd.ToolEnviron(), inputs.Offline)
	if err := set.Listed(ctx, cfg.Dir, cfg.Evidence, cfg.Assembly); err != nil {
		return nil, err
	}
	if err := pins.GolangciLint.Inputs(set); err != nil {
		return nil, err
	}
	modules, err := cfg.Modules(ctx)
	if err != nil {
		return nil, err
	}
	return set, set.Go(ctx, cfg.Dir, modules.Dirs()...)
}

// executable returns the path of a pinned tool. Tests have their own tool.
var executable = pins.Tool.Executable

func run(ctx context.Context, cfg project.Config, checks ...Check) error {
	// The findings of an earlier run must not be mistaken for those of this run.
	if err := os.Remove(filepath.Join(cfg.Evidence, "lint"+evidence.Suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the earlier evidence: %w", err)
	}
	files, err := goFiles(ctx, cfg)
	if err != nil {
		return err
	}
	modules, err := cfg.Modules(ctx)
	if err != nil {
		return err
	}
	linter, err := executable(pins.GolangciLint, ctx, cfg.Stderr)
	if err != nil {
		return err
	}
	formatted, unreadable, err := unformatted(ctx, cfg, files)
	if err != nil {
		return err
	}
	if unreadable != "" {
		// The other tools would only repeat this in more words.
		fmt.Fprintln(cfg.Stdout, unreadable)
		return errors.Join(
			keep(cfg, len(files), "gofmt"),
			exit.Failed("go tool mage lint, once that is fixed", "lint: there is Go code that can't be read"))
	}
	for _, file := range formatted {
		fmt.Fprintf(cfg.Stdout, "%s:1: not formatted by gofmt\n", file)
	}
	modules.Describe(cfg, "lint")
	results := make([]found, len(modules.All))
	var mu sync.Mutex // guards what is printed
	var group sync.WaitGroup
	for i, module := range modules.All {
		group.Go(func() {
			var said bytes.Buffer
			results[i] = lintModule(ctx, linter, module, &said)
			mu.Lock()
			defer mu.Unlock()
			_, _ = said.WriteTo(cfg.Stdout) // errors are ignored, as for every line that is printed
		})
	}
	group.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	tools := map[string]bool{"gofmt": len(formatted) > 0}
	var failures []error
	for _, result := range results {
		failures = append(failures, result.err)
	}
	if err := errors.Join(failures...); err != nil {
		return err
	}
	for _, result := range results {
		tools["go vet"] = tools["go vet"] || result.vet
		tools["golangci-lint"] = tools["golangci-lint"] || result.golangci
	}
	names := "gofmt, go vet and golangci-lint"
	for _, check := range checks {
		lines, err := check.Run(ctx, cfg)
		if err != nil {
			return fmt.Errorf("lint: %s: %w", check.Name, err)
		}
		for _, line := range lines {
			fmt.Fprintln(cfg.Stdout, line)
		}
		tools[check.Name] = len(lines) > 0
		names += ", nor by " + check.Name
	}
	var broken []string
	for _, name := range slices.Sorted(maps.Keys(tools)) {
		if tools[name] {
			broken = append(broken, name)
		}
	}
	if err := keep(cfg, len(files), broken...); err != nil {
		return err
	}
	if len(broken) > 0 {
		next := "go tool mage lint, once that is fixed"
		if tools["gofmt"] {
			next = "go tool mage fmt for what can be formatted; then go tool mage lint"
		}
		return exit.Failed(next, "lint: findings by %s", strings.Join(broken, ", "))
	}
	fmt.Fprintf(cfg.Stdout, "lint: no findings by %s\n", names)
	return nil
}

// keep records which tools have findings.
func keep(cfg project.Config, files int, broken ...string) error {
	return evidence.Keep(cfg.Evidence, "lint", cfg.Commit, evidence.Lint{
		Made:  evidence.Made{FinishedOn: clock.System().Now(), Dirty: cfg.Dirty},
		Files: files, Broken: broken,
	})
}

// A found says which tools have findings in a module.
type found struct {
	vet, golangci bool
	err           error // why a tool could not do its work
}

// lintModule runs go vet and golangci-lint on a module, one after the other, because the
// second finds what the first has compiled. Magefiles are named one by one, as mage names
// them to the compiler, because a package with another name can be in the same directory.
func lintModule(ctx context.Context, linter string, module project.GoModule, out io.Writer) found {
	var f found
	env, remove, err := withoutMagefiles(module)
	if err != nil {
		return found{err: err}
	}
	defer remove()
	for _, arguments := range module.Patterns(true) {
		vet := module.Go()
		vet.Env = gocmd.ToolEnviron(module.Environ()...)
		var said bytes.Buffer
		vet.Stdout, vet.Stderr = &said, &said
		if err := vet.Run(ctx, append([]string{"vet"}, arguments...)...); err != nil {
			if command.ExitCode(err) < 0 {
				return found{err: err}
			}
			if strings.Contains(said.String(), needsNewerGo) {
				return found{err: exit.Missing("install that version of Go; or GOTOOLCHAIN=auto go tool mage lint, which downloads it", "lint: go vet can't read module %s: %s", module.Dir, bytes.TrimSpace(said.Bytes()))}
			}
			f.vet = true
		}
		_, _ = said.WriteTo(out) // see above
		said.Reset()
		golangci := command.Cmd{Dir: module.Abs(), Env: env, Stdout: &said, Stderr: &said}
		// A configuration that writes the findings to a file hides them from the console.
		err := golangci.Run(ctx, linter, append([]string{"run", "--allow-parallel-runners", "--output.text.path=stdout", fmt.Sprintf("--issues-exit-code=%d", hasFindings), "--path-prefix=" + module.Dir}, arguments...)...)
		switch code := command.ExitCode(err); {
		case err == nil, code == nothingToLint:
		case code == hasFindings, f.vet && code > 0:
			// golangci-lint can't examine code that does not compile.
			f.golangci = true
		case ctx.Err() != nil:
			return found{err: err}
		default:
			return found{err: refused(linter, module, err, said.String())}
		}
		_, _ = said.WriteTo(out) // see above
	}
	return f
}

// needsNewerGo is part of what the go command says about a module that it is too old for, if
// GOTOOLCHAIN forbids it to get a newer one.
const needsNewerGo = "requires go >= "

// refused explains why golangci-lint did not look at a module. It says so twice, as "Error:"
// and as the reason for its end.
func refused(linter string, module project.GoModule, err error, said string) error {
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(said), "\n"), func(line string) bool {
		return strings.HasPrefix(line, "The command is terminated due to an error: ")
	})
	next := "go tool mage lint, once that is fixed"
	if strings.Contains(said, "unsupported version of the configuration") {
		next = linter + " migrate"
		if module.Dir != "." {
			next = "cd " + module.Dir + " && " + next
		}
		next += ", which writes the configuration for golangci-lint 2 and keeps the old one beside it; then go tool mage lint"
	}
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		err = ended // the command line would hide the reason
	}
	return exit.Missing(next, "lint: golangci-lint could not look at module %s: %w\n%s", module.Dir, err, strings.Join(lines, "\n"))
}

// The exit codes of golangci-lint that say that it has done its work. The others
// tell of a configuration that it can't read, or of a failure of its own. A
// configuration may choose another code for findings, even 0, so that it is asked for
// this one.
const (
	hasFindings   = 1
	nothingToLint = 5 // build constraints leave no file on this system
)

// withoutMagefiles returns an environment for golangci-lint in which the go command includes
// magefiles only if they are named. If a user has configured the build tag mage, perhaps for
// an editor, there would otherwise be two packages in one directory. The returned function
// removes the temporary files.
func withoutMagefiles(module project.GoModule) (env []string, remove func(), err error) {
	env = gocmd.ToolEnviron(module.Environ()...)
	if len(module.Magefiles) == 0 {
		return env, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "magewright-lint-")
	if err != nil {
		return nil, nil, fmt.Errorf("setting magefiles apart: %w", err)
	}
	remove = func() { _ = os.RemoveAll(dir) }
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for _, file := range slices.Concat(module.Magefiles...) {
		original := filepath.Join(module.Abs(), filepath.FromSlash(file))
		data, err := os.ReadFile(original) // #nosec G304 -- of the repository
		if err != nil {
			remove()
			return nil, nil, fmt.Errorf("setting magefiles apart: %w", err)
		}
		replaced := filepath.Join(dir, fmt.Sprintf("%d.go", len(overlay.Replace)))
		overlay.Replace[original] = replaced
		if err := os.WriteFile(replaced, ignored(data), 0o600); err != nil { // #nosec G703 -- in a directory that was just made
			remove()
			return nil, nil, fmt.Errorf("setting magefiles apart: %w", err)
		}
	}
	data, err := json.Marshal(overlay)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "overlay.json"), data, 0o600)
	}
	if err != nil {
		remove()
		return nil, nil, fmt.Errorf("setting magefiles apart: %w", err)
	}
	return append(env, gocmd.With("-overlay="+filepath.Join(dir, "overlay.json"))), remove, nil
}

// ignored returns a Go source that the go command only compiles if its file is named. Each
// line keeps its number.
func ignored(source []byte) []byte {
	with := "//go:build ignore"
	return buildConstraint.ReplaceAllFunc(source, func([]byte) []byte {
		defer func() { with = "//" }()
		return []byte(with)
	})
}

var buildConstraint = regexp.MustCompile(`(?m)^//\s*(go:build|\+build)\s.*$`)

// Format formats the project's Go files.
func Format(ctx context.Context, cfg project.Config) error {
	files, err := goFiles(ctx, cfg)
	if err != nil {
		return err
	}
	gofmt, err := gofmt(ctx, cfg)
	if err != nil {
		return err
	}
	cmd := command.Cmd{Dir: cfg.Dir, Stdout: cfg.Stdout, Stderr: cfg.Stderr}
	return cmd.Run(ctx, gofmt, append([]string{"-l", "-w", "-s", "--"}, files...)...)
}

// gofmt returns the path of gofmt. Some installations have only the go command in the PATH,
// and gofmt in the directory of the toolchain.
func gofmt(ctx context.Context, cfg project.Config) (string, error) {
	inPath, err := exec.LookPath("gofmt")
	if err == nil {
		return inPath, nil
	}
	root, rootErr := gocmd.In(cfg.Dir).Output(ctx, "env", "GOROOT")
	if rootErr != nil {
		return "", exit.Missing("go version", "looking for gofmt: %w", rootErr)
	}
	if ofGo, goErr := exec.LookPath(filepath.Join(root, "bin", "gofmt")); goErr == nil {
		return ofGo, nil
	}
	return "", exit.Missing("install the complete Go distribution, which has gofmt", "lint: gofmt is neither in the PATH nor in %s: %w", filepath.Join(root, "bin"), err)
}

// unformatted returns the files that gofmt would change, and gofmt's messages about files
// that it can't read.
func unformatted(ctx context.Context, cfg project.Config, files []string) (found []string, unreadable string, err error) {
	gofmt, err := gofmt(ctx, cfg)
	if err != nil {
		return nil, "", err
	}
	var said bytes.Buffer
	out, err := command.Cmd{Dir: cfg.Dir, Stderr: &said}.Output(ctx, gofmt, append([]string{"-l", "-s", "--"}, files...)...)
	if command.ExitCode(err) == cannotRead {
		return nil, strings.TrimSpace(said.String()), nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("%w\n%s", err, &said)
	}
	return strings.FieldsFunc(out, func(r rune) bool { return r == '\n' }), "", nil
}

// cannotRead is gofmt's exit code for a file that is missing or is not Go code.
const cannotRead = 2

// goFiles returns the Go files that git tracks or does not ignore. It leaves out those that
// the go command ignores, such as copies of other modules, and test data, which may be broken
// on purpose.
func goFiles(ctx context.Context, cfg project.Config) ([]string, error) {
	files, err := cfg.Listed(ctx, "*.go")
	if err != nil {
		return nil, fmt.Errorf("listing Go files: %w", err)
	}
	files = slices.DeleteFunc(files, project.Ignored)
	if len(files) == 0 {
		return nil, errors.New("listing Go files: git has none")
	}
	return files, nil
}
