//go:build mage

// The targets of this project: the single source of its build logic, for a
// shell and for CodeBuild alike. Start with doctor, check and rehearse.
package main

import (
	"context"

	"github.com/magefile/mage/mg"

	"github.com/magewright/magewright/tools/assembly/build"
	"github.com/magewright/magewright/tools/assembly/synth"
	"github.com/magewright/magewright/tools/check/gotest"
	"github.com/magewright/magewright/tools/check/lint"
	"github.com/magewright/magewright/tools/check/sec"
	"github.com/magewright/magewright/tools/magewright/program"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/target"
	"github.com/magewright/magewright/tools/readiness/verify"
	"github.com/magewright/magewright/tools/surface/reference"
)

// Aliases gives targets of two words the spelling that a pipeline uses.
var Aliases = map[string]any{
	"deploy-staging": DeployStaging,
	"deploy-stage":   DeployStage,
}

// Lint checks formatting and code: gofmt, go vet, golangci-lint.
func Lint(ctx context.Context,
	force *bool, // run it although nothing has changed
	why *bool, // name every input that has changed
) error {
	return target.Run(ctx, again(lint.With(program.Settings), force, why))
}

// Test runs the tests with the race detector; JUnit and coverage go to .magewright.
func Test(ctx context.Context,
	force *bool, // run it although nothing has changed
	why *bool, // name every input that has changed
) error {
	return target.Run(ctx, again(gotest.Run, force, why))
}

// Sec looks for insecure code, known vulnerabilities and secrets.
func Sec(ctx context.Context,
	force *bool, // run it although nothing has changed
	why *bool, // name every input that has changed
) error {
	return target.Run(ctx, again(sec.Run, force, why))
}

// Synth builds the function and synthesizes every stack into cdk.out.
func Synth(ctx context.Context,
	force *bool, // run it although nothing has changed
	why *bool, // name every input that has changed
	second *bool, // synthesize HEAD a second time from a clean clone, for readiness to compare; cdk.out stays as it is
) error {
	if value(second) {
		return target.Run(ctx, again(synth.Second, force, why))
	}
	return target.Run(ctx, again(synth.Run, force, why))
}

// DeployStaging deploys the staging stack from cdk.out, unchanged (also: deploy-staging).
func DeployStaging(ctx context.Context) error {
	return program.Run(ctx, "deploy")
}

// DeployStage deploys any stage but the last from cdk.out, unchanged; promote deploys the last (also: deploy-stage).
func DeployStage(ctx context.Context,
	stage *string, // the name of the stage; default the first
) error {
	return program.Run(ctx, "deploy", program.Flag("stage", stage))
}

// Smoke runs the smoke test of infra/probes.yml against a stage.
func Smoke(ctx context.Context,
	stage *string, // the name of the stage; default the first
) error {
	return program.Run(ctx, "smoke", program.Flag("stage", stage))
}

// Drill releases a bad version to staging on purpose, and checks that AWS takes it back.
func Drill(ctx context.Context,
	fault *string, // what the bad version does: errors:SHARE, latency:DURATION or crash; default errors:0.5
) error {
	return program.Run(ctx, "drill", program.Flag("fault", fault))
}

// Promote takes cdk.out to production, if the evidence allows it, and follows the canary.
func Promote(ctx context.Context,
	breakGlass *string, // why to deploy although the evidence does not allow it; signed and kept for ever
) error {
	return program.Run(ctx, "promote", program.Flag("breakGlass", breakGlass))
}

// Readiness decides from evidence whether HEAD may go to production: exit code 0 is GO.
func Readiness(ctx context.Context,
	base *string, // the release that HEAD follows: a commit, or none; default what production serves, else the latest tag, else HEAD's parent
	missing *bool, // list what is missing to require every check, with the command that sets it up, and decide nothing
) error {
	return program.Run(ctx, "readiness", program.Flag("base", base), program.Flag("missing", missing))
}

// Verify decides the verdict again from a bundle and the public key alone.
func Verify(ctx context.Context,
	bundle *string, // the bundle's file; default .magewright/readiness.intoto.jsonl
	key *string, // the file of the public key; default the key that the CDK context pins
) error {
	return target.Run(ctx, verify.File(value(bundle), value(key)))
}

