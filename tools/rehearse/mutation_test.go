//go:build e2e

package rehearse

import (
	"flag"
	"regexp"
	"testing"

	"github.com/magewright/magewright/tools/localaws/access"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/readiness/baseline"
	"github.com/magewright/magewright/tools/readiness/collect"
)

var statements = flag.String("statements", ".", "a regular expression of the statements to take away, as STACK/LOGICAL ID TEXT")

// TestEveryStatementIsNeeded takes the statements of the delivered roles away, one after
// the other, and delivers a release without it. It fails if that release gets to
// production all the same, unless the policy declares the statement. It takes a minute
// for each, so that it runs at night:
//
//	go test -tags=e2e -timeout=4h -v -run TestEveryStatementIsNeeded ./tools/rehearse
func TestEveryStatementIsNeeded(t *testing.T) {
	chosen := regexp.MustCompile(*statements)
	d := newDays(t)
	d.release(t)
	roles, err := d.rolesOfStacks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	policy := d.policy(t)
	again := func() error {
		err := d.deliver(t, always(true), edits{"CHANGELOG.md": func(_ *testing.T, old string) string { return old + "\n" }})
		if err == nil {
			// It judges the next one, which must therefore contain it.
			d.base = do(t, d.dir, "git", "rev-parse", "HEAD")
		}
		return err
	}
	if err := again(); err != nil {
		t.Fatalf("with all statements: %v", err)
	}
	// The first release shifts no traffic, so that it needs less.
	before := d.endpoint.server.Access()
	// What was not used, the check least-privilege finds.
	tried := 0
	for _, role := range neededBy(before, roles) {
		for _, s := range role.Statements {
			if s.Calls == 0 || policy.Declares(role, s) || !chosen.MatchString(role.Role+" "+string(s.Statement)) {
				continue
			}
			tried++
			principal := principalOf(before, roles, role.Role)
			refused := refusedBy(d.endpoint.server.Access(), principal)
			d.endpoint.server.Without(principal, string(s.Statement))
			err := again()
			d.endpoint.server.Without("", "")
			switch {
			case err == nil:
				t.Errorf("%s: a release got to production without %s", role.Role, s.Statement)
			case refusedBy(d.endpoint.server.Access(), principal) == refused:
				t.Errorf("%s: without %s the release has failed for another reason: %v", role.Role, s.Statement, err)
			}
			t.Logf("%s: without %s: %v", role.Role, s.Statement, err)
		}
	}
	if tried == 0 {
		t.Errorf("no statement matches %s", chosen)
	}
}

// policy returns the policy of the good release.
func (d *days) policy(t *testing.T) readiness.Policy {
	cfg := d.cfg
	cfg.Commit = d.base
	candidate, err := collect.Candidate(t.Context(), cfg, baseline.Base{}, d.clock)
	if err != nil {
		t.Fatal(err)
	}
	used, err := collect.Policy(t.Context(), project.Config{Dir: d.dir}, candidate, d.clock)
	if err != nil {
		t.Fatal(err)
	}
	return used.Policy
}

// refusedBy counts the calls of a role that were refused.
func refusedBy(s access.Summary, principal string) int {
	n := 0
	for _, r := range s.Roles {
		if r.Principal != principal {
			continue
		}
		for _, f := range r.Refused {
			n += f.Calls
		}
	}
	return n
}

// principalOf returns the ARN of a role of a stack.
func principalOf(s access.Summary, roles map[string]string, name string) string {
	for _, r := range s.Roles {
		if roles[shortRole(r.Principal)] == name {
			return r.Principal
		}
	}
	return ""
}
