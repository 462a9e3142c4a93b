//go:build !unix

package command

import "os/exec"

// isolate leaves cmd unchanged: without process groups, only the program itself
// can be ended.
func isolate(*exec.Cmd, bool) {}
