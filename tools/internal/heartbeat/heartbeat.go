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

// Silence is the longest time without output.
const Silence = 5 * time.Second

// During calls f with writers that pass on their input to stdout and stderr.
// After each Silence, it writes a line to stderr: the name, and how long f has
// been running.
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
}

// left returns how long the silence may still last.
func (h *heart) left() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return Silence - clock.Since(h.clock, h.last)
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
