//go:build !linux

package fault

import "os/exec"

// endWithUs leaves cmd as it is, because AWS runs Linux. On other systems, the rehearsal ends
// the process group.
func endWithUs(*exec.Cmd) {}
