package codepipeline

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	awscodepipeline "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/magewright/magewright/tools/localaws/codebuild"
)

// ruleOf returns a rule. The configuration has lines of KEY=VALUE.
func ruleOf(name, provider, configuration string) types.RuleDeclaration {
	r := types.RuleDeclaration{
		Name: aws.String(name), Configuration: map[string]string{},
		RuleTypeId: &types.RuleTypeId{Category: types.RuleCategoryRule, Owner: types.RuleOwnerAws, Provider: &provider, Version: aws.String("1")},
	}
	for line := range strings.Lines(configuration) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		r.Configuration[key] = value
	}
	return r
}

// equals is a rule that checks whether the source is of a version. The source is v1.
func equals(version string) types.RuleDeclaration {
	return ruleOf("Check", "VariableCheck", "Variable=#{SourceVariables.VersionId}\nOperator=EQ\nValue="+version)
}

func conditions(result types.Result, rules ...types.RuleDeclaration) []types.Condition {
	return []types.Condition{{Result: result, Rules: rules}}
}

// guarded returns a pipeline of two stages, Deploy and After, whose first has conditions.
func guarded(change func(*types.StageDeclaration)) *types.PipelineDeclaration {
	d := declare(stageOf("Deploy", builder("Ship", 1)), stageOf("After", builder("Tell", 1)))
	change(&d.Stages[1])
	return d
}

// What becomes of a stage and its execution when a condition is met, and when it is not.
func TestConditions(t *testing.T) {
	t.Parallel()
	entry := func(c []types.Condition) func(*types.StageDeclaration) {
		return func(d *types.StageDeclaration) { d.BeforeEntry = &types.BeforeEntryConditions{Conditions: c} }
	}
	success := func(c []types.Condition) func(*types.StageDeclaration) {
		return func(d *types.StageDeclaration) { d.OnSuccess = &types.SuccessConditions{Conditions: c} }
	}
	failing := func(c []types.Condition) func(*types.StageDeclaration) {
		return func(d *types.StageDeclaration) { d.OnFailure = &types.FailureConditions{Conditions: c} }
	}
	const met, failed = types.ConditionExecutionStatusSucceeded, types.ConditionExecutionStatusFailed
	for name, test := range map[string]struct {
		change  func(*types.StageDeclaration)
		fails   bool // whether the action does
		builds  string
		stage   types.StageExecutionStatus
		status  types.PipelineExecutionStatus
		verdict types.ConditionExecutionStatus
	}{
		"entry, met":       {change: entry(conditions("FAIL", equals("v1"))), builds: "Ship Tell", stage: "Succeeded", status: "Succeeded", verdict: met},
		"entry, FAIL":      {change: entry(conditions("FAIL", equals("v2"))), stage: "Failed", status: "Failed", verdict: failed},
		"entry, default":   {change: entry(conditions("", equals("v2"))), stage: "Failed", status: "Failed", verdict: failed},
		"entry, SKIP":      {change: entry(conditions("SKIP", equals("v2"))), builds: "Tell", stage: "Skipped", status: "Succeeded", verdict: failed},
		"entry, two rules": {change: entry(conditions("FAIL", equals("v1"), ruleOf("Other", "VariableCheck", "Variable=a\nOperator=NE\nValue=a"))), stage: "Failed", status: "Failed", verdict: failed},
		"success, met":     {change: success(conditions("FAIL", equals("v1"))), builds: "Ship Tell", stage: "Succeeded", status: "Succeeded", verdict: met},
		"success, FAIL":    {change: success(conditions("FAIL", equals("v2"))), builds: "Ship", stage: "Failed", status: "Failed", verdict: failed},
		// There is nothing yet to roll back to.
		"success, ROLLBACK":    {change: success(conditions("ROLLBACK", equals("v2"))), builds: "Ship", stage: "Failed", status: "Failed", verdict: failed},
		"success of a failure": {change: success(conditions("FAIL", equals("v1"))), fails: true, builds: "Ship", stage: "Failed", status: "Failed"},
		"failure, met":         {change: failing(conditions("ROLLBACK", equals("v1"))), fails: true, builds: "Ship", stage: "Failed", status: "Failed", verdict: met},
		"failure, ROLLBACK":    {change: failing(conditions("ROLLBACK", equals("v2"))), fails: true, builds: "Ship", stage: "Failed", status: "Failed", verdict: failed},
		"failure of a success": {change: failing(conditions("ROLLBACK", equals("v2"))), builds: "Ship Tell", stage: "Succeeded", status: "Succeeded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.builds.script = func(b codebuild.PipelineBuild) bool { return !test.fails || nameOf(b) != "Ship" }
			r.create(guarded(test.change))
			id := r.begin()
			r.wants(id, test.status)
			var built []string
			for _, b := range r.builds.started {
				built = append(built, nameOf(b))
			}
			state := r.state("Deploy")
			if got := strings.Join(built, " "); got != test.builds || state.LatestExecution.Status != test.stage {
				t.Errorf("it built %q and the stage is %s", got, state.LatestExecution.Status)
			}
			var verdict types.ConditionExecutionStatus
			for _, c := range []*types.StageConditionState{state.BeforeEntryConditionState, state.OnSuccessConditionState, state.OnFailureConditionState} {
				if c != nil {
					verdict = c.LatestExecution.Status
				}
			}
			if verdict != test.verdict {
				t.Errorf("the condition is %q, want %q", verdict, test.verdict)
			}
		})
	}
}

