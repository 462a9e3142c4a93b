package readiness

import (
	"fmt"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
)

// drift checks that nobody changed deployed resources manually.
func drift() Check {
	return Check{
		ID: "drift", Item: Infrastructure,
		Title: "What is deployed is what its templates say",
		Doc: `CloudFormation's drift detection finds no drift in any deployed stack. After a manual
change, the difference that was reviewed is not the one that is deployed. Resources
that CloudFormation can't compare are counted. Source:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html.`,
		Inputs: []evidence.Predicate{Assembly{}, Deployed{}},
		Next:   "aws cloudformation detect-stack-drift --stack-name STACK",
		Decide: func(in Inputs) Result {
			assembly := read(in, &Assembly{})
			if _, why, ok := stackDiff(in, assembly.last()); !ok {
				return why
			}
			deployed := read(in, &Deployed{})
			var findings, undecided, unchecked []string
			stacks, checked, refused := 0, 0, false
			for _, name := range assembly.Manifest.Stacks() {
				stack, ok := deployed.Stacks[name]
				if !ok {
					undecided = append(undecided, "CloudFormation was not asked for "+name)
					continue
				}
				if stack.Absent != "" {
					continue
				}
				stacks++
				checked += stack.Drift.Checked
				refused = refused || stack.Drift.Refused
				for _, id := range stack.Drift.Unchecked {
					unchecked = append(unchecked, name+" "+id)
				}
				for _, id := range stack.Drift.Drifted {
					findings = append(findings, name+": "+id)
				}
				switch d := stack.Drift; {
				case d.Reason != "":
					undecided = append(undecided, name+": "+d.Reason)
				case d.Status == "DRIFTED" && len(d.Drifted) == 0:
					findings = append(findings, name+" has drifted")
				case d.Status != "DRIFTED" && d.Status != "IN_SYNC":
					undecided = append(undecided, fmt.Sprintf("%s: the drift's status is %q", name, d.Status))
				case d.Checked == 0:
					undecided = append(undecided, name+": no resource was compared")
				}
			}
			notChecked := ""
			if len(unchecked) > 0 {
				notChecked = "Resources that CloudFormation can't compare: " + strings.Join(unchecked, ", ")
			}
			r := concluded(fmt.Sprintf("%s, %s compared, %d unchecked", count(stacks, "stack"), count(checked, "resource"), len(unchecked)), findings, undecided, notChecked)
			r.Refused = r.State == Unknown && refused
			return r
		},
	}
}
