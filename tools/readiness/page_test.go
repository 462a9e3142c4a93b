package readiness

import (
	"bytes"
	"encoding/json"
	flags "flag"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project/manifest"
)

var update = flags.Bool("update", false, "rewrite the golden files")

const (
	pageCommit = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00"
	pageBase   = "ba5eba11ba5eba11ba5eba11ba5eba11ba5eba11"
)

// pages returns the assessments in the golden files, with their statements.
func pages(t *testing.T) map[string]struct {
	Assessment
	statements []evidence.Statement
} {
	t.Helper()
	made := evidence.Made{FinishedOn: fixtureNow.Add(-10 * time.Minute)}
	pkg := strings.Repeat("ab", 32)
	candidate := Candidate{
		Made: made, Commit: pageCommit, Base: pageBase, BaseIs: "the latest tag, v1.4.0", Package: pkg, Account: "111122223333",
		Commits: []string{pageCommit, "5eed5eed5eed5eed5eed5eed5eed5eed5eed5eed"},
		Changed: []Change{{Path: "app/ledger/ledger.go", Status: "M"}, {Path: "app/ledger/link.go", Status: "A"}, {Path: "infra/service/stack.go", Status: "M"}, {Path: "docs/<new>.md", From: "docs/old.md", Status: "R"}, {Path: "tools/old.go", Status: "D"}},
	}
	stack := func(text string) json.RawMessage { return json.RawMessage(text) }
	before := stack(`{"Resources":{"Function":{"Type":"AWS::Lambda::Function","Properties":{"MemorySize":128}},"VersionA":{"Type":"AWS::Lambda::Version"},"Evidence":{"Type":"AWS::S3::Bucket"}}}`)
	after := stack(`{"Resources":{"Function":{"Type":"AWS::Lambda::Function","Properties":{"MemorySize":256}},"VersionB":{"Type":"AWS::Lambda::Version"},"Evidence":{"Type":"AWS::S3::Bucket","Properties":{"BucketName":"other"}}}}`)
	with := func(p evidence.Predicate) evidence.Statement { return statement(t, pageCommit, p) }
	statements := []evidence.Statement{
		with(evidence.Tests{Made: evidence.Made{FinishedOn: made.FinishedOn, Tools: map[string]string{"go": "1.26.1"}}, Result: evidence.TestsPassed, Passed: 812, Packages: 41}),
		with(evidence.Smoke{Made: made, Stage: "staging", URL: "https://staging.example/", Commit: pageCommit, Package: pkg, Result: evidence.TestsPassed}),
		with(candidate),
		with(PolicyUsed{Made: made, From: pageBase, Policy: Policy{Required: []string{"tests-pass"}, MaxAge: Duration(24 * time.Hour)}}),
		with(Assembly{Made: made, Manifest: manifest.Old(), Commit: pageCommit, Package: pkg, Stacks: map[string]AssemblyStack{stagingStack: {Template: after}, productionStack: {Template: after}, pipelineStack: {Template: after}}}),
		with(Deployed{Made: made, Account: "111122223333", Region: "eu-west-1", Stacks: map[string]DeployedStack{
			stagingStack: {Status: "UPDATE_COMPLETE", Template: after}, productionStack: {Status: "UPDATE_COMPLETE", Template: before}, pipelineStack: {Absent: "Stack with id magewright-pipeline does not exist"}}}),
		with(Absence{Made: made, Of: Drill{}.PredicateType(), Reason: "no drill was recorded", Next: "go tool mage drill"}),
	}
	outcome := func(id string, state State, r Result, of ...evidence.Predicate) Outcome {
		check, ok := Find(id)
		if !ok {
			t.Fatalf("there is no check %s", id)
		}
		r.State = state
		o := Outcome{ID: id, Item: check.Item, Title: check.Title, Required: true, Result: r}
		if state != Pass && state != NotApplicable && r.Next == "" {
			o.Next = check.Next
		}
		for _, p := range of {
			o.Evidence = append(o.Evidence, p.PredicateType())
		}
		return o
	}
	good := []Outcome{
		outcome("tests-pass", Pass, Result{Counted: "812 passed, 0 failed, 3 skipped in 41 packages"}, evidence.Tests{}),
		outcome("secrets", Pass, Result{Counted: "2 commits, 14 kB"}),
		outcome("parity", Pass, Result{Counted: "24 resources, 290 values; 5 differences, 5 declared", NotChecked: "What templates do not contain: termination protection, tags, quotas, data."}, Assembly{}),
	}
	bad := []Outcome{
		good[0],
		outcome("vulnerabilities", Unknown, Result{Reason: "the database could not be reached"}),
		outcome("change-set", Fail, Result{
			Counted: "4 resources of magewright-production: 1 added (VersionB), 2 changed (Evidence, Function), 1 replaced (Evidence), 1 removed (VersionA)",
			Reason:  "7 found", Findings: []string{"Evidence (AWS::S3::Bucket) is replaced: BucketName changes", "two", "three", "four", "five", "six", "<script>seven</script>"},
			NotChecked: "Values that are only known at deployment, such as those of parameters; CloudFormation's own change set has them.",
		}, Assembly{}, Deployed{}),
		outcome("previous-version", NotApplicable, Result{Reason: "production is not deployed, so there is nothing to roll back to; account 111122223333, region eu-west-1: Stack with id magewright-production does not exist"}, Production{}),
		outcome("rollback-drill", Unknown, Result{Reason: "no drill was recorded", Next: "go tool mage drill"}, Assembly{}, Drill{}),
		good[2],
	}
	bad[1].Required = false
	waived := []Outcome{good[0], outcome("rollback-drill", Waived, Result{Reason: "the drill's account is being moved until 2026-12-01"}, Drill{}), good[2]}
	tolerated := []Outcome{good[0], outcome("vulnerabilities", Unknown, Result{Reason: "a rehearsal has no database"}), good[2]}
	tolerated[1].Tolerated = true
	all := map[string]struct {
		Assessment
		statements []evidence.Statement
	}{}
	for name, outcomes := range map[string][]Outcome{"go": good, "no-go": bad, "waivers": waived, "rehearsal": tolerated} {
		a := Assessment{Made: evidence.Made{FinishedOn: fixtureNow}, Commit: pageCommit, Base: pageBase, Package: pkg, Account: "111122223333", Outcomes: outcomes}
		for _, o := range outcomes {
			if o.Tolerated {
				a.Tolerated++
			}
			if o.State == Waived {
				a.Waived++
				a.Waivers = append(a.Waivers, JudgedWaiver{Was: Unknown, SignedWaiver: SignedWaiver{By: "Bo", Waiver: evidence.Waiver{
					Check: o.ID, Reason: "the drill's account is being moved", Owner: "Cy", Expires: fixtureNow.Add(7 * 24 * time.Hour),
				}}})
			}
		}
		a.Verdict = a.verdict(name == "rehearsal")
		all[name] = struct {
			Assessment
			statements []evidence.Statement
		}{a, statements}
	}
	return all
}

