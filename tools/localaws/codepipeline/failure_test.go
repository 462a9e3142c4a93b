package codepipeline

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodepipeline "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

func (r *rig) retry(stage, id string, mode types.StageRetryMode) {
	r.t.Helper()
	must[*awscodepipeline.RetryStageExecutionOutput](r.t)(r.RetryStageExecution(r.ctx, &awscodepipeline.RetryStageExecutionInput{
		PipelineName: aws.String("app"), StageName: aws.String(stage), PipelineExecutionId: aws.String(id), RetryMode: mode,
	}))
}

func TestRetry(t *testing.T) {
	t.Parallel()
	for mode, want := range map[types.StageRetryMode]int{types.StageRetryModeFailedActions: 3, types.StageRetryModeAllActions: 4} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.create(declare(stageOf("Verify", builder("Lint", 1), builder("Test", 1))))
			id := r.begin()
			r.builds.end("Lint", true, nil)
			r.builds.end("Test", false, nil)
			r.wants(id, types.PipelineExecutionStatusFailed)
			r.retry("Verify", id, mode)
			if mode == types.StageRetryModeAllActions {
				r.builds.end("Lint", true, nil)
			}
			r.builds.end("Test", true, nil)
			r.wants(id, types.PipelineExecutionStatusSucceeded)
			if n := r.builds.count(); n != want {
				t.Errorf("%d builds ran, want %d", n, want)
			}
			if m := r.state("Verify").RetryStageMetadata; *m.ManualStageRetryAttempt != 1 || m.LatestRetryTrigger != types.RetryTriggerManualStageRetry {
				t.Errorf("metadata are %+v", m)
			}
		})
	}
}

func TestRetryOfWhatIsNotLatest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.create(declare(stageOf("Verify", builder("Lint", 1))))
	first := r.begin()
	r.builds.end("Lint", false, nil)
	r.wants(first, types.PipelineExecutionStatusFailed)
	second := r.begin()
	r.builds.end("Lint", true, nil)
	r.wants(second, types.PipelineExecutionStatusSucceeded)
	retry := func(id string) error {
		_, err := r.RetryStageExecution(r.ctx, &awscodepipeline.RetryStageExecutionInput{
			PipelineName: aws.String("app"), StageName: aws.String("Verify"), PipelineExecutionId: aws.String(id), RetryMode: types.StageRetryModeFailedActions,
		})
		return err
	}
	if !isA[*types.NotLatestPipelineExecutionException](retry(first)) {
		t.Error("an overtaken execution can be retried")
	}
	if !isA[*types.StageNotRetryableException](retry(second)) {
		t.Error("a successful stage can be retried")
	}
}

func TestAutomaticRetry(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	verify := stageOf("Verify", builder("Lint", 1), builder("Test", 1))
	verify.OnFailure = &types.FailureConditions{Result: types.ResultRetry}
	r.create(declare(verify))
	id := r.begin()
	r.builds.end("Lint", true, nil)
	r.builds.end("Test", false, nil)
	r.builds.end("Test", true, nil)
	r.wants(id, types.PipelineExecutionStatusSucceeded)
	id = r.begin()
	r.builds.end("Lint", true, nil)
	r.builds.end("Test", false, nil)
	r.builds.end("Test", false, nil)
	r.wants(id, types.PipelineExecutionStatusFailed)
	if m := r.state("Verify").RetryStageMetadata; *m.AutoStageRetryAttempt != 1 || m.LatestRetryTrigger != types.RetryTriggerAutomatedStageRetry {
		t.Errorf("metadata are %+v", m)
	}
}

func withRollback() *types.PipelineDeclaration {
	ship := builder("Ship", 1)
	ship.InputArtifacts = []types.InputArtifact{{Name: aws.String("Assembly")}}
	ship.Configuration["EnvironmentVariables"] = `[{"name":"EXECUTION","value":"#{codepipeline.PipelineExecutionId}"},{"name":"VERSION","value":"#{Synth.VERSION}"}]`
	staging := stageOf("Staging", ship)
	staging.OnFailure = &types.FailureConditions{Result: types.ResultRollback}
	synth := builder("Synth", 1, "Assembly")
	synth.Namespace = aws.String("Synth")
	return declare(stageOf("Verify", synth), staging, stageOf("Production", builder("Promote", 1)))
}

