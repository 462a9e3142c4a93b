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
to any of its resources. Suppressions are counted; their reasons are in the code. The
reports are written by the candidate's own CDK app, so in the pipeline the judge applies
its own cdk-nag to the templates, which have the suppressions. A report that says
otherwise fails; one of another version of cdk-nag is not compared. The app of a
repository that adopts Magewright has a cdk-nag of its own, whose reports are believed.
Source: https://github.com/cdklabs/cdk-nag.`,
		Inputs: []evidence.Predicate{Judge{}, Assembly{}},
		Next:   "go tool mage synth",
		Decide: func(in Inputs) Result {
			a := read(in, &Assembly{})
			var findings, undecided []string
			for _, e := range a.NagErrors {
				findings = append(findings, e.Path+": "+strings.TrimSpace(e.Text))
			}
			again, notChecked := a.NagAgain, "Resource types that no rule covers, and whether the reason for a suppression is true."
			var judge Judge
			switch {
			case again == nil && (in.Read(&judge) != nil || !judge.Outside):
				undecided = append(undecided, "the judge has not applied cdk-nag itself")
			case again == nil || again.Own:
			case again.Reason != "":
				undecided = append(undecided, "the judge could not apply cdk-nag itself: "+again.Reason)
			default:
				for _, broken := range again.Broken {
					findings = append(findings, "the judge has found: "+broken)
				}
				findings = append(findings, again.Differ...)
				if again.Version != again.Claimed {
					notChecked += fmt.Sprintf(" The reports were not compared: the candidate has cdk-nag %s, and the judge %s.", again.Claimed, again.Version)
				}
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
				findings, undecided, notChecked)
			if resources == 0 && r.State == Unknown {
				r.Next = "add the aspect AwsSolutionsChecks of cdk-nag to the CDK app, then go tool mage synth"
			}
			return r
		},
	}
}
