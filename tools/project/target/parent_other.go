//go:build !linux

package target

// dieWithParent does nothing, because this system does not have such a request.
func dieWithParent() {}
