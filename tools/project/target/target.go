// Package target runs what a mage target calls: it finds the project, ends it
// on SIGTERM as on Ctrl-C, and gives its error an exit code.
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

	"golang.org/x/sync/errgroup"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/starting"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

func init() { starting.Done() }

// A Func is the work of a target.
type Func func(context.Context, project.Config) error

// Run runs f for the project around the current directory.
func Run(ctx context.Context, f Func) error {
	ctx, stop := Signals(ctx)
	defer stop()
	cfg, err := project.Discover(ctx)
	if err != nil {
		return exit.Top(exit.Stopped(ctx, err))
	}
	// Git has been asked, which takes longer than Mage takes to begin to wait.
	ctx, stop = takeInterrupts(ctx)
	defer stop()
	if err := cfg.Gather(); err != nil {
		return exit.Top(err)
	}
	return exit.Top(exit.Stopped(ctx, f(ctx, cfg)))
}

// Signals returns a context that ends on SIGTERM: mage itself cancels ctx on
// SIGINT only.
func Signals(ctx context.Context) (context.Context, context.CancelFunc) {
	dieWithParent()
	return signal.NotifyContext(ctx, syscall.SIGTERM)
}

// takeInterrupts returns a context that ends on SIGINT and SIGTERM, and takes SIGINT
// from Mage. Mage would print a line of its own and end five seconds later, whatever
// the target still has to restore.
func takeInterrupts(ctx context.Context) (context.Context, context.CancelFunc) {
	signal.Reset(os.Interrupt)
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}

// A Named is a target among others.
type Named struct {
	Name string
	Run  Func
}

// Parallel runs targets side by side, two at a time, for most of them use
// every core by themselves. What each says of its progress is printed as it
// comes, with its name; its output is printed whole when it has ended. All are
// run even if one fails.
func Parallel(ctx context.Context, targets ...Named) error {
	return Run(ctx, func(ctx context.Context, cfg project.Config) error {
		var mu sync.Mutex
		var failed []error
		group := errgroup.Group{}
		group.SetLimit(2)
		for _, t := range targets {
			group.Go(func() error {
				var out bytes.Buffer
				progress := &prefixed{mu: &mu, to: cfg.Stderr, prefix: t.Name + ": "}
				each := cfg
				each.Stdout, each.Stderr = &out, progress
				start := clock.System().Now()
				err := t.Run(ctx, each)
				progress.end()
				mu.Lock()
				defer mu.Unlock()
				result := "ok"
				if err != nil {
					result = "FAILED"
					if !strings.HasPrefix(err.Error(), t.Name+": ") {
						err = fmt.Errorf("%s: %w", t.Name, err)
					}
					failed = append(failed, err)
				}
				fmt.Fprintf(cfg.Stdout, "== %s: %s (%.1fs)\n%s", t.Name, result, clock.Since(clock.System(), start).Seconds(), &out)
				return nil
			})
		}
		return errors.Join(group.Wait(), errors.Join(failed...))
	})
}

// A prefixed writes whole lines, each after a prefix that it lacks.
type prefixed struct {
	mu     *sync.Mutex // of all that is printed
	to     io.Writer
	prefix string
	begun  []byte // a line without its end
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

// end writes the last line, if it has no end.
func (p *prefixed) end() {
	p.mu.Lock()
	unfinished := len(p.begun) > 0
	p.mu.Unlock()
	if unfinished {
		_, _ = p.Write([]byte("\n")) // best effort
	}
}

// Clean removes what targets have made.
func Clean(_ context.Context, cfg project.Config) error {
	for _, dir := range []string{cfg.Evidence, cfg.Assembly} {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("cleaning: %w", err)
		}
	}
	return nil
}
