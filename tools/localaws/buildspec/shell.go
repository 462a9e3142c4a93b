package buildspec

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/magewright/magewright/tools/internal/clock"
)

// Grace is how long a build's processes may take to stop after the request to
// stop. It is longer than command.Grace, so that a target can stop its children.
const Grace = 10 * time.Second

// driver is the program of a shell. It runs script after script in the same
// shell, so that directories, variables and options persist. It is POSIX, so
// that dash can run it, too. The braces keep "set -x" from tracing the driver.
//
// A shell that ends (exit, set -e) leaves its exported variables and its
// directory to the next one. The watcher ends the process group if the keeper
// is killed. It is not a child of the shell, so that "wait" does not wait for it.
//
// The driver uses these file descriptors: on 3 it receives a newline for each
// script. 4 is the build's output, even if a command has redirected its own. 5
// ends without a newline if the keeper has died. Commands have none of them.
const driver = `__mw_save() { command export -p >@DIR@/state && command pwd >@DIR@/directory; }
trap '{ __mw_save; } 2>/dev/null' EXIT
( ( trap '' TERM HUP INT; exec 3<&- 4>&-
    if IFS= read -r __mw_line <&5; then exit 0; fi
    kill -TERM 0; sleep @GRACE@; kill -KILL 0 ) </dev/null >/dev/null 2>&1 & )
while { IFS= read -r __mw_line <&3; } 2>/dev/null; do
  . @DIR@/script.sh 3<&- 4>&- 5<&-
  { __mw_code=$?; __mw_save; command printf '\036@TOKEN@ %s\036\n' "$__mw_code" >&4; } 2>/dev/null
done
`

// A shell is the single instance of the default shell that runs all commands of
// a build. An isolated shell is a new process for each command.
type shell struct {
	isolated bool

	program string // bash or /bin/sh
	args    []string
	begin   func(*exec.Cmd) error // starts it
	dir     string                // the source directory, where it starts
	state   string                // a private directory for its files
	env     []string              // the complete environment it starts with
	token   string                // unguessable, so that no command's output can pass for a mark
	log     *logger

	output *os.File // write end of the build's output, shared by all processes
	marks  chan string
	read   chan struct{} // closed when all output has been read
	reader *os.File
	tail   tail // output of the running command

	process *exec.Cmd // nil while none runs
	groups  []int     // every process group that it has led
	control *os.File
	alive   []*os.File
}

// newShell returns a shell. Its first process starts with the first command.
func newShell(program, dir, state string, env []string, log *logger) (*shell, error) {
	s := &shell{program: program, dir: dir, state: state, env: env, log: log, token: rand.Text()}
	if filepath.Base(program) == "bash" {
		s.args = []string{"--noprofile", "--norc"}
	}
	if err := os.MkdirAll(state, 0o700); err != nil {
		return nil, fmt.Errorf("making a directory for the shell's state: %w", err)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("making a pipe for the build's output: %w", err)
	}
	s.reader, s.output = reader, writer
	s.marks, s.read = make(chan string, 4), make(chan struct{})
	go s.readOutput()
	return s, nil
}

func (s *shell) readOutput() {
	defer close(s.read)
	split := splitter{
		token:  s.token,
		line:   func(line string) { s.tail.add(line); s.log.line(line) },
		marked: func(text string) { s.marks <- text },
	}
	buf := make([]byte, 32<<10)
	for {
		n, err := s.reader.Read(buf)
		split.write(buf[:n])
		if err != nil {
			split.end()
			return
		}
	}
}

// set sets a variable for processes that start later without an earlier one's
// state.
func (s *shell) set(name, value string) {
	s.env = slices.DeleteFunc(s.env, func(v string) bool { return strings.HasPrefix(v, name+"=") })
	s.env = append(s.env, name+"="+value)
}

// A commandError says that a command ran and failed.
type commandError struct{ reason string }

func (e *commandError) Error() string { return e.reason }

// run runs a command. The error is a commandError if the command failed, the
// cancellation cause if ctx ended first, and otherwise an error of the host.
func (s *shell) run(ctx context.Context, command string) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if err := s.start(); err != nil {
		return err
	}
	s.tail.reset()
	// Messages show the file's name, so it has the name that CodeBuild uses.
	if err := os.WriteFile(filepath.Join(s.state, "script.sh"), []byte(command+"\n"), 0o600); err != nil {
		return fmt.Errorf("writing the command for the shell: %w", err)
	}
	// A shell that a background job has killed doesn't read this. Its mark is
	// on the way.
	_, writeErr := s.control.WriteString("\n")
	var text string
	select {
	case text = <-s.marks:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if code, err := strconv.Atoi(text); err == nil {
		if s.isolated {
			if err := s.leave(ctx); err != nil {
				return err
			}
		}
		return failure(code)
	}
	s.ended()
	if s.isolated {
		if err := s.forget(); err != nil {
			return err
		}
	}
	if writeErr != nil {
		return &commandError{"the shell has ended: " + text}
	}
	code, err := strconv.Atoi(strings.TrimPrefix(text, "exit status "))
	if err != nil {
		return &commandError{text} // for example "signal: killed"
	}
	return failure(code)
}

