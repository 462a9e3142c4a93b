package surface

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A Template is the part of a stack that others see.
type Template struct {
	Outputs []Output
	Alarms  []Alarm
}

// An Output is an output of a stack.
type Output struct{ Name, Doc string }

// An Alarm watches a stack.
type Alarm struct {
	Name string // the logical id without the CDK's hash
	Doc  string
	// Rule says when it goes off, for example "p90 of Duration > 3000, 1 of 1
	// periods of 60 s".
	Rule string
}

// ReadTemplate reads a CloudFormation template. Outputs and alarms are sorted by name.
func ReadTemplate(data json.RawMessage) (Template, error) {
	var t struct {
		Outputs   map[string]struct{ Description string }
		Resources map[string]struct {
			Type       string
			Properties json.RawMessage
		}
	}
	if err := json.Unmarshal(data, &t); err != nil {
		return Template{}, fmt.Errorf("reading a template: %w", err)
	}
	var read Template
	for _, name := range slices.Sorted(maps.Keys(t.Outputs)) {
		read.Outputs = append(read.Outputs, Output{name, t.Outputs[name].Description})
	}
	for _, id := range slices.Sorted(maps.Keys(t.Resources)) {
		if t.Resources[id].Type != "AWS::CloudWatch::Alarm" {
			continue
		}
		var p alarmProperties
		if err := json.Unmarshal(t.Resources[id].Properties, &p); err != nil {
			return Template{}, fmt.Errorf("reading a template: alarm %s: %w", id, err)
		}
		read.Alarms = append(read.Alarms, Alarm{cdkHash.ReplaceAllString(id, ""), p.AlarmDescription, p.rule()})
	}
	return read, nil
}

// cdkHash matches the hash that the CDK appends to a construct's id.
var cdkHash = regexp.MustCompile(`[0-9A-F]{8}$`)

type alarmProperties struct {
	AlarmDescription, ComparisonOperator, ExtendedStatistic, MetricName, Statistic, TreatMissingData string

	DatapointsToAlarm, EvaluationPeriods, Period int

	Threshold float64
	Metrics   []struct {
		Expression string
		MetricStat struct{ Period int }
	}
}

// comparisons maps the operators to symbols.
var comparisons = map[string]string{
	"GreaterThanThreshold": ">", "GreaterThanOrEqualToThreshold": ">=", "LessThanThreshold": "<", "LessThanOrEqualToThreshold": "<=",
}

func (p alarmProperties) rule() string {
	what, period := strings.TrimSpace(p.Statistic+p.ExtendedStatistic+" of "+p.MetricName), p.Period
	for _, m := range p.Metrics {
		if m.Expression != "" {
			what = m.Expression
		}
		period = max(period, m.MetricStat.Period)
	}
	comparison := comparisons[p.ComparisonOperator]
	if comparison == "" {
		comparison = p.ComparisonOperator
	}
	points := p.DatapointsToAlarm
	if points == 0 {
		points = p.EvaluationPeriods
	}
	missing := p.TreatMissingData
	if missing == "" {
		missing = "missing"
	}
	return fmt.Sprintf("%s %s %v, %d of %d periods of %d s; missing data is %s", what, comparison, p.Threshold, points, p.EvaluationPeriods, period, missing)
}

// Surfaces returns the surfaces of a stack, sorted. The stack is part of their
// names, because two stacks may have the same outputs.
func (t Template) Surfaces(stack string) []Surface {
	var all []Surface
	for _, o := range t.Outputs {
		all = append(all, Surface{KindOutput, stack + " " + o.Name, ""})
	}
	for _, a := range t.Alarms {
		all = append(all, Surface{KindAlarm, stack + " " + a.Name, a.Rule})
	}
	slices.SortFunc(all, compare)
	return all
}
