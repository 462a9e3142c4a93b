package codepipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodepipeline "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/google/uuid"
)

// The kinds of conditions. The API has no name for that of failures, which can't be
// overridden.
const (
	beforeEntry = types.ConditionTypeBeforeEntry
	onSuccess   = types.ConditionTypeOnSuccess
	onFailure   = types.ConditionType("ON_FAILURE")
)

// A verdict is the evaluation of a stage's condition of one kind.
// See https://docs.aws.amazon.com/codepipeline/latest/userguide/concepts-how-it-works-conditions.html.
type verdict struct {
	kind    types.ConditionType
	result  types.Result // what happens if the condition fails
	status  types.ConditionExecutionStatus
	summary string
	changed time.Time
	rules   []*ruleRun // in the declaration's order
}

// met reports whether the execution goes on.
func (v *verdict) met() bool {
	return v.status == types.ConditionExecutionStatusSucceeded || v.status == types.ConditionExecutionStatusOverridden
}

// A ruleRun is one run of a rule.
type ruleRun struct {
	id          string
	execution   *execution
	stage       string
	declaration *types.RuleDeclaration
	resolved    map[string]string
	inputs      []artifact
	status      types.RuleExecutionStatus
	started     time.Time
	updated     time.Time
	result      outcome
	cancel      context.CancelCauseFunc
}

// conditionsOf returns a stage's conditions of a kind, and whether it declares any.
func conditionsOf(d *types.StageDeclaration, kind types.ConditionType) ([]types.Condition, bool) {
	switch {
	case kind == beforeEntry && d.BeforeEntry != nil:
		return d.BeforeEntry.Conditions, true
	case kind == onSuccess && d.OnSuccess != nil:
		return d.OnSuccess.Conditions, true
	case kind == onFailure && d.OnFailure != nil:
		return d.OnFailure.Conditions, true
	}
	return nil, false
}

// conditionOf returns a stage's condition of a kind, or nil.
func conditionOf(d *types.StageDeclaration, kind types.ConditionType) *types.Condition {
	list, _ := conditionsOf(d, kind)
	if len(list) == 0 {
		return nil
	}
	return &list[0]
}

// halted reports whether an execution has to end before its next step.
func (s *Service) halted(e *execution) bool { return s.closed || e.stopping || e.outdated }

// evaluate runs the rules of a stage's condition and returns the verdict. It is nil if
// there is no condition, or if the execution has been halted. A condition that
// is met, or was overridden, is not evaluated again. The caller holds the service's lock,
// which is released while it waits.
func (s *Service) evaluate(r *stageRun, kind types.ConditionType) *verdict {
	e, condition := r.execution, conditionOf(&r.declaration, kind)
	if condition == nil || e.kind == types.ExecutionTypeRollback || s.halted(e) {
		return nil
	}
	if v := r.verdicts[kind]; v != nil && v.met() {
		return v
	}
	result := condition.Result
	if kind == onFailure {
		result = cmp.Or(result, r.declaration.OnFailure.Result)
	}
	v := &verdict{kind: kind, result: result, status: types.ConditionExecutionStatusInProgress, changed: s.account.Clock.Now()}
	r.verdicts[kind] = v
	for i := range condition.Rules {
		v.rules = append(v.rules, s.beginRule(r, &condition.Rules[i]))
	}
	for v.status == types.ConditionExecutionStatusInProgress {
		count := map[types.RuleExecutionStatus]int{}
		for _, rule := range v.rules {
			count[rule.status]++
		}
		switch {
		case s.halted(e):
			s.settleVerdict(v, types.ConditionExecutionStatusCancelled, "")
			return nil
		case count[types.RuleExecutionStatusFailed] > 0:
			s.settleVerdict(v, types.ConditionExecutionStatusFailed, fmt.Sprintf("%d of %d rules failed", count[types.RuleExecutionStatusFailed], len(v.rules)))
		case count[types.RuleExecutionStatusSucceeded] == len(v.rules):
			s.settleVerdict(v, types.ConditionExecutionStatusSucceeded, "All rules succeeded")
		default:
			s.changed.Wait()
		}
	}
	return v
}

// settleVerdict ends the evaluation of a condition, and the rules that still run.
func (s *Service) settleVerdict(v *verdict, status types.ConditionExecutionStatus, summary string) {
	v.status, v.summary, v.changed = status, summary, s.account.Clock.Now()
	for _, rule := range v.rules {
		if rule.status == types.RuleExecutionStatusInProgress {
			rule.status, rule.updated = types.RuleExecutionStatusAbandoned, v.changed
			rule.cancel(errAbandoned)
		}
	}
	s.changed.Broadcast()
}

