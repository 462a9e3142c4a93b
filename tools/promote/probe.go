package promote

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/magewright/magewright/tools/clock"
)

// A canary that nobody calls can't fail. A tenth of minSample requests reaches
// the new version of a 10 % canary: enough to see a rate of errors of 5 % or
// more with 95 % probability (1 - 0.95^60).
const (
	minSample = 600
	// Until the sample is reached requests come as fast as burst allows, so that
	// a bad version is found early; after it, a trickle.
	burst   = 10 * time.Millisecond
	trickle = 500 * time.Millisecond
	workers = 4
)

// paths that are asked for in turn: one that needs nothing, one that reads data.
var paths = []string{"healthz", "releases"}

// A prober sends requests to a URL and counts the answers.
type prober struct {
	url    string
	clock  clock.Clock
	sent   atomic.Int64
	failed atomic.Int64
}

// run sends requests until ctx ends.
func (p *prober) run(ctx context.Context) {
	client := &http.Client{Timeout: 15 * time.Second}
	var work sync.WaitGroup
	for range workers {
		work.Go(func() {
			for ctx.Err() == nil {
				p.probe(ctx, client, paths[int(p.sent.Load())%len(paths)])
				pause := burst * workers
				if p.sent.Load() >= minSample {
					pause = trickle * workers
				}
				if clock.Sleep(ctx, p.clock, pause) != nil {
					return
				}
			}
		})
	}
	work.Wait()
}

func (p *prober) probe(ctx context.Context, client *http.Client, path string) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+path, nil)
	if err != nil {
		return
	}
	response, err := client.Do(r) // #nosec G704 -- the URL is the stack's own output
	if ctx.Err() != nil {
		return // the deployment has ended; this request says nothing
	}
	p.sent.Add(1)
	if err != nil {
		p.failed.Add(1)
		return
	}
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20))
	if err != nil || response.StatusCode >= http.StatusInternalServerError {
		p.failed.Add(1)
	}
	_ = response.Body.Close()
}

// String says how many requests were sent and how many of them failed.
func (p *prober) String() string {
	return fmt.Sprintf("%d of our requests sent, %d failed", p.sent.Load(), p.failed.Load())
}
