package build_test

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/assembly/build"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

const program = `package main

var commit, version, buildTime string

func main() { println(commit, version, buildTime) }
`

// repository makes a repository with a function in its own directory.
func repository(t *testing.T) project.Config {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":         "module example\n\ngo 1.26\n",
		"app/main.go":    program,
		"infra/cdk.json": `{"context":{"architecture":"x86_64"}}`,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"init", "-q"}, {"add", "-A"},
		{"-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-q", "-m", "one"},
	} {
		git := exec.CommandContext(t.Context(), "git", args...) // #nosec G204 -- arguments of this file
		git.Dir = dir
		git.Env = append(os.Environ(), "GIT_AUTHOR_DATE=2026-01-02T03:04:05Z", "GIT_COMMITTER_DATE=2026-01-02T03:04:05Z")
		if out, err := git.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git := exec.CommandContext(t.Context(), "git", "rev-parse", "HEAD")
	git.Dir = dir
	head, err := git.Output()
	if err != nil {
		t.Fatal(err)
	}
	return project.Config{Dir: dir, Evidence: filepath.Join(dir, ".magewright"), Commit: string(head[:40]), Stdout: io.Discard, Stderr: os.Stderr}
}

// TestBuildsOfOneCommitAreIdentical builds one commit in two directories.
func TestBuildsOfOneCommitAreIdentical(t *testing.T) {
	t.Setenv("CDK_CONTEXT_JSON", "")
	first, err := build.Build(t.Context(), repository(t))
	if err != nil {
		t.Fatal(err)
	}
	second, err := build.Build(t.Context(), repository(t))
	if err != nil {
		t.Fatal(err)
	}
	if first.SHA256 != second.SHA256 {
		t.Errorf("two builds of one commit are %s and %s", first.SHA256, second.SHA256)
	}
	archive, err := zip.OpenReader(first.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = archive.Close() }()
	if len(archive.File) != 1 || archive.File[0].Name != build.Executable || archive.File[0].Mode() != 0o755 {
		t.Errorf("the package holds %v", archive.File)
	}

	dirty := repository(t)
	dirty.Dirty = true
	third, err := build.Build(t.Context(), dirty)
	if err != nil {
		t.Fatal(err)
	}
	if third.SHA256 == first.SHA256 {
		t.Error("a build of uncommitted files passes for one of the commit")
	}
}

// TestACompileErrorSaysWhere holds that the compiler's line comes first, and that no command
// line is repeated after it.
func TestACompileErrorSaysWhere(t *testing.T) {
	t.Setenv("CDK_CONTEXT_JSON", "")
	cfg := repository(t)
	var said bytes.Buffer
	cfg.Stderr = &said
	if err := os.WriteFile(filepath.Join(cfg.Dir, "app", "main.go"), []byte("package main\n\nfunc main( {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := build.Build(t.Context(), cfg)
	if want := "the function can't be built for linux/amd64\n  next: fix what is said above, then go tool mage build"; err == nil || err.Error() != want || exit.Status(err) != exit.Gate {
		t.Errorf("it says %q, want %q", err, want)
	}
	if !strings.Contains(said.String(), "app/main.go:3:12: syntax error") {
		t.Errorf("the compiler says %q", &said)
	}
}