// beginRule starts a rule. The caller holds the service's lock.
func (s *Service) beginRule(r *stageRun, d *types.RuleDeclaration) *ruleRun {
	e, now := r.execution, s.account.Clock.Now()
	rule := &ruleRun{id: uuid.NewString(), execution: e, stage: r.name(), declaration: d, status: types.RuleExecutionStatusInProgress, started: now, updated: now}
	e.pipeline.rules = append(e.pipeline.rules, rule)
	ctx, cancel := context.WithCancelCause(s.life)
	rule.cancel = cancel
	complaint := ""
	rule.resolved, complaint = e.variables.resolve(d.Configuration)
	for _, input := range d.InputArtifacts {
		got, ok := e.artifacts[aws.ToString(input.Name)]
		if !ok {
			complaint = fmt.Sprintf("The input artifact %s does not exist", aws.ToString(input.Name))
		}
		rule.inputs = append(rule.inputs, got)
	}
	if complaint != "" {
		s.finishRule(rule, failure(codeConfiguration, "%s", complaint))
		return rule
	}
	roles := []string{aws.ToString(e.structure.RoleArn)}
	if d.RoleArn != nil {
		roles = append(roles, *d.RoleArn)
	}
	j := &job{
		id: rule.id, pipeline: e.pipeline.name, execution: e.id, stage: rule.stage, action: aws.ToString(d.Name), configuration: maps.Clone(rule.resolved),
		inputs: rule.inputs, store: storeOf(e.structure), commands: &commands{lines: e.variables.fill(d.Commands)}, role: roles[len(roles)-1],
		report: func(known outcome) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if rule.status == types.RuleExecutionStatusInProgress {
				rule.result, rule.updated = known, s.account.Clock.Now()
			}
		},
	}
	run, minutes := ruleTypeOf(d).run, aws.ToInt32(d.TimeoutInMinutes)
	s.wg.Go(func() {
		if minutes > 0 {
			limited, stop := s.limit(ctx, time.Duration(minutes)*time.Minute)
			defer stop()
			ctx = limited
		}
		result := s.as(ctx, j, roles, run)
		if result.failed && errors.Is(context.Cause(ctx), errTimedOut) {
			result = failure(codeTimedOut, "The rule timed out after %d minutes", minutes)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.finishRule(rule, result)
	})
	return rule
}

// finishRule ends a rule, unless it has been abandoned.
func (s *Service) finishRule(rule *ruleRun, result outcome) {
	rule.cancel(nil)
	if rule.status != types.RuleExecutionStatusInProgress {
		return
	}
	rule.result, rule.updated, rule.status = result, s.account.Clock.Now(), types.RuleExecutionStatusSucceeded
	if result.failed {
		rule.status = types.RuleExecutionStatusFailed
	}
	s.changed.Broadcast()
}

// state describes a verdict in the state of its stage.
func (v *verdict) state() *types.StageConditionState {
	if v == nil {
		return nil
	}
	out := &types.StageConditionState{LatestExecution: &types.StageConditionsExecution{Status: v.status, Summary: text(v.summary)}}
	if len(v.rules) == 0 {
		return out
	}
	state := types.ConditionState{LatestExecution: &types.ConditionExecution{Status: v.status, Summary: text(v.summary), LastStatusChange: aws.Time(v.changed)}}
	for _, rule := range v.rules {
		state.RuleStates = append(state.RuleStates, types.RuleState{RuleName: rule.declaration.Name, LatestExecution: &types.RuleExecution{
			RuleExecutionId: aws.String(rule.id), Status: rule.status, LastStatusChange: aws.Time(rule.updated), Summary: text(rule.result.summary),
			ExternalExecutionId: text(rule.result.externalID), ExternalExecutionUrl: text(rule.result.externalURL), ErrorDetails: rule.errorDetails(),
		}})
	}
	out.ConditionStates = []types.ConditionState{state}
	return out
}

func (rule *ruleRun) errorDetails() *types.ErrorDetails {
	if rule.status != types.RuleExecutionStatusFailed {
		return nil
	}
	return &types.ErrorDetails{Code: aws.String(rule.result.code), Message: aws.String(rule.result.message)}
}

