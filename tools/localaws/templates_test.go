package localaws_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/magewright/magewright/tools/localaws/lambda"
)

// byName has resources that the template connects by names and ARNs that it writes down.
const byName = `
Resources:
  Attached: {Type: AWS::IAM::Policy, Properties: {PolicyName: p, Roles: [by-name-role], PolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "logs:*", Resource: "*"}]}}}
  Allowed: {Type: AWS::Lambda::Permission, Properties: {Action: "lambda:InvokeFunction", FunctionName: !Sub "arn:aws:lambda:${AWS::Region}:${AWS::AccountId}:function:by-name-function", Principal: s3.amazonaws.com}}
  Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: !Sub "by-name-${AWS::AccountId}"}}
  Function: {Type: AWS::Lambda::Function, Properties: {FunctionName: by-name-function, Handler: index.handler, Runtime: nodejs22.x, Role: !Sub "arn:aws:iam::${AWS::AccountId}:role/by-name-role", Code: {ZipFile: "exports.handler = async () => 1"}}}
  Policy: {Type: AWS::S3::BucketPolicy, Properties: {Bucket: !Sub "by-name-${AWS::AccountId}", PolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Deny, Principal: "*", Action: "s3:*", Resource: !Sub "arn:aws:s3:::by-name-${AWS::AccountId}/*", Condition: {Bool: {"aws:SecureTransport": "false"}}}]}}}
  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: by-name-queue}}
  QueuePolicy: {Type: AWS::SQS::QueuePolicy, Properties: {Queues: [!Sub "https://sqs.${AWS::Region}.amazonaws.com/${AWS::AccountId}/by-name-queue"], PolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: "*", Action: "sqs:SendMessage", Resource: "*"}]}}}
  Role: {Type: AWS::IAM::Role, Properties: {RoleName: by-name-role, AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "sts:AssumeRole"}]}}}
  Told: {Type: AWS::SNS::Subscription, Properties: {TopicArn: !Sub "arn:aws:sns:${AWS::Region}:${AWS::AccountId}:by-name-topic", Protocol: sqs, Endpoint: !GetAtt Queue.Arn}}
  Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: by-name-topic}}
`

// loggingStage is an API without a function whose stage has a cache and execution logs.
const loggingStage = `
Resources:
  Api: {Type: AWS::ApiGateway::RestApi, Properties: {Name: logging}}
  Get:
    Type: AWS::ApiGateway::Method
    Properties: {RestApiId: !Ref Api, ResourceId: !GetAtt Api.RootResourceId, HttpMethod: GET, AuthorizationType: NONE, Integration: {Type: MOCK}}
  Deployment: {Type: AWS::ApiGateway::Deployment, DependsOn: Get, Properties: {RestApiId: !Ref Api}}
  Stage:
    Type: AWS::ApiGateway::Stage
    Properties:
      RestApiId: !Ref Api
      DeploymentId: !Ref Deployment
      StageName: prod
      MethodSettings: [{HttpMethod: "*", ResourcePath: "/*", LoggingLevel: INFO, DataTraceEnabled: true, CachingEnabled: true, CacheTtlInSeconds: 60}]
`

// anotherArchitecture returns the architecture that this machine doesn't have.
func anotherArchitecture() string {
	if lambda.HostArchitecture() == lambdatypes.ArchitectureArm64 {
		return string(lambdatypes.ArchitectureX8664)
	}
	return string(lambdatypes.ArchitectureArm64)
}

