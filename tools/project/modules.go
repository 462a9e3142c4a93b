package project

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/build"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/magewright/magewright/tools/internal/gitcmd"
	"github.com/magewright/magewright/tools/internal/gocmd"
	"github.com/magewright/magewright/tools/project/exit"
)

// A GoModule is a Go module of the repository.
type GoModule struct {
	Dir  string // relative to the root of the repository, with slashes; "." for the root
	Path string // prefix of its packages' import paths

	// Magefiles are the files that only mage compiles, and their tests, by directory. Paths
	// are relative to the module's directory. They are a separate package, whatever is beside
	// them.
	Magefiles [][]string
	// Code says whether the go command compiles other files too.
	Code bool

	root string
	// alone says that the module is not a member of the workspace that the go command finds.
	// The go command would refuse to work there.
	alone bool
}

// Abs returns the module's directory.
func (m GoModule) Abs() string { return filepath.Join(m.root, filepath.FromSlash(m.Dir)) }

// Go returns the go command for the module, with additional variables ("NAME=value").
func (m GoModule) Go(set ...string) gocmd.Cmd {
	return gocmd.In(m.Abs(), append(m.Environ(), set...)...)
}

// Patterns returns the arguments with which a tool sees all code of the module, one after the
// other: every package, and the files of each package of magefiles, as mage names them to the
// compiler.
func (m GoModule) Patterns(tests bool) [][]string {
	var all [][]string
	if m.Code {
		all = append(all, []string{"./..."})
	}
	for _, files := range m.Magefiles {
		files = slices.DeleteFunc(slices.Clone(files), func(file string) bool { return !tests && strings.HasSuffix(file, "_test.go") })
		if len(files) > 0 {
			all = append(all, files)
		}
	}
	return all
}

// Environ returns the variables that the go command needs for the module.
func (m GoModule) Environ() []string {
	if m.alone {
		return []string{"GOWORK=off"}
	}
	return nil
}

// Modules are the modules of a repository that have Go code.
type Modules struct {
	All     []GoModule
	LeftOut []string // the directories of other modules, each with the reason
}

// Dirs returns the directories of the modules.
func (m Modules) Dirs() []string {
	var dirs []string
	for _, module := range m.All {
		dirs = append(dirs, module.Abs())
	}
	return dirs
}

// Describe prints the modules that a target leaves out.
func (m Modules) Describe(c Config, target string) {
	for _, left := range m.LeftOut {
		fmt.Fprintf(c.Stdout, "%s: left out: module %s\n", target, left)
	}
}

