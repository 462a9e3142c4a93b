package promote

import (
	"bytes"
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

// screen is a terminal as far as a panel uses one: it moves up, clears, and
// leaves out colours.
func screen(written string) string {
	var lines []string
	line := ""
	for written != "" {
		switch {
		case strings.HasPrefix(written, "\x1b["):
			end := strings.IndexAny(written, "AJm")
			if n := written[2:end]; written[end] == 'A' {
				lines = lines[:len(lines)-int(n[0]-'0')]
			}
			written = written[end+1:]
		case written[0] == '\n':
			lines, line, written = append(lines, line), "", written[1:]
		default:
			line, written = line+written[:1], written[1:]
		}
	}
	return strings.Join(append(lines, line), "\n")
}

// What others write stays, and the newest chart is below it.
func TestPanel(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := &panel{w: &out, terminal: true, width: func() int { return 11 }}
	write := func(s string) {
		if n, err := p.Write([]byte(s)); n != len(s) || err != nil {
			t.Fatal(n, err)
		}
	}
	write("first\n")
	p.show([]string{"a chart that is too wide", "two"})
	write("second\nhal")
	p.show([]string{"\x1b[31mnewer and wider\x1b[0m"})
	write("f\n")
	if got, want := screen(out.String()), "first\nsecond\nhalf\nnewer and \n"; got != want {
		t.Errorf("the screen is %q, want %q", got, want)
	}
	p.show(nil)
	if got, want := screen(out.String()), "first\nsecond\nhalf\n"; got != want {
		t.Errorf("at the end the screen is %q, want %q", got, want)
	}
	var plain bytes.Buffer
	quiet := newPanel(&plain)
	quiet.show([]string{"chart"})
	if _, err := quiet.Write([]byte("line\n")); err != nil || plain.String() != "line\n" {
		t.Errorf("without a terminal it is %q, %v", plain.String(), err)
	}
}
