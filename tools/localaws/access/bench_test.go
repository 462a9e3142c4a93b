package access

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/call"
	"github.com/magewright/magewright/tools/localaws/iam"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// BenchmarkAuthorize measures what a call of a role costs in addition.
func BenchmarkAuthorize(b *testing.B) {
	a := account.Account{ID: account.DefaultID, Region: "us-east-1", Clock: clock.System()}
	identities := iam.New(a)
	role, err := identities.CreateRole(b.Context(), &awsiam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}`)})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := identities.PutRolePolicy(b.Context(), &awsiam.PutRolePolicyInput{RoleName: aws.String("r"), PolicyName: aws.String("p"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"},{"Effect":"Allow","Action":"ssm:GetParameter*","Resource":"arn:aws:ssm:*:*:parameter/app/*"}]}`)}); err != nil {
		b.Fatal(err)
	}
	g := New(a, Enforce, identities)
	ctx := principal.NewContext(b.Context(), principal.Principal{ARN: "arn:aws:sts::000000000000:assumed-role/r/s", Role: *role.Role.Arn, Account: a.ID, AccessKeyID: "ASIA"})
	ctx = call.NewContext(ctx, call.Call{SourceIP: "127.0.0.1", UserAgent: "aws-sdk-go-v2"})
	in := &awsssm.GetParameterInput{Name: aws.String("/app/x")}
	b.ReportAllocs()
	for b.Loop() {
		if err := g.Authorize(ctx, "ssm", "GetParameter", in); err != nil {
			b.Fatal(err)
		}
	}
}
