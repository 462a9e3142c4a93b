// Package usersecret stores random secrets of this user. They serve to derive
// keys that must outlive a process and that others must not know.
package usersecret

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Size is the length of a secret in bytes.
const Size = 32

// Read returns the secret with a name, such as "actions.key". It is a file in
// the directory magewright of the user's configuration, and only the user may
// read it. Read creates the secret if there is none. Concurrent processes get
// the same secret.
func Read(name string) ([]byte, error) {
	config, err := os.UserConfigDir()
	if err != nil {
		return nil, fmt.Errorf("finding the secret %s: %w", name, err)
	}
	dir := filepath.Join(config, "magewright")
	secret, err := read(dir, filepath.Join(dir, name))
	if err != nil {
		return nil, fmt.Errorf("reading the secret %s: %w", name, err)
	}
	return secret, nil
}

func read(dir, file string) ([]byte, error) {
	for range 2 {
		secret, err := os.ReadFile(file) // #nosec G304 -- a file of the user's configuration
		if err == nil && len(secret) == Size {
			return secret, nil
		}
		// The file is cut off, so nothing can have been derived from it.
		if err == nil {
			err = os.Remove(file)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		if err := publish(dir, file); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%s is not %d bytes", file, Size)
}

// publish writes a complete new secret, unless another process was faster.
func publish(dir, file string) (err error) {
	secret := make([]byte, Size)
	// This never fails.
	_, _ = rand.Read(secret)
	aside, err := os.CreateTemp(dir, ".writing-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(aside.Name())) }()
	_, err = aside.Write(secret)
	if err := errors.Join(err, aside.Sync(), aside.Close()); err != nil {
		return err
	}
	if err := os.Link(aside.Name(), file); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
