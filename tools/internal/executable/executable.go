// Package executable keeps the programs that targets need in the user's cache.
// Their key is what they are built from, so checkouts of the same sources, such
// as those of builds, share them.
package executable

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/heartbeat"
)

// A Build builds the executable into the file out. It may print its progress.
type Build func(ctx context.Context, out string, stdout, stderr io.Writer) error

// Of returns the path of the executable for a name and a key. The key is a
// digest of everything that the executable is built from. If there is none, Of
// prints on stderr that it compiles, and builds it.
func Of(ctx context.Context, name, key string, stderr io.Writer, build Build) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding a directory for %s: %w", name, err)
	}
	programs := filepath.Join(cache, "magewright", "programs")
	dir := filepath.Join(programs, name+"-"+key[:32])
	executable := filepath.Join(dir, name)
	if _, err := os.Stat(executable); err == nil {
		now := clock.System().Now()
		// This records the last use, for trim.
		return executable, os.Chtimes(dir, now, now)
	}
	fmt.Fprintf(stderr, "compiling %s: seconds after a change, minutes on a fresh machine\n", name)
	if err := os.MkdirAll(programs, 0o750); err != nil {
		return "", fmt.Errorf("building %s: %w", name, err)
	}
	// Another target may do the same concurrently. Each builds into its own
	// directory, and the first to finish wins.
	aside, err := os.MkdirTemp(programs, building)
	if err != nil {
		return "", fmt.Errorf("building %s: %w", name, err)
	}
	// After a rename, there is nothing left to remove.
	defer func() { _ = os.RemoveAll(aside) }()
	err = heartbeat.During(clock.System(), stderr, stderr, "compiling "+name, func(stdout, stderr io.Writer) error {
		return build(ctx, filepath.Join(aside, name), stdout, stderr)
	})
	if err != nil {
		return "", fmt.Errorf("building %s: %w", name, err)
	}
	if err := os.Rename(aside, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, statErr := os.Stat(executable); statErr != nil {
			return "", fmt.Errorf("building %s: %w", name, err)
		}
	}
	return executable, trim(programs, name, clock.System().Now())
}

// building is the prefix of the names of unfinished builds.
const building = "building-"

// kept is how many executables are kept for a name. Each has about ten megabytes.
const kept = 6

// abandoned is the age after which the remains of a crashed build are removed.
const abandoned = 24 * time.Hour

// trim removes all executables of a name except the most recently used ones. An
// executable that is running continues to run; its file is gone when it ends.
func trim(programs, name string, now time.Time) error {
	entries, err := os.ReadDir(programs)
	if err != nil {
		return fmt.Errorf("removing older programs: %w", err)
	}
	newest := map[string]fs.FileInfo{}
	for _, entry := range entries {
		info, err := entry.Info()
		switch {
		// Another process has removed it.
		case err != nil:
		case strings.HasPrefix(entry.Name(), building):
			if now.Sub(info.ModTime()) > abandoned {
				// Another process may be doing the same.
				_ = os.RemoveAll(filepath.Join(programs, entry.Name()))
			}
		case strings.HasPrefix(entry.Name(), name+"-"):
			newest[entry.Name()] = info
		}
	}
	for len(newest) > kept {
		oldest := ""
		for name, info := range newest {
			if oldest == "" || info.ModTime().Before(newest[oldest].ModTime()) {
				oldest = name
			}
		}
		delete(newest, oldest)
		if err := os.RemoveAll(filepath.Join(programs, oldest)); err != nil {
			return fmt.Errorf("removing older programs: %w", err)
		}
	}
	return nil
}
