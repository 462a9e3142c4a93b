package gotest

import (
	"encoding/xml"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/project"
)

// The JUnit format has no standard. These are the elements that CodeBuild's test reports
// read. See https://docs.aws.amazon.com/codebuild/latest/userguide/test-reporting.html.
type (
	suites struct {
		XMLName xml.Name `xml:"testsuites"`
		Suites  []suite  `xml:"testsuite"`
	}
	suite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Module   *properties `xml:"properties"`
		Cases    []testCase  `xml:"testcase"`
		Out      *message    `xml:"system-out"`
	}
	properties struct {
		All []property `xml:"property"`
	}
	property struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	testCase struct {
		Class   string   `xml:"classname,attr"`
		Name    string   `xml:"name,attr"`
		Time    string   `xml:"time,attr"`
		Failure *message `xml:"failure"`
		Skipped *message `xml:"skipped"`
	}
	message struct {
		Text string `xml:",chardata"`
	}
)

// writeJUnit writes the results to .magewright/junit.xml.
func writeJUnit(cfg project.Config, r *Results) error {
	path, err := cfg.Path("junit.xml")
	if err != nil {
		return err
	}
	data, err := xml.MarshalIndent(junit(r), "", "  ")
	if err != nil {
		return fmt.Errorf("writing JUnit results: %w", err)
	}
	if err := os.WriteFile(path, append([]byte(xml.Header), data...), 0o600); err != nil {
		return fmt.Errorf("writing JUnit results: %w", err)
	}
	return nil
}

func junit(r *Results) suites {
	failures := r.Failures()
	outside := r.Outside()
	var all suites
	for _, p := range r.Packages {
		s := suite{Name: p.Package, Time: seconds(p)}
		if p.Module != "" {
			s.Module = &properties{[]property{{"module", p.Module}}}
		}
		cases := slices.DeleteFunc(slices.Clone(r.Tests), func(t Test) bool { return t.suite() != p.suite() })
		if slices.ContainsFunc(failures, func(t Test) bool { return t.suite() == p.suite() && t.Test == "" }) {
			p.Test = "(package)" // what failed is not one of its tests
			cases = append(cases, p)
		}
		for _, t := range cases {
			c := testCase{Class: t.Package, Name: t.Test, Time: seconds(t)}
			s.Tests++
			switch t.Result {
			case "fail":
				s.Failures++
				c.Failure = &message{printable(t.Output)}
			case "skip":
				s.Skipped++
				c.Skipped = &message{printable(t.Output)}
			}
			s.Cases = append(s.Cases, c)
		}
		for _, said := range outside {
			if said.suite() == p.suite() {
				s.Out = &message{printable(said.Output)}
			}
		}
		if s.Tests > 0 {
			all.Suites = append(all.Suites, s)
		}
	}
	return all
}

func seconds(t Test) string { return fmt.Sprintf("%.3f", t.Elapsed.Seconds()) }

// printable removes characters that XML can't contain.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, s)
}
