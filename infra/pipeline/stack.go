// Package pipeline defines the pipeline that delivers the service:
//
//	Source      the commit, by a connection to the source provider
//	Verify      lint | test | sec | synth, in parallel
//	Update      the pipeline updates itself
//	Staging     deploy-staging, smoke, drill; returns to the last release on failure
//	Approval    the plan is sent, readiness decides from the evidence of all
//	            that, then a person
//	Production  promote: a canary by CodeDeploy, with automatic rollback
//
// Every build runs the same buildspec.yml, which runs the mage targets that the
// action names in MAGE_TARGETS. What synth built once is what is deployed.
package pipeline

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscodebuild"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscodeconnections"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscodepipeline"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscodepipelineactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventstargets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"

	"github.com/magewright/magewright/infra/settings"
)

// Name is the name of the pipeline and of its stack.
const Name = settings.PipelineStack

// The actions' artifacts. A build finds the second as CODEBUILD_SRC_DIR_Assembly,
// and what an action left in .magewright as CODEBUILD_SRC_DIR_<action>Evidence.
const (
	sourceArtifact   = "Source"
	assemblyArtifact = "Assembly"
)

func evidenceArtifact(action string) awscodepipeline.Artifact {
	return awscodepipeline.NewArtifact(jsii.String(action+"Evidence"), nil)
}

// evidenceKeyAlias names the key that signs evidence. It is not made here: its
// public half is pinned in the context that this stack is synthesized with.
const evidenceKeyAlias = "alias/magewright-evidence"

