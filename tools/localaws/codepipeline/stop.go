package codepipeline

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodepipeline "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

// StopPipelineExecution implements the operation of that name. It either waits
// for the running actions to finish, or abandons them. What an abandoned action
// has started, such as a build, continues.
// See https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-stop.html.
func (s *Service) StopPipelineExecution(_ context.Context, in *awscodepipeline.StopPipelineExecutionInput) (*awscodepipeline.StopPipelineExecutionOutput, error) {
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
	if !e.running() {
		return nil, &types.PipelineExecutionNotStoppableException{Message: aws.String(fmt.Sprintf(
			"Execution %s cannot be stopped: its status is %s", e.id, e.status))}
	}
	if e.stopping && !in.Abandon {
		return nil, &types.DuplicatedStopRequestException{Message: aws.String(fmt.Sprintf(
			"Execution %s is already stopping. To stop it without waiting for its actions, abandon them", e.id))}
	}
	e.stopReason = in.Reason
	s.stop(e, in.Abandon)
	return &awscodepipeline.StopPipelineExecutionOutput{PipelineExecutionId: aws.String(e.id)}, nil
}

// stop asks an execution to stop. The caller holds the service's lock.
func (s *Service) stop(e *execution, abandon bool) {
	if !e.stopping {
		e.stopping = true
		e.status, e.updated = types.PipelineExecutionStatusStopping, s.account.Clock.Now()
		for _, r := range e.runs {
			if r.status == types.StageExecutionStatusInProgress {
				r.status = types.StageExecutionStatusStopping
				s.emitStage(r, "STOPPING")
			}
		}
		s.emitExecution(e, "STOPPING")
	}
	if abandon {
		for _, r := range e.runs {
			for _, a := range r.actions {
				s.abandon(a, "ABANDONED")
			}
		}
	}
	s.changed.Broadcast()
}

// abandon ends an action without waiting for it.
func (s *Service) abandon(a *actionRun, state string) {
	if a.status != types.ActionExecutionStatusInProgress {
		return
	}
	a.status, a.updated = types.ActionExecutionStatusAbandoned, s.account.Clock.Now()
	a.cancel(errAbandoned)
	s.emitAction(a, state)
	s.changed.Broadcast()
}

// withdrawApprovals withdraws an execution's pending approvals once they no
// longer matter.
func (s *Service) withdrawApprovals(e *execution) {
	for _, r := range e.runs {
		for _, a := range r.actions {
			if a.token != "" {
				s.abandon(a, "CANCELED")
			}
		}
	}
}

// DisableStageTransition implements the operation of that name. An execution
// that waits for the stage can still be superseded.
func (s *Service) DisableStageTransition(ctx context.Context, in *awscodepipeline.DisableStageTransitionInput) (*awscodepipeline.DisableStageTransitionOutput, error) {
	by := aws.ToString(caller(ctx))
	d := &disabled{reason: aws.ToString(in.Reason), by: by, at: s.account.Clock.Now()}
	if d.reason == "" {
		return nil, invalid("1 validation error detected: Value '' at 'reason' failed to satisfy constraint: Member must have length greater than or equal to 1")
	}
	return &awscodepipeline.DisableStageTransitionOutput{}, s.transit(in.PipelineName, in.StageName, in.TransitionType, d)
}

// EnableStageTransition implements the operation of that name.
func (s *Service) EnableStageTransition(_ context.Context, in *awscodepipeline.EnableStageTransitionInput) (*awscodepipeline.EnableStageTransitionOutput, error) {
	return &awscodepipeline.EnableStageTransitionOutput{}, s.transit(in.PipelineName, in.StageName, in.TransitionType, nil)
}

func (s *Service) transit(pipeline, stage *string, kind types.StageTransitionType, d *disabled) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.find(pipeline)
	if err != nil {
		return err
	}
	i, _, err := p.declared(stage)
	if err != nil {
		return err
	}
	st := p.stage(aws.ToString(stage))
	switch {
	case kind == types.StageTransitionTypeInbound && i == 0:
		return invalid("The stage '%s' has no inbound transition: it is the first one", st.name)
	case kind == types.StageTransitionTypeInbound:
		st.disabled = d
	case kind == types.StageTransitionTypeOutbound:
		st.closedTo = d
	default:
		return invalid("1 validation error detected: Value '%s' at 'transitionType' failed to satisfy constraint: Member must satisfy enum value set: [Inbound, Outbound]", kind)
	}
	s.admit(p)
	return nil
}
