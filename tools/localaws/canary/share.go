package canary

import "math"

// A Share is how many requests a version got that should get a part of them.
type Share struct {
	Requests int     // to both versions
	New      int     // to the new one
	Weight   float64 // the part that it should get
}

// ChiSquared returns Pearson's statistic of the share against its weight, which
// has one degree of freedom.
func (s Share) ChiSquared() float64 {
	if s.Requests == 0 {
		return 0
	}
	n, p := float64(s.Requests), s.Weight
	d := float64(s.New) - n*p
	return d * d / (n * p * (1 - p))
}

// P returns the probability of a share at least as far from its weight by
// chance alone.
func (s Share) P() float64 { return math.Erfc(math.Sqrt(s.ChiSquared() / 2)) }
