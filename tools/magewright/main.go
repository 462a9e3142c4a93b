// Command magewright runs targets. In this repository, it runs the targets that are too heavy
// for the magefile because they talk to AWS or contain one. They are linked into this single
// program; see package program. In a repository that adopts Magewright, it runs all targets
// that init offers, because that repository's magefile imports nothing of this module.
//
//	magewright COMMAND [FLAGS]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/magewright/magewright/tools/assembly/annotate"
	"github.com/magewright/magewright/tools/assembly/build"
	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/assembly/synth"
	"github.com/magewright/magewright/tools/check/gosec"
	"github.com/magewright/magewright/tools/check/gotest"
	"github.com/magewright/magewright/tools/check/lint"
	"github.com/magewright/magewright/tools/check/recheck"
	"github.com/magewright/magewright/tools/check/sec"
	"github.com/magewright/magewright/tools/deliver/comment"
	"github.com/magewright/magewright/tools/deliver/deploy"
	"github.com/magewright/magewright/tools/deliver/doctor"
	"github.com/magewright/magewright/tools/deliver/drill"
	"github.com/magewright/magewright/tools/deliver/pipelinestatus"
	"github.com/magewright/magewright/tools/deliver/promote"
	"github.com/magewright/magewright/tools/deliver/releases"
	"github.com/magewright/magewright/tools/deliver/settings"
	"github.com/magewright/magewright/tools/deliver/smoke"
	"github.com/magewright/magewright/tools/evidence/kmssign"
	"github.com/magewright/magewright/tools/magewright/adopt"
	"github.com/magewright/magewright/tools/magewright/bench"
	"github.com/magewright/magewright/tools/magewright/program"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/target"
	"github.com/magewright/magewright/tools/readiness/assess"
	"github.com/magewright/magewright/tools/readiness/attest"
	"github.com/magewright/magewright/tools/readiness/cost"
	"github.com/magewright/magewright/tools/readiness/plan"
	"github.com/magewright/magewright/tools/readiness/verify"
	"github.com/magewright/magewright/tools/rehearse"
	"github.com/magewright/magewright/tools/rehearse/dev"
	"github.com/magewright/magewright/tools/rehearse/enclose"
	"github.com/magewright/magewright/tools/rehearse/local"
)

// commands are the targets by the names that magefiles use.
var commands = map[string]func(context.Context, []string) error{
	"annotate":        annotation,
	"attest":          attest.Main,
	"bench":           bench.Main,
	"bootstrap":       without("bootstrap", deploy.Bootstrap),
	"build":           without("build", build.Run),
	"check":           check,
	"clean":           without("clean", target.Clean),
	"comment":         without("comment", comment.Run),
	"cost":            cost.Main,
	"deploy":          deployment,
	"dev":             enclosed("dev"),
	"doctor":          without("doctor", doctor.Run),
	"drill":           drill.Main,
	"evidence:key":    without("evidence:key", kmssign.Print),
	"fmt":             without("fmt", lint.Format),
	"gosec":           analysis,
	"init":            adopt.Main,
	"judge":           judge,
	"lint":            again("lint", lint.With(settings.Check)),
	"local":           enclosed("local"),
	"pipeline:status": pipelinestatus.Main,
	"plan":            plan.Main,
	"promote":         promotion,
	"readiness":       assess.Main,
	recheck.Command:   recheck.Main,
	enclose.Command:   inside,
	"redeploy":        releases.RedeployMain,
	"rehearse":        enclosed("rehearse"),
	"releases":        releases.Main,
	"sec":             again("sec", sec.Run),
	"settings":        without(program.SettingsCommand, settings.Print),
	"smoke":           smokeTest,
	"synth":           synthesis,
	"test":            again("test", test),
	"verify":          verification,
}

// running are the commands that run code which nobody may have reviewed.
var running = map[string]func(context.Context, []string) error{
	"dev":      dev.Main,
	"local":    local.Main,
	"rehearse": rehearse.Main,
}

// enclosed starts this program again for one of these commands, where less can be read.
func enclosed(name string) func(context.Context, []string) error {
	return func(ctx context.Context, args []string) error {
		code, err := enclose.Run(ctx, append([]string{enclose.Command, name}, args...)...)
		if code > 0 {
			os.Exit(code)
		}
		return err //nolint:wrapcheck // it says what was started
	}
}

