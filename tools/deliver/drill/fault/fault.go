// Package fault is the bootstrap of a function that fails on purpose. It starts
// the function's own bootstrap and stands between it and Lambda's Runtime API,
// so that the function itself knows nothing of drills.
//
// A drill compiles it from its source, for the platform of the function that it
// drills, in a module of its own. So it imports the standard library only.
package fault

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Names in a deployment package that has been given a fault. Its bootstrap is
// this package's.
const (
	// Original is the function's own bootstrap. It stays in its directory, where
	// it finds the files that it came with.
	Original = "bootstrap.drilled"
	// File holds the fault, as [Parse] reads it.
	File = "bootstrap.fault"
)

// A Fault is what a function does wrong.
type Fault struct {
	share   float64       // of the invocations that fail, without the handler
	latency time.Duration // before the handler gets an invocation
	crash   bool          // the process exits at an invocation
}

// Parse reads a fault:
//
//	errors:SHARE       that share of invocations fails, such as errors:0.5
//	latency:DURATION   each invocation takes so much longer, such as latency:4s
//	crash              the process exits at each invocation
func Parse(text string) (Fault, error) {
	kind, value, given := strings.Cut(text, ":")
	switch {
	case kind == "errors":
		share, err := strconv.ParseFloat(value, 64)
		if err != nil || !(share > 0 && share <= 1) { // nor NaN
			return Fault{}, fmt.Errorf("%s: the share of errors must be above 0 and at most 1", text)
		}
		return Fault{share: share}, nil
	case kind == "latency":
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return Fault{}, fmt.Errorf("%s: the latency must be a duration above 0, such as 4s", text)
		}
		return Fault{latency: d}, nil
	case kind == "crash" && !given:
		return Fault{crash: true}, nil
	}
	return Fault{}, fmt.Errorf("%q: there are errors:SHARE, latency:DURATION and crash", text)
}

// fails reports whether the n-th invocation of a process fails, counted from 1.
// Of any invocations in a row as many fail as the share says, up to one. Where
// within them is said by the phase, from 0 to below 1: processes with random
// phases have the share together, however few invocations each of them gets.
func (f Fault) fails(n int64, phase float64) bool {
	return math.Floor(float64(n)*f.share+phase) > math.Floor(float64(n-1)*f.share+phase)
}
