package drill

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/project/exit"
)

const executedVersion = "ExecutedVersion"

// prefix is what the names of a drill's alarms begin with.
func (d *drill) prefix() string { return d.outputs.FunctionName + "-drill-" }

// watchFault creates the alarms that a release of the bad version would have. It takes the
// definitions of the alarms that the deployment group watches for the good version and puts
// the bad version in its place. Alarms that watch all versions of the function are copied
// too.
func (d *drill) watchFault(ctx context.Context) error {
	group, err := d.deployments.GetDeploymentGroup(ctx, &codedeploy.GetDeploymentGroupInput{
		ApplicationName: &d.outputs.DeploymentApplication, DeploymentGroupName: &d.outputs.DeploymentGroup,
	})
	if err != nil {
		return fmt.Errorf("reading deployment group %s: %w", d.outputs.DeploymentGroup, err)
	}
	var names []string
	if c := group.DeploymentGroupInfo.AlarmConfiguration; c != nil && c.Enabled {
		for _, a := range c.Alarms {
			names = append(names, aws.ToString(a.Name))
		}
	}
	if len(names) == 0 {
		return exit.Failed("go tool mage deploy-"+stage, "deployment group %s watches no alarm: nothing would stop a bad version", d.outputs.DeploymentGroup)
	}
	described, err := d.alarms.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: names})
	if err != nil {
		return fmt.Errorf("reading the alarms of %s: %w", d.outputs.DeploymentGroup, err)
	}
	for _, a := range described.MetricAlarms {
		in, ok := d.ofFault(a)
		if !ok {
			continue // it watches something other than the new version's requests
		}
		if _, err := d.alarms.PutMetricAlarm(ctx, in); err != nil {
			return fmt.Errorf("making the bad version's alarm %s: %w", aws.ToString(in.AlarmName), err)
		}
		d.watching = append(d.watching, aws.ToString(in.AlarmName))
	}
	if len(d.watching) == 0 {
		return exit.Failed("go tool mage synth deploy-"+stage, "none of the alarms %s of deployment group %s watches function %s, so a bad version would not set one off; add an alarm to the CDK app, such as one on the metric Errors of alias %s",
			strings.Join(names, ", "), d.outputs.DeploymentGroup, d.outputs.FunctionName, d.outputs.AliasName)
	}
	return nil
}

// ofFault returns the same alarm for the bad version. It also reports whether the alarm would
// see that version's requests: an alarm can watch the version itself, or all versions of the
// alias or the function. See
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html.
func (d *drill) ofFault(a cloudwatchtypes.MetricAlarm) (*cloudwatch.PutMetricAlarmInput, bool) {
	found := false
	dimensions := func(namespace *string, all []cloudwatchtypes.Dimension) []cloudwatchtypes.Dimension {
		all = slices.Clone(all)
		values := map[string]string{}
		for i, dimension := range all {
			values[aws.ToString(dimension.Name)] = aws.ToString(dimension.Value)
			if aws.ToString(dimension.Name) == executedVersion && aws.ToString(dimension.Value) == d.good.number {
				all[i].Value, found = aws.String(d.bad.number), true
			}
		}
		resource, ofResource := values["Resource"]
		_, ofVersion := values[executedVersion]
		if aws.ToString(namespace) == "AWS/Lambda" && values["FunctionName"] == d.outputs.FunctionName && !ofVersion &&
			(!ofResource || resource == d.outputs.FunctionName || resource == d.outputs.FunctionName+":"+d.outputs.AliasName) {
			found = true
		}
		return all
	}
	metrics := slices.Clone(a.Metrics)
	for i, m := range metrics {
		if m.MetricStat == nil || m.MetricStat.Metric == nil {
			continue
		}
		stat, metric := *m.MetricStat, *m.MetricStat.Metric
		metric.Dimensions = dimensions(metric.Namespace, metric.Dimensions)
		stat.Metric = &metric
		metrics[i].MetricStat = &stat
	}
	in := &cloudwatch.PutMetricAlarmInput{
		AlarmName:        aws.String(d.prefix() + aws.ToString(a.AlarmName) + "-" + d.bad.number),
		AlarmDescription: aws.String("Rollback drill: " + aws.ToString(a.AlarmDescription)),
		ActionsEnabled:   a.ActionsEnabled, AlarmActions: a.AlarmActions, OKActions: a.OKActions, InsufficientDataActions: a.InsufficientDataActions,
		ComparisonOperator: a.ComparisonOperator, DatapointsToAlarm: a.DatapointsToAlarm, Dimensions: dimensions(a.Namespace, a.Dimensions),
		EvaluateLowSampleCountPercentile: a.EvaluateLowSampleCountPercentile, EvaluationPeriods: a.EvaluationPeriods,
		ExtendedStatistic: a.ExtendedStatistic, MetricName: a.MetricName, Metrics: metrics, Namespace: a.Namespace, Period: a.Period,
		Statistic: a.Statistic, Threshold: a.Threshold, ThresholdMetricId: a.ThresholdMetricId, TreatMissingData: a.TreatMissingData, Unit: a.Unit,
	}
	return in, found
}

