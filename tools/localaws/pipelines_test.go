package localaws_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cloudformationtypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	deploytypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	cptypes "github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/testinput"
	"github.com/magewright/magewright/tools/localaws"
	"github.com/magewright/magewright/tools/localaws/traffic"
)

// A line is a pipeline that a test runs.
type line struct {
	t           *testing.T
	pipelines   *codepipeline.Client
	declaration *cptypes.PipelineDeclaration
	run         func() (cptypes.PipelineExecutionStatus, string)
}

// lineOf creates a pipeline. Its first run is the one that the creation has started.
func lineOf(t *testing.T, pipelines *codepipeline.Client, declaration *cptypes.PipelineDeclaration) *line {
	t.Helper()
	ctx := t.Context()
	if _, err := pipelines.CreatePipeline(ctx, &codepipeline.CreatePipelineInput{Pipeline: declaration}); err != nil {
		t.Fatal(err)
	}
	l := &line{t: t, pipelines: pipelines, declaration: declaration}
	var id *string
	l.run = func() (cptypes.PipelineExecutionStatus, string) {
		t.Helper()
		if id == nil {
			listed, err := pipelines.ListPipelineExecutions(ctx, &codepipeline.ListPipelineExecutionsInput{PipelineName: declaration.Name})
			if err != nil {
				t.Fatal(err)
			}
			id = listed.PipelineExecutionSummaries[0].PipelineExecutionId
		} else {
			started, err := pipelines.StartPipelineExecution(ctx, &codepipeline.StartPipelineExecutionInput{Name: declaration.Name})
			if err != nil {
				t.Fatal(err)
			}
			id = started.PipelineExecutionId
		}
		return l.await(id)
	}
	return l
}

// await returns how an execution has ended, and what its actions did, as JSON.
func (l *line) await(id *string) (cptypes.PipelineExecutionStatus, string) {
	l.t.Helper()
	for {
		out, err := l.pipelines.GetPipelineExecution(l.t.Context(), &codepipeline.GetPipelineExecutionInput{PipelineName: l.declaration.Name, PipelineExecutionId: id})
		if err != nil {
			l.t.Fatal(err)
		}
		if status := out.PipelineExecution.Status; status != cptypes.PipelineExecutionStatusInProgress {
			return status, l.did(id)
		}
		pause(l.t)
	}
}

// did returns what the actions and rules of an execution did, as JSON.
func (l *line) did(id *string) string {
	l.t.Helper()
	done, err := l.pipelines.ListActionExecutions(l.t.Context(), &codepipeline.ListActionExecutionsInput{
		PipelineName: l.declaration.Name, Filter: &cptypes.ActionExecutionFilter{PipelineExecutionId: id},
	})
	if err != nil {
		l.t.Fatal(err)
	}
	rules, err := l.pipelines.ListRuleExecutions(l.t.Context(), &codepipeline.ListRuleExecutionsInput{
		PipelineName: l.declaration.Name, Filter: &cptypes.RuleExecutionFilter{PipelineExecutionId: id},
	})
	if err != nil {
		l.t.Fatal(err)
	}
	text, err := json.Marshal([]any{done.ActionExecutionDetails, rules.RuleExecutionDetails})
	if err != nil {
		l.t.Fatal(err)
	}
	return string(text)
}

// fails changes the pipeline and runs it. It must fail and say why.
func (l *line) fails(change func(), why string) {
	l.t.Helper()
	change()
	if _, err := l.pipelines.UpdatePipeline(l.t.Context(), &codepipeline.UpdatePipelineInput{Pipeline: l.declaration}); err != nil {
		l.t.Fatal(err)
	}
	if status, said := l.run(); status != cptypes.PipelineExecutionStatusFailed || !strings.Contains(said, why) {
		l.t.Errorf("%s, want %q: %s", status, why, said)
	}
}

// A workshop is an embedded AWS with a bucket for artifacts, which has the source of
// pipelines, a bucket to deploy to, and a role.
type workshop struct {
	t       *testing.T
	aws     aws.Config
	objects *s3.Client
	role    string
}

