//go:build unix && !linux

package buildspec

import "syscall"

// members returns the groups that have a process, in the form that kill(2) takes.
func members(groups []int) []process {
	var alive []process
	for _, g := range groups {
		if syscall.Kill(-g, 0) == nil {
			alive = append(alive, process{-g, g})
		}
	}
	return alive
}
