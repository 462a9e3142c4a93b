package types_test

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
	awsscheduler "github.com/aws/aws-sdk-go-v2/service/scheduler"
	awssecretsmanager "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/magewright/magewright/tools/localaws/cloudformation/types"
)

// The fakes record each call and give the answers that the recorder holds.

type fakeBuckets struct {
	*recorder
	types.Buckets // what reads is not called
}

func (f fakeBuckets) CreateBucket(_ context.Context, in *awss3.CreateBucketInput) (*awss3.CreateBucketOutput, error) {
	return call[awss3.CreateBucketOutput](f.recorder, "s3", in)
}

func (f fakeBuckets) DeleteBucket(_ context.Context, in *awss3.DeleteBucketInput) (*awss3.DeleteBucketOutput, error) {
	return call[awss3.DeleteBucketOutput](f.recorder, "s3", in)
}

func (f fakeBuckets) PutBucketEncryption(_ context.Context, in *awss3.PutBucketEncryptionInput) (*awss3.PutBucketEncryptionOutput, error) {
	return call[awss3.PutBucketEncryptionOutput](f.recorder, "s3", in)
}

func (f fakeBuckets) DeleteBucketEncryption(_ context.Context, in *awss3.DeleteBucketEncryptionInput) (*awss3.DeleteBucketEncryptionOutput, error) {
	return call[awss3.DeleteBucketEncryptionOutput](f.recorder, "s3", in)
}

func (f fakeBuckets) PutBucketVersioning(_ context.Context, in *awss3.PutBucketVersioningInput) (*awss3.PutBucketVersioningOutput, error) {
	return call[awss3.PutBucketVersioningOutput](f.recorder, "s3", in)
}

func (f fakeBuckets) PutPublicAccessBlock(_ context.Context, in *awss3.PutPublicAccessBlockInput) (*awss3.PutPublicAccessBlockOutput, error) {
	return call[awss3.PutPublicAccessBlockOutput](f.recorder, "s3", in)
}

func (f fakeBuckets) DeletePublicAccessBlock(_ context.Context, in *awss3.DeletePublicAccessBlockInput) (*awss3.DeletePublicAccessBlockOutput, error) {
	return call[awss3.DeletePublicAccessBlockOutput](f.recorder, "s3", in)
}

func (f fakeBuckets) PutBucketLifecycleConfiguration(_ context.Context, in *awss3.PutBucketLifecycleConfigurationInput) (*awss3.PutBucketLifecycleConfigurationOutput, error) {
	return call[awss3.PutBucketLifecycleConfigurationOutput](f.recorder, "s3", in)
}

func (f fakeBuckets) DeleteBucketLifecycle(_ context.Context, in *awss3.DeleteBucketLifecycleInput) (*awss3.DeleteBucketLifecycleOutput, error) {
	return call[awss3.DeleteBucketLifecycleOutput](f.recorder, "s3", in)
}

func (f fakeBuckets) PutObjectLockConfiguration(_ context.Context, in *awss3.PutObjectLockConfigurationInput) (*awss3.PutObjectLockConfigurationOutput, error) {
	return call[awss3.PutObjectLockConfigurationOutput](f.recorder, "s3", in)
}

func (f fakeBuckets) PutBucketOwnershipControls(_ context.Context, in *awss3.PutBucketOwnershipControlsInput) (*awss3.PutBucketOwnershipControlsOutput, error) {
	return call[awss3.PutBucketOwnershipControlsOutput](f.recorder, "s3", in)
}

func (f fakeBuckets) DeleteBucketOwnershipControls(_ context.Context, in *awss3.DeleteBucketOwnershipControlsInput) (*awss3.DeleteBucketOwnershipControlsOutput, error) {
	return call[awss3.DeleteBucketOwnershipControlsOutput](f.recorder, "s3", in)
}

func (f fakeBuckets) PutBucketNotificationConfiguration(_ context.Context, in *awss3.PutBucketNotificationConfigurationInput) (*awss3.PutBucketNotificationConfigurationOutput, error) {
	return call[awss3.PutBucketNotificationConfigurationOutput](f.recorder, "s3", in)
}

func (f fakeBuckets) PutBucketLogging(_ context.Context, in *awss3.PutBucketLoggingInput) (*awss3.PutBucketLoggingOutput, error) {
	return call[awss3.PutBucketLoggingOutput](f.recorder, "s3", in)
}

func (f fakeBuckets) PutBucketTagging(_ context.Context, in *awss3.PutBucketTaggingInput) (*awss3.PutBucketTaggingOutput, error) {
	return call[awss3.PutBucketTaggingOutput](f.recorder, "s3", in)
}

func (f fakeBuckets) DeleteBucketTagging(_ context.Context, in *awss3.DeleteBucketTaggingInput) (*awss3.DeleteBucketTaggingOutput, error) {
	return call[awss3.DeleteBucketTaggingOutput](f.recorder, "s3", in)
}

func (f fakeBuckets) PutBucketPolicy(_ context.Context, in *awss3.PutBucketPolicyInput) (*awss3.PutBucketPolicyOutput, error) {
	return call[awss3.PutBucketPolicyOutput](f.recorder, "s3", in)
}

func (f fakeBuckets) DeleteBucketPolicy(_ context.Context, in *awss3.DeleteBucketPolicyInput) (*awss3.DeleteBucketPolicyOutput, error) {
	return call[awss3.DeleteBucketPolicyOutput](f.recorder, "s3", in)
}

type fakeTables struct {
	*recorder
	types.Tables // what reads is not called
}

func (f fakeTables) CreateTable(_ context.Context, in *awsdynamodb.CreateTableInput) (*awsdynamodb.CreateTableOutput, error) {
	return call[awsdynamodb.CreateTableOutput](f.recorder, "dynamodb", in)
}

func (f fakeTables) UpdateTable(_ context.Context, in *awsdynamodb.UpdateTableInput) (*awsdynamodb.UpdateTableOutput, error) {
	return call[awsdynamodb.UpdateTableOutput](f.recorder, "dynamodb", in)
}

func (f fakeTables) DescribeTable(_ context.Context, in *awsdynamodb.DescribeTableInput) (*awsdynamodb.DescribeTableOutput, error) {
	return call[awsdynamodb.DescribeTableOutput](f.recorder, "dynamodb", in)
}

func (f fakeTables) DeleteTable(_ context.Context, in *awsdynamodb.DeleteTableInput) (*awsdynamodb.DeleteTableOutput, error) {
	return call[awsdynamodb.DeleteTableOutput](f.recorder, "dynamodb", in)
}

func (f fakeTables) UpdateTimeToLive(_ context.Context, in *awsdynamodb.UpdateTimeToLiveInput) (*awsdynamodb.UpdateTimeToLiveOutput, error) {
	return call[awsdynamodb.UpdateTimeToLiveOutput](f.recorder, "dynamodb", in)
}

func (f fakeTables) UpdateContinuousBackups(_ context.Context, in *awsdynamodb.UpdateContinuousBackupsInput) (*awsdynamodb.UpdateContinuousBackupsOutput, error) {
	return call[awsdynamodb.UpdateContinuousBackupsOutput](f.recorder, "dynamodb", in)
}

func (f fakeTables) TagResource(_ context.Context, in *awsdynamodb.TagResourceInput) (*awsdynamodb.TagResourceOutput, error) {
	return call[awsdynamodb.TagResourceOutput](f.recorder, "dynamodb", in)
}

func (f fakeTables) UntagResource(_ context.Context, in *awsdynamodb.UntagResourceInput) (*awsdynamodb.UntagResourceOutput, error) {
	return call[awsdynamodb.UntagResourceOutput](f.recorder, "dynamodb", in)
}

type fakeRepositories struct{ *recorder }

func (f fakeRepositories) CreateRepository(_ context.Context, in *awsecr.CreateRepositoryInput) (*awsecr.CreateRepositoryOutput, error) {
	return call[awsecr.CreateRepositoryOutput](f.recorder, "ecr", in)
}

func (f fakeRepositories) DeleteRepository(_ context.Context, in *awsecr.DeleteRepositoryInput) (*awsecr.DeleteRepositoryOutput, error) {
	return call[awsecr.DeleteRepositoryOutput](f.recorder, "ecr", in)
}

func (f fakeRepositories) PutImageScanningConfiguration(_ context.Context, in *awsecr.PutImageScanningConfigurationInput) (*awsecr.PutImageScanningConfigurationOutput, error) {
	return call[awsecr.PutImageScanningConfigurationOutput](f.recorder, "ecr", in)
}

