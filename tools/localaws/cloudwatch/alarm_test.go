package cloudwatch

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
)

// These are the tables in "How alarm state is evaluated when data is missing"
// in AWS's user guide. 0 is within the threshold, X breaches it, - is missing;
// the oldest comes first. The columns are missing, ignore, breaching and
// notBreaching.
func TestMissingDataAsAWSDocuments(t *testing.T) {
	t.Parallel()
	const retain, insufficient = "", "INSUFFICIENT_DATA"
	for _, test := range []struct {
		data         string
		toAlarm      int
		filled       int
		byTreatments [4]string
	}{
		// 3 out of 3
		{"0-X-X", 3, 0, [4]string{"OK", "OK", "OK", "OK"}},
		{"0----", 3, 2, [4]string{"OK", "OK", "OK", "OK"}},
		{"-----", 3, 3, [4]string{insufficient, retain, "ALARM", "OK"}},
		{"0XX-X", 3, 0, [4]string{"ALARM", "ALARM", "ALARM", "ALARM"}},
		{"--X--", 3, 2, [4]string{"ALARM", retain, "ALARM", "OK"}},
		// 2 out of 3
		{"0-X-X", 2, 0, [4]string{"ALARM", "ALARM", "ALARM", "ALARM"}},
		{"00X0X", 2, 0, [4]string{"ALARM", "ALARM", "ALARM", "ALARM"}},
		{"0-X--", 2, 1, [4]string{"OK", "OK", "ALARM", "OK"}},
		{"----0", 2, 2, [4]string{"OK", "OK", "ALARM", "OK"}},
		{"---X-", 2, 2, [4]string{"ALARM", retain, "ALARM", "OK"}},
		// Avoiding premature transitions to alarm state
		{"----X", 3, 2, [4]string{retain, retain, "ALARM", "OK"}},
		{"---X-", 3, 2, [4]string{retain, retain, "ALARM", "OK"}},
		{"--X-0", 3, 1, [4]string{"OK", "OK", "OK", "OK"}},
	} {
		var points []point
		for i, c := range test.data {
			points = append(points, point{at: int64(60 * i), value: map[rune]float64{'X': 1}[c], missing: c == '-'})
		}
		for i, treatment := range []string{"missing", "ignore", "breaching", "notBreaching"} {
			got := judge(points, 3, test.toAlarm, treatment, func(x float64) bool { return x > 0 })
			if string(got.state) != test.byTreatments[i] || got.filled != test.filled {
				t.Errorf("%s, %d out of 3, %s: %q with %d filled, want %q with %d",
					test.data, test.toAlarm, treatment, got.state, got.filled, test.byTreatments[i], test.filled)
			}
		}
	}
}

