// Package types contains the CloudFormation resource types that the embedded
// AWS manages. Each is implemented as calls to the services.
//
// A type supports the properties that it lists and refuses all others. Its
// physical ids and attributes are those that AWS documents for Ref and
// Fn::GetAtt. The types in recorded.txt have those only.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-template-resource-type-ref.html.
package types

import (
	"context"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// Registry returns the resource types, which call the services in d.
func Registry(d Deps) resource.Registry {
	registry, reads := resource.Registry{}, readers(d)
	for _, definition := range []definition{
		bucket(d), bucketPolicy(d),
		repository(d),
		role(d), rolePolicy(d), managedPolicy(d),
		key(d), keyAlias(d),
		parameter(d),
		secret(d),
		globalTable(d),
		table(d),
		function(d), version(d), alias(d), permission(d), functionURL(d), eventInvokeConfig(d), eventSourceMapping(d),
		logGroup(d),
		alarm(d), compositeAlarm(d), dashboard(d),
		topic(d), subscription(d), topicPolicy(d),
		queue(d), queuePolicy(d),
		rule(d), eventBus(d), eventBusPolicy(d),
		scheduled(d), scheduleGroup(d),
		application(d), deploymentConfig(d), deploymentGroup(d),
		project(d), reportGroup(d),
		pipeline(d),
		connection(d, "AWS::CodeConnections::Connection"), connection(d, "AWS::CodeStarConnections::Connection"),
		httpAPI(d), httpStage(d), httpRoute(d), httpIntegration(d), httpAuthorizer(d), httpDeployment(d),
		restAPI(d), restResource(d), restMethod(d), restDeployment(d), restStage(d), restAccount(d), restAuthorizer(d), restModel(d),
		restValidator(d), restKey(d), restPlan(d), restPlanKey(d), restResponse(d),
		inlinePolicy(d), metadata(),
		customResource(d), autoDelete(d), logRetention(d), bucketDeployment(d), bucketNotifications(d), defaultSecurityGroup(), waitHandle(d), waitCondition(d),
	} {
		definition.Kept = kept[definition.Name]
		if definition.Examine == nil {
			definition.Examine = examined[definition.Name]
		}
		definition.Partly = notRun(d, definition.Name)
		t := definition.handled()
		if read, ok := reads[t.Name]; ok {
			t.Read = definition.read(read)
		}
		t.Identifier, t.Names = identifiers[t.Name], named[t.Name]
		registry.Add(t)
	}
	for _, t := range recordedTypes(d.Account) {
		registry.Add(t)
	}
	return registry
}

// kept has the properties of a type that the embedded AWS accepts and that have no
// effect: a release that uses them is not rehearsed in that.
var kept = map[string][]string{
	"AWS::ApiGateway::Stage": {"CacheClusterEnabled", "CacheClusterSize", "DocumentationVersion", "TracingEnabled"},
	"AWS::DynamoDB::Table":   {"ContributorInsightsSpecification", "KinesisStreamSpecification"},
	"AWS::Lambda::Function":  {"CodeSigningConfigArn", "FileSystemConfigs", "Layers", "RecursiveLoop", "RuntimeManagementConfig", "SnapStart", "VpcConfig"},
	"AWS::Logs::LogGroup":    {"DataProtectionPolicy", "FieldIndexPolicies"},
	"AWS::S3::Bucket": {
		"AccelerateConfiguration", "AnalyticsConfigurations", "CorsConfiguration", "IntelligentTieringConfigurations",
		"InventoryConfigurations", "MetricsConfigurations", "ReplicationConfiguration", "WebsiteConfiguration",
	},
}

// identifiers has the property that names a resource, by type. Some services
// would change the first resource if another were created with its name.
var identifiers = map[string]string{
	"AWS::CloudWatch::Alarm":            "AlarmName",
	"AWS::CloudWatch::CompositeAlarm":   "AlarmName",
	"AWS::CloudWatch::Dashboard":        "DashboardName",
	"AWS::CodeBuild::Project":           "Name",
	"AWS::CodeBuild::ReportGroup":       "Name",
	"AWS::CodeDeploy::Application":      "ApplicationName",
	"AWS::CodeDeploy::DeploymentConfig": "DeploymentConfigName",
	"AWS::CodePipeline::Pipeline":       "Name",
	"AWS::DynamoDB::GlobalTable":        "TableName",
	"AWS::DynamoDB::Table":              "TableName",
	"AWS::ECR::Repository":              "RepositoryName",
	"AWS::Events::EventBus":             "Name",
	"AWS::Events::Rule":                 "Name",
	"AWS::IAM::ManagedPolicy":           "ManagedPolicyName",
	"AWS::IAM::Role":                    "RoleName",
	"AWS::KMS::Alias":                   "AliasName",
	"AWS::Lambda::Function":             "FunctionName",
	"AWS::Logs::LogGroup":               "LogGroupName",
	"AWS::S3::Bucket":                   "BucketName",
	"AWS::SNS::Topic":                   "TopicName",
	"AWS::SQS::Queue":                   "QueueName",
	"AWS::SSM::Parameter":               "Name",
	"AWS::Scheduler::Schedule":          "Name",
	"AWS::Scheduler::ScheduleGroup":     "Name",
	"AWS::SecretsManager::Secret":       "Name",
}

// named has the properties that name another resource, which the service looks for when it
// creates the one that has them.
var named = map[string]map[string]string{
	"AWS::CodeBuild::Project":          {"ServiceRole": "AWS::IAM::Role"},
	"AWS::CodeDeploy::DeploymentGroup": {"ApplicationName": "AWS::CodeDeploy::Application", "DeploymentConfigName": "AWS::CodeDeploy::DeploymentConfig"},
	"AWS::CodePipeline::Pipeline":      {"RoleArn": "AWS::IAM::Role"},
	"AWS::Events::EventBusPolicy":      {"EventBusName": "AWS::Events::EventBus"},
	"AWS::Events::Rule":                {"EventBusName": "AWS::Events::EventBus"},
	"AWS::IAM::ManagedPolicy":          {"Roles": "AWS::IAM::Role"},
	"AWS::IAM::Policy":                 {"Roles": "AWS::IAM::Role"},
	"AWS::IAM::Role":                   {"ManagedPolicyArns": "AWS::IAM::ManagedPolicy"},
	"AWS::IAM::RolePolicy":             {"RoleName": "AWS::IAM::Role"},
	"AWS::Lambda::Alias":               {"FunctionName": "AWS::Lambda::Function"},
	"AWS::Lambda::EventInvokeConfig":   {"FunctionName": "AWS::Lambda::Function"},
	"AWS::Lambda::EventSourceMapping":  {"EventSourceArn": "AWS::SQS::Queue", "FunctionName": "AWS::Lambda::Function"},
	"AWS::Lambda::Function":            {"Role": "AWS::IAM::Role"},
	"AWS::Lambda::Permission":          {"FunctionName": "AWS::Lambda::Function"},
	"AWS::Lambda::Url":                 {"TargetFunctionArn": "AWS::Lambda::Function"},
	"AWS::Lambda::Version":             {"FunctionName": "AWS::Lambda::Function"},
	"AWS::S3::BucketPolicy":            {"Bucket": "AWS::S3::Bucket"},
	"AWS::SNS::Subscription":           {"TopicArn": "AWS::SNS::Topic"},
	"AWS::SNS::TopicPolicy":            {"Topics": "AWS::SNS::Topic"},
	"AWS::SQS::QueuePolicy":            {"Queues": "AWS::SQS::Queue"},
	"AWS::Scheduler::Schedule":         {"GroupName": "AWS::Scheduler::ScheduleGroup"},
}

// metadata is the resource that the CDK uses to report the constructs of an
// app. AWS itself defines it as a no-op.
func metadata() definition {
	result := func(_ context.Context, r *resource.Request) (*resource.Result, error) {
		id := r.PhysicalID
		if id == "" {
			id = generatedName(r, 64)
		}
		return &resource.Result{PhysicalID: id}, nil
	}
	return definition{Type: resource.Type{
		Name:       "AWS::CDK::Metadata",
		Properties: []string{"Analytics", "Modules"},
		Create:     result,
		Update:     result,
		Delete:     func(context.Context, *resource.Request) error { return nil },
	}}
}
