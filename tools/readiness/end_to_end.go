package readiness

import (
	"fmt"
	"net/http"

	"github.com/magewright/magewright/tools/evidence"
)

// endToEnd checks that the parts, which have tests of their own, were also
// tested as a whole.
func endToEnd() Check {
	return Check{
		ID: "end-to-end", Item: PreProduction,
		Title: "Unit, integration and end-to-end tests ran on this candidate, and none of them is empty",
		Doc: `Two suites ran on this commit. The first is go test, with the unit and integration
tests: it finished and ran at least one test; the check tests-pass decides whether all
passed. The second is the smoke test: it exercised staging, with this package. It made
at least one request that reads, one that writes, and one that must be refused and was.
An invocation of the function does not say whether it reads or writes, so it counts as
both, and one that had to fail counts as a refusal. Asking a stage only for its health
does not test it end to end. The check staging-deployed decides whether the candidate
answered. A rollback drill of this commit is a third suite, and must not have failed; if
there is none, the check says so.`,
		Inputs: []evidence.Predicate{evidence.Tests{}, evidence.Smoke{}},
		Next:   "go tool mage test deploy-staging smoke",
		Decide: func(in Inputs) Result {
			tests, smoke := read(in, &evidence.Tests{}), read(in, &evidence.Smoke{})
			var findings []string
			if tests.Problem != "" {
				findings = append(findings, "go test did not finish: "+tests.Problem)
			}
			ran := tests.Passed + len(tests.FailedTests)
			if ran == 0 {
				findings = append(findings, "go test ran no test")
			}
			if stage := in.firstStage(); smoke.Stage != stage || smoke.Package != in.Candidate.Package {
				findings = append(findings, fmt.Sprintf("the smoke test is for stage %q and package %.12q, not for %s and %.12s", smoke.Stage, smoke.Package, stage, in.Candidate.Package))
			}
			if smoke.Problem != "" {
				findings = append(findings, "the smoke test did not finish: "+smoke.Problem)
			}
			reads, writes, refusals := exercised(smoke.Checks)
			if reads == 0 {
				findings = append(findings, "the smoke test has no request that reads")
			}
			if writes == 0 {
				findings = append(findings, "the smoke test has no request that writes")
			}
			if refusals == 0 {
				findings = append(findings, "the smoke test has no request that must be refused")
			}
			drilled, failures := drillOf(in)
			return concluded(fmt.Sprintf("go test: %s ran in %s; smoke: %s, %s, %s", count(ran, "test"), count(tests.Packages, "package"),
				count(reads, "read"), count(writes, "write"), count(refusals, "refusal")), append(findings, failures...), nil, drilled)
		},
	}
}

// exercised counts the requests that read, that write, and that were refused.
func exercised(checks []evidence.SmokeCheck) (reads, writes, refusals int) {
	for _, check := range checks {
		switch reading := check.Method == http.MethodGet || check.Method == http.MethodHead; {
		case check.Status >= 400 && check.Status < 500:
			refusals++
		case check.Status < 200 || check.Status >= 300 || check.Method == "":
		case check.Method == "INVOKE":
			reads++
			writes++
		case reading:
			reads++
		default:
			writes++
		}
	}
	return reads, writes, refusals
}

// drillOf returns the failures of a rollback drill of the candidate, or says
// why there was no drill. The check rollback-drill decides whether a drill is needed.
func drillOf(in Inputs) (notChecked string, failures []string) {
	var drill Drill
	if reason, _ := in.unusable(drill.PredicateType()); reason != "" {
		return "A rollback: " + reason + ".", nil
	}
	if err := in.Read(&drill); err != nil {
		return "A rollback: " + err.Error() + ".", nil
	}
	if drill.Commit != in.Candidate.Commit {
		return fmt.Sprintf("A rollback of this commit: the drill was for %.12s.", drill.Commit), nil
	}
	for _, failure := range drill.Failures {
		failures = append(failures, "rollback drill: "+failure)
	}
	return "", failures
}