// NewStack defines the pipeline in scope.
func NewStack(scope constructs.Construct, s settings.Settings) (awscdk.Stack, error) {
	context, err := s.JSON()
	if err != nil {
		return nil, err
	}
	stack := awscdk.NewStack(scope, jsii.String(Name), &awscdk.StackProps{
		Env:         s.Pipeline.Env(),
		Description: jsii.String("Delivers the release ledger from a commit to production"),
	})
	key := newKey(stack)
	topic := newTopic(stack, s, key)
	// Unreviewed code can write a cache, and so change what later builds compile.
	// Lint and Test have one each: the code that they run can influence their
	// reports anyway. The others have none: Sec judges the code, Synth's assembly
	// is deployed, and Deploy's builds may deploy and sign.
	cache := newCacheBucket(stack, key)
	lints := newProject(stack, "Lint", "Checks the code; may touch nothing but its cache", key, context)
	tests := newProject(stack, "Test", "Runs the tests; may touch nothing but its cache", key, context)
	keepCache(lints, cache, "lint")
	keepCache(tests, cache, "test")
	verify := newProject(stack, "Verify", "Scans and synthesizes; may touch nothing", key, context)
	deploy := newProject(stack, "Deploy", "Deploys what was synthesized, by the roles that cdk bootstrap made", key, context)
	allowDeployment(stack, deploy, s.Staging.StackName())

	source := awscodepipeline.NewArtifact(jsii.String(sourceArtifact), nil)
	assembly := awscodepipeline.NewArtifact(jsii.String(assemblyArtifact), nil)
	variable := func(value string) *awscodebuild.BuildEnvironmentVariable {
		return &awscodebuild.BuildEnvironmentVariable{Value: value}
	}
	build := func(name, targets string, project awscodebuild.IProject, runOrder float64) *awscodepipelineactions.CodeBuildActionProps {
		return &awscodepipelineactions.CodeBuildActionProps{
			ActionName: jsii.String(name),
			Project:    project,
			Input:      source,
			RunOrder:   jsii.Number(runOrder),
			EnvironmentVariables: &map[string]*awscodebuild.BuildEnvironmentVariable{
				"MAGE_TARGETS": variable(targets),
			},
		}
	}
	evidence := map[string]awscodepipeline.Artifact{}
	leaves := func(props *awscodepipelineactions.CodeBuildActionProps, also ...awscodepipeline.Artifact) *awscodepipelineactions.CodeBuildActionProps {
		left := evidenceArtifact(*props.ActionName)
		evidence[*props.ActionName] = left
		also = append(also, left)
		props.Outputs = &also
		return props
	}
	lint := leaves(build("Lint", "lint", lints, 1))
	test := leaves(build("Test", "test", tests, 1))
	sec := leaves(build("Sec", "sec", verify, 1))
	synth := leaves(build("Synth", "synth", verify, 1), assembly)
	// A build takes five artifacts at most, so each hands on what it was given.
	// See https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CodeBuild.html.
	deliver := func(name, targets string, runOrder float64, after ...string) *awscodepipelineactions.CodeBuildActionProps {
		props := build(name, targets, deploy, runOrder)
		inputs := []awscodepipeline.Artifact{assembly}
		for _, action := range after {
			inputs = append(inputs, evidence[action])
		}
		props.ExtraInputs = &inputs
		return props
	}
	smoke := leaves(deliver("Smoke", "smoke", 2, "Lint", "Test", "Sec"))
	drill := leaves(deliver("Drill", "drill", 3, "Smoke"))
	readiness := leaves(deliver("Readiness", "plan -send readiness", 1, "Drill"))
	readiness.VariablesNamespace = jsii.String("ReadinessVariables")
	if s.ReviewTokenSecret != "" {
		for _, name := range []string{"GITHUB_TOKEN", "GITLAB_TOKEN"} { // the platform that is asked reads its own
			(*readiness.EnvironmentVariables)[name] = &awscodebuild.BuildEnvironmentVariable{
				Type: awscodebuild.BuildEnvironmentVariableType_SECRETS_MANAGER, Value: s.ReviewTokenSecret,
			}
		}
	}
	promote := deliver("Promote", "promote", 1, "Readiness")
	// promote looks up who has approved this execution.
	(*promote.EnvironmentVariables)["PIPELINE_EXECUTION_ID"] = variable("#{codepipeline.PipelineExecutionId}")

	pipeline := awscodepipeline.NewPipeline(stack, jsii.String("Pipeline"), &awscodepipeline.PipelineProps{
		PipelineName: jsii.String(Name),
		PipelineType: awscodepipeline.PipelineType_V2,
		// An execution ends where its Update stage changes the pipeline; the
		// next one goes through the pipeline as it has become.
		RestartExecutionOnUpdate: jsii.Bool(true),
		ExecutionMode:            awscodepipeline.ExecutionMode_SUPERSEDED,
		ArtifactBucket:           newArtifactBucket(stack, key),
		// The pipeline's own role starts the builds: one role to read instead of
		// one for each action.
		UsePipelineRoleForActions: jsii.Bool(true),
	})
	stage := func(name string, onFailure *awscodepipeline.FailureConditions, actions ...awscodepipeline.IAction) {
		pipeline.AddStage(&awscodepipeline.StageOptions{StageName: jsii.String(name), Actions: &actions, OnFailure: onFailure})
	}
	stage("Source", nil, awscodepipelineactions.NewCodeStarConnectionsSourceAction(&awscodepipelineactions.CodeStarConnectionsSourceActionProps{
		ActionName:         jsii.String("Source"),
		VariablesNamespace: jsii.String("SourceVariables"),
		ConnectionArn:      connectionARN(stack, s),
		Owner:              jsii.String(s.Owner()),
		Repo:               jsii.String(s.Name()),
		Branch:             jsii.String(s.Branch),
		Output:             source,
		// A full clone: the checks look at the history, not at one tree only.
		CodeBuildCloneOutput: jsii.Bool(true),
	}))
	action := awscodepipelineactions.NewCodeBuildAction
	stage("Verify", nil,
		action(lint), action(test), action(sec), action(synth))
	stage("Update", nil, action(deliver("Pipeline", "pipeline:deploy", 1)))
	stage("Staging", &awscodepipeline.FailureConditions{Result: awscodepipeline.Result_ROLLBACK},
		action(deliver("Deploy", "deploy-staging", 1)),
		action(smoke),
		action(drill))
	stage("Approval", nil, action(readiness), awscodepipelineactions.NewManualApprovalAction(&awscodepipelineactions.ManualApprovalActionProps{
		ActionName:         jsii.String("Approve"),
		RunOrder:           jsii.Number(2),
		NotificationTopic:  topic,
		ExternalEntityLink: jsii.String("#{ReadinessVariables.REPORT_URL}"),
		AdditionalInformation: jsii.String("Commit #{SourceVariables.CommitId} answers on staging: #{ReadinessVariables.VERDICT}, " +
			"#{ReadinessVariables.WAIVERS} waivers, evidence sha256 #{ReadinessVariables.EVIDENCE_DIGEST}. Approving takes it to production."),
	}))
	stage("Production", nil, action(promote))

	notify(pipeline, topic)
	suppress(pipeline.Role(), "AwsSolutions-IAM5", "The wildcards are CodePipeline's own: the objects of its artifact bucket, and the uses of one key.")
	awscdk.NewCfnOutput(stack, jsii.String("PipelineName"), &awscdk.CfnOutputProps{Value: pipeline.PipelineName(), Description: jsii.String("the pipeline")})
	return stack, nil
}

