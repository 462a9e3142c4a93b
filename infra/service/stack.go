// Package service defines the stack of the service: the function behind its
// alias and URL, the bucket it writes to, the alarms that watch it, and the
// CodeDeploy group that shifts its traffic.
package service

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"

	"github.com/magewright/magewright/infra/settings"
)

// Alias is the name of the alias that serves a stage's traffic.
const Alias = "live"

// timeout of an invocation. The latency alarm is well below it.
const timeoutSeconds = 10

// NewStack defines the service of one stage in scope.
func NewStack(scope constructs.Construct, stage settings.Stage, s settings.Settings) awscdk.Stack {
	stack := awscdk.NewStack(scope, jsii.String(stage.StackName()), &awscdk.StackProps{
		Env:                   stage.Env(),
		Description:           jsii.String("Release ledger, " + stage.Name),
		TerminationProtection: jsii.Bool(stage.Name == "production"),
	})
	key := newKey(stack)
	bucket := newBucket(stack, key)
	function := newFunction(stack, stage, s, bucket, key)
	alias := awslambda.NewAlias(stack, jsii.String("Alias"), &awslambda.AliasProps{
		AliasName: jsii.String(Alias),
		Version:   function.CurrentVersion(),
	})
	url := alias.AddFunctionUrl(&awslambda.FunctionUrlOptions{AuthType: awslambda.FunctionUrlAuthType_NONE})
	// The rule function_url of infra/policy wants a reason.
	url.Node().DefaultChild().(awscdk.CfnResource).AddMetadata(jsii.String("magewright"), map[string]string{
		"public": "Approvers open the page of a release in a browser, which signs no requests; the ledger decides what it takes.",
	})
	topic := newTopic(stack, s, key)
	alarms := newAlarms(stack, function, topic)
	group := newDeploymentGroup(stack, stage, alias, alarms.gates)
	newDashboard(stack, stage, alarms)

	output(stack, "FunctionUrl", "where the stage answers", url.Url())
	output(stack, "FunctionName", "the function", function.FunctionName())
	output(stack, "AliasName", "the alias that serves the traffic", alias.AliasName())
	output(stack, "EvidenceBucket", "the bucket that holds the evidence", bucket.BucketName())
	output(stack, "DeploymentApplication", "the CodeDeploy application", group.Application().ApplicationName())
	output(stack, "DeploymentGroup", "the CodeDeploy deployment group", group.DeploymentGroupName())
	output(stack, "NotificationTopic", "the topic that alarms go to", topic.TopicArn())
	return stack
}

func output(stack awscdk.Stack, name, description string, value *string) {
	awscdk.NewCfnOutput(stack, jsii.String(name), &awscdk.CfnOutputProps{Value: value, Description: jsii.String(description)})
}

// newKey defines the key that encrypts the stage's evidence and notifications.
// Alarms publish to the encrypted topic, so CloudWatch must be able to use it.
func newKey(stack awscdk.Stack) awskms.Key {
	key := awskms.NewKey(stack, jsii.String("Key"), &awskms.KeyProps{
		Description:       jsii.String("Evidence and notifications of the release ledger"),
		EnableKeyRotation: jsii.Bool(true),
		RemovalPolicy:     awscdk.RemovalPolicy_RETAIN,
	})
	key.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("cloudwatch.amazonaws.com"), nil)},
		Actions:    jsii.Strings("kms:Decrypt", "kms:GenerateDataKey*"),
		Resources:  jsii.Strings("*"),
		Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": stack.Account()}},
	}), nil)
	return key
}

// newBucket defines the bucket for evidence, which nobody may change or delete
// for a year after it was written.
func newBucket(stack awscdk.Stack, key awskms.IKey) awss3.Bucket {
	bucket := awss3.NewBucket(stack, jsii.String("Evidence"), &awss3.BucketProps{
		Versioned:                  jsii.Bool(true),
		ObjectLockEnabled:          jsii.Bool(true),
		ObjectLockDefaultRetention: awss3.ObjectLockRetention_Governance(awscdk.Duration_Days(jsii.Number(365))),
		Encryption:                 awss3.BucketEncryption_KMS,
		EncryptionKey:              key,
		BucketKeyEnabled:           jsii.Bool(true),
		EnforceSSL:                 jsii.Bool(true),
		BlockPublicAccess:          awss3.BlockPublicAccess_BLOCK_ALL(),
		RemovalPolicy:              awscdk.RemovalPolicy_RETAIN,
	})
	suppress(bucket, false, "AwsSolutions-S1", "Evidence is written by one function, which logs each request, and is locked against change; server access logs would add a bucket and no knowledge.")
	return bucket
}

