package dev

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/gitcmd"
)

// between is the time between two looks at the files.
const between = 200 * time.Millisecond

// A watch notices which files were saved. It compares the size and the time of each file that
// git would not ignore. That takes a few milliseconds for thousands of files. It works on
// every system and file system, including those of containers and virtual machines that don't
// pass on notifications. It needs none of the kernel's watches, of which there is a limited
// number.
type watch struct {
	ctx   context.Context
	dir   string
	files map[string]state // by their paths relative to dir, with slashes
	dirs  map[string]state
}

// A state is the state in which a file was found.
type state struct {
	size     int64
	modified time.Time
}

// newWatch returns a watch of a checkout. It reports what is saved from now on.
func newWatch(ctx context.Context, dir string) (*watch, error) {
	w := &watch{ctx: ctx, dir: dir}
	return w, w.list()
}

// list asks git for the files.
func (w *watch) list() error {
	listed, err := gitcmd.In(w.dir).Output(w.ctx, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return fmt.Errorf("finding the files to watch: %w", err)
	}
	w.files, w.dirs = map[string]state{}, map[string]state{}
	for name := range strings.SplitSeq(listed, "\x00") {
		if name == "" {
			continue
		}
		w.files[name] = w.look(name)
		for dir := path.Dir(name); ; dir = path.Dir(dir) {
			if _, known := w.dirs[dir]; known {
				break
			}
			w.dirs[dir] = w.look(dir)
			if dir == "." {
				break
			}
		}
	}
	return nil
}

// look returns the state of a file, or the zero value if it does not exist.
func (w *watch) look(name string) state {
	info, err := os.Lstat(filepath.Join(w.dir, filepath.FromSlash(name)))
	if err != nil {
		return state{}
	}
	s := state{modified: info.ModTime()}
	if info.Mode().IsRegular() || info.Mode().Type() == fs.ModeSymlink {
		s.size = info.Size()
	}
	return s
}

// changed returns the files that differ from the last time, sorted.
func (w *watch) changed() ([]string, error) {
	var all []string
	before := w.files
	// A file can only be new or deleted if the time of its directory has changed.
	for dir, was := range w.dirs {
		if w.look(dir) != was {
			if err := w.list(); err != nil {
				return nil, err
			}
			for name, now := range w.files {
				if was, known := before[name]; !known || was != now {
					all = append(all, name)
				}
			}
			for name, was := range before {
				if _, is := w.files[name]; !is && was != (state{}) {
					all = append(all, name)
				}
			}
			slices.Sort(all)
			return all, nil
		}
	}
	for name, was := range w.files {
		if now := w.look(name); now != was {
			w.files[name] = now
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all, nil
}

// looks is how often git may fail in a row, such as while somebody repairs the repository.
const looks = 10

// next waits until files are saved, and until no more are: an editor that formats writes
// a file twice, and git checkout writes many. It fails when ctx ends, and when git goes on
// failing.
func (w *watch) next(ctx context.Context, c clock.Clock) ([]string, error) {
	var all []string
	failed := 0
	for {
		changed, err := w.changed()
		if err == nil {
			failed = 0
		} else if failed++; failed == looks && ctx.Err() == nil {
			return nil, err
		}
		if err == nil && len(changed) == 0 && len(all) > 0 {
			slices.Sort(all)
			return slices.Compact(all), nil
		}
		all = append(all, changed...)
		wait := between
		if len(all) > 0 {
			wait = settle
		}
		if err := clock.Sleep(ctx, c, wait); err != nil {
			return nil, err
		}
	}
}

// settle is how long nothing may be saved before the loop starts working.
const settle = 50 * time.Millisecond
