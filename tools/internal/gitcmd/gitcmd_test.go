package gitcmd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/internal/gitcmd"
)

// git runs git as somebody at a shell does.
func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// newRepository returns a repository with two commits.
func newRepository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	git(t, dir, "init", "-q")
	for _, text := range []string{"one", "two"} {
		write(t, dir, "file", text)
		write(t, dir, ".gitignore", "ignored\n")
		git(t, dir, "add", "-A")
		git(t, dir, "commit", "-q", "-m", text)
	}
	return dir
}

// TestAttackRewrittenHistory makes git show another commit than there is: by a
// replace ref, by a graft, and by what the environment and the configuration of the
// user say.
func TestAttackRewrittenHistory(t *testing.T) {
	dir := newRepository(t)
	ours := func(args ...string) string {
		t.Helper()
		out, err := gitcmd.In(dir).Output(t.Context(), args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	head, first := git(t, dir, "rev-parse", "HEAD"), git(t, dir, "rev-parse", "HEAD^")

	git(t, dir, "replace", head, first)
	if theirs := git(t, dir, "show", head+":file"); theirs != "one" {
		t.Fatalf("the replacement has no effect: %s", theirs)
	}
	if got := ours("show", head+":file"); got != "two" {
		t.Errorf("with a replace ref, the file is %q", got)
	}
	git(t, dir, "replace", "-d", head)

	write(t, dir, ".git/info/grafts", head+"\n")
	if theirs := git(t, dir, "rev-list", "--count", "HEAD"); !strings.HasSuffix(theirs, "1") {
		t.Fatalf("the graft has no effect: %s", theirs)
	}
	if got := ours("rev-list", "--count", "HEAD"); got != "2" {
		t.Errorf("with a graft, there are %s commits", got)
	}
	if err := os.Remove(filepath.Join(dir, ".git", "info", "grafts")); err != nil {
		t.Fatal(err)
	}

	other := newRepository(t)
	git(t, other, "commit", "-q", "--allow-empty", "-m", "three")
	t.Setenv("GIT_DIR", filepath.Join(other, ".git"))
	if got := ours("rev-list", "--count", "HEAD"); got != "2" {
		t.Errorf("with GIT_DIR, there are %s commits", got)
	}
	t.Setenv("GIT_DIR", "")
	if err := os.Unsetenv("GIT_DIR"); err != nil {
		t.Fatal(err)
	}

	config := filepath.Join(t.TempDir(), "config")
	write(t, filepath.Dir(config), "config", "[core]\n\tabbrev = 4\n[alias]\n\tx = log\n")
	t.Setenv("GIT_CONFIG_GLOBAL", config)
	if out, err := gitcmd.In(dir).Output(t.Context(), "config", "core.abbrev"); err == nil {
		t.Errorf("the user's configuration is read: %s", out)
	}
	if out, err := gitcmd.AsUser(dir).Output(t.Context(), "config", "core.abbrev"); err != nil || out != "4" {
		t.Errorf("as the user, the configuration is %q, %v", out, err)
	}
	// The user's configuration rewrites no history either.
	git(t, dir, "replace", head, first)
	if out, err := gitcmd.AsUser(dir).Output(t.Context(), "show", head+":file"); err != nil || out != "two" {
		t.Errorf("as the user, the file is %q, %v", out, err)
	}
}

// TestNothingIsSaid holds that git has nothing to say of how it is run: tools that run
// git themselves take it for a failure.
func TestNothingIsSaid(t *testing.T) {
	t.Parallel()
	dir := newRepository(t)
	for _, cmd := range []gitcmd.Cmd{gitcmd.In(dir), gitcmd.AsUser(dir)} {
		var said strings.Builder
		cmd.Stderr = &said
		if out, err := cmd.Output(t.Context(), "log", "-p", "--format=%s"); err != nil || !strings.HasPrefix(out, "two") || said.Len() > 0 {
			t.Errorf("git says %q, %v", &said, err)
		}
	}
}

func TestChanges(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(dir string)
		want   []gitcmd.Difference
	}{
		{"none", func(string) {}, nil},
		{"what the commit ignores", func(dir string) { write(t, dir, "ignored", "") }, nil},
		{"a file", func(dir string) { write(t, dir, "file", "x") }, []gitcmd.Difference{{"file", "modified"}}},
		{"a file that is staged", func(dir string) { write(t, dir, "file", "x"); git(t, dir, "add", "file") }, []gitcmd.Difference{{"file", "modified"}}},
		{"a new file", func(dir string) { write(t, dir, "d/n w", "x") }, []gitcmd.Difference{{"d/n w", "not committed"}}},
		{"a new file that only the clone ignores", func(dir string) { write(t, dir, "new", "x"); write(t, dir, ".git/info/exclude", "new\n") }, []gitcmd.Difference{{"new", "not committed"}}},
		{"a new file that the user ignores", func(dir string) {
			write(t, dir, ".git/ignore", "new\n")
			git(t, dir, "config", "core.excludesFile", filepath.Join(dir, ".git", "ignore"))
			write(t, dir, "new", "x")
		}, []gitcmd.Difference{{"new", "not committed"}}},
		{"a new file that is not to be shown", func(dir string) {
			write(t, dir, "new", "x")
			git(t, dir, "config", "status.showUntrackedFiles", "no")
		}, []gitcmd.Difference{{"new", "not committed"}}},
		{"a file assumed to be unchanged", func(dir string) {
			git(t, dir, "update-index", "--assume-unchanged", "file")
			write(t, dir, "file", "x")
		}, []gitcmd.Difference{{"file", gitcmd.Hidden}}},
		{"a file left out of the checkout", func(dir string) { git(t, dir, "update-index", "--skip-worktree", "file"); write(t, dir, "file", "x") }, []gitcmd.Difference{{"file", gitcmd.Hidden}}},
		{"a file that is as old as the index says", func(dir string) {
			git(t, dir, "config", "core.ignoreStat", "true")
			write(t, dir, "file", "xyz")
		}, []gitcmd.Difference{{"file", "modified"}}},
	} {
		dir := newRepository(t)
		tt.change(dir)
		got, err := gitcmd.Changes(t.Context(), dir)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, %v, want %v", tt.name, got, err, tt.want)
		}
	}
	dir, other := newRepository(t), newRepository(t)
	git(t, dir, "config", "core.worktree", other)
	if got, err := gitcmd.Changes(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "git config core.worktree") {
		t.Errorf("with the files of another directory: %v, %v", got, err)
	}
	if _, err := gitcmd.Changes(t.Context(), t.TempDir()); err == nil {
		t.Error("a directory without a repository has no changes")
	}
}

