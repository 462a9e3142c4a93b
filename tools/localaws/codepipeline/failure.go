package codepipeline

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodepipeline "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

// fail does what a stage's onFailure says. It reports whether the execution
// continues, which it does if an automatic retry succeeded.
func (s *Service) fail(r *stageRun, st *stage, last bool) bool {
	e := r.execution
	policy := r.declaration.OnFailure
	if e.kind == types.ExecutionTypeRollback || policy == nil || e.outdated {
		policy = &types.FailureConditions{}
	}
	if policy.Result == types.ResultRetry && r.automatic == 0 {
		r.automatic++
		r.lastRetry = types.RetryTriggerAutomatedStageRetry
		mode := types.StageRetryModeFailedActions
		if policy.RetryConfiguration != nil && policy.RetryConfiguration.RetryMode != "" {
			mode = policy.RetryConfiguration.RetryMode
		}
		s.emitStage(r, "FAILED")
		r.forget(mode)
		s.emitStage(r, "RESUMED")
		return s.work(r, last)
	}
	v := s.evaluate(r, onFailure)
	if s.closed || e.stopping {
		return s.leave(r, last)
	}
	if v == nil && policy.Result == types.ResultRollback {
		// It is rolled back whatever the reason of the failure.
		v = &verdict{kind: onFailure, result: policy.Result}
		r.verdicts[onFailure] = v
	}
	return s.undo(r, st, v)
}

// undo ends a stage that has failed, and rolls it back if that is the result of a
// condition that is not met. The execution ends.
func (s *Service) undo(r *stageRun, st *stage, v *verdict) bool {
	e := r.execution
	s.settle(r, types.StageExecutionStatusFailed)
	summary := ""
	if v != nil && !v.met() && v.result == types.ResultRollback {
		target := e.pipeline.rollbackTarget(r.name())
		if target != nil {
			e.rollback = s.startRollback(target, r.name(), types.ExecutionTrigger{
				TriggerType: types.TriggerTypeAutomatedRollback, TriggerDetail: failedExecution(e.id),
			})
			summary = fmt.Sprintf("The stage %s is rolled back to execution %s by execution %s", r.name(), target.id, e.rollback.id)
		} else {
			summary = fmt.Sprintf("The stage %s was not rolled back: no execution of version %d of the pipeline has succeeded in it", r.name(), e.pipeline.version())
		}
		if len(v.rules) == 0 {
			v.status = types.ConditionExecutionStatusErrored
			if target != nil {
				v.status = types.ConditionExecutionStatusSucceeded
			}
		}
		v.summary = summary
	}
	if e.rollback == nil {
		s.release(e, st)
	}
	s.conclude(e, types.PipelineExecutionStatusFailed, summary)
	return false
}

func failedExecution(id string) *string {
	encoded, err := json.Marshal(map[string]string{"FailedPipelineExecutionId": id})
	if err != nil {
		// A map of strings can always be encoded.
		return nil
	}
	return aws.String(string(encoded))
}

// rollbackTarget returns the last execution that succeeded in a stage. That
// execution must have started in the current version of the pipeline, and must
// not be a rollback. See
// https://docs.aws.amazon.com/codepipeline/latest/userguide/stage-rollback.html.
func (p *pipeline) rollbackTarget(stage string) *execution {
	for i := len(p.executions) - 1; i >= 0; i-- {
		e := p.executions[i]
		if e.kind == types.ExecutionTypeStandard && aws.ToInt32(e.structure.Version) == p.version() && e.succeededIn(stage) {
			return e
		}
	}
	return nil
}

// startRollback runs a stage again with the revisions and artifacts of target.
// It takes the stage's lock at once.
func (s *Service) startRollback(target *execution, stage string, trigger types.ExecutionTrigger) *execution {
	p := target.pipeline
	e := s.add(p, types.ExecutionTypeRollback, trigger)
	e.adopt(target)
	i, d, err := p.declared(&stage)
	if err != nil {
		// The caller has found the stage in this version.
		panic(err)
	}
	p.stage(stage).occupant = e
	s.emitExecution(e, "STARTED")
	s.open(e, *d)
	s.wg.Go(func() { s.run(e, i) })
	return e
}

