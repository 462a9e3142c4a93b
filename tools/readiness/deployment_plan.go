package readiness

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
)

// A Plan tells the people affected by a release what will happen. It is
// generated from evidence alone: the same evidence gives the same text.
type Plan struct {
	Text   string // Markdown
	Digest string // SHA-256 of the text, hexadecimal
}

// DefaultWhen is the default time for deploying production. An approval times
// out after seven days,
// https://docs.aws.amazon.com/codepipeline/latest/userguide/approvals.html.
const DefaultWhen = "As soon as a person approves in the pipeline, within seven days of being asked."

// PlanOf generates the plan from statements: candidate, policy, assembly,
// deployed stacks, and the version that serves.
func PlanOf(statements []evidence.Statement, when string) (Plan, error) {
	in := Inputs{Statements: statements}
	var policy PolicyUsed
	if err := errors.Join(in.Read(&in.Candidate), in.Read(&policy)); err != nil {
		return Plan{}, fmt.Errorf("planning: %w", err)
	}
	in.Policy = policy.Policy
	return in.plan(when)
}

func newPlan(text string) Plan {
	return Plan{text, evidence.Digest([]byte(text))}
}

// plan generates the plan. It returns an error if the effect on production is unknown.
func (in Inputs) plan(when string) (Plan, error) {
	var assembly Assembly
	var deployed Deployed
	var production Production
	if err := errors.Join(in.Read(&assembly), in.Read(&deployed), in.Read(&production)); err != nil {
		return Plan{}, fmt.Errorf("planning: %w", err)
	}
	if other := elsewhere(in, assembly.Stacks[assembly.last()].Environment, production.Account, production.Region); other != "" {
		return Plan{}, fmt.Errorf("planning: production is for %s", other)
	}
	var w planWriter
	if err := w.what(in); err != nil {
		return Plan{}, err
	}
	w.printf("\n## When\n\n%s\n", when)
	w.risk(in)
	w.rollback(in, production)
	w.printf("\n## Who\n\n- owner: %s\n", cmp.Or(in.Policy.Owner, "the policy names nobody"))
	for _, contact := range in.Policy.Contacts {
		w.printf("- contact: %s\n", contact)
	}
	return newPlan(w.String()), nil
}

type planWriter struct{ strings.Builder }

func (w *planWriter) printf(format string, args ...any) { fmt.Fprintf(w, format, args...) }

// mostListed limits the lines of a list in a plan. An SNS message has at most
// 256 KiB, and a reader's patience ends earlier.
const mostListed = 60

func (w *planWriter) list(lines []string) {
	for _, line := range shortened(lines, mostListed) {
		w.printf("- %s\n", line)
	}
}

// what writes what is deployed and what differs.
func (w *planWriter) what(in Inputs) error {
	c := in.Candidate
	w.printf("# Deployment plan of %.12s\n\n## What\n\n", c.Commit)
	w.printf("- commit %s\n", c.Commit)
	if c.First() {
		w.printf("- the first release: everything is new\n")
	} else {
		w.printf("- after release %s\n", c.Base)
	}
	w.printf("- deployment package with SHA-256 %s\n", c.Package)
	if c.Account != "" {
		w.printf("- account %s\n", c.Account)
	}
	w.printf("- %s, %s\n", count(len(c.Commits), "commit"), sizes(c.Changed))
	assembly := read(in, &Assembly{})
	for _, stack := range assembly.Manifest.Stacks() {
		w.printf("\n### Stack %s\n\n", stack)
		d, why, ok := stackDiff(in, stack)
		switch {
		case ok && len(d.changes()) == 0:
			w.printf("Nothing changes.\n")
		case ok:
			var lines []string
			for _, change := range d.changes() {
				lines = append(lines, fmt.Sprintf("%s (%s) is %s", change.id, change.resource.Type, change.what))
			}
			w.list(lines)
		case why.State == NotApplicable || stack != assembly.last():
			w.printf("%s\n", why.Reason)
		default:
			return fmt.Errorf("planning: the effect on production is unknown: %s", why.Reason)
		}
	}
	w.printf("\n### Files\n\n")
	var files []string
	changed := slices.Clone(c.Changed)
	slices.SortStableFunc(changed, func(a, b Change) int { return fileKind(a.Path) - fileKind(b.Path) })
	for _, change := range changed {
		line := change.Status + " " + change.Path
		if change.From != "" {
			line += ", was " + change.From
		}
		files = append(files, line)
	}
	w.list(files)
	return nil
}

// fileKinds lists the kinds of changed files, in the order in which a reader
// should look at them.
var fileKinds = []string{"infrastructure", "Go code", "anything else", "documentation", "tests"}

// fileKind returns the kind of a file as an index into fileKinds.
func fileKind(name string) int {
	kind := "anything else"
	switch {
	case isTest(name):
		kind = "tests"
	case strings.HasSuffix(name, ".md"):
		kind = "documentation"
	case strings.HasPrefix(name, "infra/") || path.Base(name) == "cdk.json" || path.Base(name) == "cdk.context.json":
		kind = "infrastructure"
	case strings.HasSuffix(name, ".go"):
		kind = "Go code"
	}
	return slices.Index(fileKinds, kind)
}

