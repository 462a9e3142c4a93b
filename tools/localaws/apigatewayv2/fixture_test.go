package apigatewayv2_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsapi "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/magewright/magewright/tools/localaws/apigatewayv2"
	"github.com/magewright/magewright/tools/localaws/executeapi/executeapitest"
)

const (
	functionARN = "arn:aws:lambda:us-east-1:000000000000:function:f"
	otherARN    = "arn:aws:lambda:us-east-1:000000000000:function:other"
)

// A fixture is an API Gateway with one API, whose functions, logs, metrics and
// buckets are fakes.
type fixture struct {
	*apigatewayv2.Service
	*executeapitest.World
	api, url string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	w := executeapitest.New(t)
	f := &fixture{Service: apigatewayv2.New(w.Account, apigatewayv2.Deps{Gateway: w.Gateway, Verifier: w, Objects: w}), World: w}
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

// fetch makes a request. headers are names and values.
func (f *fixture) fetch(t *testing.T, method, path, body string, headers ...string) executeapitest.Response {
	t.Helper()
	return executeapitest.Fetch(t, method, f.url+path, body, headers...)
}

// wantError checks that an operation has failed with a text.
func wantError(t *testing.T, what string, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("%s: %v, want %q", what, err, part)
	}
}
