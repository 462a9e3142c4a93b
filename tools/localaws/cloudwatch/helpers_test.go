package cloudwatch

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
)

// noon is when the tests' clocks start, on a full hour.
var noon = time.Date(2026, 8, 8, 12, 0, 0, 0, time.UTC)

type topic struct {
	mu       sync.Mutex
	messages []*awssns.PublishInput
	got      chan struct{}
}

func (n *topic) Publish(_ context.Context, in *awssns.PublishInput) (*awssns.PublishOutput, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.messages = append(n.messages, in)
	n.got <- struct{}{}
	return &awssns.PublishOutput{}, nil
}

func newTest(t testing.TB) (*Service, *clock.Manual, *topic) {
	t.Helper()
	c := clock.NewManual(noon)
	n := &topic{got: make(chan struct{}, 100)}
	s := New(account.Account{ID: account.DefaultID, Region: "us-east-1", Clock: c, Log: slog.New(slog.DiscardHandler)}, Deps{Notifier: n})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, c, n
}

func dims(pairs ...string) []types.Dimension {
	var out []types.Dimension
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, types.Dimension{Name: aws.String(pairs[i]), Value: aws.String(pairs[i+1])})
	}
	return out
}

func put(t testing.TB, s *Service, name string, at time.Time, values ...float64) {
	t.Helper()
	_, err := s.PutMetricData(t.Context(), &awscloudwatch.PutMetricDataInput{
		Namespace:  aws.String("Test"),
		MetricData: []types.MetricDatum{{MetricName: aws.String(name), Values: values, Timestamp: aws.Time(at)}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// errorsAlarm watches Sum of Test/Errors per minute.
func errorsAlarm(name string) *awscloudwatch.PutMetricAlarmInput {
	return &awscloudwatch.PutMetricAlarmInput{
		AlarmName:          aws.String(name),
		Namespace:          aws.String("Test"),
		MetricName:         aws.String("Errors"),
		Statistic:          types.StatisticSum,
		Period:             aws.Int32(60),
		EvaluationPeriods:  aws.Int32(1),
		Threshold:          aws.Float64(0),
		ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold,
	}
}

// tick moves the clock to the next evaluation and waits until that is done.
func tick(c *clock.Manual, d time.Duration) {
	c.BlockUntil(1)
	c.Advance(d)
	// Wait until the evaluator waits again.
	c.BlockUntil(1)
}

func describe(t testing.TB, s *Service, name string) types.MetricAlarm {
	t.Helper()
	out, err := s.DescribeAlarms(t.Context(), &awscloudwatch.DescribeAlarmsInput{AlarmNames: []string{name}})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.MetricAlarms) != 1 {
		t.Fatalf("%d alarms are called %s", len(out.MetricAlarms), name)
	}
	return out.MetricAlarms[0]
}

// code returns the code of an AWS error.
func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}
