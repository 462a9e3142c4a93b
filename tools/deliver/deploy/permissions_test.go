package deploy

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/magewright/magewright/tools/localaws/localawstest"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest/manifesttest"
)

const accountID = "000000000000"

// assembled returns a project whose assembly has templates, by their files' names.
func assembled(t *testing.T, templates map[string]string) project.Config {
	t.Helper()
	dir := t.TempDir()
	cfg := project.Config{Dir: dir, Evidence: filepath.Join(dir, ".magewright"), Assembly: filepath.Join(dir, "cdk.out")}
	manifesttest.Write(t, cfg.Assembly, strings.Repeat("c", 40), "")
	for name, text := range templates {
		file := filepath.Join(cfg.Assembly, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cfg
}

// statementsOf returns the statements of a policy by their ids.
func statementsOf(t *testing.T, needs *Needs) map[string]allowance {
	t.Helper()
	document, err := needs.Policy(accountID)
	if err != nil {
		t.Fatal(err)
	}
	var read struct{ Statement []allowance }
	if err := json.Unmarshal([]byte(document), &read); err != nil {
		t.Fatal(err)
	}
	all := map[string]allowance{}
	for _, s := range read.Statement {
		all[s.Sid] = s
	}
	return all
}

// TestNeeds holds what CloudFormation gets for which types of resources.
func TestNeeds(t *testing.T) {
	t.Parallel()
	nothing := statementsOf(t, &Needs{})
	if len(nothing) != 2 || nothing["Assets"].Action == nil || nothing["Bootstrap"].Action == nil {
		t.Errorf("without stacks CloudFormation may %+v", nothing)
	}
	var needs Needs
	err := needs.Add(assembled(t, map[string]string{
		"a.template.json": `{"Resources":{
			"B":{"Type":"AWS::S3::Bucket"},"C":{"Type":"AWS::CodeConnections::Connection"},"M":{"Type":"AWS::CDK::Metadata"},
			"R":{"Type":"AWS::IAM::Role","Properties":{"RoleName":"by-name"}},"P":{"Type":"AWS::IAM::ManagedPolicy"},"X":{"Type":"Custom::Thing"},"W":{"Type":"AWS::CloudFormation::WaitCondition"},"H":{"Type":"AWS::CloudFormation::WaitConditionHandle"},"N":{"Type":"AWS::CloudFormation::Stack"}}}`,
		"nested/b.template.json": `{"Resources":{"Q":{"Type":"AWS::SQS::Queue"}}}`,
		"c.assets.json":          `{"not": "a template"}`,
	}))
	if err != nil {
		t.Fatal(err)
	}
	got := statementsOf(t, &needs)
	for sid, want := range map[string]struct{ actions, resources string }{
		"Services":        {"codeconnections:* codestar-connections:* s3:* sqs:*", "*"},
		"Roles":           {strings.Join(manageRoles, " "), "arn:aws:iam::000000000000:role/magewright-pipeline-* arn:aws:iam::000000000000:role/magewright-production-* arn:aws:iam::000000000000:role/magewright-staging-* arn:aws:iam::000000000000:role/by-name"},
		"Policies":        {strings.Join(managePolicies["policy"], " "), "arn:aws:iam::000000000000:policy/magewright-pipeline-* arn:aws:iam::000000000000:policy/magewright-production-* arn:aws:iam::000000000000:policy/magewright-staging-*"},
		"CustomResources": {"lambda:InvokeFunction", "arn:aws:lambda:*:000000000000:function:magewright-pipeline-* arn:aws:lambda:*:000000000000:function:magewright-production-* arn:aws:lambda:*:000000000000:function:magewright-staging-*"},
		"NestedStacks":    {"cloudformation:*", "arn:aws:cloudformation:*:000000000000:stack/magewright-pipeline-* arn:aws:cloudformation:*:000000000000:stack/magewright-production-* arn:aws:cloudformation:*:000000000000:stack/magewright-staging-*"},
	} {
		if s := got[sid]; strings.Join(s.Action, " ") != want.actions || strings.Join(s.Resource, " ") != want.resources {
			t.Errorf("%s is\n%v\nwant\n%v", sid, s, want)
		}
	}
	if len(got) != 7 {
		t.Errorf("it has %d statements: %v", len(got), got)
	}
	for text, says := range map[string]string{
		`{"Resources":{"U":{"Type":"AWS::IAM::User"}}}`:                                                                              "bad.template.json: resource U has the type AWS::IAM::User: CloudFormation gets no permission to create those",
		`{"Resources":{"U":{"Type":"AWS::CloudFormation::StackSet"}}}`:                                                               "AWS::CloudFormation::StackSet, and Magewright does not know",
		`{"Resources":{"R":{"Type":"AWS::IAM::Role","Properties":{"RoleName":"*"}}}}`:                                                `resource R has the RoleName "*": CloudFormation gets no permission`,
		`{"Resources":{"R":{"Type":"AWS::IAM::Role","Properties":{"RoleName":"cdk-hnb659fds-deploy-role-000000000000-us-east-1"}}}}`: `resource R has the RoleName "cdk-hnb659fds-deploy-role-000000000000-us-east-1": CloudFormation gets no permission`,
		`{`: "bad.template.json: unexpected end",
	} {
		err := new(Needs).Add(assembled(t, map[string]string{"bad.template.json": text}))
		if exit.Status(err) != exit.Environment || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %s", text, err, says)
		}
	}
	if got := beginning("a-stack-with-a-name-that-is-long"); got != "a-stack-with-a-name-that*" {
		t.Errorf("names of a long stack begin with %s", got)
	}
}

// TestAttackByATemplate has CloudFormation deploy what the stacks did not contain when the
// account was bootstrapped: rights for a role of cdk bootstrap, a role by another name,
// another service.
func TestAttackByATemplate(t *testing.T) {
	t.Parallel()
	awsConfig := localawstest.Start(t)
	var needs Needs
	if err := needs.Add(assembled(t, map[string]string{"s.template.json": `{"Resources":{"T":{"Type":"AWS::SNS::Topic"},"R":{"Type":"AWS::IAM::Role"}}}`})); err != nil {
		t.Fatal(err)
	}
	document, err := needs.Policy(accountID)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := PutAllowed(t.Context(), awsConfig, accountID, "magewright", document)
	if err != nil {
		t.Fatal(err)
	}
	identities := iam.NewFromConfig(awsConfig)
	role := localawstest.Role(t, awsConfig, "cdk-hnb659fds-cfn-exec-role", "cloudformation.amazonaws.com")
	localawstest.Role(t, awsConfig, "cdk-hnb659fds-deploy-role", "cloudformation.amazonaws.com")
	if _, err := identities.DetachRolePolicy(t.Context(), &iam.DetachRolePolicyInput{RoleName: aws.String("cdk-hnb659fds-cfn-exec-role"), PolicyArn: aws.String(Administrator)}); err != nil {
		t.Fatal(err)
	}
	if _, err := identities.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: aws.String("cdk-hnb659fds-cfn-exec-role"), PolicyArn: &policy}); err != nil {
		t.Fatal(err)
	}
	const trust = `"AssumeRolePolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}`
	const everything = `"PolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	client := cloudformation.NewFromConfig(awsConfig)
	for _, tt := range []struct{ stack, resource, says string }{
		{"magewright-staging", `{"Type":"AWS::SNS::Topic"}`, ""},
		{"magewright-production", `{"Type":"AWS::IAM::Role","Properties":{` + trust + `}}`, ""},
		{"rights", `{"Type":"AWS::IAM::Policy","Properties":{"PolicyName":"p","Roles":["cdk-hnb659fds-deploy-role"],` + everything + `}}`, "is not authorized to perform: iam:PutRolePolicy on resource: arn:aws:iam::000000000000:role/cdk-hnb659fds-deploy-role"},
		{"door", `{"Type":"AWS::IAM::Role","Properties":{"RoleName":"door",` + trust + `}}`, "is not authorized to perform: iam:CreateRole on resource: arn:aws:iam::000000000000:role/door"},
		{"queue", `{"Type":"AWS::SQS::Queue"}`, "is not authorized to perform: sqs:"},
	} {
		if _, err := client.CreateStack(t.Context(), &cloudformation.CreateStackInput{
			StackName: &tt.stack, RoleARN: role, TemplateBody: aws.String(`{"Resources":{"X":` + tt.resource + `}}`),
			Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam},
		}); err != nil {
			t.Fatal(err)
		}
		err := cloudformation.NewStackCreateCompleteWaiter(client, func(o *cloudformation.StackCreateCompleteWaiterOptions) {
			o.MinDelay, o.MaxDelay = time.Millisecond, 10*time.Millisecond
		}).Wait(t.Context(), &cloudformation.DescribeStacksInput{StackName: &tt.stack}, time.Minute)
		if (err == nil) != (tt.says == "") {
			t.Errorf("%s: %v", tt.stack, err)
		}
		events, err := client.DescribeStackEvents(t.Context(), &cloudformation.DescribeStackEventsInput{StackName: &tt.stack})
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		for _, e := range events.StackEvents {
			said = append(said, aws.ToString(e.ResourceStatusReason))
		}
		if !strings.Contains(strings.Join(said, "\n"), tt.says) {
			t.Errorf("%s: CloudFormation says\n%s\nwant %s", tt.stack, strings.Join(said, "\n"), tt.says)
		}
	}
	attached, err := identities.ListRolePolicies(t.Context(), &iam.ListRolePoliciesInput{RoleName: aws.String("cdk-hnb659fds-deploy-role")})
	if err != nil || len(attached.PolicyNames) > 0 {
		t.Errorf("the role of cdk bootstrap has got %v, %v", attached.PolicyNames, err)
	}
}

// TestPutAllowed holds that the policy follows the stacks, as often as they change.
func TestPutAllowed(t *testing.T) {
	t.Parallel()
	awsConfig := localawstest.Start(t)
	client := iam.NewFromConfig(awsConfig)
	for i := range 8 {
		document := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get` + strings.Repeat("x", i/2) + `","Resource":"*"}]}`
		arn, err := PutAllowed(t.Context(), awsConfig, accountID, "shop", document)
		if err != nil || arn != "arn:aws:iam::000000000000:policy/magewright-deployments-shop" {
			t.Fatalf("%s, %v", arn, err)
		}
		versions, err := client.ListPolicyVersions(t.Context(), &iam.ListPolicyVersionsInput{PolicyArn: &arn})
		if err != nil || len(versions.Versions) > 2 || aws.ToString(versions.Versions[0].VersionId) == "" {
			t.Fatalf("%d versions, %v", len(versions.Versions), err)
		}
	}
}

