package lambda

import (
	"slices"
	"sync"
	"time"

	"github.com/magewright/magewright/tools/internal/clock"
)

// idleLimit is how long an environment without invocations is kept, by the
// system clock.
const idleLimit = 5 * time.Minute

// A host distributes the execution environments that this machine can run. Its
// lock is only held briefly, never while an invocation runs.
type host struct {
	limit int

	mu      sync.Mutex
	slots   int            // environments that exist or are promised to a waiter
	idle    []*environment // sorted by the time of their release, oldest first
	alive   map[*environment]struct{}
	waiters []waiter
	closed  bool

	processes sync.WaitGroup // counts processes that are being started or are alive
}

// A waiter receives an environment of its version, or nil as the permission to
// start one.
type waiter struct {
	version *version
	granted chan *environment
}

func newHost(limit int) *host {
	return &host{limit: limit, alive: map[*environment]struct{}{}}
}

// acquire returns an idle environment of v, or nil if the caller may start one.
// It waits if the machine is full. The caller then holds a slot, which it
// returns with adopt or forfeit.
func (h *host) acquire(v *version) (*environment, error) {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return nil, ended()
	}
	// Take the most recently used one, so that the others can be reaped.
	for i := len(h.idle) - 1; i >= 0; i-- {
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
	// These environments belong to other versions. The one that has been idle
	// longest gives way.
	if len(h.idle) > 0 {
		e := h.idle[0]
		h.idle = slices.Delete(h.idle, 0, 1)
		// Its slot now belongs to the caller.
		e.counted = false
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

// enter counts a process that is about to be started. It returns false after
// close. The caller must call processes.Done when the process has ended.
func (h *host) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.processes.Add(1)
	}
	return !h.closed
}

// add registers a newly started environment with the host, so that close ends
// it. The caller still holds the slot that it acquired.
func (h *host) add(e *environment) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.alive[e] = struct{}{}
	if h.closed {
		e.kill()
	}
}

// adopt passes the caller's slot on to an initialized environment.
func (h *host) adopt(e *environment) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, alive := h.alive[e]; !alive {
		h.free()
		return
	}
	e.counted = true
}

// forfeit returns an acquired slot that was not used.
func (h *host) forfeit() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.free()
}

// free passes a slot on to a waiter. h.mu is held.
func (h *host) free() {
	if len(h.waiters) > 0 {
		w := h.waiters[0]
		h.waiters = slices.Delete(h.waiters, 0, 1)
		w.granted <- nil
		return
	}
	h.slots--
}

// release returns an environment that is ready for another invocation.
func (h *host) release(e *environment, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	// It died in the meantime.
	if !e.counted {
		return
	}
	if h.closed || e.version.retired {
		e.kill()
		return
	}
	if len(h.waiters) > 0 {
		w := h.waiters[0]
		if w.version != e.version {
			// forget passes its slot on.
			e.kill()
			return
		}
		h.waiters = slices.Delete(h.waiters, 0, 1)
		w.granted <- e
		return
	}
	e.idleSince = now
	h.idle = append(h.idle, e)
}

// forget notes that the process of an environment has ended.
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

// retire ends the environments of versions that receive no more invocations,
// each after its present invocation.
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

// reap ends the environments that have been idle since the given time.
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

// reap ends idle environments periodically until the service is closed.
func (s *Service) reap() {
	for clock.Sleep(s.life, s.wall, idleLimit/10) == nil {
		s.host.reap(s.wall.Now().Add(-idleLimit))
	}
}
