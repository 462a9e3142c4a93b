package types

import (
	"context"

	awsapigateway "github.com/aws/aws-sdk-go-v2/service/apigateway"
	awsapigatewayv2 "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	awslogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	awscodebuild "github.com/aws/aws-sdk-go-v2/service/codebuild"
	awscodeconnections "github.com/aws/aws-sdk-go-v2/service/codeconnections"
	awscodedeploy "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	codedeploytypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	awscodepipeline "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr"
	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	awsscheduler "github.com/aws/aws-sdk-go-v2/service/scheduler"
	awssecretsmanager "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/magewright/magewright/tools/localaws/account"
)

// Deps are the services whose resources CloudFormation manages. Each interface
// is the part of a service's API that its resource types call.
type Deps struct {
	Account account.Account

	Buckets      Buckets
	Repositories Repositories
	Identities   Identities
	Keys         Keys
	Parameters   Parameters
	Secrets      Secrets
	Tables       Tables
	Functions    Functions
	Logs         Logs
	Alarms       Alarms
	Topics       Topics
	Queues       Queues
	Events       Events
	Schedules    Schedules
	Deployments  Deployments
	Builds       Builds
	Pipelines    Pipelines
	Connections  Connections
	HTTPAPIs     HTTPAPIs
	RestAPIs     RestAPIs

	// Responses and Objects are S3's. CloudFormation itself writes the answers of
	// custom resources, and what some of the CDK's providers do is done with the
	// permissions of the stack.
	Responses Responses
	Objects   Objects
	// Forward has the endpoints that services are forwarded to, by signing name.
	Forward map[string]string
	// CheckPipelineStep refuses a type of a pipeline's actions or rules. It may be nil.
	CheckPipelineStep func(category, provider string) error
	// CheckRuntime refuses a function's runtime. It may be nil.
	CheckRuntime func(name string) error
}

// location says that a new bucket is in this region.
func (d Deps) location() *s3types.CreateBucketConfiguration {
	constraint := d.Account.LocationConstraint()
	if constraint == "" {
		return nil
	}
	return &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(constraint)}
}

// Buckets is the part of Amazon S3 that the resource types need.
type Buckets interface {
	CreateBucket(context.Context, *awss3.CreateBucketInput) (*awss3.CreateBucketOutput, error)
	DeleteBucket(context.Context, *awss3.DeleteBucketInput) (*awss3.DeleteBucketOutput, error)
	PutBucketEncryption(context.Context, *awss3.PutBucketEncryptionInput) (*awss3.PutBucketEncryptionOutput, error)
	DeleteBucketEncryption(context.Context, *awss3.DeleteBucketEncryptionInput) (*awss3.DeleteBucketEncryptionOutput, error)
	PutBucketVersioning(context.Context, *awss3.PutBucketVersioningInput) (*awss3.PutBucketVersioningOutput, error)
	PutPublicAccessBlock(context.Context, *awss3.PutPublicAccessBlockInput) (*awss3.PutPublicAccessBlockOutput, error)
	DeletePublicAccessBlock(context.Context, *awss3.DeletePublicAccessBlockInput) (*awss3.DeletePublicAccessBlockOutput, error)
	PutBucketLifecycleConfiguration(context.Context, *awss3.PutBucketLifecycleConfigurationInput) (*awss3.PutBucketLifecycleConfigurationOutput, error)
	DeleteBucketLifecycle(context.Context, *awss3.DeleteBucketLifecycleInput) (*awss3.DeleteBucketLifecycleOutput, error)
	PutObjectLockConfiguration(context.Context, *awss3.PutObjectLockConfigurationInput) (*awss3.PutObjectLockConfigurationOutput, error)
	PutBucketOwnershipControls(context.Context, *awss3.PutBucketOwnershipControlsInput) (*awss3.PutBucketOwnershipControlsOutput, error)
	DeleteBucketOwnershipControls(context.Context, *awss3.DeleteBucketOwnershipControlsInput) (*awss3.DeleteBucketOwnershipControlsOutput, error)
	PutBucketLogging(context.Context, *awss3.PutBucketLoggingInput) (*awss3.PutBucketLoggingOutput, error)
	PutBucketNotificationConfiguration(context.Context, *awss3.PutBucketNotificationConfigurationInput) (*awss3.PutBucketNotificationConfigurationOutput, error)
	PutBucketTagging(context.Context, *awss3.PutBucketTaggingInput) (*awss3.PutBucketTaggingOutput, error)
	DeleteBucketTagging(context.Context, *awss3.DeleteBucketTaggingInput) (*awss3.DeleteBucketTaggingOutput, error)
	PutBucketPolicy(context.Context, *awss3.PutBucketPolicyInput) (*awss3.PutBucketPolicyOutput, error)
	DeleteBucketPolicy(context.Context, *awss3.DeleteBucketPolicyInput) (*awss3.DeleteBucketPolicyOutput, error)
	GetBucketLocation(context.Context, *awss3.GetBucketLocationInput) (*awss3.GetBucketLocationOutput, error)
	GetBucketVersioning(context.Context, *awss3.GetBucketVersioningInput) (*awss3.GetBucketVersioningOutput, error)
	GetPublicAccessBlock(context.Context, *awss3.GetPublicAccessBlockInput) (*awss3.GetPublicAccessBlockOutput, error)
	GetBucketOwnershipControls(context.Context, *awss3.GetBucketOwnershipControlsInput) (*awss3.GetBucketOwnershipControlsOutput, error)
	GetObjectLockConfiguration(context.Context, *awss3.GetObjectLockConfigurationInput) (*awss3.GetObjectLockConfigurationOutput, error)
	GetBucketEncryption(context.Context, *awss3.GetBucketEncryptionInput) (*awss3.GetBucketEncryptionOutput, error)
	GetBucketLifecycleConfiguration(context.Context, *awss3.GetBucketLifecycleConfigurationInput) (*awss3.GetBucketLifecycleConfigurationOutput, error)
	GetBucketLogging(context.Context, *awss3.GetBucketLoggingInput) (*awss3.GetBucketLoggingOutput, error)
	GetBucketNotificationConfiguration(context.Context, *awss3.GetBucketNotificationConfigurationInput) (*awss3.GetBucketNotificationConfigurationOutput, error)
	GetBucketTagging(context.Context, *awss3.GetBucketTaggingInput) (*awss3.GetBucketTaggingOutput, error)
	GetBucketPolicy(context.Context, *awss3.GetBucketPolicyInput) (*awss3.GetBucketPolicyOutput, error)
}