// Modules returns the modules of the repository: the root module, the members of its
// workspace, and the modules below the root that have Go code. A go.mod that only pins a tool
// does not count.
func (c Config) Modules(ctx context.Context) (Modules, error) {
	var found Modules
	files, err := c.goFiles(ctx)
	if err != nil {
		return found, fmt.Errorf("listing modules: %w", err)
	}
	members, err := c.workspace(ctx)
	if err != nil {
		return found, fmt.Errorf("listing modules: %w", err)
	}
	dirs := map[string]bool{}
	for _, file := range files {
		if path.Base(file) == "go.mod" {
			dirs[path.Dir(file)] = true
		}
	}
	for member := range members {
		if filepath.IsLocal(filepath.FromSlash(member)) {
			dirs[member] = true
		} else {
			found.LeftOut = append(found.LeftOut, member+" (a member of the workspace outside of the repository)")
		}
	}
	submodules, err := c.submodules(ctx)
	if err != nil {
		return found, fmt.Errorf("listing modules: %w", err)
	}
	for _, dir := range submodules {
		delete(dirs, dir)
		found.LeftOut = append(found.LeftOut, dir+" (a submodule of git, which is another repository)")
	}
	sources := map[string][]string{}
	for _, file := range files {
		if dir := innermost(dirs, file); dir != "" && path.Ext(file) == ".go" {
			sources[dir] = append(sources[dir], file)
		}
	}
	for dir := range dirs {
		m := GoModule{Dir: dir, root: c.Dir, alone: members != nil && !members[dir]}
		data, err := os.ReadFile(filepath.Join(m.Abs(), "go.mod")) // #nosec G304 -- of the repository
		if errors.Is(err, fs.ErrNotExist) && members[dir] {
			return found, exit.Failed("go work edit -dropuse=./"+dir, "go.work names ./%s, but there is no go.mod, so the go command loads no module of the workspace", dir)
		}
		if err != nil {
			return found, fmt.Errorf("reading the module in %s: %w", dir, err)
		}
		m.Path = modfile.ModulePath(data)
		m.sort(sources[dir])
		switch {
		case dir != "." && len(sources[dir]) == 0:
		case dir != "." && isData(dir):
			found.LeftOut = append(found.LeftOut, dir+" (the go command ignores its directory)")
		case dir != "." && !m.Code && len(m.Magefiles) == 0:
			found.LeftOut = append(found.LeftOut, dir+" (build constraints exclude all of its files here; GOFLAGS=-tags=TAG includes those of a tag)")
		default:
			found.All = append(found.All, m)
		}
	}
	slices.SortFunc(found.All, func(a, b GoModule) int {
		return strings.Compare(strings.TrimPrefix(a.Dir, "."), strings.TrimPrefix(b.Dir, "."))
	})
	slices.Sort(found.LeftOut)
	return found, nil
}

// innermost returns the directory of the module that contains a file.
func innermost(dirs map[string]bool, file string) string {
	for dir := path.Dir(file); ; dir = path.Dir(dir) {
		if dirs[dir] {
			return dir
		}
		if dir == "." {
			return ""
		}
	}
}

// isData reports whether the go command ignores everything below a directory as test data.
func isData(dir string) bool {
	return slices.ContainsFunc(strings.Split(dir, "/"), func(element string) bool {
		return element == "testdata" || element == "vendor" || isHidden(element)
	})
}

