package types_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	codedeploytypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
	"github.com/magewright/magewright/tools/localaws/cloudformation/types"
)

func request(properties map[string]any) *resource.Request {
	return &resource.Request{StackName: "s", LogicalID: "R", Token: "token-1", Properties: properties}
}

func apiError(code, message string) error {
	return &smithy.GenericAPIError{Code: code, Message: message, Fault: smithy.FaultClient}
}

func TestErrorsAreHandlerErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want string
	}{
		{&logstypes.ResourceAlreadyExistsException{Message: aws.String("The specified log group already exists")},
			`Resource handler returned message: "The specified log group already exists" (RequestToken: token-1, HandlerErrorCode: AlreadyExists)`},
		{apiError("InvalidParameterException", "m"), `Resource handler returned message: "m" (RequestToken: token-1, HandlerErrorCode: InvalidRequest)`},
		{apiError("NoSuchBucket", "m"), `Resource handler returned message: "m" (RequestToken: token-1, HandlerErrorCode: NotFound)`},
		{apiError("AccessDeniedException", "m"), `Resource handler returned message: "m" (RequestToken: token-1, HandlerErrorCode: AccessDenied)`},
		{apiError("ThrottlingException", "m"), `Resource handler returned message: "m" (RequestToken: token-1, HandlerErrorCode: Throttling)`},
		{apiError("LimitExceededException", "m"), `Resource handler returned message: "m" (RequestToken: token-1, HandlerErrorCode: ServiceLimitExceeded)`},
		{apiError("OperationAbortedException", "m"), `Resource handler returned message: "m" (RequestToken: token-1, HandlerErrorCode: ResourceConflict)`},
		{apiError("OddException", "m"), `Resource handler returned message: "m" (RequestToken: token-1, HandlerErrorCode: GeneralServiceException)`},
		{&smithy.GenericAPIError{Code: "Odd", Message: "m", Fault: smithy.FaultServer}, `Resource handler returned message: "m" (RequestToken: token-1, HandlerErrorCode: ServiceInternalError)`},
		{errors.New("broken"), `Resource handler returned message: "broken" (RequestToken: token-1, HandlerErrorCode: InternalFailure)`},
	} {
		rec := newRecorder()
		rec.answers["logs:CreateLogGroup"] = c.err
		_, err := types.Registry(rec.deps())["AWS::Logs::LogGroup"].Create(t.Context(), request(nil))
		if err == nil || err.Error() != c.want {
			t.Errorf("%v\ngot  %v\nwant %s", c.err, err, c.want)
		}
		if !errors.Is(err, c.err) {
			t.Errorf("%v does not wrap what the service answered", err)
		}
	}
}

func TestWrongProperties(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ        string
		properties map[string]any
		want       string
	}{
		{"AWS::Logs::LogGroup", map[string]any{"FieldIndex": []any{}}, "Properties validation failed for resource R with message: [#: extraneous key [FieldIndex] is not permitted]"},
		{"AWS::IAM::Role", map[string]any{"AssumeRolePolicyDocument": map[string]any{}, "ManagedPolicyArns": []any{map[string]any{}}},
			"Properties validation failed for resource R with message: [#/ManagedPolicyArns/0: expected type: String, found: JSONObject]"},
		{"AWS::Lambda::Alias", map[string]any{"Name": "live"}, "Properties validation failed for resource R with message: [#: required key [FunctionName] not found]"},
		{"AWS::S3::Bucket", map[string]any{"AccessControl": "PublicRead"}, "Properties validation failed for resource R with message: [#/AccessControl: the embedded AWS supports Private only, found: PublicRead]"},
		{"AWS::S3::Bucket", map[string]any{"LifecycleConfiguration": map[string]any{"Rules": []any{map[string]any{"Days": 1.0}}}},
			"Properties validation failed for resource R with message: [#/LifecycleConfiguration/Rules/0: extraneous key [Days] is not permitted]"},
		{"AWS::SSM::Parameter", map[string]any{"Type": "SecureString", "Value": "v"},
			"Properties validation failed for resource R with message: [#/Type: AWS CloudFormation doesn't support creating a SecureString parameter type]"},
	} {
		rec := newRecorder()
		_, err := types.Registry(rec.deps())[c.typ].Create(t.Context(), request(c.properties))
		if err == nil || err.Error() != c.want {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
		wantCalls(t, rec)
	}
}

