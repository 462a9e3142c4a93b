package collect

import (
	"slices"
	"testing"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/readiness/baseline"
)

// TestAttackSilencedFindings silences findings of scanners, each by what the scanner
// is told in the same commit.
func TestAttackSilencedFindings(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	const old = "\tf() // #nosec G204 -- as before\n"
	base := r.commit(map[string]string{
		"a.go": "package a\n\nfunc a() {\n" + old + "}\n", "b.go": "package a\n" + old, "moved.go": "package a\n" + old,
		".golangci.yml": "version: 2\n", ".gitattributes": "*.txt text\n",
	})
	head := r.commit(map[string]string{
		// A line that moves within its file is not new; one that comes twice is.
		"a.go":     "package a\n\n// A comment.\nfunc a() {\n" + old + "}\n",
		"b.go":     "package a\n" + old + old,
		"moved.go": "", "else.go": "package a\n" + old,
		"new.go":         "package a\n\nvar k = \"x\" //gitleaks:allow\n\n//nolint:errcheck // why\nfunc n() {}\n",
		"hidden.go":      "package a\n\n//gosec:disable G101 -- why\n\x00\n",
		".gitleaks.toml": "[allowlist]\n", "sub/.gitleaksignore": "x\n",
		".golangci.yml": "version: 2\nlinters: {default: none}\n", ".gitattributes": "hidden.go binary\n",
	})
	cfg := r.at(head)
	find := func(b baseline.Base) readiness.Suppressions {
		t.Helper()
		candidate, err := Candidate(t.Context(), cfg, b, clock.System())
		if err != nil {
			t.Fatal(err)
		}
		got, err := Suppressions(t.Context(), Env{Project: cfg, Candidate: candidate, Clock: clock.System()})
		if err != nil {
			t.Fatal(err)
		}
		return got.(readiness.Suppressions)
	}
	s := find(baseline.Base{Commit: base})
	var got []string
	for _, one := range s.New {
		got = append(got, one.String())
	}
	slices.Sort(got)
	want := []string{
		".gitattributes: differs from the base's", ".gitleaks.toml: differs from the base's", ".golangci.yml: differs from the base's",
		"b.go:3: f() // #nosec G204 -- as before", "hidden.go:3: //gosec:disable G101 -- why",
		"new.go:3: var k = \"x\" //gitleaks:allow", "new.go:5: //nolint:errcheck // why", "sub/.gitleaksignore: differs from the base's",
	}
	if !slices.Equal(got, want) || s.Lines != 7 || s.Base != base {
		t.Errorf("%d lines, new:\n%q\nwant\n%q", s.Lines, got, want)
	}
	if first := find(baseline.Base{}); len(first.New) > 0 || first.Lines != 7 {
		t.Errorf("without a base: %+v", first)
	}
	none := r.commit(map[string]string{"a.go": "", "b.go": "", "else.go": "", "new.go": "", "hidden.go": ""})
	cfg = r.at(none)
	if gone := find(baseline.Base{Commit: head}); len(gone.New) > 0 || gone.Lines > 0 {
		t.Errorf("without any: %+v", gone)
	}
}
