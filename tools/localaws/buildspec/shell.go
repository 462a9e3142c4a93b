package buildspec

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/magewright/magewright/tools/internal/clock"
)

// Grace is how long a build's processes may take to stop after they were asked
// to. It is longer than command.Grace, so that a target can stop its children.
const Grace = 10 * time.Second

// driver is what a shell runs: script after script, each in this same shell,
// so that directories, variables and options live on. It is POSIX: dash
// reads it, too. The braces keep "set -x" from tracing the driver.
//
// A shell that ends (exit, set -e) leaves its exported variables and its
// directory to the next one. The watcher ends the process group if the keeper
// is killed; it is no child of the shell, so that "wait" doesn't wait for it.
//
// Of its file descriptors, 3 brings a newline for each script, 4 is the build's
// output, however a command has redirected its own, and 5 ends without a
// newline if the keeper has died. No command has them.
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

// A shell is the one instance of the default shell in which all commands of a
// build run.
type shell struct {
	program string // bash or /bin/sh
	args    []string
	dir     string   // the source directory, where it starts
	state   string   // a private directory for its files
	env     []string // the whole environment it starts with
	token   string   // unguessable: a command's output can't be taken for a mark
	log     *logger

	output *os.File // the end of the build's output to which all write
	marks  chan string
	read   chan struct{} // closed when all output has been read
	reader *os.File
	tail   tail // output of the running command

	process *exec.Cmd // nil while none runs
	groups  []int     // every process group that it led
	control *os.File
	alive   []*os.File
}

// newShell returns a shell whose first process starts with its first command.
func newShell(program, dir, state string, env []string, log *logger) (*shell, error) {
	s := &shell{program: program, dir: dir, state: state, env: env, log: log, token: rand.Text()}
	if filepath.Base(program) == "bash" {
		s.args = []string{"--noprofile", "--norc"}
	}
	if err := os.MkdirAll(state, 0o700); err != nil {
		return nil, fmt.Errorf("making a place for the shell's state: %w", err)
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

// A commandError is a command that ran and failed.
type commandError struct{ reason string }

func (e *commandError) Error() string { return e.reason }

// run runs a command. The error is a commandError where the command failed,
// the cause of ctx's end where that came first, and otherwise one of the host.
func (s *shell) run(ctx context.Context, command string) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if err := s.start(); err != nil {
		return err
	}
	s.tail.reset()
	// The file has the name that CodeBuild gives it, which messages show.
	if err := os.WriteFile(filepath.Join(s.state, "script.sh"), []byte(command+"\n"), 0o600); err != nil {
		return fmt.Errorf("writing the command for the shell: %w", err)
	}
	// A shell that a background job has killed doesn't read this; its mark is
	// under way.
	_, writeErr := s.control.WriteString("\n")
	var text string
	select {
	case text = <-s.marks:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if code, err := strconv.Atoi(text); err == nil {
		return failure(code)
	}
	s.ended()
	if writeErr != nil {
		return &commandError{"the shell has ended: " + text}
	}
	code, err := strconv.Atoi(strings.TrimPrefix(text, "exit status "))
	if err != nil {
		return &commandError{text} // such as "signal: killed"
	}
	return failure(code)
}

func failure(code int) error {
	if code == 0 {
		return nil
	}
	return &commandError{"exit status " + strconv.Itoa(code)}
}

// start makes sure that a process runs.
func (s *shell) start() error {
	if s.process != nil {
		return nil
	}
	script := strings.NewReplacer("@DIR@", quote(s.state), "@TOKEN@", s.token,
		"@GRACE@", strconv.Itoa(int(Grace/time.Second))).Replace(driver)
	env, dir := s.env, s.dir
	if _, err := os.Stat(filepath.Join(s.state, "state")); err == nil { // an earlier process has left its state
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
	// Not CommandContext: a command's end is run's to wait for, and stop ends
	// all that the build has started.
	cmd := exec.Command(s.program, append(s.args, "-c", script)...) // #nosec G204 -- running the build's commands is the purpose
	cmd.Dir, cmd.Env = dir, env
	cmd.Stdout, cmd.Stderr = s.output, s.output
	cmd.ExtraFiles = []*os.File{controlRead, s.output, aliveRead}
	lead(cmd)
	err = cmd.Start()
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
		// In the output, so that it comes after all that the shell has written.
		// A pipe that is closed has nobody waiting for the mark.
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

// stop ends the shell and all that it has started, and returns when all output
// has been logged.
func (s *shell) stop() error {
	var errs []error
	if s.process != nil {
		errs = append(errs, s.control.Close())
	}
	for _, alive := range s.alive {
		_, _ = alive.WriteString("\n") // tells the watcher to go; it may have gone
	}
	end(s.groups)
	for _, alive := range s.alive {
		errs = append(errs, alive.Close())
	}
	// Whoever has left the group and the session may hold the pipe for ever.
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

// quote returns text as one word of the shell's language.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// A tail is the last part of a command's output.
type tail struct {
	mu    sync.Mutex // what runs in the background writes at any time
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
