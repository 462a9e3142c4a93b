// Package synth builds the deployment package and synthesizes the cloud assembly, from which
// every stage is deployed. It fails if a stack breaks a rule of the AWS Solutions pack.
package synth

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/magewright/magewright/tools/assembly/build"
	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/check/reuse"
	"github.com/magewright/magewright/tools/internal/inputs"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// Run synthesizes into cfg.Assembly and replaces what is there. If the cache has an assembly
// for the same commit, files and context, Run uses it.
func Run(ctx context.Context, cfg project.Config) error { return work(cfg, "synth").Do(ctx, cfg) }

// Again synthesizes like Run, in order to compare the result with Run's. It uses nothing that
// Run has cached.
func Again(ctx context.Context, cfg project.Config) error {
	return work(cfg, "synth again").Do(ctx, cfg)
}

func work(cfg project.Config, name string) reuse.Work {
	if cfg.Adopted() {
		return adopted(name)
	}
	return reuse.Work{
		Name:    name,
		Inputs:  read,
		Outputs: []string{reuse.Assembly + "/.", reuse.Evidence + "/app.zip"},
		Run:     synthesize,
	}
}

// read returns what an assembly depends on: every file of the project, the
// commit (which is in the function), the CDK context, the toolchain, the account
// that an adopted CDK app may ask for, and the variables that the CDK app could
// read. It leaves out AWS credentials, because they have no influence.
func read(ctx context.Context, cfg project.Config) (inputs.Set, error) {
	made, err := written(cfg)
	if err != nil {
		return nil, err
	}
	tree, err := inputs.ReadTree(cfg.Dir, append(made, cfg.Evidence, cfg.Assembly)...)
	if err != nil {
		return nil, err
	}
	set := inputs.Set{}
	set.Files(tree, func(string) bool { return true })
	cdkContext, err := cdk.Context(cfg)
	if err != nil {
		return nil, err
	}
	for name, value := range cdkContext {
		encoded, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("reading CDK context %s: %w", name, err)
		}
		set["context "+name] = string(encoded)
	}
	if set["commit"], err = build.Stamp(ctx, cfg); err != nil {
		return nil, err
	}
	if cfg.Adopted() {
		set["account"] = cdk.DefaultAccount("")
	}
	set.Environ(os.Environ(), func(name string) bool {
		return inputs.GoVariable(name) || name == "CDK_CONTEXT_JSON" || name == "CDK_OUTDIR" || strings.HasPrefix(name, "AWS_") && name != "AWS_REGION" && name != "AWS_DEFAULT_REGION"
	})
	nested, err := modules(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return set, set.Go(ctx, cfg.Dir, nested...)
}

func synthesize(ctx context.Context, cfg project.Config) error {
	if err := cdk.Install(ctx, cfg); err != nil {
		return err
	}
	cdkContext, err := cdk.Context(cfg)
	if err != nil {
		return err
	}
	fmt.Fprintln(cfg.Stderr, "building the function")
	p, err := build.Build(ctx, cfg)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(cfg.Assembly); err != nil {
		return fmt.Errorf("clearing the cloud assembly: %w", err)
	}
	cdkContext["package"] = p.Path
	// It is not the commit's if files differ from it.
	delete(cdkContext, "commit")
	if !cfg.Dirty {
		cdkContext["commit"] = cfg.Commit
	}
	fmt.Fprintln(cfg.Stderr, "synthesizing the stacks")
	if err := cdk.App(ctx, cfg, cdkContext, cfg.Assembly); err != nil {
		return err
	}
	broken, err := cdk.Errors(cfg.Assembly)
	if err != nil {
		return err
	}
	if len(broken) > 0 {
		return refuse(cfg, broken)
	}
	if err := assignRoles(cfg); err != nil {
		return err
	}
	if err := cdk.WriteRelease(cfg, cdk.Release{Commit: cfg.Commit, Dirty: cfg.Dirty, Package: p.SHA256}); err != nil {
		return err
	}
	fmt.Fprintf(cfg.Stdout, "synth: commit %.12s, package sha256 %.12s\n", cfg.Commit, p.SHA256)
	return nil
}

// refuse removes the assembly, so that nothing deploys it, and names each
// construct and rule.
func refuse(cfg project.Config, broken []cdk.Message) error {
	if err := os.RemoveAll(cfg.Assembly); err != nil {
		return fmt.Errorf("removing the refused cloud assembly: %w", err)
	}
	lines := make([]string, len(broken))
	for i, m := range broken {
		lines[i] = "  " + m.Path + ": " + strings.TrimSpace(m.Text)
	}
	return exit.Failed("fix the construct, or suppress the rule in infra with a reason; then go tool mage synth",
		"%d rule errors in the stacks:\n%s", len(broken), strings.Join(lines, "\n"))
}
