package console_test

import (
	"bytes"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/testinput"
	"github.com/magewright/magewright/tools/localaws"
	"github.com/magewright/magewright/tools/localaws/traffic"
)

// built is the function's package.
var built = sync.OnceValues(func() ([]byte, error) {
	if err := testinput.Files("tools/localaws/traffic/function", "go.mod", "go.sum"); err != nil {
		return nil, err
	}
	return traffic.Build(contextOfTests)
})

// shopStack has what the console shows, and an alias whose traffic CodeDeploy shifts.
// RELEASE stands for a release and is part of the version's logical id, as a hash is in
// the CDK.
const shopStack = `{
"Parameters": {"Architecture": {"Type": "String"}},
"Resources": {
 "Role": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "shop-function", "ManagedPolicyArns": ["arn:aws:iam::aws:policy/service-role/AWSCodeDeployRoleForLambda"],
  "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": ["lambda.amazonaws.com", "codedeploy.amazonaws.com"]}, "Action": "sts:AssumeRole"}]}}},
 "Function": {"Type": "AWS::Lambda::Function", "Properties": {"FunctionName": "shop", "Role": {"Fn::GetAtt": ["Role", "Arn"]}, "Runtime": "provided.al2023", "Handler": "bootstrap", "Timeout": 600,
  "Architectures": [{"Ref": "Architecture"}], "Code": {"S3Bucket": "packages", "S3Key": "function.zip"}, "Environment": {"Variables": {"FAULT": "FAULTY", "RELEASE": "RELEASE"}}}},
 "VersionRELEASE": {"Type": "AWS::Lambda::Version", "DeletionPolicy": "Retain", "Properties": {"FunctionName": {"Ref": "Function"}, "Description": "release RELEASE"}},
 "Alias": {"Type": "AWS::Lambda::Alias", "UpdatePolicy": {"CodeDeployLambdaAliasUpdate": {"ApplicationName": {"Ref": "Application"}, "DeploymentGroupName": {"Ref": "Group"}}},
  "Properties": {"FunctionName": {"Ref": "Function"}, "FunctionVersion": {"Fn::GetAtt": ["VersionRELEASE", "Version"]}, "Name": "live"}},
 "Application": {"Type": "AWS::CodeDeploy::Application", "Properties": {"ComputePlatform": "Lambda"}},
 "Group": {"Type": "AWS::CodeDeploy::DeploymentGroup", "Properties": {"ApplicationName": {"Ref": "Application"}, "ServiceRoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
  "DeploymentConfigName": "CodeDeployDefault.LambdaCanary10Percent5Minutes", "DeploymentStyle": {"DeploymentType": "BLUE_GREEN", "DeploymentOption": "WITH_TRAFFIC_CONTROL"},
  "AlarmConfiguration": {"Enabled": true, "Alarms": [{"Name": {"Ref": "Errors"}}, {"Name": {"Ref": "Latency"}}]},
  "AutoRollbackConfiguration": {"Enabled": true, "Events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"]}}},
 "Errors": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"AlarmName": "shop-errors", "Threshold": 5, "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 3, "TreatMissingData": "notBreaching", "AlarmActions": [{"Ref": "Topic"}],
  "Metrics": [{"Id": "rate", "Expression": "100*errors/invocations"},
   {"Id": "errors", "ReturnData": false, "MetricStat": {"Stat": "Sum", "Period": 60, "Metric": {"Namespace": "AWS/Lambda", "MetricName": "Errors", "Dimensions": [{"Name": "FunctionName", "Value": "shop"}]}}},
   {"Id": "invocations", "ReturnData": false, "MetricStat": {"Stat": "Sum", "Period": 60, "Metric": {"Namespace": "AWS/Lambda", "MetricName": "Invocations", "Dimensions": [{"Name": "FunctionName", "Value": "shop"}]}}}]}},
 "Latency": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"AlarmName": "shop-latency", "Namespace": "AWS/Lambda", "MetricName": "Duration", "ExtendedStatistic": "p90", "Period": 60, "EvaluationPeriods": 1, "Threshold": 3000,
  "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching", "Dimensions": [{"Name": "FunctionName", "Value": "shop"}]}},
 "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "shop-alarms"}},
 "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "shop-orders"}},
 "Table": {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": "shop-customers", "BillingMode": "PAY_PER_REQUEST", "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}], "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}]}},
 "Parameter": {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "/shop/currency", "Type": "String", "Value": "EUR"}},
 "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "shop-pictures"}}},
"Outputs": {"Name": {"Value": {"Ref": "Function"}}}}`

