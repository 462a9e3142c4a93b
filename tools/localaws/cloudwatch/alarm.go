package cloudwatch

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// An alarm is a metric alarm or a composite alarm.
type alarm struct {
	name, arn    string
	description  *string
	enabled      bool // whether its actions are enabled
	actions      map[types.StateValue][]string
	configured   time.Time
	state        types.StateValue
	reason       string
	reasonData   string
	updated      time.Time
	transitioned time.Time

	metric    *metricRule    // set for a metric alarm
	composite *compositeRule // set for a composite alarm
}

// A metricRule says what a metric alarm watches. An update of the alarm
// replaces it.
type metricRule struct {
	in        *awscloudwatch.PutMetricAlarmInput
	queries   *queries
	watched   string // id of the query whose value is compared with the threshold
	period    int64  // seconds
	periods   int    // N
	toAlarm   int    // M
	wallClock bool
	evaluated int64                             // the end of the last evaluated window
	found     [lateEvaluations]types.StateValue // states found by the last evaluations, newest first
}

func (a *alarm) kind() types.AlarmType {
	if a.composite != nil {
		return types.AlarmTypeCompositeAlarm
	}
	return types.AlarmTypeMetricAlarm
}

// singleMetric is the query id for an alarm that watches one metric.
const singleMetric = "m1"