// connectionARN returns the connection that the settings name, or that of a
// new one, which is pending until somebody completes it in the console. Either
// is put out, so that the outputs are the same for every team.
func connectionARN(stack awscdk.Stack, s settings.Settings) *string {
	arn := jsii.String(s.ConnectionARN)
	if s.ConnectionARN == "" {
		arn = newConnection(stack).AttrConnectionArn()
	}
	awscdk.NewCfnOutput(stack, jsii.String("ConnectionArn"), &awscdk.CfnOutputProps{
		Value:       arn,
		Description: jsii.String("the connection to the source; a new one must be completed once in the console"),
	})
	return arn
}

func newConnection(stack awscdk.Stack) awscodeconnections.CfnConnection {
	return awscodeconnections.NewCfnConnection(stack, jsii.String("Connection"), &awscodeconnections.CfnConnectionProps{
		ConnectionName: jsii.String("magewright"),
		ProviderType:   jsii.String("GitHub"),
	})
}

// newProject is the one definition of a build: the projects differ in what
// their roles may do and in their caches, and in nothing else.
func newProject(stack awscdk.Stack, id, description string, key awskms.IKey, context string) awscodebuild.PipelineProject {
	logs := awslogs.NewLogGroup(stack, jsii.String(id+"Logs"), &awslogs.LogGroupProps{
		Retention:     awslogs.RetentionDays_THREE_MONTHS,
		RemovalPolicy: awscdk.RemovalPolicy_DESTROY,
	})
	project := awscodebuild.NewPipelineProject(stack, jsii.String(id), &awscodebuild.PipelineProjectProps{
		Description:   jsii.String(description),
		BuildSpec:     awscodebuild.BuildSpec_FromSourceFilename(jsii.String("buildspec.yml")),
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
			"CDK_CONTEXT_JSON": {Value: context},
		},
		Logging: &awscodebuild.LoggingOptions{CloudWatch: &awscodebuild.CloudWatchLoggingOptions{LogGroup: logs}},
	})
	suppress(project.Role(), "AwsSolutions-IAM5", "The wildcards are CodeBuild's own: its log streams, its report groups, the objects of the artifact bucket and of its cache, and the uses of one key.")
	return project
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
}

// allowDeployment lets project assume the roles that cdk bootstrap made for
// deployments, look at what was deployed, and follow a shift of traffic.
func allowDeployment(stack awscdk.Stack, project awscodebuild.PipelineProject, staging string) {
	allow := func(actions []string, resources ...string) {
		project.AddToRolePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Actions:   jsii.Strings(actions...),
			Resources: jsii.Strings(resources...),
		}))
	}
	partition := *stack.Partition()
	allow([]string{"sts:AssumeRole"}, fmt.Sprintf("arn:%s:iam::*:role/cdk-*", partition))
	allow([]string{
		"cloudformation:DescribeStacks", "cloudformation:GetTemplate", "cloudformation:DetectStackDrift",
		"cloudformation:DescribeStackDriftDetectionStatus", "cloudformation:DescribeStackResourceDrifts",
	}, fmt.Sprintf("arn:%s:cloudformation:*:*:stack/%s*/*", partition, settings.StackPrefix))
	// promote stops a canary that is worse; the drill releases a bad version of
	// staging's function, and takes it back.
	allow([]string{
		"codedeploy:GetDeployment", "codedeploy:GetDeploymentConfig", "codedeploy:ListDeployments",
		"codedeploy:BatchGetDeploymentTargets", "codedeploy:ListDeploymentTargets", "codedeploy:GetDeploymentTarget", "codedeploy:GetDeploymentGroup",
		"codedeploy:StopDeployment", "codedeploy:CreateDeployment", "codedeploy:RegisterApplicationRevision", "codedeploy:GetApplicationRevision",
	}, fmt.Sprintf("arn:%s:codedeploy:*:*:*", partition))
	allow([]string{"cloudwatch:DescribeAlarms", "cloudwatch:DescribeAlarmHistory", "cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"},
		fmt.Sprintf("arn:%s:cloudwatch:*:*:alarm:%s*", partition, settings.StackPrefix))
	// Metrics have no ARN.
	// See https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html.
	allow([]string{"cloudwatch:GetMetricData"}, "*")
	allow([]string{"lambda:GetAlias", "lambda:GetFunctionConfiguration", "lambda:ListVersionsByFunction"}, fmt.Sprintf("arn:%s:lambda:*:*:function:%s*", partition, settings.StackPrefix))
	allow([]string{"lambda:UpdateFunctionConfiguration", "lambda:PublishVersion", "lambda:DeleteFunction", "lambda:UpdateAlias"},
		fmt.Sprintf("arn:%s:lambda:*:*:function:%s-*", partition, staging))
	allow([]string{"codepipeline:ListActionExecutions"}, fmt.Sprintf("arn:%s:codepipeline:*:*:%s", partition, Name))
	project.AddToRolePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions:    jsii.Strings("kms:GetPublicKey", "kms:Sign"),
		Resources:  jsii.Strings(fmt.Sprintf("arn:%s:kms:*:%s:key/*", partition, *stack.Account())),
		Conditions: &map[string]any{"StringEquals": map[string]any{"kms:RequestAlias": evidenceKeyAlias}},
	}))
	// Deployment plans go to the stages' topics, which their stages' keys encrypt.
	allow([]string{"sns:Publish"}, fmt.Sprintf("arn:%s:sns:*:*:%s*", partition, settings.StackPrefix))
	project.AddToRolePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions:    jsii.Strings("kms:Decrypt", "kms:GenerateDataKey"),
		Resources:  jsii.Strings(fmt.Sprintf("arn:%s:kms:*:*:key/*", partition)),
		Conditions: &map[string]any{"StringLike": map[string]any{"kms:ViaService": "sns.*.amazonaws.com"}},
	}))
}

