// Package cfnschema says which properties of CloudFormation's resource types
// can't be updated. Readiness uses it to determine what a release replaces, and
// the embedded AWS uses it to decide what to replace.
package cfnschema

// createOnly lists the properties that make CloudFormation replace the resource
// if they change: "Update requires: Replacement" in
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/.
// It covers the types that the stacks use, and those that hold data.
var createOnly = map[string][]string{
	"AWS::ApiGateway::Account":             {},
	"AWS::ApiGateway::ApiKey":              {"GenerateDistinctId", "Name", "Value"},
	"AWS::ApiGateway::Authorizer":          {"RestApiId"},
	"AWS::ApiGateway::Deployment":          {"DeploymentCanarySettings", "RestApiId"},
	"AWS::ApiGateway::GatewayResponse":     {"ResponseType", "RestApiId"},
	"AWS::ApiGateway::Method":              {"HttpMethod", "ResourceId", "RestApiId"},
	"AWS::ApiGateway::Model":               {"ContentType", "Name", "RestApiId"},
	"AWS::ApiGateway::RequestValidator":    {"Name", "RestApiId"},
	"AWS::ApiGateway::Resource":            {"ParentId", "PathPart", "RestApiId"},
	"AWS::ApiGateway::RestApi":             {},
	"AWS::ApiGateway::Stage":               {"RestApiId", "StageName"},
	"AWS::ApiGateway::UsagePlan":           {},
	"AWS::ApiGateway::UsagePlanKey":        {"KeyId", "KeyType", "UsagePlanId"},
	"AWS::ApiGatewayV2::Api":               {"ProtocolType"},
	"AWS::ApiGatewayV2::Authorizer":        {"ApiId"},
	"AWS::ApiGatewayV2::Deployment":        {"ApiId"},
	"AWS::ApiGatewayV2::Integration":       {"ApiId"},
	"AWS::ApiGatewayV2::Route":             {"ApiId"},
	"AWS::ApiGatewayV2::Stage":             {"ApiId", "StageName"},
	"AWS::CloudWatch::Alarm":               {"AlarmName"},
	"AWS::CloudWatch::CompositeAlarm":      {"AlarmName"},
	"AWS::CloudWatch::Dashboard":           {"DashboardName"},
	"AWS::CodeBuild::Project":              {"Name"},
	"AWS::CodeBuild::ReportGroup":          {"Name", "Type"},
	"AWS::CodeConnections::Connection":     {"ConnectionName", "HostArn", "ProviderType"},
	"AWS::CodeDeploy::Application":         {"ApplicationName", "ComputePlatform"},
	"AWS::CodeDeploy::DeploymentConfig":    {"ComputePlatform", "DeploymentConfigName", "MinimumHealthyHosts", "TrafficRoutingConfig", "ZonalConfig"},
	"AWS::CodeDeploy::DeploymentGroup":     {"ApplicationName", "DeploymentGroupName"},
	"AWS::CodePipeline::Pipeline":          {"Name"},
	"AWS::CodeStarConnections::Connection": {"ConnectionName", "HostArn", "ProviderType"},
	"AWS::Events::Rule":                    {"EventBusName", "Name"},
	"AWS::IAM::ManagedPolicy":              {"Description", "ManagedPolicyName", "Path"},
	"AWS::IAM::Policy":                     {},
	"AWS::IAM::Role":                       {"Path", "RoleName"},
	"AWS::KMS::Alias":                      {"AliasName"},
	"AWS::Lambda::Alias":                   {"FunctionName", "Name"},
	"AWS::Lambda::EventInvokeConfig":       {"FunctionName", "Qualifier"},
	"AWS::Lambda::Function":                {"FunctionName", "PackageType", "TenancyConfig"},
	"AWS::Lambda::Permission":              {"Action", "EventSourceToken", "FunctionName", "FunctionUrlAuthType", "InvokedViaFunctionUrl", "Principal", "PrincipalOrgID", "SourceAccount", "SourceArn"},
	"AWS::Lambda::Url":                     {"Qualifier", "TargetFunctionArn"},
	"AWS::Lambda::Version":                 {"CodeSha256", "Description", "FunctionName"},
	"AWS::S3::BucketPolicy":                {"Bucket"},
	"AWS::SNS::Subscription":               {"Endpoint", "Protocol", "TopicArn"},
	"AWS::SNS::Topic":                      {"FifoTopic", "TopicName"},
	"AWS::SNS::TopicPolicy":                {},
	"AWS::SSM::Parameter":                  {"Name"},
	"AWS::CDK::Metadata":                   {},

	"AWS::DynamoDB::GlobalTable":  {"AttributeDefinitions", "KeySchema", "LocalSecondaryIndexes", "TableName"},
	"AWS::DynamoDB::Table":        {"ImportSourceSpecification", "KeySchema", "LocalSecondaryIndexes", "TableName"},
	"AWS::ECR::Repository":        {"EncryptionConfiguration", "RepositoryName"},
	"AWS::EFS::FileSystem":        {"AvailabilityZoneName", "Encrypted", "KmsKeyId", "PerformanceMode"},
	"AWS::KMS::Key":               {},
	"AWS::Logs::LogGroup":         {"LogGroupName"},
	"AWS::RDS::DBCluster":         {"AvailabilityZones", "DBClusterIdentifier", "DBSubnetGroupName", "DatabaseName", "EngineMode", "KmsKeyId", "SnapshotIdentifier", "SourceDBClusterIdentifier", "StorageEncrypted"},
	"AWS::RDS::DBInstance":        {"CharacterSetName", "DBClusterIdentifier", "DBInstanceIdentifier", "DBName", "DBSnapshotIdentifier", "DBSubnetGroupName", "Engine", "KmsKeyId", "MasterUsername", "NcharCharacterSetName", "SourceRegion", "StorageEncrypted", "Timezone"},
	"AWS::S3::Bucket":             {"BucketName", "ObjectLockEnabled"},
	"AWS::SQS::Queue":             {"FifoQueue", "QueueName"},
	"AWS::SecretsManager::Secret": {"Name"},
}

// refused lists the properties whose changes CloudFormation refuses: "Update
// requires: Updates are not supported".
var refused = map[string][]string{
	"AWS::KMS::Key": {"KeySpec", "KeyUsage", "MultiRegion", "Origin"},
}

// Known reports whether a type is in the tables.
func Known(name string) bool {
	_, ok := createOnly[name]
	_, other := others[name]
	return ok || other
}

// CreateOnly returns the properties of a type that replace a resource if they change.
func CreateOnly(name string) []string {
	if properties, ok := createOnly[name]; ok {
		return properties
	}
	return others[name]
}

// Refused returns the properties of a type whose changes are refused.
func Refused(name string) []string { return refused[name] }
