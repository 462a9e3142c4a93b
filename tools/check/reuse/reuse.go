// Package reuse runs the work of a target unless its result is known. The same files, tools,
// settings and variables give the same result, which package actioncache keeps.
package reuse

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/actioncache"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/heartbeat"
	"github.com/magewright/magewright/tools/internal/inputs"
	"github.com/magewright/magewright/tools/project"
)

// The roots of outputs; see [actioncache.Roots].
const (
	Evidence = "evidence" // cfg.Evidence
	Assembly = "assembly" // cfg.Assembly
)

// Work is what a target, or a step of it, does.
type Work struct {
	Name string // of the target or the step, such as "lint"
	// Inputs returns everything that the result depends on.
	Inputs func(context.Context, project.Config) (inputs.Set, error)
	// Outputs are the files and directories that the work leaves, as ROOT/PATH.
	Outputs []string
	// Run does the work. If it fails, nothing is kept.
	Run func(context.Context, project.Config) error
	// Adopt turns outputs that were made for another commit into those of cfg.Commit. It may
	// be nil.
	Adopt func(project.Config, actioncache.Record) error
	// Judges says that the result is only taken from what a judge has computed, and kept there.
	Judges bool
}

// ErrNotKept is what [Work.Run] returns if it has succeeded but its result must not be used
// again.
var ErrNotKept = errors.New("the result is not kept")

// Do runs the work, or takes its result from the cache and says so.
func (w Work) Do(ctx context.Context, cfg project.Config) error {
	start := clock.System().Now()
	set, err := w.Inputs(ctx, cfg)
	if err != nil {
		return fmt.Errorf("reading what %s depends on: %w", w.Name, err)
	}
	open := actioncache.Open
	if w.Judges {
		open = func() (*actioncache.Cache, error) { return actioncache.Named(actioncache.Judge) }
	}
	cache, err := open()
	if err != nil {
		// For example without a home directory: everything runs, and nothing is kept.
		fmt.Fprintf(cfg.Stderr, "%s: %v\n", w.Name, err)
		return notKept(w.Run(ctx, cfg))
	}
	if cfg.Force {
		// If it fails now, the kept result must not be used the next time.
		if err := cache.Forget(set.Key(w.Name)); err != nil {
			fmt.Fprintf(cfg.Stderr, "%s: %v\n", w.Name, err)
		}
	} else {
		record, err := w.take(cfg, cache, set)
		if err == nil {
			fmt.Fprintf(cfg.Stdout, "%s%s: unchanged since %s, %.1f s\n", record.Output, w.Name, when(record.FinishedOn, start), clock.Since(clock.System(), start).Seconds())
			return nil
		}
		if !errors.Is(err, actioncache.ErrMiss) {
			fmt.Fprintf(cfg.Stderr, "%s: %v\n", w.Name, err)
		}
	}
	most := fewChanges
	if cfg.Why {
		most = len(set)
	}
	fmt.Fprintf(cfg.Stderr, "%s runs: %s\n", w.Name, w.why(cfg, set, most))
	var said bytes.Buffer
	teed := cfg
	teed.Stdout = io.MultiWriter(cfg.Stdout, &said)
	err = heartbeat.During(clock.System(), teed.Stdout, teed.Stderr, w.Name, func(stdout, stderr io.Writer) error {
		teed.Stdout, teed.Stderr = stdout, stderr
		return w.Run(ctx, teed)
	})
	if err != nil {
		return notKept(err)
	}
	return w.keep(ctx, cfg, cache, set, said.String())
}

// notKept turns ErrNotKept into success.
func notKept(err error) error {
	if errors.Is(err, ErrNotKept) {
		return nil
	}
	return err
}

func roots(cfg project.Config) actioncache.Roots {
	return actioncache.Roots{Evidence: cfg.Evidence, Assembly: cfg.Assembly}
}

