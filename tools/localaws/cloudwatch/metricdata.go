package cloudwatch

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

const (
	maxQueries    = 500
	maxDatapoints = 100_800 // limit of GetMetricData's answer; here for all pages together
)

// GetMetricData returns metrics and metric math expressions, newest first
// unless ScanBy says otherwise. A page has at most MaxDatapoints data points.
func (s *Service) GetMetricData(_ context.Context, in *awscloudwatch.GetMetricDataInput) (*awscloudwatch.GetMetricDataOutput, error) {
	switch {
	case in.StartTime == nil || in.EndTime == nil:
		return nil, validation("The parameters StartTime and EndTime are required.")
	case !in.StartTime.Before(*in.EndTime):
		return nil, validation("The parameter StartTime must be less than the parameter EndTime.")
	case in.MaxDatapoints != nil && (*in.MaxDatapoints < 1 || *in.MaxDatapoints > maxDatapoints):
		return nil, invalidValue("The value %d for parameter MaxDatapoints is invalid: it must be between 1 and %d.", *in.MaxDatapoints, maxDatapoints)
	}
	q, err := newQueries(in.MetricDataQueries)
	if err != nil {
		return nil, err
	}
	var all []types.MetricDataResult
	total := 0
	for _, query := range q.all {
		if query.ReturnData != nil && !*query.ReturnData {
			continue
		}
		id := *query.Id
		f := newFrame(*in.StartTime, *in.EndTime, q.periods[id])
		if total += f.n; total > maxDatapoints {
			return nil, validation("The request asks for more than %d data points. Increase Period or decrease the time range.", maxDatapoints)
		}
		v, err := s.run(q, f, id)
		if err != nil {
			return nil, err
		}
		all = append(all, results(query, f, v, in.ScanBy)...)
	}
	limit := maxDatapoints
	if in.MaxDatapoints != nil {
		limit = int(*in.MaxDatapoints)
	}
	page, next, err := resultsPage(all, in.NextToken, limit)
	if err != nil {
		return nil, err
	}
	return &awscloudwatch.GetMetricDataOutput{MetricDataResults: page, NextToken: next}, nil
}

// resultsPage returns the page that token names, with at most limit data
// points. The first page contains every result, even empty ones. A result that
// continues on the next page has AWS's status PartialData.
func resultsPage(all []types.MetricDataResult, token *string, limit int) ([]types.MetricDataResult, *string, error) {
	from := 0
	if token != nil {
		var err error
		if from, err = strconv.Atoi(*token); err != nil || from < 1 {
			return nil, nil, &types.InvalidNextToken{Message: aws.String("The next token " + *token + " is invalid.")}
		}
	}
	var page []types.MetricDataResult
	// Both count the data points of all results.
	at, to := 0, from+limit
	for _, r := range all {
		n := len(r.Values)
		first, last := min(max(from-at, 0), n), min(max(to-at, 0), n)
		if last < n {
			r.StatusCode = types.StatusCodePartialData
		}
		if first < last || token == nil {
			r.Timestamps, r.Values = r.Timestamps[first:last], r.Values[first:last]
			page = append(page, r)
		}
		at += n
	}
	if at <= to {
		return page, nil, nil
	}
	return page, aws.String(strconv.Itoa(to)), nil
}

func results(query types.MetricDataQuery, f frame, v value, order types.ScanBy) []types.MetricDataResult {
	label := aws.ToString(query.Label)
	if label == "" {
		label = *query.Id
		if query.MetricStat != nil {
			label = *query.MetricStat.Metric.MetricName
		}
	}
	rows := []value{v}
	if v.kind == list {
		rows = v.list
	}
	var out []types.MetricDataResult
	for _, row := range rows {
		result := types.MetricDataResult{Id: query.Id, Label: aws.String(label), StatusCode: types.StatusCodeComplete, Timestamps: []time.Time{}, Values: []float64{}}
		for i, x := range row.series {
			if !math.IsNaN(x) {
				result.Timestamps = append(result.Timestamps, time.Unix(f.at(i), 0).UTC())
				result.Values = append(result.Values, x)
			}
		}
		if order != types.ScanByTimestampAscending {
			slices.Reverse(result.Timestamps)
			slices.Reverse(result.Values)
		}
		out = append(out, result)
	}
	return out
}

