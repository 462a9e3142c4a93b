package readiness

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project/agreed"
)

// waivedRelease is a release whose lint failed, with a waiver for that failure.
type waivedRelease struct {
	candidate Candidate
	policy    Policy
	broken    []string // findings of lint
	signed    Attestations
}

func newWaivedRelease() waivedRelease {
	made := evidence.Made{FinishedOn: fixtureNow.Add(-time.Hour)}
	commit, tree, before := strings.Repeat("c", 40), strings.Repeat("7", 40), strings.Repeat("b", 40)
	return waivedRelease{
		candidate: Candidate{Made: made, Commit: commit, Tree: tree, Base: before, BaseIs: "the latest tag, v1", Package: strings.Repeat("a", 64),
			Account: "111122223333", Authors: []string{"ada@example.com"}},
		policy: Policy{Required: []string{"coding-standards"}, MaxAge: Duration(24 * time.Hour), People: []Person{
			{Name: "Ada", Emails: []string{"ada@example.com"}}, {Name: "Bo", Emails: []string{"bo@example.com"}},
		}},
		broken: []string{"golangci-lint"},
		signed: Attestations{Made: made, Waivers: []SignedWaiver{{By: "Bo", Waiver: evidence.Waiver{
			Made: made, Check: "coding-standards", Reason: "a fault of the linter", Owner: "Cy", Expires: fixtureNow.Add(evidence.MaxWaiver - time.Hour),
			Scope: evidence.Scope{Base: before, Commit: commit, Tree: tree},
		}}}},
	}
}

func (r waivedRelease) statements(t rapid.TB) []evidence.Statement {
	t.Helper()
	made := evidence.Made{FinishedOn: fixtureNow.Add(-time.Hour)}
	var statements []evidence.Statement
	for _, p := range []evidence.Predicate{
		r.candidate, PolicyUsed{Made: made, Policy: r.policy, From: r.candidate.Base}, r.signed,
		evidence.Lint{Made: made, Files: 3, Broken: r.broken},
		Recheck{Made: made, Base: r.candidate.Base, Lint: evidence.Lint{Files: 3, Broken: r.broken}},
	} {
		s, err := evidence.NewStatement(r.candidate.Commit, r.candidate.Package, p)
		if err != nil {
			t.Fatal(err)
		}
		statements = append(statements, s)
	}
	return statements
}

func (r waivedRelease) assess(t rapid.TB) Assessment {
	t.Helper()
	a, err := Evaluate(r.statements(t), fixtureNow)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// spoilers lists the ways in which a waiver can be invalid, each with its message.
var spoilers = []struct {
	name  string
	spoil func(*waivedRelease, *SignedWaiver)
	says  string
}{
	{"unused, the check passes", func(r *waivedRelease, _ *SignedWaiver) { r.broken = nil }, "unused: coding-standards is PASS"},
	{"unused, the check is not required", func(_ *waivedRelease, w *SignedWaiver) { w.Check = "drift" }, "does not require drift"},
	{"expired", func(_ *waivedRelease, w *SignedWaiver) { w.Expires = fixtureNow }, "has expired on 2026-11-24"},
	{"too long", func(_ *waivedRelease, w *SignedWaiver) {
		w.Expires = w.FinishedOn.Add(evidence.MaxWaiver + time.Second)
	}, "longer than 30 days"},
	{"no expiry", func(_ *waivedRelease, w *SignedWaiver) { w.Expires = time.Time{} }, "does not say when"},
	{"not signed at any time", func(_ *waivedRelease, w *SignedWaiver) { w.FinishedOn = time.Time{} }, "does not say when"},
	{"time in the future", func(_ *waivedRelease, w *SignedWaiver) { w.FinishedOn = fixtureNow.Add(time.Minute) }, "time in the future"},
	{"no reason", func(_ *waivedRelease, w *SignedWaiver) { w.Reason = "" }, "no reason or no owner"},
	{"no owner", func(_ *waivedRelease, w *SignedWaiver) { w.Owner = "" }, "no reason or no owner"},
	{"no such check", func(_ *waivedRelease, w *SignedWaiver) { w.Check = "coding-standard" }, `there is no check "coding-standard"`},
	{"a check that nobody may waive", func(_ *waivedRelease, w *SignedWaiver) { w.Check = "secrets" }, "nobody may waive secrets"},
	{"by an author", func(_ *waivedRelease, w *SignedWaiver) { w.By = "Ada" }, "Ada, is an author of the change (ada@example.com)"},
	{"by a committer under another case", func(r *waivedRelease, _ *SignedWaiver) {
		r.candidate.Authors = []string{"ada@example.com", "BO@example.com"}
	}, "Bo, is an author"},
	{"by somebody else", func(_ *waivedRelease, w *SignedWaiver) { w.By = "Eve" }, `signed by "Eve"`},
	{"a shallow clone", func(r *waivedRelease, _ *SignedWaiver) { r.candidate.Shallow = true }, "shallow"},
	{"no authors", func(r *waivedRelease, _ *SignedWaiver) {
		r.candidate.Commits, r.candidate.Authors = []string{r.candidate.Commit}, nil
	}, "it is unknown whether the approver is an author"},
	{"another tree", func(_ *waivedRelease, w *SignedWaiver) { w.Scope.Tree = strings.Repeat("8", 40) }, "for the tree of commit"},
	{"another base", func(_ *waivedRelease, w *SignedWaiver) { w.Scope.Base = "" }, "the change since the beginning, not since bbbbbbbbbbbb"},
	{"another package", func(_ *waivedRelease, w *SignedWaiver) {
		w.Scope = evidence.Scope{Package: strings.Repeat("e", 64)}
	}, "for deployment package eeeeeeeeeeee"},
	{"no scope", func(_ *waivedRelease, w *SignedWaiver) { w.Scope = evidence.Scope{} }, "its scope must be"},
	{"two scopes", func(r *waivedRelease, w *SignedWaiver) {
		w.Scope = evidence.Scope{Package: r.candidate.Package, Base: r.candidate.Base, Tree: r.candidate.Tree}
	}, "its scope must be"},
}

// TestAWaiver checks the effect of a valid waiver. It also checks that each way
// in which a waiver is invalid has its own message and leads to NO-GO.
func TestAWaiver(t *testing.T) {
	t.Parallel()
	for state, broken := range map[State][]string{Fail: {"gofmt"}, Unknown: nil} {
		r := newWaivedRelease()
		r.broken = broken
		statements := r.statements(t)
		if state == Unknown {
			statements = statements[:3] // without lint's statement
		}
		a, err := Evaluate(statements, fixtureNow)
		if err != nil {
			t.Fatal(err)
		}
		if a.Verdict != GoWaivers || a.Waived != 1 || len(a.Waivers) != 1 || a.Waivers[0].Was != state {
			t.Errorf("%s: %s, %+v", state, a.Summary(), a.Waivers)
		}
	}
	r := newWaivedRelease()
	r.signed.Waivers[0].Scope = evidence.Scope{Package: r.candidate.Package}
	if a := r.assess(t); a.Verdict != GoWaivers {
		t.Errorf("a waiver for the package: %s, %+v", a.Summary(), a.Waivers)
	}
	for _, tt := range spoilers {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newWaivedRelease()
			tt.spoil(&r, &r.signed.Waivers[0])
			a := r.assess(t)
			if refused := a.RefusedWaivers(); a.Verdict != NoGo || a.Waived != 0 || len(refused) != 1 || !strings.Contains(refused[0].Refused, tt.says) {
				t.Errorf("%s, %+v; want NO-GO and %q", a.Summary(), a.Waivers, tt.says)
			}
		})
	}
}