// An alarm within the time to wait rolls a stage back to the last execution that was good.
func TestAlarmAfterSuccess(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.builds.script = func(codebuild.PipelineBuild) bool { return true }
	r.alarms.set("errors", cwtypes.StateValueOk)
	r.create(guarded(func(d *types.StageDeclaration) {
		d.OnSuccess = &types.SuccessConditions{Conditions: conditions("ROLLBACK", ruleOf("Watch", "CloudWatchAlarm", "AlarmName=errors\nWaitTime=60"))}
	}))
	good := r.begin()
	r.clock.BlockUntil(1)
	if s := r.state("Deploy"); s.LatestExecution.Status != types.StageExecutionStatusInProgress || s.OnSuccessConditionState.LatestExecution.Status != types.ConditionExecutionStatusInProgress {
		t.Errorf("while it watches, the stage is %+v", s)
	}
	r.clock.Advance(time.Hour)
	r.wants(good, types.PipelineExecutionStatusSucceeded)

	bad := r.begin()
	r.clock.BlockUntil(1)
	r.clock.Advance(59 * time.Minute)
	r.alarms.set("errors", cwtypes.StateValueAlarm)
	e := r.wants(bad, types.PipelineExecutionStatusFailed)
	if !strings.Contains(aws.ToString(e.StatusSummary), "The stage Deploy is rolled back to execution "+good) {
		t.Errorf("it ended with %q", aws.ToString(e.StatusSummary))
	}
	out := must[*awscodepipeline.ListRuleExecutionsOutput](t)(r.ListRuleExecutions(r.ctx, &awscodepipeline.ListRuleExecutionsInput{
		PipelineName: aws.String("app"), Filter: &types.RuleExecutionFilter{LatestInPipelineExecution: &types.LatestInPipelineExecutionFilter{PipelineExecutionId: &bad, StartTimeRange: types.StartTimeRangeLatest}},
	}))
	if len(out.RuleExecutionDetails) != 1 {
		t.Fatalf("the rules of the execution are %+v", out.RuleExecutionDetails)
	}
	rule := out.RuleExecutionDetails[0]
	if *rule.RuleName != "Watch" || rule.Status != types.RuleExecutionStatusFailed || *rule.Output.ExecutionResult.ErrorDetails.Message != "The alarm errors is in the state ALARM" ||
		rule.Input.ResolvedConfiguration["WaitTime"] != "60" || *rule.StageName != "Deploy" {
		t.Errorf("the rule is %+v", rule)
	}
	if all := must[*awscodepipeline.ListRuleExecutionsOutput](t)(r.ListRuleExecutions(r.ctx, &awscodepipeline.ListRuleExecutionsInput{PipelineName: aws.String("app")})); len(all.RuleExecutionDetails) != 2 {
		t.Errorf("there are %d rule executions", len(all.RuleExecutionDetails))
	}
}

