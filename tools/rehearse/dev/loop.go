package dev

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/magewright/magewright/tools/assembly/build"
	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/assembly/synth"
	"github.com/magewright/magewright/tools/deliver/deploy"
	"github.com/magewright/magewright/tools/deliver/smoke"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/heartbeat"
	"github.com/magewright/magewright/tools/internal/live"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/rehearse/results"
)

// A loop brings saved files to the embedded AWS.
type loop struct {
	cfg   project.Config
	aws   aws.Config
	clock clock.Clock
	out   io.Writer
	delve string // the debugger's program; "" without -debug

	layout    layout
	deployed  bool
	functions functions
	templates map[string]string // digests of the deployed templates, by file
}

// step runs something whose output is only shown if it fails.
func (l *loop) step(name string, f func(project.Config) error) error {
	var said bytes.Buffer
	cfg := l.cfg
	together := live.NewScreen(&said) // several programs write to it
	cfg.Stdout, cfg.Stderr = together, together
	began := l.clock.Now()
	err := heartbeat.During(l.clock, l.out, l.out, name, func(io.Writer, io.Writer) error { return f(cfg) })
	if err != nil {
		fmt.Fprint(l.out, results.Lines(said.String(), 40))
		return fmt.Errorf("%s: %w", name, err)
	}
	fmt.Fprintln(l.out, timed(name, clock.Since(l.clock, began)))
	return nil
}

// handle brings saved files to the embedded AWS. It prints errors, and what was deployed
// before continues to run. It reports whether there was anything to do.
func (l *loop) handle(ctx context.Context, changed []string) bool {
	duty := l.layout.sort(changed)
	if !l.deployed {
		duty.app = true
	}
	if duty.nothing() {
		return false
	}
	fmt.Fprintln(l.out, saidSaved(changed))
	if fresh, err := project.Discover(ctx); err == nil {
		// Functions know their commit, and whether files differ from it.
		l.cfg.Commit, l.cfg.Dirty = fresh.Commit, fresh.Dirty
	}
	began := l.clock.Now()
	var err error
	if duty.app {
		err = l.deploy(ctx)
	} else {
		for _, dir := range duty.programs {
			if err = l.replace(ctx, dir); err != nil {
				break
			}
		}
	}
	if err == nil && len(duty.programs) > 0 {
		fmt.Fprintln(l.out, timed(saidServed, clock.Since(l.clock, began)))
	}
	if err == nil {
		err = l.smoke(ctx)
	} else if l.deployed {
		err = fmt.Errorf("%w\nwhat was deployed before still serves", err)
	}
	l.report(ctx, err)
	if len(duty.programs) == 0 || ctx.Err() != nil {
		return true
	}
	// An import may have been added.
	if found, err := findLayout(ctx, l.cfg); err == nil {
		l.layout = found
	}
	return true
}

// deploy synthesizes the files as they are, and deploys the first stage if its templates have
// changed. Then it replaces the code of functions again that were replaced before, because
// CloudFormation does not know about that.
func (l *loop) deploy(ctx context.Context) error {
	found, err := findLayout(ctx, l.cfg)
	if err != nil {
		return err
	}
	l.layout = found
	if err := l.step("synthesize", func(cfg project.Config) error { return synth.Run(ctx, cfg) }); err != nil {
		return err
	}
	names, err := manifest.Read(l.cfg)
	if err != nil {
		return err
	}
	templates, err := digests(l.cfg, names.First())
	if err != nil {
		return err
	}
	if l.deployed && maps.Equal(templates, l.templates) {
		fmt.Fprintln(l.out, "the templates are those that are deployed")
	} else {
		l.templates = nil
		if err := l.step("deploy "+names.First().Stack, func(cfg project.Config) error {
			// A saved file can add what the stack's own role may not do yet.
			if err := deploy.PutRoles(ctx, cfg, l.aws, account.DefaultID, names); err != nil {
				return err
			}
			return deploy.Draft(ctx, cfg, names.First().Stacks()...)
		}); err != nil {
			return err
		}
		l.templates, l.deployed = templates, true
	}
	if err := l.functions.find(ctx, l.aws, l.cfg, names.First()); err != nil {
		return err
	}
	return l.link(ctx)
}

