package codepipeline

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodepipeline "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/google/uuid"
)

// maxConcurrent is how many executions of a QUEUED or PARALLEL pipeline may be
// in progress. See
// https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html.
const maxConcurrent = 50

// An execution is one run of a set of changes through a pipeline. A rollback is
// an execution that runs through one stage.
type execution struct {
	id        string
	order     int // start order among the executions of the pipeline
	pipeline  *pipeline
	structure *types.PipelineDeclaration // as of the start
	kind      types.ExecutionType
	trigger   types.ExecutionTrigger
	attempt   int // 1, plus one for each retry

	status  types.PipelineExecutionStatus
	summary string
	started time.Time
	updated time.Time

	stopping   bool
	stopReason *string
	superseded bool
	outdated   bool // the pipeline was updated during the execution

	overrides map[string]types.SourceRevisionOverride // by source action
	pushed    map[string]string                       // the branch that was pushed to, by source action
	given     []types.ResolvedPipelineVariable
	variables variables
	artifacts map[string]artifact
	revisions []revision

	runs     map[string]*stageRun // the last run of each stage
	target   *execution           // for a rollback, the execution whose state it restores
	rollback *execution           // the rollback that this execution's failure started

	ended chan struct{} // closed when the status is final
}

// A revision is the result of a source action.
type revision struct {
	action string
	types.ArtifactRevision
}

func (e *execution) running() bool {
	return e.status == types.PipelineExecutionStatusInProgress || e.status == types.PipelineExecutionStatusStopping
}

func (e *execution) mode() types.ExecutionMode { return e.structure.ExecutionMode }

// StartPipelineExecution implements the operation of that name.
func (s *Service) StartPipelineExecution(ctx context.Context, in *awscodepipeline.StartPipelineExecutionInput) (*awscodepipeline.StartPipelineExecutionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.find(in.Name)
	if err != nil {
		return nil, err
	}
	if again, ok := p.tokens[aws.ToString(in.ClientRequestToken)]; ok {
		return &awscodepipeline.StartPipelineExecutionOutput{PipelineExecutionId: aws.String(again.id)}, nil
	}
	trigger := types.ExecutionTrigger{TriggerType: types.TriggerTypeStartPipelineExecution, TriggerDetail: caller(ctx)}
	e, err := s.start(p, trigger, in.Variables, in.SourceRevisions)
	if err != nil {
		return nil, err
	}
	if in.ClientRequestToken != nil {
		p.tokens[*in.ClientRequestToken] = e
	}
	return &awscodepipeline.StartPipelineExecutionOutput{PipelineExecutionId: aws.String(e.id)}, nil
}

// start begins a standard execution. The caller holds the service's lock.
func (s *Service) start(p *pipeline, trigger types.ExecutionTrigger, given []types.PipelineVariable, overrides []types.SourceRevisionOverride) (*execution, error) {
	if s.closed {
		return nil, &types.ConflictException{Message: aws.String("The embedded AWS is closing")}
	}
	structure := p.structure()
	if structure.ExecutionMode != types.ExecutionModeSuperseded {
		n := 0
		for _, e := range p.executions {
			if e.running() {
				n++
			}
		}
		if n >= maxConcurrent {
			return nil, &types.ConcurrentPipelineExecutionsLimitExceededException{Message: aws.String(fmt.Sprintf(
				"The pipeline '%s' has reached the limit of %d concurrent executions", p.name, maxConcurrent))}
		}
	}
	resolved, err := pipelineVariables(structure, given)
	if err != nil {
		return nil, err
	}
	revisions, err := sourceOverrides(structure, overrides)
	if err != nil {
		return nil, err
	}
	e := s.add(p, types.ExecutionTypeStandard, trigger)
	e.given, e.overrides = resolved, revisions
	values := map[string]string{}
	for _, v := range resolved {
		values[aws.ToString(v.Name)] = aws.ToString(v.ResolvedValue)
	}
	e.variables[variablesNamespace] = values
	s.emitExecution(e, "STARTED")
	s.arrive(e, structure.Stages[0])
	s.wg.Go(func() { s.run(e, 0) })
	return e, nil
}