// What an alarm rule makes of an alarm that it looks at once.
func TestAlarmRule(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		configuration string
		state         cwtypes.StateValue
		want          string // why it fails; empty if it does not
	}{
		{"AlarmName=a", cwtypes.StateValueOk, ""},
		{"AlarmName=a", cwtypes.StateValueInsufficientData, ""},
		{"AlarmName=a", cwtypes.StateValueAlarm, "JobFailed: The alarm a is in the state ALARM"},
		{"AlarmName=a\nAlarmStates=ALARM, INSUFFICIENT_DATA", cwtypes.StateValueInsufficientData, "JobFailed: The alarm a is in the state INSUFFICIENT_DATA"},
		{"AlarmName=b", cwtypes.StateValueOk, "ConfigurationError: The alarm b does not exist"},
	} {
		r := newRig(t)
		r.alarms.set("a", test.state)
		rule := ruleOf("Watch", "CloudWatchAlarm", test.configuration)
		if got := saidBy(r.watchAlarm(t.Context(), &job{configuration: rule.Configuration})); got != test.want {
			t.Errorf("%s %s: %q, want %q", test.configuration, test.state, got, test.want)
		}
	}
}

func saidBy(o outcome) string {
	if !o.failed {
		return ""
	}
	return o.code + ": " + o.message
}

func TestDeploymentWindow(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		cron, zone string
		inside     bool // on Wednesday 2 January 2030 at 03:04:05 UTC
	}{
		{"* * 3 ? * WED", "", true},
		{"* * 3 ? * WED *", "UTC", true},
		{"* 0-3 3 ? * WED *", "", false},
		{"* * 9-17 ? * MON-FRI *", "", false},
		{"* * 12 ? * MON-FRI *", "UTC+9", true},
		{"* * 12 ? * MON-FRI *", "GMT+09:00", true},
		{"* * 12 ? * MON-FRI *", "Asia/Tokyo", true},
		{"* * 22 ? * TUE *", "America/New_York", true},
		{"* * * 2 1 ? 2030", "", true},
		{"* * * 2 1 ? 2031", "", false},
	} {
		r := newRig(t)
		configuration := map[string]string{"Cron": test.cron, "TimeZone": test.zone}
		if o := r.insideWindow(t.Context(), &job{configuration: configuration}); o.failed == test.inside {
			t.Errorf("%s %s: %q", test.cron, test.zone, saidBy(o))
		}
	}
}

func TestVariableCheck(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		variable, operator, value string
		want                      bool
	}{
		{"main", "EQ", "main", true},
		{"main", "EQ", "Main", false},
		{"main", "NE", "dev", true},
		{"main", "NE", "main", false},
		{"fix: the update", "CONTAINS", "update", true},
		{"fix", "CONTAINS", "update", false},
		{"release-12", "MATCHES", `release-\d+`, true},
		{"a release-12", "MATCHES", `release-\d+`, false},
		{"release", "MATCHES", `(?!hotfix).*`, true},
		{"hotfix", "MATCHES", `(?!hotfix).*`, false},
	} {
		r := newRig(t)
		o := r.compare(t.Context(), &job{configuration: map[string]string{"Variable": test.variable, "Operator": test.operator, "Value": test.value}})
		if o.failed == test.want {
			t.Errorf("%s %s %s: %q", test.variable, test.operator, test.value, saidBy(o))
		}
	}
}

