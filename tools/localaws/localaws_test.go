package localaws_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/magewright/magewright/tools/clock"
	"github.com/magewright/magewright/tools/localaws"
	"github.com/magewright/magewright/tools/localaws/canary"
	"github.com/magewright/magewright/tools/localaws/sts"
)

// start starts an embedded AWS whose clock runs speed times as fast while it
// only waits, and returns how clients reach it.
func start(t testing.TB, speed float64) aws.Config {
	t.Helper()
	server, err := localaws.Start(t.Context(), localaws.Config{Addr: "127.0.0.1:0", Clock: clock.NewElastic(speed), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return clientsOf(server.URL)
}

func clientsOf(endpoint string) aws.Config {
	return aws.Config{
		Region: localaws.Region, BaseEndpoint: aws.String(endpoint),
		Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", sts.UserSecret, ""),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} }, // a retry would hide a failure
	}
}

// function is the package of the canaries' function, built once.
var function = sync.OnceValues(func() ([]byte, error) { return canary.Build(context.Background()) })

// deploy runs a canary and holds what is true of each: no request is lost.
func deploy(t *testing.T, cfg aws.Config, c canary.Config) *canary.Report {
	t.Helper()
	zip, err := function()
	if err != nil {
		t.Fatal(err)
	}
	c.AWS, c.Zip, c.Clock = cfg, zip, clock.System()
	c.Architecture = localaws.HostContext()["architecture"].(string)
	r, err := canary.Run(t.Context(), c)
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
// and taken back; only users that met it saw errors.
func TestFailingCanaryUnderTrafficIsRolledBack(t *testing.T) {
	t.Parallel()
	r := deploy(t, start(t, 30), canary.Config{Name: "failing", Fault: canary.Fail, Rate: 100})
	if !r.RolledBack() {
		t.Errorf("%s: %+v", r.Deployment.Status, r.Deployment.ErrorInformation)
	}
	if r.Errors == 0 || r.Answered["1"] == 0 {
		t.Errorf("%d errors, %v answered: no canary was seen", r.Errors, r.Answered)
	}
}