func TestHalfMadeResourceIsReturned(t *testing.T) {
	t.Parallel()
	rec := newRecorder()
	rec.answers["s3:PutBucketVersioning"] = apiError("MalformedXML", "no")
	typ := types.Registry(rec.deps())["AWS::S3::Bucket"]
	made, err := typ.Create(t.Context(), request(map[string]any{"BucketName": "b", "VersioningConfiguration": map[string]any{"Status": "On"}}))
	if err == nil || made == nil || made.PhysicalID != "b" {
		t.Errorf("Create = %+v, %v; want the bucket and an error", made, err)
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	rec := newRecorder()
	rec.answers["s3:DeleteBucket"] = apiError("NoSuchBucket", "gone")
	typ := types.Registry(rec.deps())["AWS::S3::Bucket"]
	r := request(nil)
	r.PhysicalID = "b"
	if err := typ.Delete(t.Context(), r); err != nil {
		t.Errorf("deleting what is gone: %v", err)
	}
	rec.answers["s3:DeleteBucket"] = apiError("BucketNotEmpty", "The bucket you tried to delete is not empty")
	if err := typ.Delete(t.Context(), r); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("deleting a bucket with objects: %v", err)
	}
	// A malformed version id must not delete the function.
	r.PhysicalID = "ledger"
	if err := types.Registry(rec.deps())["AWS::Lambda::Version"].Delete(t.Context(), r); err == nil {
		t.Error("deleted a function for a version")
	}
	rec.answers["iam:DetachRolePolicy"] = &iamtypes.NoSuchEntityException{}
	r.PhysicalID, r.Properties = "role", map[string]any{"ManagedPolicyArns": []any{"arn:a"}}
	rec.taken()
	if err := types.Registry(rec.deps())["AWS::IAM::Role"].Delete(t.Context(), r); err != nil {
		t.Errorf("deleting a role without its policy: %v", err)
	}
	wantCalls(t, rec, `iam:DetachRolePolicy {"PolicyArn":"arn:a","RoleName":"role"}`, `iam:DeleteRole {"RoleName":"role"}`)
}

func TestVersionThatExists(t *testing.T) {
	t.Parallel()
	rec := newRecorder()
	rec.answers["lambda:PublishVersion"] = &awslambda.PublishVersionOutput{FunctionArn: aws.String(functionARN + ":1"), Version: aws.String("1")}
	made, err := types.Registry(rec.deps())["AWS::Lambda::Version"].Create(t.Context(), request(map[string]any{"FunctionName": "ledger"}))
	const want = `Resource handler returned message: "A version for this Lambda function exists ( 1 ). Modify the function to create a new version." (RequestToken: token-1, HandlerErrorCode: AlreadyExists)`
	if made != nil || err == nil || err.Error() != want {
		t.Errorf("Create = %+v, %v", made, err)
	}
}

func TestFunctionIsAwaited(t *testing.T) {
	t.Parallel()
	rec := newRecorder()
	manual, ok := rec.account.Clock.(*clock.Manual)
	if !ok {
		t.Fatal("the recorder's clock is not manual")
	}
	rec.answers["lambda:GetFunctionConfiguration"] = func(call int, _ any) any {
		if call == 1 {
			return &awslambda.GetFunctionConfigurationOutput{State: lambdatypes.StatePending}
		}
		return &awslambda.GetFunctionConfigurationOutput{State: lambdatypes.StateFailed, StateReason: aws.String("no such layer")}
	}
	failed := make(chan error)
	go func() {
		made, err := types.Registry(rec.deps())["AWS::Lambda::Function"].Create(t.Context(), request(map[string]any{"Role": "r", "Code": map[string]any{}}))
		if made == nil {
			t.Error("the function that failed is not returned")
		}
		failed <- err
	}()
	manual.BlockUntil(1)
	manual.Advance(1e9)
	if err := <-failed; err == nil || !strings.Contains(err.Error(), "no such layer") {
		t.Errorf("Create = %v", err)
	}
}

// aliasUpdate asks for version 2 of an alias whose traffic CodeDeploy shifts.
func aliasUpdate() *resource.Request {
	r := request(map[string]any{"FunctionName": "ledger", "Name": "live", "FunctionVersion": "2"})
	r.PhysicalID = functionARN + ":live"
	r.OldProperties = map[string]any{"FunctionName": "ledger", "Name": "live", "FunctionVersion": "1"}
	r.UpdatePolicy = map[string]any{"CodeDeployLambdaAliasUpdate": map[string]any{"ApplicationName": "app", "DeploymentGroupName": "group"}}
	return r
}

