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
	// workers send side by side; more would make a small function start many
	// environments.
	workers = 8
	// idle is how often a worker looks whether more is wanted, and trickle how
	// often one of them sends all the same: alarms need data in each minute.
	idle    = 50 * time.Millisecond
	trickle = 500 * time.Millisecond
)

// Traffic sends probes to a stage: as fast as they are answered until as many
// are sent as are wanted, then a trickle.
type Traffic struct {
	URL    string  // "" where the function has none
	Invoke Invoker // for probes that invoke the function
	Probes []Probe // none where nothing reaches the function but its events
	Token  string  // for those that ask for one
	Clock  clock.Clock

	wanted, sent, failed atomic.Int64
	ended                atomic.Bool
}

// Want says how many requests are wanted in all. It may be called at any time.
func (t *Traffic) Want(n int) { t.wanted.Store(int64(n)) }

// Sent returns how many requests were answered, or failed.
func (t *Traffic) Sent() int { return int(t.sent.Load()) }

// Failed returns how many requests were not answered as they must be.
func (t *Traffic) Failed() int { return int(t.failed.Load()) }

// Satisfied reports whether as many requests were sent as are wanted, or no more
// will be.
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
						continue // what fails at once must not be asked without end
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

// send reports whether a probe was answered with the status that it must be
// answered with. What else is expected of it is not looked at: the old version may
// answer otherwise.
func (t *Traffic) send(ctx context.Context, stage sender, p Probe) bool {
	a, err := stage.send(ctx, p, t.Token, nil)
	if ctx.Err() != nil {
		return false // the shift has ended; this request says nothing
	}
	ok := err == nil && p.answered(a) == nil
	if !ok {
		t.failed.Add(1)
	}
	t.sent.Add(1)
	return ok
}

// String says how many requests were sent and how many of them failed.
func (t *Traffic) String() string {
	return fmt.Sprintf("%d of our requests sent, %d failed", t.Sent(), t.Failed())
}
