// Package deploy brings stacks of the cloud assembly to AWS as they are: it
// never builds.
package deploy

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
)

// Pipeline stands for the pipeline where a stage's name is asked for; no stage is
// called so.
const Pipeline = "pipeline"

// Stage returns the work of a target that deploys a stage by its name, with the
// stack of its evidence; "" is the first stage.
func Stage(name string) func(context.Context, project.Config) error {
	return func(ctx context.Context, cfg project.Config) error {
		names, err := manifest.Read(cfg)
		if err != nil {
			return err
		}
		if name == Pipeline {
			if err := names.NeedsPipeline(); err != nil {
				return err
			}
			return Run(ctx, cfg, names.Pipeline.Stack)
		}
		stage, err := names.Stage(name)
		if err != nil {
			return err
		}
		return Run(ctx, cfg, stage.Stacks()...)
	}
}

// Run deploys stacks of the assembly, side by side, and waits until they are
// deployed. A stack of another repository it does not touch. What they put out is
// written to .magewright/outputs/STACK.json, where STACK is the first of them.
func Run(ctx context.Context, cfg project.Config, stacks ...string) error {
	awsConfig, err := stack.Connect(ctx)
	if err != nil {
		return err
	}
	if _, err := cdk.ReadRelease(cfg); err != nil {
		return err
	}
	if err := checkOwner(ctx, cfg, awsConfig, stacks); err != nil {
		return err
	}
	// The CLI would upload what is in its cache, and nobody has compared that with
	// anything.
	if err := os.RemoveAll(filepath.Join(cfg.Assembly, cdk.CacheDir)); err != nil {
		return fmt.Errorf("clearing the CDK CLI's cache: %w", err)
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
