package localaws_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/magewright/magewright/tools/internal/testinput"
	"github.com/magewright/magewright/tools/localaws"
	"github.com/magewright/magewright/tools/localaws/traffic"
)

// counted is a stack of the kind that the CDK makes of a table and a function
// that uses it.
const counted = `
Parameters:
  Architecture: {Type: String}
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: Delete
    Properties:
      AttributeDefinitions: [{AttributeName: name, AttributeType: S}]
      KeySchema: [{AttributeName: name, KeyType: HASH}]
      BillingMode: PAY_PER_REQUEST
      PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "sts:AssumeRole"}]}
      Policies: [{PolicyName: table, PolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "dynamodb:UpdateItem", Resource: !GetAtt Table.Arn}]}}]
  Function:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: counter
      Role: !GetAtt Role.Arn
      Runtime: provided.al2023
      Handler: bootstrap
      Timeout: 30
      Architectures: [!Ref Architecture]
      Code: {S3Bucket: packages, S3Key: counter.zip}
      Environment: {Variables: {TABLE: !Ref Table}}
Outputs:
  Table: {Value: !Ref Table}
`

// A function of a stack finds the stack's table with nothing but the SDK.
func TestStackWithATable(t *testing.T) {
	t.Parallel()
	testinput.Read(t, "tools/localaws/testdata/counter", "go.mod", "go.sum")
	zip, err := traffic.BuildPackage(t.Context(), "github.com/magewright/magewright/tools/localaws/testdata/counter")
	if err != nil {
		t.Fatal(err)
	}
	cfg, ctx := start(t), t.Context()
	stacks, functions, tables := cloudformation.NewFromConfig(cfg), lambda.NewFromConfig(cfg), dynamodb.NewFromConfig(cfg)
	objects := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("packages")}))
	must(objects.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("packages"), Key: aws.String("counter.zip"), Body: bytes.NewReader(zip)}))
	name := aws.String("counted")
	must(stacks.CreateStack(ctx, &cloudformation.CreateStackInput{
		StackName: name, TemplateBody: aws.String(counted), Capabilities: []types.Capability{types.CapabilityCapabilityIam},
		Parameters: []types.Parameter{{ParameterKey: aws.String("Architecture"), ParameterValue: aws.String(localaws.HostContext()["architecture"].(string))}},
	}))
	await := func() types.Stack {
		t.Helper()
		for {
			out, err := stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: name})
			must(out, err)
			if !strings.HasSuffix(string(out.Stacks[0].StackStatus), "IN_PROGRESS") {
				return out.Stacks[0]
			}
			pause(t)
		}
	}
	stack := await()
	if stack.StackStatus != types.StackStatusCreateComplete {
		t.Fatalf("%s: %s", stack.StackStatus, aws.ToString(stack.StackStatusReason))
	}
	for _, want := range []string{`"1"`, `"2"`} {
		out, err := functions.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String("counter"), Payload: []byte(`{"Name": "visits"}`)})
		must(out, err)
		if got := string(out.Payload); got != want {
			t.Errorf("the function answered %s, want %s", got, want)
		}
	}
	table := stack.Outputs[0].OutputValue
	described, err := tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: table})
	must(described, err)
	if got := aws.ToInt64(described.Table.ItemCount); got != 1 {
		t.Errorf("%s has %d items", *table, got)
	}
	must(stacks.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: name}))
	if err := cloudformation.NewStackDeleteCompleteWaiter(stacks, func(o *cloudformation.StackDeleteCompleteWaiterOptions) {
		o.MinDelay, o.MaxDelay = 1, 1
	}).Wait(ctx, &cloudformation.DescribeStacksInput{StackName: stack.StackId}, 60e9); err != nil {
		t.Error(err)
	}
	if _, err := tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: table}); err == nil {
		t.Error("the table of a deleted stack is still there")
	}
}

// A rollback deletes a table that is still being created.
func TestRollbackOfATableBeingMade(t *testing.T) {
	t.Parallel()
	d := newDeployer(t)
	status, reasons := d.apply("early", `
Resources:
  Table: {Type: AWS::DynamoDB::Table, Properties: {BillingMode: PAY_PER_REQUEST, AttributeDefinitions: [{AttributeName: id, AttributeType: S}], KeySchema: [{AttributeName: id, KeyType: HASH}]}}
  Wrong: {Type: AWS::SSM::Parameter, Properties: {Name: "not a name", Type: String, Value: v}}
`)
	if status != types.StackStatusRollbackComplete {
		t.Errorf("%s\n%s", status, reasons)
	}
}
