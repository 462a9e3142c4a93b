// Package inputs says what an action reads: files, variables, the toolchain and
// settings, each by its digest. An action whose inputs are the same has the
// same result, so the digest of all of them is the key of the result in package
// actioncache.
package inputs

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/mod/modfile"

	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/internal/gocmd"
)

// A Set is what an action reads: digests or short values, by names such as
// "file go.mod", "env GOFLAGS" or "go GOVERSION".
type Set map[string]string

// Key returns the digest of the set for an action, hexadecimal.
func (s Set) Key(action string) string {
	sum := sha256.New()
	write(sum, "magewright action 1")
	write(sum, action)
	for _, name := range slices.Sorted(maps.Keys(s)) {
		write(sum, name)
		write(sum, s[name])
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// write adds a text with its length, so that two texts can't be taken for one.
func write(h hash.Hash, text string) { _, _ = fmt.Fprintf(h, "%d:%s,", len(text), text) } // never fails

// Diff returns the names whose values differ between two sets, sorted.
func (s Set) Diff(other Set) []string {
	names := map[string]bool{}
	for name, value := range s {
		if got, ok := other[name]; !ok || got != value {
			names[name] = true
		}
	}
	for name := range other {
		if _, ok := s[name]; !ok {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// Hash returns the SHA-256 of a text, hexadecimal.
func Hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// Unknown returns the value of an input that can't be known. It is never the
// same twice, so that no result which depends on it is used again.
func Unknown() string { return "unknown " + rand.Text() }

// A Tree holds the digests of a directory's files by their paths, with slashes.
// A digest covers the content, whether the file can be executed, and, of a
// symbolic link, where it leads and what it finds there.
type Tree map[string]string

// ReadTree reads every file below dir, whether git ignores it or not. Times are
// not looked at: a file with other content and the old time is another file. It
// leaves out what git and npm keep, what mage generates while it runs, and the
// directories in skip.
func ReadTree(dir string, skip ...string) (Tree, error) {
	kept := func(name string, entry fs.DirEntry) bool {
		switch entry.Name() {
		case ".git", "mage_output_file.go":
			return false
		case "node_modules":
			// Elsewhere it is a directory like any other.
			_, err := os.Lstat(filepath.Join(filepath.Dir(name), "package.json"))
			return err != nil
		}
		return !slices.Contains(skip, name)
	}
	dir = filepath.Clean(dir)
	// With a separator behind it, a link to the directory is followed.
	root := dir + string(filepath.Separator)
	var names []string
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name == root:
		case entry.IsDir() && !kept(name, entry):
			return filepath.SkipDir
		case !entry.IsDir() && kept(name, entry):
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the files of %s: %w", dir, err)
	}
	known := make(map[string]bool, len(names))
	for _, name := range names {
		for ; !known[name] && len(name) >= len(dir); name = filepath.Dir(name) {
			known[name] = true
		}
	}
	tree := make(Tree, len(names))
	var mu sync.Mutex
	var group sync.WaitGroup
	var failure error
	share := (len(names) + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0)
	for part := range slices.Chunk(names, max(share, 1)) {
		group.Go(func() {
			for _, name := range part {
				digest, err := file(dir, name, known)
				relative, relErr := filepath.Rel(dir, name)
				if err == nil {
					err = relErr
				}
				relative = filepath.ToSlash(relative)
				if !utf8.ValidString(relative) { // JSON would make other names of it
					relative = strconv.Quote(relative)
				}
				mu.Lock()
				if err != nil {
					failure = fmt.Errorf("reading the files of %s: %w", dir, err)
				}
				tree[relative] = digest
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return tree, failure
}

// file returns the digest of a file below dir with its kind. What is known is
// in the tree itself.
func file(dir, name string, known map[string]bool) (string, error) {
	info, err := os.Lstat(name)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(name)
		if err != nil {
			return "", err
		}
		write(sum, "link")
		write(sum, target)
		if err := follow(sum, dir, name, known); err != nil {
			return "", err
		}
	case info.Mode().IsRegular():
		write(sum, fmt.Sprintf("file %t", info.Mode()&0o111 != 0))
		if err := content(sum, name); err != nil {
			return "", err
		}
	default:
		// A pipe or a socket: what it would say can't be known beforehand.
		write(sum, "special "+info.Mode().Type().String())
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// follow adds what a symbolic link leads to: whoever reads the link reads that.
func follow(sum hash.Hash, dir, link string, known map[string]bool) error {
	info, err := os.Stat(link)
	if err != nil {
		write(sum, "dangling") // or in a circle
		return nil
	}
	if info.Mode().IsRegular() {
		return content(sum, link)
	}
	root, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	to, err := filepath.EvalSymlinks(link)
	if err != nil {
		return err
	}
	below, err := filepath.Rel(root, to)
	if err != nil || !filepath.IsLocal(below) || !known[filepath.Join(dir, below)] {
		// A directory that is not in the tree may be of any size.
		write(sum, Unknown())
	}
	return nil
}

func content(sum hash.Hash, name string) error {
	file, err := os.Open(name) // #nosec G304 -- a file of the project
	if err != nil {
		return err
	}
	_, err = io.Copy(sum, file)
	return errors.Join(err, file.Close())
}

// Files adds the files whose names a function picks.
func (s Set) Files(tree Tree, pick func(name string) bool) {
	for name, digest := range tree {
		if pick(name) {
			s["file "+name] = digest
		}
	}
}

// Names adds that the other files exist, but not what is in them: a pattern of
// an embed directive matches names.
func (s Set) Names(tree Tree, pick func(name string) bool) {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		if pick(name) {
			write(sum, name)
		}
	}
	s["names of the other files"] = hex.EncodeToString(sum.Sum(nil))
}

// Listed adds which files git lists: tracked, or new and not ignored. A tool that
// asks git for the files does not see another one, though it is there.
func (s Set) Listed(ctx context.Context, dir string) error {
	out, err := command.Cmd{Dir: dir}.Output(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
	if err != nil {
		return fmt.Errorf("listing the files that git knows: %w", err)
	}
	// git lists tracked files first: a commit must not make another list.
	names := strings.Split(out, "\x00")
	slices.Sort(names)
	s["files that git lists"] = Hash(strings.Join(names, "\x00"))
	return nil
}

// goSettings are the settings of the go command that change what it builds.
var goSettings = []string{
	"GOVERSION", "GOROOT", "GOTOOLCHAIN", "GOFLAGS", "GOWORK", "GOOS", "GOARCH", "GOEXPERIMENT", "GODEBUG", "GOFIPS140",
	"GO386", "GOAMD64", "GOARM", "GOARM64", "GOMIPS", "GOMIPS64", "GOPPC64", "GORISCV64", "GOWASM",
	"CGO_ENABLED", "AR", "CC", "CXX", "FC", "PKG_CONFIG", "CGO_CFLAGS", "CGO_CPPFLAGS", "CGO_CXXFLAGS", "CGO_FFLAGS", "CGO_LDFLAGS",
}

// goPlaces are variables of the go command and of Go's runtime that say where
// and how fast something is done, but not what.
var goPlaces = []string{
	"GOPATH", "GOBIN", "GOENV", "GOCACHE", "GOCACHEPROG", "GOMODCACHE", "GOTMPDIR", "GOLANGCI_LINT_CACHE", "GOCOVERDIR",
	"GOPROXY", "GONOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GOINSECURE", "GOAUTH", "GOVCS", "GOVULNDB",
	"GOTELEMETRY", "GOTELEMETRYDIR", "GOMAXPROCS", "GOGC", "GOMEMLIMIT", "GOTRACEBACK",
}

// GoVariable reports whether a variable needs no looking at by whoever only
// compiles and analyses: [Set.Go] has its effect, or it has none.
func GoVariable(name string) bool {
	return slices.Contains(goSettings, name) || slices.Contains(goPlaces, name)
}

// Offline reports whether a tool that only looks at files reads nothing of a
// variable that Go does not add: it is of the go command, or tells where AWS is
// and what the CDK shall make.
func Offline(name string) bool {
	return GoVariable(name) || strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "CDK_")
}

// Go adds the go command's version and settings as they are in dir, and the
// sources that go.mod, a workspace and nested modules, by their directories, take
// from elsewhere on this machine.
func (s Set) Go(ctx context.Context, dir string, nested ...string) error {
	out, err := gocmd.In(dir).Output(ctx, append([]string{"env", "-json"}, goSettings...)...)
	if err != nil {
		return fmt.Errorf("asking the go command for its settings: %w", err)
	}
	var settings map[string]string
	if err := json.Unmarshal([]byte(out), &settings); err != nil {
		return fmt.Errorf("asking the go command for its settings: %w", err)
	}
	for name, value := range settings {
		s["go "+name] = value
	}
	return s.elsewhere(dir, settings["GOWORK"], nested)
}

// elsewhere adds the directories outside of dir from which a workspace, and
// replace directives of dir's module and of nested ones, take modules.
func (s Set) elsewhere(dir, workspace string, nested []string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("reading what replaces modules: %w", err)
	}
	var outside []string
	add := func(from, path string) {
		if !filepath.IsAbs(path) {
			path = filepath.Join(from, path)
		}
		below, err := filepath.Rel(dir, path)
		if err == nil && !filepath.IsLocal(below) {
			outside = append(outside, path)
		}
	}
	replaced := func(from string, replaces []*modfile.Replace) {
		for _, r := range replaces {
			if r.New.Version == "" {
				add(from, r.New.Path)
			}
		}
	}
	modules := append([]string{dir}, nested...)
	if workspace != "" && workspace != "off" {
		data, err := os.ReadFile(workspace) // #nosec G304 -- the go command reads it as well
		if err != nil {
			return fmt.Errorf("reading the workspace: %w", err)
		}
		s["file GOWORK"] = Hash(string(data))
		parsed, err := modfile.ParseWork(workspace, data, nil)
		if err != nil {
			return fmt.Errorf("reading the workspace: %w", err)
		}
		from := filepath.Dir(workspace)
		replaced(from, parsed.Replace)
		for _, use := range parsed.Use {
			add(from, use.Path)
			if !filepath.IsAbs(use.Path) {
				use.Path = filepath.Join(from, use.Path)
			}
			modules = append(modules, use.Path)
		}
	}
	for _, module := range modules {
		name := filepath.Join(module, "go.mod")
		data, err := os.ReadFile(name) // #nosec G304 -- the go command reads it as well
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("reading what replaces modules: %w", err)
		}
		parsed, err := modfile.Parse(name, data, nil)
		if err != nil && slices.Contains(nested, module) {
			continue // whoever works in it fails, and keeps no result
		}
		if err != nil {
			return fmt.Errorf("reading what replaces modules: %w", err)
		}
		replaced(module, parsed.Replace)
	}
	for _, path := range outside {
		tree, err := ReadTree(path)
		if err != nil {
			return err
		}
		s["files of "+path] = Set(tree).Key("")
	}
	return nil
}

// incidental are variables, or what their names begin with, that differ from
// one terminal, build or moment to the next and say nothing of the project:
// how a terminal looks, how the network is reached, where temporary files go,
// which build this is.
var incidental = []string{
	"_", "SHLVL", "PWD", "OLDPWD", "TERM", "COLORTERM", "COLUMNS", "LINES", "WINDOWID", "DISPLAY", "XAUTHORITY", "LS_COLORS", "LESS", "PAGER",
	"PS1", "PROMPT", "HISTFILE", "HISTSIZE", "HISTCONTROL", "SSH_", "GIT_SSL_", "XDG_SESSION_", "XDG_RUNTIME_DIR", "DBUS_", "VTE_", "TERM_", "TMUX", "TMUX_", "STY", "NO_COLOR",
	"TMPDIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy",
	"MAGEFILE_", "MAGE_TARGETS", "PIPELINE_EXECUTION_ID", "CODEBUILD_",
}

// Incidental reports whether a variable is no input of any action.
func Incidental(name string) bool {
	return slices.ContainsFunc(incidental, func(i string) bool {
		return name == i || strings.HasSuffix(i, "_") && len(i) > 1 && strings.HasPrefix(name, i)
	})
}

// Environ adds the variables of an environment that are not incidental, and
// which a function does not leave out. Values are kept as digests: some of them
// are secrets.
func (s Set) Environ(env []string, leaveOut func(name string) bool) {
	for _, variable := range env {
		name, value, _ := strings.Cut(variable, "=")
		if Incidental(name) || leaveOut(name) {
			continue
		}
		if name == "PATH" {
			value = paths(value)
		}
		s["env "+name] = Hash(value)
	}
}

// paths returns a list of directories without those that are in it already: each
// go command puts its own in front, and finds the same programs as before.
func paths(list string) string {
	var once []string
	for _, dir := range filepath.SplitList(list) {
		if !slices.Contains(once, dir) {
			once = append(once, dir)
		}
	}
	return strings.Join(once, string(filepath.ListSeparator))
}

// GoSource reports whether the go command reads a file to build packages of the
// project, tests included: sources of every kind that it compiles, module files,
// and what a workspace names. Test data is not left out, for a package in it can
// be imported by its path.
// See https://pkg.go.dev/cmd/go#hdr-File_types.
func GoSource(name string) bool {
	switch base := path.Base(name); base {
	case "go.mod", "go.sum", "go.work", "go.work.sum", "modules.txt":
		return true
	default:
		return slices.Contains([]string{
			".go", ".s", ".S", ".sx", ".c", ".h", ".cc", ".cpp", ".cxx", ".m", ".hh", ".hpp", ".hxx",
			".f", ".F", ".for", ".f90", ".swig", ".swigcxx", ".syso",
		}, path.Ext(base))
	}
}
