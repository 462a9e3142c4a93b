package cdk

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/magewright/magewright/tools/internal/gocmd"
	"github.com/magewright/magewright/tools/project"
)

// Nag applies the AWS Solutions pack of cdk-nag to templates, by the names of their
// stacks, and writes its reports to out. It runs infra/nag of the checkout that has the
// running code, without credentials, so that nothing of a candidate runs.
func Nag(ctx context.Context, cfg project.Config, templates map[string]json.RawMessage, out string) error {
	installed, err := install(ctx, cfg)
	if err != nil {
		return err
	}
	in := filepath.Join(out, "templates")
	if err := os.MkdirAll(in, 0o750); err != nil {
		return fmt.Errorf("applying cdk-nag: %w", err)
	}
	for name, template := range templates {
		if !filepath.IsLocal(name) || filepath.Base(name) != name {
			return fmt.Errorf("applying cdk-nag: %q is no name of a stack", name)
		}
		if err := os.WriteFile(filepath.Join(in, name+".template.json"), template, 0o600); err != nil {
			return fmt.Errorf("applying cdk-nag: %w", err)
		}
	}
	app := gocmd.In(cfg.Code().Dir, append([]string{"CDK_CONTEXT_JSON={}", "JSII_NODE=" + installed.bin("node")}, noCredentials...)...)
	app.Stdout, app.Stderr = cfg.Stderr, hushed{cfg.Stderr}
	if err := app.Run(ctx, "run", "./infra/nag", in, out); err != nil {
		return fmt.Errorf("applying cdk-nag: %w", err)
	}
	return nil
}
