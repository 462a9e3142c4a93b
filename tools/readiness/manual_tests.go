package readiness

import (
	"fmt"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
)

// manualTests: somebody else than the authors has tried the release by hand.
func manualTests() Check {
	return Check{
		ID: "manual-tests", Item: PreProduction,
		Title: "Somebody who is not an author has tried this release by hand",
		Doc: `At least one person whom the policy names has signed a manual test of this tree,
and of this deployment package where the record names one. A person is known by the key
that signed, never by what git says; the e-mail addresses of the range's authors, co-authors
and committers only exclude.`,
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
					findings = append(findings, fmt.Sprintf("%s is nobody whom the policy names", a.By))
				case address != "":
					findings = append(findings, fmt.Sprintf("%s tried it and is an author of it (%s)", a.By, address))
				default:
					by = append(by, fmt.Sprintf("%s: %s", a.By, a.what()))
				}
			}
			// What else there may be, where nothing counts.
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
				r := Undecided("who wrote the change can't be told, as in a shallow clone")
				r.Counted, r.Next = counted, "git fetch --unshallow"
				return r
			case len(by) == 0:
				return Failed(counted, findings...)
			}
			r := Passed("%s; %s", counted, strings.Join(by, "; "))
			r.NotChecked = strings.Join(slices.Concat([]string{"Whether what was tried is what matters. An author who commits under an address that the policy lacks."}, doubts), " ")
			return r
		},
	}
}

// what says what was tried, and of which package.
func (a Attested) what() string {
	if a.Package == "" {
		return fmt.Sprintf("%q, of no package in particular", a.What)
	}
	return fmt.Sprintf("%q, of package %.12s", a.What, a.Package)
}
