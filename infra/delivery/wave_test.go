package delivery_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"

	"github.com/magewright/magewright/infra/delivery"
)

// stagesOf returns stages of another CDK app, as NAME or NAME@WAVE.
func stagesOf(names ...string) []delivery.Stage {
	var all []delivery.Stage
	for _, name := range names {
		name, wave, _ := strings.Cut(name, "@")
		all = append(all, delivery.Stage{Name: name, Wave: wave, Assembled: &delivery.AssembledStage{
			ManifestStage: delivery.ManifestStage{Name: name, ManifestStack: delivery.ManifestStack{Stack: "Shop-" + name}},
		}})
	}
	return all
}

// newPipeline returns an app's pipeline of some stages, a line for each of its own stages.
func newPipeline(t *testing.T, stages []delivery.Stage) ([]string, delivery.Manifest, error) {
	t.Helper()
	dir := t.TempDir()
	app := awscdk.NewApp(&awscdk.AppProps{Outdir: &dir})
	if _, err := delivery.NewPipeline(app, &delivery.PipelineProps{Name: "shop", Repository: "example/shop", Branch: "main", Context: "{}", Stages: stages}); err != nil {
		return nil, delivery.Manifest{}, err
	}
	var lines []string
	for _, stack := range *app.Synth(nil).Stacks() {
		encoded, err := json.Marshal(stack.Template())
		var template map[string]any
		if err == nil {
			err = json.Unmarshal(encoded, &template)
		}
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, linesOf(template)...)
	}
	m, _, err := readBack(dir)
	return lines, m, err
}

// linesOf returns the stages of the pipeline in a template with their actions: the order
// in which an action runs, what it runs and the evidence that it gets.
func linesOf(template map[string]any) []string {
	var lines []string
	resources, _ := template["Resources"].(map[string]any)
	for _, r := range resources {
		stages, _ := dig(r, "Properties", "Stages").([]any)
		for _, s := range stages {
			line := fmt.Sprint(dig(s, "Name"), ":")
			actions, _ := dig(s, "Actions").([]any)
			for _, action := range actions {
				var variables []struct{ Name, Value string }
				text, _ := dig(action, "Configuration", "EnvironmentVariables").(string)
				_ = json.Unmarshal([]byte(text), &variables)
				runs := ""
				for _, v := range variables {
					if v.Name == "MAGE_TARGETS" {
						runs = v.Value
					}
				}
				evidence := slices.DeleteFunc(names(dig(action, "InputArtifacts")), func(name string) bool { return !strings.HasSuffix(name, "Evidence") })
				line += fmt.Sprintf(" %v %v[%s](%s)", dig(action, "RunOrder"), dig(action, "Name"), runs, strings.Join(evidence, " "))
			}
			lines = append(lines, line)
		}
	}
	return lines
}

// TestWaves holds that a pipeline of five stages is made of their names alone: two of them
// side by side after an approval, each with its own actions, and the evidence of both
// reaches those who decide.
func TestWaves(t *testing.T) {
	stages := stagesOf("beta", "gamma", "eu@pilots", "us@pilots", "prod")
	stages[2].Approval = delivery.Question("gamma", "pilots")
	got, m, err := newPipeline(t, stages)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"Source: 1 Source[]()",
		"Verify: 1 Lint[lint]() 1 Test[test]() 1 Sec[sec synth -second]() 1 Synth[synth]()",
		"Beta: 1 Deploy[deploy-staging]() 2 Smoke[smoke](LintEvidence TestEvidence SecEvidence) 3 Drill[drill](SmokeEvidence)",
		"Gamma: 1 Deploy[deploy-stage -stage=gamma]() 2 Smoke[smoke -stage=gamma](DrillEvidence)",
		"PilotsApproval: 1 Approve[]()",
		"Pilots: 1 EuDeploy[deploy-stage -stage=eu]() 2 EuSmoke[smoke -stage=eu](GammaSmokeEvidence) 1 UsDeploy[deploy-stage -stage=us]() 2 UsSmoke[smoke -stage=us](GammaSmokeEvidence)",
		"Approval: 1 Readiness[plan -send readiness](EuSmokeEvidence UsSmokeEvidence) 2 Approve[]()",
		"Prod: 1 Promote[promote](ReadinessEvidence)",
		"Update: 1 Pipeline[pipeline:deploy](ReadinessEvidence)",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the pipeline is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var written []string
	for _, s := range m.Stages {
		written = append(written, fmt.Sprint(s.Name, " ", s.Wave, " ", s.Approval))
	}
	if want := []string{"beta  false", "gamma  false", "eu pilots true", "us pilots false", "prod  true"}; !slices.Equal(written, want) {
		t.Errorf("the manifest has %q, want %q", written, want)
	}
}

// TestWavesRefused holds that what a pipeline can't do is refused by name.
func TestWavesRefused(t *testing.T) {
	for _, tt := range []struct {
		stages []delivery.Stage
		says   string
	}{
		{stagesOf("beta@all", "prod"), "stage beta can't be part of wave all: it is the first"},
		{stagesOf("beta", "eu@all", "us@all"), "stage us can't be part of wave all: it is the last"},
		{stagesOf("beta", "a@all", "b@all", "c@all", "d@all", "prod"), "wave all has 4 stages: 3 at most"},
		{stagesOf("beta", "a@all", "b", "c@all", "prod"), "stages of one wave must follow each other"},
		{stagesOf("beta", "a@b", "b", "prod"), "wave b has the name of a stage"},
		{stagesOf("beta", "a@All", "prod"), `a wave is called "All"`},
		{func() []delivery.Stage {
			s := stagesOf("beta", "a@all", "b@all", "prod")
			s[2].Approval = &delivery.Approval{}
			return s
		}(), "stage b has an approval and is not the first of wave all: give the approval to a"},
		{func() []delivery.Stage {
			s := stagesOf("beta", "gamma", "prod")
			s[1].Actions = delivery.Trial()
			return s
		}(), `action Deploy of stage gamma runs deploy-staging, which is for the first stage, beta: use delivery.Rollout("gamma")`},
	} {
		if _, _, err := newPipeline(t, tt.stages); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("error is %v, want %q", err, tt.says)
		}
	}
}
