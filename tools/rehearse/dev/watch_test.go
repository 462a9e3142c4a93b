package dev

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/internal/clock"
)

// repository makes a repository with files.
func repository(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, args := range [][]string{{"init", "-q"}, {"config", "user.name", "t"}, {"config", "user.email", "t@example.com"}} {
		git(t, dir, args...)
	}
	for name, text := range files {
		write(t, dir, name, text)
	}
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", "one")
	return dir
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...) // #nosec G204 -- arguments of this file
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestWatch holds which files are noticed, and that each change is noticed once.
func TestWatch(t *testing.T) {
	t.Parallel()
	dir := repository(t, map[string]string{"a.go": "1", "sub/b.go": "1", ".gitignore": "out/\n"})
	w, err := newWatch(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name string
		do   func()
		want []string
	}{
		{"nothing", func() {}, nil},
		{"a file is saved", func() { write(t, dir, "a.go", "22") }, []string{"a.go"}},
		{"nothing more", func() {}, nil},
		{"a file is new", func() { write(t, dir, "sub/c.go", "1") }, []string{"sub/c.go"}},
		{"a directory is new", func() { write(t, dir, "new/deep/d.go", "1") }, []string{"new/deep/d.go"}},
		{"and a file in it", func() { write(t, dir, "new/deep/d.go", "22") }, []string{"new/deep/d.go"}},
		{"git ignores it", func() { write(t, dir, "out/x.go", "1") }, nil},
		{"a file is replaced by another one, as editors do", func() {
			write(t, dir, "sub/b.go~", "333")
			if err := os.Rename(filepath.Join(dir, "sub/b.go~"), filepath.Join(dir, "sub/b.go")); err != nil {
				t.Fatal(err)
			}
		}, []string{"sub/b.go"}},
		{"a file is removed", func() {
			if err := os.Remove(filepath.Join(dir, "a.go")); err != nil {
				t.Fatal(err)
			}
		}, []string{"a.go"}},
		{"and nothing more", func() {}, nil},
		{"it comes back", func() { write(t, dir, "a.go", "4444") }, []string{"a.go"}},
	} {
		step.do()
		got, err := w.changed()
		if err != nil || !slices.Equal(got, step.want) {
			t.Errorf("%s: %q, %v; want %q", step.name, got, err, step.want)
		}
	}
}

// TestNext holds that what is saved is handed over when nothing more is saved, and that
// the end of the context ends it.
func TestNext(t *testing.T) {
	t.Parallel()
	dir := repository(t, map[string]string{"a.go": "1", "b.go": "1"})
	w, err := newWatch(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	defer end()
	manual := clock.NewManual(clock.System().Now())
	type result struct {
		changed []string
		err     error
	}
	results := make(chan result)
	look := func() {
		go func() {
			changed, err := w.next(ctx, manual)
			results <- result{changed, err}
		}()
	}
	look()
	manual.BlockUntil(1)
	write(t, dir, "b.go", "22")
	manual.Advance(between)
	manual.BlockUntil(1)
	write(t, dir, "a.go", "22")
	manual.Advance(settle)
	manual.BlockUntil(1)
	write(t, dir, "b.go", "333")
	manual.Advance(settle)
	manual.BlockUntil(1)
	manual.Advance(settle)
	if got := <-results; got.err != nil || !slices.Equal(got.changed, []string{"a.go", "b.go"}) {
		t.Errorf("it returns %q, %v", got.changed, got.err)
	}
	look()
	manual.BlockUntil(1)
	end()
	if got := <-results; got.err == nil {
		t.Errorf("after the end, it returns %q", got.changed)
	}
}

// TestGitFails holds that the watch waits for git for a while, and then says what is wrong.
func TestGitFails(t *testing.T) {
	t.Parallel()
	dir := repository(t, map[string]string{"a.go": "1"})
	w, err := newWatch(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, ".git")); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "b.go", "1") // so that git is asked
	manual := clock.NewManual(clock.System().Now())
	failed := make(chan error)
	go func() {
		_, err := w.next(t.Context(), manual)
		failed <- err
	}()
	for range looks - 1 {
		manual.BlockUntil(1)
		manual.Advance(between)
	}
	if err := <-failed; err == nil || !strings.Contains(err.Error(), "finding the files to watch") {
		t.Errorf("it returns %v", err)
	}
}
