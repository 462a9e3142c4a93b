// Package program runs the targets that are too heavy for the magefile. The first target on a
// fresh machine should not have to compile an embedded AWS. All of these targets are commands
// of one program, which is linked once.
package program

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/internal/executable"
	"github.com/magewright/magewright/tools/internal/gocmd"
	"github.com/magewright/magewright/tools/internal/inputs"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/target"
)

// source is the directory of the program. Everything that the program is built from is below
// it or in the module files.
const source, below = "./tools/magewright", "tools"

// Flag returns the command-line flag of an optional argument of a target. It is "" if the
// argument was not given.
func Flag[T any](name string, value *T) string {
	if value == nil {
		return ""
	}
	return fmt.Sprintf("-%s=%v", name, *value)
}

// Flags returns an empty set of flags for the command of a target.
func Flags(target string) *flag.FlagSet { return flag.NewFlagSet(target, flag.ContinueOnError) }

// Parse reads the flags of a command, which takes no other arguments. The error is
// [flag.ErrHelp] if help was asked for and printed.
func Parse(flags *flag.FlagSet, args []string) error {
	err := flags.Parse(args)
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("unexpected arguments: %v", flags.Args())
	}
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		return &exit.Error{Code: exit.Usage, Err: err, Next: "go tool mage -h " + flags.Name()}
	}
	return err
}

// Run runs a command of the program on this terminal. If it fails, it has already printed the
// reason, so this process ends with its exit code; otherwise Mage would print it again. If
// the program has to be built first, Run says so, and runs the other functions meanwhile.
func Run(ctx context.Context, name string, flags ...string) error {
	code, err := run(ctx, name, flags...)
	if code > 0 {
		os.Exit(code)
	}
	return err
}

// run returns the exit code of the program if the program failed.
func run(ctx context.Context, name string, flags ...string) (code int, err error) {
	err = target.Run(ctx, func(ctx context.Context, cfg project.Config) error {
		executable, err := Build(ctx, cfg)
		if err != nil {
			return err
		}
		args := []string{name}
		for _, flag := range flags {
			if flag != "" {
				args = append(args, flag)
			}
		}
		// Stopping or restoring something on AWS takes more than a moment.
		run := command.Cmd{Dir: cfg.Dir, Stdin: os.Stdin, Stdout: cfg.Stdout, Stderr: cfg.Stderr, Interactive: true, Patient: true}
		err = run.Run(ctx, executable, args...)
		code = command.ExitCode(err)
		return err
	})
	return code, err
}

// Build builds the program unless it exists for the same sources. It returns the program's
// path.
func Build(ctx context.Context, cfg project.Config) (string, error) {
	// Most commands need the CDK. If something is wrong with it, they say so.
	return buildAnd(ctx, cfg, cdk.Install)
}

// buildAnd also runs another function if it has to compile.
func buildAnd(ctx context.Context, cfg project.Config, also func(context.Context, project.Config) error) (string, error) {
	set, err := read(ctx, cfg)
	if err != nil {
		return "", err
	}
	return executable.Of(ctx, "magewright", set.Key("program"), cfg.Stderr, func(ctx context.Context, out string, stdout, stderr io.Writer) error {
		var meanwhile sync.WaitGroup
		defer meanwhile.Wait()
		meanwhile.Go(func() {
			quiet := cfg
			quiet.Stdout, quiet.Stderr = io.Discard, io.Discard
			_ = also(ctx, quiet)
		})
		build := gocmd.In(cfg.Dir)
		build.Stdout, build.Stderr = stdout, stderr
		return build.Run(ctx, "build", "-o", out, source)
	})
}

// read returns what the program is built from: the sources below tools, the module's
// requirements and the toolchain.
func read(ctx context.Context, cfg project.Config) (inputs.Set, error) {
	tree, err := inputs.ReadTree(filepath.Join(cfg.Dir, below))
	if err != nil {
		return nil, err
	}
	set := inputs.Set{}
	set.Files(tree, func(name string) bool {
		return !strings.HasSuffix(name, "_test.go") && !strings.HasPrefix(name, "testdata/") && !strings.Contains(name, "/testdata/")
	})
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join(cfg.Dir, name)) // #nosec G304 -- a file of the project
		if err != nil {
			return nil, fmt.Errorf("reading what %s is built from: %w", source, err)
		}
		set["file "+name] = inputs.Hash(string(data))
	}
	return set, set.Go(ctx, cfg.Dir)
}
