//go:build load

// Canary deployments under 200 requests a second, each for the whole duration
// of its deployment, and processes that are killed at random. They take two
// minutes, so `mage test` leaves them out:
//
//	go test -tags=load -timeout=10m -v -run TestLoad ./tools/localaws/...

package localaws_test

import (
	"testing"

	deploytypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/traffic"
)

// speed turns the canary's five minutes into fifteen seconds: 3000 requests.
const speed = 20

// deploy runs a canary under load.
func deploy(t *testing.T, c traffic.Config) *traffic.Report {
	t.Helper()
	prepared(t, clientsOf(serve(t, clock.NewElastic(speed))), &c)
	c.Clock = clock.System()
	r, err := traffic.Run(t.Context(), c)
	return held(t, r, err)
}

// TestLoadGoodCanary checks that a shift loses no request, and that the new
// version gets its share.
func TestLoadGoodCanary(t *testing.T) {
	r := deploy(t, traffic.Config{Name: "good"})
	if r.Deployment.Status != deploytypes.DeploymentStatusSucceeded {
		t.Errorf("%s: %+v", r.Deployment.Status, r.Deployment.ErrorInformation)
	}
	if r.Errors > 0 || r.Answered["1"] == 0 || r.Answered["2"] == 0 {
		t.Errorf("%d errors, %v answered", r.Errors, r.Answered)
	}
	// Chance alone causes this once in ten thousand runs.
	if r.Shift.Requests < 1000 || r.Shift.P() < 1e-4 {
		t.Errorf("%d of %d requests went to the new version: chi-squared %.1f, p %.5f", r.Shift.New, r.Shift.Requests, r.Shift.ChiSquared(), r.Shift.P())
	}
}

// TestLoadBadCanaries checks that each fault is noticed and rolled back.
func TestLoadBadCanaries(t *testing.T) {
	for _, test := range []struct {
		fault   traffic.Fault
		percent float64 // the alarm's threshold
		noticed bool
	}{
		{traffic.Fail, 5, true},
		{traffic.Leak, 5, true},
		{traffic.Hang, 5, true},
		{traffic.Exit, 0.5, true},
		// One request in a hundred is below the alarm threshold of the
		// service's own stack.
		{traffic.Exit, 5, false},
	} {
		name := string(test.fault)
		if !test.noticed {
			name += "-unnoticed"
		}
		t.Run(name, func(t *testing.T) {
			r := deploy(t, traffic.Config{Name: name, Fault: test.fault, MaxErrorPercent: test.percent})
			if r.RolledBack() != test.noticed || !test.noticed && r.Deployment.Status != deploytypes.DeploymentStatusSucceeded {
				t.Errorf("%s: %+v", r.Deployment.Status, r.Deployment.ErrorInformation)
			}
			if r.Errors == 0 {
				t.Error("no user saw an error: the fault did not show")
			}
		})
	}
}
