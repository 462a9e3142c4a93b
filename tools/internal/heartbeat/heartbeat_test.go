package heartbeat_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/heartbeat"
)

// A page is a writer that reports each write.
type page struct {
	mu      sync.Mutex
	text    bytes.Buffer
	written chan string
}

func newPage() *page { return &page{written: make(chan string, 10)} }

func (p *page) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.written <- string(data)
	return p.text.Write(data)
}

func TestSilentWorkIsNamed(t *testing.T) {
	t.Parallel()
	now := clock.NewManual(time.Unix(0, 0))
	stdout, stderr := newPage(), newPage()
	failure := errors.New("failed")
	err := heartbeat.During(now, stdout, stderr, "compiling", func(_, _ io.Writer) error {
		for _, step := range []struct {
			silence time.Duration
			want    string
		}{{heartbeat.Silence, "compiling: 5 s\n"}, {heartbeat.Longer, "compiling: 35 s\n"}, {heartbeat.Longer, "compiling: 65 s\n"}} {
			now.BlockUntil(1)
			now.Advance(step.silence)
			if got := <-stderr.written; got != step.want {
				t.Errorf("it says %q, want %q", got, step.want)
			}
		}
		return failure
	})
	if !errors.Is(err, failure) || stdout.text.Len() > 0 {
		t.Errorf("During = %v, and printed %q", err, &stdout.text)
	}
}

// TestWorkThatPrintsIsNotNamed checks that a line is printed only after both
// writers were silent.
func TestWorkThatPrintsIsNotNamed(t *testing.T) {
	t.Parallel()
	now := clock.NewManual(time.Unix(0, 0))
	stdout, stderr := newPage(), newPage()
	err := heartbeat.During(now, stdout, stderr, "compiling", func(out, errs io.Writer) error {
		for i := range 4 {
			now.BlockUntil(1)
			now.Advance(2 * time.Second)
			to, page := out, stdout
			if i%2 == 1 {
				to, page = errs, stderr
			}
			fmt.Fprintf(to, "line %d\n", i)
			if got := <-page.written; got != fmt.Sprintf("line %d\n", i) {
				t.Errorf("it passes on %q", got)
			}
		}
		now.BlockUntil(1)
		now.Advance(heartbeat.Silence)
		if got := <-stderr.written; got != "compiling: 13 s\n" {
			t.Errorf("it says %q", got)
		}
		return nil
	})
	if err != nil || stdout.text.String() != "line 0\nline 2\n" || stderr.text.String() != "line 1\nline 3\ncompiling: 13 s\n" {
		t.Errorf("%v; it printed %q and %q", err, &stdout.text, &stderr.text)
	}
}

// TestNothingIsSaidAfterTheEnd checks that During leaves no goroutine behind
// that writes.
func TestNothingIsSaidAfterTheEnd(t *testing.T) {
	t.Parallel()
	now := clock.NewManual(time.Unix(0, 0))
	stderr := newPage()
	if err := heartbeat.During(now, io.Discard, stderr, "compiling", func(_, _ io.Writer) error { return nil }); err != nil {
		t.Fatal(err)
	}
	now.Advance(time.Hour)
	if stderr.text.Len() > 0 {
		t.Errorf("it says %q", &stderr.text)
	}
}
