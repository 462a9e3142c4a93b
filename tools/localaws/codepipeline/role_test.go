package codepipeline

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/magewright/magewright/tools/localaws/principal"
)

// roles records who assumes which role. Nobody may assume a role named gone.
type roles struct {
	mu      sync.Mutex
	assumed []string
}

func (r *roles) As(ctx context.Context, role, _ string) (context.Context, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.assumed = append(r.assumed, principal.FromContext(ctx).ARN+" "+role)
	if role == "gone" {
		return nil, errors.New("no")
	}
	return principal.NewContext(ctx, principal.Principal{ARN: "as " + role}), nil
}

func (r *roles) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.assumed)
}

func (r *roles) AssumeRole(ctx context.Context, in *awssts.AssumeRoleInput) (*awssts.AssumeRoleOutput, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.assumed = append(r.assumed, principal.FromContext(ctx).ARN+" lends "+*in.RoleArn+" "+aws.ToString(in.Policy))
	return &awssts.AssumeRoleOutput{Credentials: &ststypes.Credentials{
		AccessKeyId: aws.String("ASIA"), SecretAccessKey: aws.String("secret"), SessionToken: aws.String("token"), Expiration: aws.Time(time.UnixMilli(1893553445000)),
	}}, nil
}

// TestActionsHaveRoles holds that an action works as the pipeline's role, or as
// its own, which the pipeline's role assumes, and fails without it.
func TestActionsHaveRoles(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	who := &roles{}
	r.deps.Roles = who
	own, lost := builder("Own", 1), builder("Lost", 2)
	own.RoleArn, lost.RoleArn = aws.String("arn:own"), aws.String("gone")
	r.create(declare(stageOf("Build", own, lost)))
	id := r.begin()
	r.builds.end("Own", true, nil)
	r.wants(id, types.PipelineExecutionStatusFailed)
	const pipeline = "arn:aws:iam::000000000000:role/pipeline"
	want := []string{
		"codepipeline.amazonaws.com " + pipeline,
		"codepipeline.amazonaws.com " + pipeline, "as " + pipeline + " arn:own",
		"codepipeline.amazonaws.com " + pipeline, "as " + pipeline + " gone",
	}
	if !slices.Equal(who.assumed, want) {
		t.Errorf("assumed %q, want %q", who.assumed, want)
	}
	if d := r.actions(id)["Lost"].Output.ExecutionResult.ErrorDetails; *d.Code != "PermissionError" {
		t.Errorf("the action without its role ended with %+v", d)
	}
}
