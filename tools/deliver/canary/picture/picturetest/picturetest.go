// Package picturetest has a canary for tests that show one.
package picturetest

import (
	"time"

	"github.com/magewright/magewright/tools/deliver/canary"
	"github.com/magewright/magewright/tools/deliver/canary/picture"
)

// Failing returns the course of a canary that fails in its third minute.
func Failing() *picture.Record {
	start := time.Date(2026, 8, 8, 12, 0, 20, 0, time.UTC)
	minute := func(n, errors, invocations int, p90 float64) canary.Minute {
		return canary.Minute{Start: start.Truncate(time.Minute).Add(time.Duration(n) * time.Minute), Count: canary.Count{Invocations: invocations, Errors: errors}, P90: p90}
	}
	r := &picture.Record{
		Deployment: "d-EXAMPLE01", Status: "Stopped", Function: "service", Alias: "live", Old: "1", New: "2", Start: start, Length: 5 * time.Minute,
		Weights: []picture.Weight{{At: start, New: 0.1}, {At: start.Add(3 * time.Minute)}},
		Minutes: map[string][]canary.Minute{
			"1": {minute(0, 0, 180, 12), minute(1, 0, 180, 11), minute(2, 0, 180, 12)},
			"2": {minute(0, 0, 20, 90), minute(1, 0, 20, 12), minute(2, 2, 20, 13)},
		},
		Limits: canary.LimitsOf(0.05, 3000), Sent: 600, Failed: 2,
	}
	j := canary.Judge(canary.Sum(r.Minutes["2"]), canary.Sum(r.Minutes["1"]), r.Limits)
	r.Judgement = &j
	return r
}
