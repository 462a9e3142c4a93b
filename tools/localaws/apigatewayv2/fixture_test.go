package apigatewayv2_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsapi "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	awslogs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/apigatewayv2"
	"github.com/magewright/magewright/tools/localaws/executeapi"
	"github.com/magewright/magewright/tools/localaws/principal"
)

var begin = time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC)

const (
	functionARN = "arn:aws:lambda:us-east-1:000000000000:function:f"
	otherARN    = "arn:aws:lambda:us-east-1:000000000000:function:other"
)

// A fixture is an API Gateway with one API, whose functions, logs, metrics and
// buckets are fakes.
type fixture struct {
	*apigatewayv2.Service
	*world
	api, url string
}

// world is the rest of the embedded AWS.
type world struct {
	clock, wall *clock.Manual
	gateway     *executeapi.Gateway

	mu      sync.Mutex
	events  []json.RawMessage // of the functions, in order
	answers map[string]func(event []byte) (*awslambda.InvokeOutput, error)
	denied  []string // ARNs of sources
	asked   []string // ARNs of sources
	lines   []string
	group   string
	metrics []awscloudwatch.PutMetricDataInput
	objects map[string]string
}

func (w *world) Permits(_, service, source string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, source)
	return service == "apigateway.amazonaws.com" && !slices.Contains(w.denied, source)
}

func (w *world) Invoke(_ context.Context, in *awslambda.InvokeInput) (*awslambda.InvokeOutput, error) {
	w.mu.Lock()
	w.events = append(w.events, in.Payload)
	answer := w.answers[*in.FunctionName]
	w.mu.Unlock()
	if answer == nil {
		return &awslambda.InvokeOutput{Payload: []byte(`"answered"`)}, nil
	}
	return answer(in.Payload)
}

// answer makes a function answer with a text.
func (w *world) answer(function, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers[function] = func([]byte) (*awslambda.InvokeOutput, error) {
		return &awslambda.InvokeOutput{Payload: []byte(text)}, nil
	}
}

func (w *world) PutMetricData(_ context.Context, in *awscloudwatch.PutMetricDataInput) (*awscloudwatch.PutMetricDataOutput, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.metrics = append(w.metrics, *in)
	return &awscloudwatch.PutMetricDataOutput{}, nil
}

func (w *world) CreateLogStream(context.Context, *awslogs.CreateLogStreamInput) (*awslogs.CreateLogStreamOutput, error) {
	return &awslogs.CreateLogStreamOutput{}, nil
}

func (w *world) PutLogEvents(_ context.Context, in *awslogs.PutLogEventsInput) (*awslogs.PutLogEventsOutput, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.group = *in.LogGroupName
	for _, e := range in.LogEvents {
		w.lines = append(w.lines, *e.Message)
	}
	return &awslogs.PutLogEventsOutput{}, nil
}

func (w *world) GetObject(_ context.Context, in *awss3.GetObjectInput) (*awss3.GetObjectOutput, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text, ok := w.objects[*in.Bucket+"/"+*in.Key]
	if !ok {
		return nil, &s3types.NoSuchKey{}
	}
	return &awss3.GetObjectOutput{Body: io.NopCloser(strings.NewReader(text))}, nil
}

// VerifyRequest knows one access key.
func (w *world) VerifyRequest(r *http.Request, service string) (principal.Principal, error) {
	if service != "execute-api" || !strings.Contains(r.Header.Get("Authorization"), "AKIAKNOWN") {
		return principal.Principal{}, errors.New("the signature does not match")
	}
	return principal.Principal{ARN: "arn:aws:iam::000000000000:user/me", UserID: "AIDA1", Account: "000000000000", AccessKeyID: "AKIAKNOWN"}, nil
}

// last returns the last event.
func (w *world) last(t *testing.T) string {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.events) == 0 {
		t.Fatal("no function was called")
	}
	return string(w.events[len(w.events)-1])
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	w := &world{
		clock: clock.NewManual(begin), wall: clock.NewManual(begin),
		answers: map[string]func([]byte) (*awslambda.InvokeOutput, error){}, objects: map[string]string{},
	}
	a := account.Account{ID: account.DefaultID, Region: "us-east-1", Endpoint: "http://127.0.0.1:4566", Clock: w.clock, Log: slog.New(slog.DiscardHandler)}
	w.gateway = executeapi.New(a, executeapi.Deps{Functions: w, Metrics: w, Logs: w, Wall: w.wall})
	t.Cleanup(func() {
		if err := w.gateway.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	f := &fixture{Service: apigatewayv2.New(a, apigatewayv2.Deps{Gateway: w.gateway, Verifier: w, Objects: w}), world: w}
	out, err := f.CreateApi(t.Context(), &awsapi.CreateApiInput{Name: aws.String("shop"), ProtocolType: types.ProtocolTypeHttp})
	if err != nil {
		t.Fatal(err)
	}
	f.api, f.url = *out.ApiId, *out.ApiEndpoint
	return f
}

func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// integration makes an integration with a function and returns its target.
func (f *fixture) integration(t *testing.T, function, format string) *string {
	t.Helper()
	out := must[*awsapi.CreateIntegrationOutput](t)(f.CreateIntegration(t.Context(), &awsapi.CreateIntegrationInput{
		ApiId: &f.api, IntegrationType: types.IntegrationTypeAwsProxy, IntegrationUri: &function, PayloadFormatVersion: &format,
	}))
	return aws.String("integrations/" + *out.IntegrationId)
}

// route makes a route to a target.
func (f *fixture) route(t *testing.T, key string, target *string, with ...func(*awsapi.CreateRouteInput)) string {
	t.Helper()
	in := &awsapi.CreateRouteInput{ApiId: &f.api, RouteKey: &key, Target: target}
	for _, change := range with {
		change(in)
	}
	return *must[*awsapi.CreateRouteOutput](t)(f.CreateRoute(t.Context(), in)).RouteId
}

// stage makes a stage that deploys automatically.
func (f *fixture) stage(t *testing.T, name string, with ...func(*awsapi.CreateStageInput)) {
	t.Helper()
	in := &awsapi.CreateStageInput{ApiId: &f.api, StageName: &name, AutoDeploy: aws.Bool(true)}
	for _, change := range with {
		change(in)
	}
	must[*awsapi.CreateStageOutput](t)(f.CreateStage(t.Context(), in))
}

// simple gives the API one route to the function and the default stage.
func (f *fixture) simple(t *testing.T, key string, with ...func(*awsapi.CreateRouteInput)) {
	t.Helper()
	f.route(t, key, f.integration(t, functionARN, "2.0"), with...)
	f.stage(t, "$default")
}

// An answer is a response without its body.
type answer struct {
	status int
	header http.Header
	text   string
}

// fetch makes a request. headers are names and values.
func (f *fixture) fetch(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, f.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Add(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}

// wantError checks that an operation has failed with a code and a text.
func wantError(t *testing.T, what string, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("%s: %v, want %q", what, err, part)
	}
}