func newFunction(stack awscdk.Stack, stage settings.Stage, s settings.Settings, bucket awss3.IBucket, key awskms.IKey) awslambda.Function {
	logs := awslogs.NewLogGroup(stack, jsii.String("Logs"), &awslogs.LogGroupProps{
		Retention:     awslogs.RetentionDays_THREE_MONTHS,
		RemovalPolicy: awscdk.RemovalPolicy_RETAIN,
	})
	role := awsiam.NewRole(stack, jsii.String("Role"), &awsiam.RoleProps{
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
		Description: jsii.String("What the release ledger may do, " + stage.Name),
	})
	logs.GrantWrite(role)
	allow := func(actions []string, resources ...*string) {
		role.AddToPolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Actions:   jsii.Strings(actions...),
			Resources: &resources,
		}))
	}
	allow([]string{"s3:GetObject", "s3:PutObject"}, bucket.ArnForObjects(jsii.String("releases/*")))
	allow([]string{"s3:ListBucket"}, bucket.BucketArn())
	allow([]string{"kms:Decrypt", "kms:GenerateDataKey"}, key.KeyArn())
	suppress(role, true, "AwsSolutions-IAM5", "The wildcard stands for the keys of evidence below releases/, one for each commit, and for the log streams of the function's own group.")

	return awslambda.NewFunction(stack, jsii.String("Function"), &awslambda.FunctionProps{
		Description:  jsii.String("Release ledger, " + stage.Name),
		Runtime:      awslambda.Runtime_PROVIDED_AL2023(),
		Architecture: architecture(s.Architecture),
		Handler:      jsii.String("bootstrap"),
		Code:         awslambda.Code_FromAsset(jsii.String(s.Package), nil),
		MemorySize:   jsii.Number(256),
		Timeout:      awscdk.Duration_Seconds(jsii.Number(timeoutSeconds)),
		Role:         role,
		LogGroup:     logs,
		Environment: &map[string]*string{
			"EVIDENCE_BUCKET": bucket.BucketName(),
			"EVIDENCE_KEY":    jsii.String(s.EvidenceKey),
			"STAGE":           jsii.String(stage.Name),
		},
		// A rollback needs the version to go back to.
		CurrentVersionOptions: &awslambda.VersionOptions{RemovalPolicy: awscdk.RemovalPolicy_RETAIN},
	})
}

func architecture(name string) awslambda.Architecture {
	if name == "x86_64" {
		return awslambda.Architecture_X86_64()
	}
	return awslambda.Architecture_ARM_64()
}

func newTopic(stack awscdk.Stack, s settings.Settings, key awskms.IKey) awssns.Topic {
	topic := awssns.NewTopic(stack, jsii.String("Notifications"), &awssns.TopicProps{
		EnforceSSL: jsii.Bool(true),
		MasterKey:  key,
	})
	if s.NotificationEmail != "" {
		awssns.NewSubscription(stack, jsii.String("NotificationEmail"), &awssns.SubscriptionProps{
			Topic:    topic,
			Protocol: awssns.SubscriptionProtocol_EMAIL,
			Endpoint: jsii.String(s.NotificationEmail),
		})
	}
	return topic
}

// suppress records why a rule of the AWS Solutions pack does not apply.
func suppress(construct constructs.IConstruct, children bool, rule, reason string) {
	cdknag.NagSuppressions_AddResourceSuppressions(construct, &[]*cdknag.NagPackSuppression{{
		Id:     jsii.String(rule),
		Reason: jsii.String(reason),
	}}, jsii.Bool(children))
}
