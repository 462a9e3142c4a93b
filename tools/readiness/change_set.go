package readiness

import (
	"fmt"
	"math"
	"slices"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/cfnschema"
)

// changeSet checks that the deployment removes no data.
func changeSet() Check {
	return Check{
		ID: "change-set", Item: Infrastructure,
		Title: "The deployment to production removes, replaces or weakens nothing that holds data",
		Doc: `The check compares production's deployed template with the assembly's, resource by
resource. A finding is a resource of a stateful type that is removed or replaced, or
whose DeletionPolicy, UpdateReplacePolicy, retention, versioning or backups are
lowered. A resource is replaced if a property changes that can't be updated, or if
such a property names a resource that is replaced. A type that is in none of the
check's tables is undecided, because it is unknown whether it holds data. Source:
CloudFormation's template reference.`,
		Inputs: []evidence.Predicate{Assembly{}, Deployed{}},
		Next:   "diff the template in cdk.out with aws cloudformation get-template --stack-name STACK",
		Decide: func(in Inputs) Result {
			var findings, undecided []string
			counted, why, ok := eachOfProduction(in, func(stack string, d templateDiff) string {
				lost, open := d.losses()
				findings, undecided = append(findings, lost...), append(undecided, open...)
				return d.summary(stack)
			})
			if !ok {
				return why
			}
			return concluded(counted, findings, undecided,
				"Values that are only known at deployment, such as those of parameters; CloudFormation's own change set has them.")
		},
	}
}

// losses returns what a deployment removes from resources that hold data, and
// what is unknown.
func (d templateDiff) losses() (findings, undecided []string) {
	for _, section := range d.sections() {
		undecided = append(undecided, section+" of the template differ, so what depends on them is unknown")
	}
	for _, id := range d.removed {
		name := d.before.Resources[id].Type
		switch {
		case stateful[name] != nil:
			findings = append(findings, d.before.describe(id)+" is removed")
		case !cfnschema.Known(name):
			undecided = append(undecided, d.before.describe(id)+" is removed, and it is unknown whether it holds data")
		}
	}
	for _, id := range d.after.ids() {
		if why := d.replaced[id]; why != "" && stateful[d.before.Resources[id].Type] != nil {
			findings = append(findings, d.before.describe(id)+" is replaced: "+why)
		}
	}
	for _, id := range d.changed {
		old, fresh := d.before.Resources[id], d.after.Resources[id]
		if !cfnschema.Known(old.Type) {
			undecided = append(undecided, d.before.describe(id)+" changes, and it is unknown whether that replaces it")
		}
		if stateful[old.Type] == nil || old.Type != fresh.Type {
			continue
		}
		lost, open := weakened(old, fresh)
		for _, text := range lost {
			findings = append(findings, d.before.describe(id)+": "+text)
		}
		for _, text := range open {
			undecided = append(undecided, d.before.describe(id)+": "+text)
		}
	}
	return findings, undecided
}

// weakened returns what protects a stateful resource less than before.
func weakened(old, fresh cfnResource) (lost, open []string) {
	if kept(fresh, fresh.DeletionPolicy) < kept(old, old.DeletionPolicy) {
		lost = append(lost, fmt.Sprintf("DeletionPolicy changes from %q to %q", old.DeletionPolicy, fresh.DeletionPolicy))
	}
	if kept(fresh, fresh.UpdateReplacePolicy) < kept(old, old.UpdateReplacePolicy) {
		lost = append(lost, fmt.Sprintf("UpdateReplacePolicy changes from %q to %q", old.UpdateReplacePolicy, fresh.UpdateReplacePolicy))
	}
	if old.Condition != fresh.Condition {
		lost = append(lost, fmt.Sprintf("its Condition changes from %q to %q", old.Condition, fresh.Condition))
	}
	before, after := stateful[old.Type](old.Properties), stateful[fresh.Type](fresh.Properties)
	for _, p := range after {
		was := before[slices.IndexFunc(before, func(b protection) bool { return b.name == p.name })]
		switch {
		case math.IsNaN(p.value) || math.IsNaN(was.value):
			open = append(open, p.name+" can't be determined from the template")
		case p.value < was.value:
			lost = append(lost, fmt.Sprintf("%s: %s, was %s", p.name, amount(p.value), amount(was.value)))
		}
	}
	return lost, open
}

// amount formats the number of a protection.
func amount(v float64) string {
	if math.IsInf(v, 1) {
		return "without end"
	}
	return fmt.Sprint(v)
}