// newWorkshop returns a workshop. The statements are the role's, beside those for S3.
func newWorkshop(t *testing.T, by clock.Clock, source map[string]string, statements string) *workshop {
	t.Helper()
	cfg := clientsOf(serve(t, by))
	w := &workshop{t: t, aws: cfg, objects: s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })}
	for _, bucket := range []string{"artifacts", "site"} {
		if _, err := w.objects.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.objects.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: aws.String("artifacts"), VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled},
	}); err != nil {
		t.Fatal(err)
	}
	w.put(source)
	w.role = makeRole(t, cfg, "pipeline", trusting("codepipeline"), `{"Effect":"Allow","Action":"s3:*","Resource":"*"},`+statements)
	return w
}

// trusting returns the trust policy of a role for a service.
func trusting(service string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + service + `.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
}

func (w *workshop) put(source map[string]string) {
	w.t.Helper()
	if _, err := w.objects.PutObject(w.t.Context(), &s3.PutObjectInput{Bucket: aws.String("artifacts"), Key: aws.String("source.zip"), Body: zipped(w.t, source)}); err != nil {
		w.t.Fatal(err)
	}
}

// pipeline creates a pipeline with the source and one more stage.
func (w *workshop) pipeline(name string, stage cptypes.StageDeclaration) *line {
	w.t.Helper()
	return lineOf(w.t, codepipeline.NewFromConfig(w.aws), &cptypes.PipelineDeclaration{
		Name: &name, RoleArn: &w.role, PipelineType: cptypes.PipelineTypeV2,
		ArtifactStore: &cptypes.ArtifactStore{Type: cptypes.ArtifactStoreTypeS3, Location: aws.String("artifacts")},
		Stages: []cptypes.StageDeclaration{
			{Name: aws.String("Source"), Actions: []cptypes.ActionDeclaration{{
				Name: aws.String("Source"), Configuration: map[string]string{"S3Bucket": "artifacts", "S3ObjectKey": "source.zip", "PollForSourceChanges": "false"},
				ActionTypeId:    typeOf(cptypes.ActionCategorySource, "S3"),
				OutputArtifacts: []cptypes.OutputArtifact{{Name: aws.String("Source")}},
			}}},
			stage,
		},
	})
}

func typeOf(category cptypes.ActionCategory, provider string) *cptypes.ActionTypeId {
	return &cptypes.ActionTypeId{Category: category, Owner: cptypes.ActionOwnerAws, Provider: &provider, Version: aws.String("1")}
}

// actionOn returns an action with one input artifact.
func actionOn(input, name string, order int32, id *cptypes.ActionTypeId, configuration map[string]string) cptypes.ActionDeclaration {
	return cptypes.ActionDeclaration{
		Name: &name, RunOrder: &order, ActionTypeId: id, Configuration: configuration, Namespace: aws.String("Of" + name),
		InputArtifacts: []cptypes.InputArtifact{{Name: &input}},
	}
}

// makeFunction creates a function that works as a role with the statements.
func makeFunction(t *testing.T, cfg aws.Config, name string, zip []byte, statements string) {
	t.Helper()
	functions := lambda.NewFromConfig(cfg)
	architecture, _ := localaws.HostContext()["architecture"].(string)
	if _, err := functions.CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: &name, Role: aws.String(makeRole(t, cfg, name, trusting("lambda"), statements)), Handler: aws.String("bootstrap"),
		Runtime: lambdatypes.RuntimeProvidedal2023, Architectures: []lambdatypes.Architecture{lambdatypes.Architecture(architecture)},
		Timeout: aws.Int32(patient), Code: &lambdatypes.FunctionCode{ZipFile: zip},
	}); err != nil {
		t.Fatal(err)
	}
}

// A pipeline invokes a function, which copies an artifact with the credentials of its
// job, is invoked again when it wants to continue, and reports as its own role.
func TestPipelineInvokes(t *testing.T) {
	t.Parallel()
	testinput.Read(t, "tools/localaws/testdata/job", "go.mod", "go.sum")
	zip, err := traffic.BuildPackage(t.Context(), "github.com/magewright/magewright/tools/localaws/testdata/job")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorkshop(t, clock.NewElastic(600), map[string]string{"a.txt": "a"}, `{"Effect":"Allow","Action":"lambda:InvokeFunction","Resource":"arn:aws:lambda:*:*:function:job"}`)
	makeFunction(t, w.aws, "job", zip, `{"Effect":"Allow","Action":["codepipeline:PutJobSuccessResult","codepipeline:PutJobFailureResult"],"Resource":"*"}`)
	job := actionOn("Source", "Job", 1, typeOf(cptypes.ActionCategoryInvoke, "Lambda"), map[string]string{"FunctionName": "job", "UserParameters": "continue"})
	job.OutputArtifacts = []cptypes.OutputArtifact{{Name: aws.String("Copied")}}
	publish := actionOn("Copied", "Publish", 2, typeOf(cptypes.ActionCategoryDeploy, "S3"), map[string]string{"BucketName": "site", "Extract": "false", "ObjectKey": "#{OfJob.mode}.zip"})
	l := w.pipeline("invokes", cptypes.StageDeclaration{Name: aws.String("Invoke"), Actions: []cptypes.ActionDeclaration{job, publish}})
	if status, why := l.run(); status != cptypes.PipelineExecutionStatusSucceeded {
		t.Fatalf("%s: %s", status, why)
	}
	source, err := io.ReadAll(zipped(t, map[string]string{"a.txt": "a"}))
	if err != nil {
		t.Fatal(err)
	}
	if got := object(t, w.objects, "site", "CONTINUE.zip"); got != string(source) {
		t.Errorf("the artifact has %d bytes, not the source's %d", len(got), len(source))
	}
	configuration := l.declaration.Stages[1].Actions[0].Configuration
	l.fails(func() { configuration["UserParameters"] = "fail" }, "as it was told")
	// The job's credentials are good for its artifacts only.
	l.fails(func() { configuration["UserParameters"] = "pry" }, "is not authorized to perform: s3:ListBucket")
	l.fails(func() { configuration["FunctionName"] = "other" }, "PermissionError")
}

// A pipeline shifts the traffic of a function as the AppSpec file in its source says,
// and fails with CodeDeploy's reason.
func TestPipelineShiftsTraffic(t *testing.T) {
	t.Parallel()
	zip, err := function()
	if err != nil {
		t.Fatal(err)
	}
	spec := map[string]string{"appspec.yml": `{version: 0.0, Resources: [{shop: {Type: "AWS::Lambda::Function", Properties: {Name: shop, Alias: live, CurrentVersion: 1, TargetVersion: 2}}}]}`}
	w := newWorkshop(t, clock.NewElastic(600), spec, `{"Effect":"Allow","Action":["codedeploy:CreateDeployment","codedeploy:GetDeployment"],"Resource":"arn:aws:codedeploy:*:*:deploymentgroup:shop/live"},
		{"Effect":"Allow","Action":"codedeploy:GetDeploymentConfig","Resource":"arn:aws:codedeploy:*:*:deploymentconfig:*"},
		{"Effect":"Allow","Action":["codedeploy:RegisterApplicationRevision","codedeploy:GetApplicationRevision"],"Resource":"arn:aws:codedeploy:*:*:application:shop"}`)
	makeFunction(t, w.aws, "shop", zip, "")
	functions, deployments, ctx, name, live := lambda.NewFromConfig(w.aws), codedeploy.NewFromConfig(w.aws), t.Context(), aws.String("shop"), aws.String("live")
	for _, description := range []string{"one", "two"} {
		if _, err := functions.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: name, Description: &description}); err != nil {
			t.Fatal(err)
		}
		if _, err := functions.PublishVersion(ctx, &lambda.PublishVersionInput{FunctionName: name}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := functions.CreateAlias(ctx, &lambda.CreateAliasInput{FunctionName: name, Name: live, FunctionVersion: aws.String("1")}); err != nil {
		t.Fatal(err)
	}
	if _, err := deployments.CreateApplication(ctx, &codedeploy.CreateApplicationInput{ApplicationName: name, ComputePlatform: deploytypes.ComputePlatformLambda}); err != nil {
		t.Fatal(err)
	}
	role := makeRole(t, w.aws, "deployments", trusting("codedeploy"), `{"Effect":"Allow","Action":["lambda:GetAlias","lambda:UpdateAlias"],"Resource":"*"}`)
	if _, err := deployments.CreateDeploymentGroup(ctx, &codedeploy.CreateDeploymentGroupInput{
		ApplicationName: name, DeploymentGroupName: live, ServiceRoleArn: &role, DeploymentConfigName: aws.String("CodeDeployDefault.LambdaCanary10Percent5Minutes"),
		DeploymentStyle: &deploytypes.DeploymentStyle{DeploymentType: deploytypes.DeploymentTypeBlueGreen, DeploymentOption: deploytypes.DeploymentOptionWithTrafficControl},
	}); err != nil {
		t.Fatal(err)
	}
	shift := actionOn("Source", "Shift", 1, typeOf(cptypes.ActionCategoryDeploy, "CodeDeploy"), map[string]string{"ApplicationName": "shop", "DeploymentGroupName": "live"})
	l := w.pipeline("shifts", cptypes.StageDeclaration{Name: aws.String("Deploy"), Actions: []cptypes.ActionDeclaration{shift}})
	if status, why := l.run(); status != cptypes.PipelineExecutionStatusSucceeded || !strings.Contains(why, `"ExternalExecutionId":"d-`) {
		t.Fatalf("%s: %s", status, why)
	}
	if alias, err := functions.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: name, Name: live}); err != nil || *alias.FunctionVersion != "2" {
		t.Errorf("the alias is %+v, %v", alias, err)
	}
	same := func() {}
	l.fails(same, "The Lambda function alias version does not match the current version in AppSpec file.")
	l.fails(func() { w.put(map[string]string{"other.yml": "x"}) }, "BundleType must be either YAML or JSON")
	l.fails(func() {
		w.put(spec)
		l.declaration.Stages[1].Actions[0].Configuration["DeploymentGroupName"] = "other"
	}, "is not authorized to perform: codedeploy:CreateDeployment on resource: arn:aws:codedeploy:us-east-1:000000000000:deploymentgroup:shop/other")
	// AWS registers the revision as the pipeline's role.
	if _, err := iam.NewFromConfig(w.aws).PutRolePolicy(ctx, &iam.PutRolePolicyInput{
		RoleName: aws.String("pipeline"), PolicyName: aws.String("inline"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*","codedeploy:CreateDeployment","codedeploy:Get*"],"Resource":"*"}]}`),
	}); err != nil {
		t.Fatal(err)
	}
	l.fails(func() { l.declaration.Stages[1].Actions[0].Configuration["DeploymentGroupName"] = "live" },
		"is not authorized to perform: codedeploy:RegisterApplicationRevision on resource: arn:aws:codedeploy:us-east-1:000000000000:application:shop")
}

