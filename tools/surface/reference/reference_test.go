package reference

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest/manifesttest"
	"github.com/magewright/magewright/tools/surface"
)

// template is the template of a stack with an output and an alarm.
const template = `{"Outputs": {"Url": {"Description": "where it | answers"}}, "Resources": {"SlowB20A28F9": {"Type": "AWS::CloudWatch::Alarm",
	"Properties": {"AlarmDescription": "It is slow", "Statistic": "Sum", "MetricName": "Errors", "ComparisonOperator": "GreaterThanThreshold", "Threshold": 1, "Period": 60, "EvaluationPeriods": 1}}}}`

func templates() Templates {
	return Templates{{"staging", json.RawMessage(template)}, {"production", json.RawMessage(template)}, {"pipeline", json.RawMessage(`{}`)}}
}

// repository returns the files of this project. The reference that is generated
// from them must equal the committed one.
func repository(t *testing.T) surface.Tree {
	t.Helper()
	tree, err := surface.OfFiles(t.Context(), "../../..")
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	tree := repository(t)
	tree[supported] = []byte("| service | executed |\n|---|---|\n| `sts` | all |\n")
	text, entries, err := Generate(tree, templates())
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := Generate(tree, templates())
	if err != nil || !bytes.Equal(text, again) {
		t.Errorf("the same source gives another reference the second time: %v", err)
	}
	for _, section := range Sections {
		if entries[section] == 0 {
			t.Errorf("the section %s is empty", section)
		}
	}
	if len(entries) != len(Sections) {
		t.Errorf("entries of %v, want those of %v", entries, Sections)
	}
	for _, want := range []string{
		"| `deployStaging`, `deploy-staging` | ", "| `rehearse -speed` | how many times as fast", "\n| 3 | a tool, a credential",
		"| `NO_COLOR` | ", "| `production.deploymentConfig` | ", "| `GET /healthz` | answers which build it is. |",
		"| `Url` | where it \\| answers | staging, production |", "| `Slow` | It is slow | Sum of Errors > 1, 1 of 1 periods of 60 s; missing data is missing | staging, production |",
		"\n| `sts` | all |\n", "\n### tools/project\n", "\nfunc (c Config) Path(elem ...string) (string, error)\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the reference has no %q", want)
		}
	}
}

// A tree without the embedded AWS has no section about it.
func TestWithoutTheEmbeddedAWS(t *testing.T) {
	t.Parallel()
	tree := repository(t)
	delete(tree, supported)
	text, entries, err := Generate(tree, templates())
	if _, has := entries["services"]; err != nil || has || strings.Contains(string(text), "## The embedded AWS") {
		t.Errorf("%v %v", entries, err)
	}
}

// A release may explain a variable that the release which judges it does not know.
func TestMeaningsAreTheTreesOwn(t *testing.T) {
	t.Parallel()
	tree := repository(t)
	tree["tools/x/x.go"] = []byte("package x\n\nimport \"os\"\n\nvar _ = os.Getenv(\"NOVEL\")\n")
	tree[surface.Meanings] = append(tree[surface.Meanings], "NOVEL: 'a new variable'\n"...)
	text, _, err := Generate(tree, templates())
	if err != nil || !bytes.Contains(text, []byte("| `NOVEL` | a new variable | `tools/x` |")) {
		t.Errorf("a new variable with a meaning gives %v", err)
	}
	tree[surface.Meanings] = []byte("- a list\n")
	if _, _, err := Generate(tree, templates()); err == nil || !strings.Contains(err.Error(), "reading "+surface.Meanings) {
		t.Errorf("a list of meanings gives %v", err)
	}
}

// TestEveryVariableHasAMeaning checks that no variable without a meaning, and
// no meaning without a variable, gets into the reference.
func TestEveryVariableHasAMeaning(t *testing.T) {
	t.Parallel()
	tree := repository(t)
	tree["tools/x/x.go"] = []byte("package x\n\nimport \"os\"\n\nvar _ = os.Getenv(\"OBSCURE\")\n")
	if _, _, err := Generate(tree, templates()); err == nil || !strings.Contains(err.Error(), "OBSCURE is read in tools/x") {
		t.Errorf("a variable that nobody explains gives %v", err)
	}
	tree = repository(t)
	for name, text := range tree {
		tree[name] = bytes.ReplaceAll(text, []byte(`Getenv("GOVULNDB")`), []byte(`Getenv("TERM")`))
	}
	if _, _, err := Generate(tree, templates()); err == nil || !strings.Contains(err.Error(), "the environment variable GOVULNDB is not read anywhere") {
		t.Errorf("a meaning of nothing gives %v", err)
	}
}

func TestWithoutAnAssembly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	err := Write(t.Context(), project.Config{Dir: dir, Assembly: filepath.Join(dir, "cdk.out")})
	if err == nil || exit.Status(err) != exit.Environment || !strings.HasSuffix(err.Error(), "next: go tool mage synth") {
		t.Errorf("error %v, want one that says to synthesize", err)
	}
}

func TestReadTemplates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	manifesttest.Write(t, dir, "c", "")
	for _, template := range templates() {
		if err := os.WriteFile(filepath.Join(dir, "magewright-"+template.Name+".template.json"), template.Text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := ReadTemplates(project.Config{Assembly: dir})
	if diff := cmp.Diff(templates(), got); err != nil || diff != "" {
		t.Errorf("ReadTemplates: %v\n%s", err, diff)
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, committed, generated string
		want                       []string
	}{
		{"the same", "a\nb\n", "a\nb\n", nil},
		{"a line more", "a\nc", "a\nb\nc", []string{"+ b"}},
		{"a line less", "a\nb\nc", "a\nc", []string{"- b"}},
		{"another line", "a\nb\nc", "a\nx\nc", []string{"- b", "+ x"}},
		{"another order", "a\nb", "b\na", []string{"- a", "+ a"}},
		{"white space", "a ", "a", []string{"- a ", "+ a"}},
		{"no newline at the end", "a\n", "a", []string{"- "}},
		{"nothing before", "", "a\nb", []string{"- ", "+ a", "+ b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, Diff(tt.committed, tt.generated)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
