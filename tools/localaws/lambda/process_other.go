//go:build !unix

package lambda

import (
	"os"
	"os/exec"
)

// group leaves cmd unchanged. Without process groups, only the process itself
// can be ended.
func group(*exec.Cmd) {}

func killGroup(p *os.Process) {
	// An error means that the process has ended.
	_ = p.Kill()
}
