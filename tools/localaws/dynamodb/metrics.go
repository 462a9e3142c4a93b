package dynamodb

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/magewright/magewright/tools/internal/clock"
)

// Metrics is the part of CloudWatch that DynamoDB sends its metrics to.
type Metrics interface {
	PutMetricData(context.Context, *awscloudwatch.PutMetricDataInput) (*awscloudwatch.PutMetricDataOutput, error)
}

// The limits of one PutMetricData request.
// See https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html.
const (
	maxData   = 1000
	maxValues = 150
)

// flushInterval is how long metrics are collected before they are sent.
const flushInterval = 200 * time.Millisecond

// The metrics of namespace AWS/DynamoDB that requests cause.
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html.
const (
	consumedReads    = "ConsumedReadCapacityUnits"
	consumedWrites   = "ConsumedWriteCapacityUnits"
	latency          = "SuccessfulRequestLatency"
	returnedItems    = "ReturnedItemCount"
	throttledRequest = "ThrottledRequests"
	readThrottles    = "ReadThrottleEvents"
	writeThrottles   = "WriteThrottleEvents"
	failedConditions = "ConditionalCheckFailedRequests"
	conflicts        = "TransactionConflict"
	userErrors       = "UserErrors"
	expiredItems     = "TimeToLiveDeletedItemCount"
)

// A sample is a minute of a metric with its dimensions. An empty dimension is absent.
type sample struct {
	minute                          int64 // Unix time
	metric, table, index, operation string
}

// A recorder collects metrics. It counts equal values of a sample, so that its
// size depends on the number of different values.
type recorder struct {
	to   Metrics // nil if nobody wants metrics
	wake chan struct{}

	mu      sync.Mutex
	samples map[sample]map[float64]float64

	sending sync.Mutex
}

func newRecorder(to Metrics) *recorder {
	return &recorder{to: to, wake: make(chan struct{}, 1), samples: map[sample]map[float64]float64{}}
}

// add records a value at a time.
func (r *recorder) add(at time.Time, s sample, v float64) {
	if r.to == nil {
		return
	}
	s.minute = at.Unix() - at.Unix()%60
	r.mu.Lock()
	counts := r.samples[s]
	if counts == nil {
		counts = map[float64]float64{}
		r.samples[s] = counts
	}
	counts[v]++
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// An outcome is what the metrics say about a request.
type outcome struct {
	operation string
	began     time.Time
	costs     []consumption
	// returned is the number of items of a query or scan.
	returned *int32
}

// observe records a request of tables that has ended with err.
func (s *Service) observe(o outcome, err error) {
	if s.metrics.to == nil {
		return
	}
	now := s.now()
	for i := range o.costs {
		s.observeTable(o, &o.costs[i], err, now)
	}
	if _, failed := errors.AsType[*types.ConditionalCheckFailedException](err); err != nil && !failed && !throttled(err) {
		s.metrics.add(now, sample{metric: userErrors}, 1)
	}
}

// observeTable records what a request did to one table.
func (s *Service) observeTable(o outcome, c *consumption, err error, now time.Time) {
	add := func(metric, index, operation string, v float64) {
		s.metrics.add(now, sample{metric: metric, table: c.table.name, index: index, operation: operation}, v)
	}
	consumed, events := consumedReads, readThrottles
	if c.write {
		consumed, events = consumedWrites, writeThrottles
	}
	if throttled(err) {
		add(throttledRequest, "", o.operation, 1)
		add(events, "", "", 1)
		return
	}
	own := c.own
	for _, u := range c.indexes {
		if u.index.global {
			add(consumed, u.index.name, "", u.units)
		} else {
			own += u.units
		}
	}
	if own > 0 {
		add(consumed, "", "", own)
	}
	_, failed := errors.AsType[*types.ConditionalCheckFailedException](err)
	_, conflict := errors.AsType[*types.TransactionConflictException](err)
	switch {
	case err == nil:
		add(latency, "", o.operation, round(float64(now.Sub(o.began))/float64(time.Millisecond)))
		if o.returned != nil {
			add(returnedItems, "", o.operation, float64(*o.returned))
		}
	case failed:
		add(failedConditions, "", "", 1)
	case conflict:
		add(conflicts, "", "", 1)
	}
}

// round keeps two decimals of small values, and three significant digits of
// large ones.
func round(ms float64) float64 {
	if ms < 10 {
		return math.Round(ms*100) / 100
	}
	unit := math.Pow(10, math.Floor(math.Log10(ms))-2)
	return math.Round(ms/unit) * unit
}

// send sends the metrics a moment after they were recorded, until the service ends.
func (s *Service) send() {
	for {
		select {
		case <-s.life.Done():
			return
		case <-s.metrics.wake:
			if clock.Sleep(s.life, clock.System(), flushInterval) != nil {
				return
			}
			s.Flush(s.life)
		}
	}
}

// Flush sends the metrics of all requests so far, which would otherwise arrive a
// moment later.
func (s *Service) Flush(ctx context.Context) {
	r := s.metrics
	r.sending.Lock()
	defer r.sending.Unlock()
	r.mu.Lock()
	samples := r.samples
	r.samples = map[sample]map[float64]float64{}
	r.mu.Unlock()
	var data []cwtypes.MetricDatum
	for at, counts := range samples {
		data = at.data(counts, data)
	}
	for part := range slices.Chunk(data, maxData) {
		_, err := r.to.PutMetricData(ctx, &awscloudwatch.PutMetricDataInput{Namespace: aws.String("AWS/DynamoDB"), MetricData: part})
		if err != nil {
			s.account.Log.Warn("sending DynamoDB's metrics", "metrics", len(part), "error", err)
		}
	}
}

// data appends the values of a sample to data in CloudWatch's format.
func (at sample) data(counts map[float64]float64, data []cwtypes.MetricDatum) []cwtypes.MetricDatum {
	var dimensions []cwtypes.Dimension
	for _, d := range [...][2]string{{"TableName", at.table}, {"GlobalSecondaryIndexName", at.index}, {"Operation", at.operation}} {
		if d[1] != "" {
			dimensions = append(dimensions, cwtypes.Dimension{Name: aws.String(d[0]), Value: aws.String(d[1])})
		}
	}
	unit := cwtypes.StandardUnitCount
	if at.metric == latency {
		unit = cwtypes.StandardUnitMilliseconds
	}
	values := make([]float64, 0, len(counts))
	for v := range counts {
		values = append(values, v)
	}
	slices.Sort(values)
	for part := range slices.Chunk(values, maxValues) {
		d := cwtypes.MetricDatum{
			MetricName: aws.String(at.metric), Dimensions: dimensions, Timestamp: aws.Time(time.Unix(at.minute, 0).UTC()),
			Unit: unit, Values: part, Counts: make([]float64, len(part)),
		}
		for i, v := range part {
			d.Counts[i] = counts[v]
		}
		data = append(data, d)
	}
	return data
}
