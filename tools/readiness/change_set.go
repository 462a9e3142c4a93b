package readiness

import (
	"fmt"
	"math"
	"slices"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/cfnschema"
)

// changeSet: the deployment takes no data away.
func changeSet() Check {
	return Check{
		ID: "change-set", Item: Infrastructure,
		Title: "The deployment to production removes, replaces or weakens nothing that holds data",
		Doc: `Production's deployed template is compared with the assembly's, resource by
resource. A finding is a resource of a stateful type that is removed, that is
replaced (a property that only creation sets changes, or names what is replaced), or
whose DeletionPolicy, UpdateReplacePolicy, retention, versioning or backups are
lowered. A type that is in no table is undecided, as what it holds is not known.
Source: CloudFormation's template reference.`,
		Inputs: []evidence.Predicate{Assembly{}, Deployed{}},
		Next:   "diff the template in cdk.out with aws cloudformation get-template --stack-name " + productionStack,
		Decide: func(in Inputs) Result {
			d, why, ok := stackDiff(in, productionStack)
			if !ok {
				return why
			}
			findings, undecided := d.losses()
			return concluded(d.summary(productionStack), findings, undecided,
				"Values that are only known at deployment, such as those of parameters; CloudFormation's own change set has them.")
		},
	}
}

// losses returns what a deployment takes away from resources that hold data,
// and what can't be told.
func (d templateDiff) losses() (findings, undecided []string) {
	for _, section := range d.sections() {
		undecided = append(undecided, section+" of the template differ, and what depends on them can't be told")
	}
	for _, id := range d.removed {
		name := d.before.Resources[id].Type
		switch {
		case stateful[name] != nil:
			findings = append(findings, d.before.describe(id)+" is removed")
		case !cfnschema.Known(name):
			undecided = append(undecided, d.before.describe(id)+" is removed, and whether such a resource holds data is not known")
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
			undecided = append(undecided, d.before.describe(id)+" changes, and whether that replaces it is not known")
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
		lost = append(lost, fmt.Sprintf("DeletionPolicy goes from %q to %q", old.DeletionPolicy, fresh.DeletionPolicy))
	}
	if kept(fresh, fresh.UpdateReplacePolicy) < kept(old, old.UpdateReplacePolicy) {
		lost = append(lost, fmt.Sprintf("UpdateReplacePolicy goes from %q to %q", old.UpdateReplacePolicy, fresh.UpdateReplacePolicy))
	}
	if old.Condition != fresh.Condition {
		lost = append(lost, fmt.Sprintf("its Condition goes from %q to %q", old.Condition, fresh.Condition))
	}
	before, after := stateful[old.Type](old.Properties), stateful[fresh.Type](fresh.Properties)
	for _, p := range after {
		was := before[slices.IndexFunc(before, func(b protection) bool { return b.name == p.name })]
		switch {
		case math.IsNaN(p.value) || math.IsNaN(was.value):
			open = append(open, p.name+" can't be told from the template")
		case p.value < was.value:
			lost = append(lost, fmt.Sprintf("%s: %s, was %s", p.name, amount(p.value), amount(was.value)))
		}
	}
	return lost, open
}

// amount writes a protection's number.
func amount(v float64) string {
	if math.IsInf(v, 1) {
		return "without end"
	}
	return fmt.Sprint(v)
}
