package traffic

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/magewright/magewright/tools/internal/clock"
)

// requestTimeout is the time after which a request counts as lost. It is much
// longer than the function's timeout.
const requestTimeout = 20 * time.Second

// A sample is a request and its answer.
type sample struct {
	began, ended time.Time
	status       int
	body         string
	err          error
}

// traffic sends requests at a constant rate, whether or not earlier ones have
// been answered.
type traffic struct {
	stop   chan struct{}
	sender sync.WaitGroup

	mu      sync.Mutex
	samples []sample
}

// newClient returns a client that keeps the given number of connections open.
func newClient(connections int) *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
}

func (r *run) startTraffic(ctx context.Context) *traffic {
	t := &traffic{stop: make(chan struct{})}
	client := newClient(r.Rate)
	client.Timeout = requestTimeout
	t.sender.Go(func() {
		defer client.CloseIdleConnections()
		var requests sync.WaitGroup
		defer requests.Wait()
		began := r.Clock.Now()
		for sent := 0; ; {
			// Send all requests that are due, so that a late timer does not
			// delay them for long.
			for due := int(r.Clock.Now().Sub(began) * time.Duration(r.Rate) / time.Second); sent <= due; sent++ {
				requests.Go(func() { t.add(r.send(ctx, client)) })
			}
			timer := r.Clock.NewTimer(time.Second / time.Duration(r.Rate))
			select {
			case <-timer.C():
			case <-t.stop:
				timer.Stop()
				return
			case <-ctx.Done():
				timer.Stop()
				return
			}
		}
	})
	return t
}

func (t *traffic) add(s sample) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.samples = append(t.samples, s)
}

// end stops sending, waits for the last answer, and returns all requests.
func (t *traffic) end() []sample {
	close(t.stop)
	t.sender.Wait()
	return t.samples
}

func (r *run) send(ctx context.Context, client *http.Client) sample {
	s := sample{began: r.Clock.Now()}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		s.err = err
		return s
	}
	response, err := client.Do(request) // #nosec G704 -- the URL is what the endpoint just answered, on loopback
	if err != nil {
		s.err, s.ended = err, r.Clock.Now()
		return s
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	// The body has been read, or reading it has failed.
	_ = response.Body.Close()
	s.status, s.body, s.err, s.ended = response.StatusCode, string(body), err, r.Clock.Now()
	return s
}

// count sorts the requests by their outcome. The alias had both versions while
// the requests between first and last were sent and answered.
func (r *Report) count(samples []sample, first, last time.Time) {
	r.Requests = len(samples)
	r.Answered, r.Statuses = map[string]int{}, map[int]int{}
	r.Shift.Weight = Weight
	for _, s := range samples {
		r.Latencies = append(r.Latencies, s.ended.Sub(s.began))
		shifting := !first.IsZero() && !s.began.Before(first) && !s.ended.After(last)
		switch {
		case s.err != nil:
			r.Lost = append(r.Lost, s.err.Error())
		case s.status == http.StatusOK && (s.body == "1" || s.body == "2"):
			r.Answered[s.body]++
			if shifting {
				r.Shift.Requests++
				if s.body == "2" {
					r.Shift.New++
				}
			}
		// The URL reports an error of the function with this status.
		case s.status == http.StatusBadGateway:
			r.Errors++
			r.Statuses[s.status]++
			if shifting {
				r.Shift.Requests++
				// The old version has no faults, so this was the new one.
				r.Shift.New++
			}
		default:
			r.Lost = append(r.Lost, fmt.Sprintf("status %d: %.100s", s.status, s.body))
		}
	}
	slices.Sort(r.Latencies)
}

// weights observes how long the alias has two versions.
type weights struct {
	stop    chan struct{}
	watcher sync.WaitGroup

	first, last time.Time // between these times it had two versions
	err         error
}

func (r *run) watchWeights(ctx context.Context) *weights {
	w := &weights{stop: make(chan struct{})}
	w.watcher.Go(func() {
		for {
			began := r.Clock.Now()
			shared, err := r.shared(ctx)
			if err != nil {
				w.err = err
				return
			}
			if shared {
				if w.first.IsZero() {
					// The alias had two versions before this answer arrived.
					w.first = r.Clock.Now()
				}
				// The alias still had two versions after this request was sent.
				w.last = began
			}
			select {
			case <-w.stop:
				return
			default:
			}
			if w.err = clock.Sleep(ctx, r.Clock, pollInterval); w.err != nil {
				return
			}
		}
	})
	return w
}

// shared reports whether the alias has two versions.
func (r *run) shared(ctx context.Context) (bool, error) {
	out, err := r.functions.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: &r.Name, Name: aws.String(alias)})
	if err != nil {
		return false, fmt.Errorf("watching the alias: %w", err)
	}
	return out.RoutingConfig != nil && out.RoutingConfig.AdditionalVersionWeights["2"] == Weight, nil
}

// end returns the times between which the alias had two versions. They are zero
// if it was never observed with two.
func (w *weights) end() (first, last time.Time, err error) {
	close(w.stop)
	w.watcher.Wait()
	return w.first, w.last, w.err
}
