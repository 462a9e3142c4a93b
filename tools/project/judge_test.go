package project_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// checkout makes a repository with a magefile and more files, and returns its commit.
func checkout(t *testing.T, dir string, files map[string]string) string {
	t.Helper()
	files["magefile.go"], files["go.mod"] = "package main\n", "module example\n"
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	git := command.Cmd{Dir: dir}
	for _, args := range [][]string{{"init", "-q"}, {"add", "-f", "-A"}, {"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "x"}} {
		if _, err := git.Output(t.Context(), "git", args...); err != nil {
			t.Fatal(err)
		}
	}
	commit, err := git.Output(t.Context(), "git", "rev-parse", "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	return commit
}

// TestAttackByTheCandidatesFiles has files in the candidate where a judge leaves its own,
// and where it looks for who it judges.
func TestAttackByTheCandidatesFiles(t *testing.T) {
	judge, candidate := t.TempDir(), t.TempDir()
	release := checkout(t, judge, map[string]string{})
	commit := checkout(t, candidate, map[string]string{".magewright/plan.md": "theirs", "magewright/go.mod": "module theirs\n"})
	for _, name := range []string{"CODEBUILD_RESOLVED_SOURCE_VERSION", "CODEBUILD_SRC_DIR_Assembly"} {
		t.Setenv(name, "")
	}
	t.Setenv("GOTOOLCHAIN", "auto")
	t.Setenv("MAGEWRIGHT_CANDIDATE", candidate)
	t.Setenv("MAGEWRIGHT_JUDGE", release)
	t.Setenv("MAGEWRIGHT_JUDGE_PARAMETER", "/p")
	t.Chdir(judge)
	cfg, err := project.Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if !cfg.Judged() || cfg.Dir != candidate || cfg.Commit != commit || cfg.Dirty || cfg.Judge != (project.Judge{Dir: wd, Commit: release, Parameter: "/p"}) {
		t.Errorf("the project is %+v", cfg)
	}
	if cfg.Evidence != filepath.Join(wd, ".magewright") || cfg.Assembly != filepath.Join(candidate, "cdk.out") {
		t.Errorf("evidence goes to %s, and the assembly is %s", cfg.Evidence, cfg.Assembly)
	}
	if cfg.Adopted() || cfg.Settings() != "infra" {
		t.Error("the candidate says where the settings are")
	}
	if code := cfg.Code(); code.Dir != wd || code.Judged() {
		t.Errorf("the code is that of %+v", code)
	}
	if got := os.Getenv("GOTOOLCHAIN"); got != "local" {
		t.Errorf("the candidate's go.mod may choose the toolchain: GOTOOLCHAIN is %s", got)
	}
	for name, value := range map[string]string{"MAGEWRIGHT_CANDIDATE": wd, "MAGEWRIGHT_JUDGE": ""} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			if _, err := project.Discover(t.Context()); exit.Status(err) != exit.Environment || !strings.Contains(err.Error(), name) {
				t.Errorf("%s=%s: %v", name, value, err)
			}
		})
	}
	t.Setenv("MAGEWRIGHT_JUDGE", "none")
	if cfg, err := project.Discover(t.Context()); err != nil || !cfg.Judged() || cfg.Judge.Commit != "" {
		t.Errorf("without a release before it: %+v, %v", cfg.Judge, err)
	}
}
