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
	Module      string   `json:"module,omitempty"`  // what the packages' import paths begin with
	Suites      []Suite  `json:"suites,omitempty"`  // by package
	// Incomplete are instrumented processes that died before they had said what
	// they had run.
	Incomplete []string `json:"incomplete,omitempty"`
	// LeftOut are modules of the repository that were not tested, with the reason.
	LeftOut []string `json:"leftOut,omitempty"`
}

// A Suite counts the tests of a package, subtests included.
type Suite struct {
	Package string `json:"package"`          // import path
	Module  string `json:"module,omitempty"` // the directory of its module, where that is not the root
	Passed  int    `json:"passed"`
	Failed  int    `json:"failed"`
	Skipped int    `json:"skipped"`
	Broken  bool   `json:"broken,omitempty"` // the package failed, also where no test of it did
}

// PredicateType implements [Predicate].
func (Tests) PredicateType() string { return "https://in-toto.io/attestation/test-result/v0.1" }