// TestNoSpoiltWaiverHolds checks that two faults of a waiver do not cancel each
// other out.
func TestNoSpoiltWaiverHolds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := newWaivedRelease()
		names := ""
		for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, len(spoilers)-1), 1, 5, rapid.ID).Draw(t, "spoilers") {
			names += spoilers[i].name + "; "
			spoilers[i].spoil(&r, &r.signed.Waivers[0])
		}
		a := r.assess(t)
		if a.Verdict != NoGo || a.Waived != 0 {
			t.Errorf("%s: %s, %+v", names, a.Summary(), a.Waivers)
		}
	})
}

func TestWaiversTogether(t *testing.T) {
	t.Parallel()
	r := newWaivedRelease()
	expired := r.signed.Waivers[0]
	expired.FinishedOn, expired.Expires = expired.FinishedOn.Add(-48*time.Hour), fixtureNow.Add(-time.Hour)
	r.signed.Waivers = append(r.signed.Waivers, expired)
	if a := r.assess(t); a.Verdict != GoWaivers || len(a.Waivers) != 1 {
		t.Errorf("one that has expired, with a newer one: %s, %+v", a.Summary(), a.Waivers)
	}
	r.signed.RefusedWaivers = []string{"in the name of Bo: " + evidence.ErrEdited.Error()}
	a := r.assess(t)
	if a.Verdict != NoGo || a.Waived != 1 {
		t.Errorf("one that was edited, with a good one: %s, %+v", a.Summary(), a.Waivers)
	}
	var table, page bytes.Buffer
	a.WriteTable(&table)
	if err := a.WritePage(&page, r.statements(t)); err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(table.String(), "\n"+string(CodeReview))
	for _, want := range []string{"2 waivers: 1 valid, 1 refused", "coding-standards", "was FAIL; signed by Bo, until 2026-12-24 11:00 UTC, owner Cy: a fault of the linter", "not what was signed"} {
		if !strings.Contains(strings.Join(strings.Fields(head), " "), want) {
			t.Errorf("the head of the table lacks %q:\n%s", want, head)
		}
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if !strings.Contains(head, "WAIVED") || !strings.Contains(head, "REFUSED") || !strings.Contains(page.String(), `</span> WAIVED</span>`) || !strings.Contains(page.String(), `</span> REFUSED</span>`) {
		t.Errorf("the states of the waivers are not shown:\n%s", head)
	}
	if !strings.Contains(head, a.MendWaivers()) {
		t.Errorf("the head of the table does not say what to type:\n%s", head)
	}

	r = newWaivedRelease()
	r.policy.Rehearsal = Rehearsal{Account: agreed.RehearsalAccount, Tolerates: []string{"coding-standards"}}
	r.candidate.Account = agreed.RehearsalAccount
	r.broken = nil
	statements := r.statements(t)[:3] // without lint's statement
	if a, err := Evaluate(statements, fixtureNow); err != nil || a.Verdict != GoRehearsal || a.Waived != 1 || a.Tolerated != 0 {
		t.Errorf("waived and tolerated: %s, %v", a.Summary(), err)
	}
}

// TestWhatNobodyMayWaive checks the list: the artifact's digest, signatures,
// secrets, and who judges.
func TestWhatNobodyMayWaive(t *testing.T) {
	t.Parallel()
	var never []string
	for _, c := range Checks() {
		if c.Never {
			never = append(never, c.ID)
		}
	}
	if got := strings.Join(never, " "); got != "judge secrets synthesized" {
		t.Errorf("never waived: %s", got)
	}
}
