package cloudwatch

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/localaws/principal"
)

func TestPutMetricDataRefuses(t *testing.T) {
	t.Parallel()
	s, _, _ := newTest(t)
	ok := func() types.MetricDatum {
		return types.MetricDatum{MetricName: aws.String("M"), Value: aws.Float64(1)}
	}
	for name, test := range map[string]struct {
		change func(*types.MetricDatum)
		code   string
	}{
		"no name":          {func(d *types.MetricDatum) { d.MetricName = nil }, "MissingRequiredParameterException"},
		"no value":         {func(d *types.MetricDatum) { d.Value = nil }, "MissingRequiredParameterException"},
		"two values":       {func(d *types.MetricDatum) { d.Values = []float64{1} }, "InvalidParameterCombinationException"},
		"not a number":     {func(d *types.MetricDatum) { d.Value = aws.Float64(math.NaN()) }, "InvalidParameterValueException"},
		"future":           {func(d *types.MetricDatum) { d.Timestamp = aws.Time(noon.Add(3 * time.Hour)) }, "InvalidParameterValueException"},
		"long ago":         {func(d *types.MetricDatum) { d.Timestamp = aws.Time(noon.Add(-15 * 24 * time.Hour)) }, "InvalidParameterValueException"},
		"resolution":       {func(d *types.MetricDatum) { d.StorageResolution = aws.Int32(5) }, "InvalidParameterValueException"},
		"unit":             {func(d *types.MetricDatum) { d.Unit = "Furlongs" }, "InvalidParameterValueException"},
		"counts":           {func(d *types.MetricDatum) { d.Value, d.Values, d.Counts = nil, []float64{1}, []float64{1, 2} }, "InvalidParameterCombinationException"},
		"dimension":        {func(d *types.MetricDatum) { d.Dimensions = dims("A", "") }, "MissingRequiredParameterException"},
		"double dimension": {func(d *types.MetricDatum) { d.Dimensions = dims("A", "1", "A", "2") }, "InvalidParameterValueException"},
		"half a set":       {func(d *types.MetricDatum) { d.Value, d.StatisticValues = nil, &types.StatisticSet{Sum: aws.Float64(1)} }, "MissingRequiredParameterException"},
	} {
		bad := ok()
		test.change(&bad)
		_, err := s.PutMetricData(t.Context(), &awscloudwatch.PutMetricDataInput{Namespace: aws.String("N"), MetricData: []types.MetricDatum{ok(), bad}})
		if code(err) != test.code {
			t.Errorf("%s: %v, want %s", name, err, test.code)
		}
	}
	if out, err := s.ListMetrics(t.Context(), &awscloudwatch.ListMetricsInput{}); err != nil || len(out.Metrics) != 0 {
		t.Errorf("a refused request left %v (%v)", out, err)
	}
	user := principal.NewContext(t.Context(), principal.Principal{AccessKeyID: "AKIA"})
	in := &awscloudwatch.PutMetricDataInput{Namespace: aws.String("AWS/Lambda"), MetricData: []types.MetricDatum{ok()}}
	if _, err := s.PutMetricData(user, in); code(err) != "InvalidParameterValueException" {
		t.Errorf("a user wrote to AWS/Lambda: %v", err)
	}
	if _, err := s.PutMetricData(t.Context(), in); err != nil {
		t.Errorf("a service can't write to AWS/Lambda: %v", err)
	}
}