func TestAutomaticRollback(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.create(withRollback())
	good := r.begin()
	r.builds.end("Synth", true, map[string]string{"VERSION": "one"})
	shipped := r.builds.end("Ship", true, nil)
	if shipped.SourceVersion != "v1" {
		t.Errorf("what was built of the source has version %q, want that of the source", shipped.SourceVersion)
	}
	r.builds.end("Promote", true, nil)
	r.wants(good, types.PipelineExecutionStatusSucceeded)

	bad := r.begin()
	r.builds.end("Synth", true, map[string]string{"VERSION": "two"})
	r.builds.end("Ship", false, nil)
	// This is the rollback's build.
	again := r.builds.end("Ship", true, nil)
	if again.Inputs[0] != shipped.Inputs[0] {
		t.Errorf("the rollback deploys %v, want %v", again.Inputs[0], shipped.Inputs[0])
	}
	if got := *again.Start.EnvironmentVariablesOverride[1].Value; got != "one" {
		t.Errorf("the rollback has VERSION %s, want that of its target", got)
	}
	if got := *again.Start.EnvironmentVariablesOverride[0].Value; got != again.ExecutionID || got == good {
		t.Errorf("the rollback has EXECUTION %s, want its own id %s", got, again.ExecutionID)
	}
	// Wait returns only after the rollback.
	r.wants(bad, types.PipelineExecutionStatusFailed)

	e := r.wants(again.ExecutionID, types.PipelineExecutionStatusSucceeded)
	if e.ExecutionType != types.ExecutionTypeRollback || *e.RollbackMetadata.RollbackTargetPipelineExecutionId != good ||
		e.Trigger.TriggerType != types.TriggerTypeAutomatedRollback || *e.Trigger.TriggerDetail != `{"FailedPipelineExecutionId":"`+bad+`"}` {
		t.Errorf("rollback is %+v, trigger %s %s", e, e.Trigger.TriggerType, *e.Trigger.TriggerDetail)
	}
	if got := r.state("Staging").LatestExecution; got.Type != types.ExecutionTypeRollback || got.Status != types.StageExecutionStatusSucceeded {
		t.Errorf("Staging is %+v", got)
	}
	if n := r.builds.count(); n != 6 {
		t.Errorf("%d builds ran, want 6: a rollback runs one stage", n)
	}
	// A rollback is not a target for another rollback.
	bad = r.begin()
	r.builds.end("Synth", true, map[string]string{"VERSION": "three"})
	r.builds.end("Ship", false, nil)
	r.builds.end("Ship", false, nil)
	r.wants(bad, types.PipelineExecutionStatusFailed)
	executions := must[*awscodepipeline.ListPipelineExecutionsOutput](t)(r.ListPipelineExecutions(r.ctx, &awscodepipeline.ListPipelineExecutionsInput{PipelineName: aws.String("app")}))
	if got := executions.PipelineExecutionSummaries[0]; *got.RollbackMetadata.RollbackTargetPipelineExecutionId != good || got.Status != types.PipelineExecutionStatusFailed {
		t.Errorf("the second rollback is %+v", got)
	}
}

func TestNoRollbackWithoutTarget(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.create(withRollback())
	fail := func() {
		t.Helper()
		id := r.begin()
		r.builds.end("Synth", true, map[string]string{"VERSION": "1"})
		r.builds.end("Ship", false, nil)
		e := r.wants(id, types.PipelineExecutionStatusFailed)
		if !strings.Contains(aws.ToString(e.StatusSummary), "was not rolled back: no execution of version") {
			t.Errorf("summary is %q", aws.ToString(e.StatusSummary))
		}
		if c := r.state("Staging").OnFailureConditionState; c == nil || c.LatestExecution.Status != types.ConditionExecutionStatusErrored {
			t.Errorf("condition is %+v", c)
		}
	}
	fail()
	good := r.begin()
	r.builds.end("Synth", true, map[string]string{"VERSION": "1"})
	r.builds.end("Ship", true, nil)
	r.builds.end("Promote", true, nil)
	r.wants(good, types.PipelineExecutionStatusSucceeded)
	// An execution that succeeded before an update is no longer a target.
	must[*awscodepipeline.UpdatePipelineOutput](t)(r.UpdatePipeline(r.ctx, &awscodepipeline.UpdatePipelineInput{Pipeline: withRollback()}))
	fail()
	_, err := r.RollbackStage(r.ctx, &awscodepipeline.RollbackStageInput{PipelineName: aws.String("app"), StageName: aws.String("Staging"), TargetPipelineExecutionId: aws.String(good)})
	if !isA[*types.PipelineExecutionOutdatedException](err) {
		t.Errorf("rolling back to another version: %v", err)
	}
}

func TestManualRollback(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.create(withRollback())
	good := r.begin()
	r.builds.end("Synth", true, map[string]string{"VERSION": "1"})
	r.builds.end("Ship", true, nil)
	r.builds.end("Promote", true, nil)
	r.wants(good, types.PipelineExecutionStatusSucceeded)
	rollback := func(stage, target string) (*awscodepipeline.RollbackStageOutput, error) {
		return r.RollbackStage(r.ctx, &awscodepipeline.RollbackStageInput{PipelineName: aws.String("app"), StageName: aws.String(stage), TargetPipelineExecutionId: aws.String(target)})
	}
	out := must[*awscodepipeline.RollbackStageOutput](t)(rollback("Production", good))
	if _, err := rollback("Production", good); err == nil {
		t.Error("a stage in progress can be rolled back")
	}
	r.builds.end("Promote", true, nil)
	e := r.wants(*out.PipelineExecutionId, types.PipelineExecutionStatusSucceeded)
	if e.Trigger.TriggerType != types.TriggerTypeManualRollback || *e.Trigger.TriggerDetail != deployer {
		t.Errorf("trigger is %+v", e.Trigger)
	}
	for stage, target := range map[string]string{"Source": good, "Staging": *out.PipelineExecutionId} {
		_, err := rollback(stage, target)
		if !isA[*types.UnableToRollbackStageException](err) {
			t.Errorf("rolling back %s: %v", stage, err)
		}
	}
}
