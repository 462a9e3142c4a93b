package project_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// repository writes files into a directory with a name that needs quoting, and
// returns it.
func repository(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ein Büro")
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const withTargets = "//go:build mage\n\npackage main\n"

// TestModulesOf holds which modules of a repository are visited, which are left
// out, and which files only mage compiles.
func TestModulesOf(t *testing.T) {
	t.Setenv("GOFLAGS", "-tags=integration,mage")
	module := func(name string) string { return "module " + name + "\n\ngo 1.26\n" }
	for _, tt := range []struct {
		name    string
		files   map[string]string
		modules []string // directory, path, whether it has code, magefiles, variables
		leftOut []string
	}{
		{
			name:    "a library beside magefiles",
			files:   map[string]string{"go.mod": module("m"), "lib.go": "package m\n", "magefile.go": withTargets, "release.go": withTargets, "magefiles/x.go": withTargets},
			modules: []string{". m true [[magefile.go release.go] [magefiles/x.go]] []"},
		},
		{
			name: "nested modules",
			files: map[string]string{"go.mod": module("m"), "magefile.go": withTargets, "my functions/größe/go.mod": module("m/size"), "my functions/größe/a.go": "package size\n",
				"pin/go.mod": module("pin"), "a/testdata/go.mod": module("data"), "a/testdata/a.go": "package data\n", "a/testdata/b/b.go": "package b\n"},
			modules: []string{". m false [[magefile.go]] []", "my functions/größe m/size true [] []"},
			leftOut: []string{"a/testdata (the go command ignores its directory)"},
		},
		{
			name: "a workspace",
			files: map[string]string{"go.work": "go 1.26\n\nuse (\n\t./a\n\t../other\n)\n", "go.mod": module("m"), "m.go": "package m\n", "a/go.mod": module("a"), "a/a.go": "package a\n",
				"../other/go.mod": module("other"), "../other/o.go": "package other\n"},
			modules: []string{". m true [] [GOWORK=off]", "a a true [] []"},
			leftOut: []string{"../other (a member of the workspace outside of the repository)"},
		},
		{
			name:    "a workspace without a module at the root",
			files:   map[string]string{"go.work": "go 1.26\n\nuse ./a\n", "magefile.go": withTargets, "a/go.mod": module("a"), "a/a.go": "package a\n"},
			modules: []string{"a a true [] []"},
		},
		{
			name:    "a module that pins tools by a build tag, and one whose tag GOFLAGS has",
			files:   map[string]string{"go.mod": module("m"), "m.go": "package m\n", "tools/go.mod": module("tools"), "tools/tools.go": "//go:build tools\n\npackage tools\n", "it/go.mod": module("it"), "it/it.go": "//go:build integration\n\npackage it\n"},
			modules: []string{". m true [] []", "it it true [] []"},
			leftOut: []string{"tools (build constraints exclude all of its files here; GOFLAGS=-tags=TAG includes those of a tag)"},
		},
		{
			name:    "a file that can't be parsed",
			files:   map[string]string{"go.mod": module("m"), "a.go": "pack"},
			modules: []string{". m true [] []"},
		},
	} {
		for _, git := range []bool{false, true} {
			dir := repository(t, tt.files)
			if git {
				if err := (command.Cmd{Dir: dir}).Run(t.Context(), "git", "init", "-q"); err != nil {
					t.Fatal(err)
				}
			}
			found, err := project.Config{Dir: dir}.Modules(t.Context())
			var got []string
			for _, m := range found.All {
				got = append(got, fmt.Sprint(m.Dir, " ", m.Path, " ", m.Code, " ", m.Magefiles, " ", m.Environ()))
			}
			if err != nil || !slices.Equal(got, tt.modules) || !slices.Equal(found.LeftOut, tt.leftOut) {
				t.Errorf("%s (git: %t): modules are %q without %q, %v; want %q without %q", tt.name, git, got, found.LeftOut, err, tt.modules, tt.leftOut)
			}
		}
	}
}

// TestAWorkspaceThatCannotBeLoaded holds that it is said what is wrong with go.work, and
// what to type next.
func TestAWorkspaceThatCannotBeLoaded(t *testing.T) {
	t.Parallel()
	for work, says := range map[string][]string{
		"go 1.26\n\nuse (\n\t.\n\t./gone\n)\n": {"go.work names ./gone, but there is no go.mod", "next: go work edit -dropuse=./gone"},
		"goo 1.26\n":                           {"unknown directive: goo", "next: go work sync"},
	} {
		dir := repository(t, map[string]string{"go.mod": "module m\n", "m.go": "package m\n", "go.work": work})
		_, err := project.Config{Dir: dir}.Modules(t.Context())
		for _, want := range says {
			if err == nil || !strings.Contains(err.Error(), want) || exit.Status(err) != exit.Gate {
				t.Errorf("Modules = %v, want %q", err, want)
			}
		}
	}
}

// TestSubmodulesAreNamed holds that a module of another repository does not vanish,
// even if the workspace has it.
func TestSubmodulesAreNamed(t *testing.T) {
	t.Parallel()
	dir := repository(t, map[string]string{"go.mod": "module m\n", "go.work": "go 1.26\n\nuse (\n\t.\n\t\"./my sub\"\n)\n", "my sub/go.mod": "module sub\n", "my sub/s.go": "package sub\n"})
	git := command.Cmd{Dir: dir}
	for _, args := range [][]string{{"init", "-q"}, {"update-index", "--add", "--cacheinfo", "160000," + strings.Repeat("a", 40) + ",my sub"}} {
		if err := git.Run(t.Context(), "git", args...); err != nil {
			t.Fatal(err)
		}
	}
	found, err := project.Config{Dir: dir}.Modules(t.Context())
	if want := []string{"my sub (a submodule of git, which is another repository)"}; err != nil || len(found.All) != 1 || !slices.Equal(found.LeftOut, want) {
		t.Errorf("modules are %v without %q, %v", found.All, found.LeftOut, err)
	}
}

// TestIgnored holds which files the go command ignores for their names.
func TestIgnored(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]bool{
		"a.go": false, "a/b.go": false, "my.dir/a_b.go": false, "testdata.go": false,
		".#a.go": true, "a/_b.go": true, "_old/a.go": true, "a/.hidden/b/c.go": true, "a/testdata/b.go": true, "vendor/m/a.go": true,
	} {
		if got := project.Ignored(file); got != want {
			t.Errorf("Ignored(%q) = %t", file, got)
		}
	}
}

