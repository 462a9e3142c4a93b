package executeapi_test

import (
	"errors"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/localaws/executeapi"
)

// An answer is kept for its time and for its identity. An error is not kept.
func TestDecisions(t *testing.T) {
	t.Parallel()
	var kept executeapi.Decisions[int]
	asked := 0
	of := func(identity string, at, ttl time.Duration, fails bool) (int, error) {
		return kept.Of(identity, time.Unix(0, 0).Add(at), ttl, func() (int, error) {
			asked++
			if fails {
				return 0, errors.New("no answer")
			}
			return asked, nil
		})
	}
	for i, tt := range []struct {
		identity string
		at, ttl  time.Duration
		fails    bool
		forget   bool // before the request
		want     int
	}{
		{identity: "a", fails: true, ttl: time.Second},
		{identity: "a", ttl: time.Second, want: 2},
		{identity: "a", at: time.Second - 1, ttl: time.Second, want: 2},
		{identity: "b", at: time.Second - 1, ttl: time.Second, want: 3},
		{identity: "a", at: time.Second, ttl: 0, want: 4},
		{identity: "a", at: time.Second, ttl: time.Second, want: 5},
		{identity: "b", at: time.Second, ttl: time.Second, want: 3},
		{identity: "b", at: time.Second, ttl: time.Second, forget: true, want: 6},
	} {
		if tt.forget {
			kept.Forget()
		}
		if got, err := of(tt.identity, tt.at, tt.ttl, tt.fails); got != tt.want || (err != nil) != tt.fails {
			t.Errorf("request %d: %d, %v, want %d", i, got, err, tt.want)
		}
	}
}
