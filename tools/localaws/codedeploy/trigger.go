package codedeploy

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
)

// trigger publishes an event to the topics that subscribe to it, in the format of
// https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-sns-event-notifications-json-format.html.
// If a topic can't be reached, the deployment still continues.
func (s *Service) trigger(d *deployment, event types.TriggerEventType) {
	for _, t := range d.triggers {
		if !slices.Contains(t.TriggerEvents, event) {
			continue
		}
		name := aws.ToString(t.TriggerName)
		_, err := s.deps.Notifier.Publish(d.as, &awssns.PublishInput{
			TopicArn: t.TriggerTargetArn,
			Subject:  aws.String(subject(event, d, s.account.Region)),
			Message:  aws.String(s.message(d, event, name)),
		})
		if err != nil {
			s.account.Log.Warn("publishing a deployment's trigger", "deployment", d.id, "trigger", name, "error", err)
		}
	}
}

// statuses maps events to the words that notifications use.
var statuses = map[types.TriggerEventType]string{
	types.TriggerEventTypeDeploymentStart:    "CREATED",
	types.TriggerEventTypeDeploymentSuccess:  "SUCCEEDED",
	types.TriggerEventTypeDeploymentFailure:  "FAILED",
	types.TriggerEventTypeDeploymentStop:     "STOPPED",
	types.TriggerEventTypeDeploymentRollback: "ROLLBACK",
}

// subject returns the subject, which SNS limits to 100 characters.
func subject(event types.TriggerEventType, d *deployment, region string) string {
	text := statuses[event] + ": AWS CodeDeploy " + d.id + " in " + region + " to " + aws.ToString(d.info.ApplicationName)
	return text[:min(len(text), 100)]
}

func (s *Service) message(d *deployment, event types.TriggerEventType, name string) string {
	s.mu.Lock()
	info := d.describe()
	s.mu.Unlock()
	m := map[string]any{
		"region":              s.account.Region,
		"accountId":           s.account.ID,
		"eventTriggerName":    name,
		"applicationName":     info.ApplicationName,
		"deploymentId":        d.id,
		"deploymentGroupName": info.DeploymentGroupName,
		"createTime":          stamp(info.CreateTime),
		"completeTime":        stamp(info.CompleteTime),
		"status":              statuses[event],
	}
	overview, err := json.Marshal(map[string]int64{
		"Failed": info.DeploymentOverview.Failed, "InProgress": info.DeploymentOverview.InProgress, "Pending": info.DeploymentOverview.Pending,
		"Skipped": info.DeploymentOverview.Skipped, "Succeeded": info.DeploymentOverview.Succeeded,
	})
	if err != nil {
		panic(err) // numbers can be marshalled
	}
	m["deploymentOverview"] = string(overview)
	if e := info.ErrorInformation; e != nil {
		text, err := json.Marshal(map[string]string{"ErrorCode": string(e.Code), "ErrorMessage": aws.ToString(e.Message)})
		if err != nil {
			panic(err) // strings can be marshalled
		}
		m["errorInformation"] = string(text)
	}
	if r := info.RollbackInfo; r != nil {
		text, err := json.Marshal(map[string]*string{
			"RollbackDeploymentId": r.RollbackDeploymentId, "RollbackTriggeringDeploymentId": r.RollbackTriggeringDeploymentId, "RollbackMessage": r.RollbackMessage,
		})
		if err != nil {
			panic(err) // strings can be marshalled
		}
		m["rollbackInformation"] = string(text)
	}
	text, err := json.Marshal(m)
	if err != nil {
		panic(err) // strings can be marshalled
	}
	return string(text)
}

// stamp formats a time as the notifications do.
func stamp(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UTC().Format("Mon Jan 02 15:04:05 MST 2006")
}
