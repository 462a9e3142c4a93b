package project_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/project"
)

// artifacts makes the artifacts of actions, by the name of their variables without
// its prefix, and each file's text by its name.
func artifacts(t *testing.T, all map[string]map[string]string) {
	t.Helper()
	for name, files := range all {
		dir := t.TempDir()
		for file, text := range files {
			writeFile(t, filepath.Join(dir, filepath.FromSlash(file)), text)
		}
		t.Setenv("CODEBUILD_SRC_DIR_"+name, dir)
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestGatherTakesTheEvidenceOfEarlierActions(t *testing.T) {
	artifacts(t, map[string]map[string]string{
		"LintEvidence":         {"lint.intoto.json": "lint"},
		"SecEvidence":          {"govulncheck.sarif": "later", "gitleaks.sarif": "later"},
		"StagingSmokeEvidence": {"smoke-staging.intoto.json": "smoke", "lint.intoto.json": "lint", "sec/gosec.json": "deep", "own/Load/report.json": "load"},
		"Assembly":             {"stranger.json": "not evidence"},
	})
	cfg := project.Config{Evidence: filepath.Join(t.TempDir(), ".magewright")}
	writeFile(t, filepath.Join(cfg.Evidence, "smoke-staging.intoto.json"), "made here")
	for range 2 { // each target of a build does it
		if err := cfg.Gather(); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"lint.intoto.json": "lint", "govulncheck.sarif": "later", "gitleaks.sarif": "later", "sec/gosec.json": "deep", "own/Load/report.json": "load", "smoke-staging.intoto.json": "made here", "stranger.json": ""} {
		got, err := os.ReadFile(filepath.Join(cfg.Evidence, filepath.FromSlash(name))) // #nosec G304 -- made above
		if string(got) != want || (err != nil) != (want == "") {
			t.Errorf("%s holds %q, %v, want %q", name, got, err, want)
		}
	}
	t.Setenv("CODEBUILD_SRC_DIR_LintEvidence", filepath.Join(t.TempDir(), "gone"))
	if err := cfg.Gather(); err == nil {
		t.Error("an artifact that is not there was gathered")
	}
}

// TestAttackByAnotherActionsEvidence lets an action leave what another one is asked
// for, or what a target would believe to have made itself.
func TestAttackByAnotherActionsEvidence(t *testing.T) {
	for _, tt := range []struct {
		name  string
		given map[string]map[string]string
		says  string
	}{
		{"Lint speaks for Test", map[string]map[string]string{"LintEvidence": {"lint.intoto.json": "l", "test.intoto.json": "passed"}},
			"gathering the evidence of action Lint (CODEBUILD_SRC_DIR_LintEvidence): test.intoto.json is not among the files that the action is declared to leave"},
		{"Test speaks for Sec", map[string]map[string]string{"TestEvidence": {"sec/gosec.json": "PASS"}}, "sec/gosec.json is not among the files"},
		{"Test says that Lint was approved", map[string]map[string]string{"TestEvidence": {"own/Test/x": ""}}, "own/Test/x is not among the files"},
		{"a statement of nobody", map[string]map[string]string{"SmokeEvidence": {"more.intoto.json": "{}"}}, "action Smoke (CODEBUILD_SRC_DIR_SmokeEvidence): more.intoto.json is not among the files"},
		{"a program", map[string]map[string]string{"DrillEvidence": {"bin/magewright": "#!"}}, "bin/magewright is not among the files"},
		{"what the build exports", map[string]map[string]string{"DrillEvidence": {project.ExportsFile: "VERDICT=GO"}}, "exports.env is not among the files"},
		{"what is proven already", map[string]map[string]string{"SecEvidence": {"inputs/sec.json": "{}"}}, "inputs/sec.json is not among the files"},
		{"two artifacts differ", map[string]map[string]string{"DrillEvidence": {"lint.intoto.json": "bad"}, "LintEvidence": {"lint.intoto.json": "good"}},
			"lint.intoto.json differs from the file of the same name from action Drill"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			artifacts(t, tt.given)
			cfg := project.Config{Evidence: filepath.Join(t.TempDir(), ".magewright")}
			if err := cfg.Gather(); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Gather = %v, want %q", err, tt.says)
			}
		})
	}
	dir := t.TempDir()
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "lint.intoto.json")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CODEBUILD_SRC_DIR_LintEvidence", dir)
	cfg := project.Config{Evidence: filepath.Join(t.TempDir(), ".magewright")}
	if err := cfg.Gather(); err == nil || !strings.Contains(err.Error(), "is not a regular file") {
		t.Errorf("a link was gathered: %v", err)
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
