package iam_test

import (
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/localaws/iam/policy"
)

// lines returns a result a line: the decision, the action and the resource, and
// the policies whose statements matched.
func lines(results []types.EvaluationResult) []string {
	var lines []string
	for _, r := range results {
		line := string(r.EvalDecision) + " " + *r.EvalActionName + " " + *r.EvalResourceName
		for _, m := range r.MatchedStatements {
			line += " " + *m.SourcePolicyId
		}
		lines = append(lines, line)
	}
	return lines
}

func TestSimulateCustomPolicy(t *testing.T) {
	t.Parallel()
	c, ctx := start(t), t.Context()
	in := &awsiam.SimulateCustomPolicyInput{
		ActionNames:  []string{"s3:GetObject", "s3:DeleteObject", "s3:PutObject"},
		ResourceArns: []string{"arn:aws:s3:::a/x"},
		PolicyInputList: []string{
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::${aws:PrincipalTag/bucket}/*"}]}`,
			`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:Delete*","Resource":"*"}]}`,
		},
		PermissionsBoundaryPolicyInputList: []string{`{"Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}}`},
		ContextEntries: []types.ContextEntry{{
			ContextKeyName: aws.String("aws:PrincipalTag/bucket"), ContextKeyType: types.ContextKeyTypeEnumString, ContextKeyValues: []string{"a"},
		}},
	}
	out := must(c.SimulateCustomPolicy(ctx, in))(t)
	want := []string{
		"allowed s3:GetObject arn:aws:s3:::a/x PolicyInputList.1 PermissionsBoundaryPolicyInputList.1",
		"explicitDeny s3:DeleteObject arn:aws:s3:::a/x PolicyInputList.2",
		"implicitDeny s3:PutObject arn:aws:s3:::a/x",
	}
	if diff := cmp.Diff(want, lines(out.EvaluationResults)); diff != "" {
		t.Error(diff)
	}
	if d := out.EvaluationResults[2].PermissionsBoundaryDecisionDetail; d == nil || d.AllowedByPermissionsBoundary {
		t.Errorf("the boundary says %+v", d)
	}
	in.ContextEntries, in.MaxItems = nil, aws.Int32(1)
	out = must(c.SimulateCustomPolicy(ctx, in))(t)
	if got := out.EvaluationResults; len(got) != 1 || !cmp.Equal(got[0].MissingContextValues, []string{"aws:principaltag/bucket"}) || !out.IsTruncated {
		t.Errorf("without the tag: %+v", out)
	}

	owned := &awsiam.SimulateCustomPolicyInput{
		ActionNames: []string{"s3:GetObject"}, PolicyInputList: []string{allow}, CallerArn: aws.String("arn:aws:iam::111122223333:user/ann"),
		ResourceOwner:  aws.String("arn:aws:iam::444455556666:root"),
		ResourcePolicy: aws.String(`{"Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"s3:GetObject","Resource":"*"}}`),
	}
	if got := must(c.SimulateCustomPolicy(ctx, owned))(t); got.EvaluationResults[0].EvalDecision != types.PolicyEvaluationDecisionTypeAllowed {
		t.Errorf("another account: %+v", got.EvaluationResults)
	}
	owned.CallerArn = nil
	_, err := c.SimulateCustomPolicy(ctx, owned)
	fails[*types.InvalidInputException](t, err, "CallerArn is required with ResourcePolicy.")
	_, err = c.SimulateCustomPolicy(ctx, &awsiam.SimulateCustomPolicyInput{ActionNames: []string{"s3:*"}, PolicyInputList: []string{allow}})
	fails[*types.InvalidInputException](t, err, "Invalid Action: s3:*")

	keys := must(c.GetContextKeysForCustomPolicy(ctx, &awsiam.GetContextKeysForCustomPolicyInput{PolicyInputList: in.PolicyInputList}))(t)
	if !cmp.Equal(keys.ContextKeyNames, []string{"aws:principaltag/bucket"}) {
		t.Errorf("the keys are %v", keys.ContextKeyNames)
	}
}

func TestSimulatePrincipalPolicy(t *testing.T) {
	t.Parallel()
	c, ctx, name := start(t), t.Context(), aws.String("builder")
	role := createRole(t, c, "builder")
	must(c.PutRolePolicy(ctx, &awsiam.PutRolePolicyInput{RoleName: name, PolicyName: aws.String("read"), PolicyDocument: aws.String(allow)}))(t)
	must(c.AttachRolePolicy(ctx, &awsiam.AttachRolePolicyInput{RoleName: name, PolicyArn: aws.String(basics)}))(t)
	in := &awsiam.SimulatePrincipalPolicyInput{
		PolicySourceArn: role.Arn, ActionNames: []string{"s3:GetObject", "logs:PutLogEvents", "sns:Publish"},
	}
	want := []string{"allowed s3:GetObject * read", "allowed logs:PutLogEvents * " + basics, "implicitDeny sns:Publish *"}
	if diff := cmp.Diff(want, lines(must(c.SimulatePrincipalPolicy(ctx, in))(t).EvaluationResults)); diff != "" {
		t.Error(diff)
	}

	boundary := must(c.CreatePolicy(ctx, &awsiam.CreatePolicyInput{PolicyName: aws.String("b"), PolicyDocument: aws.String(allow)}))(t).Policy.Arn
	must(c.PutRolePermissionsBoundary(ctx, &awsiam.PutRolePermissionsBoundaryInput{RoleName: name, PermissionsBoundary: boundary}))(t)
	want = []string{"allowed s3:GetObject * read " + *boundary, "implicitDeny logs:PutLogEvents *", "implicitDeny sns:Publish *"}
	if diff := cmp.Diff(want, lines(must(c.SimulatePrincipalPolicy(ctx, in))(t).EvaluationResults)); diff != "" {
		t.Error(diff)
	}

	const unknown = "arn:aws:iam::aws:policy/SomethingElse"
	must(c.AttachRolePolicy(ctx, &awsiam.AttachRolePolicyInput{RoleName: name, PolicyArn: aws.String(unknown)}))(t)
	_, err := c.SimulatePrincipalPolicy(ctx, in)
	fails[*types.InvalidInputException](t, err, "the embedded AWS does not know the documents of "+unknown)
	in.PolicySourceArn = aws.String("arn:aws:iam::000000000000:role/other")
	_, err = c.SimulatePrincipalPolicy(ctx, in)
	fails[*types.NoSuchEntityException](t, err, "The role with name other cannot be found.")
}

// TestManagedByAWS reads all policies in the table.
func TestManagedByAWS(t *testing.T) {
	t.Parallel()
	c, ctx := start(t), t.Context()
	table, err := os.ReadFile("awsmanaged.tsv")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(table)) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		if len(fields) != 5 {
			continue
		}
		n++
		if _, err := policy.Parse(fields[4], policy.Identity); err != nil {
			t.Errorf("%s: %v", fields[0], err)
		}
		got := must(c.GetPolicy(ctx, &awsiam.GetPolicyInput{PolicyArn: &fields[0]}))(t).Policy
		if *got.DefaultVersionId != fields[1] || got.UpdateDate.Format("2006-01-02") != fields[3] {
			t.Errorf("%s: %+v", fields[0], got)
		}
	}
	if n < 50 {
		t.Errorf("there are only %d policies", n)
	}
	v := must(c.GetPolicyVersion(ctx, &awsiam.GetPolicyVersionInput{PolicyArn: aws.String(basics), VersionId: aws.String("v1")}))(t)
	if !strings.Contains(*v.PolicyVersion.Document, "PutLogEvents") {
		t.Errorf("the document is %s", *v.PolicyVersion.Document)
	}
}
