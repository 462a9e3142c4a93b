package cloudwatch

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestPercentilesOfFewValuesAreExact(t *testing.T) {
	t.Parallel()
	var d distribution
	for v := range 100 {
		d.add(float64(v+1), 1, freshValues)
	}
	for p, want := range map[float64]float64{0: 1, 50: 50, 90: 90, 99: 99, 99.9: 100, 100: 100} {
		if got := d.percentile(p); got != want {
			t.Errorf("p%v = %v, want %v", p, got, want)
		}
	}
}

// For any number of values, the distribution stays small and its percentiles
// stay close to the true ones.
func TestDistributionIsBoundedAndClose(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(0.5, 30_000), 1, 2000).Draw(t, "values")
		var d distribution
		for _, v := range values {
			d.add(v, 1, freshValues)
		}
		if len(d.values) > freshValues {
			t.Fatalf("%d values kept", len(d.values))
		}
		if !slices.IsSortedFunc(d.values, func(a, b weighted) int { return int(math.Copysign(1, a.value-b.value)) }) {
			t.Fatal("values out of order")
		}
		slices.Sort(values)
		for _, p := range []float64{50, 90, 99} {
			rank := max(int(math.Ceil(p/100*float64(len(values)))), 1)
			want, got := values[rank-1], d.percentile(p)
			if math.Abs(got-want) > 0.1*want {
				t.Fatalf("p%v = %v, true value %v, bins grow by %v", p, got, want, d.gamma)
			}
		}
	})
}

func TestSeriesStaysBounded(t *testing.T) {
	t.Parallel()
	var s series
	add := func(at int64, fine bool) {
		s.add(at, fine, &summary{count: 1, sum: 2, min: 2, max: 2, dist: distribution{values: []weighted{{2, 1}}}}, at)
	}
	const day = 24 * 3600
	for at := int64(0); at < 20*day; at += 60 {
		add(at, true)
	}
	if n := len(s.fine); n > int(fineRetention)/60*9/8+2 {
		t.Errorf("%d seconds kept", n)
	}
	if n := len(s.coarse); n > int(coarseRetention)/60*9/8+2 {
		t.Errorf("%d minutes kept", n)
	}
	var sum summary
	s.collect(19*day, 20*day, &sum, freshValues)
	if sum.count != 1440 || sum.sum != 2880 || sum.dist.percentile(50) != 2 {
		t.Errorf("the last day is %+v", sum)
	}
}
