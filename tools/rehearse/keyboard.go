package rehearse

import (
	"bufio"
	"io"
	"strings"
	"sync"
)

// A keyboard hands each line that somebody types to the question that waits for an
// answer. If none waits, the line opens the console.
type keyboard struct {
	open func() // may be nil

	mu      sync.Mutex
	begun   bool
	waiting chan<- typed
	ended   error // why there are no more lines
}

// A typed line, or why there are no more.
type typed struct {
	line string
	err  error
}

// listen reads lines until there are no more. It reads from then on, whether or not
// somebody asks: what is typed before a question is no answer to it.
func (k *keyboard) listen(in io.Reader) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.begun {
		return
	}
	k.begun = true
	go func() {
		lines := bufio.NewReader(in)
		for {
			line, err := lines.ReadString('\n')
			k.hand(typed{strings.ToLower(strings.TrimSpace(line)), err})
			if err != nil {
				return
			}
		}
	}()
}

func (k *keyboard) hand(t typed) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ended = t.err
	switch {
	case k.waiting != nil:
		select {
		case k.waiting <- t:
		default: // nobody types so many lines before they are read
		}
	case t.err == nil && t.line == "" && k.open != nil:
		k.open()
	}
}

// asked is how many lines of an answer are kept until they are read.
const asked = 16

// ask begins a question: the lines from now on are its answers, until end is called.
func (k *keyboard) ask() (lines <-chan typed, end func()) {
	answers := make(chan typed, asked)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.waiting = answers
	if k.ended != nil {
		answers <- typed{err: k.ended}
	}
	return answers, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.waiting = nil
	}
}
