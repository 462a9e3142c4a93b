package readiness

import (
	"fmt"
	"math"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/cfnschema"
)

// backups checks that data can be restored.
func backups() Check {
	return Check{
		ID: "backups", Item: Rollback,
		Title: "Each resource that holds data is retained and can be restored",
		Doc: `Each stateful resource in production's template has the DeletionPolicy and the
UpdateReplacePolicy Retain or Snapshot. It also has what its type needs to restore
data: versioning, point-in-time recovery, backups or retention. A type that is in none
of the check's tables is undecided.`,
		Inputs: []evidence.Predicate{Assembly{}},
		Next:   "give it in the CDK app what the finding says, such as the removal policy RETAIN, then go tool mage synth",
		Decide: func(in Inputs) Result {
			a := read(in, &Assembly{})
			var findings, undecided []string
			looked, resources := 0, 0
			for _, stack := range a.production() {
				t, err := parseTemplate(a.Stacks[stack].Template)
				if err != nil {
					return Undecided("%s of the assembly: %v", stack, err)
				}
				resources += len(t.Resources)
				n, wrong, open := t.restorable()
				looked, findings, undecided = looked+n, append(findings, wrong...), append(undecided, open...)
			}
			if looked == 0 && len(undecided) == 0 {
				return Inapplicable("none of the %s of %s is of a type that holds data", count(resources, "resource"), strings.Join(a.production(), " and "))
			}
			return concluded(fmt.Sprintf("%d stateful of %s", looked, count(resources, "resource")), findings, undecided,
				"Whether a restore works: this was not tried.")
		},
	}
}

// restorable returns how many resources hold data, which of them can't be
// restored, and what is unknown.
func (t cfnTemplate) restorable() (looked int, findings, undecided []string) {
	for _, id := range t.ids() {
		resource := t.Resources[id]
		if !cfnschema.Known(resource.Type) {
			undecided = append(undecided, t.describe(id)+": it is unknown whether it holds data")
		}
		protections := stateful[resource.Type]
		if protections == nil {
			continue
		}
		looked++
		if kept(resource, resource.DeletionPolicy) == 0 {
			findings = append(findings, fmt.Sprintf("%s: DeletionPolicy is %q, neither Retain nor Snapshot", t.describe(id), resource.DeletionPolicy))
		}
		if kept(resource, resource.UpdateReplacePolicy) == 0 {
			findings = append(findings, fmt.Sprintf("%s: UpdateReplacePolicy is %q, neither Retain nor Snapshot", t.describe(id), resource.UpdateReplacePolicy))
		}
		for _, p := range protections(resource.Properties) {
			switch {
			case math.IsNaN(p.value):
				undecided = append(undecided, fmt.Sprintf("%s: %s can't be determined from the template", t.describe(id), p.name))
			case p.value < p.least:
				findings = append(findings, fmt.Sprintf("%s: %s: %s, at least %s is needed", t.describe(id), p.name, amount(p.value), amount(p.least)))
			}
		}
	}
	return looked, findings, undecided
}
