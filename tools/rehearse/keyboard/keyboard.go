// Package keyboard passes what somebody types at the terminal to the question that waits for
// it.
package keyboard

import (
	"bufio"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"
)

// A Keyboard passes each typed line to the question that waits for an answer. If no question
// waits, the line opens the console.
type Keyboard struct {
	Open func() // may be nil; must be set before Listen

	mu      sync.Mutex
	begun   bool
	waiting chan<- Typed
	ended   error // why there are no more lines
}

// Typed is a line, or why there are no more.
type Typed struct {
	Line string // in lower case, without white space around it
	Err  error
}

// Listen reads lines until there are no more. It reads all the time, whether or not somebody
// asks: a line that is typed before a question is not an answer to it.
func (k *Keyboard) Listen(in io.Reader) {
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
			k.hand(Typed{strings.ToLower(strings.TrimSpace(line)), err})
			if err != nil {
				return
			}
		}
	}()
}

func (k *Keyboard) hand(t Typed) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ended = t.Err
	switch {
	case k.waiting != nil:
		select {
		case k.waiting <- t:
		default: // nobody types so many lines before they are read
		}
	case t.Err == nil && t.Line == "" && k.Open != nil:
		k.Open()
	}
}

// asked is how many lines of an answer are kept until they are read.
const asked = 16

// Ask begins a question. The following lines are its answers, until end is called.
func (k *Keyboard) Ask() (lines <-chan Typed, end func()) {
	answers := make(chan Typed, asked)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.waiting = answers
	if k.ended != nil {
		answers <- Typed{Err: k.ended}
	}
	return answers, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.waiting = nil
	}
}

// Attended reports whether the standard input is a terminal, at which somebody can
// type.
func Attended() bool {
	return term.IsTerminal(int(os.Stdin.Fd())) // #nosec G115 -- a file descriptor is small
}