func TestAlarmFollowsItsMetric(t *testing.T) {
	t.Parallel()
	s, c, n := newTest(t)
	in := errorsAlarm("errors")
	in.TreatMissingData = aws.String("notBreaching")
	in.AlarmActions = []string{"arn:aws:sns:us-east-1:000000000000:ops"}
	if _, err := s.PutMetricAlarm(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if a := describe(t, s, "errors"); a.StateValue != types.StateValueInsufficientData || *a.StateReason != "Unchecked: Initial alarm creation" {
		t.Errorf("a new alarm is %s: %s", a.StateValue, *a.StateReason)
	}
	changes, stop := s.WatchAlarms()
	defer stop()
	step := func(state types.StateValue, reason string) {
		t.Helper()
		tick(c, time.Minute)
		if a := describe(t, s, "errors"); a.StateValue != state || *a.StateReason != reason {
			t.Errorf("%s: %s, %s; want %s, %s", c.Now().Format(time.TimeOnly), a.StateValue, *a.StateReason, state, reason)
		}
	}
	step("OK", "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [NonBreaching].")
	<-changes
	put(t, s, "Errors", c.Now().Add(5*time.Second), 1, 1)
	const alarmReason = "Threshold Crossed: 1 datapoint [2.0 (08/08/26 12:01:00)] was greater than the threshold (0.0)."
	step("ALARM", alarmReason)
	<-changes
	<-n.got
	// The breach is the newest data point while it is in the evaluation range.
	step("ALARM", alarmReason)
	put(t, s, "Errors", c.Now().Add(5*time.Second), 0)
	step("OK", "Threshold Crossed: 1 datapoint [0.0 (08/08/26 12:03:00)] was not greater than the threshold (0.0).")

	m := n.messages[0]
	if *m.TopicArn != in.AlarmActions[0] || *m.Subject != `ALARM: "errors" in US East (N. Virginia)` {
		t.Errorf("published to %s: %s", *m.TopicArn, *m.Subject)
	}
	var message struct{ NewStateValue, NewStateReason, OldStateValue, StateChangeTime string }
	if err := json.Unmarshal([]byte(*m.Message), &message); err != nil {
		t.Fatal(err)
	}
	if message.NewStateValue != "ALARM" || message.OldStateValue != "OK" || message.NewStateReason != alarmReason || message.StateChangeTime != "2026-08-08T12:02:00.000+0000" {
		t.Errorf("message %+v", message)
	}
	h, err := s.DescribeAlarmHistory(t.Context(), &awscloudwatch.DescribeAlarmHistoryInput{AlarmName: aws.String("errors"), HistoryItemType: types.HistoryItemTypeStateUpdate})
	if err != nil {
		t.Fatal(err)
	}
	var summaries []string
	for _, item := range h.AlarmHistoryItems {
		summaries = append(summaries, *item.HistorySummary)
	}
	if want := []string{"Alarm updated from ALARM to OK", "Alarm updated from OK to ALARM", "Alarm updated from INSUFFICIENT_DATA to OK"}; !slices.Equal(summaries, want) {
		t.Errorf("history %v", summaries)
	}
}

func TestDatapointsToAlarmReason(t *testing.T) {
	t.Parallel()
	s, c, _ := newTest(t)
	in := errorsAlarm("errors")
	in.EvaluationPeriods, in.DatapointsToAlarm = aws.Int32(3), aws.Int32(2)
	if _, err := s.PutMetricAlarm(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	for _, v := range []float64{3, 0, 2.5} {
		put(t, s, "Errors", c.Now(), v)
		tick(c, time.Minute)
	}
	const want = "Threshold Crossed: 2 out of the last 3 datapoints [2.5 (08/08/26 12:02:00), 3.0 (08/08/26 12:00:00)] were greater than the threshold (0.0) (minimum 2 datapoints for OK -> ALARM transition)."
	if a := describe(t, s, "errors"); *a.StateReason != want {
		t.Errorf("%s", *a.StateReason)
	}
}

// The window for a period longer than a minute moves by a minute at a time. A
// wall clock window waits for the period to end.
func TestWindows(t *testing.T) {
	t.Parallel()
	s, c, _ := newTest(t)
	sliding, fixed := errorsAlarm("sliding"), errorsAlarm("wall clock")
	sliding.Period, fixed.Period = aws.Int32(300), aws.Int32(300)
	fixed.EvaluationWindow = &types.EvaluationWindowMemberWallClockWindow{}
	for _, in := range []*awscloudwatch.PutMetricAlarmInput{sliding, fixed} {
		if _, err := s.PutMetricAlarm(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	states := func() string {
		return string(describe(t, s, "sliding").StateValue) + " " + string(describe(t, s, "wall clock").StateValue)
	}
	tick(c, time.Minute)
	put(t, s, "Errors", c.Now(), 1)
	tick(c, time.Minute)
	if got := states(); got != "ALARM INSUFFICIENT_DATA" {
		t.Errorf("after the error: %s", got)
	}
	for range 3 {
		tick(c, time.Minute)
	}
	if got := states(); got != "ALARM ALARM" {
		t.Errorf("after five minutes: %s", got)
	}
}

func TestHighResolutionAlarm(t *testing.T) {
	t.Parallel()
	s, c, _ := newTest(t)
	in := errorsAlarm("fast")
	in.Period = aws.Int32(10)
	if _, err := s.PutMetricAlarm(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutMetricData(t.Context(), &awscloudwatch.PutMetricDataInput{Namespace: aws.String("Test"), MetricData: []types.MetricDatum{
		{MetricName: aws.String("Errors"), Value: aws.Float64(1), StorageResolution: aws.Int32(1)},
	}}); err != nil {
		t.Fatal(err)
	}
	tick(c, 10*time.Second)
	if a := describe(t, s, "fast"); a.StateValue != types.StateValueAlarm {
		t.Errorf("after ten seconds: %s", a.StateValue)
	}
}

// An error may be reported late: its minute has been evaluated, and the minute
// after it is already good. It must not be overlooked.
func TestLateDataTripsTheAlarm(t *testing.T) {
	t.Parallel()
	s, c, _ := newTest(t)
	if _, err := s.PutMetricAlarm(t.Context(), errorsAlarm("errors")); err != nil {
		t.Fatal(err)
	}
	var states []types.StateValue
	step := func() {
		tick(c, time.Minute)
		states = append(states, describe(t, s, "errors").StateValue)
	}
	put(t, s, "Errors", c.Now(), 0)
	step()
	put(t, s, "Errors", c.Now().Add(-time.Second), 1) // late
	put(t, s, "Errors", c.Now(), 0)
	step()
	put(t, s, "Errors", c.Now(), 0)
	step()
	if want := []types.StateValue{"OK", "ALARM", "OK"}; !slices.Equal(states, want) {
		t.Errorf("%v, want %v", states, want)
	}
}

func TestErrorRateAlarm(t *testing.T) {
	t.Parallel()
	s, c, _ := newTest(t)
	stat := func(id, name string) types.MetricDataQuery {
		return types.MetricDataQuery{Id: aws.String(id), ReturnData: aws.Bool(false), MetricStat: &types.MetricStat{
			Metric: &types.Metric{Namespace: aws.String("Test"), MetricName: aws.String(name)}, Period: aws.Int32(60), Stat: aws.String("Sum"),
		}}
	}
	in := &awscloudwatch.PutMetricAlarmInput{
		AlarmName: aws.String("rate"), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(5),
		ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold,
		Metrics: []types.MetricDataQuery{stat("e", "Errors"), stat("i", "Invocations"),
			{Id: aws.String("rate"), Expression: aws.String("IF(FILL(i, 0) >= 10, 100 * e / i, 0)")}},
	}
	if _, err := s.PutMetricAlarm(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		errors, invocations float64
		want                types.StateValue
	}{{1, 5, "OK"}, {1, 20, "OK"}, {2, 20, "ALARM"}} {
		put(t, s, "Errors", c.Now(), step.errors)
		put(t, s, "Invocations", c.Now(), step.invocations)
		tick(c, time.Minute)
		if a := describe(t, s, "rate"); a.StateValue != step.want {
			t.Errorf("%+v: %s, %s", step, a.StateValue, *a.StateReason)
		}
	}
}

// An alarm on a percentile notices a few slow requests that an average hides.
// If it is configured so, it keeps its state when there are too few samples.
func TestPercentileAlarm(t *testing.T) {
	t.Parallel()
	s, c, _ := newTest(t)
	for name, low := range map[string]*string{"p90": nil, "p90 of enough": aws.String("ignore")} {
		in := errorsAlarm(name)
		in.MetricName, in.Statistic, in.ExtendedStatistic = aws.String("Duration"), "", aws.String("p90")
		in.Threshold, in.EvaluateLowSampleCountPercentile = aws.Float64(3000), low
		if _, err := s.PutMetricAlarm(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	durations := func(fast, slow int) (values []float64) {
		for i := range fast + slow {
			values = append(values, map[bool]float64{true: 100, false: 5000}[i < fast])
		}
		return values
	}
	for _, step := range []struct {
		fast, slow      int
		every, ofEnough types.StateValue
	}{
		{95, 5, "OK", "OK"},        // one in twenty
		{85, 15, "ALARM", "ALARM"}, // one in seven
		{95, 5, "OK", "OK"},
		{8, 12, "ALARM", "OK"}, // 20 samples, fewer than the 100 that p90 needs
		{100, 0, "OK", "OK"},
	} {
		put(t, s, "Duration", c.Now(), durations(step.fast, step.slow)...)
		tick(c, time.Minute)
		if every, ofEnough := describe(t, s, "p90").StateValue, describe(t, s, "p90 of enough").StateValue; every != step.every || ofEnough != step.ofEnough {
			t.Errorf("%+v: %s, %s", step, every, ofEnough)
		}
	}
}

// With M of N, the breaches need not be consecutive.
func TestOneInThreePeriodsIsNotTwo(t *testing.T) {
	t.Parallel()
	s, c, _ := newTest(t)
	in := errorsAlarm("errors")
	in.EvaluationPeriods, in.DatapointsToAlarm = aws.Int32(3), aws.Int32(2)
	if _, err := s.PutMetricAlarm(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	var states []types.StateValue
	for _, errors := range []float64{0, 0, 1, 0, 0, 1, 0, 1, 0, 0} {
		put(t, s, "Errors", c.Now(), errors)
		tick(c, time.Minute)
		states = append(states, describe(t, s, "errors").StateValue)
	}
	if want := []types.StateValue{"OK", "OK", "OK", "OK", "OK", "OK", "OK", "ALARM", "OK", "OK"}; !slices.Equal(states[2:], want[2:]) {
		t.Errorf("%v, want %v", states, want)
	}
}

func TestPutMetricAlarmRefuses(t *testing.T) {
	t.Parallel()
	s, _, _ := newTest(t)
	for want, change := range map[string]func(*awscloudwatch.PutMetricAlarmInput){
		"AlarmName is required":                     func(in *awscloudwatch.PutMetricAlarmInput) { in.AlarmName = nil },
		"Threshold is required":                     func(in *awscloudwatch.PutMetricAlarmInput) { in.Threshold = nil },
		"EvaluationPeriods must be":                 func(in *awscloudwatch.PutMetricAlarmInput) { in.EvaluationPeriods = nil },
		"anomaly detection) is not supported":       func(in *awscloudwatch.PutMetricAlarmInput) { in.ThresholdMetricId = aws.String("m") },
		"DatapointsToAlarm must be":                 func(in *awscloudwatch.PutMetricAlarmInput) { in.DatapointsToAlarm = aws.Int32(2) },
		"Statistic and ExtendedStatistic":           func(in *awscloudwatch.PutMetricAlarmInput) { in.ExtendedStatistic = aws.String("p90") },
		"multiple of 60":                            func(in *awscloudwatch.PutMetricAlarmInput) { in.Period = aws.Int32(61) },
		"more than a day":                           func(in *awscloudwatch.PutMetricAlarmInput) { in.EvaluationPeriods = aws.Int32(1500) },
		"Invalid arn syntax: ops":                   func(in *awscloudwatch.PutMetricAlarmInput) { in.OKActions = []string{"ops"} },
		"stop is not supported by the embedded AWS": func(in *awscloudwatch.PutMetricAlarmInput) { in.OKActions = []string{"arn:aws:automate:r:ec2:x:stop"} },
		"TreatMissingData is invalid":               func(in *awscloudwatch.PutMetricAlarmInput) { in.TreatMissingData = aws.String("fine") },
		`"tm101" for parameter Stat is not a valid`: func(in *awscloudwatch.PutMetricAlarmInput) {
			in.Statistic, in.ExtendedStatistic = "", aws.String("tm101")
		},
	} {
		in := errorsAlarm("a")
		change(in)
		if _, err := s.PutMetricAlarm(t.Context(), in); code(err) != "ValidationError" || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if s.evaluating {
		t.Error("the evaluator runs without alarms")
	}
}

func TestSetAlarmStateLastsUntilTheNextEvaluation(t *testing.T) {
	t.Parallel()
	s, c, n := newTest(t)
	in := errorsAlarm("errors")
	in.TreatMissingData, in.AlarmActions = aws.String("notBreaching"), []string{"arn:aws:sns:us-east-1:000000000000:ops"}
	if _, err := s.PutMetricAlarm(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	set := func() {
		t.Helper()
		if _, err := s.SetAlarmState(t.Context(), &awscloudwatch.SetAlarmStateInput{
			AlarmName: aws.String("errors"), StateValue: types.StateValueAlarm, StateReason: aws.String("forced"),
		}); err != nil {
			t.Fatal(err)
		}
	}
	set()
	<-n.got
	if a := describe(t, s, "errors"); a.StateValue != types.StateValueAlarm || *a.StateReason != "forced" {
		t.Errorf("%s: %s", a.StateValue, *a.StateReason)
	}
	tick(c, time.Minute)
	if a := describe(t, s, "errors"); a.StateValue != types.StateValueOk {
		t.Errorf("after an evaluation: %s", a.StateValue)
	}
	if _, err := s.DisableAlarmActions(t.Context(), &awscloudwatch.DisableAlarmActionsInput{AlarmNames: []string{"errors"}}); err != nil {
		t.Fatal(err)
	}
	set()
	// Close waits for actions, but there are none.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if len(n.messages) != 1 {
		t.Errorf("%d messages", len(n.messages))
	}
	if _, err := s.SetAlarmState(t.Context(), &awscloudwatch.SetAlarmStateInput{AlarmName: aws.String("x"), StateValue: "OK", StateReason: aws.String("")}); code(err) != "ResourceNotFound" {
		t.Errorf("an unknown alarm: %v", err)
	}
}

func TestCompositeAlarm(t *testing.T) {
	t.Parallel()
	s, _, n := newTest(t)
	ctx := t.Context()
	for _, name := range []string{"errors", "latency p90"} {
		if _, err := s.PutMetricAlarm(ctx, errorsAlarm(name)); err != nil {
			t.Fatal(err)
		}
	}
	compose := func(name, rule string) error {
		_, err := s.PutCompositeAlarm(ctx, &awscloudwatch.PutCompositeAlarmInput{
			AlarmName: aws.String(name), AlarmRule: aws.String(rule), AlarmActions: []string{"arn:aws:sns:us-east-1:000000000000:ops"},
		})
		return err
	}
	set := func(name string, state types.StateValue) {
		t.Helper()
		if _, err := s.SetAlarmState(ctx, &awscloudwatch.SetAlarmStateInput{AlarmName: aws.String(name), StateValue: state, StateReason: aws.String("test")}); err != nil {
			t.Fatal(err)
		}
	}
	if err := compose("any", `ALARM(errors) OR (ALARM("latency p90") AND NOT INSUFFICIENT_DATA(arn:aws:cloudwatch:us-east-1:000000000000:alarm:errors))`); err != nil {
		t.Fatal(err)
	}
	if err := compose("top", "OK(any) AND TRUE"); err != nil {
		t.Fatal(err)
	}
	states := func() (any, top types.StateValue) {
		out, err := s.DescribeAlarms(ctx, &awscloudwatch.DescribeAlarmsInput{AlarmTypes: []types.AlarmType{types.AlarmTypeCompositeAlarm}})
		if err != nil {
			t.Fatal(err)
		}
		return out.CompositeAlarms[0].StateValue, out.CompositeAlarms[1].StateValue
	}
	for _, step := range []struct {
		alarm     string
		state     types.StateValue
		any, onOK types.StateValue
	}{
		{"latency p90", "ALARM", "OK", "ALARM"},
		{"errors", "OK", "ALARM", "OK"},
		{"latency p90", "OK", "OK", "ALARM"},
		{"errors", "ALARM", "ALARM", "OK"},
	} {
		set(step.alarm, step.state)
		if a, top := states(); a != step.any || top != step.onOK {
			t.Errorf("%s %s: any %s, top %s; want %s, %s", step.alarm, step.state, a, top, step.any, step.onOK)
		}
	}
	// Each is set twice.
	for range 4 {
		<-n.got
	}
	for rule, want := range map[string]types.StateValue{ // errors is in ALARM, latency p90 is OK
		`AT_LEAST(1, ALARM, (errors, "latency p90"))`:     "ALARM",
		`AT_LEAST(2, ALARM, (errors, "latency p90"))`:     "OK",
		`AT_LEAST(2, NOT OK, (errors,"latency p90"))`:     "OK",
		`AT_LEAST(50%, NOT OK, (errors, "latency p90"))`:  "ALARM",
		`AT_LEAST(51%, ALARM, (errors, "latency p90"))`:   "OK",
		`NOT AT_LEAST(100%, OK, (errors,"latency p90"))`:  "ALARM",
		`AT_LEAST(1, OK, (errors)) OR OK("latency p90")`:  "ALARM",
		`AT_LEAST(1, INSUFFICIENT_DATA, ("latency p90"))`: "OK",
	} {
		if err := compose("any", rule); err != nil {
			t.Errorf("%s: %v", rule, err)
		} else if got, _ := states(); got != want {
			t.Errorf("%s is %s, want %s", rule, got, want)
		}
	}
	for rule, want := range map[string]string{
		"AT_LEAST(3, ALARM, (errors))":    "it names only 1 alarms",
		"AT_LEAST(0, ALARM, (errors))":    "neither a number of at least 1",
		"AT_LEAST(101%, ALARM, (errors))": "neither a number of at least 1",
		"AT_LEAST(1, ALERT, (errors))":    `"ALERT" is not a state`,
		"AT_LEAST(1, ALARM, errors)":      `"(" is expected`,
		"AT_LEAST(1, ALARM, (errors)":     `")" is expected`,
		"AT_LEAST(1, ALARM, (nothing))":   "the alarm nothing does not exist",
		"AT_LEAST(1, ALARM, (errors,))":   "the name of an alarm is expected",
		"":                                "ends, but a condition is expected",
		"ALARM(nothing)":                  "the alarm nothing does not exist",
		"ALARM(errors":                    "a closing parenthesis is missing",
		"ALARM(errors) XOR 1":             `unexpected "XOR"`,
		"OK(top)":                         "would depend on itself",
		"ALARM(errors) OR":                "ends, but a condition is expected",
	} {
		if err := compose("any", rule); code(err) != "ValidationError" || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", rule, err, want)
		}
	}
}

func TestEvaluatorEndsWithTheLastAlarm(t *testing.T) {
	t.Parallel()
	s, c, _ := newTest(t)
	if _, err := s.PutMetricAlarm(t.Context(), errorsAlarm("a")); err != nil {
		t.Fatal(err)
	}
	c.BlockUntil(1)
	if _, err := s.DeleteAlarms(t.Context(), &awscloudwatch.DeleteAlarmsInput{AlarmNames: []string{"a", "b"}}); code(err) != "ResourceNotFound" {
		t.Fatalf("%v", err)
	}
	if _, err := s.DeleteAlarms(t.Context(), &awscloudwatch.DeleteAlarmsInput{AlarmNames: []string{"a"}}); err != nil {
		t.Fatal(err)
	}
	// This would wait for ever if the evaluator continued.
	s.running.Wait()
}

func TestDashboardsAndTags(t *testing.T) {
	t.Parallel()
	s, _, _ := newTest(t)
	ctx := t.Context()
	put := func(name, body string) error {
		_, err := s.PutDashboard(ctx, &awscloudwatch.PutDashboardInput{DashboardName: aws.String(name), DashboardBody: aws.String(body), Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}})
		return err
	}
	if err := put("service", `{"widgets":[]}`); err != nil {
		t.Fatal(err)
	}
	if err := put("service", `{"widgets":`); code(err) != "DashboardInvalidInputError" {
		t.Errorf("bad JSON: %v", err)
	}
	got, err := s.GetDashboard(ctx, &awscloudwatch.GetDashboardInput{DashboardName: aws.String("service")})
	if err != nil || *got.DashboardBody != `{"widgets":[]}` || *got.DashboardArn != "arn:aws:cloudwatch::000000000000:dashboard/service" {
		t.Errorf("%+v, %v", got, err)
	}
	tags, err := s.ListTagsForResource(ctx, &awscloudwatch.ListTagsForResourceInput{ResourceARN: got.DashboardArn})
	if err != nil || len(tags.Tags) != 1 {
		t.Errorf("%+v, %v", tags, err)
	}
	if _, err := s.DeleteDashboards(ctx, &awscloudwatch.DeleteDashboardsInput{DashboardNames: []string{"service"}}); err != nil {
		t.Error(err)
	}
	if _, err := s.ListTagsForResource(ctx, &awscloudwatch.ListTagsForResourceInput{ResourceARN: got.DashboardArn}); code(err) != "ResourceNotFoundException" {
		t.Errorf("tags of a deleted dashboard: %v", err)
	}
}

// Notifications of topics and functions have exactly the members that AWS sends.
func TestNotifications(t *testing.T) {
	t.Parallel()
	f := &invoked{payloads: make(chan string, 10)}
	s, c, n := newTest(t)
	s.deps.Functions = f
	actions := []string{"arn:aws:sns:us-east-1:000000000000:ops", "arn:aws:lambda:us-east-1:000000000000:function:pager"}
	in := errorsAlarm("math")
	in.MetricName, in.Namespace, in.Statistic, in.Period = nil, nil, "", nil
	in.Metrics = []types.MetricDataQuery{
		{Id: aws.String("m"), ReturnData: aws.Bool(false), MetricStat: &types.MetricStat{
			Metric: &types.Metric{Namespace: aws.String("Test"), MetricName: aws.String("Errors"), Dimensions: dims("FunctionName", "f")},
			Period: aws.Int32(60), Stat: aws.String("Sum")}},
		{Id: aws.String("e"), Expression: aws.String("FILL(m, 0)"), Label: aws.String("errors")},
	}
	in.AlarmDescription, in.AlarmActions = aws.String("d"), actions
	if _, err := s.PutMetricAlarm(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutCompositeAlarm(t.Context(), &awscloudwatch.PutCompositeAlarmInput{AlarmName: aws.String("both"), AlarmRule: aws.String("ALARM(math)"), AlarmActions: actions}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SetAlarmState(t.Context(), &awscloudwatch.SetAlarmStateInput{AlarmName: in.AlarmName, StateValue: "ALARM", StateReason: aws.String("why")}); err != nil {
		t.Fatal(err)
	}
	now := timestamp(c.Now())
	const children = `"TriggeringChildren":[{"Arn":"arn:aws:cloudwatch:us-east-1:000000000000:alarm:math","State":{"Timestamp":"2026-08-08T12:00:00.000+0000","Value":"ALARM"}}]`
	const metrics = `"Metrics":[{"Id":"m","MetricStat":{"Metric":{"Dimensions":[{"name":"FunctionName","value":"f"}],"MetricName":"Errors","Namespace":"Test"},"Period":60,"Stat":"Sum"},"ReturnData":false},` +
		`{"Expression":"FILL(m, 0)","Id":"e","Label":"errors","ReturnData":true}]`
	const event = `{"accountId":"000000000000","alarmArn":"arn:aws:cloudwatch:us-east-1:000000000000:alarm:math","alarmData":{"alarmName":"math",` +
		`"configuration":{"description":"d","metrics":[{"id":"m","metricStat":{"metric":{"dimensions":{"FunctionName":"f"},"name":"Errors","namespace":"Test"},"period":60,"stat":"Sum"},"returnData":false},` +
		`{"expression":"FILL(m, 0)","id":"e","label":"errors","returnData":true}]},` +
		`"previousState":{"reason":"Unchecked: Initial alarm creation","timestamp":"NOW","value":"INSUFFICIENT_DATA"},"state":{"reason":"why","timestamp":"NOW","value":"ALARM"}},` +
		`"region":"us-east-1","source":"aws.cloudwatch","time":"NOW"}`
	var messages, events []string
	for range 2 {
		<-n.got
		events = append(events, <-f.payloads)
	}
	for _, m := range n.messages {
		messages = append(messages, *m.Message)
	}
	all := strings.Join(messages, "\n")
	for _, want := range []string{children, metrics, `"AlarmRule":"ALARM(math)"`} {
		if !strings.Contains(all, want) {
			t.Errorf("no message has %s: %s", want, all)
		}
	}
	if want := strings.ReplaceAll(event, "NOW", now); !slices.Contains(events, want) {
		t.Errorf("got  %s\nwant %s", events, want)
	}
	if !strings.Contains(strings.Join(events, ""), `"configuration":{"alarmRule":"ALARM(math)"}`) {
		t.Errorf("no event of the composite alarm: %s", events)
	}
}

type invoked struct{ payloads chan string }

func (f *invoked) Invoke(_ context.Context, in *awslambda.InvokeInput) (*awslambda.InvokeOutput, error) {
	f.payloads <- string(in.Payload)
	return &awslambda.InvokeOutput{}, nil
}

func FuzzParseRule(f *testing.F) {
	f.Add(`ALARM(a) OR NOT (OK("b c") AND AT_LEAST(50%, NOT OK, (a, "d,e")))`)
	f.Fuzz(func(_ *testing.T, text string) {
		rule, err := parseRule(text)
		// It must then be possible to evaluate the rule.
		if err == nil {
			rule.holds(func(string) types.StateValue { return types.StateValueOk })
		}
	})
}
