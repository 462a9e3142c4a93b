package rehearse

import (
	"runtime"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeconnections"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/localaws/localawstest"
	"github.com/magewright/magewright/tools/project/manifest"
)

// declaration returns a pipeline that takes a commit from a connection to an approval.
func declaration(connection string) *types.PipelineDeclaration {
	kind := func(category types.ActionCategory, provider string) *types.ActionTypeId {
		return &types.ActionTypeId{Category: category, Owner: types.ActionOwnerAws, Provider: &provider, Version: aws.String("1")}
	}
	return &types.PipelineDeclaration{
		Name: aws.String(manifest.Old().Pipeline.Stack), RoleArn: aws.String("arn:aws:iam::000000000000:role/pipeline"), PipelineType: types.PipelineTypeV2,
		ArtifactStore: &types.ArtifactStore{Type: types.ArtifactStoreTypeS3, Location: aws.String("artifacts")},
		Stages: []types.StageDeclaration{
			{Name: aws.String("Source"), Actions: []types.ActionDeclaration{{
				Name: aws.String("Source"), ActionTypeId: kind(types.ActionCategorySource, "CodeStarSourceConnection"), OutputArtifacts: []types.OutputArtifact{{Name: aws.String("Source")}},
				Configuration: map[string]string{"ConnectionArn": connection, "FullRepositoryId": "example/app", "BranchName": "main"},
			}}},
			{Name: aws.String("Approval"), Actions: []types.ActionDeclaration{{Name: aws.String("Approve"), ActionTypeId: kind(types.ActionCategoryApproval, "Manual")}}},
		},
	}
}

// TestOneExecutionForACommit checks that executions that CodePipeline starts on
// creation, or CloudFormation on an update, get no further than their source,
// while the rehearsal's execution does.
func TestOneExecutionForACommit(t *testing.T) {
	t.Parallel()
	ctx, dir := t.Context(), t.TempDir()
	git := func(args ...string) string {
		t.Helper()
		out, err := (command.Cmd{Dir: dir}).Output(ctx, "git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	git("init", "--quiet", "--initial-branch=main")
	git("commit", "--quiet", "--allow-empty", "-m", "change")
	commit := git("rev-parse", "HEAD")
	awsConfig := localawstest.Start(t)
	localawstest.Role(t, awsConfig, "pipeline", "codepipeline.amazonaws.com")
	objects := s3.NewFromConfig(awsConfig, func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("artifacts")}); err != nil {
		t.Fatal(err)
	}
	r := &rehearsal{aws: awsConfig, pipelines: codepipeline.NewFromConfig(awsConfig), names: manifest.Old()}
	var err error
	if r.source, err = newSource(ctx, codeconnections.NewFromConfig(awsConfig), dir); err != nil {
		t.Fatal(err)
	}
	start := func() (string, error) {
		started, err := r.pipelines.StartPipelineExecution(ctx, &codepipeline.StartPipelineExecutionInput{Name: &r.names.Pipeline.Stack})
		if err != nil {
			return "", err
		}
		return aws.ToString(started.PipelineExecutionId), nil
	}
	for _, tt := range []struct {
		name   string
		deploy func() error
	}{
		{"created", func() error {
			_, err := r.pipelines.CreatePipeline(ctx, &codepipeline.CreatePipelineInput{Pipeline: declaration(r.source.connection)})
			return err
		}},
		{"updated", func() error {
			if _, err := r.pipelines.UpdatePipeline(ctx, &codepipeline.UpdatePipelineInput{Pipeline: declaration(r.source.connection)}); err != nil {
				return err
			}
			_, err := start()
			return err
		}},
	} {
		var started types.PipelineExecutionSummary
		err := r.disconnected(ctx, func() error {
			if err := tt.deploy(); err != nil {
				return err
			}
			// Deployments take long enough for it to get as far as it can.
			started = r.until(t, func(all []types.PipelineExecutionSummary) bool {
				return all[0].Status != types.PipelineExecutionStatusInProgress || len(all[0].SourceRevisions) > 0
			})[0]
			return nil
		})
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if started.Status != types.PipelineExecutionStatusFailed || len(started.SourceRevisions) > 0 {
			t.Errorf("%s: what the deployment has started is %s, with the revisions %v", tt.name, started.Status, started.SourceRevisions)
		}
		id, err := start()
		if err != nil {
			t.Fatal(err)
		}
		r.until(t, func(all []types.PipelineExecutionSummary) bool {
			return len(all[0].SourceRevisions) > 0 && aws.ToString(all[0].SourceRevisions[0].RevisionId) == commit && aws.ToString(all[0].PipelineExecutionId) == id
		})
	}
}

// until polls the executions, newest first, until a condition holds for them.
func (r *rehearsal) until(t *testing.T, holds func([]types.PipelineExecutionSummary) bool) []types.PipelineExecutionSummary {
	t.Helper()
	for {
		listed, err := r.pipelines.ListPipelineExecutions(t.Context(), &codepipeline.ListPipelineExecutionsInput{PipelineName: &r.names.Pipeline.Stack})
		if err != nil {
			t.Fatal(err)
		}
		if holds(listed.PipelineExecutionSummaries) {
			return listed.PipelineExecutionSummaries
		}
		runtime.Gosched()
	}
}
