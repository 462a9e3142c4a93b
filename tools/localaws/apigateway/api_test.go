package apigateway_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsapi "github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"
)

// What is not supported is refused by name.
func TestRefusals(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	f.method(t, "GET /items/{id}")
	item := f.resource(t, "/items/{id}")
	name := aws.String("n")
	create := func(change func(*awsapi.CreateRestApiInput)) error {
		in := &awsapi.CreateRestApiInput{Name: name}
		change(in)
		_, err := f.CreateRestApi(ctx, in)
		return err
	}
	resource := func(parent *string, part string) error {
		_, err := f.CreateResource(ctx, &awsapi.CreateResourceInput{RestApiId: &f.api, ParentId: parent, PathPart: &part})
		return err
	}
	put := func(change func(*awsapi.PutMethodInput)) error {
		in := &awsapi.PutMethodInput{RestApiId: &f.api, ResourceId: &f.root, HttpMethod: aws.String("GET"), AuthorizationType: aws.String("NONE")}
		change(in)
		_, err := f.PutMethod(ctx, in)
		return err
	}
	integrate := func(change func(*awsapi.PutIntegrationInput)) error {
		in := &awsapi.PutIntegrationInput{
			RestApiId: &f.api, ResourceId: item, HttpMethod: aws.String("GET"), Type: types.IntegrationTypeAws, IntegrationHttpMethod: aws.String("POST"), Uri: uri(functionARN),
		}
		change(in)
		_, err := f.PutIntegration(ctx, in)
		return err
	}
	authorize := func(change func(*awsapi.CreateAuthorizerInput)) error {
		in := &awsapi.CreateAuthorizerInput{
			RestApiId: &f.api, Name: name, Type: types.AuthorizerTypeToken, AuthorizerUri: uri(otherARN), IdentitySource: aws.String("method.request.header.Authorization"),
		}
		change(in)
		_, err := f.CreateAuthorizer(ctx, in)
		return err
	}
	f.deploy(t)
	stage := func(path, value string) error {
		_, err := f.UpdateStage(ctx, &awsapi.UpdateStageInput{RestApiId: &f.api, StageName: aws.String("prod"), PatchOperations: []types.PatchOperation{{Op: types.OpReplace, Path: &path, Value: &value}}})
		return err
	}
	model := func(name, schema string) error {
		_, err := f.CreateModel(ctx, &awsapi.CreateModelInput{RestApiId: &f.api, Name: &name, ContentType: aws.String("application/json"), Schema: &schema})
		return err
	}
	plan := func(change func(*awsapi.CreateUsagePlanInput)) error {
		in := &awsapi.CreateUsagePlanInput{Name: name}
		change(in)
		_, err := f.CreateUsagePlan(ctx, in)
		return err
	}
	respond := func(change func(*awsapi.PutGatewayResponseInput)) error {
		in := &awsapi.PutGatewayResponseInput{RestApiId: &f.api, ResponseType: types.GatewayResponseTypeThrottled}
		change(in)
		_, err := f.PutGatewayResponse(ctx, in)
		return err
	}
	for _, tt := range []struct {
		err  error
		part string
	}{
		{create(func(in *awsapi.CreateRestApiInput) { in.Policy = name }), "Policy is not supported by the embedded AWS"},
		{create(func(in *awsapi.CreateRestApiInput) { in.DisableExecuteApiEndpoint = true }), "DisableExecuteApiEndpoint is not supported by the embedded AWS"},
		{create(func(in *awsapi.CreateRestApiInput) { in.MinimumCompressionSize = aws.Int32(1) }), "MinimumCompressionSize is not supported by the embedded AWS"},
		{create(func(in *awsapi.CreateRestApiInput) { in.ApiKeySource = types.ApiKeySourceTypeAuthorizer }), "The API key source AUTHORIZER is not supported by the embedded AWS"},
		{create(func(in *awsapi.CreateRestApiInput) {
			in.EndpointConfiguration = &types.EndpointConfiguration{Types: []types.EndpointType{types.EndpointTypePrivate}}
		}), "A private API is not supported by the embedded AWS"},
		{create(func(in *awsapi.CreateRestApiInput) { in.Name = nil }), "API name should not be empty"},
		{resource(&f.root, "items"), "already has this name: items"},
		{resource(f.resource(t, "/items"), "{other}"), "A sibling ({id}) of this resource already has a variable path part"},
		{resource(&f.root, "a/b"), "Resource's path part only allow"},
		{resource(name, "a"), "Invalid Resource identifier specified"},
		{put(func(in *awsapi.PutMethodInput) { in.HttpMethod = aws.String("FETCH") }), "Invalid HttpMethod specified"},
		{put(func(in *awsapi.PutMethodInput) { in.AuthorizationType = aws.String("COGNITO_USER_POOLS") }), "Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid authorizer."},
		{put(func(in *awsapi.PutMethodInput) { in.AuthorizationType = aws.String("CUSTOM") }), "Invalid authorizer ID specified"},
		{put(func(in *awsapi.PutMethodInput) { in.RequestValidatorId = name }), "Invalid Request Validator identifier"},
		{put(func(in *awsapi.PutMethodInput) { in.RequestModels = map[string]string{"application/json": "None"} }), "Invalid model identifier specified: None"},
		{put(func(in *awsapi.PutMethodInput) { in.RequestParameters = map[string]bool{"q": true} }), "Invalid Parameter name specified: q"},
		{integrate(func(in *awsapi.PutIntegrationInput) { in.Type = types.IntegrationTypeHttpProxy }), "An integration of type HTTP_PROXY is not supported by the embedded AWS"},
		{integrate(func(in *awsapi.PutIntegrationInput) { in.ContentHandling = types.ContentHandlingStrategyConvertToText }), "ContentHandling is not supported by the embedded AWS"},
		{integrate(func(in *awsapi.PutIntegrationInput) { in.Uri = aws.String("arn:aws:apigateway:us-east-1:s3:path/b") }), "An integration with the service s3 (it supports dynamodb, sns and sqs) is not supported"},
		{integrate(func(in *awsapi.PutIntegrationInput) { in.Uri = aws.String("arn:aws:apigateway:us-east-1:sqs:path/q") }), "Role ARN must be specified"},
		{integrate(func(in *awsapi.PutIntegrationInput) {
			in.Uri, in.Credentials = aws.String("arn:aws:apigateway:us-east-1:sqs:path/q"), aws.String("arn:aws:iam::*:user/*")
		}), "The caller's credentials (arn:aws:iam::*:user/*) is not supported"},
		{integrate(func(in *awsapi.PutIntegrationInput) { in.Credentials = aws.String(roleARN) }), "Credentials of an integration with a function, other than the caller's, is not supported"},
		{integrate(func(in *awsapi.PutIntegrationInput) {
			in.RequestTemplates = map[string]string{"application/json": "#if($a)#end"}
		}), "The mapping template for application/json is not supported by the embedded AWS: it has the directive #if"},
		{integrate(func(in *awsapi.PutIntegrationInput) { in.TimeoutInMillis = aws.Int32(30000) }), "Timeout should be between 50 ms and 29000 ms"},
		{integrate(func(in *awsapi.PutIntegrationInput) {
			in.RequestParameters = map[string]string{"integration.request.header.X-Amz-Invocation-Type": "'Event'"}
		}), "RequestParameters of an integration with a function is not supported"},
		{integrate(func(in *awsapi.PutIntegrationInput) {
			in.Type, in.RequestParameters = types.IntegrationTypeMock, map[string]string{"integration.request.header.A": "method.request.body"}
		}), "Invalid mapping expression specified"},
		{authorize(func(in *awsapi.CreateAuthorizerInput) { in.Type = types.AuthorizerTypeCognitoUserPools }), "ProviderARNs is required for an authorizer of type COGNITO_USER_POOLS"},
		{authorize(func(in *awsapi.CreateAuthorizerInput) { in.AuthorizerCredentials = aws.String(roleARN) }), "AuthorizerCredentials is not supported by the embedded AWS"},
		{authorize(func(in *awsapi.CreateAuthorizerInput) { in.IdentitySource = aws.String("Authorization") }), "Invalid identity source specified: Authorization"},
		{authorize(func(in *awsapi.CreateAuthorizerInput) { in.AuthorizerResultTtlInSeconds = aws.Int32(3601) }), "Authorizer result TTL must be between"},
		{stage("/*/*/logging/loglevel", "ALL"), "Invalid logging level specified: ALL"},
		{stage("/*/*/caching/ttlInSeconds", "3601"), "Invalid cache TTL, must be between 0 and 3600"},
		{stage("/*/*/caching/size", "1"), "Invalid patch path '/*/*/caching/size'"},
		{stage("/tracingEnabled", "true"), "tracingEnabled is not supported by the embedded AWS"},
		{stage("/canarySettings/percentTraffic", "10"), "Invalid patch path '/canarySettings/percentTraffic'"},
		{stage("/*/*/throttling/rateLimit", "many"), "Invalid throttling limit specified: many"},
		{stage("/deploymentId", "none"), "Invalid Deployment identifier specified"},
		{stage("/accessLogSettings/destinationArn", "arn:aws:firehose:us-east-1:000000000000:deliverystream/a"), "writes access logs to log groups of CloudWatch Logs only"},
		{model("a-b", "{}"), "Model name must be alphanumeric"},
		{model("Item", `{"const":1}`), "the embedded AWS does not support the keyword const"},
		{model("Empty", `{}`), "Model name already exists"},
		{plan(func(in *awsapi.CreateUsagePlanInput) {
			in.ApiStages = []types.ApiStage{{ApiId: &f.api, Stage: aws.String("none")}}
		}), "API Stage not found"},
		{plan(func(in *awsapi.CreateUsagePlanInput) { in.Quota = &types.QuotaSettings{Limit: 1, Period: "YEAR"} }), "a period of DAY, WEEK or MONTH"},
		{respond(func(in *awsapi.PutGatewayResponseInput) { in.ResponseType = "NONE" }), "Invalid response type specified: NONE"},
		{respond(func(in *awsapi.PutGatewayResponseInput) {
			in.ResponseTemplates = map[string]string{"application/json": "$foo"}
		}), "there is no such variable"},
	} {
		wantError(t, tt.part, tt.err, tt.part)
		_, bad := errors.AsType[*types.BadRequestException](tt.err)
		_, taken := errors.AsType[*types.ConflictException](tt.err)
		_, missing := errors.AsType[*types.NotFoundException](tt.err)
		if !bad && !taken && !missing {
			t.Errorf("%T: %v", tt.err, tt.err)
		}
	}
	apis := must[*awsapi.GetRestApisOutput](t)(f.GetRestApis(ctx, &awsapi.GetRestApisInput{}))
	authorizers := must[*awsapi.GetAuthorizersOutput](t)(f.GetAuthorizers(ctx, &awsapi.GetAuthorizersInput{RestApiId: &f.api}))
	models := must[*awsapi.GetModelsOutput](t)(f.GetModels(ctx, &awsapi.GetModelsInput{RestApiId: &f.api}))
	plans := must[*awsapi.GetUsagePlansOutput](t)(f.GetUsagePlans(ctx, &awsapi.GetUsagePlansInput{}))
	if n := len(apis.Items) - 1 + len(authorizers.Items) + len(models.Items) - 2 + len(plans.Items); n != 0 {
		t.Errorf("%d refused resources were made", n)
	}
}

