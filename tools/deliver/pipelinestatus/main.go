// Package pipelinestatus is `mage pipeline:status`: it shows the last execution
// of the pipeline, wherever the credentials point to.
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

// Main runs the target, which has no flags.
func Main(ctx context.Context, args []string) error {
	if err := program.Parse(program.Flags("pipeline:status"), args); err != nil {
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
	return show(ctx, os.Stdout, awsConfig, names.Pipeline.Stack, clock.System())
}
