package lambda_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/magewright/magewright/tools/internal/clock"
)

// BenchmarkInvoke measures invocations of a trivial handler by 8 concurrent
// callers; ns/op is the inverse of the throughput.
func BenchmarkInvoke(b *testing.B) {
	f := newFixture(b)
	f.create(b)
	wall := clock.System()
	const callers = 8
	work := make(chan struct{}, callers)
	var all sync.WaitGroup
	latencies := make([][]time.Duration, callers)
	run := func(caller int) {
		for range work {
			began := wall.Now()
			if out, err := f.tryInvoke(b.Context(), `{"a":1}`); err != nil || out.FunctionError != nil {
				b.Errorf("Invoke: %+v, %v", out, err)
				return
			}
			latencies[caller] = append(latencies[caller], clock.Since(wall, began))
		}
	}
	f.invoke(b, `{}`)
	b.ResetTimer()
	for caller := range callers {
		all.Go(func() { run(caller) })
	}
	for range b.N {
		work <- struct{}{}
	}
	close(work)
	all.Wait()
	b.StopTimer()
	sorted := slices.Concat(latencies...)
	slices.Sort(sorted)
	if len(sorted) > 0 {
		b.ReportMetric(float64(sorted[len(sorted)*50/100].Microseconds()), "p50-µs")
		b.ReportMetric(float64(sorted[len(sorted)*99/100].Microseconds()), "p99-µs")
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "invocations/s")
}

// BenchmarkMessages measures how fast a function processes the messages of a
// queue, eight batches at once; ns/op is that of a message.
func BenchmarkMessages(b *testing.B) {
	for _, size := range []int32{1, 10} {
		b.Run(fmt.Sprintf("batches of %d", size), func(b *testing.B) {
			w := newWorker(b)
			id := w.connect(func(in *awslambda.CreateEventSourceMappingInput) {
				in.Enabled, in.BatchSize = aws.Bool(false), aws.Int32(size)
				in.ScalingConfig = &lambdatypes.ScalingConfig{MaximumConcurrency: aws.Int32(8)}
			})
			for range b.N {
				w.put("orders", "x")
			}
			b.ResetTimer()
			if _, err := w.UpdateEventSourceMapping(b.Context(), &awslambda.UpdateEventSourceMappingInput{UUID: id, Enabled: aws.Bool(true)}); err != nil {
				b.Fatal(err)
			}
			if err := w.Settle(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			w.expect("left", w.left("orders"), "0 0")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}