// What templates say reaches the services: the scalars of YAML 1.1, values of
// parameters and secrets, and the results of the transform. Two topics of one
// name are refused, although the service would make one of them.
func TestTemplates(t *testing.T) {
	t.Parallel()
	cfg, ctx := start(t), t.Context()
	stacks, parameters := cloudformation.NewFromConfig(cfg), ssm.NewFromConfig(cfg)
	if _, err := parameters.PutParameter(ctx, &ssm.PutParameterInput{Name: aws.String("/h/p"), Type: ssmtypes.ParameterTypeString, Value: aws.String("pv")}); err != nil {
		t.Fatal(err)
	}
	if _, err := secretsmanager.NewFromConfig(cfg).CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String("s"), SecretString: aws.String(`{"user": "u"}`)}); err != nil {
		t.Fatal(err)
	}
	objects := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("nested")}); err != nil {
		t.Fatal(err)
	}
	for key, body := range map[string]string{
		"child":   "Parameters: {Name: {Type: String}}\nResources: {Q: {Type: AWS::SQS::Queue}}\nOutputs: {Name: {Value: !Sub 'of-${Name}'}}",
		"refused": "Resources: {Q: {Type: AWS::EC2::VPC, Properties: {Unheard: of}}}",
		"vpcs":    "Resources: {Q: {Type: AWS::SQS::Queue}, V: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}, W: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.1.0.0/16}}}",
		"deeper":  "Resources: {D: {Type: AWS::CloudFormation::Stack, Properties: {TimeoutInMinutes: 5, TemplateURL: !Sub 'https://nested.s3.${AWS::Region}.${AWS::URLSuffix}/vpcs'}}}",
	} {
		if _, err := objects.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("nested"), Key: &key, Body: strings.NewReader(body)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := objects.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("nested"), Key: aws.String("function.zip"), Body: zipped(t, map[string]string{"bootstrap": "#!/bin/sh\n"})}); err != nil {
		t.Fatal(err)
	}
	create := func(name, body string) (types.StackStatus, string) {
		t.Helper()
		in := &cloudformation.CreateStackInput{StackName: &name, TemplateBody: &body, Capabilities: []types.Capability{types.CapabilityCapabilityAutoExpand, types.CapabilityCapabilityNamedIam}}
		if _, err := stacks.CreateStack(ctx, in); err != nil {
			return "", err.Error()
		}
		for {
			out, err := stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
			if err != nil {
				t.Fatal(err)
			}
			if status := out.Stacks[0].StackStatus; !strings.HasSuffix(string(status), "IN_PROGRESS") {
				events, err := stacks.DescribeStackEvents(ctx, &cloudformation.DescribeStackEventsInput{StackName: &name})
				if err != nil {
					t.Fatal(err)
				}
				var reasons []string
				for _, e := range events.StackEvents {
					reasons = append(reasons, aws.ToString(e.LogicalResourceId)+": "+aws.ToString(e.ResourceStatusReason))
				}
				return status, strings.Join(reasons, "\n")
			}
			pause(t)
		}
	}
	status, reasons := create("values", `
Transform: AWS::LanguageExtensions
Resources:
  Fn::ForEach::Parameters:
    - Name
    - [yes, no, "on", 012, "{{resolve:ssm:/h/p}}"]
    - "P&{Name}": {Type: AWS::SSM::Parameter, Properties: {Name: "/loop/&{Name}", Type: String, Value: !Sub "<${Name}>"}}
  Json: {Type: AWS::SSM::Parameter, Properties: {Name: /loop/json, Type: String, Value: {"Fn::ToJsonString": {a: 1}}}}
  Secret: {Type: AWS::SSM::Parameter, Properties: {Name: /loop/secret, Type: String, Value: "{{resolve:secretsmanager:s:SecretString:user}}"}}
`)
	if status != types.StackStatusCreateComplete {
		t.Fatalf("%s\n%s", status, reasons)
	}
	found, err := parameters.GetParametersByPath(ctx, &ssm.GetParametersByPathInput{Path: aws.String("/loop")})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, p := range found.Parameters {
		got[strings.TrimPrefix(*p.Name, "/loop/")] = *p.Value
	}
	for name, want := range map[string]string{"true": "<true>", "false": "<false>", "on": "<on>", "10": "<10>", "pv": "<pv>", "json": `{"a":1}`, "secret": "u"} {
		if got[name] != want {
			t.Errorf("/loop/%s = %q, want %q", name, got[name], want)
		}
	}
	for name, c := range map[string]struct {
		body, want string
		status     types.StackStatus
	}{
		"missing": {"Resources: {A: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: '{{resolve:ssm:/none}}'}}}",
			"Unable to fetch parameters [/none] from parameter store for this account.", ""},
		"public": {"Parameters: {P: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /aws/service/eks/x}}\nResources: {A: {Type: AWS::SNS::Topic}}",
			"the embedded AWS does not have AWS's public parameter /aws/service/eks/x: give the value itself", ""},
		"public-reference": {"Resources: {A: {Type: AWS::SNS::Topic, Properties: {DisplayName: '{{resolve:ssm:/aws/service/eks/x}}'}}}",
			"the embedded AWS does not have AWS's public parameter /aws/service/eks/x: give the value itself", ""},
		"image": {"Parameters: {P: {Type: 'AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>', Default: /aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64}}\nResources: {A: {Type: AWS::EC2::Instance, Properties: {ImageId: !Ref P}}}",
			"NOT REHEARSED", types.StackStatusCreateComplete},
		"nested": {"Resources: {A: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: !Sub 'https://nested.s3.${AWS::Region}.${AWS::URLSuffix}/child', Parameters: {Name: !GetAtt T.TopicName}}}, T: {Type: AWS::SNS::Topic}, B: {Type: AWS::SNS::Topic, Properties: {TopicName: !GetAtt A.Outputs.Name}}}",
			"", types.StackStatusCreateComplete},
		"late": {`
Resources:
  Group: {Type: AWS::Logs::LogGroup}
  Direct: {Type: AWS::Events::Rule, Properties: {EventPattern: {source: [{prefix: ""}]}, Targets: [{Id: a, Arn: !GetAtt Group.Arn}]}}
  Joined: {Type: AWS::Events::Rule, Properties: {EventPattern: {source: [a]}, Targets: [{Id: a, Arn: !Sub "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:${Group}"}]}}
  Far: {Type: AWS::Events::Rule, Properties: {EventPattern: {source: [a]}, Targets: [{Id: a, Arn: !Sub "arn:aws:events:eu-west-1:${AWS::AccountId}:event-bus/b"}]}}
  Alarm: {Type: AWS::CloudWatch::Alarm, Properties: {AlarmActions: [!Sub "arn:aws:automate:${AWS::Region}:ec2:stop"], ComparisonOperator: LessThanThreshold, EvaluationPeriods: 1, MetricName: m, Namespace: n, Period: 60, Statistic: Sum, Threshold: 1}}
  Topic: {Type: AWS::SNS::Topic, Properties: {Subscription: [{Protocol: https, Endpoint: "https://example.com/x"}, {Protocol: sms, Endpoint: "1"}]}}
`,
			"resource Alarm: the embedded AWS does not support AlarmActions of automate of AWS::CloudWatch::Alarm, only those of sns, lambda; " +
				"resource Direct: the embedded AWS does not support targets of logs of AWS::Events::Rule, only those of sqs, sns, lambda, codepipeline, events; " +
				"resource Far: the embedded AWS does not support targets in eu-west-1 of AWS::Events::Rule: it has the region us-east-1 only; " +
				"resource Joined: the embedded AWS does not support targets of logs of AWS::Events::Rule, only those of sqs, sns, lambda, codepipeline, events; " +
				"resource Topic: the embedded AWS does not support the endpoint https://example.com/x of AWS::SNS::Topic: it delivers to this machine only; " +
				"resource Topic: the embedded AWS does not support the protocol sms of AWS::SNS::Topic", ""},
		"unsignalled": {"Resources: {H: {Type: AWS::CloudFormation::WaitConditionHandle}, W: {Type: AWS::CloudFormation::WaitCondition, DependsOn: I, Properties: {Handle: !Ref H, Timeout: 10}}, I: {Type: AWS::EC2::Instance, Properties: {UserData: !Base64 {Ref: H}}}}",
			"resource W: nobody would signal it: its handle is only given to I, which the embedded AWS records and does not run", ""},
		"nested-recorded": {"Resources: {A: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: !Sub 'https://nested.s3.${AWS::Region}.${AWS::URLSuffix}/deeper'}}}",
			"NOT REHEARSED: D in the nested stack: in the embedded AWS, TimeoutInMinutes of AWS::CloudFormation::Stack has no effect; V, W in the nested stack: the embedded AWS records AWS::EC2::VPC and does not run it", types.StackStatusCreateComplete},
		"nested-refused": {"Resources: {A: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: !Sub 'https://nested.s3.${AWS::Region}.${AWS::URLSuffix}/refused'}}}",
			"resource A: nested stack https://nested.s3.us-east-1.amazonaws.com/refused: resource Q: Encountered unsupported property Unheard", ""},
		"stage": {loggingStage,
			"Stage: NOT REHEARSED: the embedded AWS has no cache of answers; the execution logs don't have the data of requests; the embedded AWS assumes that the account lets API Gateway write logs", types.StackStatusCreateComplete},
		"by-name": {byName,
			"Policy: NOT REHEARSED: that Bucket exists before it: the template does not say so", types.StackStatusCreateComplete},
		// S3 asks both for their permission.
		"notifies": {"Resources: {Bucket: {Type: AWS::S3::Bucket, Properties: {NotificationConfiguration: {QueueConfigurations: [{Event: 's3:ObjectCreated:*', Queue: !GetAtt Queue.Arn}], TopicConfigurations: [{Event: 's3:ObjectRemoved:*', Topic: !Ref Topic}]}}}, Queue: {Type: AWS::SQS::Queue}, Topic: {Type: AWS::SNS::Topic}," +
			" QueuePolicy: {Type: AWS::SQS::QueuePolicy, Properties: {Queues: [!Ref Queue], PolicyDocument: {Statement: [{Effect: Allow, Principal: '*', Action: 'sqs:SendMessage', Resource: !GetAtt Queue.Arn}]}}}," +
			" TopicPolicy: {Type: AWS::SNS::TopicPolicy, Properties: {Topics: [!Ref Topic], PolicyDocument: {Statement: [{Effect: Allow, Principal: {Service: s3.amazonaws.com}, Action: 'sns:Publish', Resource: !Ref Topic}]}}}}",
			"Bucket: NOT REHEARSED: that QueuePolicy, TopicPolicy exists before it: the template does not say so", types.StackStatusCreateComplete},
		// API Gateway keeps templates of a proxy without using them.
		"proxy-template": {"Resources: {Api: {Type: AWS::ApiGateway::RestApi, Properties: {Name: proxied}}, Get: {Type: AWS::ApiGateway::Method, Properties: {RestApiId: !Ref Api, ResourceId: !GetAtt Api.RootResourceId, HttpMethod: GET, AuthorizationType: NONE, Integration: {Type: AWS_PROXY, IntegrationHttpMethod: POST, RequestTemplates: {application/json: '#set($a = 1)'}, Uri: !Sub 'arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/arn:aws:lambda:${AWS::Region}:${AWS::AccountId}:function:f/invocations'}}}}",
			"", types.StackStatusCreateComplete},
		"of-function": {"Transform: AWS::Serverless-2016-10-31\nResources: {F: {Type: AWS::Serverless::Function, Properties: {Runtime: nodejs22.x, Handler: index.handler, InlineCode: x, AutoPublishAlias: live}}, Now: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: !Sub '${F.Version.Version} of ${F.Alias}'}}, Then: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: !GetAtt F.Version.FunctionArn}}}",
			"", types.StackStatusCreateComplete},
		"dual-stack": {"Resources: {Net: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}, Six: {Type: AWS::EC2::VPCCidrBlock, Properties: {VpcId: !Ref Net, AmazonProvidedIpv6CidrBlock: true}}, Part: {Type: AWS::EC2::Subnet, DependsOn: Six, Properties: {VpcId: !Ref Net, CidrBlock: 10.0.0.0/24, Ipv6CidrBlock: !Select [1, !Cidr [!Select [0, !GetAtt Net.Ipv6CidrBlocks], 4, 64]]}}}",
			"Part: NOT REHEARSED: ", types.StackStatusCreateComplete},
		// The template says the wrong order.
		"by-name-first": {"Resources: {Policy: {Type: AWS::S3::BucketPolicy, Properties: {Bucket: by-name-first, PolicyDocument: {Statement: [{Effect: Deny, Principal: '*', Action: 's3:*', Resource: 'arn:aws:s3:::by-name-first/*'}]}}}, Bucket: {DependsOn: Policy, Type: AWS::S3::Bucket, Properties: {BucketName: by-name-first}}}",
			"The specified bucket does not exist", types.StackStatusRollbackComplete},
		"insights": {"Resources: {T: {Type: AWS::DynamoDB::Table, Properties: {BillingMode: PAY_PER_REQUEST, AttributeDefinitions: [{AttributeName: k, AttributeType: S}], KeySchema: [{AttributeName: k, KeyType: HASH}], GlobalSecondaryIndexes: [{IndexName: insighted, KeySchema: [{AttributeName: k, KeyType: HASH}], Projection: {ProjectionType: ALL}, ContributorInsightsSpecification: {Enabled: true}}]}}}",
			"T: NOT REHEARSED: in the embedded AWS, ContributorInsightsSpecification of its indexes has no effect", types.StackStatusCreateComplete},
		"elsewhere": {`
Resources:
  App: {Type: AWS::CodeDeploy::Application}
  Build: {Type: AWS::CodeBuild::Project, Properties: {ServiceRole: r, Artifacts: {Type: NO_ARTIFACTS}, Source: {Type: CODECOMMIT, Location: x}, Environment: {Type: WINDOWS_SERVER_2022_CONTAINER, ComputeType: BUILD_GENERAL1_SMALL, Image: i}}}
`,
			"resource App: the embedded AWS does not support ComputePlatform Server of AWS::CodeDeploy::Application, only Lambda; " +
				"resource Build: the embedded AWS does not support Source.Type CODECOMMIT of AWS::CodeBuild::Project, only CODEPIPELINE, NO_SOURCE, S3, GITHUB, GITHUB_ENTERPRISE, GITLAB, GITLAB_SELF_MANAGED, BITBUCKET; " +
				"resource Build: the embedded AWS does not support Environment.Type WINDOWS_SERVER_2022_CONTAINER of AWS::CodeBuild::Project", ""},
		"unasked": {"Resources: {Api: {Type: AWS::ApiGateway::RestApi, Properties: {Name: unasked}}, Get: {Type: AWS::ApiGateway::Method, Properties: {RestApiId: !Ref Api, ResourceId: !GetAtt Api.RootResourceId, HttpMethod: GET, AuthorizationType: NONE, AuthorizerId: none, Integration: {Type: MOCK}}}}",
			"", types.StackStatusCreateComplete},
		"not-here": {"Resources: {Chat: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: c, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action}}, Read: {Type: AWS::Lambda::EventSourceMapping, Properties: {FunctionName: f, EventSourceArn: !Sub 'arn:aws:kinesis:${AWS::Region}:${AWS::AccountId}:stream/s', StartingPosition: LATEST}}}",
			"resource Chat: the embedded AWS does not support ProtocolType WEBSOCKET of AWS::ApiGatewayV2::Api. Leave it out of the template of the rehearsal with a condition, and test it in a stage on AWS; " +
				"resource Read: the embedded AWS does not support event sources of kinesis of AWS::Lambda::EventSourceMapping, only those of sqs, dynamodb. Leave it out of the template of the rehearsal with a condition, and test it in a stage on AWS", ""},
		"repository": {"Resources: {Build: {Type: AWS::CodeBuild::Project, Properties: {ServiceRole: r, Artifacts: {Type: NO_ARTIFACTS}, Source: {Type: GITHUB, Location: 'https://github.com/o/r'}, Environment: {Type: LINUX_CONTAINER, ComputeType: BUILD_GENERAL1_SMALL, Image: i}}}}",
			"resource Build: the embedded AWS does not clone https://github.com/o/r for AWS::CodeBuild::Project: it clones from this machine only, or through a connection", ""},
		"plan": {loggingStage + `
  Plan: {Type: AWS::ApiGateway::UsagePlan, Properties: {UsagePlanName: p, ApiStages: [{ApiId: !Ref Api, Stage: !Ref Stage, Throttle: {/GET: {BurstLimit: 2, RateLimit: 10}}}]}}
`,
			"Plan: NOT REHEARSED: in the embedded AWS, throttles of single methods in a usage plan have no effect", types.StackStatusCreateComplete},
		"architecture": {`
Resources:
  Role: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "sts:AssumeRole"}]}}}
  Function:
    Type: AWS::Lambda::Function
    Properties: {Runtime: provided.al2023, Handler: bootstrap, Role: !GetAtt Role.Arn, Architectures: [` + anotherArchitecture() + `], Code: {S3Bucket: nested, S3Key: function.zip}}
`,
			"Function: NOT REHEARSED: in the embedded AWS, the function runs as " + string(lambda.HostArchitecture()), types.StackStatusCreateComplete},
		"equals": {"Conditions: {C: {'Fn::Equals': [a]}}\nResources: {A: {Type: AWS::SNS::Topic}}",
			"Template error: every Fn::Equals object requires a list of 2 string parameters.", ""},
		"twice": {"Resources: {A: {Type: AWS::SNS::Topic, Properties: {TopicName: t}}, B: {Type: AWS::SNS::Topic, DependsOn: A, Properties: {TopicName: t}}}",
			"B: t already exists in stack arn:aws:cloudformation:", types.StackStatusRollbackComplete},
	} {
		if status, reasons := create(name, c.body); status != c.status || !strings.Contains(reasons, c.want) {
			t.Errorf("%s: %s %s, want %s", name, status, reasons, c.want)
		}
	}
	// The role of the account's settings is not assumed any more.
	account := "  Role: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {Statement: [{Effect: Allow, Principal: {Service: apigateway.amazonaws.com}, Action: 'sts:AssumeRole'}]}}}\n" +
		"  Account: {Type: AWS::ApiGateway::Account, Properties: {CloudWatchRoleArn: !GetAtt Role.Arn}}\n"
	settled := strings.Replace(strings.Replace(loggingStage, ", DataTraceEnabled: true, CachingEnabled: true, CacheTtlInSeconds: 60", "", 1), "    Type: AWS::ApiGateway::Stage\n", "    Type: AWS::ApiGateway::Stage\n    DependsOn: Account\n", 1)
	if status, reasons := create("stage-settled", settled+account); status != types.StackStatusCreateComplete || strings.Contains(reasons, "NOT REHEARSED") {
		t.Errorf("stage-settled: %s %s", status, reasons)
	}
}
