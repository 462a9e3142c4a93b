// Package deploy brings stacks of the cloud assembly to AWS as they are: it
// never builds.
package deploy

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/stack"
)

// Stack returns the work of a target that deploys one stack.
func Stack(name string) func(context.Context, project.Config) error {
	return func(ctx context.Context, cfg project.Config) error { return Run(ctx, cfg, name) }
}

// Run deploys stacks of the assembly, side by side, and waits until they are
// deployed. What they put out is written to .magewright/outputs/STACK.json,
// where STACK is the first of them.
func Run(ctx context.Context, cfg project.Config, stacks ...string) error {
	if _, err := stack.Connect(ctx); err != nil {
		return err
	}
	if _, err := cdk.ReadRelease(cfg); err != nil {
		return err
	}
	outputs, err := cfg.Path("outputs", stacks[0]+".json")
	if err != nil {
		return err
	}
	args := append([]string{"deploy"}, stacks...)
	err = cdk.CLI(ctx, cfg, append(args,
		"--app", cfg.Assembly,
		"--exclusively",
		"--concurrency", strconv.Itoa(len(stacks)),
		"--require-approval", "never",
		"--progress", "events",
		"--outputs-file", outputs)...)
	if err != nil {
		return fmt.Errorf("deploying %s: %w", strings.Join(stacks, " and "), err)
	}
	return nil
}
