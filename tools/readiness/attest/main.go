// Package attest is `mage attest`: it signs what a person says of HEAD (a manual
// test, a review, a waiver) by the person's own key, and keeps it as a git note.
package attest

import (
	"context"
	"fmt"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/magewright/program"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/target"
	"github.com/magewright/magewright/tools/readiness/baseline"
)

// Main runs the target with its flags.
func Main(ctx context.Context, args []string) error { return run(ctx, args, clock.System()) }

func run(ctx context.Context, args []string, c clock.Clock) error {
	var o options
	flags := program.Flags("attest")
	flags.StringVar(&o.what, "what", "", "what you have tried, or think of the review, or the reason of a waiver")
	flags.BoolVar(&o.review, "review", false, "sign a review of the change since the base")
	flags.StringVar(&o.waive, "waive", "", "sign a waiver for this check")
	flags.StringVar(&o.expires, "expires", "", "the day, such as 2026-12-20, from which a waiver does not hold, in UTC")
	flags.StringVar(&o.owner, "owner", "", "who sees to it that the waiver is not needed again")
	flags.StringVar(&o.scope, "scope", "", "what a waiver is for: commits (default), from the base to HEAD, or package")
	flags.StringVar(&o.base, "base", "", baseline.Usage)
	flags.StringVar(&o.key, "key", "", "your private key; default MAGEWRIGHT_KEY, else ~/.config/magewright/key.pem")
	flags.BoolVar(&o.newKey, "newKey", false, "make a private key and print what goes into the policy")
	if err := program.Parse(flags, args); err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	return target.Run(ctx, func(ctx context.Context, cfg project.Config) error {
		if o.newKey {
			return newKey(ctx, cfg, o.key)
		}
		return attest(ctx, cfg, o, c)
	})
}

// usage returns the error of a command line that can't be understood.
func usage(format string, args ...any) error {
	return &exit.Error{Code: exit.Usage, Err: fmt.Errorf(format, args...), Next: "go tool mage -h attest"}
}
