package lambda

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// The limits of one PutMetricData request.
// See https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html.
const (
	maxData   = 1000
	maxValues = 150
)

// A recorder collects metrics and sends them to CloudWatch. It counts equal
// samples of a minute, so its size depends on the number of different values,
// not on the number of samples.
type recorder struct {
	service *Service
	wake    chan struct{}

	mu      sync.Mutex
	windows map[window]*samples

	sending sync.Mutex
}

// A window is a minute of one set of dimensions. An empty dimension is absent.
type window struct {
	minute             int64 // Unix time
	function, resource string
	version            string // ExecutedVersion
}

// The metrics of namespace AWS/Lambda.
// See https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html.
const (
	invocations = iota
	errorCount
	throttles
	durations
	concurrency
	asyncReceived
	asyncAge
	asyncDropped
	destinationFailures
	deadLetterErrors
	urlRequests
	url4xx
	url5xx
	urlLatency
	iteratorAge
	metricKinds
)

var metricNames = [metricKinds]string{
	"Invocations", "Errors", "Throttles", "Duration", "ConcurrentExecutions",
	"AsyncEventsReceived", "AsyncEventAge", "AsyncEventsDropped", "DestinationDeliveryFailures", "DeadLetterErrors",
	"UrlRequestCount", "Url4xxCount", "Url5xxCount", "UrlRequestLatency",
	"IteratorAge",
}

// samples counts the equal values of each metric.
type samples [metricKinds]map[float64]float64

func (s *samples) add(kind int, value float64) {
	if s[kind] == nil {
		s[kind] = map[float64]float64{}
	}
	s[kind][value]++
}

func newRecorder(s *Service) *recorder {
	return &recorder{service: s, wake: make(chan struct{}, 1), windows: map[window]*samples{}}
}

// each calls add with the samples of every set of dimensions that an event at a
// target counts for: the account, the function, the resource and, if the caller
// named an alias, the version that ran. version is empty if none ran.
func (r *recorder) each(t target, version string, at time.Time, add func(*samples)) {
	r.mu.Lock()
	w := window{minute: at.Unix() - at.Unix()%60}
	add(r.samples(w))
	w.function = t.function.name
	add(r.samples(w))
	w.resource = t.resource
	add(r.samples(w))
	if t.alias != "" && version != "" {
		w.version = version
		add(r.samples(w))
	}
	r.mu.Unlock()
	signal(r.wake)
}

func (r *recorder) samples(w window) *samples {
	s := r.windows[w]
	if s == nil {
		s = &samples{}
		r.windows[w] = s
	}
	return s
}

// invocation records an invocation at the time when it began.
func (r *recorder) invocation(t target, at time.Time, duration time.Duration, concurrent int32, failed bool) {
	took, failures := round(float64(duration)/float64(time.Millisecond)), 0.0
	if failed {
		failures = 1
	}
	r.each(t, t.version.number, at, func(s *samples) {
		s.add(invocations, 1)
		s.add(errorCount, failures)
		s.add(throttles, 0)
		s.add(durations, took)
		s.add(concurrency, float64(concurrent))
	})
}

// throttle records a refused request. Such a request is not an invocation.
func (r *recorder) throttle(t target, at time.Time) {
	r.each(t, t.version.number, at, func(s *samples) { s.add(throttles, 1) })
}

// count adds one to a metric that has no ExecutedVersion dimension.
func (r *recorder) count(t target, kind int) {
	r.each(t, "", r.service.account.Clock.Now(), func(s *samples) { s.add(kind, 1) })
}

// iteratorAge records how old the last record of a batch was when it was sent to the function.
func (r *recorder) iteratorAge(t target, age time.Duration) {
	r.each(t, "", r.service.account.Clock.Now(), func(s *samples) { s.add(iteratorAge, float64(age.Milliseconds())) })
}

// eventAge records how long an asynchronous event waited for an invocation.
func (r *recorder) eventAge(t target, age time.Duration) {
	took := round(float64(age) / float64(time.Millisecond))
	r.each(t, "", r.service.account.Clock.Now(), func(s *samples) { s.add(asyncAge, took) })
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

// flush sends the recorded metrics. Metrics that can't be sent are lost.
func (r *recorder) flush(ctx context.Context) {
	// The last metrics are sent while the service shuts down.
	ctx = context.WithoutCancel(ctx)
	r.sending.Lock()
	defer r.sending.Unlock()
	r.mu.Lock()
	windows := r.windows
	r.windows = map[window]*samples{}
	r.mu.Unlock()
	var data []cwtypes.MetricDatum
	for w, s := range windows {
		data = s.data(w, data)
	}
	for part := range slices.Chunk(data, maxData) {
		_, err := r.service.deps.Metrics.PutMetricData(ctx, &awscloudwatch.PutMetricDataInput{Namespace: aws.String("AWS/Lambda"), MetricData: part})
		if err != nil {
			r.service.account.Log.Warn("sending metrics", "metrics", len(part), "error", err)
		}
	}
}

// data appends the samples to data in CloudWatch's format.
func (s *samples) data(w window, data []cwtypes.MetricDatum) []cwtypes.MetricDatum {
	var dimensions []cwtypes.Dimension
	for _, d := range [...][2]string{{"FunctionName", w.function}, {"Resource", w.resource}, {"ExecutedVersion", w.version}} {
		if d[1] != "" {
			dimensions = append(dimensions, cwtypes.Dimension{Name: aws.String(d[0]), Value: aws.String(d[1])})
		}
	}
	at := time.Unix(w.minute, 0).UTC()
	for kind, counts := range s {
		unit := cwtypes.StandardUnitCount
		if kind == durations || kind == urlLatency || kind == asyncAge {
			unit = cwtypes.StandardUnitMilliseconds
		}
		values := make([]float64, 0, len(counts))
		for value := range counts {
			values = append(values, value)
		}
		slices.Sort(values)
		for part := range slices.Chunk(values, maxValues) {
			d := cwtypes.MetricDatum{
				MetricName: aws.String(metricNames[kind]), Dimensions: slices.Clone(dimensions), Timestamp: aws.Time(at),
				Unit: unit, Values: part, Counts: make([]float64, len(part)),
			}
			for i, value := range part {
				d.Counts[i] = counts[value]
			}
			data = append(data, d)
		}
	}
	return data
}