// queries are the checked MetricDataQueries of a request or of an alarm.
type queries struct {
	all         []types.MetricDataQuery
	byID        map[string]*types.MetricDataQuery
	statistics  map[string]statistic
	expressions map[string]expression
	periods     map[string]int64 // in seconds, for expressions too
}

func newQueries(all []types.MetricDataQuery) (*queries, error) {
	if len(all) == 0 {
		return nil, validation("The parameter MetricDataQueries is required.")
	}
	if len(all) > maxQueries {
		return nil, validation("The collection MetricDataQueries must not have a size greater than %d.", maxQueries)
	}
	q := &queries{
		all:         copyQueries(all),
		byID:        map[string]*types.MetricDataQuery{},
		statistics:  map[string]statistic{},
		expressions: map[string]expression{},
		periods:     map[string]int64{},
	}
	for i := range q.all {
		if err := q.add(&q.all[i]); err != nil {
			return nil, err
		}
	}
	for id := range q.expressions {
		period, err := q.periodOf(id, nil)
		if err != nil {
			return nil, err
		}
		q.periods[id] = period
	}
	return q, nil
}

func (q *queries) add(query *types.MetricDataQuery) error {
	id := aws.ToString(query.Id)
	if id == "" || id[0] < 'a' || id[0] > 'z' || strings.ContainsFunc(id, func(r rune) bool { return r > 127 || !isWord(byte(r)) }) { // #nosec G115 -- r is checked to be ASCII first
		return validation("The value %q for parameter Id is invalid: it must begin with a lowercase letter and contain only letters, digits and underscores.", id)
	}
	if q.byID[id] != nil {
		return validation("The id %s is used more than once.", id)
	}
	q.byID[id] = query
	if query.AccountId != nil {
		return unsupported("the AccountId of a metric")
	}
	if (query.MetricStat != nil) == (query.Expression != nil) {
		return validation("The query %s must have either an Expression or a MetricStat.", id)
	}
	if query.Expression != nil {
		e, err := parseExpression(*query.Expression)
		if err != nil {
			return validation("Error in expression '%s' [%s]: %v", id, *query.Expression, err)
		}
		q.expressions[id] = e
		return nil
	}
	stat := query.MetricStat
	if stat.Metric == nil || aws.ToString(stat.Metric.Namespace) == "" || aws.ToString(stat.Metric.MetricName) == "" {
		return validation("The metric of query %s must have a Namespace and a MetricName.", id)
	}
	if err := checkDimensions(stat.Metric.Dimensions, "MetricDataQueries."+id); err != nil {
		return err
	}
	if err := checkPeriod(aws.ToInt32(stat.Period)); err != nil {
		return err
	}
	parsed, err := parseStatistic(aws.ToString(stat.Stat))
	if err != nil {
		return err
	}
	q.statistics[id] = parsed
	q.periods[id] = int64(*stat.Period)
	return nil
}

// periodOf returns the common period of an expression's metrics. It returns an
// error if they have different periods.
func (q *queries) periodOf(id string, within []string) (int64, error) {
	if slices.Contains(within, id) {
		return 0, validation("The expression %s refers to itself.", id)
	}
	e, isExpression := q.expressions[id]
	if !isExpression {
		period, ok := q.periods[id]
		if !ok {
			return 0, validation("Error in expression '%s': there is no query with the id %s.", within[len(within)-1], id)
		}
		return period, nil
	}
	var common int64
	if p := q.byID[id].Period; p != nil {
		if err := checkPeriod(*p); err != nil {
			return 0, err
		}
		common = int64(*p)
	}
	for _, other := range q.references(e) {
		period, err := q.periodOf(other, append(within, id))
		if err != nil {
			return 0, err
		}
		if common == 0 {
			common = period
		}
		if period != common {
			return 0, validation("Error in expression '%s': metrics with different periods (%d and %d seconds) are not supported by the embedded AWS.", id, common, period)
		}
	}
	if common == 0 {
		return 0, validation("Error in expression '%s': it refers to no metric and has no Period.", id)
	}
	return common, nil
}