// Repositories is the part of Amazon ECR that the resource types need.
type Repositories interface {
	CreateRepository(context.Context, *awsecr.CreateRepositoryInput) (*awsecr.CreateRepositoryOutput, error)
	DeleteRepository(context.Context, *awsecr.DeleteRepositoryInput) (*awsecr.DeleteRepositoryOutput, error)
	PutImageScanningConfiguration(context.Context, *awsecr.PutImageScanningConfigurationInput) (*awsecr.PutImageScanningConfigurationOutput, error)
	PutImageTagMutability(context.Context, *awsecr.PutImageTagMutabilityInput) (*awsecr.PutImageTagMutabilityOutput, error)
	SetRepositoryPolicy(context.Context, *awsecr.SetRepositoryPolicyInput) (*awsecr.SetRepositoryPolicyOutput, error)
	DeleteRepositoryPolicy(context.Context, *awsecr.DeleteRepositoryPolicyInput) (*awsecr.DeleteRepositoryPolicyOutput, error)
	PutLifecyclePolicy(context.Context, *awsecr.PutLifecyclePolicyInput) (*awsecr.PutLifecyclePolicyOutput, error)
	DeleteLifecyclePolicy(context.Context, *awsecr.DeleteLifecyclePolicyInput) (*awsecr.DeleteLifecyclePolicyOutput, error)
	TagResource(context.Context, *awsecr.TagResourceInput) (*awsecr.TagResourceOutput, error)
	UntagResource(context.Context, *awsecr.UntagResourceInput) (*awsecr.UntagResourceOutput, error)
}

// Identities is the part of IAM that the resource types need.
type Identities interface {
	CreateRole(context.Context, *awsiam.CreateRoleInput) (*awsiam.CreateRoleOutput, error)
	GetRole(context.Context, *awsiam.GetRoleInput) (*awsiam.GetRoleOutput, error)
	UpdateRole(context.Context, *awsiam.UpdateRoleInput) (*awsiam.UpdateRoleOutput, error)
	UpdateAssumeRolePolicy(context.Context, *awsiam.UpdateAssumeRolePolicyInput) (*awsiam.UpdateAssumeRolePolicyOutput, error)
	DeleteRole(context.Context, *awsiam.DeleteRoleInput) (*awsiam.DeleteRoleOutput, error)
	PutRolePolicy(context.Context, *awsiam.PutRolePolicyInput) (*awsiam.PutRolePolicyOutput, error)
	DeleteRolePolicy(context.Context, *awsiam.DeleteRolePolicyInput) (*awsiam.DeleteRolePolicyOutput, error)
	AttachRolePolicy(context.Context, *awsiam.AttachRolePolicyInput) (*awsiam.AttachRolePolicyOutput, error)
	DetachRolePolicy(context.Context, *awsiam.DetachRolePolicyInput) (*awsiam.DetachRolePolicyOutput, error)
	PutRolePermissionsBoundary(context.Context, *awsiam.PutRolePermissionsBoundaryInput) (*awsiam.PutRolePermissionsBoundaryOutput, error)
	DeleteRolePermissionsBoundary(context.Context, *awsiam.DeleteRolePermissionsBoundaryInput) (*awsiam.DeleteRolePermissionsBoundaryOutput, error)
	TagRole(context.Context, *awsiam.TagRoleInput) (*awsiam.TagRoleOutput, error)
	UntagRole(context.Context, *awsiam.UntagRoleInput) (*awsiam.UntagRoleOutput, error)
	CreatePolicy(context.Context, *awsiam.CreatePolicyInput) (*awsiam.CreatePolicyOutput, error)
	GetPolicy(context.Context, *awsiam.GetPolicyInput) (*awsiam.GetPolicyOutput, error)
	DeletePolicy(context.Context, *awsiam.DeletePolicyInput) (*awsiam.DeletePolicyOutput, error)
	CreatePolicyVersion(context.Context, *awsiam.CreatePolicyVersionInput) (*awsiam.CreatePolicyVersionOutput, error)
	DeletePolicyVersion(context.Context, *awsiam.DeletePolicyVersionInput) (*awsiam.DeletePolicyVersionOutput, error)
	ListPolicyVersions(context.Context, *awsiam.ListPolicyVersionsInput) (*awsiam.ListPolicyVersionsOutput, error)
	ListAttachedRolePolicies(context.Context, *awsiam.ListAttachedRolePoliciesInput) (*awsiam.ListAttachedRolePoliciesOutput, error)
	ListRolePolicies(context.Context, *awsiam.ListRolePoliciesInput) (*awsiam.ListRolePoliciesOutput, error)
	GetRolePolicy(context.Context, *awsiam.GetRolePolicyInput) (*awsiam.GetRolePolicyOutput, error)
	GetPolicyVersion(context.Context, *awsiam.GetPolicyVersionInput) (*awsiam.GetPolicyVersionOutput, error)
	ListEntitiesForPolicy(context.Context, *awsiam.ListEntitiesForPolicyInput) (*awsiam.ListEntitiesForPolicyOutput, error)
}

