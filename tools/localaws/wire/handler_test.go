package wire

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/codedeploy"
	cdtypes "github.com/aws/aws-sdk-go-v2/service/codedeploy/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/localaws/principal"
)

// The fakes answer each call with their error, or keep the input.
type (
	fakeCFN     struct{ err error }
	fakeIAM     struct{ err error }
	fakeKMS     struct{ err error }
	fakeLogs    struct{ err error }
	fakeDeploy  struct{ err error }
	fakeECR     struct{ err error }
	fakeLambda  struct{ err error }
	fakeSTS     struct{}
	fakeMetrics struct {
		err  error
		data *cloudwatch.PutMetricDataInput
	}
	fakeSSM struct {
		call func(context.Context, *ssm.GetParameterInput) (*ssm.GetParameterOutput, error)
	}
)

func (f fakeCFN) DescribeChangeSet(context.Context, *cloudformation.DescribeChangeSetInput) (*cloudformation.DescribeChangeSetOutput, error) {
	return nil, f.err
}

func (fakeSTS) GetCallerIdentity(context.Context, *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	return nil, nil
}

func (f fakeIAM) GetRole(context.Context, *iam.GetRoleInput) (*iam.GetRoleOutput, error) {
	return nil, f.err
}

func (f fakeKMS) Sign(context.Context, *kms.SignInput) (*kms.SignOutput, error) { return nil, f.err }

func (f fakeLogs) CreateLogGroup(context.Context, *cloudwatchlogs.CreateLogGroupInput) (*cloudwatchlogs.CreateLogGroupOutput, error) {
	return nil, f.err
}

func (f fakeDeploy) GetDeployment(context.Context, *codedeploy.GetDeploymentInput) (*codedeploy.GetDeploymentOutput, error) {
	return nil, f.err
}

func (f fakeECR) DescribeRepositories(context.Context, *ecr.DescribeRepositoriesInput) (*ecr.DescribeRepositoriesOutput, error) {
	return nil, f.err
}

func (f fakeLambda) Invoke(context.Context, *lambda.InvokeInput) (*lambda.InvokeOutput, error) {
	return nil, f.err
}

func (f *fakeMetrics) GetDashboard(context.Context, *cloudwatch.GetDashboardInput) (*cloudwatch.GetDashboardOutput, error) {
	return nil, f.err
}

func (f *fakeMetrics) PutMetricData(_ context.Context, in *cloudwatch.PutMetricDataInput) (*cloudwatch.PutMetricDataOutput, error) {
	f.data = in
	// A nil output counts as an empty one.
	return nil, f.err
}

func (f *fakeMetrics) DescribeAlarms(context.Context, *cloudwatch.DescribeAlarmsInput) (*cloudwatch.DescribeAlarmsOutput, error) {
	return &cloudwatch.DescribeAlarmsOutput{MetricAlarms: []cwtypes.MetricAlarm{{
		AlarmName: aws.String("errors"), Threshold: aws.Float64(0.5), StateUpdatedTimestamp: aws.Time(testNow),
	}}}, nil
}

func (f fakeSSM) GetParameter(ctx context.Context, in *ssm.GetParameterInput) (*ssm.GetParameterOutput, error) {
	return f.call(ctx, in)
}

func (f fakeSSM) Helper(string) error { return nil } // not an operation

