package delivery

import (
	"fmt"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscodebuild"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/jsii-runtime-go"
)

// newProject is the one definition of a build: the projects differ in what
// their roles may do and in their caches, and in nothing else.
func newProject(stack awscdk.Stack, id, description string, key awskms.IKey, props PipelineProps) awscodebuild.PipelineProject {
	logs := awslogs.NewLogGroup(stack, jsii.String(id+"Logs"), &awslogs.LogGroupProps{
		Retention:     awslogs.RetentionDays_THREE_MONTHS,
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
	project := awscodebuild.NewPipelineProject(stack, jsii.String(id), &awscodebuild.PipelineProjectProps{
		Description:   jsii.String(description),
		BuildSpec:     awscodebuild.BuildSpec_FromSourceFilename(jsii.String(props.BuildSpec)),
		EncryptionKey: key,
		Timeout:       awscdk.Duration_Hours(jsii.Number(1)),
		Cache:         awscodebuild.Cache_None(),
		Environment: &awscodebuild.BuildEnvironment{
			// arm64, as the function: what is built is what the builder runs.
			BuildImage:  awscodebuild.LinuxArmBuildImage_AMAZON_LINUX_2023_STANDARD_3_0(),
			ComputeType: awscodebuild.ComputeType_LARGE,
		},
		EnvironmentVariables: &map[string]*awscodebuild.BuildEnvironmentVariable{
			// A build synthesizes with the context that the pipeline was
			// synthesized with.
			"CDK_CONTEXT_JSON": {Value: props.Context},
		},
		Logging: &awscodebuild.LoggingOptions{CloudWatch: &awscodebuild.CloudWatchLoggingOptions{LogGroup: logs}},
	})
	suppress(project.Role(), true, "AwsSolutions-IAM5", "The wildcards are CodeBuild's own: its log streams, its report groups, the objects of the artifact bucket and of its cache, and the uses of one key.",
		append(usesOfArtifacts(),
			Finding("Resource::arn:{partition}:codebuild:{region}:{account}:report-group/{"+id+"}-*"),
			Finding("Resource::arn:{partition}:logs:{region}:{account}:log-group:/aws/codebuild/{"+id+"}:*"))...)
	return project
}

// usesOfArtifacts are the wildcards by which the CDK grants the use of the artifact
// bucket, of a cache, and of their key.
func usesOfArtifacts() []any {
	return []any{
		"Action::kms:GenerateDataKey*", "Action::kms:ReEncrypt*",
		"Action::s3:Abort*", "Action::s3:DeleteObject*", "Action::s3:GetBucket*", "Action::s3:GetObject*", "Action::s3:List*",
		Finding("Resource::{Artifacts.Arn}/*"),
	}
}

// keepCache gives project a cache below prefix in bucket: what buildspec.yml
// lists under cache. The CDK's own Cache_Bucket lets every project that has a
// cache in the bucket overwrite the others'.
func keepCache(project awscodebuild.PipelineProject, bucket awss3.IBucket, prefix string) {
	project.Node().DefaultChild().(awscodebuild.CfnProject).SetCache(&awscodebuild.CfnProject_ProjectCacheProperty{
		Type:     jsii.String("S3"),
		Location: awscdk.Fn_Join(jsii.String("/"), &[]*string{bucket.BucketName(), jsii.String(prefix)}),
	})
	bucket.GrantReadWrite(project, prefix+"/*")
	suppress(project.Role(), true, "AwsSolutions-IAM5", "The objects of its own cache.", Finding("Resource::{Cache.Arn}/"+prefix+"/*"))
}

// allowDeployment lets project assume the roles that cdk bootstrap made for
// deployments, look at what was deployed, and follow a shift of traffic.
func allowDeployment(stack awscdk.Stack, project awscodebuild.PipelineProject, props PipelineProps) {
	allow := func(actions []string, resources ...string) {
		project.AddToRolePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Actions:   jsii.Strings(actions...),
			Resources: jsii.Strings(resources...),
		}))
	}
	partition, names := *stack.Partition(), namesOf(props)
	// arns returns the ARNs of what has names that match the patterns.
	arns := func(format string, patterns []string) []string {
		all := make([]string, len(patterns))
		for i, pattern := range patterns {
			all[i] = fmt.Sprintf("arn:%s:"+format, partition, pattern)
		}
		return all
	}
	allow([]string{"sts:AssumeRole"}, fmt.Sprintf("arn:%s:iam::*:role/cdk-*", partition))
	allow([]string{
		"cloudformation:DescribeStacks", "cloudformation:GetTemplate", "cloudformation:DetectStackDrift",
		"cloudformation:DescribeStackDriftDetectionStatus", "cloudformation:DescribeStackResourceDrifts", "cloudformation:ListStackResources",
	}, arns("cloudformation:*:*:stack/%s/*", names.stacks)...)
	if len(names.invoked) > 0 {
		// What such a stack does not put out is looked up by its logical id, and a
		// function that nothing calls from outside is invoked by the smoke test.
		allow([]string{"cloudformation:DescribeStackResource"}, arns("cloudformation:*:*:stack/%s/*", names.stacks)...)
		allow([]string{"lambda:InvokeFunction", "lambda:GetFunctionUrlConfig"}, arns("lambda:*:*:function:%s", names.invoked)...)
	}
	// promote stops a canary that is worse; the drill releases a bad version of a
	// function, in any stage but the last, and takes it back.
	allow([]string{
		"codedeploy:GetDeployment", "codedeploy:GetDeploymentConfig", "codedeploy:ListDeployments",
		"codedeploy:GetDeploymentGroup",
		"codedeploy:CreateDeployment", "codedeploy:RegisterApplicationRevision", "codedeploy:GetApplicationRevision",
	}, fmt.Sprintf("arn:%s:codedeploy:*:*:*", partition))
	allow([]string{"cloudwatch:DescribeAlarmHistory", "cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"},
		arns("cloudwatch:*:*:alarm:%s", names.alarms)...)
	// These actions have no resources. Metrics have no ARN, and who asks for alarms
	// by a prefix asks for all of them. See
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html and
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodedeploy.html.
	allow([]string{
		"cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData",
		"codedeploy:BatchGetDeploymentTargets", "codedeploy:ListDeploymentTargets", "codedeploy:GetDeploymentTarget", "codedeploy:StopDeployment",
	}, "*")
	allow([]string{"lambda:GetAlias", "lambda:GetFunctionConfiguration", "lambda:ListVersionsByFunction"}, arns("lambda:*:*:function:%s", names.functions)...)
	// The bad version is the good one's package with another bootstrap.
	if len(names.drilled) > 0 {
		allow([]string{"lambda:GetFunction", "lambda:UpdateFunctionCode", "lambda:PublishVersion", "lambda:DeleteFunction", "lambda:UpdateAlias"}, arns("lambda:*:*:function:%s", names.drilled)...)
	}
	allow([]string{"codepipeline:ListActionExecutions"}, fmt.Sprintf("arn:%s:codepipeline:*:*:%s", partition, *stack.StackName()))
	project.AddToRolePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions:    jsii.Strings("kms:GetPublicKey", "kms:Sign"),
		Resources:  jsii.Strings(fmt.Sprintf("arn:%s:kms:*:%s:key/*", partition, *stack.Account())),
		Conditions: &map[string]any{"StringEquals": map[string]any{"kms:RequestAlias": props.EvidenceKeyAlias}},
	}))
	wildcards := []any{
		"Resource::*", // of cloudwatch:GetMetricData
		Finding("Resource::arn:{partition}:iam::*:role/cdk-*"), Finding("Resource::arn:{partition}:codedeploy:*:*:*"),
		Finding("Resource::arn:{partition}:codepipeline:*:*:" + *stack.StackName()),
		Finding("Resource::arn:{partition}:kms:*:{account}:key/*"), Finding("Resource::arn:{partition}:kms:*:*:key/*"),
	}
	for _, named := range []struct {
		format   string
		patterns []string
	}{
		{"cloudformation:*:*:stack/%s/*", names.stacks},
		{"cloudwatch:*:*:alarm:%s", names.alarms},
		{"lambda:*:*:function:%s", slices.Concat(names.functions, names.drilled, names.invoked)},
		{"sns:*:*:%s", names.topics},
	} {
		for _, pattern := range named.patterns {
			wildcards = append(wildcards, Finding(fmt.Sprintf("Resource::arn:{partition}:"+named.format, pattern)))
		}
	}
	suppress(project.Role(), true, "AwsSolutions-IAM5", "The roles of cdk bootstrap are in any account, stages in any region, and what CloudFormation names begins with the stack's name; metrics have no ARN.", wildcards...)
	// Deployment plans go to the stages' topics, which their stages' keys encrypt.
	allow([]string{"sns:Publish"}, arns("sns:*:*:%s", names.topics)...)
	project.AddToRolePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions:    jsii.Strings("kms:Decrypt", "kms:GenerateDataKey"),
		Resources:  jsii.Strings(fmt.Sprintf("arn:%s:kms:*:*:key/*", partition)),
		Conditions: &map[string]any{"StringLike": map[string]any{"kms:ViaService": "sns.*.amazonaws.com"}},
	}))
}
