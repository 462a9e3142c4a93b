// Package canary judges a new version by what it did beside the old one, in
// the same minutes. It decides from numbers alone: it reads no metric and
// waits for nothing.
//
// With little traffic, tests on series of points (Mann-Whitney, as Kayenta
// has it) have too few points: errors and invocations are counts, and exact
// tests on counts hold for any number of them.
package canary

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// A Verdict is what a sample says of the new version.
type Verdict string

// The verdicts.
const (
	Pass         Verdict = "PASS"
	Fail         Verdict = "FAIL"
	Inconclusive Verdict = "INCONCLUSIVE" // the sample can't tell
)

// A Count is how often a version was invoked, and how often that failed.
type Count struct {
	Invocations int `json:"invocations"`
	Errors      int `json:"errors"`
}

// Rate returns the share of invocations that failed, 0 without any.
func (c Count) Rate() float64 {
	if c.Invocations == 0 {
		return 0
	}
	return float64(c.Errors) / float64(c.Invocations)
}

// A Sample is what a version did in the window of the comparison.
type Sample struct {
	Count
	// P90 is the duration that nine in ten invocations stayed below, in
	// milliseconds; 0 where it is not known. Lambda's Duration leaves out the
	// initialization of an environment.
	P90 float64 `json:"p90"`
	// Warm is P90 without the version's first minute, whose environments have
	// just started; 0 where too little came after it.
	Warm float64 `json:"warm"`
}

// Limits are what is asked of the new version.
type Limits struct {
	// MinInvocations of the new version, without which it never passes.
	MinInvocations int `json:"minInvocations"`
	// Significance below which a difference is no accident. It is looked at
	// again and again while traffic shifts, so it is stricter than the usual 0.05.
	Significance float64 `json:"significance"`
	// MaxErrorRate is the rate of errors that may not be exceeded, whatever the
	// old version does.
	MaxErrorRate float64 `json:"maxErrorRate"`
	// MaxP90 is the objective of latency, in milliseconds.
	MaxP90 float64 `json:"maxP90"`
	// Slower is how many times the old version's warm P90 the new one's may be,
	// where they also differ by SlowerBy milliseconds.
	Slower   float64 `json:"slower"`
	SlowerBy float64 `json:"slowerBy"`
}

// LimitsOf returns the limits for a rate of errors and a p90 in milliseconds that
// may not be exceeded. As many invocations without an error as are needed exclude
// that rate: 59 exclude 5 %.
func LimitsOf(maxErrorRate, maxP90 float64) Limits {
	return Limits{
		MinInvocations: int(math.Ceil(math.Log(unlikely) / math.Log1p(-maxErrorRate))), Significance: 0.01,
		MaxErrorRate: maxErrorRate, MaxP90: maxP90, Slower: 2, SlowerBy: 100,
	}
}

// A Judgement is a verdict and what it rests on.
type Judgement struct {
	Verdict Verdict  `json:"verdict"`
	Reasons []string `json:"reasons"`
	New     Sample   `json:"new"`
	Old     Sample   `json:"old"`
	// P is the p-value of Fisher's exact test: how likely a difference such as
	// this one is between two versions that are alike.
	P float64 `json:"p"`
	// Missed is the rate of errors that could have slipped through, at 95 %.
	Missed float64 `json:"missed"`
}