// TestListed holds that names come as they are, and without those of deleted
// files.
func TestListed(t *testing.T) {
	t.Parallel()
	dir := repository(t, map[string]string{" first.go": "", "größe.go": "", "my dir/a.go": "", "gone.go": "", "a.txt": ""})
	git := command.Cmd{Dir: dir}
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}} {
		if err := git.Run(t.Context(), "git", args...); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "gone.go")); err != nil {
		t.Fatal(err)
	}
	got, err := project.Config{Dir: dir}.Listed(t.Context(), "*.go")
	if want := []string{" first.go", "größe.go", "my dir/a.go"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("Listed = %q, %v, want %q", got, err, want)
	}
	if _, err := (project.Config{Dir: t.TempDir()}).Listed(t.Context(), "*.go"); err == nil || !strings.Contains(err.Error(), "not a git repository") {
		t.Errorf("outside of a repository: %v", err)
	}
}

// TestTheRootIsWhereMageFindsTargets holds where a project is found to be.
func TestTheRootIsWhereMageFindsTargets(t *testing.T) {
	t.Setenv("CODEBUILD_RESOLVED_SOURCE_VERSION", "c0ffee")
	for _, tt := range []struct {
		name  string
		files map[string]string
		found bool
	}{
		{"a magefile", map[string]string{"go.mod": "", "magefile.go": withTargets}, true},
		{"a directory of magefiles", map[string]string{"go.mod": "", "magefiles/build.go": withTargets}, true},
		{"a directory of magefiles with a module of its own", map[string]string{"magefiles/go.mod": "", "magefiles/build.go": withTargets}, true},
		{"a magefile by another name", map[string]string{"go.mod": "", "main.go": "package main\n", "targets.go": withTargets}, true},
		{"a magefile above all modules, beside the pin of Magewright", map[string]string{"magewright/go.mod": "", "lambda/go.mod": "", "magefile.go": withTargets}, true},
		{"a magefile above a program by the name of the pin's directory", map[string]string{"go.mod": "", "magefile.go": withTargets, "deep/magewright": ""}, true},
		{"a magefile in a workspace", map[string]string{"go.work": "", "magefile.go": withTargets}, true},
		{"a module without targets", map[string]string{"go.mod": "", "main.go": "package main\n"}, false},
		{"targets without a module", map[string]string{"magefile.go": withTargets}, false},
	} {
		tt.files["deep/below/x"] = ""
		dir := repository(t, tt.files)
		t.Chdir(filepath.Join(dir, "deep", "below"))
		cfg, err := project.Discover(t.Context())
		if tt.found {
			want, evalErr := filepath.EvalSymlinks(dir)
			if got, _ := filepath.EvalSymlinks(cfg.Dir); err != nil || evalErr != nil || got != want {
				t.Errorf("%s: found %s, %v", tt.name, cfg.Dir, err)
			}
			continue
		}
		if exit.Status(err) != exit.Environment || !strings.Contains(err.Error(), "magefile.go") || !strings.Contains(err.Error(), "magefiles/") {
			t.Errorf("%s: found %s, %v", tt.name, cfg.Dir, err)
		}
	}
}