// references returns the ids that an expression refers to.
func (q *queries) references(e expression) []string {
	var ids []string
	switch e := e.(type) {
	case idExpr:
		ids = append(ids, string(e))
	case listExpr:
		for _, item := range e {
			ids = append(ids, q.references(item)...)
		}
	case negateExpr:
		ids = q.references(e.of)
	case binaryExpr:
		ids = append(q.references(e.left), q.references(e.right)...)
	case callExpr:
		if e.name == "METRICS" {
			containing := ""
			if len(e.args) == 1 {
				if text, ok := e.args[0].(stringExpr); ok {
					containing = string(text)
				}
			}
			return q.metricIDs(containing)
		}
		for i, arg := range e.args {
			if e.name == "FILL" && i == 1 && (arg == expression(idExpr("REPEAT")) || arg == expression(idExpr("LINEAR"))) {
				continue
			}
			ids = append(ids, q.references(arg)...)
		}
	}
	return ids
}

// metricIDs returns the ids of the queries that are metrics.
func (q *queries) metricIDs(containing string) []string {
	var ids []string
	for _, query := range q.all {
		if query.MetricStat != nil && strings.Contains(*query.Id, containing) {
			ids = append(ids, *query.Id)
		}
	}
	return ids
}

// run computes one query over a frame. The result is a time series or a list.
func (s *Service) run(q *queries, f frame, id string) (value, error) {
	done := map[string]value{}
	ctx := &mathContext{frame: f}
	ctx.lookup = func(id string) (value, error) {
		if v, ok := done[id]; ok {
			return v, nil
		}
		query := q.byID[id]
		if query == nil {
			return value{}, fmt.Errorf("there is no query with the id %s", id)
		}
		var v value
		var err error
		if e, ok := q.expressions[id]; ok {
			v, err = e.eval(ctx)
		} else {
			v = s.read(query.MetricStat, q.statistics[id], f)
		}
		done[id] = v
		return v, err
	}
	ctx.metrics = func(containing string) ([]value, error) {
		var out []value
		for _, id := range q.metricIDs(containing) {
			v, err := ctx.lookup(id)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	}
	v, err := ctx.lookup(id)
	if err != nil {
		return value{}, validation("Error in expression '%s' [%s]: %v", id, aws.ToString(q.byID[id].Expression), err)
	}
	if v.kind == number {
		return value{}, validation("Error in expression '%s' [%s]: it must return a time series, not %v.", id, aws.ToString(q.byID[id].Expression), v.kind)
	}
	return v, nil
}

// read returns a metric's statistic in each period.
func (s *Service) read(stat *types.MetricStat, st statistic, f frame) value {
	m := s.metrics.find(*stat.Metric.Namespace, *stat.Metric.MetricName, stat.Metric.Dimensions)
	v := value{kind: timeSeries, series: make([]float64, f.n)}
	for i := range v.series {
		sum := m.window(stat.Unit, f.at(i), f.at(i+1), st.distributed())
		x, ok := st.of(&sum)
		if !ok {
			x = math.NaN()
		}
		v.series[i] = finite(x)
	}
	return v
}

func copyQueries(all []types.MetricDataQuery) []types.MetricDataQuery {
	out := slices.Clone(all)
	for i := range out {
		if stat := out[i].MetricStat; stat != nil {
			copied := *stat
			if stat.Metric != nil {
				m := *stat.Metric
				m.Dimensions = copyDimensions(m.Dimensions)
				copied.Metric = &m
			}
			out[i].MetricStat = &copied
		}
	}
	return out
}
