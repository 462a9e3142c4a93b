// Package clock is the only place that asks the operating system for the time.
// Everything that waits takes a Clock. Production code gets System. The
// rehearsal gets an Elastic clock, which runs faster while AWS would only be
// waiting. Tests get a Manual clock, which they step.
package clock

import (
	"context"
	"time"
)

// A Clock tells the time and waits by it.
type Clock interface {
	// Now returns the clock's current time.
	Now() time.Time
	// NewTimer returns a timer that fires once after d of this clock's time.
	NewTimer(d time.Duration) Timer
	// Accelerate says that until release is called, the caller only waits for
	// time to pass. A clock that can run faster may then do so. Calls nest;
	// release may be called more than once.
	Accelerate() (release func())
	// Busy says that until idle is called, something happens in real time, such
	// as a function's run. A clock that could run faster then does not.
	// Otherwise a second of work here would count as a minute. Calls nest; idle
	// must be called exactly once.
	Busy() (idle func())
}

// A Timer fires once on C unless it is stopped before.
type Timer interface {
	// C is the channel that receives the time of firing.
	C() <-chan time.Time
	// Stop prevents the timer from firing, and reports whether it did.
	Stop() bool
}

// Sleep waits for d of c's time. It returns ctx's error if ctx ends first.
func Sleep(ctx context.Context, c Clock, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t := c.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C():
		return nil
	}
}

// Since returns the time that has passed on c since t.
func Since(c Clock, t time.Time) time.Duration { return c.Now().Sub(t) }

// System returns the operating system's clock. Accelerate does nothing on it.
func System() Clock { return system{} }

type system struct{}

func (system) Now() time.Time { return time.Now() }

func (system) NewTimer(d time.Duration) Timer { return systemTimer{time.NewTimer(d)} }

func (system) Accelerate() func() { return func() {} }

func (system) Busy() func() { return func() {} }

type systemTimer struct{ t *time.Timer }

func (t systemTimer) C() <-chan time.Time { return t.t.C }
func (t systemTimer) Stop() bool          { return t.t.Stop() }
