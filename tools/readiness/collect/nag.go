package collect

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/mod/modfile"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/internal/gitcmd"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/readiness"
)

// nagModule is the module of cdk-nag.
const nagModule = "github.com/cdklabs/cdk-nag-go/cdknag/v2"

// nagAgain applies cdk-nag to the templates again, for a judge: the reports are written by
// the candidate's own CDK app, which could say anything. Suppressions are in the templates.
func nagAgain(ctx context.Context, e Env, a readiness.Assembly, apply func(context.Context, project.Config, map[string]json.RawMessage, string) error) *readiness.SecondNag {
	if !e.Project.Judged() || e.Project.Adopted() {
		// The CDK app of another repository has a cdk-nag of its own, with other rules.
		return &readiness.SecondNag{Own: true}
	}
	again, err := compareNag(ctx, e, a, apply)
	if err != nil {
		again.Reason = plain(err)
	}
	return &again
}

func compareNag(ctx context.Context, e Env, a readiness.Assembly, apply func(context.Context, project.Config, map[string]json.RawMessage, string) error) (again readiness.SecondNag, err error) {
	templates := map[string]json.RawMessage{}
	for _, name := range a.Manifest.Stacks() {
		if stack, ok := a.Stacks[name]; ok {
			templates[name] = stack.Template
		}
	}
	theirs, _, err := gitcmd.In(e.Project.Dir).File(ctx, e.Project.Commit, "go.mod")
	if err != nil {
		return again, err
	}
	ours, err := os.ReadFile(filepath.Join(e.Project.Code().Dir, "go.mod"))
	if err != nil {
		return again, err
	}
	again.Version, again.Claimed = required(ours, nagModule), required(theirs, nagModule)
	out, err := os.MkdirTemp("", "nag-")
	if err != nil {
		return again, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(out)) }()
	if err := apply(ctx, e.Project, templates, out); err != nil {
		return again, err
	}
	for _, name := range slices.Sorted(maps.Keys(templates)) {
		report, err := readNag(out, name)
		if err != nil {
			return again, err
		}
		if report == nil {
			return again, fmt.Errorf("cdk-nag has no report on %s", name)
		}
		again.Resources += report.Resources
		for _, broken := range slices.Concat(report.NonCompliant, report.Errored) {
			again.Broken = append(again.Broken, name+": "+broken)
		}
		if again.Version != again.Claimed {
			continue // other versions have other rules
		}
		claimed, found := a.Stacks[name].Nag, report
		if claimed == nil {
			claimed = &readiness.NagReport{}
		}
		rules := map[string]int{}
		maps.Copy(rules, claimed.Rows)
		maps.Copy(rules, found.Rows)
		for _, rule := range slices.Sorted(maps.Keys(rules)) {
			if was, is := claimed.Rows[rule], found.Rows[rule]; was != is {
				again.Differ = append(again.Differ, fmt.Sprintf("%s: the build of the candidate says: %d times %s; the judge has found: %d times", name, was, rule, is))
			}
		}
	}
	return again, nil
}

// required returns the version of a module that a go.mod requires, or "".
func required(text []byte, module string) string {
	parsed, err := modfile.ParseLax("go.mod", text, nil)
	if err != nil {
		return ""
	}
	for _, r := range parsed.Require {
		if r.Mod.Path == module {
			return r.Mod.Version
		}
	}
	return ""
}

// readNag reads cdk-nag's report on a stack, which has a line for each rule and
// resource. It returns nil if there is no report.
func readNag(dir, stack string) (*readiness.NagReport, error) {
	name := cdk.NagReport(stack)
	file, err := os.Open(filepath.Join(dir, filepath.Base(name))) // #nosec G304 -- a file of the assembly
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(rows) == 0 || len(rows[0]) < 3 || rows[0][0] != "Rule ID" || rows[0][1] != "Resource ID" || rows[0][2] != "Compliance" {
		return nil, fmt.Errorf("%s: its columns are not Rule ID, Resource ID and Compliance", name)
	}
	report := &readiness.NagReport{Rows: map[string]int{}}
	resources := map[string]bool{}
	for _, row := range rows[1:] {
		resources[row[1]] = true
		report.Rows[row[0]+" "+row[2]]++
		switch row[2] {
		case "Compliant":
			report.Compliant++
		case "Suppressed":
			report.Suppressed++
		case "Non-Compliant":
			report.NonCompliant = append(report.NonCompliant, row[0]+" "+row[1])
		default:
			report.Errored = append(report.Errored, row[0]+" "+row[1])
		}
	}
	report.Resources = len(resources)
	return report, nil
}
