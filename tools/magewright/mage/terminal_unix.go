//go:build unix

package main

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// foreground reports whether Ctrl-C on a terminal reaches this process, and everything that
// it starts.
func foreground() bool {
	for _, file := range []*os.File{os.Stdin, os.Stdout, os.Stderr} {
		group, err := unix.IoctlGetInt(int(file.Fd()), unix.TIOCGPGRP) // #nosec G115 -- a file descriptor is small
		if err == nil {
			return group == unix.Getpgrp()
		}
	}
	return false
}

// lock takes the lock of a file. The lock ends with the process that holds it. lock returns
// nil if another process holds it.
func lock(file string) (unlock func(), err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600) // #nosec G304 -- beside the magefile
	if err != nil {
		return nil, err
	}
	fd := int(f.Fd()) // #nosec G115 -- a file descriptor is small
	for err = unix.EINTR; errors.Is(err, unix.EINTR); {
		err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	}
	if err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, nil //nolint:nilnil // another one holds it
		}
		return nil, err
	}
	return func() {
		// The end of the process would release the lock too.
		_ = unix.Flock(fd, unix.LOCK_UN)
		_ = f.Close()
	}, nil
}
