// Package attest is `mage attest`. It signs a person's statement about HEAD (a
// manual test, a review, an approval or a waiver) with the person's own key, and stores it
// as a git note.
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
	flags.StringVar(&o.what, "what", "", "what you have tried, the result of your review, or the reason for a waiver")
	flags.BoolVar(&o.review, "review", false, "sign a review of the change since the base")
	flags.BoolVar(&o.approve, "approve", false, "sign that HEAD may go to production on the evidence here, for a promote outside of the pipeline")
	flags.StringVar(&o.waive, "waive", "", "sign a waiver for this check")
	flags.StringVar(&o.expires, "expires", "", "a waiver expires at the beginning of this day in UTC, such as 2026-12-20")
	flags.StringVar(&o.owner, "owner", "", "who makes sure that the waiver is not needed again")
	flags.StringVar(&o.scope, "scope", "", "what a waiver covers: commits (default), from the base to HEAD, or package")
	flags.StringVar(&o.base, "base", "", baseline.Usage)
	flags.StringVar(&o.key, "key", "", "your private key; default MAGEWRIGHT_KEY, else ~/.config/magewright/key.pem")
	flags.BoolVar(&o.newKey, "newKey", false, "make a private key and print its line for the policy")
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

// usage returns the error for an invalid command line.
func usage(format string, args ...any) error {
	return &exit.Error{Code: exit.Usage, Err: fmt.Errorf(format, args...), Next: "go tool mage -h attest"}
}
