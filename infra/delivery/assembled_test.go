package delivery_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"

	"github.com/magewright/magewright/infra/delivery"
)

// theirs is an assembly of another CDK app: two stacks with names of its own, the
// second in a nested assembly.
var theirs = map[string]string{
	delivery.ManifestFile: `{"schemaVersion":1,"name":"Hello","repository":"acme/hello","annotated":"the templates","stages":[
		{"name":"dev","stack":"HelloDev","template":"HelloDev.template.json","functions":[{"function":"F","outputs":{}}]},
		{"name":"prod","stack":"Hello-Prod","template":"assembly-Prod/P.template.json","approval":true,"functions":[{"function":"F","alias":"live","deploymentGroup":"G","outputs":{}}]}]}`,
	"HelloDev.template.json":        `{"Resources":{"F":{"Type":"AWS::Lambda::Function","Properties":{}}}}`,
	"assembly-Prod/P.template.json": `{"Resources":{"F":{"Type":"AWS::Lambda::Function","Properties":{"FunctionName":"greeter"}},"T":{"Type":"AWS::SNS::Topic","Properties":{"TopicName":{"Fn::Sub":"x-${AWS::Region}"}}},"Q":{"Type":"AWS::SQS::Queue","Properties":{"QueueName":"orders.fifo"}}}}`,
}

// TestAPipelineOfAnotherApp holds that the pipeline delivers stacks that another CDK
// app has synthesized, by their own names, and that its builds may act on these and on
// no others.
func TestAPipelineOfAnotherApp(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	for name, text := range theirs {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	names, stages, err := delivery.ReadAssembly(dir)
	if err != nil || len(stages) != 2 || names.Repository != "acme/hello" || stages[0].Canary() || !stages[1].Canary() {
		t.Fatalf("%+v, %+v, %v", names, stages, err)
	}
	app := awscdk.NewApp(&awscdk.AppProps{Outdir: &out})
	props := &delivery.PipelineProps{Name: "hello", Repository: names.Repository, Context: "{}", BuildSpec: "ci/buildspec.yml", Stages: []delivery.Stage{
		{Name: "dev", Assembled: &stages[0], Actions: delivery.Trial(), ReturnOnFailure: true},
		{Name: "prod", Assembled: &stages[1], Actions: delivery.Promotion(), Approval: delivery.Readiness("dev", "prod", "")},
	}}
	pipeline, err := delivery.NewPipeline(app, props)
	if err != nil {
		t.Fatal(err)
	}
	awscdk.Aspects_Of(app).Add(cdknag.NewAwsSolutionsChecks(nil), nil)
	var template string
	for _, stack := range *app.Synth(nil).Stacks() {
		encoded, err := json.Marshal(stack.Template())
		if err != nil || *stack.StackName() != "hello-pipeline" {
			t.Errorf("stack %s, %v", *stack.StackName(), err)
		}
		template = string(encoded)
	}
	for _, want := range []string{
		`:stack/HelloDev/*"`, `:stack/Hello-Prod/*"`, `:stack/hello-*/*"`, `:function:HelloDev-*"`, `:function:Hello-Prod-*"`, `:function:greeter"`,
		// No stage keeps evidence, so that the pipeline does.
		`"ObjectLockEnabled":true`, `/releases/*/evidence/*"`, `/releases/*/deployments/*"`,
		// A commit does not say where.
		`{"Name":"MAGEWRIGHT_EVIDENCE","Type":"PLAINTEXT","Value":{"Ref":"Evidence`,
		// Smoke tests send messages.
		`"sqs:SendMessage"`, `:sqs:*:*:HelloDev-*"`, `:sqs:*:*:orders.fifo"`,
		`"cloudformation:DescribeStackResource"`, `"lambda:InvokeFunction"`, `"ci/buildspec.yml"`,
	} {
		if !strings.Contains(template, want) {
			t.Errorf("the pipeline has no %s", want)
		}
	}
	if found := *assertions.Annotations_FromStack(pipeline).FindError(jsii.String("*"), assertions.Match_AnyValue()); len(found) > 0 {
		t.Errorf("cdk-nag has %d findings", len(found))
	}
	// Whoever may write evidence is not denied it by the limits of artifacts.
	if n := strings.Count(template, `"/releases/*/evidence/*"`); n != 2 {
		t.Errorf("/releases/*/evidence/* is there %d times: once allowed, and once excepted from what is denied", n)
	}
	// The function of the first stage has no alias to drill.
	if strings.Contains(template, "lambda:UpdateAlias") {
		t.Error("a build may change aliases")
	}
	written, stagesWritten, err := readBack(out)
	if err != nil || written.Pipeline.Stack != "hello-pipeline" || !slices.Equal(stagesWritten, []string{"HelloDev", "Hello-Prod"}) {
		t.Errorf("the manifest names %+v, %v, %v", written.Pipeline, stagesWritten, err)
	}
	if e := written.Pipeline.Evidence; e == nil || e.Stack != "hello-pipeline" || !strings.Contains(template, `"`+e.Bucket+`":{`) || !strings.Contains(template, `"`+e.Key+`":{`) || !strings.Contains(template, `"`+e.Output+`":{`) {
		t.Errorf("evidence is kept in %+v", e)
	}
	props.Name = "hello-dev"
	stages[0].Stack = "hello-dev-pipeline"
	if _, err := delivery.NewPipeline(awscdk.NewApp(nil), props); err == nil || !strings.Contains(err.Error(), "would both be called hello-dev-pipeline") {
		t.Errorf("with a stage of the pipeline's name: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "HelloDev.template.json")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := delivery.ReadAssembly(dir); err == nil || !strings.Contains(err.Error(), "reading stack HelloDev") {
		t.Errorf("without a template: %v", err)
	}
}

// readBack reads the manifest that the pipeline's app has written.
func readBack(out string) (delivery.Manifest, []string, error) {
	data, err := os.ReadFile(filepath.Join(out, delivery.ManifestFile)) // #nosec G304 -- made above
	var m delivery.Manifest
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	var stacks []string
	for _, s := range m.Stages {
		stacks = append(stacks, s.Stack)
	}
	return m, stacks, err
}
