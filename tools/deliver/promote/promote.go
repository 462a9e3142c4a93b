// Package promote deploys the cloud assembly to production, follows the canary, and says
// which version serves at the end.
package promote

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/deliver/canary"
	"github.com/magewright/magewright/tools/deliver/deploy"
	"github.com/magewright/magewright/tools/deliver/probe"
	"github.com/magewright/magewright/tools/deliver/smoke"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/kmssign"
	"github.com/magewright/magewright/tools/evidence/ledgerclient"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/live"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/readiness"
)

// Run deploys production if the evidence allows it. While traffic shifts, it compares the new
// version with the old one. If there is too little traffic, it sends requests of its own. It
// stops the deployment if the new version is worse, or if the sample is too small to decide.
// It leaves what it saw in .magewright/canary.json and canary.svg.
func Run(ctx context.Context, cfg project.Config) error { return run(ctx, cfg, "") }

// BreakGlass returns the function of a target that deploys production although the evidence
// does not allow it. It records the reason.
func BreakGlass(reason string) func(context.Context, project.Config) error {
	return func(ctx context.Context, cfg project.Config) error {
		if len(strings.TrimSpace(reason)) < minReason {
			return &exit.Error{Code: exit.Usage, Err: fmt.Errorf("-breakGlass=%q is too short: the reason is kept with the release forever", reason), Next: "go tool mage -h promote"}
		}
		return run(ctx, cfg, reason)
	}
}

func run(ctx context.Context, cfg project.Config, reason string) error {
	awsConfig, err := stack.Connect(ctx)
	if err != nil {
		return err
	}
	release, err := cdk.ReadRelease(cfg)
	if err != nil {
		return err
	}
	names, err := manifest.Read(cfg)
	if err != nil {
		return err
	}
	// Otherwise a production that the credentials can't see would count as not deployed, and
	// there would be no canary.
	if err := stack.CheckAccount(ctx, awsConfig, names.Last().Place); err != nil {
		return untouched(err)
	}
	by, err := identify(ctx, awsConfig)
	if err != nil {
		return err
	}
	judges, err := kmssign.New(ctx, awsConfig)
	if err != nil {
		return err
	}
	signer, err := kmssign.NewRecord(ctx, awsConfig)
	if err != nil {
		return err
	}
	now := clock.System().Now()
	record, refused := allow(ctx, cfg, awsConfig, judges.Key, release, by, now, notesIn(cfg))
	if refused != nil && reason == "" {
		return refuse(refused)
	}
	if err := checkAssets(ctx, cfg, awsConfig, names.Last(), by); err != nil {
		return untouched(err)
	}
	if refused != nil {
		record.BreakGlass = &evidence.BreakGlass{Reason: reason, By: by.arn, Refused: refused.Error()}
		if err := breakGlass(ctx, cfg, awsConfig, names, signer, release, record, now); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(cfg.Stdout, "allowed by evidence %.12s: %s%s\n", record.Bundle, record.Verdict, approvedBy(record.Approval))
	}
	return deliver(ctx, cfg, awsConfig, names, signer, release, record)
}

func approvedBy(a *evidence.Approval) string {
	if a == nil {
		return ""
	}
	return ", approved by " + a.By
}

// tokenLife is how long the probes of a shift may read what the ledger keeps. It is longer
// than any of CodeDeploy's configurations takes.
const tokenLife = 2 * time.Hour

