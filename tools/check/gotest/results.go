package gotest

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/check/annotation"
	"github.com/magewright/magewright/tools/check/patchcover"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project"
)

// An Event is one line of `go test -json`; see `go doc test2json`.
type Event struct {
	Action      string
	Package     string
	ImportPath  string // of the package that is built
	Test        string
	Elapsed     float64 // in seconds
	Output      string
	FailedBuild string // the ImportPath of the failed build because of which a package could not be tested
}

// A Test is the result of one test. If Test is empty, it is the result of a whole package.
type Test struct {
	Module  string // the directory of its module; "" for the root module
	Package string
	Test    string
	Result  string // pass, fail or skip
	Elapsed time.Duration
	Output  string

	// build is the ImportPath of the build whose failure is in Output.
	build string
	// told says that the Output of a subtest contains everything that this test printed.
	told bool
}

// Name returns the package and the test. It adds the module unless that is the root module.
func (t Test) Name() string {
	name := strings.TrimSpace(t.Package + " " + t.Test)
	if t.Module != "" {
		name += " (module " + t.Module + ")"
	}
	return name
}

// suite is the name of a package, which includes the module: two modules may have packages
// with the same path.
func (t Test) suite() [2]string { return [2]string{t.Module, t.Package} }

// Results are the results of a run, by package and test, in the order in which they were
// reported.
type Results struct {
	Tests    []Test // those with a Test
	Packages []Test // those without a Test

	Module     string             // the prefix of the packages' import paths
	Profile    patchcover.Profile // coverage of tests and programs; nil if a test failed
	Incomplete []string           // programs that left no counters
	LeftOut    []string           // modules that were not tested, with the reason

	module string // the module whose output is being parsed
	builds map[string]string
	// fromCache has the packages whose results came from the go command's cache.
	fromCache map[[2]string]bool
}

// A Count counts tests.
type Count struct{ Passed, Failed, Skipped, Packages int }

func newResults() *Results {
	return &Results{builds: map[string]string{}, fromCache: map[[2]string]bool{}}
}

// Parse reads the output of `go test -json` and adds it to the results. It writes the end of
// each package with tests to progress as it arrives. A package without an end counts as
// failed: the go command itself was stopped while the package's tests ran.
func (r *Results) Parse(events io.Reader, progress io.Writer) error {
	running := runs{}
	lines := bufio.NewReader(events)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e Event
			if jsonErr := json.Unmarshal(line, &e); jsonErr != nil {
				return fmt.Errorf("reading go test -json: %w: %.200s", jsonErr, line)
			}
			r.add(e, running, progress)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(running)) {
		running[name].say("", "The go command ended before these tests ended.\n")
		r.add(Event{Action: "fail", Package: name}, running, progress)
	}
	return nil
}

func (r *Results) add(e Event, running runs, progress io.Writer) {
	switch e.Action {
	case "build-output":
		r.builds[e.ImportPath] += e.Output
	case "output":
		if e.Test == "" && strings.HasPrefix(e.Output, "ok ") && strings.Contains(e.Output, "\t(cached)") {
			r.fromCache[[2]string{r.module, e.Package}] = true
		}
		running.of(e.Package).say(e.Test, e.Output)
	case "start", "run", "pause", "cont":
		running.of(e.Package).mark(e.Test, e.Action)
	case "pass", "fail", "skip":
		p := running.of(e.Package)
		t := Test{Module: r.module, Package: e.Package, Test: e.Test, Result: e.Action, Elapsed: time.Duration(e.Elapsed * float64(time.Second))}
		if e.Test != "" {
			t.Output = p.end(e.Test)
			r.Tests = append(r.Tests, t)
			return
		}
		if t.Result == "fail" {
			r.Tests = append(r.Tests, p.unended(t)...)
			r.explain(t)
		}
		own, stray := p.end(""), p.strayed()
		if silent := r.silent(t); silent != nil && strings.Contains(stray, "panic: ") {
			// A parallel test panicked, and test2json took its output for that of another
			// test.
			silent.Output += stray
			stray = ""
		} else if silent != nil && strings.HasPrefix(silent.Test, "Example") && strings.Contains(own, "panic: ") {
			// An example panicked, and test2json took its output for that of the package.
			silent.Output += own
			own = ""
		}
		t.Output = own + stray
		delete(running, e.Package)
		if said, ok := r.builds[e.FailedBuild]; ok {
			t.build, t.Output = e.FailedBuild, said+t.Output
		}
		r.Packages = append(r.Packages, t)
		if e.Action != "skip" && !r.fromCache[t.suite()] { // the package has no tests, or nothing was run
			fmt.Fprintf(progress, "%-4s %s %.1fs\n", e.Action, e.Package, e.Elapsed)
		}
	}
}

