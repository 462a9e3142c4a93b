package evidence_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/evidence"
)

func TestKeepAndReadBack(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "evidence")
	want := evidence.Lint{Made: evidence.Made{FinishedOn: time.Unix(1_800_000_000, 0).UTC()}, Files: 3, Broken: []string{"gofmt"}}
	if err := evidence.Keep(dir, "lint", "c0ffee", want); err != nil {
		t.Fatal(err)
	}
	statements, err := evidence.ReadDir(dir)
	if err != nil || len(statements) != 1 {
		t.Fatalf("ReadDir = %v, %v", statements, err)
	}
	s := statements[0]
	var got evidence.Lint
	if err := s.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if s.Type != evidence.StatementType || s.Digest(evidence.GitCommit) != "c0ffee" || s.Digest(evidence.SHA256) != "" || got.Files != 3 || !got.FinishedOn.Equal(want.FinishedOn) {
		t.Errorf("got %+v and %+v", s, got)
	}
	if err := s.Decode(&evidence.Tests{}); err == nil {
		t.Error("a statement of lint was read as one of tests")
	}
	s.Predicate = []byte(strings.Replace(string(s.Predicate), `"files"`, `"unheard"`, 1))
	if err := s.Decode(&got); err == nil || !strings.Contains(err.Error(), "unheard") {
		t.Errorf("a field that the predicate does not have gives %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "broken"+evidence.Suffix), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := evidence.ReadDir(dir); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("a file that is no statement gives %v", err)
	}
}
