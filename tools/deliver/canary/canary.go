// Package canary judges a new version by comparing what it did with what the old version did
// in the same minutes. It decides from numbers alone: it reads no metric and waits for
// nothing.
//
// Tests on series of points, such as Mann-Whitney in Kayenta, have too few points if there is
// little traffic. Errors and invocations are counts, and exact tests on counts are valid for
// any number of them.
package canary

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// A Verdict says what a sample shows about the new version.
type Verdict string

// The possible verdicts.
const (
	Pass         Verdict = "PASS"
	Fail         Verdict = "FAIL"
	Inconclusive Verdict = "INCONCLUSIVE" // the sample is too small to decide
)

// A Count says how often a version was invoked, and how many of these invocations failed.
type Count struct {
	Invocations int `json:"invocations"`
	Errors      int `json:"errors"`
}

// Rate returns the share of invocations that failed. It is 0 if there were none.
func (c Count) Rate() float64 {
	if c.Invocations == 0 {
		return 0
	}
	return float64(c.Errors) / float64(c.Invocations)
}

// A Sample is what a version did in the window of the comparison.
type Sample struct {
	Count
	// HTTP counts the requests to the function's URL, and how many of them were answered with
	// HTTP 5xx. A function that handles its own failures answers like that, and its invocation
	// does not fail.
	HTTP Count `json:"http"`
	// Ours counts the requests that promote itself sent, and how many of them did not get the
	// expected status. AWS does not say which version answered them, so Ours of the new
	// version is what was sent while both versions shared the traffic, and Ours of the old
	// one what was sent before. Sum does not know it.
	Ours Count `json:"ours"`
	// P90 is the duration in milliseconds that nine in ten invocations did not exceed; 0 if
	// it is not known. Lambda's Duration leaves out the initialization of an environment.
	P90 float64 `json:"p90"`
	// Warm is P90 without the version's first minute, in which its environments have just
	// started. It is 0 if too little came after that minute.
	Warm float64 `json:"warm"`
}

// Limits are the requirements for the new version.
type Limits struct {
	// MinInvocations is how many invocations the new version needs to pass.
	MinInvocations int `json:"minInvocations"`
	// Significance is the p-value below which a difference counts as real. The sample is
	// looked at again and again while traffic shifts, so it is stricter than the usual 0.05.
	Significance float64 `json:"significance"`
	// MaxErrorRate is the highest rate of errors that is acceptable, whatever the old version
	// does.
	MaxErrorRate float64 `json:"maxErrorRate"`
	// MaxP90 is the highest acceptable P90, in milliseconds.
	MaxP90 float64 `json:"maxP90"`
	// The new version is too slow if its warm P90 is more than Slower times that of the old
	// version and also exceeds it by more than SlowerBy milliseconds.
	Slower   float64 `json:"slower"`
	SlowerBy float64 `json:"slowerBy"`
}

// LimitsOf returns the limits for the highest acceptable rate of errors and P90, which is in
// milliseconds. MinInvocations is the number of invocations that rule out a higher rate of
// errors if none of them fails: 59 for a rate of 5 %.
func LimitsOf(maxErrorRate, maxP90 float64) Limits {
	return Limits{
		MinInvocations: int(math.Ceil(math.Log(unlikely) / math.Log1p(-maxErrorRate))), Significance: 0.01,
		MaxErrorRate: maxErrorRate, MaxP90: maxP90, Slower: 2, SlowerBy: 100,
	}
}

// A Judgement is a verdict with the figures that it is based on.
type Judgement struct {
	Verdict Verdict  `json:"verdict"`
	Reasons []string `json:"reasons"`
	New     Sample   `json:"new"`
	Old     Sample   `json:"old"`
	// P is the p-value of Fisher's exact test: the probability of a difference like this one
	// between two versions that are alike. Invocations, HTTP answers and our own requests are
	// tested apart, and P is the smallest of their p-values.
	P float64 `json:"p"`
	// Missed is the highest rate of errors that the sample could still hide, at 95 %
	// confidence: of invocations or of HTTP answers, whichever is higher.
	Missed float64 `json:"missed"`
}

// A comparison is one kind of event that is compared.
type comparison struct {
	new, old Count
	// more is the complaint that the new version fails more often, and above that it fails
	// more often than the limit allows.
	more, above string
}

// comparisons returns what is compared of two versions.
func comparisons(newVersion, oldVersion Sample) []comparison {
	return []comparison{
		{newVersion.Count, oldVersion.Count, "%s invocations failed, compared with %s of the old version", "%s failed"},
		{newVersion.HTTP, oldVersion.HTTP, "%s requests were answered with HTTP 5xx, compared with %s of the old version", "%s requests were answered with HTTP 5xx"},
		// Most of these requests reach the old version, so they have no limit of their own.
		{newVersion.Ours, oldVersion.Ours, "%s of our requests failed, compared with %s before the shift", ""},
	}
}

