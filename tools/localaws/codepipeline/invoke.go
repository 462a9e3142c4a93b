package codepipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodepipeline "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/internal/clock"
)

// Limits of an invoke action.
// See https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html.
const (
	answerTimeout      = 20 * time.Minute // for each answer of the function
	invokeTimeout      = 24 * time.Hour   // for the action
	maxUserParameters  = 1000             // characters
	maxOutputVariables = 122_880          // bytes
)

// continueAfter is how long a function that wants to continue waits until it is
// invoked again. AWS does not document it.
const continueAfter = 30 * time.Second

// An invocation is one call of a function. AWS calls it a job.
type invocation struct {
	details *types.JobDetails
	expires time.Time // when the artifact credentials do
	ended   bool
	answer  chan answer // takes one
}

// An answer is what a function reports: a success, or a failure.
type answer struct {
	success *awscodepipeline.PutJobSuccessResultInput
	failure *types.FailureDetails
	// again fires when a function that wants to continue is due.
	again clock.Timer
}

func checkInvoke(a *types.ActionDeclaration) error {
	if n := len([]rune(a.Configuration["UserParameters"])); n > maxUserParameters {
		return invalidAction("UserParameters of action '%s' has %d characters. It can have up to %d", aws.ToString(a.Name), n, maxUserParameters)
	}
	return nil
}

// invoke runs a Lambda action. It calls the function until that reports an end.
// See https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-Lambda.html.
func (s *Service) invoke(ctx context.Context, j *job) outcome {
	if s.deps.Functions == nil {
		return failure(codeConfiguration, "There is no Lambda")
	}
	limit := s.account.Clock.NewTimer(invokeTimeout)
	defer limit.Stop()
	var token *string
	for {
		a, ended := s.call(ctx, j, token, limit)
		switch {
		case ended != nil:
			return *ended
		case a.failure != nil:
			result := failure(string(a.failure.Type), "%s", aws.ToString(a.failure.Message))
			result.externalID = aws.ToString(a.failure.ExternalExecutionId)
			return result
		case a.again == nil:
			return a.outcome()
		}
		j.report(a.outcome())
		token = a.success.ContinuationToken
		if ended := s.pause(ctx, j, a.again, limit); ended != nil {
			return *ended
		}
	}
}

// pause waits until a function is due again. Meanwhile, the clock may run faster.
func (s *Service) pause(ctx context.Context, j *job, again, limit clock.Timer) *outcome {
	defer s.account.Clock.Accelerate()()
	defer again.Stop()
	var result outcome
	select {
	case <-again.C():
		return nil
	case <-ctx.Done():
		result = interrupted(ctx, j)
	case <-limit.C():
		result = unanswered(j)
	}
	return &result
}

// outcome returns what a function reports of its success.
func (a answer) outcome() outcome {
	result := outcome{variables: a.success.OutputVariables}
	if d := a.success.ExecutionDetails; d != nil {
		result.summary, result.externalID, result.percent = aws.ToString(d.Summary), aws.ToString(d.ExternalExecutionId), d.PercentComplete
	}
	if r := a.success.CurrentRevision; r != nil {
		result.current = &types.ActionRevision{RevisionId: r.Revision, RevisionChangeId: r.ChangeIdentifier, Created: r.Created}
	}
	return result
}

func interrupted(ctx context.Context, j *job) outcome {
	return failure(codeJobFailed, "Waiting for the AWS Lambda function %s was interrupted: %v", j.configuration["FunctionName"], context.Cause(ctx))
}

// unanswered is the outcome of an action whose function has reported nothing.
func unanswered(j *job) outcome {
	return failure(codeTimedOut, "The AWS Lambda function %s failed to return a result. Check the function to verify that it has permission to call the PutJobSuccessResult action and that it made a call to PutJobSuccessResult.",
		j.configuration["FunctionName"])
}

