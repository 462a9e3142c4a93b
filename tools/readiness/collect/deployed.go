package collect

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/project/exit"
	stacks "github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/readiness"
)

// The interval and the number of polls for the end of drift detection.
const (
	driftPoll     = 3 * time.Second
	driftAttempts = 100
)

// DeployedStacks reads CloudFormation's description of the release's stacks,
// and how the actual resources differ from it.
func DeployedStacks(ctx context.Context, e Env) (evidence.Predicate, error) {
	names, err := e.names(ctx)
	if err != nil {
		return nil, err
	}
	d, err := deployedStacks(ctx, e, func(ctx context.Context, name string) readiness.Drift {
		drift, err := detectDrift(ctx, cloudformation.NewFromConfig(*e.AWS), e.Clock, name, names.Pipeline.Judge)
		if err != nil {
			return readiness.Drift{Reason: err.Error(), Refused: refused(err)}
		}
		return drift
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// deployedStacks reads the stacks, and uses drift to detect their drift.
func deployedStacks(ctx context.Context, e Env, drift func(ctx context.Context, name string) readiness.Drift) (readiness.Deployed, error) {
	account, err := callerAccount(ctx, e)
	if err != nil {
		return readiness.Deployed{}, err
	}
	d := readiness.Deployed{Account: account, Region: e.AWS.Region, Stacks: map[string]readiness.DeployedStack{}}
	client := cloudformation.NewFromConfig(*e.AWS)
	names, err := e.names(ctx)
	if err != nil {
		return d, err
	}
	for _, name := range names.Stacks() {
		described, absent, err := describeStack(ctx, client, name)
		if err != nil {
			return d, err
		}
		stack := readiness.DeployedStack{Absent: absent}
		if absent == "" {
			stack.Status = string(described.StackStatus)
			if stack.Template, err = deployedTemplate(ctx, client, name); err != nil {
				return d, err
			}
			if stack.NotRehearsed, err = notRehearsed(ctx, client, name); err != nil {
				return d, err
			}
			stack.Drift = drift(ctx, name)
			if ctx.Err() != nil {
				return d, context.Cause(ctx)
			}
		}
		d.Stacks[name] = stack
	}
	d.FinishedOn = e.Clock.Now()
	return d, nil
}

// callerAccount returns the account of the credentials. Answers from another
// account would prove nothing.
func callerAccount(ctx context.Context, e Env) (string, error) {
	if e.AWS == nil {
		return "", exit.Missing(`eval "$(aws configure export-credentials --format env)"`, "there are no AWS credentials, so what is deployed is unknown")
	}
	identity, err := sts.NewFromConfig(*e.AWS).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", exit.Missing("aws sts get-caller-identity", "asking AWS whose credentials these are: %w", err)
	}
	return aws.ToString(identity.Account), nil
}

// describeStack returns a stack, or CloudFormation's answer that it does not
// exist. A stack under review counts as not existing.
func describeStack(ctx context.Context, client *cloudformation.Client, name string) (stack types.Stack, absent string, err error) {
	described, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if message, ok := stacks.Absent(err); ok {
		return stack, message, nil
	}
	next := "aws cloudformation describe-stacks --stack-name " + name
	if err != nil {
		return stack, "", exit.Missing(next, "describing stack %s: %w", name, err)
	}
	if len(described.Stacks) != 1 {
		return stack, "", exit.Missing(next, "describing stack %s: %d stacks are described", name, len(described.Stacks))
	}
	stack = described.Stacks[0]
	if stack.StackStatus == types.StackStatusReviewInProgress {
		return stack, "stack " + name + " is REVIEW_IN_PROGRESS: it was never created", nil
	}
	return stack, "", nil
}

func deployedTemplate(ctx context.Context, client *cloudformation.Client, name string) (json.RawMessage, error) {
	next := "aws cloudformation get-template --stack-name " + name
	got, err := client.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: &name, TemplateStage: types.TemplateStageOriginal})
	if err != nil {
		return nil, exit.Missing(next, "reading the template of stack %s: %w", name, err)
	}
	body := json.RawMessage(aws.ToString(got.TemplateBody))
	if !json.Valid(body) {
		return nil, exit.Missing(next, "reading the template of stack %s: it is not JSON, so the CDK did not deploy it", name)
	}
	return body, nil
}

