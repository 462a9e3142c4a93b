package bench

import (
	"testing"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/testinput"
)

// A few invocations show that the measurement measures what it says.
func TestInvokes(t *testing.T) {
	t.Parallel()
	testinput.Read(t, "tools/localaws/traffic/function", "go.mod", "go.sum")
	b, _ := newBench(t)
	b.clock, b.invocations = clock.System(), 40
	if err := b.invokes(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows := map[string]Row{}
	for _, row := range b.report.Rows {
		rows[row.Name] = row
	}
	for name, unit := range map[string]string{
		"Runtime API alone": "/s", "Runtime API alone, p99": "ms",
		"trivial lambda Invoke": "/s", "trivial lambda Invoke, p50": "ms", "trivial lambda Invoke, p99": "ms", "live memory after them": "MiB",
		"trivial lambda Invoke, by the Go SDK": "/s", "trivial lambda Invoke, by the Go SDK, p99": "ms",
		"messages from SQS to lambda, one in each invocation": "/s", "messages from SQS to lambda, ten in each invocation": "/s",
	} {
		if row := rows[name]; row.Unit != unit || row.Value <= 0 {
			t.Errorf("%s: %+v", name, row)
		}
	}
}