func (f fakeRepositories) PutImageTagMutability(_ context.Context, in *awsecr.PutImageTagMutabilityInput) (*awsecr.PutImageTagMutabilityOutput, error) {
	return call[awsecr.PutImageTagMutabilityOutput](f.recorder, "ecr", in)
}

func (f fakeRepositories) SetRepositoryPolicy(_ context.Context, in *awsecr.SetRepositoryPolicyInput) (*awsecr.SetRepositoryPolicyOutput, error) {
	return call[awsecr.SetRepositoryPolicyOutput](f.recorder, "ecr", in)
}

func (f fakeRepositories) DeleteRepositoryPolicy(_ context.Context, in *awsecr.DeleteRepositoryPolicyInput) (*awsecr.DeleteRepositoryPolicyOutput, error) {
	return call[awsecr.DeleteRepositoryPolicyOutput](f.recorder, "ecr", in)
}

func (f fakeRepositories) PutLifecyclePolicy(_ context.Context, in *awsecr.PutLifecyclePolicyInput) (*awsecr.PutLifecyclePolicyOutput, error) {
	return call[awsecr.PutLifecyclePolicyOutput](f.recorder, "ecr", in)
}

func (f fakeRepositories) DeleteLifecyclePolicy(_ context.Context, in *awsecr.DeleteLifecyclePolicyInput) (*awsecr.DeleteLifecyclePolicyOutput, error) {
	return call[awsecr.DeleteLifecyclePolicyOutput](f.recorder, "ecr", in)
}

func (f fakeRepositories) TagResource(_ context.Context, in *awsecr.TagResourceInput) (*awsecr.TagResourceOutput, error) {
	return call[awsecr.TagResourceOutput](f.recorder, "ecr", in)
}

func (f fakeRepositories) UntagResource(_ context.Context, in *awsecr.UntagResourceInput) (*awsecr.UntagResourceOutput, error) {
	return call[awsecr.UntagResourceOutput](f.recorder, "ecr", in)
}

type fakeIdentities struct {
	*recorder
	types.Identities // what reads is not called
}

func (f fakeIdentities) CreateRole(_ context.Context, in *awsiam.CreateRoleInput) (*awsiam.CreateRoleOutput, error) {
	return call[awsiam.CreateRoleOutput](f.recorder, "iam", in)
}

func (f fakeIdentities) GetRole(_ context.Context, in *awsiam.GetRoleInput) (*awsiam.GetRoleOutput, error) {
	return call[awsiam.GetRoleOutput](f.recorder, "iam", in)
}

func (f fakeIdentities) UpdateRole(_ context.Context, in *awsiam.UpdateRoleInput) (*awsiam.UpdateRoleOutput, error) {
	return call[awsiam.UpdateRoleOutput](f.recorder, "iam", in)
}

func (f fakeIdentities) UpdateAssumeRolePolicy(_ context.Context, in *awsiam.UpdateAssumeRolePolicyInput) (*awsiam.UpdateAssumeRolePolicyOutput, error) {
	return call[awsiam.UpdateAssumeRolePolicyOutput](f.recorder, "iam", in)
}

func (f fakeIdentities) DeleteRole(_ context.Context, in *awsiam.DeleteRoleInput) (*awsiam.DeleteRoleOutput, error) {
	return call[awsiam.DeleteRoleOutput](f.recorder, "iam", in)
}

func (f fakeIdentities) PutRolePolicy(_ context.Context, in *awsiam.PutRolePolicyInput) (*awsiam.PutRolePolicyOutput, error) {
	return call[awsiam.PutRolePolicyOutput](f.recorder, "iam", in)
}

func (f fakeIdentities) DeleteRolePolicy(_ context.Context, in *awsiam.DeleteRolePolicyInput) (*awsiam.DeleteRolePolicyOutput, error) {
	return call[awsiam.DeleteRolePolicyOutput](f.recorder, "iam", in)
}

func (f fakeIdentities) AttachRolePolicy(_ context.Context, in *awsiam.AttachRolePolicyInput) (*awsiam.AttachRolePolicyOutput, error) {
	return call[awsiam.AttachRolePolicyOutput](f.recorder, "iam", in)
}

func (f fakeIdentities) DetachRolePolicy(_ context.Context, in *awsiam.DetachRolePolicyInput) (*awsiam.DetachRolePolicyOutput, error) {
	return call[awsiam.DetachRolePolicyOutput](f.recorder, "iam", in)
}

func (f fakeIdentities) PutRolePermissionsBoundary(_ context.Context, in *awsiam.PutRolePermissionsBoundaryInput) (*awsiam.PutRolePermissionsBoundaryOutput, error) {
	return call[awsiam.PutRolePermissionsBoundaryOutput](f.recorder, "iam", in)
}

func (f fakeIdentities) DeleteRolePermissionsBoundary(_ context.Context, in *awsiam.DeleteRolePermissionsBoundaryInput) (*awsiam.DeleteRolePermissionsBoundaryOutput, error) {
	return call[awsiam.DeleteRolePermissionsBoundaryOutput](f.recorder, "iam", in)
}

func (f fakeIdentities) TagRole(_ context.Context, in *awsiam.TagRoleInput) (*awsiam.TagRoleOutput, error) {
	return call[awsiam.TagRoleOutput](f.recorder, "iam", in)
}

func (f fakeIdentities) UntagRole(_ context.Context, in *awsiam.UntagRoleInput) (*awsiam.UntagRoleOutput, error) {
	return call[awsiam.UntagRoleOutput](f.recorder, "iam", in)
}

func (f fakeIdentities) CreatePolicy(_ context.Context, in *awsiam.CreatePolicyInput) (*awsiam.CreatePolicyOutput, error) {
	return call[awsiam.CreatePolicyOutput](f.recorder, "iam", in)
}

func (f fakeIdentities) GetPolicy(_ context.Context, in *awsiam.GetPolicyInput) (*awsiam.GetPolicyOutput, error) {
	return call[awsiam.GetPolicyOutput](f.recorder, "iam", in)
}

func (f fakeIdentities) DeletePolicy(_ context.Context, in *awsiam.DeletePolicyInput) (*awsiam.DeletePolicyOutput, error) {
	return call[awsiam.DeletePolicyOutput](f.recorder, "iam", in)
}

func (f fakeIdentities) CreatePolicyVersion(_ context.Context, in *awsiam.CreatePolicyVersionInput) (*awsiam.CreatePolicyVersionOutput, error) {
	return call[awsiam.CreatePolicyVersionOutput](f.recorder, "iam", in)
}

func (f fakeIdentities) DeletePolicyVersion(_ context.Context, in *awsiam.DeletePolicyVersionInput) (*awsiam.DeletePolicyVersionOutput, error) {
	return call[awsiam.DeletePolicyVersionOutput](f.recorder, "iam", in)
}

func (f fakeIdentities) ListPolicyVersions(_ context.Context, in *awsiam.ListPolicyVersionsInput) (*awsiam.ListPolicyVersionsOutput, error) {
	return call[awsiam.ListPolicyVersionsOutput](f.recorder, "iam", in)
}

type fakeKeys struct {
	*recorder
	types.Keys // what reads is not called
}

func (f fakeKeys) CreateKey(_ context.Context, in *awskms.CreateKeyInput) (*awskms.CreateKeyOutput, error) {
	return call[awskms.CreateKeyOutput](f.recorder, "kms", in)
}

func (f fakeKeys) UpdateKeyDescription(_ context.Context, in *awskms.UpdateKeyDescriptionInput) (*awskms.UpdateKeyDescriptionOutput, error) {
	return call[awskms.UpdateKeyDescriptionOutput](f.recorder, "kms", in)
}

func (f fakeKeys) PutKeyPolicy(_ context.Context, in *awskms.PutKeyPolicyInput) (*awskms.PutKeyPolicyOutput, error) {
	return call[awskms.PutKeyPolicyOutput](f.recorder, "kms", in)
}

func (f fakeKeys) EnableKey(_ context.Context, in *awskms.EnableKeyInput) (*awskms.EnableKeyOutput, error) {
	return call[awskms.EnableKeyOutput](f.recorder, "kms", in)
}

func (f fakeKeys) DisableKey(_ context.Context, in *awskms.DisableKeyInput) (*awskms.DisableKeyOutput, error) {
	return call[awskms.DisableKeyOutput](f.recorder, "kms", in)
}

func (f fakeKeys) EnableKeyRotation(_ context.Context, in *awskms.EnableKeyRotationInput) (*awskms.EnableKeyRotationOutput, error) {
	return call[awskms.EnableKeyRotationOutput](f.recorder, "kms", in)
}

