package traffic

import "math"

// A Share counts the requests that a version got, compared with its weight.
type Share struct {
	Requests int     // requests to both versions
	New      int     // requests to the new version
	Weight   float64 // the share that the new version should get
}

// ChiSquared returns Pearson's chi-squared statistic for the share and its
// weight, which has one degree of freedom.
func (s Share) ChiSquared() float64 {
	if s.Requests == 0 {
		return 0
	}
	n, p := float64(s.Requests), s.Weight
	d := float64(s.New) - n*p
	return d * d / (n * p * (1 - p))
}

// P returns the probability that chance alone causes a share at least as far
// from its weight.
func (s Share) P() float64 { return math.Erfc(math.Sqrt(s.ChiSquared() / 2)) }
