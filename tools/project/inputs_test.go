package project_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/magewright/magewright/tools/project"
)

func TestGatherTakesTheEvidenceOfEarlierActions(t *testing.T) {
	lint, test, other := t.TempDir(), t.TempDir(), t.TempDir()
	write := func(dir, name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(lint, "lint.intoto.json", "lint")
	write(lint, "shared.json", "by lint")
	write(test, "outputs/deep.json", "deep")
	write(other, "stranger.json", "not evidence")
	for name, dir := range map[string]string{"LintEvidence": lint, "TestEvidence": test, "Assembly": other} {
		t.Setenv("CODEBUILD_SRC_DIR_"+name, dir)
	}
	cfg := project.Config{Evidence: filepath.Join(t.TempDir(), ".magewright")}
	write(cfg.Evidence, "shared.json", "made here")
	if err := cfg.Gather(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"lint.intoto.json": "lint", "outputs/deep.json": "deep", "shared.json": "made here", "stranger.json": ""} {
		got, err := os.ReadFile(filepath.Join(cfg.Evidence, filepath.FromSlash(name))) // #nosec G304 -- made above
		if string(got) != want || (err != nil) != (want == "") {
			t.Errorf("%s holds %q, %v, want %q", name, got, err, want)
		}
	}
	t.Setenv("CODEBUILD_SRC_DIR_LintEvidence", filepath.Join(lint, "gone"))
	if err := cfg.Gather(); err == nil {
		t.Error("an artifact that is not there was gathered")
	}
}

func TestExportQuotesForAShell(t *testing.T) {
	t.Parallel()
	cfg := project.Config{Evidence: t.TempDir()}
	if err := cfg.Export(map[string]string{"VERDICT": "GO (it's one)", "A": "1"}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(cfg.Evidence, project.ExportsFile))
	if want := "A='1'\nVERDICT='GO (it'\\''s one)'\n"; err != nil || string(got) != want {
		t.Errorf("exports are %q, %v, want %q", got, err, want)
	}
}
