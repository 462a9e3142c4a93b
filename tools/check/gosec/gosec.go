// Package gosec analyses packages with gosec as a library. The command of gosec itself would
// bring five times as many dependencies.
//
// The package analyses every package and the magefiles of the modules in the directories
// MODULE, in the repository in the current directory. It prints each issue as file:line and
// writes all of them to FILE as SARIF. It exits with 1 if an issue is not suppressed or an
// analysis failed. A suppression, `#nosec RULE -- reason`, must name its rule and give a
// reason. That includes the taint rules, G701 to G710, although gosec was seen to report such
// an issue in one run and not in the next (gosec#1712).
//
// A package is not analysed again if its sources, and the exported declarations of everything
// that it imports, are the same as in an earlier run.
package gosec

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/securego/gosec/v2"
	"github.com/securego/gosec/v2/issue"
	"github.com/securego/gosec/v2/report"
)

// version is the version of gosec that go.mod pins. A test compares them.
const version = "v2.30.0"

// Run is the command
//
//	gosec -sarif FILE MODULE...
//
// and returns its exit code.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("gosec", flag.ContinueOnError)
	flags.SetOutput(stderr)
	sarif := flags.String("sarif", "", "write the issues to `FILE`")
	force := flags.Bool("force", false, "also analyse what was analysed before")
	if err := flags.Parse(args); err != nil || *sarif == "" || flags.NArg() == 0 {
		fmt.Fprintln(stderr, "usage: gosec -sarif FILE MODULE...")
		return 2
	}
	a := newAnalysis()
	a.force = *force
	err := a.modules(ctx, flags.Args())
	if err == nil {
		err = write(*sarif, gosec.NewReportInfo(a.issues, &a.metrics, a.errors).WithVersion(version))
	}
	if err != nil {
		fmt.Fprintf(stderr, "gosec: %v\n", err)
		return 1
	}
	if a.describe(stdout) {
		return 1
	}
	return 0
}

// describe prints the findings, and reports whether there is something to fix.
func (a *analysis) describe(stdout io.Writer) bool {
	suppressed := 0
	var open []string
	for _, i := range a.issues {
		switch {
		case len(i.Suppressions) > 0 || i.NoSec:
			suppressed++
		default:
			open = append(open, describe(i))
		}
	}
	for _, line := range open {
		fmt.Fprintln(stdout, line)
	}
	for _, file := range slices.Sorted(maps.Keys(a.errors)) {
		for _, e := range a.errors[file] {
			fmt.Fprintln(stdout, describeError(file, e))
		}
	}
	leftOut := ""
	if a.generated > 0 {
		leftOut = fmt.Sprintf(", %d generated left out", a.generated)
	}
	fmt.Fprintf(stdout, "gosec %s: %d files, %d lines%s, %d rules: %d issues, %d suppressed with a reason, %d errors; %d of %d packages unchanged\n",
		version, a.metrics.NumFiles, a.metrics.NumLines, leftOut, a.rules, len(open), suppressed, len(a.errors), a.reused, a.packages)
	return len(open) > 0 || len(a.errors) > 0
}

func describe(i *issue.Issue) string {
	return fmt.Sprintf("%s:%s:%s: %s: %s (severity %s, confidence %s)", relative(i.File), i.Line, i.Col, i.RuleID, i.What, i.Severity, i.Confidence)
}

// describeError returns an error with as much of its place as is known.
func describeError(file string, e gosec.Error) string {
	switch {
	case file == "" || file == "-":
		return e.Err
	case e.Line == 0:
		return relative(file) + ": " + e.Err
	}
	return fmt.Sprintf("%s:%d:%d: %s", relative(file), e.Line, e.Column, e.Err)
}

func write(file string, info *gosec.ReportInfo) error {
	out, err := os.Create(filepath.Clean(file))
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	root, err := os.Getwd()
	if err != nil {
		_ = out.Close()
		return fmt.Errorf("writing the report: %w", err)
	}
	if err := report.CreateReport(out, "sarif", false, []string{root}, info); err != nil {
		_ = out.Close()
		return fmt.Errorf("writing the report: %w", err)
	}
	return out.Close()
}

// relative returns the path of a file relative to the current directory if the file is below
// it.
func relative(file string) string {
	root, err := os.Getwd()
	if err != nil {
		return file
	}
	if rel, err := filepath.Rel(root, file); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return file
}
