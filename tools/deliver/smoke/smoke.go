// Package smoke exercises a deployed stage as a user would. It takes the steps that the
// project declares, and makes sure that the release is what answers. Lambda says which
// version that is; the application is not asked.
package smoke

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/deliver/probe"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/kmssign"
	"github.com/magewright/magewright/tools/evidence/ledgerclient"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
)

// Deadline is how long a stage may take until it answers for the first time. It includes the
// function's first start and the time until a new URL works everywhere.
const Deadline = 30 * time.Second

// Stage returns the function of a target that exercises a stage. The name "" means the first
// stage.
func Stage(name string) func(context.Context, project.Config) error {
	return func(ctx context.Context, cfg project.Config) error { return Run(ctx, cfg, name) }
}

// Run exercises a stage and prints the latencies. It leaves the evidence in
// .magewright/smoke-STAGE.intoto.json, even if the smoke test fails.
func Run(ctx context.Context, cfg project.Config, stage string) error {
	_, err := run(ctx, cfg, stage, nil)
	return err
}

// A Draft is what a stage serves if that need not be a release.
type Draft struct {
	Commit   string // as the functions know it
	Packages Packages
}

// Try exercises a stage that a draft serves, as Run does, and returns how many steps were
// taken. It leaves no evidence.
func Try(ctx context.Context, cfg project.Config, stage string, draft Draft) (steps int, err error) {
	return run(ctx, cfg, stage, &draft)
}

// run exercises a stage that the release serves, or a draft if there is one. It returns
// how many steps were taken.
func run(ctx context.Context, cfg project.Config, stage string, draft *Draft) (taken int, err error) {
	read := cdk.ReadRelease
	if draft != nil {
		read = cdk.ReadDraft
	}
	awsConfig, err := stack.Connect(ctx)
	if err != nil {
		return 0, err
	}
	release, err := read(cfg)
	if err != nil {
		return 0, err
	}
	names, err := manifest.Read(cfg)
	if err != nil {
		return 0, err
	}
	where, err := names.Stage(stage)
	if err != nil {
		return 0, err
	}
	stage = where.Name
	steps, err := probe.Load(cfg.Dir)
	if err != nil {
		return 0, err
	}
	there := stack.In(awsConfig, where.Place)
	all, err := stack.DescribeAll(ctx, there, where)
	if err != nil {
		return 0, err
	}
	outputs := all[0]
	signer, err := kmssign.NewRecord(ctx, awsConfig)
	if err != nil {
		return 0, err
	}
	var serve Packages
	said := release.Commit
	if draft != nil {
		said, serve = draft.Commit, draft.Packages
	} else if serve, err = Serve(cfg, names, where, release.Package); err != nil {
		return 0, err
	}
	result, err := Exercise(ctx, Target{
		AWS: there, Outputs: outputs, Others: all[1:], Steps: steps, Serve: serve,
		Record: evidence.Deployment{Stage: stage, URL: outputs.FunctionURL},
		Commit: release.Commit, Said: said, Package: release.Package, Signer: signer, Clock: clock.System(),
		Test: func(ctx context.Context, pattern string) ([]evidence.SmokeCheck, error) {
			return goTest(ctx, cfg, pattern, variables(stage, said, outputs))
		},
	})
	if result.Version != "" {
		fmt.Fprintf(cfg.Stdout, "version %s of %s serves %s, made from package sha256 %.12s\n", result.Version, outputs.FunctionName, stage, result.Package)
	}
	taken = len(result.Checks)
	for _, c := range result.Checks {
		fmt.Fprintf(cfg.Stdout, "%-34s %d  %7.1f ms\n", c.Name, c.Status, c.Milliseconds)
	}
	if draft == nil {
		if keepErr := keep(cfg, release.Package, result, stage == names.First().Name, err); keepErr != nil {
			return taken, errors.Join(err, keepErr)
		}
	}
	if missing, ok := errors.AsType[*exit.Error](err); ok {
		return taken, missing // AWS can't be asked: it says what to type
	}
	return taken, failed(cfg, stage, outputs, err)
}