// A pipeline runs commands as its own role, which also writes their log.
func TestPipelineRunsCommands(t *testing.T) {
	t.Parallel()
	const group = "arn:aws:logs:*:*:log-group:/aws/codepipeline/commands"
	w := newWorkshop(t, clock.NewElastic(600), map[string]string{"a.txt": "a"}, `{"Effect":"Allow","Action":["logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents"],"Resource":["`+group+`","`+group+`:*"]}`)
	run := actionOn("Source", "Run", 1, typeOf(cptypes.ActionCategoryCompute, "Commands"), nil)
	run.Commands = []string{`mkdir out && cp a.txt out/$GREETING.txt`, `export SAID="$GREETING-#{codepipeline.PipelineExecutionId}"`}
	run.EnvironmentVariables = []cptypes.EnvironmentVariable{{Name: aws.String("GREETING"), Value: aws.String("hello")}}
	run.OutputVariables = []string{"SAID"}
	run.OutputArtifacts = []cptypes.OutputArtifact{{Name: aws.String("Out"), Files: []string{"out/**/*"}}}
	publish := actionOn("Out", "Publish", 2, typeOf(cptypes.ActionCategoryDeploy, "S3"), map[string]string{"BucketName": "site", "Extract": "true", "ObjectKey": "#{OfRun.SAID}"})
	stage := cptypes.StageDeclaration{Name: aws.String("Build"), Actions: []cptypes.ActionDeclaration{run, publish}}
	l := w.pipeline("commands", stage)
	status, why := l.run()
	if status != cptypes.PipelineExecutionStatusSucceeded {
		t.Fatalf("%s: %s", status, why)
	}
	executions, err := l.pipelines.ListPipelineExecutions(t.Context(), &codepipeline.ListPipelineExecutionsInput{PipelineName: l.declaration.Name})
	if err != nil {
		t.Fatal(err)
	}
	if got := object(t, w.objects, "site", "hello-"+*executions.PipelineExecutionSummaries[0].PipelineExecutionId+"/out/hello.txt"); got != "a" {
		t.Errorf("the site has %q", got)
	}
	streams, err := cloudwatchlogs.NewFromConfig(w.aws).DescribeLogStreams(t.Context(), &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: aws.String("/aws/codepipeline/commands")})
	if err != nil || len(streams.LogStreams) != 1 {
		t.Errorf("the log has %+v, %v", streams, err)
	}
	l.fails(func() { l.declaration.Stages[1].Actions[0].Commands = []string{"exit 3"} }, "Error while executing command: exit 3. Reason: exit status 3")
	// The log group has the pipeline's name.
	if status, why := w.pipeline("other", stage).run(); status != cptypes.PipelineExecutionStatusFailed || !strings.Contains(why, "is not authorized to perform: logs:CreateLogGroup") {
		t.Errorf("%s: %s", status, why)
	}
}

