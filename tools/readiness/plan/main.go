// Package plan is `mage plan`. It generates the deployment plan of a release
// from the differences between the release and what is deployed. With -send, it
// publishes the plan to the stakeholders' topic and records that.
package plan

import (
	"context"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/magewright/program"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/project/target"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/readiness/baseline"
)

// Main runs the target with its flags.
func Main(ctx context.Context, args []string) error {
	var o options
	flags := program.Flags("plan")
	flags.StringVar(&o.base, "base", "", baseline.Usage)
	flags.BoolVar(&o.send, "send", false, "publish the plan to the stakeholders' topic, and record that")
	flags.StringVar(&o.when, "when", readiness.DefaultWhen, "when production will be deployed")
	if err := program.Parse(flags, args); err != nil {
		return err
	}
	return target.Run(ctx, func(ctx context.Context, cfg project.Config) error {
		awsConfig, err := stack.Connect(ctx)
		if err != nil {
			return err
		}
		return run(ctx, cfg, awsConfig, o, clock.System())
	})
}
