package probe_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/deliver/probe"
	"github.com/magewright/magewright/tools/internal/clock"
)

// Traffic comes as fast as it is answered until enough is sent, from each probe
// in turn, and an answer that is not the declared one is a failure.
func TestTraffic(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	asked := map[string]int{}
	enough := make(chan struct{})
	c := clock.NewManual(time.Unix(0, 0))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked[r.URL.Path]++
		if r.URL.Path == "/missing" {
			w.WriteHeader(http.StatusNotFound)
		}
		if asked["/works"]+asked["/missing"] == 100 {
			close(enough)
		}
	}))
	t.Cleanup(server.Close)
	traffic := &probe.Traffic{
		URL:    server.URL + "/",
		Probes: []probe.Probe{{Method: "GET", Path: "works", Status: 200}, {Method: "GET", Path: "missing", Status: 200}},
		Clock:  c,
	}
	traffic.Want(100)
	if traffic.Satisfied() {
		t.Error("it is satisfied before it has sent anything")
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); traffic.Run(ctx) }()
	go func() { // each pause ends at once
		for ctx.Err() == nil {
			c.BlockUntil(1)
			c.Advance(time.Second)
		}
	}()
	<-enough
	cancel()
	<-done
	if !traffic.Satisfied() {
		t.Error("it is not satisfied, though no more will be sent")
	}
	mu.Lock()
	defer mu.Unlock()
	if asked["/works"] < 45 || asked["/missing"] < 45 {
		t.Errorf("asked %v, want both in turn", asked)
	}
	// Those under way when it ended say nothing.
	if sent, failed := traffic.Sent(), traffic.Failed(); sent < 90 || failed < 40 || failed > 55 {
		t.Errorf("%v: want about half of 100 failed", traffic)
	}
}

// A redirection that is declared is not followed.
func TestRedirection(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}))
	t.Cleanup(server.Close)
	c := clock.NewManual(time.Unix(0, 0))
	traffic := &probe.Traffic{URL: server.URL, Probes: []probe.Probe{{Method: "GET", Path: "old", Status: http.StatusFound}}, Clock: c}
	traffic.Want(1)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); traffic.Run(ctx) }()
	c.BlockUntil(8) // all pause: one has sent what, and another may have had its trickle
	cancel()
	<-done
	if traffic.Sent() == 0 || traffic.Failed() > 0 {
		t.Errorf("%v", traffic)
	}
	for range len(asked) {
		if path := <-asked; path != "/old" {
			t.Errorf("asked for %s", path)
		}
	}
}
