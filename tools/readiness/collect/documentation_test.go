package collect

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/manifest/manifesttest"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/surface"
	"github.com/magewright/magewright/tools/surface/reference"
)

// documented returns a repository of two commits that has everything the
// documentation collectors read.
func documented(t *testing.T) Env {
	t.Helper()
	dir := t.TempDir()
	git := func(args ...string) string {
		t.Helper()
		args = append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)
		out, err := (command.Cmd{Dir: dir}).Output(t.Context(), "git", args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, sub := range []string{"infra/settings", "tools/project/exit", "tools/project", "tools/surface/reference"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	magefile := "//go:build mage\n\npackage main\n\n// Lint lints.\nfunc Lint() error { return nil }\n"
	writeFiles(t, dir, map[string]string{
		"go.mod": "module example.com/m\n", "magefile.go": magefile, "README.md": "lint\n", "CHANGELOG.md": "before\n",
		"infra/settings/settings.go": "package settings\n\ntype Settings struct {\n\tA string `json:\"a\"`\n}\n",
		"tools/project/exit/exit.go": "package exit\n\nconst Gate = 1 // failed\n",
		"tools/project/project.go":   "package project\n\ntype Config struct{}\n",
		surface.Meanings:             "UNREAD: something that nothing reads\n",
	})
	git("init", "--quiet")
	git("add", "-A")
	git("commit", "--quiet", "-m", "one")
	base := git("rev-parse", "HEAD")
	writeFiles(t, dir, map[string]string{
		"magefile.go": magefile + "\n// Docs documents.\nfunc Docs() error { return nil }\n", "README.md": "lint\n\n   \n", "CHANGELOG.md": "after\n",
		"OTHER.md": "docs",
	})
	git("add", "-A")
	git("commit", "--quiet", "-m", "two")
	commit := git("rev-parse", "HEAD")
	return Env{
		Project:   project.Config{Dir: dir, Commit: commit, Assembly: filepath.Join(dir, "cdk.out")},
		Candidate: readiness.Candidate{Commit: commit, Base: base},
		Policy:    readiness.Policy{Documents: map[string][]string{"targets": {"README.md", "OTHER.md"}, "flags": {"README.md", "NONE.md"}}},
		Clock:     clock.System(),
	}
}

// collected runs a collector, which must succeed.
func collected[P evidence.Predicate](t *testing.T, collect func(context.Context, Env) (evidence.Predicate, error), e Env) P {
	t.Helper()
	got, err := collect(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	return got.(P)
}

func TestSurfaces(t *testing.T) {
	t.Parallel()
	e := documented(t)
	got := collected[readiness.Surfaces](t, Surfaces, e)
	if diff := cmp.Diff([]surface.Change{{Surface: surface.Surface{Kind: surface.KindTarget, Name: "docs"}, What: surface.Added}}, got.Changed); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[surface.Kind]int{surface.KindTarget: 2, surface.KindSetting: 1, surface.KindAPI: 1}, got.Counted); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]readiness.Document{
		"README.md": {Text: "lint\n\n   \n"}, // white space is not a change
		"OTHER.md":  {Text: "docs", Changed: true},
		"NONE.md":   {Absent: true},
	}, got.Documents); diff != "" {
		t.Error(diff)
	}
	e.Candidate.Base = ""
	if got := collected[readiness.Surfaces](t, Surfaces, e); len(got.Changed) != 4 {
		t.Errorf("without a base %+v has changed, want everything", got.Changed)
	}
	e.Candidate.Base = strings.Repeat("0", 40)
	if _, err := Surfaces(t.Context(), e); err == nil || !strings.Contains(err.Error(), "reading the files of 000000000000") {
		t.Errorf("a base that is not in the clone gives %v", err)
	}
}

func TestChangelog(t *testing.T) {
	t.Parallel()
	e := documented(t)
	got := collected[readiness.Changelog](t, Changelog, e)
	if got.Before != "before\n" || got.After != "after\n" || got.Absent || got.FinishedOn.IsZero() {
		t.Errorf("changelog %+v", got)
	}
	e.Candidate.Base = ""
	if got := collected[readiness.Changelog](t, Changelog, e); got.Before != "" {
		t.Errorf("without a base the changelog before is %q", got.Before)
	}
}

// TestReference begins without an assembly, which is an error, continues with a
// commit that has no reference, and ends with one that has it.
func TestReference(t *testing.T) {
	t.Parallel()
	e := documented(t)
	if _, err := Reference(t.Context(), e); err == nil || !strings.Contains(err.Error(), "next: go tool mage synth") {
		t.Errorf("without an assembly: %v", err)
	}
	if err := os.Mkdir(e.Project.Assembly, 0o750); err != nil {
		t.Fatal(err)
	}
	manifesttest.Write(t, e.Project.Assembly, e.Project.Commit, "")
	for _, stack := range manifest.Old().Stacks() {
		writeFiles(t, e.Project.Assembly, map[string]string{stack + ".template.json": `{"Outputs": {"Url": {"Description": "it"}}}`})
	}
	// The small repository explains a variable that it does not read, but this one does.
	if _, err := Reference(t.Context(), e); err == nil || !strings.Contains(err.Error(), "the environment variable UNREAD is not read anywhere") {
		t.Errorf("a meaning without a variable: %v", err)
	}
	own, err := (command.Cmd{}).Output(t.Context(), "git", "rev-parse", "--show-toplevel")
	if err != nil {
		t.Fatal(err)
	}
	head, err := (command.Cmd{}).Output(t.Context(), "git", "rev-parse", "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	e.Project.Dir, e.Project.Commit, e.Candidate.Commit = own, head, head
	manifesttest.Write(t, e.Project.Assembly, head, "")
	got := collected[readiness.Reference](t, Reference, e)
	if got.File != reference.File || got.Entries["targets"] == 0 || got.Absent == (len(got.Diff) > 0) {
		t.Errorf("reference %+v: these are not our outputs, so the committed one differs, or there is none", got)
	}
}
