// Command mage runs Mage, and prints a line while there is no output yet.
//
//	go tool mage TARGET
//
// Mage compiles the targets before it runs one, and prints nothing meanwhile. That takes two
// seconds after a change, and half a minute on a fresh machine. This command prints a line if
// it takes longer than a second, with the time that it took before. Everything else is left
// to Mage: arguments, terminal and signals. This command ends with Mage's exit code. If it is
// started below the directory of the magefile, it runs Mage in that directory.
//
// It imports little, because its imports have to be compiled before it can print its first
// line.
package main

import (
	"context"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/internal/gocmd"
	"github.com/magewright/magewright/tools/internal/heartbeat"
	"github.com/magewright/magewright/tools/internal/starting"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/surface/magefile"
)

const (
	// patience is how long a user waits without any output.
	patience = time.Second
	// pause is the time between two checks whether the targets have started.
	pause = 50 * time.Millisecond
)

// Files in the directory of the magefile. The files in bin belong to this machine.
const (
	// earlier has the time that the latest long compilation took, such as 19s.
	earlier  = ".magewright/bin/compiled"
	binary   = ".magewright/bin/mage"
	lockFile = ".magewright/bin/lock"
)

func main() {
	dir, err := root()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mage:", err)
		os.Exit(exit.Environment)
	}
	args, err := understand(dir, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(exit.Usage)
	}
	signals := []os.Signal{syscall.SIGTERM}
	if !foreground() {
		// Nobody else sends it to Mage.
		signals = append(signals, os.Interrupt)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	s := starter{clock: clock.System(), stderr: os.Stderr, dir: dir, interrupts: make(chan os.Signal, 1)}
	// A terminal sends Ctrl-C to Mage as well. Mage then ends in its own way, and this
	// command ends after it.
	signal.Notify(s.interrupts, os.Interrupt)
	code := s.run(ctx, func() error { return s.mage(ctx, args) })
	stop()
	os.Exit(code)
}

// root returns the directory with the targets: the current directory or one above it.
func root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "magefile.go")); err == nil {
			return d, nil
		}
		if d == filepath.Dir(d) {
			return "", fmt.Errorf("there is no magefile.go in %s or above it\n  next: cd into the repository", dir)
		}
	}
}

// understand returns a command line for Mage. If something is wrong with it, it returns an
// error before anything is compiled or run.
func understand(dir string, args []string) ([]string, error) {
	// If the magefile can't be read, Mage explains why.
	text, err := os.ReadFile(filepath.Join(dir, "magefile.go")) // #nosec G304 -- of the repository
	if err != nil {
		return args, nil
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "magefile.go", text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return args, nil
	}
	if len(args) == 2 && (args[1] == "-h" || args[1] == "-help" || args[1] == "--help") {
		args = []string{"-h", args[0]} // other programs write flags like this, but Mage does not accept it
	}
	return args, magefile.Check(args, magefile.Targets(magefile.File{Set: set, File: file}))
}

// A starter runs Mage in a directory.
type starter struct {
	clock  clock.Clock
	stderr io.Writer
	dir    string
	// interrupts has something in it after Ctrl-C.
	interrupts chan os.Signal
}

// run runs mage, and says what it is waiting for until the targets have started.
func (s starter) run(ctx context.Context, mage func() error) int {
	// While it compiles, Mage writes files with fixed names beside the magefile.
	unlock, locked := s.lock(ctx)
	if !locked {
		return s.stopped()
	}
	watched := make(chan struct{})
	watch, ended := context.WithCancel(ctx)
	marked := s.mark()
	started := false
	go func() {
		defer close(watched)
		defer unlock()
		if marked == nil {
			started = s.watch(watch)
		}
	}()
	err := mage()
	ended()
	<-watched
	if err == nil {
		return 0
	}
	if !started && len(s.interrupts) > 0 {
		return s.stopped()
	}
	if code := command.ExitCode(err); code >= 0 {
		return code // Mage has already said why
	}
	fmt.Fprintln(s.stderr, "mage:", err)
	if ctx.Err() != nil {
		return exit.Interrupted
	}
	return exit.Environment
}

// stopped prints that a signal came before the targets were compiled, and returns the exit
// code.
func (s starter) stopped() int {
	fmt.Fprintln(s.stderr, "mage: stopped before the targets were compiled")
	return exit.Interrupted
}

// mage builds Mage if necessary, and runs it.
func (s starter) mage(ctx context.Context, args []string) error {
	program := s.file(binary)
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	// The go command builds nothing if the file is up to date.
	build := gocmd.In(s.dir)
	build.Stdout, build.Stderr = s.stderr, s.stderr
	if err := build.Run(ctx, "build", "-o", program, "github.com/magefile/mage"); err != nil {
		return err
	}
	// Mage compiles the targets with the environment that it gets. So packages that the
	// targets share with other programs are compiled only once.
	run := command.Cmd{Dir: s.dir, Env: gocmd.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: s.stderr, Interactive: true}
	return run.Run(ctx, program, args...)
}

func (s starter) file(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

// lock waits until no other command compiles the targets in this directory. It returns a
// function that lets the next command continue. It returns false if a signal came first. If
// the file can't be locked, nobody waits.
func (s starter) lock(ctx context.Context) (unlock func(), locked bool) {
	file := s.file(lockFile)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { // #nosec G301 -- as all that targets leave
		return func() {}, true
	}
	begun, impatient := s.clock.Now(), false
	for {
		unlock, err := lock(file)
		if err != nil {
			return func() {}, true
		}
		if unlock != nil {
			return unlock, true
		}
		if !impatient && clock.Since(s.clock, begun) >= patience {
			impatient = true
			fmt.Fprintln(s.stderr, "mage: waiting for another command that is compiling the targets here")
		}
		if clock.Sleep(ctx, s.clock, pause) != nil || len(s.interrupts) > 0 {
			return nil, false
		}
	}
}

func (s starter) mark() error { return os.WriteFile(s.file(starting.Marker), nil, 0o600) }

func (s starter) compiling() bool {
	_, err := os.Stat(s.file(starting.Marker))
	return !errors.Is(err, os.ErrNotExist)
}

// watch waits until the targets have started, and reports whether they have. If that takes
// too long, it prints a line, and keeps the time for the next such line. Later lines say how
// long it has taken.
func (s starter) watch(ctx context.Context) (started bool) {
	begun, impatient, next := s.clock.Now(), false, heartbeat.Silence
	for s.compiling() {
		waited := clock.Since(s.clock, begun)
		if !impatient && waited >= patience {
			impatient = true
			fmt.Fprintf(s.stderr, "mage: compiling the targets (%s)\n", s.usually())
		}
		if waited >= next {
			next += heartbeat.Longer
			fmt.Fprintf(s.stderr, "mage: compiling the targets: %.0f s\n", waited.Seconds())
		}
		if clock.Sleep(ctx, s.clock, pause) != nil && s.compiling() {
			// Mage has ended without starting a target. For example, it only printed its
			// version, or the targets do not compile.
			_ = os.Remove(s.file(starting.Marker))
			return false
		}
	}
	if impatient {
		took := clock.Since(s.clock, begun).Round(time.Second)
		_ = os.WriteFile(s.file(earlier), []byte(took.String()), 0o600) // only the next such line needs it
	}
	return true
}

// usually returns how long compiling usually takes.
func (s starter) usually() string {
	took, err := os.ReadFile(s.file(earlier))
	if err != nil {
		return "half a minute on a fresh machine"
	}
	return strings.TrimSpace(string(took)) + " the last time"
}
