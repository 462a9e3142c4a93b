package readiness

import (
	"fmt"

	"github.com/magewright/magewright/tools/evidence"
)

// broadening: nobody may do more than before, and nothing is reached from
// where it was not.
func broadening() Check {
	return Check{
		ID: "broadening", Item: Infrastructure,
		Title: "No permission and no network path is new or wider than deployed",
		Doc: `Every policy document in the templates of production and the pipeline (identity,
trust, bucket, topic, key and all others), managed policies, boundaries, function
permissions and URLs, public access blocks and networks are taken apart into single
grants. A grant that no deployed one covers, and a denial that is gone, is a finding,
and needs a waiver. A condition, NotAction or security group rule that is not the same
counts as wider, as none of them is interpreted.`,
		Inputs: []evidence.Predicate{Assembly{}, Deployed{}},
		Next:   "narrow the grants in infra, or waive the check with a reason",
		Decide: func(in Inputs) Result {
			d, why, ok := stackDiff(in, productionStack)
			if !ok {
				return why
			}
			var findings, undecided []string
			compared, resources := 0, 0
			look := func(stack string, d templateDiff) {
				for _, section := range d.sections() {
					undecided = append(undecided, fmt.Sprintf("%s of %s differ, and grants that depend on them can't be told", section, stack))
				}
				after := d.after.grants()
				compared += len(after)
				resources += len(d.after.Resources)
				for _, wider := range broadened(d.before.grants(), after) {
					findings = append(findings, stack+": "+wider)
				}
			}
			look(productionStack, d)
			notChecked := "What managed policies of AWS allow, and changes to the pipeline that its Update stage has made already."
			switch d, why, ok := stackDiff(in, pipelineStack); {
			case ok:
				look(pipelineStack, d)
			case why.State == NotApplicable:
				notChecked += " " + why.Reason + "."
			default:
				undecided = append(undecided, why.Reason)
			}
			if compared == 0 {
				undecided = append(undecided, "no grant was found")
			}
			return concluded(fmt.Sprintf("%s in %s", count(compared, "grant"), count(resources, "resource")), findings, undecided, notChecked)
		},
	}
}
