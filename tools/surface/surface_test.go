package surface

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/surface/magefile"
)

// tree returns a small repository with one surface of each kind.
func tree() Tree {
	return Tree{
		"go.mod": []byte("module example.com/m\n\ngo 1.26\n"),
		"magefile.go": []byte(`//go:build mage

package main

import (
	"context"

	"example.com/m/tools/verb"
	"github.com/magefile/mage/mg"
)

var Aliases = map[string]any{"deploy-it": DeployIt}

// DeployIt deploys. It takes a while.
func DeployIt(ctx context.Context,
	dry *bool, // deploy nothing
	times *int,
) error {
	return verb.Run(ctx)
}

type Pipeline mg.Namespace

// Show shows it.
func (Pipeline) Show() error { return nil }

type other struct{}

func (other) NotATarget() {}
func helper()             {}
`),
		"tools/verb/verb.go": []byte(`// Package verb does it. It has more to say.
package verb

import "os"

const (
	One = "1" // a comment
	Two = "2"
)

// A Config has fields.
type Config struct {
	Name   string // of it
	hidden int
}

// Path returns a path.
func (c Config) Path(elem ...string) string { return os.Getenv("VERB_HOME") }

// Run runs it.
func Run(ctx any) error {
	if _, ok := os.LookupEnv("VERB"); ok {
		return nil
	}
	return inner()
}

func inner() error { return nil }
`),
		"tools/project/project.go":         []byte("package project\n\ntype Config struct{ Dir string }\n"),
		"tools/inner/inner.go":             []byte("package inner\n\nfunc Exported() {}\n"),
		"infra/settings/settings.go":       []byte("package settings\n\ntype Settings struct {\n\t// Branch that is\n\t// delivered.\n\tBranch string `json:\"branch\"`\n\t// Where it goes.\n\tStaging Stage `json:\"staging,omitzero\"`\n\tcontext map[string]any\n}\n\ntype Place struct {\n\tRegion string `json:\"region\"`\n}\n\ntype Stage struct {\n\tPlace\n\tName string `json:\"-\"`\n\t// Config by which traffic shifts.\n\tConfig string `json:\"config\"`\n}\n"),
		"app/ledger/ledger.go":             []byte("package ledger\n\nfunc handler(mux mux, s *server) {\n\tmux.HandleFunc(\"GET /a\", s.show)\n\tmux.Handle(\"PUT /b/{c}\", other())\n\tmux.HandleFunc(\"no pattern\", s.show)\n}\n\n// show answers it.\nfunc (s *server) show() {}\n"),
		"tools/project/exit/exit.go":       []byte("package exit\n\nconst (\n\tGate = 1 // a check failed\n\tinner = 9\n)\n"),
		"tools/verb/testdata/ignored.go":   nil,
		"tools/verb/verb_windows.go":       []byte("package verb\n\nfunc Run(another, one any) error\n"),
		"elsewhere/reads_environment_x.go": []byte("package elsewhere\n\nvar _ = os.Getenv(\"ELSEWHERE\")\n"),
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	got, err := tree().Targets()
	want := []magefile.Target{
		{Name: "deployIt", Alias: "deploy-it", Doc: "deploys.", Flags: []magefile.Flag{{Name: "dry", Type: "bool", Doc: "deploy nothing"}, {Name: "times", Type: "int"}}},
		{Name: "pipeline:show", Doc: "shows it."},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Targets: %v\n%s", err, diff)
	}
}

func TestSettingsRoutesAndExitCodes(t *testing.T) {
	t.Parallel()
	settings, err := tree().Settings()
	if diff := cmp.Diff([]Setting{
		{"branch", "string", "Branch that is delivered."},
		{"staging.region", "string", "Where it goes."},
		{"staging.config", "string", "Config by which traffic shifts."},
	}, settings); err != nil || diff != "" {
		t.Errorf("Settings: %v\n%s", err, diff)
	}
	routes, err := tree().Routes()
	if diff := cmp.Diff([]Route{{"GET /a", "answers it."}, {"PUT /b/{c}", ""}}, routes); err != nil || diff != "" {
		t.Errorf("Routes: %v\n%s", err, diff)
	}
	codes, err := tree().ExitCodes()
	if diff := cmp.Diff([]ExitCode{{"Gate", "1", "a check failed"}}, codes); err != nil || diff != "" {
		t.Errorf("ExitCodes: %v\n%s", err, diff)
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	got, err := tree().Environment()
	want := []Variable{{"VERB", []string{"tools/verb"}}, {"VERB_HOME", []string{"tools/verb"}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Environment: %v\n%s", err, diff)
	}
	hidden := tree()
	hidden["tools/verb/hidden.go"] = []byte("package verb\n\nimport \"os\"\n\nfunc f(name string) string { return os.Getenv(name) }\n")
	if _, err := hidden.Environment(); err == nil || !strings.Contains(err.Error(), "tools/verb/hidden.go:5: the name is not a literal") {
		t.Errorf("a name that nobody can look up gives %v", err)
	}
}

func TestPackages(t *testing.T) {
	t.Parallel()
	got, err := tree().Packages()
	want := []Package{
		{Name: "tools/project", Symbols: []Symbol{{"Config", "type Config struct{ Dir string }"}}},
		{Name: "tools/verb", Doc: "Package verb does it.", Symbols: []Symbol{
			{"Config", "type Config struct {\n\tName string\n\t// contains filtered or unexported fields\n}"},
			{"Config.Path", "func (c Config) Path(elem ...string) string"},
			{"One", `const One = "1"`},
			{"Run", "func Run(ctx any) error"},
			{"Two", `const Two = "2"`},
		}},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Packages: %v\n%s", err, diff)
	}
}

// TestDiff checks that Diff notices changes of what others rely on, and ignores
// changes of comments, bodies and unexported parts.
func TestDiff(t *testing.T) {
	t.Parallel()
	edit := func(file, old, fresh string) Tree {
		edited := tree()
		text := strings.ReplaceAll(string(edited[file]), old, fresh)
		if text == string(edited[file]) {
			t.Fatalf("%s has no %q", file, old)
		}
		edited[file] = []byte(text)
		return edited
	}
	for _, tt := range []struct {
		name string
		tree Tree
		want []string
	}{
		{"nothing", tree(), nil},
		{"a comment", edit("tools/verb/verb.go", "// of it", "// of that"), nil},
		{"a body", edit("tools/verb/verb.go", "return inner()", "return nil"), nil},
		{"unexported", edit("tools/verb/verb.go", "hidden int", "hidden string"), nil},
		{"a package of nobody else", edit("tools/inner/inner.go", "Exported", "Other"), nil},
		{"a constant beside", edit("tools/verb/verb.go", "Two =", "Three = \"3\"\n\tTwo ="), []string{"added api tools/verb.Three"}},
		{"a field", edit("tools/verb/verb.go", "Name   string", "Name   int"), []string{"changed api tools/verb.Config"}},
		{"a flag's type", edit("magefile.go", "dry *bool", "dry *string"), []string{"changed flags deployIt -dry"}},
		{"a flag's name", edit("magefile.go", "dry *bool", "wet *bool"), []string{"removed flags deployIt -dry", "added flags deployIt -wet"}},
		{"a target", edit("magefile.go", "(Pipeline) Show", "(Pipeline) Hide"), []string{"added targets pipeline:hide", "removed targets pipeline:show"}},
		{"a variable", edit("tools/verb/verb.go", `"VERB"`, `"NOUN"`), []string{"added environment NOUN", "removed environment VERB"}},
		{"a setting", edit("infra/settings/settings.go", `"region"`, `"zone"`), []string{"removed settings staging.region", "added settings staging.zone"}},
		{"a route", edit("app/ledger/ledger.go", "GET /a", "POST /a"), []string{"removed routes GET /a", "added routes POST /a"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			before, err := tree().Surfaces()
			if err != nil {
				t.Fatal(err)
			}
			after, err := tt.tree.Surfaces()
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range Diff(before, after) {
				got = append(got, c.What+" "+string(c.Kind)+" "+c.Name)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestATreeThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	for _, remove := range []string{"go.mod", "tools/verb/verb.go"} {
		broken := tree()
		delete(broken, remove)
		if _, err := broken.Surfaces(); err == nil {
			t.Errorf("a tree without %s is no error", remove)
		}
	}
	// What a repository need not have is missed by those alone who document it.
	other := tree()
	for name := range other {
		if name != "go.mod" && !strings.HasPrefix(name, "app/") {
			delete(other, name)
		}
	}
	if _, err := other.Surfaces(); err != nil {
		t.Errorf("a tree without a magefile, settings and packages gives %v", err)
	}
	if _, err := other.Targets(); err == nil {
		t.Error("a tree without a magefile has targets")
	}
	if _, err := other.Settings(); err == nil {
		t.Error("a tree without settings has some")
	}
	broken := tree()
	broken["app/ledger/ledger.go"] = []byte("package ledger; .Handle(")
	if _, err := broken.Surfaces(); err == nil || !strings.Contains(err.Error(), "app/ledger/ledger.go:1") {
		t.Errorf("a file that does not parse gives %v", err)
	}
}

func TestReadTemplate(t *testing.T) {
	t.Parallel()
	got, err := ReadTemplate([]byte(`{
		"Outputs": {"Url": {"Description": "where it answers", "Value": {"Ref": "X"}}, "Arn": {"Value": "a"}},
		"Resources": {
			"SlowB20A28F9": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"AlarmDescription": "It is slow", "ExtendedStatistic": "p90", "MetricName": "Duration",
				"ComparisonOperator": "GreaterThanThreshold", "Threshold": 3000, "Period": 60, "EvaluationPeriods": 3, "DatapointsToAlarm": 2, "TreatMissingData": "notBreaching"}},
			"Fails": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"ComparisonOperator": "LessThanThreshold", "Threshold": 0.5, "EvaluationPeriods": 1,
				"Metrics": [{"Id": "e", "Expression": "a / b"}, {"Id": "a", "MetricStat": {"Period": 300}}]}},
			"Topic": {"Type": "AWS::SNS::Topic"}}}`))
	want := Template{
		Outputs: []Output{{"Arn", ""}, {"Url", "where it answers"}},
		Alarms: []Alarm{
			{"Fails", "", "a / b < 0.5, 1 of 1 periods of 300 s; missing data is missing"},
			{"Slow", "It is slow", "p90 of Duration > 3000, 2 of 3 periods of 60 s; missing data is notBreaching"},
		},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("ReadTemplate: %v\n%s", err, diff)
	}
	for _, bad := range []string{"", "[]", `{"Resources":{"A":{"Type":"AWS::CloudWatch::Alarm","Properties":{"Threshold":{"Ref":"P"}}}}}`} {
		if _, err := ReadTemplate([]byte(bad)); err == nil {
			t.Errorf("%q is read as a template", bad)
		}
	}
}

// TestTreesOfGit checks that the tree of a commit has the commit's content, and
// that the tree of the files includes what is not committed yet.
func TestTreesOfGit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	git := func(args ...string) {
		t.Helper()
		args = append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)
		if _, err := (command.Cmd{Dir: dir}).Output(t.Context(), "git", args...); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a.go", "a_test.go", "testdata/b.go", "README.md", "go.mod", "sub/go.mod", "x.bin", "gone.go"} {
		write(name, "committed")
	}
	write(".gitignore", "ignored.go\n")
	git("init", "--quiet")
	git("add", "-A")
	git("commit", "--quiet", "-m", "one")
	write("a.go", "changed")
	write("ignored.go", "x")
	write("new.go", "new")
	if err := os.Remove(filepath.Join(dir, "gone.go")); err != nil {
		t.Fatal(err)
	}
	c := []byte("committed")
	committed, err := AtCommit(t.Context(), dir, "HEAD")
	if diff := cmp.Diff(Tree{"a.go": c, "README.md": c, "go.mod": c, "gone.go": c}, committed); err != nil || diff != "" {
		t.Errorf("AtCommit: %v\n%s", err, diff)
	}
	files, err := OfFiles(t.Context(), dir)
	if diff := cmp.Diff(Tree{"a.go": []byte("changed"), "README.md": c, "go.mod": c, "new.go": []byte("new")}, files); err != nil || diff != "" {
		t.Errorf("OfFiles: %v\n%s", err, diff)
	}
	if _, err := AtCommit(t.Context(), dir, "0123456789"); err == nil || !strings.Contains(err.Error(), "0123456789") {
		t.Errorf("a commit that is not there gives %v", err)
	}
}
