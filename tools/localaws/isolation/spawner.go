package isolation

import (
	"os/exec"
	"runtime"
	"sync"
)

// A Spawner starts all processes from one operating system thread. On Linux, a
// process can ask to be killed with its parent (Pdeathsig). Linux then kills it
// when the *thread* that started it ends, and Go makes no promise about the
// lifetime of any other thread. A process also inherits that thread's set of
// processors, and what the thread can reach.
type Spawner struct {
	isolation Isolation
	requests  chan func(entered error)
	once      sync.Once
	done      chan struct{}
}

// NewSpawner returns a spawner of processes that are isolated, unless the isolation is nil.
func NewSpawner(i Isolation) *Spawner {
	s := &Spawner{isolation: i, requests: make(chan func(error)), done: make(chan struct{})}
	go func() {
		// The thread is never unlocked, so that it ends here.
		runtime.LockOSThread()
		var entered error
		if i != nil {
			entered = i.Enter()
		}
		for {
			select {
			case request := <-s.requests:
				request(entered)
			case <-s.done:
				return
			}
		}
	}()
	return s
}

// Start starts cmd. It calls before on the thread first, unless that is nil. It must not be
// called after Close.
func (s *Spawner) Start(cmd *exec.Cmd, before func()) error {
	result := make(chan error, 1)
	s.requests <- func(entered error) {
		if entered != nil {
			result <- entered
			return
		}
		if s.isolation != nil {
			s.isolation.Prepare(cmd)
		}
		if before != nil {
			before()
		}
		result <- cmd.Start()
	}
	return <-result
}

// Close ends the thread, and on Linux with it the processes that have asked for that.
func (s *Spawner) Close() { s.once.Do(func() { close(s.done) }) }
