package service

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscodedeploy"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/interfaces/interfacesawscloudwatch"
	"github.com/aws/jsii-runtime-go"

	"github.com/magewright/magewright/infra/settings"
)

// What an alarm takes as too much, over one minute. promote reads the thresholds
// from the synthesized template and takes the same as too much for a canary.
const (
	maxErrorPercent        = 5
	maxThrottles           = 0
	maxP90Milliseconds     = 3000
	alarmPeriodMinutes     = 1
	alarmEvaluationPeriods = 1
)

// alarms of one stage.
type alarms struct {
	// onAlias watch all of the stage's traffic and notify.
	onAlias []awscloudwatch.Alarm
	// gates watch the version that is being deployed and stop its deployment.
	// The alias's alarms don't: while a bad version serves they are in alarm,
	// and would stop the deployment of its fix.
	gates []awscloudwatch.Alarm
}

func newAlarms(stack awscdk.Stack, function awslambda.Function, topic awssns.ITopic) alarms {
	resource := awscdk.Fn_Join(jsii.String(":"), &[]*string{function.FunctionName(), jsii.String(Alias)})
	// Lambda publishes under exactly these sets of dimensions; one more or one
	// less, and an alarm has no data for ever.
	// See https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html.
	aliasDimensions := map[string]*string{"FunctionName": function.FunctionName(), "Resource": resource}
	versionDimensions := map[string]*string{
		"FunctionName":    function.FunctionName(),
		"Resource":        resource,
		"ExecutedVersion": function.CurrentVersion().Version(),
	}
	alarm := func(id string, name *string, description string, metric awscloudwatch.IMetric, threshold float64) awscloudwatch.Alarm {
		a := awscloudwatch.NewAlarm(stack, jsii.String(id), &awscloudwatch.AlarmProps{
			AlarmName:          name,
			AlarmDescription:   jsii.String(description),
			Metric:             metric,
			Threshold:          jsii.Number(threshold),
			ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_THRESHOLD,
			EvaluationPeriods:  jsii.Number(alarmEvaluationPeriods),
			DatapointsToAlarm:  jsii.Number(alarmEvaluationPeriods),
			TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
		})
		a.AddAlarmAction(awscloudwatchactions.NewSnsAction(topic))
		return a
	}
	// An alarm that is updated keeps its state: that of a bad version would stop
	// the deployment of the good one after it. So each version has its own.
	// See https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html.
	ofVersion := func(id string) *string {
		return awscdk.Fn_Join(jsii.String("-"), &[]*string{stack.StackName(), jsii.String(id), function.CurrentVersion().Version()})
	}
	tooManyErrors := fmt.Sprintf("More than %d %%", maxErrorPercent)
	tooSlow := fmt.Sprintf("takes longer than %g s", maxP90Milliseconds/1000.)
	return alarms{
		onAlias: []awscloudwatch.Alarm{
			alarm("AliasErrors", nil, tooManyErrors+" of the stage's invocations fail", errorPercent(aliasDimensions), maxErrorPercent),
			alarm("AliasThrottles", nil, "The stage's invocations are throttled", metric("Throttles", "Sum", aliasDimensions), maxThrottles),
			alarm("AliasDuration", nil, "One in ten of the stage's invocations "+tooSlow, metric("Duration", "p90", aliasDimensions), maxP90Milliseconds),
		},
		gates: []awscloudwatch.Alarm{
			alarm("VersionErrors", ofVersion("VersionErrors"), tooManyErrors+" of the newest version's invocations fail", errorPercent(versionDimensions), maxErrorPercent),
			alarm("VersionDuration", ofVersion("VersionDuration"), "One in ten of the newest version's invocations "+tooSlow, metric("Duration", "p90", versionDimensions), maxP90Milliseconds),
		},
	}
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

// errorPercent is the share of failed invocations. A count of errors would say
// nothing without the traffic it came from.
func errorPercent(dimensions map[string]*string) awscloudwatch.IMetric {
	return awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
		Expression: jsii.String("100 * errors / invocations"),
		Label:      jsii.String("Errors (%)"),
		Period:     awscdk.Duration_Minutes(jsii.Number(alarmPeriodMinutes)),
		UsingMetrics: &map[string]awscloudwatch.IMetric{
			"errors":      metric("Errors", "Sum", dimensions),
			"invocations": metric("Invocations", "Sum", dimensions),
		},
	})
}

func newDeploymentGroup(stack awscdk.Stack, stage settings.Stage, alias awslambda.Alias, gates []awscloudwatch.Alarm) awscodedeploy.LambdaDeploymentGroup {
	watched := make([]interfacesawscloudwatch.IAlarmRef, len(gates))
	for i, gate := range gates {
		watched[i] = gate
	}
	group := awscodedeploy.NewLambdaDeploymentGroup(stack, jsii.String("Shift"), &awscodedeploy.LambdaDeploymentGroupProps{
		Application: awscodedeploy.NewLambdaApplication(stack, jsii.String("Application"), nil),
		Alias:       alias,
		DeploymentConfig: awscodedeploy.LambdaDeploymentConfig_FromLambdaDeploymentConfigName(
			stack, jsii.String("ShiftConfig"), jsii.String(stage.DeploymentConfig)),
		Alarms:                  &watched,
		IgnorePollAlarmsFailure: jsii.Bool(false),
		AutoRollback: &awscodedeploy.AutoRollbackConfig{
			FailedDeployment:  jsii.Bool(true),
			StoppedDeployment: jsii.Bool(true),
			DeploymentInAlarm: jsii.Bool(true),
		},
	})
	suppress(group.Role(), true, "AwsSolutions-IAM4", "AWSCodeDeployRoleForLambdaLimited is the policy that AWS maintains for shifting aliases, and its narrowest one.")
	return group
}

func newDashboard(stack awscdk.Stack, stage settings.Stage, a alarms) {
	all := append(append([]awscloudwatch.Alarm{}, a.onAlias...), a.gates...)
	widgets := []awscloudwatch.IWidget{}
	for _, alarm := range all {
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
