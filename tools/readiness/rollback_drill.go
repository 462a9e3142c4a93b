package readiness

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/evidence"
)

// DrillAge is the maximum age of a drill.
const DrillAge = 30 * 24 * time.Hour

// DrillFile is the record of the last drill in the evidence directory: a
// statement that the drill itself has signed.
const DrillFile = "drill.dsse.json"

// A Drill is a test of the rollback: a bad version was released on purpose, and
// rolled back. FinishedOn is when the record was read; DrilledOn determines its age.
type Drill struct {
	evidence.Made
	Commit    string    `json:"commit"` // the commit that was drilled
	DrilledOn time.Time `json:"drilledOn"`
	// DetectedSeconds is the time from the first bad answer to the alarm.
	// RestoredSeconds is the time until the previous version served again. They
	// are 0 if that never happened.
	DetectedSeconds float64 `json:"detectedSeconds"`
	RestoredSeconds float64 `json:"restoredSeconds"`
	// Fingerprint identifies the configuration that was drilled.
	// DeploymentConfig is the part of it that gave the bad version its traffic.
	Fingerprint      string `json:"fingerprint"`
	DeploymentConfig string `json:"deploymentConfig"`
	// Failures lists what did not go as required.
	Failures []string `json:"failures,omitempty"`
	// NotDrilled lists what could not be tested. For example, the first release
	// has no previous version.
	NotDrilled []string `json:"notDrilled,omitempty"`
}

// PredicateType implements [evidence.Predicate].
func (Drill) PredicateType() string { return base + "drill/v1" }

// Rollbacks is what CodeDeploy knows of rollbacks on the first stage: for each function, the
// newest deployment that an alarm has stopped, and that CodeDeploy has rolled back.
type Rollbacks struct {
	evidence.Made
	Account string `json:"account"`
	Region  string `json:"region"`
	// Functions has each function of the first stage.
	Functions []RolledBack `json:"functions"`
}

// PredicateType implements [evidence.Predicate].
func (Rollbacks) PredicateType() string { return base + "rollbacks/v1" }

// A RolledBack is the newest deployment of a function that an alarm has stopped, and that was
// rolled back. Deployment is "" if there was none in the last 30 days.
type RolledBack struct {
	Function   string `json:"function"`
	Group      string `json:"group,omitempty"` // of CodeDeploy; "" if the function has none
	Deployment string `json:"deployment,omitempty"`
	// Config is the deployment configuration that gave the version its traffic.
	Config string `json:"config,omitempty"`
	// Rollback is the deployment with which CodeDeploy went back.
	Rollback string `json:"rollback,omitempty"`
}

// rollbackDrill checks that a rollback worked recently, with the present
// configuration.
func rollbackDrill() Check {
	return Check{
		ID: "rollback-drill", Item: Rollback,
		Title: "A rollback was tested in the last 30 days with today's configuration",
		Doc: `In the drill, a bad version was released over a good one. Its alarm went off,
CodeDeploy moved the alias back, and the smoke test was green. Then the previous
version read what the new one had written. The bad version got its traffic as
production's versions do. The record is valid for 30 days, as long as alarms, alias
and deployment group do not change: the check compares a fingerprint of them in
production's template. The record is what a build says that runs the change's own
code. So CodeDeploy must know a deployment of each drilled function that an alarm
stopped, and that it rolled back.`,
		Inputs: []evidence.Predicate{Assembly{}, Drill{}, Production{}, Rollbacks{}},
		Next:   "go tool mage drill",
		Decide: func(in Inputs) Result {
			drill := read(in, &Drill{})
			assembly := read(in, &Assembly{})
			stack := assembly.last()
			template := assembly.Stacks[stack].Template
			now, err := Fingerprint(template)
			if err != nil {
				return Undecided("%s of the assembly: %v", stack, err)
			}
			config, err := DeploymentConfig(template)
			if err != nil {
				return Undecided("%s of the assembly: %v", stack, err)
			}
			when := drill.DrilledOn.Format(time.RFC3339)
			switch {
			case drill.DrilledOn.IsZero():
				return Undecided("the record does not say when the drill was")
			case drill.DrilledOn.After(in.Now):
				return Undecided("the drill has a time in the future: %s", when)
			case in.Now.Sub(drill.DrilledOn) > DrillAge:
				return Undecided("the drill is from %s, older than 30 days", when)
			case drill.Fingerprint != now:
				return Undecided("alarms, alias or deployment group have changed since the drill on %s: fingerprint %.12s, now %.12s", when, drill.Fingerprint, now)
			case drill.DeploymentConfig != config:
				return Undecided("the drill on %s used %q, but production's traffic shifts with %s", when, drill.DeploymentConfig, config)
			case len(drill.NotDrilled) > 0 && read(in, &Production{}).Absent == "":
				return Undecided("the drill on %s left something out: %s", when, strings.Join(drill.NotDrilled, "; "))
			}
			notChecked := append([]string{"Other kinds of faults than the one that was tried."}, drill.NotDrilled...)
			findings := drill.Failures
			if drill.DetectedSeconds <= 0 {
				findings = append(findings, "no alarm went off")
			}
			if drill.RestoredSeconds <= 0 {
				findings = append(findings, "the previous version never served again")
			}
			findings = append(findings, drill.unconfirmed(*read(in, &Rollbacks{}))...)
			return concluded(fmt.Sprintf("1 drill on %s, commit %.12s: detected in %.0f s, restored in %.0f s", when, drill.Commit, drill.DetectedSeconds, drill.RestoredSeconds),
				findings, nil, strings.Join(notChecked, " "))
		},
	}
}

