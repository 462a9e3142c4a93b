package evidence

// The results of a [Tests].
const (
	TestsPassed = "PASSED"
	TestsFailed = "FAILED"
)

// Tests is what `mage test` found, in the terms of in-toto's test result.
// What was skipped is ours to add: the predicate has no word for it.
// See https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md.
type Tests struct {
	Made
	Result      string   `json:"result"`
	FailedTests []string `json:"failedTests,omitempty"`
	Passed      int      `json:"passed"`
	Skipped     int      `json:"skipped"`
	Packages    int      `json:"packages"`          // with tests
	Problem     string   `json:"problem,omitempty"` // why the run itself failed
}

// PredicateType implements [Predicate].
func (Tests) PredicateType() string { return "https://in-toto.io/attestation/test-result/v0.1" }
