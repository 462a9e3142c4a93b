package promote

import (
	"strings"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/deliver/canary"
	"github.com/magewright/magewright/tools/deliver/canary/picture"
)

// course of a canary that fails in its third minute.
func failing() *picture.Record {
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

func TestChart(t *testing.T) {
	t.Parallel()
	want := []string{
		"canary d-EXAMPLE01  version 2 over 1, Stopped  weight ▂▁ 0 %",
		"  version 1        0/540 failed   0.0 %  p90    12 ms  ▁▁▁",
		"  version 2         2/60 failed   3.3 %  p90    38 ms  ▁▁█",
		"  FAIL: 2/60 failed, and 0/540 of the old version: p = 0.0098",
	}
	plain, coloured := chart(failing(), false), chart(failing(), true)
	if got, want := strings.Join(plain, "\n"), strings.Join(want, "\n"); got != want {
		t.Errorf("the chart is\n%s\nwant\n%s", got, want)
	}
	if got, want := coloured[3], "  \x1b[31m"+strings.TrimSpace(want[3])+"\x1b[0m"; got != want {
		t.Errorf("in colour it is %q, want %q", got, want)
	}
}