// A rule invokes a function, which reports as an action's does, and runs commands. Its
// time is limited.
func TestRulesThatWork(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	invoke := ruleOf("Ask", "LambdaInvoke", "FunctionName=judge\nUserParameters=#{SourceVariables.VersionId}")
	invoke.InputArtifacts, invoke.TimeoutInMinutes = []types.InputArtifact{{Name: aws.String("Source")}}, aws.Int32(5)
	run := ruleOf("Run", "Commands", "")
	run.Configuration, run.Commands, run.InputArtifacts = nil, []string{"test #{SourceVariables.VersionId} = v1"}, []types.InputArtifact{{Name: aws.String("Source")}}
	r.create(guarded(func(d *types.StageDeclaration) {
		d.BeforeEntry = &types.BeforeEntryConditions{Conditions: conditions("FAIL", invoke, run)}
	}))
	first := r.begin()
	e := <-r.functions.events
	if e.function != "judge" || e.Job.Data.ActionConfiguration.Configuration["UserParameters"] != "v1" || e.Job.Data.InputArtifacts[0].Name != "Source" {
		t.Errorf("the function got %+v", e)
	}
	details := must[*awscodepipeline.GetJobDetailsOutput](t)(r.GetJobDetails(r.ctx, &awscodepipeline.GetJobDetailsInput{JobId: &e.Job.ID}))
	if c := details.JobDetails.Data.PipelineContext; *c.Stage.Name != "Deploy" || *c.Action.Name != "Ask" {
		t.Errorf("the job is %+v", c)
	}
	if b := r.builds.end("Run", true, nil); b.Commands.Lines[0] != "test v1 = v1" || b.Commands.LogGroup != "/aws/codepipeline/app" {
		t.Errorf("the build is %+v", b.Commands)
	}
	r.succeed(&awscodepipeline.PutJobSuccessResultInput{JobId: &e.Job.ID, ExecutionDetails: &types.ExecutionDetails{Summary: aws.String("fine")}})
	r.builds.end("Ship", true, nil)
	r.builds.end("Tell", true, nil)
	r.wants(first, types.PipelineExecutionStatusSucceeded)
	rules := r.state("Deploy").BeforeEntryConditionState.ConditionStates[0].RuleStates
	if len(rules) != 2 || *rules[0].LatestExecution.Summary != "fine" || rules[1].LatestExecution.ExternalExecutionId == nil || rules[1].LatestExecution.Status != types.RuleExecutionStatusSucceeded {
		t.Errorf("the rules are %+v", rules)
	}

	// If one rule fails, the others are abandoned.
	id := r.begin()
	e = <-r.functions.events
	r.builds.await("Run")
	must[*awscodepipeline.PutJobFailureResultOutput](t)(r.PutJobFailureResult(r.ctx, &awscodepipeline.PutJobFailureResultInput{
		JobId: &e.Job.ID, FailureDetails: &types.FailureDetails{Type: types.FailureTypeJobFailed, Message: aws.String("no")},
	}))
	r.wants(id, types.PipelineExecutionStatusFailed)
	rules = r.state("Deploy").BeforeEntryConditionState.ConditionStates[0].RuleStates
	if *rules[0].LatestExecution.ErrorDetails.Message != "no" || rules[1].LatestExecution.Status != types.RuleExecutionStatusAbandoned {
		t.Errorf("the rules are %+v, %+v", rules[0].LatestExecution, rules[1].LatestExecution)
	}
	if err := <-r.builds.left; !errors.Is(err, errAbandoned) {
		t.Errorf("the build was left because of %v", err)
	}

	id = r.begin()
	<-r.functions.events
	r.clock.Advance(5 * time.Minute)
	r.wants(id, types.PipelineExecutionStatusFailed)
	if d := r.state("Deploy").BeforeEntryConditionState.ConditionStates[0].RuleStates[0].LatestExecution.ErrorDetails; *d.Code != "TimedOut" || *d.Message != "The rule timed out after 5 minutes" {
		t.Errorf("the rule ended with %+v", d)
	}
}

func (r *rig) override(id string, kind types.ConditionType) error {
	_, err := r.OverrideStageCondition(r.ctx, &awscodepipeline.OverrideStageConditionInput{PipelineName: aws.String("app"), StageName: aws.String("Deploy"), PipelineExecutionId: &id, ConditionType: kind})
	return err
}

