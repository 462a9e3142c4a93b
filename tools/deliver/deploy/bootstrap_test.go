package deploy

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/magewright/magewright/tools/localaws/localawstest"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
)

func TestEnvironments(t *testing.T) {
	t.Parallel()
	stage := func(account, region string) manifest.Stage {
		return manifest.Stage{Place: manifest.Place{Stack: "s", Account: account, Region: region}}
	}
	const here, there = "111111111111", "222222222222"
	for _, tt := range []struct {
		name      string
		names     manifest.Manifest
		want      string
		elsewhere string
	}{
		{"no assembly", manifest.Manifest{}, "bootstrap aws://111111111111/eu-west-1", ""},
		{"one account", manifest.Manifest{Pipeline: manifest.Pipeline{Place: manifest.Place{Stack: "p"}}, Stages: []manifest.Stage{stage("", ""), stage("", "")}}, "bootstrap aws://111111111111/eu-west-1", ""},
		{"two regions", manifest.Manifest{Stages: []manifest.Stage{stage("", "us-east-1"), stage(here, "")}}, "bootstrap aws://111111111111/eu-west-1; bootstrap aws://111111111111/us-east-1", ""},
		{
			"a stage's account", manifest.Manifest{Pipeline: manifest.Pipeline{Place: manifest.Place{Stack: "p", Account: there}}, Stages: []manifest.Stage{stage(here, "eu-west-1"), stage("333333333333", "eu-west-1")}},
			"bootstrap aws://111111111111/eu-west-1 --trust 222222222222 --cloudformation-execution-policies arn:aws:iam::aws:policy/AdministratorAccess", "222222222222 333333333333",
		},
		{"the pipeline's account", manifest.Manifest{Pipeline: manifest.Pipeline{Place: manifest.Place{Stack: "p", Account: here}}, Stages: []manifest.Stage{stage(there, "eu-west-1")}}, "bootstrap aws://111111111111/eu-west-1", there},
		{"somebody else's account", manifest.Manifest{Stages: []manifest.Stage{stage(there, "")}}, "", there},
	} {
		environments, elsewhere := Environments(tt.names, here, "eu-west-1")
		var got []string
		for _, e := range environments {
			got = append(got, strings.Join(e.args(), " "))
		}
		if strings.Join(got, "; ") != tt.want || strings.Join(elsewhere, " ") != tt.elsewhere {
			t.Errorf("%s: %q and %q elsewhere", tt.name, got, elsewhere)
		}
	}
}

// TestNotBootstrapped holds that a deployment which fails for want of a bootstrap says
// how to do that, and that another failure stays what it is.
func TestNotBootstrapped(t *testing.T) {
	t.Parallel()
	awsConfig := localawstest.Start(t)
	dir := t.TempDir()
	assembly := `{"artifacts": {"s": {"properties": {"bootstrapStackVersionSsmParameter": "/cdk-bootstrap/mine/version"}}}}`
	if err := os.WriteFile(filepath.Join(dir, "manifest.json"), []byte(assembly), 0o600); err != nil {
		t.Fatal(err)
	}
	failure := errors.New("cdk deploy: exit status 1")
	explained := func(stack string) error {
		return notBootstrapped(t.Context(), awsConfig, dir, manifest.Place{Stack: stack}, failure)
	}
	for stack, parameter := range map[string]string{"s": "/cdk-bootstrap/mine/version", "other": BootstrapVersion} {
		err := explained(stack)
		if exit.Status(err) != exit.Environment || !errors.Is(err, failure) || !slices.ContainsFunc(strings.Split(err.Error(), "\n"), func(line string) bool { return line == "  next: go tool mage bootstrap" }) ||
			!strings.Contains(err.Error(), parameter+" (account 000000000000, region us-east-1") {
			t.Errorf("%s: %v", stack, err)
		}
	}
	if _, err := ssm.NewFromConfig(awsConfig).PutParameter(t.Context(), &ssm.PutParameterInput{
		Name: aws.String("/cdk-bootstrap/mine/version"), Value: aws.String("30"), Type: types.ParameterTypeString,
	}); err != nil {
		t.Fatal(err)
	}
	if err := explained("s"); err != failure { //nolint:errorlint // it must be the same one
		t.Errorf("a bootstrapped account gives %v", err)
	}
}

// TestWithoutItsRole holds that a deployment which fails because mage bootstrap has not made
// the stack's role, or because the assembly names another one, says so.
func TestWithoutItsRole(t *testing.T) {
	t.Parallel()
	awsConfig := localawstest.Start(t)
	dir := t.TempDir()
	assembly := `{"artifacts": {
		"x": {"type": "aws:cloudformation:stack", "properties": {"stackName": "s", "bootstrapStackVersionSsmParameter": "/cdk-bootstrap/s/version", "cloudFormationExecutionRoleArn": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/cdk-magewright/stage-cfn-exec-role-s"}},
		"t": {"type": "aws:cloudformation:stack", "properties": {"cloudFormationExecutionRoleArn": "arn:aws:iam::000000000000:role/theirs"}},
		"t.assets": {"type": "cdk:asset-manifest", "properties": {"stackName": "t"}}}}`
	if err := os.WriteFile(filepath.Join(dir, "manifest.json"), []byte(assembly), 0o600); err != nil {
		t.Fatal(err)
	}
	failure := errors.New("cdk deploy: exit status 1")
	explained := func() error {
		return notBootstrapped(t.Context(), awsConfig, dir, manifest.Place{Stack: "s"}, failure)
	}
	put := func(name string) {
		t.Helper()
		if _, err := ssm.NewFromConfig(awsConfig).PutParameter(t.Context(), &ssm.PutParameterInput{Name: &name, Value: aws.String("30"), Type: types.ParameterTypeString}); err != nil {
			t.Fatal(err)
		}
	}
	if err := explained(); !strings.Contains(err.Error(), "the CDK was never bootstrapped there") {
		t.Errorf("an account without a bootstrap gives %v", err)
	}
	put(BootstrapVersion)
	if err := explained(); exit.Status(err) != exit.Environment || !errors.Is(err, failure) || !strings.Contains(err.Error(), "without a role of its own for stack s") || !strings.HasSuffix(err.Error(), "\n  next: go tool mage bootstrap") {
		t.Errorf("an old bootstrap gives %v", err)
	}
	put("/cdk-bootstrap/s/version")
	if err := explained(); err != failure { //nolint:errorlint // it must be the same one
		t.Errorf("a bootstrapped account gives %v", err)
	}
	names := manifest.Manifest{
		Pipeline: manifest.Pipeline{Place: manifest.Place{Stack: "p"}},
		Stages:   []manifest.Stage{{Place: manifest.Place{Stack: "s"}}, {Place: manifest.Place{Stack: "t"}}, {Place: manifest.Place{Stack: "far", Account: "111111111111"}}},
	}
	for _, name := range []string{"s", "far"} {
		if err := anotherRole(names, dir, name, failure); err != failure { //nolint:errorlint // it must be the same one
			t.Errorf("stack %s gives %v", name, err)
		}
	}
	err := anotherRole(names, dir, "t", failure)
	if exit.Status(err) != exit.Gate || !errors.Is(err, failure) || !strings.Contains(err.Error(), "deployed by the role arn:aws:iam::000000000000:role/theirs, but the pipeline's builds may deploy it only by stage-cfn-exec-role-t") || !strings.Contains(err.Error(), "next: go tool mage synth bootstrap") {
		t.Errorf("a role of the app gives %v", err)
	}
}
