package canary

import "math"

// Fisher returns the one-sided p-value of Fisher's exact test: the probability that at least
// this many of all errors would fall on the new version if both versions were alike. It is 1
// if one of the versions was not invoked. There must not be more errors than invocations.
// Source: R. A. Fisher, Statistical Methods for Research Workers, § 21.02.
func Fisher(newVersion, oldVersion Count) float64 {
	all, drawn := newVersion.Invocations+oldVersion.Invocations, newVersion.Invocations
	errors := newVersion.Errors + oldVersion.Errors
	if newVersion.Invocations == 0 || oldVersion.Invocations == 0 || newVersion.Errors == 0 {
		return 1
	}
	// The first term is computed with logarithms, because the factorials of a day's traffic
	// overflow. Each further term follows from the ratio to the one before it.
	k := newVersion.Errors
	term := math.Exp(choose(errors, k) + choose(all-errors, drawn-k) - choose(all, drawn))
	sum := 0.0
	for ; k <= min(errors, drawn); k++ {
		sum += term
		term *= float64(errors-k) * float64(drawn-k) / (float64(k+1) * float64(all-errors-drawn+k+1))
	}
	return min(sum, 1)
}

// AtLeast returns the probability of this many errors or more if the version's rate of errors
// were rate. It is the one-sided binomial test.
func AtLeast(c Count, rate float64) float64 { return 1 - atMost(c.Errors-1, c.Invocations, rate) }

// atMost returns the probability of at most k errors in n invocations.
func atMost(k, n int, rate float64) float64 {
	switch {
	case k < 0:
		return 0
	case k >= n || rate <= 0:
		return 1
	case rate >= 1:
		return 0
	}
	sum := 0.0
	for i := 0; i <= k; i++ {
		sum += math.Exp(choose(n, i) + float64(i)*math.Log(rate) + float64(n-i)*math.Log1p(-rate))
	}
	return min(sum, 1)
}

// unlikely is the probability below which a sample rules out a rate of errors.
const unlikely = 0.05

// Missed returns the highest rate of errors that the sample can't rule out with a confidence
// of 95 %. Without an error it is 1 - 0.05^(1/n). With errors it is the upper bound of
// Clopper and Pearson (Biometrika 26, 1934). It is 1 if nothing was invoked.
func Missed(c Count) float64 {
	switch {
	case c.Invocations == 0 || c.Errors >= c.Invocations:
		return 1
	case c.Errors == 0:
		return 1 - math.Pow(unlikely, 1/float64(c.Invocations))
	}
	low, high := c.Rate(), 1.0
	for range 50 { // halvings: exact to 1e-15
		middle := (low + high) / 2
		if atMost(c.Errors, c.Invocations, middle) > unlikely {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}

// choose returns the logarithm of the binomial coefficient.
func choose(n, k int) float64 { return factorial(n) - factorial(k) - factorial(n-k) }

// factorial returns the logarithm of n!.
func factorial(n int) float64 {
	v, _ := math.Lgamma(float64(n) + 1)
	return v
}
