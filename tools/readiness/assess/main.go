// Package assess is `mage readiness`. It collects the evidence of a release,
// decides the checklist, and writes the statements and the page to .magewright.
package assess

import (
	"context"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/magewright/program"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/target"
	"github.com/magewright/magewright/tools/readiness/baseline"
)

// Main runs the target with its flags.
func Main(ctx context.Context, args []string) error {
	flags := program.Flags("readiness")
	base := flags.String("base", "", baseline.Usage)
	what := flags.Bool("missing", false, "list what is missing to require every check, with the command that sets it up, and decide nothing")
	if err := program.Parse(flags, args); err != nil {
		return err
	}
	return target.Run(ctx, func(ctx context.Context, cfg project.Config) error {
		if *what {
			return missing(ctx, cfg, *base, clock.System())
		}
		return assess(ctx, cfg, *base, clock.System())
	})
}
