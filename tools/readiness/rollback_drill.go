package readiness

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/evidence"
)

// drillAge is how old a drill may be.
const drillAge = 30 * 24 * time.Hour

// DrillFile is, in the evidence directory, the record of the last drill: a
// statement that the drill itself has signed.
const DrillFile = "drill.dsse.json"

// A Drill is a rollback that was tried: a bad version was released on purpose,
// and taken back. FinishedOn is when the record was read; DrilledOn counts for
// its age.
type Drill struct {
	evidence.Made
	Commit    string    `json:"commit"` // that the drill was of
	DrilledOn time.Time `json:"drilledOn"`
	// Seconds from the first bad answer to the alarm, and to the version before
	// serving again; 0 where it never came to that.
	DetectedSeconds float64 `json:"detectedSeconds"`
	RestoredSeconds float64 `json:"restoredSeconds"`
	// Fingerprint is that of the configuration that was drilled, and
	// DeploymentConfig the part of it by which the bad version got its traffic.
	Fingerprint      string `json:"fingerprint"`
	DeploymentConfig string `json:"deploymentConfig"`
	// Failures are what did not go as it must.
	Failures []string `json:"failures,omitempty"`
	// NotDrilled is what there was nothing to try it with: the first release has
	// no version before it.
	NotDrilled []string `json:"notDrilled,omitempty"`
}

// PredicateType implements [evidence.Predicate].
func (Drill) PredicateType() string { return base + "drill/v1" }

// rollbackDrill: the rollback was seen to work, not long ago, as it is
// configured now.
func rollbackDrill() Check {
	return Check{
		ID: "rollback-drill", Item: Rollback,
		Title: "A rollback was tried in the last 30 days, with today's configuration",
		Doc: `A bad version was released over a good one, its alarm went off, CodeDeploy moved
the alias back, and the smoke test was green; then the version before read what the new one
had written. The bad version got its traffic as production's versions do. The record
holds for 30 days, and for as long as alarms, alias and deployment group are what they
were: a fingerprint of them in production's template is compared.`,
		Inputs: []evidence.Predicate{Assembly{}, Drill{}, Production{}},
		Next:   "go tool mage drill",
		Decide: func(in Inputs) Result {
			drill := read(in, &Drill{})
			template := read(in, &Assembly{}).Stacks[productionStack].Template
			now, err := Fingerprint(template)
			if err != nil {
				return Undecided("%s of the assembly: %v", productionStack, err)
			}
			config, err := DeploymentConfig(template)
			if err != nil {
				return Undecided("%s of the assembly: %v", productionStack, err)
			}
			when := drill.DrilledOn.Format(time.RFC3339)
			switch {
			case drill.DrilledOn.IsZero():
				return Undecided("the record does not say when the drill was")
			case drill.DrilledOn.After(in.Now):
				return Undecided("the drill is of the future: %s", when)
			case in.Now.Sub(drill.DrilledOn) > drillAge:
				return Undecided("the drill is of %s, older than 30 days", when)
			case drill.Fingerprint != now:
				return Undecided("alarms, alias or deployment group are not what was drilled on %s: fingerprint %.12s, now %.12s", when, drill.Fingerprint, now)
			case drill.DeploymentConfig != config:
				return Undecided("the drill of %s was by %q, and production's traffic shifts by %s", when, drill.DeploymentConfig, config)
			case len(drill.NotDrilled) > 0 && read(in, &Production{}).Absent == "":
				return Undecided("the drill of %s left something out: %s", when, strings.Join(drill.NotDrilled, "; "))
			}
			notChecked := append([]string{"Faults of another kind than the one that was tried."}, drill.NotDrilled...)
			findings := drill.Failures
			if drill.DetectedSeconds <= 0 {
				findings = append(findings, "no alarm went off")
			}
			if drill.RestoredSeconds <= 0 {
				findings = append(findings, "the version before never served again")
			}
			return concluded(fmt.Sprintf("1 drill on %s, commit %.12s: detected in %.0f s, restored in %.0f s", when, drill.Commit, drill.DetectedSeconds, drill.RestoredSeconds),
				findings, nil, strings.Join(notChecked, " "))
		},
	}
}

// Fingerprint returns the digest of all in a template that a rollback depends
// on: the aliases, the deployment groups, and the alarms that they watch. It is
// the same for each release as long as nobody changes these:
// names, and the logical ids that hold a version's hash, do not count.
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

// DeploymentConfig returns the name of the CodeDeploy configuration by which the
// traffic of a template's aliases shifts. A template that has none, or several, or
// makes its own, is an error.
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
		return "", fmt.Errorf("reading a template: its traffic shifts by %q, want one deployment configuration", names)
	}
	return names[0], nil
}

// anonymous returns a value with the types of resources in the place of their
// logical ids.
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