func (f fakeKeys) DisableKeyRotation(_ context.Context, in *awskms.DisableKeyRotationInput) (*awskms.DisableKeyRotationOutput, error) {
	return call[awskms.DisableKeyRotationOutput](f.recorder, "kms", in)
}

func (f fakeKeys) ScheduleKeyDeletion(_ context.Context, in *awskms.ScheduleKeyDeletionInput) (*awskms.ScheduleKeyDeletionOutput, error) {
	return call[awskms.ScheduleKeyDeletionOutput](f.recorder, "kms", in)
}

func (f fakeKeys) TagResource(_ context.Context, in *awskms.TagResourceInput) (*awskms.TagResourceOutput, error) {
	return call[awskms.TagResourceOutput](f.recorder, "kms", in)
}

func (f fakeKeys) UntagResource(_ context.Context, in *awskms.UntagResourceInput) (*awskms.UntagResourceOutput, error) {
	return call[awskms.UntagResourceOutput](f.recorder, "kms", in)
}

func (f fakeKeys) CreateAlias(_ context.Context, in *awskms.CreateAliasInput) (*awskms.CreateAliasOutput, error) {
	return call[awskms.CreateAliasOutput](f.recorder, "kms", in)
}

func (f fakeKeys) UpdateAlias(_ context.Context, in *awskms.UpdateAliasInput) (*awskms.UpdateAliasOutput, error) {
	return call[awskms.UpdateAliasOutput](f.recorder, "kms", in)
}

func (f fakeKeys) DeleteAlias(_ context.Context, in *awskms.DeleteAliasInput) (*awskms.DeleteAliasOutput, error) {
	return call[awskms.DeleteAliasOutput](f.recorder, "kms", in)
}

type fakeParameters struct {
	*recorder
	types.Parameters // what reads is not called
}

func (f fakeParameters) PutParameter(_ context.Context, in *awsssm.PutParameterInput) (*awsssm.PutParameterOutput, error) {
	return call[awsssm.PutParameterOutput](f.recorder, "ssm", in)
}

func (f fakeParameters) DeleteParameter(_ context.Context, in *awsssm.DeleteParameterInput) (*awsssm.DeleteParameterOutput, error) {
	return call[awsssm.DeleteParameterOutput](f.recorder, "ssm", in)
}

func (f fakeParameters) AddTagsToResource(_ context.Context, in *awsssm.AddTagsToResourceInput) (*awsssm.AddTagsToResourceOutput, error) {
	return call[awsssm.AddTagsToResourceOutput](f.recorder, "ssm", in)
}

func (f fakeParameters) RemoveTagsFromResource(_ context.Context, in *awsssm.RemoveTagsFromResourceInput) (*awsssm.RemoveTagsFromResourceOutput, error) {
	return call[awsssm.RemoveTagsFromResourceOutput](f.recorder, "ssm", in)
}

type fakeSecrets struct{ *recorder }

func (f fakeSecrets) CreateSecret(_ context.Context, in *awssecretsmanager.CreateSecretInput) (*awssecretsmanager.CreateSecretOutput, error) {
	return call[awssecretsmanager.CreateSecretOutput](f.recorder, "secretsmanager", in)
}

func (f fakeSecrets) UpdateSecret(_ context.Context, in *awssecretsmanager.UpdateSecretInput) (*awssecretsmanager.UpdateSecretOutput, error) {
	return call[awssecretsmanager.UpdateSecretOutput](f.recorder, "secretsmanager", in)
}

func (f fakeSecrets) DeleteSecret(_ context.Context, in *awssecretsmanager.DeleteSecretInput) (*awssecretsmanager.DeleteSecretOutput, error) {
	return call[awssecretsmanager.DeleteSecretOutput](f.recorder, "secretsmanager", in)
}

func (f fakeSecrets) GetRandomPassword(_ context.Context, in *awssecretsmanager.GetRandomPasswordInput) (*awssecretsmanager.GetRandomPasswordOutput, error) {
	return call[awssecretsmanager.GetRandomPasswordOutput](f.recorder, "secretsmanager", in)
}

func (f fakeSecrets) TagResource(_ context.Context, in *awssecretsmanager.TagResourceInput) (*awssecretsmanager.TagResourceOutput, error) {
	return call[awssecretsmanager.TagResourceOutput](f.recorder, "secretsmanager", in)
}

func (f fakeSecrets) UntagResource(_ context.Context, in *awssecretsmanager.UntagResourceInput) (*awssecretsmanager.UntagResourceOutput, error) {
	return call[awssecretsmanager.UntagResourceOutput](f.recorder, "secretsmanager", in)
}

type fakeFunctions struct {
	*recorder
	types.Functions // what reads is not called
}

func (f fakeFunctions) CreateFunction(_ context.Context, in *awslambda.CreateFunctionInput) (*awslambda.CreateFunctionOutput, error) {
	return call[awslambda.CreateFunctionOutput](f.recorder, "lambda", in)
}

func (f fakeFunctions) GetFunctionConfiguration(_ context.Context, in *awslambda.GetFunctionConfigurationInput) (*awslambda.GetFunctionConfigurationOutput, error) {
	return call[awslambda.GetFunctionConfigurationOutput](f.recorder, "lambda", in)
}

func (f fakeFunctions) UpdateFunctionCode(_ context.Context, in *awslambda.UpdateFunctionCodeInput) (*awslambda.UpdateFunctionCodeOutput, error) {
	return call[awslambda.UpdateFunctionCodeOutput](f.recorder, "lambda", in)
}

func (f fakeFunctions) UpdateFunctionConfiguration(_ context.Context, in *awslambda.UpdateFunctionConfigurationInput) (*awslambda.UpdateFunctionConfigurationOutput, error) {
	return call[awslambda.UpdateFunctionConfigurationOutput](f.recorder, "lambda", in)
}

func (f fakeFunctions) DeleteFunction(_ context.Context, in *awslambda.DeleteFunctionInput) (*awslambda.DeleteFunctionOutput, error) {
	return call[awslambda.DeleteFunctionOutput](f.recorder, "lambda", in)
}

func (f fakeFunctions) PutFunctionConcurrency(_ context.Context, in *awslambda.PutFunctionConcurrencyInput) (*awslambda.PutFunctionConcurrencyOutput, error) {
	return call[awslambda.PutFunctionConcurrencyOutput](f.recorder, "lambda", in)
}

func (f fakeFunctions) DeleteFunctionConcurrency(_ context.Context, in *awslambda.DeleteFunctionConcurrencyInput) (*awslambda.DeleteFunctionConcurrencyOutput, error) {
	return call[awslambda.DeleteFunctionConcurrencyOutput](f.recorder, "lambda", in)
}

func (f fakeFunctions) PublishVersion(_ context.Context, in *awslambda.PublishVersionInput) (*awslambda.PublishVersionOutput, error) {
	return call[awslambda.PublishVersionOutput](f.recorder, "lambda", in)
}

func (f fakeFunctions) ListVersionsByFunction(_ context.Context, in *awslambda.ListVersionsByFunctionInput) (*awslambda.ListVersionsByFunctionOutput, error) {
	return call[awslambda.ListVersionsByFunctionOutput](f.recorder, "lambda", in)
}

func (f fakeFunctions) CreateAlias(_ context.Context, in *awslambda.CreateAliasInput) (*awslambda.CreateAliasOutput, error) {
	return call[awslambda.CreateAliasOutput](f.recorder, "lambda", in)
}

func (f fakeFunctions) GetAlias(_ context.Context, in *awslambda.GetAliasInput) (*awslambda.GetAliasOutput, error) {
	return call[awslambda.GetAliasOutput](f.recorder, "lambda", in)
}

func (f fakeFunctions) UpdateAlias(_ context.Context, in *awslambda.UpdateAliasInput) (*awslambda.UpdateAliasOutput, error) {
	return call[awslambda.UpdateAliasOutput](f.recorder, "lambda", in)
}

func (f fakeFunctions) DeleteAlias(_ context.Context, in *awslambda.DeleteAliasInput) (*awslambda.DeleteAliasOutput, error) {
	return call[awslambda.DeleteAliasOutput](f.recorder, "lambda", in)
}

func (f fakeFunctions) AddPermission(_ context.Context, in *awslambda.AddPermissionInput) (*awslambda.AddPermissionOutput, error) {
	return call[awslambda.AddPermissionOutput](f.recorder, "lambda", in)
}

