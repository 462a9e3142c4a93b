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
	judge(r)
	return r
}

// Answering returns the same course of a version that answers with HTTP 5xx, and whose
// invocations do not fail.
func Answering() *picture.Record {
	r := Failing()
	for _, minutes := range r.Minutes {
		for i := range minutes {
			m := &minutes[i]
			m.HTTP, m.Errors = m.Count, 0
		}
	}
	judge(r)
	return r
}

func judge(r *picture.Record) {
	j := canary.Judge(canary.Sum(r.Minutes[r.New]), canary.Sum(r.Minutes[r.Old]), r.Limits)
	r.Judgement = &j
}
