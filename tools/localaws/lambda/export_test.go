package lambda

import (
	"context"
	"time"

	"github.com/magewright/magewright/tools/internal/clock"
)

// pause leaves the processors to whoever is awaited: on a machine with few of
// them, a loop that asks without a pause takes their time.
func pause() { _ = clock.Sleep(context.Background(), clock.System(), time.Millisecond) }

// AwaitExecutions returns when n invocations are under way.
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

// ReapAll ends all idle environments, as if they had been idle for long.
func ReapAll(s *Service) { s.host.reap(s.wall.Now().Add(time.Hour)) }

// AwaitEvents returns when no asynchronous event is under way.
func AwaitEvents(s *Service) {
	for s.events.Load() > 0 {
		pause()
	}
}

// KillOne kills the process of one of the environments, chosen among n by pick,
// and returns its id, or 0 if there was none to kill.
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
		if e.process.Process.Kill() != nil { // it has just ended
			return 0
		}
		return e.process.Process.Pid
	}
	return 0
}

// SetInitLimit changes how long an initialization may take, and returns how
// long it could before.
func SetInitLimit(s *Service, limit time.Duration) time.Duration {
	before := s.initLimit
	s.initLimit = limit
	return before
}

// SetMemoryInterval changes how often the memory of a process is looked at
// during an invocation.
func SetMemoryInterval(s *Service, interval time.Duration) { s.memoryInterval = interval }

// InferredBody returns what a function URL answers with where a function
// returned no status.
func InferredBody(payload string) (string, bool) {
	out, ok := parseResponse([]byte(payload))
	return string(out.body), ok
}