func isHidden(name string) bool { return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") }

// Ignored reports whether the go command ignores a file, named from the root with
// slashes, for its name or for that of its directory, see go help packages. What is
// in it may be no Go code: test data, a template, or what an editor keeps beside a file.
func Ignored(file string) bool {
	dir, name := path.Split(file)
	return isHidden(name) || dir != "" && isData(path.Clean(dir))
}

// sort separates the magefiles from the other files of the module.
func (m *GoModule) sort(files []string) {
	byDir := map[string][]string{}
	for _, file := range files {
		relative := file
		if m.Dir != "." {
			relative = strings.TrimPrefix(file, m.Dir+"/")
		}
		dir := path.Dir(relative)
		if dir != "." && isData(dir) {
			continue
		}
		compiled, mages := compiles(filepath.Join(m.root, filepath.FromSlash(file)))
		m.Code = m.Code || compiled
		if mages {
			byDir[dir] = append(byDir[dir], relative)
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(byDir)) {
		m.Magefiles = append(m.Magefiles, byDir[dir])
	}
}

// compiles reports whether the go command compiles a Go file, and whether only mage does. If
// a file can't be read, the compiler says what is wrong with it.
func compiles(file string) (code, onlyMage bool) {
	plain, mage := build.Default, build.Default
	plain.BuildTags = gocmd.Tags()
	mage.BuildTags = append(gocmd.Tags(), "mage")
	dir, name := filepath.Split(file)
	code, err := plain.MatchFile(dir, name)
	if code || err != nil {
		return code || err != nil, false
	}
	onlyMage, err = mage.MatchFile(dir, name)
	return false, onlyMage && err == nil
}

// workspace returns the directories of the members of the workspace that the go command
// finds. They are relative to the root, with slashes. It returns nil if there is no
// workspace.
func (c Config) workspace(ctx context.Context) (map[string]bool, error) {
	file, err := gocmd.In(c.Dir).Output(ctx, "env", "GOWORK")
	if err != nil || file == "" || file == "off" {
		return nil, err
	}
	data, err := os.ReadFile(file) // #nosec G304 -- the go command reads it as well
	if err != nil {
		return nil, err
	}
	work, err := modfile.ParseWork(file, data, nil)
	if err != nil {
		return nil, exit.Failed("go work sync, once that is fixed", "the workspace can't be read: %w", err)
	}
	// The go command follows links, and the root may be one.
	root, err := filepath.EvalSymlinks(c.Dir)
	if err == nil {
		root, err = filepath.Abs(root)
	}
	if err != nil {
		return nil, err
	}
	members := map[string]bool{}
	for _, use := range work.Use {
		dir := filepath.FromSlash(use.Path)
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(filepath.Dir(file), dir)
		}
		if resolved, err := filepath.EvalSymlinks(dir); err == nil {
			dir = resolved
		}
		relative, err := filepath.Rel(root, dir)
		if err != nil {
			return nil, err
		}
		members[filepath.ToSlash(relative)] = true
	}
	return members, nil
}

// goFiles returns the Go and module files of the repository, with slashes: those that git
// tracks or does not ignore. If git can't tell, as in a copy without the repository, it
// returns all files that the go command would look at.
func (c Config) goFiles(ctx context.Context) ([]string, error) {
	listed, err := c.Listed(ctx, "*.go", "go.mod", "*/go.mod")
	if err == nil || ctx.Err() != nil {
		return listed, err
	}
	var files []string
	err = filepath.WalkDir(c.Dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() {
			if name != c.Dir && (strings.HasPrefix(base, ".") || base == "node_modules" || base == "vendor" || name == c.Evidence || name == c.Assembly) {
				return filepath.SkipDir
			}
			return nil
		}
		if entry.Type().IsRegular() && (base == "go.mod" || filepath.Ext(base) == ".go") {
			relative, err := filepath.Rel(c.Dir, name)
			files = append(files, filepath.ToSlash(relative))
			return err
		}
		return nil
	})
	return files, err
}

// submodules returns the directories of git's submodules, from the root, that have
// a go.mod. Their files are in another repository, which lists them itself.
func (c Config) submodules(ctx context.Context) ([]string, error) {
	index, err := gitcmd.In(c.Dir).Output(ctx, "ls-files", "-z", "--stage")
	if err != nil {
		return nil, ctx.Err() // nil: there is no repository
	}
	var found []string
	for entry := range strings.SplitSeq(index, "\x00") {
		// A mode, a hash, a number and, behind a tab, the name. See git-ls-files(1).
		dir, ok := strings.CutPrefix(entry, "160000 ")
		if !ok {
			continue
		}
		_, dir, _ = strings.Cut(dir, "\t")
		if _, err := os.Stat(filepath.Join(c.Dir, filepath.FromSlash(dir), "go.mod")); err == nil {
			found = append(found, dir)
		}
	}
	return found, nil
}

// Listed returns the files that match git patterns and that git tracks or does not ignore,
// relative to the root with slashes. It leaves out deleted files.
func (c Config) Listed(ctx context.Context, patterns ...string) ([]string, error) {
	args := append([]string{"ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate", "--"}, patterns...)
	// The name of a file may begin or end with white space.
	var out, said bytes.Buffer
	git := gitcmd.In(c.Dir)
	git.Stdout, git.Stderr = &out, &said
	if err := git.Run(ctx, args...); err != nil {
		return nil, fmt.Errorf("%w: %s", err, bytes.TrimSpace(said.Bytes()))
	}
	var files []string
	for file := range strings.SplitSeq(out.String(), "\x00") {
		if file == "" {
			continue
		}
		_, err := os.Lstat(filepath.Join(c.Dir, filepath.FromSlash(file)))
		if err == nil {
			files = append(files, file)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return files, nil
}