// ListRuleExecutions implements the operation of that name. The newest comes first.
func (s *Service) ListRuleExecutions(_ context.Context, in *awscodepipeline.ListRuleExecutionsInput) (*awscodepipeline.ListRuleExecutionsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.find(in.PipelineName)
	if err != nil {
		return nil, err
	}
	all := slices.Clone(p.rules)
	slices.Reverse(all)
	if f := in.Filter; f != nil {
		id, latest := f.PipelineExecutionId, false
		if l := f.LatestInPipelineExecution; l != nil {
			id, latest = l.PipelineExecutionId, l.StartTimeRange == types.StartTimeRangeLatest
		}
		if id != nil {
			e, err := p.execution(id)
			if err != nil {
				return nil, err
			}
			all = slices.DeleteFunc(all, func(rule *ruleRun) bool { return rule.execution != e || latest && !e.runs[rule.stage].has(rule) })
		}
	}
	shown, next, err := page(all, in.NextToken, in.MaxResults, 100)
	if err != nil {
		return nil, err
	}
	out := &awscodepipeline.ListRuleExecutionsOutput{NextToken: next, RuleExecutionDetails: []types.RuleExecutionDetail{}}
	for _, rule := range shown {
		out.RuleExecutionDetails = append(out.RuleExecutionDetails, rule.detail(s.account.Region))
	}
	return out, nil
}

// has reports whether a rule is one of the last that have run in a stage.
func (r *stageRun) has(rule *ruleRun) bool {
	for _, v := range r.verdicts {
		if slices.Contains(v.rules, rule) {
			return true
		}
	}
	return false
}

func (rule *ruleRun) detail(region string) types.RuleExecutionDetail {
	d := clone(rule.declaration)
	return types.RuleExecutionDetail{
		RuleExecutionId: aws.String(rule.id), RuleName: d.Name, StageName: aws.String(rule.stage), Status: rule.status,
		PipelineExecutionId: aws.String(rule.execution.id), PipelineVersion: rule.execution.structure.Version,
		StartTime: aws.Time(rule.started), LastUpdateTime: aws.Time(rule.updated),
		Input: &types.RuleExecutionInput{
			RuleTypeId: d.RuleTypeId, Configuration: d.Configuration, ResolvedConfiguration: maps.Clone(rule.resolved),
			InputArtifacts: details(rule.inputs), Region: aws.String(region), RoleArn: d.RoleArn,
		},
		Output: &types.RuleExecutionOutput{ExecutionResult: &types.RuleExecutionResult{
			ExternalExecutionId: text(rule.result.externalID), ExternalExecutionUrl: text(rule.result.externalURL),
			ExternalExecutionSummary: text(rule.result.summary), ErrorDetails: rule.errorDetails(),
		}},
	}
}

// OverrideStageCondition implements the operation of that name. The execution goes on as
// if the condition were met, also if it has already failed because of the condition.
func (s *Service) OverrideStageCondition(_ context.Context, in *awscodepipeline.OverrideStageConditionInput) (*awscodepipeline.OverrideStageConditionOutput, error) {
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
	if in.ConditionType != beforeEntry && in.ConditionType != onSuccess {
		return nil, invalid("1 validation error detected: Value '%s' at 'conditionType' failed to satisfy constraint: Member must satisfy enum value set: [BEFORE_ENTRY, ON_SUCCESS]", in.ConditionType)
	}
	e, err := p.execution(in.PipelineExecutionId)
	if err != nil {
		// The operation has no error of its own for this.
		return nil, invalid("Pipeline '%s' does not have an execution with id '%s'", p.name, aws.ToString(in.PipelineExecutionId))
	}
	name := aws.ToString(d.Name)
	st, r := p.stage(name), e.runs[name]
	unable := func(why string) error {
		return &types.ConditionNotOverridableException{Message: aws.String(fmt.Sprintf("The condition %s of stage '%s' cannot be overridden for execution %s: %s", in.ConditionType, name, e.id, why))}
	}
	if r == nil || r.verdicts[in.ConditionType] == nil {
		return nil, unable("it has not been evaluated")
	}
	v := r.verdicts[in.ConditionType]
	switch {
	case v.result == types.ResultSkip:
		return nil, unable("its result is SKIP")
	case v.status == types.ConditionExecutionStatusInProgress:
		s.settleVerdict(v, types.ConditionExecutionStatusOverridden, "")
		return &awscodepipeline.OverrideStageConditionOutput{}, nil
	case v.status != types.ConditionExecutionStatusFailed:
		return nil, unable(fmt.Sprintf("its status is %s", v.status))
	case e.rollback != nil:
		return nil, unable("the stage is rolled back")
	}
	if err := s.resumable(e, d, unable); err != nil {
		return nil, err
	}
	s.settleVerdict(v, types.ConditionExecutionStatusOverridden, "")
	s.resume(e, st, i, d)
	return &awscodepipeline.OverrideStageConditionOutput{}, nil
}
