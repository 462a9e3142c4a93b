package traffic

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// atOnce is how many requests of a stepped canary run concurrently.
const atOnce = 4

// RunStepped is [Run] for tests, which must not depend on the speed of the
// machine. It generates no load. Time stands still while c.Rate requests are
// sent and answered. Then pass steps the endpoint's clock, which is c.Clock.
// This repeats until the deployment has ended.
func RunStepped(ctx context.Context, c Config, pass func()) (*Report, error) {
	r := newRun(c)
	if err := r.prepare(ctx); err != nil {
		return nil, fmt.Errorf("preparing the canary %s: %w", c.Name, err)
	}
	client := newClient(atOnce)
	defer client.CloseIdleConnections()
	t, w := &traffic{}, &weights{}
	r.wait = func(ctx context.Context, _ time.Duration) error {
		before, err := r.shared(ctx)
		if err != nil {
			return err
		}
		now := r.Clock.Now()
		if before && w.first.IsZero() {
			w.first = now
		}
		var requests sync.WaitGroup
		for n := range atOnce {
			requests.Go(func() {
				// Together, these loops run Rate times.
				for range (r.Rate + n) / atOnce {
					t.add(r.send(ctx, client))
				}
			})
		}
		requests.Wait()
		after, err := r.shared(ctx)
		if before && after {
			w.last = now
		}
		pass()
		return err
	}
	report := &Report{}
	err := r.deploy(ctx, report)
	return r.counted(report, t.samples, w.first, w.last, err)
}
