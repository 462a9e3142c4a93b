package codepipeline

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodepipeline "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"pgregory.net/rapid"

	"github.com/magewright/magewright/tools/localaws/codebuild"
)

func TestRunOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.create(declare(stageOf("Verify", builder("Lint", 1), builder("Test", 1), builder("Report", 2))))
	id := r.begin()
	// Both run before either has ended.
	r.builds.await("Lint")
	r.builds.await("Test")
	r.builds.end("Lint", true, nil)
	r.until(func() bool {
		return r.pipelines["app"].stages["Verify"].actions["Lint"].status == types.ActionExecutionStatusSucceeded
	})
	if n := r.builds.count(); n != 2 {
		t.Fatalf("%d builds started, want 2: Report has to wait for Test", n)
	}
	r.builds.end("Test", true, nil)
	r.builds.end("Report", true, nil)
	r.wants(id, types.PipelineExecutionStatusSucceeded)
}

func TestFailureStopsThePipelineAndReleasesTheStage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.create(declare(stageOf("Verify", builder("Lint", 1), builder("Test", 1), builder("Report", 2)), stageOf("Deploy", builder("Ship", 1))))
	first := r.begin()
	r.builds.end("Lint", false, nil)
	// An action that runs in parallel is not interrupted.
	r.builds.end("Test", true, nil)
	r.wants(first, types.PipelineExecutionStatusFailed)
	got := r.actions(first)
	if len(got) != 3 || got["Test"].Status != types.ActionExecutionStatusSucceeded {
		t.Fatalf("actions are %v, want Source, Lint and Test", got)
	}
	failed := got["Lint"].Output.ExecutionResult
	if want := "Build terminated with state: FAILED. Phase: BUILD, Code: COMMAND_EXECUTION_ERROR, Message: Error while executing command: false. Reason: exit status 1"; *failed.ErrorDetails.Message != want {
		t.Errorf("message is %q, want %q", *failed.ErrorDetails.Message, want)
	}
	if *failed.ErrorDetails.Code != "JobFailed" || *failed.ExternalExecutionId == "" {
		t.Errorf("result is %+v", failed)
	}
	second := r.begin()
	for _, project := range []string{"Lint", "Test", "Report", "Ship"} {
		r.builds.end(project, true, nil)
	}
	r.wants(second, types.PipelineExecutionStatusSucceeded)
}

func TestSupersedeOnlyBetweenStages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.create(declare(stageOf("Deploy", builder("Ship", 1))))
	first := r.begin()
	r.builds.await("Ship")
	second := r.begin()
	r.until(func() bool { return len(r.pipelines["app"].stages["Deploy"].waiting) == 1 })
	if in := r.state("Deploy").InboundExecution; in == nil || *in.PipelineExecutionId != second {
		t.Fatalf("inbound is %v, want the second execution", in)
	}
	third := r.begin()
	r.wants(second, types.PipelineExecutionStatusSuperseded)
	r.builds.end("Ship", true, nil)
	r.wants(first, types.PipelineExecutionStatusSucceeded)
	r.builds.end("Ship", true, nil)
	r.wants(third, types.PipelineExecutionStatusSucceeded)
	if n := r.builds.count(); n != 2 {
		t.Errorf("%d builds ran, want 2", n)
	}
}

func TestQueuedIsInOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := declare(stageOf("Deploy", builder("Ship", 1)))
	d.ExecutionMode = types.ExecutionModeQueued
	r.create(d)
	var ids []string
	for range 4 {
		ids = append(ids, r.begin())
	}
	for _, id := range ids {
		if got := r.builds.end("Ship", true, nil).ExecutionID; got != id {
			t.Fatalf("execution %s deploys, want %s of %v", got, id, ids)
		}
		r.wants(id, types.PipelineExecutionStatusSucceeded)
	}
}

func TestParallelDoesNotWait(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	d := declare(stageOf("Deploy", builder("Ship", 1)))
	d.ExecutionMode = types.ExecutionModeParallel
	r.create(d)
	first, second := r.begin(), r.begin()
	r.until(func() bool { return r.builds.count() == 2 })
	r.builds.mu.Lock()
	for _, b := range r.builds.byID {
		r.builds.finish(b, true, nil)
	}
	r.builds.mu.Unlock()
	r.wants(first, types.PipelineExecutionStatusSucceeded)
	r.wants(second, types.PipelineExecutionStatusSucceeded)
}