// inside runs one of these commands in the program that was started again.
func inside(ctx context.Context, args []string) error {
	if len(args) == 0 || running[args[0]] == nil {
		return &exit.Error{Code: exit.Usage, Err: fmt.Errorf("expected one of %s, not %q", strings.Join(slices.Sorted(maps.Keys(running)), ", "), args), Next: "go tool mage -l"}
	}
	return running[args[0]](ctx, args[1:])
}

// reused reads the flags of a command that does not repeat work whose result is known, and
// the flags that more adds.
func reused(name string, args []string, more ...func(*flag.FlagSet)) (func(target.Func) target.Func, error) {
	flags := program.Flags(name)
	for _, add := range more {
		add(flags)
	}
	force := flags.Bool("force", false, "run it although nothing has changed")
	why := flags.Bool("why", false, "name every input that has changed")
	err := program.Parse(flags, args)
	return func(f target.Func) target.Func {
		return func(ctx context.Context, cfg project.Config) error {
			cfg.Force, cfg.Why = *force, *why
			return f(ctx, cfg)
		}
	}, err
}

// synthesis synthesizes the stacks, or HEAD a second time.
func synthesis(ctx context.Context, args []string) error {
	second := false
	with, err := reused("synth", args, func(flags *flag.FlagSet) {
		flags.BoolVar(&second, "second", false, "synthesize HEAD a second time from a clean clone, for readiness to compare; cdk.out stays as it is")
	})
	if err != nil {
		return err
	}
	if second {
		return target.Run(ctx, with(synth.Second))
	}
	return target.Run(ctx, with(synth.Run))
}

// judging are the commands that the pipeline runs with the code of the last release.
var judging = map[string]func(context.Context, []string) error{
	"plan":      plan.Main,
	"promote":   promotion,
	"readiness": assess.Main,
}

// judge runs some of these commands, each followed by its flags, for the project that the
// environment names. It runs nothing of that project, and no magefile either.
func judge(ctx context.Context, args []string) error {
	if os.Getenv("MAGEWRIGHT_CANDIDATE") == "" {
		return &exit.Error{Code: exit.Usage, Err: errors.New("judge is for the pipeline: MAGEWRIGHT_CANDIDATE names no project"), Next: "go tool mage readiness"}
	}
	var all [][]string
	for _, word := range args {
		switch {
		case strings.HasPrefix(word, "-") && len(all) > 0:
			all[len(all)-1] = append(all[len(all)-1], word)
		case judging[word] != nil:
			all = append(all, []string{word})
		default:
			return &exit.Error{Code: exit.Usage, Err: fmt.Errorf("expected some of %s, not %q", strings.Join(slices.Sorted(maps.Keys(judging)), ", "), args), Next: "check MAGE_TARGETS of the pipeline's action"}
		}
	}
	if len(all) == 0 {
		return &exit.Error{Code: exit.Usage, Err: errors.New("there is nothing to judge"), Next: "check MAGE_TARGETS of the pipeline's action"}
	}
	for _, command := range all {
		if err := judging[command[0]](ctx, command[1:]); err != nil {
			return err
		}
	}
	return nil
}

// again returns a command that does not repeat work whose result is known.
func again(name string, f target.Func) func(context.Context, []string) error {
	return func(ctx context.Context, args []string) error {
		with, err := reused(name, args)
		if err != nil {
			return err
		}
		return target.Run(ctx, with(f))
	}
}

// check runs the targets that only need a repository's Go code, and also synth if the
// settings name a CDK app.
func check(ctx context.Context, args []string) error {
	with, err := reused("check", args)
	if err != nil {
		return err
	}
	targets := []target.Named{
		{Name: "lint", Run: with(lint.With(settings.Check))},
		{Name: "test", Run: with(test)},
		{Name: "sec", Run: with(sec.Run)},
	}
	cfg, err := project.Discover(ctx)
	if err != nil {
		return err
	}
	if cfg.Adopted() && cdk.Configured(cfg) {
		targets = append(targets, target.Named{Name: "synth", Run: with(synth.Run)})
	}
	return target.Parallel(ctx, targets...)
}

