// Package readiness decides from evidence whether a release may go to
// production. What it decides depends on the statements it is given and on
// nothing else: the same bundle gives the same verdict anywhere.
package readiness

import (
	"fmt"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/evidence"
)

// A State is what a check has found.
type State string

// The states of a check. What was not run, failed to run, is stale or empty is
// Unknown, never Pass. NotApplicable needs a proof, in Reason.
const (
	Pass          State = "PASS"
	Fail          State = "FAIL"
	Unknown       State = "UNKNOWN"
	NotApplicable State = "NOT_APPLICABLE"
	Waived        State = "WAIVED"
)

// An Item is one of the seven points of the checklist.
type Item string

// The points of the checklist, in its order.
const (
	CodeReview     Item = "Code review"
	Testing        Item = "Automated testing"
	Security       Item = "Security"
	Infrastructure Item = "Infrastructure as code"
	Rollback       Item = "Rollback"
	Documentation  Item = "Documentation and communication"
	PreProduction  Item = "Pre-production"
)

// items are the points of the checklist, in its order. An item that no check
// decides is shown all the same.
var items = []Item{CodeReview, Testing, Security, Infrastructure, Rollback, Documentation, PreProduction}

// A Check decides one question of the checklist. Its file has its name: tests-pass
// is in tests_pass.go. Only plan is in plan_sent.go, and the checks of one scanner
// each are together in scans.go. In testdata/<id>.yml is a fixture for each of the
// states that it can reach; the type fixture in fixtures_test.go says how to write
// one.
type Check struct {
	ID    string // lower case with hyphens
	Item  Item
	Title string // what is so where it passes
	// Doc says the rule, its source, and what it does not see.
	Doc string
	// Inputs are predicates that it can't decide without. Where one is missing,
	// of another commit or too old, the check is UNKNOWN and is not asked.
	Inputs []evidence.Predicate
	// Never says that nobody may waive it.
	Never bool
	// Next is the command that makes what is missing, or shows what is wrong.
	Next   string
	Decide func(Inputs) Result
}

// A Result is the answer of a check.
type Result struct {
	State   State  `json:"state"`
	Counted string `json:"counted"` // the denominator: what was looked at
	// Reason is why it is not PASS, or the proof of NOT_APPLICABLE.
	Reason string `json:"reason,omitempty"`
	// Findings are what is wrong, each with its place.
	Findings []string `json:"findings,omitempty"`
	Next     string   `json:"next,omitempty"`
	// NotChecked is what could be wrong all the same.
	NotChecked string `json:"notChecked,omitempty"`
}

// Inputs are what checks decide from.
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

// Passed returns a Pass that says what was looked at.
func Passed(format string, args ...any) Result {
	return Result{State: Pass, Counted: fmt.Sprintf(format, args...)}
}

// Failed returns a Fail with what was looked at and what is wrong.
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

// read is Read for a check whose input is known to be there.
func read[P evidence.Predicate](in Inputs, p P) P {
	if err := in.Read(p); err != nil {
		panic(err) // Decide is not asked before its inputs were read once
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