// TestCreationStarts checks that a pipeline starts when it is created, with the
// source revision at that time.
func TestCreationStarts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.create(declare(stageOf("Deploy", builder("Ship", 1))))
	r.builds.end("Ship", true, nil)
	e := r.wants(r.created(), types.PipelineExecutionStatusSucceeded)
	if got := e.Trigger; got.TriggerType != types.TriggerTypeCreatePipeline || aws.ToString(got.TriggerDetail) != deployer {
		t.Errorf("it was started by %s, %s", got.TriggerType, aws.ToString(got.TriggerDetail))
	}
	if len(e.ArtifactRevisions) != 1 {
		t.Errorf("its revisions are %v", e.ArtifactRevisions)
	}
	must[*awscodepipeline.UpdatePipelineOutput](t)(r.UpdatePipeline(r.ctx, &awscodepipeline.UpdatePipelineInput{Pipeline: declare(stageOf("Deploy", builder("Ship", 2)))}))
	if listed := must[*awscodepipeline.ListPipelineExecutionsOutput](t)(r.ListPipelineExecutions(r.ctx, &awscodepipeline.ListPipelineExecutionsInput{PipelineName: aws.String("app")})); len(listed.PipelineExecutionSummaries) != 1 {
		t.Errorf("there are %d executions, want that of the creation alone", len(listed.PipelineExecutionSummaries))
	}
}

func TestTransition(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.builds.script = func(codebuild.PipelineBuild) bool { return true }
	r.create(declare(stageOf("Deploy", builder("Ship", 1))))
	r.wants(r.begin(), types.PipelineExecutionStatusSucceeded)
	must[*awscodepipeline.DisableStageTransitionOutput](t)(r.DisableStageTransition(r.ctx, &awscodepipeline.DisableStageTransitionInput{
		PipelineName: aws.String("app"), StageName: aws.String("Deploy"), TransitionType: types.StageTransitionTypeInbound, Reason: aws.String("freeze"),
	}))
	first := r.begin()
	r.until(func() bool { return len(r.pipelines["app"].stage("Deploy").waiting) == 1 })
	if got := r.state("Deploy").InboundTransitionState; got.Enabled || *got.DisabledReason != "freeze" || *got.LastChangedBy != deployer {
		t.Errorf("transition is %+v", got)
	}
	second := r.begin()
	r.wants(first, types.PipelineExecutionStatusSuperseded)
	must[*awscodepipeline.EnableStageTransitionOutput](t)(r.EnableStageTransition(r.ctx, &awscodepipeline.EnableStageTransitionInput{
		PipelineName: aws.String("app"), StageName: aws.String("Deploy"), TransitionType: types.StageTransitionTypeInbound,
	}))
	r.wants(second, types.PipelineExecutionStatusSucceeded)
}

// A pipeline that updates itself cancels the execution that did the update.
func TestUpdateCancelsWhatRuns(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.create(declare(stageOf("Update", builder("Pipeline", 1)), stageOf("Deploy", builder("Ship", 1))))
	first := r.begin()
	r.builds.await("Pipeline")
	second := r.begin()
	r.until(func() bool { return len(r.pipelines["app"].stages["Update"].waiting) == 1 })
	next := declare(stageOf("Update", builder("Pipeline", 1)), stageOf("Staging", builder("Stage", 1)), stageOf("Deploy", builder("Ship", 1)))
	out := must[*awscodepipeline.UpdatePipelineOutput](t)(r.UpdatePipeline(r.ctx, &awscodepipeline.UpdatePipelineInput{Pipeline: next}))
	if *out.Pipeline.Version != 2 {
		t.Errorf("version is %d, want 2", *out.Pipeline.Version)
	}
	r.wants(second, types.PipelineExecutionStatusCancelled)
	r.builds.end("Pipeline", true, nil)
	e := r.wants(first, types.PipelineExecutionStatusCancelled)
	if *e.StatusSummary != "Pipeline definition was updated" || *e.PipelineVersion != 1 {
		t.Errorf("execution is %q in version %d", *e.StatusSummary, *e.PipelineVersion)
	}
	if got := r.actions(first)["Pipeline"].Status; got != types.ActionExecutionStatusSucceeded {
		t.Errorf("the action that updated is %s, want Succeeded", got)
	}
	if got := r.state("Update").LatestExecution.Status; got != types.StageExecutionStatusCancelled {
		t.Errorf("the stage is %s, want Cancelled", got)
	}
	third := r.begin()
	for _, project := range []string{"Pipeline", "Stage", "Ship"} {
		r.builds.end(project, true, nil)
	}
	if e := r.wants(third, types.PipelineExecutionStatusSucceeded); *e.PipelineVersion != 2 {
		t.Errorf("the new execution is in version %d, want 2", *e.PipelineVersion)
	}
}

