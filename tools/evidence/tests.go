package evidence

// The results of a [Tests].
const (
	TestsPassed = "PASSED"
	TestsFailed = "FAILED"
)

// Tests is the result of `mage test`, in the terms of in-toto's test result. We
// add the skipped tests, because the predicate has no field for them.
// See https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md.
type Tests struct {
	Made
	Result      string   `json:"result"`
	FailedTests []string `json:"failedTests,omitempty"`
	Passed      int      `json:"passed"`
	Skipped     int      `json:"skipped"`
	Packages    int      `json:"packages"`          // number of packages with tests
	Problem     string   `json:"problem,omitempty"` // why the run itself failed
	Module      string   `json:"module,omitempty"`  // prefix of the packages' import paths
	Suites      []Suite  `json:"suites,omitempty"`  // by package
	// Incomplete lists instrumented processes that ended before they wrote
	// their coverage.
	Incomplete []string `json:"incomplete,omitempty"`
	// LeftOut are modules of the repository, and tests of magefiles, that were not run, with
	// the reason.
	LeftOut []string `json:"leftOut,omitempty"`
}

// A Suite counts the tests of a package, including subtests.
type Suite struct {
	Package string `json:"package"`          // import path
	Module  string `json:"module,omitempty"` // the directory of its module, unless that is the root
	Passed  int    `json:"passed"`
	Failed  int    `json:"failed"`
	Skipped int    `json:"skipped"`
	Broken  bool   `json:"broken,omitempty"` // the package failed, even if none of its tests did
}

// PredicateType implements [Predicate].
func (Tests) PredicateType() string { return "https://in-toto.io/attestation/test-result/v0.1" }
