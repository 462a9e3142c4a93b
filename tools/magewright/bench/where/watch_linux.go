package where

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/magewright/magewright/tools/internal/clock"
)

// interval is the time between two looks at the running processes.
const interval = 50 * time.Millisecond

// Watch runs a function and returns the processes that descended from this process meanwhile.
// Process accounting counts the processes that have ended, if this process may enable it,
// which only root may. Otherwise missing says which processes are not included. The error is
// that of run, or the reason why watching failed.
//
// The system has only one file for process accounting. If another file was in use before,
// accounting to it has to be enabled again afterwards.
func Watch(ctx context.Context, c clock.Clock, run func(context.Context) error) (processes []Process, missing string, err error) {
	return watcher{clock: c, account: account}.watch(ctx, run)
}

// A watcher watches processes. Tests give it their own accounting function, because the
// system has only one file.
type watcher struct {
	clock   clock.Clock
	account func(file string) error // enables accounting to a file, or disables it if the file is ""
	looked  func(*looker)           // called after each look, unless it is nil
}

// account is acct(2).
func account(file string) error {
	if file != "" {
		return unix.Acct(file)
	}
	if _, _, errno := unix.Syscall(unix.SYS_ACCT, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

func (w watcher) watch(ctx context.Context, run func(context.Context) error) (_ []Process, missing string, err error) {
	l, err := newLooker(w.clock)
	if err != nil {
		return nil, "", err
	}
	// A process whose parent has ended becomes a child of this process, so that its ancestry
	// still leads here.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, "", fmt.Errorf("watching processes: becoming the parent of orphans: %w", err)
	}
	defer func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) }()
	dir, err := os.MkdirTemp("", "magewright-where-")
	if err != nil {
		return nil, "", fmt.Errorf("watching processes: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "acct")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return nil, "", fmt.Errorf("watching processes: %w", err)
	}
	accountErr := w.account(file)
	if accountErr == nil {
		defer func() {
			if off := w.account(""); off != nil {
				err = errors.Join(err, fmt.Errorf("switching process accounting off: %w", off))
			}
		}()
	}

	looking, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for clock.Sleep(looking, w.clock, interval) == nil {
			l.look()
			if w.looked != nil {
				w.looked(l)
			}
		}
	}()
	begin := epoch(w.clock)
	runErr := run(ctx)
	stop()
	<-done
	l.look()
	if accountErr != nil {
		return l.processes(), fmt.Sprintf("process accounting is not permitted (%v), so processes that lived for less than %v are missing, and the last moments of the others; root may use it", accountErr, interval), runErr
	}
	data, err := os.ReadFile(file) // #nosec G304 -- the file made above
	if err != nil {
		return nil, "", errors.Join(runErr, fmt.Errorf("watching processes: %w", err))
	}
	accounted, err := ReadAccounting(data)
	if err != nil {
		return nil, "", errors.Join(runErr, err)
	}
	joined := Join(accounted, l.processes())
	for i := range joined {
		joined[i].notBefore(begin)
	}
	return joined, "", runErr
}

// A looker looks at /proc repeatedly and remembers what it saw.
type looker struct {
	clock clock.Clock
	root  int     // PID of this process
	boot  float64 // when the system started, in seconds since the Unix epoch
	seen  map[identity]*Process
}

// An identity distinguishes a process from an earlier one with the same PID.
type identity struct{ pid, start int }

func newLooker(c clock.Clock) (*looker, error) {
	data, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return nil, fmt.Errorf("watching processes: %w", err)
	}
	up, _, _ := strings.Cut(string(data), " ")
	uptime, err := strconv.ParseFloat(up, 64)
	if err != nil {
		return nil, fmt.Errorf("watching processes: /proc/uptime: %w", err)
	}
	return &looker{clock: c, root: os.Getpid(), boot: epoch(c) - uptime, seen: map[identity]*Process{}}, nil
}

// epoch converts ticks to seconds since the Unix epoch.
func epoch(c clock.Clock) float64 { return float64(c.Now().UnixNano()) / 1e9 }

// processes returns the processes that were seen.
func (l *looker) processes() []Process {
	var all []Process
	for _, p := range l.seen {
		all = append(all, *p)
	}
	return all
}