// Keys is the part of AWS KMS that the resource types need.
type Keys interface {
	CreateKey(context.Context, *awskms.CreateKeyInput) (*awskms.CreateKeyOutput, error)
	UpdateKeyDescription(context.Context, *awskms.UpdateKeyDescriptionInput) (*awskms.UpdateKeyDescriptionOutput, error)
	PutKeyPolicy(context.Context, *awskms.PutKeyPolicyInput) (*awskms.PutKeyPolicyOutput, error)
	EnableKey(context.Context, *awskms.EnableKeyInput) (*awskms.EnableKeyOutput, error)
	DisableKey(context.Context, *awskms.DisableKeyInput) (*awskms.DisableKeyOutput, error)
	EnableKeyRotation(context.Context, *awskms.EnableKeyRotationInput) (*awskms.EnableKeyRotationOutput, error)
	DisableKeyRotation(context.Context, *awskms.DisableKeyRotationInput) (*awskms.DisableKeyRotationOutput, error)
	ScheduleKeyDeletion(context.Context, *awskms.ScheduleKeyDeletionInput) (*awskms.ScheduleKeyDeletionOutput, error)
	TagResource(context.Context, *awskms.TagResourceInput) (*awskms.TagResourceOutput, error)
	UntagResource(context.Context, *awskms.UntagResourceInput) (*awskms.UntagResourceOutput, error)
	CreateAlias(context.Context, *awskms.CreateAliasInput) (*awskms.CreateAliasOutput, error)
	UpdateAlias(context.Context, *awskms.UpdateAliasInput) (*awskms.UpdateAliasOutput, error)
	DeleteAlias(context.Context, *awskms.DeleteAliasInput) (*awskms.DeleteAliasOutput, error)
	DescribeKey(context.Context, *awskms.DescribeKeyInput) (*awskms.DescribeKeyOutput, error)
	GetKeyPolicy(context.Context, *awskms.GetKeyPolicyInput) (*awskms.GetKeyPolicyOutput, error)
	GetKeyRotationStatus(context.Context, *awskms.GetKeyRotationStatusInput) (*awskms.GetKeyRotationStatusOutput, error)
	ListResourceTags(context.Context, *awskms.ListResourceTagsInput) (*awskms.ListResourceTagsOutput, error)
	ListAliases(context.Context, *awskms.ListAliasesInput) (*awskms.ListAliasesOutput, error)
}

// Parameters is the part of the Systems Manager parameter store that the
// resource types need.
type Parameters interface {
	PutParameter(context.Context, *awsssm.PutParameterInput) (*awsssm.PutParameterOutput, error)
	DeleteParameter(context.Context, *awsssm.DeleteParameterInput) (*awsssm.DeleteParameterOutput, error)
	AddTagsToResource(context.Context, *awsssm.AddTagsToResourceInput) (*awsssm.AddTagsToResourceOutput, error)
	RemoveTagsFromResource(context.Context, *awsssm.RemoveTagsFromResourceInput) (*awsssm.RemoveTagsFromResourceOutput, error)
	GetParameters(context.Context, *awsssm.GetParametersInput) (*awsssm.GetParametersOutput, error)
}

// Secrets is the part of Secrets Manager that the resource types need.
type Secrets interface {
	CreateSecret(context.Context, *awssecretsmanager.CreateSecretInput) (*awssecretsmanager.CreateSecretOutput, error)
	UpdateSecret(context.Context, *awssecretsmanager.UpdateSecretInput) (*awssecretsmanager.UpdateSecretOutput, error)
	DeleteSecret(context.Context, *awssecretsmanager.DeleteSecretInput) (*awssecretsmanager.DeleteSecretOutput, error)
	GetRandomPassword(context.Context, *awssecretsmanager.GetRandomPasswordInput) (*awssecretsmanager.GetRandomPasswordOutput, error)
	TagResource(context.Context, *awssecretsmanager.TagResourceInput) (*awssecretsmanager.TagResourceOutput, error)
	UntagResource(context.Context, *awssecretsmanager.UntagResourceInput) (*awssecretsmanager.UntagResourceOutput, error)
}

// Tables is the part of DynamoDB that the resource types need. DescribeTable
// waits while a table changes its state.
type Tables interface {
	CreateTable(context.Context, *awsdynamodb.CreateTableInput) (*awsdynamodb.CreateTableOutput, error)
	UpdateTable(context.Context, *awsdynamodb.UpdateTableInput) (*awsdynamodb.UpdateTableOutput, error)
	DescribeTable(context.Context, *awsdynamodb.DescribeTableInput) (*awsdynamodb.DescribeTableOutput, error)
	DeleteTable(context.Context, *awsdynamodb.DeleteTableInput) (*awsdynamodb.DeleteTableOutput, error)
	UpdateTimeToLive(context.Context, *awsdynamodb.UpdateTimeToLiveInput) (*awsdynamodb.UpdateTimeToLiveOutput, error)
	UpdateContinuousBackups(context.Context, *awsdynamodb.UpdateContinuousBackupsInput) (*awsdynamodb.UpdateContinuousBackupsOutput, error)
	TagResource(context.Context, *awsdynamodb.TagResourceInput) (*awsdynamodb.TagResourceOutput, error)
	UntagResource(context.Context, *awsdynamodb.UntagResourceInput) (*awsdynamodb.UntagResourceOutput, error)
	DescribeTimeToLive(context.Context, *awsdynamodb.DescribeTimeToLiveInput) (*awsdynamodb.DescribeTimeToLiveOutput, error)
	DescribeContinuousBackups(context.Context, *awsdynamodb.DescribeContinuousBackupsInput) (*awsdynamodb.DescribeContinuousBackupsOutput, error)
	ListTagsOfResource(context.Context, *awsdynamodb.ListTagsOfResourceInput) (*awsdynamodb.ListTagsOfResourceOutput, error)
}

