//go:build unix

package lambda_test

import (
	"encoding/base64"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/lambda"
)

func TestTimeoutKillsTheWholeProcessGroup(t *testing.T) {
	t.Parallel()
	wall := clock.NewManual(clock.System().Now())
	f := newFixture(t, func(d *lambda.Deps) { d.Wall = wall })
	f.create(t, timeout(3))
	// The function and its child keep this pipe open as long as they live.
	// Reading reaches its end once both are dead, no matter who reaps them, or when.
	pipe := filepath.Join(t.TempDir(), "alive")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	alive, err := os.OpenFile(pipe, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = alive.Close() }()
	// If a child survives, the deadline makes only this test fail.
	if err := alive.SetReadDeadline(clock.System().Now().Add(5 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	said := make(chan string, 1)
	go func() {
		// The clock advances only after the child has started.
		text := ""
		for buffer := make([]byte, 64); text != "child"; {
			// This reads nothing until somebody has opened the pipe.
			n, err := alive.Read(buffer)
			text += string(buffer[:n])
			if err != nil && !errors.Is(err, io.EOF) || n == 0 && clock.Sleep(t.Context(), clock.System(), time.Millisecond) != nil {
				break
			}
		}
		said <- text
		wall.Advance(3 * time.Second)
	}()

	out := f.invoke(t, `{"do":"child","text":`+strconv.Quote(pipe)+`}`)
	if !regexp.MustCompile(`^\{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: \S+ Error: Task timed out after 3.00 seconds"\}$`).Match(out.Payload) {
		t.Errorf("payload %s", out.Payload)
	}
	tail, _ := base64.StdEncoding.DecodeString(*out.LogResult)
	if !regexp.MustCompile(`2026-03-01T12:00:30.000Z \S+ Task timed out after 3.00 seconds\n\nEND(.*\n)+.*Status: timeout\n$`).Match(tail) {
		t.Errorf("log %q", tail)
	}
	if text := <-said; text != "child" {
		t.Errorf("the function's child said %q", text)
	}
	if more, err := io.ReadAll(alive); err != nil || len(more) > 0 {
		t.Errorf("the function's child said %q more and lives: %v", more, err)
	}
	if out := f.invoke(t, `{"a":1}`); out.FunctionError != nil {
		t.Errorf("after the timeout: %s", out.Payload)
	}
}
