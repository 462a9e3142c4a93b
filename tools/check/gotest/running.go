package gotest

import (
	"slices"
	"strings"
)

// runs are the packages whose tests have begun and not ended.
type runs map[string]*packageRun

func (r runs) of(pkg string) *packageRun {
	if r[pkg] == nil {
		r[pkg] = &packageRun{output: map[string]*strings.Builder{}, state: map[string]string{}}
	}
	return r[pkg]
}

// A packageRun follows the tests of a package. A program that crashes leaves tests without an
// end, and test2json has to guess to which test its last output belongs.
type packageRun struct {
	order  []string          // the tests, in the order in which they began
	state  map[string]string // the last action of each test, or "reported" after the line that says how it ended
	output map[string]*strings.Builder
	stray  strings.Builder // output that was attributed to a test after its successful end
	after  string          // the test to which stray was attributed last
}

// mark records that a test began, paused or continued.
func (p *packageRun) mark(test, action string) {
	if test == "" {
		return
	}
	if _, known := p.state[test]; !known {
		p.order = append(p.order, test)
	}
	p.state[test] = action
}

// say records what test2json attributes to a test. Output after the line that says that the
// test passed is not the test's own: a goroutine or another test printed it.
func (p *packageRun) say(test, text string) {
	if p.state[test] == reported {
		if p.after != test {
			_, _ = p.stray.WriteString("After " + test + " had ended:\n") // never fails
			p.after = test
		}
		_, _ = p.stray.WriteString(text) // never fails
		return
	}
	if p.output[test] == nil {
		p.output[test] = &strings.Builder{}
	}
	_, _ = p.output[test].WriteString(text) // never fails
	for _, result := range []string{"pass", "skip"} {
		if test != "" && strings.HasPrefix(strings.TrimLeft(text, " "), Test{Test: test, Result: result}.report()) {
			p.state[test] = reported
		}
	}
}

// reported is the state of a test whose end was printed.
const reported = "reported"

// end returns the output of a test that has ended.
func (p *packageRun) end(test string) string {
	p.state[test] = reported
	return p.said(test)
}

func (p *packageRun) said(test string) string {
	if p.output[test] == nil {
		return ""
	}
	return p.output[test].String()
}

// strayed returns, once, the output that was attributed to tests after their successful end.
func (p *packageRun) strayed() string {
	defer p.stray.Reset()
	return p.stray.String()
}

// unended returns the tests that had begun when the program ended, as results. Those that
// were running have failed. Those that waited for their turn were not run.
func (p *packageRun) unended(pkg Test) []Test {
	var open []string
	for _, test := range p.order {
		if p.state[test] != reported {
			open = append(open, test)
		}
	}
	runs := func(test string) bool { return p.state[test] != "pause" }
	var tests []Test
	for _, test := range open {
		t := Test{Module: pkg.Module, Package: pkg.Package, Test: test, Result: "fail", Output: p.said(test)}
		below := func(other string) bool { return runs(other) && strings.HasPrefix(other, test+"/") }
		switch {
		case !runs(test):
			t.Result = "skip"
			t.Output += "The test program ended before this test could go on.\n"
		case !slices.ContainsFunc(open, below):
			// Something that an earlier test left behind may have ended this one.
			t.Output += p.strayed()
			t.Output += "The test program ended while this test ran: by a crash, a time-out, os.Exit or log.Fatal.\n"
		}
		tests = append(tests, t)
	}
	// A subtest ends before its parent.
	slices.Reverse(tests)
	return tests
}
