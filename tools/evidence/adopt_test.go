package evidence_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/evidence"
)

// TestAdopt checks that an adopted statement is about the new commit, names its
// origin, and is otherwise unchanged.
func TestAdopt(t *testing.T) {
	t.Parallel()
	made := time.Unix(1_800_000_000, 123_456_789).UTC()
	from := evidence.Reused{Key: "f00d", Commit: "c0ffee", FinishedOn: made, Build: "lint:1"}
	for _, tt := range []struct {
		name             string
		was, dirty, want bool
	}{
		{name: "clean, and clean again"},
		{name: "files that were not committed then, and are now", was: true},
		{name: "files that are not committed now", dirty: true, want: true},
		{name: "never committed", was: true, dirty: true, want: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			tests := evidence.Tests{
				Made:   evidence.Made{FinishedOn: made, Dirty: tt.was, Tools: map[string]string{"go": "go1.26.0"}, Reports: map[string]string{"test.json": "ab"}},
				Result: evidence.TestsPassed, Passed: 1<<53 + 1, Packages: 2, Module: "a<b>&c",
			}
			if err := evidence.Keep(dir, "test", "c0ffee", tests); err != nil {
				t.Fatal(err)
			}
			if err := evidence.Adopt(dir, "test", "decaf", tt.dirty, from); err != nil {
				t.Fatal(err)
			}
			statements, err := evidence.ReadDir(dir)
			if err != nil || len(statements) != 1 {
				t.Fatalf("ReadDir = %v, %v", statements, err)
			}
			var got evidence.Tests
			if err := statements[0].Decode(&got); err != nil {
				t.Fatal(err)
			}
			want := tests
			want.Dirty, want.Reused = tt.want, &from
			if diff := cmp.Diff(want, got); diff != "" || statements[0].Digest(evidence.GitCommit) != "decaf" || statements[0].Type != evidence.StatementType {
				t.Errorf("about %s (-want +got):\n%s", statements[0].Digest(evidence.GitCommit), diff)
			}
			// A statement that is adopted twice names its latest origin.
			from := evidence.Reused{Key: "beef", Commit: "decaf", FinishedOn: made}
			if err := evidence.Adopt(dir, "test", "facade", tt.dirty, from); err != nil {
				t.Fatal(err)
			}
			var again evidence.Tests
			if statements, err = evidence.ReadDir(dir); err != nil || statements[0].Decode(&again) != nil || *again.Reused != from {
				t.Errorf("adopted again: %+v, %v", again.Reused, err)
			}
		})
	}
}

func TestWhatCanNotBeAdopted(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing": "", "a part": `{"_type":`, "no object": `{"predicate":[]}`, "no predicate": "{}", "an empty predicate": `{"predicate":null}`,
	} {
		dir := t.TempDir()
		file := filepath.Join(dir, "lint"+evidence.Suffix)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := evidence.Adopt(dir, "lint", "decaf", false, evidence.Reused{}); err == nil || !strings.Contains(err.Error(), "reading evidence: ") {
			t.Errorf("%s: %v", name, err)
		}
		if data, err := os.ReadFile(file); err != nil || string(data) != text { // #nosec G304 -- of the test
			t.Errorf("%s became %q, %v", name, data, err)
		}
	}
	if err := evidence.Adopt(t.TempDir(), "lint", "decaf", false, evidence.Reused{}); err == nil {
		t.Error("what is not there was adopted")
	}
}
