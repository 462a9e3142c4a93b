package rehearse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/magewright/magewright/tools/deliver/pipeline"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/rehearse/keyboard"
)

// TestKeyboard holds that a line answers the question that waits, that an empty one
// opens the console if none does, and that a question can be withdrawn.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	in, out := io.Pipe()
	opened := make(chan struct{})
	k := &keyboard.Keyboard{Open: func() { opened <- struct{}{} }}
	k.Listen(in)
	k.Listen(strings.NewReader("another\n")) // it listens already
	line := func(text string) {
		if _, err := io.WriteString(out, text); err != nil {
			t.Error(err)
		}
	}
	go line("\n")
	<-opened
	withdrawn, cancel := context.WithCancel(t.Context())
	cancel()
	if given, err := ask(withdrawn, project.Config{Stdout: io.Discard}, k); given != later || !errors.Is(err, context.Canceled) {
		t.Errorf("a question that was withdrawn: %v, %v", given, err)
	}
	for text, want := range map[string]answer{"Yes\n": yes, "n  \n": no} {
		prompted := prompt{func() { line("perhaps\n" + text) }, new(sync.Once)}
		if given, err := ask(t.Context(), project.Config{Stdout: prompted}, k); given != want || err != nil {
			t.Errorf("%q: %v, %v", text, given, err)
		}
	}
	_ = out.Close() // it never fails
	for range 2 {
		if given, err := ask(t.Context(), project.Config{Stdout: io.Discard}, k); given != later || !errors.Is(err, io.EOF) {
			t.Errorf("at the end: %v, %v", given, err)
		}
	}
}

// A prompt does something when it is first written.
type prompt struct {
	do func()
	*sync.Once
}

func (p prompt) Write(text []byte) (int, error) {
	go p.Do(p.do)
	return len(text), nil
}

// TestAnsweredElsewhere holds that a rehearsal goes on if an approval was answered in the
// console just before it was answered here, and that anything else ends it.
func TestAnsweredElsewhere(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		answered error
		fails    bool
	}{
		{nil, false},
		{fmt.Errorf("answering: %w", &types.ApprovalAlreadyCompletedException{}), false},
		{fmt.Errorf("reading: %w", pipeline.ErrNoToken), false},
		{io.EOF, true},
	} {
		for name, read := range map[string]func(*question) error{"so far": (*question).failed, "at the end": (*question).end} {
			q := &question{withdraw: func() {}, answered: make(chan error, 1)}
			q.answered <- tt.answered
			if err := read(q); (err != nil) != tt.fails {
				t.Errorf("%v gives %v %s", tt.answered, err, name)
			}
		}
	}
}