// Judge compares the new version with the old. One sign that it is bad fails
// it. It passes where it was invoked often enough to exclude a rate of errors
// above the limit; until then the sample is inconclusive.
func Judge(newVersion, oldVersion Sample, l Limits) Judgement {
	j := Judgement{New: newVersion, Old: oldVersion, P: 1, Missed: 1}
	if !newVersion.valid() || !oldVersion.valid() {
		// Metrics come one by one; the next look has them together.
		j.Verdict, j.Reasons = Inconclusive, []string{"more errors than invocations were counted"}
		return j
	}
	j.P, j.Missed = Fisher(newVersion.Count, oldVersion.Count), Missed(newVersion.Count)
	if j.Reasons = failures(j, l); j.Reasons != nil {
		j.Verdict = Fail
		return j
	}
	j.Verdict = Inconclusive
	switch {
	case newVersion.Invocations < l.MinInvocations:
		j.Reasons = []string{fmt.Sprintf("%d invocations of the new version are too few: %d are needed", newVersion.Invocations, l.MinInvocations)}
	case j.Missed > l.MaxErrorRate:
		j.Reasons = []string{fmt.Sprintf("%s failed: a rate of errors above %s is not excluded", newVersion.Count, percent(l.MaxErrorRate))}
	case newVersion.P90 == 0:
		j.Reasons = []string{"the new version's latency is not known"}
	default:
		j.Verdict = Pass
		j.Reasons = []string{fmt.Sprintf("%s failed, p90 %.0f ms", newVersion.Count, newVersion.P90)}
	}
	return j
}

// failures returns each sign that the new version is bad.
func failures(j Judgement, l Limits) []string {
	var reasons []string
	add := func(format string, args ...any) { reasons = append(reasons, fmt.Sprintf(format, args...)) }
	if j.P < l.Significance {
		add("%s failed, and %s of the old version: p = %.2g", j.New.Count, j.Old.Count, j.P)
	}
	if AtLeast(j.New.Count, l.MaxErrorRate) < l.Significance {
		add("%s failed: more than %s", j.New.Count, percent(l.MaxErrorRate))
	}
	if j.New.Invocations < l.MinInvocations {
		return reasons // a percentile of a few is none
	}
	if j.New.P90 > l.MaxP90 {
		add("p90 is %.0f ms: the objective is %.0f ms", j.New.P90, l.MaxP90)
	}
	if j.Old.Warm > 0 && j.New.Warm > l.Slower*j.Old.Warm && j.New.Warm-j.Old.Warm > l.SlowerBy {
		add("warm p90 is %.0f ms, and %.0f ms of the old version", j.New.Warm, j.Old.Warm)
	}
	return reasons
}

func (s Sample) valid() bool { return s.Errors >= 0 && s.Errors <= s.Invocations }

// String returns the count as a fraction: "2/60".
func (c Count) String() string { return fmt.Sprintf("%d/%d", c.Errors, c.Invocations) }

// String returns the judgement in a line, with what could have been missed.
func (j Judgement) String() string {
	s := fmt.Sprintf("%s: %s", j.Verdict, strings.Join(j.Reasons, "; "))
	if j.Verdict != Fail && j.New.Invocations > 0 {
		s += fmt.Sprintf("; a rate of errors up to %s could have been missed (95 %%)", percent(j.Missed))
	}
	return s
}

func percent(rate float64) string { return fmt.Sprintf("%.1f %%", 100*rate) }

// A Minute is what a version did in one minute.
type Minute struct {
	Start time.Time `json:"start"`
	Count
	P90 float64 `json:"p90"` // milliseconds, 0 where it is not known
}

// minWarm is how many invocations a percentile of warm minutes needs.
const minWarm = 10

// Sum returns the sample that minutes make, in the order of their time. A
// percentile of a whole can't be had from those of its parts; their mean, by
// invocations, stands for it.
func Sum(minutes []Minute) Sample {
	var s Sample
	var all, warm, allOf, warmOf float64
	first := true
	for _, m := range minutes {
		s.Invocations += m.Invocations
		s.Errors += m.Errors
		if m.P90 == 0 || m.Invocations == 0 {
			continue
		}
		n := float64(m.Invocations)
		all, allOf = all+n*m.P90, allOf+n
		if !first {
			warm, warmOf = warm+n*m.P90, warmOf+n
		}
		first = false
	}
	if allOf > 0 {
		s.P90 = all / allOf
	}
	if warmOf >= minWarm {
		s.Warm = warm / warmOf
	}
	return s
}
