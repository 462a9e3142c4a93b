package probe_test

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/magewright/magewright/tools/deliver/probe"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/project/stack"
)

// TestOf holds which steps reach a function of a stage that delivers several.
func TestOf(t *testing.T) {
	t.Parallel()
	steps, err := probe.Parse([]byte("- {name: a, method: GET, path: a, status: 200}\n- {name: b, invoke: {}, probe: true}\n- {name: c, invoke: {}, function: Api/Worker, probe: true}\n- {name: d, message: {queue: q, body: x}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	web, worker := stack.Outputs{LogicalID: "Web11AA22BB", FunctionName: "shop-Web-1", FunctionURL: "https://x/"}, stack.Outputs{LogicalID: "ApiWorker5E7490E8", FunctionName: "shop-Worker-1"}
	for _, tt := range []struct {
		of   stack.Outputs
		main bool
		want string
	}{
		{web, true, "a b"},
		{web, false, "a"},
		{worker, true, "b c"},
		{worker, false, "c"},
	} {
		var names []string
		for _, s := range steps.Of(tt.of, tt.main) {
			names = append(names, s.Name)
		}
		if got := strings.Join(names, " "); got != tt.want {
			t.Errorf("%s, %v: %q, want %q", tt.of.LogicalID, tt.main, got, tt.want)
		}
	}
	for name, want := range map[string]bool{"ApiWorker": true, "Api/Worker": true, "ApiWorker5E7490E8": true, "shop-Worker-1": true, "Worker": false, "": false, "Api": false} {
		if worker.Is(name) != want {
			t.Errorf("that it is %q is %v", name, !want)
		}
	}
}

// TestUnknownFunction holds that a step for a function that is not there says which are.
func TestUnknownFunction(t *testing.T) {
	t.Parallel()
	invoke := probe.Function(aws.Config{}, stack.Outputs{LogicalID: "Web"}, stack.Outputs{LogicalID: "Worker"})
	if _, _, err := invoke(t.Context(), "Wroker", nil); err == nil || err.Error() != `the stage delivers no function "Wroker": it delivers Web, Worker` {
		t.Errorf("error is %v", err)
	}
}

// TestTrafficOfNoProbes holds that a function that no step reaches is sent nothing, and that
// nobody waits for it.
func TestTrafficOfNoProbes(t *testing.T) {
	t.Parallel()
	traffic := &probe.Traffic{Clock: clock.System()}
	traffic.Want(10)
	traffic.Run(context.WithoutCancel(t.Context()))
	if traffic.Sent() != 0 || !traffic.Satisfied() {
		t.Errorf("%s, satisfied: %v", traffic, traffic.Satisfied())
	}
}