// call invokes the function once and waits for its answer. Without one, it
// returns the outcome of the action.
func (s *Service) call(ctx context.Context, j *job, token *string, limit clock.Timer) (answer, *outcome) {
	end := func(o outcome) (answer, *outcome) { return answer{}, &o }
	name := j.configuration["FunctionName"]
	i, err := s.offer(j, token)
	if err != nil {
		return end(failure(codePermission, "The provided role does not have sufficient permissions: %v", err))
	}
	id := aws.ToString(i.details.Id)
	s.mu.Lock()
	s.jobs[id] = i
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		i.ended = true
		s.changed.Broadcast()
		s.mu.Unlock()
	}()
	payload, err := json.Marshal(map[string]any{"CodePipeline.job": i.document()})
	if err != nil {
		return end(failure(codeJobFailed, "Describing the job %s: %v", id, err))
	}
	wait := s.account.Clock.NewTimer(answerTimeout)
	defer wait.Stop()
	if _, err := s.deps.Functions.Invoke(ctx, &awslambda.InvokeInput{
		FunctionName: &name, InvocationType: lambdatypes.InvocationTypeEvent, Payload: payload,
	}); err != nil {
		return end(refusal("Invoking the AWS Lambda function "+name, err))
	}
	select {
	case <-ctx.Done():
		return end(interrupted(ctx, j))
	case <-wait.C():
		return end(unanswered(j))
	case <-limit.C():
		return end(unanswered(j))
	case a := <-i.answer:
		return a, nil
	}
}

// offer makes the job that a function is invoked for. Its credentials can do
// nothing but read the input artifacts and write the output artifacts.
func (s *Service) offer(j *job, token *string) (*invocation, error) {
	data := &types.JobData{
		ActionConfiguration: &types.ActionConfiguration{Configuration: j.configuration}, ActionTypeId: j.typeID, ContinuationToken: token,
		InputArtifacts: offered(j.inputs), OutputArtifacts: offered(j.outputs), EncryptionKey: j.store.EncryptionKey,
		PipelineContext: &types.PipelineContext{
			PipelineName: &j.pipeline, PipelineArn: aws.String(s.arn(j.pipeline)), PipelineExecutionId: &j.execution,
			Stage: &types.StageContext{Name: &j.stage}, Action: &types.ActionContext{Name: &j.action, ActionExecutionId: &j.id},
		},
	}
	i := &invocation{details: &types.JobDetails{Id: aws.String(uuid.NewString()), AccountId: &s.account.ID, Data: data}, answer: make(chan answer, 1)}
	if j.assume == nil {
		return i, nil
	}
	policy, err := json.Marshal(artifactPolicy(j.inputs, j.outputs))
	if err != nil {
		return nil, err
	}
	out, err := j.assume(j.execution, aws.String(string(policy)))
	if err != nil {
		return nil, err
	}
	c := out.Credentials
	data.ArtifactCredentials = &types.AWSSessionCredentials{AccessKeyId: c.AccessKeyId, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken}
	i.expires = aws.ToTime(c.Expiration)
	return i, nil
}

// artifactPolicy returns the session policy of credentials for artifacts. What the
// role may do with keys stays allowed, because artifacts may be encrypted.
func artifactPolicy(inputs, outputs []artifact) map[string]any {
	statements := []any{map[string]any{
		"Effect": "Allow", "Action": []string{"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"}, "Resource": "*",
	}}
	allow := func(artifacts []artifact, actions ...string) {
		var objects []string
		for _, a := range artifacts {
			objects = append(objects, "arn:aws:s3:::"+a.bucket+"/"+a.key)
		}
		if len(objects) > 0 {
			statements = append(statements, map[string]any{"Effect": "Allow", "Action": actions, "Resource": objects})
		}
	}
	allow(inputs, "s3:GetObject", "s3:GetObjectVersion")
	allow(outputs, "s3:PutObject", "s3:AbortMultipartUpload")
	return map[string]any{"Version": "2012-10-17", "Statement": statements}
}

// offered returns artifacts as a job has them.
func offered(artifacts []artifact) []types.Artifact {
	list := []types.Artifact{}
	for _, a := range artifacts {
		list = append(list, types.Artifact{
			Name: aws.String(a.name), Revision: optional(a.revision),
			Location: &types.ArtifactLocation{Type: types.ArtifactLocationTypeS3, S3Location: &types.S3ArtifactLocation{BucketName: aws.String(a.bucket), ObjectKey: aws.String(a.key)}},
		})
	}
	return list
}