// silent returns the test of a package that failed without output and without a failed
// subtest. It returns nil if there is none, or if there are several.
func (r *Results) silent(pkg Test) *Test {
	var found *Test
	for i := range r.Tests {
		t := &r.Tests[i]
		if t.suite() != pkg.suite() || t.Result != "fail" || r.failedBelow(*t) {
			continue
		}
		if found != nil || t.speaks() {
			return nil
		}
		found = t
	}
	return found
}

// explain moves the output with which a test crashed to the subtest that caused it. A panic
// ends the subtest and its parents before it prints the reason, so test2json takes the reason
// for the output of the outermost parent.
func (r *Results) explain(pkg Test) {
	for i := range r.Tests {
		parent := &r.Tests[i]
		if parent.suite() != pkg.suite() || parent.Result != "fail" {
			continue
		}
		before, after, _ := strings.Cut(parent.Output, parent.report())
		_, crash, _ := strings.Cut(after, "\n")
		if !strings.Contains(crash, "panic: ") {
			continue
		}
		// The last subtest that failed is the one that ended the program.
		for j := i - 1; j >= 0; j-- {
			sub := &r.Tests[j]
			if sub.Result == "fail" && sub.suite() == pkg.suite() && strings.HasPrefix(sub.Test, parent.Test+"/") && !r.failedBelow(*sub) {
				sub.Output += crash
				parent.told = !Test{Output: before}.speaks()
				break
			}
		}
	}
}

// report returns the beginning of the line that says how a test ended.
func (t Test) report() string { return "--- " + strings.ToUpper(t.Result) + ": " + t.Test + " (" }

// speaks reports whether a test printed more than the fact that it ran.
func (t Test) speaks() bool {
	for line := range strings.Lines(t.Output) {
		framing := slices.ContainsFunc([]string{"=== RUN ", "=== PAUSE ", "=== CONT ", "=== NAME ", t.report()}, func(begin string) bool {
			return strings.HasPrefix(strings.TrimLeft(line, " "), begin)
		})
		if !framing && strings.TrimSpace(line) != "" {
			return true
		}
	}
	return false
}

// failedBelow reports whether a subtest of a test failed.
func (r *Results) failedBelow(t Test) bool {
	return slices.ContainsFunc(r.Tests, func(u Test) bool {
		return u.Result == "fail" && u.suite() == t.suite() && strings.HasPrefix(u.Test, t.Test+"/")
	})
}

