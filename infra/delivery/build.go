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

	"github.com/magewright/magewright/tools/project/agreed"
)

// newProject is the only definition of a build project. The projects differ in the
// permissions of their roles, in their caches, in the origin of their buildspec, and in some
// variables.
func newProject(stack awscdk.Stack, id, description string, key awskms.IKey, props PipelineProps, spec awscodebuild.BuildSpec, variables map[string]string) awscodebuild.PipelineProject {
	logs := awslogs.NewLogGroup(stack, jsii.String(id+"Logs"), &awslogs.LogGroupProps{
		Retention:     awslogs.RetentionDays_THREE_MONTHS,
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
	environment := map[string]*awscodebuild.BuildEnvironmentVariable{
		// A build synthesizes with the context with which the pipeline was synthesized.
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
			// The builds use arm64, like the function, because the builder runs what it
			// builds.
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

// stagesOf returns the names of the stages and of their stacks, in order.
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

// usesOfArtifacts are the wildcards with which the CDK grants access to the artifact bucket,
// to a cache, and to their key.
func usesOfArtifacts() []any {
	return []any{
		"Action::kms:GenerateDataKey*", "Action::kms:ReEncrypt*",
		"Action::s3:Abort*", "Action::s3:DeleteObject*", "Action::s3:GetBucket*", "Action::s3:GetObject*", "Action::s3:List*",
		Finding("Resource::{Artifacts.Arn}/*"),
	}
}

// keepCache gives a project a cache below a prefix in a bucket. The cache contains what
// buildspec.yml lists under cache. The CDK's own Cache_Bucket would let every project with a
// cache in the bucket overwrite the others' caches. It returns the ARN of the cache's
// objects.
func keepCache(project awscodebuild.PipelineProject, bucket awss3.IBucket, prefix string) *string {
	project.Node().DefaultChild().(awscodebuild.CfnProject).SetCache(&awscodebuild.CfnProject_ProjectCacheProperty{
		Type:     jsii.String("S3"),
		Location: awscdk.Fn_Join(jsii.String("/"), &[]*string{bucket.BucketName(), jsii.String(prefix)}),
	})
	bucket.GrantReadWrite(project, prefix+"/*")
	suppress(project.Role(), true, "AwsSolutions-IAM5", "The objects of its own cache.", Finding("Resource::{Cache.Arn}/"+prefix+"/*"))
	return bucket.ArnForObjects(jsii.String(prefix + "/*"))
}

// A grantee is a project that gets permissions for its job. It collects the wildcards in
// them.
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

// allow gives permissions for resources. Their ARNs are written without the partition.
func (g *grantee) allow(conditions map[string]any, actions []string, resources ...string) {
	if len(resources) == 0 {
		return // there are no such resources
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

// arns returns the ARNs of the resources whose names match the patterns.
func arns(format string, patterns ...[]string) []string {
	var all []string
	for _, pattern := range slices.Concat(patterns...) {
		if arn := fmt.Sprintf(format, pattern); !slices.Contains(all, arn) {
			all = append(all, arn)
		}
	}
	return all
}

// done records the reason for the wildcards.
func (g *grantee) done() {
	suppress(g.Role(), true, "AwsSolutions-IAM5", "The roles of cdk bootstrap are in any account, stages in any region, and what CloudFormation names begins with the stack's name; metrics have no ARN.", g.wildcards...)
}

// look lets the project see what was deployed.
func (g *grantee) look() {
	g.allow(nil, []string{"cloudformation:DescribeStacks", "cloudformation:GetTemplate", "cloudformation:ListStackResources"}, arns("cloudformation:*:*:stack/%s/*", g.names.stacks)...)
	g.allow(nil, []string{"lambda:GetAlias", "lambda:GetFunctionConfiguration", "lambda:ListVersionsByFunction"}, arns("lambda:*:*:function:%s", g.names.functions)...)
	if len(g.names.invoked) > 0 {
		// Values that such a stack does not output are looked up by their logical ids.
		g.allow(nil, []string{"cloudformation:DescribeStackResource"}, arns("cloudformation:*:*:stack/%s/*", g.names.stacks)...)
		g.allow(nil, []string{"lambda:GetFunctionUrlConfig"}, arns("lambda:*:*:function:%s", g.names.invoked)...)
	}
}

// invoke lets the project call functions that nothing calls from outside.
func (g *grantee) invoke() {
	g.allow(nil, []string{"lambda:InvokeFunction"}, arns("lambda:*:*:function:%s", g.names.invoked)...)
}

// message lets the project send messages to queues and see when they have been processed. The
// policy is a separate one: with these statements, a role's inline policies would be longer
// than IAM allows, and the CDK would move some of them into a policy without suppressions.
// See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html.
func (g *grantee) message() {
	queues := arns("sqs:*:*:%s", g.names.queues)
	if len(queues) == 0 {
		return
	}
	g.apart("Messages", "Lets smoke tests send messages", "Stages may be in any account and region, and what CloudFormation names begins with the stack's name.",
		[]string{"sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"}, queues...)
}

// apart gives permissions in a separate policy.
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

// deploy lets the project deploy some stacks, and no others. The deployment role of cdk
// bootstrap may deploy any stack of its account. So in the pipeline's account, the project
// itself has the permissions for these stacks: the CDK CLI uses them if it may not assume
// that role. In another account, the account is the boundary. See
// https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html.
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
	slices.Sort(here)
	here = slices.Compact(here) // stages may share the stack that keeps their evidence
	// The CDK CLI deploys by change sets, and a template is deployed by the stack's own role,
	// which can't change another stack. Without the condition, CloudFormation would also work
	// by the role by which the stack was deployed last.
	var roles []string
	for _, name := range here {
		role := "iam::" + account + ":role" + agreed.DeploymentRoles + agreed.DeploymentRole(name)
		roles = append(roles, role)
		g.allow(map[string]any{"ArnEquals": map[string]any{"cloudformation:RoleArn": fmt.Sprintf("arn:%s:%s", *g.stack.Partition(), role)}},
			[]string{"cloudformation:CreateChangeSet"}, arns("cloudformation:*:*:stack/%s/*", []string{name})...)
	}
	g.allow(map[string]any{"StringEquals": map[string]any{"iam:PassedToService": "cloudformation.amazonaws.com"}}, []string{"iam:PassRole"}, roles...)
	g.allow(nil, []string{
		"cloudformation:DescribeChangeSet", "cloudformation:ExecuteChangeSet", "cloudformation:DeleteChangeSet",
		"cloudformation:DeleteStack", "cloudformation:RollbackStack", "cloudformation:ContinueUpdateRollback",
		"cloudformation:DescribeStacks", "cloudformation:DescribeStackEvents", "cloudformation:DescribeStackResources", "cloudformation:GetTemplate",
		"cloudformation:ListStackResources", "cloudformation:UpdateTerminationProtection",
	}, arns("cloudformation:*:*:stack/%s/*", here)...)
	g.allow(nil, []string{"ssm:GetParameter", "ssm:GetParameters"}, "ssm:*:"+account+":parameter/cdk-bootstrap/*/version")
	// The CDK CLI looks at the stack that cdk bootstrap has made.
	g.allow(nil, []string{"cloudformation:DescribeStacks"}, "cloudformation:*:"+account+":stack/CDKToolkit/*")
	// CloudFormation reads the template with the permissions of its caller.
	g.allow(nil, []string{"s3:GetObject", "s3:GetBucketLocation", "s3:ListBucket"}, "s3:::cdk-*-assets-"+account+"-*")
	g.allow(nil, []string{"sts:AssumeRole"}, "iam::"+account+":role/cdk-*-file-publishing-role-*", "iam::"+account+":role/cdk-*-image-publishing-role-*", "iam::"+account+":role/cdk-*-lookup-role-*")
}

// A place is an account with stacks in it. The account "" is the pipeline's.
type place struct {
	account string
	stacks  []string
}

// placeOfStage returns the place of a stage's stacks.
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

// try lets the project deploy the stages before the last one.
func (g *grantee) try() {
	var places []place
	for _, stage := range g.props.Stages[:len(g.props.Stages)-1] {
		places = append(places, placeOfStage(stage))
	}
	g.deploy(places...)
}

// release lets the project deploy the last stage.
func (g *grantee) release() { g.deploy(placeOfStage(g.props.Stages[len(g.props.Stages)-1])) }

// update lets the project deploy the pipeline itself, and see which key has signed the
// evidence.
func (g *grantee) update() {
	g.deploy(place{"", []string{*g.stack.StackName()}})
	g.verify()
}

// follow lets the project follow a shift of traffic, and stop it.
func (g *grantee) follow() {
	g.allow(nil, []string{
		"codedeploy:GetDeployment", "codedeploy:GetDeploymentConfig", "codedeploy:GetDeploymentGroup", "codedeploy:ListDeployments",
	}, "codedeploy:*:*:*")
	g.allow(nil, []string{"cloudwatch:DescribeAlarmHistory"}, arns("cloudwatch:*:*:alarm:%s", g.names.alarms)...)
	// These actions can't be limited to resources. Metrics have no ARN, and a request for
	// alarms by a prefix is a request for all alarms. See
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html
	// and
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodedeploy.html.
	g.allow(nil, []string{
		"cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData",
		"codedeploy:BatchGetDeploymentTargets", "codedeploy:ListDeploymentTargets", "codedeploy:GetDeploymentTarget", "codedeploy:StopDeployment",
	}, "*")
}

// drill lets the project release a bad version of a function, in any stage but the last, and
// take it back. The bad version is the good version's package with another bootstrap.
func (g *grantee) drill() {
	g.allow(nil, []string{"codedeploy:CreateDeployment"}, arns("codedeploy:*:*:deploymentgroup:%s/*", g.names.applications)...)
	g.allow(nil, []string{"codedeploy:RegisterApplicationRevision", "codedeploy:GetApplicationRevision"}, arns("codedeploy:*:*:application:%s", g.names.applications)...)
	// The names of a drill's alarms begin with the function's name.
	g.allow(nil, []string{"cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"}, arns("cloudwatch:*:*:alarm:%s-drill-*", g.names.drilled)...)
	g.allow(nil, []string{"lambda:GetFunction", "lambda:UpdateFunctionCode", "lambda:PublishVersion", "lambda:DeleteFunction", "lambda:UpdateAlias"}, arns("lambda:*:*:function:%s", g.names.drilled)...)
}

// sign lets the project sign with the key that has an alias.
func (g *grantee) sign(alias string) {
	g.allow(map[string]any{"StringEquals": map[string]any{"kms:RequestAlias": alias}},
		[]string{"kms:GetPublicKey", "kms:Sign"}, fmt.Sprintf("kms:*:%s:key/*", *g.stack.Account()))
}

// signEvidence lets the project sign the evidence that decides about a release.
func (g *grantee) signEvidence() { g.sign(g.props.EvidenceKeyAlias) }

// signRecords lets the project sign records of what it did.
func (g *grantee) signRecords() { g.sign(g.props.RecordKeyAlias) }

// judge lets the project see which builds were run and how the deployed resources differ from
// their templates. It also lets it send the deployment plan to the stages' topics, which are
// encrypted with the stages' keys.
func (g *grantee) judge() {
	g.executions()
	account := *g.stack.Account()
	g.allow(nil, []string{"codebuild:BatchGetBuilds", "codebuild:BatchGetProjects"}, "codebuild:*:"+account+":build/*", "codebuild:*:"+account+":project/*")
	g.drift()
	g.allow(nil, []string{"sns:Publish"}, arns("sns:*:*:%s", g.names.topics)...)
	g.allow(map[string]any{"StringLike": map[string]any{"kms:ViaService": "sns.*.amazonaws.com"}},
		[]string{"kms:Decrypt", "kms:GenerateDataKey"}, "kms:*:*:key/*")
}

// drift lets the project find manual changes. CloudFormation reads each resource with the
// permissions of its caller, and most settings can't be limited to the resources of a stack.
// These actions return settings, including the values of parameters and of functions'
// variables, but no objects, items, messages or secrets. See
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html.
func (g *grantee) drift() {
	g.allow(nil, []string{"cloudformation:DetectStackDrift", "cloudformation:DescribeStackResourceDrifts"}, arns("cloudformation:*:*:stack/%s/*", g.names.stacks)...)
	// This action can't be limited to resources.
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

// promote lets the project look up who approved the release, and which key signs evidence.
func (g *grantee) promote() {
	g.verify()
	g.executions()
}

// verify lets the project see which key has signed the evidence.
func (g *grantee) verify() {
	g.allow(map[string]any{"StringEquals": map[string]any{"kms:RequestAlias": g.props.EvidenceKeyAlias}},
		[]string{"kms:GetPublicKey"}, fmt.Sprintf("kms:*:%s:key/*", *g.stack.Account()))
}

// executions lets the project see what the pipeline has done.
func (g *grantee) executions() {
	g.allow(nil, []string{"codepipeline:ListActionExecutions"}, "codepipeline:*:*:"+*g.stack.StackName())
}
