package target

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// dieWithParent asks for a SIGTERM when mage is killed, because mage does not pass on the
// signals that end it. See prctl(2), PR_SET_PDEATHSIG.
func dieWithParent() {
	_ = unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGTERM), 0, 0, 0) // best effort
}
