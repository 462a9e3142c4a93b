//go:build unix

package codebuild

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lock takes a lock by a file, which ends with the process that has it, or
// returns errTaken.
func lock(file string) (unlock func() error, err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600) // #nosec G304 -- in the directory of builds
	if err != nil {
		return nil, err
	}
	// The children of a build must not hold it.
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) // #nosec G115 -- a file descriptor is small
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = errTaken
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}
