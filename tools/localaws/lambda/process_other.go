//go:build !unix

package lambda

import (
	"os"
	"os/exec"
)

// group leaves cmd as it is: without process groups only the process itself is
// ended.
func group(*exec.Cmd) {}

func killGroup(p *os.Process) {
	_ = p.Kill() // it fails if the process has ended
}