func serve(t *testing.T, services ...Service) *httptest.Server {
	t.Helper()
	h, err := NewHandler(testAccount(), anybody{}, services...)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// TestErrorsArriveTyped sends errors in each protocol to the SDK's client,
// which must see the same error.
func TestErrorsArriveTyped(t *testing.T) {
	t.Parallel()
	message := aws.String(`it's <gone> & "é"`)
	generic := &smithy.GenericAPIError{Code: "ValidationError", Message: *message, Fault: smithy.FaultClient}
	tests := []struct {
		name   string
		err    error
		impl   func(error) any
		call   func(context.Context, aws.Config) error
		status int
	}{
		{"cloudformation", &cfntypes.ChangeSetNotFoundException{Message: message}, cfnFake, callCFN, 404},
		{"cloudformation", generic, cfnFake, callCFN, 400},
		{"iam", &iamtypes.NoSuchEntityException{Message: message}, iamFake, callIAM, 404},
		{"kms", &kmstypes.NotFoundException{Message: message}, kmsFake, callKMS, 400},
		{"kms", &kmstypes.KMSInvalidStateException{Message: message}, kmsFake, callKMS, 400},
		{"kms", generic, kmsFake, callKMS, 400},
		{"logs", &logstypes.ResourceAlreadyExistsException{Message: message}, logsFake, callLogs, 400},
		{"logs", &logstypes.ServiceUnavailableException{Message: message}, logsFake, callLogs, 500},
		{"codedeploy", &cdtypes.DeploymentDoesNotExistException{Message: message}, deployFake, callDeploy, 400},
		{"ecr", &ecrtypes.RepositoryNotFoundException{Message: message}, ecrFake, callECR, 400},
		{"lambda", &lambdatypes.ResourceNotFoundException{Message: message, Type: aws.String("User")}, lambdaFake, callLambda, 404},
		{"lambda", &lambdatypes.ResourceConflictException{Message: message}, lambdaFake, callLambda, 409},
		{"lambda", &lambdatypes.TooManyRequestsException{
			Message: message, RetryAfterSeconds: aws.String("3"), Reason: lambdatypes.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded,
		}, lambdaFake, callLambda, 429},
		{"lambda", generic, lambdaFake, callLambda, 400},
		{"monitoring", &cwtypes.DashboardNotFoundError{Message: message}, metricsFake, callMetrics, 404},
		{"monitoring", &cwtypes.InvalidParameterValueException{Message: message}, metricsFake, callMetrics, 400},
		{"monitoring", generic, metricsFake, callMetrics, 400},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s/%T", tt.name, tt.err), func(t *testing.T) {
			t.Parallel()
			server := serve(t, Service{Name: tt.name, Impl: tt.impl(fmt.Errorf("wrapped: %w", tt.err))})
			err := tt.call(t.Context(), testConfig(server))
			got := reflect.New(reflect.TypeOf(tt.err))
			if !errors.As(err, got.Interface()) {
				t.Fatalf("got %v (%T), want a %T", err, err, tt.err)
			}
			var want, have smithy.APIError
			if !errors.As(tt.err, &want) || !errors.As(err, &have) {
				t.Fatalf("%v is no API error", err)
			}
			if code := cmp.Or(queryCodes[want.ErrorCode()], want.ErrorCode()); have.ErrorCode() != code {
				t.Errorf("code %s, want %s", have.ErrorCode(), code)
			}
			if want.ErrorMessage() != have.ErrorMessage() {
				t.Errorf("message %q, want %q", have.ErrorMessage(), want.ErrorMessage())
			}
			if _, ok := errors.AsType[*smithy.GenericAPIError](tt.err); !ok {
				ignored := gocmp.FilterPath(func(p gocmp.Path) bool { return p.Last().String() == ".ErrorCodeOverride" }, gocmp.Ignore())
				if diff := gocmp.Diff(tt.err, got.Elem().Interface(), exact, ignored); diff != "" {
					t.Errorf("the error came changed (-sent +came):\n%s", diff)
				}
			}
			if r, ok := errors.AsType[*awshttp.ResponseError](err); !ok || r.HTTPStatusCode() != tt.status {
				t.Errorf("%v, want status %d", err, tt.status)
			}
		})
	}
}

// queryCodes lists the awsQuery codes that older clients know errors by.
var queryCodes = map[string]string{
	"DashboardNotFoundError":         "ResourceNotFound",
	"InvalidParameterValueException": "InvalidParameterValue",
}

func cfnFake(err error) any     { return fakeCFN{err} }
func iamFake(err error) any     { return fakeIAM{err} }
func kmsFake(err error) any     { return fakeKMS{err} }
func logsFake(err error) any    { return fakeLogs{err} }
func deployFake(err error) any  { return fakeDeploy{err} }
func ecrFake(err error) any     { return fakeECR{err} }
func lambdaFake(err error) any  { return fakeLambda{err} }
func metricsFake(err error) any { return &fakeMetrics{err: err} }

func callCFN(ctx context.Context, c aws.Config) error {
	_, err := cloudformation.NewFromConfig(c).DescribeChangeSet(ctx, &cloudformation.DescribeChangeSetInput{ChangeSetName: aws.String("x")})
	return err
}

func callIAM(ctx context.Context, c aws.Config) error {
	_, err := iam.NewFromConfig(c).GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("x")})
	return err
}

func callKMS(ctx context.Context, c aws.Config) error {
	_, err := kms.NewFromConfig(c).Sign(ctx, &kms.SignInput{KeyId: aws.String("x"), Message: []byte("m"), SigningAlgorithm: kmstypes.SigningAlgorithmSpecEcdsaSha256})
	return err
}

func callLogs(ctx context.Context, c aws.Config) error {
	_, err := cloudwatchlogs.NewFromConfig(c).CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("x")})
	return err
}