// PutMetricAlarm creates an alarm in the state INSUFFICIENT_DATA, or changes
// the configuration of an existing alarm and keeps its state.
func (s *Service) PutMetricAlarm(_ context.Context, in *awscloudwatch.PutMetricAlarmInput) (*awscloudwatch.PutMetricAlarmOutput, error) {
	rule, err := s.newMetricRule(in)
	if err != nil {
		return nil, err
	}
	put := &alarm{
		name:        *in.AlarmName,
		description: in.AlarmDescription,
		enabled:     in.ActionsEnabled == nil || *in.ActionsEnabled,
		actions: map[types.StateValue][]string{
			types.StateValueAlarm:            slices.Clone(in.AlarmActions),
			types.StateValueOk:               slices.Clone(in.OKActions),
			types.StateValueInsufficientData: slices.Clone(in.InsufficientDataActions),
		},
		metric: rule,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.put(put, in.Tags); err != nil {
		return nil, err
	}
	s.startEvaluating()
	return &awscloudwatch.PutMetricAlarmOutput{}, nil
}

// put stores an alarm. It replaces an alarm of the same name and kind. The
// caller holds the service's lock.
func (s *Service) put(a *alarm, tags []types.Tag) error {
	if err := s.checkActions(a.actions); err != nil {
		return err
	}
	now := s.account.Clock.Now()
	a.arn = s.account.ARN("cloudwatch", "alarm:"+a.name)
	a.configured = now
	if old := s.alarms[a.name]; old != nil {
		if old.kind() != a.kind() {
			return validation("%s is the name of a %s: delete it first.", a.name, old.kind())
		}
		a.state, a.reason, a.reasonData = old.state, old.reason, old.reasonData
		a.updated, a.transitioned = old.updated, old.transitioned
		s.alarms[a.name] = a
		s.record(a, types.HistoryItemTypeConfigurationUpdate, `Alarm "`+a.name+`" updated`, configurationData("Update", a))
		return nil
	}
	a.state, a.reason = types.StateValueInsufficientData, "Unchecked: Initial alarm creation"
	a.updated, a.transitioned = now, now
	s.alarms[a.name] = a
	if err := s.tag(a.arn, tags); err != nil {
		delete(s.alarms, a.name)
		return err
	}
	s.record(a, types.HistoryItemTypeConfigurationUpdate, `Alarm "`+a.name+`" created`, configurationData("Create", a))
	return nil
}

func (s *Service) newMetricRule(in *awscloudwatch.PutMetricAlarmInput) (*metricRule, error) {
	if err := checkAlarmName(in.AlarmName); err != nil {
		return nil, err
	}
	switch {
	case in.EvaluationCriteria != nil:
		return nil, unsupported("EvaluationCriteria (PromQL)")
	case in.EvaluationInterval != nil:
		return nil, validation("EvaluationInterval can be specified with EvaluationCriteria only.")
	case in.ThresholdMetricId != nil:
		return nil, unsupported("ThresholdMetricId (anomaly detection)")
	case in.ActionConfiguration != nil:
		return nil, unsupported("ActionConfiguration")
	case aws.ToInt32(in.EvaluationPeriods) < 1:
		return nil, validation("The parameter EvaluationPeriods must be greater than or equal to 1.")
	case in.Threshold == nil:
		return nil, validation("The parameter Threshold is required.")
	case math.IsNaN(*in.Threshold) || math.IsInf(*in.Threshold, 0):
		return nil, validation("The parameter Threshold must be a finite number.")
	case !slices.Contains(in.ComparisonOperator.Values(), in.ComparisonOperator):
		return nil, validation("The value %q for parameter ComparisonOperator is invalid.", in.ComparisonOperator)
	case comparisons[in.ComparisonOperator].breaches == nil:
		return nil, unsupported("the ComparisonOperator " + string(in.ComparisonOperator) + " (anomaly detection)")
	case !slices.Contains([]string{"", "breaching", "notBreaching", "ignore", "missing"}, aws.ToString(in.TreatMissingData)):
		return nil, validation("The value %q for parameter TreatMissingData is invalid.", *in.TreatMissingData)
	case !slices.Contains([]string{"", "evaluate", "ignore"}, aws.ToString(in.EvaluateLowSampleCountPercentile)):
		return nil, validation("The value %q for parameter EvaluateLowSampleCountPercentile is invalid.", *in.EvaluateLowSampleCountPercentile)
	}
	kept := *in
	rule := &metricRule{in: &kept, periods: int(*in.EvaluationPeriods), toAlarm: int(*in.EvaluationPeriods)}
	if m := in.DatapointsToAlarm; m != nil {
		if *m < 1 || int(*m) > rule.periods {
			return nil, validation("The parameter DatapointsToAlarm must be between 1 and EvaluationPeriods.")
		}
		rule.toAlarm = int(*m)
	}
	asked, err := alarmQueries(in)
	if err != nil {
		return nil, err
	}
	if rule.queries, err = newQueries(asked); err != nil {
		return nil, err
	}
	kept.Dimensions = copyDimensions(in.Dimensions)
	kept.Metrics = copyQueries(in.Metrics)
	for _, q := range rule.queries.all {
		if q.ReturnData == nil || *q.ReturnData {
			if rule.watched != "" {
				return nil, validation("Exactly one element of the metrics list should return data.")
			}
			rule.watched = *q.Id
		}
	}
	if rule.watched == "" {
		return nil, validation("Exactly one element of the metrics list should return data.")
	}
	rule.period = rule.queries.periods[rule.watched]
	if err := rule.checkWindow(); err != nil {
		return nil, err
	}
	// Evaluate the expression without data, so that its errors show now.
	if v, err := s.run(rule.queries, frame{period: rule.period}, rule.watched); err != nil {
		return nil, err
	} else if v.kind == list {
		return nil, validation("The expression %s of an alarm must return a single time series.", rule.watched)
	}
	return rule, nil
}

func (r *metricRule) checkWindow() error {
	total := r.period * int64(r.periods)
	switch {
	case r.period == 1 || r.period == 5:
		return validation("The period of an alarm must be 10, 20, 30 or a multiple of 60.")
	case r.period < 3600 && total > 86_400:
		return validation("Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400).")
	case total > 604_800:
		return validation("Metrics cannot be checked across more than seven days (EvaluationPeriods * Period must be <= 604800).")
	}
	if w, ok := r.in.EvaluationWindow.(*types.EvaluationWindowMemberWallClockWindow); ok {
		if !slices.Contains([]int64{60, 300, 3600, 86_400}, r.period) {
			return unsupported("a wall clock window with a period other than 60, 300, 3600 and 86400 seconds")
		}
		if zone := aws.ToString(w.Value.Timezone); zone != "" && zone != "UTC" {
			return unsupported("a wall clock window in the time zone " + zone)
		}
		r.wallClock = true
	}
	if w := r.in.WarmUpConfiguration; w != nil && aws.ToInt32(w.WarmUpPeriodDurationInMinutes) < 1 {
		return validation("The parameter WarmUpPeriodDurationInMinutes must be greater than or equal to 1.")
	}
	return nil
}

// alarmQueries returns the metric data queries that an alarm watches.
func alarmQueries(in *awscloudwatch.PutMetricAlarmInput) ([]types.MetricDataQuery, error) {
	single := in.MetricName != nil || in.Namespace != nil || len(in.Dimensions) > 0 || in.Period != nil ||
		in.Unit != "" || in.Statistic != "" || in.ExtendedStatistic != nil
	if len(in.Metrics) > 0 {
		if single {
			return nil, validation("Metrics list does not allow MetricName, Namespace, Dimensions, Period, Unit, Statistic or ExtendedStatistic beside it.")
		}
		return in.Metrics, nil
	}
	switch {
	case aws.ToString(in.MetricName) == "" || aws.ToString(in.Namespace) == "":
		return nil, validation("One of MetricName (with Namespace) and Metrics is required.")
	case in.Period == nil:
		return nil, validation("The parameter Period is required.")
	case (in.Statistic == "") == (in.ExtendedStatistic == nil):
		return nil, validation("Exactly one of the parameters Statistic and ExtendedStatistic must be specified.")
	}
	stat := string(in.Statistic)
	if in.ExtendedStatistic != nil {
		stat = *in.ExtendedStatistic
	}
	return []types.MetricDataQuery{{
		Id: aws.String(singleMetric),
		MetricStat: &types.MetricStat{
			Metric: &types.Metric{Namespace: in.Namespace, MetricName: in.MetricName, Dimensions: in.Dimensions},
			Period: in.Period,
			Stat:   aws.String(stat),
			Unit:   in.Unit,
		},
	}}, nil
}

func checkAlarmName(name *string) error {
	switch n := aws.ToString(name); {
	case n == "":
		return validation("The parameter AlarmName is required.")
	case len(n) > 255:
		return validation("The parameter AlarmName must be at most 255 characters long.")
	}
	return nil
}

// checkActions refuses actions that can't be carried out.
func (s *Service) checkActions(actions map[types.StateValue][]string) error {
	for _, arns := range actions {
		if len(arns) > 5 {
			return validation("An alarm must not have more than 5 actions for a state.")
		}
		for _, arn := range arns {
			parts := strings.SplitN(arn, ":", 6)
			switch {
			case len(parts) < 6 || parts[0] != "arn":
				return validation("Invalid arn syntax: %s", arn)
			case parts[2] == "sns" && s.deps.Notifier != nil:
			case parts[2] == "lambda" && s.deps.Functions != nil:
			default:
				return unsupported("the alarm action " + arn)
			}
		}
	}
	return nil
}

// DeleteAlarms deletes alarms. It deletes none if one of the names is wrong.
func (s *Service) DeleteAlarms(_ context.Context, in *awscloudwatch.DeleteAlarmsInput) (*awscloudwatch.DeleteAlarmsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	deleted, err := s.named(in.AlarmNames)
	if err != nil {
		return nil, err
	}
	for _, a := range deleted {
		s.record(a, types.HistoryItemTypeConfigurationUpdate, `Alarm "`+a.name+`" deleted`, configurationData("Delete", a))
		delete(s.alarms, a.name)
		delete(s.tags, a.arn)
	}
	s.notify()
	s.wakeEvaluator()
	return &awscloudwatch.DeleteAlarmsOutput{}, nil
}

// EnableAlarmActions makes the alarms act on state changes again.
func (s *Service) EnableAlarmActions(_ context.Context, in *awscloudwatch.EnableAlarmActionsInput) (*awscloudwatch.EnableAlarmActionsOutput, error) {
	if err := s.enableActions(in.AlarmNames, true); err != nil {
		return nil, err
	}
	return &awscloudwatch.EnableAlarmActionsOutput{}, nil
}

// DisableAlarmActions stops the alarms from acting on state changes.
func (s *Service) DisableAlarmActions(_ context.Context, in *awscloudwatch.DisableAlarmActionsInput) (*awscloudwatch.DisableAlarmActionsOutput, error) {
	if err := s.enableActions(in.AlarmNames, false); err != nil {
		return nil, err
	}
	return &awscloudwatch.DisableAlarmActionsOutput{}, nil
}

func (s *Service) enableActions(names []string, enabled bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	alarms, err := s.named(names)
	if err != nil {
		return err
	}
	for _, a := range alarms {
		a.enabled = enabled
	}
	return nil
}

// SetAlarmState sets the state of an alarm until its next evaluation.
func (s *Service) SetAlarmState(_ context.Context, in *awscloudwatch.SetAlarmStateInput) (*awscloudwatch.SetAlarmStateOutput, error) {
	if !slices.Contains(in.StateValue.Values(), in.StateValue) {
		return nil, validation("The value %q for parameter StateValue is invalid.", in.StateValue)
	}
	if in.StateReason == nil {
		return nil, validation("The parameter StateReason is required.")
	}
	if data := aws.ToString(in.StateReasonData); data != "" && !isJSON(data) {
		return nil, &types.InvalidFormatFault{Message: aws.String("StateReasonData must be JSON.")}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	alarms, err := s.named([]string{aws.ToString(in.AlarmName)})
	if err != nil {
		return nil, err
	}
	s.transition(alarms[0], in.StateValue, *in.StateReason, aws.ToString(in.StateReasonData))
	return &awscloudwatch.SetAlarmStateOutput{}, nil
}

// named returns the alarms with these names. The caller holds the service's lock.
func (s *Service) named(names []string) ([]*alarm, error) {
	if len(names) == 0 {
		return nil, validation("The parameter AlarmNames is required.")
	}
	var found []*alarm
	for _, name := range names {
		a := s.alarms[name]
		if a == nil {
			return nil, &types.ResourceNotFound{Message: aws.String("Unable to find alarm " + name)}
		}
		found = append(found, a)
	}
	return found, nil
}
