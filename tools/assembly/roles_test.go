package assembly_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/internal/testinput"
	"github.com/magewright/magewright/tools/localaws/iam/policy"
	"github.com/magewright/magewright/tools/project/agreed"
)

// The tests of attacks by an action's role ask IAM, as the embedded AWS does, whether
// the roles of the synthesized pipeline may do what they must not.

// A call is one that a role attempts.
type call struct {
	action, resource string
	context          policy.Context
	allowed          bool
}

const at = "000000000000"

// The resources of the calls.
var (
	stackOf = func(name string) string {
		return "arn:aws:cloudformation:us-east-1:" + at + ":stack/magewright-" + name + "/id"
	}
	roleOf = func(name string) string {
		return "arn:aws:iam::" + at + ":role/cdk-hnb659fds-" + name + "-" + at + "-us-east-1"
	}
	// ownRole is the role by which CloudFormation deploys a stack.
	ownRole = func(name string) string {
		return "arn:aws:iam::" + at + ":role" + agreed.DeploymentRoles + agreed.DeploymentRole("magewright-"+name)
	}
	byRole = func(arn string) policy.Context {
		return policy.Context{"cloudformation:rolearn": {arn}}
	}
	functionOf = func(stage string) string {
		return "arn:aws:lambda:us-east-1:" + at + ":function:magewright-" + stage + "-Function-X"
	}
	groupOf = func(stage string) string {
		return "arn:aws:codedeploy:us-east-1:" + at + ":deploymentgroup:magewright-" + stage + "-App-X/magewright-" + stage + "-Group-X"
	}
	pin        = "arn:aws:ssm:us-east-1:" + at + ":parameter/magewright/magewright-pipeline/judge"
	pipelineIs = "arn:aws:codepipeline:us-east-1:" + at + ":magewright-pipeline"
	key        = "arn:aws:kms:us-east-1:" + at + ":key/x"
	by         = func(alias string) policy.Context {
		return policy.Context{"kms:requestalias": {"alias/magewright-" + alias}}
	}
	passedTo = func(service string) policy.Context {
		return policy.Context{"iam:passedtoservice": {service + ".amazonaws.com"}}
	}
)

// nobody may do these: a role that may could approve, change who approves, run code by
// another role, or give itself rights.
var nobody = []call{
	{action: "codepipeline:PutApprovalResult", resource: pipelineIs + "/Approval/Approve"},
	{action: "codepipeline:UpdatePipeline", resource: pipelineIs},
	{action: "codepipeline:StartPipelineExecution", resource: pipelineIs},
	{action: "codebuild:StartBuild", resource: "arn:aws:codebuild:us-east-1:" + at + ":project/Judge"},
	{action: "codebuild:UpdateProject", resource: "arn:aws:codebuild:us-east-1:" + at + ":project/Judge"},
	{action: "iam:PutRolePolicy", resource: "arn:aws:iam::" + at + ":role/magewright-pipeline-DeployRole"},
	{action: "iam:CreateRole", resource: "arn:aws:iam::" + at + ":role/x"},
	{action: "iam:PassRole", resource: roleOf("cfn-exec-role"), context: passedTo("lambda")},
	{action: "iam:PassRole", resource: roleOf("cfn-exec-role"), context: passedTo("cloudformation")},
	{action: "sts:AssumeRole", resource: ownRole("staging")},
	{action: "sts:AssumeRole", resource: ownRole("production")},
	{action: "sts:AssumeRole", resource: roleOf("deploy-role")},
	{action: "sts:AssumeRole", resource: roleOf("cfn-exec-role")},
	{action: "kms:ScheduleKeyDeletion", resource: key},
	{action: "kms:UpdateAlias", resource: key},
	{action: "cloudformation:SetStackPolicy", resource: stackOf("production")},
	{action: "lambda:UpdateFunctionCode", resource: functionOf("production")},
	{action: "lambda:UpdateAlias", resource: functionOf("production")},
	{action: "codedeploy:CreateDeployment", resource: groupOf("production")},
	{action: "codedeploy:UpdateDeploymentGroup", resource: groupOf("production")},
	{action: "cloudwatch:DeleteAlarms", resource: "arn:aws:cloudwatch:us-east-1:" + at + ":alarm:magewright-production-Errors-X"},
	{action: "cloudwatch:DisableAlarmActions", resource: "arn:aws:cloudwatch:us-east-1:" + at + ":alarm:magewright-production-Errors-X"},
}

