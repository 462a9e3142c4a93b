package delivery

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscodebuild"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// EvidenceProps say how evidence is kept.
type EvidenceProps struct {
	// Of says what the evidence and the notifications are about. It is part of the key's
	// description.
	Of string
	// RetentionDays is for how long evidence is locked against change and deletion; 365
	// by default.
	RetentionDays float64
	// Compliance locks it for everybody, also for the account's root user, and nobody can
	// shorten that. Without it, who has s3:BypassGovernanceRetention may delete evidence.
	// See https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html.
	Compliance bool
}

// Evidence is the bucket that keeps the evidence of releases, and the key that encrypts it.
type Evidence struct {
	Bucket awss3.Bucket
	// Key also encrypts the topics of alarms. CloudWatch may use it.
	Key awskms.Key

	scope  constructs.Construct
	output awscdk.CfnOutput
}

// NewEvidence defines the store of evidence. Where scope is a stack of its own,
// the store is apart from the service that the evidence judges. A store that is
// deployed in the service's stack stays there: CloudFormation would make a new
// bucket in the other stack, and what is locked can't be moved to it.
func NewEvidence(scope constructs.Construct, id string, props *EvidenceProps) *Evidence {
	days := props.RetentionDays
	if days == 0 {
		days = 365
	}
	e := &Evidence{scope: within(scope, id)}
	e.Key = awskms.NewKey(e.scope, jsii.String("Key"), &awskms.KeyProps{
		Description:       jsii.String("Evidence and notifications of " + props.Of),
		EnableKeyRotation: jsii.Bool(true),
		RemovalPolicy:     awscdk.RemovalPolicy_RETAIN,
	})
	// Alarms publish to topics that are encrypted with the key.
	e.Key.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("cloudwatch.amazonaws.com"), nil)},
		Actions:    jsii.Strings("kms:Decrypt", "kms:GenerateDataKey*"),
		Resources:  jsii.Strings("*"),
		Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": awscdk.Stack_Of(scope).Account()}},
	}), nil)
	lock := awss3.ObjectLockRetention_Governance
	if props.Compliance {
		lock = awss3.ObjectLockRetention_Compliance
	}
	e.Bucket = awss3.NewBucket(e.scope, jsii.String("Evidence"), &awss3.BucketProps{
		Versioned:                  jsii.Bool(true),
		ObjectLockEnabled:          jsii.Bool(true),
		ObjectLockDefaultRetention: lock(awscdk.Duration_Days(jsii.Number(days))),
		Encryption:                 awss3.BucketEncryption_KMS,
		EncryptionKey:              e.Key,
		BucketKeyEnabled:           jsii.Bool(true),
		EnforceSSL:                 jsii.Bool(true),
		BlockPublicAccess:          awss3.BlockPublicAccess_BLOCK_ALL(),
		RemovalPolicy:              awscdk.RemovalPolicy_RETAIN,
	})
	suppress(e.Bucket, false, "AwsSolutions-S1", "Evidence is locked against change, and whoever writes it logs that: the ledger's function, or the pipeline's builds. Server access logs would add a bucket and no knowledge.")
	e.output = awscdk.NewCfnOutput(e.scope, jsii.String("EvidenceBucket"), &awscdk.CfnOutputProps{
		Value: e.Bucket.BucketName(), Description: jsii.String("the bucket that holds the evidence"),
	})
	return e
}

// grantWriter lets a project read objects whose names match a pattern, and write new ones. It
// returns the ARN of these objects. Nobody replaces an existing object: the writer asks S3 to
// refuse that, and Object Lock keeps the earlier version.
func (e *Evidence) grantWriter(project awscodebuild.PipelineProject, pattern string) *string {
	objects := e.Bucket.ArnForObjects(&pattern)
	for _, statement := range []*awsiam.PolicyStatementProps{
		{Actions: jsii.Strings("s3:GetObject", "s3:PutObject"), Resources: &[]*string{objects}},
		{Actions: jsii.Strings("kms:Decrypt", "kms:GenerateDataKey"), Resources: &[]*string{e.Key.KeyArn()}},
	} {
		project.AddToRolePolicy(awsiam.NewPolicyStatement(statement))
	}
	suppress(project.Role(), true, "AwsSolutions-IAM5", "The evidence of every release.", Finding("Resource::{Evidence.Arn}/"+pattern))
	return objects
}

// GrantLedger allows a role to write and read the evidence of releases.
func (e *Evidence) GrantLedger(role awsiam.Role) {
	allow := func(actions []string, resource *string) {
		role.AddToPolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Actions:   jsii.Strings(actions...),
			Resources: &[]*string{resource},
		}))
	}
	allow([]string{"s3:GetObject", "s3:PutObject"}, e.Bucket.ArnForObjects(jsii.String("releases/*")))
	allow([]string{"s3:ListBucket"}, e.Bucket.BucketArn())
	allow([]string{"kms:Decrypt", "kms:GenerateDataKey"}, e.Key.KeyArn())
}
