package readiness

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
)

// A Recheck is what the judge itself has found in the candidate's code, which was only data
// to it. The builds of the pipeline have claimed the same before, but they run the
// candidate's own code, which could claim anything.
type Recheck struct {
	evidence.Made
	// Own says that nothing was computed again, because the code that judges comes from the
	// checkout that made the claims.
	Own  bool   `json:"own,omitempty"`
	Base string `json:"base,omitempty"` // the base whose configurations counted; "" for none
	// Config are these configurations, with their SHA-256.
	Config   map[string]string `json:"config,omitempty"`
	Lint     evidence.Lint     `json:"lint"`
	Said     []string          `json:"said,omitempty"` // the first findings of the linters
	Gosec    evidence.Scan     `json:"gosec"`
	Declared []evidence.Suite  `json:"declared,omitempty"` // how many tests the sources declare
}

// PredicateType implements [evidence.Predicate].
func (Recheck) PredicateType() string { return base + "recheck/v1" }

// again returns what the judge has found. If claimed is true, there is nothing to compare:
// whoever made the claims decides about them too. The reason says why the findings can't be
// used.
func (in Inputs) again() (again Recheck, claimed bool, reason string) {
	read(in, &again)
	var judge Judge
	switch {
	case again.Own && (in.Read(&judge) != nil || !judge.Outside):
		return again, false, "the judge has not examined the code itself"
	case again.Own:
		return again, true, ""
	case again.Base != in.Candidate.Base:
		return again, false, fmt.Sprintf("the judge has examined the code with the configuration of %.12s, not of the base %.12s", again.Base, in.Candidate.Base)
	}
	return again, false, ""
}

// relinted are the linters that a judge also runs. Only the candidate's own build reports
// errors in the settings.
var relinted = []string{"gofmt", "go vet", "golangci-lint"}

// sayLint describes a result of linters, for comparison.
func sayLint(l evidence.Lint) string {
	broken := slices.DeleteFunc(slices.Clone(l.Broken), func(tool string) bool { return !slices.Contains(relinted, tool) })
	slices.Sort(broken)
	if len(broken) == 0 {
		return count(l.Files, "Go file") + ", no findings"
	}
	return count(l.Files, "Go file") + ", findings by " + strings.Join(broken, ", ")
}

// sources matches gosec's counts of files and lines. Its other counts depend on its version,
// which a change may raise, and on its cache.
var sources = regexp.MustCompile(`\d+ files, \d+ lines`)

// sayScan describes the result of gosec, for comparison.
func sayScan(s evidence.Scan) string { return s.State + ", " + sources.FindString(s.Counted) }

// differs returns findings if the judge has found something other than what was claimed.
func differs(claim, found string) []string {
	if claim == found {
		return nil
	}
	return []string{"the build of the candidate says: " + claim, "the judge has found: " + found}
}

// missingTests returns the packages in which fewer tests ran than their sources declare.
func missingTests(tests evidence.Tests, declared []evidence.Suite) []string {
	ran := map[[2]string]int{}
	for _, s := range tests.Suites {
		ran[[2]string{s.Module, s.Package}] += s.Passed + s.Failed + s.Skipped
	}
	var findings []string
	for _, d := range declared {
		if n := ran[[2]string{d.Module, d.Package}]; n < d.Passed {
			findings = append(findings, fmt.Sprintf("%s: the build of the candidate says that %s ran, but the judge has found %d in the sources", d.Package, count(n, "test"), d.Passed))
		}
	}
	return findings
}
