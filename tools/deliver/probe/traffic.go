package probe

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/magewright/magewright/tools/internal/clock"
)

const (
	// workers is how many requests are sent at the same time. More would make a small
	// function start many environments.
	workers = 8
	// idle is how often a worker checks whether more requests are wanted. trickle is how
	// often one of them sends a request anyway, because alarms need data in each minute.
	idle    = 50 * time.Millisecond
	trickle = 500 * time.Millisecond
)

// Traffic sends probes to a stage. It sends as fast as they are answered until the wanted
// number is reached, and then only a trickle.
type Traffic struct {
	URL    string  // "" if the function has none
	Invoke Invoker // for probes that invoke the function
	Probes []Probe // empty if only events reach the function
	Token  string  // for the probes that need one
	Clock  clock.Clock

	wanted, sent, failed atomic.Int64
	ended                atomic.Bool
}

// Want sets the total number of requests that are wanted. It may be called at any time.
func (t *Traffic) Want(n int) { t.wanted.Store(int64(n)) }

// Sent returns how many requests were sent, whether they succeeded or failed.
func (t *Traffic) Sent() int { return int(t.sent.Load()) }

// Failed returns how many requests did not get the expected answer.
func (t *Traffic) Failed() int { return int(t.failed.Load()) }

// Satisfied reports whether the wanted number of requests was sent, or no more can be sent.
func (t *Traffic) Satisfied() bool { return t.ended.Load() || t.sent.Load() >= t.wanted.Load() }

// Run sends until ctx ends.
func (t *Traffic) Run(ctx context.Context) {
	defer t.ended.Store(true)
	if len(t.Probes) == 0 {
		return
	}
	transport := &http.Transport{MaxIdleConnsPerHost: workers}
	defer transport.CloseIdleConnections()
	stage := newSender(t.URL, t.Invoke, transport)
	var next atomic.Int64
	var work sync.WaitGroup
	for i := range workers {
		pause := idle
		if i == 0 {
			pause = trickle
		}
		work.Go(func() {
			for ctx.Err() == nil {
				n := next.Add(1)
				if more := n <= t.wanted.Load(); more || i == 0 {
					ok := t.send(ctx, stage, t.Probes[int(n-1)%len(t.Probes)])
					if more && ok {
						continue // a request that fails at once must not be repeated without a pause
					}
				} else {
					next.Add(-1)
				}
				if clock.Sleep(ctx, t.Clock, pause) != nil {
					return
				}
			}
		})
	}
	work.Wait()
}

// send reports whether a probe got an answer with the expected status. Other expectations are
// ignored, because the old version may answer differently.
func (t *Traffic) send(ctx context.Context, stage sender, p Probe) bool {
	a, err := stage.send(ctx, p, t.Token, nil)
	if ctx.Err() != nil {
		return false // the shift has ended, so this request proves nothing
	}
	ok := err == nil && p.answered(a) == nil
	t.sent.Add(1) // first, so that Failed never exceeds a later Sent
	if !ok {
		t.failed.Add(1)
	}
	return ok
}

// String says how many requests were sent and how many of them failed.
func (t *Traffic) String() string {
	return fmt.Sprintf("%d of our requests sent, %d failed", t.Sent(), t.Failed())
}
