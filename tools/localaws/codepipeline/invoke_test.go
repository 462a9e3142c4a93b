package codepipeline

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodepipeline "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
)

func invoker(name string, order int32, parameters string) types.ActionDeclaration {
	a := types.ActionDeclaration{
		Name: aws.String(name), RunOrder: aws.Int32(order), Namespace: aws.String("Of" + name), Configuration: map[string]string{"FunctionName": "fn-" + name},
		ActionTypeId: &types.ActionTypeId{Category: types.ActionCategoryInvoke, Owner: types.ActionOwnerAws, Provider: aws.String("Lambda"), Version: aws.String("1")},
	}
	if parameters != "" {
		a.Configuration["UserParameters"] = parameters
	}
	return a
}

func (r *rig) succeed(in *awscodepipeline.PutJobSuccessResultInput) {
	r.t.Helper()
	must[*awscodepipeline.PutJobSuccessResultOutput](r.t)(r.PutJobSuccessResult(r.ctx, in))
}

// A function gets what the action says, with credentials for its artifacts only, and
// its variables reach later actions.
func TestInvoke(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	who := &roles{}
	r.deps.Roles = who
	check := invoker("Check", 1, `{"commit": "#{SourceVariables.VersionId}"}`)
	check.InputArtifacts = []types.InputArtifact{{Name: aws.String("Source")}}
	check.OutputArtifacts = []types.OutputArtifact{{Name: aws.String("Report")}}
	check.RoleArn = aws.String("arn:own")
	tell := invoker("Tell", 2, "#{OfCheck.verdict}")
	d := declare(stageOf("Invoke", check, tell))
	d.ArtifactStore.EncryptionKey = &types.EncryptionKey{Id: aws.String("alias/artifacts"), Type: types.EncryptionKeyTypeKms}
	r.create(d)
	id := r.begin()
	e := <-r.functions.events
	data := e.Job.Data
	in, out := data.InputArtifacts[0], data.OutputArtifacts[0]
	if e.function != "fn-Check" || e.Job.AccountID != "000000000000" || data.ActionConfiguration.Configuration["UserParameters"] != `{"commit": "v1"}` ||
		in.Name != "Source" || *in.Revision != "v1" || in.Location.Type != "S3" || in.Location.S3Location.BucketName != "artifacts" ||
		out.Name != "Report" || out.Revision != nil || data.EncryptionKey.ID != "alias/artifacts" || data.EncryptionKey.Type != "KMS" ||
		data.ArtifactCredentials.SessionToken != "token" || data.ArtifactCredentials.ExpirationTime != 1893553445000 || data.ContinuationToken != "" {
		t.Errorf("the event is %+v", e)
	}
	lent := who.all()[slices.IndexFunc(who.all(), func(s string) bool { return strings.Contains(s, " lends ") })]
	if !strings.HasPrefix(lent, "as arn:aws:iam::000000000000:role/pipeline lends arn:own ") ||
		!strings.Contains(lent, `"s3:GetObjectVersion"],"Effect":"Allow","Resource":["arn:aws:s3:::artifacts/`+in.Location.S3Location.ObjectKey+`"]`) ||
		!strings.Contains(lent, `"s3:AbortMultipartUpload"],"Effect":"Allow","Resource":["arn:aws:s3:::artifacts/`+out.Location.S3Location.ObjectKey+`"]`) {
		t.Errorf("the credentials are %s", lent)
	}
	details := must[*awscodepipeline.GetJobDetailsOutput](t)(r.GetJobDetails(r.ctx, &awscodepipeline.GetJobDetailsInput{JobId: &e.Job.ID})).JobDetails
	if c := details.Data.PipelineContext; *c.PipelineExecutionId != id || *c.Stage.Name != "Invoke" || *c.Action.Name != "Check" || *c.PipelineArn != "arn:aws:codepipeline:us-east-1:000000000000:app" ||
		*details.Data.ArtifactCredentials.AccessKeyId != "ASIA" || *details.Data.InputArtifacts[0].Revision != "v1" {
		t.Errorf("the job is %+v", details.Data)
	}
	r.succeed(&awscodepipeline.PutJobSuccessResultInput{
		JobId: &e.Job.ID, OutputVariables: map[string]string{"verdict": "fine"},
		ExecutionDetails: &types.ExecutionDetails{Summary: aws.String("checked"), ExternalExecutionId: aws.String("x-1"), PercentComplete: aws.Int32(100)},
		CurrentRevision:  &types.CurrentRevision{Revision: aws.String("r7"), ChangeIdentifier: aws.String("c7")},
	})
	e = <-r.functions.events
	if got := e.Job.Data.ActionConfiguration.Configuration["UserParameters"]; got != "fine" || len(e.Job.Data.InputArtifacts) > 0 {
		t.Errorf("the second function got %q", got)
	}
	r.succeed(&awscodepipeline.PutJobSuccessResultInput{JobId: &e.Job.ID})
	r.wants(id, types.PipelineExecutionStatusSucceeded)
	state := r.state("Invoke").ActionStates[0]
	if x := state.LatestExecution; *x.Summary != "checked" || *x.ExternalExecutionId != "x-1" || *x.PercentComplete != 100 || *state.CurrentRevision.RevisionId != "r7" {
		t.Errorf("the state is %+v, %+v", x, state.CurrentRevision)
	}
	if got := r.actions(id)["Check"].Output.OutputVariables["verdict"]; got != "fine" {
		t.Errorf("the variable is %q", got)
	}
}

