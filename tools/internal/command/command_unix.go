//go:build unix

package command

import (
	"os/exec"
	"syscall"
)

// isolate makes cancellation reach everything that cmd starts.
func isolate(cmd *exec.Cmd, interactive bool) {
	if interactive {
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		return
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
}
