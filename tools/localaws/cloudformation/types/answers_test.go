package types_test

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsapigateway "github.com/aws/aws-sdk-go-v2/service/apigateway"
	awsapigatewayv2 "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	awscodebuild "github.com/aws/aws-sdk-go-v2/service/codebuild"
	codebuildtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	awscodeconnections "github.com/aws/aws-sdk-go-v2/service/codeconnections"
	connectiontypes "github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	awscodedeploy "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	codedeploytypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	awscodepipeline "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	codepipelinetypes "github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	awsscheduler "github.com/aws/aws-sdk-go-v2/service/scheduler"
	awssecretsmanager "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
)

const (
	functionARN = "arn:aws:lambda:us-east-1:000000000000:function:ledger"
	roleARN     = "arn:aws:iam::000000000000:role/path/deployer"
	policyARN   = "arn:aws:iam::000000000000:policy/boundary"
	topicARN    = "arn:aws:sns:us-east-1:000000000000:alarms"
	oldEndpoint = "old@example.com"
)

// answers returns the services' answers in the ordinary case.
func answers() map[string]any {
	policy := &iamtypes.Policy{Arn: aws.String(policyARN), PolicyId: aws.String("ANPA1"), DefaultVersionId: aws.String("v1")}
	role := &iamtypes.Role{Arn: aws.String(roleARN), RoleId: aws.String("AROA1")}
	const endpoint = "http://127.0.0.1:5001"
	return map[string]any{
		"apigateway:CreateRestApi":          &awsapigateway.CreateRestApiOutput{Id: aws.String("a1b2c3"), RootResourceId: aws.String("root")},
		"apigateway:UpdateRestApi":          &awsapigateway.UpdateRestApiOutput{RootResourceId: aws.String("root")},
		"apigateway:CreateResource":         &awsapigateway.CreateResourceOutput{Id: aws.String("r1")},
		"apigateway:CreateDeployment":       &awsapigateway.CreateDeploymentOutput{Id: aws.String("d1")},
		"apigateway:GetStage":               &awsapigateway.GetStageOutput{DeploymentId: aws.String("d1")},
		"apigateway:CreateAuthorizer":       &awsapigateway.CreateAuthorizerOutput{Id: aws.String("z1")},
		"apigateway:CreateRequestValidator": &awsapigateway.CreateRequestValidatorOutput{Id: aws.String("v1")},
		"apigateway:CreateApiKey":           &awsapigateway.CreateApiKeyOutput{Id: aws.String("k1")},
		"apigateway:CreateUsagePlan":        &awsapigateway.CreateUsagePlanOutput{Id: aws.String("p1")},
		"apigatewayv2:CreateApi":            &awsapigatewayv2.CreateApiOutput{ApiId: aws.String("a1b2c3"), ApiEndpoint: aws.String(endpoint)},
		"apigatewayv2:UpdateApi":            &awsapigatewayv2.UpdateApiOutput{ApiId: aws.String("a1b2c3"), ApiEndpoint: aws.String(endpoint)},
		"apigatewayv2:CreateAuthorizer":     &awsapigatewayv2.CreateAuthorizerOutput{AuthorizerId: aws.String("z1")},
		"apigatewayv2:CreateDeployment":     &awsapigatewayv2.CreateDeploymentOutput{DeploymentId: aws.String("d1")},
		"apigatewayv2:CreateIntegration":    &awsapigatewayv2.CreateIntegrationOutput{IntegrationId: aws.String("i1")},
		"apigatewayv2:CreateRoute":          &awsapigatewayv2.CreateRouteOutput{RouteId: aws.String("r1")},
		"codebuild:CreateReportGroup": &awscodebuild.CreateReportGroupOutput{ReportGroup: &codebuildtypes.ReportGroup{
			Arn: aws.String("arn:aws:codebuild:us-east-1:000000000000:report-group/tests"),
		}},
		"codeconnections:CreateConnection": &awscodeconnections.CreateConnectionOutput{
			ConnectionArn: aws.String("arn:aws:codeconnections:us-east-1:000000000000:connection/1"),
		},
		"codeconnections:GetConnection": &awscodeconnections.GetConnectionOutput{Connection: &connectiontypes.Connection{
			ConnectionStatus: connectiontypes.ConnectionStatusAvailable, OwnerAccountId: aws.String("000000000000"),
		}},
		"codedeploy:CreateDeployment": &awscodedeploy.CreateDeploymentOutput{DeploymentId: aws.String("d-A")},
		"codedeploy:Wait":             &codedeploytypes.DeploymentInfo{Status: codedeploytypes.DeploymentStatusSucceeded},
		"codepipeline:CreatePipeline": &awscodepipeline.CreatePipelineOutput{Pipeline: &codepipelinetypes.PipelineDeclaration{Version: aws.Int32(1)}},
		"codepipeline:UpdatePipeline": &awscodepipeline.UpdatePipelineOutput{Pipeline: &codepipelinetypes.PipelineDeclaration{Version: aws.Int32(2)}},
		"dynamodb:DescribeTable": func(_ int, in any) any {
			name := in.(*awsdynamodb.DescribeTableInput).TableName
			return &awsdynamodb.DescribeTableOutput{Table: &dynamodbtypes.TableDescription{
				TableName: name, TableArn: aws.String("arn:aws:dynamodb:us-east-1:000000000000:table/" + *name), TableStatus: dynamodbtypes.TableStatusActive,
				LatestStreamArn: aws.String("arn:aws:dynamodb:us-east-1:000000000000:table/" + *name + "/stream/1"),
			}}
		},
		"ecr:CreateRepository": &awsecr.CreateRepositoryOutput{Repository: &ecrtypes.Repository{
			RepositoryArn: aws.String("arn:aws:ecr:us-east-1:000000000000:repository/assets"),
			RepositoryUri: aws.String("000000000000.dkr.ecr.us-east-1.amazonaws.com/assets"),
		}},
		"iam:CreatePolicy": &awsiam.CreatePolicyOutput{Policy: policy},
		"iam:GetPolicy":    &awsiam.GetPolicyOutput{Policy: policy},
		"iam:CreateRole":   &awsiam.CreateRoleOutput{Role: role},
		"iam:GetRole":      &awsiam.GetRoleOutput{Role: role},
		"iam:ListPolicyVersions": &awsiam.ListPolicyVersionsOutput{Versions: []iamtypes.PolicyVersion{
			{VersionId: aws.String("v5"), IsDefaultVersion: true},
			{VersionId: aws.String("v4")}, {VersionId: aws.String("v3")}, {VersionId: aws.String("v2")}, {VersionId: aws.String("v1")},
		}},
		"kms:CreateKey":                   &awskms.CreateKeyOutput{KeyMetadata: &kmstypes.KeyMetadata{KeyId: aws.String("1234")}},
		"lambda:CreateEventSourceMapping": &awslambda.CreateEventSourceMappingOutput{UUID: aws.String("a-b-c")},
		"lambda:CreateFunction":           &awslambda.CreateFunctionOutput{FunctionArn: aws.String(functionARN)},
		"lambda:GetFunctionConfiguration": &awslambda.GetFunctionConfigurationOutput{State: lambdatypes.StateActive, LastUpdateStatus: lambdatypes.LastUpdateStatusSuccessful},
		"lambda:ListVersionsByFunction": &awslambda.ListVersionsByFunctionOutput{Versions: []lambdatypes.FunctionConfiguration{
			{Version: aws.String("$LATEST")}, {Version: aws.String("1")},
		}},
		"lambda:PublishVersion": &awslambda.PublishVersionOutput{FunctionArn: aws.String(functionARN + ":2"), Version: aws.String("2")},
		"lambda:CreateAlias":    &awslambda.CreateAliasOutput{AliasArn: aws.String(functionARN + ":live")},
		"lambda:GetAlias":       &awslambda.GetAliasOutput{AliasArn: aws.String(functionARN + ":live"), FunctionVersion: aws.String("1")},
		"lambda:UpdateAlias":    &awslambda.UpdateAliasOutput{AliasArn: aws.String(functionARN + ":live")},
		"lambda:CreateFunctionUrlConfig": &awslambda.CreateFunctionUrlConfigOutput{
			FunctionArn: aws.String(functionARN + ":live"), FunctionUrl: aws.String("http://127.0.0.1:5000/"),
		},
		"lambda:UpdateFunctionUrlConfig": &awslambda.UpdateFunctionUrlConfigOutput{
			FunctionArn: aws.String(functionARN + ":live"), FunctionUrl: aws.String("http://127.0.0.1:5000/"),
		},
		"eventbridge:DescribeEventBus": &awseventbridge.DescribeEventBusOutput{Policy: aws.String(`{"Version":"2012-10-17","Statement":[{"Sid":"other"},{"Sid":"team"}]}`)},
		"scheduler:CreateSchedule":     &awsscheduler.CreateScheduleOutput{ScheduleArn: aws.String("arn:aws:scheduler:us-east-1:000000000000:schedule/jobs/nightly")},
		"scheduler:UpdateSchedule":     &awsscheduler.UpdateScheduleOutput{ScheduleArn: aws.String("arn:aws:scheduler:us-east-1:000000000000:schedule/jobs/nightly")},
		"scheduler:GetScheduleGroup": &awsscheduler.GetScheduleGroupOutput{
			Arn: aws.String("arn:aws:scheduler:us-east-1:000000000000:schedule-group/jobs"), State: "ACTIVE",
			CreationDate: aws.Time(time.Unix(0, 0)), LastModificationDate: aws.Time(time.Unix(0, 0)),
		},
		"secretsmanager:CreateSecret":      &awssecretsmanager.CreateSecretOutput{ARN: aws.String("arn:aws:secretsmanager:us-east-1:000000000000:secret:token-AbCdEf")},
		"secretsmanager:GetRandomPassword": &awssecretsmanager.GetRandomPasswordOutput{RandomPassword: aws.String("correct horse")},
		"sqs:CreateQueue":                  &awssqs.CreateQueueOutput{QueueUrl: aws.String("http://127.0.0.1:4566/000000000000/orders")},
		"sns:CreateTopic":                  &awssns.CreateTopicOutput{TopicArn: aws.String(topicARN)},
		"sns:Subscribe":                    &awssns.SubscribeOutput{SubscriptionArn: aws.String(topicARN + ":sub")},
		"sns:ListSubscriptionsByTopic": &awssns.ListSubscriptionsByTopicOutput{Subscriptions: []snstypes.Subscription{
			{SubscriptionArn: aws.String(topicARN + ":old"), Endpoint: aws.String(oldEndpoint), Protocol: aws.String("email")},
			{SubscriptionArn: aws.String(topicARN + ":other"), Endpoint: aws.String("other@example.com"), Protocol: aws.String("email")},
		}},
	}
}

func alarmsThere() *awscloudwatch.DescribeAlarmsOutput {
	return &awscloudwatch.DescribeAlarmsOutput{MetricAlarms: []cloudwatchtypes.MetricAlarm{{AlarmName: aws.String("errors")}}}
}
