// Package drill makes the function fail on purpose, so that a rollback can be
// tried. It does so in staging only: anywhere else a function that is told to
// fail refuses to start.
package drill

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// Variable is the environment variable that holds the fault:
//
//	errors:SHARE       that share of invocations fails, such as errors:0.5
//	latency:DURATION   each invocation takes so much longer, such as latency:4s
//	crash              the process exits at each invocation
const Variable = "DRILL_FAULT"

// Stage is the only one that may fail on purpose.
const Stage = "staging"

// A Handler is a Lambda handler for events of a function URL.
type Handler = func(context.Context, events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error)

// System is what a fault needs of the system.
type System struct {
	After func(time.Duration) <-chan time.Time
	Exit  func(code int)
}

// RealSystem is this process's own, with the clock's After.
func RealSystem(after func(time.Duration) <-chan time.Time) System {
	return System{After: after, Exit: os.Exit}
}

// errOnPurpose is how an invocation fails.
var errOnPurpose = errors.New("failed on purpose: " + Variable + " is set")

// Wrap returns a handler with the fault that Variable is set to, or h itself
// where it is not set. It refuses a fault in any stage but staging.
func Wrap(h Handler, fault, stage string, system System) (Handler, error) {
	if fault == "" {
		return h, nil
	}
	if stage != Stage {
		return nil, fmt.Errorf("%s=%s is refused: STAGE is %q, and only %s may fail on purpose", Variable, fault, stage, Stage)
	}
	kind, value, _ := strings.Cut(fault, ":")
	switch kind {
	case "errors":
		share, err := strconv.ParseFloat(value, 64)
		if err != nil || !(share > 0 && share <= 1) {
			return nil, fmt.Errorf("%s=%s: the share of errors must be above 0 and at most 1", Variable, fault)
		}
		return failing(h, share), nil
	case "latency":
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return nil, fmt.Errorf("%s=%s: the latency must be a duration above 0, such as 4s", Variable, fault)
		}
		return slow(h, d, system.After), nil
	case "crash":
		return func(context.Context, events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error) {
			system.Exit(1)
			return events.LambdaFunctionURLResponse{}, errOnPurpose
		}, nil
	}
	return nil, fmt.Errorf("%s=%s: there are errors:SHARE, latency:DURATION and crash", Variable, fault)
}

// failing fails a share of invocations, evenly: a drill has the same errors
// each time.
func failing(h Handler, share float64) Handler {
	var n atomic.Int64
	return func(ctx context.Context, event events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error) {
		i := float64(n.Add(1))
		if math.Ceil(i*share) > math.Ceil((i-1)*share) {
			return events.LambdaFunctionURLResponse{}, errOnPurpose
		}
		return h(ctx, event)
	}
}

func slow(h Handler, d time.Duration, after func(time.Duration) <-chan time.Time) Handler {
	return func(ctx context.Context, event events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error) {
		select {
		case <-after(d):
			return h(ctx, event)
		case <-ctx.Done():
			return events.LambdaFunctionURLResponse{}, ctx.Err()
		}
	}
}
