package patchcover

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Digests are the SHA-256 of Go sources in hexadecimal, by their path from the root with
// slashes.
type Digests map[string]string

// DigestSources returns the digests of the Go files below dir. Like the go command, it
// ignores names that begin with a dot or an underscore. It also ignores the directories in
// skip.
func DigestSources(dir string, skip ...string) (Digests, error) {
	digests := Digests{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if path != dir && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "node_modules" || slices.Contains(skip, path)) {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".go" || !entry.Type().IsRegular() {
			return nil
		}
		data, err := os.ReadFile(path) // #nosec G304 G122 -- a source of this repository
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		digests[filepath.ToSlash(relative)] = hex.EncodeToString(sum[:])
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("recording which sources are tested: %w", err)
	}
	return digests, nil
}

// Unchanged returns the digests that are the same in both.
func (d Digests) Unchanged(later Digests) Digests {
	same := maps.Clone(d)
	maps.DeleteFunc(same, func(file, digest string) bool { return later[file] != digest })
	return same
}
