// Package pipelinestatus is `mage pipeline:status`: it shows the last execution
// of the pipeline, wherever the credentials point to, or follows that of HEAD.
package pipelinestatus

import (
	"context"
	"os"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/magewright/program"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/project/target"
)

// Main runs the target with its flags.
func Main(ctx context.Context, args []string) error {
	flags := program.Flags("pipeline:status")
	until := flags.Bool("follow", false, "wait until the pipeline has ended with HEAD; exit code 0 if HEAD is delivered")
	if err := program.Parse(flags, args); err != nil {
		return err
	}
	ctx, stop := target.Signals(ctx)
	defer stop()
	cfg, err := project.Discover(ctx)
	if err != nil {
		return err
	}
	names, err := manifest.ReadOrOld(cfg)
	if err == nil {
		err = names.NeedsPipeline()
	}
	if err != nil {
		return err
	}
	awsConfig, err := stack.Connect(ctx)
	if err != nil {
		return err
	}
	if *until {
		return follow(ctx, os.Stdout, awsConfig, names.Pipeline.Stack, cfg.Commit, clock.System())
	}
	return show(ctx, os.Stdout, awsConfig, names.Pipeline.Stack, clock.System())
}