func TestStopAndWait(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.create(declare(stageOf("Deploy", builder("Ship", 1), builder("Check", 2))))
	id := r.begin()
	r.builds.await("Ship")
	stop := func(abandon bool) error {
		_, err := r.StopPipelineExecution(r.ctx, &awscodepipeline.StopPipelineExecutionInput{
			PipelineName: aws.String("app"), PipelineExecutionId: aws.String(id), Abandon: abandon, Reason: aws.String("wrong day"),
		})
		return err
	}
	if err := stop(false); err != nil {
		t.Fatal(err)
	}
	if !isA[*types.DuplicatedStopRequestException](stop(false)) {
		t.Error("stopping twice is no error")
	}
	r.builds.end("Ship", true, nil)
	r.wants(id, types.PipelineExecutionStatusStopped)
	if got := r.actions(id)["Ship"].Status; got != types.ActionExecutionStatusSucceeded {
		t.Errorf("the action is %s, want Succeeded", got)
	}
	if !isA[*types.PipelineExecutionNotStoppableException](stop(true)) {
		t.Error("stopping what has stopped is no error")
	}
	// A stopped stage can be retried.
	r.retry("Deploy", id, types.StageRetryModeFailedActions)
	r.builds.end("Check", true, nil)
	r.wants(id, types.PipelineExecutionStatusSucceeded)
}

func TestAbandon(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.create(declare(stageOf("Deploy", builder("Ship", 1))))
	id := r.begin()
	r.builds.await("Ship")
	must[*awscodepipeline.StopPipelineExecutionOutput](t)(r.StopPipelineExecution(r.ctx, &awscodepipeline.StopPipelineExecutionInput{
		PipelineName: aws.String("app"), PipelineExecutionId: aws.String(id), Abandon: true,
	}))
	r.wants(id, types.PipelineExecutionStatusStopped)
	if got := r.actions(id)["Ship"].Status; got != types.ActionExecutionStatusAbandoned {
		t.Errorf("the action is %s, want Abandoned", got)
	}
	if err := <-r.builds.left; !errors.Is(err, errAbandoned) {
		t.Errorf("the build is no longer awaited because %v", err)
	}
	if len(r.builds.stopped) != 0 {
		t.Error("the build of an abandoned action was stopped; AWS lets it go on")
	}
}

func TestCloseLeavesNoBuild(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.create(declare(stageOf("Deploy", builder("Ship", 1))))
	id := r.begin()
	r.builds.await("Ship")
	// Wait until the id of the build is known.
	r.until(func() bool {
		a := r.pipelines["app"].stages["Deploy"].actions["Ship"]
		return a != nil
	})
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(r.builds.stopped, []string{"Ship:1"}) {
		t.Errorf("stopped builds are %v, want Ship:1", r.builds.stopped)
	}
	r.wants(id, types.PipelineExecutionStatusStopped)
}

// TestSchedule checks, for arbitrary pipelines and outcomes: an action runs at
// most once, and only after all earlier actions have succeeded. The execution
// succeeds if and only if all actions did.
func TestSchedule(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		r := open(t, dir)
		defer func() { _ = r.Close() }()
		var stages []types.StageDeclaration
		fails := map[string]bool{}
		at := map[string]position{}
		for i := range rapid.IntRange(1, 4).Draw(rt, "stages") {
			var actions []types.ActionDeclaration
			for j := range rapid.IntRange(1, 4).Draw(rt, "actions") {
				name := fmt.Sprintf("S%dA%d", i, j)
				order := rapid.Int32Range(1, 3).Draw(rt, "order")
				fails[name] = rapid.IntRange(0, 9).Draw(rt, "outcome") == 0
				at[name] = position{i, int(order)}
				actions = append(actions, builder(name, order))
			}
			stages = append(stages, stageOf(fmt.Sprintf("S%d", i), actions...))
		}
		d := declare(stages...)
		d.ExecutionMode = rapid.SampledFrom(types.ExecutionMode("").Values()).Draw(rt, "mode")
		executions := rapid.IntRange(1, 3).Draw(rt, "executions")

		var mu sync.Mutex
		ran := map[string][]string{} // by execution
		r.builds.script = func(b codebuild.PipelineBuild) bool {
			mu.Lock()
			defer mu.Unlock()
			ran[b.ExecutionID] = append(ran[b.ExecutionID], b.ActionName)
			return !fails[b.ActionName]
		}
		r.create(d)
		for range executions {
			id := r.begin()
			e := r.wait(id)
			mu.Lock()
			got := ran[id]
			mu.Unlock()
			failed := false
			for i, name := range got {
				if slices.Contains(got[:i], name) {
					rt.Fatalf("%s ran twice: %v", name, got)
				}
				failed = failed || fails[name]
				for other := range at {
					if !at[other].before(at[name]) {
						continue
					}
					if !slices.Contains(got[:i], other) || fails[other] {
						rt.Fatalf("%s ran before %s had succeeded: %v", name, other, got)
					}
				}
			}
			succeeded := e.Status == types.PipelineExecutionStatusSucceeded
			if want := !failed && len(got) == len(at); succeeded != want {
				rt.Fatalf("execution is %s after %v of %v", e.Status, got, at)
			}
			if !succeeded && (e.Status != types.PipelineExecutionStatusFailed || !failed) {
				rt.Fatalf("execution is %s after %v", e.Status, got)
			}
		}
	})
}
