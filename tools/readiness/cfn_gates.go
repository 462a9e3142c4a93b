package readiness

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Gates returns the thresholds of the alarms that stop a deployment, according
// to a template: the percentage of failed invocations, and the p90 of durations
// in milliseconds. If there are several alarms on one of them, the strictest
// counts. If there is none, Gates returns an error. Groups are logical ids of deployment
// groups, if not all count.
func Gates(template json.RawMessage, groups ...string) (errorPercent, p90 float64, err error) {
	t, err := parseTemplate(template)
	if err != nil {
		return 0, 0, err
	}
	lower := func(to *float64, threshold float64) {
		if threshold > 0 && (*to == 0 || threshold < *to) {
			*to = threshold
		}
	}
	for _, id := range t.ofType("AWS::CodeDeploy::DeploymentGroup") {
		if len(groups) > 0 && !slices.Contains(groups, id) {
			continue
		}
		for _, alarm := range cfnList(cfnAt(t.Resources[id].Properties["AlarmConfiguration"], "Alarms")) {
			p := t.Resources[cfnTarget(cfnAt(alarm, "Name"))].Properties
			threshold, ok := p["Threshold"].(float64)
			switch {
			case !ok:
			case isErrorPercent(p):
				lower(&errorPercent, threshold)
			case p["MetricName"] == "Duration" && p["ExtendedStatistic"] == "p90":
				lower(&p90, threshold)
			}
		}
	}
	if errorPercent == 0 || p90 == 0 || errorPercent >= 100 {
		return 0, 0, fmt.Errorf("reading a template: its deployment group watches no alarm on 100 * errors / invocations, or none on the p90 of Duration: found %g %% and %g ms", errorPercent, p90)
	}
	return errorPercent, p90, nil
}

// isErrorPercent reports whether an alarm watches the percentage of failed
// invocations.
func isErrorPercent(alarm map[string]any) bool {
	ids, expression := map[string]string{}, ""
	for _, query := range cfnList(alarm["Metrics"]) {
		if name := cfnText(cfnAt(query, "MetricStat", "Metric", "MetricName")); name != "" {
			ids[name] = cfnText(cfnAt(query, "Id"))
		} else if cfnAt(query, "ReturnData") != false {
			expression = strings.ReplaceAll(cfnText(cfnAt(query, "Expression")), " ", "")
		}
	}
	return expression != "" && expression == "100*"+ids["Errors"]+"/"+ids["Invocations"]
}
