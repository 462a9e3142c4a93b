package evidence

// Smoke is what `mage smoke` saw of a deployed stage, through its public URL.
type Smoke struct {
	Made
	Stage   string `json:"stage"`
	URL     string `json:"url"`
	Commit  string `json:"commit"`  // that answered, "" where none did
	Package string `json:"package"` // SHA-256 of the release's deployment package
	// Result is TestsPassed or TestsFailed, and Problem why it is the latter.
	Result  string       `json:"result"`
	Problem string       `json:"problem,omitempty"`
	Checks  []SmokeCheck `json:"checks"`
}

// PredicateType implements [Predicate].
func (Smoke) PredicateType() string { return Base + "smoke/v1" }

// A SmokeCheck is one request that was answered as it must be.
type SmokeCheck struct {
	Name         string  `json:"name"`
	Method       string  `json:"method"`
	Status       int     `json:"status"` // of the HTTP response
	Milliseconds float64 `json:"milliseconds"`
}
