package evidence

// Smoke is what `mage smoke` observed of a deployed stage through its public URL.
type Smoke struct {
	Made
	Stage   string `json:"stage"`
	URL     string `json:"url"`
	Commit  string `json:"commit"`  // the commit that answered; "" if none did
	Package string `json:"package"` // SHA-256 of the release's deployment package
	// Result is TestsPassed or TestsFailed. Problem says why it is TestsFailed.
	Result  string       `json:"result"`
	Problem string       `json:"problem,omitempty"`
	Checks  []SmokeCheck `json:"checks"`
}

// PredicateType implements [Predicate].
func (Smoke) PredicateType() string { return Base + "smoke/v1" }

// A SmokeCheck is a request that was answered as required.
type SmokeCheck struct {
	Name         string  `json:"name"`
	Method       string  `json:"method"`
	Status       int     `json:"status"` // status of the HTTP response
	Milliseconds float64 `json:"milliseconds"`
}
