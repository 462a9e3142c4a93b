package readiness

import (
	"fmt"

	"github.com/magewright/magewright/tools/evidence"
)

func testsPass() Check {
	return Check{
		ID:    "tests-pass",
		Item:  Testing,
		Title: "All tests pass",
		Doc: `Every test of every package passed, according to go test -json, not to an exit code. A
run that did not finish, or in which no test passed, fails. Skipped tests are counted,
but prove nothing. What the build of the candidate says is a claim. Only it can run the
tests, but the judge counts in the sources how many tests each package has: a package in
which fewer ran fails.`,
		Inputs: []evidence.Predicate{evidence.Tests{}, Recheck{}},
		Next:   "go tool mage test",
		Decide: func(in Inputs) Result {
			tests := read(in, &evidence.Tests{})
			counted := fmt.Sprintf("%d passed, %d failed, %d skipped in %s", tests.Passed, len(tests.FailedTests), tests.Skipped, count(tests.Packages, "package"))
			switch {
			case len(tests.FailedTests) > 0:
				return Failed(counted, tests.FailedTests...)
			case tests.Problem != "":
				return Failed(counted, tests.Problem)
			case tests.Passed == 0:
				return Failed(counted, "no test passed, so nothing is proven")
			case tests.Result != evidence.TestsPassed:
				return Undecided("the result is %q and no test failed", tests.Result)
			}
			again, claimed, reason := in.again()
			if reason != "" {
				return Undecided("%s", reason)
			}
			if findings := missingTests(*tests, again.Declared); !claimed && len(findings) > 0 {
				return Failed(counted, findings...)
			}
			return Passed("%s%s", counted, origin(tests.Reused))
		},
	}
}