// take copies the outputs from the cache.
func (w Work) take(cfg project.Config, cache *actioncache.Cache, set inputs.Set) (actioncache.Record, error) {
	record, err := cache.Lookup(w.Name, set.Key(w.Name))
	if err != nil {
		return record, err
	}
	if err := cache.Restore(record, roots(cfg), w.Outputs...); err != nil {
		return record, err
	}
	if w.Adopt != nil {
		if err := w.Adopt(cfg, record); err != nil {
			return record, err
		}
	}
	return record, w.remember(cfg, set)
}

// keep stores the outputs in the cache if the inputs have not changed. If somebody changed
// files meanwhile, the result belongs to unknown files. If nothing can be kept, keep says so,
// but the work does not fail because of it.
func (w Work) keep(ctx context.Context, cfg project.Config, cache *actioncache.Cache, set inputs.Set, said string) error {
	after, err := w.Inputs(ctx, cfg)
	if err != nil {
		return fmt.Errorf("reading what %s depends on: %w", w.Name, err)
	}
	if changed := set.Diff(after); len(changed) > 0 {
		fmt.Fprintf(cfg.Stderr, "%s: the result is not kept, because %s changed while it ran\n", w.Name, list(changed, fewChanges))
		return nil
	}
	record := actioncache.Record{
		Action: w.Name, Key: set.Key(w.Name), Inputs: set, Output: said,
		FinishedOn: clock.System().Now().UTC(), Commit: cfg.Commit, Dirty: cfg.Dirty, Build: os.Getenv("CODEBUILD_BUILD_ID"),
	}
	if err := errors.Join(cache.Put(record, roots(cfg), w.Outputs...), cache.Trim()); err != nil {
		fmt.Fprintf(cfg.Stderr, "%s: %v\n", w.Name, err)
	}
	return w.remember(cfg, set)
}

// remember records what the work's last success in this directory read, for why.
func (w Work) remember(cfg project.Config, set inputs.Set) error {
	path, err := cfg.Path("inputs", w.Name+".json")
	if err != nil {
		return err
	}
	data, err := json.Marshal(set)
	if err != nil {
		return fmt.Errorf("recording what %s depends on: %w", w.Name, err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return fmt.Errorf("recording what %s depends on: %w", w.Name, err)
	}
	return nil
}

// why says what has changed since the work's last success in this directory.
func (w Work) why(cfg project.Config, set inputs.Set, most int) string {
	if cfg.Force {
		return "-force was given"
	}
	data, err := os.ReadFile(filepath.Join(cfg.Evidence, "inputs", w.Name+".json")) // #nosec G304 -- below the evidence directory
	if err != nil {
		return "it has not passed here before"
	}
	var before inputs.Set
	if err := json.Unmarshal(data, &before); err != nil {
		return "what it read the last time can't be read"
	}
	changed := set.Diff(before)
	if len(changed) == 0 {
		return "its last result is no longer in the cache"
	}
	return list(changed, most) + " changed"
}

// fewChanges is how many changed inputs are named unless somebody asks why.
const fewChanges = 3

// list names the first of the changed inputs.
func list(names []string, most int) string {
	for i, name := range names {
		names[i] = strings.TrimPrefix(name, "file ")
	}
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// when formats a time for a reader, without the day if that is today.
func when(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format("15:04")
	}
	return t.Format("2006-01-02 15:04")
}

// Adopt returns a function that turns the statements NAME.intoto.json, which were made for
// another commit with the same inputs, into statements about cfg.Commit. They keep the time
// at which the work ended and say where they come from, so that whoever uses them can judge
// that.
func Adopt(names ...string) func(project.Config, actioncache.Record) error {
	return func(cfg project.Config, r actioncache.Record) error {
		for _, name := range names {
			err := evidence.Adopt(cfg.Evidence, name, cfg.Commit, cfg.Dirty, Origin(r))
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// Origin says where the result in a record comes from.
func Origin(r actioncache.Record) evidence.Reused {
	return evidence.Reused{Key: r.Key, Commit: r.Commit, FinishedOn: r.FinishedOn, Build: r.Build}
}
