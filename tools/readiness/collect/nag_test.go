package collect

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/readiness"
)

// TestAttackForgedNagReport leaves reports of cdk-nag that the templates contradict.
func TestAttackForgedNagReport(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	pin := func(version string) string {
		return "module m\n\ngo 1.26\n\nrequire " + nagModule + " " + version + "\n"
	}
	commit := r.commit(map[string]string{"go.mod": pin("v2.1.0")})
	const columns = "Rule ID,Resource ID,Compliance,Exception Reason\n"
	judge := t.TempDir()
	for _, tt := range []struct {
		name, claimed, found, ours string
		broken, differ             []string
		reason                     string
	}{
		{name: "the truth", claimed: "A,s/B,Compliant,\nB,s/B,Suppressed,why\n", found: "B,s/T/B1,Suppressed,why\nA,s/T/B1,Compliant,\n", ours: "v2.1.0"},
		{name: "what breaks a rule does not", claimed: "A,s/B,Compliant,\n", found: "A,s/T/B1,Non-Compliant,\n", ours: "v2.1.0", broken: []string{"s: A s/T/B1"},
			differ: []string{"s: the build of the candidate says: 1 times A Compliant; the judge has found: 0 times", "s: the build of the candidate says: 0 times A Non-Compliant; the judge has found: 1 times"}},
		{name: "a resource is left out", claimed: "A,s/B,Compliant,\n", found: "A,s/T/B1,Compliant,\nA,s/T/C1,Suppressed,why\n", ours: "v2.1.0",
			differ: []string{"s: the build of the candidate says: 0 times A Suppressed; the judge has found: 1 times"}},
		{name: "another version", claimed: "A,s/B,Compliant,\n", found: "A,s/T/B1,Compliant,\nNew,s/T/B1,UNKNOWN,\n", ours: "v2.0.0", broken: []string{"s: New s/T/B1"}},
		{name: "no report", claimed: "A,s/B,Compliant,\n", ours: "v2.1.0", reason: "cdk-nag has no report on s"},
		{name: "it can't be applied", claimed: "A,s/B,Compliant,\n", found: "!", ours: "v2.1.0", reason: "no network"},
	} {
		writeFiles(t, judge, map[string]string{"go.mod": pin(tt.ours)})
		claim := t.TempDir()
		writeFiles(t, claim, map[string]string{"AwsSolutions--s-NagReport.csv": columns + tt.claimed})
		report, err := readNag(claim, "s")
		if err != nil {
			t.Fatal(err)
		}
		cfg := r.at(commit)
		cfg.Judge = project.Judge{Dir: judge}
		a := readiness.Assembly{
			Manifest: manifest.Manifest{Stages: []manifest.Stage{{Place: manifest.Place{Stack: "s"}}}},
			Stacks:   map[string]readiness.AssemblyStack{"s": {Template: json.RawMessage(`{"x":1}`), Nag: report}, "beside": {}},
		}
		got := nagAgain(t.Context(), Env{Project: cfg}, a, func(_ context.Context, of project.Config, templates map[string]json.RawMessage, out string) error {
			if of.Code().Dir != judge || len(templates) != 1 || string(templates["s"]) != `{"x":1}` {
				t.Errorf("%s: %s is applied to %s", tt.name, of.Code().Dir, templates)
			}
			switch tt.found {
			case "":
				return nil
			case "!":
				return errors.New("no network")
			}
			return os.WriteFile(filepath.Join(out, "AwsSolutions--s-NagReport.csv"), []byte(columns+tt.found), 0o600)
		})
		if !slices.Equal(got.Broken, tt.broken) || !slices.Equal(got.Differ, tt.differ) || (got.Reason == "") != (tt.reason == "") || !strings.Contains(got.Reason, tt.reason) || got.Own {
			t.Errorf("%s: %+v", tt.name, *got)
		}
	}
	if got := nagAgain(t.Context(), Env{Project: r.at(commit)}, readiness.Assembly{}, nil); !got.Own {
		t.Errorf("who judges itself has applied it again: %+v", *got)
	}
}
