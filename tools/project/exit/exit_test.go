package exit_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/magewright/magewright/tools/project/exit"
)

func TestStatus(t *testing.T) {
	t.Parallel()
	missing := exit.Missing("go tool mage synth", "there is no %s", "cdk.out")
	for _, tt := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("broken"), exit.Gate},
		{exit.Failed("", "a finding"), exit.Gate},
		{missing, exit.Environment},
		{fmt.Errorf("deploying: %w", missing), exit.Environment},
	} {
		if got := exit.Status(tt.err); got != tt.want {
			t.Errorf("Status(%v) = %d, want %d", tt.err, got, tt.want)
		}
	}
	if got, want := missing.Error(), "there is no cdk.out\n  next: go tool mage synth"; got != want {
		t.Errorf("the message is %q, want %q", got, want)
	}
}

// TestTop holds that mage, which asks only the outermost error, sees the code.
func TestTop(t *testing.T) {
	t.Parallel()
	wrapped := fmt.Errorf("deploying: %w", exit.Missing("", "no credentials"))
	top, ok := exit.Top(wrapped).(interface{ ExitStatus() int })
	if !ok || top.ExitStatus() != exit.Environment {
		t.Errorf("mage sees %v", exit.Top(wrapped))
	}
	if exit.Top(wrapped).Error() != wrapped.Error() {
		t.Errorf("the message became %q", exit.Top(wrapped))
	}
	if plain := errors.New("broken"); !errors.Is(exit.Top(plain), plain) || exit.Top(nil) != nil {
		t.Error("an error without a code was changed")
	}
}

// TestTheInnermostNextIsTheOnlyOne holds that an error names one next command: that of
// whoever knew the situation best.
func TestTheInnermostNextIsTheOnlyOne(t *testing.T) {
	t.Parallel()
	err := exit.Failed("aws get-pipeline", "reading the pipeline: %w", fmt.Errorf("GetPipeline: %w", exit.Missing("go tool mage local", "nothing answers")))
	if got, want := err.Error(), "reading the pipeline: GetPipeline: nothing answers\n  next: go tool mage local"; got != want {
		t.Errorf("the message is %q, want %q", got, want)
	}
	err = exit.Failed("aws get-pipeline", "reading the pipeline: %w", exit.Missing("", "nothing answers"))
	if got, want := err.Error(), "reading the pipeline: nothing answers\n  next: aws get-pipeline"; got != want {
		t.Errorf("the message is %q, want %q", got, want)
	}
	if exit.Status(err) != exit.Gate {
		t.Errorf("the exit code is %d", exit.Status(err))
	}
	if err := exit.Misused("local", "-port=%d", 99999); exit.Status(err) != exit.Usage || err.Error() != "-port=99999\n  next: go tool mage -h local" {
		t.Errorf("%d, %v", exit.Status(err), err)
	}
}

func TestStopped(t *testing.T) {
	t.Parallel()
	interrupt := errors.New("interrupt signal received")
	ended, end := context.WithCancelCause(t.Context())
	end(interrupt)
	for _, tt := range []struct {
		ctx  context.Context
		err  error
		code int
		says string
	}{
		{t.Context(), errors.New("broken"), exit.Gate, "broken"},
		{ended, nil, 0, ""},
		{ended, errors.New("running go vet: signal: killed"), exit.Interrupted, "stopped: interrupt signal received"},
		{ended, fmt.Errorf("drill: %w", exit.Failed("go tool mage drill", "staging serves 3 as before")), exit.Interrupted, "drill: staging serves 3 as before\n  next: go tool mage drill"},
	} {
		err := exit.Stopped(tt.ctx, tt.err)
		if exit.Status(err) != tt.code || err != nil && err.Error() != tt.says {
			t.Errorf("%v becomes exit code %d, %v", tt.err, exit.Status(err), err)
		}
	}
}
