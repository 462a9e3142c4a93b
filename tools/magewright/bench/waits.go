package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/command"
)

// rehearsal is a command that rehearses without asking.
var rehearsal = []string{"rehearse", "-approve"}

// cold measures how long a fresh machine takes. Each run has its own clone and caches.
func (b *bench) cold(ctx context.Context) error {
	note := freshNote
	if runtime.GOOS != "linux" {
		note += "; the CDK's installation is the user's, which XDG_CACHE_HOME does not move on " + runtime.GOOS
	}
	for _, args := range [][]string{rehearsal, {"test"}} {
		b.figure(ctx, "mage "+strings.Join(args, " ")+", fresh machine", note, func(ctx context.Context) (float64, error) {
			c, err := b.clone(ctx, true)
			if err != nil {
				return 0, err
			}
			defer c.remove()
			return c.mage(ctx, args...)
		})
	}
	return nil
}

// ci measures what CI runs.
func (b *bench) ci(ctx context.Context) error {
	const script = "./.ci/run"
	warm, err := b.warmClone(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(b.cfg.Stderr, ".ci/run: a first run, which does not count")
	if _, err := warm.typed(ctx, script); err != nil {
		return fmt.Errorf("the first run, which does not count: %w", err)
	}
	b.figure(ctx, ".ci/run, warm caches", "", func(ctx context.Context) (float64, error) { return warm.typed(ctx, script) })
	b.figure(ctx, ".ci/run, fresh machine", freshNote, func(ctx context.Context) (float64, error) {
		c, err := b.clone(ctx, true)
		if err != nil {
			return 0, err
		}
		defer c.remove()
		return c.typed(ctx, script)
	})
	return nil
}

// warmed measures a mage command in the clone with warm caches. It begins with a run that
// does not count. Then come some runs with nothing changed, and then some that each follow a
// change of one line.
func (b *bench) warmed(ctx context.Context, unchanged bool, what string, change func(context.Context, *clone) error, args ...string) error {
	c, err := b.warmClone(ctx)
	if err != nil {
		return err
	}
	name := "mage " + strings.Join(args, " ")
	fmt.Fprintf(b.cfg.Stderr, "%s: a first run, which does not count\n", name)
	if _, err := c.mage(ctx, args...); err != nil {
		return fmt.Errorf("the first run, which does not count: %w", err)
	}
	if unchanged {
		b.figure(ctx, name+", nothing changed", "", func(ctx context.Context) (float64, error) { return c.mage(ctx, args...) })
	}
	b.figure(ctx, name+", one line of "+what+" changed", "another change each time", func(ctx context.Context) (float64, error) {
		if err := change(ctx, c); err != nil {
			return 0, err
		}
		return c.mage(ctx, args...)
	})
	return nil
}

// warmRehearsal measures a rehearsal of something that was rehearsed before, and of a commit
// that changes one line of the app.
func (b *bench) warmRehearsal(ctx context.Context) error {
	return b.warmed(ctx, true, "app", func(ctx context.Context, c *clone) error {
		if err := c.change(lineOfApp); err != nil {
			return err
		}
		return c.commit(ctx)
	}, rehearsal...)
}

// check measures check for unchanged code, and with a change of one line in a small package.
func (b *bench) check(ctx context.Context) error {
	return b.warmed(ctx, true, "tools/internal/suggest", func(_ context.Context, c *clone) error { return c.change(lineOfLeaf) }, "check")
}

// test measures test with a change of one line in the app.
func (b *bench) test(ctx context.Context) error {
	return b.warmed(ctx, false, "app", func(_ context.Context, c *clone) error { return c.change(lineOfApp) }, "test")
}

// firstOutput measures how long a target prints nothing, both if something has to be compiled
// and if not.
func (b *bench) firstOutput(ctx context.Context) error {
	warm, err := b.warmClone(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(b.cfg.Stderr, "first output: lint, and a target of the program that mage builds, to warm the caches")
	for _, args := range [][]string{{"lint"}, {"bench", "-list=true"}} {
		if _, err := warm.mage(ctx, args...); err != nil {
			return err
		}
	}
	inWarm := func(ctx context.Context, args ...string) (float64, error) { return warm.firstOutput(ctx, args...) }
	for _, f := range []struct {
		args        []string
		state, note string
		run         func(ctx context.Context, args ...string) (float64, error)
	}{
		{args: []string{"-l"}, state: "warm caches", run: inWarm},
		{args: []string{"lint"}, state: "warm caches", run: inWarm},
		{args: []string{"lint"}, state: "fresh machine", note: freshNote, run: func(ctx context.Context, args ...string) (float64, error) {
			c, err := b.clone(ctx, true)
			if err != nil {
				return 0, err
			}
			defer c.remove()
			return c.firstOutput(ctx, args...)
		}},
		{args: rehearsal, state: "one line of tools/rehearse changed", run: func(ctx context.Context, args ...string) (float64, error) {
			if err := warm.changeProgram("tools/rehearse"); err != nil {
				return 0, err
			}
			return warm.firstOutput(ctx, args...)
		}},
	} {
		name := fmt.Sprintf("first output of mage %s, %s", strings.Join(f.args, " "), f.state)
		b.figure(ctx, name, f.note, func(ctx context.Context) (float64, error) { return f.run(ctx, f.args...) })
	}
	return nil
}

var (
	errPrinted   = errors.New("it has printed something")
	errNoOutput  = errors.New("it ended without printing anything")
	errOnlyError = errors.New("it printed nothing but why it failed")
)

// firstOutput returns how many seconds a mage command runs before it prints something. It
// then stops the command and everything that the command started.
func (c *clone) firstOutput(ctx context.Context, args ...string) (float64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	b := c.bench
	out := &firstWriter{printed: func() { cancel(errPrinted) }, clock: b.clock, start: b.clock.Now()}
	cmd := command.Cmd{Dir: c.dir, Env: slices.Concat(b.env, c.env), Stdout: out, Stderr: out}
	words := append(strings.Fields(mageCommand), args...)
	err := b.execute(ctx, cmd, words[0], words[1:]...)
	said := string(out.said)
	switch {
	case err != nil && !errors.Is(err, errPrinted):
		return 0, fmt.Errorf("%w\n%s", err, tail(said))
	case said == "":
		return 0, fmt.Errorf("go tool mage %s: %w", strings.Join(args, " "), errNoOutput)
	case strings.HasPrefix(said, "Error: "):
		return 0, fmt.Errorf("go tool mage %s: %w\n%s", strings.Join(args, " "), errOnlyError, tail(said))
	}
	first, _, _ := strings.Cut(said, "\n")
	fmt.Fprintf(b.cfg.Stderr, "it printed %.100q\n", first)
	return out.after, nil
}

// A firstWriter notes when something is first written to it.
type firstWriter struct {
	printed func() // called at that moment
	clock   clock.Clock
	start   time.Time
	after   float64 // seconds
	said    []byte
}

// Write implements [io.Writer].
func (w *firstWriter) Write(p []byte) (int, error) {
	if len(w.said) == 0 && len(p) > 0 {
		w.after = clock.Since(w.clock, w.start).Seconds()
		w.printed()
	}
	w.said = append(w.said, p...)
	return len(p), nil
}
