package cloudwatch

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// DescribeAlarms describes alarms, sorted by name. Without AlarmTypes, it
// returns only metric alarms, as AWS does.
func (s *Service) DescribeAlarms(_ context.Context, in *awscloudwatch.DescribeAlarmsInput) (*awscloudwatch.DescribeAlarmsOutput, error) {
	if len(in.AlarmNames) > 0 && in.AlarmNamePrefix != nil {
		return nil, validation("AlarmNames and AlarmNamePrefix must not be specified together.")
	}
	kinds := in.AlarmTypes
	if len(kinds) == 0 {
		kinds = []types.AlarmType{types.AlarmTypeMetricAlarm}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	family, err := s.family(in)
	if err != nil {
		return nil, err
	}
	var found []*alarm
	for _, name := range slices.Sorted(maps.Keys(s.alarms)) {
		a := s.alarms[name]
		switch {
		case !slices.Contains(kinds, a.kind()) && family == nil,
			family != nil && !slices.Contains(family, name),
			len(in.AlarmNames) > 0 && !slices.Contains(in.AlarmNames, name),
			!strings.HasPrefix(name, aws.ToString(in.AlarmNamePrefix)),
			in.StateValue != "" && a.state != in.StateValue,
			in.ActionPrefix != nil && !a.hasAction(*in.ActionPrefix):
			continue
		}
		found = append(found, a)
	}
	page, next, err := paginate(found, in.NextToken, pageSize(in.MaxRecords))
	if err != nil {
		return nil, err
	}
	out := &awscloudwatch.DescribeAlarmsOutput{NextToken: next}
	for _, a := range page {
		if a.composite != nil {
			out.CompositeAlarms = append(out.CompositeAlarms, a.describeComposite())
		} else {
			out.MetricAlarms = append(out.MetricAlarms, a.describe())
		}
	}
	return out, nil
}

// family returns the names of the children or parents that a request asks for.
// It returns nil if the request asks for none.
func (s *Service) family(in *awscloudwatch.DescribeAlarmsInput) ([]string, error) {
	switch {
	case in.ChildrenOfAlarmName != nil:
		alarms, err := s.named([]string{*in.ChildrenOfAlarmName})
		if err != nil || alarms[0].composite == nil {
			return []string{}, err
		}
		return alarms[0].composite.children, nil
	case in.ParentsOfAlarmName != nil:
		if _, err := s.named([]string{*in.ParentsOfAlarmName}); err != nil {
			return nil, err
		}
		parents := []string{}
		for name, a := range s.alarms {
			if a.composite != nil && slices.Contains(a.composite.children, *in.ParentsOfAlarmName) {
				parents = append(parents, name)
			}
		}
		return parents, nil
	}
	return nil, nil
}

func pageSize(records *int32) int {
	if records == nil || *records < 1 {
		return 50
	}
	return int(min(*records, 100))
}

func (a *alarm) hasAction(prefix string) bool {
	for _, arns := range a.actions {
		if slices.ContainsFunc(arns, func(arn string) bool { return strings.HasPrefix(arn, prefix) }) {
			return true
		}
	}
	return false
}

// DescribeAlarmsForMetric describes the alarms on exactly one metric.
func (s *Service) DescribeAlarmsForMetric(_ context.Context, in *awscloudwatch.DescribeAlarmsForMetricInput) (*awscloudwatch.DescribeAlarmsForMetricOutput, error) {
	if aws.ToString(in.Namespace) == "" || aws.ToString(in.MetricName) == "" {
		return nil, validation("The parameters Namespace and MetricName are required.")
	}
	wanted := key(*in.Namespace, *in.MetricName, in.Dimensions)
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &awscloudwatch.DescribeAlarmsForMetricOutput{}
	for _, name := range slices.Sorted(maps.Keys(s.alarms)) {
		a := s.alarms[name]
		if a.metric == nil || a.metric.in.MetricName == nil {
			continue
		}
		has := a.metric.in
		switch {
		case key(*has.Namespace, *has.MetricName, has.Dimensions) != wanted,
			in.Statistic != "" && in.Statistic != has.Statistic,
			in.ExtendedStatistic != nil && *in.ExtendedStatistic != aws.ToString(has.ExtendedStatistic),
			in.Period != nil && *in.Period != *has.Period,
			in.Unit != "" && in.Unit != has.Unit:
			continue
		}
		out.MetricAlarms = append(out.MetricAlarms, a.describe())
	}
	return out, nil
}

func (a *alarm) describe() types.MetricAlarm {
	in := a.metric.in
	return types.MetricAlarm{
		AlarmName:                          aws.String(a.name),
		AlarmArn:                           aws.String(a.arn),
		AlarmDescription:                   a.description,
		AlarmConfigurationUpdatedTimestamp: aws.Time(a.configured),
		ActionsEnabled:                     aws.Bool(a.enabled),
		OKActions:                          a.actionsOn(types.StateValueOk),
		AlarmActions:                       a.actionsOn(types.StateValueAlarm),
		InsufficientDataActions:            a.actionsOn(types.StateValueInsufficientData),
		StateValue:                         a.state,
		StateReason:                        aws.String(a.reason),
		StateReasonData:                    optional(a.reasonData),
		StateUpdatedTimestamp:              aws.Time(a.updated),
		StateTransitionedTimestamp:         aws.Time(a.transitioned),
		MetricName:                         in.MetricName,
		Namespace:                          in.Namespace,
		Statistic:                          in.Statistic,
		ExtendedStatistic:                  in.ExtendedStatistic,
		Dimensions:                         copyDimensions(in.Dimensions),
		Period:                             in.Period,
		Unit:                               in.Unit,
		EvaluationPeriods:                  in.EvaluationPeriods,
		DatapointsToAlarm:                  in.DatapointsToAlarm,
		Threshold:                          in.Threshold,
		ComparisonOperator:                 in.ComparisonOperator,
		TreatMissingData:                   in.TreatMissingData,
		EvaluateLowSampleCountPercentile:   in.EvaluateLowSampleCountPercentile,
		EvaluationWindow:                   in.EvaluationWindow,
		WarmUpConfiguration:                in.WarmUpConfiguration,
		Metrics:                            copyQueries(in.Metrics),
	}
}

func (a *alarm) describeComposite() types.CompositeAlarm {
	return types.CompositeAlarm{
		AlarmName:                          aws.String(a.name),
		AlarmArn:                           aws.String(a.arn),
		AlarmDescription:                   a.description,
		AlarmConfigurationUpdatedTimestamp: aws.Time(a.configured),
		AlarmRule:                          aws.String(a.composite.text),
		ActionsEnabled:                     aws.Bool(a.enabled),
		OKActions:                          a.actionsOn(types.StateValueOk),
		AlarmActions:                       a.actionsOn(types.StateValueAlarm),
		InsufficientDataActions:            a.actionsOn(types.StateValueInsufficientData),
		StateValue:                         a.state,
		StateReason:                        aws.String(a.reason),
		StateReasonData:                    optional(a.reasonData),
		StateUpdatedTimestamp:              aws.Time(a.updated),
		StateTransitionedTimestamp:         aws.Time(a.transitioned),
	}
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// DescribeAlarmHistory returns the history of alarms, newest first unless
// ScanBy says otherwise. Deleted alarms keep their history.
func (s *Service) DescribeAlarmHistory(_ context.Context, in *awscloudwatch.DescribeAlarmHistoryInput) (*awscloudwatch.DescribeAlarmHistoryOutput, error) {
	if in.AlarmContributorId != nil {
		return nil, unsupported("AlarmContributorId")
	}
	kinds := in.AlarmTypes
	if len(kinds) == 0 {
		kinds = []types.AlarmType{types.AlarmTypeMetricAlarm}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []types.AlarmHistoryItem
	for _, item := range s.history {
		switch {
		case in.AlarmName != nil && *item.AlarmName != *in.AlarmName,
			!slices.Contains(kinds, item.AlarmType) && in.AlarmName == nil,
			in.HistoryItemType != "" && item.HistoryItemType != in.HistoryItemType,
			in.StartDate != nil && item.Timestamp.Before(*in.StartDate),
			in.EndDate != nil && item.Timestamp.After(*in.EndDate):
			continue
		}
		found = append(found, item)
	}
	if in.ScanBy != types.ScanByTimestampAscending {
		slices.Reverse(found)
	}
	page, next, err := paginate(found, in.NextToken, pageSize(in.MaxRecords))
	if err != nil {
		return nil, err
	}
	return &awscloudwatch.DescribeAlarmHistoryOutput{AlarmHistoryItems: page, NextToken: next}, nil
}
