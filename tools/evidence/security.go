package evidence

import "time"

// Security is the result of `mage sec` for each tool.
type Security struct {
	Made
	Scans []Scan `json:"scans"`
}

// A Scan is the result of one tool.
type Scan struct {
	Tool     string `json:"tool"`              // gosec, govulncheck or gitleaks
	State    string `json:"state"`             // PASS, FAIL or UNKNOWN
	Counted  string `json:"counted,omitempty"` // what was examined
	Findings string `json:"findings,omitempty"`
	// Config holds the repository's files that tell the tool what to leave out,
	// and their SHA-256.
	Config map[string]string `json:"config,omitempty"`
	// Database is the database that the code was compared with, if there is one.
	Database *Database `json:"database,omitempty"`
	// Reused says that the tool was not run for this commit; see [Made].
	Reused *Reused `json:"reused,omitempty"`
}

// A Database is the state of a collection of known vulnerabilities at a certain time.
type Database struct {
	Name       string    `json:"name"`
	ModifiedOn time.Time `json:"modifiedOn"`
}

// PredicateType implements [Predicate].
func (Security) PredicateType() string { return Base + "security/v1" }