// add creates an execution that has not begun to run.
func (s *Service) add(p *pipeline, kind types.ExecutionType, trigger types.ExecutionTrigger) *execution {
	now := s.account.Clock.Now()
	e := &execution{
		id: uuid.NewString(), order: len(p.executions), pipeline: p, structure: p.structure(), kind: kind, trigger: trigger, attempt: 1,
		status: types.PipelineExecutionStatusInProgress, started: now, updated: now,
		variables: variables{}, artifacts: map[string]artifact{}, runs: map[string]*stageRun{}, ended: make(chan struct{}),
	}
	e.variables[reservedNamespace] = map[string]string{executionIDVariable: e.id}
	p.executions = append(p.executions, e)
	return e
}

func pipelineVariables(d *types.PipelineDeclaration, given []types.PipelineVariable) ([]types.ResolvedPipelineVariable, error) {
	values := map[string]string{}
	for _, v := range given {
		name := aws.ToString(v.Name)
		if !slices.ContainsFunc(d.Variables, func(dv types.PipelineVariableDeclaration) bool { return aws.ToString(dv.Name) == name }) {
			return nil, invalid("The variable '%s' is not declared by the pipeline '%s'", name, aws.ToString(d.Name))
		}
		if aws.ToString(v.Value) == "" {
			return nil, invalid("The value of the variable '%s' is empty", name)
		}
		values[name] = *v.Value
	}
	resolved := []types.ResolvedPipelineVariable{}
	for _, v := range d.Variables {
		value, ok := values[aws.ToString(v.Name)]
		if !ok {
			if v.DefaultValue == nil {
				return nil, invalid("The variable '%s' of the pipeline '%s' has no default value: a value must be given", aws.ToString(v.Name), aws.ToString(d.Name))
			}
			value = *v.DefaultValue
		}
		resolved = append(resolved, types.ResolvedPipelineVariable{Name: v.Name, ResolvedValue: aws.String(value)})
	}
	return resolved, nil
}

func sourceOverrides(d *types.PipelineDeclaration, given []types.SourceRevisionOverride) (map[string]types.SourceRevisionOverride, error) {
	overrides := map[string]types.SourceRevisionOverride{}
	for _, o := range given {
		name := aws.ToString(o.ActionName)
		i := slices.IndexFunc(d.Stages[0].Actions, func(a types.ActionDeclaration) bool { return aws.ToString(a.Name) == name })
		if i < 0 {
			return nil, invalid("The source revision names the action '%s', which is not a source action of the pipeline '%s'", name, aws.ToString(d.Name))
		}
		if want := typeOf(&d.Stages[0].Actions[i]).revision; o.RevisionType != want {
			return nil, invalid("The source revision of the action '%s' is of type %s. It must be %s", name, o.RevisionType, want)
		}
		if aws.ToString(o.RevisionValue) == "" {
			return nil, invalid("The source revision of the action '%s' is empty", name)
		}
		if o.RevisionType == types.SourceRevisionTypeCommitId && !commitPattern.MatchString(*o.RevisionValue) {
			return nil, invalid("The source revision of the action '%s' is '%s', which is not a commit ID", name, *o.RevisionValue)
		}
		overrides[name] = o
	}
	return overrides, nil
}

// execution returns an execution by id. The caller holds the service's lock.
func (p *pipeline) execution(id *string) (*execution, error) {
	i := slices.IndexFunc(p.executions, func(e *execution) bool { return e.id == aws.ToString(id) })
	if i < 0 {
		return nil, &types.PipelineExecutionNotFoundException{Message: aws.String(fmt.Sprintf(
			"Pipeline '%s' does not have an execution with id '%s'", p.name, aws.ToString(id)))}
	}
	return p.executions[i], nil
}

// GetPipelineExecution implements the operation of that name.
func (s *Service) GetPipelineExecution(_ context.Context, in *awscodepipeline.GetPipelineExecutionInput) (*awscodepipeline.GetPipelineExecutionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.find(in.PipelineName)
	if err != nil {
		return nil, err
	}
	e, err := p.execution(in.PipelineExecutionId)
	if err != nil {
		return nil, err
	}
	return &awscodepipeline.GetPipelineExecutionOutput{PipelineExecution: e.describe()}, nil
}

