package apigateway_test

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsapi "github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/magewright/magewright/tools/localaws/apigateway"
	"github.com/magewright/magewright/tools/localaws/executeapi/executeapitest"
	"github.com/magewright/magewright/tools/localaws/principal"
)

const (
	functionARN = "arn:aws:lambda:us-east-1:000000000000:function:f"
	otherARN    = "arn:aws:lambda:us-east-1:000000000000:function:other"
	roleARN     = "arn:aws:iam::000000000000:role/integration"
)

// uri returns the URI of an integration with a function.
func uri(function string) *string {
	return aws.String("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/" + function + "/invocations")
}

// roles has one role, which only API Gateway may assume.
type roles struct{}

func (roles) AssumeRole(ctx context.Context, in *awssts.AssumeRoleInput) (*awssts.AssumeRoleOutput, error) {
	if who := principal.FromContext(ctx); who.ARN != "apigateway.amazonaws.com" || *in.RoleArn != roleARN {
		return nil, &ststypes.RegionDisabledException{}
	}
	return &awssts.AssumeRoleOutput{Credentials: &ststypes.Credentials{
		AccessKeyId: aws.String("ASIAROLE"), SecretAccessKey: aws.String("secret"), SessionToken: aws.String("token"),
	}}, nil
}

// A fixture is an API Gateway with one API, whose functions, logs and metrics are
// fakes.
type fixture struct {
	*apigateway.Service
	*executeapitest.World
	api, root, url string
}

func newFixture(t *testing.T, change ...func(*executeapitest.World)) *fixture {
	t.Helper()
	w := executeapitest.New(t)
	for _, f := range change {
		f(w)
	}
	f := &fixture{Service: apigateway.New(w.Account, apigateway.Deps{Gateway: w.Gateway, Verifier: w, Roles: roles{}}), World: w}
	out := must[*awsapi.CreateRestApiOutput](t)(f.CreateRestApi(t.Context(), &awsapi.CreateRestApiInput{Name: aws.String("shop"), BinaryMediaTypes: []string{"image/png"}}))
	f.api, f.root = *out.Id, *out.RootResourceId
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

// resource makes the resources of a path and returns the id of the last.
func (f *fixture) resource(t *testing.T, path string) *string {
	t.Helper()
	id, at := &f.root, ""
	for part := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if part == "" {
			break
		}
		at += "/" + part
		all := must[*awsapi.GetResourcesOutput](t)(f.GetResources(t.Context(), &awsapi.GetResourcesInput{RestApiId: &f.api, Limit: aws.Int32(500)}))
		var found *string
		for _, r := range all.Items {
			if *r.Path == at {
				found = r.Id
			}
		}
		if found == nil {
			found = must[*awsapi.CreateResourceOutput](t)(f.CreateResource(t.Context(), &awsapi.CreateResourceInput{RestApiId: &f.api, ParentId: id, PathPart: &part})).Id
		}
		id = found
	}
	return id
}

// A method is what a test wants of a method.
type method struct {
	put       awsapi.PutMethodInput
	integrate awsapi.PutIntegrationInput
	responses []awsapi.PutIntegrationResponseInput
}

// method makes a method such as "GET /items". By default it is a proxy integration
// with the function.
func (f *fixture) method(t *testing.T, key string, with ...func(*method)) {
	t.Helper()
	name, path, _ := strings.Cut(key, " ")
	id := f.resource(t, path)
	m := &method{
		put:       awsapi.PutMethodInput{AuthorizationType: aws.String("NONE")},
		integrate: awsapi.PutIntegrationInput{Type: types.IntegrationTypeAwsProxy, IntegrationHttpMethod: aws.String("POST"), Uri: uri(functionARN)},
	}
	for _, change := range with {
		change(m)
	}
	ctx := t.Context()
	m.put.RestApiId, m.put.ResourceId, m.put.HttpMethod = &f.api, id, &name
	must[*awsapi.PutMethodOutput](t)(f.PutMethod(ctx, &m.put))
	m.integrate.RestApiId, m.integrate.ResourceId, m.integrate.HttpMethod = &f.api, id, &name
	must[*awsapi.PutIntegrationOutput](t)(f.PutIntegration(ctx, &m.integrate))
	for _, r := range m.responses {
		declared := map[string]bool{}
		for parameter := range r.ResponseParameters {
			declared[parameter] = false
		}
		must[*awsapi.PutMethodResponseOutput](t)(f.PutMethodResponse(ctx, &awsapi.PutMethodResponseInput{
			RestApiId: &f.api, ResourceId: id, HttpMethod: &name, StatusCode: r.StatusCode, ResponseParameters: declared,
		}))
		r.RestApiId, r.ResourceId, r.HttpMethod = &f.api, id, &name
		must[*awsapi.PutIntegrationResponseOutput](t)(f.PutIntegrationResponse(ctx, &r))
	}
}

// deploy deploys the API to the stage prod, with changes of its settings.
func (f *fixture) deploy(t *testing.T, changes ...string) {
	t.Helper()
	ctx := t.Context()
	must[*awsapi.CreateDeploymentOutput](t)(f.CreateDeployment(ctx, &awsapi.CreateDeploymentInput{RestApiId: &f.api, StageName: aws.String("prod")}))
	var operations []types.PatchOperation
	for _, change := range changes {
		path, value, _ := strings.Cut(change, "=")
		operations = append(operations, types.PatchOperation{Op: types.OpReplace, Path: &path, Value: &value})
	}
	must[*awsapi.UpdateStageOutput](t)(f.UpdateStage(ctx, &awsapi.UpdateStageInput{RestApiId: &f.api, StageName: aws.String("prod"), PatchOperations: operations}))
	f.url = f.Gateway.Addresses("https://"+f.api+".execute-api.us-east-1.amazonaws.com") + "/prod"
}

// fetch makes a request to the stage prod. headers are names and values.
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
