package cdk

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"github.com/magewright/magewright/tools/check/reuse"
	"github.com/magewright/magewright/tools/internal/gocmd"
	"github.com/magewright/magewright/tools/internal/inputs"
	"github.com/magewright/magewright/tools/project"
)

// NagReport returns the name of the file with cdk-nag's report on a stack.
func NagReport(stack string) string { return "AwsSolutions--" + stack + "-NagReport.csv" }

// Nag applies the AWS Solutions pack of cdk-nag to templates, by the names of their
// stacks, and writes its reports to out. It runs infra/nag of the checkout that has the
// running code, without credentials, so that nothing of a candidate runs. If a judge has
// asked the same code about the same templates before, it takes those reports.
func Nag(ctx context.Context, cfg project.Config, templates map[string]json.RawMessage, out string) error {
	return nagged(templates, applyNag(templates)).Do(ctx, reportsIn(cfg, out))
}

// reportsIn returns a project whose assembly is the directory of the reports.
func reportsIn(cfg project.Config, out string) project.Config {
	cfg.Assembly = out
	return cfg
}

func nagged(templates map[string]json.RawMessage, apply func(context.Context, project.Config) error) reuse.Work {
	work := reuse.Work{Name: "nag", Judges: true, Run: apply, Inputs: func(ctx context.Context, cfg project.Config) (inputs.Set, error) {
		return nagInputs(ctx, cfg, templates)
	}}
	for name := range templates {
		work.Outputs = append(work.Outputs, reuse.Assembly+"/"+NagReport(name))
	}
	return work
}

// nagInputs returns what the reports depend on: the templates, and the sources and pins of
// the code that runs.
func nagInputs(ctx context.Context, cfg project.Config, templates map[string]json.RawMessage) (inputs.Set, error) {
	code := cfg.Code().Dir
	tree, err := inputs.ReadTree(code, cfg.Evidence)
	if err != nil {
		return nil, err
	}
	set := inputs.Set{}
	set.Files(tree, func(name string) bool {
		return inputs.GoSource(name) || path.Base(name) == "package.json" || path.Base(name) == "package-lock.json"
	})
	for name, template := range templates {
		set["template "+name] = inputs.Hash(string(template))
	}
	set.Environ(gocmd.ToolEnviron(), inputs.Offline)
	return set, set.Go(ctx, code)
}

func applyNag(templates map[string]json.RawMessage) func(context.Context, project.Config) error {
	return func(ctx context.Context, cfg project.Config) error {
		installed, err := install(ctx, cfg)
		if err != nil {
			return err
		}
		out := cfg.Assembly
		in := filepath.Join(out, "templates")
		if err := os.MkdirAll(in, 0o750); err != nil {
			return fmt.Errorf("applying cdk-nag: %w", err)
		}
		for name, template := range templates {
			if !filepath.IsLocal(name) || filepath.Base(name) != name {
				return fmt.Errorf("applying cdk-nag: %q is not the name of a stack", name)
			}
			if err := os.WriteFile(filepath.Join(in, name+".template.json"), template, 0o600); err != nil {
				return fmt.Errorf("applying cdk-nag: %w", err)
			}
		}
		app := gocmd.In(cfg.Code().Dir)
		app.Env = gocmd.ToolEnviron(append([]string{"CDK_CONTEXT_JSON={}", "JSII_NODE=" + installed.bin("node")}, noCredentials...)...)
		app.Stdout, app.Stderr = cfg.Stderr, hushed{cfg.Stderr}
		if err := app.Run(ctx, "run", "./infra/nag", in, out); err != nil {
			return fmt.Errorf("applying cdk-nag: %w", err)
		}
		return nil
	}
}
