package notes_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/magewright/magewright/tools/evidence/notes"
	"github.com/magewright/magewright/tools/internal/command"
)

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := command.Cmd{Dir: dir, Env: command.Environ(
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
	)}.Output(t.Context(), "git", args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var by = notes.Author{Name: "Ada", Email: "ada@example.com"}

func lines(t *testing.T, dir, commit string) []string {
	t.Helper()
	got, err := notes.Repository(dir).Lines(t.Context(), git(t, dir, "rev-parse", commit+"^{tree}"))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// newRepository returns a repository with two commits that have the same tree.
func newRepository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	git(t, dir, "init", "--quiet", "--initial-branch=main")
	git(t, dir, "commit", "--quiet", "--allow-empty", "-m", "one")
	git(t, dir, "commit", "--quiet", "--allow-empty", "-m", "two")
	return dir
}

func TestNotesAreOfATree(t *testing.T) {
	t.Parallel()
	dir := newRepository(t)
	r := notes.Repository(dir)
	if got := lines(t, dir, "HEAD"); got != nil {
		t.Errorf("without notes there are %q", got)
	}
	for commit, line := range map[string]string{"HEAD": `{"n":1}`, "HEAD^": `{"n":2}`} {
		if err := r.Append(t.Context(), git(t, dir, "rev-parse", commit), line, by); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Append(t.Context(), git(t, dir, "rev-parse", "HEAD"), `{"n":2}`, by); err != nil {
		t.Fatal(err)
	}
	got := lines(t, dir, "HEAD^")
	slices.Sort(got)
	if want := []string{`{"n":1}`, `{"n":2}`}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q: those of both commits of the tree, each once", got, want)
	}
	if other, err := r.Lines(t.Context(), strings.Repeat("7", 40)); err != nil || other != nil {
		t.Errorf("another tree has %q, %v", other, err)
	}
	if who := git(t, dir, "log", "-1", "--format=%an <%ae>", notes.Ref); who != "Ada <ada@example.com>" {
		t.Errorf("the note is by %s", who)
	}
	if left := git(t, dir, "for-each-ref", "--format=%(refname)", "refs/notes"); left != notes.Ref {
		t.Errorf("the refs are %q", left)
	}
	if err := r.Append(t.Context(), "nowhere", "x", by); err == nil {
		t.Error("a commit that is not there was noted on")
	}
}

// TestNoLineIsLost checks that people can sign concurrently.
func TestNoLineIsLost(t *testing.T) {
	t.Parallel()
	dir := newRepository(t)
	head := git(t, dir, "rev-parse", "HEAD")
	const writers = 6
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			if err := notes.Repository(dir).Append(t.Context(), head, fmt.Sprintf(`{"n":%d}`, i), by); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if got := lines(t, dir, "HEAD"); len(got) != writers {
		t.Errorf("%d lines of %d are there: %q", len(got), writers, got)
	}
	if left := git(t, dir, "for-each-ref", "--format=%(refname)", "refs/notes"); left != notes.Ref {
		t.Errorf("the refs are %q", left)
	}
}

func TestFetch(t *testing.T) {
	t.Parallel()
	origin := newRepository(t)
	head := git(t, origin, "rev-parse", "HEAD")
	clone := func() string {
		dir := filepath.Join(t.TempDir(), "clone")
		git(t, "", "clone", "--quiet", "file://"+origin, dir)
		return dir
	}
	dir := clone()
	if err := notes.Repository(dir).Fetch(t.Context()); err != nil {
		t.Errorf("an origin without notes gives %v", err)
	}
	if err := notes.Repository(origin).Append(t.Context(), head, "one", by); err != nil {
		t.Fatal(err)
	}
	if err := notes.Repository(dir).Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := lines(t, dir, "HEAD"); !slices.Equal(got, []string{"one"}) {
		t.Errorf("fetched %q", got)
	}
	broken := clone()
	git(t, broken, "remote", "set-url", "origin", "file://"+filepath.Join(broken, "nowhere"))
	if err := notes.Repository(broken).Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("an origin that is not there gives %v", err)
	}
	if err := notes.Repository(origin).Fetch(t.Context()); err != nil {
		t.Errorf("a clone that has notes asks origin: %v", err)
	}
}

// TestTwoClonesMerge checks that the commands in the README merge what was
// signed in two clones. Each line of a note is independent.
func TestTwoClonesMerge(t *testing.T) {
	t.Parallel()
	origin := newRepository(t)
	head := git(t, origin, "rev-parse", "HEAD")
	dir := filepath.Join(t.TempDir(), "clone")
	git(t, "", "clone", "--quiet", "file://"+origin, dir)
	for where, line := range map[string]string{origin: `{"n":1}`, dir: `{"n":2}`} {
		if err := notes.Repository(where).Append(t.Context(), head, line, by); err != nil {
			t.Fatal(err)
		}
	}
	git(t, dir, "fetch", "--quiet", "origin", notes.Ref+":refs/notes/origin/magewright")
	git(t, dir, "notes", "--ref=magewright", "merge", "--quiet", "-s", "cat_sort_uniq", "refs/notes/origin/magewright")
	git(t, dir, "push", "--quiet", "origin", notes.Ref)
	for _, where := range []string{origin, dir} {
		if got := lines(t, where, "HEAD"); !slices.Equal(got, []string{`{"n":1}`, `{"n":2}`}) {
			t.Errorf("%s has %q", where, got)
		}
	}
}
