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

// A Proxy is a Runtime API in front of another one. It hands out the other's invocations and
// applies the fault to them. Everything else passes through unchanged and piece by piece,
// such as streamed responses and requests of extensions. See
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html.
type Proxy struct {
	API   string  // host and port of the other Runtime API
	Fault Fault   // what happens to invocations
	Phase float64 // where the errors begin, from 0 to below 1
	After func(time.Duration) <-chan time.Time
	Crash func() // begins to end the process
}

// Handler returns the server of the Runtime API.
func (p *Proxy) Handler() http.Handler {
	quiet := log.New(io.Discard, "", 0)
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", p.API, ""
			// A response that fails halfway says so in its trailer. The trailer has values
			// only once the body has been read, so a copy that is made earlier would stay
			// empty.
			r.Out.Trailer = r.In.Trailer
		},
		Transport: &injector{
			Proxy: p,
			// The environment's proxy and compression are left out: the requests are the
			// function's own.
			api: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 100},
		},
		ErrorLog: quiet,
		// The client sees a broken connection, as it would without the proxy.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
}

// An injector sends requests to the Runtime API, and applies the fault to the invocations
// that come back.
type injector struct {
	*Proxy
	api         http.RoundTripper
	invocations atomic.Int64
}

const next = "/runtime/invocation/next"

// RoundTrip implements [http.RoundTripper]. If the fault is errors, the function gets the
// first invocation that does not fail.
func (i *injector) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, next) {
		return i.api.RoundTrip(r)
	}
	for {
		invocation, err := i.api.RoundTrip(r) // this is a long poll
		if err != nil || invocation.StatusCode != http.StatusOK {
			return invocation, err
		}
		n := i.invocations.Add(1)
		if i.Fault.crash {
			i.Crash()
			// A function that got an error here would report it and end by itself.
			<-r.Context().Done()
			_ = invocation.Body.Close() // nobody receives it
			return nil, r.Context().Err()
		}
		if !i.Fault.fails(n, i.Phase) {
			if err := i.delay(r.Context()); err != nil {
				_ = invocation.Body.Close() // the client has gone
				return nil, err
			}
			return invocation, nil
		}
		if err := i.fail(r, invocation); err != nil {
			return nil, err
		}
	}
}

// delay waits for the fault's latency before the function gets an invocation.
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

// fail ends an invocation with an error.
func (i *injector) fail(r *http.Request, invocation *http.Response) error {
	// The connection can be used for the report once the body was read to its end.
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
	_, _ = io.Copy(io.Discard, answer.Body) // only the status of the answer counts
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted {
		return fmt.Errorf("reporting an error: the Runtime API answers %s", answer.Status)
	}
	return nil
}
