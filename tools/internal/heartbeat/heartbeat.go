// Package heartbeat reports that work is in progress while it prints nothing
// itself, so that nobody who waits has to wonder.
package heartbeat

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/magewright/magewright/tools/internal/clock"
)

// Silence is the longest time without output at first. Whoever has waited so long knows
// that something is in progress: after that it is Longer.
const (
	Silence = 5 * time.Second
	Longer  = 30 * time.Second
)

// During calls f with writers that pass on their input to stdout and stderr.
// After Silence, and then after each Longer without output, it writes a line to stderr:
// the name, and how long f has been running.
func During(c clock.Clock, stdout, stderr io.Writer, name string, f func(stdout, stderr io.Writer) error) error {
	h := &heart{clock: c, last: c.Now()}
	start, done := h.last, make(chan struct{})
	var beating sync.WaitGroup
	beating.Go(func() {
		for {
			timer := c.NewTimer(h.left())
			select {
			case <-done:
				timer.Stop()
				return
			case <-timer.C():
			}
			if h.left() <= 0 {
				// This is best effort.
				h.named()
				_, _ = fmt.Fprintf(h.writer(stderr), "%s: %.0f s\n", name, clock.Since(c, start).Seconds())
			}
		}
	})
	err := f(h.writer(stdout), h.writer(stderr))
	close(done)
	beating.Wait()
	return err
}

// A heart knows when something was last printed.
type heart struct {
	clock clock.Clock
	mu    sync.Mutex // held while something is printed
	last  time.Time
	long  bool // it has been named
}

// named makes the next silence a longer one.
func (h *heart) named() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.long = true
}

// left returns how long the silence may still last.
func (h *heart) left() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	silence := Silence
	if h.long {
		silence = Longer
	}
	return silence - clock.Since(h.clock, h.last)
}

func (h *heart) writer(to io.Writer) io.Writer { return pulse{h, to} }

type pulse struct {
	*heart
	to io.Writer
}

func (p pulse) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = p.clock.Now()
	return p.to.Write(data)
}