// An alarm keeps a pipeline out of a stage, which it looks at as its own role, until
// somebody overrides that. CloudFormation declares conditions, too.
func TestPipelineChecksConditions(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t, clock.NewElastic(600), map[string]string{"a.txt": "a"}, `{"Effect":"Allow","Action":"cloudwatch:DescribeAlarms","Resource":"arn:aws:cloudwatch:*:*:alarm:errors"}`)
	ctx, metrics := t.Context(), cloudwatch.NewFromConfig(w.aws)
	for _, name := range []string{"errors", "others"} {
		if _, err := metrics.PutMetricAlarm(ctx, &cloudwatch.PutMetricAlarmInput{
			AlarmName: &name, Namespace: aws.String("Shop"), MetricName: aws.String("Errors"), Statistic: cloudwatchtypes.StatisticSum, Period: aws.Int32(3600),
			EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(0), ComparisonOperator: cloudwatchtypes.ComparisonOperatorGreaterThanThreshold,
		}); err != nil {
			t.Fatal(err)
		}
	}
	alarm := func(state cloudwatchtypes.StateValue) {
		t.Helper()
		if _, err := metrics.SetAlarmState(ctx, &cloudwatch.SetAlarmStateInput{AlarmName: aws.String("errors"), StateValue: state, StateReason: aws.String("test")}); err != nil {
			t.Fatal(err)
		}
	}
	alarm(cloudwatchtypes.StateValueOk)
	rule := cptypes.RuleDeclaration{
		Name: aws.String("Healthy"), Configuration: map[string]string{"AlarmName": "errors"},
		RuleTypeId: &cptypes.RuleTypeId{Category: cptypes.RuleCategoryRule, Owner: cptypes.RuleOwnerAws, Provider: aws.String("CloudWatchAlarm"), Version: aws.String("1")},
	}
	publish := actionOn("Source", "Publish", 1, typeOf(cptypes.ActionCategoryDeploy, "S3"), map[string]string{"BucketName": "site", "Extract": "true"})
	stage := cptypes.StageDeclaration{
		Name: aws.String("Deploy"), Actions: []cptypes.ActionDeclaration{publish},
		BeforeEntry: &cptypes.BeforeEntryConditions{Conditions: []cptypes.Condition{{Result: cptypes.ResultFail, Rules: []cptypes.RuleDeclaration{rule}}}},
	}
	l := w.pipeline("checks", stage)
	if status, why := l.run(); status != cptypes.PipelineExecutionStatusSucceeded {
		t.Fatalf("%s: %s", status, why)
	}
	alarm(cloudwatchtypes.StateValueAlarm)
	l.fails(func() {}, "The alarm errors is in the state ALARM")
	state, err := l.pipelines.GetPipelineState(ctx, &codepipeline.GetPipelineStateInput{Name: l.declaration.Name})
	if err != nil {
		t.Fatal(err)
	}
	at := state.StageStates[1]
	if c := at.BeforeEntryConditionState; c == nil || c.LatestExecution.Status != cptypes.ConditionExecutionStatusFailed || *c.ConditionStates[0].RuleStates[0].RuleName != "Healthy" {
		t.Fatalf("the condition is %+v", c)
	}
	id := at.LatestExecution.PipelineExecutionId
	if _, err := l.pipelines.OverrideStageCondition(ctx, &codepipeline.OverrideStageConditionInput{
		PipelineName: l.declaration.Name, StageName: stage.Name, PipelineExecutionId: id, ConditionType: cptypes.ConditionTypeBeforeEntry,
	}); err != nil {
		t.Fatal(err)
	}
	if status, why := l.await(id); status != cptypes.PipelineExecutionStatusSucceeded {
		t.Errorf("%s: %s", status, why)
	}
	l.fails(func() {
		l.declaration.Stages[1].BeforeEntry.Conditions[0].Rules[0].Configuration["AlarmName"] = "others"
	}, "is not authorized to perform: cloudwatch:DescribeAlarms")

	stacks := cloudformation.NewFromConfig(w.aws)
	if _, err := stacks.CreateStack(ctx, &cloudformation.CreateStackInput{StackName: aws.String("declared"), TemplateBody: aws.String(strings.Replace(conditional, "ROLE", w.role, 1))}); err != nil {
		t.Fatal(err)
	}
	for {
		out, err := stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String("declared")})
		if err != nil {
			t.Fatal(err)
		}
		if s := out.Stacks[0]; s.StackStatus == cloudformationtypes.StackStatusCreateComplete {
			break
		} else if s.StackStatus != cloudformationtypes.StackStatusCreateInProgress {
			t.Fatalf("the stack is %s: %s", s.StackStatus, aws.ToString(s.StackStatusReason))
		}
		pause(t)
	}
	got, err := l.pipelines.GetPipeline(ctx, &codepipeline.GetPipelineInput{Name: aws.String("declared")})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(got.Pipeline.Stages[1])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"Commands":["make"]`, `"Files":["out/**"]`, `"OutputVariables":["VERSION"]`, `"Cron":"* * 9-17 ? * MON-FRI *"`, `"Result":"ROLLBACK"`, `"Provider":"VariableCheck"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the stage has no %s: %s", want, text)
		}
	}

	// What CodePipeline can't run is refused before anything is created.
	body := strings.NewReplacer("ROLE", w.role, "Provider: Commands", "Provider: Jenkins", "Provider: DeploymentWindow", "Provider: CodeBuild").Replace(conditional)
	_, err = stacks.CreateStack(ctx, &cloudformation.CreateStackInput{StackName: aws.String("refused"), TemplateBody: &body})
	for _, want := range []string{"the action provider Jenkins of category Compute of AWS::CodePipeline::Pipeline", "the rule provider CodeBuild of AWS::CodePipeline::Pipeline"} {
		if !strings.Contains(refused(err), want) {
			t.Errorf("%s lacks %s", refused(err), want)
		}
	}
}

