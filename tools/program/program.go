// Package program runs a command of this project that is too heavy to be part
// of the magefile: the first target on a fresh machine should not have to
// compile an embedded AWS.
package program

import (
	"context"
	"fmt"
	"os"
	"path"

	"github.com/magewright/magewright/tools/command"
	"github.com/magewright/magewright/tools/exit"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/target"
)

// Flag returns the command-line flag of an optional argument of a target, or
// "" where it was not given.
func Flag[T any](name string, value *T) string {
	if value == nil {
		return ""
	}
	return fmt.Sprintf("-%s=%v", name, *value)
}

// Run builds the command in dir, such as ./tools/rehearse, and runs it on this
// terminal. Its exit code becomes the target's.
func Run(ctx context.Context, dir string, flags ...string) error {
	return target.Run(ctx, func(ctx context.Context, cfg project.Config) error {
		executable, err := cfg.Path("bin", path.Base(dir))
		if err != nil {
			return err
		}
		build := command.Cmd{Dir: cfg.Dir, Stdout: cfg.Stdout, Stderr: cfg.Stderr}
		if err := build.Run(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", executable, dir); err != nil {
			return fmt.Errorf("building %s: %w", dir, err)
		}
		var args []string
		for _, flag := range flags {
			if flag != "" {
				args = append(args, flag)
			}
		}
		run := command.Cmd{Dir: cfg.Dir, Stdin: os.Stdin, Stdout: cfg.Stdout, Stderr: cfg.Stderr, Interactive: true}
		err = run.Run(ctx, executable, args...)
		if code := command.ExitCode(err); code > 0 {
			// The program has said what is wrong.
			return &exit.Error{Code: code, Err: fmt.Errorf("%s ended with exit code %d", path.Base(dir), code)}
		}
		return err
	})
}
