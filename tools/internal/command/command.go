// Package command runs programs that end when their context ends. It asks the
// whole process group to stop and, after a grace period, kills it.
package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Grace is how long a program may take to stop after the request to stop.
const Grace = 5 * time.Second

// A Cmd says where and how to run programs. Its zero value runs them in the
// current directory and discards their output.
type Cmd struct {
	Dir    string
	Env    []string // the complete environment; nil inherits this process's
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	// Interactive leaves the program in this process's group, so that it can
	// read from the terminal. Ctrl-C then reaches it directly from the terminal.
	Interactive bool
	// Patient waits for the program as long as it takes to stop, and the error then
	// has its exit code. Others are killed after Grace.
	Patient bool
}

// Run runs a program to its end. The error names the program and says how it ended.
func (c Cmd) Run(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...) // #nosec G204 -- running what the caller names is the purpose
	cmd.Dir, cmd.Env = c.Dir, c.Env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Stdin, c.Stdout, c.Stderr
	if !c.Patient {
		cmd.WaitDelay = Grace
	}
	isolate(cmd, c.Interactive)
	err := cmd.Run()
	if ctxErr := ctx.Err(); ctxErr != nil && err != nil {
		if _, exited := errors.AsType[*exec.ExitError](err); exited && c.Patient {
			return fmt.Errorf("running %s: %w: %w", name, context.Cause(ctx), err)
		}
		return fmt.Errorf("running %s: %w", name, context.Cause(ctx))
	}
	if err != nil {
		return fmt.Errorf("running %s: %w", line(name, args), err)
	}
	return nil
}

// Output runs a program and returns its standard output without surrounding
// white space. If Stderr is nil, the error ends with what the program wrote to
// standard error.
func (c Cmd) Output(ctx context.Context, name string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	c.Stdout = &stdout
	if c.Stderr == nil {
		c.Stderr = &stderr
	}
	err := c.Run(ctx, name, args...)
	if said := strings.TrimSpace(stderr.String()); err != nil && said != "" {
		err = fmt.Errorf("%w: %s", err, said)
	}
	return strings.TrimSpace(stdout.String()), err
}

// ExitCode returns the exit code in an error of Run. It returns -1 if the
// program did not exit by itself.
func ExitCode(err error) int {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	return -1
}

// Environ returns this process's environment with each of set ("NAME=value"),
// which replace earlier values.
func Environ(set ...string) []string { return append(os.Environ(), set...) }

// longest is how much of a command line is shown. A list of all files of a project
// would hide what was said about it.
const longest = 400

func line(name string, args []string) string {
	text := strings.Join(append([]string{name}, args...), " ")
	if len(text) <= longest {
		return text
	}
	return strings.ToValidUTF8(text[:longest], "") + " ..."
}
