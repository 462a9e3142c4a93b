package cloudwatch

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
)

// transition puts an alarm into a state. If that is a new one it is recorded,
// the alarm acts, and the composite alarms and watchers hear of it. The
// service is locked.
func (s *Service) transition(a *alarm, state types.StateValue, reason, reasonData string) {
	old, now := *a, s.account.Clock.Now()
	a.state, a.reason, a.reasonData, a.updated = state, reason, reasonData, now
	if state == old.state {
		return
	}
	a.transitioned = now
	s.record(a, types.HistoryItemTypeStateUpdate, "Alarm updated from "+string(old.state)+" to "+string(state), marshal(map[string]any{
		"version":  "1.0",
		"oldState": stateData(&old),
		"newState": stateData(a),
	}))
	if actions := a.actions[state]; a.enabled && len(actions) > 0 && s.ctx.Err() == nil {
		message := s.message(a, &old)
		name, arn := a.name, a.arn
		s.running.Go(func() { s.act(name, arn, state, actions, message) })
	}
	s.updateComposites(a.name)
	s.notify()
}

func stateData(a *alarm) map[string]any {
	data := map[string]any{"stateValue": a.state, "stateReason": a.reason}
	if isJSON(a.reasonData) {
		data["stateReasonData"] = json.RawMessage(a.reasonData)
	}
	return data
}

// act carries out the actions of a state change one after the other.
func (s *Service) act(name, arn string, state types.StateValue, actions []string, message string) {
	for _, action := range actions {
		var err error
		if strings.HasPrefix(action, "arn:aws:lambda:") {
			_, err = s.deps.Functions.Invoke(s.ctx, &awslambda.InvokeInput{
				FunctionName:   aws.String(action),
				InvocationType: lambdatypes.InvocationTypeEvent,
				Payload:        []byte(`{"source":"aws.cloudwatch","alarmArn":` + marshal(arn) + `,"alarmData":` + message + `}`),
			})
		} else {
			_, err = s.deps.Notifier.Publish(s.ctx, &awssns.PublishInput{
				TopicArn: aws.String(action),
				Subject:  aws.String(subject(state, name, s.account.Region)),
				Message:  aws.String(message),
			})
		}
		summary, result := "Successfully executed action "+action, "Succeeded"
		if err != nil {
			summary, result = "Failed to execute action "+action, "Failed"
			s.account.Log.Warn("executing an alarm's action", "alarm", name, "action", action, "error", err)
		}
		data := map[string]any{"actionState": result, "notificationResource": action, "stateUpdateTimestamp": s.account.Clock.Now().UnixMilli()}
		if err != nil {
			data["error"] = err.Error()
		}
		s.mu.Lock()
		if a := s.alarms[name]; a != nil {
			s.record(a, types.HistoryItemTypeAction, summary, marshal(data))
		}
		s.mu.Unlock()
	}
}

// subject is limited by SNS to 100 characters.
func subject(state types.StateValue, name, region string) string {
	text := string(state) + `: "` + name + `" in ` + regionName(region)
	if len(text) > 100 {
		text = text[:97] + "..."
	}
	return text
}

// message is the text that a topic gets, as AWS sends it.
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
		"OKActions":                          list0(a.actions[types.StateValueOk]),
		"AlarmActions":                       list0(a.actions[types.StateValueAlarm]),
		"InsufficientDataActions":            list0(a.actions[types.StateValueInsufficientData]),
	}
	if r := a.metric; r != nil {
		m["Trigger"] = trigger(r)
	} else {
		m["AlarmRule"] = a.composite.text
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
		t["Metrics"] = in.Metrics
		return t
	}
	dimensions := []map[string]string{}
	for _, d := range in.Dimensions {
		dimensions = append(dimensions, map[string]string{"name": *d.Name, "value": *d.Value})
	}
	t["MetricName"], t["Namespace"], t["Dimensions"] = *in.MetricName, *in.Namespace, dimensions
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

// list0 makes JSON write an empty list as one.
func list0(l []string) []string {
	if l == nil {
		return []string{}
	}
	return l
}

// regionName returns a region as messages call it. Regions that nobody has
// asked for yet go by their code.
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

// maxHistory bounds the history that is kept of all alarms together.
const maxHistory = 2000

// record adds to the history of an alarm. The service is locked.
func (s *Service) record(a *alarm, kind types.HistoryItemType, summary, data string) {
	if len(s.history) >= maxHistory {
		s.history = append(s.history[:0], s.history[maxHistory/10:]...)
	}
	s.history = append(s.history, types.AlarmHistoryItem{
		AlarmName:       aws.String(a.name),
		AlarmType:       a.kind(),
		HistoryItemType: kind,
		HistorySummary:  aws.String(summary),
		HistoryData:     aws.String(data),
		Timestamp:       aws.Time(s.account.Clock.Now().Truncate(time.Millisecond)),
	})
}

func configurationData(change string, a *alarm) string {
	return marshal(map[string]any{"version": "1.0", "type": change, "alarmName": a.name, "alarmArn": a.arn})
}

// A watcher is told of changes.
type watcher struct{ c chan struct{} }

// WatchAlarms returns a channel that receives whenever alarms have changed
// their state since it last did, so that another service need not poll. stop
// ends it.
func (s *Service) WatchAlarms() (changes <-chan struct{}, stop func()) {
	w := &watcher{c: make(chan struct{}, 1)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers[w] = struct{}{}
	return w.c, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watchers, w)
	}
}

// notify tells the watchers. The service is locked.
func (s *Service) notify() {
	for w := range s.watchers {
		select {
		case w.c <- struct{}{}:
		default:
		}
	}
}
