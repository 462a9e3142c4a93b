// Package program runs the targets that are too heavy to be part of the
// magefile: the first target on a fresh machine should not have to compile an
// embedded AWS. All of them are commands of one program, which is linked once.
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

// source is where the program is, and below what all that it is made of is.
const source, below = "./tools/magewright", "tools"

// Flag returns the command-line flag of an optional argument of a target, or
// "" where it was not given.
func Flag[T any](name string, value *T) string {
	if value == nil {
		return ""
	}
	return fmt.Sprintf("-%s=%v", name, *value)
}

// Flags returns an empty set of flags for the command of a target.
func Flags(target string) *flag.FlagSet { return flag.NewFlagSet(target, flag.ContinueOnError) }

// Parse reads the flags of a command, which takes no other arguments. The error
// is [flag.ErrHelp] where help was asked for and given.
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

// Run runs a command of the program on this terminal. If it fails, it has said why,
// and this process ends with its exit code: Mage would say it again. If the program
// has to be built first, Run says so, and does also what else can be done meanwhile.
func Run(ctx context.Context, name string, flags ...string) error {
	code, err := run(ctx, name, flags...)
	if code > 0 {
		os.Exit(code)
	}
	return err
}

// run returns the exit code of the program, if that is what has failed.
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
		// What is stopped on AWS, or restored there, takes longer than a moment.
		run := command.Cmd{Dir: cfg.Dir, Stdin: os.Stdin, Stdout: cfg.Stdout, Stderr: cfg.Stderr, Interactive: true, Patient: true}
		err = run.Run(ctx, executable, args...)
		code = command.ExitCode(err)
		return err
	})
	return code, err
}

// Build builds the program, unless one of the same sources is there, and returns
// its path.
func Build(ctx context.Context, cfg project.Config) (string, error) {
	// Most commands need the CDK. What is wrong with it, they say.
	return buildAnd(ctx, cfg, cdk.Install)
}

// buildAnd does also something else, if it has to compile.
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

// read returns what the program is built of: the sources below tools, the
// module's requirements and the toolchain.
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
			return nil, fmt.Errorf("reading what %s is built of: %w", source, err)
		}
		set["file "+name] = inputs.Hash(string(data))
	}
	return set, set.Go(ctx, cfg.Dir)
}
