// Command standalone is the CDK app of the pipeline of a repository that adopts Magewright.
// The repository's own CDK app, in any language, stays as it is: this app reads the names of
// what is delivered from the assembly of that one.
//
// Its settings are CDK context, in magewright/cdk.json of that repository. If you want other
// actions, write a CDK app with delivery.NewPipeline and put its command into "app" of that
// file.
package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"github.com/magewright/magewright/infra/delivery"
)

func main() {
	err := synthesize()
	jsii.Close()
	if err != nil {
		fmt.Fprintf(os.Stderr, "pipeline: %v\n", err)
		os.Exit(1)
	}
}

// synthesize writes the cloud assembly. The CDK panics if a construct can't be made. Only its
// message helps.
func synthesize() (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("synthesizing: %v", cause)
		}
	}()
	app := awscdk.NewApp(nil)
	context := map[string]any{}
	for _, key := range append([]string{assemblyKey}, handedOn...) {
		if value := app.Node().TryGetContext(jsii.String(key)); value != nil {
			context[key] = value
		}
	}
	props, err := properties(context)
	if err != nil {
		return err
	}
	if _, err := delivery.NewPipeline(app, props); err != nil {
		return err
	}
	app.Synth(nil)
	return nil
}

// assemblyKey is the context key that synth sets. Its value is the directory of the assembly
// that names what is delivered.
const assemblyKey = "assembly"

// handedOn are the context keys with which the pipeline's builds synthesize. They have the
// values with which this pipeline was deployed, and not those of a commit.
var handedOn = []string{
	"architecture", "goos", "branch", "connectionArn", "notificationEmail", "evidenceKey", "reviewTokenSecret", "verifyBuilds", "pipeline", "account",
}

// settings are the context keys that this app reads. The builds read the others.
type settings struct {
	Assembly          string
	Branch            string
	ConnectionARN     string
	NotificationEmail string
	ReviewTokenSecret string
	VerifyBuilds      int
	Pipeline          struct{ Account, Region string }
}

// properties returns the properties of the pipeline for what an assembly names.
func properties(context map[string]any) (*delivery.PipelineProps, error) {
	encoded, err := json.Marshal(context)
	var s settings
	if err == nil {
		err = json.Unmarshal(encoded, &s)
	}
	if err != nil {
		return nil, fmt.Errorf("reading CDK context (magewright/cdk.json, CDK_CONTEXT_JSON): %w", err)
	}
	if s.Assembly == "" {
		return nil, errors.New("the context names no assembly: go tool mage synth runs this program")
	}
	names, stages, err := delivery.ReadAssembly(s.Assembly)
	if err != nil {
		return nil, err
	}
	for _, stage := range stages {
		if len(stage.Functions) == 0 {
			return nil, fmt.Errorf("stage %s delivers no function", stage.Name)
		}
	}
	if len(stages) < 2 {
		return nil, errors.New("the assembly has one stage: a pipeline takes a release through two or more, first where it is tried and last to users")
	}
	delete(context, assemblyKey)
	if encoded, err = json.Marshal(context); err != nil {
		return nil, fmt.Errorf("writing CDK context: %w", err)
	}
	first, last := stages[0], stages[len(stages)-1]
	approval := delivery.Readiness(stages[len(stages)-2].Name, last.Name, s.ReviewTokenSecret)
	trial := delivery.Trial()
	if !first.Canary() {
		trial = slices.DeleteFunc(trial, func(a delivery.Action) bool { return a.Targets == "drill" })
		approval.Text += " NOT REHEARSED: drill; CodeDeploy shifts no traffic on " + first.Name + "."
	}
	if topic := last.Functions[0].Outputs["NotificationTopic"]; topic == "" || !last.Canary() {
		// The plan names the version that a rollback returns to, and goes to the subscribers
		// of the alarms.
		approval.Actions[0].Targets = "readiness"
		approval.Text += " NOT REHEARSED: plan; nobody was sent one."
	}
	if !last.Canary() {
		approval.Text += " No canary: all traffic of " + last.Name + " moves to it at once."
	}
	props := &delivery.PipelineProps{
		Name:              pipelineName(names),
		Repository:        names.Repository,
		Branch:            s.Branch,
		ConnectionARN:     s.ConnectionARN,
		Context:           string(encoded),
		BuildSpec:         "magewright/buildspec.yml",
		NotificationEmail: s.NotificationEmail,
		VerifyBuilds:      s.VerifyBuilds,
		Untagged:          names.Untagged,
	}
	for i := range stages {
		stage := delivery.Stage{Name: stages[i].Name, Wave: stages[i].Wave, Assembled: &stages[i], ReturnOnFailure: true}
		switch {
		case i == 0:
			stage.Actions = trial
			if stages[i].Approval {
				stage.Approval = &delivery.Approval{Text: "Commit #{SourceVariables.CommitId} has passed its checks. Approving tries it on " + stage.Name + "."}
			}
		case i == len(stages)-1:
			// CodeDeploy rolls production back.
			stage.Approval, stage.ReturnOnFailure = approval, false
		case stages[i].Approval:
			stage.Approval = delivery.Question(stages[i-1].Name, cmp.Or(stage.Wave, stage.Name))
		}
		props.Stages = append(props.Stages, stage)
	}
	if place := s.Pipeline; place.Account != "" || place.Region != "" {
		props.Env = &awscdk.Environment{Account: text(place.Account), Region: text(place.Region)}
	}
	return props, nil
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// pipelineName returns what the pipeline's name begins with: the delivery's name if a stack
// can have it and no stage does, otherwise a name that is derived from the repository.
func pipelineName(names delivery.Manifest) string {
	name := strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(names.Name)), "-")
	taken := slices.ContainsFunc(names.Stages, func(s delivery.ManifestStage) bool {
		return s.Stack == delivery.StackName(name, delivery.PipelineStage)
	})
	if name == "" || len(name) > 40 || name[0] < 'a' || taken {
		return delivery.NameOf(names.Repository)
	}
	return name
}