// Functions is the part of Lambda that the resource types need.
type Functions interface {
	CreateFunction(context.Context, *awslambda.CreateFunctionInput) (*awslambda.CreateFunctionOutput, error)
	GetFunctionConfiguration(context.Context, *awslambda.GetFunctionConfigurationInput) (*awslambda.GetFunctionConfigurationOutput, error)
	UpdateFunctionCode(context.Context, *awslambda.UpdateFunctionCodeInput) (*awslambda.UpdateFunctionCodeOutput, error)
	UpdateFunctionConfiguration(context.Context, *awslambda.UpdateFunctionConfigurationInput) (*awslambda.UpdateFunctionConfigurationOutput, error)
	DeleteFunction(context.Context, *awslambda.DeleteFunctionInput) (*awslambda.DeleteFunctionOutput, error)
	PutFunctionConcurrency(context.Context, *awslambda.PutFunctionConcurrencyInput) (*awslambda.PutFunctionConcurrencyOutput, error)
	DeleteFunctionConcurrency(context.Context, *awslambda.DeleteFunctionConcurrencyInput) (*awslambda.DeleteFunctionConcurrencyOutput, error)
	PublishVersion(context.Context, *awslambda.PublishVersionInput) (*awslambda.PublishVersionOutput, error)
	ListVersionsByFunction(context.Context, *awslambda.ListVersionsByFunctionInput) (*awslambda.ListVersionsByFunctionOutput, error)
	CreateAlias(context.Context, *awslambda.CreateAliasInput) (*awslambda.CreateAliasOutput, error)
	GetAlias(context.Context, *awslambda.GetAliasInput) (*awslambda.GetAliasOutput, error)
	UpdateAlias(context.Context, *awslambda.UpdateAliasInput) (*awslambda.UpdateAliasOutput, error)
	DeleteAlias(context.Context, *awslambda.DeleteAliasInput) (*awslambda.DeleteAliasOutput, error)
	AddPermission(context.Context, *awslambda.AddPermissionInput) (*awslambda.AddPermissionOutput, error)
	RemovePermission(context.Context, *awslambda.RemovePermissionInput) (*awslambda.RemovePermissionOutput, error)
	CreateFunctionUrlConfig(context.Context, *awslambda.CreateFunctionUrlConfigInput) (*awslambda.CreateFunctionUrlConfigOutput, error)
	UpdateFunctionUrlConfig(context.Context, *awslambda.UpdateFunctionUrlConfigInput) (*awslambda.UpdateFunctionUrlConfigOutput, error)
	DeleteFunctionUrlConfig(context.Context, *awslambda.DeleteFunctionUrlConfigInput) (*awslambda.DeleteFunctionUrlConfigOutput, error)
	CreateEventSourceMapping(context.Context, *awslambda.CreateEventSourceMappingInput) (*awslambda.CreateEventSourceMappingOutput, error)
	UpdateEventSourceMapping(context.Context, *awslambda.UpdateEventSourceMappingInput) (*awslambda.UpdateEventSourceMappingOutput, error)
	DeleteEventSourceMapping(context.Context, *awslambda.DeleteEventSourceMappingInput) (*awslambda.DeleteEventSourceMappingOutput, error)
	PutFunctionEventInvokeConfig(context.Context, *awslambda.PutFunctionEventInvokeConfigInput) (*awslambda.PutFunctionEventInvokeConfigOutput, error)
	DeleteFunctionEventInvokeConfig(context.Context, *awslambda.DeleteFunctionEventInvokeConfigInput) (*awslambda.DeleteFunctionEventInvokeConfigOutput, error)
	Invoke(context.Context, *awslambda.InvokeInput) (*awslambda.InvokeOutput, error)
	TagResource(context.Context, *awslambda.TagResourceInput) (*awslambda.TagResourceOutput, error)
	UntagResource(context.Context, *awslambda.UntagResourceInput) (*awslambda.UntagResourceOutput, error)
	GetFunctionConcurrency(context.Context, *awslambda.GetFunctionConcurrencyInput) (*awslambda.GetFunctionConcurrencyOutput, error)
	GetPolicy(context.Context, *awslambda.GetPolicyInput) (*awslambda.GetPolicyOutput, error)
	GetFunctionUrlConfig(context.Context, *awslambda.GetFunctionUrlConfigInput) (*awslambda.GetFunctionUrlConfigOutput, error)
	GetEventSourceMapping(context.Context, *awslambda.GetEventSourceMappingInput) (*awslambda.GetEventSourceMappingOutput, error)
	GetFunctionEventInvokeConfig(context.Context, *awslambda.GetFunctionEventInvokeConfigInput) (*awslambda.GetFunctionEventInvokeConfigOutput, error)
	ListTags(context.Context, *awslambda.ListTagsInput) (*awslambda.ListTagsOutput, error)
}

// Logs is the part of CloudWatch Logs that the resource types need.
type Logs interface {
	CreateLogGroup(context.Context, *awslogs.CreateLogGroupInput) (*awslogs.CreateLogGroupOutput, error)
	DeleteLogGroup(context.Context, *awslogs.DeleteLogGroupInput) (*awslogs.DeleteLogGroupOutput, error)
	PutRetentionPolicy(context.Context, *awslogs.PutRetentionPolicyInput) (*awslogs.PutRetentionPolicyOutput, error)
	DeleteRetentionPolicy(context.Context, *awslogs.DeleteRetentionPolicyInput) (*awslogs.DeleteRetentionPolicyOutput, error)
	TagResource(context.Context, *awslogs.TagResourceInput) (*awslogs.TagResourceOutput, error)
	UntagResource(context.Context, *awslogs.UntagResourceInput) (*awslogs.UntagResourceOutput, error)
	DescribeLogGroups(context.Context, *awslogs.DescribeLogGroupsInput) (*awslogs.DescribeLogGroupsOutput, error)
	ListTagsForResource(context.Context, *awslogs.ListTagsForResourceInput) (*awslogs.ListTagsForResourceOutput, error)
}

