// Package service defines the stack of the service: the function behind its alias and URL,
// the bucket to which it writes, the alarms that watch it, and the CodeDeploy group that
// shifts its traffic.
package service

import (
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"

	"github.com/magewright/magewright/infra/delivery"
	"github.com/magewright/magewright/infra/settings"
)

// timeout is the longest time that an invocation may take. The latency alarm is well below
// it.
const timeoutSeconds = 10

// concurrency is how many requests are answered at the same time. A request takes some
// hundredths of a second.
const concurrency = 20

// A Service is the stack of one stage, with the parts of it that a pipeline delivers.
type Service struct {
	Stack    awscdk.Stack
	Function *delivery.Delivery
	Evidence *delivery.Evidence
}

// NewStack defines the service of one stage in scope. Its delivery and its evidence have no
// id, because the stack was deployed before these constructs existed. So the logical ids stay
// the same, and with them the bucket, the key and the alias.
func NewStack(scope constructs.Construct, stage settings.Stage, s settings.Settings) Service {
	stack := awscdk.NewStack(scope, jsii.String(stage.StackName()), &awscdk.StackProps{
		Env:                   stage.Env(),
		Description:           jsii.String("Release ledger, " + stage.Name),
		TerminationProtection: jsii.Bool(stage.Name == "production"),
	})
	// The evidence of releases is kept by the service that they are releases of.
	// Another stack would have another bucket, and what is locked in this one stays there.
	evidence := delivery.NewEvidence(stack, "", &delivery.EvidenceProps{
		Of: "the release ledger", Compliance: s.EvidenceLock == "compliance" && stage.Name == "production",
	})
	topic := newTopic(stack, s, evidence.Key)
	function := delivery.NewDelivery(stack, "", &delivery.DeliveryProps{
		Function: newFunction(stack, stage, s, evidence),
		Shift:    stage.DeploymentConfig,
		Topic:    topic,
	})
	url := function.URL(&awslambda.FunctionUrlOptions{AuthType: awslambda.FunctionUrlAuthType_NONE})
	// The rule function_url of infra/policy requires a reason.
	url.Node().DefaultChild().(awscdk.CfnResource).AddMetadata(jsii.String("magewright"), map[string]string{
		"public": "Approvers open the page of a release in a browser, which signs no requests; the ledger decides what it takes.",
	})
	newDashboard(stack, stage, function)
	return Service{Stack: stack, Function: function, Evidence: evidence}
}

func newFunction(stack awscdk.Stack, stage settings.Stage, s settings.Settings, evidence *delivery.Evidence) awslambda.Function {
	logs := awslogs.NewLogGroup(stack, jsii.String("Logs"), &awslogs.LogGroupProps{
		Retention:     awslogs.RetentionDays_THREE_MONTHS,
		RemovalPolicy: awscdk.RemovalPolicy_RETAIN,
	})
	role := awsiam.NewRole(stack, jsii.String("Role"), &awsiam.RoleProps{
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
		Description: jsii.String("What the release ledger may do, " + stage.Name),
	})
	logs.GrantWrite(role)
	evidence.GrantLedger(role)
	suppress(role, true, "AwsSolutions-IAM5", "The wildcard stands for the keys of evidence below releases/, one for each commit.", delivery.Finding("Resource::{Evidence.Arn}/releases/*"))

	return awslambda.NewFunction(stack, jsii.String("Function"), &awslambda.FunctionProps{
		Description:  jsii.String(description(stage, s)),
		Runtime:      awslambda.Runtime_PROVIDED_AL2023(),
		Architecture: architecture(s.Architecture),
		Handler:      jsii.String("bootstrap"),
		Code:         awslambda.Code_FromAsset(jsii.String(s.Package), nil),
		MemorySize:   jsii.Number(256),
		Timeout:      awscdk.Duration_Seconds(jsii.Number(timeoutSeconds)),
		// Anybody may call the URL. A flood of requests can use at most this much of the
		// account's concurrency.
		ReservedConcurrentExecutions: jsii.Number(concurrency),
		Role:                         role,
		LogGroup:                     logs,
		Environment: &map[string]*string{
			"EVIDENCE_BUCKET": evidence.Bucket.BucketName(),
			"EVIDENCE_KEY":    jsii.String(s.EvidenceKey),
			"STAGE":           jsii.String(stage.Name),
		},
		CurrentVersionOptions: &awslambda.VersionOptions{
			// A rollback needs the version to which it returns.
			RemovalPolicy: awscdk.RemovalPolicy_RETAIN,
			// Lambda publishes no version if somebody has replaced the package.
			CodeSha256: delivery.CodeSHA256(s.Package),
		},
	})
}

// description says from what a version of the function was built. Each version keeps the
// description with which it was published. So Lambda knows the commit of the serving version,
// even after a rollback.
func description(stage settings.Stage, s settings.Settings) string {
	text := "Release ledger, " + stage.Name
	if s.Commit != "" {
		text += ", commit " + s.Commit
	}
	return text
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

// suppress records why a rule of the AWS Solutions pack does not apply to findings.
func suppress(construct constructs.IConstruct, children bool, rule, reason string, findings ...any) {
	cdknag.NagSuppressions_AddResourceSuppressions(construct, &[]*cdknag.NagPackSuppression{{
		Id:        jsii.String(rule),
		Reason:    jsii.String(reason),
		AppliesTo: &findings,
	}}, jsii.Bool(children))
}

func newDashboard(stack awscdk.Stack, stage settings.Stage, d *delivery.Delivery) {
	widgets := []awscloudwatch.IWidget{}
	for _, alarm := range slices.Concat(d.OnAlias, d.Gates) {
		widgets = append(widgets, awscloudwatch.NewAlarmWidget(&awscloudwatch.AlarmWidgetProps{
			Title: jsii.String(*alarm.Node().Id()),
			Alarm: alarm,
			Width: jsii.Number(8),
		}))
	}
	awscloudwatch.NewDashboard(stack, jsii.String("Dashboard"), &awscloudwatch.DashboardProps{
		DashboardName: jsii.String(stage.StackName()),
	}).AddWidgets(widgets...)
}
