//go:build !unix

package command

import "os/exec"

// isolate leaves cmd as it is: without process groups only the program itself
// is ended.
func isolate(*exec.Cmd, bool) {}
