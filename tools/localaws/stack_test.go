package localaws_test

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	codedeploytypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/magewright/magewright/tools/localaws"
)

// shifted is a stack whose alias CodeDeploy shifts. RELEASED stands for a
// release and is part of the version's logical id, as a hash is in the CDK.
const shifted = `
Parameters:
  Architecture: {Type: String}
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: shifted
      AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {Service: [lambda.amazonaws.com, codedeploy.amazonaws.com]}, Action: "sts:AssumeRole"}]}
      ManagedPolicyArns: ["arn:aws:iam::aws:policy/service-role/AWSCodeDeployRoleForLambda"]
  Function:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: shifted
      Role: !GetAtt Role.Arn
      Runtime: provided.al2023
      Handler: bootstrap
      Architectures: [!Ref Architecture]
      Code: {S3Bucket: packages, S3Key: function.zip}
      Environment: {Variables: {RELEASE: RELEASED}}
  VersionRELEASED:
    Type: AWS::Lambda::Version
    DeletionPolicy: Retain
    Properties: {FunctionName: !Ref Function, Description: RELEASED}
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties: {AlarmName: shifted, Namespace: AWS/Lambda, MetricName: Errors, Statistic: Sum, Period: 60, EvaluationPeriods: 1, Threshold: 0, ComparisonOperator: GreaterThanThreshold, TreatMissingData: ignore}
  Application:
    Type: AWS::CodeDeploy::Application
    Properties: {ComputePlatform: Lambda}
  Group:
    Type: AWS::CodeDeploy::DeploymentGroup
    Properties:
      ApplicationName: !Ref Application
      ServiceRoleArn: !GetAtt Role.Arn
      DeploymentConfigName: CodeDeployDefault.LambdaCanary10Percent5Minutes
      DeploymentStyle: {DeploymentType: BLUE_GREEN, DeploymentOption: WITH_TRAFFIC_CONTROL}
      AlarmConfiguration: {Enabled: true, Alarms: [{Name: !Ref Alarm}]}
      AutoRollbackConfiguration: {Enabled: true, Events: [DEPLOYMENT_FAILURE, DEPLOYMENT_STOP_ON_ALARM, DEPLOYMENT_STOP_ON_REQUEST]}
  Alias:
    Type: AWS::Lambda::Alias
    UpdatePolicy: {CodeDeployLambdaAliasUpdate: {ApplicationName: !Ref Application, DeploymentGroupName: !Ref Group}}
    Properties: {FunctionName: !Ref Function, FunctionVersion: !GetAtt VersionRELEASED.Version, Name: live}
`

