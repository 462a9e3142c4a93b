// Package deploy deploys stacks of the cloud assembly to AWS. It deploys them as they are,
// and never builds.
package deploy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
)

// Pipeline stands for the pipeline's stack where a stage's name is expected. No stage can
// have this name.
const Pipeline = "pipeline"

// Stage returns the function of a target that deploys a stage, together with the stack of its
// evidence. The name "" means the first stage. Stage refuses the last stage, because only
// promote takes a release to users.
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
			if err := approved(ctx, cfg); err != nil {
				return err
			}
			return Run(ctx, cfg, names.Pipeline.Stack)
		}
		stage, err := names.Stage(name)
		if err != nil {
			return err
		}
		if stage.Name == names.Last().Name {
			return &exit.Error{Code: exit.Usage, Err: fmt.Errorf("stage %s is the one that users have: only promote deploys it, if the evidence allows the release", stage.Name), Next: stage.Deploys()}
		}
		return Run(ctx, cfg, stage.Stacks()...)
	}
}

// Run deploys stacks of the assembly concurrently and waits until they are deployed. It does
// not touch a stack of another repository. It writes the stacks' outputs to
// .magewright/outputs/STACK.json, where STACK is the first stack.
func Run(ctx context.Context, cfg project.Config, stacks ...string) error {
	if _, err := stack.Connect(ctx); err != nil {
		return err
	}
	if _, err := cdk.ReadRelease(cfg); err != nil {
		return err
	}
	return Draft(ctx, cfg, stacks...)
}

// Draft deploys stacks of an assembly like [Run], but the assembly need not be made from a
// commit. So it is only for an AWS on which nobody depends.
func Draft(ctx context.Context, cfg project.Config, stacks ...string) error {
	awsConfig, err := stack.Connect(ctx)
	if err != nil {
		return err
	}
	if err := checkOwner(ctx, cfg, awsConfig, stacks); err != nil {
		return err
	}
	names, err := manifest.ReadAny(cfg)
	if err != nil && !errors.Is(err, manifest.ErrNone) {
		return err
	}
	// A stack is deployed from the assembly that lists it. For the stacks of a CDK Stage, and
	// for the pipeline of a repository that adopts Magewright, that is a nested assembly.
	var dirs []string
	byDir := map[string][]string{}
	for _, name := range stacks {
		dir := filepath.Dir(placeOf(names, name).TemplateFile(cfg))
		if byDir[dir] = append(byDir[dir], name); len(byDir[dir]) == 1 {
			dirs = append(dirs, dir)
		}
	}
	for _, dir := range dirs {
		if err := run(ctx, cfg, dir, byDir[dir]); err != nil {
			place := placeOf(names, byDir[dir][0])
			if stack.CheckAccount(ctx, awsConfig, place) == nil {
				err = notBootstrapped(ctx, awsConfig, dir, place, anotherRole(names, dir, byDir[dir][0], err))
			}
			return fmt.Errorf("deploying %s: %w", strings.Join(byDir[dir], " and "), err)
		}
	}
	return nil
}

// run deploys stacks of one assembly.
func run(ctx context.Context, cfg project.Config, dir string, stacks []string) error {
	// The CLI would upload what is in its cache, and nobody has checked that.
	if err := os.RemoveAll(filepath.Join(dir, cdk.CacheDir)); err != nil {
		return fmt.Errorf("clearing the CDK CLI's cache: %w", err)
	}
	outputs, err := cfg.Path("outputs", stacks[0]+".json")
	if err != nil {
		return err
	}
	args := append([]string{"deploy"}, stacks...)
	return cdk.CLI(ctx, cfg, append(args,
		"--app", dir,
		"--exclusively",
		"--concurrency", strconv.Itoa(len(stacks)),
		"--require-approval", "never",
		"--progress", "events",
		"--outputs-file", outputs)...)
}