func (f fakeFunctions) RemovePermission(_ context.Context, in *awslambda.RemovePermissionInput) (*awslambda.RemovePermissionOutput, error) {
	return call[awslambda.RemovePermissionOutput](f.recorder, "lambda", in)
}

func (f fakeFunctions) CreateFunctionUrlConfig(_ context.Context, in *awslambda.CreateFunctionUrlConfigInput) (*awslambda.CreateFunctionUrlConfigOutput, error) {
	return call[awslambda.CreateFunctionUrlConfigOutput](f.recorder, "lambda", in)
}

func (f fakeFunctions) UpdateFunctionUrlConfig(_ context.Context, in *awslambda.UpdateFunctionUrlConfigInput) (*awslambda.UpdateFunctionUrlConfigOutput, error) {
	return call[awslambda.UpdateFunctionUrlConfigOutput](f.recorder, "lambda", in)
}

func (f fakeFunctions) DeleteFunctionUrlConfig(_ context.Context, in *awslambda.DeleteFunctionUrlConfigInput) (*awslambda.DeleteFunctionUrlConfigOutput, error) {
	return call[awslambda.DeleteFunctionUrlConfigOutput](f.recorder, "lambda", in)
}

func (f fakeFunctions) PutFunctionEventInvokeConfig(_ context.Context, in *awslambda.PutFunctionEventInvokeConfigInput) (*awslambda.PutFunctionEventInvokeConfigOutput, error) {
	return call[awslambda.PutFunctionEventInvokeConfigOutput](f.recorder, "lambda", in)
}

func (f fakeFunctions) DeleteFunctionEventInvokeConfig(_ context.Context, in *awslambda.DeleteFunctionEventInvokeConfigInput) (*awslambda.DeleteFunctionEventInvokeConfigOutput, error) {
	return call[awslambda.DeleteFunctionEventInvokeConfigOutput](f.recorder, "lambda", in)
}

func (f fakeFunctions) Invoke(_ context.Context, in *awslambda.InvokeInput) (*awslambda.InvokeOutput, error) {
	return call[awslambda.InvokeOutput](f.recorder, "lambda", in)
}

func (f fakeFunctions) TagResource(_ context.Context, in *awslambda.TagResourceInput) (*awslambda.TagResourceOutput, error) {
	return call[awslambda.TagResourceOutput](f.recorder, "lambda", in)
}

func (f fakeFunctions) UntagResource(_ context.Context, in *awslambda.UntagResourceInput) (*awslambda.UntagResourceOutput, error) {
	return call[awslambda.UntagResourceOutput](f.recorder, "lambda", in)
}

type fakeLogs struct {
	*recorder
	types.Logs // what reads is not called
}

func (f fakeLogs) CreateLogGroup(_ context.Context, in *awslogs.CreateLogGroupInput) (*awslogs.CreateLogGroupOutput, error) {
	return call[awslogs.CreateLogGroupOutput](f.recorder, "logs", in)
}

func (f fakeLogs) DeleteLogGroup(_ context.Context, in *awslogs.DeleteLogGroupInput) (*awslogs.DeleteLogGroupOutput, error) {
	return call[awslogs.DeleteLogGroupOutput](f.recorder, "logs", in)
}

func (f fakeLogs) PutRetentionPolicy(_ context.Context, in *awslogs.PutRetentionPolicyInput) (*awslogs.PutRetentionPolicyOutput, error) {
	return call[awslogs.PutRetentionPolicyOutput](f.recorder, "logs", in)
}

func (f fakeLogs) DeleteRetentionPolicy(_ context.Context, in *awslogs.DeleteRetentionPolicyInput) (*awslogs.DeleteRetentionPolicyOutput, error) {
	return call[awslogs.DeleteRetentionPolicyOutput](f.recorder, "logs", in)
}

func (f fakeLogs) TagResource(_ context.Context, in *awslogs.TagResourceInput) (*awslogs.TagResourceOutput, error) {
	return call[awslogs.TagResourceOutput](f.recorder, "logs", in)
}

func (f fakeLogs) UntagResource(_ context.Context, in *awslogs.UntagResourceInput) (*awslogs.UntagResourceOutput, error) {
	return call[awslogs.UntagResourceOutput](f.recorder, "logs", in)
}

type fakeAlarms struct {
	*recorder
	types.Alarms // what reads is not called
}

func (f fakeAlarms) DescribeAlarms(_ context.Context, in *awscloudwatch.DescribeAlarmsInput) (*awscloudwatch.DescribeAlarmsOutput, error) {
	return call[awscloudwatch.DescribeAlarmsOutput](f.recorder, "cloudwatch", in)
}

func (f fakeAlarms) PutMetricAlarm(_ context.Context, in *awscloudwatch.PutMetricAlarmInput) (*awscloudwatch.PutMetricAlarmOutput, error) {
	return call[awscloudwatch.PutMetricAlarmOutput](f.recorder, "cloudwatch", in)
}

func (f fakeAlarms) PutCompositeAlarm(_ context.Context, in *awscloudwatch.PutCompositeAlarmInput) (*awscloudwatch.PutCompositeAlarmOutput, error) {
	return call[awscloudwatch.PutCompositeAlarmOutput](f.recorder, "cloudwatch", in)
}

func (f fakeAlarms) DeleteAlarms(_ context.Context, in *awscloudwatch.DeleteAlarmsInput) (*awscloudwatch.DeleteAlarmsOutput, error) {
	return call[awscloudwatch.DeleteAlarmsOutput](f.recorder, "cloudwatch", in)
}

func (f fakeAlarms) PutDashboard(_ context.Context, in *awscloudwatch.PutDashboardInput) (*awscloudwatch.PutDashboardOutput, error) {
	return call[awscloudwatch.PutDashboardOutput](f.recorder, "cloudwatch", in)
}

func (f fakeAlarms) DeleteDashboards(_ context.Context, in *awscloudwatch.DeleteDashboardsInput) (*awscloudwatch.DeleteDashboardsOutput, error) {
	return call[awscloudwatch.DeleteDashboardsOutput](f.recorder, "cloudwatch", in)
}

func (f fakeAlarms) TagResource(_ context.Context, in *awscloudwatch.TagResourceInput) (*awscloudwatch.TagResourceOutput, error) {
	return call[awscloudwatch.TagResourceOutput](f.recorder, "cloudwatch", in)
}

func (f fakeAlarms) UntagResource(_ context.Context, in *awscloudwatch.UntagResourceInput) (*awscloudwatch.UntagResourceOutput, error) {
	return call[awscloudwatch.UntagResourceOutput](f.recorder, "cloudwatch", in)
}

type fakeTopics struct {
	*recorder
	types.Topics // what reads is not called
}

func (f fakeTopics) CreateTopic(_ context.Context, in *awssns.CreateTopicInput) (*awssns.CreateTopicOutput, error) {
	return call[awssns.CreateTopicOutput](f.recorder, "sns", in)
}

func (f fakeTopics) SetTopicAttributes(_ context.Context, in *awssns.SetTopicAttributesInput) (*awssns.SetTopicAttributesOutput, error) {
	return call[awssns.SetTopicAttributesOutput](f.recorder, "sns", in)
}

func (f fakeTopics) DeleteTopic(_ context.Context, in *awssns.DeleteTopicInput) (*awssns.DeleteTopicOutput, error) {
	return call[awssns.DeleteTopicOutput](f.recorder, "sns", in)
}

func (f fakeTopics) Subscribe(_ context.Context, in *awssns.SubscribeInput) (*awssns.SubscribeOutput, error) {
	return call[awssns.SubscribeOutput](f.recorder, "sns", in)
}

func (f fakeTopics) ListSubscriptionsByTopic(_ context.Context, in *awssns.ListSubscriptionsByTopicInput) (*awssns.ListSubscriptionsByTopicOutput, error) {
	return call[awssns.ListSubscriptionsByTopicOutput](f.recorder, "sns", in)
}

func (f fakeTopics) SetSubscriptionAttributes(_ context.Context, in *awssns.SetSubscriptionAttributesInput) (*awssns.SetSubscriptionAttributesOutput, error) {
	return call[awssns.SetSubscriptionAttributesOutput](f.recorder, "sns", in)
}

func (f fakeTopics) Unsubscribe(_ context.Context, in *awssns.UnsubscribeInput) (*awssns.UnsubscribeOutput, error) {
	return call[awssns.UnsubscribeOutput](f.recorder, "sns", in)
}