// An update waits for the shift. If an alarm stops the shift, the update fails
// with CodeDeploy's message and is rolled back. The new version is left behind.
// The next update still shifts.
func TestStackUpdateThatAnAlarmStops(t *testing.T) {
	t.Parallel()
	zip, err := function()
	if err != nil {
		t.Fatal(err)
	}
	s := startStepped(t)
	cfg, ctx := s.aws, t.Context()
	stacks, functions, alarms := cloudformation.NewFromConfig(cfg), lambda.NewFromConfig(cfg), cloudwatch.NewFromConfig(cfg)
	objects := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("packages")}))
	must(objects.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("packages"), Key: aws.String("function.zip"), Body: bytes.NewReader(zip)}))

	parameters := []types.Parameter{{ParameterKey: aws.String("Architecture"), ParameterValue: aws.String(localaws.HostContext()["architecture"].(string))}}
	template := func(release string) *string { return aws.String(strings.ReplaceAll(shifted, "RELEASED", release)) }
	name := aws.String("shifted")
	update := func(release string) {
		t.Helper()
		must(stacks.UpdateStack(ctx, &cloudformation.UpdateStackInput{
			StackName: name, TemplateBody: template(release), Parameters: parameters, Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam},
		}))
	}
	// Time passes only while the test waits for the stack.
	await := func() types.StackStatus {
		t.Helper()
		for {
			out, err := stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: name})
			must(out, err)
			if status := out.Stacks[0].StackStatus; !strings.HasSuffix(string(status), "IN_PROGRESS") {
				return status
			}
			s.clock.Advance(5 * time.Second)
			pause(t)
		}
	}
	at := func() string {
		t.Helper()
		out, err := functions.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: name, Name: aws.String("live")})
		must(out, err)
		return fmt.Sprint(*out.FunctionVersion, " ", out.RoutingConfig != nil && len(out.RoutingConfig.AdditionalVersionWeights) > 0)
	}
	set := func(state string) {
		t.Helper()
		_, err := alarms.SetAlarmState(ctx, &cloudwatch.SetAlarmStateInput{AlarmName: name, StateValue: "OK", StateReason: aws.String("test")})
		must(nil, err)
		if state == "ALARM" {
			_, err = alarms.SetAlarmState(ctx, &cloudwatch.SetAlarmStateInput{AlarmName: name, StateValue: "ALARM", StateReason: aws.String("test")})
			must(nil, err)
		}
	}

	must(stacks.CreateStack(ctx, &cloudformation.CreateStackInput{
		StackName: name, TemplateBody: template("a"), Parameters: parameters, Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam},
	}))
	if status := await(); status != types.StackStatusCreateComplete || at() != "1 false" {
		t.Fatalf("%s, alias at %s: the first creation does not shift", status, at())
	}
	deployments := codedeploy.NewFromConfig(cfg)
	update("b")
	id := awaitDeployment(t, deployments, "shifted")
	if now := at(); now != "1 true" {
		t.Errorf("during the shift the alias is at %s", now)
	}
	set("ALARM")
	if status := await(); status != types.StackStatusUpdateRollbackComplete || at() != "1 false" {
		t.Errorf("%s, alias at %s", status, at())
	}
	events, err := stacks.DescribeStackEvents(ctx, &cloudformation.DescribeStackEventsInput{StackName: name})
	must(events, err)
	var failures []string
	for _, e := range events.StackEvents {
		if strings.HasSuffix(string(e.ResourceStatus), "FAILED") {
			failures = append(failures, *e.LogicalResourceId+" "+string(e.ResourceStatus)+": "+aws.ToString(e.ResourceStatusReason))
		}
	}
	want := `^Alias UPDATE_FAILED: Resource handler returned message: "` + *id + ` failed\. One or more alarms have been activated according to the Amazon CloudWatch metrics you selected, and the affected deployments have been stopped\. Activated alarms: <shifted>" \(RequestToken: [0-9a-f-]{36}, HandlerErrorCode: InternalFailure\)$`
	if len(failures) != 1 || !regexp.MustCompile(want).MatchString(failures[0]) {
		t.Errorf("failures %q, want %s", failures, want)
	}
	versions := func() (numbers []string) {
		t.Helper()
		out, err := functions.ListVersionsByFunction(ctx, &lambda.ListVersionsByFunctionInput{FunctionName: name})
		must(out, err)
		for _, v := range out.Versions {
			numbers = append(numbers, *v.Version)
		}
		return numbers
	}
	if got := versions(); !slices.Equal(got, []string{"$LATEST", "1", "2"}) {
		t.Errorf("versions %q: the new one is to be left behind", got)
	}
	resources, err := stacks.ListStackResources(ctx, &cloudformation.ListStackResourcesInput{StackName: name})
	must(resources, err)
	for _, r := range resources.StackResourceSummaries {
		if *r.LogicalResourceId == "Versionb" && r.ResourceStatus != types.ResourceStatusDeleteSkipped {
			t.Errorf("the stack still has the version that it left behind: %s", r.ResourceStatus)
		}
	}
	list, err := deployments.ListDeployments(ctx, &codedeploy.ListDeploymentsInput{})
	must(list, err)
	// CloudFormation's rollback has started no deployment of its own.
	if len(list.Deployments) != 2 {
		t.Errorf("%d deployments, want the one that was stopped and its rollback", len(list.Deployments))
	}

	set("OK")
	update("c")
	if status := await(); status != types.StackStatusUpdateComplete || at() != "3 false" {
		t.Errorf("%s, alias at %s", status, at())
	}
	out, err := deployments.ListDeployments(ctx, &codedeploy.ListDeploymentsInput{})
	must(out, err)
	last, err := deployments.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: &out.Deployments[0]})
	must(last, err)
	if took := last.DeploymentInfo.CompleteTime.Sub(*last.DeploymentInfo.StartTime); took < 5*time.Minute {
		t.Errorf("the update did not wait: the shift took %v", took)
	}

	// Cancelling an update in the middle of a shift also stops the shift.
	update("d")
	for at() != "3 true" {
		pause(t)
	}
	must(stacks.CancelUpdateStack(ctx, &cloudformation.CancelUpdateStackInput{StackName: name}))
	if status := await(); status != types.StackStatusUpdateRollbackComplete || at() != "3 false" {
		t.Errorf("%s, alias at %s", status, at())
	}
	out, err = deployments.ListDeployments(ctx, &codedeploy.ListDeploymentsInput{IncludeOnlyStatuses: []codedeploytypes.DeploymentStatus{codedeploytypes.DeploymentStatusInProgress}})
	must(out, err)
	if len(out.Deployments) > 0 {
		t.Errorf("deployments go on after the update was cancelled: %v", out.Deployments)
	}

	// CodeDeploy does not shift an alias that someone has moved meanwhile, and
	// the rollback leaves it where it is.
	move := func(to string) {
		t.Helper()
		_, err := functions.UpdateAlias(ctx, &lambda.UpdateAliasInput{FunctionName: name, Name: aws.String("live"), FunctionVersion: &to})
		must(nil, err)
	}
	move("1")
	update("e")
	if status := await(); status != types.StackStatusUpdateRollbackComplete || at() != "1 false" {
		t.Errorf("%s, alias at %s", status, at())
	}
	out, err = deployments.ListDeployments(ctx, &codedeploy.ListDeploymentsInput{})
	must(out, err)
	last, err = deployments.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: &out.Deployments[0]})
	must(last, err)
	if got := last.DeploymentInfo.ErrorInformation; got == nil || got.Code != codedeploytypes.ErrorCodeInvalidLambdaConfiguration ||
		!strings.HasSuffix(*got.Message, "The Lambda function alias version does not match the current version in AppSpec file.") {
		t.Errorf("the deployment of an alias that was moved: %+v", got)
	}
	move("3")
	update("f")
	if status := await(); status != types.StackStatusUpdateComplete {
		t.Errorf("%s, alias at %s: it was moved back", status, at())
	}
}
