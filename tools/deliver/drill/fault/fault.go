// Package fault is the bootstrap of a function that fails on purpose. It starts the
// function's own bootstrap and stands between it and Lambda's Runtime API, so the function
// itself knows nothing about drills.
//
// A drill compiles it from source, for the platform of the function, in a module of its own.
// So it imports only the standard library.
package fault

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Names in a deployment package that got a fault. The package's bootstrap is then the program
// of this package.
const (
	// Original is the function's own bootstrap. It stays in its directory, where it finds the
	// files that came with it.
	Original = "bootstrap.drilled"
	// File has the fault in the form that [Parse] reads.
	File = "bootstrap.fault"
)

// A Fault says what a function does wrong.
type Fault struct {
	share   float64       // share of the invocations that fail without reaching the handler
	latency time.Duration // how long each invocation waits before the handler gets it
	crash   bool          // the process exits when an invocation arrives
}

// Parse reads a fault:
//
//	errors:SHARE       this share of invocations fails, such as errors:0.5
//	latency:DURATION   each invocation takes this much longer, such as latency:4s
//	crash              the process exits at each invocation
func Parse(text string) (Fault, error) {
	kind, value, given := strings.Cut(text, ":")
	switch {
	case kind == "errors":
		share, err := strconv.ParseFloat(value, 64)
		if err != nil || !(share > 0 && share <= 1) { // this also excludes NaN
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

// fails reports whether the n-th invocation of a process fails, counted from 1. In any run of
// invocations the number of failures matches the share, give or take one. The phase, from 0
// to below 1, says where in the run they are. With random phases, all processes together have
// the right share of failures, however few invocations each of them gets.
func (f Fault) fails(n int64, phase float64) bool {
	return math.Floor(float64(n)*f.share+phase) > math.Floor(float64(n-1)*f.share+phase)
}
