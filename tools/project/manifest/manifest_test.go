package manifest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
)

// assembly makes an assembly of a manifest.
func assembly(t *testing.T, text string) project.Config {
	t.Helper()
	cfg := project.Config{Assembly: t.TempDir()}
	if err := os.WriteFile(filepath.Join(cfg.Assembly, manifest.File), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestWhatTheCDKAppWrites holds that all is read that infra/delivery writes. Its
// golden file is the one fact that both sides share.
func TestWhatTheCDKAppWrites(t *testing.T) {
	t.Parallel()
	written, err := os.ReadFile("../../../infra/delivery/testdata/magewright.json")
	if err != nil {
		t.Fatal(err)
	}
	m, err := manifest.Read(assembly(t, string(written)))
	if err != nil {
		t.Fatal(err)
	}
	strict := json.NewDecoder(bytes.NewReader(written))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&struct {
		SchemaVersion int
		manifest.Manifest
	}{}); err != nil {
		t.Errorf("something is written and not read: %v", err)
	}
	if m.Name != "shop" || m.Repository != "example/shop" || m.Untagged || m.Pipeline.Stack != "shop-pipeline" {
		t.Errorf("the manifest is %+v", m)
	}
	if got := m.Stacks(); !slices.Equal(got, []string{"shop-test", "shop-evidence", "shop-pilot", "shop-live", "shop-pipeline"}) {
		t.Errorf("the stacks are %v", got)
	}
	first, last := m.First(), m.Last()
	if first.Name != "test" || last.Name != "live" || len(m.Stages) != 3 {
		t.Errorf("the stages are %+v", m.Stages)
	}
	if got := first.Stacks(); !slices.Equal(got, []string{"shop-test", "shop-evidence"}) {
		t.Errorf("the first stage consists of %v", got)
	}
	if got := last.Stacks(); !slices.Equal(got, []string{"shop-live"}) || last.Account != "111122223333" || last.Region != "eu-central-1" || !last.Approval {
		t.Errorf("the last stage is %+v, of %v", last, got)
	}
	if e := first.Evidence; e == nil || e.Bucket != "Evidence4CC26D68" || e.Key == "" || e.Output != "EvidenceBucket" {
		t.Errorf("evidence is in %+v", e)
	}
	if len(first.Functions) != 3 {
		t.Fatalf("the functions are %+v", first.Functions)
	}
	web, worker := first.Functions[0], first.Functions[1]
	if web.Function == "" || web.Alias != "live" || web.Application == "" || web.DeploymentGroup == "" || web.Outputs["FunctionUrl"] == "" {
		t.Errorf("the first function is %+v", web)
	}
	if len(worker.Sources) != 2 || worker.Sources[0].Kind != "queue" || worker.Sources[0].Resource == "" || worker.Outputs["FunctionUrl"] != "" {
		t.Errorf("the second function is %+v", worker)
	}
	if s, err := m.Stage("pilot"); err != nil || s.Stack != "shop-pilot" || s.TemplateFile(project.Config{Assembly: "a"}) != filepath.Join("a", "shop-pilot.template.json") {
		t.Errorf("pilot is %+v, %v", s, err)
	}
	if _, err := m.Stage("production"); exit.Status(err) != exit.Usage || !strings.Contains(err.Error(), `["test" "pilot" "live"]`) {
		t.Errorf("a stage that is not there gives %v", err)
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	stage := func(name string) string {
		return `{"name":"` + name + `","stack":"x-` + name + `","template":"x-` + name + `.json"}`
	}
	whole := func(stages ...string) string {
		return `{"schemaVersion":1,"repository":"a/b","pipeline":{"stack":"x-pipeline","template":"p.json"},"stages":[` + strings.Join(stages, ",") + `]}`
	}
	for _, tt := range []struct {
		name, text, says string
		none             bool
	}{
		{"whole", whole(stage("a"), stage("b")), "", false},
		{"none", "", "there is no cloud assembly in ", true},
		{"older", `{"commit":"abc","dirty":false,"package":"def"}`, "magewright.json: no manifest names the stacks", true},
		{"newer", `{"schemaVersion":2}`, "has schema version 2, but this Magewright reads at most 1", false},
		{"broken", `{`, "unexpected end of JSON input", false},
		{"of one stage", whole(stage("a")), "has only the stage a", false},
		{"of no stage", whole(), "it has no stage", false},
		{"of no repository", `{"schemaVersion":1}`, "it names no repository", false},
		{"with a stage twice", whole(stage("a"), stage("a")), "two of its stacks are called x-a", false},
		{"with a template elsewhere", whole(stage("a"), `{"name":"b","stack":"x-b","template":"../b.json"}`), `stack "x-b" has the template "../b.json"`, false},
	} {
		cfg := project.Config{Assembly: t.TempDir()}
		if tt.text != "" {
			cfg = assembly(t, tt.text)
		}
		_, err := manifest.Read(cfg)
		if tt.says == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "go tool mage synth") || exit.Status(err) != exit.Environment || errors.Is(err, manifest.ErrNone) != tt.none {
			t.Errorf("%s: error is %v, want %q", tt.name, err, tt.says)
		}
		old, err := manifest.ReadOrOld(cfg)
		if (err == nil) != tt.none {
			t.Errorf("%s: the old names are not given for it, or given: %v", tt.name, err)
		}
		if tt.none && (old.First().Stack != "magewright-staging" || old.Last().Stack != "magewright-production" || old.Pipeline.Stack != "magewright-pipeline") {
			t.Errorf("%s: the old names are %+v", tt.name, old)
		}
	}
}

// TestAttackByOtherStages lets a commit choose which stack is deployed first, or which
// one users have. Only a deployment of the pipeline may.
func TestAttackByOtherStages(t *testing.T) {
	stages := func(pairs ...string) string {
		var all []string
		for _, pair := range pairs {
			name, stack, _ := strings.Cut(pair, "=")
			all = append(all, `{"name":"`+name+`","stack":"`+stack+`","template":"`+stack+`.json"}`)
		}
		return `{"schemaVersion":1,"repository":"a/b","pipeline":{"stack":"x-pipeline","template":"p.json"},"stages":[` + strings.Join(all, ",") + `]}`
	}
	t.Setenv("MAGEWRIGHT_STAGES", "staging=x-staging,production=x-production")
	for _, tt := range []struct {
		name, text string
		refused    bool
	}{
		{"as deployed", stages("staging=x-staging", "production=x-production"), false},
		{"production first", stages("production=x-production", "staging=x-staging"), true},
		{"production called staging", stages("staging=x-production", "production=x-staging"), true},
		{"another production", stages("staging=x-staging", "production=y"), true},
		{"one more, before anybody is asked", stages("staging=x-staging", "canary=x-production", "production=z"), true},
		{"a stage less", stages("staging=x-production"), true},
	} {
		_, err := manifest.Read(assembly(t, tt.text))
		if refused := err != nil && strings.Contains(err.Error(), "the deployed pipeline delivers staging=x-staging,production=x-production: a commit can't choose others"); refused != tt.refused || err != nil && exit.Status(err) != exit.Gate {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestAttackByAStacksName calls a stack like a flag of the CDK CLI, which deploys what users
// have with the rights of the promotion: a plugin of it is a program.
func TestAttackByAStacksName(t *testing.T) {
	t.Setenv("MAGEWRIGHT_STAGES", "staging=x-staging,production=x-production")
	text := func(evidence, pipeline string) string {
		return `{"schemaVersion":1,"repository":"a/b","pipeline":{"stack":"` + pipeline + `","template":"p.json"},"stages":[{"name":"staging","stack":"x-staging","template":"s.json"},` +
			`{"name":"production","stack":"x-production","template":"p.json","evidence":{"stack":"` + evidence + `","bucket":"b"}}]}`
	}
	if m, err := manifest.Read(assembly(t, text("x-evidence", "x-pipeline"))); err != nil || len(m.Last().Stacks()) != 2 {
		t.Fatalf("%+v, %v", m.Last(), err)
	}
	for _, name := range []string{"--plugin=./cdk.out/evil.js", "-a", "*", "x-*", "x/y", "x-production --all", "../x", "9"} {
		for _, text := range []string{text(name, "x-pipeline"), text("x-evidence", name)} {
			if _, err := manifest.Read(assembly(t, text)); err == nil || !strings.Contains(err.Error(), "is not the name of a stack") {
				t.Errorf("%q: %v", name, err)
			}
		}
	}
}
