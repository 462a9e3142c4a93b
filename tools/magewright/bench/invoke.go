package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws"
	"github.com/magewright/magewright/tools/localaws/traffic"
)

// embedded starts an embedded AWS in this process with clients for it.
func embedded(ctx context.Context, speed float64) (*localaws.Server, aws.Config, error) {
	server, err := localaws.Start(ctx, localaws.Config{Addr: "127.0.0.1:0", Clock: clock.NewElastic(speed), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, aws.Config{}, fmt.Errorf("starting the embedded AWS: %w", err)
	}
	cfg := server.Client()
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} } // a retry would hide a failure
	return server, cfg, nil
}

// invokes measures invocations of a handler that does nothing, from clients and from a queue.
// It also checks whether the memory of the embedded AWS grows the longer it runs.
func (b *bench) invokes(ctx context.Context) (err error) {
	zip, err := traffic.Build(ctx)
	if err != nil {
		return err
	}
	server, cfg, err := embedded(ctx, 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	if err := b.protocol(ctx, zip); err != nil {
		return err
	}
	const name = "trivial"
	architecture, _ := localaws.HostContext()["architecture"].(string)
	if err := traffic.Function(ctx, traffic.Config{AWS: cfg, Name: name, Zip: zip, Architecture: architecture}); err != nil {
		return err
	}
	event := []byte(`{"a":1}`)
	load, err := newGenerator(ctx, b.clock, cfg, name, event)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, load.close()) }()
	// Measuring begins when every connection and the processes behind them are up and the
	// caches are full.
	warm := max(b.invocations/10, connections)
	if _, _, err := b.requests(ctx, warm, load.send); err != nil {
		return err
	}
	// The memory in use after each half: if it grows with the number of invocations, the
	// second half shows it.
	var total float64
	var each []float64
	var live [2]float64
	for half := range live {
		seconds, latencies, err := b.requests(ctx, (b.invocations+1)/2, load.send)
		if err != nil {
			return err
		}
		total, each = total+seconds, append(each, latencies...)
		live[half] = liveMiB() - float64(cap(each))*8/(1<<20)
	}
	slices.Sort(each)
	b.add("trivial lambda Invoke", float64(len(each))/total, "/s", fmt.Sprintf("%d invocations over %d connections, by this process; %s", len(each), connections, loadAverage()))
	b.add("trivial lambda Invoke, p50", percentile(each, 50)*1e3, "ms", "")
	b.add("trivial lambda Invoke, p99", percentile(each, 99)*1e3, "ms", "slowest "+number(each[len(each)-1]*1e3)+" ms")
	b.add("live memory after them", live[1], "MiB", fmt.Sprintf("%s MiB after the first half; logs fill their bounds in the first 50000", number(live[0])))
	if err := b.invokesBySDK(ctx, cfg, name, event); err != nil {
		return err
	}
	return b.messages(ctx, cfg, name)
}

// invokesBySDK measures the same invocations with a client that signs each request.
func (b *bench) invokesBySDK(ctx context.Context, cfg aws.Config, name string, event []byte) error {
	client, done := newClient()
	defer done()
	functions := lambda.NewFromConfig(cfg, func(o *lambda.Options) { o.HTTPClient = client })
	n := max(b.invocations/5, connections)
	total, each, err := b.requests(ctx, n, func(ctx context.Context) error {
		out, err := functions.Invoke(ctx, &lambda.InvokeInput{FunctionName: &name, Payload: event})
		if err == nil && out.FunctionError != nil {
			err = fmt.Errorf("the function answered %s %.200s", *out.FunctionError, out.Payload)
		}
		return err
	})
	if err != nil {
		return err
	}
	b.add("trivial lambda Invoke, by the Go SDK", float64(n)/total, "/s", fmt.Sprintf("%d invocations; the SDK's own work is in it", n))
	b.add("trivial lambda Invoke, by the Go SDK, p99", percentile(each, 99)*1e3, "ms", "")
	return nil
}

// liveMiB returns the memory of this process that is in use.
func liveMiB() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}

// loadAverage says how busy the machine is, if the system knows.
func loadAverage() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "load unknown"
	}
	one, _, _ := strings.Cut(string(data), " ")
	return "load " + one
}

// canarySpeed shortens the five minutes of a canary to fifteen seconds.
const canarySpeed = 20

// canaries runs a canary with each fault under 200 requests a second.
func (b *bench) canaries(ctx context.Context) error {
	zip, err := traffic.Build(ctx)
	if err != nil {
		return err
	}
	for _, c := range []struct {
		name    string
		fault   traffic.Fault
		percent float64
	}{
		{"good", traffic.None, 5},
		{"fails 20 %", traffic.Fail, 5},
		{"leaks memory", traffic.Leak, 5},
		{"hangs", traffic.Hang, 5},
		{"exits each 100th, alarm at 5 %", traffic.Exit, 5},
		{"exits each 100th, alarm at 0.5 %", traffic.Exit, 0.5},
	} {
		if err := b.canary(ctx, c.name, traffic.Config{Fault: c.fault, MaxErrorPercent: c.percent, Zip: zip}); err != nil {
			b.fail("canary, "+c.name, err)
		}
	}
	return nil
}

func (b *bench) canary(ctx context.Context, name string, c traffic.Config) (err error) {
	server, cfg, err := embedded(ctx, canarySpeed)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	c.AWS, c.Name, c.Clock = cfg, "canary", b.clock
	c.Architecture, _ = localaws.HostContext()["architecture"].(string)
	r, err := traffic.Run(ctx, c)
	if err != nil {
		return err
	}
	if len(r.Lost) > 0 {
		return fmt.Errorf("%d of %d requests were lost, such as %q", len(r.Lost), r.Requests, r.Lost[0])
	}
	row := "canary, " + name
	b.add(row, float64(r.Requests), "requests", fmt.Sprintf("none lost; %d to the new version of %d during the shift (p %.3f); p99 %s ms",
		r.Shift.New, r.Shift.Requests, r.Shift.P(), number(r.Latencies[len(r.Latencies)*99/100].Seconds()*1e3)))
	b.add(row+", users' errors", float64(r.Errors), "requests", fmt.Sprintf("%s after %v of its clock", r.Deployment.Status, r.Took.Round(time.Second)))
	return nil
}
