// Package pseudoterminal opens terminals that have no window. A program in one behaves as if
// a person used it. See pty(7).
package pseudoterminal

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Open returns both ends of a pseudoterminal. Its window has columns and rows; it has no
// size if both are 0. The caller closes both ends.
func Open(columns, rows uint16) (master, slave *os.File, err error) {
	master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("opening a pseudoterminal: %w", err)
	}
	fd := int(master.Fd()) // #nosec G115 -- a file descriptor is small
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil && (columns > 0 || rows > 0) {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: rows})
	}
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("opening a pseudoterminal: %w", err), master.Close())
	}
	return master, slave, nil
}