// Judge compares the new version with the old one. A single sign that the new version is bad
// makes it fail. It passes once it was invoked often enough to rule out a rate of errors
// above the limit. Until then the sample is inconclusive.
func Judge(newVersion, oldVersion Sample, l Limits) Judgement {
	j := Judgement{New: newVersion, Old: oldVersion, P: 1, Missed: 1}
	if !newVersion.valid() || !oldVersion.valid() {
		// Metrics arrive one after the other. The next look has them together.
		j.Verdict, j.Reasons = Inconclusive, []string{"more errors than invocations were counted"}
		return j
	}
	for _, c := range comparisons(newVersion, oldVersion) {
		j.P = min(j.P, Fisher(c.new, c.old))
	}
	j.Missed = Missed(newVersion.Count)
	if newVersion.HTTP.Invocations > 0 {
		j.Missed = max(j.Missed, Missed(newVersion.HTTP))
	}
	if j.Reasons = failures(j, l); j.Reasons != nil {
		j.Verdict = Fail
		return j
	}
	j.Verdict = Inconclusive
	switch {
	case newVersion.Invocations < l.MinInvocations:
		j.Reasons = []string{fmt.Sprintf("%d invocations of the new version are too few: it needs %d", newVersion.Invocations, l.MinInvocations)}
	case Missed(newVersion.Count) > l.MaxErrorRate:
		j.Reasons = []string{fmt.Sprintf("%s failed: the error rate could still be above %s", newVersion.Count, percent(l.MaxErrorRate))}
	// A function that mostly gets events may get few requests, which rule out nothing.
	case newVersion.HTTP.Errors > 0 && Missed(newVersion.HTTP) > l.MaxErrorRate:
		j.Reasons = []string{fmt.Sprintf("%s requests were answered with HTTP 5xx: their rate could still be above %s", newVersion.HTTP, percent(l.MaxErrorRate))}
	case newVersion.P90 == 0:
		j.Reasons = []string{"the new version's latency is not known"}
	default:
		j.Verdict = Pass
		j.Reasons = []string{fmt.Sprintf("%s, p90 %.0f ms", newVersion.Failures(), newVersion.P90)}
	}
	return j
}

// failures returns every sign that the new version is bad.
func failures(j Judgement, l Limits) []string {
	var reasons []string
	add := func(format string, args ...any) { reasons = append(reasons, fmt.Sprintf(format, args...)) }
	for _, c := range comparisons(j.New, j.Old) {
		if len(reasons) > 0 && c.new.Errors <= j.New.Errors {
			continue // an invocation that fails is answered with HTTP 502: that is said already
		}
		if p := Fisher(c.new, c.old); p < l.Significance {
			add(c.more+": p = %.2g", c.new, c.old, p)
		}
		if c.above != "" && AtLeast(c.new, l.MaxErrorRate) < l.Significance {
			add(c.above+": more than %s", c.new, percent(l.MaxErrorRate))
		}
	}
	if j.New.Invocations < l.MinInvocations {
		return reasons // With only a few invocations, a percentile means nothing.
	}
	if j.New.P90 > l.MaxP90 {
		add("p90 is %.0f ms: the limit is %.0f ms", j.New.P90, l.MaxP90)
	}
	if j.Old.Warm > 0 && j.New.Warm > l.Slower*j.Old.Warm && j.New.Warm-j.Old.Warm > l.SlowerBy {
		add("warm p90 is %.0f ms, compared with %.0f ms of the old version", j.New.Warm, j.Old.Warm)
	}
	return reasons
}

func (s Sample) valid() bool { return s.Count.valid() && s.HTTP.valid() && s.Ours.valid() }

func (c Count) valid() bool { return c.Errors >= 0 && c.Errors <= c.Invocations }

// Failures says how many invocations failed, and, if there were requests, how many were
// answered with HTTP 5xx: "2/60 failed, 3/60 HTTP 5xx".
func (s Sample) Failures() string {
	text := fmt.Sprintf("%s failed", s.Count)
	if s.HTTP.Invocations > 0 {
		text += fmt.Sprintf(", %s HTTP 5xx", s.HTTP)
	}
	return text
}

// String returns the count as a fraction: "2/60".
func (c Count) String() string { return fmt.Sprintf("%d/%d", c.Errors, c.Invocations) }

// String returns the judgement in one line, with the rate of errors that could still be
// hidden.
func (j Judgement) String() string {
	s := fmt.Sprintf("%s: %s", j.Verdict, strings.Join(j.Reasons, "; "))
	if j.Verdict != Fail && j.New.Invocations > 0 {
		s += fmt.Sprintf("; an error rate of up to %s could still be hidden (95 %% confidence)", percent(j.Missed))
	}
	return s
}

func percent(rate float64) string { return fmt.Sprintf("%.1f %%", 100*rate) }

// A Minute is what a version did in one minute.
type Minute struct {
	Start time.Time `json:"start"`
	Count
	HTTP Count   `json:"http"` // requests to its URL, and those that were answered with HTTP 5xx
	P90  float64 `json:"p90"`  // milliseconds; 0 if it is not known
}

// Worst returns the share of its invocations that failed, or that of its requests that were
// answered with HTTP 5xx if that is higher.
func (m Minute) Worst() float64 { return max(m.Rate(), m.HTTP.Rate()) }

// minWarm is how many invocations the percentile of the warm minutes needs.
const minWarm = 10

// Sum returns the sample that consecutive minutes make up. The percentile of the whole can't
// be computed from those of its parts, so it is estimated by their mean, weighted by
// invocations.
func Sum(minutes []Minute) Sample {
	var s Sample
	var all, warm, allOf, warmOf float64
	first := true
	for _, m := range minutes {
		s.Invocations += m.Invocations
		s.Errors += m.Errors
		s.HTTP.Invocations += m.HTTP.Invocations
		s.HTTP.Errors += m.HTTP.Errors
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
