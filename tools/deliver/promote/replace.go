package promote

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/magewright/magewright/tools/deliver/deploy"
	"github.com/magewright/magewright/tools/deliver/probe"
	"github.com/magewright/magewright/tools/deliver/smoke"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
)

// NoCanary says what a stage lacks if CodeDeploy does not shift its traffic, and how to add
// it.
const NoCanary = `no canary: CodeDeploy shifts no traffic here. CloudFormation gives all of it to the new version at once, and nothing takes it back.
  For a canary, put the function behind an alias with a deployment group in the CDK app: codedeploy.LambdaDeploymentGroup in any language,
  or delivery.NewDelivery of github.com/magewright/magewright/infra/delivery in Go. The next synth finds it.
`

// replace deploys over a production whose traffic CodeDeploy does not shift. It runs the
// smoke test before the deployment too, because afterwards nobody could tell whether
// production worked before.
func replace(ctx context.Context, cfg project.Config, awsConfig aws.Config, production manifest.Stage, all []stack.Outputs, steps probe.Steps) error {
	before := all[0]
	fmt.Fprint(cfg.Stdout, NoCanary)
	served, err := stack.Serving(ctx, awsConfig, before)
	if err != nil {
		return err
	}
	if served.Commit, err = stack.CommitOf(ctx, awsConfig, before, served); err != nil {
		return err
	}
	_, err = smoke.Exercise(ctx, smoke.Target{
		AWS: awsConfig, Outputs: before, Steps: steps, Record: evidence.Deployment{Stage: production.Name, URL: before.FunctionURL},
		Commit: served.Commit, Package: served.Package, Clock: clock.System(),
	})
	if err != nil {
		// The release may be the fix.
		fmt.Fprintf(cfg.Stdout, "before the deployment, %s at %s does not pass the smoke test: %v\n", production.Name, before.Address(), err)
	} else {
		fmt.Fprintf(cfg.Stdout, "before the deployment, %s at %s passes the smoke test with package sha256 %.12s\n", production.Name, before.Address(), served.Package)
	}
	return deploy.Run(ctx, cfg, production.Stacks()...)
}
