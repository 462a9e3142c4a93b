package synth

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/internal/inputs/inputstest"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/manifest"
)

// TestInputsOfAnotherRepository holds that what synthesis builds into the repository is
// no input of it, and that the settings are.
func TestInputsOfAnotherRepository(t *testing.T) {
	t.Setenv("CDK_CONTEXT_JSON", "")
	inputstest.Run(t, read, map[string]string{
		"go.mod": "module example\n\ngo 1.26\n", "cmd/hello/main.go": "package main\n", "deploy/cdk.json": `{"app":"go run ."}`,
		"magewright/go.mod": "module example/magewright\n\ngo 1.26\n", "magewright/cdk.json": `{"context":{"cdkApp":"deploy","functions":{"cmd/hello":"dist/hello","cmd/b":"dist/b.zip"}}}`,
	},
		inputstest.File("cmd/hello/main.go", "package hello\n", "file cmd/hello/main.go"),
		inputstest.File("dist/hello/bootstrap", "built"),
		inputstest.File("dist/b.zip", "built"),
		inputstest.File("dist/c.zip", "theirs", "file dist/c.zip"),
		inputstest.File("deploy/cdk.out/manifest.json", "by somebody"),
		inputstest.File("magewright/go.mod", "module example/magewright\n\ngo 1.26\n\nrequire a.example/b v1.0.0\n", "file magewright/go.mod"),
		inputstest.Committed("commit"),
	)
}

// TestTheCommitIsInTheTemplates holds that the commit is written beside what a template
// says already, and not where files differ from it.
func TestTheCommitIsInTheTemplates(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		dirty        bool
		before, want string
	}{
		{false, `{"Resources":{"a":{"Properties":{"n":10000000000000001}}}}`, `{"Metadata":{"magewright":{"commit":"abc"}},"Resources":{"a":{"Properties":{"n":10000000000000001}}}}`},
		{false, `{"Metadata":{"theirs":"<x>"}}`, `{"Metadata":{"magewright":{"commit":"abc"},"theirs":"<x>"}}`},
		{true, `{"Resources":{}}`, `{"Resources":{}}`},
	} {
		cfg := project.Config{Assembly: t.TempDir(), Commit: "abc", Dirty: tt.dirty}
		file := filepath.Join(cfg.Assembly, "t.json")
		if err := os.WriteFile(file, []byte(tt.before), 0o600); err != nil {
			t.Fatal(err)
		}
		err := stamp(cfg, []manifest.Stage{{Place: manifest.Place{Template: "t.json"}}})
		got, readErr := os.ReadFile(file) // #nosec G304 -- made above
		if text := strings.Join(strings.Fields(strings.ReplaceAll(string(got), `": `, `":`)), ""); err != nil || readErr != nil || text != tt.want {
			t.Errorf("%s becomes %s, %v, want %s", tt.before, text, err, tt.want)
		}
	}
	for _, broken := range []string{"gone.json", "broken.json"} {
		cfg := project.Config{Assembly: t.TempDir(), Commit: "abc"}
		if err := os.WriteFile(filepath.Join(cfg.Assembly, "broken.json"), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := stamp(cfg, []manifest.Stage{{Place: manifest.Place{Template: broken}}}); err == nil || !strings.Contains(err.Error(), broken) {
			t.Errorf("%s: %v", broken, err)
		}
	}
}

// TestThePipelineIsNamed holds that the manifest of the assembly names the pipeline,
// which is in an assembly of its own, and keeps what it says besides.
func TestThePipelineIsNamed(t *testing.T) {
	t.Parallel()
	cfg := project.Config{Assembly: t.TempDir()}
	const stages = `"schemaVersion":1,"repository":"acme/shop","stages":[{"name":"a","stack":"A","template":"A.json"},{"name":"b","stack":"B","template":"B.json"}]`
	for name, text := range map[string]string{
		manifest.File: `{"annotated":"x",` + stages + `}`,
		filepath.Join(pipelineDir, manifest.File): `{` + stages + `,"pipeline":{"stack":"shop-pipeline","template":"shop-pipeline.template.json","region":"eu-central-1","judge":"/magewright/shop-pipeline/judge"}}`,
	} {
		file := filepath.Join(cfg.Assembly, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := addPipeline(cfg); err != nil {
		t.Fatal(err)
	}
	if err := cdk.WriteRelease(cfg, cdk.Release{Commit: "abc"}); err != nil {
		t.Fatal(err)
	}
	got, err := manifest.Read(cfg)
	want := manifest.Pipeline{Place: manifest.Place{Stack: "shop-pipeline", Template: "pipeline/shop-pipeline.template.json", Region: "eu-central-1"}, Judge: "/magewright/shop-pipeline/judge"}
	if err != nil || got.Pipeline != want || got.Annotated != "x" || len(got.Stages) != 2 {
		encoded, _ := json.Marshal(got)
		t.Errorf("%s, %v", encoded, err)
	}
}