func TestAliasDeploymentThatIsRolledBack(t *testing.T) {
	t.Parallel()
	rec := newRecorder()
	rec.answers["codedeploy:Wait"] = func(call int, _ any) any {
		if call > 1 {
			return &codedeploytypes.DeploymentInfo{Status: codedeploytypes.DeploymentStatusSucceeded}
		}
		return &codedeploytypes.DeploymentInfo{
			Status:           codedeploytypes.DeploymentStatusStopped,
			ErrorInformation: &codedeploytypes.ErrorInformation{Message: aws.String("One or more alarms have been activated")},
			RollbackInfo:     &codedeploytypes.RollbackInfo{RollbackDeploymentId: aws.String("d-B")},
		}
	}
	alias := types.Registry(rec.deps())["AWS::Lambda::Alias"]
	_, err := alias.Update(t.Context(), aliasUpdate())
	const want = `Resource handler returned message: "d-A failed. One or more alarms have been activated" (RequestToken: token-1, HandlerErrorCode: InternalFailure)`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if calls := rec.taken(); len(calls) != 4 || calls[2] != `codedeploy:Wait {"DeploymentID":"d-A"}` || calls[3] != `codedeploy:Wait {"DeploymentID":"d-B"}` {
		t.Errorf("calls = %q; want the deployment and its rollback to be awaited", calls)
	}

	// CloudFormation's rollback finds the alias at its original version.
	back := aliasUpdate()
	back.Properties, back.OldProperties = back.OldProperties, back.Properties
	back.Rollback, back.Uncertain = true, true
	result, err := alias.Update(t.Context(), back)
	if err != nil || result.PhysicalID != functionARN+":live" {
		t.Errorf("rolling back: %+v, %v", result, err)
	}
	wantCalls(t, rec, `lambda:GetAlias {"FunctionName":"ledger","Name":"live"}`)

	// Without a rollback by CodeDeploy, routing weights are left over.
	rec.answers["lambda:GetAlias"] = &awslambda.GetAliasOutput{
		AliasArn: aws.String(functionARN + ":live"), FunctionVersion: aws.String("1"),
		RoutingConfig: &lambdatypes.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"2": 0.1}},
	}
	if _, err := alias.Update(t.Context(), back); err != nil {
		t.Errorf("rolling back: %v", err)
	}
	wantCalls(t, rec, `lambda:GetAlias {"FunctionName":"ledger","Name":"live"}`,
		`lambda:UpdateAlias {"FunctionName":"ledger","FunctionVersion":"1","Name":"live","RoutingConfig":{"AdditionalVersionWeights":{}}}`)
}

// CodeDeploy compares the version that the stack gave the alias with the one
// that it has. Only after a failure does the alias say what to start from.
func TestAliasThatWasMoved(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rollback, uncertain bool
		actual, from        string // from is empty if there is no deployment
	}{
		"as the stack left it":          {false, false, "1", "1"},
		"moved by hand":                 {false, false, "3", "1"},
		"moved to the new version":      {false, false, "2", "1"},
		"after a failure":               {false, true, "3", "3"},
		"rollback of a shift":           {true, false, "1", "1"},
		"rollback of a failed shift":    {true, true, "1", "1"},
		"rollback of nothing":           {true, true, "2", ""},
		"rollback after a move by hand": {true, true, "3", ""},
	} {
		rec := newRecorder()
		rec.answers["lambda:GetAlias"] = &awslambda.GetAliasOutput{AliasArn: aws.String(functionARN + ":live"), FunctionVersion: aws.String(c.actual)}
		r := aliasUpdate()
		r.Rollback, r.Uncertain = c.rollback, c.uncertain
		if _, err := types.Registry(rec.deps())["AWS::Lambda::Alias"].Update(t.Context(), r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		from := ""
		for _, call := range rec.taken() {
			if strings.HasPrefix(call, "lambda:UpdateAlias") {
				t.Errorf("%s: %s", name, call)
			}
			if _, rest, ok := strings.Cut(call, `\"CurrentVersion\":\"`); ok {
				from, _, _ = strings.Cut(rest, `\"`)
			}
		}
		if from != c.from {
			t.Errorf("%s: the deployment is from version %q, want %q", name, from, c.from)
		}
	}
}

func TestAliasDeploymentThatFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer any
		want   string
	}{
		"without a reason": {&codedeploytypes.DeploymentInfo{Status: codedeploytypes.DeploymentStatusFailed}, `"d-A failed. Deployment status: Failed"`},
		"cut short":        {context.Canceled, `HandlerErrorCode: NotStabilized`},
	} {
		rec := newRecorder()
		rec.answers["codedeploy:Wait"] = c.answer
		_, err := types.Registry(rec.deps())["AWS::Lambda::Alias"].Update(t.Context(), aliasUpdate())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	rec := newRecorder()
	r := aliasUpdate()
	r.UpdatePolicy["AutoScalingRollingUpdate"] = map[string]any{}
	if _, err := types.Registry(rec.deps())["AWS::Lambda::Alias"].Update(t.Context(), r); err == nil || !strings.Contains(err.Error(), "AutoScalingRollingUpdate") {
		t.Errorf("an update policy that is not an alias's: %v", err)
	}
}

func TestStackTags(t *testing.T) {
	t.Parallel()
	rec := newRecorder()
	typ := types.Registry(rec.deps())["AWS::CodeDeploy::Application"]
	r := request(map[string]any{"ApplicationName": "a"})
	r.PhysicalID, r.Tags, r.OldProperties = "a", map[string]string{"stack": "s"}, map[string]any{
		"ApplicationName": "a", "Tags": []any{map[string]any{"Key": "stack", "Value": "own"}, map[string]any{"Key": "x", "Value": "y"}},
	}
	if _, err := typ.Update(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	wantCalls(t, rec,
		`codedeploy:UntagResource {"ResourceArn":"arn:aws:codedeploy:us-east-1:000000000000:application:a","TagKeys":["x"]}`,
		`codedeploy:TagResource {"ResourceArn":"arn:aws:codedeploy:us-east-1:000000000000:application:a","Tags":[{"Key":"stack","Value":"s"}]}`)
}

func TestAlarmOfSomebodyElse(t *testing.T) {
	t.Parallel()
	rec := newRecorder()
	rec.answers["cloudwatch:DescribeAlarms"] = alarmsThere()
	_, err := types.Registry(rec.deps())["AWS::CloudWatch::Alarm"].Create(t.Context(), request(map[string]any{
		"AlarmName": "errors", "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1.0,
	}))
	if err == nil || !strings.Contains(err.Error(), "errors already exists") || rec.counts["cloudwatch:PutMetricAlarm"] != 0 {
		t.Errorf("Create = %v", err)
	}
}

// An update may end before the traffic shift does, because another resource
// failed or somebody cancelled it. The shift must not continue after that.
func TestAliasDeploymentThatIsAbandoned(t *testing.T) {
	t.Parallel()
	for name, stopping := range map[string]any{
		"in progress":   nil,
		"ended already": &codedeploytypes.DeploymentAlreadyCompletedException{},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		rec := newRecorder()
		rec.answers["codedeploy:StopDeployment"] = stopping
		rec.answers["codedeploy:Wait"] = func(call int, _ any) any {
			if call == 1 {
				cancel()
				return context.Canceled
			}
			return &codedeploytypes.DeploymentInfo{Status: codedeploytypes.DeploymentStatusStopped}
		}
		if _, err := types.Registry(rec.deps())["AWS::Lambda::Alias"].Update(ctx, aliasUpdate()); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
		calls := rec.taken()
		if want := []string{
			`codedeploy:Wait {"DeploymentID":"d-A"}`, `codedeploy:StopDeployment {"AutoRollbackEnabled":true,"DeploymentId":"d-A"}`, `codedeploy:Wait {"DeploymentID":"d-A"}`,
		}; !slices.Equal(calls[max(0, len(calls)-3):], want) {
			t.Errorf("%s: calls = %q, want %q at the end", name, calls, want)
		}
	}
}

func TestAliasDeploymentBesideAnother(t *testing.T) {
	t.Parallel()
	rec := newRecorder()
	rec.answers["codedeploy:CreateDeployment"] = &codedeploytypes.DeploymentLimitExceededException{}
	_, err := types.Registry(rec.deps())["AWS::Lambda::Alias"].Update(t.Context(), aliasUpdate())
	const want = `Resource handler returned message: "A conflicting deployment is in progress" (RequestToken: token-1, HandlerErrorCode: ResourceConflict)`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
