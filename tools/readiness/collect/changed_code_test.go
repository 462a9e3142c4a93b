package collect

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/check/patchcover"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/readiness"
)

func TestChangedCode(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	const text = "package m\n\nfunc F() int {\n\treturn %d\n}\n\nfunc G() int {\n\treturn %d\n}\n"
	first := r.commit(map[string]string{"go.mod": "module example.com/m\n", "a.go": fmt.Sprintf(text, 1, 1)})
	second := r.commit(map[string]string{"a.go": fmt.Sprintf(text, 2, 1)})
	evidenceDir := filepath.Join(t.TempDir(), "evidence")
	collect := func(base, commit string) (readiness.ChangedCode, error) {
		cfg := r.at(commit)
		cfg.Evidence = evidenceDir
		p, err := ChangedCode(t.Context(), Env{Project: cfg, Candidate: readiness.Candidate{Commit: commit, Base: base}, Clock: clock.System()})
		code, _ := p.(readiness.ChangedCode)
		return code, err
	}
	refused := func(want string) {
		t.Helper()
		if _, err := collect(first, second); err == nil || exit.Status(err) != exit.Environment || !strings.Contains(err.Error(), want) {
			t.Errorf("ChangedCode = %v, want %q", err, want)
		}
	}
	refused("there is no coverage.out")
	writeFiles(t, evidenceDir, map[string]string{"coverage.out": "mode: set\nexample.com/m/a.go:3.14,5.2 1 1\nexample.com/m/a.go:7.14,9.2 1 0\n"})
	refused("there is no sources.json")
	writeFiles(t, evidenceDir, map[string]string{"sources.json": "[]"})
	refused("sources.json")
	writeFiles(t, evidenceDir, map[string]string{"sources.json": `{"a.go":"00"}`})
	refused("a.go was different when the tests ran")

	digests, err := patchcover.DigestSources(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	writeFiles(t, evidenceDir, map[string]string{"sources.json": fmt.Sprintf(`{"a.go":%q}`, digests["a.go"])})
	code, err := collect(first, second)
	if err != nil {
		t.Fatal(err)
	}
	if code.Statements != 1 || code.Covered != 1 || code.Base != first || len(code.Reports) != 2 || code.Reports["coverage.out"] == "" {
		t.Errorf("got %+v", code)
	}
	// Without a base everything is new.
	if code, err = collect("", second); err != nil || code.Statements != 2 || code.Covered != 1 || len(code.Uncovered) != 1 {
		t.Errorf("got %+v, %v", code, err)
	}
	// The profile belongs to the second commit.
	if _, err := collect("", first); err == nil || !strings.Contains(err.Error(), "was different") {
		t.Errorf("another commit gives %v", err)
	}
}

// TestAttackForgedCoverage leaves profiles that no test of this commit can have written.
func TestAttackForgedCoverage(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	commit := r.commit(map[string]string{
		"go.mod": "module example.com/m\n", "a.go": "package m\n\nfunc F(n int) int {\n\tn++\n\treturn n\n}\n", "testdata/no.go": "no Go\n",
	})
	digests, err := patchcover.DigestSources(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	const ours = "example.com/m/a.go:3.19,6.2 2 1\n"
	for _, tt := range []struct {
		name, profile, sources string
		want                   []string
	}{
		{"the tests' own", ours, digests["a.go"], nil},
		{"a file that the commit lacks", ours + "example.com/m/b.go:1.1,2.2 1 1\nexample.com/m/b.go:3.1,4.2 1 1\n", digests["a.go"],
			[]string{"the profile has 2 blocks in example.com/m/b.go, and the commit has no such file"}},
		{"lines after the last", "example.com/m/a.go:3.19,600.2 2 1\n", digests["a.go"],
			[]string{"the profile has a block at a.go:3.19,600.2, and the file has 7 lines without that place"}},
		{"a column after the last", "example.com/m/a.go:3.190,6.2 2 1\n", digests["a.go"],
			[]string{"the profile has a block at a.go:3.190,6.2, and the file has 7 lines without that place"}},
		{"more statements than there are", "example.com/m/a.go:3.19,6.2 9 1\n", digests["a.go"],
			[]string{"the profile has 9 statements at a.go:3.19,6.2, and the source has at most 3"}},
		{"one block for everything", "example.com/m/a.go:1.1,6.2 1 1\n", digests["a.go"],
			[]string{"the profile has 1 statements at a.go:1.1,6.2, and the source has at least 2"}},
		{"what is no Go source", ours + "example.com/m/testdata/no.go:1.1,1.2 1 1\n", digests["a.go"],
			[]string{"the profile has 1 block in testdata/no.go, which is not a Go source"}},
		{"a file that was another", "mode: set\n", strings.Repeat("0", 64),
			[]string{"a.go had SHA-256 000000000000 when the tests ran, and has " + digests["a.go"][:12] + " in the commit"}},
	} {
		cfg := r.at(commit)
		cfg.Evidence = t.TempDir()
		writeFiles(t, cfg.Evidence, map[string]string{"coverage.out": "mode: set\n" + tt.profile, "sources.json": fmt.Sprintf(`{"a.go":%q}`, tt.sources)})
		p, err := ChangedCode(t.Context(), Env{Project: cfg, Candidate: readiness.Candidate{Commit: commit, Base: commit}, Clock: clock.System()})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if code := p.(readiness.ChangedCode); !slices.Equal(code.Impossible, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, code.Impossible, tt.want)
		}
	}
}
