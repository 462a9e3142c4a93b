package project_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// TestAttackHiddenChanges tells git not to show that the files are others than
// those of the commit. Evidence of them would be for a commit that has other files.
func TestAttackHiddenChanges(t *testing.T) {
	t.Setenv("CODEBUILD_RESOLVED_SOURCE_VERSION", "")
	for _, tt := range []struct {
		name  string
		hide  func(git func(...string), write func(name, text string))
		dirty bool
	}{
		{"nothing is hidden", func(func(...string), func(string, string)) {}, false},
		{"assumed to be unchanged", func(git func(...string), write func(name, text string)) {
			git("update-index", "--assume-unchanged", "main.go")
			write("main.go", "package evil\n")
		}, true},
		{"left out of the checkout", func(git func(...string), write func(name, text string)) {
			git("update-index", "--skip-worktree", "main.go")
			write("main.go", "package evil\n")
		}, true},
		{"a new file that is not shown", func(git func(...string), write func(name, text string)) {
			git("config", "status.showUntrackedFiles", "no")
			write("evil.go", "package main\n")
		}, true},
		{"a new file that only this clone ignores", func(_ func(...string), write func(name, text string)) {
			write(".git/info/exclude", "evil.go\n")
			write("evil.go", "package main\n")
		}, true},
		{"a status that fails", func(_ func(...string), write func(name, text string)) { write(".git/index", "broken") }, true},
		{"the commit of the environment", func(func(...string), func(string, string)) {
			t.Setenv("CODEBUILD_RESOLVED_SOURCE_VERSION", strings.Repeat("a", 40))
		}, true},
	} {
		dir := t.TempDir()
		git := func(args ...string) {
			t.Helper()
			cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"}, args...)...) // #nosec G204 -- of the test
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("git %v: %v: %s", args, err, out)
			}
		}
		write := func(name, text string) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		git("init", "-q")
		write("go.mod", "module x\n")
		write("magefile.go", "//go:build mage\n\npackage main\n")
		write("main.go", "package main\n")
		git("add", "-A")
		git("commit", "-q", "-m", "one")
		tt.hide(git, write)
		t.Chdir(dir)
		cfg, err := project.Discover(t.Context())
		if err == nil && cfg.Dirty != tt.dirty || err != nil && tt.name != "a status that fails" {
			t.Errorf("%s: dirty %t, %v", tt.name, cfg.Dirty, err)
		}
		t.Setenv("CODEBUILD_RESOLVED_SOURCE_VERSION", "")
	}
}

// TestASparseCheckout holds that the files do not count as those of the commit, and
// which command helps.
func TestASparseCheckout(t *testing.T) {
	t.Setenv("CODEBUILD_RESOLVED_SOURCE_VERSION", "")
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module x\n", "magefile.go": "//go:build mage\n\npackage main\n", "kept/a.go": "package a\n", "gone/b.go": "package b\n"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"commit", "-q", "-m", "one"}, {"sparse-checkout", "set", "--cone", "kept"}} {
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"}, args...)...) // #nosec G204 -- of the test
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	t.Chdir(dir)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stderr
	os.Stderr = write
	cfg, err := project.Discover(t.Context())
	os.Stderr = before
	closeErr := write.Close()
	said, readErr := io.ReadAll(read)
	if err := errors.Join(err, closeErr, readErr); err != nil || !cfg.Dirty || !strings.Contains(string(said), "gone/b.go; git sparse-checkout disable") {
		t.Errorf("dirty %t, %v, and it says %s", cfg.Dirty, err, said)
	}
}

// TestWithoutACommit holds that what is said helps in that very situation.
func TestWithoutACommit(t *testing.T) {
	t.Setenv("CODEBUILD_RESOLVED_SOURCE_VERSION", "")
	dir := t.TempDir()
	for _, name := range []string{"go.mod", "magefile.go"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(dir))
	t.Chdir(dir)
	for _, tt := range []struct {
		name    string
		prepare func()
		says    []string
		not     string
	}{
		{"no repository", func() {}, []string{"is not in a git repository", "next: git init && git add -A && git commit"}, "exit status"},
		{"no commit", func() {
			if out, err := exec.CommandContext(t.Context(), "git", "init", "-q").CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		}, []string{"has no commit yet", "next: git add -A && git commit"}, "exit status"},
		{"no git", func() { t.Setenv("PATH", t.TempDir()) }, []string{"git is not installed", "next: install git"}, "git init"},
	} {
		tt.prepare()
		_, err := project.Discover(t.Context())
		if exit.Status(err) != exit.Environment || strings.Contains(err.Error(), tt.not) {
			t.Errorf("%s: exit code %d, %v", tt.name, exit.Status(err), err)
		}
		for _, want := range tt.says {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", tt.name, err, want)
			}
		}
	}
}
