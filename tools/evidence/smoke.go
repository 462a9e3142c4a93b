package evidence

// Smoke is what `mage smoke` observed of a deployed stage.
type Smoke struct {
	Made
	Stage string `json:"stage"`
	URL   string `json:"url,omitempty"` // "" if the function has none
	// Version got all traffic and was made from Package, and therefore from Commit.
	// Both are "" if another package served.
	Version string `json:"version,omitempty"`
	Commit  string `json:"commit"`
	Package string `json:"package"` // SHA-256 of the release's deployment package
	// Result is TestsPassed or TestsFailed. Problem says why it is TestsFailed.
	Result  string       `json:"result"`
	Problem string       `json:"problem,omitempty"`
	Checks  []SmokeCheck `json:"checks"`
}

// PredicateType implements [Predicate].
func (Smoke) PredicateType() string { return Base + "smoke/v1" }

// StageSmoke is the same for a stage that is not the first. The smoke test of the first stage
// decides about a release, and so do those of all other stages that it has passed.
type StageSmoke struct{ Smoke }

// PredicateType implements [Predicate].
func (StageSmoke) PredicateType() string { return Base + "stage-smoke/v1" }

// A SmokeCheck is a request, or an invocation of the function, that was answered as
// required.
type SmokeCheck struct {
	Name string `json:"name"`
	// Method is that of the HTTP request, INVOKE for an invocation, SEND for a message,
	// EVENT for an event, and TEST for a Go test.
	Method string `json:"method"`
	// Status is the status of the HTTP response. The others have 200, or 400 for an
	// invocation that had to fail.
	Status       int     `json:"status"`
	Milliseconds float64 `json:"milliseconds"`
}
