//go:build unix

package lambda

import (
	"os"
	"os/exec"
	"syscall"
)

// group makes the processes that cmd starts end together with it.
func group(cmd *exec.Cmd) { cmd.SysProcAttr = attributes() }

func killGroup(p *os.Process) {
	// It fails if nothing of the group is left, which is what we want.
	_ = syscall.Kill(-p.Pid, syscall.SIGKILL)
}
