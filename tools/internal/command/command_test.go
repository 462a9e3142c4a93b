//go:build unix

package command_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/internal/command"
)

func TestOutputAndExitCode(t *testing.T) {
	t.Parallel()
	out, err := command.Cmd{Env: []string{"GREETING=hello"}}.Output(t.Context(), "/bin/sh", "-c", "echo $GREETING")
	if err != nil || out != "hello" {
		t.Errorf("Output = %q, %v", out, err)
	}
	_, err = command.Cmd{}.Output(t.Context(), "/bin/sh", "-c", "echo broken >&2; exit 7")
	if command.ExitCode(err) != 7 || !strings.Contains(err.Error(), "broken") || !strings.Contains(err.Error(), "/bin/sh -c") {
		t.Errorf("error is %v: want the command, what it said, and exit code 7", err)
	}
	if _, err := (command.Cmd{}).Output(t.Context(), "no-such-program"); err == nil || command.ExitCode(err) != -1 {
		t.Errorf("a program that is not there gives %v", err)
	}
}

// TestTheWholeGroupEnds checks that nothing that a program starts survives the context.
func TestTheWholeGroupEnds(t *testing.T) {
	t.Parallel()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		// The grandchild prints its process id and then waits for ever.
		done <- command.Cmd{Stdout: writer}.Run(ctx, "/bin/sh", "-c", "sh -c 'echo $$; exec sleep 1000' & wait")
		_ = writer.Close()
	}()
	line, err := bufio.NewReader(reader).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v, want that the context was cancelled", err)
	}
	// The pipe ends when all processes that could write to it have ended.
	if _, err := bufio.NewReader(reader).ReadString('\n'); err == nil {
		t.Error("the grandchild still writes")
	}
	// A killed process closes its files a moment before it is gone.
	ctx, cancel = context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for syscall.Kill(pid, 0) == nil && !isZombie(pid) {
		if ctx.Err() != nil {
			t.Fatalf("process %d is still there", pid)
		}
		runtime.Gosched()
	}
}

func isZombie(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat") // #nosec G304 -- a process of this test
	return err != nil || strings.Contains(string(stat), ") Z ")
}

// TestPatience checks that a program may take its time to stop, and that its exit code
// is known then.
func TestPatience(t *testing.T) {
	t.Parallel()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- command.Cmd{Stdout: writer, Interactive: true, Patient: true}.Run(ctx, "/bin/sh", "-c", "trap 'echo restored; exit 9' TERM; echo started; while :; do read x </dev/null || :; done")
		_ = writer.Close()
	}()
	lines := bufio.NewScanner(reader)
	lines.Scan()
	cancel()
	lines.Scan()
	if err := <-done; lines.Text() != "restored" || command.ExitCode(err) != 9 || !errors.Is(err, context.Canceled) {
		t.Errorf("it says %q and ends with %v", lines.Text(), err)
	}
}

func TestALongCommandLineIsCut(t *testing.T) {
	t.Parallel()
	err := command.Cmd{}.Run(t.Context(), "false", strings.Repeat("file.go ", 2000))
	if command.ExitCode(err) != 1 || len(err.Error()) > 500 || !strings.Contains(err.Error(), "running false file.go ") || !strings.Contains(err.Error(), " ...: exit status 1") {
		t.Errorf("the error is %v", err)
	}
}
