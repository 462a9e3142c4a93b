// Package dev is the inner loop. The embedded AWS stays up with the first stage deployed to
// it, and saved changes run there a moment later. If a function changes, it is built and its
// code is replaced directly (a hotswap), as cdk watch does on AWS. If the CDK app changes, it
// is synthesized and deployed. Then the smoke test runs.
package dev

import (
	"context"
	"errors"
	"fmt"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/live"
	"github.com/magewright/magewright/tools/localaws/access"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/magewright/program"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/rehearse/enclose"
	"github.com/magewright/magewright/tools/rehearse/keyboard"
	"github.com/magewright/magewright/tools/rehearse/local"
)

// speed is how many times as fast AWS's waits pass, so that the canary of a deployment takes
// seconds.
const speed = 60

// Main runs the target with its flags.
func Main(ctx context.Context, args []string) error {
	flags := program.Flags("dev")
	port := flags.Int("port", 4566, "the port to listen on")
	debug := flags.Bool("debug", false, "run the functions in the debugger delve")
	if err := program.Parse(flags, args); err != nil {
		return err
	}
	if err := local.CheckPort("dev", *port); err != nil {
		return err
	}
	cfg, err := project.Discover(ctx)
	if err != nil {
		return err
	}
	l := loop{cfg: cfg, clock: clock.System()}
	if *debug {
		if l.delve, err = findDelve(); err != nil {
			return err
		}
	}
	if err := cdk.Preflight(ctx); err != nil {
		return err
	}
	return l.run(ctx, *port)
}

// run starts the embedded AWS and deploys to it. Then it follows saved changes until the
// context ends.
func (l *loop) run(ctx context.Context, port int) (err error) {
	screen := live.NewScreen(l.cfg.Stdout)
	l.out = screen
	endpoint, err := local.Start(ctx, l.cfg, local.Options{Port: port, Speed: speed, IAM: access.Enforce, Target: "dev", Reachable: l.delve != ""})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, endpoint.Close()) }()
	if err := endpoint.Use(); err != nil {
		return err
	}
	if l.aws, err = stack.Connect(ctx); err != nil {
		return err
	}
	l.functions.update = endpoint.Server.Services().Functions.UpdateFunctionCode
	fmt.Fprintf(l.out, "endpoint  %s\nconsole   %s\nisolation %s\n", endpoint.Server.URL, endpoint.Console.Link(), enclose.Describe(endpoint.Network))
	endpoint.Console.Offer(ctx, l.out, l.cfg.Stderr, new(keyboard.Keyboard), "          ")
	err = l.step("bootstrap", func(cfg project.Config) error {
		return cdk.CLI(ctx, cfg, "bootstrap", "aws://"+account.DefaultID+"/"+l.aws.Region)
	})
	if err != nil {
		return err
	}
	watch, err := newWatch(ctx, l.cfg.Dir)
	if err != nil {
		return err
	}
	// If something can't be deployed yet, it can be fixed while the AWS runs.
	l.report(ctx, l.deploy(ctx))
	l.report(ctx, l.smoke(ctx))
	go l.tail(ctx, endpoint.Server.Services())
	l.waiting()
	for {
		changed, err := watch.next(ctx, l.clock)
		switch {
		case ctx.Err() != nil:
			return local.Stopped(ctx)
		case err != nil:
			return err
		}
		if l.handle(ctx, changed) {
			l.waiting()
		}
	}
}

func (l *loop) waiting() {
	fmt.Fprintln(l.out, "\nwaiting for a file to be saved; Ctrl-C ends")
}

// report prints an error that does not end the loop.
func (l *loop) report(ctx context.Context, err error) {
	if err == nil || ctx.Err() != nil {
		return
	}
	fmt.Fprintf(l.out, "%v\n", err)
}
