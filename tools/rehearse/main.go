// Command rehearse takes HEAD through the synthesized pipeline to production on
// this machine, without an AWS account and without Docker.
//
// It starts the embedded AWS, or uses the one that AWS_ENDPOINT_URL names,
// bootstraps it, deploys the pipeline's stack and starts an execution; all of
// it by the API that AWS has. What the pipeline runs are the same targets that
// a developer runs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/magewright/magewright/tools/exit"
	"github.com/magewright/magewright/tools/project"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	exit.Now(err)
}

// options are the command line.
type options struct {
	approve bool
	base    string
	keep    bool
	speed   float64
}

func run(ctx context.Context, args []string) error {
	var o options
	flags := flag.NewFlagSet("rehearse", flag.ContinueOnError)
	flags.BoolVar(&o.approve, "approve", false, "answer the approval with yes")
	flags.StringVar(&o.base, "base", "", "the release that HEAD follows: a `commit`, or none (default the latest tag, else HEAD's parent)")
	flags.BoolVar(&o.keep, "keep", false, "leave the endpoint up at the end")
	flags.Float64Var(&o.speed, "speed", 60, "how many times as fast AWS's waiting goes by")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return &exit.Error{Code: exit.Usage, Err: fmt.Errorf("unexpected arguments: %v", args), Next: "go tool mage -h rehearse"}
	}
	cfg, err := project.Discover(ctx)
	if err != nil {
		return err
	}
	return rehearse(ctx, cfg, o)
}
