//go:build !linux

package enclose

import "syscall"

// choices returns nothing: only Linux has user namespaces.
func choices() [][]identities { return nil }

func attributes([]identities) *syscall.SysProcAttr { return nil }
