package gotest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/check/patchcover"
	"github.com/magewright/magewright/tools/evidence"
)

// An Event is one line of `go test -json`, see `go doc test2json`.
type Event struct {
	Action     string
	Package    string
	ImportPath string // of a build that failed
	Test       string
	Elapsed    float64 // seconds
	Output     string
}

// A Test is the result of one test, or of a package's own start and end where
// Test is empty.
type Test struct {
	Package string
	Test    string
	Result  string // pass, fail or skip
	Elapsed time.Duration
	Output  string
}

// Name returns the package and the test.
func (t Test) Name() string { return strings.TrimSpace(t.Package + " " + t.Test) }

// Results are the results of a run, by package and test, in the order in which
// they were reported.
type Results struct {
	Tests    []Test // those with a Test
	Packages []Test // those without

	Module     string             // what the packages' import paths begin with
	Profile    patchcover.Profile // of tests and programs; nil where a test failed
	Incomplete []string           // programs that have left no counters

	builds map[string]string
	// fromCache are the packages whose results the go command had.
	fromCache map[string]bool
}

// A Count counts tests.
type Count struct{ Passed, Failed, Skipped, Packages int }

func newResults() *Results {
	return &Results{builds: map[string]string{}, fromCache: map[string]bool{}}
}

// Parse reads `go test -json` and adds what it says. It writes the end of each
// package that has tests to progress, as it comes.
func (r *Results) Parse(events io.Reader, progress io.Writer) error {
	output := map[[2]string]*strings.Builder{}
	lines := bufio.NewReader(events)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e Event
			if jsonErr := json.Unmarshal(line, &e); jsonErr != nil {
				return fmt.Errorf("reading go test -json: %w: %.200s", jsonErr, line)
			}
			r.add(e, output, progress)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *Results) add(e Event, output map[[2]string]*strings.Builder, progress io.Writer) {
	key := [2]string{e.Package, e.Test}
	switch e.Action {
	case "output":
		if e.Test == "" && strings.HasPrefix(e.Output, "ok ") && strings.Contains(e.Output, "\t(cached)") {
			r.fromCache[e.Package] = true
		}
		if output[key] == nil {
			output[key] = &strings.Builder{}
		}
		_, _ = output[key].WriteString(e.Output) // never fails
	case "build-output":
		// The import path of a test build is "path [path.test]".
		path, _, _ := strings.Cut(e.ImportPath, " ")
		r.builds[path] += e.Output
	case "pass", "fail", "skip":
		t := Test{Package: e.Package, Test: e.Test, Result: e.Action, Elapsed: time.Duration(e.Elapsed * float64(time.Second))}
		if b := output[key]; b != nil {
			t.Output = b.String()
			delete(output, key)
		}
		if e.Test != "" {
			r.Tests = append(r.Tests, t)
			return
		}
		r.Packages = append(r.Packages, t)
		if e.Action != "skip" && !r.fromCache[e.Package] { // a package without tests, or nothing has run
			fmt.Fprintf(progress, "%-4s %s %.1fs\n", e.Action, e.Package, e.Elapsed)
		}
	}
}

// Count counts the tests, subtests included, and the packages that have any.
func (r *Results) Count() Count {
	var c Count
	packages := map[string]bool{}
	for _, t := range r.Tests {
		packages[t.Package] = true
		switch t.Result {
		case "pass":
			c.Passed++
		case "fail":
			c.Failed++
		case "skip":
			c.Skipped++
		}
	}
	c.Packages = len(packages)
	return c
}

// Suites counts the tests of each package that has any or failed, by its name.
func (r *Results) Suites() []evidence.Suite {
	suites := map[string]*evidence.Suite{}
	suite := func(p string) *evidence.Suite {
		if suites[p] == nil {
			suites[p] = &evidence.Suite{Package: p}
		}
		return suites[p]
	}
	for _, t := range r.Tests {
		switch s := suite(t.Package); t.Result {
		case "pass":
			s.Passed++
		case "fail":
			s.Failed++
		case "skip":
			s.Skipped++
		}
	}
	for _, p := range r.Packages {
		if p.Result == "fail" {
			suite(p.Package).Broken = true
		}
	}
	var sorted []evidence.Suite
	for _, name := range slices.Sorted(maps.Keys(suites)) {
		sorted = append(sorted, *suites[name])
	}
	return sorted
}

// Failures returns the tests that failed without a subtest that failed, and
// the packages that failed without a test that failed, such as those that
// could not be built.
func (r *Results) Failures() []Test {
	var failures []Test
	failed := func(t Test) bool { return t.Result == "fail" }
	for _, t := range r.Tests {
		below := func(u Test) bool {
			return failed(u) && u.Package == t.Package && strings.HasPrefix(u.Test, t.Test+"/")
		}
		if failed(t) && !slices.ContainsFunc(r.Tests, below) {
			failures = append(failures, t)
		}
	}
	for _, p := range r.Packages {
		within := func(t Test) bool { return t.Package == p.Package }
		if failed(p) && !slices.ContainsFunc(failures, within) {
			p.Output = r.builds[p.Package] + p.Output
			failures = append(failures, p)
		}
	}
	return failures
}

// Summary says in a line how many tests ran and how they ended.
func (r *Results) Summary() string {
	c := r.Count()
	summary := fmt.Sprintf("%d passed, %d failed, %d skipped in %d packages", c.Passed, len(r.Failures()), c.Skipped, c.Packages)
	if n := len(r.fromCache); n > 0 {
		summary += fmt.Sprintf(" (%d from go test's cache)", n)
	}
	return summary
}