func (f fakeTopics) TagResource(_ context.Context, in *awssns.TagResourceInput) (*awssns.TagResourceOutput, error) {
	return call[awssns.TagResourceOutput](f.recorder, "sns", in)
}

func (f fakeTopics) UntagResource(_ context.Context, in *awssns.UntagResourceInput) (*awssns.UntagResourceOutput, error) {
	return call[awssns.UntagResourceOutput](f.recorder, "sns", in)
}

type fakeEvents struct {
	*recorder
	types.Events // what reads is not called
}

func (f fakeEvents) PutRule(_ context.Context, in *awseventbridge.PutRuleInput) (*awseventbridge.PutRuleOutput, error) {
	return call[awseventbridge.PutRuleOutput](f.recorder, "eventbridge", in)
}

func (f fakeEvents) DeleteRule(_ context.Context, in *awseventbridge.DeleteRuleInput) (*awseventbridge.DeleteRuleOutput, error) {
	return call[awseventbridge.DeleteRuleOutput](f.recorder, "eventbridge", in)
}

func (f fakeEvents) PutTargets(_ context.Context, in *awseventbridge.PutTargetsInput) (*awseventbridge.PutTargetsOutput, error) {
	return call[awseventbridge.PutTargetsOutput](f.recorder, "eventbridge", in)
}

func (f fakeEvents) RemoveTargets(_ context.Context, in *awseventbridge.RemoveTargetsInput) (*awseventbridge.RemoveTargetsOutput, error) {
	return call[awseventbridge.RemoveTargetsOutput](f.recorder, "eventbridge", in)
}

func (f fakeEvents) TagResource(_ context.Context, in *awseventbridge.TagResourceInput) (*awseventbridge.TagResourceOutput, error) {
	return call[awseventbridge.TagResourceOutput](f.recorder, "eventbridge", in)
}

func (f fakeEvents) UntagResource(_ context.Context, in *awseventbridge.UntagResourceInput) (*awseventbridge.UntagResourceOutput, error) {
	return call[awseventbridge.UntagResourceOutput](f.recorder, "eventbridge", in)
}

func (f fakeEvents) CreateEventBus(_ context.Context, in *awseventbridge.CreateEventBusInput) (*awseventbridge.CreateEventBusOutput, error) {
	return call[awseventbridge.CreateEventBusOutput](f.recorder, "eventbridge", in)
}

func (f fakeEvents) UpdateEventBus(_ context.Context, in *awseventbridge.UpdateEventBusInput) (*awseventbridge.UpdateEventBusOutput, error) {
	return call[awseventbridge.UpdateEventBusOutput](f.recorder, "eventbridge", in)
}

func (f fakeEvents) DeleteEventBus(_ context.Context, in *awseventbridge.DeleteEventBusInput) (*awseventbridge.DeleteEventBusOutput, error) {
	return call[awseventbridge.DeleteEventBusOutput](f.recorder, "eventbridge", in)
}

func (f fakeEvents) DescribeEventBus(_ context.Context, in *awseventbridge.DescribeEventBusInput) (*awseventbridge.DescribeEventBusOutput, error) {
	return call[awseventbridge.DescribeEventBusOutput](f.recorder, "eventbridge", in)
}

func (f fakeEvents) PutPermission(_ context.Context, in *awseventbridge.PutPermissionInput) (*awseventbridge.PutPermissionOutput, error) {
	return call[awseventbridge.PutPermissionOutput](f.recorder, "eventbridge", in)
}

func (f fakeEvents) RemovePermission(_ context.Context, in *awseventbridge.RemovePermissionInput) (*awseventbridge.RemovePermissionOutput, error) {
	return call[awseventbridge.RemovePermissionOutput](f.recorder, "eventbridge", in)
}

type fakeSchedules struct{ *recorder }

func (f fakeSchedules) CreateSchedule(_ context.Context, in *awsscheduler.CreateScheduleInput) (*awsscheduler.CreateScheduleOutput, error) {
	return call[awsscheduler.CreateScheduleOutput](f.recorder, "scheduler", in)
}

func (f fakeSchedules) UpdateSchedule(_ context.Context, in *awsscheduler.UpdateScheduleInput) (*awsscheduler.UpdateScheduleOutput, error) {
	return call[awsscheduler.UpdateScheduleOutput](f.recorder, "scheduler", in)
}

func (f fakeSchedules) DeleteSchedule(_ context.Context, in *awsscheduler.DeleteScheduleInput) (*awsscheduler.DeleteScheduleOutput, error) {
	return call[awsscheduler.DeleteScheduleOutput](f.recorder, "scheduler", in)
}

func (f fakeSchedules) CreateScheduleGroup(_ context.Context, in *awsscheduler.CreateScheduleGroupInput) (*awsscheduler.CreateScheduleGroupOutput, error) {
	return call[awsscheduler.CreateScheduleGroupOutput](f.recorder, "scheduler", in)
}

func (f fakeSchedules) GetScheduleGroup(_ context.Context, in *awsscheduler.GetScheduleGroupInput) (*awsscheduler.GetScheduleGroupOutput, error) {
	return call[awsscheduler.GetScheduleGroupOutput](f.recorder, "scheduler", in)
}

func (f fakeSchedules) DeleteScheduleGroup(_ context.Context, in *awsscheduler.DeleteScheduleGroupInput) (*awsscheduler.DeleteScheduleGroupOutput, error) {
	return call[awsscheduler.DeleteScheduleGroupOutput](f.recorder, "scheduler", in)
}

func (f fakeSchedules) TagResource(_ context.Context, in *awsscheduler.TagResourceInput) (*awsscheduler.TagResourceOutput, error) {
	return call[awsscheduler.TagResourceOutput](f.recorder, "scheduler", in)
}

func (f fakeSchedules) UntagResource(_ context.Context, in *awsscheduler.UntagResourceInput) (*awsscheduler.UntagResourceOutput, error) {
	return call[awsscheduler.UntagResourceOutput](f.recorder, "scheduler", in)
}

type fakeDeployments struct {
	*recorder
	types.Deployments // what reads is not called
}

func (f fakeDeployments) CreateApplication(_ context.Context, in *awscodedeploy.CreateApplicationInput) (*awscodedeploy.CreateApplicationOutput, error) {
	return call[awscodedeploy.CreateApplicationOutput](f.recorder, "codedeploy", in)
}

func (f fakeDeployments) DeleteApplication(_ context.Context, in *awscodedeploy.DeleteApplicationInput) (*awscodedeploy.DeleteApplicationOutput, error) {
	return call[awscodedeploy.DeleteApplicationOutput](f.recorder, "codedeploy", in)
}

func (f fakeDeployments) CreateDeploymentConfig(_ context.Context, in *awscodedeploy.CreateDeploymentConfigInput) (*awscodedeploy.CreateDeploymentConfigOutput, error) {
	return call[awscodedeploy.CreateDeploymentConfigOutput](f.recorder, "codedeploy", in)
}

func (f fakeDeployments) DeleteDeploymentConfig(_ context.Context, in *awscodedeploy.DeleteDeploymentConfigInput) (*awscodedeploy.DeleteDeploymentConfigOutput, error) {
	return call[awscodedeploy.DeleteDeploymentConfigOutput](f.recorder, "codedeploy", in)
}

func (f fakeDeployments) CreateDeploymentGroup(_ context.Context, in *awscodedeploy.CreateDeploymentGroupInput) (*awscodedeploy.CreateDeploymentGroupOutput, error) {
	return call[awscodedeploy.CreateDeploymentGroupOutput](f.recorder, "codedeploy", in)
}

func (f fakeDeployments) UpdateDeploymentGroup(_ context.Context, in *awscodedeploy.UpdateDeploymentGroupInput) (*awscodedeploy.UpdateDeploymentGroupOutput, error) {
	return call[awscodedeploy.UpdateDeploymentGroupOutput](f.recorder, "codedeploy", in)
}

func (f fakeDeployments) DeleteDeploymentGroup(_ context.Context, in *awscodedeploy.DeleteDeploymentGroupInput) (*awscodedeploy.DeleteDeploymentGroupOutput, error) {
	return call[awscodedeploy.DeleteDeploymentGroupOutput](f.recorder, "codedeploy", in)
}

func (f fakeDeployments) CreateDeployment(_ context.Context, in *awscodedeploy.CreateDeploymentInput) (*awscodedeploy.CreateDeploymentOutput, error) {
	return call[awscodedeploy.CreateDeploymentOutput](f.recorder, "codedeploy", in)
}

