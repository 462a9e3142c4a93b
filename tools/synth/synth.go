// Package synth builds the deployment package and synthesizes the cloud
// assembly that every stage is deployed from. A rule of the AWS Solutions pack
// that a stack breaks fails it.
package synth

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/magewright/magewright/tools/build"
	"github.com/magewright/magewright/tools/cdk"
	"github.com/magewright/magewright/tools/exit"
	"github.com/magewright/magewright/tools/project"
)

// Run synthesizes into cfg.Assembly, in the place of what was there.
func Run(ctx context.Context, cfg project.Config) error {
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
	if err := cdk.WriteRelease(cfg, cdk.Release{Commit: cfg.Commit, Dirty: cfg.Dirty, Package: p.SHA256}); err != nil {
		return err
	}
	fmt.Fprintf(cfg.Stdout, "%s: commit %.12s, package sha256 %.12s\n", cfg.Assembly, cfg.Commit, p.SHA256)
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
	return exit.Failed("mend the construct, or suppress the rule in infra with a reason; then go tool mage synth",
		"%d rule errors in the stacks:\n%s", len(broken), strings.Join(lines, "\n"))
}
