package codepipeline

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/magewright/magewright/tools/localaws/principal"
)

// The kinds of events.
// See https://docs.aws.amazon.com/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html.
const (
	pipelineEvent = "CodePipeline Pipeline Execution State Change"
	stageEvent    = "CodePipeline Stage Execution State Change"
	actionEvent   = "CodePipeline Action Execution State Change"
)

type event struct {
	kind   string
	arn    string
	detail map[string]any
	at     time.Time
}

// states maps the API's statuses to the states in events. An unlisted status
// has the same name in capitals.
var states = map[string]string{"InProgress": "STARTED", "Cancelled": "CANCELED"}

func state(status string) string {
	if s, ok := states[status]; ok {
		return s
	}
	return strings.ToUpper(status)
}

// emit queues an event. The caller holds the service's lock, so that events are
// sent in the order of the changes that they report.
func (s *Service) emit(e *execution, kind string, detail map[string]any) {
	if s.deps.Events == nil {
		return
	}
	detail["pipeline"] = e.pipeline.name
	detail["execution-id"] = e.id
	detail["version"] = aws.ToInt32(e.structure.Version)
	detail["pipeline-execution-attempt"] = e.attempt
	s.outbox = append(s.outbox, event{kind: kind, arn: s.arn(e.pipeline.name), detail: detail, at: s.account.Clock.Now()})
	s.changed.Broadcast()
}

func (s *Service) emitExecution(e *execution, state string) {
	s.emit(e, pipelineEvent, map[string]any{
		"state": state, "start-time": stamp(e.started),
		"execution-trigger": map[string]any{"trigger-type": e.trigger.TriggerType, "trigger-detail": aws.ToString(e.trigger.TriggerDetail)},
	})
}

func (s *Service) emitStage(r *stageRun, state string) {
	s.emit(r.execution, stageEvent, map[string]any{"stage": r.name(), "state": state, "start-time": stamp(r.started)})
}

func (s *Service) emitAction(a *actionRun, state string) {
	id := a.declaration.ActionTypeId
	detail := map[string]any{
		"stage": a.stage, "action": aws.ToString(a.declaration.Name), "state": state, "start-time": stamp(a.started),
		"region":           s.account.Region,
		"type":             map[string]any{"owner": id.Owner, "provider": aws.ToString(id.Provider), "category": id.Category, "version": aws.ToString(id.Version)},
		"input-artifacts":  locations(a.inputs),
		"output-artifacts": locations(a.outputs),
	}
	if a.status != types.ActionExecutionStatusInProgress {
		result := map[string]any{
			"external-execution-id": a.result.externalID, "external-execution-url": a.result.externalURL, "external-execution-summary": a.result.summary,
		}
		if a.result.code != "" {
			result["error-code"] = a.result.code
		}
		detail["execution-result"] = result
	}
	s.emit(a.execution, actionEvent, detail)
}

func locations(artifacts []artifact) []any {
	list := []any{}
	for _, a := range artifacts {
		list = append(list, map[string]any{"name": a.name, "s3location": map[string]any{"bucket": a.bucket, "key": a.key}})
	}
	return list
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// deliver sends the events to EventBridge in order until Close.
func (s *Service) deliver() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		for len(s.outbox) == 0 && !s.closed {
			s.changed.Wait()
		}
		if len(s.outbox) == 0 {
			return
		}
		batch := s.outbox
		s.outbox = nil
		s.mu.Unlock()
		for _, e := range batch {
			s.send(e)
		}
		s.mu.Lock()
	}
}

func (s *Service) send(e event) {
	detail, err := json.Marshal(e.detail)
	if err == nil {
		// A rule's target may still receive the last event when the service closes.
		_, err = s.deps.Events.PutEvents(context.WithoutCancel(s.life), &awseventbridge.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{{
			Source: aws.String("aws.codepipeline"), DetailType: aws.String(e.kind), Detail: aws.String(string(detail)),
			Resources: []string{e.arn}, Time: aws.Time(e.at),
		}}})
	}
	if err != nil {
		s.account.Log.Warn("CodePipeline could not send an event", "kind", e.kind, "pipeline", e.detail["pipeline"], "error", err)
	}
}

// caller returns the ARN of the principal that makes a request.
func caller(ctx context.Context) *string {
	if p := principal.FromContext(ctx); p.ARN != "" {
		return aws.String(p.ARN)
	}
	return nil
}