// test runs the tests. Those of a CDK app read the files from which the app makes functions.
// In a fresh clone, these have to be built first.
func test(ctx context.Context, cfg project.Config) error {
	if !cfg.Adopted() || !cdk.Configured(cfg) {
		return gotest.Run(ctx, cfg)
	}
	quiet := cfg
	quiet.Stdout = io.Discard
	// The tests of the other modules are run anyway.
	built := build.Functions(ctx, quiet)
	return errors.Join(gotest.Run(ctx, cfg), built)
}

// analysis is gosec, which the target sec runs as a program of its own.
func analysis(ctx context.Context, args []string) error {
	if code := gosec.Run(ctx, args, os.Stdout, os.Stderr); code != 0 {
		os.Exit(code) // it has already said why
	}
	return nil
}

// without returns a command without flags.
func without(name string, f target.Func) func(context.Context, []string) error {
	return func(ctx context.Context, args []string) error {
		if err := program.Parse(program.Flags(name), args); err != nil {
			return err
		}
		return target.Run(ctx, f)
	}
}

// annotation writes the names of what is delivered into a cloud assembly.
func annotation(ctx context.Context, args []string) error {
	flags := program.Flags("annotate")
	assembly := flags.String("assembly", "", "the `directory` of the cloud assembly; cdk.out at the root by default")
	draft := flags.Bool("draft", false, "print a magewright.yml of what is found, and write nothing")
	if err := program.Parse(flags, args); err != nil {
		return err
	}
	return target.Run(ctx, func(ctx context.Context, cfg project.Config) error {
		if *assembly != "" {
			cfg.Assembly = *assembly
		}
		if *draft {
			return annotate.Draft(cfg)
		}
		return annotate.Run(ctx, cfg)
	})
}

// verification decides a verdict again.
func verification(ctx context.Context, args []string) error {
	flags := program.Flags("verify")
	bundle := flags.String("bundle", "", "the bundle's `file`; the last assessment here by default")
	key := flags.String("key", "", "the `file` of the public key; the key that the CDK context pins by default")
	if err := program.Parse(flags, args); err != nil {
		return err
	}
	return target.Run(ctx, verify.File(*bundle, *key))
}

// deployment deploys a stage or the pipeline.
func deployment(ctx context.Context, args []string) error {
	flags := program.Flags("deploy-stage")
	name := flags.String("stage", "", "the `name` of a stage before the last, or "+deploy.Pipeline+"; the first stage by default")
	if err := program.Parse(flags, args); err != nil {
		return err
	}
	return target.Run(ctx, deploy.Stage(*name))
}

// smokeTest exercises a deployed stage.
func smokeTest(ctx context.Context, args []string) error {
	flags := program.Flags("smoke")
	name := flags.String("stage", "", "the `name` of a stage; the first stage by default")
	if err := program.Parse(flags, args); err != nil {
		return err
	}
	return target.Run(ctx, smoke.Stage(*name))
}

// promotion takes the cloud assembly to production.
func promotion(ctx context.Context, args []string) error {
	flags := program.Flags("promote")
	reason := flags.String("breakGlass", "", "why to deploy although the evidence does not allow it")
	if err := program.Parse(flags, args); err != nil {
		return err
	}
	given := false
	flags.Visit(func(f *flag.Flag) { given = given || f.Name == "breakGlass" })
	if given {
		return target.Run(ctx, promote.BreakGlass(*reason))
	}
	return target.Run(ctx, promote.Run)
}

func main() {
	if self, err := os.Executable(); err == nil {
		sec.Gosec = []string{self, "gosec"}
		recheck.Program = []string{self, recheck.Command}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := exit.Stopped(ctx, run(ctx, os.Args[1:]))
	stop()
	exit.Now(err)
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 || commands[args[0]] == nil {
		names := strings.Join(slices.Sorted(maps.Keys(commands)), ", ")
		return &exit.Error{Code: exit.Usage, Err: fmt.Errorf("expected one of %s, not %q", names, args), Next: "go tool mage -l"}
	}
	err := commands[args[0]](ctx, args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	return err
}