// How an action fails whose function reports a failure or can't be invoked.
func TestInvokeFails(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		refuse        error
		report        types.FailureDetails
		code, message string
	}{
		"the function": {report: types.FailureDetails{Type: "JobFailed", Message: aws.String("no good"), ExternalExecutionId: aws.String("x")}, code: "JobFailed", message: "no good"},
		"its settings": {report: types.FailureDetails{Type: "ConfigurationError", Message: aws.String("what?")}, code: "ConfigurationError", message: "what?"},
		"the role": {
			refuse: &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "User: x is not authorized to perform: lambda:InvokeFunction"},
			code:   "PermissionError", message: "The provided role does not have sufficient permissions: Invoking the AWS Lambda function fn-Check: api error AccessDeniedException: User: x is not authorized to perform: lambda:InvokeFunction",
		},
		"no function": {
			refuse: &lambdatypes.ResourceNotFoundException{Message: aws.String("Function not found: fn")},
			code:   "ConfigurationError", message: "Invoking the AWS Lambda function fn-Check: ResourceNotFoundException: Function not found: fn",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.functions.refuse = test.refuse
			r.create(declare(stageOf("Invoke", invoker("Check", 1, ""))))
			id := r.begin()
			if test.refuse == nil {
				e := <-r.functions.events
				must[*awscodepipeline.PutJobFailureResultOutput](t)(r.PutJobFailureResult(r.ctx, &awscodepipeline.PutJobFailureResultInput{JobId: &e.Job.ID, FailureDetails: &test.report}))
			}
			r.wants(id, types.PipelineExecutionStatusFailed)
			got := r.actions(id)["Check"].Output.ExecutionResult
			if *got.ErrorDetails.Code != test.code || *got.ErrorDetails.Message != test.message || aws.ToString(got.ExternalExecutionId) != aws.ToString(test.report.ExternalExecutionId) {
				t.Errorf("the action ended with %s: %s (%s)", *got.ErrorDetails.Code, *got.ErrorDetails.Message, aws.ToString(got.ExternalExecutionId))
			}
		})
	}
}

// A function that says that it wants to continue is invoked again with its token, as
// another job, for up to a day.
func TestInvokeContinues(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.create(declare(stageOf("Invoke", invoker("Check", 1, ""))))
	id := r.begin()
	e := <-r.functions.events
	first := e.Job.ID
	r.succeed(&awscodepipeline.PutJobSuccessResultInput{
		JobId: &first, ContinuationToken: aws.String("half"), ExecutionDetails: &types.ExecutionDetails{PercentComplete: aws.Int32(50)},
	})
	r.until(func() bool {
		a := r.pipelines["app"].stage("Invoke").actions["Check"]
		return a.result.percent != nil && *a.result.percent == 50
	})
	select {
	case e = <-r.functions.events:
		t.Fatalf("it was invoked again at once: %+v", e)
	default:
	}
	r.clock.Advance(continueAfter)
	if e = <-r.functions.events; e.Job.ID == first || e.Job.Data.ContinuationToken != "half" {
		t.Errorf("it was invoked again with %+v", e.Job)
	}
	r.succeed(&awscodepipeline.PutJobSuccessResultInput{JobId: &e.Job.ID, OutputVariables: map[string]string{"a": "b"}})
	r.wants(id, types.PipelineExecutionStatusSucceeded)

	id = r.begin()
	begun := r.clock.Now()
	left := func() time.Duration { return invokeTimeout - r.clock.Now().Sub(begun) }
	for left() >= answerTimeout {
		e = <-r.functions.events
		r.clock.Advance(answerTimeout - time.Minute)
		r.succeed(&awscodepipeline.PutJobSuccessResultInput{JobId: &e.Job.ID, ContinuationToken: aws.String("more")})
		r.clock.Advance(continueAfter)
	}
	<-r.functions.events
	r.clock.Advance(left())
	r.wants(id, types.PipelineExecutionStatusFailed)
	if d := r.actions(id)["Check"].Output.ExecutionResult.ErrorDetails; *d.Code != "TimedOut" {
		t.Errorf("after a day, the action ended with %+v", d)
	}
}

