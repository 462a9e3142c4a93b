// Package delivery has constructs for any CDK app in Go whose functions Magewright delivers:
//
//   - [NewDelivery] puts a function behind an alias. CodeDeploy shifts the alias's traffic to
//     a new version, and shifts it back if an alarm goes off.
//   - [NewPipeline] defines the pipeline that takes a commit through the stages. It also
//     writes the manifest, from which the tools learn the names of all this.
//   - [NewEvidence] defines the bucket that keeps the evidence of releases.
//
// If the id of a delivery or of evidence is "", its resources are defined in the caller's
// scope itself. So a stack that is already deployed can use these constructs: its logical ids
// stay the same, and none of its resources is replaced.
package delivery

import (
	"fmt"
	"maps"
	"regexp"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscodedeploy"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/interfaces/interfacesawscloudwatch"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"

	"github.com/magewright/magewright/tools/project/agreed"
)

// Alias is the name of the alias that serves a function's traffic.
const Alias = "live"

const (
	alarmPeriodMinutes     = 1
	alarmEvaluationPeriods = 1
)

// Limits say what alarms consider too much, over one minute. promote reads them from the
// synthesized template and uses the same limits for a canary.
type Limits struct {
	ErrorPercent    float64 // percent of the invocations that may fail; 5 by default
	P90Milliseconds float64 // the duration that one in ten invocations may exceed; 3000 by default
}

// DeliveryProps say what is delivered, and how.
type DeliveryProps struct { //nolint:revive // the CDK calls properties by what they are of
	// Function is the caller's function. The alias serves its current version.
	Function awslambda.Function
	// Shift is the name of the CodeDeploy configuration with which traffic shifts;
	// CodeDeployDefault.LambdaAllAtOnce by default.
	Shift string
	// Alarms are the limits beyond which alarms go off.
	Alarms Limits
	// Topic is notified when alarms go off. If it is encrypted with the caller's own key,
	// CloudWatch must be allowed to use that key.
	Topic awssns.ITopic
}

// A Delivery is a function behind an alias, with the alarms that watch it and the deployment
// group that shifts its traffic. Everything that invokes the function must invoke the alias:
// see URL, Queue, Schedule and Subscribe.
type Delivery struct {
	Alias awslambda.Alias
	Group awscodedeploy.LambdaDeploymentGroup
	// OnAlias are the alarms that watch all of the alias's traffic and notify the topic.
	OnAlias []awscloudwatch.Alarm
	// Gates are the alarms that watch the version that is being deployed and stop its
	// deployment. The alarms on the alias don't: they are in alarm while a bad version
	// serves, and would stop the deployment of its fix.
	Gates []awscloudwatch.Alarm

	scope    constructs.Construct
	id       string
	limits   Limits
	topic    awssns.ITopic
	function awslambda.Function
	outputs  map[string]awscdk.CfnOutput
	sources  []source
}

// NewDelivery defines the alias of a function, the alarms on the alias and on the newest
// version, and the CodeDeploy application and deployment group.
func NewDelivery(scope constructs.Construct, id string, props *DeliveryProps) *Delivery {
	limits := props.Alarms
	if limits.ErrorPercent == 0 {
		limits.ErrorPercent = agreed.UsualErrorPercent
	}
	if limits.P90Milliseconds == 0 {
		limits.P90Milliseconds = agreed.UsualP90Milliseconds
	}
	d := &Delivery{
		scope:    within(scope, id),
		id:       id,
		limits:   limits,
		topic:    props.Topic,
		function: props.Function,
		outputs:  map[string]awscdk.CfnOutput{},
	}
	d.Alias = awslambda.NewAlias(d.scope, jsii.String("Alias"), &awslambda.AliasProps{
		AliasName: jsii.String(Alias),
		Version:   props.Function.CurrentVersion(),
	})
	d.alarms()
	d.shift(props.Shift)
	d.output("FunctionName", "the function", props.Function.FunctionName())
	d.output("AliasName", "the alias that serves the traffic", d.Alias.AliasName())
	d.output("DeploymentApplication", "the CodeDeploy application", d.Group.Application().ApplicationName())
	d.output("DeploymentGroup", "the CodeDeploy deployment group", d.Group.DeploymentGroupName())
	d.output("NotificationTopic", "the topic that alarms go to", props.Topic.TopicArn())
	return d
}

// within returns a construct with an id in scope. For the id "" it returns scope itself.
func within(scope constructs.Construct, id string) constructs.Construct {
	if id == "" {
		return scope
	}
	return constructs.NewConstruct(scope, jsii.String(id))
}

// output defines an output that the manifest names.
func (d *Delivery) output(name, description string, value *string) {
	d.outputs[name] = awscdk.NewCfnOutput(d.scope, jsii.String(name), &awscdk.CfnOutputProps{Value: value, Description: jsii.String(description)})
}

