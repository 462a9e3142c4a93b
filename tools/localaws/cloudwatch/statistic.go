package cloudwatch

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/magewright/magewright/tools/localaws/paging"
)

// A statistic computes one number from a summary.
// See https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html.
type statistic struct {
	name       string
	percentile float64 // the NN of pNN
	isPercent  bool
	trimmed    *trimmed // set for tmNN and similar statistics
}

// distributed reports whether the statistic needs a distribution.
func (st statistic) distributed() bool { return st.isPercent || st.trimmed != nil }

// parseStatistic returns the statistic with a name: one of the five simple
// ones, a percentile such as p99 or p99.9, or a trimmed statistic.
func parseStatistic(name string) (statistic, error) {
	if slices.Contains(types.Statistic("").Values(), types.Statistic(name)) {
		return statistic{name: name}, nil
	}
	if digits, ok := strings.CutPrefix(name, "p"); ok {
		p, err := strconv.ParseFloat(digits, 64)
		if err == nil && p >= 0 && p <= 100 && !strings.ContainsAny(digits, "eE+-xX") {
			return statistic{name: name, percentile: p, isPercent: true}, nil
		}
	}
	if t, ok := parseTrimmed(name); ok {
		return statistic{name: name, trimmed: t}, nil
	}
	return statistic{}, validation("The value %q for parameter Stat is not a valid statistic.", name)
}

// of returns the statistic of a summary. It returns false if there is no data for it.
func (st statistic) of(s *summary) (float64, bool) {
	if s.count == 0 {
		return 0, false
	}
	if st.distributed() && s.opaque {
		return 0, false
	}
	if st.trimmed != nil {
		return st.trimmed.take(&s.dist)
	}
	if st.isPercent {
		return min(max(s.dist.percentile(st.percentile), s.min), s.max), true
	}
	switch types.Statistic(st.name) {
	case types.StatisticSampleCount:
		return s.count, true
	case types.StatisticAverage:
		return s.sum / s.count, true
	case types.StatisticSum:
		return s.sum, true
	case types.StatisticMinimum:
		return s.min, true
	default:
		return s.max, true
	}
}

// checkPeriod refuses a period that CloudWatch does not support.
func checkPeriod(period int32) error {
	switch {
	case slices.Contains([]int32{1, 5, 10, 20, 30}, period), period > 0 && period%60 == 0:
		return nil
	}
	return validation("The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60, not %d.", period)
}

// maxStatistics limits the data points in an answer of GetMetricStatistics.
const maxStatistics = 1440

