package localaws_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// drifting has a resource of most types whose drift can be detected.
const drifting = `
Parameters: {Password: {Type: String, NoEcho: true, Default: hidden}}
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "sts:AssumeRole"}]}
      Policies: [{PolicyName: own, PolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "s3:GetObject", Resource: "*"}]}}]
      ManagedPolicyArns: ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"]
  Policy:
    Type: AWS::IAM::Policy
    Properties: {PolicyName: apart, Roles: [!Ref Role], PolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: ["sqs:*"], Resource: "*"}]}}
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Role: !GetAtt Role.Arn
      Runtime: nodejs22.x
      Handler: index.handler
      Timeout: "10"
      Environment: {Variables: {MODE: a, SECRET: !Ref Password}}
      Tags: [{Key: team, Value: ledger}]
      Code: {ZipFile: "exports.handler = async () => 1"}
  Version: {Type: AWS::Lambda::Version, Properties: {FunctionName: !Ref Function}}
  Alias: {Type: AWS::Lambda::Alias, Properties: {FunctionName: !Ref Function, FunctionVersion: !GetAtt Version.Version, Name: live}}
  Permission: {Type: AWS::Lambda::Permission, Properties: {FunctionName: !Ref Alias, Action: "lambda:InvokeFunction", Principal: sns.amazonaws.com}}
  Url: {Type: AWS::Lambda::Url, Properties: {TargetFunctionArn: !Ref Function, AuthType: AWS_IAM, Qualifier: live}, DependsOn: Alias}
  Retries: {Type: AWS::Lambda::EventInvokeConfig, Properties: {FunctionName: !Ref Function, Qualifier: $LATEST, MaximumRetryAttempts: 1}}
  Dead: {Type: AWS::SQS::Queue}
  Queue: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 60, RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: "5"}}}
  Mapping: {Type: AWS::Lambda::EventSourceMapping, Properties: {FunctionName: !Ref Function, EventSourceArn: !GetAtt Queue.Arn, BatchSize: 5}, DependsOn: Policy}
  Topic: {Type: AWS::SNS::Topic, Properties: {DisplayName: d, Subscription: [{Protocol: sqs, Endpoint: !GetAtt Dead.Arn}]}}
  Subscription: {Type: AWS::SNS::Subscription, Properties: {TopicArn: !Ref Topic, Protocol: sqs, Endpoint: !GetAtt Queue.Arn, RawMessageDelivery: true}}
  Bucket: {Type: AWS::S3::Bucket, Properties: {VersioningConfiguration: {Status: Enabled}, LifecycleConfiguration: {Rules: [{Status: Enabled, ExpirationInDays: 3}]}}}
  Gone: {Type: AWS::S3::Bucket}
  Logs: {Type: AWS::Logs::LogGroup, Properties: {RetentionInDays: 7}}
  Alarm: {Type: AWS::CloudWatch::Alarm, Properties: {Namespace: N, MetricName: M, Statistic: Sum, Period: 60, EvaluationPeriods: 1, Threshold: 1, ComparisonOperator: GreaterThanThreshold, Dimensions: [{Name: b, Value: "1"}, {Name: a, Value: "2"}]}}
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}, {AttributeName: at, AttributeType: N}]
      KeySchema: [{AttributeName: id, KeyType: HASH}, {AttributeName: at, KeyType: RANGE}]
      TimeToLiveSpecification: {AttributeName: ttl, Enabled: true}
      PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}
      StreamSpecification: {StreamViewType: NEW_IMAGE}
  Key: {Type: AWS::KMS::Key, Properties: {EnableKeyRotation: true, KeyPolicy: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {AWS: !Sub "arn:aws:iam::${AWS::AccountId}:root"}, Action: "kms:*", Resource: "*"}]}}}
  KeyAlias: {Type: AWS::KMS::Alias, Properties: {AliasName: alias/drifting, TargetKeyId: !GetAtt Key.Arn}}
  Application: {Type: AWS::CodeDeploy::Application, Properties: {ComputePlatform: Lambda}}
  Group: {Type: AWS::CodeDeploy::DeploymentGroup, Properties: {ApplicationName: !Ref Application, ServiceRoleArn: !GetAtt Role.Arn, DeploymentStyle: {DeploymentType: BLUE_GREEN, DeploymentOption: WITH_TRAFFIC_CONTROL}, AutoRollbackConfiguration: {Enabled: true, Events: [DEPLOYMENT_FAILURE]}}}
  Rule: {Type: AWS::Events::Rule, Properties: {ScheduleExpression: rate(1 day), Targets: [{Id: q, Arn: !GetAtt Queue.Arn}]}}
  Parameter: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: v, Description: about}}
  Secret: {Type: AWS::SecretsManager::Secret}
Outputs: {Function: {Value: !Ref Function}, Queue: {Value: !Ref Queue}, Role: {Value: !Ref Role}, Bucket: {Value: !Ref Bucket}, Gone: {Value: !Ref Gone}}
`

