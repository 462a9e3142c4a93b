package codepipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodepipeline "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
)

// approvalTimeout is how long an approval waits by default.
// See https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html.
const approvalTimeout = 7 * 24 * time.Hour

// maxSubject is the length limit of an SNS subject, in characters.
const maxSubject = 100

// A decision is the answer to an approval.
type decision struct {
	status  types.ApprovalStatus
	summary string
	by      string
}

// approve waits until somebody decides or the time is up.
func (s *Service) approve(ctx context.Context, j *job) outcome {
	timeout := j.timeout
	if timeout == 0 {
		timeout = approvalTimeout
	}
	timer := s.account.Clock.NewTimer(timeout)
	defer timer.Stop()
	token := j.run.token
	if topic := j.configuration["NotificationArn"]; topic != "" {
		if err := s.notify(ctx, j, topic, s.account.Clock.Now().Add(timeout)); err != nil {
			return failure(codeConfiguration, "Publishing the approval request to %s: %v", topic, err)
		}
	}
	select {
	case <-ctx.Done():
		return failure(codeJobFailed, "Waiting for the approval was interrupted: %v", context.Cause(ctx))
	case <-timer.C():
		result := failure(codeTimedOut, "The approval action timed out after %s", timeout)
		result.externalID = token
		return result
	case d := <-j.run.decision:
		result := outcome{summary: d.summary, externalID: token, by: d.by}
		if d.status == types.ApprovalStatusRejected {
			result.failed, result.code = true, codeJobFailed
			result.message = strings.TrimSuffix(fmt.Sprintf("Rejected by %s: %s", d.by, d.summary), ": ")
		}
		return result
	}
}

// notify publishes an approval request in AWS's format.
// See https://docs.aws.amazon.com/codepipeline/latest/userguide/approvals-json-format.html.
func (s *Service) notify(ctx context.Context, j *job, topic string, expires time.Time) error {
	if s.deps.Notifier == nil {
		return errors.New("there is no SNS")
	}
	view := fmt.Sprintf("https://console.aws.amazon.com/codepipeline/home?region=%s#/view/%s", s.account.Region, j.pipeline)
	approval := map[string]any{
		"pipelineName": j.pipeline, "stageName": j.stage, "actionName": j.action, "token": j.run.token,
		"expires":            expires.UTC().Format("2006-01-02T15:04Z"),
		"externalEntityLink": text(j.configuration["ExternalEntityLink"]),
		"approvalReviewLink": fmt.Sprintf("%s/%s/%s/approve/%s", view, j.stage, j.action, j.run.token),
		"customData":         text(j.configuration["CustomData"]),
	}
	message, err := json.Marshal(map[string]any{"region": s.account.Region, "consoleLink": view, "approval": approval})
	if err != nil {
		return err
	}
	subject := fmt.Sprintf("APPROVAL NEEDED: AWS CodePipeline %s for action %s", j.pipeline, j.action)
	_, err = s.deps.Notifier.Publish(ctx, &awssns.PublishInput{
		TopicArn: aws.String(topic), Subject: aws.String(subject[:min(len(subject), maxSubject)]), Message: aws.String(string(message)),
	})
	return err
}

// PutApprovalResult implements the operation of that name.
func (s *Service) PutApprovalResult(ctx context.Context, in *awscodepipeline.PutApprovalResultInput) (*awscodepipeline.PutApprovalResultOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.find(in.PipelineName)
	if err != nil {
		return nil, err
	}
	_, d, err := p.declared(in.StageName)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(d.Actions, func(a types.ActionDeclaration) bool { return aws.ToString(a.Name) == aws.ToString(in.ActionName) })
	if i < 0 || d.Actions[i].ActionTypeId.Category != types.ActionCategoryApproval {
		return nil, &types.ActionNotFoundException{Message: aws.String(fmt.Sprintf(
			"Stage '%s' of pipeline '%s' does not have an approval action with name '%s'", aws.ToString(d.Name), p.name, aws.ToString(in.ActionName)))}
	}
	if in.Result == nil || !slices.Contains(in.Result.Status.Values(), in.Result.Status) {
		return nil, invalid("1 validation error detected: Value at 'result.status' failed to satisfy constraint: Member must satisfy enum value set: [Approved, Rejected]")
	}
	at := slices.IndexFunc(p.actions, func(a *actionRun) bool {
		return a.token != "" && a.token == aws.ToString(in.Token) && a.stage == aws.ToString(d.Name) && aws.ToString(a.declaration.Name) == aws.ToString(in.ActionName)
	})
	if at < 0 {
		return nil, &types.InvalidApprovalTokenException{Message: aws.String(fmt.Sprintf(
			"The token '%s' is not that of an approval request of action '%s'", aws.ToString(in.Token), aws.ToString(in.ActionName)))}
	}
	a := p.actions[at]
	if a.decided || a.status != types.ActionExecutionStatusInProgress {
		return nil, &types.ApprovalAlreadyCompletedException{Message: aws.String(fmt.Sprintf(
			"The approval request of action '%s' already received a response or has expired", aws.ToString(in.ActionName)))}
	}
	a.decided = true
	a.decision <- decision{status: in.Result.Status, summary: aws.ToString(in.Result.Summary), by: aws.ToString(caller(ctx))}
	return &awscodepipeline.PutApprovalResultOutput{ApprovedAt: aws.Time(s.account.Clock.Now())}, nil
}
