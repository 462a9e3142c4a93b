package localaws_test

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	cbtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	cptypes "github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws"
	"github.com/magewright/magewright/tools/localaws/localawstest"
)

// TestUseConnection clones by a connection as roles that may use it for every repository, for
// one, for none, or by the other name of the action.
func TestUseConnection(t *testing.T) {
	t.Parallel()
	cfg := localawstest.Start(t)
	arn, _ := connectionHere(t, cfg)
	allow := func(action, condition string) string {
		return `{"Effect":"Allow","Action":"` + action + `:UseConnection","Resource":"` + arn + `"` + condition + `}`
	}
	const only = `,"Condition":{"StringEqualsIfExists":{"codeconnections:FullRepositoryId":"team/app"}}`
	const deny = `{"Effect":"Deny","Action":["codeconnections:UseConnection","codestar-connections:UseConnection"],"Resource":"*","Condition":{"StringNotEquals":{"codestar-connections:FullRepositoryId":"team/app"},"Null":{"codestar-connections:FullRepositoryId":"false"}}}`
	for name, tt := range map[string]struct{ statements, refused string }{
		"every":  {allow("codeconnections", ""), ""},
		"older":  {allow("codestar-connections", ""), ""},
		"only":   {allow("codeconnections", only), "no identity-based policy allows the codeconnections:UseConnection action"},
		"denied": {allow("codeconnections", "") + "," + deny, "with an explicit deny in an identity-based policy"},
		"none":   {`{"Effect":"Allow","Action":"codeconnections:GetConnection","Resource":"*"}`, "no identity-based policy allows the codeconnections:UseConnection action"},
	} {
		role := localawstest.Role(t, cfg, name, "codebuild.amazonaws.com")
		identities := iam.NewFromConfig(cfg)
		if _, err := identities.DetachRolePolicy(t.Context(), &iam.DetachRolePolicyInput{RoleName: &name, PolicyArn: aws.String("arn:aws:iam::aws:policy/AdministratorAccess")}); err != nil {
			t.Fatal(err)
		}
		if _, err := identities.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
			RoleName: &name, PolicyName: aws.String("p"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"logs:*","Resource":"*"},` + tt.statements + `]}`),
		}); err != nil {
			t.Fatal(err)
		}
		for _, repository := range []string{"team/app", "team/secrets"} {
			refused := tt.refused
			if repository == "team/app" && name != "none" {
				refused = ""
			}
			if said := cloned(t, cfg, name+"-"+repository[5:], role, arn, repository); refused == "" && said != "" || !strings.Contains(said, refused) {
				t.Errorf("%s, %s: %q, want %q", name, repository, said, refused)
			}
		}
	}
}

// connectionHere returns a connection to a repository on this machine, and what commits there.
func connectionHere(t *testing.T, cfg aws.Config) (arn string, commit func()) {
	t.Helper()
	dir := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir}, args...)...).CombinedOutput(); err != nil { // #nosec G204 -- git in the test's directory
			t.Fatalf("%v: %s", err, out)
		}
	}
	commit = func() {
		t.Helper()
		git("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "-q", "--allow-empty", "-m", "Go on")
	}
	git("init", "-q", "-b", "main")
	commit()
	connections := codeconnections.NewFromConfig(cfg)
	host, err := connections.CreateHost(t.Context(), &codeconnections.CreateHostInput{Name: aws.String("here"), ProviderType: types.ProviderTypeGithubEnterpriseServer, ProviderEndpoint: aws.String("file://" + dir)})
	if err != nil {
		t.Fatal(err)
	}
	connection, err := connections.CreateConnection(t.Context(), &codeconnections.CreateConnectionInput{ConnectionName: aws.String("here"), HostArn: host.HostArn})
	if err != nil {
		t.Fatal(err)
	}
	return *connection.ConnectionArn, commit
}

// TestAPushStartsAPipeline holds that a commit in the repository of a connection starts the
// pipelines that watch its branch, as the role of each.
func TestAPushStartsAPipeline(t *testing.T) {
	t.Parallel()
	cfg := localawstest.Start(t, func(c *localaws.Config) { c.Pushes = time.Millisecond })
	connection, commit := connectionHere(t, cfg)
	if _, err := s3.NewFromConfig(cfg).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("artifacts")}); err != nil {
		t.Fatal(err)
	}
	pipelines := codepipeline.NewFromConfig(cfg)
	action := func(name, category, provider string, configuration map[string]string) cptypes.StageDeclaration {
		a := cptypes.ActionDeclaration{
			Name: &name, ActionTypeId: &cptypes.ActionTypeId{Category: cptypes.ActionCategory(category), Owner: cptypes.ActionOwnerAws, Provider: &provider, Version: aws.String("1")},
			Configuration: configuration,
		}
		if category == "Source" {
			a.OutputArtifacts = []cptypes.OutputArtifact{{Name: aws.String("Source")}}
		}
		return cptypes.StageDeclaration{Name: &name, Actions: []cptypes.ActionDeclaration{a}}
	}
	if _, err := pipelines.CreatePipeline(t.Context(), &codepipeline.CreatePipelineInput{Pipeline: &cptypes.PipelineDeclaration{
		Name: aws.String("app"), RoleArn: localawstest.Role(t, cfg, "delivers", "codepipeline.amazonaws.com"), PipelineType: cptypes.PipelineTypeV2,
		ArtifactStore: &cptypes.ArtifactStore{Type: cptypes.ArtifactStoreTypeS3, Location: aws.String("artifacts")},
		Stages: []cptypes.StageDeclaration{
			action("Source", "Source", "CodeStarSourceConnection", map[string]string{"ConnectionArn": connection, "FullRepositoryId": "team/app", "BranchName": "main"}),
			action("Approve", "Approval", "Manual", nil),
		},
	}}); err != nil {
		t.Fatal(err)
	}
	// What is committed before the first look starts nothing.
	for ; ; commit() {
		listed, err := pipelines.ListPipelineExecutions(t.Context(), &codepipeline.ListPipelineExecutionsInput{PipelineName: aws.String("app")})
		if err != nil {
			t.Fatal(err)
		}
		if newest := listed.PipelineExecutionSummaries[0]; newest.Trigger.TriggerType == cptypes.TriggerTypeWebhookV2 {
			break
		}
	}
}

// cloned returns why a build can't clone a repository by a connection.
func cloned(t *testing.T, cfg aws.Config, name string, role *string, connection, repository string) string {
	t.Helper()
	client := codebuild.NewFromConfig(cfg)
	if _, err := client.CreateProject(t.Context(), &codebuild.CreateProjectInput{
		Name: &name, ServiceRole: role, Artifacts: &cbtypes.ProjectArtifacts{Type: cbtypes.ArtifactsTypeNoArtifacts},
		Environment: &cbtypes.ProjectEnvironment{ComputeType: cbtypes.ComputeTypeBuildGeneral1Small, Type: cbtypes.EnvironmentTypeLinuxContainer, Image: aws.String("aws/codebuild/standard:7.0")},
		Source: &cbtypes.ProjectSource{
			Type: cbtypes.SourceTypeGithub, Location: aws.String("https://github.com/" + repository + ".git"), Buildspec: aws.String("version: 0.2\nphases: {build: {commands: [git log]}}\n"),
			Auth: &cbtypes.SourceAuth{Type: cbtypes.SourceAuthTypeCodeconnections, Resource: &connection},
		},
	}); err != nil {
		t.Fatal(err)
	}
	started, err := client.StartBuild(t.Context(), &codebuild.StartBuildInput{ProjectName: &name})
	if err != nil {
		t.Fatal(err)
	}
	for ; ; _ = clock.Sleep(t.Context(), clock.System(), 10_000_000) {
		found, err := client.BatchGetBuilds(t.Context(), &codebuild.BatchGetBuildsInput{Ids: []string{*started.Build.Id}})
		if err != nil {
			t.Fatal(err)
		}
		b := found.Builds[0]
		if !b.BuildComplete {
			continue
		}
		if b.BuildStatus == cbtypes.StatusTypeSucceeded {
			return ""
		}
		said := "the build has " + string(b.BuildStatus)
		for _, p := range b.Phases {
			for _, c := range p.Contexts {
				said += " " + aws.ToString(c.Message)
			}
		}
		return said
	}
}
