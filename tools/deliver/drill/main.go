// Package drill is `mage drill`. It releases a version that is bad on purpose to staging, and
// checks that AWS takes it back. It uses only public APIs of AWS, and leaves staging as it
// found it.
package drill

import (
	"context"

	"github.com/magewright/magewright/tools/magewright/program"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/target"
)

// Main runs the target with its flags. When ctx ends, staging is restored first.
func Main(ctx context.Context, args []string) error {
	flags := program.Flags("drill")
	fault := flags.String("fault", "errors:0.5", "what the bad version does: errors:SHARE, latency:DURATION or crash")
	if err := program.Parse(flags, args); err != nil {
		return err
	}
	return target.Run(ctx, func(ctx context.Context, cfg project.Config) error {
		return run(ctx, cfg, *fault)
	})
}
