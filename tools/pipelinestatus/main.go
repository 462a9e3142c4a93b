// Command pipelinestatus is `mage pipeline:status`: it shows the last execution
// of the pipeline, wherever the credentials point to.
package main

import (
	"context"
	"os"

	"github.com/aws/aws-sdk-go-v2/service/codepipeline"

	"github.com/magewright/magewright/tools/clock"
	"github.com/magewright/magewright/tools/exit"
	"github.com/magewright/magewright/tools/stack"
	"github.com/magewright/magewright/tools/target"
)

func main() {
	exit.Now(run(context.Background()))
}

func run(ctx context.Context) error {
	ctx, stop := target.Signals(ctx)
	defer stop()
	cfg, err := stack.Connect(ctx)
	if err != nil {
		return err
	}
	return show(ctx, os.Stdout, codepipeline.NewFromConfig(cfg), clock.System())
}
