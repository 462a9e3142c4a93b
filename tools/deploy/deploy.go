// Package deploy brings stacks of the cloud assembly to AWS as they are: it
// never builds.
package deploy

import (
	"context"
	"fmt"

	"github.com/magewright/magewright/tools/cdk"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/stack"
)

// Stack returns the work of a target that deploys one stack.
func Stack(name string) func(context.Context, project.Config) error {
	return func(ctx context.Context, cfg project.Config) error { return Run(ctx, cfg, name) }
}

// Run deploys one of the assembly's stacks and waits until it is deployed.
// What the stack puts out is written to .magewright/outputs/STACK.json.
func Run(ctx context.Context, cfg project.Config, stackName string) error {
	if _, err := stack.Connect(ctx); err != nil {
		return err
	}
	if _, err := cdk.ReadRelease(cfg); err != nil {
		return err
	}
	outputs, err := cfg.Path("outputs", stackName+".json")
	if err != nil {
		return err
	}
	err = cdk.CLI(ctx, cfg, "deploy", stackName,
		"--app", cfg.Assembly,
		"--exclusively",
		"--require-approval", "never",
		"--progress", "events",
		"--outputs-file", outputs)
	if err != nil {
		return fmt.Errorf("deploying %s: %w", stackName, err)
	}
	return nil
}
