//go:build unix

package lambda

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
)

// An outputPipe carries a process's standard output and error in one pipe,
// which preserves their order. A caller that waits for the end of an invocation
// can drain the pipe, and has then seen everything that the process wrote before.
type outputPipe struct {
	read, write *os.File

	mu     sync.Mutex // held while lines are taken from the pipe
	buffer [32 << 10]byte
	lines  lineSplitter
	once   sync.Once
}

func newOutputPipe(line func([]byte)) (*outputPipe, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("opening a function's output: %w", err)
	}
	return &outputPipe{read: r, write: w, lines: lineSplitter{line: line}}, nil
}

// take reads the available output once. It reports whether there may be more,
// and whether the pipe has ended.
func (p *outputPipe) take(fd uintptr) (more, end bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, err := syscall.Read(int(fd), p.buffer[:])
	switch {
	case errors.Is(err, syscall.EINTR):
		return true, false
	case errors.Is(err, syscall.EAGAIN):
		return false, false
	case err != nil || n <= 0:
		return false, true
	}
	p.lines.add(p.buffer[:n])
	return true, false
}

// pump reads until the pipe ends or is closed.
func (p *outputPipe) pump() {
	raw, err := p.read.SyscallConn()
	if err != nil {
		return
	}
	// This fails once the pipe is closed, after finish has read the rest.
	_ = raw.Read(func(fd uintptr) bool {
		for {
			more, end := p.take(fd)
			if end || !more {
				return end
			}
		}
	})
}

// drain reads what has been written so far, but no more than a pipe can hold,
// since the process may continue to write.
func (p *outputPipe) drain() {
	raw, err := p.read.SyscallConn()
	if err != nil {
		return
	}
	// This fails once the pipe is closed, after finish has read the rest.
	_ = raw.Control(func(fd uintptr) {
		for range 64 {
			if more, _ := p.take(fd); !more {
				return
			}
		}
	})
}

// finish reads the rest after the process has ended.
func (p *outputPipe) finish() {
	p.drain()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines.flush()
}

func (p *outputPipe) close() error {
	var err error
	p.once.Do(func() { err = errors.Join(p.write.Close(), p.read.Close()) })
	return err
}