// notRehearsed returns the resources of a stack that the embedded AWS does not run. It
// says so in their status reasons.
func notRehearsed(ctx context.Context, client *cloudformation.Client, name string) ([]string, error) {
	var all []string
	pages := cloudformation.NewListStackResourcesPaginator(client, &cloudformation.ListStackResourcesInput{StackName: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, exit.Missing("aws cloudformation list-stack-resources --stack-name "+name, "listing the resources of stack %s: %w", name, err)
		}
		for _, r := range page.StackResourceSummaries {
			if why, ok := strings.CutPrefix(aws.ToString(r.ResourceStatusReason), "NOT REHEARSED: "); ok {
				all = append(all, fmt.Sprintf("%s %s: %s", name, aws.ToString(r.LogicalResourceId), why))
			}
		}
	}
	return all, nil
}

// detectDrift runs drift detection to its end. judge is the parameter that each promotion
// writes, so that its value is no drift. An error says why it is unknown
// whether the actual resources match the template.
func detectDrift(ctx context.Context, client *cloudformation.Client, c clock.Clock, name, judge string) (readiness.Drift, error) {
	var d readiness.Drift
	started, err := client.DetectStackDrift(ctx, &cloudformation.DetectStackDriftInput{StackName: &name})
	if err != nil {
		return d, fmt.Errorf("detecting drift: %w", err)
	}
	for range driftAttempts {
		status, err := client.DescribeStackDriftDetectionStatus(ctx, &cloudformation.DescribeStackDriftDetectionStatusInput{StackDriftDetectionId: started.StackDriftDetectionId})
		if err != nil {
			return d, fmt.Errorf("detecting drift: %w", err)
		}
		switch status.DetectionStatus {
		case types.StackDriftDetectionStatusDetectionComplete:
			d.Status = string(status.StackDriftStatus)
			return d, driftedResources(ctx, client, name, judge, &d)
		case types.StackDriftDetectionStatusDetectionFailed:
			return d, fmt.Errorf("detecting drift: it failed: %s", aws.ToString(status.DetectionStatusReason))
		}
		if err := clock.Sleep(ctx, c, driftPoll); err != nil {
			return d, err
		}
	}
	return d, fmt.Errorf("detecting drift: it has not ended after %s", driftAttempts*driftPoll)
}

func driftedResources(ctx context.Context, client *cloudformation.Client, name, judge string, d *readiness.Drift) error {
	compared := map[string]bool{}
	pinned := false
	var token *string
	for {
		drifts, err := client.DescribeStackResourceDrifts(ctx, &cloudformation.DescribeStackResourceDriftsInput{StackName: &name, NextToken: token})
		if err != nil {
			return fmt.Errorf("reading the drift of resources: %w", err)
		}
		for _, r := range drifts.StackResourceDrifts {
			id := aws.ToString(r.LogicalResourceId)
			pin := isPin(r, judge)
			pinned = pinned || pin
			switch r.StackResourceDriftStatus {
			case types.StackResourceDriftStatusInSync:
				compared[id] = true
			case types.StackResourceDriftStatusModified, types.StackResourceDriftStatusDeleted:
				compared[id] = true
				if pin {
					continue
				}
				d.Drifted = append(d.Drifted, fmt.Sprintf("%s (%s) is %s", id, aws.ToString(r.ResourceType), r.StackResourceDriftStatus))
			}
		}
		if token = drifts.NextToken; token == nil {
			break
		}
	}
	pages := cloudformation.NewListStackResourcesPaginator(client, &cloudformation.ListStackResourcesInput{StackName: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("listing the resources of %s: %w", name, err)
		}
		for _, r := range page.StackResourceSummaries {
			if id := aws.ToString(r.LogicalResourceId); !compared[id] {
				d.Unchecked = append(d.Unchecked, fmt.Sprintf("%s (%s)", id, aws.ToString(r.ResourceType)))
			}
		}
	}
	d.Checked = len(compared)
	if pinned && len(d.Drifted) == 0 {
		d.Status = string(types.StackDriftStatusInSync)
	}
	slices.Sort(d.Drifted)
	slices.Sort(d.Unchecked)
	return nil
}

// isPin reports whether a resource is the parameter that pins the judge, and differs from
// the template in its value only.
func isPin(r types.StackResourceDrift, judge string) bool {
	return judge != "" && aws.ToString(r.PhysicalResourceId) == judge && len(r.PropertyDifferences) > 0 &&
		!slices.ContainsFunc(r.PropertyDifferences, func(p types.PropertyDifference) bool { return aws.ToString(p.PropertyPath) != "/Value" })
}