// golden compares output with a golden file below testdata. -update rewrites that file.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file) // #nosec G304 -- a golden file
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what was written: go test ./tools/readiness -run %s -update, and git diff\n%s", file, t.Name(), got)
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	for name, a := range pages(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var table, page bytes.Buffer
			a.WriteTable(&table)
			if err := a.WritePage(&page, a.statements); err != nil {
				t.Fatal(err)
			}
			golden(t, "page/"+name+".txt", table.Bytes())
			golden(t, "page/"+name+".html", page.Bytes())
			for line := range strings.Lines(table.String()) {
				if utf8.RuneCountInString(strings.TrimRight(line, "\n")) > tableWidth && !strings.Contains(line, "next: ") {
					t.Errorf("a line of the table is wider than %d: %q", tableWidth, line)
				}
			}
			sound(t, page.String())
		})
	}
}

var (
	elementIDs = regexp.MustCompile(` id="([^"]*)"`)
	references = regexp.MustCompile(` (?:href="#|aria-labelledby=")([^"]*)"`)
	headings   = regexp.MustCompile(`<h([1-6])[ >]`)
	cells      = regexp.MustCompile(`<th(?: [^>]*)?>`)
	outside    = regexp.MustCompile(`(?i)<script|<iframe|<object|@import|url\(|\b(?:src|action)=|href="(?:[^#d"]|d[^a])`)
)

