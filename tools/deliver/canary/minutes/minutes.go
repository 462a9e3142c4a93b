// Package minutes reads from CloudWatch's metrics what the versions of a function did in each
// minute.
package minutes

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	deploytypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/magewright/magewright/tools/deliver/canary"
)

// The metrics that are read for each version, by the first letters of the queries' ids.
var statistics = []struct{ id, metric, stat string }{
	{"invocations", "Invocations", "Sum"},
	{"errors", "Errors", "Sum"},
	{"duration", "Duration", "p90"},
	{"requests", "UrlRequestCount", "Sum"},
	{"server", "Url5xxCount", "Sum"},
}

// Query asks what the versions of a function did behind an alias in each minute from start
// on, in AWS's time. Minutes are whole, so the first one may contain invocations of the old
// version from before the shift. Lambda publishes under exactly these three dimensions: with
// one more or one less, there is no data. See
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html and, for the
// requests to function URLs, https://docs.aws.amazon.com/lambda/latest/dg/urls-monitoring.html.
func Query(function, alias string, start time.Time, length time.Duration, versions ...string) *cloudwatch.GetMetricDataInput {
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
							{Name: aws.String("FunctionName"), Value: &function},
							{Name: aws.String("Resource"), Value: aws.String(function + ":" + alias)},
							{Name: aws.String("ExecutedVersion"), Value: aws.String(version)},
						},
					},
					Period: aws.Int32(60), Stat: aws.String(s.stat),
				},
			})
		}
	}
	return in
}

// Of returns the minutes of each version in order, from the results of a [Query] for the same
// versions.
func Of(results []types.MetricDataResult, versions ...string) map[string][]canary.Minute {
	minutes := map[string][]canary.Minute{}
	for i, version := range versions {
		found := map[time.Time]canary.Minute{}
		for _, result := range results {
			collect(found, aws.ToString(result.Id), fmt.Sprint(i), result)
		}
		for _, m := range found {
			minutes[version] = append(minutes[version], m)
		}
		slices.SortFunc(minutes[version], func(a, b canary.Minute) int { return cmp.Compare(a.Start.Unix(), b.Start.Unix()) })
	}
	return minutes
}

// collect adds the values of one result to the minutes of the version that its id ends with.
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
		case "requests":
			m.HTTP.Invocations += int(result.Values[i])
		case "server":
			m.HTTP.Errors += int(result.Values[i])
		}
		minutes[at] = m
	}
}

// Shift returns how long both versions share the traffic until all of it has moved. It is 0
// if all of it moves at once.
func Shift(routing *deploytypes.TrafficRoutingConfig) time.Duration {
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
