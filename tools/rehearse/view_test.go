package rehearse

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/magewright/magewright/tools/internal/clock"
)

// TestNoViewIsSilent checks that without a terminal to redraw, the actions in
// progress are named at least every five seconds.
func TestNoViewIsSilent(t *testing.T) {
	t.Parallel()
	now := clock.NewManual(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	var out strings.Builder
	v := newView(&out, now)
	v.begin(&types.PipelineDeclaration{Stages: []types.StageDeclaration{{
		Name: aws.String("Verify"), Actions: []types.ActionDeclaration{{Name: aws.String("Test")}, {Name: aws.String("Lint")}},
	}}})
	running := []types.ActionExecutionDetail{
		{StageName: aws.String("Verify"), ActionName: aws.String("Test"), Status: types.ActionExecutionStatusInProgress},
		{StageName: aws.String("Verify"), ActionName: aws.String("Lint"), Status: types.ActionExecutionStatusInProgress},
	}
	// This is 12 seconds, at the polling rate of the pipeline.
	for range 40 {
		v.update(running)
		now.Advance(300 * time.Millisecond)
	}
	v.update([]types.ActionExecutionDetail{{StageName: aws.String("Verify"), ActionName: aws.String("Lint"), Status: types.ActionExecutionStatusSucceeded}})
	v.end()
	want := []string{"Verify     Lint       InProgress    0.0s", "Verify     Test       InProgress    0.0s", "          Test 5.1s, Lint 5.1s", "          Test 10.2s, Lint 10.2s", "Verify     Lint       Succeeded    12.0s"}
	if got := strings.Split(strings.TrimRight(out.String(), "\n"), "\n"); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("it shows\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
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
