package readiness

import (
	"fmt"

	"github.com/magewright/magewright/tools/evidence"
)

// broadening checks that nobody may do more than before, and that nothing can
// be reached from new places.
func broadening() Check {
	return Check{
		ID: "broadening", Item: Infrastructure,
		Title: "No permission or network path is new or wider than what is deployed",
		Doc: `The check splits every policy in the templates of production and the pipeline into
single grants: policy documents (identity, trust, bucket, topic, key and all others),
managed policies, boundaries, function permissions and URLs, public access blocks and
networks. A grant that no deployed grant covers is a finding, and so is a denial that
was removed; both need a waiver. The check does not interpret conditions, NotAction
and security group rules, so any difference in them counts as wider.`,
		Inputs: []evidence.Predicate{Assembly{}, Deployed{}},
		Next:   "narrow the grants in infra, or waive the check with a reason",
		Decide: func(in Inputs) Result {
			var findings, undecided []string
			compared, resources := 0, 0
			look := func(stack string, d templateDiff) string {
				for _, section := range d.sections() {
					undecided = append(undecided, fmt.Sprintf("%s of %s differ, so grants that depend on them are unknown", section, stack))
				}
				after := d.after.grants()
				compared += len(after)
				resources += len(d.after.Resources)
				for _, wider := range broadened(d.before.grants(), after) {
					findings = append(findings, stack+": "+wider)
				}
				return stack
			}
			if _, why, ok := eachOfProduction(in, look); !ok {
				return why
			}
			notChecked := "What AWS's managed policies allow, and changes to the pipeline that its Update stage has already made."
			pipeline := read(in, &Assembly{}).pipeline()
			switch d, why, ok := stackDiff(in, pipeline); {
			case pipeline == unnamed:
				notChecked += " The assembly has no pipeline."
			case ok:
				look(pipeline, d)
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
