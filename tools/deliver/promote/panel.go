package promote

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/magewright/magewright/tools/deliver/canary"
	"github.com/magewright/magewright/tools/deliver/canary/picture"
)

// The colours of verdicts: green, red and yellow. See ECMA-48, SGR.
var colours = map[canary.Verdict]string{canary.Pass: "32", canary.Fail: "31", canary.Inconclusive: "33"}

// chart returns a chart of a record, with bars for the weights and the error rates.
func chart(r *picture.Record, colour bool) []string {
	var shares []float64
	for _, w := range r.Weights {
		shares = append(shares, w.New)
	}
	lines := []string{fmt.Sprintf("canary %s  version %s over %s, %s  weight %s %.0f %%", r.Deployment, r.New, r.Old, r.Status, bars(shares, 1), 100*r.Share())}
	for _, version := range []string{r.Old, r.New} {
		s := canary.Sum(r.Minutes[version])
		top, rates := 2*r.Limits.MaxErrorRate, []float64{}
		for _, m := range r.Minutes[version] {
			rates = append(rates, m.Worst())
		}
		line := fmt.Sprintf("  version %-4s %9s failed %5.1f %%  p90 %5.0f ms  %s", version, s.Count, 100*s.Rate(), s.P90, bars(rates, top))
		if s.HTTP.Invocations > 0 {
			line += fmt.Sprintf("  HTTP 5xx %s", s.HTTP)
		}
		lines = append(lines, line)
	}
	if r.Judgement == nil {
		return lines
	}
	verdict := r.Judgement.String()
	if colour {
		verdict = "\x1b[" + colours[r.Judgement.Verdict] + "m" + verdict + "\x1b[0m"
	}
	return append(lines, "  "+verdict)
}

// bars draws values between 0 and top, with one character for each.
func bars(values []float64, top float64) string {
	const levels = "▁▂▃▄▅▆▇█"
	n := utf8.RuneCountInString(levels)
	var b strings.Builder
	for _, v := range values {
		i := 0
		if top > 0 && v > 0 {
			i = min(int(v/top*float64(n-1)+0.999), n-1) // a value above 0 is always visible
		}
		b.WriteRune([]rune(levels)[i])
	}
	return b.String()
}