// Who overrides a condition lets the execution go on, while its rules run and after they
// have failed. A condition that skips its stage can't be overridden.
func TestOverride(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.builds.script = func(codebuild.PipelineBuild) bool { return true }
	r.create(guarded(func(d *types.StageDeclaration) {
		d.BeforeEntry = &types.BeforeEntryConditions{Conditions: conditions("FAIL", ruleOf("Ask", "LambdaInvoke", "FunctionName=judge"))}
		d.OnSuccess = &types.SuccessConditions{Conditions: conditions("FAIL", equals("v2"))}
	}))
	id := r.begin()
	<-r.functions.events
	if err := r.override(id, onSuccess); !isA[*types.ConditionNotOverridableException](err) {
		t.Errorf("overriding what was not evaluated: %v", err)
	}
	if err := r.override(id, beforeEntry); err != nil {
		t.Error(err)
	}
	r.wants(id, types.PipelineExecutionStatusFailed)
	s := r.state("Deploy")
	if s.BeforeEntryConditionState.LatestExecution.Status != types.ConditionExecutionStatusOverridden || s.OnSuccessConditionState.LatestExecution.Status != types.ConditionExecutionStatusFailed || r.builds.count() != 1 {
		t.Errorf("the stage is %+v, %+v", s.BeforeEntryConditionState.LatestExecution, s.OnSuccessConditionState.LatestExecution)
	}
	if err := r.override(id, beforeEntry); err == nil || !strings.Contains(err.Error(), "its status is Overridden") {
		t.Errorf("overriding it twice: %v", err)
	}
	// A retry evaluates again what was not met, and nothing else.
	r.retry("Deploy", id, types.StageRetryModeFailedActions)
	r.wants(id, types.PipelineExecutionStatusFailed)
	if err := r.override(id, onSuccess); err != nil {
		t.Error(err)
	}
	r.wants(id, types.PipelineExecutionStatusSucceeded)
	if s := r.state("Deploy"); s.LatestExecution.Status != types.StageExecutionStatusSucceeded || r.builds.count() != 2 {
		t.Errorf("the stage is %s after %d builds", s.LatestExecution.Status, r.builds.count())
	}
	if err := r.override(id, "ON_FAILURE"); err == nil || !strings.Contains(err.Error(), "Member must satisfy enum value set: [BEFORE_ENTRY, ON_SUCCESS]") {
		t.Errorf("%v", err)
	}

	skipping := newRig(t)
	skipping.builds.script = r.builds.script
	skipping.create(guarded(func(d *types.StageDeclaration) {
		d.BeforeEntry = &types.BeforeEntryConditions{Conditions: conditions("SKIP", equals("v2"))}
	}))
	id = skipping.begin()
	skipping.wants(id, types.PipelineExecutionStatusSucceeded)
	if err := skipping.override(id, beforeEntry); err == nil || !strings.Contains(err.Error(), "its result is SKIP") {
		t.Errorf("overriding SKIP: %v", err)
	}
	if _, err := skipping.RetryStageExecution(r.ctx, &awscodepipeline.RetryStageExecutionInput{
		PipelineName: aws.String("app"), StageName: aws.String("Deploy"), PipelineExecutionId: &id, RetryMode: types.StageRetryModeAllActions,
	}); !isA[*types.StageNotRetryableException](err) {
		t.Errorf("retrying a skipped stage: %v", err)
	}
}

// A stop ends the rules and the execution.
func TestStopDuringCondition(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.create(guarded(func(d *types.StageDeclaration) {
		d.BeforeEntry = &types.BeforeEntryConditions{Conditions: conditions("FAIL", ruleOf("Ask", "LambdaInvoke", "FunctionName=judge"))}
	}))
	id := r.begin()
	<-r.functions.events
	must[*awscodepipeline.StopPipelineExecutionOutput](t)(r.StopPipelineExecution(r.ctx, &awscodepipeline.StopPipelineExecutionInput{PipelineName: aws.String("app"), PipelineExecutionId: &id}))
	r.wants(id, types.PipelineExecutionStatusStopped)
	s := r.state("Deploy")
	if s.LatestExecution.Status != types.StageExecutionStatusStopped || s.BeforeEntryConditionState.LatestExecution.Status != types.ConditionExecutionStatusCancelled || r.builds.count() != 0 {
		t.Errorf("the stage is %s and the condition %s", s.LatestExecution.Status, s.BeforeEntryConditionState.LatestExecution.Status)
	}
}

