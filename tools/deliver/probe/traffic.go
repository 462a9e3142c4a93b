package probe

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
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
	timeout = 15 * time.Second // of a request: longer than the function's own
)

// Traffic sends probes to a URL: as fast as they are answered until as many
// are sent as are wanted, then a trickle.
type Traffic struct {
	URL    string
	Probes []Probe // at least one
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
	transport := &http.Transport{MaxIdleConnsPerHost: workers}
	defer transport.CloseIdleConnections()
	client := &http.Client{
		Timeout: timeout, Transport: transport,
		// A redirection is an answer, and may be the one that is declared.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
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
					ok := t.send(ctx, client, t.Probes[int(n-1)%len(t.Probes)])
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

// send reports whether a probe was answered as it must be.
func (t *Traffic) send(ctx context.Context, client *http.Client, p Probe) bool {
	r, err := http.NewRequestWithContext(ctx, p.Method, strings.TrimSuffix(t.URL, "/")+"/"+strings.TrimPrefix(p.Path, "/"), nil)
	if err != nil {
		t.sent.Add(1)
		t.failed.Add(1)
		return false
	}
	if p.Token {
		r.Header.Set("Authorization", "Bearer "+t.Token)
	}
	status := 0
	response, err := client.Do(r) // #nosec G704 -- the URL is the stack's own output
	if err == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(response.Body, 6<<20)) // a function's answer is no larger
		_ = response.Body.Close()
		status = response.StatusCode
	}
	if ctx.Err() != nil {
		return false // the shift has ended; this request says nothing
	}
	ok := err == nil && status == p.Status
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
