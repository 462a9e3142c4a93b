package promote

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/magewright/magewright/tools/internal/clock"
)

// A describer describes stacks. CloudFormation's client implements it.
type describer interface {
	DescribeStacks(context.Context, *cloudformation.DescribeStacksInput, ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error)
}

// resume follows a deployment that is already in progress to its end, for example if an
// earlier promote was interrupted. The error says whether production was rolled back.
func (f *follower) resume(ctx context.Context, stacks describer) error {
	before, busy, err := f.progress(ctx, stacks)
	if err != nil || !busy {
		return err
	}
	var active []string
	for _, each := range f.all() {
		ids, err := each.active(ctx)
		if err != nil {
			return err
		}
		each.known = slices.DeleteFunc(each.known, func(id string) bool { return slices.Contains(ids, id) })
		active = append(active, ids...)
	}
	fmt.Fprintf(f.out, "picking up what is in progress: stack %s is %s, deployments %s\n", f.outputs.Stack, before, strings.Join(active, " "))
	followed, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.follow(followed)
	}()
	after := before
	for err == nil && busy {
		if err = clock.Sleep(ctx, f.pace, pollInterval); err == nil {
			after, busy, err = f.progress(ctx, stacks)
		}
	}
	stop()
	<-done
	if reason, _ := f.whyStopped(); err == nil && (strings.Contains(after, "ROLLBACK") || reason != "") && (after != before || reason != "") {
		err = errors.New("the deployment that was in progress was rolled back: stack " + f.outputs.Stack + " is " + after)
	}
	f.earlier = err != nil
	return f.because(err)
}

// progress returns the status of production's stack. It also reports whether the stack, or a
// deployment of its traffic, is in progress.
func (f *follower) progress(ctx context.Context, stacks describer) (status string, busy bool, err error) {
	name := f.outputs.Stack
	described, err := stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil {
		return "", false, fmt.Errorf("describing stack %s: %w", name, err)
	}
	for _, s := range described.Stacks {
		status = string(s.StackStatus)
	}
	var active []string
	for _, each := range f.all() {
		ids, err := each.active(ctx)
		if err != nil {
			return status, false, err
		}
		active = append(active, ids...)
	}
	return status, strings.HasSuffix(status, "_IN_PROGRESS") && status != "REVIEW_IN_PROGRESS" || len(active) > 0, err
}

// active returns the ids of the group's deployments that have not ended.
func (f *follower) active(ctx context.Context) ([]string, error) {
	return f.ids(ctx, types.DeploymentStatusCreated, types.DeploymentStatusQueued, types.DeploymentStatusInProgress, types.DeploymentStatusReady)
}
