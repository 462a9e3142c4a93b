//go:build !linux

package fault

import "os/exec"

// endWithUs leaves cmd as it is: AWS runs Linux. Elsewhere a rehearsal ends the
// process group.
func endWithUs(*exec.Cmd) {}