// Alarms is the part of CloudWatch that the resource types need.
type Alarms interface {
	DescribeAlarms(context.Context, *awscloudwatch.DescribeAlarmsInput) (*awscloudwatch.DescribeAlarmsOutput, error)
	PutMetricAlarm(context.Context, *awscloudwatch.PutMetricAlarmInput) (*awscloudwatch.PutMetricAlarmOutput, error)
	PutCompositeAlarm(context.Context, *awscloudwatch.PutCompositeAlarmInput) (*awscloudwatch.PutCompositeAlarmOutput, error)
	DeleteAlarms(context.Context, *awscloudwatch.DeleteAlarmsInput) (*awscloudwatch.DeleteAlarmsOutput, error)
	PutDashboard(context.Context, *awscloudwatch.PutDashboardInput) (*awscloudwatch.PutDashboardOutput, error)
	DeleteDashboards(context.Context, *awscloudwatch.DeleteDashboardsInput) (*awscloudwatch.DeleteDashboardsOutput, error)
	TagResource(context.Context, *awscloudwatch.TagResourceInput) (*awscloudwatch.TagResourceOutput, error)
	UntagResource(context.Context, *awscloudwatch.UntagResourceInput) (*awscloudwatch.UntagResourceOutput, error)
	ListTagsForResource(context.Context, *awscloudwatch.ListTagsForResourceInput) (*awscloudwatch.ListTagsForResourceOutput, error)
}

// Topics is the part of Amazon SNS that the resource types need.
type Topics interface {
	CreateTopic(context.Context, *awssns.CreateTopicInput) (*awssns.CreateTopicOutput, error)
	SetTopicAttributes(context.Context, *awssns.SetTopicAttributesInput) (*awssns.SetTopicAttributesOutput, error)
	DeleteTopic(context.Context, *awssns.DeleteTopicInput) (*awssns.DeleteTopicOutput, error)
	Subscribe(context.Context, *awssns.SubscribeInput) (*awssns.SubscribeOutput, error)
	ListSubscriptionsByTopic(context.Context, *awssns.ListSubscriptionsByTopicInput) (*awssns.ListSubscriptionsByTopicOutput, error)
	SetSubscriptionAttributes(context.Context, *awssns.SetSubscriptionAttributesInput) (*awssns.SetSubscriptionAttributesOutput, error)
	Unsubscribe(context.Context, *awssns.UnsubscribeInput) (*awssns.UnsubscribeOutput, error)
	TagResource(context.Context, *awssns.TagResourceInput) (*awssns.TagResourceOutput, error)
	UntagResource(context.Context, *awssns.UntagResourceInput) (*awssns.UntagResourceOutput, error)
	GetTopicAttributes(context.Context, *awssns.GetTopicAttributesInput) (*awssns.GetTopicAttributesOutput, error)
	GetSubscriptionAttributes(context.Context, *awssns.GetSubscriptionAttributesInput) (*awssns.GetSubscriptionAttributesOutput, error)
	ListTagsForResource(context.Context, *awssns.ListTagsForResourceInput) (*awssns.ListTagsForResourceOutput, error)
}

// Queues is the part of Amazon SQS that the resource types need.
type Queues interface {
	CreateQueue(context.Context, *awssqs.CreateQueueInput) (*awssqs.CreateQueueOutput, error)
	SetQueueAttributes(context.Context, *awssqs.SetQueueAttributesInput) (*awssqs.SetQueueAttributesOutput, error)
	DeleteQueue(context.Context, *awssqs.DeleteQueueInput) (*awssqs.DeleteQueueOutput, error)
	TagQueue(context.Context, *awssqs.TagQueueInput) (*awssqs.TagQueueOutput, error)
	UntagQueue(context.Context, *awssqs.UntagQueueInput) (*awssqs.UntagQueueOutput, error)
	GetQueueAttributes(context.Context, *awssqs.GetQueueAttributesInput) (*awssqs.GetQueueAttributesOutput, error)
	ListQueueTags(context.Context, *awssqs.ListQueueTagsInput) (*awssqs.ListQueueTagsOutput, error)
}

// Events is the part of EventBridge that the resource types need.
type Events interface {
	PutRule(context.Context, *awseventbridge.PutRuleInput) (*awseventbridge.PutRuleOutput, error)
	DeleteRule(context.Context, *awseventbridge.DeleteRuleInput) (*awseventbridge.DeleteRuleOutput, error)
	PutTargets(context.Context, *awseventbridge.PutTargetsInput) (*awseventbridge.PutTargetsOutput, error)
	RemoveTargets(context.Context, *awseventbridge.RemoveTargetsInput) (*awseventbridge.RemoveTargetsOutput, error)
	CreateEventBus(context.Context, *awseventbridge.CreateEventBusInput) (*awseventbridge.CreateEventBusOutput, error)
	UpdateEventBus(context.Context, *awseventbridge.UpdateEventBusInput) (*awseventbridge.UpdateEventBusOutput, error)
	DeleteEventBus(context.Context, *awseventbridge.DeleteEventBusInput) (*awseventbridge.DeleteEventBusOutput, error)
	DescribeEventBus(context.Context, *awseventbridge.DescribeEventBusInput) (*awseventbridge.DescribeEventBusOutput, error)
	PutPermission(context.Context, *awseventbridge.PutPermissionInput) (*awseventbridge.PutPermissionOutput, error)
	RemovePermission(context.Context, *awseventbridge.RemovePermissionInput) (*awseventbridge.RemovePermissionOutput, error)
	TagResource(context.Context, *awseventbridge.TagResourceInput) (*awseventbridge.TagResourceOutput, error)
	UntagResource(context.Context, *awseventbridge.UntagResourceInput) (*awseventbridge.UntagResourceOutput, error)
	DescribeRule(context.Context, *awseventbridge.DescribeRuleInput) (*awseventbridge.DescribeRuleOutput, error)
	ListTargetsByRule(context.Context, *awseventbridge.ListTargetsByRuleInput) (*awseventbridge.ListTargetsByRuleOutput, error)
}

