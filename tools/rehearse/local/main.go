// Package local runs the embedded AWS in the foreground until Ctrl-C.
package local

import (
	"context"
	"fmt"
	"os"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/evidence/kmssign"
	"github.com/magewright/magewright/tools/localaws"
	"github.com/magewright/magewright/tools/localaws/access"
	"github.com/magewright/magewright/tools/magewright/program"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/agreed"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/rehearse/enclose"
	"github.com/magewright/magewright/tools/rehearse/keyboard"
)

// Main runs the target with its flags.
func Main(ctx context.Context, args []string) error {
	flags := program.Flags("local")
	port := flags.Int("port", 4566, "the port to listen on")
	speed := flags.Float64("speed", 60, "how many times as fast AWS's waits pass")
	iam := flags.String("iam", "on", "whether IAM is enforced: on; report lets everything pass; off evaluates nothing")
	forward := flags.String("forward", "", ForwardUsage)
	env := flags.Bool("env", false, "print the exports of the embedded AWS that runs in another shell, for eval")
	if err := program.Parse(flags, args); err != nil {
		return err
	}
	mode, ok := map[string]access.Mode{"on": access.Enforce, "report": access.Report, "off": access.Off}[*iam]
	if !ok {
		return &exit.Error{Code: exit.Usage, Err: fmt.Errorf("-iam is on, report or off, not %q", *iam), Next: "go tool mage local -iam=off"}
	}
	if err := CheckPort("local", *port); err != nil {
		return err
	}
	if err := CheckSpeed("local", *speed); err != nil {
		return err
	}
	elsewhere, err := ReadForward("local", *forward)
	if err != nil {
		return err
	}
	cfg, err := project.Discover(ctx)
	if err != nil {
		return err
	}
	if *env {
		return printEnv(ctx, cfg)
	}
	e, err := Start(ctx, cfg, Options{Port: *port, Speed: *speed, IAM: mode, Target: "local", Forward: elsewhere})
	if err != nil {
		return err
	}
	fmt.Printf("The embedded AWS answers at %s until Ctrl-C. In another shell, in this directory:\n\neval \"$(go tool mage local -env)\"\n\nor, anywhere:\n\n%s\nIts console, for a browser:\n\n  %s\n",
		e.Server.URL, e.exports, e.Console.Link())
	fmt.Printf("\nIsolation: %s\n\n", enclose.Describe(e.Network))
	DescribeForward(os.Stdout, elsewhere)
	e.Console.Offer(ctx, os.Stdout, os.Stderr, new(keyboard.Keyboard), "  ")
	<-ctx.Done()
	if err := e.Close(); err != nil {
		return err
	}
	return Stopped(ctx)
}

// pinned returns the CDK context for building functions for this machine. It also pins the
// keys that sign evidence here, which are as new as this AWS.
func pinned(ctx context.Context, cfg project.Config, server *localaws.Server) (map[string]any, error) {
	keys, _, err := kmssign.Ensure(ctx, server.Client())
	if err != nil {
		return nil, err
	}
	settings := localaws.HostContext()
	settings[cdk.EvidenceKey] = keys.String()
	if cfg.Adopted() {
		settings[cdk.AccountKey] = agreed.RehearsalAccount
	}
	return settings, nil
}
