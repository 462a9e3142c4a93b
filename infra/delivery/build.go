package delivery

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscodebuild"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/jsii-runtime-go"
)

// newProject is the one definition of a build: the projects differ in what
// their roles may do, in their caches, in whose buildspec they run, and in what more
// variables say.
func newProject(stack awscdk.Stack, id, description string, key awskms.IKey, props PipelineProps, spec awscodebuild.BuildSpec, variables map[string]string) awscodebuild.PipelineProject {
	logs := awslogs.NewLogGroup(stack, jsii.String(id+"Logs"), &awslogs.LogGroupProps{
		Retention:     awslogs.RetentionDays_THREE_MONTHS,
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
	environment := map[string]*awscodebuild.BuildEnvironmentVariable{
		// A build synthesizes with the context that the pipeline was synthesized with.
		"CDK_CONTEXT_JSON": {Value: props.Context},
	}
	for name, value := range variables {
		environment[name] = &awscodebuild.BuildEnvironmentVariable{Value: value}
	}
	project := awscodebuild.NewPipelineProject(stack, jsii.String(id), &awscodebuild.PipelineProjectProps{
		Description:   jsii.String(description),
		BuildSpec:     spec,
		EncryptionKey: key,
		Timeout:       awscdk.Duration_Hours(jsii.Number(1)),
		Cache:         awscodebuild.Cache_None(),
		Environment: &awscodebuild.BuildEnvironment{
			// arm64, as the function: what is built is what the builder runs.
			BuildImage:  awscodebuild.LinuxArmBuildImage_AMAZON_LINUX_2023_STANDARD_3_0(),
			ComputeType: awscodebuild.ComputeType_LARGE,
		},
		EnvironmentVariables: &environment,
		Logging:              &awscodebuild.LoggingOptions{CloudWatch: &awscodebuild.CloudWatchLoggingOptions{LogGroup: logs}},
	})
	suppress(project.Role(), true, "AwsSolutions-IAM5", "The wildcards are CodeBuild's own: its log streams, its report groups, the objects of the artifact bucket and of its cache, and the uses of one key.",
		append(usesOfArtifacts(),
			Finding("Resource::arn:{partition}:codebuild:{region}:{account}:report-group/{"+id+"}-*"),
			Finding("Resource::arn:{partition}:logs:{region}:{account}:log-group:/aws/codebuild/{"+id+"}:*"))...)
	return project
}

// stagesOf returns the names of the stages with those of their stacks, in order.
func stagesOf(props PipelineProps) string {
	all := make([]string, len(props.Stages))
	for i, stage := range props.Stages {
		name := StackName(props.Name, stage.Name)
		if stage.Assembled != nil {
			name = stage.Assembled.Stack
		}
		all[i] = stage.Name + "=" + name
	}
	return strings.Join(all, ",")
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
// cache in the bucket overwrite the others'. It returns the ARN of the cache's objects.
func keepCache(project awscodebuild.PipelineProject, bucket awss3.IBucket, prefix string) *string {
	project.Node().DefaultChild().(awscodebuild.CfnProject).SetCache(&awscodebuild.CfnProject_ProjectCacheProperty{
		Type:     jsii.String("S3"),
		Location: awscdk.Fn_Join(jsii.String("/"), &[]*string{bucket.BucketName(), jsii.String(prefix)}),
	})
	bucket.GrantReadWrite(project, prefix+"/*")
	suppress(project.Role(), true, "AwsSolutions-IAM5", "The objects of its own cache.", Finding("Resource::{Cache.Arn}/"+prefix+"/*"))
	return bucket.ArnForObjects(jsii.String(prefix + "/*"))
}

// A grantee is a project that is given permissions for its job, and which wildcards
// they have.
type grantee struct {
	awscodebuild.PipelineProject
	stack     awscdk.Stack
	props     PipelineProps
	names     patterns
	wildcards []any
}

func newGrantee(stack awscdk.Stack, project awscodebuild.PipelineProject, props PipelineProps) *grantee {
	return &grantee{PipelineProject: project, stack: stack, props: props, names: namesOf(props)}
}

// allow gives permissions for resources, whose ARNs are written without the partition.
func (g *grantee) allow(conditions map[string]any, actions []string, resources ...string) {
	if len(resources) == 0 {
		return // there is nothing of the kind
	}
	statement, wildcards := g.statement(conditions, actions, resources)
	g.wildcards = append(g.wildcards, wildcards...)
	g.AddToRolePolicy(statement)
}

// statement returns a statement that allows actions, and the wildcards in it.
func (g *grantee) statement(conditions map[string]any, actions, resources []string) (_ awsiam.PolicyStatement, wildcards []any) {
	for i, resource := range resources {
		if strings.Contains(resource, "*") && resource != "*" {
			wildcards = append(wildcards, Finding("Resource::arn:{partition}:"+strings.ReplaceAll(resource, *g.stack.Account(), "{account}")))
		}
		if resource != "*" {
			resources[i] = fmt.Sprintf("arn:%s:%s", *g.stack.Partition(), resource)
		} else {
			wildcards = append(wildcards, "Resource::*")
		}
	}
	props := &awsiam.PolicyStatementProps{Actions: jsii.Strings(actions...), Resources: jsii.Strings(resources...)}
	if conditions != nil {
		props.Conditions = &conditions
	}
	return awsiam.NewPolicyStatement(props), wildcards
}

// arns returns the ARNs of what has names that match the patterns.
func arns(format string, patterns ...[]string) []string {
	var all []string
	for _, pattern := range slices.Concat(patterns...) {
		if arn := fmt.Sprintf(format, pattern); !slices.Contains(all, arn) {
			all = append(all, arn)
		}
	}
	return all
}

// done explains the wildcards.
func (g *grantee) done() {
	suppress(g.Role(), true, "AwsSolutions-IAM5", "The roles of cdk bootstrap are in any account, stages in any region, and what CloudFormation names begins with the stack's name; metrics have no ARN.", g.wildcards...)
}

// look lets it see what was deployed.
func (g *grantee) look() {
	g.allow(nil, []string{"cloudformation:DescribeStacks", "cloudformation:GetTemplate", "cloudformation:ListStackResources"}, arns("cloudformation:*:*:stack/%s/*", g.names.stacks)...)
	g.allow(nil, []string{"lambda:GetAlias", "lambda:GetFunctionConfiguration", "lambda:ListVersionsByFunction"}, arns("lambda:*:*:function:%s", g.names.functions)...)
	if len(g.names.invoked) > 0 {
		// What such a stack does not put out is looked up by its logical id.
		g.allow(nil, []string{"cloudformation:DescribeStackResource"}, arns("cloudformation:*:*:stack/%s/*", g.names.stacks)...)
		g.allow(nil, []string{"lambda:GetFunctionUrlConfig"}, arns("lambda:*:*:function:%s", g.names.invoked)...)
	}
}

// invoke lets it call functions that nothing calls from outside.
func (g *grantee) invoke() {
	g.allow(nil, []string{"lambda:InvokeFunction"}, arns("lambda:*:*:function:%s", g.names.invoked)...)
}

// message lets it send messages to queues and see when they are worked off. The policy is
// one of its own: with these statements, a role's inline policies would be longer than IAM
// allows, and the CDK would move some into a policy that has no suppressions.
// See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html.
func (g *grantee) message() {
	queues := arns("sqs:*:*:%s", g.names.queues)
	if len(queues) == 0 {
		return
	}
	g.apart("Messages", "Lets smoke tests send messages", "Stages may be in any account and region, and what CloudFormation names begins with the stack's name.",
		[]string{"sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"}, queues...)
}

// apart gives permissions in a policy of their own.
func (g *grantee) apart(name, description, reason string, actions []string, resources ...string) {
	statement, wildcards := g.statement(nil, actions, resources)
	for _, action := range actions {
		if strings.Contains(action, "*") {
			wildcards = append(wildcards, "Action::"+action)
		}
	}
	policy := awsiam.NewManagedPolicy(g.stack, jsii.String(*g.Node().Id()+name), &awsiam.ManagedPolicyProps{
		Description: &description,
		Statements:  &[]awsiam.PolicyStatement{statement},
		Roles:       &[]awsiam.IRole{g.Role()},
	})
	suppress(policy, true, "AwsSolutions-IAM5", reason, wildcards...)
}

// deploy lets it deploy some stacks, and no others. The role that cdk bootstrap has made
// for deployments may deploy any stack of its account. So in the pipeline's account the
// project has its permissions itself, for these stacks: the CDK CLI goes on with them if
// it may not assume that role. In another account, that account is the boundary.
// See https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html.
func (g *grantee) deploy(places ...place) {
	var here, there []string
	for _, p := range places {
		if p.account == "" || p.account == *g.stack.Account() {
			here = append(here, p.stacks...)
		} else {
			there = append(there, "iam::"+p.account+":role/cdk-*")
		}
	}
	slices.Sort(there)
	g.allow(nil, []string{"sts:AssumeRole"}, slices.Compact(there)...)
	if len(here) == 0 {
		return
	}
	account := *g.stack.Account()
	g.allow(nil, []string{
		"cloudformation:CreateChangeSet", "cloudformation:DescribeChangeSet", "cloudformation:ExecuteChangeSet", "cloudformation:DeleteChangeSet",
		"cloudformation:CreateStack", "cloudformation:UpdateStack", "cloudformation:DeleteStack", "cloudformation:RollbackStack", "cloudformation:ContinueUpdateRollback",
		"cloudformation:DescribeStacks", "cloudformation:DescribeStackEvents", "cloudformation:DescribeStackResources", "cloudformation:GetTemplate",
		"cloudformation:ListStackResources", "cloudformation:UpdateTerminationProtection",
	}, arns("cloudformation:*:*:stack/%s/*", here)...)
	g.allow(map[string]any{"StringEquals": map[string]any{"iam:PassedToService": "cloudformation.amazonaws.com"}},
		[]string{"iam:PassRole"}, "iam::"+account+":role/cdk-*-cfn-exec-role-*")
	g.allow(nil, []string{"ssm:GetParameter", "ssm:GetParameters"}, "ssm:*:"+account+":parameter/cdk-bootstrap/*/version")
	// The CDK CLI looks at what cdk bootstrap has made.
	g.allow(nil, []string{"cloudformation:DescribeStacks"}, "cloudformation:*:"+account+":stack/CDKToolkit/*")
	// CloudFormation reads the template as whoever asks it to.
	g.allow(nil, []string{"s3:GetObject", "s3:GetBucketLocation", "s3:ListBucket"}, "s3:::cdk-*-assets-"+account+"-*")
	g.allow(nil, []string{"sts:AssumeRole"}, "iam::"+account+":role/cdk-*-file-publishing-role-*", "iam::"+account+":role/cdk-*-image-publishing-role-*", "iam::"+account+":role/cdk-*-lookup-role-*")
}

// A place is an account, "" if that is the pipeline's, and stacks in it.
type place struct {
	account string
	stacks  []string
}

// placeOfStage returns where a stage's stacks are.
func placeOfStage(stage Stage) place {
	if of := stage.Assembled; of != nil {
		p := place{of.Account, []string{of.Stack}}
		if of.Evidence != nil && of.Evidence.Stack != "" {
			p.stacks = append(p.stacks, of.Evidence.Stack)
		}
		return p
	}
	p := place{placeOf(stage.Stack).Account, []string{*stage.Stack.StackName()}}
	if stage.Evidence != nil {
		p.stacks = append(p.stacks, *awscdk.Stack_Of(stage.Evidence.scope).StackName())
	}
	slices.Sort(p.stacks)
	p.stacks = slices.Compact(p.stacks)
	return p
}

// try lets it deploy the stages before the last.
func (g *grantee) try() {
	var places []place
	for _, stage := range g.props.Stages[:len(g.props.Stages)-1] {
		places = append(places, placeOfStage(stage))
	}
	g.deploy(places...)
}

// release lets it deploy the last stage.
func (g *grantee) release() { g.deploy(placeOfStage(g.props.Stages[len(g.props.Stages)-1])) }

// update lets it deploy the pipeline itself, and see by which key evidence was signed.
func (g *grantee) update() {
	g.deploy(place{"", []string{*g.stack.StackName()}})
	g.verify()
}

// follow lets it follow a shift of traffic, and stop it.
func (g *grantee) follow() {
	g.allow(nil, []string{
		"codedeploy:GetDeployment", "codedeploy:GetDeploymentConfig", "codedeploy:GetDeploymentGroup", "codedeploy:ListDeployments",
	}, "codedeploy:*:*:*")
	g.allow(nil, []string{"cloudwatch:DescribeAlarmHistory"}, arns("cloudwatch:*:*:alarm:%s", g.names.alarms)...)
	// These actions have no resources. Metrics have no ARN, and who asks for alarms
	// by a prefix asks for all of them. See
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html and
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodedeploy.html.
	g.allow(nil, []string{
		"cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData",
		"codedeploy:BatchGetDeploymentTargets", "codedeploy:ListDeploymentTargets", "codedeploy:GetDeploymentTarget", "codedeploy:StopDeployment",
	}, "*")
}

// drill lets it release a bad version of a function, in any stage but the last, and
// take it back. The bad version is the good one's package with another bootstrap.
func (g *grantee) drill() {
	g.allow(nil, []string{"codedeploy:CreateDeployment"}, arns("codedeploy:*:*:deploymentgroup:%s/*", g.names.applications)...)
	g.allow(nil, []string{"codedeploy:RegisterApplicationRevision", "codedeploy:GetApplicationRevision"}, arns("codedeploy:*:*:application:%s", g.names.applications)...)
	// The alarms of a drill have names that begin with the function's.
	g.allow(nil, []string{"cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"}, arns("cloudwatch:*:*:alarm:%s-drill-*", g.names.drilled)...)
	g.allow(nil, []string{"lambda:GetFunction", "lambda:UpdateFunctionCode", "lambda:PublishVersion", "lambda:DeleteFunction", "lambda:UpdateAlias"}, arns("lambda:*:*:function:%s", g.names.drilled)...)
}

// sign lets it sign with the key that has an alias.
func (g *grantee) sign(alias string) {
	g.allow(map[string]any{"StringEquals": map[string]any{"kms:RequestAlias": alias}},
		[]string{"kms:GetPublicKey", "kms:Sign"}, fmt.Sprintf("kms:*:%s:key/*", *g.stack.Account()))
}

// signEvidence lets it sign by what a release is decided.
func (g *grantee) signEvidence() { g.sign(g.props.EvidenceKeyAlias) }

// signRecords lets it sign what it has done.
func (g *grantee) signRecords() { g.sign(g.props.RecordKeyAlias) }

// judge lets it see which builds there were, find what differs from what was deployed,
// and send the plan of the deployment to the stages' topics, which their stages' keys
// encrypt.
func (g *grantee) judge() {
	g.executions()
	account := *g.stack.Account()
	g.allow(nil, []string{"codebuild:BatchGetBuilds", "codebuild:BatchGetProjects"}, "codebuild:*:"+account+":build/*", "codebuild:*:"+account+":project/*")
	g.drift()
	g.allow(nil, []string{"sns:Publish"}, arns("sns:*:*:%s", g.names.topics)...)
	g.allow(map[string]any{"StringLike": map[string]any{"kms:ViaService": "sns.*.amazonaws.com"}},
		[]string{"kms:Decrypt", "kms:GenerateDataKey"}, "kms:*:*:key/*")
}

// drift lets it find what somebody has changed by hand. CloudFormation reads each
// resource as whoever asks, and most settings can't be limited to a stack's resources.
// These actions return settings, with the values of parameters and of functions' variables,
// but no objects, items, messages or secrets.
// See https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html.
func (g *grantee) drift() {
	g.allow(nil, []string{"cloudformation:DetectStackDrift", "cloudformation:DescribeStackResourceDrifts"}, arns("cloudformation:*:*:stack/%s/*", g.names.stacks)...)
	// This action has no resource.
	g.allow(nil, []string{"cloudformation:DescribeStackDriftDetectionStatus"}, "*")
	g.apart("Drift", "Lets CloudFormation compare resources with their templates", "What a stack contains is not known here, and this reads settings only.", []string{
		"apigateway:GET",
		"cloudwatch:Describe*", "cloudwatch:GetDashboard", "cloudwatch:ListTagsForResource",
		"codebuild:BatchGetProjects", "codebuild:BatchGetReportGroups",
		"codedeploy:BatchGet*", "codedeploy:Get*", "codedeploy:List*",
		"codepipeline:GetPipeline", "codepipeline:ListTagsForResource",
		"dynamodb:Describe*", "dynamodb:GetResourcePolicy", "dynamodb:ListTagsOfResource",
		"ec2:Describe*", "ecr:Describe*", "ecr:GetLifecyclePolicy", "ecr:GetRepositoryPolicy", "ecr:ListTagsForResource",
		"events:Describe*", "events:List*",
		"iam:Get*", "iam:List*",
		"kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListAliases", "kms:ListResourceTags",
		"lambda:Get*", "lambda:List*",
		"logs:Describe*", "logs:GetDataProtectionPolicy", "logs:ListTagsForResource",
		"s3:GetAccelerateConfiguration", "s3:GetBucket*", "s3:GetEncryptionConfiguration", "s3:GetLifecycleConfiguration", "s3:GetReplicationConfiguration",
		"scheduler:GetSchedule", "scheduler:GetScheduleGroup",
		"secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy",
		"sns:Get*", "sns:List*",
		"sqs:GetQueueAttributes", "sqs:ListQueueTags",
		"ssm:DescribeParameters", "ssm:GetParameters", "ssm:ListTagsForResource",
		"states:DescribeStateMachine", "states:ListTagsForResource",
	}, "*")
}

// promote lets it look up who has approved, and which key signs evidence.
func (g *grantee) promote() {
	g.verify()
	g.executions()
}

// verify lets it see by which key evidence was signed.
func (g *grantee) verify() {
	g.allow(map[string]any{"StringEquals": map[string]any{"kms:RequestAlias": g.props.EvidenceKeyAlias}},
		[]string{"kms:GetPublicKey"}, fmt.Sprintf("kms:*:%s:key/*", *g.stack.Account()))
}

// executions lets it see what the pipeline has done.
func (g *grantee) executions() {
	g.allow(nil, []string{"codepipeline:ListActionExecutions"}, "codepipeline:*:*:"+*g.stack.StackName())
}