func (f fakeDeployments) TagResource(_ context.Context, in *awscodedeploy.TagResourceInput) (*awscodedeploy.TagResourceOutput, error) {
	return call[awscodedeploy.TagResourceOutput](f.recorder, "codedeploy", in)
}

func (f fakeDeployments) UntagResource(_ context.Context, in *awscodedeploy.UntagResourceInput) (*awscodedeploy.UntagResourceOutput, error) {
	return call[awscodedeploy.UntagResourceOutput](f.recorder, "codedeploy", in)
}

func (f fakeDeployments) StopDeployment(_ context.Context, in *awscodedeploy.StopDeploymentInput) (*awscodedeploy.StopDeploymentOutput, error) {
	return call[awscodedeploy.StopDeploymentOutput](f.recorder, "codedeploy", in)
}

func (f fakeDeployments) Wait(_ context.Context, id string) (*codedeploytypes.DeploymentInfo, error) {
	return call[codedeploytypes.DeploymentInfo](f.recorder, "codedeploy", &waitInput{DeploymentID: id})
}

type fakeBuilds struct{ *recorder }

func (f fakeBuilds) CreateProject(_ context.Context, in *awscodebuild.CreateProjectInput) (*awscodebuild.CreateProjectOutput, error) {
	return call[awscodebuild.CreateProjectOutput](f.recorder, "codebuild", in)
}

func (f fakeBuilds) UpdateProject(_ context.Context, in *awscodebuild.UpdateProjectInput) (*awscodebuild.UpdateProjectOutput, error) {
	return call[awscodebuild.UpdateProjectOutput](f.recorder, "codebuild", in)
}

func (f fakeBuilds) DeleteProject(_ context.Context, in *awscodebuild.DeleteProjectInput) (*awscodebuild.DeleteProjectOutput, error) {
	return call[awscodebuild.DeleteProjectOutput](f.recorder, "codebuild", in)
}

func (f fakeBuilds) CreateReportGroup(_ context.Context, in *awscodebuild.CreateReportGroupInput) (*awscodebuild.CreateReportGroupOutput, error) {
	return call[awscodebuild.CreateReportGroupOutput](f.recorder, "codebuild", in)
}

func (f fakeBuilds) UpdateReportGroup(_ context.Context, in *awscodebuild.UpdateReportGroupInput) (*awscodebuild.UpdateReportGroupOutput, error) {
	return call[awscodebuild.UpdateReportGroupOutput](f.recorder, "codebuild", in)
}

func (f fakeBuilds) DeleteReportGroup(_ context.Context, in *awscodebuild.DeleteReportGroupInput) (*awscodebuild.DeleteReportGroupOutput, error) {
	return call[awscodebuild.DeleteReportGroupOutput](f.recorder, "codebuild", in)
}

type fakePipelines struct{ *recorder }

func (f fakePipelines) CreatePipeline(_ context.Context, in *awscodepipeline.CreatePipelineInput) (*awscodepipeline.CreatePipelineOutput, error) {
	return call[awscodepipeline.CreatePipelineOutput](f.recorder, "codepipeline", in)
}

func (f fakePipelines) UpdatePipeline(_ context.Context, in *awscodepipeline.UpdatePipelineInput) (*awscodepipeline.UpdatePipelineOutput, error) {
	return call[awscodepipeline.UpdatePipelineOutput](f.recorder, "codepipeline", in)
}

func (f fakePipelines) DeletePipeline(_ context.Context, in *awscodepipeline.DeletePipelineInput) (*awscodepipeline.DeletePipelineOutput, error) {
	return call[awscodepipeline.DeletePipelineOutput](f.recorder, "codepipeline", in)
}

func (f fakePipelines) StartPipelineExecution(_ context.Context, in *awscodepipeline.StartPipelineExecutionInput) (*awscodepipeline.StartPipelineExecutionOutput, error) {
	return call[awscodepipeline.StartPipelineExecutionOutput](f.recorder, "codepipeline", in)
}

func (f fakePipelines) DisableStageTransition(_ context.Context, in *awscodepipeline.DisableStageTransitionInput) (*awscodepipeline.DisableStageTransitionOutput, error) {
	return call[awscodepipeline.DisableStageTransitionOutput](f.recorder, "codepipeline", in)
}

func (f fakePipelines) EnableStageTransition(_ context.Context, in *awscodepipeline.EnableStageTransitionInput) (*awscodepipeline.EnableStageTransitionOutput, error) {
	return call[awscodepipeline.EnableStageTransitionOutput](f.recorder, "codepipeline", in)
}

func (f fakePipelines) TagResource(_ context.Context, in *awscodepipeline.TagResourceInput) (*awscodepipeline.TagResourceOutput, error) {
	return call[awscodepipeline.TagResourceOutput](f.recorder, "codepipeline", in)
}

func (f fakePipelines) UntagResource(_ context.Context, in *awscodepipeline.UntagResourceInput) (*awscodepipeline.UntagResourceOutput, error) {
	return call[awscodepipeline.UntagResourceOutput](f.recorder, "codepipeline", in)
}

type fakeConnections struct{ *recorder }

func (f fakeConnections) CreateConnection(_ context.Context, in *awscodeconnections.CreateConnectionInput) (*awscodeconnections.CreateConnectionOutput, error) {
	return call[awscodeconnections.CreateConnectionOutput](f.recorder, "codeconnections", in)
}

func (f fakeConnections) GetConnection(_ context.Context, in *awscodeconnections.GetConnectionInput) (*awscodeconnections.GetConnectionOutput, error) {
	return call[awscodeconnections.GetConnectionOutput](f.recorder, "codeconnections", in)
}

func (f fakeConnections) DeleteConnection(_ context.Context, in *awscodeconnections.DeleteConnectionInput) (*awscodeconnections.DeleteConnectionOutput, error) {
	return call[awscodeconnections.DeleteConnectionOutput](f.recorder, "codeconnections", in)
}

func (f fakeConnections) TagResource(_ context.Context, in *awscodeconnections.TagResourceInput) (*awscodeconnections.TagResourceOutput, error) {
	return call[awscodeconnections.TagResourceOutput](f.recorder, "codeconnections", in)
}

func (f fakeConnections) UntagResource(_ context.Context, in *awscodeconnections.UntagResourceInput) (*awscodeconnections.UntagResourceOutput, error) {
	return call[awscodeconnections.UntagResourceOutput](f.recorder, "codeconnections", in)
}

func (f fakeFunctions) CreateEventSourceMapping(_ context.Context, in *awslambda.CreateEventSourceMappingInput) (*awslambda.CreateEventSourceMappingOutput, error) {
	return call[awslambda.CreateEventSourceMappingOutput](f.recorder, "lambda", in)
}

func (f fakeFunctions) UpdateEventSourceMapping(_ context.Context, in *awslambda.UpdateEventSourceMappingInput) (*awslambda.UpdateEventSourceMappingOutput, error) {
	return call[awslambda.UpdateEventSourceMappingOutput](f.recorder, "lambda", in)
}

func (f fakeFunctions) DeleteEventSourceMapping(_ context.Context, in *awslambda.DeleteEventSourceMappingInput) (*awslambda.DeleteEventSourceMappingOutput, error) {
	return call[awslambda.DeleteEventSourceMappingOutput](f.recorder, "lambda", in)
}

type fakeQueues struct {
	*recorder
	types.Queues // what reads is not called
}

func (f fakeQueues) CreateQueue(_ context.Context, in *awssqs.CreateQueueInput) (*awssqs.CreateQueueOutput, error) {
	return call[awssqs.CreateQueueOutput](f.recorder, "sqs", in)
}

func (f fakeQueues) SetQueueAttributes(_ context.Context, in *awssqs.SetQueueAttributesInput) (*awssqs.SetQueueAttributesOutput, error) {
	return call[awssqs.SetQueueAttributesOutput](f.recorder, "sqs", in)
}

func (f fakeQueues) DeleteQueue(_ context.Context, in *awssqs.DeleteQueueInput) (*awssqs.DeleteQueueOutput, error) {
	return call[awssqs.DeleteQueueOutput](f.recorder, "sqs", in)
}

func (f fakeQueues) TagQueue(_ context.Context, in *awssqs.TagQueueInput) (*awssqs.TagQueueOutput, error) {
	return call[awssqs.TagQueueOutput](f.recorder, "sqs", in)
}

func (f fakeQueues) UntagQueue(_ context.Context, in *awssqs.UntagQueueInput) (*awssqs.UntagQueueOutput, error) {
	return call[awssqs.UntagQueueOutput](f.recorder, "sqs", in)
}

