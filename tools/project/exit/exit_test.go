package exit_test

import (
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