// deploys are the calls of a role that deploys one stack, which it may with the stack's own
// role only, and of no other stack.
func deploys(own string) []call {
	var all []call
	for _, stack := range []string{"staging", "production", "pipeline"} {
		all = append(all, call{action: "iam:PassRole", resource: ownRole(stack), context: passedTo("cloudformation"), allowed: stack == own},
			call{action: "iam:PassRole", resource: ownRole(stack), context: passedTo("lambda")},
			call{action: "cloudformation:ExecuteChangeSet", resource: stackOf(stack), allowed: stack == own})
		for _, action := range []string{"cloudformation:CreateChangeSet", "cloudformation:CreateStack", "cloudformation:UpdateStack"} {
			all = append(all, call{action: action, resource: stackOf(stack)}, call{action: action, resource: stackOf(stack), context: byRole(roleOf("cfn-exec-role"))})
			for _, role := range []string{"staging", "production", "pipeline"} {
				all = append(all, call{action: action, resource: stackOf(stack), context: byRole(ownRole(role)), allowed: action == "cloudformation:CreateChangeSet" && stack == own && role == own})
			}
		}
	}
	return all
}

// TestAttackByStagingsRole lets the candidate's own code, which runs before anybody has
// approved, reach beyond staging.
func TestAttackByStagingsRole(t *testing.T) {
	t.Parallel()
	attempt(t, "Deploy", deploys("staging")...)
	attempt(t, "Deploy", append(nobody,
		call{action: "cloudformation:DeleteStack", resource: stackOf("production")},
		call{action: "kms:Sign", resource: key, context: by("record"), allowed: true},
		call{action: "kms:Sign", resource: key, context: by("evidence")},
		call{action: "kms:Sign", resource: key},
		call{action: "ssm:PutParameter", resource: pin},
		call{action: "lambda:UpdateFunctionCode", resource: functionOf("staging"), allowed: true},
		call{action: "codedeploy:CreateDeployment", resource: groupOf("staging"), allowed: true},
		call{action: "cloudwatch:DeleteAlarms", resource: "arn:aws:cloudwatch:us-east-1:" + at + ":alarm:magewright-staging-Errors-X"},
		call{action: "secretsmanager:GetSecretValue", resource: "arn:aws:secretsmanager:us-east-1:" + at + ":secret:reviews-x"},
	)...)
}

// TestAttackByTheJudgesRole lets who decides also act.
func TestAttackByTheJudgesRole(t *testing.T) {
	t.Parallel()
	attempt(t, "Judge", deploys("")...)
	attempt(t, "Judge", append(nobody,
		call{action: "kms:Sign", resource: key, context: by("evidence"), allowed: true},
		call{action: "kms:Sign", resource: key, context: by("record")},
		call{action: "cloudformation:GetTemplate", resource: stackOf("production"), allowed: true},
		call{action: "cloudformation:ExecuteChangeSet", resource: stackOf("staging")},
		call{action: "cloudformation:ExecuteChangeSet", resource: stackOf("production")},
		call{action: "cloudformation:ExecuteChangeSet", resource: stackOf("pipeline")},
		call{action: "sts:AssumeRole", resource: roleOf("file-publishing-role")},
		call{action: "lambda:UpdateFunctionCode", resource: functionOf("staging")},
		call{action: "ssm:GetParameters", resource: pin, allowed: true},
		call{action: "ssm:PutParameter", resource: pin},
	)...)
}

// TestAttackByPromotesRole lets who deploys allow itself to.
func TestAttackByPromotesRole(t *testing.T) {
	t.Parallel()
	attempt(t, "Promote", deploys("production")...)
	attempt(t, "Promote", append(nobody,
		call{action: "kms:GetPublicKey", resource: key, context: by("evidence"), allowed: true},
		call{action: "kms:Sign", resource: key, context: by("evidence")},
		call{action: "kms:Sign", resource: key, context: by("record"), allowed: true},
		call{action: "ssm:PutParameter", resource: pin, allowed: true},
		call{action: "ssm:PutParameter", resource: "arn:aws:ssm:us-east-1:" + at + ":parameter/cdk-bootstrap/hnb659fds/version"},
		call{action: "lambda:UpdateFunctionCode", resource: functionOf("staging")},
	)...)
}

