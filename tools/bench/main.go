// Command bench measures what a developer waits for: the targets, a deployment
// to the embedded AWS, invocations through its endpoint, and a rehearsal.
//
// It prints a table and writes .magewright/bench.json. Nothing of the caller's
// AWS account reaches it: the variables AWS_* and CDK_* are removed first.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"

	"github.com/magewright/magewright/tools/clock"
	"github.com/magewright/magewright/tools/exit"
	"github.com/magewright/magewright/tools/project"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	exit.Now(err)
}

// A measurement adds rows to the report. What it has added stays even if it
// fails after that.
type measurement struct {
	name, what string
	run        func(*bench, context.Context) error
}

// measurements are in the order in which they are made: those of the targets
// first, because each leaves the build cache warmer for the next.
var measurements = []measurement{
	{"list", "go tool mage -l", (*bench).list},
	{"lint", "go tool mage lint when nothing has changed", (*bench).lint},
	{"compile", "the magefile's first compilation, with an empty build cache", (*bench).compile},
	{"check", "go tool mage check", (*bench).check},
	{"synth", "go tool mage synth", (*bench).synth},
	{"readiness", "deciding the readiness of a large change", (*bench).readiness},
	{"go", "the repository's Go benchmarks", (*bench).goBenchmarks},
	{"local", "cdk deploy to the embedded AWS, and invocations through its endpoint", (*bench).local},
	{"invoke", "invocations of a handler that does nothing, through the embedded AWS's endpoint; -invocations of them", (*bench).invokes},
	{"canary", "canaries of good and bad versions under 200 requests a second through a function URL", (*bench).canaries},
	{"rehearse", "go tool mage rehearse -approve, by action", (*bench).rehearse},
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	only := flags.String("only", "", "make only the measurements whose names match this `regexp`")
	invocations := flags.Int("invocations", 50_000, "how many `times` invoke invokes the function")
	list := flags.Bool("list", false, "print the names of the measurements")
	if err := flags.Parse(args); err != nil || flags.NArg() > 0 {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return &exit.Error{Code: exit.Usage, Err: fmt.Errorf("unexpected arguments: %v", args), Next: "go tool mage -h bench"}
	}
	if *invocations < 1 {
		return &exit.Error{Code: exit.Usage, Err: fmt.Errorf("-invocations=%d is less than one", *invocations), Next: "go tool mage -h bench"}
	}
	chosen, err := choose(*only)
	if err != nil {
		return err
	}
	if *list {
		for _, m := range chosen {
			fmt.Printf("%-10s %s\n", m.name, m.what)
		}
		return nil
	}
	cfg, err := project.Discover(ctx)
	if err != nil {
		return err
	}
	if err := isolate(); err != nil {
		return err
	}
	b := &bench{cfg: cfg, clock: clock.System(), env: os.Environ(), invocations: *invocations}
	b.report = Report{Machine: thisMachine(ctx), Commit: cfg.Commit, Dirty: cfg.Dirty}
	return b.measure(ctx, append([]measurement{unit}, chosen...))
}

// choose returns the measurements whose names match an expression.
func choose(only string) ([]measurement, error) {
	expression, err := regexp.Compile(only)
	if err != nil {
		return nil, &exit.Error{Code: exit.Usage, Err: fmt.Errorf("reading -only: %w", err)}
	}
	var chosen []measurement
	var names []string
	for _, m := range measurements {
		names = append(names, m.name)
		if expression.MatchString(m.name) {
			chosen = append(chosen, m)
		}
	}
	if len(chosen) == 0 {
		return nil, &exit.Error{Code: exit.Usage, Err: fmt.Errorf("-only=%s matches none of %s", only, strings.Join(names, ", "))}
	}
	return chosen, nil
}

// isolate removes what could lead to somebody's account, or change what is
// synthesized, from the environment of this process.
func isolate() error {
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "CDK_") {
			if err := os.Unsetenv(name); err != nil {
				return fmt.Errorf("removing %s from the environment: %w", name, err)
			}
		}
	}
	return nil
}

// A bench makes measurements.
type bench struct {
	cfg   project.Config
	clock clock.Clock
	env   []string // of the targets: they don't see the embedded AWS of another measurement

	invocations int // that invoke makes
	report      Report
}

// measure makes the measurements and reports them. One that fails does not keep
// the others from being made.
func (b *bench) measure(ctx context.Context, chosen []measurement) error {
	for _, m := range chosen {
		fmt.Fprintf(b.cfg.Stderr, "measuring %s: %s\n", m.name, m.what)
		err := m.run(b, ctx)
		if ctx.Err() != nil {
			return fmt.Errorf("measuring %s: stopped: %w", m.name, context.Cause(ctx))
		}
		if err != nil {
			b.fail(m.name, err)
		}
	}
	fmt.Fprint(b.cfg.Stdout, b.report.table())
	if err := b.report.write(b.cfg); err != nil {
		return err
	}
	if n := b.report.failures(); n > 0 {
		return exit.Failed("go tool mage bench -only=NAME", "%d measurements failed", n)
	}
	return nil
}

// add adds a row to the report.
func (b *bench) add(name string, value float64, unit, note string) {
	b.report.Rows = append(b.report.Rows, Row{Name: name, Value: value, Unit: unit, Note: note})
}

// fail adds a row that says why there is no number. The whole error goes to
// standard error, and with the row into the report.
func (b *bench) fail(name string, err error) {
	fmt.Fprintf(b.cfg.Stderr, "%s: %v\n", name, err)
	first, output, _ := strings.Cut(err.Error(), "\n")
	b.report.Rows = append(b.report.Rows, Row{Name: name, Unit: failed, Note: first, Output: output})
}