func (e *execution) describe() *types.PipelineExecution {
	out := &types.PipelineExecution{
		ArtifactRevisions: []types.ArtifactRevision{}, ExecutionMode: e.mode(), ExecutionType: e.kind,
		PipelineExecutionId: aws.String(e.id), PipelineName: aws.String(e.pipeline.name), PipelineVersion: e.structure.Version,
		RollbackMetadata: e.rollbackMetadata(), Status: e.status, Trigger: &types.ExecutionTrigger{TriggerType: e.trigger.TriggerType, TriggerDetail: e.trigger.TriggerDetail},
		Variables: slices.Clone(e.given),
	}
	for _, r := range e.revisions {
		out.ArtifactRevisions = append(out.ArtifactRevisions, r.ArtifactRevision)
	}
	if e.summary != "" {
		out.StatusSummary = aws.String(e.summary)
	}
	return out
}

func (e *execution) rollbackMetadata() *types.PipelineRollbackMetadata {
	if e.target == nil {
		return nil
	}
	return &types.PipelineRollbackMetadata{RollbackTargetPipelineExecutionId: aws.String(e.target.id)}
}

// ListPipelineExecutions implements the operation of that name. The newest
// comes first.
func (s *Service) ListPipelineExecutions(_ context.Context, in *awscodepipeline.ListPipelineExecutionsInput) (*awscodepipeline.ListPipelineExecutionsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.find(in.PipelineName)
	if err != nil {
		return nil, err
	}
	all := slices.Clone(p.executions)
	slices.Reverse(all)
	if in.Filter != nil && in.Filter.SucceededInStage != nil {
		name := aws.ToString(in.Filter.SucceededInStage.StageName)
		all = slices.DeleteFunc(all, func(e *execution) bool { return !e.succeededIn(name) })
	}
	shown, next, err := page(all, in.NextToken, in.MaxResults, 100)
	if err != nil {
		return nil, err
	}
	out := &awscodepipeline.ListPipelineExecutionsOutput{NextToken: next, PipelineExecutionSummaries: []types.PipelineExecutionSummary{}}
	for _, e := range shown {
		d := e.describe()
		summary := types.PipelineExecutionSummary{
			ExecutionMode: d.ExecutionMode, ExecutionType: d.ExecutionType, LastUpdateTime: aws.Time(e.updated), PipelineExecutionId: d.PipelineExecutionId,
			RollbackMetadata: d.RollbackMetadata, SourceRevisions: []types.SourceRevision{}, StartTime: aws.Time(e.started), Status: d.Status,
			StatusSummary: d.StatusSummary, Trigger: d.Trigger,
		}
		if e.stopReason != nil {
			summary.StopTrigger = &types.StopExecutionTrigger{Reason: e.stopReason}
		}
		for _, r := range e.revisions {
			summary.SourceRevisions = append(summary.SourceRevisions, types.SourceRevision{
				ActionName: aws.String(r.action), RevisionId: r.RevisionId, RevisionSummary: r.RevisionSummary, RevisionUrl: r.RevisionUrl,
			})
		}
		out.PipelineExecutionSummaries = append(out.PipelineExecutionSummaries, summary)
	}
	return out, nil
}

func (e *execution) succeededIn(stage string) bool {
	run, ok := e.runs[stage]
	return ok && run.status == types.StageExecutionStatusSucceeded
}

// Wait waits until an execution has ended and returns it. If the execution's
// failure started a rollback, Wait also waits for that. It is not an operation of AWS.
func (s *Service) Wait(ctx context.Context, pipelineName, executionID string) (*types.PipelineExecution, error) {
	s.mu.Lock()
	p, err := s.find(&pipelineName)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	e, err := p.execution(&executionID)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	ended := e.ended
	s.mu.Unlock()
	if err := wait(ctx, ended); err != nil {
		return nil, fmt.Errorf("waiting for execution %s of pipeline %s: %w", executionID, pipelineName, err)
	}
	s.mu.Lock()
	rollback := e.rollback
	s.mu.Unlock()
	if rollback != nil {
		if err := wait(ctx, rollback.ended); err != nil {
			return nil, fmt.Errorf("waiting for the rollback of execution %s of pipeline %s: %w", executionID, pipelineName, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return e.describe(), nil
}

func wait(ctx context.Context, c <-chan struct{}) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-c:
		return nil
	}
}

// adopt gives a rollback the source revisions, variables and artifacts of its target.
func (e *execution) adopt(target *execution) {
	e.target, e.given, e.revisions = target, target.given, slices.Clone(target.revisions)
	e.artifacts = maps.Clone(target.artifacts)
	e.variables = target.variables.copy()
	e.variables[reservedNamespace] = map[string]string{executionIDVariable: e.id}
}
