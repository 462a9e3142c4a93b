//go:build unix && !linux

package lambda

import "syscall"

// attributes makes a process the leader of its own group.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
