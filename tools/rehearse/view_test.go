package rehearse

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/live"
)

// TestTheViewFollowsAnExecution checks what is printed without a terminal: a line when an
// action begins and ends, by CodePipeline's words, and what the one that runs has said.
func TestTheViewFollowsAnExecution(t *testing.T) {
	t.Parallel()
	now := clock.NewManual(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	var out strings.Builder
	v := newView(&out, now)
	v.says = func(_ context.Context, a types.ActionExecutionDetail) string {
		return "\x1b[32mpass\x1b[0m " + aws.ToString(a.ActionName) + "\n"
	}
	v.begin("release", &types.PipelineDeclaration{Stages: []types.StageDeclaration{
		{Name: aws.String("Verify"), Actions: []types.ActionDeclaration{{Name: aws.String("Test")}, {Name: aws.String("Lint")}}},
		{Name: aws.String("Staging"), Actions: []types.ActionDeclaration{{Name: aws.String("Deploy")}}},
	}})
	action := func(name string, status types.ActionExecutionStatus) types.ActionExecutionDetail {
		return types.ActionExecutionDetail{StageName: aws.String("Verify"), ActionName: &name, Status: status}
	}
	// The newest comes first, and an older one of the same action counts no more.
	v.update(t.Context(), []types.ActionExecutionDetail{action("Lint", types.ActionExecutionStatusInProgress), action("Test", types.ActionExecutionStatusInProgress), action("Test", types.ActionExecutionStatusFailed)})
	now.Advance(12 * time.Second)
	done := []types.ActionExecutionDetail{action("Lint", types.ActionExecutionStatusSucceeded), action("Test", types.ActionExecutionStatusInProgress)}
	v.update(t.Context(), done)
	for range 110 { // 33 seconds, at the polling rate of the pipeline
		now.Advance(300 * time.Millisecond)
		v.update(t.Context(), done)
	}
	v.update(t.Context(), []types.ActionExecutionDetail{done[0], action("Test", types.ActionExecutionStatusFailed)})
	v.end()
	const want = `Verify     Test         InProgress    0.0s
Verify     Lint         InProgress    0.0s
Verify     Lint         Succeeded    12.0s
          Test 42s: pass Test
Verify     Test         Failed       45.0s
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
	stages := []Stage{
		{Name: "Verify", Actions: []Action{{"Test", "Failed", 45}, {"Lint", "Succeeded", 12}}},
		{Name: "Staging", Actions: []Action{{"Deploy", "NotStarted", 0}}},
	}
	if diff := cmp.Diff(stages, v.stages()); diff != "" {
		t.Error(diff)
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	for _, status := range types.ActionExecutionStatus("").Values() {
		if got := stateOf(status); got == live.Waiting || (got == live.Running) != (status == types.ActionExecutionStatusInProgress) {
			t.Errorf("%s is %v", status, got)
		}
	}
}

// TestAStepSaysHowItEnded checks that a step is named when it begins and when it ends.
func TestAStepSaysHowItEnded(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	v := newView(&out, clock.NewManual(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)))
	if err := v.during("deploy", func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := v.during("deploy again", func() error { return errRejected }); err == nil {
		t.Error("the step's failure is gone")
	}
	for _, want := range []string{"deploy ...", "ok\n", "deploy again ...", "failed\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it shows %q without %q", out.String(), want)
		}
	}
}
