// Package executable keeps the programs that targets need in the user's cache,
// by what they are built of: checkouts of the same sources, such as those of
// builds, share them.
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

// A Build makes the executable in the file out, and may write what it says of
// its progress.
type Build func(ctx context.Context, out string, stdout, stderr io.Writer) error

// Of returns the path of the executable name that is kept under key, a digest of
// all that it is built of. Where there is none, it says on stderr that it is
// compiled, and builds it.
func Of(ctx context.Context, name, key string, stderr io.Writer, build Build) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding a place for %s: %w", name, err)
	}
	programs := filepath.Join(cache, "magewright", "programs")
	dir := filepath.Join(programs, name+"-"+key[:32])
	executable := filepath.Join(dir, name)
	if _, err := os.Stat(executable); err == nil {
		now := clock.System().Now()
		return executable, os.Chtimes(dir, now, now) // when it was used last, see trim
	}
	fmt.Fprintf(stderr, "compiling %s: seconds after a change, minutes on a fresh machine\n", name)
	if err := os.MkdirAll(programs, 0o750); err != nil {
		return "", fmt.Errorf("building %s: %w", name, err)
	}
	// Another target may be at it in the same moment: each builds aside, and
	// the first to finish wins.
	aside, err := os.MkdirTemp(programs, building)
	if err != nil {
		return "", fmt.Errorf("building %s: %w", name, err)
	}
	defer func() { _ = os.RemoveAll(aside) }() // gone where it was renamed
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

// building is what the names of unfinished builds start with.
const building = "building-"

// kept is how many executables of a name are kept; each is some ten megabytes.
const kept = 6

// abandoned is the age from which what a crash has left of a build is removed.
const abandoned = 24 * time.Hour

// trim removes all of a name but those that were used last. One that runs goes
// on: its file is gone when it ends.
func trim(programs, name string, now time.Time) error {
	entries, err := os.ReadDir(programs)
	if err != nil {
		return fmt.Errorf("removing older programs: %w", err)
	}
	newest := map[string]fs.FileInfo{}
	for _, entry := range entries {
		info, err := entry.Info()
		switch {
		case err != nil: // another process has removed it
		case strings.HasPrefix(entry.Name(), building):
			if now.Sub(info.ModTime()) > abandoned {
				_ = os.RemoveAll(filepath.Join(programs, entry.Name())) // another process may be at it
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
