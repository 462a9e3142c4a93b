package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"golang.org/x/sync/errgroup"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/assembly/synth"
	"github.com/magewright/magewright/tools/deliver/deploy"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/rehearse/local"
)

const (
	requests       = 5000
	connections    = 8
	requestTimeout = 15 * time.Second // the function's own time-out is 10 s
	speed          = 60               // as in a rehearsal
)

// local deploys staging to an embedded AWS in this process and invokes it.
func (b *bench) local(ctx context.Context) (err error) {
	server, err := localaws.Start(ctx, localaws.Config{Addr: "127.0.0.1:0", Clock: clock.NewElastic(speed), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("starting the embedded AWS: %w", err)
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	if err := (&local.Endpoint{Server: server, Context: localaws.HostContext()}).Use(); err != nil {
		return err
	}
	checkout, err := b.checkout(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(checkout.Dir)) }()
	if err := b.deploy(ctx, checkout); err != nil {
		return err
	}
	return b.invoke(ctx, checkout)
}

// checkout makes a clean clone of HEAD: what differs from a commit is not
// deployed.
func (b *bench) checkout(ctx context.Context) (project.Config, error) {
	cfg := b.cfg
	dir, err := os.MkdirTemp("", "magewright-bench-")
	if err != nil {
		return cfg, fmt.Errorf("checking out HEAD: %w", err)
	}
	if err := b.cloneTo(ctx, dir); err != nil {
		return cfg, errors.Join(err, os.RemoveAll(dir))
	}
	cfg.Dir, cfg.Dirty = dir, false
	cfg.Evidence, cfg.Assembly = filepath.Join(dir, ".magewright"), filepath.Join(dir, "cdk.out")
	return cfg, nil
}

// deploy bootstraps the account and deploys staging twice.
func (b *bench) deploy(ctx context.Context, checkout project.Config) error {
	var output bytes.Buffer
	checkout.Stdout, checkout.Stderr = &output, &output
	deployStaging := deploy.Stage("")
	for _, step := range []struct {
		row, note string
		run       func(context.Context, project.Config) error
	}{
		{run: cdk.Install},
		{run: synth.Run},
		{row: "cdk bootstrap, local", run: deploy.Bootstrap},
		{row: "cdk deploy, local", note: "staging, its first deployment", run: deployStaging},
		{row: "cdk deploy, local, again", note: "no change", run: deployStaging},
	} {
		value, err := b.seconds(func() error { return step.run(ctx, checkout) })
		if err != nil {
			return fmt.Errorf("%w\n%s", err, tail(output.String()))
		}
		if step.row != "" {
			b.add(step.row, value, "s", step.note)
		}
	}
	return nil
}

// invoke sends requests to staging, through the API and to its function URL.
func (b *bench) invoke(ctx context.Context, checkout project.Config) error {
	cfg, err := stack.Connect(ctx)
	if err != nil {
		return err
	}
	names, err := manifest.Read(checkout)
	if err != nil {
		return err
	}
	staging, err := stack.Describe(ctx, cfg, names.First())
	if err != nil {
		return err
	}
	client, done := newClient()
	defer done()
	functions := lambda.NewFromConfig(cfg, func(o *lambda.Options) {
		o.HTTPClient = client
		o.Retryer = aws.NopRetryer{} // a retry would hide a failure in a latency
	})
	byAPI := func(ctx context.Context) error { return callAPI(ctx, functions, staging) }
	byURL := func(ctx context.Context) error { return callURL(ctx, client, staging.FunctionURL+"healthz") }

	cold, err := b.seconds(func() error { return byAPI(ctx) })
	if err != nil {
		b.fail("lambda Invoke, first", err)
	} else {
		b.add("lambda Invoke, first", cold*1e3, "ms", "starts the function's process")
	}
	b.load(ctx, "lambda Invoke", byAPI)
	b.load(ctx, "GET /healthz by function URL", byURL)
	size, err := resident(ctx)
	if err != nil {
		return err
	}
	b.add("resident memory of the embedded AWS", float64(size)/(1<<20), "MiB", fmt.Sprintf("after %d invocations; the functions' processes are not in it", 2*requests))
	return nil
}

// newClient returns a client with a limited number of connections to each host, and a
// function that closes them.
func newClient() (client *http.Client, done func()) {
	transport := &http.Transport{MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections}
	return &http.Client{Transport: transport, Timeout: requestTimeout}, transport.CloseIdleConnections
}

// load adds rows with the throughput and latency of requests.
func (b *bench) load(ctx context.Context, name string, send func(context.Context) error) {
	// Measuring begins when every connection and the processes behind them are up.
	if _, _, err := b.requests(ctx, connections, send); err != nil {
		b.fail(name, err)
		return
	}
	total, each, err := b.requests(ctx, requests, send)
	if err != nil {
		b.fail(name, err)
		return
	}
	b.add(name, float64(requests)/total, "/s", fmt.Sprintf("%d requests over %d connections, by this process", requests, connections))
	b.add(name+", p50", percentile(each, 50)*1e3, "ms", "")
	b.add(name+", p99", percentile(each, 99)*1e3, "ms", "slowest "+number(each[len(each)-1]*1e3)+" ms")
}

// requests sends n requests. It returns how many seconds all of them took, and how many each
// took, sorted. It stops at the first failure.
func (b *bench) requests(ctx context.Context, n int, send func(context.Context) error) (total float64, each []float64, err error) {
	each = make([]float64, n)
	var sent atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	total, err = b.seconds(func() error {
		for range connections {
			group.Go(func() error {
				for i := int(sent.Add(1)) - 1; i < n; i = int(sent.Add(1)) - 1 {
					var err error
					if each[i], err = b.seconds(func() error { return send(ctx) }); err != nil {
						return fmt.Errorf("request %d of %d: %w", i+1, n, err)
					}
				}
				return nil
			})
		}
		return group.Wait()
	})
	slices.Sort(each)
	return total, each, err
}

// callAPI invokes the function with an event of its function URL. See
// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads.
func callAPI(ctx context.Context, functions *lambda.Client, f stack.Outputs) error {
	out, err := functions.Invoke(ctx, &lambda.InvokeInput{
		FunctionName: &f.FunctionName,
		Qualifier:    &f.AliasName,
		Payload:      []byte(`{"version":"2.0","rawPath":"/healthz","requestContext":{"http":{"method":"GET","path":"/healthz"}}}`),
	})
	if err != nil {
		return err
	}
	var answer struct {
		StatusCode int `json:"statusCode"`
	}
	if err := json.Unmarshal(out.Payload, &answer); err != nil || out.FunctionError != nil || answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the function answered %s %.200s", aws.ToString(out.FunctionError), out.Payload)
	}
	return nil
}

func callURL(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request) // #nosec G704 -- the URL is the stack's own output, on loopback
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s: %.200s", url, response.Status, body)
	}
	return nil
}
