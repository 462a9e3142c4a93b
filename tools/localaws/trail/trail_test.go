package trail_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/localaws/trail"
)

func TestRing(t *testing.T) {
	t.Parallel()
	var ring trail.Ring
	for range trail.Size + 5 {
		e := trail.New(trail.Request{Service: "s3"})
		e.Name("GetObject")
		e.Name("another")
		e.Call("arn:aws:iam::000000000000:user/a")
		for range 40 {
			e.Decide(trail.Decision{Action: "s3:GetObject"})
		}
		e.End(403, time.Second, errors.New("no"))
		ring.Add(e)
	}
	all := ring.Since(0)
	if len(all) != trail.Size || all[0].Number != 6 || all[len(all)-1].Number != trail.Size+5 {
		t.Errorf("%d requests, from %d", len(all), all[0].Number)
	}
	if r := all[0]; r.Operation != "GetObject" || r.Status != 403 || r.Took != time.Second || r.Error != "no" || len(r.Decisions) != 16 || r.Caller == "" {
		t.Errorf("a request is %+v", r)
	}
	if got := ring.Since(trail.Size + 3); len(got) != 2 || got[0].Number != trail.Size+4 {
		t.Errorf("the last are %+v", got)
	}
	if got := ring.Since(trail.Size * 9); got != nil {
		t.Errorf("after the last are %+v", got)
	}
	// Nobody records.
	var none *trail.Ring
	none.Add(nil)
	if none.Since(0) != nil {
		t.Error("nothing was recorded")
	}
	trail.FromContext(t.Context()).Decide(trail.Decision{})
	trail.FromContext(t.Context()).Name("x")
	trail.FromContext(t.Context()).Call("x")
	ctx := trail.NewContext(t.Context(), trail.New(trail.Request{}))
	if trail.FromContext(ctx) == nil {
		t.Error("the context has no request")
	}
	// A request may go on while it is read.
	var all2 sync.WaitGroup
	e := trail.New(trail.Request{})
	ring.Add(e)
	for range 8 {
		all2.Go(func() { e.Decide(trail.Decision{}); ring.Since(0); ring.Add(trail.New(trail.Request{})) })
	}
	all2.Wait()
}

// TestSent holds that what was sent is kept as long as its request, unless it is large.
func TestSent(t *testing.T) {
	t.Parallel()
	var ring trail.Ring
	add := func(body []byte) {
		e := trail.New(trail.Request{})
		e.Keep(trail.Sent{Method: "POST", Body: body})
		ring.Add(e)
	}
	add([]byte("first"))
	add(make([]byte, trail.MostSent+1))
	ring.Add(trail.New(trail.Request{}))
	for number, want := range map[int]bool{-1: false, 0: false, 1: true, 2: false, 3: false, 4: false} {
		if sent, ok := ring.Sent(number); ok != want || ok && string(sent.Body) != "first" {
			t.Errorf("%d: %+v, %v", number, sent, ok)
		}
	}
	for range trail.Size - 2 {
		add(nil)
	}
	if _, ok := ring.Sent(1); ok {
		t.Error("the first is kept when its request is not")
	}
	if _, ok := ring.Sent(trail.Size + 1); !ok {
		t.Error("the last is not kept")
	}
	var none *trail.Ring
	if _, ok := none.Sent(1); ok {
		t.Error("no ring keeps something")
	}
	var nobody *trail.Entry
	nobody.Keep(trail.Sent{})
}

func TestRoot(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"": "", "Parent=1;Sampled=0": "", "Root=1-2-3;Parent=4;Sampled=0": "1-2-3", "Self=1-5-6; Root=1-2-3": "1-2-3",
	} {
		if got := trail.Root(header); got != want {
			t.Errorf("of %q it is %q, want %q", header, got, want)
		}
	}
	var nobody *trail.Entry
	nobody.Follow("Root=1-2-3")
}
