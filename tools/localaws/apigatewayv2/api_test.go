package apigatewayv2_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsapi "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
)

// What is not supported is refused by name.
func TestRefusals(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	name := aws.String("n")
	create := func(change func(*awsapi.CreateApiInput)) error {
		in := &awsapi.CreateApiInput{Name: name, ProtocolType: types.ProtocolTypeHttp}
		change(in)
		_, err := f.CreateApi(ctx, in)
		return err
	}
	integrate := func(change func(*awsapi.CreateIntegrationInput)) error {
		in := &awsapi.CreateIntegrationInput{ApiId: &f.api, IntegrationType: types.IntegrationTypeAwsProxy, IntegrationUri: aws.String(functionARN)}
		change(in)
		_, err := f.CreateIntegration(ctx, in)
		return err
	}
	route := func(key string, change func(*awsapi.CreateRouteInput)) error {
		in := &awsapi.CreateRouteInput{ApiId: &f.api, RouteKey: &key}
		if change != nil {
			change(in)
		}
		_, err := f.CreateRoute(ctx, in)
		return err
	}
	stage := func(stage string, change func(*awsapi.CreateStageInput)) error {
		in := &awsapi.CreateStageInput{ApiId: &f.api, StageName: &stage}
		if change != nil {
			change(in)
		}
		_, err := f.CreateStage(ctx, in)
		return err
	}
	authorize := func(change func(*awsapi.CreateAuthorizerInput)) error {
		in := &awsapi.CreateAuthorizerInput{
			ApiId: &f.api, Name: name, AuthorizerType: types.AuthorizerTypeRequest, AuthorizerUri: aws.String(functionARN), AuthorizerPayloadFormatVersion: aws.String("2.0"),
		}
		change(in)
		_, err := f.CreateAuthorizer(ctx, in)
		return err
	}
	token := func(issuer string) func(*awsapi.CreateAuthorizerInput) {
		return func(in *awsapi.CreateAuthorizerInput) {
			in.AuthorizerType, in.AuthorizerUri, in.AuthorizerPayloadFormatVersion = types.AuthorizerTypeJwt, nil, nil
			in.IdentitySource, in.JwtConfiguration = []string{"$request.header.Authorization"}, &types.JWTConfiguration{Issuer: &issuer, Audience: []string{"a"}}
		}
	}
	f.route(t, "GET /pets/{id}", nil)
	for _, tt := range []struct {
		err  error
		part string
	}{
		{create(func(in *awsapi.CreateApiInput) { in.ProtocolType = types.ProtocolTypeWebsocket }), "ProtocolType WEBSOCKET is not supported by the embedded AWS"},
		{create(func(in *awsapi.CreateApiInput) { in.DisableExecuteApiEndpoint = aws.Bool(true) }), "DisableExecuteApiEndpoint is not supported by the embedded AWS"},
		{create(func(in *awsapi.CreateApiInput) { in.Name = nil }), "Name must not be empty"},
		{create(func(in *awsapi.CreateApiInput) { in.Target = aws.String("https://a.example") }), "IntegrationType HTTP_PROXY is not supported by the embedded AWS"},
		{create(func(in *awsapi.CreateApiInput) {
			in.CorsConfiguration = &types.Cors{AllowOrigins: []string{"a.example"}}
		}), "Invalid format for origin a.example"},
		{create(func(in *awsapi.CreateApiInput) {
			in.CorsConfiguration = &types.Cors{AllowOrigins: []string{"*"}, AllowCredentials: aws.Bool(true)}
		}), "allowCredentials can't be used with *"},
		{integrate(func(in *awsapi.CreateIntegrationInput) { in.IntegrationType = types.IntegrationTypeHttpProxy }), "IntegrationType HTTP_PROXY is not supported by the embedded AWS"},
		{integrate(func(in *awsapi.CreateIntegrationInput) { in.IntegrationSubtype = aws.String("SQS-SendMessage") }), "IntegrationSubtype is not supported by the embedded AWS"},
		{integrate(func(in *awsapi.CreateIntegrationInput) {
			in.RequestParameters = map[string]string{"overwrite:path": "/"}
			in.CredentialsArn = name
		}), "CredentialsArn, RequestParameters is not supported by the embedded AWS"},
		{integrate(func(in *awsapi.CreateIntegrationInput) { in.ConnectionType = types.ConnectionTypeVpcLink }), "ConnectionType VPC_LINK is not supported by the embedded AWS"},
		{integrate(func(in *awsapi.CreateIntegrationInput) { in.IntegrationUri = aws.String("https://a.example") }), "Invalid function URI specified: https://a.example"},
		{integrate(func(in *awsapi.CreateIntegrationInput) { in.PayloadFormatVersion = aws.String("3.0") }), "Invalid payloadFormatVersion 3.0"},
		{integrate(func(in *awsapi.CreateIntegrationInput) { in.TimeoutInMillis = aws.Int32(30001) }), "Timeout should be between 50 ms and 30000 ms"},
		{integrate(func(in *awsapi.CreateIntegrationInput) { in.IntegrationUri = aws.String("${stageVariables.function}") }), "Stage variables in IntegrationUri are not supported by the embedded AWS"},
		{integrate(func(in *awsapi.CreateIntegrationInput) {
			in.ResponseParameters = map[string]map[string]string{"2xx": {}}
		}), "Invalid status code 2xx"},
		{integrate(func(in *awsapi.CreateIntegrationInput) {
			in.ResponseParameters = map[string]map[string]string{"200": {"set:header.a": "b"}}
		}), "Invalid mapping expression specified: set:header.a"},
		{integrate(func(in *awsapi.CreateIntegrationInput) {
			in.ResponseParameters = map[string]map[string]string{"200": {"append:header.a": "$response.body.id"}}
		}), "The mapping expression $response.body.id is not supported by the embedded AWS"},
		{integrate(func(in *awsapi.CreateIntegrationInput) {
			in.ResponseParameters = map[string]map[string]string{"200": {"overwrite:statuscode": "ok"}}
		}), "Invalid status code specified: ok"},
		{route("FETCH /", nil), "not formatted properly"},
		{route("GET pets", nil), "not formatted properly"},
		{route("GET /{a+}/b", nil), "a greedy one is the last"},
		{route("GET /{a}/{a}", nil), "a variable has a name of its own"},
		{route("GET /a{b}", nil), "a variable is a whole segment"},
		{route("GET /pets/{other}", nil), "Route with key GET /pets/{other} already exists"},
		{route("GET /", func(in *awsapi.CreateRouteInput) { in.Target = aws.String("integrations/none") }), "Invalid target integrations/none"},
		{route("GET /", func(in *awsapi.CreateRouteInput) { in.ApiKeyRequired = aws.Bool(true) }), "ApiKeyRequired is not supported by the embedded AWS"},
		{route("GET /", func(in *awsapi.CreateRouteInput) {
			in.AuthorizationType, in.AuthorizerId = types.AuthorizationTypeJwt, aws.String("none")
		}), "Unable to find Authorizer by id none"},
		{route("GET /", func(in *awsapi.CreateRouteInput) { in.AuthorizationScopes = []string{"a"} }), "only valid for the authorization type JWT"},
		{stage("a b", nil), "Invalid stage name a b"},
		{stage("a", func(in *awsapi.CreateStageInput) { in.DeploymentId = aws.String("none") }), "Deployment id does not exist"},
		{stage("a", func(in *awsapi.CreateStageInput) { in.ClientCertificateId = name }), "ClientCertificateId is not supported by the embedded AWS"},
		{stage("a", func(in *awsapi.CreateStageInput) {
			in.AccessLogSettings = &types.AccessLogSettings{DestinationArn: aws.String("arn:aws:firehose:us-east-1:000000000000:deliverystream/a"), Format: name}
		}), "writes access logs to log groups of CloudWatch Logs only"},
		{stage("a", func(in *awsapi.CreateStageInput) { in.RouteSettings = map[string]types.RouteSettings{"GET /none": {}} }), "Unable to find Route by key GET /none"},
		{stage("a", func(in *awsapi.CreateStageInput) {
			in.DefaultRouteSettings = &types.RouteSettings{LoggingLevel: types.LoggingLevelInfo}
		}), "Execution logs are not supported on protocolType HTTP"},
		{authorize(func(in *awsapi.CreateAuthorizerInput) { in.AuthorizerCredentialsArn = name }), "AuthorizerCredentialsArn is not supported by the embedded AWS"},
		{authorize(func(in *awsapi.CreateAuthorizerInput) { in.AuthorizerResultTtlInSeconds = aws.Int32(1) }), "needs an identity source"},
		{authorize(func(in *awsapi.CreateAuthorizerInput) { in.IdentitySource = []string{"Authorization"} }), "Invalid identity source Authorization"},
		{authorize(func(in *awsapi.CreateAuthorizerInput) { in.AuthorizerPayloadFormatVersion = nil }), "AuthorizerPayloadFormatVersion is a required parameter"},
		{authorize(token("https://issuer.example")), "is on another machine, and the embedded AWS sends no request there"},
		{authorize(token("ftp://127.0.0.1")), "is on another machine, and the embedded AWS sends no request there"},
	} {
		wantError(t, tt.part, tt.err, tt.part)
		_, bad := errors.AsType[*types.BadRequestException](tt.err)
		_, taken := errors.AsType[*types.ConflictException](tt.err)
		_, missing := errors.AsType[*types.NotFoundException](tt.err)
		if !bad && !taken && !missing {
			t.Errorf("%T: %v", tt.err, tt.err)
		}
	}
	apis := must[*awsapi.GetApisOutput](t)(f.GetApis(ctx, &awsapi.GetApisInput{}))
	integrations := must[*awsapi.GetIntegrationsOutput](t)(f.GetIntegrations(ctx, &awsapi.GetIntegrationsInput{ApiId: &f.api}))
	routes := must[*awsapi.GetRoutesOutput](t)(f.GetRoutes(ctx, &awsapi.GetRoutesInput{ApiId: &f.api}))
	stages := must[*awsapi.GetStagesOutput](t)(f.GetStages(ctx, &awsapi.GetStagesInput{ApiId: &f.api}))
	authorizers := must[*awsapi.GetAuthorizersOutput](t)(f.GetAuthorizers(ctx, &awsapi.GetAuthorizersInput{ApiId: &f.api}))
	if n := len(apis.Items) - 1 + len(integrations.Items) + len(routes.Items) - 1 + len(stages.Items) + len(authorizers.Items); n != 0 {
		t.Errorf("%d refused resources were made", n)
	}
}

