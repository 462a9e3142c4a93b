package readiness

import (
	"fmt"
	"strings"

	"github.com/magewright/magewright/tools/check/patchcover"
	"github.com/magewright/magewright/tools/evidence"
)

// A ChangedCode says which statements differ from the base, and which of them
// the tests cover. Its Reports are what it was read from: the coverage profile,
// and the digests of the tested sources.
type ChangedCode struct {
	evidence.Made
	Base string `json:"base,omitempty"` // the base it was compared with; "" for none
	// Impossible says what the profile has that the commit's sources can't have.
	Impossible []string `json:"impossible,omitempty"`
	patchcover.Result
}

// PredicateType implements [evidence.Predicate].
func (ChangedCode) PredicateType() string { return base + "changed-code/v1" }

func changedCode() Check {
	return Check{
		ID:    "changed-code",
		Item:  Testing,
		Title: "Tests cover all code that changed",
		Doc: `Tests must cover at least "coverage" percent of the statements that were added or
modified since the base; the policy sets "coverage", which is 100 by default. A test
covers a statement if it runs the statement, in its own program or in the deployed
function that it drives. Up to "coverageAllowance" uncovered statements are always
accepted, because a percentage of a few statements says little.
Statements are those of the syntax tree. An if, a for or a switch has changed if its
header has; a case counts as one statement. A statement is covered if the profile's
block that contains its beginning, by line and column, was run. Files that were not
built into any test are not covered. Moved code is counted separately; generated code
(by Go's header) is left out. A comment "` + patchcover.Ignore + ` REASON" on the line of a
statement, or alone on the line before, waives that statement. The policy's
coverageWaivers limits the number of such waivers. The profile is written by the
change's own code. One that speaks of files, places or numbers of statements which the
commit's sources don't have fails; one that says of a statement that it ran is believed. Running a statement does not mean
that a test would notice a mistake in it.
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
			return again("the change was not compared with the %s of these tests", report)
		}
	}
	switch {
	case code.Base != in.Candidate.Base:
		return Undecided("it was compared with %.12s, not with the base %.12s", code.Base, in.Candidate.Base)
	case tests.Result != evidence.TestsPassed:
		return again("the tests did not pass, and the coverage of failing tests proves nothing")
	case len(code.Impossible) > 0:
		return Failed("a profile that is not of these sources", code.Impossible...)
	case len(tests.Incomplete) > 0:
		return again("instrumented programs ended before they reported their coverage: %s", strings.Join(tests.Incomplete, ", "))
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
			findings = append(findings, "exceeds the waivers that the policy allows: "+w)
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

// again is Undecided for cases in which the tests must run again.
func again(format string, args ...any) Result {
	r := Undecided(format, args...)
	r.Next = "go tool mage test"
	return r
}

// aside describes what is counted separately.
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

// leftOut describes what could still be wrong.
func (c ChangedCode) leftOut() string {
	parts := []string{"code that was only removed; declarations outside functions; dependencies and files that are not Go; what the tests assert"}
	for _, list := range []struct {
		name  string
		items []string
	}{
		{"not covered by any test", c.Uncovered},
		{"waived", c.Waived},
		{"generated", c.Generated},
		{"generated since this change and counted", c.Flagged},
		{"the tests' own programs", c.TestSupport},
		{"vendored", c.Vendored},
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
