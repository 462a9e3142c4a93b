package cloudwatch

import (
	"math"
	"strconv"
	"strings"
)

// A trimmed statistic looks at the data between two bounds: trimmed mean (TM),
// count (TC) and sum (TS), winsorized mean (WM), which moves what is outside to
// the bounds instead of leaving it out, and percentile rank (PR). Bounds are
// percentages of the data or values; a value bound excludes its lower end and
// includes its upper one. See
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html.
type trimmed struct {
	of        string // TM, TC, TS, WM or PR
	percent   bool
	low, high float64
}

// parseTrimmed reads tm90, TM(10%:90%), TM(150:1000), PR(:300), IQM and the like.
func parseTrimmed(name string) (*trimmed, bool) {
	if name == "IQM" {
		return &trimmed{of: "TM", percent: true, low: 25, high: 75}, true
	}
	if len(name) < 3 {
		return nil, false
	}
	of := strings.ToUpper(name[:2])
	if of != "TM" && of != "TC" && of != "TS" && of != "WM" && of != "PR" {
		return nil, false
	}
	if name[:2] == strings.ToLower(of) { // tm90
		high, err := parseBound(name[2:])
		return &trimmed{of: of, percent: true, high: high}, err == nil && high <= 100 && of != "PR"
	}
	bounds, ok := strings.CutPrefix(name, of+"(")
	if bounds, closed := strings.CutSuffix(bounds, ")"); ok && closed {
		low, high, two := strings.Cut(bounds, ":")
		if !two || low == "" && high == "" {
			return nil, false
		}
		return parseBounds(of, low, high)
	}
	return nil, false
}

func parseBounds(of, low, high string) (*trimmed, bool) {
	t := &trimmed{of: of, percent: strings.HasSuffix(low+high, "%"), low: math.Inf(-1), high: math.Inf(1)}
	if t.percent {
		t.low, t.high = 0, 100
	}
	for text, to := range map[*string]*float64{&low: &t.low, &high: &t.high} {
		if *text == "" {
			continue
		}
		digits, percent := strings.CutSuffix(*text, "%")
		bound, err := parseBound(digits)
		if err != nil || percent != t.percent || percent && bound > 100 {
			return nil, false
		}
		*to = bound
	}
	return t, t.low < t.high && (!t.percent || of != "PR")
}

// parseBound reads a number that is not negative, without an exponent.
func parseBound(digits string) (float64, error) {
	if strings.ContainsAny(digits, "eEpPxX_+-nN") {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseFloat(digits, 64)
}

// take returns the statistic of a distribution that is not empty, and false
// where nothing lies between the bounds to take a mean of.
func (t *trimmed) take(d *distribution) (float64, bool) {
	var total float64
	for _, w := range d.values {
		total += w.count
	}
	if t.of == "WM" {
		low, high := t.low, t.high
		if t.percent {
			low, high = d.percentile(t.low), d.percentile(t.high)
		}
		var sum float64
		for _, w := range d.values {
			sum += w.count * min(max(w.value, low), high)
		}
		return sum / total, true
	}
	var seen, count, sum float64
	for _, w := range d.values {
		part := 0.0
		switch {
		case t.percent: // of a value at the bound, a part
			part = max(0, min(seen+w.count, total*t.high/100)-max(seen, total*t.low/100))
		case w.value > t.low && w.value <= t.high:
			part = w.count
		}
		seen += w.count
		count += part
		sum += part * w.value
	}
	switch t.of {
	case "TC":
		return count, true
	case "TS":
		return sum, true
	case "PR":
		return 100 * count / total, true
	default:
		return sum / count, count > 0
	}
}
