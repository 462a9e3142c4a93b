package readiness

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/magewright/magewright/tools/evidence"
)

// reversible: moving the alias back takes the release back.
func reversible() Check {
	return Check{
		ID: "reversible", Item: Rollback,
		Title: "Moving the alias back takes back all that the release changes",
		Doc: `A rollback moves the alias to the version before. What a version holds (code and
configuration of the function behind the alias) goes back with it. Everything else that
is added, changed or removed stays: roles and policies, buckets and tables, keys and
their policies, other functions, and what a function has besides its versions. It is
listed, and needs a waiver that says why the version before works with it. Alarms,
dashboards and the deployment group only watch, and are counted apart.`,
		Inputs: []evidence.Predicate{Assembly{}, Deployed{}},
		Next:   "release the infrastructure before the code that needs it, or waive the check with a reason",
		Decide: func(in Inputs) Result {
			d, why, ok := stackDiff(in, productionStack)
			if !ok {
				return why
			}
			var findings, undecided []string
			for _, section := range d.sections() {
				undecided = append(undecided, section+" of the template differ, and what depends on them can't be told")
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
			return concluded(fmt.Sprintf("%s compared, %d that only watch differ", count(d.compared(), "resource"), watching), findings, undecided,
				"Data that the new version writes, and whether the version before can read it: the drill shows it.")
		},
	}
}

// watchers are types that decide nothing of how the function works.
var watchers = []string{
	"AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm", "AWS::CloudWatch::Dashboard",
	"AWS::CodeDeploy::Application", "AWS::CodeDeploy::DeploymentGroup", "AWS::CodeDeploy::DeploymentConfig", "AWS::CDK::Metadata",
}

// A templateChange is one resource that a deployment touches.
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

// unversioned are the properties of a function that its versions do not hold.
// See https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html.
var unversioned = []string{
	"CodeSigningConfigArn", "FunctionScalingConfig", "RecursiveLoop", "ReservedConcurrentExecutions", "RuntimeManagementConfig", "Tags",
}

// undone reports whether moving the alias back undoes a change: that of the
// function behind the alias, of its version, and of the alias itself.
func (d templateDiff) undone(c templateChange) bool {
	if c.what == "replaced" {
		return false
	}
	switch c.resource.Type {
	case "AWS::Lambda::Version":
		// A version that is deleted is none to go back to.
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