// Changes reach a stage with the next deployment.
func TestChanges(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	_, err := f.CreateDeployment(ctx, &awsapi.CreateDeploymentInput{RestApiId: &f.api})
	wantError(t, "a deployment without methods", err, "doesn't contain any methods")
	f.method(t, "GET /a")
	f.Answer(functionARN, `{"statusCode":200}`)
	f.deploy(t)
	status := func(path string) int { return f.fetch(t, "GET", path, "").Status }
	f.method(t, "GET /b")
	if a, b := status("/a"), status("/b"); a != 200 || b != 403 {
		t.Errorf("before the deployment: %d %d", a, b)
	}
	first := must[*awsapi.GetStageOutput](t)(f.GetStage(ctx, &awsapi.GetStageInput{RestApiId: &f.api, StageName: aws.String("prod")}))
	f.deploy(t)
	if b := status("/b"); b != 200 {
		t.Errorf("after it: %d", b)
	}
	_, err = f.DeleteDeployment(ctx, &awsapi.DeleteDeploymentInput{RestApiId: &f.api, DeploymentId: must[*awsapi.GetStageOutput](t)(f.GetStage(ctx, &awsapi.GetStageInput{RestApiId: &f.api, StageName: aws.String("prod")})).DeploymentId})
	wantError(t, "a deployment in use", err, "Active stages pointing to this deployment")
	must[*awsapi.UpdateStageOutput](t)(f.UpdateStage(ctx, &awsapi.UpdateStageInput{
		RestApiId: &f.api, StageName: aws.String("prod"), PatchOperations: []types.PatchOperation{{Op: types.OpReplace, Path: aws.String("/deploymentId"), Value: first.DeploymentId}},
	}))
	if b := status("/b"); b != 403 {
		t.Errorf("back at the first: %d", b)
	}
	must[*awsapi.DeleteResourceOutput](t)(f.DeleteResource(ctx, &awsapi.DeleteResourceInput{RestApiId: &f.api, ResourceId: f.resource(t, "/a")}))
	if a := status("/a"); a != 200 {
		t.Errorf("a deleted resource that is still deployed: %d", a)
	}
	must[*awsapi.CreateStageOutput](t)(f.CreateStage(ctx, &awsapi.CreateStageInput{RestApiId: &f.api, StageName: aws.String("test"), DeploymentId: first.DeploymentId}))
	must[*awsapi.DeleteStageOutput](t)(f.DeleteStage(ctx, &awsapi.DeleteStageInput{RestApiId: &f.api, StageName: aws.String("prod")}))
	if a := status("/a"); a != 403 {
		t.Errorf("a deleted stage: %d", a)
	}
	stages := must[*awsapi.GetStagesOutput](t)(f.GetStages(ctx, &awsapi.GetStagesInput{RestApiId: &f.api, DeploymentId: first.DeploymentId}))
	deployments := must[*awsapi.GetDeploymentsOutput](t)(f.GetDeployments(ctx, &awsapi.GetDeploymentsInput{RestApiId: &f.api}))
	if len(stages.Item) != 1 || *stages.Item[0].StageName != "test" || len(deployments.Items) != 2 {
		t.Errorf("%d stages, %d deployments", len(stages.Item), len(deployments.Items))
	}
	must[*awsapi.UpdateRestApiOutput](t)(f.UpdateRestApi(ctx, &awsapi.UpdateRestApiInput{RestApiId: &f.api, PatchOperations: []types.PatchOperation{
		{Op: types.OpReplace, Path: aws.String("/name"), Value: aws.String("cart")}, {Op: types.OpRemove, Path: aws.String("/binaryMediaTypes/image~1png")},
	}}))
	if api := must[*awsapi.GetRestApiOutput](t)(f.GetRestApi(ctx, &awsapi.GetRestApiInput{RestApiId: &f.api})); *api.Name != "cart" || len(api.BinaryMediaTypes) != 0 {
		t.Errorf("%+v", api)
	}
	must[*awsapi.DeleteRestApiOutput](t)(f.DeleteRestApi(ctx, &awsapi.DeleteRestApiInput{RestApiId: &f.api}))
	_, err = f.GetRestApi(ctx, &awsapi.GetRestApiInput{RestApiId: &f.api})
	wantError(t, "a deleted API", err, "Invalid API identifier specified")
}

