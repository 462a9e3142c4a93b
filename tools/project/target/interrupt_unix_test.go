//go:build unix

package target

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// TestCtrlC holds that the target hears Ctrl-C and Mage does not, and that the exit
// code says so.
func TestCtrlC(t *testing.T) {
	_ = inProject(t)
	for _, tt := range []struct {
		name string
		end  error
		want string
	}{
		{"an error of what was stopped", errors.New("running go vet: signal: killed"), "stopped: interrupt signal received"},
		{"what is left", exit.Failed("go tool mage drill", "staging serves version 3 as before"), "staging serves version 3 as before\n  next: go tool mage drill"},
	} {
		mage := make(chan os.Signal, 1)
		signal.Notify(mage, os.Interrupt)
		err := Run(t.Context(), func(ctx context.Context, _ project.Config) error {
			if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
				t.Error(err)
			}
			<-ctx.Done()
			return tt.end
		})
		if exit.Status(err) != exit.Interrupted || err.Error() != tt.want {
			t.Errorf("%s: exit code %d, %v", tt.name, exit.Status(err), err)
		}
		if len(mage) > 0 {
			t.Errorf("%s: Mage was interrupted as well", tt.name)
		}
		signal.Stop(mage)
	}
}
