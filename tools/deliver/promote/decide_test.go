package promote

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/magewright/magewright/tools/deliver/canary"
	"github.com/magewright/magewright/tools/deliver/canary/minutes"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 8, 8, 12, 0, 50, 0, time.UTC)
	minute := func(n int) time.Time { return start.Truncate(time.Minute).Add(time.Duration(n) * time.Minute) }
	for _, tt := range []struct {
		name            string
		course          course
		errors, sampled int
		want            action
	}{
		{"nothing has come yet", course{}, 0, 0, wait},
		{"too few", course{latest: minute(1)}, 0, 58, wait},
		{"enough and good", course{latest: minute(1)}, 0, 60, goOn},
		{"bad", course{latest: minute(1)}, 2, 60, stop},
		{"bad after a person said go on", course{latest: minute(3), asked: true, approved: true}, 2, 60, stop},
		{"one error", course{latest: minute(1)}, 1, 60, extend},
		{"one error, and more is on its way", course{latest: minute(2), extended: true}, 1, 70, wait},
		{"one error in the larger sample", course{latest: minute(2), extended: true}, 1, 120, goOn},
		{"the larger sample does not tell either", course{latest: minute(2), extended: true}, 10, 295, ask},
		{"too few when a decision is due", course{latest: minute(3)}, 0, 30, ask},
		{"nothing when a decision is due by our clock", course{elapsed: 2*time.Minute + time.Second}, 0, 0, ask},
		{"asked", course{latest: minute(3), asked: true}, 0, 30, wait},
		{"nobody answers", course{latest: minute(4), asked: true}, 0, 30, stop},
		{"nobody answers, by our clock", course{elapsed: 3*time.Minute + time.Second, asked: true}, 0, 0, stop},
		{"somebody says go on", course{latest: minute(4), asked: true, approved: true}, 0, 30, goOn},
		{"the sample comes while a person thinks", course{latest: minute(3), asked: true}, 0, 60, goOn},
		{"no request arrives", course{unanswered: true}, 0, 0, ask},
		{"no request arrives, and a person thinks", course{unanswered: true, asked: true}, 0, 0, wait},
		{"no request arrives, and nobody is there", course{unanswered: true, asked: true, unattended: true}, 0, 0, stop},
	} {
		c := tt.course
		c.limits, c.start, c.length = canary.LimitsOf(0.05, 3000), start, 5*time.Minute
		newVersion := canary.Sample{Count: canary.Count{Invocations: tt.sampled, Errors: tt.errors}, P90: 20}
		// The old version fails now and then, so that ten errors in 295 are no sign.
		oldVersion := canary.Sample{Count: canary.Count{Invocations: 10 * tt.sampled}, P90: 20}
		if tt.errors == 10 {
			oldVersion.Errors = 90
		}
		j := canary.Judge(newVersion, oldVersion, c.limits)
		if got := c.decide(j); got != tt.want {
			t.Errorf("%s: %d, want %d (%v)", tt.name, got, tt.want, j)
		}
	}
}

func TestShiftTime(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		routing *types.TrafficRoutingConfig
		want    time.Duration
	}{
		{nil, 0},
		{&types.TrafficRoutingConfig{Type: types.TrafficRoutingTypeAllAtOnce}, 0},
		{&types.TrafficRoutingConfig{TimeBasedCanary: &types.TimeBasedCanary{CanaryInterval: 5, CanaryPercentage: 10}}, 5 * time.Minute},
		{&types.TrafficRoutingConfig{TimeBasedLinear: &types.TimeBasedLinear{LinearInterval: 1, LinearPercentage: 10}}, 9 * time.Minute},
		{&types.TrafficRoutingConfig{TimeBasedLinear: &types.TimeBasedLinear{LinearInterval: 2, LinearPercentage: 30}}, 6 * time.Minute},
	} {
		if got := minutes.Shift(tt.routing); got != tt.want {
			t.Errorf("%+v takes %v, want %v", tt.routing, got, tt.want)
		}
	}
}
