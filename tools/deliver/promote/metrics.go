package promote

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	deploytypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/magewright/magewright/tools/deliver/canary"
	"github.com/magewright/magewright/tools/project/stack"
)

// What is read of each version, by the first letters of the queries' ids.
var statistics = []struct{ id, metric, stat string }{
	{"invocations", "Invocations", "Sum"},
	{"errors", "Errors", "Sum"},
	{"duration", "Duration", "p90"},
}

// readMinutes reads what versions did in each minute from start on, by
// CloudWatch's clock. They are whole minutes: the first may hold some of the old
// version's from before the shift. Lambda publishes under exactly these three dimensions;
// one more or one less, and there is no data.
// See https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html.
func readMinutes(ctx context.Context, client *cloudwatch.Client, o stack.Outputs, start time.Time, length time.Duration, versions ...string) (map[string][]canary.Minute, error) {
	in := &cloudwatch.GetMetricDataInput{
		StartTime: aws.Time(start.Truncate(time.Minute)),
		EndTime:   aws.Time(start.Add(length).Truncate(time.Minute).Add(time.Minute)),
		ScanBy:    types.ScanByTimestampAscending,
	}
	for i, version := range versions {
		for _, s := range statistics {
			in.MetricDataQueries = append(in.MetricDataQueries, types.MetricDataQuery{
				Id: aws.String(fmt.Sprintf("%s%d", s.id, i)),
				MetricStat: &types.MetricStat{
					Metric: &types.Metric{
						Namespace: aws.String("AWS/Lambda"), MetricName: aws.String(s.metric),
						Dimensions: []types.Dimension{
							{Name: aws.String("FunctionName"), Value: &o.FunctionName},
							{Name: aws.String("Resource"), Value: aws.String(o.FunctionName + ":" + o.AliasName)},
							{Name: aws.String("ExecutedVersion"), Value: aws.String(version)},
						},
					},
					Period: aws.Int32(60), Stat: aws.String(s.stat),
				},
			})
		}
	}
	found := make([]map[time.Time]canary.Minute, len(versions))
	for i := range found {
		found[i] = map[time.Time]canary.Minute{}
	}
	pages := cloudwatch.NewGetMetricDataPaginator(client, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("reading the metrics of %s: %w", o.FunctionName, err)
		}
		for _, result := range page.MetricDataResults {
			for i := range versions {
				collect(found[i], aws.ToString(result.Id), fmt.Sprint(i), result)
			}
		}
	}
	minutes := map[string][]canary.Minute{}
	for i, version := range versions {
		for _, m := range found[i] {
			minutes[version] = append(minutes[version], m)
		}
		slices.SortFunc(minutes[version], func(a, b canary.Minute) int { return cmp.Compare(a.Start.Unix(), b.Start.Unix()) })
	}
	return minutes, nil
}

// collect adds the values of one result to the minutes of the version whose
// suffix its id has.
func collect(minutes map[time.Time]canary.Minute, id, suffix string, result types.MetricDataResult) {
	name, ok := strings.CutSuffix(id, suffix)
	if !ok {
		return
	}
	for i, at := range result.Timestamps {
		at = at.UTC()
		m := minutes[at]
		m.Start = at
		switch name {
		case "invocations":
			m.Invocations += int(result.Values[i])
		case "errors":
			m.Errors += int(result.Values[i])
		case "duration":
			m.P90 = result.Values[i]
		}
		minutes[at] = m
	}
}

// shiftTime returns how long traffic is shared until all of it has moved; 0
// where it moves at once.
func shiftTime(routing *deploytypes.TrafficRoutingConfig) time.Duration {
	switch {
	case routing == nil:
		return 0
	case routing.TimeBasedCanary != nil:
		return time.Duration(routing.TimeBasedCanary.CanaryInterval) * time.Minute
	case routing.TimeBasedLinear != nil && routing.TimeBasedLinear.LinearPercentage > 0:
		l := routing.TimeBasedLinear
		steps := (100+l.LinearPercentage-1)/l.LinearPercentage - 1
		return time.Duration(l.LinearInterval*steps) * time.Minute
	}
	return 0
}
