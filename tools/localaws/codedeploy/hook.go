package codedeploy

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscodedeploy "github.com/aws/aws-sdk-go-v2/service/codedeploy"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// hookTimeout is how long a hook may take to report.
const hookTimeout = time.Hour

// hookFailed is AWS's text for a hook that reported Failed.
const hookFailed = "The deployment failed because one or more of the lifecycle event validation functions failed."

// An execution is one run of a hook.
type execution struct {
	status   types.LifecycleEventStatus // Succeeded or Failed, once it has reported
	answered chan struct{}              // closed once it has reported
	over     bool                       // no one waits for it any more
}

// runHook invokes a hook and waits until it reports. The clock may run faster
// during the wait. Lambda prevents that while the function runs. Without
// acceleration, a hook that crashed would be awaited for a real hour.
func (s *Service) runHook(d *deployment, w *watch, event, function string) *failure {
	if f := s.interrupted(d, w); f != nil {
		return f
	}
	id := newExecutionID()
	e := &execution{answered: make(chan struct{})}
	s.mu.Lock()
	d.executions[id] = e
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		e.over = true
		s.mu.Unlock()
	}()
	failure := func(format string, args ...any) *failure {
		f := failed(types.ErrorCodeHookExecutionFailure, hookFailed)
		f.detail = fmt.Sprintf(format, args...)
		return f
	}
	payload, err := json.Marshal(map[string]string{"DeploymentId": d.id, "LifecycleEventHookExecutionId": id})
	if err != nil {
		// Two strings can always be encoded.
		panic(err)
	}
	out, err := s.deps.Functions.Invoke(d.as, &awslambda.InvokeInput{
		FunctionName:   aws.String(function),
		InvocationType: lambdatypes.InvocationTypeEvent,
		Payload:        payload,
	})
	switch {
	case err != nil:
		return failure("The hook %s of %s could not be invoked: %v", function, event, err)
	case out.FunctionError != nil:
		return failure("The hook %s of %s failed: %s", function, event, *out.FunctionError)
	}
	clock := s.account.Clock
	until := clock.Now().Add(hookTimeout)
	release := clock.Accelerate()
	f := s.wait(d, w, until, e.answered)
	release()
	if f != nil {
		return f
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e.status {
	case types.LifecycleEventStatusSucceeded:
		return nil
	case types.LifecycleEventStatusFailed:
		return failure("The hook %s of %s reported Failed.", function, event)
	default:
		return failure("The hook %s of %s did not report within one hour.", function, event)
	}
}

// PutLifecycleEventHookExecutionStatus reports the result of a hook.
func (s *Service) PutLifecycleEventHookExecutionStatus(_ context.Context, in *awscodedeploy.PutLifecycleEventHookExecutionStatusInput) (*awscodedeploy.PutLifecycleEventHookExecutionStatusOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.deployment(in.DeploymentId)
	if err != nil {
		return nil, err
	}
	if in.Status != types.LifecycleEventStatusSucceeded && in.Status != types.LifecycleEventStatusFailed {
		return nil, &types.InvalidLifecycleEventHookExecutionStatusException{Message: aws.String("The status must be Succeeded or Failed, not " + string(in.Status) + ".")}
	}
	e := d.executions[aws.ToString(in.LifecycleEventHookExecutionId)]
	if e == nil {
		return nil, &types.InvalidLifecycleEventHookExecutionIdException{Message: aws.String("The lifecycle event hook execution ID does not belong to the deployment " + d.id + ".")}
	}
	if e.over || e.status != "" {
		return nil, &types.LifecycleEventAlreadyCompletedException{Message: aws.String("The lifecycle event of the deployment " + d.id + " has already completed.")}
	}
	e.status = in.Status
	close(e.answered)
	return &awscodedeploy.PutLifecycleEventHookExecutionStatusOutput{LifecycleEventHookExecutionId: in.LifecycleEventHookExecutionId}, nil
}
