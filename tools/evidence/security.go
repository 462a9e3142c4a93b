package evidence

import "time"

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
	// Config are the files of the repository that tell the tool what to leave
	// out, and their SHA-256.
	Config map[string]string `json:"config,omitempty"`
	// Database is what the code was compared with, where there is such a thing.
	Database *Database `json:"database,omitempty"`
	// Reused says that the tool was not run for this commit, see [Made].
	Reused *Reused `json:"reused,omitempty"`
}

// A Database is a collection of known vulnerabilities as it was at a time.
type Database struct {
	Name       string    `json:"name"`
	ModifiedOn time.Time `json:"modifiedOn"`
}

// PredicateType implements [Predicate].
func (Security) PredicateType() string { return Base + "security/v1" }
