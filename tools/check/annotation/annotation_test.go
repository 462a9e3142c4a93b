package annotation

import (
	"fmt"
	"strings"
	"testing"
)

func TestAnnotations(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, dir, text, want string }{
		{"golangci-lint", "", "app/ugly.go:2:7: func x is unused (unused)\n", "::error file=app/ugly.go,line=2,col=7,title=lint::func x is unused (unused)\n"},
		{"gofmt", "", "app/ugly.go:1: not formatted by gofmt\n", "::error file=app/ugly.go,line=1,title=lint::not formatted by gofmt\n"},
		{"go vet", "", "./main.go:3:1: 100% wrong: a, b\n", "::error file=main.go,line=3,col=1,title=lint::100%25 wrong: a, b\n"},
		{"a test", "app/ledger", "    ledger_test.go:17: the ink ran out\n", "::error file=app/ledger/ledger_test.go,line=17,title=lint::the ink ran out\n"},
		{"settings", "", "infra/probes.yml:1: unknown key\n", "::error file=infra/probes.yml,line=1,title=lint::unknown key\n"},
		{"in pieces", "", "a.go:1", ""},
		{"no finding", "", "0 issues.\n# example.com/app\nhttp://127.0.0.1:4566: no\n10:15: now\n", ""},
	} {
		var out strings.Builder
		w := New(&out, "lint", tt.dir)
		if _, err := fmt.Fprint(w, tt.text); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); got != tt.text+tt.want {
			t.Errorf("%s: it prints %q, want %q", tt.name, got, tt.text+tt.want)
		}
	}
}

// TestTooManyAnnotations holds that no more are made than are shown.
func TestTooManyAnnotations(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	w := New(&out, "lint", "")
	for i := range 3 * most {
		if _, err := fmt.Fprintf(w, "a.go:%d: bad\n", i+1); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(out.String(), "::error "); n != most {
		t.Errorf("%d annotations are made, want %d", n, most)
	}
}
