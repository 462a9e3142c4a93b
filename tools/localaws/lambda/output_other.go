//go:build !unix

package lambda

import (
	"errors"
	"fmt"
	"os"
	"sync"
)

// An outputPipe carries a process's standard output and error. On this host,
// the amount of unread output is unknown.
type outputPipe struct {
	read, write *os.File

	mu    sync.Mutex
	lines lineSplitter
	once  sync.Once
}

func newOutputPipe(line func([]byte)) (*outputPipe, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("opening a function's output: %w", err)
	}
	return &outputPipe{read: r, write: w, lines: lineSplitter{line: line}}, nil
}

func (p *outputPipe) pump() {
	buffer := make([]byte, 32<<10)
	for {
		n, err := p.read.Read(buffer)
		p.mu.Lock()
		p.lines.add(buffer[:n])
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (p *outputPipe) drain() {}

func (p *outputPipe) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines.flush()
}

func (p *outputPipe) close() error {
	var err error
	p.once.Do(func() { err = errors.Join(p.write.Close(), p.read.Close()) })
	return err
}
