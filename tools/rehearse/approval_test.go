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
	"github.com/magewright/magewright/tools/project/manifest"
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
	if given, err := ask(withdrawn, project.Config{Stdout: io.Discard}, k, "Approval"); given != later || !errors.Is(err, context.Canceled) {
		t.Errorf("a question that was withdrawn: %v, %v", given, err)
	}
	for text, want := range map[string]answer{"Yes\n": yes, "n  \n": no} {
		prompted := prompt{func() { line("perhaps\n" + text) }, new(sync.Once)}
		if given, err := ask(t.Context(), project.Config{Stdout: prompted}, k, "Approval"); given != want || err != nil {
			t.Errorf("%q: %v, %v", text, given, err)
		}
	}
	_ = out.Close() // it never fails
	for range 2 {
		if given, err := ask(t.Context(), project.Config{Stdout: io.Discard}, k, "Approval"); given != later || !errors.Is(err, io.EOF) {
			t.Errorf("at the end: %v, %v", given, err)
		}
	}
}

// TestWhatIsAsked holds that an approval before a stage that is not the last does not ask
// about production.
func TestWhatIsAsked(t *testing.T) {
	t.Parallel()
	withdrawn, cancel := context.WithCancel(t.Context())
	cancel()
	for stage, want := range map[string]string{"Approval": "take it to production? y/n ", "PilotsApproval": "take it to pilots? y/n ", "Consent": "take it to production? y/n "} {
		var said strings.Builder
		_, _ = ask(withdrawn, project.Config{Stdout: &said}, &keyboard.Keyboard{}, stage)
		if said.String() != want {
			t.Errorf("at %s it asks %q, want %q", stage, &said, want)
		}
	}
}

// TestOnlyOneAccount holds that a stack for another account or region than those of the
// rehearsal is refused by name, before anything is deployed.
func TestOnlyOneAccount(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		place      manifest.Place
		says, next string
	}{
		"anywhere":       {place: manifest.Place{Stack: "s"}},
		"here":           {place: manifest.Place{Stack: "s", Account: accountID, Region: "us-east-1"}},
		"another":        {manifest.Place{Stack: "s", Account: "111122223333"}, "stack s belongs to account 111122223333 and region us-east-1, but a rehearsal only has account 000000000000 and region us-east-1", "from the variable CDK_DEFAULT_ACCOUNT"},
		"another region": {manifest.Place{Stack: "s", Account: accountID, Region: "eu-central-1"}, "stack s belongs to account 000000000000 and region eu-central-1", "next: AWS_REGION=eu-central-1 go tool mage rehearse"},
	} {
		of := manifest.Manifest{Stages: []manifest.Stage{{Name: "beta"}, {Name: "gamma", Place: tt.place}}}
		err := onlyHere(of, "us-east-1")
		if (err == nil) != (tt.says == "") || err != nil && (!strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), tt.next)) {
			t.Errorf("%s: error is %v, want %q and %q", name, err, tt.says, tt.next)
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