// A function that reports nothing for 20 minutes, or whose action is abandoned, can't
// report any more.
func TestInvokeTimesOut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.create(declare(stageOf("Invoke", invoker("Check", 1, ""))))
	id := r.begin()
	e := <-r.functions.events
	r.clock.Advance(answerTimeout)
	r.wants(id, types.PipelineExecutionStatusFailed)
	const text = "The AWS Lambda function fn-Check failed to return a result. Check the function to verify that it has permission to call the PutJobSuccessResult action and that it made a call to PutJobSuccessResult."
	if d := r.actions(id)["Check"].Output.ExecutionResult.ErrorDetails; *d.Code != "TimedOut" || *d.Message != text {
		t.Errorf("the action ended with %+v", d)
	}
	late := func(job string) {
		t.Helper()
		if _, err := r.PutJobSuccessResult(r.ctx, &awscodepipeline.PutJobSuccessResultInput{JobId: &job}); !isA[*types.InvalidJobStateException](err) {
			t.Errorf("a late result: %v", err)
		}
	}
	late(e.Job.ID)
	id = r.begin()
	e = <-r.functions.events
	must[*awscodepipeline.StopPipelineExecutionOutput](t)(r.StopPipelineExecution(r.ctx, &awscodepipeline.StopPipelineExecutionInput{PipelineName: aws.String("app"), PipelineExecutionId: &id, Abandon: true}))
	r.wants(id, types.PipelineExecutionStatusStopped)
	r.until(func() bool { return r.jobs[e.Job.ID].ended })
	late(e.Job.ID)
}

// What a function may not report.
func TestJobResults(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.create(declare(stageOf("Invoke", invoker("Check", 1, ""))))
	r.begin()
	job := aws.String((<-r.functions.events).Job.ID)
	success := func(in awscodepipeline.PutJobSuccessResultInput) error {
		_, err := r.PutJobSuccessResult(r.ctx, &in)
		return err
	}
	failing := func(in awscodepipeline.PutJobFailureResultInput) error {
		_, err := r.PutJobFailureResult(r.ctx, &in)
		return err
	}
	_, unknown := r.GetJobDetails(r.ctx, &awscodepipeline.GetJobDetailsInput{JobId: aws.String("other")})
	for _, test := range []struct {
		err  error
		want string
	}{
		{unknown, "JobNotFoundException: The job other does not exist"},
		{success(awscodepipeline.PutJobSuccessResultInput{JobId: aws.String("other")}), "JobNotFoundException: The job other does not exist"},
		{failing(awscodepipeline.PutJobFailureResultInput{JobId: job}), "ValidationException: 1 validation error detected: Value at 'failureDetails'"},
		{failing(awscodepipeline.PutJobFailureResultInput{JobId: job, FailureDetails: &types.FailureDetails{Type: "Tired"}}), "Value 'Tired' at 'failureDetails.type' failed to satisfy constraint: Member must satisfy enum value set: [JobFailed, ConfigurationError, PermissionError, RevisionOutOfSync, RevisionUnavailable, SystemUnavailable]"},
		{
			success(awscodepipeline.PutJobSuccessResultInput{JobId: job, ContinuationToken: aws.String("t"), OutputVariables: map[string]string{"a": "b"}}),
			"outputVariables can be included only when there is no continuation token on the request",
		},
		{
			success(awscodepipeline.PutJobSuccessResultInput{JobId: job, OutputVariables: map[string]string{"a": strings.Repeat("b", maxOutputVariables)}}),
			"OutputVariablesSizeExceededException: The output variables have 122881 bytes, which exceeds the limit of 122880 bytes",
		},
		{success(awscodepipeline.PutJobSuccessResultInput{JobId: job}), ""},
		{success(awscodepipeline.PutJobSuccessResultInput{JobId: job}), "InvalidJobStateException: The job"},
	} {
		if test.want == "" && test.err != nil || test.want != "" && (test.err == nil || !strings.Contains(test.err.Error(), test.want)) {
			t.Errorf("%v, want %q", test.err, test.want)
		}
	}
}
