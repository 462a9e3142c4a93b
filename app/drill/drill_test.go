package drill_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/magewright/magewright/app/drill"
)

func works(context.Context, events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error) {
	return events.LambdaFunctionURLResponse{StatusCode: http.StatusOK}, nil
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ fault, stage, says string }{
		{"errors:0.5", "production", `DRILL_FAULT=errors:0.5 is refused: STAGE is "production"`},
		{"crash", "", `is refused: STAGE is ""`},
		{"errors:0", "staging", "the share of errors must be above 0"},
		{"errors:1.1", "staging", "the share of errors must be above 0"},
		{"errors:NaN", "staging", "the share of errors must be above 0"},
		{"errors", "staging", "the share of errors must be above 0"},
		{"latency:soon", "staging", "must be a duration"},
		{"sulk", "staging", "there are errors:SHARE, latency:DURATION and crash"},
	} {
		if _, err := drill.Wrap(works, tt.fault, tt.stage, drill.System{}); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s in %q: %v, want %s", tt.fault, tt.stage, err, tt.says)
		}
	}
	for _, stage := range []string{"production", "staging", ""} {
		if h, err := drill.Wrap(works, "", stage, drill.System{}); err != nil || h == nil {
			t.Errorf("no fault in %q: %v", stage, err)
		}
	}
}

func TestErrorsComeEvenly(t *testing.T) {
	t.Parallel()
	for fault, want := range map[string]string{"errors:0.5": "x.x.x.x.", "errors:1": "xxxxxxxx", "errors:0.25": "x...x...", "errors:0.75": "xxx.xxx."} {
		h, err := drill.Wrap(works, fault, "staging", drill.System{})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for range len(want) {
			if _, err := h(t.Context(), events.LambdaFunctionURLRequest{}); err != nil {
				got += "x"
			} else {
				got += "."
			}
		}
		if got != want {
			t.Errorf("%s: %s, want %s", fault, got, want)
		}
	}
}

func TestLatencyAndCrash(t *testing.T) {
	t.Parallel()
	passed := make(chan time.Time, 1)
	var waited time.Duration
	h, err := drill.Wrap(works, "latency:4s", "staging", drill.System{After: func(d time.Duration) <-chan time.Time {
		waited = d
		return passed
	}})
	if err != nil {
		t.Fatal(err)
	}
	passed <- time.Time{}
	if answer, err := h(t.Context(), events.LambdaFunctionURLRequest{}); err != nil || answer.StatusCode != http.StatusOK || waited != 4*time.Second {
		t.Errorf("after %v: %+v, %v", waited, answer, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h(ended, events.LambdaFunctionURLRequest{}); err == nil {
		t.Error("an invocation whose time is over goes on")
	}
	code := 0
	h, err = drill.Wrap(works, "crash", "staging", drill.System{Exit: func(c int) { code = c }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h(t.Context(), events.LambdaFunctionURLRequest{}); err == nil || code != 1 {
		t.Errorf("crash: exit code %d, %v", code, err)
	}
}
