// Package usersecret keeps random secrets of this user, from which keys are
// derived that must outlive a process and that others must not know.
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

// Read returns the secret of a name, such as "actions.key": a file in the
// directory magewright of the user's configuration, which only the user may
// read. It is made where there is none. Processes that ask for it at once get
// the same.
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
		if err == nil { // cut off: nothing was derived from it
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

// publish writes a new secret, whole, unless another process was first.
func publish(dir, file string) (err error) {
	secret := make([]byte, Size)
	_, _ = rand.Read(secret) // never fails
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
