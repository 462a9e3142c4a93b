package lambda

import (
	"slices"
	"sync"
	"time"

	"github.com/magewright/magewright/tools/internal/clock"
)

// idleLimit is how long an environment is kept without an invocation, by the
// system clock.
const idleLimit = 5 * time.Minute

// A host shares out the execution environments that this machine can carry.
// Its lock is held for moments only, never while an invocation runs.
type host struct {
	limit int

	mu      sync.Mutex
	slots   int            // environments that exist or are promised to a waiter
	idle    []*environment // by the time of their release, the oldest first
	alive   map[*environment]struct{}
	waiters []waiter
	closed  bool

	processes sync.WaitGroup // that are being started or are alive
}

// A waiter gets an environment of its version, or nil for leave to start one.
type waiter struct {
	version *version
	granted chan *environment
}

func newHost(limit int) *host {
	return &host{limit: limit, alive: map[*environment]struct{}{}}
}

// acquire returns an idle environment of v, or nil if the caller may start one.
// It waits where the machine is full. Leave ends with adopt or forfeit.
func (h *host) acquire(v *version) (*environment, error) {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return nil, ended()
	}
	for i := len(h.idle) - 1; i >= 0; i-- { // the most recent one, so that the others can be reaped
		if e := h.idle[i]; e.version == v {
			h.idle = slices.Delete(h.idle, i, i+1)
			h.mu.Unlock()
			return e, nil
		}
	}
	if h.slots < h.limit {
		h.slots++
		h.mu.Unlock()
		return nil, nil
	}
	if len(h.idle) > 0 { // of other versions: the one unused for longest gives way
		e := h.idle[0]
		h.idle = slices.Delete(h.idle, 0, 1)
		e.counted = false // its slot is the caller's now
		h.mu.Unlock()
		e.kill()
		return nil, nil
	}
	w := waiter{version: v, granted: make(chan *environment, 1)}
	h.waiters = append(h.waiters, w)
	h.mu.Unlock()
	e, ok := <-w.granted
	if !ok {
		return nil, ended()
	}
	return e, nil
}

// enter counts in a process that is about to be started. It reports false
// after close. Who entered must call processes.Done when it has ended.
func (h *host) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.processes.Add(1)
	}
	return !h.closed
}

// add makes the host know an environment whose process was started by leave of
// acquire, so that close ends it. The leave stays with the caller.
func (h *host) add(e *environment) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.alive[e] = struct{}{}
	if h.closed {
		e.kill()
	}
}

// adopt passes the caller's leave on to an environment that is initialized.
func (h *host) adopt(e *environment) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, alive := h.alive[e]; !alive {
		h.free()
		return
	}
	e.counted = true
}

// forfeit gives back an acquired leave that was not used.
func (h *host) forfeit() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.free()
}

// free passes a slot on. h.mu is held.
func (h *host) free() {
	if len(h.waiters) > 0 {
		w := h.waiters[0]
		h.waiters = slices.Delete(h.waiters, 0, 1)
		w.granted <- nil
		return
	}
	h.slots--
}

// release gives back an environment that is ready for another invocation.
func (h *host) release(e *environment, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !e.counted { // it died in the meantime
		return
	}
	if h.closed || e.version.retired {
		e.kill()
		return
	}
	if len(h.waiters) > 0 {
		w := h.waiters[0]
		if w.version != e.version {
			e.kill() // forget passes the room on
			return
		}
		h.waiters = slices.Delete(h.waiters, 0, 1)
		w.granted <- e
		return
	}
	e.idleSince = now
	h.idle = append(h.idle, e)
}

// forget takes note that an environment's process has ended.
func (h *host) forget(e *environment) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.alive, e)
	h.idle = slices.DeleteFunc(h.idle, func(i *environment) bool { return i == e })
	if e.counted {
		e.counted = false
		h.free()
	}
}

// retire ends the environments of versions that get no more invocations, each
// after its present one.
func (h *host) retire(versions ...*version) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, v := range versions {
		v.retired = true
	}
	for _, e := range h.idle {
		if e.version.retired {
			e.kill()
		}
	}
	h.idle = slices.DeleteFunc(h.idle, func(e *environment) bool { return e.version.retired })
}

// reap ends the environments that have been idle since before.
func (h *host) reap(before time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.idle) > 0 && h.idle[0].idleSince.Before(before) {
		h.idle[0].kill()
		h.idle = slices.Delete(h.idle, 0, 1)
	}
}

// close ends all environments and waits until their processes are gone.
func (h *host) close() {
	h.mu.Lock()
	h.closed = true
	for _, w := range h.waiters {
		close(w.granted)
	}
	h.waiters = nil
	for e := range h.alive {
		e.kill()
	}
	h.mu.Unlock()
	h.processes.Wait()
}

// reap ends idle environments until the service is closed.
func (s *Service) reap() {
	for clock.Sleep(s.life, s.wall, idleLimit/10) == nil {
		s.host.reap(s.wall.Now().Add(-idleLimit))
	}
}
