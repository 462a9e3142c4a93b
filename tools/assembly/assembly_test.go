package assembly_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/magewright/magewright/tools/assembly/annotate"
	"github.com/magewright/magewright/tools/internal/gocmd"
	"github.com/magewright/magewright/tools/internal/testinput"
	"github.com/magewright/magewright/tools/localaws/buildspec"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/surface"
	"github.com/magewright/magewright/tools/surface/magefile"
	"github.com/magewright/magewright/tools/surface/reference"
)

// dir is the root of the repository.
const dir = "../.."

// TestWhatIsSynthesized synthesizes the stacks once, for all that is held of
// them here. It reads what the CDK app is made of and little else, so that go
// test does not synthesize again after a change of anything else.
func TestWhatIsSynthesized(t *testing.T) {
	t.Parallel()
	testinput.Read(t, "infra", "go.mod", "go.sum")
	assembly := synthesized(t)
	t.Run("builds run nothing but mage", func(t *testing.T) { buildsRunNothingButMage(t, assembly) })
	t.Run("the stacks have their names", func(t *testing.T) { theStacksHaveTheirNames(t, assembly) })
	t.Run("annotate finds what the CDK app writes", func(t *testing.T) { annotateFindsWhatTheCDKAppWrites(t, assembly) })
	t.Run("the canary's limits are the alarms'", func(t *testing.T) { theCanarysLimitsAreTheAlarms(t, assembly) })
	t.Run("the reference has the stacks", func(t *testing.T) { theReferenceHasTheStacks(t, assembly) })
}

// buildsRunNothingButMage holds that the build logic is written once: the
// buildspec's build phase runs the targets that the action names, and every
// action of the pipeline names targets that exist.
func buildsRunNothingButMage(t *testing.T, assembly string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "buildspec.yml"))
	if err != nil {
		t.Fatal(err)
	}
	spec, err := buildspec.Parse("buildspec.yml", data)
	if err != nil {
		t.Fatal(err)
	}
	for _, phase := range spec.Phases {
		if got := slices.Concat(phase.Commands, phase.Finally); phase.Name == buildspec.BuildStep && !slices.Equal(got, []string{"go tool mage $MAGE_TARGETS"}) {
			t.Errorf("the build phase runs %q", got)
		}
	}
	source, err := os.ReadFile(filepath.Join(dir, "magefile.go"))
	if err != nil {
		t.Fatal(err)
	}
	known, err := surface.Tree{"magefile.go": source}.Targets()
	if err != nil {
		t.Fatal(err)
	}
	named := actionTargets(t, assembly)
	if len(named) < 7 {
		t.Errorf("the pipeline names targets in %d actions, want at least 7", len(named))
	}
	for action, list := range named {
		if err := magefile.Check(strings.Fields(list), known); err != nil {
			t.Errorf("action %s runs %q: %v", action, list, err)
		}
	}
}

// theStacksHaveTheirNames holds that the tools call the stacks what the CDK app
// calls them, and that the manifest names them all, with the outputs that they have.
func theStacksHaveTheirNames(t *testing.T, assembly string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(assembly, "manifest.json")) // #nosec G304 -- made above
	if err != nil {
		t.Fatal(err)
	}
	var synthesized struct {
		Artifacts map[string]struct{ Type string }
	}
	if err := json.Unmarshal(data, &synthesized); err != nil {
		t.Fatal(err)
	}
	var names []string
	for name, artifact := range synthesized.Artifacts {
		if artifact.Type == "aws:cloudformation:stack" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if want := slices.Sorted(slices.Values(project.Stacks())); !slices.Equal(names, want) {
		t.Errorf("the CDK app makes the stacks %v, and the tools know %v", names, want)
	}
	written, err := manifest.Read(project.Config{Assembly: assembly})
	if err != nil {
		t.Fatal(err)
	}
	if want := project.Stacks(); !slices.Equal(written.Stacks(), want) {
		t.Errorf("the manifest names the stacks %v, and readiness judges %v", written.Stacks(), want)
	}
	for i, stage := range manifest.Old().Stages {
		got := written.Stages[i]
		if got.Name != stage.Name || got.Template != stage.Template || got.Approval != stage.Approval || len(got.Functions) != 1 ||
			got.Functions[0].Alias != stage.Functions[0].Alias || !maps.Equal(got.Functions[0].Outputs, stage.Functions[0].Outputs) {
			t.Errorf("stage %d is %+v, and what it was called before manifests is %+v", i, got, stage)
		}
	}
}

// annotateFindsWhatTheCDKAppWrites holds that the manifest which is found in the
// templates is the one that our constructs write, but for what no template says.
func annotateFindsWhatTheCDKAppWrites(t *testing.T, assembly string) {
	t.Helper()
	written, err := manifest.Read(project.Config{Assembly: assembly})
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	found, err := annotate.Find(t.Context(), project.Config{Dir: root, Assembly: assembly})
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Notes) > 0 {
		t.Errorf("annotate notes %q", found.Notes)
	}
	written.Untagged, found.Annotated = false, ""
	for i := range written.Stages {
		written.Stages[i].Evidence = nil
	}
	for _, stage := range found.Stages {
		for i := range stage.Functions {
			if stage.Functions[i].URL == "" {
				t.Errorf("stage %s: no URL is found", stage.Name)
			}
			stage.Functions[i].URL = ""
		}
	}
	if diff := cmp.Diff(written, found.Manifest, cmpopts.IgnoreUnexported(manifest.Stage{})); diff != "" {
		t.Errorf("what is found differs (-written +found):\n%s", diff)
	}
}