// digests returns the digests of a stage's templates. A template names its assets by
// their digests.
func digests(cfg project.Config, stage manifest.Stage) (map[string]string, error) {
	all := map[string]string{}
	files := []string{stage.Template}
	if stage.Evidence != nil && stage.Evidence.Stack != stage.Stack {
		files = append(files, stage.Evidence.Stack+".template.json")
	}
	for _, file := range files {
		sum, err := cdk.HashFile(filepath.Join(cfg.Assembly, filepath.FromSlash(file)))
		if err != nil {
			return nil, fmt.Errorf("reading the cloud assembly: %w", err)
		}
		all[file] = sum
	}
	return all, nil
}

// link finds out which function is made from which program. It replaces the code of the
// functions that CloudFormation has left in another state.
func (l *loop) link(ctx context.Context) error {
	if len(l.layout.programs) == 0 {
		fmt.Fprintf(l.out, "no function is built here: %s/cdk.json names no \"functions\", so each change is synthesized and deployed\n", l.cfg.Settings())
		return nil
	}
	for _, p := range l.layout.programs {
		built, err := l.compile(ctx, p, false)
		if err != nil {
			return err
		}
		linked := l.functions.link(p.Dir, built)
		if linked == 0 {
			fmt.Fprintf(l.out, "no function of the stack is made from %s, so a change of it is synthesized and deployed\n", p.Dir)
			continue
		}
		if l.delve != "" {
			if err := l.replace(ctx, p.Dir); err != nil {
				return err
			}
			continue
		}
		if err := l.functions.restore(ctx, p.Dir, built); err != nil {
			return err
		}
	}
	return nil
}

// compile builds a program and returns the file.
func (l *loop) compile(ctx context.Context, p made, debugger bool) ([]byte, error) {
	i := slices.IndexFunc(l.layout.programs, func(o made) bool { return o.Dir == p.Dir })
	out, err := l.cfg.Path("dev", strconv.Itoa(i), "bootstrap")
	if err != nil {
		return nil, err
	}
	// Only the compiler's messages are shown.
	var said bytes.Buffer
	cfg := l.cfg
	cfg.Stderr = &said
	if debugger {
		err = p.BuildForDebugger(ctx, cfg, out)
	} else {
		err = p.Build(ctx, cfg, out)
	}
	if err != nil {
		fmt.Fprint(l.out, said.String())
		return nil, exit.Failed("mend it and save it", "%s does not compile", p.Dir)
	}
	return os.ReadFile(out) // #nosec G304 -- just built
}

// replace builds a program and replaces the code of its functions.
func (l *loop) replace(ctx context.Context, dir string) error {
	i := slices.IndexFunc(l.layout.programs, func(p made) bool { return p.Dir == dir })
	replaced := l.functions.of(dir)
	if i < 0 || len(replaced) == 0 {
		return l.deploy(ctx)
	}
	began := l.clock.Now()
	var built []byte
	// The first build for a debugger compiles everything again.
	err := heartbeat.During(l.clock, l.out, l.out, "build "+dir, func(io.Writer, io.Writer) (err error) {
		built, err = l.compile(ctx, l.layout.programs[i], l.delve != "")
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(l.out, timed(saidBuilt(dir), clock.Since(l.clock, began)))
	for _, f := range replaced {
		began := l.clock.Now()
		files := map[string][]byte{executable: built}
		if l.delve != "" {
			files = l.debugged(f, built)
			if err := l.functions.stopClock(ctx, f); err != nil {
				return err
			}
		}
		version, err := l.functions.swap(ctx, f, files)
		if err != nil {
			return err
		}
		fmt.Fprintln(l.out, timed(saidReplaced(f.name, version), clock.Since(l.clock, began)))
		if l.delve != "" {
			l.describe(f)
		}
	}
	return nil
}

// smoke runs the smoke test of the first stage.
func (l *loop) smoke(ctx context.Context) error {
	switch {
	case !l.deployed:
		return nil
	case l.delve != "":
		fmt.Fprintln(l.out, "the smoke test is left out, because it would not wait for a program that is stopped in a debugger")
		return nil
	}
	began := l.clock.Now()
	var said bytes.Buffer
	cfg := l.cfg
	cfg.Stdout, cfg.Stderr = &said, &said
	steps, err := smoke.Try(ctx, cfg, "", smoke.Draft{Commit: build.Commit(cfg), Packages: l.functions.packages()})
	if err != nil {
		fmt.Fprint(l.out, said.String())
		if e, ok := errors.AsType[*exit.Error](err); ok {
			err = e.Err // its next command is meant for a release
		}
		return exit.Failed("fix it and save it; the log of the function is above, and in the console", "the smoke test fails: %w", err)
	}
	fmt.Fprintln(l.out, timed(saidSmoke(steps), clock.Since(l.clock, began)))
	return nil
}