// document returns the job as a function's event has it.
// See https://docs.aws.amazon.com/lambda/latest/dg/services-codepipeline.html.
func (i *invocation) document() map[string]any {
	d := i.details.Data
	data := map[string]any{
		"actionConfiguration": map[string]any{"configuration": d.ActionConfiguration.Configuration},
		"inputArtifacts":      located(d.InputArtifacts), "outputArtifacts": located(d.OutputArtifacts),
	}
	if c := d.ArtifactCredentials; c != nil {
		data["artifactCredentials"] = map[string]any{
			"accessKeyId": c.AccessKeyId, "secretAccessKey": c.SecretAccessKey, "sessionToken": c.SessionToken, "expirationTime": i.expires.UnixMilli(),
		}
	}
	if d.ContinuationToken != nil {
		data["continuationToken"] = *d.ContinuationToken
	}
	if key := d.EncryptionKey; key != nil {
		data["encryptionKey"] = map[string]any{"id": key.Id, "type": key.Type}
	}
	return map[string]any{"id": i.details.Id, "accountId": i.details.AccountId, "data": data}
}

func located(artifacts []types.Artifact) []any {
	list := []any{}
	for _, a := range artifacts {
		at := a.Location.S3Location
		list = append(list, map[string]any{
			"name": a.Name, "revision": a.Revision,
			"location": map[string]any{"type": a.Location.Type, "s3Location": map[string]any{"bucketName": at.BucketName, "objectKey": at.ObjectKey}},
		})
	}
	return list
}

// PutJobSuccessResult implements the operation of that name, for functions that
// pipelines have invoked. With a continuation token, the function is invoked again.
func (s *Service) PutJobSuccessResult(_ context.Context, in *awscodepipeline.PutJobSuccessResultInput) (*awscodepipeline.PutJobSuccessResultOutput, error) {
	if in.ContinuationToken != nil && len(in.OutputVariables) > 0 {
		return nil, invalid("outputVariables can be included only when there is no continuation token on the request")
	}
	size := 0
	for name, value := range in.OutputVariables {
		size += len(name) + len(value)
	}
	if size > maxOutputVariables {
		return nil, &types.OutputVariablesSizeExceededException{Message: aws.String(fmt.Sprintf(
			"The output variables have %d bytes, which exceeds the limit of %d bytes", size, maxOutputVariables))}
	}
	return &awscodepipeline.PutJobSuccessResultOutput{}, s.answer(in.JobId, answer{success: in})
}

// PutJobFailureResult implements the operation of that name, for functions that
// pipelines have invoked.
func (s *Service) PutJobFailureResult(_ context.Context, in *awscodepipeline.PutJobFailureResultInput) (*awscodepipeline.PutJobFailureResultOutput, error) {
	d := in.FailureDetails
	if d == nil {
		return nil, invalid("1 validation error detected: Value at 'failureDetails' failed to satisfy constraint: Member must not be null")
	}
	if kinds := d.Type.Values(); !slices.Contains(kinds, d.Type) {
		names := make([]string, len(kinds))
		for i, kind := range kinds {
			names[i] = string(kind)
		}
		return nil, invalid("1 validation error detected: Value '%s' at 'failureDetails.type' failed to satisfy constraint: Member must satisfy enum value set: [%s]", d.Type, strings.Join(names, ", "))
	}
	return &awscodepipeline.PutJobFailureResultOutput{}, s.answer(in.JobId, answer{failure: d})
}

// answer takes the answer of a function. It is the only one of its job.
func (s *Service) answer(id *string, a answer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, err := s.invocation(id)
	if err != nil {
		return err
	}
	if i.ended {
		return &types.InvalidJobStateException{Message: aws.String(fmt.Sprintf("The job %s is not in progress: it has a result or has timed out", aws.ToString(id)))}
	}
	i.ended = true
	if a.success != nil && a.success.ContinuationToken != nil {
		a.again = s.account.Clock.NewTimer(continueAfter)
	}
	i.answer <- a
	return nil
}

// invocation returns the invocation with a job's id. The caller holds the service's lock.
func (s *Service) invocation(id *string) (*invocation, error) {
	i, ok := s.jobs[aws.ToString(id)]
	if !ok {
		return nil, &types.JobNotFoundException{Message: aws.String(fmt.Sprintf("The job %s does not exist", aws.ToString(id)))}
	}
	return i, nil
}

// GetJobDetails implements the operation of that name, for functions that
// pipelines have invoked.
func (s *Service) GetJobDetails(_ context.Context, in *awscodepipeline.GetJobDetailsInput) (*awscodepipeline.GetJobDetailsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, err := s.invocation(in.JobId)
	if err != nil {
		return nil, err
	}
	return &awscodepipeline.GetJobDetailsOutput{JobDetails: clone(i.details)}, nil
}
