package lambda_test

import (
	"slices"
	"sync"
	"testing"
	"time"

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
