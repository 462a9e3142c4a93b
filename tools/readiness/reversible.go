package readiness

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/magewright/magewright/tools/evidence"
)

// reversible checks that moving the alias back undoes the release.
func reversible() Check {
	return Check{
		ID: "reversible", Item: Rollback,
		Title: "Moving the alias back undoes everything that the release changes",
		Doc: `A rollback moves the alias back to the previous version. This also restores what a
version holds: the code and configuration of the function behind the alias. Everything
else that is added, changed or removed stays: roles and policies, buckets and tables,
keys and their policies, APIs and their routes, event source mappings, other functions, and those settings of a function that its
versions do not hold. The check lists it, and it needs a waiver that says why the
previous version works with it. Alarms, dashboards and the deployment group only
monitor, and are counted separately.`,
		Inputs: []evidence.Predicate{Assembly{}, Deployed{}},
		Next:   "release the infrastructure before the code that needs it, or waive the check with a reason",
		Decide: func(in Inputs) Result {
			var findings, undecided []string
			counted, why, ok := eachOfProduction(in, func(_ string, d templateDiff) string {
				for _, section := range d.sections() {
					undecided = append(undecided, section+" of the template differ, so what depends on them is unknown")
				}
				watching := 0
				for _, change := range d.changes() {
					switch {
					case slices.Contains(watchers, change.resource.Type):
						watching++
					case !d.undone(change):
						findings = append(findings, fmt.Sprintf("%s (%s) is %s", change.id, change.resource.Type, change.what))
					}
				}
				return fmt.Sprintf("%s compared, %d that only watch differ", count(d.compared(), "resource"), watching)
			})
			if !ok {
				return why
			}
			return concluded(counted, findings, undecided,
				"Whether the previous version can read data that the new version writes: the drill shows that.")
		},
	}
}

// watchers lists types that have no influence on how the function works.
var watchers = []string{
	"AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm", "AWS::CloudWatch::Dashboard",
	"AWS::CloudWatch::AnomalyDetector", "AWS::Logs::MetricFilter", "AWS::Logs::QueryDefinition", "AWS::XRay::Group", "AWS::XRay::SamplingRule",
	"AWS::CodeDeploy::Application", "AWS::CodeDeploy::DeploymentGroup", "AWS::CodeDeploy::DeploymentConfig", "AWS::CDK::Metadata",
}

// A templateChange is one resource that a deployment changes.
type templateChange struct {
	id, what string
	resource cfnResource
}

func (d templateDiff) changes() []templateChange {
	var all []templateChange
	for _, id := range d.added {
		all = append(all, templateChange{id, "added", d.after.Resources[id]})
	}
	for _, id := range d.after.ids() {
		switch {
		case d.replaced[id] != "":
			all = append(all, templateChange{id, "replaced", d.after.Resources[id]})
		case slices.Contains(d.changed, id):
			all = append(all, templateChange{id, "changed", d.after.Resources[id]})
		}
	}
	for _, id := range d.removed {
		all = append(all, templateChange{id, "removed", d.before.Resources[id]})
	}
	return all
}

// unversioned lists the properties of a function that its versions do not hold.
// See https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html.
var unversioned = []string{
	"CodeSigningConfigArn", "FunctionScalingConfig", "RecursiveLoop", "ReservedConcurrentExecutions", "RuntimeManagementConfig", "Tags",
}

// undone reports whether moving the alias back undoes a change. It does so for
// the function behind the alias, its version, its layers, and the alias itself.
func (d templateDiff) undone(c templateChange) bool {
	// A version of a function keeps the layers that it was published with, even
	// those that are deleted.
	// See https://docs.aws.amazon.com/lambda/latest/dg/deleting-layers.html.
	if c.resource.Type == "AWS::Lambda::LayerVersion" {
		return true
	}
	if c.what == "replaced" {
		return false
	}
	switch c.resource.Type {
	case "AWS::Lambda::Version":
		// A deleted version can't be returned to.
		return c.what == "added" || c.what == "removed" && c.resource.DeletionPolicy == "Retain"
	case "AWS::Lambda::Alias":
		return c.what == "changed"
	case "AWS::Lambda::Function":
		if c.what != "changed" || !d.behindAlias(c.id) {
			return false
		}
		old := d.before.Resources[c.id]
		for _, name := range unversioned {
			if !reflect.DeepEqual(old.Properties[name], c.resource.Properties[name]) {
				return false
			}
		}
		return true
	}
	return false
}

func (d templateDiff) behindAlias(function string) bool {
	behind := func(t cfnTemplate) bool {
		return slices.ContainsFunc(t.ofType("AWS::Lambda::Alias"), func(id string) bool {
			return cfnTarget(t.Resources[id].Properties["FunctionName"]) == function
		})
	}
	return behind(d.before) && behind(d.after)
}
