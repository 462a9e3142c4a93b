package lambda

import (
	"context"
	"time"

	"github.com/magewright/magewright/tools/internal/clock"
)

// pause yields the processors to the goroutine that a loop waits for. On a
// machine with few processors, a loop without a pause would take them from it.
func pause() { _ = clock.Sleep(context.Background(), clock.System(), time.Millisecond) }

// AwaitExecutions returns when n invocations are in progress.
func AwaitExecutions(s *Service, n int) {
	for int(s.executions.Load()) < n {
		pause()
	}
}

// AwaitIdle returns when n environments exist.
func AwaitIdle(s *Service, n int) {
	for {
		s.host.mu.Lock()
		left := len(s.host.alive)
		s.host.mu.Unlock()
		if left == n {
			return
		}
		pause()
	}
}

// ReapAll ends all idle environments, as if they had been idle for a long time.
func ReapAll(s *Service) { s.host.reap(s.wall.Now().Add(time.Hour)) }

// AwaitEvents returns when no asynchronous event is in progress.
func AwaitEvents(s *Service) {
	for s.events.Load() > 0 {
		pause()
	}
}

// KillOne kills the process of one environment, which pick chooses from n. It
// returns the process id, or 0 if there was none to kill.
func KillOne(s *Service, pick func(n int) int) int {
	s.host.mu.Lock()
	defer s.host.mu.Unlock()
	if len(s.host.alive) == 0 {
		return 0
	}
	left := pick(len(s.host.alive))
	for e := range s.host.alive {
		if left--; left >= 0 {
			continue
		}
		// An error means that it has just ended.
		if e.process.Process.Kill() != nil {
			return 0
		}
		return e.process.Process.Pid
	}
	return 0
}

// SetInitLimit changes the time limit of an initialization, and returns the
// previous limit.
func SetInitLimit(s *Service, limit time.Duration) time.Duration {
	before := s.initLimit
	s.initLimit = limit
	return before
}

// SetMemoryInterval changes how often the memory of a process is measured
// during an invocation.
func SetMemoryInterval(s *Service, interval time.Duration) { s.memoryInterval = interval }