func TestTags(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	f.method(t, "GET /")
	f.deploy(t)
	key := must[*awsapi.CreateApiKeyOutput](t)(f.CreateApiKey(ctx, &awsapi.CreateApiKeyInput{Tags: map[string]string{"a": "1"}})).Id
	plan := must[*awsapi.CreateUsagePlanOutput](t)(f.CreateUsagePlan(ctx, &awsapi.CreateUsagePlanInput{Name: aws.String("p")})).Id
	for path, want := range map[string]map[string]string{
		"/restapis/" + f.api: {"c": "3"}, "/restapis/" + f.api + "/stages/prod": {"c": "3"}, "/apikeys/" + *key: {"a": "1", "c": "3"}, "/usageplans/" + *plan: {"c": "3"},
	} {
		arn := aws.String("arn:aws:apigateway:us-east-1::" + path)
		must[*awsapi.TagResourceOutput](t)(f.TagResource(ctx, &awsapi.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"b": "2", "c": "3"}}))
		must[*awsapi.UntagResourceOutput](t)(f.UntagResource(ctx, &awsapi.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"b"}}))
		if got := must[*awsapi.GetTagsOutput](t)(f.GetTags(ctx, &awsapi.GetTagsInput{ResourceArn: arn})); !maps.Equal(got.Tags, want) {
			t.Errorf("%s: %v, want %v", path, got.Tags, want)
		}
	}
	_, err := f.GetTags(ctx, &awsapi.GetTagsInput{ResourceArn: aws.String("arn:aws:apigateway:us-east-1::/vpclinks/a")})
	wantError(t, "another resource", err, "tags of APIs, stages, API keys and usage plans")
	must[*awsapi.UpdateAccountOutput](t)(f.UpdateAccount(ctx, &awsapi.UpdateAccountInput{PatchOperations: []types.PatchOperation{{Op: types.OpReplace, Path: aws.String("/cloudwatchRoleArn"), Value: aws.String(roleARN)}}}))
	if account := must[*awsapi.GetAccountOutput](t)(f.GetAccount(ctx, &awsapi.GetAccountInput{})); *account.CloudwatchRoleArn != roleARN || account.ThrottleSettings.BurstLimit != 5000 {
		t.Errorf("%+v", account)
	}
}

