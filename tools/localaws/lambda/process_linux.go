package lambda

import "syscall"

// attributes make a process the leader of its own group, which dies with us.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