// Schedules is the part of EventBridge Scheduler that the resource types need.
type Schedules interface {
	CreateSchedule(context.Context, *awsscheduler.CreateScheduleInput) (*awsscheduler.CreateScheduleOutput, error)
	UpdateSchedule(context.Context, *awsscheduler.UpdateScheduleInput) (*awsscheduler.UpdateScheduleOutput, error)
	DeleteSchedule(context.Context, *awsscheduler.DeleteScheduleInput) (*awsscheduler.DeleteScheduleOutput, error)
	CreateScheduleGroup(context.Context, *awsscheduler.CreateScheduleGroupInput) (*awsscheduler.CreateScheduleGroupOutput, error)
	GetScheduleGroup(context.Context, *awsscheduler.GetScheduleGroupInput) (*awsscheduler.GetScheduleGroupOutput, error)
	DeleteScheduleGroup(context.Context, *awsscheduler.DeleteScheduleGroupInput) (*awsscheduler.DeleteScheduleGroupOutput, error)
	TagResource(context.Context, *awsscheduler.TagResourceInput) (*awsscheduler.TagResourceOutput, error)
	UntagResource(context.Context, *awsscheduler.UntagResourceInput) (*awsscheduler.UntagResourceOutput, error)
}

// Deployments is the part of CodeDeploy that the resource types need.
type Deployments interface {
	CreateApplication(context.Context, *awscodedeploy.CreateApplicationInput) (*awscodedeploy.CreateApplicationOutput, error)
	DeleteApplication(context.Context, *awscodedeploy.DeleteApplicationInput) (*awscodedeploy.DeleteApplicationOutput, error)
	CreateDeploymentConfig(context.Context, *awscodedeploy.CreateDeploymentConfigInput) (*awscodedeploy.CreateDeploymentConfigOutput, error)
	DeleteDeploymentConfig(context.Context, *awscodedeploy.DeleteDeploymentConfigInput) (*awscodedeploy.DeleteDeploymentConfigOutput, error)
	CreateDeploymentGroup(context.Context, *awscodedeploy.CreateDeploymentGroupInput) (*awscodedeploy.CreateDeploymentGroupOutput, error)
	UpdateDeploymentGroup(context.Context, *awscodedeploy.UpdateDeploymentGroupInput) (*awscodedeploy.UpdateDeploymentGroupOutput, error)
	DeleteDeploymentGroup(context.Context, *awscodedeploy.DeleteDeploymentGroupInput) (*awscodedeploy.DeleteDeploymentGroupOutput, error)
	CreateDeployment(context.Context, *awscodedeploy.CreateDeploymentInput) (*awscodedeploy.CreateDeploymentOutput, error)
	StopDeployment(context.Context, *awscodedeploy.StopDeploymentInput) (*awscodedeploy.StopDeploymentOutput, error)
	TagResource(context.Context, *awscodedeploy.TagResourceInput) (*awscodedeploy.TagResourceOutput, error)
	UntagResource(context.Context, *awscodedeploy.UntagResourceInput) (*awscodedeploy.UntagResourceOutput, error)

	// Wait waits until a deployment has ended, with any outcome, and returns
	// it. If it is rolled back automatically, the result names that rollback.
	Wait(ctx context.Context, deploymentID string) (*codedeploytypes.DeploymentInfo, error)
	GetApplication(context.Context, *awscodedeploy.GetApplicationInput) (*awscodedeploy.GetApplicationOutput, error)
	GetDeploymentGroup(context.Context, *awscodedeploy.GetDeploymentGroupInput) (*awscodedeploy.GetDeploymentGroupOutput, error)
	GetDeploymentConfig(context.Context, *awscodedeploy.GetDeploymentConfigInput) (*awscodedeploy.GetDeploymentConfigOutput, error)
}

// Builds is the part of CodeBuild that the resource types need.
type Builds interface {
	CreateProject(context.Context, *awscodebuild.CreateProjectInput) (*awscodebuild.CreateProjectOutput, error)
	UpdateProject(context.Context, *awscodebuild.UpdateProjectInput) (*awscodebuild.UpdateProjectOutput, error)
	DeleteProject(context.Context, *awscodebuild.DeleteProjectInput) (*awscodebuild.DeleteProjectOutput, error)
	CreateReportGroup(context.Context, *awscodebuild.CreateReportGroupInput) (*awscodebuild.CreateReportGroupOutput, error)
	UpdateReportGroup(context.Context, *awscodebuild.UpdateReportGroupInput) (*awscodebuild.UpdateReportGroupOutput, error)
	DeleteReportGroup(context.Context, *awscodebuild.DeleteReportGroupInput) (*awscodebuild.DeleteReportGroupOutput, error)
}

