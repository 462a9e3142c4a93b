package readiness

import (
	"fmt"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
)

// nag checks that no rule of the AWS Solutions pack is broken.
func nag() Check {
	return Check{
		ID: "nag", Item: Infrastructure,
		Title: "No stack breaks a rule of the AWS Solutions pack",
		Doc: `The check reads cdk-nag's report on each stack, and the errors in the assembly's
metadata. A stack does not count as checked if it has no report, or if no rule applied
to any of its resources. Suppressions are counted; their reasons are in the code.
Source: https://github.com/cdklabs/cdk-nag.`,
		Inputs: []evidence.Predicate{Assembly{}},
		Next:   "go tool mage synth",
		Decide: func(in Inputs) Result {
			a := read(in, &Assembly{})
			var findings, undecided []string
			for _, e := range a.NagErrors {
				findings = append(findings, e.Path+": "+strings.TrimSpace(e.Text))
			}
			var resources, compliant, suppressed int
			for _, name := range a.Manifest.Stacks() {
				report := a.Stacks[name].Nag
				if report == nil || report.Resources == 0 {
					undecided = append(undecided, name+" has no report of cdk-nag")
					continue
				}
				resources += report.Resources
				compliant += report.Compliant
				suppressed += report.Suppressed
				for _, broken := range report.NonCompliant {
					findings = append(findings, name+": "+broken)
				}
				for _, broken := range report.Errored {
					undecided = append(undecided, fmt.Sprintf("%s: the rule failed to run: %s", name, broken))
				}
			}
			r := concluded(fmt.Sprintf("%s, %s kept, %s", count(resources, "resource"), count(compliant, "rule"), count(suppressed, "suppression")),
				findings, undecided, "Resource types that no rule covers, and whether the reason for a suppression is true.")
			if resources == 0 && r.State == Unknown {
				r.Next = "add the aspect AwsSolutionsChecks of cdk-nag to the CDK app, then go tool mage synth"
			}
			return r
		},
	}
}