func newKey(stack awscdk.Stack) awskms.Key {
	return awskms.NewKey(stack, jsii.String("Key"), &awskms.KeyProps{
		Description:       jsii.String("Artifacts and notifications of the pipeline"),
		EnableKeyRotation: jsii.Bool(true),
		RemovalPolicy:     awscdk.RemovalPolicy_RETAIN,
	})
}

func newArtifactBucket(stack awscdk.Stack, key awskms.IKey) awss3.IBucket {
	bucket := newBucket(stack, "Artifacts", key, true, &awss3.LifecycleRule{
		Expiration:                  awscdk.Duration_Days(jsii.Number(90)),
		NoncurrentVersionExpiration: awscdk.Duration_Days(jsii.Number(30)),
	})
	suppress(bucket, "AwsSolutions-S1", "Artifacts are written and read by the pipeline alone, which keeps a record of every execution.")
	return bucket
}

// newCacheBucket makes the bucket of the builds' caches. Each entry is for one
// week, which buildspec.yml has in its key, so that it expires after eight days.
func newCacheBucket(stack awscdk.Stack, key awskms.IKey) awss3.IBucket {
	bucket := newBucket(stack, "Cache", key, false, &awss3.LifecycleRule{
		Expiration: awscdk.Duration_Days(jsii.Number(8)),
	})
	suppress(bucket, "AwsSolutions-S1", "Caches are written and read by the pipeline's builds alone, and expire within days.")
	return bucket
}

func newBucket(stack awscdk.Stack, id string, key awskms.IKey, versioned bool, rule *awss3.LifecycleRule) awss3.Bucket {
	rule.AbortIncompleteMultipartUploadAfter = awscdk.Duration_Days(jsii.Number(7))
	return awss3.NewBucket(stack, jsii.String(id), &awss3.BucketProps{
		Versioned:         jsii.Bool(versioned),
		Encryption:        awss3.BucketEncryption_KMS,
		EncryptionKey:     key,
		BucketKeyEnabled:  jsii.Bool(true),
		EnforceSSL:        jsii.Bool(true),
		BlockPublicAccess: awss3.BlockPublicAccess_BLOCK_ALL(),
		RemovalPolicy:     awscdk.RemovalPolicy_RETAIN,
		LifecycleRules:    &[]*awss3.LifecycleRule{rule},
	})
}

func newTopic(stack awscdk.Stack, s settings.Settings, key awskms.Key) awssns.Topic {
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

// notify tells the topic how executions end.
func notify(pipeline awscodepipeline.Pipeline, topic awssns.ITopic) {
	text := awsevents.RuleTargetInput_FromText(awscdk.Fn_Join(jsii.String(" "), &[]*string{
		jsii.String("Pipeline"), awsevents.EventField_FromPath(jsii.String("$.detail.pipeline")),
		jsii.String("execution"), awsevents.EventField_FromPath(jsii.String("$.detail.execution-id")),
		jsii.String("is"), awsevents.EventField_FromPath(jsii.String("$.detail.state")),
	}))
	pipeline.OnStateChange(jsii.String("Ended"), &awsevents.OnEventOptions{
		Description: jsii.String("An execution of the pipeline has ended"),
		EventPattern: &awsevents.EventPattern{Detail: &map[string]any{
			"state": jsii.Strings("SUCCEEDED", "FAILED", "STOPPED", "SUPERSEDED"),
		}},
		Target: awseventstargets.NewSnsTopic(topic, &awseventstargets.SnsTopicProps{Message: text}),
	})
}

// suppress records why a rule of the AWS Solutions pack does not apply.
func suppress(construct constructs.IConstruct, rule, reason string) {
	cdknag.NagSuppressions_AddResourceSuppressions(construct, &[]*cdknag.NagPackSuppression{{
		Id:     jsii.String(rule),
		Reason: jsii.String(reason),
	}}, jsii.Bool(true))
}
