package codepipeline

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodepipeline "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/magewright/magewright/tools/localaws/codebuild"
)

func approvalPipeline() *types.PipelineDeclaration {
	smoke := builder("Smoke", 1)
	smoke.Namespace = aws.String("Smoke")
	approve := approval("Approve", 1)
	approve.Configuration = map[string]string{
		"NotificationArn":    "arn:aws:sns:us-east-1:000000000000:releases",
		"ExternalEntityLink": "#{Smoke.URL}",
		"CustomData":         "Version #{SourceVariables.VersionId} answers",
	}
	return declare(stageOf("Staging", smoke), stageOf("Approval", approve), stageOf("Production", builder("Promote", 1)))
}

// pending starts an execution and returns its id and the token of its approval.
func (r *rig) pending() (id, token string) {
	r.t.Helper()
	id = r.begin()
	r.builds.end("Smoke", true, map[string]string{"URL": "https://staging.example/x"})
	r.clock.BlockUntil(1)
	state := r.state("Approval").ActionStates[0]
	if state.LatestExecution == nil || state.LatestExecution.Token == nil {
		r.t.Fatalf("there is no token in %+v", state)
	}
	if *state.EntityUrl != "https://staging.example/x" {
		r.t.Errorf("entity URL is %s", *state.EntityUrl)
	}
	return id, *state.LatestExecution.Token
}

func (r *rig) answer(token string, status types.ApprovalStatus) error {
	_, err := r.PutApprovalResult(r.ctx, &awscodepipeline.PutApprovalResultInput{
		PipelineName: aws.String("app"), StageName: aws.String("Approval"), ActionName: aws.String("Approve"), Token: aws.String(token),
		Result: &types.ApprovalResult{Status: status, Summary: aws.String("seen")},
	})
	return err
}

func TestApprove(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.create(approvalPipeline())
	id, token := r.pending()
	if !isA[*types.InvalidApprovalTokenException](r.answer("wrong", types.ApprovalStatusApproved)) {
		t.Error("a wrong token is accepted")
	}
	if err := r.answer(token, types.ApprovalStatusApproved); err != nil {
		t.Fatal(err)
	}
	if !isA[*types.ApprovalAlreadyCompletedException](r.answer(token, types.ApprovalStatusRejected)) {
		t.Error("a second answer is accepted")
	}
	r.builds.end("Promote", true, nil)
	r.wants(id, types.PipelineExecutionStatusSucceeded)
	x := r.state("Approval").ActionStates[0].LatestExecution
	if *x.Summary != "seen" || *x.LastUpdatedBy != deployer || x.Token != nil {
		t.Errorf("the approval is %+v", x)
	}

	in := <-r.topics.published
	if *in.Subject != "APPROVAL NEEDED: AWS CodePipeline app for action Approve" || *in.TopicArn != "arn:aws:sns:us-east-1:000000000000:releases" {
		t.Errorf("published %s to %s", *in.Subject, *in.TopicArn)
	}
	var message struct {
		Region   string
		Approval struct{ PipelineName, StageName, ActionName, Token, Expires, ExternalEntityLink, ApprovalReviewLink, CustomData string }
	}
	if err := json.Unmarshal([]byte(*in.Message), &message); err != nil {
		t.Fatal(err)
	}
	a := message.Approval
	if a.Token != token || a.Expires != "2030-01-09T03:04Z" || a.CustomData != "Version v1 answers" || a.ExternalEntityLink != "https://staging.example/x" ||
		!strings.HasSuffix(a.ApprovalReviewLink, "#/view/app/Approval/Approve/approve/"+token) {
		t.Errorf("the message is %+v", message)
	}
}

func TestReject(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.create(approvalPipeline())
	id, token := r.pending()
	if err := r.answer(token, types.ApprovalStatusRejected); err != nil {
		t.Fatal(err)
	}
	r.wants(id, types.PipelineExecutionStatusFailed)
	if got := *r.actions(id)["Approve"].Output.ExecutionResult.ErrorDetails.Message; got != "Rejected by "+deployer+": seen" {
		t.Errorf("message is %q", got)
	}
	if n := r.builds.count(); n != 1 {
		t.Errorf("%d builds ran: production was touched", n)
	}
}