func (d *Delivery) alarms() {
	// A topic without a policy lets its own account publish. A policy that only refuses plain
	// HTTP, which is what EnforceSSL writes, would silence all alarms. See
	// https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html.
	d.topic.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("cloudwatch.amazonaws.com"), nil)},
		Actions:    jsii.Strings("sns:Publish"),
		Resources:  jsii.Strings(*d.topic.TopicArn()),
		Conditions: &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": awscdk.Stack_Of(d.scope).Account()}},
	}))
	tooManyErrors := d.tooMany()
	tooSlow := fmt.Sprintf("takes longer than %g s", d.limits.P90Milliseconds/1000)
	alias, version := d.dimensions()
	d.OnAlias = []awscloudwatch.Alarm{
		d.alarm("AliasErrors", nil, tooManyErrors+" of the stage's invocations fail", errorPercent(alias), d.limits.ErrorPercent),
		d.alarm("AliasThrottles", nil, "The stage's invocations are throttled", metric("Throttles", "Sum", alias), 0),
		d.alarm("AliasDuration", nil, "One in ten of the stage's invocations "+tooSlow, metric("Duration", "p90", alias), d.limits.P90Milliseconds),
	}
	d.Gates = []awscloudwatch.Alarm{
		d.alarm("VersionErrors", d.ofVersion("VersionErrors"), tooManyErrors+" of the newest version's invocations fail", errorPercent(version), d.limits.ErrorPercent),
		d.alarm("VersionDuration", d.ofVersion("VersionDuration"), "One in ten of the newest version's invocations "+tooSlow, metric("Duration", "p90", version), d.limits.P90Milliseconds),
	}
}

// serverErrors defines the alarms on requests to the function's URL that are answered with
// HTTP 5xx. A function that handles its own failures answers like that, and its invocations
// don't fail.
func (d *Delivery) serverErrors() {
	alias, version := d.dimensions()
	d.OnAlias = append(d.OnAlias, d.alarm("AliasServerErrors", nil,
		d.tooMany()+" of the requests to the stage's URL are answered with HTTP 5xx", serverErrorPercent(alias), d.limits.ErrorPercent))
	gate := d.alarm("VersionServerErrors", d.ofVersion("VersionServerErrors"),
		d.tooMany()+" of the requests to the newest version's URL are answered with HTTP 5xx", serverErrorPercent(version), d.limits.ErrorPercent)
	d.Gates = append(d.Gates, gate)
	d.Group.AddAlarm(gate)
}

func (d *Delivery) tooMany() string { return fmt.Sprintf("More than %g %%", d.limits.ErrorPercent) }

// dimensions returns the dimensions of the metrics of the alias and of the newest version.
// Lambda publishes metrics with exactly these sets of dimensions. With one dimension more or
// one less, an alarm never gets any data. See
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html and
// https://docs.aws.amazon.com/lambda/latest/dg/urls-monitoring.html.
func (d *Delivery) dimensions() (alias, version map[string]*string) {
	resource := awscdk.Fn_Join(jsii.String(":"), &[]*string{d.function.FunctionName(), jsii.String(Alias)})
	alias = map[string]*string{"FunctionName": d.function.FunctionName(), "Resource": resource}
	version = maps.Clone(alias)
	version["ExecutedVersion"] = d.function.CurrentVersion().Version()
	return alias, version
}

// alarm defines an alarm that notifies the topic.
func (d *Delivery) alarm(id string, name *string, description string, metric awscloudwatch.IMetric, threshold float64) awscloudwatch.Alarm {
	a := awscloudwatch.NewAlarm(d.scope, jsii.String(id), &awscloudwatch.AlarmProps{
		AlarmName:          name,
		AlarmDescription:   jsii.String(description),
		Metric:             metric,
		Threshold:          jsii.Number(threshold),
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_THRESHOLD,
		EvaluationPeriods:  jsii.Number(alarmEvaluationPeriods),
		DatapointsToAlarm:  jsii.Number(alarmEvaluationPeriods),
		TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
	})
	a.AddAlarmAction(awscloudwatchactions.NewSnsAction(d.topic))
	return a
}

// ofVersion returns the name of an alarm on the newest version. An alarm keeps its state when
// it is updated, so an alarm that went off for a bad version would stop the deployment of the
// good version after it. Therefore each version has its own alarms. The names of alarms are
// unique in an account, and two functions of one stack can have versions with the same number.
// See https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html.
func (d *Delivery) ofVersion(name string) *string {
	parts := []*string{awscdk.Stack_Of(d.scope).StackName()}
	if d.id != "" {
		parts = append(parts, jsii.String(d.id))
	}
	parts = append(parts, jsii.String(name), d.function.CurrentVersion().Version())
	return awscdk.Fn_Join(jsii.String("-"), &parts)
}

