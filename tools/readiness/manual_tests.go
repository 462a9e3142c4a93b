package readiness

import (
	"fmt"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
)

// manualTests checks that somebody who is not an author has tried the release manually.
func manualTests() Check {
	return Check{
		ID: "manual-tests", Item: PreProduction,
		Title: "Somebody who is not an author has tried this release by hand",
		Doc: `At least one person whom the policy names has signed a manual test of this tree, and
of this deployment package if the record names one. The signing key identifies the
person, never git. The e-mail addresses of the range's authors, co-authors and
committers only exclude people.`,
		Inputs: []evidence.Predicate{Attestations{}},
		Next:   `go tool mage attest -what="..."`,
		Decide: func(in Inputs) Result {
			signed := read(in, &Attestations{})
			var tests, by, findings []string
			for _, a := range signed.Attestations {
				if a.Kind != evidence.ManualTest {
					continue
				}
				tests = append(tests, a.By)
				person, named := in.Policy.Named(a.By)
				switch address := person.Wrote(in.Candidate); {
				case !named:
					findings = append(findings, fmt.Sprintf("the policy does not name %s", a.By))
				case address != "":
					findings = append(findings, fmt.Sprintf("%s tried it, but is an author of the change (%s)", a.By, address))
				default:
					by = append(by, fmt.Sprintf("%s: %s", a.By, a.what()))
				}
			}
			// doubts lists why there may be more than was found, for when
			// nothing counts.
			var doubts []string
			if n := len(signed.Refused); n > 0 {
				doubts = append(doubts, fmt.Sprintf("%s refused: %s", count(n, "record"), strings.Join(signed.Refused, "; ")))
			}
			if signed.Problem != "" {
				doubts = append(doubts, signed.Problem)
			}
			counted := fmt.Sprintf("%s, %d by others than the authors", count(len(tests), "manual test"), len(by))
			switch {
			case len(tests) == 0:
				r := Undecided("%s", strings.Join(slices.Concat([]string{"nobody has signed a manual test of this tree"}, doubts), "; "))
				r.Counted = counted
				return r
			case !in.Candidate.AuthorsKnown():
				r := Undecided("the authors of the change are unknown, as in a shallow clone")
				r.Counted, r.Next = counted, "git fetch --unshallow"
				return r
			case len(by) == 0:
				return Failed(counted, findings...)
			}
			r := Passed("%s; %s", counted, strings.Join(by, "; "))
			r.NotChecked = strings.Join(slices.Concat([]string{"Whether the right things were tried. An author who commits under an address that is missing from the policy."}, doubts), " ")
			return r
		},
	}
}

// what returns what was tried, and with which package.
func (a Attested) what() string {
	if a.Package == "" {
		return fmt.Sprintf("%q, for no particular package", a.What)
	}
	return fmt.Sprintf("%q, for package %.12s", a.What, a.Package)
}
