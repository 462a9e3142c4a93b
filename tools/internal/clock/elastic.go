package clock

import (
	"sync"
	"time"
)

// Elastic is a clock that runs at the speed of the operating system's clock,
// and Factor times as fast while it is accelerated and not busy. It can be paused and
// moved on. Its time never goes back.
//
// A single timeline for the whole embedded AWS keeps deployments, alarms and
// metrics consistent with each other, as if AWS had been running all the time.
type Elastic struct {
	mu      sync.Mutex
	factor  float64
	paused  bool
	rate    float64   // 0 while paused, else 1 or factor
	holds   int       // calls of Accelerate that are not released
	busy    int       // calls of Busy that are not idle yet
	wall    time.Time // system time at which rate was last set
	virtual time.Time // this clock's time at the same moment
	timers  map[*elasticTimer]struct{}
}

// NewElastic returns a clock that starts at the present time and runs factor
// times as fast while accelerated. A factor below 1 counts as 1.
func NewElastic(factor float64) *Elastic {
	now := time.Now()
	return &Elastic{
		factor:  max(factor, 1),
		rate:    1,
		wall:    now,
		virtual: now.Round(0),
		timers:  map[*elasticTimer]struct{}{},
	}
}

// Factor returns how many times as fast the clock runs while accelerated.
func (e *Elastic) Factor() float64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.factor
}

// SetFactor changes how many times as fast the clock runs while accelerated. A factor
// below 1 counts as 1.
func (e *Elastic) SetFactor(factor float64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.factor = max(factor, 1)
	e.pace()
}

// Pause stops the clock until it is called with false. Whoever waits by it goes on
// waiting.
func (e *Elastic) Pause(paused bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.paused = paused
	e.pace()
}

// Step moves the clock to the time at which the next timer is due, whether or not it is
// paused. It reports false if nobody waits.
func (e *Elastic) Step() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	next, waiting := e.next()
	if !waiting {
		return false
	}
	if now := e.now(); next.After(now) {
		e.virtual, e.wall = next, time.Now()
		for t := range e.timers {
			t.arm()
		}
	}
	return true
}

// next returns when the first timer is due. The caller holds the lock.
func (e *Elastic) next() (due time.Time, waiting bool) {
	for t := range e.timers {
		if !waiting || t.due.Before(due) {
			due, waiting = t.due, true
		}
	}
	return due, waiting
}

// An ElasticState is how an elastic clock stands.
type ElasticState struct {
	Now    time.Time
	Rate   float64   // how many times as fast as the system's clock it runs now
	Factor float64   // see [Elastic.Factor]
	Paused bool      // see [Elastic.Pause]
	Held   bool      // somebody only waits, so that it may run faster
	Busy   int       // how many things happen in real time, so that it may not
	Next   time.Time // when the first timer is due; zero if nobody waits
}

// State returns how the clock stands.
func (e *Elastic) State() ElasticState {
	e.mu.Lock()
	defer e.mu.Unlock()
	next, _ := e.next()
	return ElasticState{Now: e.now(), Rate: e.rate, Factor: e.factor, Paused: e.paused, Held: e.holds > 0, Busy: e.busy, Next: next}
}

// Now implements [Clock].
func (e *Elastic) Now() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.now()
}

func (e *Elastic) now() time.Time {
	return e.virtual.Add(time.Duration(float64(time.Since(e.wall)) * e.rate))
}

// Accelerate implements [Clock].
func (e *Elastic) Accelerate() func() {
	e.change(1, 0)
	return sync.OnceFunc(func() { e.change(-1, 0) })
}

// Busy implements [Clock].
func (e *Elastic) Busy() func() {
	e.change(0, 1)
	return e.idle
}

func (e *Elastic) idle() { e.change(0, -1) }

func (e *Elastic) change(holds, busy int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.holds += holds
	e.busy += busy
	e.pace()
}

// pace sets the rate that follows from the rest. The caller holds the lock.
func (e *Elastic) pace() {
	rate := 1.0
	switch {
	case e.paused:
		rate = 0
	case e.holds > 0 && e.busy == 0:
		rate = e.factor
	}
	if rate == e.rate {
		return
	}
	e.virtual, e.wall = e.now(), time.Now()
	e.rate = rate
	for t := range e.timers {
		t.arm()
	}
}

// NewTimer implements [Clock].
func (e *Elastic) NewTimer(d time.Duration) Timer {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := &elasticTimer{clock: e, due: e.now().Add(d), c: make(chan time.Time, 1)}
	e.timers[t] = struct{}{}
	t.arm()
	return t
}

type elasticTimer struct {
	clock *Elastic
	due   time.Time
	c     chan time.Time
	real  *time.Timer
}

// arm sets the system timer to the moment at which due will be reached at the
// present rate. The caller holds the clock's lock.
func (t *elasticTimer) arm() {
	if t.real != nil {
		t.real.Stop()
	}
	left := t.due.Sub(t.clock.now())
	if t.clock.rate == 0 && left > 0 {
		return // until the clock goes on
	}
	wait := time.Duration(float64(left) / max(t.clock.rate, 1))
	t.real = time.AfterFunc(wait, t.fire)
}

func (t *elasticTimer) fire() {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	if _, pending := t.clock.timers[t]; !pending {
		return
	}
	now := t.clock.now()
	// The rate changed while this call was on its way.
	if now.Before(t.due) {
		t.arm()
		return
	}
	delete(t.clock.timers, t)
	t.c <- now
}

func (t *elasticTimer) C() <-chan time.Time { return t.c }

func (t *elasticTimer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	_, pending := t.clock.timers[t]
	delete(t.clock.timers, t)
	if t.real != nil {
		t.real.Stop()
	}
	return pending
}
