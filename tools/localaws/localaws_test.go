package localaws_test

import (
	"context"
	"log/slog"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/testinput"
	"github.com/magewright/magewright/tools/localaws"
	"github.com/magewright/magewright/tools/localaws/lambda"
	"github.com/magewright/magewright/tools/localaws/sdktest"
	"github.com/magewright/magewright/tools/localaws/traffic"
)

// start starts an embedded AWS and returns the configuration for its clients.
func start(t testing.TB) aws.Config {
	t.Helper()
	return clientsOf(serve(t, clock.NewElastic(1)))
}

// serve starts an embedded AWS that uses the given clock.
func serve(t testing.TB, by clock.Clock) *localaws.Server {
	t.Helper()
	server, err := localaws.Start(t.Context(), localaws.Config{Addr: "127.0.0.1:0", Clock: by, Log: slog.New(slog.DiscardHandler), Node: lambda.Node{Program: node()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return server
}

// node returns the Node of this machine, or "" if there is none.
func node() string {
	program, err := exec.LookPath("node")
	if err != nil {
		return ""
	}
	return program
}

func clientsOf(server *localaws.Server) aws.Config {
	cfg := server.Client()
	// A retry would hide a failure.
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	cfg.HTTPClient = sdktest.HTTPClient(nil)
	return cfg
}

// function is the package of the canaries' function, built once.
var function = sync.OnceValues(func() ([]byte, error) {
	if err := testinput.Files("tools/localaws/traffic/function", "go.mod", "go.sum"); err != nil {
		return nil, err
	}
	return traffic.Build(context.Background())
})

// stepped is an embedded AWS whose clock only moves in steps, so that no test
// depends on the speed of the machine.
type stepped struct {
	*localaws.Server
	clock *clock.Manual
	aws   aws.Config
}

func startStepped(t *testing.T) stepped {
	t.Helper()
	c := clock.NewManual(clock.System().Now())
	server := serve(t, c)
	return stepped{server, c, clientsOf(server)}
}

// deploy runs a stepped canary deployment.
func (s stepped) deploy(t *testing.T, step time.Duration, c traffic.Config) *traffic.Report {
	t.Helper()
	prepared(t, s.aws, &c)
	c.Clock, c.Timeout = s.clock, patient
	r, err := traffic.RunStepped(t.Context(), c, func() {
		s.Flush(t.Context())
		s.clock.Advance(step)
	})
	return held(t, r, err)
}

// patient is a function timeout, in seconds, that suffices on the slowest machine.
const patient = 600

// prepared adds the settings that all canaries share.
func prepared(t *testing.T, cfg aws.Config, c *traffic.Config) {
	t.Helper()
	zip, err := function()
	if err != nil {
		t.Fatal(err)
	}
	c.AWS, c.Zip = cfg, zip
	c.Architecture = localaws.HostContext()["architecture"].(string)
}

// held checks what holds for every canary: no request is lost.
func held(t *testing.T, r *traffic.Report, err error) *traffic.Report {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d requests: %v answered by version, %d users' errors %v; %d of %d went to the new version (p %.3f); %s after %v",
		r.Requests, r.Answered, r.Errors, r.Statuses, r.Shift.New, r.Shift.Requests, r.Shift.P(), r.Deployment.Status, r.Took)
	if len(r.Lost) > 0 {
		t.Errorf("%d requests were lost, such as %q", len(r.Lost), r.Lost[0])
	}
	return r
}

// A version that fails one request in five is noticed at the next full minute
// and rolled back. Only users whose requests it served saw errors.
func TestFailingCanaryUnderTrafficIsRolledBack(t *testing.T) {
	t.Parallel()
	r := startStepped(t).deploy(t, 10*time.Second, traffic.Config{Name: "failing", Fault: traffic.Fail, Rate: 50})
	if !r.RolledBack() {
		t.Errorf("%s: %+v", r.Deployment.Status, r.Deployment.ErrorInformation)
	}
	if r.Errors == 0 || r.Answered["1"] == 0 {
		t.Errorf("%d errors, %v answered: no canary was seen", r.Errors, r.Answered)
	}
}