// Count counts the tests, including subtests, and the packages that have tests.
func (r *Results) Count() Count {
	var c Count
	packages := map[[2]string]bool{}
	for _, t := range r.Tests {
		packages[t.suite()] = true
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

// Suites counts the tests of each package that has tests or failed, by the package's name.
func (r *Results) Suites() []evidence.Suite {
	suites := map[[2]string]*evidence.Suite{}
	suite := func(t Test) *evidence.Suite {
		if suites[t.suite()] == nil {
			suites[t.suite()] = &evidence.Suite{Package: t.Package, Module: t.Module}
		}
		return suites[t.suite()]
	}
	for _, t := range r.Tests {
		switch s := suite(t); t.Result {
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
			suite(p).Broken = true
		}
	}
	var sorted []evidence.Suite
	for _, s := range suites {
		sorted = append(sorted, *s)
	}
	slices.SortFunc(sorted, func(a, b evidence.Suite) int {
		return cmp.Or(strings.Compare(a.Package, b.Package), strings.Compare(a.Module, b.Module))
	})
	return sorted
}

// idle returns the packages that have tests of which none was run: TestMain has ended the
// program without running them, and go test calls that a success.
func (r *Results) idle() []Test {
	return slices.DeleteFunc(slices.Clone(r.Packages), func(p Test) bool {
		ran := slices.ContainsFunc(r.Tests, func(t Test) bool { return t.suite() == p.suite() })
		return ran || p.Result != "pass" || !strings.HasPrefix(p.Output, "ok ") && !strings.Contains(p.Output, "\nok ") || strings.Contains(p.Output, "[no tests to run]")
	})
}

// uncompiled reports whether nothing failed but the build of cgo, because there is no C
// compiler. That is a fault of the machine, and says nothing about the code.
func (r *Results) uncompiled() bool {
	failures := r.Failures()
	return len(failures) > 0 && !slices.ContainsFunc(failures, func(t Test) bool {
		return t.build != "runtime/cgo" || !strings.Contains(t.Output, "cgo: C compiler ")
	})
}

// broken adds a module that could not be tested, as a package that failed.
func (r *Results) broken(m project.GoModule, reason string) {
	r.Packages = append(r.Packages, Test{Module: r.module, Package: cmp.Or(m.Path, m.Dir), Result: "fail", Output: reason, build: "module " + m.Dir})
}

// Failures returns the tests that failed without a failed subtest, the parents of failed
// subtests if they printed something themselves, and the packages that failed without a
// failed test, for example because they could not be built.
func (r *Results) Failures() []Test {
	var failures []Test
	for _, t := range r.Tests {
		if t.Result == "fail" && (!r.failedBelow(t) || t.speaks() && !t.told) {
			failures = append(failures, t)
		}
	}
	for _, p := range r.Packages {
		within := func(t Test) bool { return t.suite() == p.suite() }
		if p.Result == "fail" && !slices.ContainsFunc(failures, within) {
			failures = append(failures, p)
		}
	}
	return failures
}

// Outside returns what failed packages printed outside of their tests, if a test failed as
// well. That includes the output of TestMain, or the reason why the program ended after its
// tests.
func (r *Results) Outside() []Test {
	failures := r.Failures()
	var outside []Test
	for _, p := range r.Packages {
		listed := func(t Test) bool { return t.suite() == p.suite() && t.Test == "" }
		if p.Output = outsideWords(p.Output); p.Result == "fail" && p.Output != "" && !slices.ContainsFunc(failures, listed) {
			outside = append(outside, p)
		}
	}
	return outside
}

// describe prints what failed and why. If several packages need the same failed build, it is
// printed once.
func (r *Results) describe(out io.Writer) {
	builds := map[string]bool{}
	for _, failure := range r.Failures() {
		fmt.Fprintf(out, "--- FAIL %s\n", failure.Name())
		if failure.build != "" && builds[failure.build] {
			fmt.Fprintf(out, "%s can't be built, see above\n", failure.build)
			continue
		}
		builds[failure.build] = true
		to := out
		if annotation.Wanted() && failure.Module == "" {
			// Tests and the compiler name files without their directory.
			to = annotation.New(out, failure.Name(), strings.TrimPrefix(strings.TrimPrefix(failure.Package, r.Module), "/"))
		}
		fmt.Fprint(to, ended(shortened(failure.Output)))
	}
	for _, p := range r.Outside() {
		fmt.Fprintf(out, "--- outside of the tests of %s\n%s", p.Name(), ended(p.Output))
	}
}

// next returns the command that repeats the first failure.
func (r *Results) next() string {
	first := r.Failures()[0]
	next := "go test -race " + shell(first.Package)
	switch {
	case first.build != "":
		next = "go vet ./..."
	case first.Test != "":
		next = "go test -race -run " + shell(pattern(first.Test)) + " " + shell(first.Package)
	}
	if first.Module != "" {
		next = "cd " + shell(first.Module) + " && " + next
	}
	return next
}

// pattern returns the -run flag that selects one test; see go help testflag.
func pattern(test string) string {
	elements := strings.Split(test, "/")
	for i, element := range elements {
		elements[i] = "^" + regexp.QuoteMeta(element) + "$"
	}
	return strings.Join(elements, "/")
}

// plainWord matches words that a shell does not change.
var plainWord = regexp.MustCompile(`^[\w./@:+-]+$`)

// shell quotes a word for a shell if necessary.
func shell(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// ended returns a text that ends with a newline.
func ended(text string) string {
	if text == "" || strings.HasSuffix(text, "\n") {
		return text
	}
	return text + "\n"
}

// How much is shown of a test with more output: lines at the beginning and at the end, where
// the reason is, and bytes of each line.
const (
	linesBefore = 20
	linesAfter  = 200
	lineLength  = 4000
)

// shortened leaves out the middle of a long output. The file with the events has all of it.
func shortened(output string) string {
	lines := slices.Collect(strings.Lines(output))
	for i, line := range lines {
		if len(line) > lineLength {
			lines[i] = fmt.Sprintf("%s ... %d bytes left out\n", strings.ToValidUTF8(line[:lineLength], ""), len(line)-lineLength)
		}
	}
	if left := len(lines) - linesBefore - linesAfter; left > 0 {
		lines = slices.Concat(lines[:linesBefore], []string{fmt.Sprintf("... %d lines left out; .magewright/test.json has them\n", left)}, lines[len(lines)-linesAfter:])
	}
	return strings.Join(lines, "")
}

// outsideWords removes the lines that go test prints for every package.
func outsideWords(output string) string {
	var kept strings.Builder
	for line := range strings.Lines(output) {
		routine := slices.Contains([]string{"FAIL\n", "PASS\n", "\n"}, line) || slices.ContainsFunc([]string{"FAIL\t", "coverage: ", "exit status "}, func(begin string) bool {
			return strings.HasPrefix(line, begin)
		})
		if !routine {
			_, _ = kept.WriteString(line) // never fails
		}
	}
	return kept.String()
}

// Summary says in one line how many tests ran and how they ended.
func (r *Results) Summary() string {
	c := r.Count()
	summary := fmt.Sprintf("%d passed, %d failed, %d skipped in %d packages", c.Passed, len(r.Failures()), c.Skipped, c.Packages)
	if n := len(r.fromCache); n > 0 {
		summary += fmt.Sprintf(" (%d from go test's cache)", n)
	}
	return summary
}
