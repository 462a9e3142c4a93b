package logs

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	awslogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/magewright/magewright/tools/localaws/paging"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// servicePrincipal is the principal that CloudWatch Logs acts as.
const servicePrincipal = "logs.amazonaws.com"

// Metrics receives the metrics that metric filters make.
type Metrics interface {
	PutMetricData(context.Context, *awscloudwatch.PutMetricDataInput) (*awscloudwatch.PutMetricDataOutput, error)
}

// Functions receives the events that pass subscription filters.
type Functions interface {
	Invoke(context.Context, *awslambda.InvokeInput) (*awslambda.InvokeOutput, error)
}

// Targets are the services that filters send to. Without them, filters are refused.
type Targets struct {
	Metrics   Metrics
	Functions Functions
}

// Limits of a log group, from
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html.
const (
	maxMetricFilters       = 100
	maxSubscriptionFilters = 2
)

// A metricFilter makes a metric of the events that match.
type metricFilter struct {
	types.MetricFilter
	match func(message string) bool
}

// A subscriptionFilter sends the events that match to a function.
type subscriptionFilter struct {
	types.SubscriptionFilter
	match func(message string) bool
}

// PutMetricFilter makes a metric of the events that match a pattern, or replaces a
// filter. The value of a metric is a number: selectors of JSON and of words are refused,
// as their patterns are, and so are dimensions, which need them.
// See https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/MonitoringLogData.html.
func (s *Service) PutMetricFilter(_ context.Context, in *awslogs.PutMetricFilterInput) (*awslogs.PutMetricFilterOutput, error) {
	match, err := compile(aws.ToString(in.FilterPattern))
	if err != nil {
		return nil, err
	}
	if in.FieldSelectionCriteria != nil || len(in.EmitSystemFieldDimensions) > 0 || in.ApplyOnTransformedLogs {
		return nil, invalid("the embedded CloudWatch Logs does not support ApplyOnTransformedLogs, EmitSystemFieldDimensions and FieldSelectionCriteria of a metric filter")
	}
	if len(in.MetricTransformations) != 1 {
		return nil, invalid("A metric filter has one metric transformation, not %d", len(in.MetricTransformations))
	}
	t := in.MetricTransformations[0]
	switch _, err := strconv.ParseFloat(aws.ToString(t.MetricValue), 64); {
	case err != nil:
		return nil, invalid("Invalid metric transformation: the embedded CloudWatch Logs supports only a number as metricValue, not %s", aws.ToString(t.MetricValue))
	case len(t.Dimensions) > 0:
		return nil, invalid("Invalid metric transformation: the embedded CloudWatch Logs does not support dimensions of a metric filter")
	case s.Targets.Metrics == nil:
		return nil, invalid("this embedded AWS has no metrics")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(in.LogGroupName)
	if err != nil {
		return nil, err
	}
	name := aws.ToString(in.FilterName)
	made := metricFilter{types.MetricFilter{
		FilterName: in.FilterName, FilterPattern: aws.String(aws.ToString(in.FilterPattern)), LogGroupName: &g.name,
		MetricTransformations: slices.Clone(in.MetricTransformations), CreationTime: aws.Int64(s.now()),
	}, match}
	i := slices.IndexFunc(g.metricFilters, func(f metricFilter) bool { return *f.FilterName == name })
	switch {
	case i >= 0:
		made.CreationTime = g.metricFilters[i].CreationTime
		g.metricFilters[i] = made
	case len(g.metricFilters) == maxMetricFilters:
		return nil, &types.LimitExceededException{Message: aws.String("Resource limit exceeded.")}
	default:
		g.metricFilters = append(g.metricFilters, made)
	}
	return &awslogs.PutMetricFilterOutput{}, nil
}

// DeleteMetricFilter deletes a metric filter.
func (s *Service) DeleteMetricFilter(_ context.Context, in *awslogs.DeleteMetricFilterInput) (*awslogs.DeleteMetricFilterOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(in.LogGroupName)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(g.metricFilters, func(f metricFilter) bool { return *f.FilterName == aws.ToString(in.FilterName) })
	if i < 0 {
		return nil, noFilter("metric")
	}
	g.metricFilters = slices.Delete(g.metricFilters, i, i+1)
	return &awslogs.DeleteMetricFilterOutput{}, nil
}

func noFilter(kind string) error {
	return &types.ResourceNotFoundException{Message: aws.String("The specified " + kind + " filter does not exist.")}
}

// pageSize is the number of filters on a page.
const pageSize = 50

// DescribeMetricFilters lists metric filters by group and name.
func (s *Service) DescribeMetricFilters(_ context.Context, in *awslogs.DescribeMetricFiltersInput) (*awslogs.DescribeMetricFiltersOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.LogGroupName != nil {
		if _, err := s.group(in.LogGroupName); err != nil {
			return nil, err
		}
	}
	var all []types.MetricFilter
	for _, g := range s.groups {
		for _, f := range g.metricFilters {
			t := f.MetricTransformations[0]
			if (in.LogGroupName == nil || g.name == *in.LogGroupName) && strings.HasPrefix(*f.FilterName, aws.ToString(in.FilterNamePrefix)) &&
				(in.MetricName == nil || *in.MetricName == aws.ToString(t.MetricName)) && (in.MetricNamespace == nil || *in.MetricNamespace == aws.ToString(t.MetricNamespace)) {
				all = append(all, f.MetricFilter)
			}
		}
	}
	slices.SortFunc(all, func(x, y types.MetricFilter) int {
		return strings.Compare(*x.LogGroupName+"\x00"+*x.FilterName, *y.LogGroupName+"\x00"+*y.FilterName)
	})
	page, next, ok := paging.Of(all, in.NextToken, limitOf(in.Limit))
	if !ok {
		return nil, invalid("The specified nextToken is invalid.")
	}
	return &awslogs.DescribeMetricFiltersOutput{MetricFilters: page, NextToken: next}, nil
}

func limitOf(n *int32) int {
	if n == nil {
		return pageSize
	}
	return int(*n)
}

// PutSubscriptionFilter sends the events that match a pattern to a function, or replaces
// a filter. The function's policy must allow it. Other destinations are refused.
// See https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html.
func (s *Service) PutSubscriptionFilter(ctx context.Context, in *awslogs.PutSubscriptionFilterInput) (*awslogs.PutSubscriptionFilterOutput, error) {
	match, err := compile(aws.ToString(in.FilterPattern))
	if err != nil {
		return nil, err
	}
	destination := aws.ToString(in.DestinationArn)
	switch {
	case in.FieldSelectionCriteria != nil || len(in.EmitSystemFields) > 0 || in.ApplyOnTransformedLogs:
		return nil, invalid("the embedded CloudWatch Logs does not support ApplyOnTransformedLogs, EmitSystemFields and FieldSelectionCriteria of a subscription filter")
	case !strings.HasPrefix(destination, s.account.ARN("lambda", "function:")) || s.Targets.Functions == nil:
		return nil, invalid("the embedded CloudWatch Logs sends only to Lambda functions of this account, not to %s", destination)
	case in.RoleArn != nil:
		return nil, invalid("destinationArn for vendor lambda cannot be used with roleArn")
	}
	s.mu.Lock()
	g, err := s.group(in.LogGroupName)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if _, err := s.Targets.Functions.Invoke(s.sending(ctx, g.name), &awslambda.InvokeInput{FunctionName: &destination, InvocationType: lambdatypes.InvocationTypeDryRun}); err != nil {
		return nil, invalid("Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute your function. (%v)", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := aws.ToString(in.FilterName)
	made := subscriptionFilter{types.SubscriptionFilter{
		FilterName: in.FilterName, FilterPattern: aws.String(aws.ToString(in.FilterPattern)), LogGroupName: &g.name, DestinationArn: &destination,
		Distribution: types.DistributionByLogStream, CreationTime: aws.Int64(s.now()),
	}, match}
	i := slices.IndexFunc(g.subscriptions, func(f subscriptionFilter) bool { return *f.FilterName == name })
	switch {
	case i >= 0:
		made.CreationTime = g.subscriptions[i].CreationTime
		g.subscriptions[i] = made
	case len(g.subscriptions) == maxSubscriptionFilters:
		return nil, &types.LimitExceededException{Message: aws.String("Resource limit exceeded.")}
	default:
		g.subscriptions = append(g.subscriptions, made)
	}
	return &awslogs.PutSubscriptionFilterOutput{}, nil
}

// DeleteSubscriptionFilter deletes a subscription filter.
func (s *Service) DeleteSubscriptionFilter(_ context.Context, in *awslogs.DeleteSubscriptionFilterInput) (*awslogs.DeleteSubscriptionFilterOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(in.LogGroupName)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(g.subscriptions, func(f subscriptionFilter) bool { return *f.FilterName == aws.ToString(in.FilterName) })
	if i < 0 {
		return nil, noFilter("subscription")
	}
	g.subscriptions = slices.Delete(g.subscriptions, i, i+1)
	return &awslogs.DeleteSubscriptionFilterOutput{}, nil
}

// DescribeSubscriptionFilters lists the subscription filters of a group.
func (s *Service) DescribeSubscriptionFilters(_ context.Context, in *awslogs.DescribeSubscriptionFiltersInput) (*awslogs.DescribeSubscriptionFiltersOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(in.LogGroupName)
	if err != nil {
		return nil, err
	}
	out := &awslogs.DescribeSubscriptionFiltersOutput{}
	for _, f := range g.subscriptions {
		if strings.HasPrefix(*f.FilterName, aws.ToString(in.FilterNamePrefix)) {
			out.SubscriptionFilters = append(out.SubscriptionFilters, f.SubscriptionFilter)
		}
	}
	return out, nil
}

// sending returns a context whose principal is the service on behalf of a log group.
func (s *Service) sending(ctx context.Context, group string) context.Context {
	return principal.ServiceFor(ctx, servicePrincipal, s.account.ID, s.arn(group)+":*")
}

// filter gives events that have been stored to the filters of their group. s is locked.
func (s *Service) filter(g *group, stream string, events []types.InputLogEvent, first int64) {
	for _, f := range g.metricFilters {
		t := f.MetricTransformations[0]
		value, err := strconv.ParseFloat(*t.MetricValue, 64)
		if err != nil {
			continue
		}
		in := &awscloudwatch.PutMetricDataInput{Namespace: t.MetricNamespace}
		for _, e := range events {
			d := cloudwatchtypes.MetricDatum{MetricName: t.MetricName, Value: &value, Unit: cloudwatchtypes.StandardUnit(t.Unit), Timestamp: aws.Time(time.UnixMilli(*e.Timestamp))}
			if !f.match(*e.Message) {
				if t.DefaultValue == nil {
					continue
				}
				d.Value = t.DefaultValue
			}
			in.MetricData = append(in.MetricData, d)
		}
		for chunk := range slices.Chunk(in.MetricData, 1000) {
			part := &awscloudwatch.PutMetricDataInput{Namespace: in.Namespace, MetricData: chunk}
			s.deliveries.Go(func() {
				if _, err := s.Targets.Metrics.PutMetricData(principal.Service(s.life, servicePrincipal, s.account.ID), part); err != nil {
					s.log().Warn("sending the metric of a metric filter", "group", g.name, "error", err)
				}
			})
		}
	}
	for _, f := range g.subscriptions {
		s.forward(g.name, stream, f, events, first)
	}
}

// A forwarded event is one in the payload of a function.
type forwarded struct {
	ID        string `json:"id"`
	Timestamp int64  `json:"timestamp"`
	Message   string `json:"message"`
}

// forward sends the events that match to a function, in the background.
// See https://docs.aws.amazon.com/lambda/latest/dg/services-cloudwatchlogs.html.
func (s *Service) forward(group, stream string, f subscriptionFilter, events []types.InputLogEvent, first int64) {
	var matching []forwarded
	for i, e := range events {
		if f.match(*e.Message) {
			matching = append(matching, forwarded{fmt.Sprintf("%056d", first+int64(i)), *e.Timestamp, *e.Message})
		}
	}
	if len(matching) == 0 {
		return
	}
	payload, err := subscriptionEvent(map[string]any{
		"messageType": "DATA_MESSAGE", "owner": s.account.ID, "logGroup": group, "logStream": stream,
		"subscriptionFilters": []string{*f.FilterName}, "logEvents": matching,
	})
	if err != nil {
		s.log().Warn("writing the event of a subscription filter", "group", group, "error", err)
		return
	}
	s.deliveries.Go(func() {
		_, err := s.Targets.Functions.Invoke(s.sending(s.life, group), &awslambda.InvokeInput{
			FunctionName: f.DestinationArn, InvocationType: lambdatypes.InvocationTypeEvent, Payload: payload,
		})
		if err != nil && s.life.Err() == nil {
			s.log().Warn("invoking the function of a subscription filter", "group", group, "function", *f.DestinationArn, "error", err)
		}
	})
}

// subscriptionEvent returns what a function receives: JSON that is compressed.
func subscriptionEvent(data map[string]any) ([]byte, error) {
	var compressed bytes.Buffer
	z := gzip.NewWriter(&compressed)
	if err := json.NewEncoder(z).Encode(data); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"awslogs": map[string]any{"data": base64.StdEncoding.EncodeToString(compressed.Bytes())}})
}
