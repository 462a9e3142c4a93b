// Command gosec analyses packages with gosec as a library, whose own command
// would bring five times the dependencies.
//
//	gosec -sarif FILE DIRECTORY...
//
// It prints each issue as file:line, writes all of them to FILE as SARIF, and
// exits with 1 where an issue is not suppressed or an analysis failed. A
// suppression, `#nosec RULE -- reason`, must name its rule and give a reason.
// The taint rules, G701 to G710, are advisory: gosec itself has been seen to
// report them in one run and not in the next.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/securego/gosec/v2"
	"github.com/securego/gosec/v2/analyzers"
	"github.com/securego/gosec/v2/issue"
	"github.com/securego/gosec/v2/report"
	"github.com/securego/gosec/v2/rules"
)

// version of gosec, as go.mod pins it; a test compares them.
const version = "v2.30.0"

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("gosec", flag.ContinueOnError)
	flags.SetOutput(stderr)
	sarif := flags.String("sarif", "", "write the issues to `FILE`")
	if err := flags.Parse(args); err != nil || *sarif == "" || flags.NArg() == 0 {
		fmt.Fprintln(stderr, "usage: gosec -sarif FILE DIRECTORY...")
		return 2
	}
	failed, err := analyse(flags.Args(), *sarif, stdout)
	if err != nil {
		fmt.Fprintf(stderr, "gosec: %v\n", err)
		return 1
	}
	if failed {
		return 1
	}
	return 0
}

// analyse reports whether something in the packages of dirs must be mended.
func analyse(dirs []string, sarif string, stdout io.Writer) (failed bool, err error) {
	config := gosec.NewConfig()
	config.SetGlobal(gosec.NoSecRequireRules, "true")
	config.SetGlobal(gosec.NoSecRequireJustification, "true")
	analyzer := gosec.NewAnalyzer(config, false, true, true, runtime.GOMAXPROCS(0), log.New(io.Discard, "", 0))
	loaded := rules.Generate(true)
	analyzer.LoadRules(loaded.RulesInfo())
	ssa := analyzers.Generate(true)
	analyzer.LoadAnalyzers(ssa.AnalyzersInfo())
	// Without the tag, directories of magefiles would be skipped in silence.
	if err := analyzer.Process([]string{"mage"}, dirs...); err != nil {
		return false, fmt.Errorf("analysing: %w", err)
	}
	issues, metrics, errs := analyzer.Report()
	if metrics.NumFiles == 0 {
		return false, fmt.Errorf("analysing: no files were read in %s", strings.Join(dirs, " "))
	}
	if err := write(sarif, gosec.NewReportInfo(issues, metrics, errs).WithVersion(version)); err != nil {
		return false, err
	}
	open, suppressed, advisory := 0, 0, 0
	for _, i := range issues {
		switch {
		case len(i.Suppressions) > 0 || i.NoSec:
			suppressed++
		case strings.HasPrefix(i.RuleID, "G7"):
			advisory++
			fmt.Fprintf(stdout, "%s (advisory)\n", describe(i))
		default:
			open++
			fmt.Fprintln(stdout, describe(i))
		}
	}
	for _, file := range slices.Sorted(maps.Keys(errs)) {
		for _, e := range errs[file] {
			fmt.Fprintf(stdout, "%s:%d:%d: %s\n", relative(file), e.Line, e.Column, e.Err)
		}
	}
	fmt.Fprintf(stdout, "gosec %s: %d files, %d lines, %d rules: %d issues, %d advisory, %d suppressed with a reason, %d errors\n",
		version, metrics.NumFiles, metrics.NumLines, len(loaded.Rules)+len(ssa.Analyzers), open, advisory, suppressed, len(errs))
	return open > 0 || len(errs) > 0, nil
}

func describe(i *issue.Issue) string {
	return fmt.Sprintf("%s:%s:%s: %s: %s (severity %s, confidence %s)", relative(i.File), i.Line, i.Col, i.RuleID, i.What, i.Severity, i.Confidence)
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

// relative returns file below the current directory where it is there.
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
