package codepipeline

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodepipeline "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

// GetPipelineState implements the operation of that name.
func (s *Service) GetPipelineState(_ context.Context, in *awscodepipeline.GetPipelineStateInput) (*awscodepipeline.GetPipelineStateOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.find(in.Name)
	if err != nil {
		return nil, err
	}
	out := &awscodepipeline.GetPipelineStateOutput{
		PipelineName: aws.String(p.name), PipelineVersion: aws.Int32(p.version()), Created: aws.Time(p.created), Updated: aws.Time(p.updated),
		StageStates: []types.StageState{},
	}
	for i := range p.structure().Stages {
		out.StageStates = append(out.StageStates, p.stageState(i))
	}
	return out, nil
}

func (p *pipeline) stageState(index int) types.StageState {
	d := &p.structure().Stages[index]
	st := p.stage(aws.ToString(d.Name))
	state := types.StageState{
		StageName: d.Name, ActionStates: []types.ActionState{},
		InboundTransitionState: &types.TransitionState{Enabled: st.disabled == nil},
	}
	if st.disabled != nil {
		state.InboundTransitionState.DisabledReason = aws.String(st.disabled.reason)
		state.InboundTransitionState.LastChangedAt = aws.Time(st.disabled.at)
		state.InboundTransitionState.LastChangedBy = aws.String(st.disabled.by)
	}
	for _, e := range st.waiting {
		state.InboundExecutions = append(state.InboundExecutions, types.StageExecution{
			PipelineExecutionId: aws.String(e.id), Status: types.StageExecutionStatusInProgress, Type: e.kind,
		})
	}
	if n := len(state.InboundExecutions); n > 0 {
		state.InboundExecution = &state.InboundExecutions[n-1]
	}
	if r := st.latest; r != nil {
		state.LatestExecution = &types.StageExecution{PipelineExecutionId: aws.String(r.execution.id), Status: r.status, Type: r.execution.kind}
		state.BeforeEntryConditionState, state.OnSuccessConditionState, state.OnFailureConditionState = r.verdicts[beforeEntry].state(), r.verdicts[onSuccess].state(), r.verdicts[onFailure].state()
		if r.lastRetry != "" {
			state.RetryStageMetadata = &types.RetryStageMetadata{
				AutoStageRetryAttempt: count(r.automatic), ManualStageRetryAttempt: count(r.manual), LatestRetryTrigger: r.lastRetry,
			}
		}
	}
	for i := range d.Actions {
		name := aws.ToString(d.Actions[i].Name)
		shown := types.ActionState{ActionName: aws.String(name)}
		if a := st.actions[name]; a != nil {
			a.show(&shown)
		}
		state.ActionStates = append(state.ActionStates, shown)
	}
	return state
}

func count(n int) *int32 {
	return aws.Int32(int32(n)) // #nosec G115 -- retries are few
}

// show describes an action's last run in its state.
func (a *actionRun) show(state *types.ActionState) {
	x := &types.ActionExecution{
		ActionExecutionId: aws.String(a.id), Status: a.status, LastStatusChange: aws.Time(a.updated),
		ExternalExecutionId: text(a.result.externalID), ExternalExecutionUrl: text(a.result.externalURL),
		Summary: text(a.result.summary), LastUpdatedBy: text(a.by), LogStreamARN: text(a.result.logStream), ErrorDetails: a.errorDetails(),
		PercentComplete: a.result.percent,
	}
	if a.token != "" && a.status == types.ActionExecutionStatusInProgress && a.execution.mode() != types.ExecutionModeParallel {
		x.Token = aws.String(a.token)
	}
	state.LatestExecution = x
	state.EntityUrl = text(a.resolved["ExternalEntityLink"])
	if r := a.result.revision; r != nil {
		state.CurrentRevision = &types.ActionRevision{RevisionId: r.RevisionId, RevisionChangeId: r.RevisionId, Created: r.Created}
		state.RevisionUrl = r.RevisionUrl
	}
	if a.result.current != nil {
		state.CurrentRevision = a.result.current
	}
}

func (a *actionRun) errorDetails() *types.ErrorDetails {
	if a.status != types.ActionExecutionStatusFailed {
		return nil
	}
	return &types.ErrorDetails{Code: aws.String(a.result.code), Message: aws.String(a.result.message)}
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	return aws.String(s)
}

// ListActionExecutions implements the operation of that name. The newest comes first.
func (s *Service) ListActionExecutions(_ context.Context, in *awscodepipeline.ListActionExecutionsInput) (*awscodepipeline.ListActionExecutionsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.find(in.PipelineName)
	if err != nil {
		return nil, err
	}
	all := slices.Clone(p.actions)
	slices.Reverse(all)
	if in.Filter != nil {
		if all, err = p.filter(all, in.Filter); err != nil {
			return nil, err
		}
	}
	shown, next, err := page(all, in.NextToken, in.MaxResults, 100)
	if err != nil {
		return nil, err
	}
	out := &awscodepipeline.ListActionExecutionsOutput{NextToken: next, ActionExecutionDetails: []types.ActionExecutionDetail{}}
	for _, a := range shown {
		out.ActionExecutionDetails = append(out.ActionExecutionDetails, a.detail(s.account.Region))
	}
	return out, nil
}

func (p *pipeline) filter(all []*actionRun, f *types.ActionExecutionFilter) ([]*actionRun, error) {
	id, latest := f.PipelineExecutionId, false
	if l := f.LatestInPipelineExecution; l != nil {
		id, latest = l.PipelineExecutionId, l.StartTimeRange == types.StartTimeRangeLatest
	}
	if id == nil {
		return all, nil
	}
	e, err := p.execution(id)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(a *actionRun) bool {
		if a.execution != e {
			return true
		}
		return latest && e.runs[a.stage].actions[aws.ToString(a.declaration.Name)] != a
	}), nil
}

func (a *actionRun) detail(region string) types.ActionExecutionDetail {
	d := clone(a.declaration)
	detail := types.ActionExecutionDetail{
		ActionExecutionId: aws.String(a.id), ActionName: d.Name, StageName: aws.String(a.stage), Status: a.status,
		PipelineExecutionId: aws.String(a.execution.id), PipelineVersion: a.execution.structure.Version,
		StartTime: aws.Time(a.started), LastUpdateTime: aws.Time(a.updated), UpdatedBy: text(a.by),
		Input: &types.ActionExecutionInput{
			ActionTypeId: d.ActionTypeId, Configuration: d.Configuration, ResolvedConfiguration: maps.Clone(a.resolved),
			InputArtifacts: details(a.inputs), Namespace: d.Namespace, Region: aws.String(region), RoleArn: d.RoleArn,
		},
		Output: &types.ActionExecutionOutput{
			ExecutionResult: &types.ActionExecutionResult{
				ExternalExecutionId: text(a.result.externalID), ExternalExecutionUrl: text(a.result.externalURL),
				ExternalExecutionSummary: text(a.result.summary), ErrorDetails: a.errorDetails(), LogStreamARN: text(a.result.logStream),
			},
			OutputArtifacts: []types.ArtifactDetail{}, OutputVariables: maps.Clone(a.result.variables),
		},
	}
	if a.status == types.ActionExecutionStatusSucceeded {
		detail.Output.OutputArtifacts = details(a.outputs)
	}
	return detail
}
