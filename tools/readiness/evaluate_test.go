package readiness

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project/agreed"
)

// probe is evidence for a test.
type probe struct {
	evidence.Made
	Good bool `json:"good"`
}

func (probe) PredicateType() string { return base + "probe/v1" }

func newProbe() Check {
	return Check{ID: "probe", Item: Testing, Title: "The probe is good", Next: "probe", Inputs: []evidence.Predicate{probe{}},
		Decide: func(in Inputs) Result {
			if read(in, &probe{}).Good {
				return Passed("1 probe")
			}
			return Failed("1 probe", "the probe is bad")
		}}
}

func statement(t *testing.T, commit string, p evidence.Predicate) evidence.Statement {
	t.Helper()
	s, err := evidence.NewStatement(commit, "", p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestWhatCannotBeUsedIsUnknown checks that evidence that is missing, for
// something else, unfinished or old never lets a check pass.
func TestWhatCannotBeUsedIsUnknown(t *testing.T) {
	t.Parallel()
	commit := strings.Repeat("c", 40)
	in := Inputs{Candidate: Candidate{Commit: commit, Package: "aa"}, Policy: Policy{MaxAge: Duration(time.Hour)}, Now: fixtureNow}
	made := func(ago time.Duration) probe {
		return probe{Made: evidence.Made{FinishedOn: fixtureNow.Add(-ago)}, Good: true}
	}
	dirty := made(0)
	dirty.Dirty = true
	other := statement(t, commit, made(0))
	other.Subject = append(other.Subject, evidence.Subject{Name: "app.zip", Digest: map[string]string{evidence.SHA256: "bb"}})
	garbled := statement(t, commit, made(0))
	garbled.Predicate = json.RawMessage(`{"finishedOn":"2026-11-24T12:00:00Z","good":true,"extra":1}`)
	for _, tt := range []struct {
		name       string
		statements []evidence.Statement
		state      State
		reason     string
	}{
		{"good evidence", []evidence.Statement{statement(t, commit, made(0))}, Pass, ""},
		{"none", nil, Unknown, "there is no evidence"},
		{"why there is none", []evidence.Statement{statement(t, commit, Absence{Of: probe{}.PredicateType(), Reason: "out of reach"})}, Unknown, "out of reach"},
		{"another commit", []evidence.Statement{statement(t, strings.Repeat("d", 40), made(0))}, Unknown, "for commit dddd"},
		{"another package", []evidence.Statement{other}, Unknown, "another deployment package"},
		{"uncommitted files", []evidence.Statement{statement(t, commit, dirty)}, Unknown, "not committed"},
		{"too old", []evidence.Statement{statement(t, commit, made(2*time.Hour))}, Unknown, "older than 1h"},
		{"time in the future", []evidence.Statement{statement(t, commit, made(-time.Minute))}, Unknown, "time in the future"},
		{"no time", []evidence.Statement{statement(t, commit, probe{Good: true})}, Unknown, "when it was made"},
		{"two of them", []evidence.Statement{statement(t, commit, made(0)), statement(t, commit, made(0))}, Unknown, "2 statements"},
		{"a field that nobody knows", []evidence.Statement{garbled}, Unknown, "unknown field"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := in
			in.Statements = tt.statements
			if got := in.decide(newProbe()); got.State != tt.state || !strings.Contains(got.Reason, tt.reason) {
				t.Errorf("got %+v, want %s with %q", got, tt.state, tt.reason)
			}
		})
	}
	silent := newProbe()
	silent.Decide = func(Inputs) Result { return Result{State: Pass} }
	in.Statements = []evidence.Statement{statement(t, commit, made(0))}
	if got := in.decide(silent); got.State != Unknown {
		t.Errorf("a check that looked at nothing gives %+v", got)
	}
}

// TestVerdict checks how outcomes lead to a verdict.
func TestVerdict(t *testing.T) {
	t.Parallel()
	outcome := func(id string, s State) Outcome { return Outcome{ID: id, Required: true, Result: Result{State: s}} }
	for _, tt := range []struct {
		name      string
		outcomes  []Outcome
		rehearsal bool
		want      string
	}{
		{"all pass", []Outcome{outcome("a", Pass), outcome("b", NotApplicable)}, false, Go},
		{"one waived", []Outcome{outcome("a", Pass), outcome("b", Waived)}, false, GoWaivers},
		{"one unknown", []Outcome{outcome("a", Pass), outcome("b", Unknown)}, false, NoGo},
		{"one failed", []Outcome{outcome("a", Fail)}, false, NoGo},
		{"failed but not required", []Outcome{outcome("a", Pass), {ID: "b", Result: Result{State: Fail}}}, false, Go},
		{"nothing is required", []Outcome{{ID: "b", Result: Result{State: Pass}}}, false, NoGo},
		{"no outcome", nil, false, NoGo},
		{"a rehearsal", []Outcome{outcome("a", Pass)}, true, GoRehearsal},
		{"tolerated in a rehearsal", []Outcome{{ID: "a", Required: true, Tolerated: true, Result: Result{State: Unknown}}}, true, GoRehearsal},
		{"failed in a rehearsal", []Outcome{outcome("a", Fail)}, true, NoGo},
	} {
		if got := (Assessment{Outcomes: tt.outcomes}).verdict(tt.rehearsal); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestEvaluateNeedsCandidateAndPolicy(t *testing.T) {
	t.Parallel()
	if _, err := Evaluate(nil, fixtureNow); err == nil {
		t.Error("no statements at all gave a verdict")
	}
}

// TestToleranceIsTheRehearsals checks that the policy's rehearsal section has
// no effect in a real account, and that two runs give the same result.
func TestToleranceIsTheRehearsals(t *testing.T) {
	t.Parallel()
	commit := strings.Repeat("c", 40)
	id := Checks()[0].ID
	assess := func(account string) Assessment {
		statements := []evidence.Statement{
			statement(t, commit, Candidate{Made: evidence.Made{FinishedOn: fixtureNow}, Commit: commit, Account: account, BaseIs: "none"}),
			statement(t, commit, PolicyUsed{Made: evidence.Made{FinishedOn: fixtureNow}, From: commit, Policy: Policy{
				Required: []string{id}, MaxAge: Duration(time.Hour), Rehearsal: Rehearsal{Account: agreed.RehearsalAccount, Tolerates: []string{id}},
			}}),
		}
		a, err := Evaluate(statements, fixtureNow)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Evaluate(statements, fixtureNow)
		if err != nil {
			t.Fatal(err)
		}
		var table, page bytes.Buffer
		a.WriteTable(&table)
		if err := a.WritePage(&page, statements); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{a.Verdict, id, commit[:12]} {
			if !strings.Contains(table.String(), want) || !strings.Contains(page.String(), want) {
				t.Errorf("the table or the page lacks %q:\n%s", want, &table)
			}
		}
		if again.Summary() != a.Summary() {
			t.Errorf("the same statements give %q and %q", a.Summary(), again.Summary())
		}
		return a
	}
	if a := assess(agreed.RehearsalAccount); a.Verdict != GoRehearsal || a.Tolerated != 1 {
		t.Errorf("in a rehearsal: %s", a.Summary())
	}
	if a := assess("111122223333"); a.Verdict != NoGo || a.Tolerated != 0 || len(a.Blocking()) != 1 {
		t.Errorf("in a real account: %s", a.Summary())
	}
}
