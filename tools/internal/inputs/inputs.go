// Package inputs describes what an action reads: files, variables, the
// toolchain and settings, each by its digest. An action with the same inputs
// has the same result. The digest of all inputs is therefore the key of the
// result in package actioncache.
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

	"github.com/magewright/magewright/tools/internal/gitcmd"
	"github.com/magewright/magewright/tools/internal/gocmd"
)

// A Set holds what an action reads. It maps names, such as "file go.mod", "env
// GOFLAGS" or "go GOVERSION", to digests or short values.
type Set map[string]string

// Key returns the digest of the set for an action in hexadecimal.
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

// write adds a text and its length, so that two texts differ from their
// concatenation.
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

// Hash returns the SHA-256 of a text in hexadecimal.
func Hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// Unknown returns a value for an input that can't be known. It is never the
// same twice, so a result that depends on it is never reused.
func Unknown() string { return "unknown " + rand.Text() }

// A Tree holds the digests of a directory's files by path, with slashes. A
// digest covers the content and whether the file is executable. For a symbolic
// link, it covers where the link leads and what is there.
type Tree map[string]string

// ReadTree reads every file below dir, whether git ignores it or not. It
// ignores times: a file with different content but the same time is different.
// It leaves out what git and npm store, what mage generates while it runs, and
// the directories in skip.
func ReadTree(dir string, skip ...string) (Tree, error) {
	kept := func(name string, entry fs.DirEntry) bool {
		switch entry.Name() {
		case ".git", "mage_output_file.go":
			return false
		case "node_modules":
			// Elsewhere this is an ordinary directory.
			_, err := os.Lstat(filepath.Join(filepath.Dir(name), "package.json"))
			return err != nil
		}
		return !slices.Contains(skip, name)
	}
	dir = filepath.Clean(dir)
	// With a trailing separator, a link to the directory is followed.
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
				// JSON would change such names.
				if !utf8.ValidString(relative) {
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

// file returns the digest of a file below dir, including its kind. The files in
// known are in the tree themselves.
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
		// This is a pipe or a socket. What it would deliver can't be known in advance.
		write(sum, "special "+info.Mode().Type().String())
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// follow adds the target of a symbolic link, because whoever reads the link
// reads its target.
func follow(sum hash.Hash, dir, link string, known map[string]bool) error {
	info, err := os.Stat(link)
	if err != nil {
		// The link may also be part of a cycle.
		write(sum, "dangling")
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
		// A directory outside the tree may be of any size.
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

// Files adds the files whose names pick selects.
func (s Set) Files(tree Tree, pick func(name string) bool) {
	for name, digest := range tree {
		if pick(name) {
			s["file "+name] = digest
		}
	}
}

// Names adds the names of the other files, but not their content: the pattern
// of an embed directive matches names.
func (s Set) Names(tree Tree, pick func(name string) bool) {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		if pick(name) {
			write(sum, name)
		}
	}
	s["names of the other files"] = hex.EncodeToString(sum.Sum(nil))
}

// Listed adds the list of files from git: those that are tracked, and those
// that are new and not ignored, without those below the directories in skip, where
// targets leave their results. A tool that asks git for the files does not see any
// other files.
func (s Set) Listed(ctx context.Context, dir string, skip ...string) error {
	out, err := gitcmd.In(dir).Output(ctx, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
	if err != nil {
		return fmt.Errorf("listing the files that git knows: %w", err)
	}
	names := slices.DeleteFunc(strings.Split(out, "\x00"), func(name string) bool {
		file := filepath.Join(dir, filepath.FromSlash(name))
		return slices.ContainsFunc(skip, func(below string) bool { return strings.HasPrefix(file, below+string(filepath.Separator)) })
	})
	// git lists tracked files first. A commit must not change the list.
	slices.Sort(names)
	s["files that git lists"] = Hash(strings.Join(names, "\x00"))
	return nil
}

// goSettings lists the settings of the go command that influence what it builds.
var goSettings = []string{
	"GOVERSION", "GOROOT", "GOTOOLCHAIN", "GOFLAGS", "GOWORK", "GOOS", "GOARCH", "GOEXPERIMENT", "GODEBUG", "GOFIPS140",
	"GO386", "GOAMD64", "GOARM", "GOARM64", "GOMIPS", "GOMIPS64", "GOPPC64", "GORISCV64", "GOWASM",
	"CGO_ENABLED", "AR", "CC", "CXX", "FC", "PKG_CONFIG", "CGO_CFLAGS", "CGO_CPPFLAGS", "CGO_CXXFLAGS", "CGO_FFLAGS", "CGO_LDFLAGS",
}

// goPlaces lists variables of the go command and of Go's runtime that influence
// where and how fast something is done, but not the result.
var goPlaces = []string{
	"GOPATH", "GOBIN", "GOENV", "GOCACHE", "GOCACHEPROG", "GOMODCACHE", "GOTMPDIR", "GOLANGCI_LINT_CACHE", "GOCOVERDIR",
	"GOPROXY", "GONOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GOINSECURE", "GOAUTH", "GOVCS", "GOVULNDB",
	"GOTELEMETRY", "GOTELEMETRYDIR", "GOMAXPROCS", "GOGC", "GOMEMLIMIT", "GOTRACEBACK",
}

// GoVariable reports whether an action that only compiles and analyses can
// ignore a variable: [Set.Go] covers its effect, or it has none.
func GoVariable(name string) bool {
	return slices.Contains(goSettings, name) || slices.Contains(goPlaces, name)
}

// Offline reports whether a tool that only reads files ignores a variable that
// Go does not add. Such a variable belongs to the go command, or says where AWS
// is and what the CDK should make.
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
		data, err := os.ReadFile(name) // #nosec G304 G703 -- the go command reads it as well
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

// incidental lists variables, or prefixes of their names, that change from one
// terminal, build or moment to the next and say nothing about the project: the
// terminal's appearance, the network access, the directory for temporary files,
// the build's identity.
var incidental = []string{
	"_", "SHLVL", "PWD", "OLDPWD", "TERM", "COLORTERM", "COLUMNS", "LINES", "WINDOWID", "DISPLAY", "XAUTHORITY", "LS_COLORS", "LESS", "PAGER",
	"PS1", "PROMPT", "HISTFILE", "HISTSIZE", "HISTCONTROL", "SSH_", "GIT_SSL_", "XDG_SESSION_", "XDG_RUNTIME_DIR", "DBUS_", "VTE_", "TERM_", "TMUX", "TMUX_", "STY", "NO_COLOR",
	// What is in these directories is no input either. A build has its own, and is told where
	// the user's modules are.
	"HOME", "USERPROFILE", "XDG_CONFIG_HOME", "GOMODCACHE",
	"TMPDIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy",
	"MAGEFILE_", "MAGE_TARGETS", "PIPELINE_EXECUTION_ID", "CODEBUILD_",
}

// Incidental reports whether a variable is not an input of any action.
func Incidental(name string) bool {
	return slices.ContainsFunc(incidental, func(i string) bool {
		return name == i || strings.HasSuffix(i, "_") && len(i) > 1 && strings.HasPrefix(name, i)
	})
}

// Environ adds the variables of an environment, except for incidental ones and
// those for which leaveOut returns true. Values are stored as digests, because
// some of them are secrets.
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

// paths returns a list of directories without duplicates. Each go command puts
// its own directory in front, and finds the same programs as before.
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
// project, including tests: sources of every kind that it compiles, module
// files, and what a workspace names. It includes test data, because packages in
// it can be imported by path.
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
