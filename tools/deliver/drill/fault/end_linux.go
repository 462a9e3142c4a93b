package fault

import (
	"os/exec"
	"syscall"
)

// endWithUs makes a process die with this one, even if this one is killed.
func endWithUs(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
