package codedeploy

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"

	"github.com/magewright/magewright/tools/localaws/principal"
)

// noRoles is an STS that nobody gets a role from.
type noRoles struct{ asked string }

func (r *noRoles) As(ctx context.Context, role, _ string) (context.Context, error) {
	p := principal.FromContext(ctx)
	r.asked = p.ARN + " for " + p.Source + " asks for " + role
	return nil, errors.New("no")
}

// TestDeploymentWithoutItsRole holds that a deployment works as its group's
// service role, and changes nothing without it.
func TestDeploymentWithoutItsRole(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	roles := &noRoles{}
	b.deps.Roles = roles
	info := b.deploy(appspec("1", "2"))
	if info.Status != types.DeploymentStatusFailed || info.ErrorInformation.Code != types.ErrorCodeIamRoleMissing || len(b.lambda.routes) != 1 {
		t.Errorf("%s, %+v, routes %v", info.Status, info.ErrorInformation, b.lambda.routes)
	}
	const want = "codedeploy.amazonaws.com for arn:aws:codedeploy:us-east-1:000000000000:deploymentgroup:app/group asks for arn:aws:iam::000000000000:role/deploy"
	if !strings.HasPrefix(roles.asked, want) {
		t.Errorf("%s, want %s", roles.asked, want)
	}
}
