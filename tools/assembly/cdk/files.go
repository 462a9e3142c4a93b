package cdk

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// CacheDir is the directory of an assembly in which the CDK CLI keeps packed assets. The CLI
// uploads what it finds there, so a deployment clears it first.
const CacheDir = ".cache"

// readLock is a file that the CDK CLI has in an assembly while it reads it. It stays there if
// the CLI is killed.
var readLock = regexp.MustCompile(`^read\.[0-9]+\.[0-9]+\.lock$`)

// Digests returns the SHA-256 of each file of an assembly, by its path with slashes. It
// leaves out what the CDK CLI adds when it deploys: its cache, and the locks of its readers.
// For a link that stays in the assembly, it returns the SHA-256 of the link's target path;
// the target itself is listed too. Anything else is refused.
func Digests(assembly string) (map[string]string, error) {
	sums := map[string]string{}
	err := filepath.WalkDir(assembly, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(assembly, path)
		if err != nil {
			return err
		}
		switch name = filepath.ToSlash(name); {
		case entry.IsDir() && name == CacheDir:
			return fs.SkipDir
		case entry.IsDir() || readLock.MatchString(name):
			return nil
		case entry.Type()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			if filepath.IsAbs(to) || !filepath.IsLocal(filepath.Join(filepath.Dir(filepath.FromSlash(name)), to)) {
				return fmt.Errorf("%s is a link to %s, which is outside of it", name, to)
			}
			sums[name] = sum([]byte("link to " + to))
			return nil
		case !entry.Type().IsRegular():
			return fmt.Errorf("%s is neither a file nor a directory", name)
		}
		sums[name], err = HashFile(path)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the cloud assembly: %w", err)
	}
	return sums, nil
}
