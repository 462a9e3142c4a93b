package lambda

import "syscall"

// attributes makes a process the leader of its own group, and kills it when
// this program ends.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
