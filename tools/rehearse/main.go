// Package rehearse takes HEAD through the synthesized pipeline to production on
// this machine, without an AWS account and without Docker.
//
// It starts the embedded AWS, or uses the one in AWS_ENDPOINT_URL. It
// bootstraps that AWS, deploys the pipeline's stack and starts an execution,
// all through AWS's API. The pipeline runs the same targets as a developer does.
package rehearse

import (
	"context"

	"github.com/magewright/magewright/tools/localaws/codebuild"
	"github.com/magewright/magewright/tools/magewright/program"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/readiness/baseline"
	"github.com/magewright/magewright/tools/rehearse/local"
)

// options holds the command line.
type options struct {
	approve bool
	base    string
	forward string
	keep    bool
	speed   float64

	baseVerify bool
	builds     int
}

// Main runs the target with its flags.
func Main(ctx context.Context, args []string) error {
	var o options
	flags := program.Flags("rehearse")
	flags.BoolVar(&o.approve, "approve", false, "answer the approval with yes")
	flags.StringVar(&o.base, "base", "", baseline.Usage)
	flags.StringVar(&o.forward, "forward", "", local.ForwardUsage)
	flags.BoolVar(&o.keep, "keep", false, "keep the endpoint running at the end")
	flags.BoolVar(&o.baseVerify, "baseVerify", false, "take the base through the whole pipeline too")
	flags.IntVar(&o.builds, "builds", codebuild.DefaultConcurrency, "how many builds run at once")
	flags.Float64Var(&o.speed, "speed", 60, "how many times as fast AWS's waits pass")
	if err := program.Parse(flags, args); err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	cfg, err := project.Discover(ctx)
	if err != nil {
		return err
	}
	return rehearse(ctx, cfg, o)
}

// check returns a usage error for a value that makes no sense.
func (o options) check() error {
	if o.builds < 1 {
		return exit.Misused("rehearse", "-builds=%d: one build runs at once, or more", o.builds)
	}
	return local.CheckSpeed("rehearse", o.speed)
}
