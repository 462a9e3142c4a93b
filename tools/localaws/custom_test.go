package localaws_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws"
	"github.com/magewright/magewright/tools/localaws/lambda"
)

// A deployer creates, updates and deletes stacks, and waits for the end.
type deployer struct {
	*testing.T
	server *localaws.Server
	stacks *cloudformation.Client
}

func newDeployer(t *testing.T) deployer {
	t.Helper()
	if node() == "" {
		t.Skip("there is no node on PATH")
	}
	server := serve(t, clock.NewElastic(600))
	return deployer{t, server, cloudformation.NewFromConfig(clientsOf(server))}
}

// apply creates a stack, or updates it, and returns its status and the reasons of its
// failures.
func (d deployer) apply(name, body string) (types.StackStatus, string) {
	d.Helper()
	capabilities := []types.Capability{types.CapabilityCapabilityNamedIam, types.CapabilityCapabilityAutoExpand}
	_, err := d.stacks.DescribeStacks(d.Context(), &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil {
		_, err = d.stacks.CreateStack(d.Context(), &cloudformation.CreateStackInput{StackName: &name, TemplateBody: &body, Capabilities: capabilities})
	} else {
		_, err = d.stacks.UpdateStack(d.Context(), &cloudformation.UpdateStackInput{StackName: &name, TemplateBody: &body, Capabilities: capabilities})
	}
	if err != nil {
		return "", err.Error()
	}
	return d.await(name)
}

func (d deployer) await(name string) (types.StackStatus, string) {
	d.Helper()
	for {
		out, err := d.stacks.DescribeStacks(d.Context(), &cloudformation.DescribeStacksInput{StackName: &name})
		if err != nil {
			if strings.Contains(err.Error(), "does not exist") {
				return types.StackStatusDeleteComplete, ""
			}
			d.Fatal(err)
		}
		if status := out.Stacks[0].StackStatus; !strings.HasSuffix(string(status), "IN_PROGRESS") {
			return status, d.reasons(name)
		}
		pause(d.T)
	}
}

// reasons returns the reasons of all events.
func (d deployer) reasons(name string) string {
	d.Helper()
	events, err := d.stacks.DescribeStackEvents(d.Context(), &cloudformation.DescribeStackEventsInput{StackName: &name})
	if err != nil {
		d.Fatal(err)
	}
	var reasons []string
	for _, e := range slices.Backward(events.StackEvents) {
		if e.ResourceStatusReason != nil {
			reasons = append(reasons, aws.ToString(e.LogicalResourceId)+": "+*e.ResourceStatusReason)
		}
	}
	return strings.Join(reasons, "\n")
}

// outputs returns the outputs of a stack.
func (d deployer) outputs(name string) map[string]string {
	d.Helper()
	out, err := d.stacks.DescribeStacks(d.Context(), &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil {
		d.Fatal(err)
	}
	outputs := map[string]string{}
	for _, o := range out.Stacks[0].Outputs {
		outputs[*o.OutputKey] = *o.OutputValue
	}
	return outputs
}

// logged returns the lines of a log group that begin with a word.
func (d deployer) logged(group, word string) []string {
	d.Helper()
	d.server.Flush(d.Context())
	out, err := cloudwatchlogs.NewFromConfig(clientsOf(d.server)).FilterLogEvents(d.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &group})
	if err != nil {
		d.Fatal(err)
	}
	var lines []string
	for _, e := range out.Events {
		if _, line, ok := strings.Cut(*e.Message, word); ok {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// provided is a stack with a function that makes custom resources.
const provided = `
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "sts:AssumeRole"}]}
  Provider:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: provider
      Role: !GetAtt Role.Arn
      Runtime: nodejs22.x
      Handler: index.handler
      Timeout: 30
      Code:
        ZipFile: |
          const response = require('cfn-response');
          exports.handler = (event, context) => {
            const properties = event.ResourceProperties;
            console.log('did', event.RequestType, event.ResourceType, event.PhysicalResourceId, process.env.HOME === process.env.TMPDIR, context.getRemainingTimeInMillis() > 0);
            if (properties.Mode === 'silent') return;
            const failed = properties.Mode === 'fail' && event.RequestType !== 'Delete';
            response.send(event, context, failed ? response.FAILED : response.SUCCESS,
              { Echo: JSON.stringify(properties), Old: JSON.stringify(event.OldResourceProperties) ?? 'none' }, properties.Id);
          };
  Thing:
    Type: Custom::Thing
    Properties: {ServiceToken: !GetAtt Provider.Arn, ServiceTimeout: 10, Id: ID, Mode: MODE, Number: 3, Flag: true, List: [1, a]}
Outputs:
  Ref: {Value: !Ref Thing}
  Echo: {Value: !GetAtt Thing.Echo}
  Old: {Value: !GetAtt Thing.Old}
`

func thing(id, mode string) string {
	return strings.NewReplacer("Id: ID", "Id: "+id, "Mode: MODE", "Mode: "+mode).Replace(provided)
}

// A function in the template makes a custom resource, and replaces and deletes it.
func TestCustomResource(t *testing.T) {
	t.Parallel()
	d := newDeployer(t)
	status, reasons := d.apply("custom", thing("one", "good"))
	if status != types.StackStatusCreateComplete {
		t.Fatalf("%s\n%s", status, reasons)
	}
	got := d.outputs("custom")
	var echo map[string]any
	if err := json.Unmarshal([]byte(got["Echo"]), &echo); err != nil {
		t.Fatal(err)
	}
	delete(echo, "ServiceToken")
	if text, err := json.Marshal(echo); err != nil || string(text) != `{"Flag":"true","Id":"one","List":["1","a"],"Mode":"good","Number":"3","ServiceTimeout":"10"}` || got["Ref"] != "one" || got["Old"] != "none" {
		t.Errorf("%s %v", text, got)
	}
	// Another id is another resource: the old one is deleted.
	if status, reasons := d.apply("custom", thing("two", "good")); status != types.StackStatusUpdateComplete || d.outputs("custom")["Ref"] != "two" {
		t.Errorf("%s\n%s", status, reasons)
	}
	if status, reasons := d.apply("custom", thing("two", "fail")); status != types.StackStatusUpdateRollbackComplete ||
		!strings.Contains(reasons, "Thing: Received response status [FAILED] from custom resource. Message returned: See the details in CloudWatch Log Stream: ") {
		t.Errorf("%s\n%s", status, reasons)
	}
	if _, err := d.stacks.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: aws.String("custom")}); err != nil {
		t.Fatal(err)
	}
	if status, reasons := d.await("custom"); status != types.StackStatusDeleteComplete {
		t.Errorf("%s\n%s", status, reasons)
	}
	want := []string{
		"Create Custom::Thing undefined true true", "Update Custom::Thing one true true", "Delete Custom::Thing one true true",
		"Update Custom::Thing two true true", "Update Custom::Thing two true true", "Delete Custom::Thing two true true",
	}
	if got := d.logged("/aws/lambda/provider", "\tINFO\tdid "); !slices.Equal(got, want) {
		t.Errorf("the provider did\n%s", strings.Join(got, "\n"))
	}
}

// A provider that does not answer fails after the time that the template gives it.
func TestCustomResourceWithoutAnswer(t *testing.T) {
	t.Parallel()
	d := newDeployer(t)
	status, reasons := d.apply("silent", strings.Replace(thing("one", "silent"), "ServiceTimeout: 10", "ServiceTimeout: 600", 1))
	if !strings.Contains(reasons, "Thing: Resource handler returned message: \"CloudFormation did not receive a response from your Custom Resource. Please check your logs for requestId [") {
		t.Errorf("%s\n%s", status, reasons)
	}
}

// Everything that can't be deployed is named at once, before anything is created.
func TestRefusedAtOnce(t *testing.T) {
	t.Parallel()
	d := newDeployer(t)
	status, reasons := d.apply("refused", `
Resources:
  Old: {Type: AWS::Lambda::Function, Properties: {Runtime: go1.x, Handler: main, Role: "arn:aws:iam::000000000000:role/r", Code: {S3Bucket: b, S3Key: k}}}
  Snake: {Type: AWS::Lambda::Function, Properties: {Runtime: python3.13, Handler: a.b, Role: "arn:aws:iam::000000000000:role/r", Code: {S3Bucket: b, S3Key: k}}}
  Box: {Type: AWS::Lambda::Function, Properties: {PackageType: Image, Role: "arn:aws:iam::000000000000:role/r", Code: {ImageUri: i}}}
  Thing: {Type: Custom::Thing, Properties: {ServiceToken: "arn:aws:sns:us-east-1:000000000000:topic"}}
  Put: {Type: AWS::ApiGateway::Method, Properties: {RestApiId: a, ResourceId: r, HttpMethod: PUT, Integration: {Type: AWS, Uri: !Sub "arn:aws:apigateway:${AWS::Region}:kinesis:action/PutRecord"}}}
  Get: {Type: AWS::ApiGateway::Method, Properties: {RestApiId: a, ResourceId: r, HttpMethod: GET, Integration: {Type: MOCK, RequestTemplates: {application/json: "#set($a = 1)"}}}}
`)
	for _, want := range []string{
		"resource Old: The runtime parameter of go1.x is no longer supported",
		"resource Snake: The embedded AWS can't run python3.13.",
		"resource Box: the embedded AWS runs no containers",
		"resource Thing: the embedded AWS does not support the ServiceToken arn:aws:sns:",
		"resource Put: the embedded AWS does not support integrations with kinesis of AWS::ApiGateway::Method",
		"resource Get: the embedded AWS does not support a mapping template for application/json of AWS::ApiGateway::Method: ",
	} {
		if !strings.Contains(reasons, want) {
			t.Errorf("%s %s lacks %s", status, reasons, want)
		}
	}
	const (
		api    = "Api: {Type: AWS::ApiGateway::RestApi, Properties: {Name: a}}, "
		method = "RestApiId: !Ref Api, ResourceId: !GetAtt Api.RootResourceId, HttpMethod: GET, AuthorizationType: NONE, "
		build  = "Type: AWS::CodeBuild::Project, Properties: {ServiceRole: r, Artifacts: {Type: NO_ARTIFACTS}, Source: {Type: NO_SOURCE}, Environment: {Type: LINUX_CONTAINER, ComputeType: BUILD_GENERAL1_SMALL, Image: i}, "
	)
	for _, c := range []struct{ resources, want string }{
		{"R: {Type: AWS::KMS::Key, Properties: {KeySpec: RSA_2048}}, S: {Type: AWS::KMS::Key, Properties: {KeySpec: RSA_2048, KeyUsage: ENCRYPT_DECRYPT}}", "resource S: the embedded AWS does not support KeyUsage ENCRYPT_DECRYPT of AWS::KMS::Key, only SIGN_VERIFY"},
		{"R: {Type: AWS::KMS::Key, Properties: {KeySpec: SM2}}", "KeySpec SM2 of AWS::KMS::Key, only "},
		{"R: {Type: AWS::KMS::Key, Properties: {Origin: EXTERNAL}}", "Origin EXTERNAL of AWS::KMS::Key, only AWS_KMS"},
		{"R: {Type: AWS::KMS::Key, Properties: {MultiRegion: 'true'}}", "MultiRegion true of AWS::KMS::Key"},
		{"R: {Type: AWS::S3::Bucket, Properties: {NotificationConfiguration: {QueueConfigurations: [{Event: 's3:ObjectRestore:*', Queue: q}]}}}", "notifications about the event s3:ObjectRestore:* of AWS::S3::Bucket. Leave it out"},
		{"R: {Type: AWS::ApiGateway::RestApi, Properties: {Name: a, ApiKeySourceType: AUTHORIZER}}", "ApiKeySourceType AUTHORIZER of AWS::ApiGateway::RestApi, only HEADER"},
		{"R: {Type: AWS::ApiGateway::RestApi, Properties: {Name: a, EndpointConfiguration: {Types: [PRIVATE]}}}", "private APIs: EndpointConfiguration.Types PRIVATE of AWS::ApiGateway::RestApi. Leave it out"},
		{"R: {Type: AWS::ApiGateway::UsagePlan, Properties: {Quota: {Limit: 5, Period: WEEK, Offset: 1}}}", "Quota.Offset of AWS::ApiGateway::UsagePlan"},
		{api + "R: {Type: AWS::ApiGateway::Method, Properties: {" + method + "Integration: {Type: AWS_PROXY, IntegrationHttpMethod: POST, Uri: 'arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:${stageVariables.f}/invocations'}}}", "stage variables in the Uri of an integration of AWS::ApiGateway::Method"},
		{"A: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: a, ProtocolType: HTTP}}, R: {Type: AWS::ApiGatewayV2::Integration, Properties: {ApiId: !Ref A, IntegrationType: HTTP_PROXY, IntegrationMethod: ANY, IntegrationUri: 'https://example.com', PayloadFormatVersion: '1.0'}}", "IntegrationType HTTP_PROXY of AWS::ApiGatewayV2::Integration, only AWS_PROXY"},
		{"R: {Type: AWS::CloudWatch::Alarm, Properties: {ComparisonOperator: GreaterThanThreshold, Threshold: 1, EvaluationPeriods: 1, Metrics: [{Id: m, AccountId: '111111111111', MetricStat: {Stat: Sum, Period: 60, Metric: {Namespace: N, MetricName: M}}}]}}", "Metrics.AccountId of AWS::CloudWatch::Alarm"},
		{"R: {Type: AWS::Lambda::EventSourceMapping, Properties: {FunctionName: f, EventSourceArn: 'arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2020', StartingPosition: LATEST, TumblingWindowInSeconds: 5}}", "TumblingWindowInSeconds of AWS::Lambda::EventSourceMapping"},
		{"R: {" + build + "LogsConfig: {S3Logs: {Status: ENABLED, Location: b}}}}", "LogsConfig.S3Logs.Status ENABLED of AWS::CodeBuild::Project, only DISABLED"},
		{"R: {Type: AWS::CodeBuild::ReportGroup, Properties: {Type: TEST, ExportConfig: {ExportConfigType: S3}}}", "ExportConfig.ExportConfigType S3 of AWS::CodeBuild::ReportGroup, only NO_EXPORT"},
		{"Q: {Type: AWS::SQS::Queue}, R: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: !Sub '${Q.Name}'}}", "Template error: resource Q does not support attribute type Name in Fn::GetAtt"},
	} {
		if status, reasons := d.apply("refused", "Resources: {"+c.resources+"}"); status != "" || !strings.Contains(reasons, c.want) {
			t.Errorf("%s: %s %s lacks %s", c.resources, status, reasons, c.want)
		}
	}
	status, reasons = d.apply("names", `
Resources:
  Net: {Type: AWS::EC2::VPC, Properties: {Cidr: 10.0.0.0/16}}
  Away: {Type: AWS::Batch::JobQueue, Properties: {}}
  Api: {Type: AWS::ApiGateway::RestApi, Properties: {Name: a, Policy: {}, Colour: red}}
  Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: !GetAtt Net.Name}}
`)
	for _, want := range []string{
		"Unrecognized resource types: [AWS::Batch::JobQueue]; the embedded AWS does not support the type of resource Away",
		"resource Net: Encountered unsupported property Cidr (AWS::EC2::VPC has none in @aws-cdk/aws-service-spec ",
		"resource Api: the embedded AWS does not support Policy of AWS::ApiGateway::RestApi",
		"resource Api: Encountered unsupported property Colour",
		"Template error: resource Net does not support attribute type Name in Fn::GetAtt",
	} {
		if !strings.Contains(reasons, want) {
			t.Errorf("%s %s lacks %s", status, reasons, want)
		}
	}
	if out, err := d.stacks.ListStacks(t.Context(), &cloudformation.ListStacksInput{}); err != nil || len(out.StackSummaries) > 0 {
		t.Errorf("%v %v", out, err)
	}
}

// The CDK's own custom resources have their effects: a bucket is filled and emptied, a
// log group keeps its events for a while. Python does not run.
func TestCustomResourcesOfTheCDK(t *testing.T) {
	t.Parallel()
	d := newDeployer(t)
	objects := s3.NewFromConfig(clientsOf(d.server), func(o *s3.Options) { o.UsePathStyle = true })
	put := func(key string, files map[string]string) {
		t.Helper()
		if _, err := objects.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("assets"), Key: &key, Body: zipped(t, files)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := objects.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("assets")}); err != nil {
		t.Fatal(err)
	}
	put("one.zip", map[string]string{"index.html": "<h1>MARK</h1>", "old.txt": "old"})
	put("data.zip", map[string]string{"data.json": `{"text":"MARK"}`})
	put("two.zip", map[string]string{"index.html": "<h1>two</h1>"})
	body := `
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "sts:AssumeRole"}]}
  Cli: {Type: AWS::Lambda::LayerVersion, Properties: {Content: {S3Bucket: assets, S3Key: one.zip}}}
  CustomCDKBucketDeployment8693BB64968944B69AAFB0CC9EB8756C81C01536:
    Type: AWS::Lambda::Function
    Properties: {Runtime: python3.13, Handler: index.handler, Role: !GetAtt Role.Arn, Layers: [!Ref Cli], Code: {S3Bucket: assets, S3Key: one.zip}}
  Site: {Type: AWS::S3::Bucket, Properties: {BucketName: site, Tags: [{Key: "aws-cdk:auto-delete-objects", Value: "true"}]}}
  Empty: {Type: Custom::S3AutoDeleteObjects, Properties: {ServiceToken: !GetAtt CustomCDKBucketDeployment8693BB64968944B69AAFB0CC9EB8756C81C01536.Arn, BucketName: !Ref Site}}
  Deploy:
    Type: Custom::CDKBucketDeployment
    Properties:
      ServiceToken: !GetAtt CustomCDKBucketDeployment8693BB64968944B69AAFB0CC9EB8756C81C01536.Arn
      SourceBucketNames: [assets]
      SourceObjectKeys: [one.zip]
      SourceMarkers: [{MARK: marked}]
      SourceMarkersConfig: [{}]
      DistributionId: EXAMPLE
      DistributionPaths: ["/*"]
      DestinationBucketName: !Ref Site
      Prune: true
  Keep: {Type: Custom::LogRetention, Properties: {ServiceToken: !GetAtt CustomCDKBucketDeployment8693BB64968944B69AAFB0CC9EB8756C81C01536.Arn, LogGroupName: /kept, RetentionInDays: 7}}
`
	contents := func(bucket string) map[string]string {
		t.Helper()
		listed, err := objects.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket})
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]string{}
		for _, o := range listed.Contents {
			found[*o.Key] = object(t, objects, bucket, *o.Key)
		}
		return found
	}
	status, reasons := d.apply("cdk", body)
	if status != types.StackStatusCreateComplete || !strings.Contains(reasons, "Deploy: NOT REHEARSED: the embedded AWS does what the CDK's provider of Custom::CDKBucketDeployment does") {
		t.Fatalf("%s\n%s", status, reasons)
	}
	if got := contents("site"); !maps.Equal(got, map[string]string{"index.html": "<h1>marked</h1>", "old.txt": "old"}) {
		t.Errorf("%v", got)
	}
	groups, err := cloudwatchlogs.NewFromConfig(clientsOf(d.server)).DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String("/kept")})
	if err != nil || len(groups.LogGroups) != 1 || aws.ToInt32(groups.LogGroups[0].RetentionInDays) != 7 {
		t.Errorf("%+v %v", groups, err)
	}
	if status, reasons := d.apply("cdk", strings.Replace(body, "SourceObjectKeys: [one.zip]", "SourceObjectKeys: [two.zip]", 1)); status != types.StackStatusUpdateComplete {
		t.Fatalf("%s\n%s", status, reasons)
	}
	if got := contents("site"); !maps.Equal(got, map[string]string{"index.html": "<h1>two</h1>"}) {
		t.Errorf("%v", got)
	}
	// A bucket with another name replaces the first one, which is emptied and deleted.
	body = strings.NewReplacer(
		"BucketName: site", "BucketName: moved", "[one.zip]", "[data.zip]", "{MARK: marked}", `{MARK: 'a "b"'}`, "SourceMarkersConfig: [{}]", "SourceMarkersConfig: [{jsonEscape: true}]",
	).Replace(body)
	if status, reasons := d.apply("cdk", body); status != types.StackStatusUpdateComplete || strings.Contains(reasons, "DELETE_FAILED") {
		t.Fatalf("%s\n%s", status, reasons)
	}
	if got := contents("moved"); !maps.Equal(got, map[string]string{"data.json": `{"text":"a \"b\""}`}) {
		t.Errorf("%v", got)
	}
	if _, err := objects.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String("site")}); err == nil {
		t.Error("the bucket that was replaced is still there")
	}
	// A bucket that no longer asks to be emptied keeps its objects.
	kept := strings.Replace(strings.Replace(body, `, Tags: [{Key: "aws-cdk:auto-delete-objects", Value: "true"}]`, "", 1), "  Empty: {Type", "  Other: {Type", 1)
	if status, reasons := d.apply("cdk", strings.Replace(kept, "BucketName: !Ref Site}}", "BucketName: other}}", 1)); status != types.StackStatusUpdateComplete || len(contents("moved")) != 1 {
		t.Fatalf("%s %v\n%s", status, contents("moved"), reasons)
	}
	if status, reasons := d.apply("cdk", body); status != types.StackStatusUpdateComplete {
		t.Fatalf("%s\n%s", status, reasons)
	}
	if _, err := d.stacks.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: aws.String("cdk")}); err != nil {
		t.Fatal(err)
	}
	if status, reasons := d.await("cdk"); status != types.StackStatusDeleteComplete {
		t.Errorf("%s\n%s", status, reasons)
	}
}