// shop deploys the stack. In a world whose clock is stepped, nothing else waits.
func (w *world) shop() {
	w.t.Helper()
	zip, err := built()
	w.must(err)
	ctx := w.t.Context()
	objects := s3.NewFromConfig(w.cfg, func(o *s3.Options) { o.UsePathStyle = true })
	_, err = objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("packages")})
	w.must(err)
	_, err = objects.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("packages"), Key: aws.String("function.zip"), Body: bytes.NewReader(zip)})
	w.must(err)
	stacks := cloudformation.NewFromConfig(w.cfg)
	_, err = stacks.CreateStack(ctx, &cloudformation.CreateStackInput{
		StackName: aws.String("shop"), TemplateBody: aws.String(release("1", "none")), Parameters: architecture(), Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam},
	})
	w.must(err)
	for {
		out, err := stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String("shop")})
		w.must(err)
		if s := out.Stacks[0]; s.StackStatus == types.StackStatusCreateComplete {
			break
		} else if s.StackStatus != types.StackStatusCreateInProgress {
			w.t.Fatalf("the stack is %s: %s", s.StackStatus, aws.ToString(s.StackStatusReason))
		}
		w.pass(time.Second)
	}
	_, err = sns.NewFromConfig(w.cfg).Publish(ctx, &sns.PublishInput{TopicArn: aws.String("arn:aws:sns:us-east-1:000000000000:shop-alarms"), Subject: aws.String("<b>hello</b>"), Message: aws.String("a message <script>document.title='ran'</script>")})
	w.must(err)
	w.buy("Ada")
}

func release(number, fault string) string {
	return strings.NewReplacer("RELEASE", number, "FAULTY", fault, `"RELEASE": "RELEASE"`, `"RELEASE": "`+number+`"`).Replace(shopStack)
}

func architecture() []types.Parameter {
	return []types.Parameter{{ParameterKey: aws.String("Architecture"), ParameterValue: aws.String(localaws.HostContext()["architecture"].(string))}}
}

// propose makes a change set of a release, and returns its id when it is computed.
func (w *world) propose(number, fault string) *string {
	w.t.Helper()
	stacks := cloudformation.NewFromConfig(w.cfg)
	set, err := stacks.CreateChangeSet(w.t.Context(), &cloudformation.CreateChangeSetInput{
		StackName: aws.String("shop"), ChangeSetName: aws.String("release-" + number), TemplateBody: aws.String(release(number, fault)), Parameters: architecture(), Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam},
	})
	w.must(err)
	for {
		seen, err := stacks.DescribeChangeSet(w.t.Context(), &cloudformation.DescribeChangeSetInput{ChangeSetName: set.Id})
		w.must(err)
		if seen.ExecutionStatus == types.ExecutionStatusAvailable {
			return set.Id
		}
		w.pass(time.Second)
	}
}

// ship begins to shift the shop's traffic to a release, and returns the deployment.
func (w *world) ship(number, fault string) string {
	w.t.Helper()
	ctx := w.t.Context()
	_, err := cloudformation.NewFromConfig(w.cfg).ExecuteChangeSet(ctx, &cloudformation.ExecuteChangeSetInput{ChangeSetName: w.propose(number, fault)})
	w.must(err)
	deployments := codedeploy.NewFromConfig(w.cfg)
	for {
		listed, err := deployments.ListDeployments(ctx, &codedeploy.ListDeploymentsInput{})
		w.must(err)
		for _, id := range listed.Deployments {
			alias, err := lambda.NewFromConfig(w.cfg).GetAlias(ctx, &lambda.GetAliasInput{FunctionName: aws.String("shop"), Name: aws.String("live")})
			w.must(err)
			if alias.RoutingConfig != nil && len(alias.RoutingConfig.AdditionalVersionWeights) > 0 {
				return id
			}
		}
		w.pass(time.Second)
	}
}

// invoke invokes the shop a number of times.
func (w *world) invoke(times int) {
	w.t.Helper()
	functions := lambda.NewFromConfig(w.cfg)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range times / 4 {
				// Some of them fail: that is the function's fault.
				if _, err := functions.Invoke(w.t.Context(), &lambda.InvokeInput{FunctionName: aws.String("shop:live"), Payload: []byte("{}")}); err != nil {
					w.t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// traceOfShop is the X-Ray trace of one invocation.
const traceOfShop = "1-67891233-abcdef012345678912345678"

// trace invokes the shop, and writes an item as the SDK of a function does: it passes on
// the trace of the invocation.
func (w *world) trace() {
	w.t.Helper()
	header := smithyhttp.AddHeaderValue("X-Amzn-Trace-Id", "Root="+traceOfShop+";Sampled=0")
	_, err := lambda.NewFromConfig(w.cfg).Invoke(w.t.Context(), &lambda.InvokeInput{FunctionName: aws.String("shop:live"), Payload: []byte("{}")}, lambda.WithAPIOptions(header))
	w.must(err)
	w.buy("Bob", dynamodb.WithAPIOptions(header))
}

// buy writes an item to the shop's table.
func (w *world) buy(customer string, options ...func(*dynamodb.Options)) {
	w.t.Helper()
	_, err := dynamodb.NewFromConfig(w.cfg).PutItem(w.t.Context(), &dynamodb.PutItemInput{TableName: aws.String("shop-customers"), Item: map[string]dynamotypes.AttributeValue{"id": &dynamotypes.AttributeValueMemberS{Value: customer}}}, options...)
	w.must(err)
}

// pass lets AWS's time pass.
func (w *world) pass(d time.Duration) {
	if manual, ok := w.time.(*clock.Manual); ok {
		w.server.Flush(w.t.Context())
		manual.Advance(d)
	}
	_ = clock.Sleep(w.t.Context(), clock.System(), 5*time.Millisecond)
}
