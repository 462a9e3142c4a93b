package readiness

import (
	"fmt"
	"slices"

	"github.com/magewright/magewright/tools/evidence"
)

// maxAlarms is CodeDeploy's limit of alarms for a deployment group.
// See https://docs.aws.amazon.com/codedeploy/latest/userguide/limits.html.
const maxAlarms = 10

// rollbackConfigured checks that CodeDeploy rolls back a bad version without a person.
func rollbackConfigured() Check {
	return Check{
		ID: "rollback-configured", Item: Rollback,
		Title: "Alarms roll back a bad version",
		Doc: `These rules apply to production's template. Each function has a version that is
retained, an alias that serves it, an UpdatePolicy that makes CodeDeploy shift the
alias, and a deployment group. The group rolls back on DEPLOYMENT_FAILURE and
DEPLOYMENT_STOP_ON_ALARM, watches 1 to 10 alarms, and does not ignore that it can't
read them. Each metric of each alarm has exactly the dimensions FunctionName,
Resource=FUNCTION:ALIAS and ExecutedVersion=the new version. With one dimension more
or less, an alarm never gets data.`,
		Inputs: []evidence.Predicate{Assembly{}},
		Next:   "give each function a retained version, an alias that CodeDeploy shifts, and alarms, as the construct delivery.NewDelivery of Magewright does; then go tool mage synth",
		Decide: func(in Inputs) Result {
			stack, t, err := productionTemplate(in)
			if err != nil {
				return Undecided("%s of the assembly: %v", stack, err)
			}
			functions, aliases := t.ofType("AWS::Lambda::Function"), t.ofType("AWS::Lambda::Alias")
			all := len(functions)
			functions = read(in, &Assembly{}).deliveredOf(functions)
			if len(functions) == 0 {
				return Undecided("%s has no function", stack)
			}
			aliases = slices.DeleteFunc(aliases, func(id string) bool {
				to := cfnTarget(t.Resources[id].Properties["FunctionName"])
				return t.Resources[to].Type == "AWS::Lambda::Function" && !slices.Contains(functions, to)
			})
			var findings []string
			for _, function := range functions {
				serves := func(id string) bool { return cfnTarget(t.Resources[id].Properties["FunctionName"]) == function }
				if !slices.ContainsFunc(aliases, serves) {
					findings = append(findings, function+": no alias serves it, so there is no way back")
				}
			}
			alarms := 0
			for _, alias := range aliases {
				r := rollbackRules{t: t, alias: alias}
				r.apply()
				findings = append(findings, r.broken...)
				alarms += r.alarms
			}
			return concluded(fmt.Sprintf("%s, %s, %s", count(len(functions), "function"), countAliases(len(aliases)), count(alarms, "alarm")),
				findings, nil, "Whether the alarms have the right thresholds: the drill shows that."+helpers(all-len(functions)))
		},
	}
}

// deliveredOf returns the functions in the last stage's template that are delivered.
func (a *Assembly) deliveredOf(functions []string) []string {
	return slices.DeleteFunc(slices.Clone(functions), func(id string) bool {
		return len(a.Manifest.Stages) == 0 || !a.delivers(a.Manifest.Last(), id)
	})
}

// helpers says how many functions were not checked because they are not delivered.
func helpers(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" %s of the template that the manifest does not name.", count(n, "function"))
}

func countAliases(n int) string {
	if n == 1 {
		return "1 alias"
	}
	return fmt.Sprintf("%d aliases", n)
}

// rollbackRules applies the rules to one alias.
type rollbackRules struct {
	t      cfnTemplate
	alias  string
	broken []string
	alarms int
}

func (r *rollbackRules) breaks(id, format string, args ...any) {
	r.broken = append(r.broken, id+": "+fmt.Sprintf(format, args...))
}

// target returns the id of the resource that a property refers to, if it has
// the wanted type.
func (r *rollbackRules) target(id, name string, value any, wantType string) (string, bool) {
	to := cfnTarget(value)
	if r.t.Resources[to].Type != wantType {
		r.breaks(id, "%s does not refer to a %s of the stack", name, wantType)
		return "", false
	}
	return to, true
}

