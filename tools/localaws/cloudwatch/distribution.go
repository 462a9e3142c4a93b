package cloudwatch

import (
	"cmp"
	"math"
	"slices"
)

// Data older than a few hours keeps coarser distributions than recent data.
const (
	freshValues = 256 // distinct values kept in a bucket whose percentiles are still in demand
	oldValues   = 32  // distinct values kept after three hours
)

// A weighted value occurred count times.
type weighted struct{ value, count float64 }

// A distribution records how often each value occurred. It is exact while there
// are few values. When there are many, it uses logarithmic bins (initially 1 %
// wide), so that its size is bounded for any input.
type distribution struct {
	values []weighted // ascending
	gamma  float64    // growth factor of the bins; 0 while values are exact
}

func (d *distribution) add(value, count float64, limit int) {
	if d.gamma > 0 {
		value = binned(value, d.gamma)
	}
	i, found := slices.BinarySearchFunc(d.values, value, func(w weighted, v float64) int { return cmp.Compare(w.value, v) })
	if found {
		d.values[i].count += count
		return
	}
	d.values = slices.Insert(d.values, i, weighted{value, count})
	d.shrink(limit)
}

// shrink widens the bins until there are at most limit values. It goes down to
// half of limit, so that it is rarely needed.
func (d *distribution) shrink(limit int) {
	if len(d.values) <= limit {
		return
	}
	for len(d.values) > limit/2 {
		if d.gamma == 0 {
			d.gamma = 1.01
		} else {
			d.gamma *= d.gamma
		}
		for i, w := range d.values {
			d.values[i].value = binned(w.value, d.gamma)
		}
		d.values = merged(d.values)
	}
	d.values = slices.Clip(d.values)
}

// binned returns the value that represents v's bin.
func binned(v, gamma float64) float64 {
	if v == 0 {
		return 0
	}
	bin := math.Ceil(math.Log(math.Abs(v)) / math.Log(gamma))
	return math.Copysign(2*math.Pow(gamma, bin)/(gamma+1), v)
}

// merged joins equal neighbours of an ascending slice in place.
func merged(values []weighted) []weighted {
	out := values[:0]
	for _, w := range values {
		if n := len(out); n > 0 && out[n-1].value == w.value {
			out[n-1].count += w.count
			continue
		}
		out = append(out, w)
	}
	return out
}

// percentile returns the smallest value such that at least p percent of all
// values are at or below it (nearest rank). It is 0 for an empty distribution.
func (d *distribution) percentile(p float64) float64 {
	var total float64
	for _, w := range d.values {
		total += w.count
	}
	rank := total * p / 100
	var seen float64
	for _, w := range d.values {
		seen += w.count
		if seen >= rank-1e-9*total {
			return w.value
		}
	}
	return 0
}
