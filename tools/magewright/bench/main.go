// Package bench measures the times that a developer waits for: the targets, a deployment to
// the embedded AWS, invocations through its endpoint, and a rehearsal.
//
// It first measures a unit for the machine, the time of go build std with an empty build
// cache, and also gives every other time as a multiple of it. It prints a table and writes
// .magewright/bench.json. It can't reach the caller's AWS account, because it removes the
// variables AWS_* and CDK_* first.
package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/magewright/bench/where"
	"github.com/magewright/magewright/tools/magewright/program"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// A measurement adds rows to the report. Rows that it has added stay there even if it fails
// later.
type measurement struct {
	name, what string
	run        func(*bench, context.Context) error
	onlyNamed  bool // it only runs if -only names it
}

// measurements are in the order in which they run. The targets come first, because each
// measurement leaves a warmer build cache for the next one.
var measurements = []measurement{
	{name: "list", what: "go tool mage -l", run: (*bench).list},
	{name: "lint", what: "go tool mage lint when nothing has changed", run: (*bench).lint},
	{name: "compile", what: "the magefile's first compilation, with an empty build cache", run: (*bench).compile},
	{name: "ci", what: "all that CI runs, with warm caches and on a fresh machine", run: (*bench).ci},
	{name: "cold", what: "a rehearsal and the tests on a fresh machine", run: (*bench).cold},
	{name: "warm", what: "a rehearsal with nothing changed since the last, and with one line of app changed", run: (*bench).warmRehearsal},
	{name: "check", what: "go tool mage check with nothing changed, and with one line of a package changed", run: (*bench).check},
	{name: "test", what: "go tool mage test with one line of app changed", run: (*bench).test},
	{name: "first-output", what: "how long targets are silent", run: (*bench).firstOutput},
	{name: "dev", what: "how long a saved file takes until a function serves it, while go tool mage dev runs", run: (*bench).dev},
	{name: "synth", what: "go tool mage synth", run: (*bench).synth},
	{name: "readiness", what: "deciding the readiness of a large change", run: (*bench).readiness},
	{name: "go", what: "the repository's Go benchmarks", run: (*bench).goBenchmarks},
	{name: "local", what: "cdk deploy to the embedded AWS, and invocations through its endpoint", run: (*bench).local},
	{name: "invoke", what: "invocations of a handler that does nothing, through the embedded AWS's endpoint; -invocations of them", run: (*bench).invokes},
	{name: "canary", what: "canaries of good and bad versions under 200 requests a second through a function URL", run: (*bench).canaries},
	{name: "where", what: "where the time of -command goes, by process; only if -only names it", run: (*bench).where, onlyNamed: true},
}

// Main runs the target with its flags.
func Main(ctx context.Context, args []string) error {
	flags := program.Flags("bench")
	only := flags.String("only", "", "make only the measurements whose names match this `regexp`")
	invocations := flags.Int("invocations", 50_000, "how many `times` invoke invokes the function")
	runs := flags.Int("runs", 3, "how many `times` the targets are run for each figure")
	looked := flags.String("command", "go tool mage rehearse -approve", "the `command` that where looks into")
	fresh := flags.Bool("fresh", false, "where looks into it on a fresh machine: with empty caches")
	list := flags.Bool("list", false, "print the names of the measurements")
	if err := program.Parse(flags, args); err != nil {
		return err
	}
	wrong := ""
	switch {
	case *invocations < 1:
		wrong = fmt.Sprintf("-invocations=%d is less than one", *invocations)
	case *runs < 1:
		wrong = fmt.Sprintf("-runs=%d is less than one", *runs)
	case strings.TrimSpace(*looked) == "":
		wrong = "-command names no command"
	}
	if wrong != "" {
		return &exit.Error{Code: exit.Usage, Err: errors.New(wrong), Next: "go tool mage -h bench"}
	}
	chosen, err := choose(*only)
	if err != nil {
		return err
	}
	if *list {
		for _, m := range chosen {
			fmt.Printf("%-12s %s\n", m.name, m.what)
		}
		return nil
	}
	if *only == "" {
		chosen = slices.DeleteFunc(chosen, func(m measurement) bool { return m.onlyNamed })
	}
	cfg, err := project.Discover(ctx)
	if err != nil {
		return err
	}
	if err := isolate(); err != nil {
		return err
	}
	b := &bench{
		cfg: cfg, clock: clock.System(), env: os.Environ(), execute: execute, watch: where.Watch,
		runs: *runs, invocations: *invocations, looked: strings.Fields(*looked), fresh: *fresh,
	}
	b.report = Report{Machine: thisMachine(ctx), Commit: cfg.Commit, Dirty: cfg.Dirty}
	return b.measure(ctx, append([]measurement{unit}, chosen...))
}

// choose returns the measurements whose names match an expression.
func choose(only string) ([]measurement, error) {
	expression, err := regexp.Compile(only)
	if err != nil {
		return nil, &exit.Error{Code: exit.Usage, Next: "go tool mage bench -only='^dev$'", Err: fmt.Errorf("reading -only: %w", err)}
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

// isolate removes variables from the environment of this process that could lead to an AWS
// account or change what is synthesized.
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
	env   []string // of the targets, so that they don't see the embedded AWS of another measurement
	// execute runs a program to its end, like Run of command.Cmd.
	execute func(ctx context.Context, cmd command.Cmd, name string, args ...string) error
	// watch returns the processes that a function starts, like where.Watch.
	watch func(context.Context, clock.Clock, func(context.Context) error) (processes []where.Process, missing string, err error)

	runs        int      // runs of a target for each figure
	invocations int      // invocations that invoke makes
	looked      []string // the command that where examines
	fresh       bool     // where uses empty caches

	warm       *clone // the clone that measurements with warm caches share, or nil
	leftOut    bool   // uncommitted changes were reported
	downloaded bool   // everything that a fresh machine needs was downloaded
	report     Report
}

// execute is the function with which a bench runs a program.
func execute(ctx context.Context, cmd command.Cmd, name string, args ...string) error {
	return cmd.Run(ctx, name, args...)
}

// measure runs the measurements and reports them. If one fails, the others run all the same.
func (b *bench) measure(ctx context.Context, chosen []measurement) error {
	defer b.removeClone()
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
	b.report.Rows = append(b.report.Rows, ratios(b.report.Rows)...)
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

// fail adds a row that says why there is no number. The whole error goes to standard error,
// and into the report with the row.
func (b *bench) fail(name string, err error) {
	fmt.Fprintf(b.cfg.Stderr, "%s: %v\n", name, err)
	first, output, _ := strings.Cut(err.Error(), "\n")
	b.report.Rows = append(b.report.Rows, Row{Name: name, Unit: failed, Note: first, Output: output})
}