// Lists come in pages of 25 or as many items as the request asks for.
func TestPages(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var names []string
	in := &awsapi.GetModelsInput{RestApiId: &f.api, Limit: aws.Int32(1)}
	for range 3 {
		out := must[*awsapi.GetModelsOutput](t)(f.GetModels(t.Context(), in))
		for _, m := range out.Items {
			names = append(names, *m.Name)
		}
		if in.Position = out.Position; in.Position == nil {
			break
		}
	}
	if !slices.Equal(names, []string{"Empty", "Error"}) {
		t.Errorf("models %v", names)
	}
	for range 26 {
		must[*awsapi.CreateApiKeyOutput](t)(f.CreateApiKey(t.Context(), &awsapi.CreateApiKeyInput{}))
	}
	if out := must[*awsapi.GetApiKeysOutput](t)(f.GetApiKeys(t.Context(), &awsapi.GetApiKeysInput{Position: aws.String("")})); len(out.Items) != 25 || aws.ToString(out.Position) != "25" {
		t.Errorf("%d keys, then %v", len(out.Items), out.Position)
	}
	_, err := f.GetModels(t.Context(), &awsapi.GetModelsInput{RestApiId: &f.api, Position: aws.String("x")})
	wantError(t, "a position", err, "Invalid position parameter: x")
	for limit, message := range map[int32]string{0: "Invalid limit: 0", 501: "Invalid limit: 501"} {
		_, err := f.GetModels(t.Context(), &awsapi.GetModelsInput{RestApiId: &f.api, Limit: &limit})
		wantError(t, "a limit", err, message)
	}
}
