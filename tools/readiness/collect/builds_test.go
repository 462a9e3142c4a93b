package collect

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/localawstest"
	"github.com/magewright/magewright/tools/readiness"
)

// TestAttackByAnOverriddenBuild leaves evidence by a build that was started with a
// buildspec, an image or variables of the attacker's own.
func TestAttackByAnOverriddenBuild(t *testing.T) {
	t.Parallel()
	config := localawstest.Start(t)
	role, err := iam.NewFromConfig(config).CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName:                 aws.String("build"),
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"codebuild.amazonaws.com"}}]}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	client := codebuild.NewFromConfig(config)
	_, err = client.CreateProject(t.Context(), &codebuild.CreateProjectInput{
		Name: aws.String("lint"), ServiceRole: role.Role.Arn,
		Source:    &cbtypes.ProjectSource{Type: cbtypes.SourceTypeNoSource, Buildspec: aws.String("version: 0.2\nphases: {build: {commands: ['true']}}\n")},
		Artifacts: &cbtypes.ProjectArtifacts{Type: cbtypes.ArtifactsTypeNoArtifacts},
		Environment: &cbtypes.ProjectEnvironment{
			Type: cbtypes.EnvironmentTypeLinuxContainer, ComputeType: cbtypes.ComputeTypeBuildGeneral1Small, Image: aws.String("aws/codebuild/amazonlinux-x86_64-standard:5.0"),
			EnvironmentVariables: []cbtypes.EnvironmentVariable{{Name: aws.String("CDK_CONTEXT_JSON"), Value: aws.String("{}")}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	variable := func(name, value string) []cbtypes.EnvironmentVariable {
		return []cbtypes.EnvironmentVariable{{Name: &name, Value: &value}}
	}
	for _, tt := range []struct {
		name                  string
		start                 codebuild.StartBuildInput
		overridden, variables []string
	}{
		{name: "as it is declared", start: codebuild.StartBuildInput{EnvironmentVariablesOverride: variable("MAGE_TARGETS", "lint")}},
		{name: "another buildspec", start: codebuild.StartBuildInput{BuildspecOverride: aws.String("version: 0.2\nphases: {build: {commands: ['echo forged']}}\n")}, overridden: []string{"buildspec"}},
		{name: "another image", start: codebuild.StartBuildInput{ImageOverride: aws.String("example.com/evil:latest")}, overridden: []string{"image"}},
		{name: "another target", start: codebuild.StartBuildInput{EnvironmentVariablesOverride: variable("MAGE_TARGETS", "-l")}, variables: []string{"MAGE_TARGETS"}},
		{name: "one more variable", start: codebuild.StartBuildInput{EnvironmentVariablesOverride: variable("GOFLAGS", "-run=None")}, variables: []string{"GOFLAGS"}},
		{name: "another context", start: codebuild.StartBuildInput{EnvironmentVariablesOverride: variable("CDK_CONTEXT_JSON", `{"evidenceKey":"x"}`)}, variables: []string{"CDK_CONTEXT_JSON"}},
	} {
		tt.start.ProjectName = aws.String("lint")
		started, err := client.StartBuild(t.Context(), &tt.start)
		if err != nil {
			t.Fatal(err)
		}
		for {
			got, err := client.BatchGetBuilds(t.Context(), &codebuild.BatchGetBuildsInput{Ids: []string{*started.Build.Id}})
			if err != nil {
				t.Fatal(err)
			}
			if got.Builds[0].BuildComplete {
				break
			}
			if err := clock.Sleep(t.Context(), clock.System(), 5*time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
		got, err := readBuild(t.Context(), client, types.ActionExecutionDetail{
			StageName: aws.String("Verify"), ActionName: aws.String("Lint"),
			Input:  &types.ActionExecutionInput{ResolvedConfiguration: map[string]string{"ProjectName": "lint", "EnvironmentVariables": `[{"name":"MAGE_TARGETS","type":"PLAINTEXT","value":"lint"}]`}},
			Output: &types.ActionExecutionOutput{ExecutionResult: &types.ActionExecutionResult{ExternalExecutionId: started.Build.Id}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.Overridden, tt.overridden) || !slices.Equal(got.Variables, tt.variables) {
			t.Errorf("%s: %q and the variables %q are found, want %q and %q", tt.name, got.Overridden, got.Variables, tt.overridden, tt.variables)
		}
		// Nobody but the pipeline starts a build that counts.
		if got.Initiator == "" || strings.HasPrefix(got.Initiator, "codepipeline/") {
			t.Errorf("%s: it was started by %q", tt.name, got.Initiator)
		}
	}
	_, err = readBuild(t.Context(), client, types.ActionExecutionDetail{
		Input:  &types.ActionExecutionInput{ResolvedConfiguration: map[string]string{"ProjectName": "lint"}},
		Output: &types.ActionExecutionOutput{ExecutionResult: &types.ActionExecutionResult{ExternalExecutionId: aws.String("lint:gone")}},
	})
	if err == nil || !strings.Contains(err.Error(), "it knows 0 such builds") {
		t.Errorf("a build that is not there: %v", err)
	}
	if b, err := Builds(t.Context(), Env{Clock: clock.System()}); err != nil || b.(readiness.Builds).Execution != "" {
		t.Errorf("outside of the pipeline: %+v, %v", b, err)
	}
}

// TestAttackByTheJudgesLostRights holds that the judge says when AWS has refused to answer, and
// doesn't take that for a release outside of the pipeline.
func TestAttackByTheJudgesLostRights(t *testing.T) {
	t.Setenv("CODEBUILD_INITIATOR", "codepipeline/p")
	t.Setenv("PIPELINE_EXECUTION_ID", "00000000-0000-4000-8000-000000000001")
	if _, err := Builds(t.Context(), Env{Clock: clock.System()}); err == nil || !strings.Contains(err.Error(), "there are no AWS credentials") {
		t.Errorf("without credentials: %v", err)
	}
	config := localawstest.Start(t)
	name := "judge"
	role, err := iam.NewFromConfig(config).CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName:                 &name,
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"000000000000"}}]}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	judge := config.Copy()
	judge.Credentials = stscreds.NewAssumeRoleProvider(sts.NewFromConfig(config), *role.Role.Arn)
	s, err := Collector{Of: readiness.Builds{}, Collect: Builds}.statement(t.Context(), Env{Clock: clock.System(), AWS: &judge})
	var a readiness.Absence
	if err != nil || s.Decode(&a) != nil || !a.Refused || !strings.Contains(a.Reason, "not authorized to perform: codepipeline:ListActionExecutions") {
		t.Errorf("a judge that may not ask leaves %+v, %v", a, err)
	}
}
