package collect

import (
	"fmt"
	"path/filepath"
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
	refused("a.go was another when the tests ran")

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
	if _, err := collect("", first); err == nil || !strings.Contains(err.Error(), "was another") {
		t.Errorf("another commit gives %v", err)
	}
}
