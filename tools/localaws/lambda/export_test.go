package lambda

import (
	"runtime"
	"time"
)

// AwaitExecutions returns when n invocations are under way.
func AwaitExecutions(s *Service, n int) {
	for int(s.executions.Load()) < n {
		runtime.Gosched()
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
		runtime.Gosched()
	}
}

// ReapAll ends all idle environments, as if they had been idle for long.
func ReapAll(s *Service) { s.host.reap(s.wall.Now().Add(time.Hour)) }

// AwaitEvents returns when no asynchronous event is under way.
func AwaitEvents(s *Service) {
	for s.events.Load() > 0 {
		runtime.Gosched()
	}
}
