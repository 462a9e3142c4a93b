//go:build unix

package codebuild

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lock locks a file, or returns errTaken. The lock ends with the process that holds it.
func lock(file string) (unlock func() error, err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600) // #nosec G304 -- in the directory of builds
	if err != nil {
		return nil, err
	}
	fd := int(f.Fd()) // #nosec G115 -- a file descriptor is small
	err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = errTaken
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	// A process that is forked at this moment also has the file open, until it
	// executes its program. Closing only our file would not release the lock.
	return func() error { return errors.Join(unix.Flock(fd, unix.LOCK_UN), f.Close()) }, nil
}