// sound checks what a page needs to be accessible and self-contained.
func sound(t *testing.T, page string) {
	t.Helper()
	for _, want := range []string{`<html lang="en">`, "<title>", "<main>", "<header>", "<footer>", "<nav aria-label", `name="viewport"`, "default-src 'none'", "prefers-color-scheme: dark", "@media print"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	if found := outside.FindString(page); found != "" {
		t.Errorf("the page asks for something outside of it: %s", found)
	}
	ids := map[string]bool{}
	for _, m := range elementIDs.FindAllStringSubmatch(page, -1) {
		if ids[m[1]] {
			t.Errorf("the id %s is there twice", m[1])
		}
		ids[m[1]] = true
	}
	for _, m := range references.FindAllStringSubmatch(page, -1) {
		if !ids[m[1]] {
			t.Errorf("#%s leads nowhere", m[1])
		}
	}
	last := 0
	for _, m := range headings.FindAllStringSubmatch(page, -1) {
		level := int(m[1][0] - '0')
		if level > last+1 || level == 1 && last > 0 {
			t.Errorf("a heading of level %d follows one of %d", level, last)
		}
		last = level
	}
	for _, cell := range cells.FindAllString(page, -1) {
		if !strings.Contains(cell, "scope=") && cell != "<thead>" {
			t.Errorf("a header cell has no scope: %s", cell)
		}
	}
}

var colours = regexp.MustCompile(`--([a-z-]+): #([0-9a-f]+);`)

// TestContrast checks that the contrast between text and background is at least
// 4.5 to 1, WCAG 2.2, 1.4.3 (AA),
// https://www.w3.org/TR/WCAG22/#contrast-minimum.
func TestContrast(t *testing.T) {
	t.Parallel()
	light, rest, _ := strings.Cut(pageHTML, "@media screen and (prefers-color-scheme: dark)")
	dark, _, _ := strings.Cut(rest, "}")
	for scheme, css := range map[string]string{"light": light, "dark": dark} {
		luminance := map[string]float64{}
		for _, m := range colours.FindAllStringSubmatch(css, -1) {
			luminance[m[1]] = relativeLuminance(t, m[2])
		}
		for text, grounds := range map[string][]string{
			"text": {"ground", "panel", "good-ground", "bad-ground", "open-ground"}, "quiet": {"ground", "panel"}, "link": {"ground", "panel"},
			"good": {"good-ground"}, "bad": {"bad-ground"}, "open": {"open-ground", "ground"},
		} {
			for _, ground := range grounds {
				a, b := luminance[text], luminance[ground]
				if ratio := (max(a, b) + .05) / (min(a, b) + .05); ratio < 4.5 {
					t.Errorf("%s: --%s on --%s has a contrast of %.1f to 1", scheme, text, ground, ratio)
				}
			}
		}
	}
}

// relativeLuminance is WCAG's relative luminance for a colour written as rgb or rrggbb.
func relativeLuminance(t *testing.T, hex string) float64 {
	t.Helper()
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	linear := func(channel uint64) float64 {
		c := float64(channel&0xff) / 255
		if c <= .04045 {
			return c / 12.92
		}
		return math.Pow((c+.055)/1.055, 2.4)
	}
	return .2126*linear(n>>16) + .7152*linear(n>>8) + .0722*linear(n)
}