// An update cancels an execution whose last stage nobody has checked, before and while the
// rules run.
func TestUpdateBeforeCheck(t *testing.T) {
	t.Parallel()
	for _, while := range []string{"the action", "the rules"} {
		r := newRig(t)
		d := declare(stageOf("Deploy", builder("Ship", 1)))
		d.Stages[1].OnSuccess = &types.SuccessConditions{Conditions: conditions("FAIL", ruleOf("Ask", "LambdaInvoke", "FunctionName=judge"))}
		r.create(d)
		id := r.begin()
		r.builds.await("Ship")
		if while == "the rules" {
			r.builds.end("Ship", true, nil)
			<-r.functions.events
		}
		must[*awscodepipeline.UpdatePipelineOutput](t)(r.UpdatePipeline(r.ctx, &awscodepipeline.UpdatePipelineInput{Pipeline: d}))
		if while == "the action" {
			r.builds.end("Ship", true, nil)
		}
		r.wants(id, types.PipelineExecutionStatusCancelled)
		if s := r.state("Deploy"); s.LatestExecution.Status != types.StageExecutionStatusCancelled {
			t.Errorf("after an update during %s, the stage is %s", while, s.LatestExecution.Status)
		}
	}
}

// Conditions that AWS refuses, or that can't be evaluated here.
func TestConditionsThatAreRefused(t *testing.T) {
	t.Parallel()
	entry := func(result types.Result, rules ...types.RuleDeclaration) func(*types.StageDeclaration) {
		return func(d *types.StageDeclaration) {
			d.BeforeEntry = &types.BeforeEntryConditions{Conditions: conditions(result, rules...)}
		}
	}
	with := func(rule types.RuleDeclaration, change func(*types.RuleDeclaration)) types.RuleDeclaration {
		change(&rule)
		return rule
	}
	alarm := ruleOf("Watch", "CloudWatchAlarm", "AlarmName=a")
	for _, test := range []struct {
		change func(*types.StageDeclaration)
		want   string
	}{
		{entry("FAIL", alarm, equals("v1")), ""},
		{entry("FAIL", ruleOf("Build", "CodeBuild", "ProjectName=p")), "The embedded AWS does not support the rule provider 'CodeBuild' of rule 'Build' in beforeEntry of stage 'Deploy'"},
		{entry("ROLLBACK", alarm), "The result 'ROLLBACK' in beforeEntry of stage 'Deploy' must be FAIL or SKIP"},
		{entry("SKIP", alarm), "can't be used with the result SKIP: only LambdaInvoke and VariableCheck can"},
		{entry("FAIL"), "A condition of beforeEntry of stage 'Deploy' has 0 rules. It must have 1 to 5"},
		{entry("FAIL", alarm, alarm), "has more than one rule with name 'Watch'"},
		{func(d *types.StageDeclaration) {
			d.BeforeEntry = &types.BeforeEntryConditions{Conditions: append(conditions("FAIL", alarm), conditions("FAIL", alarm)...)}
		}, "Stage 'Deploy' has 2 conditions in beforeEntry. It can have one"},
		{func(d *types.StageDeclaration) { d.OnSuccess = &types.SuccessConditions{} }, "Stage 'Deploy' has 0 conditions in onSuccess"},
		{func(d *types.StageDeclaration) {
			d.OnSuccess = &types.SuccessConditions{Conditions: conditions("SKIP", equals("v1"))}
		}, "The result 'SKIP' in onSuccess of stage 'Deploy' must be FAIL or ROLLBACK"},
		{func(d *types.StageDeclaration) {
			d.OnFailure = &types.FailureConditions{Result: "RETRY", Conditions: conditions("ROLLBACK", equals("v1"))}
		}, "The result RETRY in onFailure of stage 'Deploy' can't be used with conditions"},
		{entry("FAIL", ruleOf("Watch", "CloudWatchAlarm", "WaitTime=1")), "missing required configuration 'AlarmName'"},
		{entry("FAIL", ruleOf("Watch", "CloudWatchAlarm", "AlarmName=a\nWaitTime=soon")), "the WaitTime 'soon' is not a number of minutes"},
		{entry("FAIL", ruleOf("Watch", "CloudWatchAlarm", "AlarmName=a\nAlarmStates=BAD")), "the alarm state 'BAD' must be ALARM, OK or INSUFFICIENT_DATA"},
		{entry("FAIL", ruleOf("Watch", "CloudWatchAlarm", "AlarmName=a\nColour=red")), "contains unknown configuration 'Colour'"},
		{entry("FAIL", ruleOf("Window", "DeploymentWindow", "Cron=0 9 ? * MON *")), "must have the fields * (for seconds)"},
		{entry("FAIL", ruleOf("Window", "DeploymentWindow", "Cron=* * 9 ? * MON *\nTimeZone=Mars/Base")), "the TimeZone 'Mars/Base' is neither Region/City nor UTC with an offset"},
		{entry("FAIL", ruleOf("Window", "DeploymentWindow", "Cron=* * 9 * * * *")), "one of day of month and day of week must be ?"},
		{entry("FAIL", ruleOf("Check", "VariableCheck", "Variable=a\nOperator=GT\nValue=1")), "the Operator 'GT' must be one of CONTAINS, EQ, MATCHES, NE"},
		{entry("FAIL", ruleOf("Check", "VariableCheck", "Variable=a\nOperator=MATCHES\nValue=(")), "reading the pattern '('"},
		{entry("FAIL", ruleOf("Check", "VariableCheck", "Variable=#{Nobody.x}\nOperator=EQ\nValue=1")), "StageName=[Deploy], RuleName=[Check], RuleConfigurationKey=[Variable], VariableReferenceText=[Nobody.x]"},
		// An entry condition comes before the actions of its stage.
		{entry("FAIL", ruleOf("Check", "VariableCheck", "Variable=#{Shipped.x}\nOperator=EQ\nValue=1")), "belongs to an action that does not precede this one"},
		{func(d *types.StageDeclaration) {
			d.OnSuccess = &types.SuccessConditions{Conditions: conditions("FAIL", ruleOf("Check", "VariableCheck", "Variable=#{Shipped.x}\nOperator=EQ\nValue=1"))}
		}, ""},
		{entry("FAIL", with(alarm, func(r *types.RuleDeclaration) { r.Commands = []string{"ls"} })), "are available to the provider Commands only"},
		{entry("FAIL", with(alarm, func(r *types.RuleDeclaration) { r.Region = aws.String("eu-west-1") })), "is in eu-west-1"},
		{entry("FAIL", with(alarm, func(r *types.RuleDeclaration) { r.RoleArn = aws.String("arn:aws:iam::111122223333:role/r") })), "The embedded AWS has the account 000000000000 only"},
		{entry("FAIL", with(alarm, func(r *types.RuleDeclaration) { r.TimeoutInMinutes = aws.Int32(1) })), "timeoutInMinutes of rule 'Watch'"},
		{entry("FAIL", with(alarm, func(r *types.RuleDeclaration) {
			r.InputArtifacts = []types.InputArtifact{{Name: aws.String("Source")}}
		})), "has 1 input artifacts. It must have 0 to 0"},
		{entry("FAIL", with(ruleOf("Ask", "LambdaInvoke", "FunctionName=f"), func(r *types.RuleDeclaration) {
			r.InputArtifacts = []types.InputArtifact{{Name: aws.String("Later")}}
		})), "Input Artifact Bundle Later in rule Ask is not declared"},
		{entry("FAIL", with(ruleOf("Run", "Commands", "X=y"), func(r *types.RuleDeclaration) {
			r.Configuration, r.InputArtifacts = nil, []types.InputArtifact{{Name: aws.String("Source")}}
		})), "The rule 'Run' has 0 commands"},
		{entry("FAIL", with(alarm, func(r *types.RuleDeclaration) { r.Name = aws.String("a b") })), "The rule name 'a b'"},
	} {
		r := newRig(t)
		d := guarded(test.change)
		d.Stages[1].Actions[0].Namespace = aws.String("Shipped")
		_, err := r.declare(d, 1)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%v, want %q", err, test.want)
		}
	}
}
