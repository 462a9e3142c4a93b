// Command drill is `mage drill`: it releases a version that is bad on purpose
// to staging, and sees that AWS takes it back. It speaks to public APIs of AWS
// only, and leaves staging as it found it.
package main

import (
	"context"
	"flag"
	"os"
	"os/signal"

	"github.com/magewright/magewright/tools/exit"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/target"
)

func main() {
	fault := flag.String("fault", "errors:0.5", "what the bad version does: errors:SHARE, latency:DURATION or crash")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt) // staging is restored first
	err := target.Run(ctx, func(ctx context.Context, cfg project.Config) error {
		return run(ctx, cfg, *fault)
	})
	stop()
	exit.Now(err)
}
