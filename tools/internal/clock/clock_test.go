package clock_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/internal/clock"
)

func TestManualFiresInOrder(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	m := clock.NewManual(start)
	late, early := m.NewTimer(2*time.Minute), m.NewTimer(time.Minute)
	stopped := m.NewTimer(time.Second)
	if !stopped.Stop() || stopped.Stop() {
		t.Error("Stop must report true once")
	}
	m.BlockUntil(2)
	m.Advance(time.Minute)
	if got := <-early.C(); !got.Equal(start.Add(time.Minute)) {
		t.Errorf("early fired at %v", got)
	}
	select {
	case <-late.C():
		t.Error("late fired early")
	case <-stopped.C():
		t.Error("a stopped timer fired")
	default:
	}
	m.Advance(time.Hour)
	if got := <-late.C(); !got.Equal(start.Add(2 * time.Minute)) {
		t.Errorf("late fired at %v, want its due time", got)
	}
}

func TestElasticRunsFastOnlyWhileAccelerated(t *testing.T) {
	e := clock.NewElastic(1e6)
	before := e.Now()
	// The wait is a tenth of a second once the clock is accelerated.
	timer := e.NewTimer(24 * time.Hour)
	release := e.Accelerate()
	nested := e.Accelerate()
	release()
	// A second release must not end the acceleration of nested.
	release()
	fired := <-timer.C()
	nested()
	if passed := fired.Sub(before); passed < 24*time.Hour {
		t.Errorf("timer fired after %v", passed)
	}
	after := e.Now()
	if after.Before(fired) {
		t.Errorf("the clock went back: %v after %v", after, fired)
	}
	slow := e.NewTimer(24 * time.Hour)
	if !slow.Stop() {
		t.Error("the released clock still ran fast")
	}
}

func TestElasticWaitsForWhatIsBusy(t *testing.T) {
	e := clock.NewElastic(1e6)
	defer e.Accelerate()()
	first, second := e.Busy(), e.Busy()
	timer := e.NewTimer(24 * time.Hour)
	before := e.Now()
	first()
	if passed := e.Now().Sub(before); passed > time.Minute {
		t.Errorf("%v passed while something was done", passed)
	}
	select {
	case <-timer.C():
		t.Error("a day passed while something was done")
	default:
	}
	second()
	<-timer.C()
}

// TestElasticIsPausedAndStepped holds that no time passes while the clock is paused, even
// if it is accelerated, and that each step fires what is due next.
func TestElasticIsPausedAndStepped(t *testing.T) {
	e := clock.NewElastic(1e6)
	if e.Step() {
		t.Error("it moved, and nobody waits")
	}
	e.Pause(true)
	defer e.Accelerate()()
	start := e.Now()
	hour, day := e.NewTimer(time.Hour), e.NewTimer(24*time.Hour)
	same := e.NewTimer(time.Hour)
	past := e.NewTimer(-time.Second)
	<-past.C()
	if s := e.State(); !e.Now().Equal(start) || s.Rate != 0 || !s.Paused || !s.Held || s.Factor != 1e6 || !s.Next.Equal(start.Add(time.Hour)) {
		t.Errorf("paused at %v: %+v", start, s)
	}
	if !e.Step() {
		t.Error("it did not move to the first timers")
	}
	<-hour.C()
	if got := <-same.C(); !got.Equal(start.Add(time.Hour)) {
		t.Errorf("it moved to %v", got)
	}
	select {
	case <-day.C():
		t.Error("a day passed while the clock was paused")
	default:
	}
	e.SetFactor(0)
	if e.Factor() != 1 {
		t.Errorf("the factor is %g", e.Factor())
	}
	e.SetFactor(1e6)
	e.Pause(false)
	<-day.C()
	stopped := e.NewTimer(time.Hour * 24 * 365)
	e.Pause(true)
	if !stopped.Stop() || e.NewTimer(time.Hour).Stop() != true {
		t.Error("a timer of a paused clock can't be stopped")
	}
}

func TestSleepEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	m := clock.NewManual(time.Unix(0, 0))
	done := make(chan error)
	go func() { done <- clock.Sleep(ctx, m, time.Minute) }()
	m.BlockUntil(1)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Sleep = %v", err)
	}
}