// GetMetricStatistics returns statistics per period, oldest first.
func (s *Service) GetMetricStatistics(_ context.Context, in *awscloudwatch.GetMetricStatisticsInput) (*awscloudwatch.GetMetricStatisticsOutput, error) {
	switch {
	case aws.ToString(in.Namespace) == "":
		return nil, missingParameter("Namespace")
	case aws.ToString(in.MetricName) == "":
		return nil, missingParameter("MetricName")
	case in.StartTime == nil:
		return nil, missingParameter("StartTime")
	case in.EndTime == nil:
		return nil, missingParameter("EndTime")
	case in.Period == nil:
		return nil, missingParameter("Period")
	case !in.StartTime.Before(*in.EndTime):
		return nil, badCombination("The parameter StartTime must be less than the parameter EndTime.")
	case len(in.Statistics) == 0 && len(in.ExtendedStatistics) == 0:
		return nil, badCombination("At least one of the parameters Statistics and ExtendedStatistics must be specified.")
	}
	if err := checkPeriod(*in.Period); err != nil {
		return nil, err
	}
	var wanted []statistic
	for _, st := range in.Statistics {
		parsed, err := parseStatistic(string(st))
		if err != nil {
			return nil, err
		}
		wanted = append(wanted, parsed)
	}
	distributed := false
	for _, st := range in.ExtendedStatistics {
		parsed, err := parseStatistic(st)
		if err != nil {
			return nil, err
		}
		if !parsed.distributed() {
			return nil, invalidValue("The value %s for parameter ExtendedStatistics is invalid.", st)
		}
		wanted = append(wanted, parsed)
		distributed = true
	}
	f := newFrame(*in.StartTime, *in.EndTime, int64(*in.Period))
	if f.n > maxStatistics {
		return nil, badCombination("You have requested up to %s datapoints, which exceeds the limit of %s. You may reduce the datapoints requested by increasing Period, or decreasing the time range.", thousands(f.n), thousands(maxStatistics))
	}
	m := s.metrics.find(*in.Namespace, *in.MetricName, in.Dimensions)
	out := &awscloudwatch.GetMetricStatisticsOutput{Label: in.MetricName, Datapoints: []types.Datapoint{}}
	for i := range f.n {
		sum := m.window(in.Unit, f.at(i), f.at(i+1), distributed)
		if sum.count == 0 {
			continue
		}
		unit := in.Unit
		if unit == "" {
			unit = m.unit()
		}
		point := types.Datapoint{Timestamp: aws.Time(time.Unix(f.at(i), 0).UTC()), Unit: unit}
		for _, st := range wanted {
			v, ok := st.of(&sum)
			if !ok {
				continue
			}
			switch types.Statistic(st.name) {
			case types.StatisticSampleCount:
				point.SampleCount = &v
			case types.StatisticAverage:
				point.Average = &v
			case types.StatisticSum:
				point.Sum = &v
			case types.StatisticMinimum:
				point.Minimum = &v
			case types.StatisticMaximum:
				point.Maximum = &v
			default:
				if point.ExtendedStatistics == nil {
					point.ExtendedStatistics = map[string]float64{}
				}
				point.ExtendedStatistics[st.name] = v
			}
		}
		out.Datapoints = append(out.Datapoints, point)
	}
	return out, nil
}

// thousands formats a number as AWS does in that error: 1,440.
func thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// unit returns the unit of a metric. It is None if the metric has several.
func (m *metric) unit() types.StandardUnit {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.units) == 1 {
		for u := range m.units {
			return u
		}
	}
	return types.StandardUnitNone
}

const metricsPage = 500

// ListMetrics lists the metrics that have data from the last two weeks, or from
// the last three hours if the request sets RecentlyActive.
func (s *Service) ListMetrics(_ context.Context, in *awscloudwatch.ListMetricsInput) (*awscloudwatch.ListMetricsOutput, error) {
	if aws.ToString(in.OwningAccount) != "" && *in.OwningAccount != s.account.ID {
		return nil, unsupported("ListMetrics of another account")
	}
	now := s.account.Clock.Now().Unix()
	since := now - int64(14*24*time.Hour/time.Second)
	if in.RecentlyActive == types.RecentlyActivePt3h {
		since = now - int64(3*time.Hour/time.Second)
	}
	var found []types.Metric
	for _, m := range s.metrics.all(since, now) {
		if matches(m, in) {
			found = append(found, types.Metric{
				Namespace:  aws.String(m.namespace),
				MetricName: aws.String(m.name),
				Dimensions: copyDimensions(m.dimensions),
			})
		}
	}
	page, next, err := paginate(found, in.NextToken, metricsPage)
	if err != nil {
		return nil, err
	}
	return &awscloudwatch.ListMetricsOutput{Metrics: page, NextToken: next}, nil
}

func matches(m *metric, in *awscloudwatch.ListMetricsInput) bool {
	if in.Namespace != nil && *in.Namespace != m.namespace || in.MetricName != nil && *in.MetricName != m.name {
		return false
	}
	for _, filter := range in.Dimensions {
		if !slices.ContainsFunc(m.dimensions, func(d types.Dimension) bool {
			return aws.ToString(d.Name) == aws.ToString(filter.Name) && (filter.Value == nil || *filter.Value == *d.Value)
		}) {
			return false
		}
	}
	return true
}

// paginate returns the page of all that token names, and the token for the next page.
func paginate[T any](all []T, token *string, size int) (page []T, next *string, err error) {
	page, next, ok := paging.Of(all, token, size)
	if !ok {
		return nil, nil, &types.InvalidNextToken{Message: aws.String("The next token " + *token + " is invalid.")}
	}
	return page, next, nil
}