// TestGitWarnsOfNothing holds that git says nothing on stderr where all is well: a
// program that runs it, such as gitleaks, takes that for an error.
func TestGitWarnsOfNothing(t *testing.T) {
	t.Parallel()
	dir := newRepository(t)
	var stderr strings.Builder
	log := gitcmd.In(dir)
	log.Stderr = &stderr
	if out, err := log.Output(t.Context(), "log", "-p", "--no-merges", "HEAD"); err != nil || out == "" || stderr.String() != "" {
		t.Errorf("%q, %v, and git says %s", out, err, &stderr)
	}
}

// TestTheConfigurationChangesNoLog holds that a program that reads git log, such as
// gitleaks, sees the same whatever the repository's own configuration says.
func TestTheConfigurationChangesNoLog(t *testing.T) {
	t.Parallel()
	dir := newRepository(t)
	log := func() string {
		t.Helper()
		out, err := gitcmd.In(dir).Output(t.Context(), "log", "-p", "HEAD")
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	before := log()
	for _, setting := range [][2]string{
		{"color.ui", "always"}, {"format.pretty", "oneline"}, {"log.date", "relative"}, {"log.decorate", "full"}, {"log.showRoot", "false"}, {"log.showSignature", "true"},
		{"diff.noprefix", "true"}, {"diff.mnemonicPrefix", "true"}, {"diff.srcPrefix", "x/"}, {"diff.submodule", "log"},
	} {
		git(t, dir, "config", setting[0], setting[1])
		if got := log(); got != before {
			t.Errorf("with %s=%s, git says\n%s\nand before\n%s", setting[0], setting[1], got, before)
		}
	}
}

// TestFile holds that a file of a commit is read byte by byte, also from a directory
// below the root, and that a commit which is not there is not one without the file.
func TestFile(t *testing.T) {
	t.Parallel()
	dir := newRepository(t)
	write(t, dir, "below/file", "\nbelow\n\n")
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", "three")
	for _, tt := range []struct {
		dir, commit, name, text string
		found                   bool
	}{
		{dir, "HEAD", "file", "two", true},
		{dir, "HEAD~2", "file", "one", true},
		{dir, "HEAD", "below/file", "\nbelow\n\n", true},
		{filepath.Join(dir, "below"), "HEAD", "file", "\nbelow\n\n", true},
		{dir, "HEAD^", "below/file", "", false},
	} {
		if text, found, err := gitcmd.In(tt.dir).File(t.Context(), tt.commit, tt.name); err != nil || string(text) != tt.text || found != tt.found {
			t.Errorf("%s of %s in %s: %q, %t, %v", tt.name, tt.commit, tt.dir, text, found, err)
		}
	}
	for commit, name := range map[string]string{strings.Repeat("a", 40): "file", "HEAD": "below"} {
		if _, found, err := gitcmd.In(dir).File(t.Context(), commit, name); err == nil || found || !strings.Contains(err.Error(), name) {
			t.Errorf("%s of %s: %t, %v", name, commit, found, err)
		}
	}
}
