package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/starting"
	"github.com/magewright/magewright/tools/project/exit"
)

// A buffer may be read while it is written to.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(data)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// started lets time pass until the targets have started.
func started(t *testing.T, s starter, after time.Duration) {
	t.Helper()
	manual := s.clock.(*clock.Manual)
	for range after / pause {
		manual.BlockUntil(1)
		manual.Advance(pause)
	}
	manual.BlockUntil(1)
	if err := os.Remove(s.file(starting.Marker)); err != nil {
		t.Fatal(err)
	}
	manual.Advance(pause)
}

func TestOnlyALongCompilationIsAnnounced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, tt := range []struct {
		compiling time.Duration
		want      string
	}{
		{500 * time.Millisecond, ""},
		{patience - pause, ""},
		{19 * time.Second, "mage: compiling the targets (half a minute on a fresh machine)\nmage: compiling the targets: 5 s\n"},
		{200 * time.Millisecond, ""},
		{2 * time.Second, "mage: compiling the targets (19s the last time)\n"},
		{66 * time.Second, "mage: compiling the targets (2s the last time)\nmage: compiling the targets: 5 s\nmage: compiling the targets: 35 s\nmage: compiling the targets: 65 s\n"},
		{2 * time.Second, "mage: compiling the targets (1m6s the last time)\n"},
	} {
		var said buffer
		s := starter{clock: clock.NewManual(time.Unix(0, 0)), stderr: &said, dir: dir}
		code := s.run(t.Context(), func() error {
			started(t, s, tt.compiling)
			return nil
		})
		if code != 0 || said.String() != tt.want {
			t.Errorf("after %v, the exit code is %d and %q is said, want %q", tt.compiling, code, &said, tt.want)
		}
	}
}

// TestNoTarget holds that a marker does not outlive a mage that starts no target.
func TestNoTarget(t *testing.T) {
	t.Parallel()
	s := starter{clock: clock.NewManual(time.Unix(0, 0)), stderr: &buffer{}, dir: t.TempDir()}
	if code := s.run(t.Context(), func() error { return nil }); code != 0 {
		t.Errorf("the exit code is %d", code)
	}
	if _, err := os.Stat(s.file(starting.Marker)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the marker is left: %v", err)
	}
}

func TestExitCode(t *testing.T) {
	t.Parallel()
	ended, end := context.WithCancel(t.Context())
	end()
	for _, tt := range []struct {
		name string
		ctx  context.Context
		err  error
		want int
		said string
	}{
		{"mage's own", t.Context(), exec.Command("sh", "-c", "exit 7").Run(), 7, ""},
		{"mage can't be run", t.Context(), exec.ErrNotFound, exit.Environment, "mage: " + exec.ErrNotFound.Error() + "\n"},
		{"a signal", ended, context.Canceled, exit.Interrupted, "mage: context canceled\n"},
	} {
		var said buffer
		s := starter{clock: clock.NewManual(time.Unix(0, 0)), stderr: &said, dir: t.TempDir()}
		if code := s.run(tt.ctx, func() error { return tt.err }); code != tt.want || said.String() != tt.said {
			t.Errorf("%s: the exit code is %d and %q is said, want %d and %q", tt.name, code, &said, tt.want, tt.said)
		}
	}
}

func TestRoot(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	below := filepath.Join(dir, "a", "b")
	if err := os.MkdirAll(below, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(below)
	if got, err := root(); err == nil {
		t.Errorf("the targets are in %s", got)
	}
	if err := os.WriteFile(filepath.Join(dir, "magefile.go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := root(); err != nil || got != dir {
		t.Errorf("the targets are in %s, want %s: %v", got, dir, err)
	}
}

func TestUnderstand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// Without a magefile that can be read, it is Mage that explains.
	for _, text := range []string{"", "package", "package main\n\nfunc Clean() {}\n\nfunc Test() {}\n"} {
		if text != "" {
			if err := os.WriteFile(filepath.Join(dir, "magefile.go"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		args, err := understand(dir, []string{"clean", "tset"})
		if refused := err != nil; refused != (len(text) > 10) || len(args) != 2 {
			t.Errorf("with %q: %q, %v", text, args, err)
		}
	}
	if args, err := understand(dir, []string{"test", "-h"}); err != nil || args[0] != "-h" || args[1] != "test" {
		t.Errorf("test -h is %q: %v", args, err)
	}
}

// TestCtrlCWhileCompiling holds that an interrupt before the targets have started is
// said in one line, and that the exit code is not that of a failed compilation.
func TestCtrlCWhileCompiling(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		started bool
		want    int
		said    string
	}{
		{"while they are compiled", false, exit.Interrupted, "mage: stopped before the targets were compiled\n"},
		{"after they have started", true, 1, ""},
	} {
		var said buffer
		s := starter{clock: clock.NewManual(time.Unix(0, 0)), stderr: &said, dir: t.TempDir(), interrupts: make(chan os.Signal, 1)}
		code := s.run(t.Context(), func() error {
			if tt.started {
				started(t, s, 0)
			}
			s.interrupts <- os.Interrupt
			return exec.Command("sh", "-c", "exit 1").Run()
		})
		if code != tt.want || said.String() != tt.said {
			t.Errorf("%s: exit code %d, %q", tt.name, code, &said)
		}
	}
}

// TestOneCompilesAtATime holds that of two commands in one directory the second waits
// until the targets of the first have started, and no longer.
func TestOneCompilesAtATime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	order := make(chan string, 3)
	release, ended := make(chan struct{}), make(chan struct{})
	first := starter{clock: clock.NewManual(time.Unix(0, 0)), stderr: &buffer{}, dir: dir}
	entered := make(chan struct{})
	go func() {
		defer close(ended)
		first.run(t.Context(), func() error {
			close(entered)
			<-release
			order <- "the first compiles"
			started(t, first, 0)
			// The second can only begin now, and the first goes on.
			if got := <-order; got != "the first compiles" {
				t.Errorf("%s before the first was done", got)
			}
			if got := <-order; got != "the second compiles" {
				t.Errorf("got %s", got)
			}
			return nil
		})
	}()
	<-entered
	second := starter{clock: clock.System(), stderr: &buffer{}, dir: dir}
	go func() {
		second.run(t.Context(), func() error {
			order <- "the second compiles"
			return nil
		})
	}()
	close(release)
	<-ended
}

// TestWaitsForAnother holds that a command which waits for another one says so, and that
// Ctrl-C ends it.
func TestWaitsForAnother(t *testing.T) {
	t.Parallel()
	manual := clock.NewManual(time.Unix(0, 0))
	var said buffer
	s := starter{clock: manual, stderr: &said, dir: t.TempDir(), interrupts: make(chan os.Signal, 1)}
	unlock, locked := s.lock(t.Context())
	if !locked {
		t.Fatal("nobody else has the lock")
	}
	defer unlock()
	code := make(chan int)
	go func() {
		code <- s.run(t.Context(), func() error {
			t.Error("it compiles beside the other command")
			return nil
		})
	}()
	for range patience / pause {
		manual.BlockUntil(1)
		manual.Advance(pause)
	}
	manual.BlockUntil(1)
	s.interrupts <- os.Interrupt
	manual.Advance(pause)
	if got := <-code; got != exit.Interrupted {
		t.Errorf("the exit code is %d", got)
	}
	if want := "mage: waiting for another command that is compiling the targets here\nmage: stopped before the targets were compiled\n"; said.String() != want {
		t.Errorf("it says %q, want %q", &said, want)
	}
}
