package codebuild

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/internal/command"
)

// settled is the modification time of a checkout's directories. The times of
// its files are relative to it.
var settled = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// setTimes gives each file of a checkout a modification time that depends on
// its content. git makes all files new. go test identifies the files that a
// test has read by their times, and would accept no earlier result.
// See https://go.dev/issue/58571.
func setTimes(ctx context.Context, git command.Cmd) error {
	listed, err := git.Output(ctx, "git", "ls-files", "--stage", "-z")
	if err != nil {
		return fmt.Errorf("listing the files: %w", err)
	}
	root, err := os.OpenRoot(git.Dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	dirs := map[string]bool{".": true}
	for entry := range strings.SplitSeq(strings.Trim(listed, "\x00"), "\x00") {
		// The format is: mode SP object SP stage TAB name.
		about, name, ok := strings.Cut(entry, "\t")
		fields := strings.Fields(about)
		if !ok || len(fields) < 2 || !strings.HasPrefix(fields[0], "100") {
			// Symbolic links and submodules are not identified by their times.
			continue
		}
		digest, err := hex.DecodeString(fields[1])
		if err != nil || len(digest) < 12 {
			return fmt.Errorf("listing the files: %q is not an object", fields[1])
		}
		name = filepath.FromSlash(name)
		at := contentTime(digest)
		if err := root.Chtimes(name, at, at); err != nil {
			return err
		}
		for dir := filepath.Dir(name); !dirs[dir]; dir = filepath.Dir(dir) {
			dirs[dir] = true
		}
	}
	for dir := range dirs {
		if err := root.Chtimes(dir, settled, settled); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}

// contentTime returns a time within eight years of settled. The probability
// that two contents have the same time is 2^-57.
func contentTime(digest []byte) time.Time {
	seconds := binary.BigEndian.Uint32(digest) % (1 << 28)
	nanoseconds := binary.BigEndian.Uint64(digest[4:]) % uint64(time.Second)
	return settled.Add(time.Duration(seconds) * time.Second).Add(time.Duration(nanoseconds)) // #nosec G115 -- both are small
}