func named(names []string) []types.Alarm {
	alarms := make([]types.Alarm, len(names))
	for i, name := range names {
		alarms[i] = types.Alarm{Name: aws.String(name)}
	}
	return alarms
}

// firstAnswer returns when the bad version first answered. That is the minute of its first
// invocation, because Lambda's metrics are no finer, or the start of its deployment if that
// is later. The result may be too early, so the measured times are never too short.
func (d *drill) firstAnswer(ctx context.Context, started time.Time) (time.Time, error) {
	data, err := d.alarms.GetMetricData(ctx, &cloudwatch.GetMetricDataInput{
		StartTime: aws.Time(started.Truncate(time.Minute)), EndTime: aws.Time(started.Add(time.Hour)),
		ScanBy: cloudwatchtypes.ScanByTimestampAscending,
		MetricDataQueries: []cloudwatchtypes.MetricDataQuery{{Id: aws.String("invocations"), MetricStat: &cloudwatchtypes.MetricStat{
			Metric: &cloudwatchtypes.Metric{Namespace: aws.String("AWS/Lambda"), MetricName: aws.String("Invocations"), Dimensions: []cloudwatchtypes.Dimension{
				{Name: aws.String("FunctionName"), Value: &d.outputs.FunctionName},
				{Name: aws.String("Resource"), Value: aws.String(d.outputs.FunctionName + ":" + d.outputs.AliasName)},
				{Name: aws.String(executedVersion), Value: &d.bad.number},
			}},
			Period: aws.Int32(60), Stat: aws.String("Sum"),
		}}},
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the invocations of version %s: %w", d.bad.number, err)
	}
	for _, result := range data.MetricDataResults {
		for i, n := range result.Values {
			if n > 0 && result.Timestamps[i].After(started) {
				return result.Timestamps[i], nil
			}
			if n > 0 {
				break
			}
		}
	}
	return started, nil
}

// historyAttempts is how many times the history of the alarms is read. It can arrive later
// than the effect of the alarm.
const historyAttempts = 60

// firstAlarm returns when the first of the bad version's alarms went off, or the zero time if
// none did.
func (d *drill) firstAlarm(ctx context.Context) (at time.Time, alarm string, err error) {
	for range historyAttempts {
		for _, name := range d.watching {
			history, err := d.alarms.DescribeAlarmHistory(ctx, &cloudwatch.DescribeAlarmHistoryInput{
				AlarmName: &name, HistoryItemType: cloudwatchtypes.HistoryItemTypeStateUpdate,
			})
			if err != nil {
				return at, "", fmt.Errorf("reading the history of alarm %s: %w", name, err)
			}
			for _, item := range history.AlarmHistoryItems {
				if strings.HasSuffix(aws.ToString(item.HistorySummary), " to ALARM") && (at.IsZero() || item.Timestamp.Before(at)) {
					at, alarm = *item.Timestamp, name
				}
			}
		}
		if !at.IsZero() {
			return at, alarm, nil
		}
		if err := clock.Sleep(ctx, d.clock, pollInterval); err != nil {
			return at, "", err
		}
	}
	return at, "", nil
}