func TestChanges(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	target := f.integration(t, functionARN, "2.0")
	integration := aws.String((*target)[len("integrations/"):])
	id := f.route(t, "GET /a", target)
	f.stage(t, "$default")

	_, err := f.DeleteIntegration(ctx, &awsapi.DeleteIntegrationInput{ApiId: &f.api, IntegrationId: integration})
	wantError(t, "an integration in use", err, "Referenced by route 'GET /a'")
	must[*awsapi.UpdateRouteOutput](t)(f.UpdateRoute(ctx, &awsapi.UpdateRouteInput{ApiId: &f.api, RouteId: &id, RouteKey: aws.String("GET /b")}))
	if a, b := f.fetch(t, "GET", "/a", "").Status, f.fetch(t, "GET", "/b", "").Status; a != 404 || b != 200 {
		t.Errorf("a renamed route: %d %d", a, b)
	}
	must[*awsapi.UpdateIntegrationOutput](t)(f.UpdateIntegration(ctx, &awsapi.UpdateIntegrationInput{ApiId: &f.api, IntegrationId: integration, IntegrationUri: aws.String(otherARN)}))
	f.Answer(otherARN, `"other"`)
	if got := f.fetch(t, "GET", "/b", ""); got.Text != "other" {
		t.Errorf("another function: %+v", got)
	}
	got := must[*awsapi.GetIntegrationOutput](t)(f.GetIntegration(ctx, &awsapi.GetIntegrationInput{ApiId: &f.api, IntegrationId: integration}))
	if *got.IntegrationUri != otherARN || *got.TimeoutInMillis != 30000 || *got.PayloadFormatVersion != "2.0" || *got.IntegrationMethod != "POST" {
		t.Errorf("integration %+v", got)
	}
	route := must[*awsapi.GetRouteOutput](t)(f.GetRoute(ctx, &awsapi.GetRouteInput{ApiId: &f.api, RouteId: &id}))
	if *route.RouteKey != "GET /b" || route.AuthorizationType != types.AuthorizationTypeNone || *route.Target != *target {
		t.Errorf("route %+v", route)
	}
	must[*awsapi.DeleteRouteOutput](t)(f.DeleteRoute(ctx, &awsapi.DeleteRouteInput{ApiId: &f.api, RouteId: &id}))
	must[*awsapi.DeleteIntegrationOutput](t)(f.DeleteIntegration(ctx, &awsapi.DeleteIntegrationInput{ApiId: &f.api, IntegrationId: integration}))
	if b := f.fetch(t, "GET", "/b", "").Status; b != 404 {
		t.Errorf("a deleted route: %d", b)
	}
	for name, err := range map[string]error{
		"api":         second(f.GetApi(ctx, &awsapi.GetApiInput{ApiId: aws.String("none")})),
		"route":       second(f.GetRoute(ctx, &awsapi.GetRouteInput{ApiId: &f.api, RouteId: &id})),
		"integration": second(f.GetIntegration(ctx, &awsapi.GetIntegrationInput{ApiId: &f.api, IntegrationId: integration})),
		"stage":       second(f.GetStage(ctx, &awsapi.GetStageInput{ApiId: &f.api, StageName: aws.String("none")})),
		"authorizer":  second(f.GetAuthorizer(ctx, &awsapi.GetAuthorizerInput{ApiId: &f.api, AuthorizerId: aws.String("none")})),
		"deployment":  second(f.GetDeployment(ctx, &awsapi.GetDeploymentInput{ApiId: &f.api, DeploymentId: aws.String("none")})),
	} {
		if _, missing := errors.AsType[*types.NotFoundException](err); !missing {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestTags(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	f.stage(t, "prod", func(in *awsapi.CreateStageInput) { in.Tags = map[string]string{"a": "1"} })
	for path, want := range map[string]map[string]string{"": {"c": "3"}, "/stages/prod": {"a": "1", "c": "3"}} {
		arn := aws.String("arn:aws:apigateway:us-east-1::/apis/" + f.api + path)
		must[*awsapi.TagResourceOutput](t)(f.TagResource(ctx, &awsapi.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"b": "2", "c": "3"}}))
		must[*awsapi.UntagResourceOutput](t)(f.UntagResource(ctx, &awsapi.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"b"}}))
		got := must[*awsapi.GetTagsOutput](t)(f.GetTags(ctx, &awsapi.GetTagsInput{ResourceArn: arn}))
		if !maps.Equal(got.Tags, want) {
			t.Errorf("%s: %v", path, got.Tags)
		}
	}
	_, err := f.GetTags(ctx, &awsapi.GetTagsInput{ResourceArn: aws.String("arn:aws:apigateway:us-east-1::/vpclinks/a")})
	wantError(t, "another resource", err, "tags of APIs and stages only")
}

func TestPages(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, key := range []string{"GET /a", "GET /b", "GET /c"} {
		f.route(t, key, nil)
	}
	var keys []string
	in := &awsapi.GetRoutesInput{ApiId: &f.api, MaxResults: aws.String("2")}
	pages := 0
	for {
		out := must[*awsapi.GetRoutesOutput](t)(f.GetRoutes(t.Context(), in))
		pages++
		for _, r := range out.Items {
			keys = append(keys, *r.RouteKey)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	slices.Sort(keys)
	if pages != 2 || !slices.Equal(keys, []string{"GET /a", "GET /b", "GET /c"}) {
		t.Errorf("%d pages: %v", pages, keys)
	}
	_, err := f.GetRoutes(t.Context(), &awsapi.GetRoutesInput{ApiId: &f.api, NextToken: aws.String("x")})
	wantError(t, "a token", err, "Invalid next token x")
}
