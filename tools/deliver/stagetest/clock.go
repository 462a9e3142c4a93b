package stagetest

import (
	"context"
	"sync"
	"time"

	"github.com/magewright/magewright/tools/deliver/probe"
	"github.com/magewright/magewright/tools/internal/clock"
)

// step is the least of AWS's time that passes while somebody waits.
const step = 10 * time.Second

// A Clock is for tests that wait for a stage. AWS's time passes while they wait, and only
// then, so no machine is too slow.
type Clock struct {
	*clock.Manual // of the stage's AWS
	stage         *Stage

	mu      sync.Mutex
	traffic []*probe.Traffic
}

// Clock returns a clock with which to wait for the stage.
func (s *Stage) Clock() *Clock { return &Clock{Manual: s.clock, stage: s} }

// Heed lets no time pass while a traffic has requests to send. They are sent with the
// system's clock.
func (c *Clock) Heed(t *probe.Traffic) *probe.Traffic {
	c.mu.Lock()
	defer c.mu.Unlock()
	t.Clock = clock.System()
	c.traffic = append(c.traffic, t)
	return t
}

// NewTimer implements [clock.Clock]. The timer has already fired when it is returned, because
// its caller has nothing else to do.
func (c *Clock) NewTimer(d time.Duration) clock.Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.traffic {
		for !t.Satisfied() {
			_ = clock.Sleep(context.Background(), clock.System(), time.Millisecond) // nothing ends it
		}
	}
	c.stage.server.Flush(context.Background())
	c.Advance(max(d, step))
	return c.Manual.NewTimer(0)
}
