package pipelinestatus

import (
	"bytes"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/localawstest"
	"github.com/magewright/magewright/tools/project/exit"
)

const pipelineName = "magewright-pipeline"

// A rig is a pipeline in the embedded AWS: a source in S3, and two approvals. Its
// variable has no default, so that its creation does not start it.
type rig struct {
	t      *testing.T
	aws    aws.Config
	client *codepipeline.Client
	s3     *s3.Client
	role   *string
}

func newRig(t *testing.T) rig {
	t.Helper()
	cfg := localawstest.Start(t)
	return rig{t, cfg, codepipeline.NewFromConfig(cfg), s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }), localawstest.Role(t, cfg, "pipeline", "codepipeline.amazonaws.com")}
}

func (r rig) create() {
	r.t.Helper()
	for _, bucket := range []string{"source", "artifacts"} {
		if _, err := r.s3.CreateBucket(r.t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
			r.t.Fatal(err)
		}
	}
	versioned := &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled}
	if _, err := r.s3.PutBucketVersioning(r.t.Context(), &s3.PutBucketVersioningInput{Bucket: aws.String("source"), VersioningConfiguration: versioned}); err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.s3.PutObject(r.t.Context(), &s3.PutObjectInput{Bucket: aws.String("source"), Key: aws.String("app.zip"), Body: strings.NewReader("PK")}); err != nil {
		r.t.Fatal(err)
	}
	kind := func(category types.ActionCategory, provider string) *types.ActionTypeId {
		return &types.ActionTypeId{Category: category, Owner: types.ActionOwnerAws, Provider: &provider, Version: aws.String("1")}
	}
	stage := func(name string, action types.ActionDeclaration) types.StageDeclaration {
		return types.StageDeclaration{Name: &name, Actions: []types.ActionDeclaration{action}}
	}
	_, err := r.client.CreatePipeline(r.t.Context(), &codepipeline.CreatePipelineInput{Pipeline: &types.PipelineDeclaration{
		Name: aws.String(pipelineName), RoleArn: r.role, PipelineType: types.PipelineTypeV2,
		ArtifactStore: &types.ArtifactStore{Type: types.ArtifactStoreTypeS3, Location: aws.String("artifacts")},
		Variables:     []types.PipelineVariableDeclaration{{Name: aws.String("reason")}},
		Stages: []types.StageDeclaration{
			stage("Source", types.ActionDeclaration{
				Name: aws.String("Source"), ActionTypeId: kind(types.ActionCategorySource, "S3"), OutputArtifacts: []types.OutputArtifact{{Name: aws.String("Source")}},
				Configuration: map[string]string{"S3Bucket": "source", "S3ObjectKey": "app.zip", "PollForSourceChanges": "false"},
			}),
			stage("Approval", types.ActionDeclaration{
				Name: aws.String("Approve"), ActionTypeId: kind(types.ActionCategoryApproval, "Manual"),
				Configuration: map[string]string{"ExternalEntityLink": "https://ledger.example/releases/1", "CustomData": "GO\n2 \x1b[1Awaived"},
			}),
			stage("Production", types.ActionDeclaration{Name: aws.String("Go"), ActionTypeId: kind(types.ActionCategoryApproval, "Manual")}),
		},
	}})
	if err != nil {
		r.t.Fatal(err)
	}
}

// shown returns what is shown once it has a text. The embedded AWS works on
// meanwhile, and the first answers that a text is made of may be older than the
// last: what is returned is read anew.
func (r rig) shown(text string) string {
	r.t.Helper()
	var out bytes.Buffer
	found := false
	for range 10_000 { // far more than it takes
		out.Reset()
		if err := show(r.t.Context(), &out, r.aws, pipelineName, clock.System()); err != nil {
			r.t.Fatalf("waiting for %q: %v\n%s", text, err, &out)
		}
		if found {
			return out.String()
		}
		found = strings.Contains(out.String(), text)
		runtime.Gosched()
	}
	r.t.Fatalf("%q was never shown:\n%s", text, &out)
	return ""
}