// Pipelines is the part of CodePipeline that the resource types need.
type Pipelines interface {
	CreatePipeline(context.Context, *awscodepipeline.CreatePipelineInput) (*awscodepipeline.CreatePipelineOutput, error)
	UpdatePipeline(context.Context, *awscodepipeline.UpdatePipelineInput) (*awscodepipeline.UpdatePipelineOutput, error)
	DeletePipeline(context.Context, *awscodepipeline.DeletePipelineInput) (*awscodepipeline.DeletePipelineOutput, error)
	StartPipelineExecution(context.Context, *awscodepipeline.StartPipelineExecutionInput) (*awscodepipeline.StartPipelineExecutionOutput, error)
	DisableStageTransition(context.Context, *awscodepipeline.DisableStageTransitionInput) (*awscodepipeline.DisableStageTransitionOutput, error)
	EnableStageTransition(context.Context, *awscodepipeline.EnableStageTransitionInput) (*awscodepipeline.EnableStageTransitionOutput, error)
	TagResource(context.Context, *awscodepipeline.TagResourceInput) (*awscodepipeline.TagResourceOutput, error)
	UntagResource(context.Context, *awscodepipeline.UntagResourceInput) (*awscodepipeline.UntagResourceOutput, error)
}

// Connections is the part of CodeConnections that the resource types need.
type Connections interface {
	CreateConnection(context.Context, *awscodeconnections.CreateConnectionInput) (*awscodeconnections.CreateConnectionOutput, error)
	GetConnection(context.Context, *awscodeconnections.GetConnectionInput) (*awscodeconnections.GetConnectionOutput, error)
	DeleteConnection(context.Context, *awscodeconnections.DeleteConnectionInput) (*awscodeconnections.DeleteConnectionOutput, error)
	TagResource(context.Context, *awscodeconnections.TagResourceInput) (*awscodeconnections.TagResourceOutput, error)
	UntagResource(context.Context, *awscodeconnections.UntagResourceInput) (*awscodeconnections.UntagResourceOutput, error)
}

// HTTPAPIs is the part of API Gateway for HTTP APIs that the resource types need.
type HTTPAPIs interface {
	CreateApi(context.Context, *awsapigatewayv2.CreateApiInput) (*awsapigatewayv2.CreateApiOutput, error)
	UpdateApi(context.Context, *awsapigatewayv2.UpdateApiInput) (*awsapigatewayv2.UpdateApiOutput, error)
	DeleteApi(context.Context, *awsapigatewayv2.DeleteApiInput) (*awsapigatewayv2.DeleteApiOutput, error)
	DeleteCorsConfiguration(context.Context, *awsapigatewayv2.DeleteCorsConfigurationInput) (*awsapigatewayv2.DeleteCorsConfigurationOutput, error)
	TagResource(context.Context, *awsapigatewayv2.TagResourceInput) (*awsapigatewayv2.TagResourceOutput, error)
	UntagResource(context.Context, *awsapigatewayv2.UntagResourceInput) (*awsapigatewayv2.UntagResourceOutput, error)
	CreateStage(context.Context, *awsapigatewayv2.CreateStageInput) (*awsapigatewayv2.CreateStageOutput, error)
	UpdateStage(context.Context, *awsapigatewayv2.UpdateStageInput) (*awsapigatewayv2.UpdateStageOutput, error)
	DeleteStage(context.Context, *awsapigatewayv2.DeleteStageInput) (*awsapigatewayv2.DeleteStageOutput, error)
	DeleteAccessLogSettings(context.Context, *awsapigatewayv2.DeleteAccessLogSettingsInput) (*awsapigatewayv2.DeleteAccessLogSettingsOutput, error)
	CreateRoute(context.Context, *awsapigatewayv2.CreateRouteInput) (*awsapigatewayv2.CreateRouteOutput, error)
	UpdateRoute(context.Context, *awsapigatewayv2.UpdateRouteInput) (*awsapigatewayv2.UpdateRouteOutput, error)
	DeleteRoute(context.Context, *awsapigatewayv2.DeleteRouteInput) (*awsapigatewayv2.DeleteRouteOutput, error)
	CreateIntegration(context.Context, *awsapigatewayv2.CreateIntegrationInput) (*awsapigatewayv2.CreateIntegrationOutput, error)
	UpdateIntegration(context.Context, *awsapigatewayv2.UpdateIntegrationInput) (*awsapigatewayv2.UpdateIntegrationOutput, error)
	DeleteIntegration(context.Context, *awsapigatewayv2.DeleteIntegrationInput) (*awsapigatewayv2.DeleteIntegrationOutput, error)
	CreateAuthorizer(context.Context, *awsapigatewayv2.CreateAuthorizerInput) (*awsapigatewayv2.CreateAuthorizerOutput, error)
	UpdateAuthorizer(context.Context, *awsapigatewayv2.UpdateAuthorizerInput) (*awsapigatewayv2.UpdateAuthorizerOutput, error)
	DeleteAuthorizer(context.Context, *awsapigatewayv2.DeleteAuthorizerInput) (*awsapigatewayv2.DeleteAuthorizerOutput, error)
	CreateDeployment(context.Context, *awsapigatewayv2.CreateDeploymentInput) (*awsapigatewayv2.CreateDeploymentOutput, error)
	UpdateDeployment(context.Context, *awsapigatewayv2.UpdateDeploymentInput) (*awsapigatewayv2.UpdateDeploymentOutput, error)
	DeleteDeployment(context.Context, *awsapigatewayv2.DeleteDeploymentInput) (*awsapigatewayv2.DeleteDeploymentOutput, error)
	ReimportApi(context.Context, *awsapigatewayv2.ReimportApiInput) (*awsapigatewayv2.ReimportApiOutput, error)
}

