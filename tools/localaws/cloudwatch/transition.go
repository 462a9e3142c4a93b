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

	"github.com/magewright/magewright/tools/localaws/principal"
)

// transition puts an alarm into a state. If the state is new, transition
// records it, performs the alarm's actions, and informs composite alarms and
// watchers. The caller holds the service's lock.
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
		n := notice{alarm: a.name, subject: subject(state, a.name, s.account.Region), message: s.message(a, &old), event: s.event(a, &old)}
		s.running.Go(func() { s.act(n, actions) })
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

// act performs the actions of a state change one after the other.
func (s *Service) act(n notice, actions []string) {
	for _, action := range actions {
		var err error
		if strings.HasPrefix(action, "arn:aws:lambda:") {
			// Alarms have a principal of their own for functions. See
			// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html.
			ctx := principal.ServiceFor(s.ctx, "lambda.alarms.cloudwatch.amazonaws.com", s.account.ID, s.account.ARN("cloudwatch", "alarm:"+n.alarm))
			_, err = s.deps.Functions.Invoke(ctx, &awslambda.InvokeInput{
				FunctionName:   aws.String(action),
				InvocationType: lambdatypes.InvocationTypeEvent,
				Payload:        []byte(n.event),
			})
		} else {
			ctx := principal.ServiceFor(s.ctx, "cloudwatch.amazonaws.com", s.account.ID, s.account.ARN("cloudwatch", "alarm:"+n.alarm))
			_, err = s.deps.Notifier.Publish(ctx, &awssns.PublishInput{
				TopicArn: aws.String(action),
				Subject:  aws.String(n.subject),
				Message:  aws.String(n.message),
			})
		}
		summary, result := "Successfully executed action "+action, "Succeeded"
		if err != nil {
			summary, result = "Failed to execute action "+action, "Failed"
			s.account.Log.Warn("executing an alarm's action", "alarm", n.alarm, "action", action, "error", err)
		}
		data := map[string]any{"actionState": result, "notificationResource": action, "stateUpdateTimestamp": s.account.Clock.Now().UnixMilli()}
		if err != nil {
			data["error"] = err.Error()
		}
		s.mu.Lock()
		if a := s.alarms[n.alarm]; a != nil {
			s.record(a, types.HistoryItemTypeAction, summary, marshal(data))
		}
		s.mu.Unlock()
	}
}

// maxHistory limits the history of all alarms together.
const maxHistory = 2000

// record adds an item to an alarm's history. The caller holds the service's lock.
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

// A watcher is informed of state changes.
type watcher struct{ c chan struct{} }

// WatchAlarms returns a channel that receives whenever alarms have changed
// their state. With it, other services need not poll. stop ends the watch.
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

// notify informs the watchers. The caller holds the service's lock.
func (s *Service) notify() {
	for w := range s.watchers {
		select {
		case w.c <- struct{}{}:
		default:
		}
	}
}