func callDeploy(ctx context.Context, c aws.Config) error {
	_, err := codedeploy.NewFromConfig(c).GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: aws.String("x")})
	return err
}

func callECR(ctx context.Context, c aws.Config) error {
	_, err := ecr.NewFromConfig(c).DescribeRepositories(ctx, &ecr.DescribeRepositoriesInput{})
	return err
}

func callLambda(ctx context.Context, c aws.Config) error {
	_, err := lambda.NewFromConfig(c).Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String("arn:aws:lambda:us-east-1:000000000000:function:f:live")})
	return err
}

func callMetrics(ctx context.Context, c aws.Config) error {
	_, err := cloudwatch.NewFromConfig(c).GetDashboard(ctx, &cloudwatch.GetDashboardInput{DashboardName: aws.String("x")})
	return err
}

func getParameter(t *testing.T, server *httptest.Server) (*ssm.GetParameterOutput, error) {
	t.Helper()
	return ssm.NewFromConfig(testConfig(server)).GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("x")})
}

func TestWhatIsNotTypedIsTheClientsFaultAndAPanicIsOurs(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		call func() error
		code string
		text string
	}{
		{"untyped", func() error { return errors.New("no such thing") }, "InvalidRequest", "no such thing"},
		{"panic", func() error { panic("broken") }, "InternalFailure", "ssm GetParameter panicked: broken"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := serve(t, Service{Name: "ssm", Impl: fakeSSM{func(context.Context, *ssm.GetParameterInput) (*ssm.GetParameterOutput, error) {
				return nil, tt.call()
			}}})
			_, err := getParameter(t, server)
			api, ok := errors.AsType[smithy.APIError](err)
			if !ok || api.ErrorCode() != tt.code || api.ErrorMessage() != tt.text {
				t.Errorf("got %v, want %s: %s", err, tt.code, tt.text)
			}
		})
	}
}

func TestThePrincipalIsInTheContext(t *testing.T) {
	t.Parallel()
	var got principal.Principal
	server := serve(t, Service{Name: "ssm", Impl: fakeSSM{func(ctx context.Context, _ *ssm.GetParameterInput) (*ssm.GetParameterOutput, error) {
		got = principal.FromContext(ctx)
		return &ssm.GetParameterOutput{}, nil
	}}})
	if _, err := getParameter(t, server); err != nil {
		t.Fatal(err)
	}
	if got.AccessKeyID != "AKIAIOSFODNN7EXAMPLE" {
		t.Errorf("the principal is %+v", got)
	}
}

type expired struct{}

func (expired) Verify(*http.Request, []byte) (principal.Principal, error) {
	return principal.Principal{}, &smithy.GenericAPIError{Code: "ExpiredToken", Message: "expired"}
}