// RestAPIs is the part of API Gateway for REST APIs that the resource types need.
type RestAPIs interface {
	CreateRestApi(context.Context, *awsapigateway.CreateRestApiInput) (*awsapigateway.CreateRestApiOutput, error)
	UpdateRestApi(context.Context, *awsapigateway.UpdateRestApiInput) (*awsapigateway.UpdateRestApiOutput, error)
	DeleteRestApi(context.Context, *awsapigateway.DeleteRestApiInput) (*awsapigateway.DeleteRestApiOutput, error)
	TagResource(context.Context, *awsapigateway.TagResourceInput) (*awsapigateway.TagResourceOutput, error)
	UntagResource(context.Context, *awsapigateway.UntagResourceInput) (*awsapigateway.UntagResourceOutput, error)
	CreateResource(context.Context, *awsapigateway.CreateResourceInput) (*awsapigateway.CreateResourceOutput, error)
	DeleteResource(context.Context, *awsapigateway.DeleteResourceInput) (*awsapigateway.DeleteResourceOutput, error)
	PutMethod(context.Context, *awsapigateway.PutMethodInput) (*awsapigateway.PutMethodOutput, error)
	DeleteMethod(context.Context, *awsapigateway.DeleteMethodInput) (*awsapigateway.DeleteMethodOutput, error)
	PutMethodResponse(context.Context, *awsapigateway.PutMethodResponseInput) (*awsapigateway.PutMethodResponseOutput, error)
	PutIntegration(context.Context, *awsapigateway.PutIntegrationInput) (*awsapigateway.PutIntegrationOutput, error)
	PutIntegrationResponse(context.Context, *awsapigateway.PutIntegrationResponseInput) (*awsapigateway.PutIntegrationResponseOutput, error)
	CreateDeployment(context.Context, *awsapigateway.CreateDeploymentInput) (*awsapigateway.CreateDeploymentOutput, error)
	UpdateDeployment(context.Context, *awsapigateway.UpdateDeploymentInput) (*awsapigateway.UpdateDeploymentOutput, error)
	DeleteDeployment(context.Context, *awsapigateway.DeleteDeploymentInput) (*awsapigateway.DeleteDeploymentOutput, error)
	CreateStage(context.Context, *awsapigateway.CreateStageInput) (*awsapigateway.CreateStageOutput, error)
	GetStage(context.Context, *awsapigateway.GetStageInput) (*awsapigateway.GetStageOutput, error)
	UpdateStage(context.Context, *awsapigateway.UpdateStageInput) (*awsapigateway.UpdateStageOutput, error)
	DeleteStage(context.Context, *awsapigateway.DeleteStageInput) (*awsapigateway.DeleteStageOutput, error)
	GetAccount(context.Context, *awsapigateway.GetAccountInput) (*awsapigateway.GetAccountOutput, error)
	UpdateAccount(context.Context, *awsapigateway.UpdateAccountInput) (*awsapigateway.UpdateAccountOutput, error)
	CreateAuthorizer(context.Context, *awsapigateway.CreateAuthorizerInput) (*awsapigateway.CreateAuthorizerOutput, error)
	UpdateAuthorizer(context.Context, *awsapigateway.UpdateAuthorizerInput) (*awsapigateway.UpdateAuthorizerOutput, error)
	DeleteAuthorizer(context.Context, *awsapigateway.DeleteAuthorizerInput) (*awsapigateway.DeleteAuthorizerOutput, error)
	CreateModel(context.Context, *awsapigateway.CreateModelInput) (*awsapigateway.CreateModelOutput, error)
	UpdateModel(context.Context, *awsapigateway.UpdateModelInput) (*awsapigateway.UpdateModelOutput, error)
	DeleteModel(context.Context, *awsapigateway.DeleteModelInput) (*awsapigateway.DeleteModelOutput, error)
	CreateRequestValidator(context.Context, *awsapigateway.CreateRequestValidatorInput) (*awsapigateway.CreateRequestValidatorOutput, error)
	UpdateRequestValidator(context.Context, *awsapigateway.UpdateRequestValidatorInput) (*awsapigateway.UpdateRequestValidatorOutput, error)
	DeleteRequestValidator(context.Context, *awsapigateway.DeleteRequestValidatorInput) (*awsapigateway.DeleteRequestValidatorOutput, error)
	CreateApiKey(context.Context, *awsapigateway.CreateApiKeyInput) (*awsapigateway.CreateApiKeyOutput, error)
	UpdateApiKey(context.Context, *awsapigateway.UpdateApiKeyInput) (*awsapigateway.UpdateApiKeyOutput, error)
	DeleteApiKey(context.Context, *awsapigateway.DeleteApiKeyInput) (*awsapigateway.DeleteApiKeyOutput, error)
	CreateUsagePlan(context.Context, *awsapigateway.CreateUsagePlanInput) (*awsapigateway.CreateUsagePlanOutput, error)
	UpdateUsagePlan(context.Context, *awsapigateway.UpdateUsagePlanInput) (*awsapigateway.UpdateUsagePlanOutput, error)
	DeleteUsagePlan(context.Context, *awsapigateway.DeleteUsagePlanInput) (*awsapigateway.DeleteUsagePlanOutput, error)
	CreateUsagePlanKey(context.Context, *awsapigateway.CreateUsagePlanKeyInput) (*awsapigateway.CreateUsagePlanKeyOutput, error)
	DeleteUsagePlanKey(context.Context, *awsapigateway.DeleteUsagePlanKeyInput) (*awsapigateway.DeleteUsagePlanKeyOutput, error)
	PutGatewayResponse(context.Context, *awsapigateway.PutGatewayResponseInput) (*awsapigateway.PutGatewayResponseOutput, error)
	DeleteGatewayResponse(context.Context, *awsapigateway.DeleteGatewayResponseInput) (*awsapigateway.DeleteGatewayResponseOutput, error)
	PutRestApi(context.Context, *awsapigateway.PutRestApiInput) (*awsapigateway.PutRestApiOutput, error)
}