// What notifies about the objects of a bucket of the app is replaced, and what others have
// set on another bucket stays.
func TestBucketNotifications(t *testing.T) {
	t.Parallel()
	d := newDeployer(t)
	objects := s3.NewFromConfig(clientsOf(d.server), func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := objects.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("shared")}); err != nil {
		t.Fatal(err)
	}
	if _, err := objects.PutBucketNotificationConfiguration(t.Context(), &s3.PutBucketNotificationConfigurationInput{
		Bucket: aws.String("shared"), NotificationConfiguration: &s3types.NotificationConfiguration{EventBridgeConfiguration: &s3types.EventBridgeConfiguration{}},
	}); err != nil {
		t.Fatal(err)
	}
	body := `
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "sts:AssumeRole"}]}
  BucketNotificationsHandler050a0587b7544547bf325f094a3db8347ECC3691:
    Type: AWS::Lambda::Function
    Properties: {Runtime: python3.13, Handler: index.handler, Role: !GetAtt Role.Arn, Code: {ZipFile: "def handler(event, context): pass"}}
  Own: {Type: AWS::S3::Bucket, Properties: {BucketName: own}}
  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: told}}
  Policy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Queue]
      PolicyDocument: {Statement: [{Effect: Allow, Principal: {Service: s3.amazonaws.com}, Action: "sqs:SendMessage", Resource: !GetAtt Queue.Arn}]}
  Tell:
    Type: Custom::S3BucketNotifications
    DependsOn: Policy
    Properties:
      ServiceToken: !GetAtt BucketNotificationsHandler050a0587b7544547bf325f094a3db8347ECC3691.Arn
      BucketName: !Ref Own
      NotificationConfiguration: {QueueConfigurations: [{Events: ["s3:ObjectCreated:*"], QueueArn: !GetAtt Queue.Arn, Filter: {Key: {FilterRules: [{Name: prefix, Value: in/}]}}}]}
      Managed: true
      SkipDestinationValidation: false
  TellShared:
    Type: Custom::S3BucketNotifications
    DependsOn: Policy
    Properties:
      ServiceToken: !GetAtt BucketNotificationsHandler050a0587b7544547bf325f094a3db8347ECC3691.Arn
      BucketName: shared
      NotificationConfiguration: {QueueConfigurations: [{Events: ["s3:ObjectCreated:*"], QueueArn: !GetAtt Queue.Arn, Filter: {Key: {FilterRules: [{Name: prefix, Value: in/}]}}}]}
      Managed: false
`
	told := func(bucket string) (prefixes string, bridged bool) {
		t.Helper()
		out, err := objects.GetBucketNotificationConfiguration(t.Context(), &s3.GetBucketNotificationConfigurationInput{Bucket: &bucket})
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range out.QueueConfigurations {
			prefixes += *q.Filter.Key.FilterRules[0].Value
		}
		return prefixes, out.EventBridgeConfiguration != nil
	}
	if status, reasons := d.apply("told", body); status != types.StackStatusCreateComplete || !strings.Contains(reasons, "Tell: NOT REHEARSED: the embedded AWS does what the CDK's provider of Custom::S3BucketNotifications does") {
		t.Fatalf("%s\n%s", status, reasons)
	}
	for range 2 {
		if prefixes, bridged := told("own"); prefixes != "in/" || bridged {
			t.Errorf("own: %s %v", prefixes, bridged)
		}
		if prefixes, bridged := told("shared"); prefixes != "in/" || !bridged {
			t.Errorf("shared: %s %v", prefixes, bridged)
		}
		// An update replaces what the stack has set, also twice.
		if status, reasons := d.apply("told", strings.ReplaceAll(body, "SkipDestinationValidation: false", "SkipDestinationValidation: true")); status != types.StackStatusUpdateComplete && !strings.Contains(reasons, "No updates") {
			t.Fatalf("%s\n%s", status, reasons)
		}
	}
	if status, reasons := d.apply("told", strings.ReplaceAll(body, "Value: in/", "Value: new/")); status != types.StackStatusUpdateComplete {
		t.Fatalf("%s\n%s", status, reasons)
	}
	if prefixes, bridged := told("shared"); prefixes != "new/" || !bridged {
		t.Errorf("shared: %s %v", prefixes, bridged)
	}
	if _, err := d.stacks.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: aws.String("told")}); err != nil {
		t.Fatal(err)
	}
	if status, reasons := d.await("told"); status != types.StackStatusDeleteComplete {
		t.Fatalf("%s\n%s", status, reasons)
	}
	if prefixes, bridged := told("shared"); prefixes != "" || !bridged {
		t.Errorf("shared: %s %v", prefixes, bridged)
	}
}