// Attest signs, with your own key, what you state about HEAD: a manual test, a review, an approval or a waiver.
func Attest(ctx context.Context,
	what *string, // what you have tried, the result of your review, or the reason for a waiver
	review *bool, // sign a review of the change since the base
	approve *bool, // sign that HEAD may go to production on the evidence here, for a promote outside of the pipeline
	waive *string, // sign a waiver for this check
	expires *string, // a waiver expires at the beginning of this day in UTC, such as 2026-12-20; 30 days away at most
	owner *string, // who makes sure that the waiver is not needed again
	scope *string, // what a waiver covers: commits, from the base to HEAD (default), or package
	base *string, // the release that HEAD follows: a commit, or none; default what production serves, else the latest tag, else HEAD's parent
	key *string, // your private key; default MAGEWRIGHT_KEY, else ~/.config/magewright/key.pem
	newKey *bool, // make a private key and print its line for the policy
) error {
	return program.Run(ctx, "attest", program.Flag("what", what), program.Flag("review", review), program.Flag("approve", approve), program.Flag("waive", waive),
		program.Flag("expires", expires), program.Flag("owner", owner), program.Flag("scope", scope), program.Flag("base", base),
		program.Flag("key", key), program.Flag("newKey", newKey))
}

// Plan prints the deployment plan of HEAD, generated from what it changes, and keeps it in .magewright/plan.md.
func Plan(ctx context.Context,
	base *string, // the release that HEAD follows: a commit, or none; default what production serves, else the latest tag, else HEAD's parent
	send *bool, // publish it to the stakeholders' topic, and record that
	when *string, // when production is deployed; default when the pipeline's approval is given
) error {
	return program.Run(ctx, "plan", program.Flag("base", base), program.Flag("send", send), program.Flag("when", when))
}

// Cost estimates what production costs a month, compared with what is deployed.
func Cost(ctx context.Context,
	requests *float64, // how many requests a month each function gets; default 1000000
	ms *float64, // how many milliseconds a request takes; default 100
) error {
	return program.Run(ctx, "cost", program.Flag("requests", requests), program.Flag("ms", ms))
}

// Releases shows what serves where, who approved what on which evidence, and DORA's four figures.
func Releases(ctx context.Context,
	diff *string, // what is between two releases, as OLD..NEW
) error {
	return program.Run(ctx, "releases", program.Flag("diff", diff))
}

// Redeploy commits the files of a release that was good on top of HEAD, for the pipeline to deliver.
func Redeploy(ctx context.Context,
	release *string, // the commit of a release that users have had
) error {
	return program.Run(ctx, "redeploy", program.Flag("release", release))
}

// Comment writes what changes, the plan and the verdict into one comment of the pull or merge request, or prints it.
func Comment(ctx context.Context) error { return program.Run(ctx, "comment") }

// Docs writes infra/REFERENCE.md from the source and from cdk.out.
func Docs(ctx context.Context) error { return target.Run(ctx, reference.Write) }

// Check runs lint, test, sec and synth, two at a time.
func Check(ctx context.Context,
	force *bool, // run it although nothing has changed
	why *bool, // name every input that has changed
) error {
	return target.Parallel(ctx,
		target.Named{Name: "lint", Run: again(lint.With(program.Settings), force, why)},
		target.Named{Name: "test", Run: again(gotest.Run, force, why)},
		target.Named{Name: "sec", Run: again(sec.Run, force, why)},
		target.Named{Name: "synth", Run: again(synth.Run, force, why)})
}

// Doctor looks for what this machine and the AWS account lack, with the command that mends it.
func Doctor(ctx context.Context) error { return program.Run(ctx, "doctor") }

// Bootstrap prepares the AWS account for the CDK: needed once, in each region that gets a stack.
func Bootstrap(ctx context.Context) error { return program.Run(ctx, "bootstrap") }

// Build builds the function's deployment package, .magewright/app.zip.
func Build(ctx context.Context) error { return target.Run(ctx, build.Run) }

