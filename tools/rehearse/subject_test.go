package rehearse

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/internal/gitcmd"
	"github.com/magewright/magewright/tools/project"
)

// TestCheckouts checks that a rehearsal's checkouts have their commits' files, lead
// to the repository, and can't change it.
func TestCheckouts(t *testing.T) {
	t.Parallel()
	ctx, dir := t.Context(), t.TempDir()
	git := gitcmd.In(dir, "GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=C", "GIT_COMMITTER_EMAIL=c@example.com")
	run := func(args ...string) string {
		t.Helper()
		out, err := git.Output(ctx, args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	run("init", "--quiet", "--initial-branch=main")
	commits := map[string]string{}
	for _, text := range []string{"base", "release"} {
		if err := os.WriteFile(filepath.Join(dir, "file"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		run("add", "file")
		run("commit", "--quiet", "-m", text)
		commits[text] = run("rev-parse", "HEAD")
	}
	var said bytes.Buffer
	cfg := project.Config{Dir: dir, Commit: commits["release"], Dirty: true, Stdout: &said, Stderr: &said}
	s := &subject{dir: dir}
	remove, err := s.mirror(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for text, commit := range commits {
		checkout, err := s.checkout(ctx, cfg, commit)
		if err != nil {
			t.Fatalf("%v\n%s", err, &said)
		}
		if got, err := os.ReadFile(filepath.Join(checkout.Dir, "file")); err != nil || string(got) != text {
			t.Errorf("the file is %q, %v; want %q", got, err, text)
		}
		if checkout.Commit != commit || checkout.Dirty || filepath.Dir(checkout.Evidence) != checkout.Dir {
			t.Errorf("it is %+v", checkout)
		}
		if origin, err := gitcmd.In(checkout.Dir).Output(ctx, "remote", "get-url", "origin"); err != nil || origin != "file://"+dir {
			t.Errorf("it comes from %s, %v", origin, err)
		}
		if err := removeCheckout(checkout); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(checkout.Dir); !os.IsNotExist(err) {
			t.Errorf("%s is left: %v", checkout.Dir, err)
		}
	}
	none := strings.Repeat("0", 40)
	if _, err := s.checkout(ctx, cfg, none); err == nil || !strings.Contains(err.Error(), "checking out "+none) {
		t.Errorf("a commit that is not there: %v", err)
	}
	if err := remove(); err != nil {
		t.Error(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := s.checkout(ctx, cfg, commits["base"]); err == nil || !strings.Contains(err.Error(), "cloning file://"+dir) {
		t.Errorf("without a repository: %v", err)
	}
	if err := removeCheckout(project.Config{}); err != nil {
		t.Error(err)
	}
}