// unconfirmed returns what a record says and CodeDeploy does not know.
func (d Drill) unconfirmed(known Rollbacks) (findings []string) {
	for _, f := range known.Functions {
		switch {
		case slices.ContainsFunc(d.NotDrilled, func(why string) bool { return strings.HasPrefix(why, NotDrilled(f.Function)) }):
		case f.Group == "":
			findings = append(findings, fmt.Sprintf("CodeDeploy does not shift the traffic of function %s, so it can't have taken a version back", f.Function))
		case f.Deployment == "":
			findings = append(findings, fmt.Sprintf("CodeDeploy knows no deployment to group %s in the last 30 days that an alarm stopped and that was rolled back", f.Group))
		case f.Config != d.DeploymentConfig:
			findings = append(findings, fmt.Sprintf("deployment %s, the last one to group %s that was rolled back, used %q; the record says %q", f.Deployment, f.Group, f.Config, d.DeploymentConfig))
		}
	}
	if len(known.Functions) == 0 {
		findings = append(findings, "CodeDeploy was asked about no function")
	}
	return findings
}

// NotDrilled is what an entry of [Drill.NotDrilled] begins with that says why a function was
// left out as a whole.
func NotDrilled(function string) string { return "function " + function + ": " }

// Fingerprint returns the digest of everything in a template that a rollback
// depends on: the aliases, the deployment groups, and the alarms that they
// watch. It stays the same from release to release as long as nobody changes
// these. Names, and logical ids that contain a version's hash, do not count.
func Fingerprint(template json.RawMessage) (string, error) {
	t, err := parseTemplate(template)
	if err != nil {
		return "", err
	}
	type part struct {
		Type   string
		Values map[string]any
	}
	var parts []part
	keep := func(id string, names ...string) {
		resource, values := t.Resources[id], map[string]any{}
		for _, name := range names {
			values[name] = t.anonymous(resource.Properties[name])
		}
		values["UpdatePolicy"] = t.anonymous(resource.UpdatePolicy)
		parts = append(parts, part{resource.Type, values})
	}
	for _, id := range t.ofType("AWS::Lambda::Alias") {
		keep(id, "FunctionVersion", "Name", "ProvisionedConcurrencyConfig", "RoutingConfig")
	}
	for _, id := range t.ofType("AWS::CodeDeploy::DeploymentGroup") {
		keep(id, "AlarmConfiguration", "AutoRollbackConfiguration", "DeploymentConfigName", "DeploymentStyle")
		for _, alarm := range cfnList(cfnAt(t.Resources[id].Properties["AlarmConfiguration"], "Alarms")) {
			if to := cfnTarget(cfnAt(alarm, "Name")); t.Resources[to].Type != "" {
				keep(to, "ActionsEnabled", "ComparisonOperator", "DatapointsToAlarm", "Dimensions", "EvaluateLowSampleCountPercentile", "EvaluationPeriods",
					"ExtendedStatistic", "MetricName", "Metrics", "Namespace", "Period", "Statistic", "Threshold", "ThresholdMetricId", "TreatMissingData", "Unit")
			}
		}
	}
	if len(parts) == 0 {
		return "", fmt.Errorf("reading a template: it has no alias and no deployment group")
	}
	data, err := json.Marshal(parts)
	if err != nil {
		return "", fmt.Errorf("reading a template: %w", err)
	}
	return evidence.Digest(data), nil
}

// DeploymentConfig returns the name of the CodeDeploy configuration that shifts
// the traffic of a template's aliases. It returns an error if the template has
// none or several, or defines its own.
func DeploymentConfig(template json.RawMessage) (string, error) {
	t, err := parseTemplate(template)
	if err != nil {
		return "", err
	}
	var names []string
	for _, id := range t.ofType("AWS::CodeDeploy::DeploymentGroup") {
		name, ok := t.Resources[id].Properties["DeploymentConfigName"].(string)
		if !ok || name == "" {
			return "", fmt.Errorf("reading a template: %s does not name its DeploymentConfigName", t.describe(id))
		}
		names = append(names, name)
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) != 1 {
		return "", fmt.Errorf("reading a template: its traffic shifts with %q, want one deployment configuration", names)
	}
	return names[0], nil
}

// anonymous replaces the logical ids in a value with the types of their resources.
func (t cfnTemplate) anonymous(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = t.anonymous(e)
		}
		return out
	case map[string]any:
		if to := cfnTarget(v); t.Resources[to].Type != "" {
			return "reference to a " + t.Resources[to].Type
		}
		out := make(map[string]any, len(v))
		for key, e := range v {
			out[key] = t.anonymous(e)
		}
		return out
	}
	return v
}
