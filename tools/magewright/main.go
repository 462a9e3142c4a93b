// Command magewright runs the targets that are too heavy for the magefile:
// those that talk to AWS, or are one. The targets build it once, see package
// program.
//
//	magewright COMMAND [FLAGS]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/magewright/magewright/tools/assess"
	"github.com/magewright/magewright/tools/attest"
	"github.com/magewright/magewright/tools/bench"
	"github.com/magewright/magewright/tools/deploy"
	"github.com/magewright/magewright/tools/drill"
	"github.com/magewright/magewright/tools/evidence/kmssign"
	"github.com/magewright/magewright/tools/exit"
	"github.com/magewright/magewright/tools/local"
	"github.com/magewright/magewright/tools/pipelinestatus"
	"github.com/magewright/magewright/tools/plan"
	"github.com/magewright/magewright/tools/program"
	"github.com/magewright/magewright/tools/promote"
	"github.com/magewright/magewright/tools/rehearse"
	"github.com/magewright/magewright/tools/smoke"
	"github.com/magewright/magewright/tools/target"
)

// commands are the heavy targets by the names by which the magefile calls them.
var commands = map[string]func(context.Context, []string) error{
	"attest":          attest.Main,
	"bench":           bench.Main,
	"deploy":          deployment,
	"drill":           drill.Main,
	"evidence:key":    without("evidence:key", kmssign.Print),
	"local":           local.Main,
	"pipeline:status": pipelinestatus.Main,
	"plan":            plan.Main,
	"promote":         promotion,
	"readiness":       assess.Main,
	"rehearse":        rehearse.Main,
	"smoke":           without("smoke", smoke.Stage("staging")),
}

// without returns a command without flags.
func without(name string, f target.Func) func(context.Context, []string) error {
	return func(ctx context.Context, args []string) error {
		if err := program.Parse(program.Flags(name), args); err != nil {
			return err
		}
		return target.Run(ctx, f)
	}
}

// deployment deploys a stack.
func deployment(ctx context.Context, args []string) error {
	flags := program.Flags("deploy-staging")
	name := flags.String("stack", "", "the `name` of a stack in the cloud assembly")
	if err := program.Parse(flags, args); err != nil {
		return err
	}
	return target.Run(ctx, deploy.Stack(*name))
}

// promotion takes the cloud assembly to production.
func promotion(ctx context.Context, args []string) error {
	flags := program.Flags("promote")
	reason := flags.String("breakGlass", "", "why to deploy although the evidence does not allow it")
	if err := program.Parse(flags, args); err != nil {
		return err
	}
	given := false
	flags.Visit(func(f *flag.Flag) { given = given || f.Name == "breakGlass" })
	if given {
		return target.Run(ctx, promote.BreakGlass(*reason))
	}
	return target.Run(ctx, promote.Run)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	exit.Now(err)
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 || commands[args[0]] == nil {
		names := strings.Join(slices.Sorted(maps.Keys(commands)), ", ")
		return &exit.Error{Code: exit.Usage, Err: fmt.Errorf("want one of %s, not %q", names, args), Next: "go tool mage -l"}
	}
	err := commands[args[0]](ctx, args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	return err
}
