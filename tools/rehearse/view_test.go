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

// TestTheTableFitsItsWindow checks that no line is longer than the window is wide,
// that a line is left for the cursor, and that what is in progress is shown.
func TestTheTableFitsItsWindow(t *testing.T) {
	t.Parallel()
	now := clock.NewManual(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	v := newView(&strings.Builder{}, now)
	for _, action := range []string{"Source/Source", "Verify/Lint", "Verify/Sec", "Verify/Synth", "Verify/Test", "Staging/Deploy", "Staging/Smoke", "Staging/Drill", "Approval/Plan", "Approval/Readiness", "Approval/Approve", "Production/Promote"} {
		stage, name, _ := strings.Cut(action, "/")
		v.rows = append(v.rows, &row{stage: stage, action: name})
	}
	begin, end := now.Now(), now.Now().Add(2500*time.Millisecond)
	for _, r := range v.rows[:4] {
		r.began, r.ended, r.status = begin, end, types.ActionExecutionStatusSucceeded
	}
	v.rows[4].began, v.rows[4].status = begin, types.ActionExecutionStatusInProgress
	now.Advance(124*time.Second + 700*time.Millisecond)
	for _, tt := range []struct {
		width, height int
		want          string
	}{
		{80, 24, `
Source     Source       Succeeded     2.5s
Verify     Lint         Succeeded     2.5s
Verify     Sec          Succeeded     2.5s
Verify     Synth        Succeeded     2.5s
Verify     Test         InProgress   2m04s
Staging    Deploy       -
Staging    Smoke        -
Staging    Drill        -
Approval   Plan         -
Approval   Readiness    -
Approval   Approve      -
Production Promote      -`},
		{36, 10, `
4 of 12 actions have ended
Test         InProgress   2m04s
Deploy       -
Smoke        -
Drill        -
Plan         -
Readiness    -
Approve      -
Promote      -`},
		{20, 4, `
4 of 12 actions have
Test         InProgr
Deploy       -`},
		{1, 1, "\n4\nT"},
	} {
		lines := v.table(tt.width, tt.height)
		for i, line := range lines {
			if len(line) > tt.width {
				t.Errorf("%q is wider than %d", line, tt.width)
			}
			lines[i] = strings.TrimRight(line, " ")
		}
		if got := "\n" + strings.Join(lines, "\n"); got != tt.want {
			t.Errorf("%d columns and %d lines show%s\nwant%s", tt.width, tt.height, got, tt.want)
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
