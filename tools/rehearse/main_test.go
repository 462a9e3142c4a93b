package rehearse

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/localaws"
	"github.com/magewright/magewright/tools/project/exit"
)

// TestValuesAreCheckedFirst holds that nothing is started for a value that can't be
// meant.
func TestValuesAreCheckedFirst(t *testing.T) {
	t.Parallel()
	for _, flag := range []string{"-speed=0", "-speed=-1", "-speed=NaN", "-builds=0", "-builds=-2", "-bsae=HEAD", "approve"} {
		if err := Main(t.Context(), []string{flag}); exit.Status(err) != exit.Usage || !strings.Contains(err.Error(), "next: go tool mage -h rehearse") {
			t.Errorf("%s: exit code %d, %v", flag, exit.Status(err), err)
		}
	}
}

// TestAStoppedRehearsalSaysWhatIsLeft holds that it is said in one line.
func TestAStoppedRehearsalSaysWhatIsLeft(t *testing.T) {
	t.Parallel()
	ended, end := context.WithCancelCause(t.Context())
	end(errors.New("interrupt signal received"))
	broken := errors.New("reading the pipeline: connection reset")
	for _, tt := range []struct {
		ctx  context.Context
		e    *endpoint
		code int
		says string
	}{
		{t.Context(), &endpoint{}, exit.Gate, broken.Error()},
		{ended, &endpoint{server: &localaws.Server{}}, exit.Interrupted, "stopped: interrupt signal received; the embedded AWS has ended, and what was deployed there is gone"},
		{ended, &endpoint{url: "http://127.0.0.1:4566"}, exit.Interrupted, "stopped: interrupt signal received; what was deployed at http://127.0.0.1:4566 is still there"},
	} {
		err := tt.e.ended(tt.ctx, broken)
		first, _, _ := strings.Cut(err.Error(), "\n")
		if exit.Status(err) != tt.code || first != tt.says {
			t.Errorf("exit code %d, %v", exit.Status(err), err)
		}
	}
}