func metric(name, statistic string, dimensions map[string]*string) awscloudwatch.Metric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace:     jsii.String("AWS/Lambda"),
		MetricName:    jsii.String(name),
		Statistic:     jsii.String(statistic),
		DimensionsMap: &dimensions,
		Period:        awscdk.Duration_Minutes(jsii.Number(alarmPeriodMinutes)),
	})
}

// errorPercent is the percentage of invocations that fail. A count of errors means nothing
// without the traffic that caused it.
func errorPercent(dimensions map[string]*string) awscloudwatch.IMetric {
	return percent("100 * errors / invocations", "Errors (%)", map[string]awscloudwatch.IMetric{
		"errors":      metric("Errors", "Sum", dimensions),
		"invocations": metric("Invocations", "Sum", dimensions),
	})
}

// serverErrorPercent is the percentage of the requests to a function URL that are answered
// with HTTP 5xx.
func serverErrorPercent(dimensions map[string]*string) awscloudwatch.IMetric {
	return percent("100 * failed / requests", "HTTP 5xx (%)", map[string]awscloudwatch.IMetric{
		"failed":   metric("Url5xxCount", "Sum", dimensions),
		"requests": metric("UrlRequestCount", "Sum", dimensions),
	})
}

func percent(expression, label string, of map[string]awscloudwatch.IMetric) awscloudwatch.IMetric {
	return awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
		Expression:   jsii.String(expression),
		Label:        jsii.String(label),
		Period:       awscdk.Duration_Minutes(jsii.Number(alarmPeriodMinutes)),
		UsingMetrics: &of,
	})
}

// shift defines the deployment group. The gates stop its deployments.
func (d *Delivery) shift(configuration string) {
	if configuration == "" {
		configuration = "CodeDeployDefault.LambdaAllAtOnce"
	}
	watched := make([]interfacesawscloudwatch.IAlarmRef, len(d.Gates))
	for i, gate := range d.Gates {
		watched[i] = gate
	}
	d.Group = awscodedeploy.NewLambdaDeploymentGroup(d.scope, jsii.String("Shift"), &awscodedeploy.LambdaDeploymentGroupProps{
		Application: awscodedeploy.NewLambdaApplication(d.scope, jsii.String("Application"), nil),
		Alias:       d.Alias,
		DeploymentConfig: awscodedeploy.LambdaDeploymentConfig_FromLambdaDeploymentConfigName(
			d.scope, jsii.String("ShiftConfig"), jsii.String(configuration)),
		Alarms:                  &watched,
		IgnorePollAlarmsFailure: jsii.Bool(false),
		AutoRollback: &awscodedeploy.AutoRollbackConfig{
			FailedDeployment:  jsii.Bool(true),
			StoppedDeployment: jsii.Bool(true),
			DeploymentInAlarm: jsii.Bool(true),
		},
	})
	suppress(d.Group.Role(), true, "AwsSolutions-IAM4", "AWSCodeDeployRoleForLambdaLimited is the policy that AWS maintains for shifting aliases, and its narrowest one.",
		Finding("Policy::arn:{partition}:iam::aws:policy/service-role/AWSCodeDeployRoleForLambdaLimited"))
}

// suppress records why a rule of the AWS Solutions pack does not apply. If a rule has several
// findings, such as wildcards, it only suppresses the ones that are named, so that later ones
// are found.
func suppress(construct constructs.IConstruct, children bool, rule, reason string, findings ...any) {
	suppression := &cdknag.NagPackSuppression{Id: jsii.String(rule), Reason: jsii.String(reason)}
	if len(findings) > 0 {
		suppression.AppliesTo = &findings
	}
	cdknag.NagSuppressions_AddResourceSuppressions(construct, &[]*cdknag.NagPackSuppression{suppression}, jsii.Bool(children))
}

// Finding returns a finding of cdk-nag for the field AppliesTo of a suppression. In the text,
// {partition}, {region} and {account} match those of any stack. {Name} matches the resource
// whose logical id is Name followed by the CDK's hash.
func Finding(text string) any {
	pattern := regexp.QuoteMeta(text)
	for placeholder, any := range map[string]string{"partition": "(?:<AWS::Partition>|aws[a-z-]*)", "region": "(?:<AWS::Region>|[^:]+)", "account": "(?:<AWS::AccountId>|[^:]+)"} {
		pattern = strings.ReplaceAll(pattern, `\{`+placeholder+`\}`, any)
	}
	pattern = namedResource.ReplaceAllString(pattern, "<${1}[0-9A-F]{8}$2>")
	return &cdknag.RegexAppliesTo{Regex: jsii.String("/^" + pattern + "$/")}
}

// namedResource matches a quoted {Name}, or {Name.Attribute}.
var namedResource = regexp.MustCompile(`\\\{([A-Za-z0-9]+)((?:\\\.[A-Za-z]+)?)\\\}`)
