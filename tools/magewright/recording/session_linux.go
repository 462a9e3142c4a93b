package main

import "syscall"

// leader makes a program the leader of a session whose terminal is its standard input. See
// setsid(2).
func leader() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true, Setctty: true} }
