package sqs

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/magewright/magewright/tools/internal/clock"
)

// The metrics of namespace AWS/SQS that count what happens. A queue that is
// active has all of them in each minute.
// See https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html.
const (
	sentMessages     = "NumberOfMessagesSent"
	receivedMessages = "NumberOfMessagesReceived"
	deletedMessages  = "NumberOfMessagesDeleted"
	emptyReceives    = "NumberOfEmptyReceives"
	sentSize         = "SentMessageSize"
	oldestAge        = "ApproximateAgeOfOldestMessage"
)

const (
	// activity is how long a queue has metrics after it was used.
	activity = 6 * time.Hour
	// sampled is the moment of each minute at which a queue is looked at. It is
	// not the end, so that an alarm that is evaluated then knows the minute.
	sampled = 59 * time.Second
	// flushInterval is how long counts are collected before they are sent.
	flushInterval = 100 * time.Millisecond
	// maxData is the number of metrics in a request to CloudWatch.
	maxData = 1000
)

// A window is a minute of a queue's metric.
type window struct {
	queue, metric string
	minute        int64 // Unix time
}

// A meter collects metrics and sends them to CloudWatch.
type meter struct {
	service *Service
	wake    chan struct{} // there is something to send
	used    chan struct{} // a queue has become active

	mu   sync.Mutex
	data map[window]*cwtypes.StatisticSet

	sending sync.Mutex
}

func newMeter(s *Service) *meter {
	return &meter{service: s, wake: make(chan struct{}, 1), used: make(chan struct{}, 1), data: map[window]*cwtypes.StatisticSet{}}
}

func signal(to chan<- struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

// active notes that a queue is used. The service is locked.
func (m *meter) active(q *queue, now time.Time) {
	q.used = now
	signal(m.used)
}

// add counts a value. The service is locked.
func (m *meter) add(q *queue, now time.Time, metric string, value float64) {
	m.active(q, now)
	m.record(q.name, metric, now, value)
	signal(m.wake)
}

func (m *meter) record(queue, metric string, now time.Time, value float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := window{queue, metric, now.Truncate(time.Minute).Unix()}
	set := m.data[w]
	if set == nil {
		m.data[w] = &cwtypes.StatisticSet{Minimum: &value, Maximum: aws.Float64(value), SampleCount: aws.Float64(1), Sum: aws.Float64(value)}
		return
	}
	*set.Minimum, *set.Maximum = min(*set.Minimum, value), max(*set.Maximum, value)
	*set.SampleCount++
	*set.Sum += value
}

// look records the state of each active queue. It reports whether there is one.
func (m *meter) look() bool {
	s := m.service
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.account.Clock.Now()
	found := false
	for _, q := range s.queues {
		if now.Sub(q.used) >= activity && len(q.messages) == 0 {
			continue
		}
		found = true
		q.settle(now)
		visible, flying, delayed := q.count()
		for metric, value := range map[string]float64{
			"ApproximateNumberOfMessagesVisible":    float64(visible),
			"ApproximateNumberOfMessagesNotVisible": float64(flying),
			"ApproximateNumberOfMessagesDelayed":    float64(delayed),
			oldestAge:                               q.age(now).Seconds(),
			sentMessages:                            0, receivedMessages: 0, deletedMessages: 0, emptyReceives: 0,
		} {
			m.record(q.name, metric, now, value)
		}
	}
	return found
}

// sample looks at the queues once a minute by the account's clock, as long as
// one is active.
func (m *meter) sample() {
	s := m.service
	for {
		now := s.account.Clock.Now()
		next := now.Truncate(time.Minute).Add(sampled)
		if !next.After(now) {
			next = next.Add(time.Minute)
		}
		if m.look() {
			m.flush(s.life)
			if clock.Sleep(s.life, s.account.Clock, next.Sub(now)) != nil {
				return
			}
			continue
		}
		select {
		case <-s.life.Done():
			return
		case <-m.used:
		}
	}
}

// send sends what was counted, a moment later.
func (m *meter) send() {
	for {
		select {
		case <-m.service.life.Done():
			return
		case <-m.wake:
		}
		if clock.Sleep(m.service.life, m.service.deps.Wall, flushInterval) != nil {
			return
		}
		m.flush(m.service.life)
	}
}

// Flush looks at the queues and sends all metrics to CloudWatch.
func (s *Service) Flush(ctx context.Context) {
	if s.deps.Metrics == nil {
		return
	}
	s.meter.look()
	s.meter.flush(ctx)
}

func (m *meter) flush(ctx context.Context) {
	m.sending.Lock()
	defer m.sending.Unlock()
	m.mu.Lock()
	windows := m.data
	m.data = map[window]*cwtypes.StatisticSet{}
	m.mu.Unlock()
	var data []cwtypes.MetricDatum
	send := func() {
		if _, err := m.service.deps.Metrics.PutMetricData(ctx, &awscloudwatch.PutMetricDataInput{Namespace: aws.String("AWS/SQS"), MetricData: data}); err != nil && ctx.Err() == nil {
			m.service.account.Log.Warn("sending the metrics of queues", "metrics", len(data), "error", err)
		}
		data = nil
	}
	for w, set := range windows {
		unit := cwtypes.StandardUnitCount
		switch w.metric {
		case oldestAge:
			unit = cwtypes.StandardUnitSeconds
		case sentSize:
			unit = cwtypes.StandardUnitBytes
		}
		data = append(data, cwtypes.MetricDatum{
			MetricName: aws.String(w.metric), Unit: unit, Timestamp: aws.Time(time.Unix(w.minute, 0).UTC()), StatisticValues: set,
			Dimensions: []cwtypes.Dimension{{Name: aws.String("QueueName"), Value: aws.String(w.queue)}},
		})
		if len(data) == maxData {
			send()
		}
	}
	if len(data) > 0 {
		send()
	}
}