var token = regexp.MustCompile(`--stage-name (\S+) --action-name (\S+) --token (\S+) --result`)

// answer answers the approval whose command is shown.
func (r rig) answer(shown string, status types.ApprovalStatus) {
	r.t.Helper()
	m := token.FindStringSubmatch(shown)
	if m == nil {
		r.t.Fatalf("no answer is shown:\n%s", shown)
	}
	_, err := r.client.PutApprovalResult(r.t.Context(), &codepipeline.PutApprovalResultInput{
		PipelineName: aws.String(pipelineName), StageName: &m[1], ActionName: &m[2], Token: &m[3],
		Result: &types.ApprovalResult{Status: status, Summary: aws.String("read the page")},
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// has holds that what is shown has a line which matches each pattern.
func has(t *testing.T, shown string, patterns ...string) {
	t.Helper()
	for _, pattern := range patterns {
		if !regexp.MustCompile("(?m)" + pattern).MatchString(shown) {
			t.Errorf("no line is %s:\n%s", pattern, shown)
		}
	}
}

// TestShow walks through an execution, by the answers that are shown.
func TestShow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	err := show(t.Context(), &bytes.Buffer{}, r.aws, pipelineName, clock.System())
	if err == nil || exit.Status(err) != exit.Environment || !strings.Contains(err.Error(), "go tool mage synth pipeline:deploy") || !strings.Contains(err.Error(), "account 000000000000, region us-east-1, endpoint http://127.0.0.1:") {
		t.Fatalf("no pipeline gives %v", err)
	}
	r.create()
	has(t, r.shown("has never run"), `next: aws codepipeline start-pipeline-execution --name magewright-pipeline`)
	reason := []types.PipelineVariable{{Name: aws.String("reason"), Value: aws.String("a test")}}
	if _, err := r.client.StartPipelineExecution(t.Context(), &codepipeline.StartPipelineExecutionInput{Name: aws.String(pipelineName), Variables: reason}); err != nil {
		t.Fatal(err)
	}
	waiting := r.shown("Approval/Approve waits for")
	has(t, waiting,
		`^magewright-pipeline: execution \S+ is InProgress, began 20\d\d-`, `^commit \S+`,
		`^Source +Source +Succeeded +\d`, `^Approval +Approve +InProgress +\d.* https://ledger.example/releases/1$`, `^Production +Go +- *$`,
		`^  GO$`, `^  2 \[1Awaived$`, `^  https://ledger`, `^  to approve: aws codepipeline put-approval-result --pipeline-name magewright-pipeline --stage-name Approval`)
	r.answer(waiting, types.ApprovalStatusApproved)

	next := r.shown("Production/Go waits for")
	has(t, next, `^Approval +Approve +Succeeded +\d.* approved by arn:aws:\S+: read the page  https://ledger`, `^Production +Go +InProgress`)
	if strings.Contains(next, "Approval/Approve waits") {
		t.Errorf("an approval that was answered still waits:\n%s", next)
	}
	r.answer(next, types.ApprovalStatusRejected)

	end := r.shown(" is Failed")
	has(t, end, `^Production +Go +Failed +\d.* Rejected by arn:aws:\S+: read the page`)
	if strings.Contains(end, "to approve") {
		t.Errorf("something waits in what has ended:\n%s", end)
	}
}

// TestFollow follows a commit that is delivered, and one that a person rejects.
func TestFollow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.create()
	// The clock runs fast only while a commit need not begin.
	quick := clock.NewElastic(5000)
	for _, last := range []types.ApprovalStatus{types.ApprovalStatusApproved, types.ApprovalStatusRejected} {
		put, err := r.s3.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("source"), Key: aws.String("app.zip"), Body: strings.NewReader("PK" + string(last))})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		done := make(chan error)
		go func() { done <- follow(t.Context(), &out, r.aws, pipelineName, *put.VersionId, quick) }()
		if _, err := r.client.StartPipelineExecution(t.Context(), &codepipeline.StartPipelineExecutionInput{
			Name: aws.String(pipelineName), Variables: []types.PipelineVariable{{Name: aws.String("reason"), Value: aws.String("a test")}},
		}); err != nil {
			t.Fatal(err)
		}
		waiting := r.shown("Approval/Approve waits for")
		release := quick.Accelerate()
		r.answer(waiting, types.ApprovalStatusApproved)
		r.answer(r.shown("Production/Go waits for"), last)
		err = <-done
		release()
		has(t, out.String(), `^Source/Source Succeeded after `, `^Approval/Approve Succeeded after .*approved by arn:`)
		if last == types.ApprovalStatusApproved {
			has(t, out.String(), `^commit \S+ is delivered$`)
		}
		if failed := exit.Status(err) == exit.Gate && strings.Contains(err.Error(), "is Failed\n  Production/Go Failed: Rejected by arn:"); failed != (last == types.ApprovalStatusRejected) || !failed && err != nil {
			t.Errorf("%s: %v\n%s", last, err, &out)
		}
	}
	// A stage returns to the commit that was rejected: that delivers nothing.
	listed, err := r.client.ListPipelineExecutions(t.Context(), &codepipeline.ListPipelineExecutionsInput{PipelineName: aws.String(pipelineName)})
	if err != nil {
		t.Fatal(err)
	}
	rejected := listed.PipelineExecutionSummaries[0]
	if _, err := r.client.RollbackStage(t.Context(), &codepipeline.RollbackStageInput{
		PipelineName: aws.String(pipelineName), StageName: aws.String("Approval"), TargetPipelineExecutionId: rejected.PipelineExecutionId,
	}); err != nil {
		t.Fatal(err)
	}
	r.answer(r.shown("Approval/Approve waits for"), types.ApprovalStatusApproved)
	has(t, r.shown(" is Succeeded"), `: rollback, execution \S+ is Succeeded`)
	if err := follow(t.Context(), &bytes.Buffer{}, r.aws, pipelineName, *rejected.SourceRevisions[0].RevisionId, quick); exit.Status(err) != exit.Gate {
		t.Errorf("a rollback of one stage is taken for a delivery: %v", err)
	}
	defer quick.Accelerate()()
	var out bytes.Buffer
	if err := follow(t.Context(), &out, r.aws, pipelineName, "none", quick); exit.Status(err) != exit.Gate || !strings.Contains(err.Error(), "has not begun with commit none within 10m0s") {
		t.Errorf("a commit that nobody pushed: %v", err)
	}
}

