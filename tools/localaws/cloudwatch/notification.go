package cloudwatch

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// A notice is the content of the notifications about a state change.
type notice struct {
	alarm            string // the alarm's name
	subject, message string // for topics
	event            string // for functions
}

// subject returns the subject, which SNS limits to 100 characters.
func subject(state types.StateValue, name, region string) string {
	text := string(state) + `: "` + name + `" in ` + regionName(region)
	if len(text) > 100 {
		text = text[:97] + "..."
	}
	return text
}

// message returns the text that topics receive. AWS does not document it; this
// format follows recorded messages.
func (s *Service) message(a, old *alarm) string {
	m := map[string]any{
		"AlarmName":                          a.name,
		"AlarmDescription":                   a.description,
		"AWSAccountId":                       s.account.ID,
		"AlarmConfigurationUpdatedTimestamp": timestamp(a.configured),
		"NewStateValue":                      a.state,
		"NewStateReason":                     a.reason,
		"StateChangeTime":                    timestamp(a.updated),
		"Region":                             regionName(s.account.Region),
		"AlarmArn":                           a.arn,
		"OldStateValue":                      old.state,
		"OKActions":                          a.actionsOn(types.StateValueOk),
		"AlarmActions":                       a.actionsOn(types.StateValueAlarm),
		"InsufficientDataActions":            a.actionsOn(types.StateValueInsufficientData),
	}
	if r := a.metric; r != nil {
		m["Trigger"] = trigger(r)
	} else {
		m["AlarmRule"], m["TriggeringChildren"] = a.composite.text, s.triggering(a)
	}
	return marshal(m)
}

func trigger(r *metricRule) map[string]any {
	in := r.in
	t := map[string]any{
		"Period":                           r.period,
		"EvaluationPeriods":                r.periods,
		"ComparisonOperator":               in.ComparisonOperator,
		"Threshold":                        *in.Threshold,
		"TreatMissingData":                 aws.ToString(in.TreatMissingData),
		"EvaluateLowSampleCountPercentile": aws.ToString(in.EvaluateLowSampleCountPercentile),
	}
	if in.DatapointsToAlarm != nil {
		t["DatapointsToAlarm"] = *in.DatapointsToAlarm
	}
	if len(in.Metrics) > 0 {
		t["Metrics"] = triggerMetrics(in.Metrics)
		return t
	}
	t["MetricName"], t["Namespace"], t["Dimensions"] = *in.MetricName, *in.Namespace, triggerDimensions(in.Dimensions)
	t["Unit"] = nil
	if in.Unit != "" {
		t["Unit"] = in.Unit
	}
	if in.ExtendedStatistic != nil {
		t["StatisticType"], t["ExtendedStatistic"] = "ExtendedStatistic", *in.ExtendedStatistic
	} else {
		t["StatisticType"], t["Statistic"] = "Statistic", strings.ToUpper(string(in.Statistic))
	}
	return t
}

// triggerMetrics returns queries in the form that topics receive. It leaves out
// what is not set.
func triggerMetrics(queries []types.MetricDataQuery) []map[string]any {
	var all []map[string]any
	for _, q := range queries {
		m := map[string]any{"Id": *q.Id, "ReturnData": returnsData(q)}
		if q.Label != nil {
			m["Label"] = *q.Label
		}
		if q.Period != nil {
			m["Period"] = *q.Period
		}
		if q.Expression != nil {
			m["Expression"] = *q.Expression
		}
		if stat := q.MetricStat; stat != nil {
			shown := map[string]any{
				"Metric": map[string]any{"Namespace": *stat.Metric.Namespace, "MetricName": *stat.Metric.MetricName, "Dimensions": triggerDimensions(stat.Metric.Dimensions)},
				"Period": *stat.Period,
				"Stat":   *stat.Stat,
			}
			if stat.Unit != "" {
				shown["Unit"] = stat.Unit
			}
			m["MetricStat"] = shown
		}
		all = append(all, m)
	}
	return all
}

func triggerDimensions(dimensions []types.Dimension) []map[string]string {
	all := []map[string]string{}
	for _, d := range dimensions {
		all = append(all, map[string]string{"name": *d.Name, "value": *d.Value})
	}
	return all
}

func returnsData(q types.MetricDataQuery) bool { return q.ReturnData == nil || *q.ReturnData }

// triggering lists the children that caused a composite alarm's ALARM state.
func (s *Service) triggering(a *alarm) []map[string]any {
	all := []map[string]any{}
	for _, child := range s.alarming(a.composite) {
		all = append(all, map[string]any{
			"Arn":   child.arn,
			"State": map[string]string{"Value": string(child.state), "Timestamp": timestamp(child.updated)},
		})
	}
	return all
}

// event returns the event that functions are invoked with. See
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html.
func (s *Service) event(a, old *alarm) string {
	configuration := map[string]any{}
	if a.description != nil {
		configuration["description"] = *a.description
	}
	if a.metric != nil {
		configuration["metrics"] = eventMetrics(a.metric.queries.all)
	} else {
		configuration["alarmRule"] = a.composite.text
	}
	return marshal(map[string]any{
		"source":    "aws.cloudwatch",
		"alarmArn":  a.arn,
		"accountId": s.account.ID,
		"time":      timestamp(a.updated),
		"region":    s.account.Region,
		"alarmData": map[string]any{
			"alarmName":     a.name,
			"state":         eventState(a),
			"previousState": eventState(old),
			"configuration": configuration,
		},
	})
}

func eventState(a *alarm) map[string]any {
	state := map[string]any{"value": a.state, "reason": a.reason, "timestamp": timestamp(a.updated)}
	if a.reasonData != "" {
		state["reasonData"] = a.reasonData
	}
	return state
}

// eventMetrics returns queries in the form that functions receive.
func eventMetrics(queries []types.MetricDataQuery) []map[string]any {
	var all []map[string]any
	for _, q := range queries {
		m := map[string]any{"id": *q.Id, "returnData": returnsData(q)}
		if q.Label != nil {
			m["label"] = *q.Label
		}
		if q.Expression != nil {
			m["expression"] = *q.Expression
		}
		if stat := q.MetricStat; stat != nil {
			dimensions := map[string]string{}
			for _, d := range stat.Metric.Dimensions {
				dimensions[*d.Name] = *d.Value
			}
			shown := map[string]any{
				"metric": map[string]any{"namespace": *stat.Metric.Namespace, "name": *stat.Metric.MetricName, "dimensions": dimensions},
				"period": *stat.Period,
				"stat":   *stat.Stat,
			}
			if stat.Unit != "" {
				shown["unit"] = stat.Unit
			}
			m["metricStat"] = shown
		}
		all = append(all, m)
	}
	return all
}

// actionsOn returns the actions for a state. If there are none, it returns an
// empty list, not nil, because messages show the empty list.
func (a *alarm) actionsOn(state types.StateValue) []string {
	return append([]string{}, a.actions[state]...)
}

// regionName returns the name that messages use for a region. For regions that
// are not in its table, it returns the code.
func regionName(region string) string {
	names := map[string]string{
		"us-east-1":    "US East (N. Virginia)",
		"us-east-2":    "US East (Ohio)",
		"us-west-2":    "US West (Oregon)",
		"eu-west-1":    "EU (Ireland)",
		"eu-central-1": "EU (Frankfurt)",
	}
	if name := names[region]; name != "" {
		return name
	}
	return region
}
