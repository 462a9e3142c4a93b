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

// settled is the time that a checkout's directories have, and from which those
// of its files are counted.
var settled = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// setTimes gives each file of a checkout a time that its content decides. git
// makes all files new, and go test, which knows the files that a test has read
// by their times, would believe no earlier result.
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
		// mode SP object SP stage TAB name
		about, name, ok := strings.Cut(entry, "\t")
		fields := strings.Fields(about)
		if !ok || len(fields) < 2 || !strings.HasPrefix(fields[0], "100") {
			continue // a symbolic link or a submodule: neither is read by its time
		}
		digest, err := hex.DecodeString(fields[1])
		if err != nil || len(digest) < 12 {
			return fmt.Errorf("listing the files: %q is no object", fields[1])
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

// contentTime returns a time within eight years of settled. Two contents have
// the same one in 2^57 cases.
func contentTime(digest []byte) time.Time {
	seconds := binary.BigEndian.Uint32(digest) % (1 << 28)
	nanoseconds := binary.BigEndian.Uint64(digest[4:]) % uint64(time.Second)
	return settled.Add(time.Duration(seconds) * time.Second).Add(time.Duration(nanoseconds)) // #nosec G115 -- both are small
}
