package iam_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/iam"
	"github.com/magewright/magewright/tools/localaws/sdktest"
	"github.com/magewright/magewright/tools/localaws/sigv4"
	"github.com/magewright/magewright/tools/localaws/sts"
	"github.com/magewright/magewright/tools/localaws/wire"
)

const (
	trust  = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]}`
	allow  = `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "*"}}`
	basics = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func start(t *testing.T) *awsiam.Client {
	t.Helper()
	a := account.Account{ID: account.DefaultID, Region: "us-east-1", Clock: clock.NewManual(now)}
	h, err := wire.NewHandler(a, sigv4.Verifier{Region: a.Region, Keys: sts.New(a, "secret"), Clock: clock.System()}, wire.Service{Name: "iam", Impl: iam.New(a)})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return awsiam.New(awsiam.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(server.URL), HTTPClient: sdktest.HTTPClient(nil), Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "secret", ""),
	})
}

// must fails the test on an error.
func must[T any](out T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// fails checks that an error has type E and a certain message.
func fails[E interface {
	smithy.APIError
	comparable
}](t *testing.T, err error, message string) {
	t.Helper()
	if e, ok := errors.AsType[E](err); !ok || e.ErrorMessage() != message {
		t.Errorf("got %v\nwant %T: %s", err, *new(E), message)
	}
}

func createRole(t *testing.T, c *awsiam.Client, name string) *types.Role {
	t.Helper()
	return must(c.CreateRole(t.Context(), &awsiam.CreateRoleInput{
		RoleName: &name, AssumeRolePolicyDocument: aws.String(trust), Path: aws.String("/app/"),
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}},
	}))(t).Role
}

func TestRole(t *testing.T) {
	t.Parallel()
	c, ctx, name := start(t), t.Context(), aws.String("builder")
	created := createRole(t, c, "builder")
	if *created.Arn != "arn:aws:iam::000000000000:role/app/builder" || len(*created.RoleId) != 21 || !created.CreateDate.Equal(now) || *created.MaxSessionDuration != 3600 {
		t.Errorf("created %+v", created)
	}
	if document, err := url.PathUnescape(*created.AssumeRolePolicyDocument); err != nil || document != trust {
		t.Errorf("the trust policy is %s, %v", document, err)
	}
	_, err := c.CreateRole(ctx, &awsiam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: aws.String(trust)})
	fails[*types.EntityAlreadyExistsException](t, err, "Role with name builder already exists.")

	must(c.UpdateRole(ctx, &awsiam.UpdateRoleInput{RoleName: name, Description: aws.String("d"), MaxSessionDuration: aws.Int32(7200)}))(t)
	must(c.TagRole(ctx, &awsiam.TagRoleInput{RoleName: name, Tags: []types.Tag{
		{Key: aws.String("Team"), Value: aws.String("b")}, {Key: aws.String("x"), Value: aws.String("")},
	}}))(t)
	must(c.UntagRole(ctx, &awsiam.UntagRoleInput{RoleName: name, TagKeys: []string{"x"}}))(t)
	other := strings.Replace(trust, "lambda", "codebuild", 1)
	must(c.UpdateAssumeRolePolicy(ctx, &awsiam.UpdateAssumeRolePolicyInput{RoleName: name, PolicyDocument: &other}))(t)
	got := must(c.GetRole(ctx, &awsiam.GetRoleInput{RoleName: name}))(t).Role
	if *got.Description != "d" || *got.MaxSessionDuration != 7200 || !strings.Contains(*got.AssumeRolePolicyDocument, "codebuild") {
		t.Errorf("updated to %+v", got)
	}
	if len(got.Tags) != 1 || *got.Tags[0].Key != "Team" || *got.Tags[0].Value != "b" {
		t.Errorf("tags %v", got.Tags)
	}

	must(c.DeleteRole(ctx, &awsiam.DeleteRoleInput{RoleName: name}))(t)
	_, err = c.GetRole(ctx, &awsiam.GetRoleInput{RoleName: name})
	fails[*types.NoSuchEntityException](t, err, "The role with name builder cannot be found.")
}

func TestListRolesByPage(t *testing.T) {
	t.Parallel()
	c := start(t)
	var want []string
	for i := range 5 {
		want = append(want, fmt.Sprintf("role-%d", i))
		createRole(t, c, want[i])
	}
	var got []string
	pages := awsiam.NewListRolesPaginator(c, &awsiam.ListRolesInput{MaxItems: aws.Int32(2), PathPrefix: aws.String("/app/")})
	n := 0
	for ; pages.HasMorePages(); n++ {
		for _, r := range must(pages.NextPage(t.Context()))(t).Roles {
			got = append(got, *r.RoleName)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || n != 3 {
		t.Errorf("%d pages: %s", n, diff)
	}
}

func TestRolePolicies(t *testing.T) {
	t.Parallel()
	c, ctx, name := start(t), t.Context(), aws.String("builder")
	createRole(t, c, "builder")

	put := func(policy, document string) error {
		_, err := c.PutRolePolicy(ctx, &awsiam.PutRolePolicyInput{RoleName: name, PolicyName: &policy, PolicyDocument: &document})
		return err
	}
	if err := errors.Join(put("b", allow), put("a", allow), put("a", allow)); err != nil {
		t.Fatal(err)
	}
	large := strings.Replace(allow, `"*"`, `"arn:aws:s3:::`+strings.Repeat("x", 10240)+`"`, 1)
	fails[*types.LimitExceededException](t, put("c", large), "Maximum policy size of 10240 bytes exceeded for role builder")
	if got := must(c.ListRolePolicies(ctx, &awsiam.ListRolePoliciesInput{RoleName: name}))(t).PolicyNames; !cmp.Equal(got, []string{"a", "b"}) {
		t.Errorf("inline policies %v", got)
	}
	got := must(c.GetRolePolicy(ctx, &awsiam.GetRolePolicyInput{RoleName: name, PolicyName: aws.String("a")}))(t)
	if document, err := url.PathUnescape(*got.PolicyDocument); err != nil || document != allow {
		t.Errorf("the policy is %s, %v", document, err)
	}

	attach := func(arn string) error {
		_, err := c.AttachRolePolicy(ctx, &awsiam.AttachRolePolicyInput{RoleName: name, PolicyArn: &arn})
		return err
	}
	if err := errors.Join(attach(basics), attach(basics)); err != nil {
		t.Fatal(err)
	}
	const missing = "arn:aws:iam::000000000000:policy/missing"
	fails[*types.NoSuchEntityException](t, attach(missing), "Policy "+missing+" does not exist or is not attachable.")
	attached := must(c.ListAttachedRolePolicies(ctx, &awsiam.ListAttachedRolePoliciesInput{RoleName: name}))(t).AttachedPolicies
	if len(attached) != 1 || *attached[0].PolicyArn != basics || *attached[0].PolicyName != "AWSLambdaBasicExecutionRole" {
		t.Errorf("attached %v", attached)
	}

	remove := func() error {
		_, err := c.DeleteRole(ctx, &awsiam.DeleteRoleInput{RoleName: name})
		return err
	}
	fails[*types.DeleteConflictException](t, remove(), "Cannot delete entity, must detach all policies first.")
	must(c.DetachRolePolicy(ctx, &awsiam.DetachRolePolicyInput{RoleName: name, PolicyArn: aws.String(basics)}))(t)
	_, err := c.DetachRolePolicy(ctx, &awsiam.DetachRolePolicyInput{RoleName: name, PolicyArn: aws.String(basics)})
	fails[*types.NoSuchEntityException](t, err, "Policy "+basics+" was not found.")
	fails[*types.DeleteConflictException](t, remove(), "Cannot delete entity, must delete policies first.")
	for _, p := range []string{"a", "b"} {
		must(c.DeleteRolePolicy(ctx, &awsiam.DeleteRolePolicyInput{RoleName: name, PolicyName: &p}))(t)
	}
	_, err = c.DeleteRolePolicy(ctx, &awsiam.DeleteRolePolicyInput{RoleName: name, PolicyName: aws.String("a")})
	fails[*types.NoSuchEntityException](t, err, "The role policy with name a cannot be found.")
	if err := remove(); err != nil {
		t.Error(err)
	}
}

func TestManagedPolicy(t *testing.T) {
	t.Parallel()
	c, ctx := start(t), t.Context()
	createRole(t, c, "builder")
	in := &awsiam.CreatePolicyInput{PolicyName: aws.String("read"), PolicyDocument: aws.String(allow)}
	arn := must(c.CreatePolicy(ctx, in))(t).Policy.Arn
	if *arn != "arn:aws:iam::000000000000:policy/read" {
		t.Errorf("ARN %s", *arn)
	}
	_, err := c.CreatePolicy(ctx, in)
	fails[*types.EntityAlreadyExistsException](t, err, "A policy called read already exists. Duplicate names are not allowed.")

	for i := range 4 {
		out := must(c.CreatePolicyVersion(ctx, &awsiam.CreatePolicyVersionInput{
			PolicyArn: arn, PolicyDocument: aws.String(strings.Replace(allow, "Get", "Put", 1)), SetAsDefault: i == 0,
		}))(t)
		if want := fmt.Sprintf("v%d", i+2); *out.PolicyVersion.VersionId != want {
			t.Errorf("version %s, want %s", *out.PolicyVersion.VersionId, want)
		}
	}
	_, err = c.CreatePolicyVersion(ctx, &awsiam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: aws.String(allow)})
	if _, ok := errors.AsType[*types.LimitExceededException](err); !ok {
		t.Errorf("a sixth version: %v", err)
	}
	_, err = c.DeletePolicyVersion(ctx, &awsiam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v2")})
	fails[*types.DeleteConflictException](t, err, "Cannot delete the default version of a policy.")
	must(c.SetDefaultPolicyVersion(ctx, &awsiam.SetDefaultPolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v5")}))(t)
	version := must(c.GetPolicyVersion(ctx, &awsiam.GetPolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v5")}))(t).PolicyVersion
	if !version.IsDefaultVersion || !strings.Contains(*version.Document, "PutObject") {
		t.Errorf("v5 is %+v", version)
	}

	must(c.AttachRolePolicy(ctx, &awsiam.AttachRolePolicyInput{RoleName: aws.String("builder"), PolicyArn: arn}))(t)
	if got := must(c.GetPolicy(ctx, &awsiam.GetPolicyInput{PolicyArn: arn}))(t).Policy; *got.AttachmentCount != 1 || *got.DefaultVersionId != "v5" {
		t.Errorf("the policy is %+v", got)
	}
	remove := func() error {
		_, err := c.DeletePolicy(ctx, &awsiam.DeletePolicyInput{PolicyArn: arn})
		return err
	}
	fails[*types.DeleteConflictException](t, remove(), "Cannot delete a policy attached to entities.")
	must(c.DetachRolePolicy(ctx, &awsiam.DetachRolePolicyInput{RoleName: aws.String("builder"), PolicyArn: arn}))(t)
	if _, ok := errors.AsType[*types.DeleteConflictException](remove()); !ok {
		t.Error("a policy with versions was deleted")
	}
	for _, v := range must(c.ListPolicyVersions(ctx, &awsiam.ListPolicyVersionsInput{PolicyArn: arn}))(t).Versions {
		if !v.IsDefaultVersion {
			must(c.DeletePolicyVersion(ctx, &awsiam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: v.VersionId}))(t)
		}
	}
	if err := remove(); err != nil {
		t.Error(err)
	}
	if got := must(c.ListPolicies(ctx, &awsiam.ListPoliciesInput{}))(t).Policies; len(got) != 0 {
		t.Errorf("left: %v", got)
	}
	if got := must(c.GetPolicy(ctx, &awsiam.GetPolicyInput{PolicyArn: aws.String(basics)}))(t).Policy; *got.Path != "/service-role/" {
		t.Errorf("AWS's policy is %+v", got)
	}
}

func TestMalformedDocuments(t *testing.T) {
	t.Parallel()
	c := start(t)
	createRole(t, c, "builder")
	tests := map[string]struct{ trust, policy string }{
		`{`:  {"This policy contains invalid Json", "This policy contains invalid Json"},
		`{}`: {"Syntax errors in policy.", "Syntax errors in policy."},
		`{"Version":"2020-01-01","Statement":[]}`:                                                 {"The policy must contain a valid version string", "The policy must contain a valid version string"},
		`{"Statement":{"Effect":"Maybe","Action":"*"}}`:                                           {"Syntax errors in policy.", "Syntax errors in policy."},
		`{"Statement":{"Effect":"Allow","Resource":"*"}}`:                                         {"Policy statement must contain actions.", "Policy statement must contain actions."},
		`{"Statement":{"Effect":"Allow","Action":"*"}}`:                                           {"Missing required field Principal", "Policy statement must contain resources."},
		`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"}]}`:          {"Has prohibited field Resource", "Policy document should not specify a principal."},
		`{"Statement":[{"Effect":"Allow","Action":[],"Resource":"*","Principal":{"AWS":"*"}}]}`:   {"Policy statement must contain actions.", "Policy statement must contain actions."},
		`{"Statement":{"Effect":"Allow","Action":"s3:*","Condition":{"StringIs":{"aws:a":"b"}}}}`: {"Invalid Condition type : StringIs.", "Invalid Condition type : StringIs."},
	}
	for document, tt := range tests {
		t.Run(document, func(t *testing.T) {
			t.Parallel()
			_, err := c.CreateRole(t.Context(), &awsiam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: &document})
			fails[*types.MalformedPolicyDocumentException](t, err, tt.trust)
			_, err = c.PutRolePolicy(t.Context(), &awsiam.PutRolePolicyInput{RoleName: aws.String("builder"), PolicyName: aws.String("p"), PolicyDocument: &document})
			fails[*types.MalformedPolicyDocumentException](t, err, tt.policy)
		})
	}
}

func TestGetUser(t *testing.T) {
	t.Parallel()
	c := start(t)
	for _, name := range []*string{nil, aws.String(sts.UserName)} {
		u := must(c.GetUser(t.Context(), &awsiam.GetUserInput{UserName: name}))(t).User
		if *u.UserName != sts.UserName || *u.Arn != "arn:aws:iam::000000000000:user/rehearsal" {
			t.Errorf("the user is %+v", u)
		}
	}
	_, err := c.GetUser(t.Context(), &awsiam.GetUserInput{UserName: aws.String("other")})
	fails[*types.NoSuchEntityException](t, err, "The user with name other cannot be found.")
}
