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
	// An error means that the group is empty, which is the goal.
	_ = syscall.Kill(-p.Pid, syscall.SIGKILL)
}