// A wait condition waits for what is put to its handle's URL.
func TestWaitCondition(t *testing.T) {
	t.Parallel()
	d := newDeployer(t)
	body := strings.Replace(provided, "Outputs:", `
  Handle: {Type: AWS::CloudFormation::WaitConditionHandle}
  Ready: {Type: AWS::CloudFormation::WaitCondition, Properties: {Handle: !Ref Handle, Timeout: 3600}}
Outputs:
  Data: {Value: !GetAtt Ready.Data}
`, 1)
	body = strings.NewReplacer(
		"ServiceTimeout: 10, Id: ID, Mode: MODE", "Id: x, Url: !Ref Handle",
		"const failed", `require('http').request(properties.Url, { method: 'PUT', headers: { 'content-type': '' } }).end(JSON.stringify({ Status: 'SUCCESS', Reason: 'r', UniqueId: 'u', Data: 'd' }));
            const failed`,
	).Replace(body)
	status, reasons := d.apply("wait", body)
	if status != types.StackStatusCreateComplete || d.outputs("wait")["Data"] != `{"u":"d"}` {
		t.Errorf("%s\n%s", status, reasons)
	}
}

// zipped returns a zip of files.
func zipped(t testing.TB, files map[string]string) *bytes.Reader {
	t.Helper()
	var b bytes.Buffer
	archive := zip.NewWriter(&b)
	for name, content := range files {
		w, err := archive.Create(name)
		if err == nil {
			_, err = io.WriteString(w, content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(b.Bytes())
}

// object returns the content of an object.
func object(t *testing.T, objects *s3.Client, bucket, key string) string {
	t.Helper()
	out, err := objects.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(out.Body)
	if err := errors.Join(err, out.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// A function finds the AWS SDK, as on AWS, and nothing else that is installed beside it.
func TestModulesOfNode(t *testing.T) {
	t.Parallel()
	if node() == "" {
		t.Skip("there is no node on PATH")
	}
	modules := filepath.Join(t.TempDir(), "node_modules")
	for name, text := range map[string]string{
		"@aws-sdk/client-sns/index.js": "module.exports = 'sdk with ' + require('helper');", "helper/index.js": "module.exports = 'helper';",
	} {
		file := filepath.Join(modules, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	server, err := localaws.Start(t.Context(), localaws.Config{Clock: clock.NewElastic(600), Node: lambda.Node{Program: node(), Modules: modules}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	d := deployer{t, server, cloudformation.NewFromConfig(clientsOf(server))}
	status, reasons := d.apply("modules", `
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "sts:AssumeRole"}]}
  Function:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: modules
      Role: !GetAtt Role.Arn
      Runtime: nodejs22.x
      Handler: index.handler
      Code:
        ZipFile: |
          const required = (name) => { try { return require(name); } catch (error) { return error.code; } };
          const imported = (name) => import(name).then((module) => module.default, (error) => error.code);
          exports.handler = async () => [required('@aws-sdk/client-sns'), required('helper'), await imported('@aws-sdk/client-sns'), await imported('helper')];
`)
	if status != types.StackStatusCreateComplete {
		t.Fatalf("%s\n%s", status, reasons)
	}
	out, err := awslambda.NewFromConfig(clientsOf(server)).Invoke(t.Context(), &awslambda.InvokeInput{FunctionName: aws.String("modules")})
	if err != nil {
		t.Fatal(err)
	}
	if want := `["sdk with helper","MODULE_NOT_FOUND","sdk with helper","ERR_MODULE_NOT_FOUND"]`; string(out.Payload) != want {
		t.Errorf("%s, want %s", out.Payload, want)
	}
}