// sizes counts changed files by kind.
func sizes(changes []Change) string {
	counts := make([]int, len(fileKinds))
	for _, c := range changes {
		counts[fileKind(c.Path)]++
	}
	parts := make([]string, len(fileKinds))
	for i, kind := range fileKinds {
		parts[i] = fmt.Sprintf("%d of %s", counts[i], kind)
	}
	return fmt.Sprintf("%s: %s", count(len(changes), "file"), strings.Join(parts, ", "))
}

// The levels of risk, and manyFiles, above which nobody reads every file.
const (
	riskLow = iota
	riskMedium
	riskHigh

	manyFiles = 100
)

// risk derives the risk from facts. Each fact says what level it causes.
func (w *planWriter) risk(in Inputs) {
	level := riskLow
	var facts []string
	fact := func(of int, format string, args ...any) {
		level = max(level, of)
		facts = append(facts, []string{"low", "medium", "high"}[of]+": "+fmt.Sprintf(format, args...))
	}
	ifAny := func(n, of int) int {
		if n > 0 {
			return of
		}
		return riskLow
	}
	d, _, there := stackDiff(in, read(in, &Assembly{}).last())
	if there {
		lost, open := d.losses()
		open = append(open, lost...)
		fact(ifAny(len(open), riskHigh), "%s removed, replaced or weakened that hold (or may hold) data", count(len(open), "resource"))
		wider := broadened(d.before.grants(), d.after.grants())
		fact(ifAny(len(wider), riskMedium), "%s new or wider", count(len(wider), "grant"))
		replaced, left := 0, 0
		for _, change := range d.changes() {
			if slices.Contains(watchers, change.resource.Type) {
				continue
			}
			if change.what == "replaced" {
				replaced++
			}
			if !d.undone(change) {
				left++
			}
		}
		fact(ifAny(replaced, riskHigh), "%s replaced, not counting alarms and others that only monitor", count(replaced, "resource"))
		fact(ifAny(left, riskMedium), "%s that moving the alias back does not undo", count(left, "change"))
	} else {
		fact(riskMedium, "production is new: there is no traffic to shift and no version to roll back to")
	}
	w.shifting(in, fact)
	files := len(in.Candidate.Changed)
	fact(ifAny(max(0, files-manyFiles), riskMedium), "%s changed", count(files, "file"))
	w.printf("\n## Risk: %s\n\nThe highest of:\n\n", []string{"low", "medium", "high"}[level])
	for _, f := range facts {
		w.printf("- %s\n", f)
	}
}

// shifting describes how traffic moves to the new version, and what stops the shift.
func (*planWriter) shifting(in Inputs, fact func(of int, format string, args ...any)) {
	_, t, err := productionTemplate(in)
	if err != nil {
		fact(riskHigh, "it is unknown how traffic shifts: %v", err)
		return
	}
	groups := t.ofType("AWS::CodeDeploy::DeploymentGroup")
	if len(groups) == 0 {
		fact(riskHigh, "traffic does not shift step by step")
	}
	for _, id := range groups {
		p := t.Resources[id].Properties
		config, alarms := cfnText(p["DeploymentConfigName"]), len(cfnList(cfnAt(p, "AlarmConfiguration", "Alarms")))
		of := riskLow
		if alarms == 0 || config == "" || strings.HasSuffix(config, "AllAtOnce") {
			of = riskMedium
		}
		fact(of, "traffic shifts with %s, and %s can stop it", config, count(alarms, "alarm"))
	}
}

// Repoint returns the command that gives a version of a function all traffic of
// an alias.
func Repoint(function, alias, version string) string {
	return fmt.Sprintf("aws lambda update-alias --function-name %s --name %s --function-version %s --routing-config AdditionalVersionWeights={}", function, alias, version)
}

// rollback writes the commands that undo the release.
func (w *planWriter) rollback(in Inputs, p Production) {
	w.printf("\n## Rollback\n\n")
	if p.Absent != "" {
		w.printf("There is no version to roll back to. These commands delete the stack; resources that hold data are retained:\n\n"+
			"    aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name %[1]s\n"+
			"    aws cloudformation delete-stack --stack-name %[1]s\n", read(in, &Assembly{}).last())
		return
	}
	for i, s := range p.All() {
		also := "If an alarm goes off during the shift, CodeDeploy rolls the traffic back automatically. Later, this command makes version %s serve again at once:\n\n    %s\n"
		if i > 0 {
			also = "\nAnd this one, version %s of another function:\n\n    %s\n"
		}
		w.printf(also, s.Version, Repoint(s.Function, s.Alias, s.Version))
	}
	if !in.Candidate.First() {
		w.printf("\nThese commands return everything besides the function to the previous release:\n\n"+
			"    git restore --source=%[1]s --staged --worktree :/\n"+
			"    git commit -m \"Return to %.12[1]s\" && git push\n", in.Candidate.Base)
	}
}
