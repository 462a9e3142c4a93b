package command

import (
	"errors"
	"os"
	"syscall"
)

// WriteProgram writes a file that this process, or one that it starts, can execute as soon
// as it returns. A program that is started from another goroutine inherits each open file
// until it executes, and Linux does not execute a file that is open for writing ("text file
// busy"), so no program is started meanwhile. See https://go.dev/issue/22315.
func WriteProgram(name string, program []byte) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	f, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o700) // #nosec G302 G304 -- the caller's, and a program
	if err != nil {
		return err
	}
	_, err = f.Write(program)
	return errors.Join(err, f.Close())
}
