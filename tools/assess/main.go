// Command assess is `mage readiness`: it collects the evidence of a release,
// decides the checklist from it, and leaves the statements and the page in
// .magewright.
package main

import (
	"context"
	"flag"

	"github.com/magewright/magewright/tools/clock"
	"github.com/magewright/magewright/tools/exit"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/target"
)

func main() {
	base := flag.String("base", "", "the release before: a commit, or none; default the latest tag, else the commit's parent")
	flag.Parse()
	exit.Now(target.Run(context.Background(), func(ctx context.Context, cfg project.Config) error {
		return assess(ctx, cfg, *base, clock.System())
	}))
}