// failed returns the error of a smoke test that failed.
func failed(cfg project.Config, stage string, outputs stack.Outputs, err error) error {
	if err == nil {
		return nil
	}
	next := "aws logs tail --since 10m of the function's log group"
	// The first steps of a repository are those that init writes, which can't know the API.
	if _, ok := errors.AsType[*probe.StatusError](err); ok && cfg.Adopted() {
		next = "write into " + cfg.Settings() + "/probes.yml what the stage must answer; if it is right there, " + next
	}
	return exit.Failed(next+", then go tool mage smoke -stage="+stage, "%s at %s: %w", stage, outputs.Address(), err)
}

// Packages says which package each function of a stage must be made of: the SHA-256 of
// the zip file in hexadecimal, by the function's logical id.
type Packages map[string]string

// Of returns the package of a function. A function without one is an error: nothing
// could be compared with what it serves.
func (p Packages) Of(o stack.Outputs) (string, error) {
	pkg, ok := p[o.LogicalID]
	if !ok {
		return "", exit.Missing("go tool mage synth", "the cloud assembly has no package for function %s (logical id %q)", o.FunctionName, o.LogicalID)
	}
	return pkg, nil
}

// Serve returns the packages that a stage must serve. The digest of the release is that
// of its only package. If the stack comes from another CDK app, or has several functions,
// it can be the digest of a list of packages, so the assembly is read instead.
func Serve(cfg project.Config, names manifest.Manifest, stage manifest.Stage, release string) (Packages, error) {
	if names.Annotated == "" && len(stage.Functions) == 1 {
		return Packages{stage.Functions[0].Function: release}, nil
	}
	delivered, err := cdk.Delivered(cfg, stage)
	if err != nil {
		return nil, err
	}
	all := Packages{}
	for _, p := range delivered {
		all[p.LogicalID] = p.SHA256
	}
	return all, nil
}

// keep leaves a statement about the release that must answer. The statement about the first
// stage is part of the evidence that decides about the release.
func keep(cfg project.Config, pkg string, result evidence.Smoke, first bool, failure error) error {
	result.Made = evidence.Made{FinishedOn: clock.System().Now(), Dirty: cfg.Dirty}
	result.Package, result.Result = pkg, evidence.TestsPassed
	if failure != nil {
		result.Result, result.Problem = evidence.TestsFailed, failure.Error()
	}
	var predicate evidence.Predicate = result
	if !first {
		predicate = evidence.StageSmoke{Smoke: result}
	}
	s, err := evidence.NewStatement(cfg.Commit, pkg, predicate)
	if err != nil {
		return err
	}
	return evidence.Write(cfg.Evidence, "smoke-"+result.Stage, s)
}

// A Target is what is exercised.
type Target struct {
	AWS     aws.Config
	Outputs stack.Outputs // of the stage's main function
	Steps   []probe.Step  // the steps to take
	// Record is what a release ledger is told about its deployment. Its Stage names the stage
	// that is exercised.
	Record  evidence.Deployment
	Commit  string // of the release
	Said    string // the commit as the functions know it; Commit by default
	Package string // SHA-256 of its deployment package, or of the list of its packages
	// Serve has the package that each function must serve. If it is nil, all of them
	// must serve Package.
	Serve Packages
	// Others are the stage's other functions. Each must serve its own package too.
	Others []stack.Outputs
	Signer evidence.Signer
	Clock  clock.Clock
	// Test runs the tests of a pattern of packages. If it is nil, steps that run tests are
	// left out. Tests are code of the release, and only smoke may run that.
	Test func(ctx context.Context, pattern string) ([]evidence.SmokeCheck, error)
}

// linkLife is how long the token of a smoke test is valid.
const linkLife = 10 * time.Minute

