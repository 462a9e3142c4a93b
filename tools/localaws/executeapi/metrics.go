package executeapi

import (
	"context"
	"math"
	"net/http"
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

const (
	requests = iota
	clientErrors
	serverErrors
	latency
	integrationLatency
	dataProcessed
	metricKinds
)

// Names are the names of metrics. An empty name leaves a metric out.
type Names [metricKinds]string

// The metrics of namespace AWS/ApiGateway.
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html and
// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html.
var (
	HTTPNames = &Names{"Count", "4xx", "5xx", "Latency", "IntegrationLatency", "DataProcessed"}
	RESTNames = &Names{"Count", "4XXError", "5XXError", "Latency", "IntegrationLatency", ""}
)

// A Series is the metrics with one set of dimensions.
type Series struct {
	names      *Names
	dimensions []cwtypes.Dimension
}

// NewSeries returns a series. pairs are the names and values of its dimensions.
func NewSeries(names *Names, pairs ...string) *Series {
	s := &Series{names: names}
	for pair := range slices.Chunk(pairs, 2) {
		s.dimensions = append(s.dimensions, cwtypes.Dimension{Name: aws.String(pair[0]), Value: aws.String(pair[1])})
	}
	return s
}

// A Sample is what is measured of one request.
type Sample struct {
	Status      int
	Latency     time.Duration // from the arrival of the request to the response
	Integration time.Duration // of the integration; negative if it was not called
	Bytes       int           // of the response
}

// meter counts equal values of a minute, so its size depends on the number of
// different values, not on the number of requests.
type meter struct {
	mu      sync.Mutex
	windows map[window]*samples
}

type window struct {
	minute int64 // Unix time
	series *Series
}

type samples [metricKinds]map[float64]float64

func (s *samples) add(kind int, value float64) {
	if s[kind] == nil {
		s[kind] = map[float64]float64{}
	}
	s[kind][value]++
}

// Measure adds the sample of a request that arrived at a time to some series.
func (g *Gateway) Measure(at time.Time, sample Sample, series ...*Series) {
	g.meter.mu.Lock()
	if g.meter.windows == nil {
		g.meter.windows = map[window]*samples{}
	}
	for _, one := range series {
		w := window{at.Unix() - at.Unix()%60, one}
		s := g.meter.windows[w]
		if s == nil {
			s = &samples{}
			g.meter.windows[w] = s
		}
		s.add(requests, 1)
		s.add(clientErrors, class(sample.Status, http.StatusBadRequest))
		s.add(serverErrors, class(sample.Status, http.StatusInternalServerError))
		s.add(latency, milliseconds(sample.Latency))
		if sample.Integration >= 0 {
			s.add(integrationLatency, milliseconds(sample.Integration))
		}
		s.add(dataProcessed, float64(sample.Bytes))
	}
	g.meter.mu.Unlock()
	g.signal()
}

// class returns 1 if a status is one of the hundred from low on, else 0.
func class(status, low int) float64 {
	if status >= low && status < low+100 {
		return 1
	}
	return 0
}

// milliseconds rounds to whole milliseconds, which is all that API Gateway reports.
func milliseconds(d time.Duration) float64 {
	return math.Round(float64(d) / float64(time.Millisecond))
}

// flushMetrics sends the metrics. Metrics that can't be sent are lost.
func (g *Gateway) flushMetrics(ctx context.Context) {
	g.meter.mu.Lock()
	windows := g.meter.windows
	g.meter.windows = nil
	g.meter.mu.Unlock()
	var data []cwtypes.MetricDatum
	for w, s := range windows {
		data = s.data(w, data)
	}
	for part := range slices.Chunk(data, maxData) {
		_, err := g.deps.Metrics.PutMetricData(ctx, &awscloudwatch.PutMetricDataInput{Namespace: aws.String("AWS/ApiGateway"), MetricData: part})
		if err != nil {
			g.Account.Log.Warn("sending the metrics of APIs", "metrics", len(part), "error", err)
		}
	}
}

// data appends the samples to data in CloudWatch's format.
func (s *samples) data(w window, data []cwtypes.MetricDatum) []cwtypes.MetricDatum {
	at := time.Unix(w.minute, 0).UTC()
	for kind, counts := range s {
		unit := cwtypes.StandardUnitCount
		switch kind {
		case latency, integrationLatency:
			unit = cwtypes.StandardUnitMilliseconds
		case dataProcessed:
			unit = cwtypes.StandardUnitBytes
		}
		if w.series.names[kind] == "" {
			continue
		}
		values := make([]float64, 0, len(counts))
		for value := range counts {
			values = append(values, value)
		}
		slices.Sort(values)
		for part := range slices.Chunk(values, maxValues) {
			d := cwtypes.MetricDatum{
				MetricName: aws.String(w.series.names[kind]), Dimensions: slices.Clone(w.series.dimensions), Timestamp: aws.Time(at),
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
