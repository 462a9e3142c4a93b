package localawstest

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// Role creates a role that a service, such as codepipeline.amazonaws.com, assumes
// and that may do everything. It returns the role's ARN.
func Role(t *testing.T, cfg aws.Config, name, service string) *string {
	t.Helper()
	identities := iam.NewFromConfig(cfg)
	role, err := identities.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + service + `"},"Action":"sts:AssumeRole"}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := identities.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{
		RoleName: &name, PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess"),
	}); err != nil {
		t.Fatal(err)
	}
	return role.Role.Arn
}
