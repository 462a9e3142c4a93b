package fault

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync/atomic"
	"time"
)

// A Proxy is a Runtime API that hands out the invocations of another one, and
// does to them what a fault says. All else goes through as it is, piece by
// piece: responses that are streamed, and what extensions ask for.
// See https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html.
type Proxy struct {
	API   string  // host and port of the other Runtime API
	Fault Fault   // what happens to invocations
	Phase float64 // where errors begin, from 0 to below 1
	After func(time.Duration) <-chan time.Time
	Crash func() // begins to end the process
}

// Handler returns the server of the Runtime API.
func (p *Proxy) Handler() http.Handler {
	quiet := log.New(io.Discard, "", 0)
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", p.API, ""
			// A response that fails halfway says so in its trailer, which has its
			// values when the body has been read: the copy would stay empty.
			r.Out.Trailer = r.In.Trailer
		},
		Transport: &injector{
			Proxy: p,
			// Without the environment's proxy and without compression: requests are
			// the function's own.
			api: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 100},
		},
		ErrorLog: quiet,
		// Whoever asks sees a broken connection, as without us.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
}

// An injector sends requests to the Runtime API, and puts the fault into the
// invocations that come back.
type injector struct {
	*Proxy
	api         http.RoundTripper
	invocations atomic.Int64
}

const next = "/runtime/invocation/next"

// RoundTrip implements [http.RoundTripper]. Where the fault is errors, the
// function gets the first invocation that does not fail.
func (i *injector) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, next) {
		return i.api.RoundTrip(r)
	}
	for {
		invocation, err := i.api.RoundTrip(r) // a long poll
		if err != nil || invocation.StatusCode != http.StatusOK {
			return invocation, err
		}
		n := i.invocations.Add(1)
		if i.Fault.crash {
			i.Crash()
			// A function that got an error here would say so and end by itself.
			<-r.Context().Done()
			_ = invocation.Body.Close() // nobody gets it
			return nil, r.Context().Err()
		}
		if !i.Fault.fails(n, i.Phase) {
			if err := i.delay(r.Context()); err != nil {
				_ = invocation.Body.Close() // whoever asked has gone
				return nil, err
			}
			return invocation, nil
		}
		if err := i.fail(r, invocation); err != nil {
			return nil, err
		}
	}
}

// delay waits as long as the fault says before the function gets an invocation.
func (i *injector) delay(ctx context.Context) error {
	if i.Fault.latency == 0 {
		return nil
	}
	select {
	case <-i.After(i.Fault.latency):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fail reports an error as the end of an invocation.
func (i *injector) fail(r *http.Request, invocation *http.Response) error {
	// Read to its end, its connection takes the report.
	_, err := io.Copy(io.Discard, invocation.Body)
	_ = invocation.Body.Close() // read
	if err != nil {
		return fmt.Errorf("reading an invocation: %w", err)
	}
	url := *r.URL
	url.Path = strings.TrimSuffix(url.Path, "next") + invocation.Header.Get("Lambda-Runtime-Aws-Request-Id") + "/error"
	report, err := http.NewRequestWithContext(r.Context(), http.MethodPost, url.String(), // #nosec G704 -- the Runtime API, which Lambda names
		strings.NewReader(`{"errorMessage":"failed on purpose: this version is the bad one of a rollback drill","errorType":"RollbackDrill"}`))
	if err != nil {
		return fmt.Errorf("reporting an error: %w", err)
	}
	report.Header.Set("Content-Type", "application/json")
	report.Header.Set("Lambda-Runtime-Function-Error-Type", "Function.RollbackDrill")
	answer, err := i.api.RoundTrip(report)
	if err != nil {
		return fmt.Errorf("reporting an error: %w", err)
	}
	_, _ = io.Copy(io.Discard, answer.Body) // only its status counts
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted {
		return fmt.Errorf("reporting an error: the Runtime API answers %s", answer.Status)
	}
	return nil
}