// TestAttackByUpdatesRole lets the change of the pipeline reach what it delivers.
func TestAttackByUpdatesRole(t *testing.T) {
	t.Parallel()
	attempt(t, "Update", deploys("pipeline")...)
	attempt(t, "Update", append(nobody,
		call{action: "kms:GetPublicKey", resource: key, context: by("evidence"), allowed: true},
		call{action: "kms:Sign", resource: key, context: by("evidence")},
		call{action: "kms:Sign", resource: key, context: by("record")},
		call{action: "ssm:PutParameter", resource: pin},
	)...)
}

// TestAttackByVerifysRoles lets builds that run unreviewed code touch anything.
func TestAttackByVerifysRoles(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"Lint", "Test", "Sec", "Synth"} {
		attempt(t, role, deploys("")...)
		attempt(t, role, append(nobody,
			call{action: "cloudformation:ExecuteChangeSet", resource: stackOf("staging")},
			call{action: "cloudformation:DescribeStacks", resource: stackOf("staging")},
			call{action: "sts:AssumeRole", resource: roleOf("file-publishing-role")},
			call{action: "kms:Sign", resource: key, context: by("evidence")},
			call{action: "kms:Sign", resource: key, context: by("record")},
			call{action: "ssm:PutParameter", resource: pin},
			call{action: "ssm:GetParameters", resource: pin},
			call{action: "lambda:InvokeFunction", resource: functionOf("staging")},
		)...)
	}
}

// TestAttackByAnothersArtifact lets a build replace what another one has left, the source
// that the judge looks at, or the assembly that is deployed.
func TestAttackByAnothersArtifact(t *testing.T) {
	t.Parallel()
	own := map[string][]string{
		"Lint": {"LintEviden"}, "Test": {"TestEviden"}, "Sec": {"SecEvidenc"}, "Synth": {"Assembly", "SynthEvide"},
		"Deploy": {"SmokeEvide", "DrillEvide"}, "Judge": {"ReadinessE"}, "Promote": nil, "Update": nil,
	}
	bucket, cache := made(t, "Artifacts"), made(t, "Cache")
	for role, leaves := range own {
		var calls []call
		for _, name := range []string{"Source", "Assembly", "LintEviden", "TestEviden", "SecEvidenc", "SynthEvide", "SmokeEvide", "DrillEvide", "ReadinessE"} {
			for _, action := range []string{"s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"} {
				calls = append(calls, call{action: action, resource: bucket + "/magewright-pipeline/" + name + "/abc1234", allowed: slices.Contains(leaves, name)})
			}
			calls = append(calls, call{action: "s3:GetObject", resource: bucket + "/magewright-pipeline/" + name + "/abc1234", allowed: true})
		}
		attempt(t, role, calls...)
	}
	attempt(t, "Lint", call{action: "s3:PutObject", resource: cache + "/lint/go-1", allowed: true}, call{action: "s3:PutObject", resource: cache + "/test/go-1"})
}

// TestAttackByAnotherRepository lets unreviewed code read other repositories that the
// connection of the pipeline reaches, by both names of the action.
func TestAttackByAnotherRepository(t *testing.T) {
	t.Parallel()
	connection := "arn:aws:made:us-east-1:" + at + ":Connection"
	var calls []call
	for repository, allowed := range map[string]bool{"": true, "example/app": true, "example/secrets": false, "example/app2": false} {
		for _, action := range []string{"codeconnections:UseConnection", "codestar-connections:UseConnection"} {
			for _, key := range []string{"codeconnections:fullrepositoryid", "codestar-connections:fullrepositoryid"} {
				// The CDK allows it by the older name.
				c := call{action: action, resource: connection, allowed: allowed && strings.HasPrefix(action, "codestar")}
				if repository != "" {
					c.context = policy.Context{key: {repository}}
				}
				calls = append(calls, c)
			}
		}
	}
	calls = append(calls, call{action: "codestar-connections:UseConnection", resource: connection + "2"})
	for _, project := range []string{"Lint", "Test", "Sec", "Synth", "Deploy", "Judge", "Promote", "Update", "Pipeline"} {
		attempt(t, project, calls...)
	}
}

