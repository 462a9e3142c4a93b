//go:build !linux

package main

import "syscall"

// leader is not needed on systems where no pseudoterminal can be opened.
func leader() *syscall.SysProcAttr { return nil }
