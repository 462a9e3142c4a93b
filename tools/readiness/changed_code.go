package readiness

import (
	"fmt"
	"strings"

	"github.com/magewright/magewright/tools/check/patchcover"
	"github.com/magewright/magewright/tools/evidence"
)

// A ChangedCode says which statements differ from the base, and which of them
// tests run. Its Reports are those that it was read from, the coverage profile
// and the digests of the sources that were tested.
type ChangedCode struct {
	evidence.Made
	Base string `json:"base,omitempty"` // that it was compared with; "" for none
	patchcover.Result
}

// PredicateType implements [evidence.Predicate].
func (ChangedCode) PredicateType() string { return base + "changed-code/v1" }

func changedCode() Check {
	return Check{
		ID:    "changed-code",
		Item:  Testing,
		Title: "Tests run all code that changed",
		Doc: `Each statement that was added or modified since the base is run by a test, or by
the deployed function that a test drives. Statements are those of the syntax
tree; an if, a for or a switch is changed where its header is, a case counts as
one. A statement is covered where the block of the profile that holds its
beginning, by line and column, was run. Files that no test was built with are
not covered. Moved code is counted apart, generated code (by Go's header) left
out. A comment "` + patchcover.Ignore + ` REASON" in the line of a statement or
alone in the line before it waives it; coverageWaivers of the policy caps them,
and coverage is the percentage that is asked for, 100 where it is not set. As few
uncovered statements as coverageAllowance says pass whatever their share, for a
percentage of three statements says nothing. That a statement was run does not say that a test would notice if it were wrong.
See https://go.dev/doc/build-cover.`,
		Inputs: []evidence.Predicate{ChangedCode{}, evidence.Tests{}},
		Next:   "go tool cover -html=.magewright/coverage.out",
		Decide: decideChangedCode,
	}
}

func decideChangedCode(in Inputs) Result {
	code, tests := read(in, &ChangedCode{}), read(in, &evidence.Tests{})
	for _, report := range []string{"coverage.out", "sources.json"} {
		if tests.Reports[report] == "" || code.Reports[report] != tests.Reports[report] {
			return again("what changed was not compared with the %s of these tests", report)
		}
	}
	switch {
	case code.Base != in.Candidate.Base:
		return Undecided("it was compared with %.12s, not with the base %.12s", code.Base, in.Candidate.Base)
	case tests.Result != evidence.TestsPassed:
		return again("the tests did not pass, and what tests that fail have run proves nothing")
	case len(tests.Incomplete) > 0:
		return again("instrumented programs died before they said what they had run: %s", strings.Join(tests.Incomplete, ", "))
	case code.Covered+len(code.Uncovered)+len(code.Waived) != code.Statements:
		return Undecided("%d covered, %d uncovered and %d waived statements are not the %d that changed", code.Covered, len(code.Uncovered), len(code.Waived), code.Statements)
	case code.Statements == 0:
		r := Inapplicable("no statement differs from the base in %s that changed%s", count(code.Files, "Go file"), code.aside())
		r.NotChecked = code.leftOut()
		return r
	}
	counted := fmt.Sprintf("%d of %s covered, %d waived (%d allowed)%s", code.Covered, count(code.Statements, "changed statement"),
		len(code.Waived), in.Policy.CoverageWaivers, code.aside())
	var findings []string
	if share := 100 * float64(code.Statements-len(code.Uncovered)) / float64(code.Statements); share < in.Policy.Threshold() && len(code.Uncovered) > in.Policy.CoverageAllowance {
		findings = append(findings, code.Uncovered...)
	}
	if len(code.Waived) > in.Policy.CoverageWaivers {
		for _, w := range code.Waived {
			findings = append(findings, "waived beyond what the policy allows: "+w)
		}
	}
	for _, place := range code.Mute {
		findings = append(findings, place+": the waiver has no reason")
	}
	r := Passed("%s", counted)
	if len(findings) > 0 {
		r = Failed(counted, findings...)
	}
	r.NotChecked = code.leftOut()
	return r
}

// again is Undecided where the tests must run again.
func again(format string, args ...any) Result {
	r := Undecided(format, args...)
	r.Next = "go tool mage test"
	return r
}

// aside is what is counted apart.
func (c ChangedCode) aside() string {
	var b strings.Builder
	if c.Moved > 0 {
		_, _ = fmt.Fprintf(&b, "; %d of %s covered", c.MovedCovered, count(c.Moved, "moved statement"))
	}
	if n := len(c.DeletedTests); n > 0 {
		_, _ = fmt.Fprintf(&b, "; %s deleted: %s", count(n, "test"), strings.Join(c.DeletedTests, ", "))
	}
	return b.String()
}

// leftOut is what could be wrong all the same.
func (c ChangedCode) leftOut() string {
	parts := []string{"what was only removed; declarations outside of functions; dependencies, and what is not Go; what the tests assert"}
	for _, list := range []struct {
		name  string
		items []string
	}{
		{"run by no test", c.Uncovered},
		{"waived", c.Waived},
		{"generated", c.Generated},
		{"generated since this change and counted", c.Flagged},
		{"the tests' own programs", c.TestSupport},
	} {
		const most = 20
		if n := len(list.items); n > most {
			list.items = append(list.items[:most:most], fmt.Sprintf("and %d more", n-most))
		}
		if len(list.items) > 0 {
			parts = append(parts, list.name+": "+strings.Join(list.items, ", "))
		}
	}
	return strings.Join(parts, "; ")
}
