// Package rehearse takes HEAD through the synthesized pipeline to production on
// this machine, without an AWS account and without Docker.
//
// It starts the embedded AWS, or uses the one that AWS_ENDPOINT_URL names,
// bootstraps it, deploys the pipeline's stack and starts an execution; all of
// it by the API that AWS has. What the pipeline runs are the same targets that
// a developer runs.
package rehearse

import (
	"context"

	"github.com/magewright/magewright/tools/localaws/codebuild"
	"github.com/magewright/magewright/tools/magewright/program"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/readiness/baseline"
)

// options are the command line.
type options struct {
	approve bool
	base    string
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
	flags.BoolVar(&o.keep, "keep", false, "leave the endpoint up at the end")
	flags.BoolVar(&o.baseVerify, "baseVerify", false, "take the base through the whole pipeline too")
	flags.IntVar(&o.builds, "builds", codebuild.DefaultConcurrency, "how many builds run at once")
	flags.Float64Var(&o.speed, "speed", 60, "how many times as fast AWS's waiting goes by")
	if err := program.Parse(flags, args); err != nil {
		return err
	}
	cfg, err := project.Discover(ctx)
	if err != nil {
		return err
	}
	return rehearse(ctx, cfg, o)
}