// Fmt formats the Go files.
func Fmt(ctx context.Context) error { return target.Run(ctx, lint.Format) }

// Clean removes what targets have made: .magewright and cdk.out.
func Clean(ctx context.Context) error { return target.Run(ctx, target.Clean) }

// Rehearse takes HEAD through the pipeline to production on this machine, without an AWS account.
func Rehearse(ctx context.Context,
	approve *bool, // answer the approval with yes
	base *string, // the release that HEAD follows: a commit, or none; default what production serves, else the latest tag, else HEAD's parent
	baseVerify *bool, // take the base through the whole pipeline too, its checks included
	builds *int, // how many builds run at once; default 2
	forward *string, // services that other endpoints on this machine have instead, such as dynamodb=http://127.0.0.1:8000
	keep *bool, // keep the endpoint running at the end
	speed *float64, // how many times as fast AWS's waits pass; default 60
) error {
	return program.Run(ctx, "rehearse", program.Flag("approve", approve), program.Flag("base", base), program.Flag("baseVerify", baseVerify),
		program.Flag("builds", builds), program.Flag("forward", forward), program.Flag("keep", keep), program.Flag("speed", speed))
}

// Dev deploys staging to an embedded AWS, and replaces a function there whenever you save its code.
func Dev(ctx context.Context,
	debug *bool, // run the functions in the debugger delve
	port *int, // the port to listen on; default 4566
) error {
	return program.Run(ctx, "dev", program.Flag("debug", debug), program.Flag("port", port))
}

// Local runs the embedded AWS in the foreground, on 127.0.0.1:4566.
func Local(ctx context.Context,
	env *bool, // print the exports of the embedded AWS that runs in another shell, for eval
	forward *string, // services that other endpoints on this machine have instead, such as dynamodb=http://127.0.0.1:8000
	iam *string, // whether IAM is enforced: on (the default), report or off
	port *int, // the port to listen on; default 4566
	speed *float64, // how many times as fast AWS's waits pass; default 60
) error {
	return program.Run(ctx, "local", program.Flag("env", env), program.Flag("forward", forward), program.Flag("iam", iam), program.Flag("port", port), program.Flag("speed", speed))
}

// Bench measures the targets and the embedded AWS, and prints the numbers.
func Bench(ctx context.Context,
	only *string, // a regular expression of the measurements to make; -list=true names them
	list *bool, // print the names of the measurements
	runs *int, // how many times the targets are run for each figure; default 3
	invocations *int, // how many times invoke invokes the function; default 50000
	command *string, // the command that where looks into; default go tool mage rehearse -approve
	fresh *bool, // where looks into it with empty caches
) error {
	return program.Run(ctx, "bench", program.Flag("only", only), program.Flag("list", list), program.Flag("runs", runs),
		program.Flag("invocations", invocations), program.Flag("command", command), program.Flag("fresh", fresh))
}

// Evidence holds the targets of the evidence itself.
type Evidence mg.Namespace

// Key prints the public keys that sign evidence and records in this account, and creates those that are missing.
func (Evidence) Key(ctx context.Context) error { return program.Run(ctx, "evidence:key") }

// again returns f so that it knows whether to run what is proven, and to say why
// it runs.
func again(f target.Func, force, why *bool) target.Func {
	return func(ctx context.Context, cfg project.Config) error {
		cfg.Force, cfg.Why = value(force), value(why)
		return f(ctx, cfg)
	}
}

// value returns what an optional argument says, or its type's zero value.
func value[T any](given *T) T {
	if given == nil {
		return *new(T)
	}
	return *given
}

// Pipeline holds the targets of the pipeline itself.
type Pipeline mg.Namespace

// Deploy deploys the pipeline's stack from cdk.out.
func (Pipeline) Deploy(ctx context.Context) error {
	return program.Run(ctx, "deploy", "-stage=pipeline")
}

// Status shows the pipeline's last execution, and what waits for an answer.
func (Pipeline) Status(ctx context.Context,
	follow *bool, // wait until the pipeline has ended with HEAD; exit code 0 if HEAD is delivered
) error {
	return program.Run(ctx, "pipeline:status", program.Flag("follow", follow))
}
