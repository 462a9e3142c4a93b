package canary_test

import (
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/magewright/magewright/tools/deliver/canary"
)

func count(errors, invocations int) canary.Count {
	return canary.Count{Invocations: invocations, Errors: errors}
}

func sample(errors, invocations int) canary.Sample {
	return canary.Sample{Count: count(errors, invocations), P90: 20}
}

// The numbers were worked out by hand.
func TestReferenceNumbers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		newVersion, oldVersion canary.Count
		p, precision           float64
		want                   canary.Verdict
	}{
		{count(2, 60), count(0, 540), 0.0098, 0.0001, canary.Fail},
		{count(1, 60), count(0, 540), 0.10, 0.001, canary.Inconclusive},
		{count(4, 60), count(5, 540), 0.008, 0.0005, canary.Fail},
		{count(0, 60), count(0, 540), 1, 0, canary.Pass},
		{count(0, 58), count(0, 540), 1, 0, canary.Inconclusive},
		{count(0, 60), count(30, 540), 1, 0, canary.Pass}, // the fix of a bad version
	} {
		if p := canary.Fisher(tt.newVersion, tt.oldVersion); math.Abs(p-tt.p) > tt.precision {
			t.Errorf("Fisher(%v, %v) = %v, want %v", tt.newVersion, tt.oldVersion, p, tt.p)
		}
		j := canary.Judge(canary.Sample{Count: tt.newVersion, P90: 20}, canary.Sample{Count: tt.oldVersion, P90: 20}, canary.LimitsOf(0.05, 3000))
		if j.Verdict != tt.want {
			t.Errorf("%v beside %v is %v, want %s", tt.newVersion, tt.oldVersion, j, tt.want)
		}
	}
	for n, rate := range map[int]float64{59: 0.05, 149: 0.02, 299: 0.01} {
		if missed := canary.Missed(count(0, n)); missed > rate {
			t.Errorf("no error in %d excludes %v, want %v", n, missed, rate)
		}
		if missed := canary.Missed(count(0, n-1)); missed <= rate {
			t.Errorf("no error in %d excludes %v already", n-1, rate)
		}
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	slow := func(errors, invocations int, p90, warm float64) canary.Sample {
		s := sample(errors, invocations)
		s.P90, s.Warm = p90, warm
		return s
	}
	http := func(s canary.Sample, errors, requests int) canary.Sample {
		s.HTTP = count(errors, requests)
		return s
	}
	ours := func(s canary.Sample, errors, requests int) canary.Sample {
		s.Ours = count(errors, requests)
		return s
	}
	for _, tt := range []struct {
		name                   string
		newVersion, oldVersion canary.Sample
		want                   canary.Verdict
		says                   string
	}{
		{"a third is answered with HTTP 5xx", http(sample(0, 60), 20, 60), http(sample(0, 540), 0, 540), canary.Fail, "20/60 requests were answered with HTTP 5xx, compared with 0/540 of the old version"},
		{"both answer a third with HTTP 5xx", http(sample(0, 60), 20, 60), http(sample(0, 540), 180, 540), canary.Fail, "20/60 requests were answered with HTTP 5xx: more than 5.0 %"},
		{"no request is answered with HTTP 5xx", http(sample(0, 60), 0, 60), http(sample(0, 540), 0, 540), canary.Pass, "0/60 failed, 0/60 HTTP 5xx, p90 20 ms"},
		{"the fix of a version that answered HTTP 5xx", http(sample(0, 60), 0, 60), http(sample(0, 540), 180, 540), canary.Pass, "0/60 HTTP 5xx"},
		{"one HTTP 5xx in few requests", http(sample(0, 60), 1, 60), http(sample(0, 540), 0, 540), canary.Inconclusive, "their rate could still be above 5.0 %"},
		{"mostly events, and few requests", http(sample(0, 600), 0, 6), http(sample(0, 5400), 0, 54), canary.Pass, "up to 39.3 %"},
		{"requests that came by halves", http(sample(0, 60), 9, 8), http(sample(0, 540), 0, 540), canary.Inconclusive, "more errors than invocations"},
		{"invocations fail, which is answered with HTTP 5xx", ours(http(sample(13, 73), 13, 73), 13, 930), ours(http(sample(0, 859), 0, 859), 0, 300), canary.Fail, "FAIL: 13/73 invocations failed, compared with 0/859 of the old version: p = 1.5e-15; 13/73 failed: more than 5.0 %"},
		{"our requests fail", ours(sample(0, 90), 31, 937), ours(sample(0, 840), 0, 300), canary.Fail, "31/937 of our requests failed, compared with 0/300 before the shift"},
		{"our requests failed before, too", ours(sample(0, 90), 31, 937), ours(sample(0, 840), 10, 300), canary.Pass, "0/90 failed"},
		{"nothing was sent before", ours(sample(0, 90), 31, 937), sample(0, 840), canary.Pass, "0/90 failed"},
		{"nothing came", sample(0, 0), sample(0, 0), canary.Inconclusive, "0 invocations"},
		{"the old version was not called", sample(0, 80), sample(0, 0), canary.Pass, "0/80 failed"},
		{"it fails with nothing to compare with", sample(9, 20), sample(0, 0), canary.Fail, "more than 5.0 %"},
		{"both fail alike, too much", sample(60, 300), sample(540, 2700), canary.Fail, "more than 5.0 %"},
		{"both fail alike, a little", sample(3, 300), sample(27, 2700), canary.Pass, "3/300"},
		{"one error in a larger sample", sample(1, 180), sample(0, 1620), canary.Pass, "up to 2.6 %"},
		{"slower than the objective", slow(0, 80, 3500, 0), sample(0, 700), canary.Fail, "the limit is 3000 ms"},
		{"slower than the old version", slow(0, 80, 400, 350), slow(0, 700, 20, 20), canary.Fail, "warm p90 is 350 ms"},
		{"slower only while it starts", slow(0, 80, 400, 0), slow(0, 700, 20, 20), canary.Pass, "p90 400 ms"},
		{"twice as slow and still fast", slow(0, 80, 50, 50), slow(0, 700, 20, 20), canary.Pass, ""},
		{"a few slow ones", slow(0, 5, 9000, 0), sample(0, 45), canary.Inconclusive, "5 invocations"},
		{"no latency is known", slow(0, 80, 0, 0), sample(0, 700), canary.Inconclusive, "latency is not known"},
		{"metrics that came by halves", sample(3, 2), sample(0, 700), canary.Inconclusive, "more errors than invocations"},
	} {
		j := canary.Judge(tt.newVersion, tt.oldVersion, canary.LimitsOf(0.05, 3000))
		if whole := strings.HasPrefix(tt.says, "FAIL"); j.Verdict != tt.want || !strings.Contains(j.String(), tt.says) || whole && j.String() != tt.says {
			t.Errorf("%s: %v, want %s with %q", tt.name, j, tt.want, tt.says)
		}
	}
}