func (rec *recorder) deps() types.Deps {
	return types.Deps{
		Account:      rec.account,
		Buckets:      fakeBuckets{recorder: rec},
		Repositories: fakeRepositories{rec},
		Identities:   fakeIdentities{recorder: rec},
		Keys:         fakeKeys{recorder: rec},
		Parameters:   fakeParameters{recorder: rec},
		Secrets:      fakeSecrets{rec},
		Tables:       fakeTables{recorder: rec},
		Functions:    fakeFunctions{recorder: rec},
		Logs:         fakeLogs{recorder: rec},
		Alarms:       fakeAlarms{recorder: rec},
		Topics:       fakeTopics{recorder: rec},
		Queues:       fakeQueues{recorder: rec},
		Events:       fakeEvents{recorder: rec},
		Schedules:    fakeSchedules{rec},
		Deployments:  fakeDeployments{recorder: rec},
		Builds:       fakeBuilds{rec},
		Pipelines:    fakePipelines{rec},
		Connections:  fakeConnections{rec},
		HTTPAPIs:     fakeHTTPAPIs{rec},
		RestAPIs:     fakeRestAPIs{rec},
	}
}

type fakeHTTPAPIs struct{ *recorder }

func (f fakeHTTPAPIs) CreateApi(_ context.Context, in *awsapigatewayv2.CreateApiInput) (*awsapigatewayv2.CreateApiOutput, error) {
	return call[awsapigatewayv2.CreateApiOutput](f.recorder, "apigatewayv2", in)
}

func (f fakeHTTPAPIs) UpdateApi(_ context.Context, in *awsapigatewayv2.UpdateApiInput) (*awsapigatewayv2.UpdateApiOutput, error) {
	return call[awsapigatewayv2.UpdateApiOutput](f.recorder, "apigatewayv2", in)
}

func (f fakeHTTPAPIs) DeleteApi(_ context.Context, in *awsapigatewayv2.DeleteApiInput) (*awsapigatewayv2.DeleteApiOutput, error) {
	return call[awsapigatewayv2.DeleteApiOutput](f.recorder, "apigatewayv2", in)
}

func (f fakeHTTPAPIs) DeleteCorsConfiguration(_ context.Context, in *awsapigatewayv2.DeleteCorsConfigurationInput) (*awsapigatewayv2.DeleteCorsConfigurationOutput, error) {
	return call[awsapigatewayv2.DeleteCorsConfigurationOutput](f.recorder, "apigatewayv2", in)
}

func (f fakeHTTPAPIs) TagResource(_ context.Context, in *awsapigatewayv2.TagResourceInput) (*awsapigatewayv2.TagResourceOutput, error) {
	return call[awsapigatewayv2.TagResourceOutput](f.recorder, "apigatewayv2", in)
}

func (f fakeHTTPAPIs) UntagResource(_ context.Context, in *awsapigatewayv2.UntagResourceInput) (*awsapigatewayv2.UntagResourceOutput, error) {
	return call[awsapigatewayv2.UntagResourceOutput](f.recorder, "apigatewayv2", in)
}

func (f fakeHTTPAPIs) CreateStage(_ context.Context, in *awsapigatewayv2.CreateStageInput) (*awsapigatewayv2.CreateStageOutput, error) {
	return call[awsapigatewayv2.CreateStageOutput](f.recorder, "apigatewayv2", in)
}

func (f fakeHTTPAPIs) UpdateStage(_ context.Context, in *awsapigatewayv2.UpdateStageInput) (*awsapigatewayv2.UpdateStageOutput, error) {
	return call[awsapigatewayv2.UpdateStageOutput](f.recorder, "apigatewayv2", in)
}

func (f fakeHTTPAPIs) DeleteStage(_ context.Context, in *awsapigatewayv2.DeleteStageInput) (*awsapigatewayv2.DeleteStageOutput, error) {
	return call[awsapigatewayv2.DeleteStageOutput](f.recorder, "apigatewayv2", in)
}

func (f fakeHTTPAPIs) DeleteAccessLogSettings(_ context.Context, in *awsapigatewayv2.DeleteAccessLogSettingsInput) (*awsapigatewayv2.DeleteAccessLogSettingsOutput, error) {
	return call[awsapigatewayv2.DeleteAccessLogSettingsOutput](f.recorder, "apigatewayv2", in)
}

func (f fakeHTTPAPIs) CreateRoute(_ context.Context, in *awsapigatewayv2.CreateRouteInput) (*awsapigatewayv2.CreateRouteOutput, error) {
	return call[awsapigatewayv2.CreateRouteOutput](f.recorder, "apigatewayv2", in)
}

func (f fakeHTTPAPIs) UpdateRoute(_ context.Context, in *awsapigatewayv2.UpdateRouteInput) (*awsapigatewayv2.UpdateRouteOutput, error) {
	return call[awsapigatewayv2.UpdateRouteOutput](f.recorder, "apigatewayv2", in)
}

func (f fakeHTTPAPIs) DeleteRoute(_ context.Context, in *awsapigatewayv2.DeleteRouteInput) (*awsapigatewayv2.DeleteRouteOutput, error) {
	return call[awsapigatewayv2.DeleteRouteOutput](f.recorder, "apigatewayv2", in)
}

func (f fakeHTTPAPIs) CreateIntegration(_ context.Context, in *awsapigatewayv2.CreateIntegrationInput) (*awsapigatewayv2.CreateIntegrationOutput, error) {
	return call[awsapigatewayv2.CreateIntegrationOutput](f.recorder, "apigatewayv2", in)
}

func (f fakeHTTPAPIs) UpdateIntegration(_ context.Context, in *awsapigatewayv2.UpdateIntegrationInput) (*awsapigatewayv2.UpdateIntegrationOutput, error) {
	return call[awsapigatewayv2.UpdateIntegrationOutput](f.recorder, "apigatewayv2", in)
}

func (f fakeHTTPAPIs) DeleteIntegration(_ context.Context, in *awsapigatewayv2.DeleteIntegrationInput) (*awsapigatewayv2.DeleteIntegrationOutput, error) {
	return call[awsapigatewayv2.DeleteIntegrationOutput](f.recorder, "apigatewayv2", in)
}

func (f fakeHTTPAPIs) CreateAuthorizer(_ context.Context, in *awsapigatewayv2.CreateAuthorizerInput) (*awsapigatewayv2.CreateAuthorizerOutput, error) {
	return call[awsapigatewayv2.CreateAuthorizerOutput](f.recorder, "apigatewayv2", in)
}

func (f fakeHTTPAPIs) UpdateAuthorizer(_ context.Context, in *awsapigatewayv2.UpdateAuthorizerInput) (*awsapigatewayv2.UpdateAuthorizerOutput, error) {
	return call[awsapigatewayv2.UpdateAuthorizerOutput](f.recorder, "apigatewayv2", in)
}

func (f fakeHTTPAPIs) DeleteAuthorizer(_ context.Context, in *awsapigatewayv2.DeleteAuthorizerInput) (*awsapigatewayv2.DeleteAuthorizerOutput, error) {
	return call[awsapigatewayv2.DeleteAuthorizerOutput](f.recorder, "apigatewayv2", in)
}

func (f fakeHTTPAPIs) CreateDeployment(_ context.Context, in *awsapigatewayv2.CreateDeploymentInput) (*awsapigatewayv2.CreateDeploymentOutput, error) {
	return call[awsapigatewayv2.CreateDeploymentOutput](f.recorder, "apigatewayv2", in)
}

func (f fakeHTTPAPIs) UpdateDeployment(_ context.Context, in *awsapigatewayv2.UpdateDeploymentInput) (*awsapigatewayv2.UpdateDeploymentOutput, error) {
	return call[awsapigatewayv2.UpdateDeploymentOutput](f.recorder, "apigatewayv2", in)
}

func (f fakeHTTPAPIs) DeleteDeployment(_ context.Context, in *awsapigatewayv2.DeleteDeploymentInput) (*awsapigatewayv2.DeleteDeploymentOutput, error) {
	return call[awsapigatewayv2.DeleteDeploymentOutput](f.recorder, "apigatewayv2", in)
}

type fakeRestAPIs struct{ *recorder }

