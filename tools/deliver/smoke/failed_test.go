package smoke

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/deliver/probe"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/stack"
)

// A step that expects another status may be wrong itself, where init has written it.
func TestFailed(t *testing.T) {
	t.Parallel()
	adopted := project.Config{Dir: t.TempDir()}
	if err := os.Mkdir(filepath.Join(adopted.Dir, project.Pin), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(adopted.Dir, project.Pin, "go.mod"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const logs = "next: aws logs tail --since 10m of the function's log group, then go tool mage smoke -stage=beta"
	status := fmt.Errorf("it answers: %w", &probe.StatusError{Subject: "GET /", Status: 404, Want: 200})
	for _, tt := range []struct {
		cfg  project.Config
		err  error
		says []string
	}{
		{adopted, status, []string{"beta at https://x/: it answers: GET / answered 404, want 200\n", "next: write into magewright/probes.yml what the stage must answer; if it is right there, aws logs tail"}},
		{adopted, errors.New("no such host"), []string{"no such host", logs}},
		{project.Config{Dir: t.TempDir()}, status, []string{logs}},
	} {
		err := failed(tt.cfg, "beta", stack.Outputs{FunctionURL: "https://x/"}, tt.err)
		for _, want := range tt.says {
			if err == nil || exit.Status(err) != exit.Gate || !strings.Contains(err.Error(), want) {
				t.Errorf("%v: %v, want %q", tt.err, err, want)
			}
		}
	}
	if err := failed(adopted, "beta", stack.Outputs{}, nil); err != nil {
		t.Error(err)
	}
}
