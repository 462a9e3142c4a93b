// Package target runs the function of a mage target. It locates the project, cancels the
// target on SIGTERM as on Ctrl-C, and turns its error into an exit code.
package target

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/live"
	"github.com/magewright/magewright/tools/internal/starting"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

func init() { starting.Done() }

// A Func is the function of a target.
type Func func(context.Context, project.Config) error

// Run runs f for the project around the current directory.
func Run(ctx context.Context, f Func) error {
	ctx, stop := Signals(ctx)
	defer stop()
	cfg, err := project.Discover(ctx)
	if err != nil {
		return exit.Top(exit.Stopped(ctx, err))
	}
	// By now git was asked, which takes longer than Mage needs to start waiting for signals.
	ctx, stop = takeInterrupts(ctx)
	defer stop()
	if err := cfg.Gather(); err != nil {
		return exit.Top(err)
	}
	return exit.Top(exit.Stopped(ctx, f(ctx, cfg)))
}

// Signals returns a context that ends on SIGTERM. Mage itself cancels ctx only on SIGINT.
func Signals(ctx context.Context) (context.Context, context.CancelFunc) {
	dieWithParent()
	return signal.NotifyContext(ctx, syscall.SIGTERM)
}

// takeInterrupts returns a context that ends on SIGINT and SIGTERM, and takes SIGINT away
// from Mage. Mage would print a line of its own and end five seconds later, whatever the
// target still has to restore.
func takeInterrupts(ctx context.Context) (context.Context, context.CancelFunc) {
	signal.Reset(os.Interrupt)
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}

// A Named is a target with its name.
type Named struct {
	Name string
	Run  Func
}

// Parallel runs targets side by side, two at a time, because most of them use every core by
// themselves. It runs all of them even if one fails. On a terminal, a table shows them while
// they run. Then the output of those that failed is printed, and one line for each of the
// others. Without a terminal, progress is printed as it comes, with the target's name, and a
// target's output is printed as a whole when it has ended.
func Parallel(ctx context.Context, targets ...Named) error {
	return Run(ctx, func(ctx context.Context, cfg project.Config) error {
		return parallel(ctx, cfg, live.NewScreen(cfg.Stdout), targets)
	})
}

func parallel(ctx context.Context, cfg project.Config, screen *live.Screen, targets []Named) error {
	p := &side{cfg: cfg, screen: screen, table: live.NewTable(screen, clock.System())}
	rows := make([]live.Row, 0, len(targets))
	for _, t := range targets {
		rows = append(rows, live.Row{Name: t.Name})
	}
	if screen.Live() {
		p.table.Begin("", rows)
	}
	p.results = make([]result, len(targets))
	group := errgroup.Group{}
	group.SetLimit(2)
	for i, t := range targets {
		group.Go(func() error {
			p.run(ctx, i, t)
			return nil
		})
	}
	err := group.Wait()
	p.table.Close()
	if screen.Live() {
		p.summarize()
	}
	var failed []error
	for _, r := range p.results {
		if r.err != nil {
			failed = append(failed, r.err)
		}
	}
	return errors.Join(err, errors.Join(failed...))
}

// A side has what targets that run side by side share.
type side struct {
	cfg     project.Config
	screen  *live.Screen
	table   *live.Table
	mu      sync.Mutex // guards everything that is printed
	results []result
}

// A result says how a target ended.
type result struct {
	name  string
	state live.State
	took  time.Duration
	out   bytes.Buffer
	err   error // the error of a target that failed; nil if it was stopped
}

// run runs one of the targets.
func (p *side) run(ctx context.Context, i int, t Named) {
	r := &p.results[i]
	r.name, r.state = t.Name, live.Skipped
	if ctx.Err() != nil {
		p.ended(i)
		return
	}
	each := p.cfg
	var progress io.Writer
	if p.screen.Live() {
		p.table.Update(func(rows []live.Row) { rows[i].State = live.Running })
		progress = noted(func(line string) { p.table.Update(func(rows []live.Row) { rows[i].Note = line }) })
	} else {
		prefixed := &prefixed{mu: &p.mu, to: p.cfg.Stderr, prefix: t.Name + ": "}
		defer prefixed.end()
		progress = prefixed
	}
	each.Stdout, each.Stderr = &r.out, progress
	if p.screen.Live() {
		each.Stdout = io.MultiWriter(&r.out, progress)
	}
	start := clock.System().Now()
	err := t.Run(ctx, each)
	r.took = clock.Since(clock.System(), start)
	switch {
	case err == nil:
		r.state = live.Succeeded
	case ctx.Err() != nil:
		r.state = live.Stopped
	default:
		r.state = live.Failed
		if !strings.HasPrefix(err.Error(), t.Name+": ") {
			err = fmt.Errorf("%s: %w", t.Name, err)
		}
	}
	if err != nil {
		r.err = err
	}
	p.ended(i)
}

// ended shows how a target ended.
func (p *side) ended(i int) {
	r := &p.results[i]
	if p.screen.Live() {
		p.table.Update(func(rows []live.Row) { rows[i].State = r.state })
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.print(r, r.out.String())
}

// print prints how a target ended, and a text.
func (p *side) print(r *result, text string) {
	took := fmt.Sprintf(" (%.1fs)", r.took.Seconds())
	if r.state == live.Skipped {
		took = ""
	}
	fmt.Fprintf(p.cfg.Stdout, "== %s: %s%s\n%s", r.name, r.state, took, text)
}

// summarize prints the output of the targets that failed, and one line for each of the
// others.
func (p *side) summarize() {
	for _, state := range []live.State{live.Failed, live.Stopped, live.Skipped, live.Succeeded} {
		for i := range p.results {
			r := &p.results[i]
			if r.state != state {
				continue
			}
			text := r.out.String()
			if state != live.Failed {
				if text = live.Plain(text); text != "" {
					text = "   " + text + "\n"
				}
			}
			p.print(r, text)
		}
	}
}

// noted passes on the last line of each write that is not empty.
type noted func(line string)

func (n noted) Write(data []byte) (int, error) {
	if line := live.Plain(string(data)); line != "" {
		n(line)
	}
	return len(data), nil
}

// A prefixed writes whole lines, each after a prefix.
type prefixed struct {
	mu     *sync.Mutex // guards everything that is printed
	to     io.Writer
	prefix string
	begun  []byte // the beginning of an unfinished line
}

func (p *prefixed) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begun = append(p.begun, data...)
	for {
		line, rest, whole := bytes.Cut(p.begun, []byte("\n"))
		if !whole {
			return len(data), nil
		}
		prefix := p.prefix
		if bytes.HasPrefix(line, []byte(strings.TrimSuffix(prefix, ": "))) {
			prefix = ""
		}
		if _, err := fmt.Fprintf(p.to, "%s%s\n", prefix, line); err != nil {
			return 0, err
		}
		p.begun = rest
	}
}

// end writes the last line if it is unfinished.
func (p *prefixed) end() {
	p.mu.Lock()
	unfinished := len(p.begun) > 0
	p.mu.Unlock()
	if unfinished {
		_, _ = p.Write([]byte("\n")) // best effort
	}
}

// Clean removes the results of targets.
func Clean(_ context.Context, cfg project.Config) error {
	for _, dir := range []string{cfg.Evidence, cfg.Assembly} {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("cleaning: %w", err)
		}
	}
	return nil
}
