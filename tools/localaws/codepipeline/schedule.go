package codepipeline

import (
	"cmp"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

// updatedSummary is AWS's summary for an execution that an update cancelled.
const updatedSummary = "Pipeline definition was updated"

// A stage is locked by one execution at a time. Other executions wait for it.
type stage struct {
	name     string
	occupant *execution   // holds the lock
	waiting  []*execution // in order of arrival
	disabled *disabled    // set if the transition into the stage is disabled
	closedTo *disabled    // set if the transition out of the stage is disabled

	latest  *stageRun
	actions map[string]*actionRun // the last run of each action
}

// disabled records who disabled a transition, and why.
type disabled struct {
	reason, by string
	at         time.Time
}

// A stageRun is the run of one execution in one stage, including retries.
type stageRun struct {
	execution   *execution
	declaration types.StageDeclaration
	status      types.StageExecutionStatus
	started     time.Time
	actions     map[string]*actionRun // the last run of each action

	automatic int // number of automatic retries
	manual    int
	lastRetry types.RetryTrigger
	verdicts  map[types.ConditionType]*verdict // the last of each kind of condition
}

func (r *stageRun) name() string { return aws.ToString(r.declaration.Name) }

func (r *stageRun) active() bool {
	return r != nil && (r.status == types.StageExecutionStatusInProgress || r.status == types.StageExecutionStatusStopping)
}

func (r *stageRun) any(status types.ActionExecutionStatus) bool {
	for _, a := range r.actions {
		if a.status == status {
			return true
		}
	}
	return false
}

// forget removes the actions that a retry will run again, and the verdicts on them.
func (r *stageRun) forget(mode types.StageRetryMode) {
	for name, a := range r.actions {
		if mode == types.StageRetryModeAllActions || a.status != types.ActionExecutionStatusSucceeded {
			delete(r.actions, name)
		}
	}
	delete(r.verdicts, onSuccess)
	delete(r.verdicts, onFailure)
}

// groups returns a stage's actions, grouped by run order.
func groups(d types.StageDeclaration) [][]*types.ActionDeclaration {
	byOrder := map[int32][]*types.ActionDeclaration{}
	for i := range d.Actions {
		a := &d.Actions[i]
		byOrder[*a.RunOrder] = append(byOrder[*a.RunOrder], a)
	}
	var list [][]*types.ActionDeclaration
	for _, group := range byOrder {
		list = append(list, group)
	}
	slices.SortFunc(list, func(a, b []*types.ActionDeclaration) int { return cmp.Compare(*a[0].RunOrder, *b[0].RunOrder) })
	return list
}

// run takes an execution through its stages, beginning with the stage with
// index first, where it has arrived. Executions advance only here.
func (s *Service) run(e *execution, first int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := first; ; i++ {
		d := e.structure.Stages[i]
		if !s.enter(e, d) {
			return
		}
		last := i == len(e.structure.Stages)-1 || e.kind == types.ExecutionTypeRollback
		if !s.visit(e.runs[aws.ToString(d.Name)], last) {
			return
		}
		if !last {
			s.arrive(e, e.structure.Stages[i+1])
		}
	}
}

// visit takes an execution through a stage, and reports whether it continues with the
// next one.
func (s *Service) visit(r *stageRun, last bool) bool {
	e, st := r.execution, r.execution.pipeline.stage(r.name())
	v := s.evaluate(r, beforeEntry)
	switch {
	case v == nil || v.met():
		return s.work(r, last)
	case v.result != types.ResultSkip:
		return s.undo(r, st, v)
	}
	s.settle(r, types.StageExecutionStatusSkipped)
	s.release(e, st)
	if last {
		s.conclude(e, types.PipelineExecutionStatusSucceeded, "")
	}
	return !last
}

// work runs a stage's actions, checks what they have done, and leaves the stage.
func (s *Service) work(r *stageRun, last bool) bool {
	s.perform(r)
	if r.complete() {
		if v := s.evaluate(r, onSuccess); v != nil && !v.met() {
			return s.undo(r, r.execution.pipeline.stage(r.name()), v)
		}
	}
	return s.leave(r, last)
}

// complete reports whether all actions of a stage have succeeded.
func (r *stageRun) complete() bool {
	return !r.any(types.ActionExecutionStatusFailed) && !r.any(types.ActionExecutionStatusAbandoned) && len(r.actions) == len(r.declaration.Actions) &&
		!r.any(types.ActionExecutionStatusInProgress)
}

// arrive makes an execution wait for a stage. In the SUPERSEDED mode, only the
// most recent execution waits.
func (s *Service) arrive(e *execution, d types.StageDeclaration) {
	st := e.pipeline.stage(aws.ToString(d.Name))
	// A rollback or a retry was given the lock when it was requested.
	if st.occupant == e {
		return
	}
	st.waiting = append(st.waiting, e)
	s.admit(e.pipeline)
	if e.mode() == types.ExecutionModeSuperseded && e.kind == types.ExecutionTypeStandard {
		newest := slices.MaxFunc(append([]*execution{e}, st.waiting...), func(a, b *execution) int { return cmp.Compare(a.order, b.order) })
		for _, w := range slices.Clone(st.waiting) {
			if w != newest && st.occupant != w {
				w.superseded = true
				st.withdraw(w)
			}
		}
	}
	s.changed.Broadcast()
}

func (st *stage) withdraw(e *execution) {
	st.waiting = slices.DeleteFunc(st.waiting, func(w *execution) bool { return w == e })
}

// admit gives the free stages to waiting executions. It hands over the lock in
// order of arrival. If the executions raced for it, the QUEUED mode would not
// be a queue.
func (s *Service) admit(p *pipeline) {
	for i, d := range p.structure().Stages {
		st := p.stage(aws.ToString(d.Name))
		if st.disabled != nil || i > 0 && p.stage(aws.ToString(p.structure().Stages[i-1].Name)).closedTo != nil {
			continue
		}
		for len(st.waiting) > 0 {
			e := st.waiting[0]
			// This execution is about to end.
			if e.stopping || e.superseded || e.outdated {
				st.waiting = st.waiting[1:]
				continue
			}
			if e.mode() == types.ExecutionModeParallel {
				st.waiting = st.waiting[1:]
				s.open(e, d)
				continue
			}
			if st.occupant == nil {
				st.waiting = st.waiting[1:]
				st.occupant = e
				s.open(e, d)
			}
			break
		}
	}
	s.changed.Broadcast()
}

// open begins an execution's run in a stage.
func (s *Service) open(e *execution, d types.StageDeclaration) {
	name := aws.ToString(d.Name)
	r := e.runs[name]
	if r == nil {
		r = &stageRun{execution: e, declaration: d, started: s.account.Clock.Now(), actions: map[string]*actionRun{}, verdicts: map[types.ConditionType]*verdict{}}
		e.runs[name] = r
	}
	r.status = types.StageExecutionStatusInProgress
	e.pipeline.stage(name).latest = r
}

// enter waits until an execution may run in a stage. It returns false if the
// execution has ended instead.
func (s *Service) enter(e *execution, d types.StageDeclaration) bool {
	st := e.pipeline.stage(aws.ToString(d.Name))
	for {
		r, entered := e.runs[st.name]
		entered = entered && r.status == types.StageExecutionStatusInProgress
		switch {
		case s.closed, e.stopping:
			s.giveUp(e, st, types.PipelineExecutionStatusStopped, "")
			return false
		case e.outdated:
			s.giveUp(e, st, types.PipelineExecutionStatusCancelled, updatedSummary)
			return false
		case e.superseded:
			s.giveUp(e, st, types.PipelineExecutionStatusSuperseded, "")
			return false
		case entered:
			if r.lastRetry == "" {
				s.emitStage(r, "STARTED")
			} else {
				s.emitStage(r, "RESUMED")
			}
			return true
		}
		s.changed.Wait()
	}
}

// giveUp ends an execution that waits for a stage.
func (s *Service) giveUp(e *execution, st *stage, status types.PipelineExecutionStatus, summary string) {
	st.withdraw(e)
	// It had the lock, but has not begun anything.
	if r := e.runs[st.name]; r.active() {
		r.status = types.StageExecutionStatus(status)
	}
	s.release(e, st)
	s.conclude(e, status, summary)
}

func (s *Service) release(e *execution, st *stage) {
	if st.occupant == e {
		st.occupant = nil
	}
	s.admit(e.pipeline)
}

// perform runs a stage's actions in run order. Actions with the same run order
// run in parallel.
func (s *Service) perform(r *stageRun) {
	e := r.execution
	for _, group := range groups(r.declaration) {
		if e.stopping || e.outdated || s.closed {
			return
		}
		for _, d := range group {
			if _, done := r.actions[aws.ToString(d.Name)]; !done {
				s.begin(r, d)
			}
		}
		for r.any(types.ActionExecutionStatusInProgress) {
			s.changed.Wait()
		}
		if r.any(types.ActionExecutionStatusFailed) || r.any(types.ActionExecutionStatusAbandoned) {
			return
		}
	}
}

// leave ends a stage and reports whether its execution continues with the next stage.
func (s *Service) leave(r *stageRun, last bool) bool {
	e := r.execution
	st := e.pipeline.stage(r.name())
	failed := r.any(types.ActionExecutionStatusFailed)
	complete := r.complete()
	switch {
	case s.closed || e.stopping:
		s.settle(r, types.StageExecutionStatusStopped)
		s.release(e, st)
		s.conclude(e, types.PipelineExecutionStatusStopped, "")
	case e.outdated && !failed && (!complete || !last || r.unchecked()):
		s.settle(r, types.StageExecutionStatusCancelled)
		s.release(e, st)
		s.conclude(e, types.PipelineExecutionStatusCancelled, updatedSummary)
	case complete:
		s.settle(r, types.StageExecutionStatusSucceeded)
		s.release(e, st)
		if last {
			s.conclude(e, types.PipelineExecutionStatusSucceeded, "")
		}
		return !last
	default:
		return s.fail(r, st, last)
	}
	return false
}

// unchecked reports whether nobody knows if a stage's success condition is met.
func (r *stageRun) unchecked() bool {
	v := r.verdicts[onSuccess]
	return conditionOf(&r.declaration, onSuccess) != nil && r.execution.kind != types.ExecutionTypeRollback && (v == nil || !v.met())
}

// settle sets the final status of a stage.
func (s *Service) settle(r *stageRun, status types.StageExecutionStatus) {
	r.status = status
	r.execution.updated = s.account.Clock.Now()
	s.emitStage(r, state(string(status)))
}

// conclude sets the final status of an execution.
func (s *Service) conclude(e *execution, status types.PipelineExecutionStatus, summary string) {
	e.status, e.summary, e.updated = status, summary, s.account.Clock.Now()
	s.emitExecution(e, state(string(status)))
	close(e.ended)
	s.changed.Broadcast()
}