// bruteForce counts, over all ways to draw the new version's invocations from
// all, those with at least as many errors; in whole numbers.
func bruteForce(n, o canary.Count) *big.Rat {
	all, errors := int64(n.Invocations+o.Invocations), int64(n.Errors+o.Errors)
	choose := func(n, k int64) *big.Int { return new(big.Int).Binomial(n, k) }
	sum := new(big.Int)
	for k := int64(n.Errors); k <= errors && k <= int64(n.Invocations); k++ {
		if rest := int64(n.Invocations) - k; rest <= all-errors {
			sum.Add(sum, new(big.Int).Mul(choose(errors, k), choose(all-errors, rest)))
		}
	}
	return new(big.Rat).SetFrac(sum, choose(all, int64(n.Invocations)))
}

func drawCount(t *rapid.T, name string) canary.Count {
	n := rapid.IntRange(1, 60).Draw(t, name+" invocations")
	return count(rapid.IntRange(0, n).Draw(t, name+" errors"), n)
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

func TestFisherProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n, o := drawCount(t, "new"), drawCount(t, "old")
		p := canary.Fisher(n, o)
		if exact, _ := bruteForce(n, o).Float64(); !near(p, exact) {
			t.Fatalf("Fisher(%v, %v) = %v, counted %v", n, o, p, exact)
		}
		// The probabilities of all the ways in which the same errors can fall sum
		// to one: the tail from the least that can fall on the new version is all.
		least := max(0, n.Errors+o.Errors-o.Invocations)
		if sum := canary.Fisher(count(least, n.Invocations), count(n.Errors+o.Errors-least, o.Invocations)); !near(sum, 1) {
			t.Fatalf("the probabilities sum to %v", sum)
		}
		// Rows and columns of the table may change places.
		errors, successes := n.Errors+o.Errors, n.Invocations+o.Invocations-n.Errors-o.Errors
		if turned := canary.Fisher(count(n.Errors, errors), count(n.Invocations-n.Errors, successes)); errors > 0 && successes > 0 && !near(p, turned) {
			t.Fatalf("Fisher is %v, and %v with rows for columns", p, turned)
		}
		// What one tail leaves out, the other has; both hold what was seen.
		here, _ := new(big.Rat).Sub(bruteForce(n, o), after(n, o)).Float64()
		if both := p + canary.Fisher(o, n); !near(both, 1+here) {
			t.Fatalf("both tails are %v, want %v", both, 1+here)
		}
		if n.Errors < n.Invocations {
			if worse := canary.Fisher(count(n.Errors+1, n.Invocations), o); worse > p+1e-9 {
				t.Fatalf("one error more makes p %v of %v", worse, p)
			}
		}
	})
}

