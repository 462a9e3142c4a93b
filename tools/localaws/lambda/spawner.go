package lambda

import (
	"os/exec"
	"runtime"
	"sync"
)

// A spawner starts all processes from one operating system thread. On Linux, a
// process can ask to be killed with its parent (Pdeathsig). Linux then kills it
// when the *thread* that started it ends, and Go makes no promise about the
// lifetime of any other thread. A process also inherits that thread's set of
// processors.
type spawner struct {
	requests chan func(*processors)
	once     sync.Once
	done     chan struct{}
}

func newSpawner() *spawner {
	s := &spawner{requests: make(chan func(*processors)), done: make(chan struct{})}
	go func() {
		runtime.LockOSThread()
		all := allowedProcessors()
		for {
			select {
			case request := <-s.requests:
				request(all)
			case <-s.done:
				return
			}
		}
	}()
	return s
}

// start starts cmd on the given number of processors. It must not be called
// after close.
func (s *spawner) start(cmd *exec.Cmd, cpus int) error {
	result := make(chan error, 1)
	s.requests <- func(all *processors) {
		all.limit(cpus)
		result <- cmd.Start()
	}
	return <-result
}

func (s *spawner) close() { s.once.Do(func() { close(s.done) }) }