// TestPoliciesAt holds that what others may need is not taken away, and that a new account
// gets the policy of its stacks.
func TestPoliciesAt(t *testing.T) {
	t.Parallel()
	const ours, theirs = "arn:aws:iam::000000000000:policy/magewright-deployments-a", "arn:aws:iam::000000000000:policy/magewright-deployments-b"
	for _, tt := range []struct {
		name, has, policy, want, says string
	}{
		{"a new account", "", ours, ours, ""},
		{"a new account, without an assembly", "", "", "", "If you run go tool mage synth before the first bootstrap, it may only do what the stacks need"},
		{"again", ours, ours, "", ""},
		{"another delivery", theirs, ours, theirs + "," + ours, ""},
		{"cdk bootstrap was there", Administrator, ours, "", "--cloudformation-execution-policies " + ours},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			awsConfig := localawstest.Start(t)
			if tt.has != "" {
				client := cloudformation.NewFromConfig(awsConfig)
				if _, err := client.CreateStack(t.Context(), &cloudformation.CreateStackInput{
					StackName:    aws.String("CDKToolkit"),
					TemplateBody: aws.String(`{"Parameters":{"CloudFormationExecutionPolicies":{"Type":"CommaDelimitedList"}},"Resources":{"T":{"Type":"AWS::SNS::Topic"}}}`),
					Parameters:   []types.Parameter{{ParameterKey: aws.String("CloudFormationExecutionPolicies"), ParameterValue: &tt.has}},
				}); err != nil {
					t.Fatal(err)
				}
			}
			var out strings.Builder
			got, err := policiesAt(t.Context(), project.Config{Stdout: &out}, awsConfig, Environment{Account: accountID, Region: "us-east-1"}, tt.policy)
			if err != nil || got != tt.want || !strings.Contains(out.String(), tt.says) {
				t.Errorf("%q, %v; it says %s", got, err, &out)
			}
			e := Environment{Account: accountID, Region: "us-east-1", Policies: got, Trusts: "111111111111"}
			if args := strings.Join(e.args(), " "); !strings.HasSuffix(args, "--cloudformation-execution-policies "+orAdministrator(got)) {
				t.Errorf("cdk %s", args)
			}
		})
	}
}

func orAdministrator(policies string) string {
	if policies == "" {
		return Administrator
	}
	return policies
}
