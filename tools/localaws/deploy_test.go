package localaws_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	cptypes "github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/magewright/magewright/tools/internal/clock"
)

// deployed is a template whose outputs show what it was given.
const deployed = `
Parameters: {Stage: {Type: String}, Names: {Type: CommaDelimitedList}, Bundle: {Type: String}}
Resources: {P: {Type: AWS::SSM::Parameter, Properties: {Name: !Sub "/deployed/${Stage}", Type: String, Value: !Sub "${Stage} TEXT"}}}
Outputs: {Value: {Value: !GetAtt P.Value}, Names: {Value: !Join [+, !Ref Names]}, Bundle: {Value: !Ref Bundle}}
`

// A pipeline deploys a template of its source, in one step and by a change set, puts files
// into a bucket, and deletes the stack.
func TestPipelineDeploys(t *testing.T) {
	t.Parallel()
	files := func(text string) map[string]string {
		return map[string]string{
			"infra/t.yml": strings.Replace(deployed, "TEXT", text, 1), "more.json": `{"names": ["x", "y"]}`, "public/index.html": "<h1>" + text + "</h1>",
			"settings.json": `{"Parameters": {"Stage": "none", "Names": "none"}, "Tags": {"team": "a"}}`,
		}
	}
	w := newWorkshop(t, clock.NewElastic(600), files("one"),
		`{"Effect":"Allow","Action":"iam:PassRole","Resource":"*"},{"Effect":"Allow","Action":"cloudformation:*","Resource":"arn:aws:cloudformation:*:*:stack/deployed-*/*"}`)
	stacks, ctx := cloudformation.NewFromConfig(w.aws), t.Context()
	deployer := makeRole(t, w.aws, "deployer", trusting("cloudformation"), `{"Effect":"Allow","Action":"ssm:*","Resource":"*"}`)
	action := func(name string, order int32, provider string, configuration map[string]string) cptypes.ActionDeclaration {
		return actionOn("Source", name, order, typeOf(cptypes.ActionCategoryDeploy, provider), configuration)
	}
	stack := func(name string, order int32, configuration map[string]string) cptypes.ActionDeclaration {
		configuration["RoleArn"] = deployer
		if configuration["TemplatePath"] = "Source::infra/t.yml"; configuration["ActionMode"] == "CHANGE_SET_EXECUTE" || configuration["ActionMode"] == "DELETE_ONLY" {
			delete(configuration, "TemplatePath")
		}
		return action(name, order, "CloudFormation", configuration)
	}
	overrides := `{"Stage": "STAGE", "Names": {"Fn::GetParam": ["Source", "more.json", "names"]}, "Bundle": {"Fn::GetArtifactAtt": ["Source", "BucketName"]}}`
	direct := stack("Direct", 1, map[string]string{
		"ActionMode": "CREATE_UPDATE", "StackName": "deployed-direct", "TemplateConfiguration": "Source::settings.json",
		"ParameterOverrides": strings.Replace(overrides, "STAGE", "direct", 1), "OutputFileName": "outputs.json",
	})
	direct.OutputArtifacts = []cptypes.OutputArtifact{{Name: aws.String("Outputs")}}
	publish := action("Publish", 5, "S3", map[string]string{"BucketName": "site", "Extract": "true", "ObjectKey": "v/#{OfExecute.Names}"})
	outputs := action("Outputs", 5, "S3", map[string]string{"BucketName": "site", "Extract": "false", "ObjectKey": "outputs.zip"})
	outputs.InputArtifacts = []cptypes.InputArtifact{{Name: aws.String("Outputs")}}
	l := w.pipeline("deploys", cptypes.StageDeclaration{Name: aws.String("Deploy"), Actions: []cptypes.ActionDeclaration{
		direct,
		stack("Remove", 2, map[string]string{"ActionMode": "DELETE_ONLY", "StackName": "deployed-direct"}),
		stack("Prepare", 3, map[string]string{
			"ActionMode": "CHANGE_SET_REPLACE", "StackName": "deployed-set", "ChangeSetName": "set", "ParameterOverrides": strings.Replace(overrides, "STAGE", "set", 1),
		}),
		stack("Execute", 4, map[string]string{"ActionMode": "CHANGE_SET_EXECUTE", "StackName": "deployed-set", "ChangeSetName": "set"}),
		publish, outputs,
	}})
	run, actions := l.run, l.declaration.Stages[1].Actions
	value := func() string {
		t.Helper()
		out, err := stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String("deployed-set")})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, o := range out.Stacks[0].Outputs {
			got[*o.OutputKey] = *o.OutputValue
		}
		return got["Value"] + "/" + got["Names"] + "/" + got["Bundle"]
	}
	if status, why := run(); status != cptypes.PipelineExecutionStatusSucceeded {
		t.Fatalf("%s: %s", status, why)
	}
	if got := value(); got != "set one/x+y/artifacts" {
		t.Errorf("the stack has %s", got)
	}
	if got := object(t, w.objects, "site", "v/x+y/public/index.html"); got != "<h1>one</h1>" {
		t.Errorf("the site has %q", got)
	}
	if _, err := stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String("deployed-direct")}); err == nil {
		t.Error("the stack was not deleted")
	}
	// Without a change, the change set is empty and its execution does nothing.
	if status, why := run(); status != cptypes.PipelineExecutionStatusSucceeded {
		t.Fatalf("%s: %s", status, why)
	}
	w.put(files("two"))
	if status, why := run(); status != cptypes.PipelineExecutionStatusSucceeded || value() != "set two/x+y/artifacts" {
		t.Fatalf("%s %s: %s", status, value(), why)
	}
	// The role of the pipeline decides which stacks it may touch.
	l.fails(func() {
		actions[2].Configuration["StackName"], actions[3].Configuration["StackName"] = "other", "other"
	}, "is not authorized to perform: cloudformation:")
	actions[2].Configuration["TemplatePath"] = "Other::t.yml"
	if _, err := l.pipelines.UpdatePipeline(ctx, &codepipeline.UpdatePipelineInput{Pipeline: l.declaration}); err == nil || !strings.Contains(err.Error(), "must be ARTIFACT::FILE with one of the action's input artifacts") {
		t.Errorf("%v", err)
	}
}
