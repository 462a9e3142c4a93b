package traffic

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"
)

func TestShare(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		share       Share
		chi, chance float64
	}{
		{Share{Requests: 1000, New: 100, Weight: 0.1}, 0, 1},
		{Share{Requests: 100, New: 16, Weight: 0.1}, 4, 0.0455}, // two standard deviations
		{Share{Requests: 900, New: 63, Weight: 0.1}, 9, 0.0027}, // three
		{Share{}, 0, 1},
	} {
		if got := test.share.ChiSquared(); math.Abs(got-test.chi) > 1e-9 {
			t.Errorf("%+v: chi-squared %v, want %v", test.share, got, test.chi)
		}
		if got := test.share.P(); math.Abs(got-test.chance) > 1e-4 {
			t.Errorf("%+v: p %v, want %v", test.share, got, test.chance)
		}
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	at := func(second int) time.Time { return time.Unix(int64(second), 0) }
	ok := func(began, ended int, version string) sample {
		return sample{began: at(began), ended: at(ended), status: 200, body: version}
	}
	var r Report
	r.count([]sample{
		ok(1, 2, "1"),
		ok(9, 11, "2"), // began too early to tell
		ok(10, 12, "1"),
		ok(11, 12, "2"),
		{began: at(12), ended: at(13), status: 502},
		ok(19, 21, "2"), // ended too late to tell
		ok(30, 31, "3"),
		{began: at(30), ended: at(31), status: 429, body: "slow down"},
		{began: at(30), ended: at(31), err: errors.New("reset")},
	}, at(10), at(20))
	if want := (Share{Requests: 3, New: 2, Weight: Weight}); r.Shift != want {
		t.Errorf("share %+v, want %+v", r.Shift, want)
	}
	if r.Requests != 9 || r.Answered["1"] != 2 || r.Answered["2"] != 3 || r.Errors != 1 || len(r.Latencies) != 9 {
		t.Errorf("%+v", r)
	}
	if want := []string{"status 200: 3", "status 429: slow down", "reset"}; !slices.Equal(r.Lost, want) {
		t.Errorf("lost %q", r.Lost)
	}
}
