package isolation_test

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"slices"
	"testing"

	"github.com/magewright/magewright/tools/localaws/isolation"
)

// A fake takes threads nowhere, and gives programs a variable.
type fake struct {
	isolation.Isolation

	entered error
}

var errClosed = errors.New("nobody gets in")

func (f fake) Enter() error        { return f.entered }
func (fake) Prepare(cmd *exec.Cmd) { cmd.Env = append(cmd.Environ(), "PREPARED=yes") }
func (fake) Listen(_ context.Context, address string) (net.Listener, error) {
	return nil, errors.New("listening on " + address)
}

func TestSpawner(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		isolation isolation.Isolation
		want      string
		err       error
	}{
		"not isolated": {nil, "before 0", nil},
		"isolated":     {fake{}, "before 1", nil},
		"closed":       {fake{entered: errClosed}, "", errClosed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := isolation.NewSpawner(tt.isolation)
			defer s.Close()
			said := ""
			cmd := exec.CommandContext(t.Context(), "sh", "-c", `test -z "$PREPARED"`)
			err := s.Start(cmd, func() { said = "before" })
			if !errors.Is(err, tt.err) {
				t.Fatalf("starting gives %v, want %v", err, tt.err)
			}
			if err == nil {
				// The program says by its exit code whether it was prepared.
				_ = cmd.Wait()
				said += " " + string(rune('0'+cmd.ProcessState.ExitCode()))
			}
			if said != tt.want {
				t.Errorf("it was started as %q, want %q", said, tt.want)
			}
		})
	}
}

func TestListen(t *testing.T) {
	t.Parallel()
	l, err := isolation.Listen(t.Context(), nil, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := isolation.Listen(t.Context(), fake{}, "127.0.0.1:1"); err == nil || err.Error() != "listening on 127.0.0.1:1" {
		t.Errorf("the isolation was not asked: %v", err)
	}
	if slices.Contains(isolation.SharedOfHome, ".aws") || slices.Contains(isolation.SharedOfHome, ".ssh") {
		t.Error("keys are shared")
	}
}
