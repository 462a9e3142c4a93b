// Command plan is `mage plan`: it generates the deployment plan of a release
// from what differs between the release and what is deployed, and with -send
// publishes it to the stakeholders' topic and records that.
package main

import (
	"context"
	"flag"

	"github.com/magewright/magewright/tools/clock"
	"github.com/magewright/magewright/tools/exit"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/stack"
	"github.com/magewright/magewright/tools/target"
)

func main() {
	var o options
	flag.StringVar(&o.base, "base", "", "the release before: a `commit`, or none; default the latest tag, else the commit's parent")
	flag.BoolVar(&o.send, "send", false, "publish the plan to the stakeholders' topic, and record that")
	flag.StringVar(&o.when, "when", readiness.DefaultWhen, "when production is deployed")
	flag.Parse()
	exit.Now(target.Run(context.Background(), func(ctx context.Context, cfg project.Config) error {
		awsConfig, err := stack.Connect(ctx)
		if err != nil {
			return err
		}
		return run(ctx, cfg, awsConfig, o, clock.System())
	}))
}
