// Command mage runs Mage, and says so where it has nothing to show yet.
//
//	go tool mage TARGET
//
// Mage compiles the targets before it runs one, and says nothing while it does:
// two seconds after a change, half a minute on a fresh machine. This command
// prints a line when that takes longer than a second, with the time that it took
// before. Mage gets everything else: arguments, terminal and signals. Its exit
// code is this command's. Below the directory of the magefile, it runs there.
//
// It imports little, because what it imports is compiled before its first line
// can be printed.
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
	"github.com/magewright/magewright/tools/internal/starting"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/surface/magefile"
)

const (
	// patience is how long a user waits without a word.
	patience = time.Second
	// pause is the time between two looks at whether the targets have started.
	pause = 50 * time.Millisecond
)

// Files of the directory of the magefile. What is in bin belongs to this machine.
const (
	// earlier holds the time that the latest long compilation took, such as 19s.
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
		// Nobody sends it to Mage as well.
		signals = append(signals, os.Interrupt)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	s := starter{clock: clock.System(), stderr: os.Stderr, dir: dir, interrupts: make(chan os.Signal, 1)}
	// A terminal sends Ctrl-C to Mage as well. Mage then ends in its own way, and
	// this command after it.
	signal.Notify(s.interrupts, os.Interrupt)
	code := s.run(ctx, func() error { return s.mage(ctx, args) })
	stop()
	os.Exit(code)
}

// root returns the directory at or above the current one that has the targets.
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

// understand returns a command line for Mage, or says what is wrong with it before
// anything is compiled or run.
func understand(dir string, args []string) ([]string, error) {
	// A magefile that can't be read is for Mage to explain.
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
		args = []string{"-h", args[0]} // as programs that are not Mage take it
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

// run runs mage, and says what it waits for until the targets have started.
func (s starter) run(ctx context.Context, mage func() error) int {
	// Mage writes files of one name beside the magefile while it compiles.
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
		return code // Mage has said why
	}
	fmt.Fprintln(s.stderr, "mage:", err)
	if ctx.Err() != nil {
		return exit.Interrupted
	}
	return exit.Environment
}

// stopped says that a signal came before there were targets, and returns the exit code.
func (s starter) stopped() int {
	fmt.Fprintln(s.stderr, "mage: stopped before the targets were compiled")
	return exit.Interrupted
}

// mage builds Mage where that has not been done, and runs it.
func (s starter) mage(ctx context.Context, args []string) error {
	program := s.file(binary)
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	// The go command builds nothing if the file is what it would build.
	build := gocmd.In(s.dir)
	build.Stdout, build.Stderr = s.stderr, s.stderr
	if err := build.Run(ctx, "build", "-o", program, "github.com/magefile/mage"); err != nil {
		return err
	}
	// Mage compiles the targets with the environment that it gets. What they
	// have in common with other programs is then compiled once.
	run := command.Cmd{Dir: s.dir, Env: gocmd.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: s.stderr, Interactive: true}
	return run.Run(ctx, program, args...)
}

func (s starter) file(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

// lock waits until no other command compiles the targets of this directory, and
// returns a function that lets the next one do so. It reports false if a signal came
// first. If the file can't be locked, none waits.
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
			fmt.Fprintln(s.stderr, "mage: waiting for another command, which compiles the targets here")
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

// watch waits until the targets have started, and reports whether they have. It
// prints a line when it has lost its patience, and keeps the time that was taken for
// the next such line.
func (s starter) watch(ctx context.Context) (started bool) {
	begun, impatient := s.clock.Now(), false
	for s.compiling() {
		if !impatient && clock.Since(s.clock, begun) >= patience {
			impatient = true
			fmt.Fprintf(s.stderr, "mage: compiling the targets (%s)\n", s.usually())
		}
		if clock.Sleep(ctx, s.clock, pause) != nil && s.compiling() {
			// Mage has ended without starting a target: it only printed its
			// version, for example, or the targets do not compile.
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

// usually returns how long compiling takes.
func (s starter) usually() string {
	took, err := os.ReadFile(s.file(earlier))
	if err != nil {
		return "half a minute on a fresh machine"
	}
	return strings.TrimSpace(string(took)) + " the last time"
}
