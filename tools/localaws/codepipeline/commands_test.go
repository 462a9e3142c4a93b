package codepipeline

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/google/go-cmp/cmp"
)

func commander(name string, lines ...string) types.ActionDeclaration {
	return types.ActionDeclaration{
		Name: aws.String(name), RunOrder: aws.Int32(1), Commands: lines, Namespace: aws.String("Of" + name), InputArtifacts: []types.InputArtifact{{Name: aws.String("Source")}},
		ActionTypeId: &types.ActionTypeId{Category: types.ActionCategoryCompute, Owner: types.ActionOwnerAws, Provider: aws.String("Commands"), Version: aws.String("1")},
	}
}

// CodeBuild gets the commands with the values of variables, and the role that has to
// run them. What they export are variables.
func TestCommands(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	who := &roles{}
	r.deps.Roles = who
	test := commander("Test", "echo #{SourceVariables.VersionId}", "ruby -e 'puts \"#{a.b}\"'")
	test.OutputArtifacts = []types.OutputArtifact{{Name: aws.String("Out"), Files: []string{"reports/**", "*.xml"}}}
	test.OutputVariables = []string{"RESULT"}
	test.RoleArn = aws.String("arn:own")
	test.EnvironmentVariables = []types.EnvironmentVariable{
		{Name: aws.String("COMMIT"), Value: aws.String("#{SourceVariables.VersionId}")},
		{Name: aws.String("KEY"), Value: aws.String("db:key"), Type: types.EnvironmentVariableTypeSecretsManager},
	}
	after := commander("After", "echo #{OfTest.RESULT}")
	after.RunOrder, after.InputArtifacts = aws.Int32(2), []types.InputArtifact{{Name: aws.String("Out")}, {Name: aws.String("Source")}}
	r.create(declare(stageOf("Run", test, after)))
	id := r.begin()
	got := r.builds.end("Test", true, map[string]string{"RESULT": "green"})
	c := got.Commands
	if diff := cmp.Diff([]string{"echo v1", "ruby -e 'puts \"#{a.b}\"'"}, c.Lines); diff != "" {
		t.Error(diff)
	}
	if c.Role != "arn:own" || c.LogGroup != "/aws/codepipeline/app" || strings.Join(c.Files, " ") != "reports/** *.xml" || strings.Join(c.Exported, " ") != "RESULT" ||
		got.SourceVersion != "v1" || len(got.Outputs) != 1 || got.Inputs[0].Name != "Source" {
		t.Errorf("the build is %+v, %+v", got, c)
	}
	if e := got.Start.EnvironmentVariablesOverride; len(e) != 2 || *e[0].Value != "v1" || e[0].Type != cbtypes.EnvironmentVariableTypePlaintext || *e[1].Value != "db:key" || e[1].Type != cbtypes.EnvironmentVariableTypeSecretsManager {
		t.Errorf("the environment is %+v", e)
	}
	if _, err := c.Assume("session"); err != nil || !slices.Contains(who.all(), "as arn:aws:iam::000000000000:role/pipeline lends arn:own ") {
		t.Errorf("the role is lent by %q, %v", who.all(), err)
	}
	if got := r.builds.end("After", true, nil); got.Commands.Lines[0] != "echo green" || got.Commands.Role != "arn:aws:iam::000000000000:role/pipeline" || len(got.Inputs) != 2 {
		t.Errorf("the second build is %+v", got.Commands)
	}
	r.wants(id, types.PipelineExecutionStatusSucceeded)

	id = r.begin()
	r.builds.end("Test", false, nil)
	r.wants(id, types.PipelineExecutionStatusFailed)
	if x := r.state("Run").ActionStates[0].LatestExecution; !strings.Contains(*x.ErrorDetails.Message, "Error while executing command: false") || *x.ExternalExecutionId == "" {
		t.Errorf("the action ended with %+v", x)
	}
}

// What commands may not be.
func TestCommandsThatAreRefused(t *testing.T) {
	t.Parallel()
	many := func(n int) []string { return strings.Split(strings.Repeat("true\n", n-1)+"true", "\n") }
	for _, test := range []struct {
		change func(*types.ActionDeclaration)
		want   string
	}{
		{func(*types.ActionDeclaration) {}, ""},
		{func(a *types.ActionDeclaration) { a.Commands = nil }, "The action 'Run' has 0 commands. It must have 1 to 50"},
		{func(a *types.ActionDeclaration) { a.Commands = many(51) }, "has 51 commands"},
		{func(a *types.ActionDeclaration) { a.Commands = []string{"a\nb"} }, "Multi-line commands are not supported"},
		{func(a *types.ActionDeclaration) { a.Commands = []string{strings.Repeat("x", 1001)} }, "A command of action 'Run' has 1001 characters"},
		{func(a *types.ActionDeclaration) { a.OutputVariables = many(16) }, "has 16 outputVariables"},
		{func(a *types.ActionDeclaration) { a.EnvironmentVariables = make([]types.EnvironmentVariable, 11) }, "has 11 environmentVariables"},
		{func(a *types.ActionDeclaration) {
			a.EnvironmentVariables = []types.EnvironmentVariable{{Name: aws.String("A-B"), Value: aws.String("x")}}
		}, "The environment variable 'A-B' of action 'Run' must match"},
		{func(a *types.ActionDeclaration) {
			a.EnvironmentVariables = []types.EnvironmentVariable{{Name: aws.String("A"), Value: aws.String("x"), Type: "PARAMETER_STORE"}}
		}, "must be PLAINTEXT or SECRETS_MANAGER"},
		{func(a *types.ActionDeclaration) {
			a.EnvironmentVariables = []types.EnvironmentVariable{{Name: aws.String("A")}}
		}, "must have 1 to 2000 characters"},
		{func(a *types.ActionDeclaration) {
			a.OutputArtifacts = []types.OutputArtifact{{Name: aws.String("Out"), Files: many(11)}}
		}, "has 11 files"},
		{func(a *types.ActionDeclaration) {
			a.OutputArtifacts = []types.OutputArtifact{{Name: aws.String("Out"), Files: []string{strings.Repeat("f", 129)}}}
		}, "must have 1 to 128 characters"},
		{func(a *types.ActionDeclaration) { a.InputArtifacts = nil }, "Action Run declares 0 input artifacts which is less than the minimum count (1)"},
		{func(a *types.ActionDeclaration) { a.Configuration = map[string]string{"ProjectName": "p"} }, "contains unknown configuration 'ProjectName'"},
	} {
		r := newRig(t)
		a := commander("Run", "true")
		test.change(&a)
		_, err := r.declare(declare(stageOf("Run", a)), 1)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%v, want %q", err, test.want)
		}
	}
	d := declare(stageOf("Run", commander("Run", "true")))
	d.PipelineType = types.PipelineTypeV1
	if _, err := newRig(t).declare(d, 1); err == nil || !strings.Contains(err.Error(), "The compute action 'Run' can only be used with V2 pipelines") {
		t.Errorf("%v", err)
	}
}
