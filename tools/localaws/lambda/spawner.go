package lambda

import (
	"os/exec"
	"runtime"
	"sync"
)

// A spawner starts all processes from one operating system thread. Linux ends
// a process that asked for it (Pdeathsig) when the *thread* that started it
// ends, and Go doesn't promise how long any other thread lives; and a process
// may run on the processors of that thread.
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

// start starts cmd on a number of processors. It is not called after close.
func (s *spawner) start(cmd *exec.Cmd, cpus int) error {
	result := make(chan error, 1)
	s.requests <- func(all *processors) {
		all.limit(cpus)
		result <- cmd.Start()
	}
	return <-result
}

func (s *spawner) close() { s.once.Do(func() { close(s.done) }) }
