package localaws_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// CloudWatch gets the metrics in a log event, no matter who puts the event.
func TestMetricsFromLogs(t *testing.T) {
	t.Parallel()
	cfg := start(t)
	ctx, logs := t.Context(), cloudwatchlogs.NewFromConfig(cfg)
	group, stream := aws.String("shop"), aws.String("one")
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: group}))
	must(logs.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: group, LogStreamName: stream}))
	groups, err := logs.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{})
	must(groups, err)
	now := time.UnixMilli(*groups.LogGroups[0].CreationTime) // by the embedded AWS's clock
	must(logs.PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{LogGroupName: group, LogStreamName: stream, LogEvents: []types.InputLogEvent{{
		Timestamp: aws.Int64(now.UnixMilli()),
		Message:   aws.String(`{"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"Shop","Dimensions":[["Stage"]],"Metrics":[{"Name":"Sold","Unit":"Count"}]}]},"Stage":"live","Sold":2}`),
	}}}))
	out, err := cloudwatch.NewFromConfig(cfg).GetMetricStatistics(ctx, &cloudwatch.GetMetricStatisticsInput{
		Namespace: aws.String("Shop"), MetricName: aws.String("Sold"), Dimensions: []cloudwatchtypes.Dimension{{Name: aws.String("Stage"), Value: aws.String("live")}},
		Period: aws.Int32(60), StartTime: aws.Time(now.Add(-time.Minute)), EndTime: aws.Time(now.Add(time.Minute)), Statistics: []cloudwatchtypes.Statistic{cloudwatchtypes.StatisticSum},
	})
	must(out, err)
	if len(out.Datapoints) != 1 || *out.Datapoints[0].Sum != 2 {
		t.Errorf("%+v, want one data point of 2", out.Datapoints)
	}
}