// after is the tail beyond what was seen.
func after(n, o canary.Count) *big.Rat {
	if o.Errors == 0 || n.Errors == n.Invocations {
		return new(big.Rat)
	}
	return bruteForce(count(n.Errors+1, n.Invocations), count(o.Errors-1, o.Invocations))
}

var rank = map[canary.Verdict]int{canary.Fail: 0, canary.Inconclusive: 1, canary.Pass: 2}

func TestMoreErrorsNeverMakeAVersionBetter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n, o := sample(0, rapid.IntRange(1, 80).Draw(t, "new")), sample(0, rapid.IntRange(0, 700).Draw(t, "old"))
		o.Errors = rapid.IntRange(0, o.Invocations).Draw(t, "errors of old")
		before := canary.Judge(n, o, canary.LimitsOf(0.05, 3000))
		for n.Errors < n.Invocations {
			n.Errors++
			j := canary.Judge(n, o, canary.LimitsOf(0.05, 3000))
			if rank[j.Verdict] > rank[before.Verdict] || j.Missed < before.Missed {
				t.Fatalf("%v, and with one error more %v", before, j)
			}
			before = j
		}
		if before.Verdict == canary.Pass {
			t.Fatalf("a version that always fails: %v", before)
		}
	})
}

func TestMissedIsWhatIsJustUnlikely(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := drawCount(t, "new")
		missed := canary.Missed(c)
		if c.Errors == c.Invocations {
			if missed != 1 {
				t.Fatalf("Missed(%v) = %v", c, missed)
			}
			return
		}
		// At that rate, so few errors come in one of twenty samples.
		more := 1 - canary.AtLeast(count(c.Errors+1, c.Invocations), missed)
		if !near(more, 0.05) {
			t.Fatalf("Missed(%v) = %v, at which so few errors have probability %v", c, missed, more)
		}
	})
}

// A day's traffic neither overflows nor takes long.
func TestLargeCounts(t *testing.T) {
	t.Parallel()
	if p := canary.Fisher(count(1000, 1_000_000), count(9000, 9_000_000)); p < 0.45 || p > 0.55 {
		t.Errorf("versions that are alike have p = %v", p)
	}
	if p := canary.Fisher(count(1200, 1_000_000), count(9000, 9_000_000)); p > 1e-8 {
		t.Errorf("a fifth more errors have p = %v", p)
	}
}

func TestSum(t *testing.T) {
	t.Parallel()
	requests := canary.Minute{Start: time.Unix(0, 0), HTTP: count(1, 4)}
	minute := func(i, errors, invocations int, p90 float64) canary.Minute {
		return canary.Minute{Start: time.Unix(int64(60*i), 0), Count: count(errors, invocations), P90: p90}
	}
	for _, tt := range []struct {
		name    string
		minutes []canary.Minute
		want    canary.Sample
	}{
		{name: "nothing"},
		{"requests", []canary.Minute{requests, requests}, canary.Sample{HTTP: count(2, 8)}},
		{"the first minute is apart", []canary.Minute{minute(0, 1, 10, 500), minute(1, 0, 30, 100)},
			canary.Sample{Count: count(1, 40), P90: 200, Warm: 100}},
		{"a quiet minute before it", []canary.Minute{minute(0, 0, 0, 0), minute(1, 0, 10, 500), minute(2, 0, 10, 100)},
			canary.Sample{Count: count(0, 20), P90: 300, Warm: 100}},
		{"too little after it", []canary.Minute{minute(0, 0, 10, 500), minute(1, 0, 5, 200)},
			canary.Sample{Count: count(0, 15), P90: 400}},
	} {
		if got := canary.Sum(tt.minutes); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}