// deliver deploys production, and records what allowed the deployment.
func deliver(ctx context.Context, cfg project.Config, awsConfig aws.Config, names manifest.Manifest, signer evidence.Signer, release cdk.Release, record evidence.Deployment) error {
	steps, err := probe.Load(cfg.Dir)
	if err != nil {
		return err
	}
	token, err := ledgerclient.Client{Signer: signer}.Token(ctx, release.Commit, clock.System().Now().Add(tokenLife))
	if err != nil {
		return err
	}
	production := names.Last()
	serve, err := smoke.Serve(cfg, names, production, release.Package)
	if err != nil {
		return err
	}
	there := stack.In(awsConfig, production.Place)
	all, err := stack.DescribeAll(ctx, there, production)
	before := stack.Outputs{}
	if err == nil {
		before = all[0]
	}
	f := &follower{}
	switch {
	case errors.Is(err, stack.ErrNotDeployed):
		fmt.Fprintln(cfg.Stdout, "production is not deployed yet, so there is no traffic to shift")
		err = deploy.Run(ctx, cfg, production.Stacks()...)
	case err != nil:
		return err
	case !slices.ContainsFunc(all, stack.Outputs.Shifts):
		err = replace(ctx, cfg, there, production, all, steps)
	default:
		f, before, err = shift(ctx, cfg, there, production, all, token, serve)
	}
	if err != nil {
		explained := f.explain(ctx, there, before, err)
		if record.Stopped = f.takenBack(); record.Stopped != "" {
			record.Stage, record.URL, record.FinishedOn = production.Name, before.FunctionURL, clock.System().Now().UTC()
			if err := keep(ctx, awsConfig, names, signer, release, record); err != nil {
				fmt.Fprintf(cfg.Stdout, "no record of it is kept: %v\n", err)
			}
		}
		return explained
	}
	if all, err = stack.DescribeAll(ctx, there, production); err != nil {
		return err
	}
	after := all[0]
	record.Stage, record.URL = production.Name, after.FunctionURL
	served, err := stack.Serving(ctx, there, after)
	if err != nil {
		return err
	}
	record.Version = served.Version
	// The smoke test compares the other functions.
	pkg, err := serve.Of(after)
	if err != nil {
		return err
	}
	if record.ReadBack, err = readBack(ctx, cfg, there, production, served, pkg); err != nil {
		return exit.Failed("aws cloudformation get-template --stack-name "+after.Stack, "production was deployed, but what was deployed can't be read back: %w", err)
	}
	if differs := record.ReadBack.Differs; len(differs) > 0 {
		record.FinishedOn = clock.System().Now().UTC()
		return errors.Join(
			exit.Failed("aws cloudformation describe-stack-events --stack-name "+after.Stack,
				"production differs from what should have been deployed: %s", strings.Join(differs, "; ")),
			keep(ctx, awsConfig, names, signer, release, record))
	}
	result, err := smoke.Exercise(ctx, smoke.Target{
		AWS: there, Outputs: after, Others: all[1:], Steps: steps, Record: record, Serve: serve,
		Commit: release.Commit, Package: release.Package, Signer: signer, Clock: clock.System(),
	})
	if missing, ok := errors.AsType[*exit.Error](err); ok {
		return exit.Failed(missing.Next, "production was deployed, but the smoke test could not be run: %w", missing.Err)
	}
	if err != nil && !after.Shifts() {
		return exit.Failed("git revert the commit and deliver the revert: without CodeDeploy, nothing else takes the release back", "production was deployed, but its smoke test fails: %w", err)
	}
	if err != nil {
		return exit.Failed("aws logs tail --since 10m of the function's log group", "production was deployed, but its smoke test fails: %w", err)
	}
	fmt.Fprintf(cfg.Stdout, "production serves version %s, commit %s, at %s\n", result.Version, result.Commit, after.Address())
	record.FinishedOn = clock.System().Now().UTC()
	if err := keep(ctx, awsConfig, names, signer, release, record); err != nil {
		fmt.Fprintf(cfg.Stdout, "the record of the deployment could not be kept: %v\n", err)
	}
	if err := f.anyBad(ctx, there); err != nil {
		return err
	}
	return pinJudge(ctx, cfg, awsConfig, release.Commit)
}

// shift deploys over a production that is deployed already. It follows the deployments that
// CloudFormation asks CodeDeploy for, one for each function whose traffic CodeDeploy shifts.
// Deployments that are in progress already come first. It also returns the function that
// explain should look at if there is an error.
func shift(ctx context.Context, cfg project.Config, awsConfig aws.Config, production manifest.Stage, all []stack.Outputs, token string, serve smoke.Packages) (*follower, stack.Outputs, error) {
	out := live.NewScreen(cfg.Stdout)
	cfg.Stdout = out
	if out.Live() {
		cfg.Stderr = out // both are the same terminal
	}
	shifted := slices.DeleteFunc(slices.Clone(all), func(o stack.Outputs) bool { return !o.Shifts() })
	if plain := len(all) - len(shifted); plain > 0 {
		fmt.Fprintf(cfg.Stdout, "CodeDeploy shifts the traffic of %[2]d of %[1]d functions; the new versions of the others get all traffic at once\n", len(all), len(shifted))
	}
	main := shifted[0]
	f, err := newFollower(ctx, cfg, awsConfig, main, token, out)
	for _, o := range shifted[1:] {
		if err == nil {
			err = f.beside(ctx, awsConfig, o)
		}
	}
	if err != nil {
		return &follower{}, main, err
	}
	for _, each := range f.all() {
		if each.pkg, err = serve.Of(each.outputs); err != nil {
			return f, main, err
		}
	}
	if err := f.resume(ctx, cloudformation.NewFromConfig(awsConfig)); err != nil {
		return f, f.troubled(), err
	}
	followed, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.follow(followed)
	}()
	err = deploy.Run(ctx, cfg, production.Stacks()...)
	stop()
	<-done
	return f, f.troubled(), f.because(err)
}

// whyStopped returns why the canary of a function was stopped, and which function it was; ""
// if none was.
func (f *follower) whyStopped() (reason string, of *follower) {
	for _, each := range f.all() {
		if each.stopped != "" {
			return each.stopped, each
		}
	}
	return "", f
}

// troubled returns the function that explains a failure: the one whose canary was stopped,
// otherwise the first one with a failed deployment, otherwise the first one.
func (f *follower) troubled() stack.Outputs {
	if _, of := f.whyStopped(); of != f {
		return of.outputs
	}
	for _, each := range f.all() {
		for _, w := range each.watches {
			if w.record.Status == string(types.DeploymentStatusFailed) || w.record.Status == string(types.DeploymentStatusStopped) {
				return each.outputs
			}
		}
	}
	return f.outputs
}

