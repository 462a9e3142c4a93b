package localaws_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/magewright/magewright/tools/localaws"
	"github.com/magewright/magewright/tools/localaws/traffic"
)

// BenchmarkInvoke measures invocations of a trivial handler through the
// endpoint over 8 connections, including the client's own work; ns/op is the
// inverse of the throughput.
func BenchmarkInvoke(b *testing.B) {
	zip, err := function()
	if err != nil {
		b.Fatal(err)
	}
	cfg := start(b)
	if err := traffic.Function(b.Context(), traffic.Config{AWS: cfg, Name: "trivial", Zip: zip, Architecture: localaws.HostContext()["architecture"].(string)}); err != nil {
		b.Fatal(err)
	}
	const connections = 8
	transport := &http.Transport{MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections}
	defer transport.CloseIdleConnections()
	functions := lambda.NewFromConfig(cfg, func(o *lambda.Options) { o.HTTPClient = &http.Client{Transport: transport} })
	work := make(chan struct{}, connections)
	var all sync.WaitGroup
	for range connections {
		all.Go(func() {
			for range work {
				out, err := functions.Invoke(b.Context(), &lambda.InvokeInput{FunctionName: aws.String("trivial"), Payload: []byte(`{"a":1}`)})
				if err != nil || out.FunctionError != nil {
					b.Errorf("Invoke: %+v, %v", out, err)
				}
			}
		})
	}
	b.ResetTimer()
	for range b.N {
		work <- struct{}{}
	}
	close(work)
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "invocations/s")
}
