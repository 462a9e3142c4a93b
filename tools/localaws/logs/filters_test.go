package logs_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	awslogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/logs"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// sink records what filters send, and refuses the function "closed".
type sink chan string

func (f sink) PutMetricData(_ context.Context, in *awscloudwatch.PutMetricDataInput) (*awscloudwatch.PutMetricDataOutput, error) {
	text := *in.Namespace
	for _, d := range in.MetricData {
		text += fmt.Sprint(" ", *d.MetricName, "=", *d.Value)
	}
	f <- text
	return &awscloudwatch.PutMetricDataOutput{}, nil
}

func (f sink) Invoke(ctx context.Context, in *awslambda.InvokeInput) (*awslambda.InvokeOutput, error) {
	if strings.HasSuffix(*in.FunctionName, ":closed") {
		return nil, errors.New("no permission")
	}
	if in.InvocationType == lambdatypes.InvocationTypeEvent {
		var event struct{ Awslogs struct{ Data []byte } }
		if err := json.Unmarshal(in.Payload, &event); err != nil {
			return nil, err
		}
		z, err := gzip.NewReader(bytes.NewReader(event.Awslogs.Data))
		if err != nil {
			return nil, err
		}
		var data json.RawMessage
		if err := json.NewDecoder(z).Decode(&data); err != nil {
			return nil, err
		}
		f <- principal.FromContext(ctx).Source + " " + string(data)
	}
	return &awslambda.InvokeOutput{}, nil
}

func filtering(t *testing.T) (*logs.Service, sink, func(messages ...string)) {
	t.Helper()
	now := clock.NewManual(time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC))
	s, f := logs.New(account.Account{ID: account.DefaultID, Region: "us-east-1", Clock: now}), make(sink, 10)
	s.Targets = logs.Targets{Metrics: f, Functions: f}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	group := aws.String("/app")
	if _, err := s.CreateLogGroup(t.Context(), &awslogs.CreateLogGroupInput{LogGroupName: group}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateLogStream(t.Context(), &awslogs.CreateLogStreamInput{LogGroupName: group, LogStreamName: aws.String("s")}); err != nil {
		t.Fatal(err)
	}
	return s, f, func(messages ...string) {
		t.Helper()
		in := &awslogs.PutLogEventsInput{LogGroupName: group, LogStreamName: aws.String("s")}
		for _, m := range messages {
			in.LogEvents = append(in.LogEvents, types.InputLogEvent{Timestamp: aws.Int64(now.Now().UnixMilli()), Message: &m})
		}
		if _, err := s.PutLogEvents(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
}

func metricFilter(pattern, value string) *awslogs.PutMetricFilterInput {
	return &awslogs.PutMetricFilterInput{LogGroupName: aws.String("/app"), FilterName: aws.String("errors"), FilterPattern: &pattern, MetricTransformations: []types.MetricTransformation{
		{MetricName: aws.String("Errors"), MetricNamespace: aws.String("App"), MetricValue: &value},
	}}
}

func TestMetricFilters(t *testing.T) {
	t.Parallel()
	s, f, put := filtering(t)
	if _, err := s.PutMetricFilter(t.Context(), metricFilter("ERROR", "1")); err != nil {
		t.Fatal(err)
	}
	put("INFO a", "ERROR b", "ERROR c")
	if got := <-f; got != "App Errors=1 Errors=1" {
		t.Errorf("sent %s", got)
	}
	with := metricFilter("ERROR", "2.5")
	with.MetricTransformations[0].DefaultValue = aws.Float64(0)
	if _, err := s.PutMetricFilter(t.Context(), with); err != nil {
		t.Fatal(err)
	}
	put("INFO a", "ERROR b")
	if got := <-f; got != "App Errors=0 Errors=2.5" {
		t.Errorf("sent %s", got)
	}
	out, err := s.DescribeMetricFilters(t.Context(), &awslogs.DescribeMetricFiltersInput{MetricName: aws.String("Errors"), MetricNamespace: aws.String("App")})
	if err != nil || len(out.MetricFilters) != 1 || *out.MetricFilters[0].FilterPattern != "ERROR" || *out.MetricFilters[0].LogGroupName != "/app" {
		t.Errorf("%+v, %v", out, err)
	}
	gone := &awslogs.DeleteMetricFilterInput{LogGroupName: aws.String("/app"), FilterName: aws.String("errors")}
	if _, err := s.DeleteMetricFilter(t.Context(), gone); err != nil {
		t.Error(err)
	}
	if _, err := s.DeleteMetricFilter(t.Context(), gone); err == nil || !strings.Contains(err.Error(), "metric filter does not exist") {
		t.Errorf("deleting it again: %v", err)
	}
	put("ERROR d")
	if err := s.Close(); err != nil || len(f) > 0 {
		t.Errorf("%d more, %v", len(f), err)
	}
	for want, in := range map[string]*awslogs.PutMetricFilterInput{
		"supports only a number as metricValue": metricFilter("ERROR", "$.bytes"), "filter patterns of terms only": metricFilter("{ $.level = 1 }", "1"),
	} {
		if _, err := s.PutMetricFilter(t.Context(), in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestSubscriptionFilters(t *testing.T) {
	t.Parallel()
	s, f, put := filtering(t)
	subscription := func(name, pattern, function string) error {
		_, err := s.PutSubscriptionFilter(t.Context(), &awslogs.PutSubscriptionFilterInput{
			LogGroupName: aws.String("/app"), FilterName: &name, FilterPattern: &pattern, DestinationArn: aws.String("arn:aws:lambda:us-east-1:000000000000:function:" + function),
		})
		return err
	}
	if err := subscription("errors", "ERROR", "f"); err != nil {
		t.Fatal(err)
	}
	put("INFO a")
	put("INFO a", "ERROR b")
	got := <-f
	source, text, _ := strings.Cut(got, " ")
	var data struct {
		MessageType, Owner, LogGroup, LogStream string
		SubscriptionFilters                     []string
		LogEvents                               []struct {
			ID, Message string
			Timestamp   int64
		}
	}
	if err := json.Unmarshal([]byte(text), &data); err != nil || source != "arn:aws:logs:us-east-1:000000000000:log-group:/app:*" || data.MessageType != "DATA_MESSAGE" || data.Owner != account.DefaultID ||
		data.LogGroup != "/app" || data.LogStream != "s" || fmt.Sprint(data.SubscriptionFilters) != "[errors]" || len(data.LogEvents) != 1 || data.LogEvents[0].Message != "ERROR b" || len(data.LogEvents[0].ID) != 56 {
		t.Errorf("sent %s: %v", got, err)
	}
	if err := subscription("closed", "", "closed"); err == nil || !strings.Contains(err.Error(), "Make sure you have given CloudWatch Logs permission") {
		t.Errorf("without permission: %v", err)
	}
	if err := subscription("second", "", "g"); err != nil {
		t.Error(err)
	}
	if err := subscription("third", "", "g"); err == nil || !strings.Contains(err.Error(), "limit exceeded") {
		t.Errorf("three of them: %v", err)
	}
	if _, err := s.DeleteSubscriptionFilter(t.Context(), &awslogs.DeleteSubscriptionFilterInput{LogGroupName: aws.String("/app"), FilterName: aws.String("second")}); err != nil {
		t.Error(err)
	}
	out, err := s.DescribeSubscriptionFilters(t.Context(), &awslogs.DescribeSubscriptionFiltersInput{LogGroupName: aws.String("/app")})
	if err != nil || len(out.SubscriptionFilters) != 1 || *out.SubscriptionFilters[0].FilterName != "errors" {
		t.Errorf("%+v, %v", out, err)
	}
}
