//go:build unix && !linux

package lambda

import "syscall"

// attributes make a process the leader of its own group.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