// Exercise takes the steps in order and stops at the first one that fails. Before and after
// the steps, one version must get all traffic, and it must be made from the release's
// package.
func Exercise(ctx context.Context, t Target) (evidence.Smoke, error) {
	s := session{Target: t, result: evidence.Smoke{Stage: t.Record.Stage, URL: t.Outputs.FunctionURL, Checks: []evidence.SmokeCheck{}}}
	before, err := t.serves(ctx)
	if err != nil {
		return s.result, err
	}
	s.result.Version, s.result.Commit, s.result.Package = before.Version, t.Commit, before.Package
	if err := s.prepare(ctx, before); err != nil {
		return s.result, err
	}
	for i, step := range t.Steps {
		if i == 0 && step.Within == 0 && step.Safe() {
			step.Within = Deadline
		}
		if err := s.take(ctx, step); err != nil {
			return s.result, err
		}
	}
	after, err := t.serves(ctx)
	if err == nil && after.Version != before.Version {
		err = fmt.Errorf("version %s serves, but version %s served when the steps began", after.Version, before.Version)
	}
	return s.result, err
}

// serves returns what the stage serves, which must be the release.
func (t Target) serves(ctx context.Context) (stack.Served, error) {
	var first stack.Served
	for i, o := range append([]stack.Outputs{t.Outputs}, t.Others...) {
		served, err := stack.Serving(ctx, t.AWS, o)
		if err == nil {
			err = t.is(o, served)
		}
		if err != nil && i > 0 {
			err = fmt.Errorf("%s: %w", o.FunctionName, err)
		}
		if err != nil {
			return served, err
		}
		if i == 0 {
			first = served
		}
	}
	return first, nil
}

// is returns an error unless the function's own package gets all of its traffic.
func (t Target) is(o stack.Outputs, served stack.Served) error {
	if t.Serve == nil {
		return served.Is(t.Package)
	}
	pkg, err := t.Serve.Of(o)
	if err != nil {
		return err
	}
	return served.Is(pkg)
}

type session struct {
	Target
	steps  probe.Session
	result evidence.Smoke
}

// prepare gives the steps the values that they may use.
func (s *session) prepare(ctx context.Context, served stack.Served) error {
	s.steps = probe.Session{
		URL: s.Outputs.FunctionURL, Invoke: probe.Function(s.AWS, append([]stack.Outputs{s.Outputs}, s.Others...)...), AWS: s.AWS, Clock: s.Clock,
		Values: map[string]any{"commit": cmp.Or(s.Said, s.Commit), "package": s.Package, "stage": s.Record.Stage, "version": served.Version},
	}
	for key, value := range s.Outputs.All {
		s.steps.Values[probe.Output+key] = value
	}
	if !probe.Steps(s.Steps).Tokens() {
		return nil
	}
	return s.token(ctx)
}

// token lets the steps read what a ledger keeps.
func (s *session) token(ctx context.Context) (err error) {
	if s.steps.Token == "" {
		s.steps.Token, err = ledgerclient.Client{Signer: s.Signer}.Token(ctx, s.Commit, s.Clock.Now().Add(linkLife))
	}
	return err
}

// exercises are the steps that are written in Go, by name.
var exercises = map[string]func(*session, context.Context) error{probe.Ledger: (*session).ledger}

// take takes a step, and notes it if it succeeded.
func (s *session) take(ctx context.Context, step probe.Step) error {
	if step.Exercise != "" {
		exercise, ok := exercises[step.Exercise]
		if !ok {
			return fmt.Errorf("there is no exercise %s", step.Exercise)
		}
		return exercise(s, ctx)
	}
	if step.Test != "" {
		if s.Test == nil {
			return nil
		}
		checks, err := s.Test(ctx, step.Test)
		s.result.Checks = append(s.result.Checks, checks...)
		return err
	}
	return s.do(ctx, step, nil)
}

// do takes a step. If verify is not nil, it must accept the answer.
func (s *session) do(ctx context.Context, step probe.Step, verify func(answer []byte) error) error {
	result, err := s.steps.Do(ctx, step)
	if err == nil && verify != nil {
		err = verify(result.Body)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", step.Name, err)
	}
	s.result.Checks = append(s.result.Checks, evidence.SmokeCheck{
		Name: step.Name, Method: result.Method, Status: result.Status, Milliseconds: float64(result.Took.Microseconds()) / 1000,
	})
	return nil
}
