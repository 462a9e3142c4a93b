//go:build unix && !linux

package buildspec

import "syscall"

// members returns the groups that have a process, as kill(2) takes them.
func members(groups []int) []process {
	var alive []process
	for _, g := range groups {
		if syscall.Kill(-g, 0) == nil {
			alive = append(alive, process{-g, g})
		}
	}
	return alive
}
