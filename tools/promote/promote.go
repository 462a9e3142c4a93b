// Package promote takes the cloud assembly to production, follows the canary,
// and says which version serves at the end.
package promote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/magewright/magewright/tools/cdk"
	"github.com/magewright/magewright/tools/clock"
	"github.com/magewright/magewright/tools/deploy"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/kmssign"
	"github.com/magewright/magewright/tools/exit"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/smoke"
	"github.com/magewright/magewright/tools/stack"
)

const stage = "production"

// Run deploys production, if the evidence allows it. While traffic shifts it
// prints weights and alarms, and sends requests of its own, so that a quiet
// service does not pass its canary for want of traffic.
func Run(ctx context.Context, cfg project.Config) error { return run(ctx, cfg, "") }

// BreakGlass returns the work of a target that deploys production although the
// evidence does not allow it, and records why.
func BreakGlass(reason string) func(context.Context, project.Config) error {
	return func(ctx context.Context, cfg project.Config) error {
		if len(strings.TrimSpace(reason)) < minReason {
			return &exit.Error{Code: exit.Usage, Err: fmt.Errorf("-breakGlass=%q says too little: it is kept with the release for ever", reason), Next: "go tool mage -h promote"}
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
	by, err := identify(ctx, awsConfig)
	if err != nil {
		return err
	}
	now := clock.System().Now()
	record, refused := allow(ctx, cfg, awsConfig, release, by, now)
	if refused != nil && reason == "" {
		return refuse(refused)
	}
	signer, err := kmssign.New(ctx, awsConfig)
	if err != nil {
		return err
	}
	if refused != nil {
		record.BreakGlass = &evidence.BreakGlass{Reason: reason, By: by.arn, Refused: refused.Error()}
		if err := breakGlass(ctx, cfg, awsConfig, signer, release, record, now); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(cfg.Stdout, "allowed by evidence %.12s: %s%s\n", record.Bundle, record.Verdict, approvedBy(record.Approval))
	}
	return deliver(ctx, cfg, awsConfig, signer, release, record)
}

func approvedBy(a *evidence.Approval) string {
	if a == nil {
		return ""
	}
	return ", approved by " + a.By
}

// deliver deploys production, and records there what allowed it.
func deliver(ctx context.Context, cfg project.Config, awsConfig aws.Config, signer evidence.Signer, release cdk.Release, record evidence.Deployment) error {
	before, err := stack.Describe(ctx, awsConfig, stage)
	switch {
	case errors.Is(err, stack.ErrNotDeployed):
		fmt.Fprintln(cfg.Stdout, "production is not deployed yet: there is nothing to shift traffic from")
		err = deploy.Run(ctx, cfg, stack.Name(stage))
	case err != nil:
		return err
	default:
		err = shift(ctx, cfg, awsConfig, before)
	}
	if err != nil {
		return explain(ctx, awsConfig, before, err)
	}
	after, err := stack.Describe(ctx, awsConfig, stage)
	if err != nil {
		return err
	}
	version, err := serving(ctx, awsConfig, after)
	if err != nil {
		return err
	}
	record.Stage, record.URL, record.Version = stage, after.FunctionURL, version
	result, err := smoke.Exercise(ctx, smoke.Target{Record: record, Commit: release.Commit, Package: release.Package, Signer: signer, Clock: clock.System()})
	if err != nil {
		return exit.Failed("go tool mage smoke, or curl -i "+after.FunctionURL+"healthz", "production was deployed and does not answer: %w", err)
	}
	fmt.Fprintf(cfg.Stdout, "production serves version %s, commit %s, at %s\n", version, result.Commit, after.FunctionURL)
	return nil
}

// shift deploys over a deployed production, and follows the deployment that
// CloudFormation asks CodeDeploy for.
func shift(ctx context.Context, cfg project.Config, awsConfig aws.Config, o stack.Outputs) error {
	out := &lines{w: cfg.Stdout}
	cfg.Stdout = out
	followed, stop := context.WithCancel(ctx)
	defer stop()
	f := &follower{
		deployments: codedeploy.NewFromConfig(awsConfig),
		functions:   lambda.NewFromConfig(awsConfig),
		alarms:      newAlarms(awsConfig),
		outputs:     o,
		clock:       clock.System(),
		out:         out,
	}
	known, err := f.ids(ctx)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- f.follow(followed, known) }()
	err = deploy.Run(ctx, cfg, stack.Name(stage))
	stop()
	followErr := <-done
	if err != nil {
		return err
	}
	if followErr != nil && !errors.Is(followErr, context.Canceled) {
		// The deployment succeeded; that it could not be watched is no reason to
		// call it failed, but must be said.
		fmt.Fprintf(out, "following the deployment: %v\n", followErr)
	}
	return nil
}

// explain adds to err, the failure of a deployment, what is known of it and
// which version serves.
func explain(ctx context.Context, awsConfig aws.Config, o stack.Outputs, err error) error {
	if o.FunctionName == "" || ctx.Err() != nil {
		return err
	}
	reason := ""
	if deployment, lookErr := latest(ctx, codedeploy.NewFromConfig(awsConfig), o); lookErr == nil && deployment != nil {
		if info := deployment.ErrorInformation; info != nil {
			reason = fmt.Sprintf("\n  %s: %s", info.Code, aws.ToString(info.Message))
		}
		if rollback := deployment.RollbackInfo; rollback != nil {
			reason += "\n  " + aws.ToString(rollback.RollbackMessage)
		}
	}
	version, lookErr := serving(ctx, awsConfig, o)
	if lookErr != nil {
		return exit.Failed("aws lambda get-alias --name "+o.AliasName+" --function-name "+o.FunctionName,
			"production was not promoted, and which version serves is not known (%w)%s\n  %w", lookErr, reason, err)
	}
	return exit.Failed("aws cloudformation describe-stack-events --stack-name "+stack.Name(stage),
		"production was not promoted: version %s still serves%s\n  %w", version, reason, err)
}

// serving returns the version that the alias points at, with the version that
// gets a part of the traffic, if there is one.
func serving(ctx context.Context, awsConfig aws.Config, o stack.Outputs) (string, error) {
	alias, err := lambda.NewFromConfig(awsConfig).GetAlias(ctx, &lambda.GetAliasInput{FunctionName: &o.FunctionName, Name: &o.AliasName})
	if err != nil {
		return "", fmt.Errorf("reading alias %s of %s: %w", o.AliasName, o.FunctionName, err)
	}
	return weights(aws.ToString(alias.FunctionVersion), alias.RoutingConfig), nil
}

// lines lets several writers share a terminal, a write at a time.
type lines struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
