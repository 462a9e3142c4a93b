package localaws_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	cptypes "github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

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
	cfg := clientsOf(serve(t, clock.NewElastic(600)))
	pipelines, stacks, ctx := codepipeline.NewFromConfig(cfg), cloudformation.NewFromConfig(cfg), t.Context()
	objects := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	for _, bucket := range []string{"artifacts", "site"} {
		if _, err := objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := objects.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket: aws.String("artifacts"), VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled},
	}); err != nil {
		t.Fatal(err)
	}
	put := func(text string) {
		t.Helper()
		files := map[string]string{
			"infra/t.yml": strings.Replace(deployed, "TEXT", text, 1), "more.json": `{"names": ["x", "y"]}`, "public/index.html": "<h1>" + text + "</h1>",
			"settings.json": `{"Parameters": {"Stage": "none", "Names": "none"}, "Tags": {"team": "a"}}`,
		}
		if _, err := objects.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("artifacts"), Key: aws.String("source.zip"), Body: zipped(t, files)}); err != nil {
			t.Fatal(err)
		}
	}
	put("one")
	deployer := makeRole(t, cfg, "deployer", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"cloudformation.amazonaws.com"},"Action":"sts:AssumeRole"}]}`,
		`{"Effect":"Allow","Action":"ssm:*","Resource":"*"}`)
	pipelineRole := makeRole(t, cfg, "pipeline", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"codepipeline.amazonaws.com"},"Action":"sts:AssumeRole"}]}`,
		`{"Effect":"Allow","Action":["s3:*","iam:PassRole"],"Resource":"*"},{"Effect":"Allow","Action":"cloudformation:*","Resource":"arn:aws:cloudformation:*:*:stack/deployed-*/*"}`)
	source := []cptypes.InputArtifact{{Name: aws.String("Source")}}
	action := func(name string, order int32, provider string, configuration map[string]string) cptypes.ActionDeclaration {
		return cptypes.ActionDeclaration{
			Name: &name, RunOrder: &order, InputArtifacts: source, Namespace: aws.String("Of" + name), Configuration: configuration,
			ActionTypeId: &cptypes.ActionTypeId{Category: cptypes.ActionCategoryDeploy, Owner: cptypes.ActionOwnerAws, Provider: &provider, Version: aws.String("1")},
		}
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
	publish := action("Publish", 4, "S3", map[string]string{"BucketName": "site", "Extract": "true", "ObjectKey": "v/#{OfExecute.Names}"})
	outputs := action("Outputs", 4, "S3", map[string]string{"BucketName": "site", "Extract": "false", "ObjectKey": "outputs.zip"})
	outputs.InputArtifacts = []cptypes.InputArtifact{{Name: aws.String("Outputs")}}
	declaration := &cptypes.PipelineDeclaration{
		Name: aws.String("deploys"), RoleArn: &pipelineRole, ArtifactStore: &cptypes.ArtifactStore{Type: cptypes.ArtifactStoreTypeS3, Location: aws.String("artifacts")},
		Stages: []cptypes.StageDeclaration{
			{Name: aws.String("Source"), Actions: []cptypes.ActionDeclaration{{
				Name: aws.String("Source"), Configuration: map[string]string{"S3Bucket": "artifacts", "S3ObjectKey": "source.zip", "PollForSourceChanges": "false"},
				ActionTypeId:    &cptypes.ActionTypeId{Category: cptypes.ActionCategorySource, Owner: cptypes.ActionOwnerAws, Provider: aws.String("S3"), Version: aws.String("1")},
				OutputArtifacts: []cptypes.OutputArtifact{{Name: aws.String("Source")}},
			}}},
			{Name: aws.String("Deploy"), Actions: []cptypes.ActionDeclaration{
				direct,
				stack("Remove", 2, map[string]string{"ActionMode": "DELETE_ONLY", "StackName": "deployed-direct"}),
				stack("Prepare", 3, map[string]string{
					"ActionMode": "CHANGE_SET_REPLACE", "StackName": "deployed-set", "ChangeSetName": "set", "ParameterOverrides": strings.Replace(overrides, "STAGE", "set", 1),
				}),
				stack("Execute", 3, map[string]string{"ActionMode": "CHANGE_SET_EXECUTE", "StackName": "deployed-set", "ChangeSetName": "set"}),
				publish, outputs,
			}},
		},
	}
	actions := declaration.Stages[1].Actions
	actions[3].RunOrder = aws.Int32(4)
	actions[4].RunOrder = aws.Int32(5)
	if _, err := pipelines.CreatePipeline(ctx, &codepipeline.CreatePipelineInput{Pipeline: declaration}); err != nil {
		t.Fatal(err)
	}
	run := func(id *string) (cptypes.PipelineExecutionStatus, string) {
		t.Helper()
		for id == nil {
			listed, err := pipelines.ListPipelineExecutions(ctx, &codepipeline.ListPipelineExecutionsInput{PipelineName: declaration.Name})
			if err != nil {
				t.Fatal(err)
			}
			if len(listed.PipelineExecutionSummaries) > 0 {
				id = listed.PipelineExecutionSummaries[0].PipelineExecutionId
			}
			pause(t)
		}
		for {
			out, err := pipelines.GetPipelineExecution(ctx, &codepipeline.GetPipelineExecutionInput{PipelineName: declaration.Name, PipelineExecutionId: id})
			if err != nil {
				t.Fatal(err)
			}
			if status := out.PipelineExecution.Status; status != cptypes.PipelineExecutionStatusInProgress {
				done, err := pipelines.ListActionExecutions(ctx, &codepipeline.ListActionExecutionsInput{PipelineName: declaration.Name, Filter: &cptypes.ActionExecutionFilter{PipelineExecutionId: id}})
				if err != nil {
					t.Fatal(err)
				}
				why, err := json.Marshal(done.ActionExecutionDetails)
				if err != nil {
					t.Fatal(err)
				}
				return status, string(why)
			}
			pause(t)
		}
	}
	again := func() (cptypes.PipelineExecutionStatus, string) {
		t.Helper()
		started, err := pipelines.StartPipelineExecution(ctx, &codepipeline.StartPipelineExecutionInput{Name: declaration.Name})
		if err != nil {
			t.Fatal(err)
		}
		return run(started.PipelineExecutionId)
	}
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
	if status, why := run(nil); status != cptypes.PipelineExecutionStatusSucceeded {
		t.Fatalf("%s: %s", status, why)
	}
	if got := value(); got != "set one/x+y/artifacts" {
		t.Errorf("the stack has %s", got)
	}
	if got := object(t, objects, "site", "v/x+y/public/index.html"); got != "<h1>one</h1>" {
		t.Errorf("the site has %q", got)
	}
	if _, err := stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String("deployed-direct")}); err == nil {
		t.Error("the stack was not deleted")
	}
	// Without a change, the change set is empty and its execution does nothing.
	if status, why := again(); status != cptypes.PipelineExecutionStatusSucceeded {
		t.Fatalf("%s: %s", status, why)
	}
	put("two")
	if status, why := again(); status != cptypes.PipelineExecutionStatusSucceeded || value() != "set two/x+y/artifacts" {
		t.Fatalf("%s %s: %s", status, value(), why)
	}
	// The role of the action decides which stacks it may touch.
	actions[2].Configuration["StackName"], actions[3].Configuration["StackName"] = "other", "other"
	if _, err := pipelines.UpdatePipeline(ctx, &codepipeline.UpdatePipelineInput{Pipeline: declaration}); err != nil {
		t.Fatal(err)
	}
	if status, why := again(); status != cptypes.PipelineExecutionStatusFailed || !strings.Contains(why, "is not authorized to perform: cloudformation:") {
		t.Errorf("%s: %s", status, why)
	}
	actions[2].Configuration["TemplatePath"] = "Other::t.yml"
	if _, err := pipelines.UpdatePipeline(ctx, &codepipeline.UpdatePipelineInput{Pipeline: declaration}); err == nil || !strings.Contains(err.Error(), "must be ARTIFACT::FILE with one of the action's input artifacts") {
		t.Errorf("%v", err)
	}
}