// conditional is a template of a pipeline with commands and conditions.
const conditional = `
Resources:
  Pipeline:
    Type: AWS::CodePipeline::Pipeline
    Properties:
      Name: declared
      PipelineType: V2
      RoleArn: ROLE
      ArtifactStore: {Type: S3, Location: artifacts}
      Stages:
        - Name: Source
          Actions:
            - Name: Source
              ActionTypeId: {Category: Source, Owner: AWS, Provider: S3, Version: "1"}
              Configuration: {S3Bucket: artifacts, S3ObjectKey: source.zip, PollForSourceChanges: "false"}
              OutputArtifacts: [{Name: Source}]
        - Name: Build
          BeforeEntry:
            Conditions:
              - Result: FAIL
                Rules:
                  - Name: Office
                    RuleTypeId: {Category: Rule, Owner: AWS, Provider: DeploymentWindow, Version: "1"}
                    Configuration: {Cron: "* * 9-17 ? * MON-FRI *", TimeZone: UTC}
          OnSuccess:
            Conditions:
              - Result: ROLLBACK
                Rules:
                  - Name: Version
                    RuleTypeId: {Category: Rule, Owner: AWS, Provider: VariableCheck, Version: "1"}
                    Configuration: {Variable: "#{Made.VERSION}", Operator: NE, Value: none}
          Actions:
            - Name: Make
              Namespace: Made
              ActionTypeId: {Category: Compute, Owner: AWS, Provider: Commands, Version: "1"}
              Commands: [make]
              OutputVariables: [VERSION]
              InputArtifacts: [{Name: Source}]
              OutputArtifacts: [{Name: Made-Artifact, Files: ["out/**"]}]
`