func TestApprovalTimesOut(t *testing.T) {
	t.Parallel()
	for _, minutes := range []int32{0, 5} {
		r := newRig(t)
		d := approvalPipeline()
		timeout := 7 * 24 * time.Hour
		if minutes > 0 {
			d.Stages[2].Actions[0].TimeoutInMinutes = aws.Int32(minutes)
			timeout = time.Duration(minutes) * time.Minute
		}
		r.create(d)
		id, token := r.pending()
		r.clock.Advance(timeout - time.Second)
		if got := r.state("Approval").LatestExecution.Status; got != types.StageExecutionStatusInProgress {
			t.Errorf("the stage is %s before the timeout", got)
		}
		r.clock.Advance(time.Second)
		r.wants(id, types.PipelineExecutionStatusFailed)
		if !isA[*types.ApprovalAlreadyCompletedException](r.answer(token, types.ApprovalStatusApproved)) {
			t.Error("an expired approval can be answered")
		}
	}
}

// An update withdraws a pending approval, because the execution would not
// continue whatever the answer.
func TestUpdateWithdrawsApproval(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.create(approvalPipeline())
	id, token := r.pending()
	must[*awscodepipeline.UpdatePipelineOutput](t)(r.UpdatePipeline(r.ctx, &awscodepipeline.UpdatePipelineInput{Pipeline: approvalPipeline()}))
	r.wants(id, types.PipelineExecutionStatusCancelled)
	if !isA[*types.ApprovalAlreadyCompletedException](r.answer(token, types.ApprovalStatusApproved)) {
		t.Error("a withdrawn approval can be answered")
	}
}

func TestUnresolvedVariableFailsTheAction(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	// The build exports nothing.
	r.builds.script = func(codebuild.PipelineBuild) bool { return true }
	r.create(approvalPipeline())
	id := r.begin()
	r.wants(id, types.PipelineExecutionStatusFailed)
	got := r.actions(id)["Approve"].Output.ExecutionResult.ErrorDetails
	if *got.Code != "ConfigurationError" || !strings.Contains(*got.Message, "could not be resolved: #{Smoke.URL} (in ExternalEntityLink)") {
		t.Errorf("error is %s: %s", *got.Code, *got.Message)
	}
}

func TestPipelineVariablesReachTheBuild(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ship := builder("Ship", 1)
	ship.Configuration["EnvironmentVariables"] = `[{"name":"A","value":"#{variables.stage}-#{variables.size}"},{"name":"B","value":"id","type":"PARAMETER_STORE"}]`
	d := declare(stageOf("Deploy", ship))
	d.Variables = []types.PipelineVariableDeclaration{{Name: aws.String("stage")}, {Name: aws.String("size"), DefaultValue: aws.String("small")}}
	r.create(d)
	start := func(v ...types.PipelineVariable) (*awscodepipeline.StartPipelineExecutionOutput, error) {
		return r.StartPipelineExecution(r.ctx, &awscodepipeline.StartPipelineExecutionInput{Name: aws.String("app"), Variables: v, ClientRequestToken: aws.String("one")})
	}
	if _, err := start(); err == nil {
		t.Error("a variable without a value is accepted")
	}
	if _, err := start(types.PipelineVariable{Name: aws.String("color"), Value: aws.String("red")}); err == nil {
		t.Error("an undeclared variable is accepted")
	}
	quoted := "say \"hello\"\nto all"
	out := must[*awscodepipeline.StartPipelineExecutionOutput](t)(start(types.PipelineVariable{Name: aws.String("stage"), Value: aws.String(quoted)}))
	env := r.builds.end("Ship", true, nil).Start.EnvironmentVariablesOverride
	if *env[0].Value != quoted+"-small" || env[0].Type != "PLAINTEXT" || env[1].Type != "PARAMETER_STORE" {
		t.Errorf("environment is %q %v", *env[0].Value, env)
	}
	e := r.wants(*out.PipelineExecutionId, types.PipelineExecutionStatusSucceeded)
	if len(e.Variables) != 2 || *e.Variables[1].ResolvedValue != "small" {
		t.Errorf("variables are %v", e.Variables)
	}
	again := must[*awscodepipeline.StartPipelineExecutionOutput](t)(start())
	if *again.PipelineExecutionId != *out.PipelineExecutionId {
		t.Error("the same ClientRequestToken started another execution")
	}
}