// made returns the ARN of a bucket of the pipeline's stack whose logical id begins with
// a name.
func made(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(synthesized(t), "magewright-pipeline.template.json"))
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Resources map[string]struct{ Type string }
	}
	if err := json.Unmarshal(data, &template); err != nil {
		t.Fatal(err)
	}
	for id, r := range template.Resources {
		if r.Type == "AWS::S3::Bucket" && strings.HasPrefix(id, name) {
			return "arn:aws:made:us-east-1:" + at + ":" + id
		}
	}
	t.Fatalf("there is no bucket %s", name)
	return ""
}

// attempt evaluates calls of the role of one of the pipeline's projects.
func attempt(t *testing.T, project string, calls ...call) {
	t.Helper()
	testinput.Read(t, "infra", "go.mod", "go.sum")
	policies := policiesOf(t, synthesized(t), project)
	role := "arn:aws:iam::" + at + ":role/" + project
	for _, c := range calls {
		r := &policy.Request{
			Principal: policy.Principal{ARN: "arn:aws:sts::" + at + ":assumed-role/" + project + "/s", Role: role, Account: at},
			Action:    c.action, Resource: c.resource, Context: c.context,
		}
		if d := policies.Evaluate(r); (d.Result == policy.Allowed) != c.allowed {
			t.Errorf("%s may %s on %s %v: %v, want %v", project, c.action, c.resource, c.context, d.Result == policy.Allowed, c.allowed)
		}
	}
}

// policiesOf reads the policies of a project's role in the template of the pipeline.
func policiesOf(t *testing.T, assembly, project string) *policy.Policies {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(assembly, "magewright-pipeline.template.json")) // #nosec G304 -- made by the test
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Resources map[string]struct {
			Type       string
			Properties struct {
				Roles             []struct{ Ref string }
				PolicyDocument    any
				ManagedPolicyArns []any
			}
		}
	}
	if err := json.Unmarshal(data, &template); err != nil {
		t.Fatal(err)
	}
	policies := &policy.Policies{}
	for id, r := range template.Resources {
		if r.Type == "AWS::IAM::Role" && strings.HasPrefix(id, project+"Role") && len(r.Properties.ManagedPolicyArns) > 0 {
			t.Errorf("%s has policies that are not looked at: %v", id, r.Properties.ManagedPolicyArns)
		}
		if r.Type != "AWS::IAM::Policy" || len(r.Properties.Roles) == 0 || !strings.HasPrefix(r.Properties.Roles[0].Ref, project+"Role") {
			continue
		}
		text, err := json.Marshal(resolved(r.Properties.PolicyDocument))
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := policy.Parse(string(text), policy.Identity)
		if err != nil {
			t.Fatalf("%s: %v\n%s", id, err, text)
		}
		policies.Identity = append(policies.Identity, parsed)
	}
	if len(policies.Identity) == 0 {
		t.Fatalf("the role of %s has no policies", project)
	}
	return policies
}

// resolved returns a value of a template as it is in the account of the tests. What
// only a deployment knows gets a name that nothing has.
func resolved(v any) any {
	switch v := v.(type) {
	case []any:
		all := make([]any, len(v))
		for i, each := range v {
			all[i] = resolved(each)
		}
		return all
	case map[string]any:
		if ref, ok := v["Ref"].(string); ok {
			known := map[string]string{"AWS::Partition": "aws", "AWS::AccountId": at, "AWS::Region": "us-east-1", "AWS::StackName": "magewright-pipeline"}
			if value, ok := known[ref]; ok {
				return value
			}
			if strings.HasPrefix(ref, "JudgeParameter") {
				return "/magewright/magewright-pipeline/judge"
			}
			if strings.HasPrefix(ref, "Notifications") {
				return "arn:aws:made:us-east-1:" + at + ":" + ref
			}
			return "made-" + ref
		}
		if attribute, ok := v["Fn::GetAtt"].([]any); ok {
			return "arn:aws:made:us-east-1:" + at + ":" + attribute[0].(string)
		}
		if join, ok := v["Fn::Join"].([]any); ok {
			var parts []string
			for _, part := range join[1].([]any) {
				parts = append(parts, resolved(part).(string))
			}
			return strings.Join(parts, join[0].(string))
		}
		all := map[string]any{}
		for name, each := range v {
			all[name] = resolved(each)
		}
		return all
	}
	return v
}
