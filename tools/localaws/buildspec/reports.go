package buildspec

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// JUnit is the report format that is supported.
const JUnit = "JUNITXML"

// formats lists the formats that CodeBuild knows.
var formats = []string{
	"CUCUMBERJSON", JUnit, "NUNITXML", "NUNIT3XML", "TESTNGXML", "VISUALSTUDIOTRX",
	"CLOVERXML", "COBERTURAXML", "JACOCOXML", "SIMPLECOV",
}

// The statuses of test cases.
const (
	TestSucceeded = "SUCCEEDED"
	TestFailed    = "FAILED"
	TestError     = "ERROR"
	TestSkipped   = "SKIPPED"
)

// A TestCase is a test that ran, or was skipped.
type TestCase struct {
	Suite    string
	Prefix   string // JUnit's class name
	Name     string
	Status   string
	Duration time.Duration
	Message  string
	File     string // path of its report, relative to the source directory
}

// A Report is the content of a report group's files.
type Report struct {
	Group string // the buildspec's name for it, with variables expanded
	Files []string
	Cases []TestCase
}

// Count returns the number of test cases for each status.
func (r Report) Count() map[string]int {
	counts := map[string]int{}
	for _, c := range r.Cases {
		counts[c.Status]++
	}
	return counts
}

// largestReport is the size limit in bytes of a report that is read.
const largestReport = 64 << 20

// reports reads the reports that the buildspec declares. A report that can't be
// read does not fail the build; the log says so.
func (r *run) reports() {
	for _, g := range r.Spec.Reports {
		if g.Format != JUnit {
			// There is a warning about this in the buildspec.
			continue
		}
		report := Report{Group: r.expand(g.Name)}
		r.log.say("Preparing report group %s", report.Group)
		files, err := r.reportFiles(g)
		if err != nil {
			r.log.say("No report in group %s: %v", report.Group, err)
			continue
		}
		for _, f := range files {
			cases, err := readJUnit(f)
			if err != nil {
				r.log.say("Skipping report %s: %v", relative(r.Source, f), err)
				continue
			}
			report.Files = append(report.Files, relative(r.Source, f))
			for i := range cases {
				cases[i].File = relative(r.Source, f)
			}
			report.Cases = append(report.Cases, cases...)
		}
		if len(report.Files) == 0 {
			continue
		}
		counts := report.Count()
		r.log.say("Report group %s: %d test case(s), %d failed, %d in error, %d skipped", report.Group, len(report.Cases), counts[TestFailed], counts[TestError], counts[TestSkipped])
		r.result.Reports = append(r.result.Reports, report)
	}
}

func (r *run) reportFiles(g ReportGroup) ([]string, error) {
	bases, err := baseDirectories(r.Source, r.expand(g.BaseDirectory), r.log)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, base := range bases {
		found, err := match(r.Source, base, g.Files, nil, r.log)
		if err != nil {
			return nil, err
		}
		for _, rel := range found {
			if p := filepath.Join(base, filepath.FromSlash(rel)); inside(r.Source, p) {
				files = append(files, p)
			}
		}
	}
	if len(files) == 0 {
		return nil, errors.New("no matching report paths found")
	}
	r.log.say("Found %d file(s)", len(files))
	return files, nil
}

type junitSuite struct {
	XMLName xml.Name
	Name    string       `xml:"name,attr"`
	Suites  []junitSuite `xml:"testsuite"`
	Cases   []junitCase  `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Seconds string        `xml:"time,attr"`
	Failure *junitMessage `xml:"failure"`
	Error   *junitMessage `xml:"error"`
	Skipped *junitMessage `xml:"skipped"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

func readJUnit(name string) (cases []TestCase, err error) {
	f, err := os.Open(name) // #nosec G304 -- below the source directory
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if info, err := f.Stat(); err != nil {
		return nil, err
	} else if info.Size() > largestReport {
		return nil, fmt.Errorf("it has %d bytes; the limit is %d", info.Size(), largestReport)
	}
	return parseJUnit(f)
}

// parseJUnit reads a testsuites or testsuite element.
func parseJUnit(in io.Reader) ([]TestCase, error) {
	var root junitSuite
	if err := xml.NewDecoder(in).Decode(&root); err != nil {
		return nil, fmt.Errorf("reading JUnit XML: %w", err)
	}
	if root.XMLName.Local != "testsuites" && root.XMLName.Local != "testsuite" {
		return nil, fmt.Errorf("reading JUnit XML: the root is <%s>, not <testsuites> or <testsuite>", root.XMLName.Local)
	}
	return root.cases(nil), nil
}

func (s junitSuite) cases(to []TestCase) []TestCase {
	for _, c := range s.Cases {
		t := TestCase{Suite: s.Name, Prefix: c.Class, Name: c.Name, Status: TestSucceeded}
		if d, err := time.ParseDuration(strings.ReplaceAll(c.Seconds, ",", "") + "s"); err == nil {
			t.Duration = d
		}
		for _, m := range []struct {
			status  string
			message *junitMessage
		}{{TestSkipped, c.Skipped}, {TestFailed, c.Failure}, {TestError, c.Error}} {
			if m.message != nil {
				t.Status = m.status
				t.Message = strings.TrimSpace(m.message.Message + "\n" + strings.TrimSpace(m.message.Text))
			}
		}
		to = append(to, t)
	}
	for _, inner := range s.Suites {
		to = inner.cases(to)
	}
	return to
}