func (f fakeRestAPIs) CreateRestApi(_ context.Context, in *awsapigateway.CreateRestApiInput) (*awsapigateway.CreateRestApiOutput, error) {
	return call[awsapigateway.CreateRestApiOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) UpdateRestApi(_ context.Context, in *awsapigateway.UpdateRestApiInput) (*awsapigateway.UpdateRestApiOutput, error) {
	return call[awsapigateway.UpdateRestApiOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) DeleteRestApi(_ context.Context, in *awsapigateway.DeleteRestApiInput) (*awsapigateway.DeleteRestApiOutput, error) {
	return call[awsapigateway.DeleteRestApiOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) TagResource(_ context.Context, in *awsapigateway.TagResourceInput) (*awsapigateway.TagResourceOutput, error) {
	return call[awsapigateway.TagResourceOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) UntagResource(_ context.Context, in *awsapigateway.UntagResourceInput) (*awsapigateway.UntagResourceOutput, error) {
	return call[awsapigateway.UntagResourceOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) CreateResource(_ context.Context, in *awsapigateway.CreateResourceInput) (*awsapigateway.CreateResourceOutput, error) {
	return call[awsapigateway.CreateResourceOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) DeleteResource(_ context.Context, in *awsapigateway.DeleteResourceInput) (*awsapigateway.DeleteResourceOutput, error) {
	return call[awsapigateway.DeleteResourceOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) PutMethod(_ context.Context, in *awsapigateway.PutMethodInput) (*awsapigateway.PutMethodOutput, error) {
	return call[awsapigateway.PutMethodOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) DeleteMethod(_ context.Context, in *awsapigateway.DeleteMethodInput) (*awsapigateway.DeleteMethodOutput, error) {
	return call[awsapigateway.DeleteMethodOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) PutMethodResponse(_ context.Context, in *awsapigateway.PutMethodResponseInput) (*awsapigateway.PutMethodResponseOutput, error) {
	return call[awsapigateway.PutMethodResponseOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) PutIntegration(_ context.Context, in *awsapigateway.PutIntegrationInput) (*awsapigateway.PutIntegrationOutput, error) {
	return call[awsapigateway.PutIntegrationOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) PutIntegrationResponse(_ context.Context, in *awsapigateway.PutIntegrationResponseInput) (*awsapigateway.PutIntegrationResponseOutput, error) {
	return call[awsapigateway.PutIntegrationResponseOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) CreateDeployment(_ context.Context, in *awsapigateway.CreateDeploymentInput) (*awsapigateway.CreateDeploymentOutput, error) {
	return call[awsapigateway.CreateDeploymentOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) UpdateDeployment(_ context.Context, in *awsapigateway.UpdateDeploymentInput) (*awsapigateway.UpdateDeploymentOutput, error) {
	return call[awsapigateway.UpdateDeploymentOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) DeleteDeployment(_ context.Context, in *awsapigateway.DeleteDeploymentInput) (*awsapigateway.DeleteDeploymentOutput, error) {
	return call[awsapigateway.DeleteDeploymentOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) CreateStage(_ context.Context, in *awsapigateway.CreateStageInput) (*awsapigateway.CreateStageOutput, error) {
	return call[awsapigateway.CreateStageOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) GetStage(_ context.Context, in *awsapigateway.GetStageInput) (*awsapigateway.GetStageOutput, error) {
	return call[awsapigateway.GetStageOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) UpdateStage(_ context.Context, in *awsapigateway.UpdateStageInput) (*awsapigateway.UpdateStageOutput, error) {
	return call[awsapigateway.UpdateStageOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) DeleteStage(_ context.Context, in *awsapigateway.DeleteStageInput) (*awsapigateway.DeleteStageOutput, error) {
	return call[awsapigateway.DeleteStageOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) GetAccount(context.Context, *awsapigateway.GetAccountInput) (*awsapigateway.GetAccountOutput, error) {
	return &awsapigateway.GetAccountOutput{}, nil
}

func (f fakeRestAPIs) UpdateAccount(_ context.Context, in *awsapigateway.UpdateAccountInput) (*awsapigateway.UpdateAccountOutput, error) {
	return call[awsapigateway.UpdateAccountOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) CreateAuthorizer(_ context.Context, in *awsapigateway.CreateAuthorizerInput) (*awsapigateway.CreateAuthorizerOutput, error) {
	return call[awsapigateway.CreateAuthorizerOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) UpdateAuthorizer(_ context.Context, in *awsapigateway.UpdateAuthorizerInput) (*awsapigateway.UpdateAuthorizerOutput, error) {
	return call[awsapigateway.UpdateAuthorizerOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) DeleteAuthorizer(_ context.Context, in *awsapigateway.DeleteAuthorizerInput) (*awsapigateway.DeleteAuthorizerOutput, error) {
	return call[awsapigateway.DeleteAuthorizerOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) CreateModel(_ context.Context, in *awsapigateway.CreateModelInput) (*awsapigateway.CreateModelOutput, error) {
	return call[awsapigateway.CreateModelOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) UpdateModel(_ context.Context, in *awsapigateway.UpdateModelInput) (*awsapigateway.UpdateModelOutput, error) {
	return call[awsapigateway.UpdateModelOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) DeleteModel(_ context.Context, in *awsapigateway.DeleteModelInput) (*awsapigateway.DeleteModelOutput, error) {
	return call[awsapigateway.DeleteModelOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) CreateRequestValidator(_ context.Context, in *awsapigateway.CreateRequestValidatorInput) (*awsapigateway.CreateRequestValidatorOutput, error) {
	return call[awsapigateway.CreateRequestValidatorOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) UpdateRequestValidator(_ context.Context, in *awsapigateway.UpdateRequestValidatorInput) (*awsapigateway.UpdateRequestValidatorOutput, error) {
	return call[awsapigateway.UpdateRequestValidatorOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) DeleteRequestValidator(_ context.Context, in *awsapigateway.DeleteRequestValidatorInput) (*awsapigateway.DeleteRequestValidatorOutput, error) {
	return call[awsapigateway.DeleteRequestValidatorOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) CreateApiKey(_ context.Context, in *awsapigateway.CreateApiKeyInput) (*awsapigateway.CreateApiKeyOutput, error) {
	return call[awsapigateway.CreateApiKeyOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) UpdateApiKey(_ context.Context, in *awsapigateway.UpdateApiKeyInput) (*awsapigateway.UpdateApiKeyOutput, error) {
	return call[awsapigateway.UpdateApiKeyOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) DeleteApiKey(_ context.Context, in *awsapigateway.DeleteApiKeyInput) (*awsapigateway.DeleteApiKeyOutput, error) {
	return call[awsapigateway.DeleteApiKeyOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) CreateUsagePlan(_ context.Context, in *awsapigateway.CreateUsagePlanInput) (*awsapigateway.CreateUsagePlanOutput, error) {
	return call[awsapigateway.CreateUsagePlanOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) UpdateUsagePlan(_ context.Context, in *awsapigateway.UpdateUsagePlanInput) (*awsapigateway.UpdateUsagePlanOutput, error) {
	return call[awsapigateway.UpdateUsagePlanOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) DeleteUsagePlan(_ context.Context, in *awsapigateway.DeleteUsagePlanInput) (*awsapigateway.DeleteUsagePlanOutput, error) {
	return call[awsapigateway.DeleteUsagePlanOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) CreateUsagePlanKey(_ context.Context, in *awsapigateway.CreateUsagePlanKeyInput) (*awsapigateway.CreateUsagePlanKeyOutput, error) {
	return call[awsapigateway.CreateUsagePlanKeyOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) DeleteUsagePlanKey(_ context.Context, in *awsapigateway.DeleteUsagePlanKeyInput) (*awsapigateway.DeleteUsagePlanKeyOutput, error) {
	return call[awsapigateway.DeleteUsagePlanKeyOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) PutGatewayResponse(_ context.Context, in *awsapigateway.PutGatewayResponseInput) (*awsapigateway.PutGatewayResponseOutput, error) {
	return call[awsapigateway.PutGatewayResponseOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) DeleteGatewayResponse(_ context.Context, in *awsapigateway.DeleteGatewayResponseInput) (*awsapigateway.DeleteGatewayResponseOutput, error) {
	return call[awsapigateway.DeleteGatewayResponseOutput](f.recorder, "apigateway", in)
}

func (f fakeRestAPIs) PutRestApi(_ context.Context, in *awsapigateway.PutRestApiInput) (*awsapigateway.PutRestApiOutput, error) {
	return call[awsapigateway.PutRestApiOutput](f.recorder, "apigateway", in)
}

func (f fakeHTTPAPIs) ReimportApi(_ context.Context, in *awsapigatewayv2.ReimportApiInput) (*awsapigatewayv2.ReimportApiOutput, error) {
	return call[awsapigatewayv2.ReimportApiOutput](f.recorder, "apigatewayv2", in)
}
