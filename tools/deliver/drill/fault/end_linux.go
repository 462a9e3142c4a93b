package fault

import (
	"os/exec"
	"syscall"
)

// endWithUs lets a process die with this one, also where this one is killed.
func endWithUs(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
