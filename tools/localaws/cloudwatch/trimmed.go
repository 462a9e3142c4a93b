package cloudwatch

import (
	"math"
	"strconv"
	"strings"
)

// A trimmed statistic uses the data between two bounds: trimmed mean (TM),
// count (TC), sum (TS), winsorized mean (WM) and percentile rank (PR). The
// winsorized mean moves values outside the bounds to the bounds instead of
// leaving them out. Bounds are percentages of the data, or values; a range of
// values excludes its lower bound and includes its upper one. See
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
	// This is the form tm90.
	if name[:2] == strings.ToLower(of) {
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

// parseBound reads a non-negative number without an exponent.
func parseBound(digits string) (float64, error) {
	if strings.ContainsAny(digits, "eEpPxX_+-nN") {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseFloat(digits, 64)
}

// take returns the statistic of a distribution that is not empty. It returns
// false if a mean has no data between the bounds.
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
		// A value at a percentage bound counts in part.
		case t.percent:
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