// Nobody has changed what a stack has just made. What somebody changes or deletes is
// found, with the difference. What CloudFormation can't compare is not in the answer.
func TestDrift(t *testing.T) {
	t.Parallel()
	d := newDeployer(t)
	if status, reasons := d.apply("drifting", drifting); status != types.StackStatusCreateComplete {
		t.Fatalf("%s\n%s", status, reasons)
	}
	ctx, name, stacks, cfg := t.Context(), aws.String("drifting"), d.stacks, clientsOf(d.server)
	if status, found := driftOf(t, stacks, name); status != types.StackDriftStatusInSync || len(found) < 20 {
		t.Errorf("a new stack is %s: %v", status, found)
	}
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	out := d.outputs("drifting")
	functions, identities, objects := lambda.NewFromConfig(cfg), iam.NewFromConfig(cfg), s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	must(functions.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: aws.String(out["Function"]), Timeout: aws.Int32(20)}))
	must(functions.PublishVersion(ctx, &lambda.PublishVersionInput{FunctionName: aws.String(out["Function"])}))
	must(functions.UpdateAlias(ctx, &lambda.UpdateAliasInput{FunctionName: aws.String(out["Function"]), Name: aws.String("live"), FunctionVersion: aws.String("2")}))
	must(sqs.NewFromConfig(cfg).SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: aws.String(out["Queue"]), Attributes: map[string]string{"VisibilityTimeout": "1", "RedrivePolicy": ""}}))
	must(identities.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String(out["Role"]), PolicyName: aws.String("more"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}`)}))
	must(objects.DeleteBucketLifecycle(ctx, &s3.DeleteBucketLifecycleInput{Bucket: aws.String(out["Bucket"])}))
	must(objects.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: aws.String(out["Gone"])}))

	status, found := driftOf(t, stacks, name)
	got := []string{string(status)}
	for _, id := range slices.Sorted(maps.Keys(found)) {
		r := found[id]
		if r.StackResourceDriftStatus == types.StackResourceDriftStatusInSync {
			continue
		}
		line := id + " " + string(r.StackResourceDriftStatus)
		for _, p := range r.PropertyDifferences {
			line += " " + *p.PropertyPath + " " + string(p.DifferenceType)
			if len(*p.ExpectedValue)+len(*p.ActualValue) < 20 {
				line += " " + *p.ExpectedValue + ">" + *p.ActualValue
			}
		}
		got = append(got, line)
	}
	want := []string{
		"DRIFTED",
		"Alias MODIFIED /FunctionVersion NOT_EQUAL 1>2",
		"Bucket MODIFIED /LifecycleConfiguration REMOVE",
		"Function MODIFIED /Timeout NOT_EQUAL 10>20",
		"Gone DELETED",
		"Queue MODIFIED /RedrivePolicy REMOVE /VisibilityTimeout NOT_EQUAL 60>1",
		"Role MODIFIED /Policies/1 ADD",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if r := found["Function"]; strings.Contains(*r.ActualProperties+*r.ExpectedProperties, "hidden") {
		t.Errorf("a value that must not be shown: %s", *r.ExpectedProperties)
	}
	resources, err := stacks.DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{StackName: name})
	must(resources, err)
	for _, r := range resources.StackResources {
		want := types.StackResourceDriftStatusNotChecked
		if checked, ok := found[*r.LogicalResourceId]; ok {
			want = checked.StackResourceDriftStatus
		}
		if got := r.DriftInformation.StackResourceDriftStatus; got != want {
			t.Errorf("%s is %s, want %s", *r.LogicalResourceId, got, want)
		}
	}
	described, err := stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: name})
	must(described, err)
	if info := described.Stacks[0].DriftInformation; info.StackDriftStatus != types.StackDriftStatusDrifted || info.LastCheckTimestamp == nil {
		t.Errorf("the stack is %v", info)
	}

	one, err := stacks.DetectStackResourceDrift(ctx, &cloudformation.DetectStackResourceDriftInput{StackName: name, LogicalResourceId: aws.String("Alias")})
	must(one, err)
	if one.StackResourceDrift.StackResourceDriftStatus != types.StackResourceDriftStatusModified {
		t.Errorf("the alias is %s", one.StackResourceDrift.StackResourceDriftStatus)
	}
	filtered, err := stacks.DescribeStackResourceDrifts(ctx, &cloudformation.DescribeStackResourceDriftsInput{
		StackName: name, StackResourceDriftStatusFilters: []types.StackResourceDriftStatus{types.StackResourceDriftStatusDeleted},
	})
	must(filtered, err)
	if len(filtered.StackResourceDrifts) != 1 || *filtered.StackResourceDrifts[0].LogicalResourceId != "Gone" || filtered.StackResourceDrifts[0].ActualProperties != nil {
		t.Errorf("what was deleted: %v", filtered.StackResourceDrifts)
	}

	for want, call := range map[string]func() error{
		"Stack [none] does not exist": func() error {
			_, err := stacks.DetectStackDrift(ctx, &cloudformation.DetectStackDriftInput{StackName: aws.String("none")})
			return err
		},
		"Resource Nope does not exist for stack drifting": func() error {
			_, err := stacks.DetectStackDrift(ctx, &cloudformation.DetectStackDriftInput{StackName: name, LogicalResourceIds: []string{"Nope"}})
			return err
		},
		"Drift detection is not supported for resource type AWS::SecretsManager::Secret": func() error {
			_, err := stacks.DetectStackResourceDrift(ctx, &cloudformation.DetectStackResourceDriftInput{StackName: name, LogicalResourceId: aws.String("Secret")})
			return err
		},
		"Drift detection with id [nope] does not exist": func() error {
			_, err := stacks.DescribeStackDriftDetectionStatus(ctx, &cloudformation.DescribeStackDriftDetectionStatusInput{StackDriftDetectionId: aws.String("nope")})
			return err
		},
	} {
		if err := call(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}

	// An update does not undo what it does not change, and forgets what was found.
	if status, reasons := d.apply("drifting", strings.Replace(drifting, "MODE: a", "MODE: b", 1)); status != types.StackStatusUpdateComplete {
		t.Fatalf("%s\n%s", status, reasons)
	}
	described, err = stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: name})
	must(described, err)
	if info := described.Stacks[0].DriftInformation; info.StackDriftStatus != types.StackDriftStatusNotChecked {
		t.Errorf("after an update the stack is %s", info.StackDriftStatus)
	}
}

// Who may not read a resource does not learn whether it has drifted.
func TestDriftThatNobodyMayRead(t *testing.T) {
	t.Parallel()
	d := newDeployer(t)
	if status, reasons := d.apply("small", "Resources: {Queue: {Type: AWS::SQS::Queue, Properties: {DelaySeconds: 1}}, Topic: {Type: AWS::SNS::Topic}}"); status != types.StackStatusCreateComplete {
		t.Fatalf("%s\n%s", status, reasons)
	}
	role := makeRole(t, clientsOf(d.server), "reader", trusted, `{"Effect":"Allow","Action":["cloudformation:*","sns:*"],"Resource":"*"}`)
	reader := assume(t, clientsOf(d.server), &sts.AssumeRoleInput{RoleArn: &role})
	stacks := cloudformation.NewFromConfig(reader)
	started, err := stacks.DetectStackDrift(t.Context(), &cloudformation.DetectStackDriftInput{StackName: aws.String("small")})
	if err != nil {
		t.Fatal(err)
	}
	out := detected(t, stacks, started.StackDriftDetectionId)
	if out.DetectionStatus != types.StackDriftDetectionStatusDetectionFailed || out.StackDriftStatus != types.StackDriftStatusUnknown ||
		!strings.Contains(aws.ToString(out.DetectionStatusReason), "not authorized to perform: sqs:GetQueueAttributes") {
		t.Errorf("%s %s %s", out.DetectionStatus, out.StackDriftStatus, aws.ToString(out.DetectionStatusReason))
	}
}

func detected(t *testing.T, stacks *cloudformation.Client, id *string) *cloudformation.DescribeStackDriftDetectionStatusOutput {
	t.Helper()
	for {
		out, err := stacks.DescribeStackDriftDetectionStatus(t.Context(), &cloudformation.DescribeStackDriftDetectionStatusInput{StackDriftDetectionId: id})
		if err != nil {
			t.Fatal(err)
		}
		if out.DetectionStatus != types.StackDriftDetectionStatusDetectionInProgress {
			return out
		}
		pause(t)
	}
}

// driftOf detects the drift of a stack, and returns it with those of its resources that
// were compared.
func driftOf(t *testing.T, stacks *cloudformation.Client, name *string) (types.StackDriftStatus, map[string]types.StackResourceDrift) {
	t.Helper()
	started, err := stacks.DetectStackDrift(t.Context(), &cloudformation.DetectStackDriftInput{StackName: name})
	if err != nil {
		t.Fatal(err)
	}
	out := detected(t, stacks, started.StackDriftDetectionId)
	if out.DetectionStatus != types.StackDriftDetectionStatusDetectionComplete {
		t.Errorf("%s: %s", out.DetectionStatus, aws.ToString(out.DetectionStatusReason))
	}
	drifts, err := stacks.DescribeStackResourceDrifts(t.Context(), &cloudformation.DescribeStackResourceDriftsInput{StackName: name})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]types.StackResourceDrift{}
	for _, r := range drifts.StackResourceDrifts {
		found[*r.LogicalResourceId] = r
		if r.StackResourceDriftStatus == types.StackResourceDriftStatusInSync && len(r.PropertyDifferences) > 0 {
			t.Errorf("%s: %v", *r.LogicalResourceId, r.PropertyDifferences)
		}
	}
	return out.StackDriftStatus, found
}
