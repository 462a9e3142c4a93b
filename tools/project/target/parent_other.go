//go:build !linux

package target

// dieWithParent can't be asked for on this system.
func dieWithParent() {}