// look looks at all processes once. Of processes that did not descend from this one, it only
// reads who their parents are.
func (l *looker) look() {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return // it could be read when watching began
	}
	running := map[int]stat{}
	children := map[int][]int{}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		data, err := os.ReadFile("/proc/" + entry.Name() + "/stat") // it has ended meanwhile
		if err != nil {
			continue // it has ended meanwhile
		}
		s, err := parseStat(string(data))
		if err != nil {
			continue
		}
		running[pid] = s
		children[s.parent] = append(children[s.parent], pid)
	}
	now := epoch(l.clock)
	for queue := slices.Clone(children[l.root]); len(queue) > 0; queue = queue[1:] {
		pid := queue[0]
		queue = append(queue, children[pid]...)
		l.note(pid, running[pid], now)
	}
}

// note remembers what is seen of a process now.
func (l *looker) note(pid int, s stat, now float64) {
	id := identity{pid, s.start}
	p := l.seen[id]
	if p == nil {
		p = &Process{PID: pid, Parent: s.parent, Start: l.boot + float64(s.start)/ticksPerSecond}
		l.seen[id] = p
	}
	if s.state == "Z" {
		if s.parent == l.root && p.Parent != l.root {
			// It is an orphan, for which nobody else waits. Otherwise it has already gone.
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
		return
	}
	p.End, p.Name = max(now, p.Start), s.name
	p.CPU = float64(s.ticks) / ticksPerSecond
	dir := "/proc/" + strconv.Itoa(pid)
	// It may have called exec since the last look.
	data, err := os.ReadFile(filepath.Join(dir, "cmdline")) // #nosec G304 -- of a process that this one has started
	if err == nil && len(data) > 0 {
		if line := strings.TrimSuffix(string(data), "\x00"); line != strings.Join(p.Args, "\x00") && !answered(p.Args, line) {
			p.Args = arguments(strings.Split(line, "\x00"))
		}
	}
	if cwd, err := os.Readlink(filepath.Join(dir, "cwd")); err == nil {
		p.Dir = cwd
	}
}

// answered reports whether a command line names a file of arguments that was read before. The
// file may be gone now.
func answered(known []string, line string) bool {
	name, rest, _ := strings.Cut(line, "\x00")
	return strings.HasPrefix(rest, "@") && len(known) > 2 && known[0] == name
}

// arguments returns a complete command line. If the arguments of one of its tools are longer
// than 30 KiB, the go command writes them into a file, one on each line, and passes @FILE
// instead.
func arguments(args []string) []string {
	if len(args) != 2 || !strings.HasPrefix(args[1], "@") || !strings.HasPrefix(kinds[filepath.Base(args[0])], "go: ") {
		return args
	}
	file, err := os.Open(args[1][1:]) // #nosec G703 -- what the user names
	if err != nil {
		return args // it has ended meanwhile
	}
	defer func() { _ = file.Close() }()
	// The important arguments come first. The names of files follow them.
	const enough = 64 << 10
	data, err := io.ReadAll(io.LimitReader(file, enough))
	if err != nil {
		return args
	}
	full := args[:1:1]
	for line := range bytes.Lines(data) {
		full = append(full, strings.TrimSuffix(string(line), "\n"))
	}
	return full
}

// A stat has values from /proc/PID/stat.
type stat struct {
	name   string
	state  string
	parent int
	ticks  int // ticks of processor time
	start  int // ticks after the start of the system
}

// parseStat reads /proc/PID/stat.
// See https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html.
func parseStat(line string) (stat, error) {
	// The name is in parentheses and may itself contain some.
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 0 || end < open {
		return stat{}, fmt.Errorf("reading %q: there is no name", line)
	}
	// The first of these fields is the third of the line.
	fields := strings.Fields(line[end+1:])
	const state, parent, user, system, start = 0, 1, 11, 12, 19
	if len(fields) <= start {
		return stat{}, fmt.Errorf("reading %q: %d fields after the name, want more than %d", line, len(fields), start)
	}
	s := stat{name: line[open+1 : end], state: fields[state]}
	var errs []error
	number := func(field int) int {
		n, err := strconv.Atoi(fields[field])
		errs = append(errs, err)
		return n
	}
	s.parent, s.start = number(parent), number(start)
	s.ticks = number(user) + number(system)
	if err := errors.Join(errs...); err != nil {
		return stat{}, fmt.Errorf("reading %q: %w", line, err)
	}
	return s, nil
}
