// Package testinput lets go test see what a test reads through another process.
//
// go test reuses a result while the files that the test has opened or asked for
// are unchanged. It does not know what a child process reads. A test that runs
// `go build ./app` would therefore pass with an old result after app has
// changed. Such a test names what its children read. See `go help test`, and
// https://go.dev/issue/22593.
package testinput

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Read makes files, and everything below directories, inputs of the running
// test binary. Names are relative to the module's root, with slashes.
func Read(t testing.TB, names ...string) {
	t.Helper()
	if err := Files(names...); err != nil {
		t.Fatal(err)
	}
}

// Files is Read for use without a test, for example in TestMain.
func Files(names ...string) error {
	root, err := module()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := read(filepath.Join(root, filepath.FromSlash(name))); err != nil {
			return fmt.Errorf("reading the inputs of a test: %w", err)
		}
	}
	return nil
}

// read asks for a file, or for the content of a directory.
func read(path string) error {
	return filepath.WalkDir(path, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && entry.Name() == "node_modules" {
			return filepath.SkipDir
		}
		// go test takes note of this call.
		_, err = os.Stat(path)
		return err
	})
}

// module returns the root of the module that the test belongs to.
func module() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the module: %w", err)
	}
	for d := dir; ; d = filepath.Dir(d) {
		_, err := os.Stat(filepath.Join(d, "go.mod"))
		if err == nil {
			return d, nil
		}
		if !errors.Is(err, fs.ErrNotExist) || d == filepath.Dir(d) {
			return "", fmt.Errorf("finding the module: there is no go.mod in %s or above it", dir)
		}
	}
}