func TestAnExpiredKeyIsRefusedInTheServicesProtocol(t *testing.T) {
	t.Parallel()
	h, err := NewHandler(testAccount(), expired{}, Service{Name: "iam", Impl: fakeIAM{}}, Service{Name: "kms", Impl: fakeKMS{}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	defer server.Close()
	for code, call := range map[string]func(context.Context, aws.Config) error{
		"ExpiredToken": callIAM, "ExpiredTokenException": callKMS,
	} {
		err := call(t.Context(), testConfig(server))
		if api, ok := errors.AsType[smithy.APIError](err); !ok || api.ErrorCode() != code {
			t.Errorf("got %v, want %s", err, code)
		}
	}
}

const signature = "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260102/%s/%s/aws4_request, SignedHeaders=host, Signature=0"

// TestRequests sends hand-written requests, which resemble those of clients
// other than the SDK.
func TestRequests(t *testing.T) {
	t.Parallel()
	metrics := &fakeMetrics{}
	s3 := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "s3 for %q", principal.FromContext(r.Context()).AccessKeyID)
	})
	server := serve(t,
		Service{Name: "monitoring", Impl: metrics}, Service{Name: "iam", Impl: fakeIAM{err: errors.New("seen")}},
		Service{Name: "sts", Impl: fakeSTS{}},
		Service{Name: "kms", Impl: fakeKMS{err: errors.New("seen")}}, Service{Name: "lambda", Impl: fakeLambda{err: errors.New("seen")}},
		Service{Name: "s3", Handler: s3})
	signed := func(region, service string) string { return fmt.Sprintf(signature, region, service) }
	tests := []struct {
		name, method, path, auth, target, contentType, body string
		status                                              int
		want                                                string // part of the body
	}{
		{
			"cloudwatch by query", "POST", "/", signed("us-east-1", "monitoring"), "", "application/x-www-form-urlencoded; charset=utf-8",
			"Action=DescribeAlarms&Version=2010-08-01&AlarmNames.member.1=a", 200,
			`<DescribeAlarmsResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/"><DescribeAlarmsResult><CompositeAlarms></CompositeAlarms><LogAlarms></LogAlarms><MetricAlarms><member>` +
				`<AlarmActions></AlarmActions><AlarmName>errors</AlarmName><Dimensions></Dimensions><InsufficientDataActions></InsufficientDataActions><OKActions></OKActions><StateUpdatedTimestamp>2026-01-02T03:04:05Z</StateUpdatedTimestamp><Threshold>0.5</Threshold></member></MetricAlarms></DescribeAlarmsResult>`,
		},
		{
			"cloudwatch by JSON", "POST", "/", signed("us-east-1", "monitoring"), "GraniteServiceVersion20100801.DescribeAlarms", "application/x-amz-json-1.0",
			"{}", 200, `{"CompositeAlarms":[],"LogAlarms":[],"MetricAlarms":[{"AlarmActions":[],"AlarmName":"errors","Dimensions":[],"InsufficientDataActions":[],"OKActions":[],"StateUpdatedTimestamp":1767323045,"Threshold":0.5}]}`,
		},
		{"a query in the URL", "GET", "/?Action=GetRole&RoleName=x", signed("us-east-1", "iam"), "", "", "", 400, "<Code>InvalidRequest</Code><Message>seen</Message>"},
		{"unknown operation, query", "POST", "/", signed("us-east-1", "iam"), "", formType, "Action=Frob", 400, "<Message>iam Frob is not supported by the embedded AWS</Message>"},
		{"no operation", "POST", "/", signed("us-east-1", "iam"), "", formType, "", 400, "<Code>UnknownOperationException</Code>"},
		{"unknown operation, JSON", "POST", "/", signed("us-east-1", "kms"), "TrentService.Frob", "application/x-amz-json-1.1", "{}", 400, `{"__type":"UnknownOperationException","message":"kms Frob is not supported by the embedded AWS"}`},
		{"another service's target", "POST", "/", signed("us-east-1", "kms"), "AmazonSSM.Sign", "application/x-amz-json-1.1", "{}", 400, `kms AmazonSSM.Sign is not supported`},
		{"known but not implemented, REST", "GET", "/2018-10-31/layers?find=LayerVersion&Arn=x", signed("us-east-1", "lambda"), "", "", "", 400, "lambda GetLayerVersionByArn is not supported"},
		{"unknown path", "GET", "/2099/x", signed("us-east-1", "lambda"), "", "", "", 400, "lambda GET /2099/x is not supported"},
		{"a slash at the end", "POST", "/2015-03-31/functions/f/invocations/", signed("us-east-1", "lambda"), "", "", "", 400, "seen"},
		{"unknown service", "POST", "/", signed("us-east-1", "states"), "AWSStepFunctions.ListStateMachines", "application/x-amz-json-1.0", "{}", 400, "states AWSStepFunctions.ListStateMachines is not supported by the embedded AWS"},
		{"not JSON", "POST", "/", signed("us-east-1", "kms"), "TrentService.Sign", "application/x-amz-json-1.1", "{", 400, "SerializationException"},
		{"a wrong type", "POST", "/", signed("us-east-1", "kms"), "TrentService.Sign", "application/x-amz-json-1.1", `{"GrantTokens":[1]}`, 400, `reading the request: GrantTokens: 0: wanted a string, got the number 1`},
		{"two values", "POST", "/", signed("us-east-1", "kms"), "TrentService.Sign", "application/x-amz-json-1.1", `{}{}`, 400, "more than one value"},
		{"too large", "POST", "/", signed("us-east-1", "kms"), "TrentService.Sign", "application/x-amz-json-1.1", strings.Repeat(" ", defaultBodyLimit+1), 413, "RequestEntityTooLargeException"},
		{"another region", "POST", "/", signed("eu-west-1", "kms"), "TrentService.Sign", "application/x-amz-json-1.1", "{}", 400, "the embedded AWS serves only us-east-1, not eu-west-1"},
		{"another region, global", "POST", "/", signed("eu-west-1", "iam"), "", formType, "Action=GetRole&RoleName=x", 400, "seen"},
		{"not signed, JSON", "POST", "/", "", "TrentService.Sign", "application/x-amz-json-1.1", "{}", 403, `"__type":"MissingAuthenticationTokenException"`},
		{"not signed, query", "POST", "/", "", "", formType, "Action=GetRole", 403, "<Code>MissingAuthenticationToken</Code>"},
		{"never signed, and not implemented", "POST", "/", "", "", formType, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15", 400, "<Code>UnknownOperationException</Code><Message>sts AssumeRoleWithWebIdentity is not supported by the embedded AWS</Message>"},
		{"never signed, in the URL", "GET", "/?Action=AssumeRoleWithSAML", "", "", "", "", 400, "sts AssumeRoleWithSAML is not supported"},
		{"null", "POST", "/", signed("us-east-1", "kms"), "TrentService.Sign", "application/x-amz-json-1.1", "null", 400, "SerializationException"},
		{"another signature", "GET", "/", "AWS AKIA:sig", "", "", "", 400, "IncompleteSignature"},
		{"half a scope", "GET", "/", "AWS4-HMAC-SHA256 Credential=a/b", "", "", "", 400, "IncompleteSignature"},
		{"s3", "PUT", "/bucket/key", signed("us-east-1", "s3"), "", "", "body", 200, `s3 for "AKIAEXAMPLE"`},
		{"s3 presigned", "GET", "/bucket/key?X-Amz-Credential=AKIAPRE%2F20260102%2Fus-east-1%2Fs3%2Faws4_request", "", "", "", "", 200, `s3 for "AKIAPRE"`},
		{"s3 without a signature", "GET", "/bucket/key", "", "", "", "", 403, "<Code>MissingAuthenticationToken</Code>"},
		{"writing s3 without a signature", "PUT", "/bucket/key", "", "", "", "x", 403, "<Code>MissingAuthenticationToken</Code>"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			req, err := http.NewRequestWithContext(t.Context(), tt.method, server.URL+tt.path, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			for k, v := range map[string]string{"Authorization": tt.auth, "X-Amz-Target": tt.target, "Content-Type": tt.contentType} {
				if v != "" {
					req.Header.Set(k, v)
				}
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			if err := errors.Join(err, res.Body.Close()); err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != tt.status || !strings.Contains(string(body), tt.want) {
				t.Errorf("got %d %s\nwant %d %s", res.StatusCode, body, tt.status, tt.want)
			}
			if len(res.Header.Get("x-amzn-RequestId")) != 36 {
				t.Errorf("the request id is %q", res.Header.Get("x-amzn-RequestId"))
			}
			if got := res.Header.Get("Date"); got == "" || got == testNow.Format(http.TimeFormat) {
				t.Errorf("Date is %q, want the client's own time: it would repeat what failed", got)
			}
		})
	}
}

func TestCompressedRequests(t *testing.T) {
	t.Parallel()
	metrics := &fakeMetrics{}
	server := serve(t, Service{Name: "monitoring", Impl: metrics})
	in := &cloudwatch.PutMetricDataInput{Namespace: aws.String("n")}
	// The SDK compresses bodies of 10 kB or more.
	for i := range 1000 {
		in.MetricData = append(in.MetricData, cwtypes.MetricDatum{
			MetricName: aws.String("m"), Value: aws.Float64(float64(i)), Timestamp: aws.Time(testNow.Add(time.Duration(i) * time.Millisecond)),
		})
	}
	if _, err := cloudwatch.NewFromConfig(testConfig(server)).PutMetricData(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(in, metrics.data, exact); diff != "" {
		t.Error(diff)
	}

	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	if _, err := z.Write(make([]byte, defaultBodyLimit+1)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, &bomb)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", fmt.Sprintf(signature, "us-east-1", "monitoring"))
	req.Header.Set("Content-Encoding", "gzip")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", res.StatusCode)
	}
}

func TestNewHandlerRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		services []Service
		want     string
	}{
		"an unknown service": {[]Service{{Name: "frob", Impl: fakeIAM{}}}, "serving frob: its protocol is unknown"},
		"a service twice":    {[]Service{{Name: "iam", Impl: fakeIAM{}}, {Name: "iam", Impl: fakeIAM{}}}, "serving iam: it is configured twice"},
		"nothing":            {[]Service{{Name: "iam"}}, "serving iam: neither Impl nor Handler is set"},
		"both":               {[]Service{{Name: "iam", Impl: fakeIAM{}, Handler: http.NotFoundHandler()}}, "serving iam: both Impl and Handler are set"},
		"no operations":      {[]Service{{Name: "iam", Impl: anybody{}}}, "serving iam: wire.anybody has no method with the signature of an operation"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := NewHandler(testAccount(), anybody{}, tt.services...); err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}