func TestLasted(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		status types.ActionExecutionStatus
		took   time.Duration
		want   string
	}{
		{types.ActionExecutionStatusSucceeded, 1234 * time.Millisecond, "1.2s"},
		{types.ActionExecutionStatusFailed, 90*time.Second + 400*time.Millisecond, "1m30s"},
		{types.ActionExecutionStatusInProgress, time.Second, "1h0m0s"},
		{types.ActionExecutionStatusSucceeded, -time.Second, "0s"}, // clocks differ
	} {
		a := types.ActionExecutionDetail{Status: tt.status, StartTime: &began, LastUpdateTime: aws.Time(began.Add(tt.took))}
		if got := lasted(a, began.Add(time.Hour)); got != tt.want {
			t.Errorf("%s after %s lasted %s, want %s", tt.status, tt.took, got, tt.want)
		}
	}
	if got := lasted(types.ActionExecutionDetail{}, began); got != "" {
		t.Errorf("what has not begun lasted %q", got)
	}
}

func TestSubject(t *testing.T) {
	t.Parallel()
	for summary, want := range map[string]string{
		`{"ProviderType":"GitHub","CommitMessage":"Add a ledger\n\nIt keeps."}`: "Add a ledger",
		"Amazon S3 version id: abc": "Amazon S3 version id: abc",
		"Add\x1b[2K\r a ledger":     "Add[2K  a ledger",
		"":                          "",
	} {
		if got := subject(summary); got != want {
			t.Errorf("%q is %q, want %q", summary, got, want)
		}
	}
}