// RollbackStage implements the operation of that name.
func (s *Service) RollbackStage(ctx context.Context, in *awscodepipeline.RollbackStageInput) (*awscodepipeline.RollbackStageOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.find(in.PipelineName)
	if err != nil {
		return nil, err
	}
	i, d, err := p.declared(in.StageName)
	if err != nil {
		return nil, err
	}
	name := aws.ToString(d.Name)
	target, err := p.execution(in.TargetPipelineExecutionId)
	if err != nil {
		return nil, err
	}
	unable := func(format string, args ...any) error {
		return &types.UnableToRollbackStageException{Message: aws.String(fmt.Sprintf("Unable to roll back stage '%s': ", name) + fmt.Sprintf(format, args...))}
	}
	switch {
	case s.closed:
		return nil, unable("the embedded AWS is closing")
	case i == 0:
		return nil, unable("it is the source stage")
	case p.structure().ExecutionMode == types.ExecutionModeParallel:
		return nil, unable("the execution mode of the pipeline is PARALLEL")
	case target.kind == types.ExecutionTypeRollback:
		return nil, unable("execution %s is a rollback itself", target.id)
	case aws.ToInt32(target.structure.Version) != p.version():
		return nil, &types.PipelineExecutionOutdatedException{Message: aws.String(fmt.Sprintf(
			"Execution %s was started in version %d of the pipeline, which is in version %d now", target.id, aws.ToInt32(target.structure.Version), p.version()))}
	case !target.succeededIn(name):
		return nil, unable("execution %s has not succeeded in it", target.id)
	case p.stage(name).occupant != nil:
		return nil, &types.ConflictException{Message: aws.String(fmt.Sprintf("The stage '%s' is in progress with execution %s", name, p.stage(name).occupant.id))}
	}
	e := s.startRollback(target, name, types.ExecutionTrigger{TriggerType: types.TriggerTypeManualRollback, TriggerDetail: caller(ctx)})
	return &awscodepipeline.RollbackStageOutput{PipelineExecutionId: aws.String(e.id)}, nil
}

// RetryStageExecution implements the operation of that name.
func (s *Service) RetryStageExecution(_ context.Context, in *awscodepipeline.RetryStageExecutionInput) (*awscodepipeline.RetryStageExecutionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.find(in.PipelineName)
	if err != nil {
		return nil, err
	}
	i, d, err := p.declared(in.StageName)
	if err != nil {
		return nil, err
	}
	e, err := p.execution(in.PipelineExecutionId)
	if err != nil {
		return nil, err
	}
	name := aws.ToString(d.Name)
	st, r := p.stage(name), e.runs[name]
	unable := func(why string) error {
		return &types.StageNotRetryableException{Message: aws.String(fmt.Sprintf("The stage '%s' cannot be retried for execution %s: %s", name, e.id, why))}
	}
	switch {
	case in.RetryMode != types.StageRetryModeFailedActions && in.RetryMode != types.StageRetryModeAllActions:
		return nil, invalid("1 validation error detected: Value '%s' at 'retryMode' failed to satisfy constraint: Member must satisfy enum value set: [FAILED_ACTIONS, ALL_ACTIONS]", in.RetryMode)
	case r == nil:
		return nil, unable("the execution has not entered it")
	case r.status != types.StageExecutionStatusFailed && r.status != types.StageExecutionStatusStopped:
		return nil, unable(fmt.Sprintf("its status is %s", r.status))
	}
	if err := s.resumable(e, d, unable); err != nil {
		return nil, err
	}
	r.forget(in.RetryMode)
	r.manual++
	r.lastRetry = types.RetryTriggerManualStageRetry
	s.resume(e, st, i, d)
	return &awscodepipeline.RetryStageExecutionOutput{PipelineExecutionId: aws.String(e.id)}, nil
}

// resumable reports why an execution that has failed in a stage can't go on there.
func (s *Service) resumable(e *execution, d *types.StageDeclaration, unable func(why string) error) error {
	p, name := e.pipeline, aws.ToString(d.Name)
	st := p.stage(name)
	switch {
	case s.closed:
		return unable("the embedded AWS is closing")
	case e.structure != p.structure():
		return unable("the structure of the pipeline has changed")
	case e.mode() != types.ExecutionModeParallel && st.latest != e.runs[name]:
		return &types.NotLatestPipelineExecutionException{Message: aws.String(fmt.Sprintf(
			"Execution %s is not the latest in the stage '%s': execution %s is", e.id, name, st.latest.execution.id))}
	case e.mode() != types.ExecutionModeParallel && st.occupant != nil:
		return &types.ConflictException{Message: aws.String(fmt.Sprintf("The stage '%s' is in progress with execution %s", name, st.occupant.id))}
	}
	return nil
}

// resume lets an execution that has failed go on in a stage.
func (s *Service) resume(e *execution, st *stage, index int, d *types.StageDeclaration) {
	e.attempt++
	e.status, e.summary, e.updated = types.PipelineExecutionStatusInProgress, "", s.account.Clock.Now()
	e.stopping, e.stopReason, e.rollback, e.ended = false, nil, nil, make(chan struct{})
	if e.mode() != types.ExecutionModeParallel {
		st.occupant = e
	}
	s.emitExecution(e, "RESUMED")
	s.open(e, *d)
	s.wg.Go(func() { s.run(e, index) })
}
