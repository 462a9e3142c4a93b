package clock

import (
	"slices"
	"sync"
	"time"
)

// Manual is a clock for tests. Only Advance moves its time.
type Manual struct {
	mu     sync.Mutex
	cond   *sync.Cond
	now    time.Time
	timers []*manualTimer
	busy   int
}

// NewManual returns a manual clock that is stopped at now.
func NewManual(now time.Time) *Manual {
	m := &Manual{now: now}
	m.cond = sync.NewCond(&m.mu)
	return m
}

// Now implements [Clock].
func (m *Manual) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// Accelerate implements [Clock]; a manual clock has no speed.
func (m *Manual) Accelerate() func() { return func() {} }

// Busy implements [Clock]. A manual clock only counts who is busy.
func (m *Manual) Busy() func() {
	m.count(1)
	return func() { m.count(-1) }
}

func (m *Manual) count(busy int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.busy += busy
}

// IsBusy reports whether somebody who called Busy is not idle yet.
func (m *Manual) IsBusy() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.busy > 0
}

// NewTimer implements [Clock].
func (m *Manual) NewTimer(d time.Duration) Timer {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := &manualTimer{clock: m, due: m.now.Add(d), c: make(chan time.Time, 1)}
	if d <= 0 {
		t.c <- m.now
		return t
	}
	m.timers = append(m.timers, t)
	m.cond.Broadcast()
	return t
}

// Advance moves the clock by d and fires, in order, the timers that come due.
func (m *Manual) Advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = m.now.Add(d)
	slices.SortStableFunc(m.timers, func(a, b *manualTimer) int { return a.due.Compare(b.due) })
	for len(m.timers) > 0 && !m.timers[0].due.After(m.now) {
		m.timers[0].c <- m.timers[0].due
		m.timers = m.timers[1:]
	}
}

// BlockUntil waits until at least n timers are pending. A test uses it to know
// that the code under test has begun to wait.
func (m *Manual) BlockUntil(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.timers) < n {
		m.cond.Wait()
	}
}

type manualTimer struct {
	clock *Manual
	due   time.Time
	c     chan time.Time
}

func (t *manualTimer) C() <-chan time.Time { return t.c }

func (t *manualTimer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	i := slices.Index(t.clock.timers, t)
	if i < 0 {
		return false
	}
	t.clock.timers = slices.Delete(t.clock.timers, i, i+1)
	return true
}
