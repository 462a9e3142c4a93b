// Package pipeline reads what the deployed pipeline does, on any AWS.
package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

// Actions returns the actions of a pipeline's execution that have begun, the newest first. If
// an action was repeated, only its last run is included.
func Actions(ctx context.Context, client *codepipeline.Client, name, execution string) ([]types.ActionExecutionDetail, error) {
	var actions []types.ActionExecutionDetail
	pages := codepipeline.NewListActionExecutionsPaginator(client, &codepipeline.ListActionExecutionsInput{
		PipelineName: &name,
		Filter: &types.ActionExecutionFilter{LatestInPipelineExecution: &types.LatestInPipelineExecutionFilter{
			PipelineExecutionId: &execution,
			StartTimeRange:      types.StartTimeRangeLatest,
		}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("reading the actions of %s: %w", execution, err)
		}
		actions = append(actions, page.ActionExecutionDetails...)
	}
	return actions, nil
}

// IsApproval reports whether an action is a manual approval.
func IsApproval(a types.ActionExecutionDetail) bool {
	return a.Input != nil && a.Input.ActionTypeId != nil && a.Input.ActionTypeId.Category == types.ActionCategoryApproval
}

// Waits reports whether an action is a manual approval that waits for an answer.
func Waits(a types.ActionExecutionDetail) bool {
	return a.Status == types.ActionExecutionStatusInProgress && IsApproval(a)
}

// An Approval is a manual approval that waits for an answer.
type Approval struct {
	Pipeline             string
	Stage, Action, Token string
	Link, Text           string
}

// ErrNoToken says that CodePipeline shows no token for an approval. Either it was answered
// just now, or its pipeline runs in the mode PARALLEL, in which only the notification has the
// token.
var ErrNoToken = errors.New("CodePipeline shows no token to answer with")

// Awaited returns what the approver of an action is shown, and the token for the answer.
func Awaited(ctx context.Context, client *codepipeline.Client, name string, action types.ActionExecutionDetail) (Approval, error) {
	a := Approval{Pipeline: name, Stage: aws.ToString(action.StageName), Action: aws.ToString(action.ActionName)}
	if action.Input != nil {
		a.Link, a.Text = action.Input.ResolvedConfiguration["ExternalEntityLink"], action.Input.ResolvedConfiguration["CustomData"]
	}
	state, err := client.GetPipelineState(ctx, &codepipeline.GetPipelineStateInput{Name: &name})
	if err != nil {
		return a, fmt.Errorf("reading the approval: %w", err)
	}
	for _, stage := range state.StageStates {
		for _, s := range stage.ActionStates {
			if aws.ToString(stage.StageName) == a.Stage && aws.ToString(s.ActionName) == a.Action && s.LatestExecution != nil &&
				aws.ToString(s.LatestExecution.ActionExecutionId) == aws.ToString(action.ActionExecutionId) {
				a.Token = aws.ToString(s.LatestExecution.Token)
			}
		}
	}
	if a.Token == "" {
		return a, fmt.Errorf("reading the approval %s/%s: %w", a.Stage, a.Action, ErrNoToken)
	}
	return a, nil
}

// Answer returns the command that approves.
func (a Approval) Answer() string {
	return fmt.Sprintf("aws codepipeline put-approval-result --pipeline-name %s --stage-name %s --action-name %s --token %s --result summary=seen,status=Approved",
		a.Pipeline, a.Stage, a.Action, a.Token)
}
