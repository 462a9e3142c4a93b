package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/magewright/bench/where"
)

// where runs a command in a clone and reports where its time goes: a table by kind of
// process, by target and by package, and a timeline. It also writes everything to
// .magewright/where.json.
func (b *bench) where(ctx context.Context) (err error) {
	name := strings.Join(b.looked, " ")
	var c *clone
	caches := "warm caches"
	if b.fresh {
		caches = "fresh machine"
		if c, err = b.clone(ctx, true); err != nil {
			return err
		}
		defer c.remove()
	} else {
		if c, err = b.warmClone(ctx); err != nil {
			return err
		}
		fmt.Fprintf(b.cfg.Stderr, "where: a first run of %s, which warms the caches\n", name)
		if _, err := c.run(ctx, b.looked[0], b.looked[1:]...); err != nil {
			return fmt.Errorf("the first run, which warms the caches: %w", err)
		}
	}
	fmt.Fprintf(b.cfg.Stderr, "where: watching %s, %s\n", name, caches)
	processes, missing, failure := b.watch(ctx, b.clock, func(ctx context.Context) error {
		// The reader sees the command's output, as without a watcher.
		cmd := command.Cmd{Dir: c.dir, Env: slices.Concat(b.env, c.env), Stdout: b.cfg.Stderr, Stderr: b.cfg.Stderr}
		return b.execute(ctx, cmd, b.looked[0], b.looked[1:]...)
	})
	if len(processes) == 0 {
		return errors.Join(failure, fmt.Errorf("watching %s: no process was seen", name))
	}
	report := where.Analyse(processes, os.Getpid())
	report.Command, report.Missing = name+", "+caches, missing
	if err := report.WriteText(b.cfg.Stdout); err != nil {
		return errors.Join(failure, err)
	}
	fmt.Fprintln(b.cfg.Stdout)
	data, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return errors.Join(failure, fmt.Errorf("writing the timeline: %w", err))
	}
	path, err := b.cfg.Path("where.json")
	if err != nil {
		return errors.Join(failure, err)
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o600); err != nil {
		return errors.Join(failure, fmt.Errorf("writing the timeline: %w", err))
	}
	if failure != nil {
		// The command failed. The timeline is shown, but it does not count as a figure.
		return failure
	}
	b.add("where: "+report.Command, report.Seconds, "s", fmt.Sprintf("watched; %s s of processor time, compilations of awscdk/v2: %s", number(report.CPUSeconds), report.CountOfCDK()))
	return nil
}
