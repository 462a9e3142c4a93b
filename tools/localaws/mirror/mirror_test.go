package mirror

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMirror checks that a clone has what the repository has at that moment,
// leads to the repository, and shares no file with other clones.
func TestMirror(t *testing.T) {
	t.Parallel()
	dir, work := t.TempDir(), t.TempDir()
	url := "file://" + dir
	git := func(args ...string) string {
		t.Helper()
		cmd := Git(dir)
		cmd.Env = append(cmd.Env, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=C", "GIT_COMMITTER_EMAIL=c@example.com")
		out, err := cmd.Output(t.Context(), "git", args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	commit := func(message string) string {
		t.Helper()
		git("commit", "--quiet", "--allow-empty", "-m", message)
		return git("rev-parse", "HEAD")
	}
	mirrors := New(t.TempDir())
	clones := 0
	cloned := func(version string) (id, in string, err error) {
		clones++
		in = filepath.Join(work, strings.Repeat("x", clones))
		return id, in, mirrors.Use(t.Context(), url, func(m Mirror) error {
			if id, err = m.Commit(t.Context(), version); err != nil {
				return err
			}
			_, err := m.Clone(t.Context(), in)
			return err
		})
	}
	git("init", "--quiet", "--initial-branch=main")
	first := commit("first")
	git("tag", "-a", "-m", "tagged", "v1")
	git("checkout", "--quiet", "-b", "side")
	side := commit("side")
	git("checkout", "--quiet", "main")
	loose := git("commit-tree", "-m", "on no branch", "HEAD^{tree}")
	for version, want := range map[string]string{
		"": first, "HEAD": first, "main": first, "v1": first, "side": side, "refs/heads/side": side, side[:10]: side, loose: loose,
	} {
		got, in, err := cloned(version)
		if err != nil || got != want {
			t.Errorf("%q is %s, %v; want %s", version, got, err, want)
		}
		if origin, err := Git(in).Output(t.Context(), "git", "remote", "get-url", "origin"); err != nil || origin != url {
			t.Errorf("the clone comes from %s, %v; want %s", origin, err, url)
		}
		if _, err := Git(in).Output(t.Context(), "git", "cat-file", "-e", want); err != nil {
			t.Errorf("the clone lacks %q: %v", version, err)
		}
	}

	// The repository changes: a branch moves back, one goes, and another becomes HEAD.
	git("branch", "--force", "side", first)
	git("checkout", "--quiet", "-b", "new")
	newest := commit("new")
	git("branch", "-D", "main")
	for version, want := range map[string]string{"": newest, "side": first, "new": newest} {
		if got, _, err := cloned(version); err != nil || got != want {
			t.Errorf("afterwards %q is %s, %v; want %s", version, got, err, want)
		}
	}
	for version, want := range map[string]string{"main": "couldn't find remote ref main", "--upload-pack=false": "is not a version"} {
		if got, _, err := cloned(version); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is %s, %v; want an error with %q", version, got, err, want)
		}
	}

	// What a build writes into its clone does not reach the next one.
	_, in, err := cloned("")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(filepath.Join(in, ".git", "objects"), func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		return errors.Join(os.Chmod(path, 0o600), os.WriteFile(path, []byte("poison"), 0o600))
	})
	if err != nil {
		t.Fatal(err)
	}
	_, in, err = cloned("")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := Git(in).Output(t.Context(), "git", "fsck", "--strict"); err != nil {
		t.Errorf("the next clone is damaged: %v\n%s", err, out)
	}
}

// TestNoRepository checks that a failed clone leaves nothing that would be taken
// for a mirror.
func TestNoRepository(t *testing.T) {
	t.Parallel()
	mirrors, url := New(t.TempDir()), "file://"+filepath.Join(t.TempDir(), "none")
	for range 2 {
		err := mirrors.Use(t.Context(), url, func(Mirror) error { t.Error("there is a mirror"); return nil })
		if err == nil || !strings.Contains(err.Error(), "cloning "+url) || !strings.Contains(err.Error(), "does not appear to be a git repository") {
			t.Errorf("got %v", err)
		}
	}
}