// takenBack says why a deployment of this release did not get all traffic, or "". What was in
// progress before this promote may be of another release, unless it is made from the same
// package.
func (f *follower) takenBack() string {
	ours := !f.earlier
	for _, each := range f.all() {
		for _, w := range each.watches {
			ours = ours || w.compared
		}
	}
	if !ours {
		return ""
	}
	if reason, _ := f.whyStopped(); reason != "" {
		return "the canary was stopped: " + reason
	}
	for _, each := range f.all() {
		for id, w := range each.watches {
			if w.record.Status == string(types.DeploymentStatusFailed) || w.record.Status == string(types.DeploymentStatusStopped) {
				return "CodeDeploy took deployment " + id + " back: " + w.record.Verdict()
			}
		}
	}
	return ""
}

// bad returns an error where the version that serves got all traffic although
// it must not: what is wrong with it was seen too late, or AWS did not stop the
// deployment, or did not say how it does.
func (f *follower) bad(serving string) error {
	for _, w := range f.watches {
		r := &w.record
		if r.New == serving && r.Judgement != nil && (r.Judgement.Verdict == canary.Fail || strings.HasPrefix(r.Decision, toBeStopped)) {
			return exit.Failed(readiness.Repoint(r.Function, r.Alias, r.Old),
				"version %s serves production but should not: %v", r.New, r.Judgement)
		}
		if r.New == serving && w.unread != nil && !w.course.approved && (r.Judgement == nil || r.Judgement.Verdict != canary.Pass) {
			return exit.Failed(readiness.Repoint(r.Function, r.Alias, r.Old), "version %s serves production, and was not judged: %w", r.New, w.unread)
		}
	}
	return nil
}

// anyBad returns what bad returns for the functions whose deployments were followed.
func (f *follower) anyBad(ctx context.Context, awsConfig aws.Config) error {
	var err error
	for _, each := range f.all() {
		if len(each.watches) == 0 {
			continue
		}
		served, lookErr := stack.Serving(ctx, awsConfig, each.outputs)
		err = errors.Join(err, lookErr, each.bad(served.Version))
	}
	return err
}

// because adds to err, a failed deployment, the reason why the canary was stopped.
func (f *follower) because(err error) error {
	reason, of := f.whyStopped()
	if err == nil || reason == "" {
		return err
	}
	if len(f.besides) > 0 {
		reason = of.outputs.FunctionName + ": " + reason
	}
	return fmt.Errorf("the canary was stopped: %s\n  %w", reason, err)
}

// explain adds to err, a failed deployment, what is known about it and which version serves.
// If AWS can't be asked, it adds what was seen last and how to go on.
func (f *follower) explain(ctx context.Context, awsConfig aws.Config, o stack.Outputs, err error) error {
	seen := ""
	if f.last != "" {
		seen = "\n  last seen: " + f.last + "; the deployment continues on AWS, and promote picks it up again"
	}
	switch {
	case ctx.Err() != nil && seen != "":
		return exit.Failed("go tool mage promote", "promote was interrupted%s\n  %w", seen, err)
	case o.FunctionName == "" || ctx.Err() != nil:
		return err
	}
	reason := ""
	if deployment, lookErr := latest(ctx, codedeploy.NewFromConfig(awsConfig), o); lookErr == nil && deployment != nil {
		if !hasEnded(deployment) { // such as that of another promote
			return exit.Failed("go tool mage promote", "promote ended before deployment %s, which is %s%s\n  %w", aws.ToString(deployment.DeploymentId), deployment.Status, seen, err)
		}
		// it does not come from an earlier promote
		ours := slices.ContainsFunc(f.all(), func(each *follower) bool { return each.watches[aws.ToString(deployment.DeploymentId)] != nil })
		if info := deployment.ErrorInformation; info != nil && ours {
			reason = fmt.Sprintf("\n  %s: %s", info.Code, aws.ToString(info.Message))
		}
		if rollback := deployment.RollbackInfo; rollback != nil && ours {
			// CloudFormation does not publish a version that exists already.
			reason += "\n  " + aws.ToString(rollback.RollbackMessage) + "\n  To try again, make a new commit: AWS keeps the version that it took back."
		}
	}
	served, lookErr := stack.Serving(ctx, awsConfig, o)
	if missing, ok := errors.AsType[*exit.Error](lookErr); ok {
		lookErr = missing.Err // the next command is then to go on
	}
	if lookErr != nil {
		return exit.Failed("go tool mage promote", "it is unknown whether production was promoted (%w)%s%s\n  %w", lookErr, seen, reason, err)
	}
	return exit.Failed("aws cloudformation describe-stack-events --stack-name "+o.Stack,
		"production was not promoted: version %s still serves%s\n  %w", served, reason, err)
}
