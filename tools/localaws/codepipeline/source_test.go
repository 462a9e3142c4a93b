package codepipeline

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodepipeline "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/magewright/magewright/tools/localaws/codebuild"
	"github.com/magewright/magewright/tools/localaws/mirror"
)

// gitIn returns git in a directory, with an author and a date that are always the same.
func gitIn(t *testing.T, dir string) func(args ...string) string {
	return func(args ...string) string {
		t.Helper()
		cmd := mirror.Git(dir)
		cmd.Env = append(cmd.Env, "GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_AUTHOR_DATE=2030-01-01T12:00:00+02:00",
			"GIT_COMMITTER_NAME=C", "GIT_COMMITTER_EMAIL=c@example.com", "GIT_CONFIG_GLOBAL=/dev/null")
		out, err := cmd.Output(t.Context(), "git", args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// repository makes a git repository with two commits and returns its URL and
// their ids.
func repository(t *testing.T) (url, first, second string) {
	t.Helper()
	dir := t.TempDir()
	git := gitIn(t, dir)
	commit := func(content, message string) string {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		git("add", ".")
		git("commit", "--quiet", "-m", message)
		return git("rev-parse", "HEAD")
	}
	git("init", "--quiet", "--initial-branch=trunk")
	first = commit("package one", "One")
	second = commit("package two", "Two\n\nwith \"quotes\"")
	return "file://" + dir, first, second
}

func connected(format string) *types.PipelineDeclaration {
	ship := builder("Ship", 1)
	ship.Configuration["EnvironmentVariables"] = `[{"name":"COMMIT","value":"#{SourceVariables.CommitId} #{SourceVariables.BranchName} #{SourceVariables.AuthorDate} #{SourceVariables.CommitMessage}"}]`
	d := declare(stageOf("Deploy", ship))
	a := &d.Stages[0].Actions[0]
	a.ActionTypeId.Provider = aws.String("CodeStarSourceConnection")
	a.Configuration = map[string]string{"ConnectionArn": "arn:connection", "FullRepositoryId": "some/app", "BranchName": "trunk", "DetectChanges": "false", "OutputArtifactFormat": format}
	return d
}

func unzip(t *testing.T, r *rig, a codebuild.ArtifactLocation) map[string]string {
	t.Helper()
	body, err := r.objects.get(a.Bucket, a.Key)
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range archive.File {
		c, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(c)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(content)
	}
	return files
}

func TestConnectionSource(t *testing.T) {
	t.Parallel()
	url, first, second := repository(t)
	r := newRig(t)
	r.sources["some/app"] = url
	r.create(connected("CODE_ZIP"))

	id := r.begin()
	request := r.builds.end("Ship", true, nil)
	e := r.wants(id, types.PipelineExecutionStatusSucceeded)
	if got := *e.ArtifactRevisions[0].RevisionId; got != second {
		t.Errorf("the revision is %s, want the tip %s", got, second)
	}
	if request.SourceVersion != second {
		t.Errorf("the build's source version is %s, want %s", request.SourceVersion, second)
	}
	if got, want := *request.Start.EnvironmentVariablesOverride[0].Value, second+" trunk 2030-01-01T10:00:00Z Two\n\nwith \"quotes\""; got != want {
		t.Errorf("variables are %q, want %q", got, want)
	}
	if files := unzip(t, r, request.Inputs[0]); len(files) != 1 || files["main.go"] != "package two" {
		t.Errorf("the artifact holds %v", files)
	}
	if !strings.HasPrefix(request.Inputs[0].Key, "app/Source/") || request.Inputs[0].Bucket != "artifacts" {
		t.Errorf("the artifact is at %+v", request.Inputs[0])
	}

	out := must[*awscodepipeline.StartPipelineExecutionOutput](t)(r.StartPipelineExecution(r.ctx, &awscodepipeline.StartPipelineExecutionInput{
		Name:            aws.String("app"),
		SourceRevisions: []types.SourceRevisionOverride{{ActionName: aws.String("Source"), RevisionType: types.SourceRevisionTypeCommitId, RevisionValue: aws.String(first)}},
	}))
	request = r.builds.end("Ship", true, nil)
	r.wants(*out.PipelineExecutionId, types.PipelineExecutionStatusSucceeded)
	if files := unzip(t, r, request.Inputs[0]); files["main.go"] != "package one" {
		t.Errorf("the artifact of the first commit holds %v", files)
	}
}

func TestCloneReference(t *testing.T) {
	t.Parallel()
	url, _, second := repository(t)
	r := newRig(t)
	r.sources["some/app"] = url
	r.create(connected("CODEBUILD_CLONE_REF"))
	id := r.begin()
	files := unzip(t, r, r.builds.end("Ship", true, nil).Inputs[0])
	r.wants(id, types.PipelineExecutionStatusSucceeded)
	var got map[string]string
	if err := json.Unmarshal([]byte(files["codebuild-clone-ref.json"]), &got); err != nil || len(files) != 1 {
		t.Fatalf("the artifact holds %v: %v", files, err)
	}
	for key, want := range map[string]string{"connectionArn": "arn:connection", "fullRepositoryId": "some/app", "branchName": "trunk", "commitId": second, "cloneUrl": url} {
		if got[key] != want {
			t.Errorf("%s is %q, want %q", key, got[key], want)
		}
	}
}

func TestSourceErrorsNameWhatIsMissing(t *testing.T) {
	t.Parallel()
	url, _, _ := repository(t)
	missing := strings.Repeat("ab", 20)
	for name, c := range map[string]struct {
		branch, commit, url, want string
	}{
		"branch":     {"gone", "", url, "repository some/app, branch gone"},
		"commit":     {"trunk", missing, url, "repository some/app, branch trunk, commit " + missing},
		"repository": {"trunk", "", "file:///nowhere", "repository some/app, branch trunk"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.sources["some/app"] = c.url
			d := connected("CODE_ZIP")
			d.Stages[0].Actions[0].Configuration["BranchName"] = c.branch
			r.create(d)
			in := &awscodepipeline.StartPipelineExecutionInput{Name: aws.String("app")}
			if c.commit != "" {
				in.SourceRevisions = []types.SourceRevisionOverride{{ActionName: aws.String("Source"), RevisionType: types.SourceRevisionTypeCommitId, RevisionValue: aws.String(c.commit)}}
			}
			id := *must[*awscodepipeline.StartPipelineExecutionOutput](t)(r.StartPipelineExecution(r.ctx, in)).PipelineExecutionId
			r.wants(id, types.PipelineExecutionStatusFailed)
			if got := *r.actions(id)["Source"].Output.ExecutionResult.ErrorDetails.Message; !strings.Contains(got, c.want) {
				t.Errorf("message is %q, want %q in it", got, c.want)
			}
		})
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.create(declare(stageOf("Deploy", builder("Ship", 1))))
	id := r.begin()
	r.builds.end("Ship", false, nil)
	r.wants(id, types.PipelineExecutionStatusFailed)
	// Close delivers the remaining events.
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, in := range r.bus.got {
		entry := in.Entries[0]
		var detail struct {
			Pipeline    string
			ExecutionID string `json:"execution-id"`
			Stage       string
			Action      string
			State       string
			StartTime   time.Time `json:"start-time"`
			Type        struct{ Owner, Provider, Category, Version string }
			Result      map[string]string `json:"execution-result"`
		}
		if err := json.Unmarshal([]byte(*entry.Detail), &detail); err != nil {
			t.Fatal(err)
		}
		if *entry.Source != "aws.codepipeline" || entry.Resources[0] != "arn:aws:codepipeline:us-east-1:000000000000:app" || detail.ExecutionID != id || detail.Pipeline != "app" {
			t.Errorf("event is %+v %+v", entry, detail)
		}
		if detail.Action == "Ship" && detail.State == "FAILED" && (detail.Result["error-code"] != "JobFailed" || detail.Type.Provider != "CodeBuild" || detail.Result["external-execution-id"] != "Ship:1") {
			t.Errorf("the failed action's event is %+v", detail)
		}
		kind := strings.Fields(*entry.DetailType)[1]
		got = append(got, strings.TrimSpace(kind+" "+strings.TrimSpace(detail.Stage+" "+detail.Action))+" "+detail.State)
	}
	want := []string{
		"Pipeline STARTED", "Stage Source STARTED", "Action Source Source STARTED", "Action Source Source SUCCEEDED", "Stage Source SUCCEEDED",
		"Stage Deploy STARTED", "Action Deploy Ship STARTED", "Action Deploy Ship FAILED", "Stage Deploy FAILED", "Pipeline FAILED",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("events are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.builds.script = func(codebuild.PipelineBuild) bool { return true }
	r.create(declare(stageOf("Deploy", builder("Ship", 1))))
	var ids []string
	for range 3 {
		id := r.begin()
		r.wants(id, types.PipelineExecutionStatusSucceeded)
		ids = append([]string{id}, ids...)
	}
	var got []string
	in := &awscodepipeline.ListPipelineExecutionsInput{
		PipelineName: aws.String("app"), MaxResults: aws.Int32(2),
		Filter: &types.PipelineExecutionFilter{SucceededInStage: &types.SucceededInStageFilter{StageName: aws.String("Deploy")}},
	}
	for {
		out := must[*awscodepipeline.ListPipelineExecutionsOutput](t)(r.ListPipelineExecutions(r.ctx, in))
		for _, e := range out.PipelineExecutionSummaries {
			got = append(got, *e.PipelineExecutionId)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	if strings.Join(got, " ") != strings.Join(ids, " ") {
		t.Errorf("executions are %v, want %v: newest first", got, ids)
	}
}
