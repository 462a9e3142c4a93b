package readiness

import (
	"fmt"
	"net/http"

	"github.com/magewright/magewright/tools/evidence"
)

// endToEnd: what was tested apart was also tested whole.
func endToEnd() Check {
	return Check{
		ID: "end-to-end", Item: PreProduction,
		Title: "Unit, integration and end-to-end tests ran on this candidate, and none of them is empty",
		Doc: `Two suites are of this commit. go test, with the unit and integration tests, came
to its end and ran one test at least; whether all passed is tests-pass. The smoke test
went through the public URL of staging, against this package, and made one request at
least that reads, one that writes, and one that must be refused and was: a stage of which
only the health was asked is not tested end to end. That the candidate answered is
staging-deployed. A rollback drill of this commit is a
third suite, and must not have failed; where there is none, that is said.`,
		Inputs: []evidence.Predicate{evidence.Tests{}, evidence.Smoke{}},
		Next:   "go tool mage test deploy-staging smoke",
		Decide: func(in Inputs) Result {
			tests, smoke := read(in, &evidence.Tests{}), read(in, &evidence.Smoke{})
			var findings []string
			if tests.Problem != "" {
				findings = append(findings, "go test did not come to its end: "+tests.Problem)
			}
			ran := tests.Passed + len(tests.FailedTests)
			if ran == 0 {
				findings = append(findings, "go test ran no test")
			}
			if smoke.Stage != "staging" || smoke.Package != in.Candidate.Package {
				findings = append(findings, fmt.Sprintf("the smoke test is of stage %q and package %.12q, not of staging and %.12s", smoke.Stage, smoke.Package, in.Candidate.Package))
			}
			if smoke.Problem != "" {
				findings = append(findings, "the smoke test did not come to its end: "+smoke.Problem)
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

// exercised counts requests that read, that write, and that were refused.
func exercised(checks []evidence.SmokeCheck) (reads, writes, refusals int) {
	for _, check := range checks {
		switch reading := check.Method == http.MethodGet || check.Method == http.MethodHead; {
		case check.Status >= 400 && check.Status < 500:
			refusals++
		case check.Status < 200 || check.Status >= 300 || check.Method == "":
		case reading:
			reads++
		default:
			writes++
		}
	}
	return reads, writes, refusals
}

// drillOf returns what a rollback drill of the candidate found, or says why
// there was none: a drill is wanted, and rollback-drill judges it.
func drillOf(in Inputs) (notChecked string, failures []string) {
	var drill Drill
	if reason, _ := in.unusable(drill.PredicateType()); reason != "" {
		return "A rollback: " + reason + ".", nil
	}
	if err := in.Read(&drill); err != nil {
		return "A rollback: " + err.Error() + ".", nil
	}
	if drill.Commit != in.Candidate.Commit {
		return fmt.Sprintf("A rollback of this commit: the drill was of %.12s.", drill.Commit), nil
	}
	for _, failure := range drill.Failures {
		failures = append(failures, "rollback drill: "+failure)
	}
	return "", failures
}