func (r *rollbackRules) apply() {
	alias := r.t.Resources[r.alias]
	version, ok := r.target(r.alias, "FunctionVersion", alias.Properties["FunctionVersion"], "AWS::Lambda::Version")
	if !ok {
		return
	}
	function, ok := r.target(version, "FunctionName", r.t.Resources[version].Properties["FunctionName"], "AWS::Lambda::Function")
	if !ok {
		return
	}
	if cfnTarget(alias.Properties["FunctionName"]) != function {
		r.breaks(r.alias, "its version belongs to another function, %s", function)
	}
	if policy := r.t.Resources[version].DeletionPolicy; policy != "Retain" {
		r.breaks(version, "DeletionPolicy is %q, not Retain: the next release deletes the version to roll back to", policy)
	}
	shift := alias.UpdatePolicy["CodeDeployLambdaAliasUpdate"]
	if shift == nil {
		r.breaks(r.alias, "it has no UpdatePolicy CodeDeployLambdaAliasUpdate: it moves at once, and no alarm watches it")
		return
	}
	r.target(r.alias, "CodeDeployLambdaAliasUpdate.ApplicationName", cfnAt(shift, "ApplicationName"), "AWS::CodeDeploy::Application")
	if group, ok := r.target(r.alias, "CodeDeployLambdaAliasUpdate.DeploymentGroupName", cfnAt(shift, "DeploymentGroupName"), "AWS::CodeDeploy::DeploymentGroup"); ok {
		r.group(group, function, version)
	}
}

func (r *rollbackRules) group(id, function, version string) {
	p := r.t.Resources[id].Properties
	automatic := p["AutoRollbackConfiguration"]
	if cfnAt(automatic, "Enabled") != true {
		r.breaks(id, "AutoRollbackConfiguration is not enabled")
	}
	for _, event := range []string{"DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"} {
		if !slices.Contains(cfnList(cfnAt(automatic, "Events")), any(event)) {
			r.breaks(id, "AutoRollbackConfiguration has no event %s", event)
		}
	}
	watch := p["AlarmConfiguration"]
	if cfnAt(watch, "Enabled") != true {
		r.breaks(id, "AlarmConfiguration is not enabled")
	}
	if ignore := cfnAt(watch, "IgnorePollAlarmFailure"); ignore != nil && ignore != false {
		r.breaks(id, "IgnorePollAlarmFailure is %v: the shift continues if alarms can't be read", cfnText(ignore))
	}
	alarms := cfnList(cfnAt(watch, "Alarms"))
	if len(alarms) < 1 || len(alarms) > maxAlarms {
		r.breaks(id, "it watches %d alarms, not 1 to %d", len(alarms), maxAlarms)
	}
	for _, alarm := range alarms {
		if to, ok := r.target(id, "an alarm", cfnAt(alarm, "Name"), "AWS::CloudWatch::Alarm"); ok {
			r.alarms++
			r.alarm(to, function, version)
		}
	}
}

func (r *rollbackRules) alarm(id, function, version string) {
	name := cfnText(r.t.Resources[r.alias].Properties["Name"])
	want := map[string]string{
		"FunctionName":    "${" + function + "}",
		"Resource":        "${" + function + "}:" + name,
		"ExecutedVersion": "${" + version + ".Version}",
	}
	p := r.t.Resources[id].Properties
	var metrics []any // lists of dimensions, one for each metric
	if p["MetricName"] != nil {
		metrics = append(metrics, p["Dimensions"])
	}
	for _, query := range cfnList(p["Metrics"]) {
		if cfnAt(query, "MetricStat") != nil {
			metrics = append(metrics, cfnAt(query, "MetricStat", "Metric", "Dimensions"))
		}
	}
	if len(metrics) == 0 {
		r.breaks(id, "it watches no metric")
	}
	for _, dimensions := range metrics {
		got := map[string]string{}
		for _, d := range cfnList(dimensions) {
			got[cfnText(cfnAt(d, "Name"))] = cfnText(cfnAt(d, "Value"))
		}
		for _, name := range []string{"FunctionName", "Resource", "ExecutedVersion"} {
			if got[name] != want[name] {
				r.breaks(id, "dimension %s is %q, not %q", name, got[name], want[name])
			}
			delete(got, name)
		}
		for name := range got {
			r.breaks(id, "dimension %s is superfluous", name)
		}
	}
	slices.Sort(r.broken)
	r.broken = slices.Compact(r.broken)
}