// theCanarysLimitsAreTheAlarms holds that promote can read from production's
// template what the alarms on its traffic take as too much, and that those on all
// traffic and those on the new version take the same.
func theCanarysLimitsAreTheAlarms(t *testing.T, assembly string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(assembly, "magewright-production.template.json")) // #nosec G304 -- made above
	if err != nil {
		t.Fatal(err)
	}
	errorPercent, p90, err := readiness.Gates(data)
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Resources map[string]struct {
			Type       string
			Properties struct {
				MetricName string
				Threshold  float64
			}
		}
	}
	if err := json.Unmarshal(data, &template); err != nil {
		t.Fatal(err)
	}
	alarms := 0
	for id, resource := range template.Resources {
		want := errorPercent
		switch p := resource.Properties; {
		case resource.Type != "AWS::CloudWatch::Alarm" || p.MetricName == "Throttles":
			continue
		case p.MetricName == "Duration":
			want = p90
		}
		if alarms++; resource.Properties.Threshold != want {
			t.Errorf("alarm %s is above %g, and the canary's limit is %g", id, resource.Properties.Threshold, want)
		}
	}
	if alarms != 6 {
		t.Errorf("production has %d alarms on errors, HTTP 5xx and durations, want 6", alarms)
	}
}

// synthesized returns a directory with the stacks, which are synthesized once.
func synthesized(t *testing.T) string {
	t.Helper()
	assembly, err := assemblies()
	if err != nil {
		t.Fatal(err)
	}
	return assembly
}

var assemblies = sync.OnceValues(func() (string, error) {
	settings, err := json.Marshal(map[string]string{"repository": "example/app", "package": filepath.Join(scratch, "app.zip")})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(scratch, "app.zip"), []byte("PK"), 0o600); err != nil {
		return "", err
	}
	assembly := filepath.Join(scratch, "cdk.out")
	synth := gocmd.In(dir, "CDK_OUTDIR="+assembly, "CDK_CONTEXT_JSON="+string(settings))
	var said strings.Builder
	synth.Stdout, synth.Stderr = &said, &said
	if err := synth.Run(context.Background(), "run", "./infra"); err != nil {
		return "", fmt.Errorf("synthesizing: %w\n%s", err, &said)
	}
	return assembly, nil
})

// scratch is a directory of all tests here.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "assembly-"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(scratch) // temporary
	os.Exit(code)
}

// actionTargets returns MAGE_TARGETS of each of the pipeline's builds.
func actionTargets(t *testing.T, assembly string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(assembly, "magewright-pipeline.template.json")) // #nosec G304 -- made above
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Resources map[string]struct {
			Type       string
			Properties struct {
				Source struct{ BuildSpec string }
				Stages []struct {
					Actions []struct {
						Name          string
						ActionTypeID  struct{ Category, Provider string } `json:"ActionTypeId"`
						Configuration struct{ EnvironmentVariables string }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(data, &template); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	named := map[string]string{}
	for id, resource := range template.Resources {
		// What judges runs the code of the last release: see infra/delivery.
		judges := strings.Contains(resource.Properties.Source.BuildSpec, "go run ./tools/magewright judge $MAGE_TARGETS")
		if resource.Type == "AWS::CodeBuild::Project" && resource.Properties.Source.BuildSpec != "buildspec.yml" && !judges {
			t.Errorf("project %s runs %s", id, resource.Properties.Source.BuildSpec)
		}
		for _, stage := range resource.Properties.Stages {
			for _, action := range stage.Actions {
				switch kind := action.ActionTypeID; kind.Category {
				case "Source", "Approval":
					continue
				default:
					if kind.Provider != "CodeBuild" {
						t.Errorf("action %s is run by %s", action.Name, kind.Provider)
					}
				}
				var variables []struct{ Name, Value string }
				if err := json.Unmarshal([]byte(action.Configuration.EnvironmentVariables), &variables); err != nil {
					t.Fatalf("action %s: %v", action.Name, err)
				}
				for _, v := range variables {
					if v.Name == "MAGE_TARGETS" {
						named[action.Name] = v.Value
					}
				}
				if named[action.Name] == "" {
					t.Errorf("action %s names no MAGE_TARGETS", action.Name)
				}
			}
		}
	}
	return named
}

// theReferenceHasTheStacks holds that the outputs and alarms in the committed
// reference are those of the templates.
func theReferenceHasTheStacks(t *testing.T, assembly string) {
	t.Helper()
	templates, err := reference.ReadTemplates(project.Config{Assembly: assembly})
	if err != nil {
		t.Fatal(err)
	}
	generated, err := reference.StackSections(templates)
	if err != nil {
		t.Fatal(err)
	}
	committed, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(reference.File)))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(committed), generated) {
		t.Errorf("%s lacks what the templates say; go tool mage synth docs writes it:\n%s", reference.File, strings.Join(reference.Diff(string(committed), generated), "\n"))
	}
}