func TestGetMetricStatistics(t *testing.T) {
	t.Parallel()
	s, _, _ := newTest(t)
	// The values are 1 to 100; each of two minutes gets half of them.
	for i := range 100 {
		put(t, s, "Duration", noon.Add(time.Duration(i/50)*time.Minute+time.Second), float64(i+1))
	}
	_, err := s.PutMetricData(t.Context(), &awscloudwatch.PutMetricDataInput{Namespace: aws.String("Test"), MetricData: []types.MetricDatum{{
		MetricName: aws.String("Duration"), Timestamp: aws.Time(noon.Add(2 * time.Minute)),
		StatisticValues: &types.StatisticSet{SampleCount: aws.Float64(4), Sum: aws.Float64(10), Minimum: aws.Float64(1), Maximum: aws.Float64(4)},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	get := func(period int32) []types.Datapoint {
		t.Helper()
		out, err := s.GetMetricStatistics(t.Context(), &awscloudwatch.GetMetricStatisticsInput{
			Namespace: aws.String("Test"), MetricName: aws.String("Duration"), Period: aws.Int32(period),
			StartTime: aws.Time(noon.Add(20 * time.Second)), EndTime: aws.Time(noon.Add(10 * time.Minute)),
			Statistics: types.Statistic("").Values(), ExtendedStatistics: []string{"p90"},
		})
		if err != nil {
			t.Fatal(err)
		}
		return out.Datapoints
	}
	point := func(minute int, count, sum, low, high float64, p90 map[string]float64) types.Datapoint {
		return types.Datapoint{
			Timestamp: aws.Time(noon.Add(time.Duration(minute) * time.Minute)), Unit: types.StandardUnitNone,
			SampleCount: &count, Sum: &sum, Average: aws.Float64(sum / count), Minimum: &low, Maximum: &high, ExtendedStatistics: p90,
		}
	}
	want := []types.Datapoint{
		point(0, 50, 1275, 1, 50, map[string]float64{"p90": 45}),
		point(1, 50, 3775, 51, 100, map[string]float64{"p90": 95}),
		point(2, 4, 10, 1, 4, nil), // a statistic set has no percentiles
	}
	opts := cmp.AllowUnexported(types.Datapoint{})
	if diff := cmp.Diff(want, get(60), opts); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]types.Datapoint{point(0, 104, 5060, 1, 100, nil)}, get(300), opts); diff != "" {
		t.Error(diff)
	}
	if _, err := s.GetMetricStatistics(t.Context(), &awscloudwatch.GetMetricStatisticsInput{
		Namespace: aws.String("Test"), MetricName: aws.String("Duration"), Period: aws.Int32(1),
		StartTime: aws.Time(noon), EndTime: aws.Time(noon.Add(time.Hour)), Statistics: []types.Statistic{types.StatisticSum},
	}); code(err) != "InvalidParameterCombinationException" || !strings.Contains(err.Error(), "up to 3,600 datapoints, which exceeds the limit of 1,440.") {
		t.Errorf("3600 data points: %v", err)
	}
}

// The statistics of 1, 2 ... 10, as AWS defines them.
func TestTrimmedStatistics(t *testing.T) {
	t.Parallel()
	s, _, _ := newTest(t)
	put(t, s, "Duration", noon, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
	want := map[string]float64{
		"tm90": 5, "TM(:90%)": 5, "TM(10%:90%)": 5.5, "TM(2:8)": 5.5, "TM(20%:)": 6.5, "IQM": 5.5, "tm100": 5.5,
		"tc90": 9, "TC(15%:85%)": 7, "TC(2:8)": 6, "tc85": 8.5,
		"ts90": 45, "TS(80%:)": 19, "TS(:3)": 6,
		"wm90": 5.4, "WM(10%:90%)": 5.4, "WM(3:8)": 5.5,
		"PR(:3)": 30, "PR(3:8)": 50, "PR(8:)": 20,
	}
	for name, value := range want {
		out, err := s.GetMetricStatistics(t.Context(), &awscloudwatch.GetMetricStatisticsInput{
			Namespace: aws.String("Test"), MetricName: aws.String("Duration"), Period: aws.Int32(60),
			StartTime: aws.Time(noon), EndTime: aws.Time(noon.Add(time.Minute)), ExtendedStatistics: []string{name},
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := out.Datapoints[0].ExtendedStatistics[name]; math.Abs(got-value) > 1e-9 {
			t.Errorf("%s = %v, want %v", name, got, value)
		}
	}
	for _, name := range []string{"", "tm", "tm101", "tm-1", "TM", "TM()", "TM(:)", "TM(90)", "TM(10%:90)", "TM(5:5)", "TM(1:2", "pr90", "PR(1%:2%)", "xm90", "IQM90", "TM(1e1:2e1)"} {
		if st, err := parseStatistic(name); code(err) != "ValidationError" {
			t.Errorf("%s is %+v", name, st)
		}
	}
}

func TestHighResolutionAndUnits(t *testing.T) {
	t.Parallel()
	s, _, _ := newTest(t)
	for i := range 30 {
		_, err := s.PutMetricData(t.Context(), &awscloudwatch.PutMetricDataInput{Namespace: aws.String("Test"), MetricData: []types.MetricDatum{
			{MetricName: aws.String("Fine"), Value: aws.Float64(1), StorageResolution: aws.Int32(1), Timestamp: aws.Time(noon.Add(time.Duration(i) * time.Second)), Unit: types.StandardUnitCount},
			{MetricName: aws.String("Fine"), Value: aws.Float64(7), StorageResolution: aws.Int32(1), Timestamp: aws.Time(noon), Unit: types.StandardUnitBytes},
			{MetricName: aws.String("Coarse"), Value: aws.Float64(1), Timestamp: aws.Time(noon.Add(time.Duration(i) * time.Second))},
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	sums := func(name string, unit types.StandardUnit) []float64 {
		t.Helper()
		out, err := s.GetMetricStatistics(t.Context(), &awscloudwatch.GetMetricStatisticsInput{
			Namespace: aws.String("Test"), MetricName: aws.String(name), Period: aws.Int32(10), Unit: unit,
			StartTime: aws.Time(noon), EndTime: aws.Time(noon.Add(time.Minute)), Statistics: []types.Statistic{types.StatisticSum},
		})
		if err != nil {
			t.Fatal(err)
		}
		var sums []float64
		for _, p := range out.Datapoints {
			sums = append(sums, *p.Sum)
		}
		return sums
	}
	if got := sums("Fine", types.StandardUnitCount); !slices.Equal(got, []float64{10, 10, 10}) {
		t.Errorf("seconds: %v", got)
	}
	if got := sums("Fine", ""); !slices.Equal(got, []float64{220, 10, 10}) {
		t.Errorf("both units: %v", got)
	}
	if got := sums("Coarse", ""); !slices.Equal(got, []float64{30}) {
		t.Errorf("minutes: %v", got)
	}
}

func TestListMetrics(t *testing.T) {
	t.Parallel()
	s, c, _ := newTest(t)
	for _, d := range [][]types.Dimension{nil, dims("FunctionName", "f"), dims("Resource", "f:live", "FunctionName", "f")} {
		if _, err := s.PutMetricData(t.Context(), &awscloudwatch.PutMetricDataInput{Namespace: aws.String("AWS/Lambda"), MetricData: []types.MetricDatum{
			{MetricName: aws.String("Errors"), Value: aws.Float64(0), Dimensions: d},
		}}); err != nil {
			t.Fatal(err)
		}
	}
	count := func(in *awscloudwatch.ListMetricsInput) int {
		t.Helper()
		out, err := s.ListMetrics(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		return len(out.Metrics)
	}
	if n := count(&awscloudwatch.ListMetricsInput{}); n != 3 {
		t.Errorf("%d metrics", n)
	}
	if n := count(&awscloudwatch.ListMetricsInput{Dimensions: []types.DimensionFilter{{Name: aws.String("Resource")}}}); n != 1 {
		t.Errorf("%d metrics of a resource", n)
	}
	c.Advance(4 * time.Hour)
	if n := count(&awscloudwatch.ListMetricsInput{RecentlyActive: types.RecentlyActivePt3h}); n != 0 {
		t.Errorf("%d metrics are recently active", n)
	}
	c.Advance(16 * 24 * time.Hour)
	if n := count(&awscloudwatch.ListMetricsInput{}); n != 0 || len(s.metrics.metrics) != 0 {
		t.Errorf("%d metrics after their retention, %d kept", n, len(s.metrics.metrics))
	}
}

func TestMetricMath(t *testing.T) {
	t.Parallel()
	s, _, _ := newTest(t)
	for i, v := range []float64{1, 2, 0, 4} {
		put(t, s, "Errors", noon.Add(time.Duration(i)*time.Minute), v)
	}
	// The fourth minute has no data.
	for i, v := range []float64{10, 0, 30} {
		put(t, s, "Invocations", noon.Add(time.Duration(i)*time.Minute), v)
	}
	n := math.NaN()
	for text, want := range map[string][]float64{
		"errors + 1":                      {2, 3, 1, 5},
		"-errors * 2 - 1":                 {-3, -5, -1, -9},
		"100 * errors / invocations":      {10, n, 0, n}, // division by zero and missing data yield no data point
		"errors ^ 2":                      {1, 4, 0, 16},
		"(errors + invocations) * 2":      {22, 4, 60, n},
		"errors > 1":                      {0, 1, 0, 1},
		"errors >= 1 AND invocations < 5": {0, 1, 0, n},
		"errors == 4 || errors==1":        {1, 0, 0, 1},
		"IF(errors > 1, errors, 0)":       {0, 2, 0, 4},
		"IF(errors != 0, errors)":         {1, 2, n, 4},
		"IF(FILL(invocations, 0) >= 10, 100*errors/invocations, 0)": {10, 0, 0, 0},
		"FILL(invocations, REPEAT)":                                 {10, 0, 30, 30},
		"FILL(invocations, errors)":                                 {10, 0, 30, 4},
		"SUM(METRICS())":                                            {11, 2, 30, 4},
		"AVG([errors, invocations])":                                {5.5, 1, 15, 4},
		"MAX([errors, invocations])":                                {10, 2, 30, 4},
		"MIN(METRICS(\"err\"))":                                     {1, 2, 0, 4},
		"errors - SUM(errors)":                                      {-6, -5, -7, -3},
		"errors / PERIOD(errors)":                                   {1. / 60, 2. / 60, 0, 4. / 60},
		"ABS(errors - 3)":                                           {2, 1, 3, 1},
		"FILL(invocations, LINEAR)":                                 {10, 0, 30, n},
		"FILL(IF(errors != 0, errors), LINEAR)":                     {1, 2, 3, 4},
		"DIFF(IF(errors != 0, errors))":                             {n, 1, n, 2}, // the difference from the last data point that exists
		"DIFF_TIME(IF(errors != 0, errors))":                        {n, 60, n, 120},
		"RATE(errors)":                                              {n, 1. / 60, -2. / 60, 4. / 60},
		"RUNNING_SUM(invocations)":                                  {10, 10, 40, n},
		"LOG10(invocations * 10)":                                   {2, n, math.Log10(300), n},
		"LOG(errors)":                                               {0, math.Log(2), n, math.Log(4)},
		"FIRST(METRICS())":                                          {1, 2, 0, 4},
		"LAST([errors, invocations])":                               {10, 0, 30, n},
		"errors * METRIC_COUNT(METRICS())":                          {2, 4, 0, 8},
		"DATAPOINT_COUNT([errors, invocations])":                    {2, 2, 2, 1},
		"TIME_SERIES(AVG(invocations)) * errors / errors":           {40. / 3, 40. / 3, n, 40. / 3},
		"MINUTE(invocations) + 0 * errors":                          {0, 1, 2, 3},
		"HOUR(errors) + DAY(errors)":                                {18, 18, 18, 18}, // a Saturday at noon
		"IF(DATE(errors) == 8 && MONTH(errors) == 8 && YEAR(errors) == 2026, errors)": {1, 2, 0, 4},
		"EPOCH(errors) - EPOCH(errors) + 1":                                           {1, 1, 1, 1},
	} {
		got, err := evaluateMath(t, s, text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if !slices.EqualFunc(got, want, func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }) {
			t.Errorf("%s = %v, want %v", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"errors +":                     "ends, but a value is expected",
		"errors errors":                "unexpected",
		"nothing":                      "no query with the id nothing",
		"e1 + 1":                       "refers to itself",
		"SUM(errors)":                  "must return a time series",
		"SEARCH('x', 'Sum')":           "SEARCH is not supported",
		"FIRST(errors)":                "takes a list of time series",
		"RATE(SUM(errors))":            "takes a time series",
		"TIME_SERIES(errors)":          "takes a number",
		"ANOMALY_DETECTION_BAND(e, 2)": "not supported",
		"IF(errors)":                   "takes 2 to 3 arguments",
		"errors $ 1":                   "unexpected character",
		"'open":                        "has no closing quote",
		"(errors":                      `")" is expected`,
		"5":                            "refers to no metric",
		strings.Repeat("(", 5000) + "errors" + strings.Repeat(")", 5000): "nested more than",
	} {
		if _, err := evaluateMath(t, s, text); code(err) != "ValidationError" || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v, want %q", text, err, want)
		}
	}
}

func TestGetMetricDataByPages(t *testing.T) {
	t.Parallel()
	s, _, _ := newTest(t)
	for i := range 3 {
		put(t, s, "A", noon.Add(time.Duration(i)*time.Minute), float64(i))
		put(t, s, "C", noon.Add(time.Duration(i)*time.Minute), float64(10+i))
	}
	stat := func(id, name string) types.MetricDataQuery {
		return types.MetricDataQuery{Id: aws.String(id), MetricStat: &types.MetricStat{
			Metric: &types.Metric{Namespace: aws.String("Test"), MetricName: aws.String(name)}, Period: aws.Int32(60), Stat: aws.String("Sum"),
		}}
	}
	in := &awscloudwatch.GetMetricDataInput{
		StartTime: aws.Time(noon), EndTime: aws.Time(noon.Add(4 * time.Minute)), MaxDatapoints: aws.Int32(2),
		MetricDataQueries: []types.MetricDataQuery{stat("a", "A"), stat("b", "None"), stat("c", "C")},
	}
	var got []string
	for more := true; more; more = in.NextToken != nil {
		out, err := s.GetMetricData(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range out.MetricDataResults {
			got = append(got, fmt.Sprintf("%s%v%d%s", *r.Id, r.Values, len(r.Timestamps), r.StatusCode))
		}
		got, in.NextToken = append(got, "-"), out.NextToken
	}
	want := []string{
		"a[2 1]2PartialData", "b[]0Complete", "c[]0PartialData", "-", "a[0]1Complete", "c[12]1PartialData", "-", "c[11 10]2Complete", "-",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	in.NextToken = aws.String("x")
	if _, err := s.GetMetricData(t.Context(), in); code(err) != "InvalidNextToken" {
		t.Errorf("%v", err)
	}
}

func evaluateMath(t *testing.T, s *Service, text string) ([]float64, error) {
	t.Helper()
	stat := func(id, name string) types.MetricDataQuery {
		return types.MetricDataQuery{Id: aws.String(id), ReturnData: aws.Bool(false), MetricStat: &types.MetricStat{
			Metric: &types.Metric{Namespace: aws.String("Test"), MetricName: aws.String(name)}, Period: aws.Int32(60), Stat: aws.String("Sum"),
		}}
	}
	out, err := s.GetMetricData(t.Context(), &awscloudwatch.GetMetricDataInput{
		StartTime: aws.Time(noon), EndTime: aws.Time(noon.Add(4 * time.Minute)), ScanBy: types.ScanByTimestampAscending,
		MetricDataQueries: []types.MetricDataQuery{stat("errors", "Errors"), stat("invocations", "Invocations"), {Id: aws.String("e1"), Expression: aws.String(text)}},
	})
	if err != nil {
		return nil, err
	}
	r := out.MetricDataResults[0]
	got := []float64{math.NaN(), math.NaN(), math.NaN(), math.NaN()}
	for i, at := range r.Timestamps {
		got[int(at.Sub(noon)/time.Minute)] = r.Values[i]
	}
	return got, nil
}

func FuzzParseExpression(f *testing.F) {
	f.Add("IF(m1 > 0, m1 / m2, FILL(m1, 0)) AND [m1,-2.5]")
	f.Add("SUM(METRICS('x')) || 3 <= 4")
	f.Fuzz(func(_ *testing.T, text string) {
		// It only has to return.
		_, _ = parseExpression(text)
	})
}

// A busy function reports several metrics with every invocation.
func BenchmarkPutMetricData(b *testing.B) {
	s, _, _ := newTest(b)
	d := dims("ExecutedVersion", "7", "FunctionName", "function", "Resource", "function:live")
	i := 0
	for b.Loop() {
		i++
		_, err := s.PutMetricData(b.Context(), &awscloudwatch.PutMetricDataInput{Namespace: aws.String("AWS/Lambda"), MetricData: []types.MetricDatum{
			{MetricName: aws.String("Invocations"), Value: aws.Float64(1), Dimensions: d, Unit: types.StandardUnitCount},
			{MetricName: aws.String("Duration"), Value: aws.Float64(float64(i%1000) / 7), Dimensions: d, Unit: types.StandardUnitMilliseconds},
		}})
		if err != nil {
			b.Fatal(err)
		}
	}
}
