// Package readiness decides from evidence whether a release may go to
// production. The decision depends only on the given statements: the same
// bundle gives the same verdict anywhere.
package readiness

import (
	"fmt"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/evidence"
)

// A State is the result of a check.
type State string

// The states of a check. A check that was not run, failed to run, or has stale
// or empty evidence is Unknown, never Pass. NotApplicable needs a proof, which
// is in Reason.
const (
	Pass          State = "PASS"
	Fail          State = "FAIL"
	Unknown       State = "UNKNOWN"
	NotApplicable State = "NOT_APPLICABLE"
	Waived        State = "WAIVED"
)

// An Item is one of the seven points of the checklist.
type Item string

// The points of the checklist, in order.
const (
	CodeReview     Item = "Code review"
	Testing        Item = "Automated testing"
	Security       Item = "Security"
	Infrastructure Item = "Infrastructure as code"
	Rollback       Item = "Rollback"
	Documentation  Item = "Documentation and communication"
	PreProduction  Item = "Pre-production"
)

// items lists the points of the checklist, in order. A point that no check
// decides is still shown.
var items = []Item{CodeReview, Testing, Security, Infrastructure, Rollback, Documentation, PreProduction}

// A Check decides one question of the checklist. Its file has the name of the
// check: tests-pass is in tests_pass.go. There are two exceptions: plan is in
// plan_sent.go, and the checks with one scanner each are together in scans.go.
// testdata/<id>.yml has a fixture for each state that the check can reach; the
// type fixture in fixtures_test.go explains how to write one.
type Check struct {
	ID    string // lower case with hyphens
	Item  Item
	Title string // what holds if it passes
	// Doc explains the rule, its source, and what it does not see.
	Doc string
	// Inputs lists the predicates that the check needs. If one is missing, for
	// another commit or too old, the check is UNKNOWN and Decide is not called.
	Inputs []evidence.Predicate
	// Never says that nobody may waive the check.
	Never bool
	// Always says that every policy requires the check if there is evidence for it, or a
	// reason why there is none.
	Always bool
	// StandIn says that the check may stay UNKNOWN in a rehearsal, because whoever
	// answers the approval stands in for the person whom it asks for.
	StandIn bool
	// Next is the command that provides what is missing, or shows what is wrong.
	Next   string
	Decide func(Inputs) Result
}

// A Result is the answer of a check.
type Result struct {
	State   State  `json:"state"`
	Counted string `json:"counted"` // the denominator: what was examined
	// Reason says why it is not PASS. For NOT_APPLICABLE it is the proof.
	Reason string `json:"reason,omitempty"`
	// Findings lists what is wrong, each with its place.
	Findings []string `json:"findings,omitempty"`
	Next     string   `json:"next,omitempty"`
	// Refused says that it is UNKNOWN because AWS has refused to answer the judge.
	// That is no answer which a rehearsal could do without: IAM is the same there.
	Refused bool `json:"refused,omitempty"`
	// NotChecked describes what could still be wrong.
	NotChecked string `json:"notChecked,omitempty"`
}

// Inputs is what checks decide from.
type Inputs struct {
	Candidate  Candidate
	Policy     Policy
	Now        time.Time
	Statements []evidence.Statement
}

// Read decodes the statement of p's type into p.
func (in Inputs) Read(p evidence.Predicate) error {
	for _, s := range in.Statements {
		if s.PredicateType == p.PredicateType() {
			return s.Decode(p)
		}
	}
	return fmt.Errorf("there is no statement of %s", p.PredicateType())
}

// Passed returns a Pass that says what was examined.
func Passed(format string, args ...any) Result {
	return Result{State: Pass, Counted: fmt.Sprintf(format, args...)}
}

// Failed returns a Fail with what was examined and what is wrong.
func Failed(counted string, findings ...string) Result {
	return Result{State: Fail, Counted: counted, Findings: findings, Reason: fmt.Sprintf("%d found", len(findings))}
}

// Undecided returns an Unknown with its reason.
func Undecided(format string, args ...any) Result {
	return Result{State: Unknown, Reason: fmt.Sprintf(format, args...)}
}

// Inapplicable returns a NotApplicable with its proof.
func Inapplicable(format string, args ...any) Result {
	return Result{State: NotApplicable, Reason: fmt.Sprintf(format, args...)}
}

// read is Read for a check whose input is known to exist.
func read[P evidence.Predicate](in Inputs, p P) P {
	if err := in.Read(p); err != nil {
		// Decide is only called after its inputs have been read once.
		panic(err)
	}
	return p
}

// count returns "1 file" or "2 files".
func count(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	if strings.HasSuffix(one, "y") {
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(one, "y"))
	}
	return fmt.Sprintf("%d %ss", n, one)
}