// leave ends the process that has run a command.
func (s *shell) leave(ctx context.Context) error {
	// The process reads the end of this pipe, and its end is the next mark.
	err := s.control.Close()
	select {
	case <-s.marks:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	s.process = nil
	return errors.Join(err, s.forget())
}

// forget removes what a process has left for the next one.
func (s *shell) forget() error {
	for _, name := range []string{"state", "directory"} {
		if err := os.Remove(filepath.Join(s.state, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("removing the shell's state: %w", err)
		}
	}
	return nil
}

func failure(code int) error {
	if code == 0 {
		return nil
	}
	return &commandError{"exit status " + strconv.Itoa(code)}
}

// start makes sure that a shell process is running.
func (s *shell) start() error {
	if s.process != nil {
		return nil
	}
	script := strings.NewReplacer("@DIR@", quote(s.state), "@TOKEN@", s.token,
		"@GRACE@", strconv.Itoa(int(Grace/time.Second))).Replace(driver)
	env, dir := s.env, s.dir
	// An earlier process has left its state.
	if _, err := os.Stat(filepath.Join(s.state, "state")); err == nil {
		script = "{ . " + quote(s.state) + `/state; cd "$(cat ` + quote(s.state) + "/directory)\"; } >/dev/null 2>&1\n" + script
		env = nil
		for _, v := range s.env {
			if strings.HasPrefix(v, "PATH=") {
				env = append(env, v)
			}
		}
	}
	controlRead, control, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("making a pipe to the shell: %w", err)
	}
	aliveRead, alive, err := os.Pipe()
	if err != nil {
		return errors.Join(fmt.Errorf("making a pipe to the shell: %w", err), controlRead.Close(), control.Close())
	}
	// CommandContext is not suitable: run waits for the end of a command, and
	// stop ends everything that the build has started.
	cmd := exec.Command(s.program, append(s.args, "-c", script)...) // #nosec G204 -- running the build's commands is the purpose
	cmd.Dir, cmd.Env = dir, env
	cmd.Stdout, cmd.Stderr = s.output, s.output
	cmd.ExtraFiles = []*os.File{controlRead, s.output, aliveRead}
	lead(cmd)
	err = s.begin(cmd)
	err = errors.Join(err, controlRead.Close(), aliveRead.Close())
	if err != nil {
		return errors.Join(fmt.Errorf("starting %s: %w", s.program, err), control.Close(), alive.Close())
	}
	s.process, s.control = cmd, control
	s.alive = append(s.alive, alive)
	s.groups = append(s.groups, cmd.Process.Pid)
	go func() {
		reason := "exit status 0"
		if err := cmd.Wait(); err != nil {
			reason = err.Error()
		}
		// The mark goes through the output, so that it follows everything that
		// the shell has written. If the pipe is closed, nobody waits for the mark.
		_, _ = fmt.Fprintf(s.output, "%c%s %s%c\n", mark, s.token, reason, mark)
	}()
	return nil
}

func (s *shell) ended() {
	s.process = nil
	if err := s.control.Close(); err != nil {
		s.log.say("Closing the pipe to the shell: %v", err)
	}
}

// stop ends the shell and everything that it has started. It returns once all
// output has been logged.
func (s *shell) stop() error {
	var errs []error
	if s.process != nil {
		errs = append(errs, s.control.Close())
	}
	for _, alive := range s.alive {
		// This tells the watcher to exit. It may already have exited.
		_, _ = alive.WriteString("\n")
	}
	end(s.groups)
	for _, alive := range s.alive {
		errs = append(errs, alive.Close())
	}
	// A process that has left the group and the session may hold the pipe open
	// for ever.
	if err := s.reader.SetReadDeadline(clock.System().Now().Add(time.Second)); err != nil {
		errs = append(errs, err)
	}
	errs = append(errs, s.output.Close())
	for done := false; !done; {
		select {
		case <-s.marks:
		case <-s.read:
			done = true
		}
	}
	errs = append(errs, s.reader.Close())
	return errors.Join(errs...)
}

// quote returns text as one word in shell syntax.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// A tail is the last part of a command's output.
type tail struct {
	mu    sync.Mutex // needed because background processes write at any time
	lines []string
	size  int
}

const longestTail = 64 << 10

func (t *tail) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines, t.size = nil, 0
}

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, line)
	for t.size += len(line) + 1; t.size > longestTail && len(t.lines) > 1; t.lines = t.lines[1:] {
		t.size -= len(t.lines[0]) + 1
	}
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n")
}
