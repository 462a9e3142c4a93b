package lint

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// noted is a check of one file.
var noted = Check{
	Name:  "settings",
	Reads: func(_ project.Config, name string) bool { return name == "infra/policy.yml" },
	Run: func(context.Context, project.Config) ([]string, error) {
		return []string{"infra/policy.yml:1: broken"}, nil
	},
}

// broken returns which tools the evidence says to have findings.
func (c *checkout) broken(t *testing.T) []string {
	t.Helper()
	for _, s := range c.kept(t) {
		var l evidence.Lint
		if s.PredicateType == l.PredicateType() {
			if err := s.Decode(&l); err != nil {
				t.Fatal(err)
			}
			return l.Broken
		}
	}
	t.Fatal("there is no evidence")
	return nil
}

// TestASyntaxErrorIsSaidFirst holds that Go code which can't be read is a finding with
// its place, and that nothing else is said.
func TestASyntaxErrorIsSaidFirst(t *testing.T) {
	c := newCheckout(t, map[string]string{"go.mod": root, "lib.go": library, "broken.go": "package app\n\nfunc {\n"})
	err := run(t.Context(), c.Config)
	if exit.Status(err) != exit.Gate || len(err.Error()) > 200 {
		t.Errorf("lint ends with %v", err)
	}
	if said := c.out.String(); !strings.HasPrefix(said, "broken.go:3:6: ") || strings.Count(said, "\n") > 3 {
		t.Errorf("it says\n%s", said)
	}
	if broken := c.broken(t); len(broken) != 1 || broken[0] != "gofmt" {
		t.Errorf("the evidence says %q", broken)
	}
}

func TestFurtherChecks(t *testing.T) {
	c := newCheckout(t, map[string]string{"go.mod": root, "lib.go": library})
	err := run(t.Context(), c.Config, noted)
	if exit.Status(err) != exit.Gate || !strings.Contains(err.Error(), "findings by settings\n  next: go tool mage lint") || !strings.Contains(c.out.String(), "infra/policy.yml:1: broken\n") {
		t.Errorf("lint ends with %v\n%s", err, &c.out)
	}
	if broken := c.broken(t); len(broken) != 1 || broken[0] != "settings" {
		t.Errorf("the evidence says %q", broken)
	}
	fine := noted
	fine.Run = func(context.Context, project.Config) ([]string, error) { return nil, nil }
	c.out.Reset()
	if err := run(t.Context(), c.Config, fine); err != nil || !strings.Contains(c.out.String(), "nor by settings") {
		t.Errorf("lint ends with %v\n%s", err, &c.out)
	}
	failing := noted
	failing.Run = func(context.Context, project.Config) ([]string, error) { return nil, errors.New("no engine") }
	if err := run(t.Context(), c.Config, failing); err == nil || !strings.Contains(err.Error(), "settings: no engine") {
		t.Errorf("lint ends with %v", err)
	}
}
