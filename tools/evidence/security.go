package evidence

// Security is what `mage sec` found, tool by tool.
type Security struct {
	Made
	Scans []Scan `json:"scans"`
}

// A Scan is the result of one tool.
type Scan struct {
	Tool     string `json:"tool"`              // gosec, govulncheck or gitleaks
	State    string `json:"state"`             // PASS, FAIL or UNKNOWN
	Counted  string `json:"counted,omitempty"` // what was looked at
	Findings string `json:"findings,omitempty"`
}

// PredicateType implements [Predicate].
func (Security) PredicateType() string { return Base + "security/v1" }
