package types

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsapigateway "github.com/aws/aws-sdk-go-v2/service/apigateway"
	apigatewaytypes "github.com/aws/aws-sdk-go-v2/service/apigateway/types"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

type restAPIs struct{ Deps }

// restOf returns the REST API that a resource belongs to.
func restOf(r *resource.Request) *string { return aws.String(stringOf(r.Properties, "RestApiId")) }

// replace returns the patch operation that sets a value.
func replace(path, value string) apigatewaytypes.PatchOperation {
	return apigatewaytypes.PatchOperation{Op: apigatewaytypes.OpReplace, Path: aws.String(path), Value: aws.String(value)}
}

// patchOf returns the patch operations for the scalar properties that an update
// changes. paths has the path of each property.
func patchOf(r *resource.Request, paths map[string]string) []apigatewaytypes.PatchOperation {
	var operations []apigatewaytypes.PatchOperation
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		if changed(r, name) {
			operations = append(operations, replace(paths[name], stringOf(r.Properties, name)))
		}
	}
	return operations
}

// retag changes the tags of a resource of API Gateway.
func (a restAPIs) retag(ctx context.Context, r *resource.Request, path string) error {
	arn := aws.String("arn:aws:apigateway:" + a.Account.Region + "::" + path)
	return retag(r,
		func(tags map[string]string) error {
			_, err := a.RestAPIs.TagResource(ctx, &awsapigateway.TagResourceInput{ResourceArn: arn, Tags: tags})
			return err
		},
		func(keys []string) error {
			_, err := a.RestAPIs.UntagResource(ctx, &awsapigateway.UntagResourceInput{ResourceArn: arn, TagKeys: keys})
			return err
		})
}

// restAPI is AWS::ApiGateway::RestApi.
func restAPI(d Deps) definition {
	a := restAPIs{d}
	return definition{
		Type: resource.Type{
			Name: "AWS::ApiGateway::RestApi",
			Properties: []string{
				"ApiKeySourceType", "BinaryMediaTypes", "Body", "Description", "DisableExecuteApiEndpoint", "EndpointConfiguration", "FailOnWarnings", "Mode",
				"Name", "Parameters", "Tags",
			},
			Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				in := &awsapigateway.CreateRestApiInput{}
				if err := decodeTagged(r, in, &in.Tags, imports...); err != nil {
					return nil, err
				}
				if kind := endpointOf(r); kind != "" && in.EndpointConfiguration == nil {
					in.EndpointConfiguration = &apigatewaytypes.EndpointConfiguration{Types: []apigatewaytypes.EndpointType{apigatewaytypes.EndpointType(kind)}}
				}
				if in.Name == nil {
					in.Name = titleOf(r)
				}
				out, err := d.RestAPIs.CreateRestApi(ctx, in)
				if err != nil {
					return nil, err
				}
				return restResult(out.Id, out.RootResourceId), a.load(ctx, r, out.Id)
			},
			Update: a.updateAPI,
			Delete: func(ctx context.Context, r *resource.Request) error {
				_, err := d.RestAPIs.DeleteRestApi(ctx, &awsapigateway.DeleteRestApiInput{RestApiId: aws.String(r.PhysicalID)})
				return err
			},
		},
	}
}

// imports are the properties of APIs that are about an OpenAPI document.
var imports = []string{"Body", "FailOnWarnings", "Mode", "Parameters"}

// titleOf returns the name of an API that only its document has.
func titleOf(r *resource.Request) *string {
	body, _ := r.Properties["Body"].(map[string]any)
	info, _ := body["info"].(map[string]any)
	if title := stringOf(info, "title"); title != "" {
		return &title
	}
	return nil
}

// endpointOf returns the type of endpoint among the parameters of an import.
func endpointOf(r *resource.Request) string {
	parameters, _ := r.Properties["Parameters"].(map[string]any)
	return stringOf(parameters, "endpointConfigurationTypes")
}

// load makes the API of its document, if it has one.
func (a restAPIs) load(ctx context.Context, r *resource.Request, id *string) error {
	text, err := document(r.Properties, "Body")
	if err != nil || text == nil {
		return err
	}
	_, err = a.RestAPIs.PutRestApi(ctx, &awsapigateway.PutRestApiInput{RestApiId: id, Mode: apigatewaytypes.PutModeOverwrite, Body: []byte(*text)})
	return err
}

func restResult(id, root *string) *resource.Result {
	return &resource.Result{
		PhysicalID: aws.ToString(id), Attributes: map[string]any{"RestApiId": aws.ToString(id), "RootResourceId": aws.ToString(root)},
	}
}

func (a restAPIs) updateAPI(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	if changed(r, "ApiKeySourceType", "DisableExecuteApiEndpoint", "EndpointConfiguration") {
		return nil, failure(r, "NotUpdatable", "The embedded AWS can't change ApiKeySourceType, DisableExecuteApiEndpoint and EndpointConfiguration of API %s.", r.PhysicalID)
	}
	in := &awsapigateway.UpdateRestApiInput{RestApiId: aws.String(r.PhysicalID)}
	in.PatchOperations = patchOf(r, map[string]string{"Description": "/description", "Name": "/name"})
	if _, has := r.Properties["Name"]; !has {
		// The name is the document's title.
		in.PatchOperations = patchOf(r, map[string]string{"Description": "/description"})
	}
	var before, after []string
	if err := decodeProperty(r.OldProperties, "BinaryMediaTypes", &before); err != nil {
		return nil, err
	}
	if err := decodeProperty(r.Properties, "BinaryMediaTypes", &after); err != nil {
		return nil, err
	}
	for _, kind := range before {
		if !slices.Contains(after, kind) {
			op := replace("/binaryMediaTypes/"+escapePointer(kind), "")
			op.Op, op.Value = apigatewaytypes.OpRemove, nil
			in.PatchOperations = append(in.PatchOperations, op)
		}
	}
	for _, kind := range after {
		if !slices.Contains(before, kind) {
			op := replace("/binaryMediaTypes/"+escapePointer(kind), "")
			op.Op = apigatewaytypes.OpAdd
			in.PatchOperations = append(in.PatchOperations, op)
		}
	}
	out, err := a.RestAPIs.UpdateRestApi(ctx, in)
	if err != nil {
		return nil, err
	}
	if changed(r, "Body") {
		if r.Properties["Body"] == nil {
			return nil, failure(r, "NotUpdatable", "The embedded AWS can't remove Body of API %s.", r.PhysicalID)
		}
		if err := a.load(ctx, r, in.RestApiId); err != nil {
			return nil, err
		}
	}
	return restResult(aws.String(r.PhysicalID), out.RootResourceId), a.retag(ctx, r, "/restapis/"+r.PhysicalID)
}

// escapePointer returns a segment of a patch path. See RFC 6901.
func escapePointer(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "~", "~0"), "/", "~1")
}

// restResource is AWS::ApiGateway::Resource.
func restResource(d Deps) definition {
	return definition{
		required: []string{"ParentId", "PathPart", "RestApiId"},
		Type: resource.Type{
			Name:       "AWS::ApiGateway::Resource",
			Properties: []string{"ParentId", "PathPart", "RestApiId"},
			Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				in := &awsapigateway.CreateResourceInput{}
				if err := decode(r, in); err != nil {
					return nil, err
				}
				out, err := d.RestAPIs.CreateResource(ctx, in)
				if err != nil {
					return nil, err
				}
				return partResult("ResourceId", out.Id), nil
			},
			Delete: func(ctx context.Context, r *resource.Request) error {
				_, err := d.RestAPIs.DeleteResource(ctx, &awsapigateway.DeleteResourceInput{RestApiId: restOf(r), ResourceId: aws.String(r.PhysicalID)})
				return err
			},
		},
	}
}

// restMethod is AWS::ApiGateway::Method. An update makes the method anew. Nobody
// notices, because stages serve deployments.
func restMethod(d Deps) definition {
	a := restAPIs{d}
	remove := func(ctx context.Context, r *resource.Request) error {
		_, err := d.RestAPIs.DeleteMethod(ctx, &awsapigateway.DeleteMethodInput{
			RestApiId: restOf(r), ResourceId: aws.String(stringOf(r.Properties, "ResourceId")), HttpMethod: aws.String(stringOf(r.Properties, "HttpMethod")),
		})
		return err
	}
	return definition{
		required: []string{"HttpMethod", "ResourceId", "RestApiId"},
		Type: resource.Type{
			Name: "AWS::ApiGateway::Method",
			Properties: []string{
				"ApiKeyRequired", "AuthorizationType", "AuthorizerId", "HttpMethod", "Integration", "MethodResponses", "OperationName",
				"RequestModels", "RequestParameters", "RequestValidatorId", "ResourceId", "RestApiId",
			},
			Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				return a.putMethod(ctx, r, &resource.Result{PhysicalID: generatedShortName(r)})
			},
			Update: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				if err := remove(ctx, r); err != nil && handlerCode(err) != "NotFound" {
					return nil, err
				}
				return a.putMethod(ctx, r, &resource.Result{PhysicalID: r.PhysicalID})
			},
			Delete: remove,
		},
	}
}

// putMethod makes a method with its responses and its integration.
func (a restAPIs) putMethod(ctx context.Context, r *resource.Request, made *resource.Result) (*resource.Result, error) {
	in := &awsapigateway.PutMethodInput{}
	if err := decode(r, in, "Integration", "MethodResponses"); err != nil {
		return nil, err
	}
	if in.AuthorizationType == nil {
		in.AuthorizationType = aws.String("NONE")
	}
	var responses []apigatewaytypes.MethodResponse
	if err := decodeProperty(r.Properties, "MethodResponses", &responses); err != nil {
		return nil, err
	}
	integration, _ := r.Properties["Integration"].(map[string]any)
	integrate := &awsapigateway.PutIntegrationInput{}
	if err := decodeMap(integration, integrate, "IntegrationResponses"); err != nil {
		return nil, err
	}
	var answers []apigatewaytypes.IntegrationResponse
	if err := decodeProperty(integration, "IntegrationResponses", &answers); err != nil {
		return nil, err
	}
	if _, err := a.RestAPIs.PutMethod(ctx, in); err != nil {
		return nil, err
	}
	for _, response := range responses {
		if _, err := a.RestAPIs.PutMethodResponse(ctx, &awsapigateway.PutMethodResponseInput{
			RestApiId: in.RestApiId, ResourceId: in.ResourceId, HttpMethod: in.HttpMethod, StatusCode: response.StatusCode,
			ResponseModels: response.ResponseModels, ResponseParameters: response.ResponseParameters,
		}); err != nil {
			return made, err
		}
	}
	if integration == nil {
		return made, nil
	}
	integrate.RestApiId, integrate.ResourceId, integrate.HttpMethod = in.RestApiId, in.ResourceId, in.HttpMethod
	if _, err := a.RestAPIs.PutIntegration(ctx, integrate); err != nil {
		return made, err
	}
	for _, answer := range answers {
		if _, err := a.RestAPIs.PutIntegrationResponse(ctx, &awsapigateway.PutIntegrationResponseInput{
			RestApiId: in.RestApiId, ResourceId: in.ResourceId, HttpMethod: in.HttpMethod, StatusCode: answer.StatusCode,
			ContentHandling: answer.ContentHandling, ResponseParameters: answer.ResponseParameters, ResponseTemplates: answer.ResponseTemplates,
			SelectionPattern: answer.SelectionPattern,
		}); err != nil {
			return made, err
		}
	}
	return made, nil
}

// restDeployment is AWS::ApiGateway::Deployment.
func restDeployment(d Deps) definition {
	a := restAPIs{d}
	return definition{
		required: []string{"RestApiId"},
		Type: resource.Type{
			Name:       "AWS::ApiGateway::Deployment",
			Properties: []string{"Description", "RestApiId", "StageName"},
			Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				in := &awsapigateway.CreateDeploymentInput{}
				if err := decode(r, in); err != nil {
					return nil, err
				}
				out, err := d.RestAPIs.CreateDeployment(ctx, in)
				if err != nil {
					return nil, err
				}
				return partResult("DeploymentId", out.Id), nil
			},
			Update: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				if changed(r, "StageName") {
					return nil, failure(r, "NotUpdatable", "The embedded AWS can't change StageName of deployment %s.", r.PhysicalID)
				}
				_, err := d.RestAPIs.UpdateDeployment(ctx, &awsapigateway.UpdateDeploymentInput{
					RestApiId: restOf(r), DeploymentId: aws.String(r.PhysicalID), PatchOperations: patchOf(r, map[string]string{"Description": "/description"}),
				})
				return partResult("DeploymentId", aws.String(r.PhysicalID)), err
			},
			Delete: a.deleteDeployment,
		},
	}
}

// deleteDeployment deletes a deployment, and the stage that it has made, if that still
// serves it.
func (a restAPIs) deleteDeployment(ctx context.Context, r *resource.Request) error {
	if name := stringOf(r.Properties, "StageName"); name != "" {
		stage, err := a.RestAPIs.GetStage(ctx, &awsapigateway.GetStageInput{RestApiId: restOf(r), StageName: &name})
		if err != nil && handlerCode(err) != "NotFound" {
			return err
		}
		if err == nil && aws.ToString(stage.DeploymentId) == r.PhysicalID {
			if _, err := a.RestAPIs.DeleteStage(ctx, &awsapigateway.DeleteStageInput{RestApiId: restOf(r), StageName: &name}); err != nil {
				return err
			}
		}
	}
	_, err := a.RestAPIs.DeleteDeployment(ctx, &awsapigateway.DeleteDeploymentInput{RestApiId: restOf(r), DeploymentId: aws.String(r.PhysicalID)})
	return err
}

// restStage is AWS::ApiGateway::Stage.
func restStage(d Deps) definition {
	a := restAPIs{d}
	return definition{
		required: []string{"RestApiId", "StageName"},
		Type: resource.Type{
			Name: "AWS::ApiGateway::Stage",
			Properties: []string{
				"AccessLogSetting", "DeploymentId", "Description", "MethodSettings", "RestApiId", "StageName", "Tags", "Variables",
			},
			Create: a.createStage,
			Update: a.updateStage,
			Delete: func(ctx context.Context, r *resource.Request) error {
				_, err := d.RestAPIs.DeleteStage(ctx, &awsapigateway.DeleteStageInput{RestApiId: restOf(r), StageName: aws.String(r.PhysicalID)})
				return err
			},
		},
	}
}

func (a restAPIs) createStage(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	in := &awsapigateway.CreateStageInput{}
	if err := decodeTagged(r, in, &in.Tags, "AccessLogSetting", "MethodSettings"); err != nil {
		return nil, err
	}
	operations, err := stageSettings(r.Properties, nil)
	if err != nil {
		return nil, err
	}
	if _, err := a.RestAPIs.CreateStage(ctx, in); err != nil {
		return nil, err
	}
	made := &resource.Result{PhysicalID: *in.StageName}
	if len(operations) == 0 {
		return made, nil
	}
	_, err = a.RestAPIs.UpdateStage(ctx, &awsapigateway.UpdateStageInput{RestApiId: in.RestApiId, StageName: in.StageName, PatchOperations: operations})
	return made, err
}

func (a restAPIs) updateStage(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	operations := patchOf(r, map[string]string{"DeploymentId": "/deploymentId", "Description": "/description", "TracingEnabled": "/tracingEnabled"})
	var before, after map[string]string
	if err := decodeProperty(r.OldProperties, "Variables", &before); err != nil {
		return nil, err
	}
	if err := decodeProperty(r.Properties, "Variables", &after); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, kept := after[name]; !kept {
			operations = append(operations, apigatewaytypes.PatchOperation{Op: apigatewaytypes.OpRemove, Path: aws.String("/variables/" + name)})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if old, had := before[name]; !had || old != after[name] {
			operations = append(operations, replace("/variables/"+name, after[name]))
		}
	}
	settings, err := stageSettings(r.Properties, r.OldProperties)
	if err != nil {
		return nil, err
	}
	if _, err := a.RestAPIs.UpdateStage(ctx, &awsapigateway.UpdateStageInput{
		RestApiId: restOf(r), StageName: aws.String(r.PhysicalID), PatchOperations: append(operations, settings...),
	}); err != nil {
		return nil, err
	}
	return &resource.Result{PhysicalID: r.PhysicalID}, a.retag(ctx, r, "/restapis/"+*restOf(r)+"/stages/"+r.PhysicalID)
}

// A methodSetting is an item of MethodSettings. Only what is set reaches the API.
type methodSetting struct {
	HttpMethod, ResourcePath                                             string
	CacheDataEncrypted, CachingEnabled, DataTraceEnabled, MetricsEnabled *bool
	CacheTtlInSeconds, ThrottlingBurstLimit                              *int32
	LoggingLevel                                                         *string
	ThrottlingRateLimit                                                  *float64
}

// path returns the path of a method's settings in patch operations. The CDK escapes
// the slashes of a resource's path, others don't.
func (m methodSetting) path() string {
	resource := strings.TrimPrefix(m.ResourcePath, "/")
	switch {
	case resource == "*":
	case resource == "":
		resource = "~1"
	case !strings.HasPrefix(resource, "~1"):
		resource = "~1" + strings.ReplaceAll(resource, "/", "~1")
	}
	return "/" + resource + "/" + m.HttpMethod
}

// operations returns the patch operations that apply the settings.
func (m methodSetting) operations() []apigatewaytypes.PatchOperation {
	var all []apigatewaytypes.PatchOperation
	set := func(name string, value any, isSet bool) {
		if isSet {
			all = append(all, replace(m.path()+"/"+name, fmt.Sprint(value)))
		}
	}
	set("caching/dataEncrypted", aws.ToBool(m.CacheDataEncrypted), m.CacheDataEncrypted != nil)
	set("caching/enabled", aws.ToBool(m.CachingEnabled), m.CachingEnabled != nil)
	set("caching/ttlInSeconds", aws.ToInt32(m.CacheTtlInSeconds), m.CacheTtlInSeconds != nil)
	set("logging/dataTrace", aws.ToBool(m.DataTraceEnabled), m.DataTraceEnabled != nil)
	set("logging/loglevel", aws.ToString(m.LoggingLevel), m.LoggingLevel != nil)
	set("metrics/enabled", aws.ToBool(m.MetricsEnabled), m.MetricsEnabled != nil)
	set("throttling/burstLimit", aws.ToInt32(m.ThrottlingBurstLimit), m.ThrottlingBurstLimit != nil)
	if m.ThrottlingRateLimit != nil {
		set("throttling/rateLimit", strconv.FormatFloat(*m.ThrottlingRateLimit, 'f', -1, 64), true)
	}
	return all
}

// stageSettings returns the patch operations for the settings that CreateStage does
// not take: access logs and the settings of methods.
func stageSettings(properties, old map[string]any) ([]apigatewaytypes.PatchOperation, error) {
	var operations []apigatewaytypes.PatchOperation
	var before, after []methodSetting
	if err := decodeProperty(old, "MethodSettings", &before); err != nil {
		return nil, err
	}
	if err := decodeProperty(properties, "MethodSettings", &after); err != nil {
		return nil, err
	}
	for _, m := range before {
		operations = append(operations, apigatewaytypes.PatchOperation{Op: apigatewaytypes.OpRemove, Path: aws.String(m.path())})
	}
	for _, m := range after {
		operations = append(operations, m.operations()...)
	}
	var log *struct{ DestinationArn, Format string }
	if err := decodeProperty(properties, "AccessLogSetting", &log); err != nil {
		return nil, err
	}
	if log != nil {
		return append(operations, replace("/accessLogSettings/destinationArn", log.DestinationArn), replace("/accessLogSettings/format", log.Format)), nil
	}
	if _, had := old["AccessLogSetting"]; had {
		operations = append(operations, apigatewaytypes.PatchOperation{Op: apigatewaytypes.OpRemove, Path: aws.String("/accessLogSettings")})
	}
	return operations, nil
}

// restAccount is AWS::ApiGateway::Account: settings of the whole account, which stay
// when the resource is deleted.
func restAccount(d Deps) definition {
	put := func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
		id := r.PhysicalID
		if id == "" {
			id = generatedShortName(r)
		}
		_, err := d.RestAPIs.UpdateAccount(ctx, &awsapigateway.UpdateAccountInput{
			PatchOperations: []apigatewaytypes.PatchOperation{replace("/cloudwatchRoleArn", stringOf(r.Properties, "CloudWatchRoleArn"))},
		})
		return partResult("Id", &id), err
	}
	return definition{Type: resource.Type{
		Name: "AWS::ApiGateway::Account", Properties: []string{"CloudWatchRoleArn"}, Create: put, Update: put,
		Delete: func(context.Context, *resource.Request) error { return nil },
	}}
}

// restAuthorizer is AWS::ApiGateway::Authorizer.
func restAuthorizer(d Deps) definition {
	paths := map[string]string{
		"AuthorizerUri": "/authorizerUri", "IdentitySource": "/identitySource", "IdentityValidationExpression": "/identityValidationExpression",
		"Name": "/name", "Type": "/type",
	}
	return definition{
		required: []string{"Name", "RestApiId", "Type"},
		Type: resource.Type{
			Name: "AWS::ApiGateway::Authorizer",
			Properties: []string{
				"AuthType", "AuthorizerResultTtlInSeconds", "AuthorizerUri", "IdentitySource", "IdentityValidationExpression", "Name", "ProviderARNs", "RestApiId", "Type",
			},
			Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				in := &awsapigateway.CreateAuthorizerInput{}
				if err := decode(r, in); err != nil {
					return nil, err
				}
				out, err := d.RestAPIs.CreateAuthorizer(ctx, in)
				if err != nil {
					return nil, err
				}
				return partResult("AuthorizerId", out.Id), nil
			},
			Update: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				if changed(r, "ProviderARNs") {
					return nil, failure(r, "NotUpdatable", "The embedded AWS can't change ProviderARNs of authorizer %s.", r.PhysicalID)
				}
				operations := patchOf(r, paths)
				if changed(r, "AuthorizerResultTtlInSeconds") {
					ttl := stringOf(r.Properties, "AuthorizerResultTtlInSeconds")
					if ttl == "" {
						ttl = "300"
					}
					operations = append(operations, replace("/authorizerResultTtlInSeconds", ttl))
				}
				_, err := d.RestAPIs.UpdateAuthorizer(ctx, &awsapigateway.UpdateAuthorizerInput{
					RestApiId: restOf(r), AuthorizerId: aws.String(r.PhysicalID), PatchOperations: operations,
				})
				return partResult("AuthorizerId", aws.String(r.PhysicalID)), err
			},
			Delete: func(ctx context.Context, r *resource.Request) error {
				_, err := d.RestAPIs.DeleteAuthorizer(ctx, &awsapigateway.DeleteAuthorizerInput{RestApiId: restOf(r), AuthorizerId: aws.String(r.PhysicalID)})
				return err
			},
		},
	}
}

// restModel is AWS::ApiGateway::Model.
func restModel(d Deps) definition {
	return definition{
		required: []string{"RestApiId"},
		Type: resource.Type{
			Name:       "AWS::ApiGateway::Model",
			Properties: []string{"ContentType", "Description", "Name", "RestApiId", "Schema"},
			Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				in := &awsapigateway.CreateModelInput{}
				if err := decode(r, in, "Schema"); err != nil {
					return nil, err
				}
				var err error
				if in.Schema, err = document(r.Properties, "Schema"); err != nil {
					return nil, err
				}
				if in.Name == nil {
					// A model's name has letters and digits only.
					in.Name = aws.String(strings.ReplaceAll(generatedShortName(r), "-", ""))
				}
				if in.ContentType == nil {
					in.ContentType = aws.String("application/json")
				}
				_, err = d.RestAPIs.CreateModel(ctx, in)
				return &resource.Result{PhysicalID: *in.Name}, err
			},
			Update: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				operations := patchOf(r, map[string]string{"Description": "/description"})
				schema, err := document(r.Properties, "Schema")
				if err != nil {
					return nil, err
				}
				if schema != nil {
					operations = append(operations, replace("/schema", *schema))
				}
				_, err = d.RestAPIs.UpdateModel(ctx, &awsapigateway.UpdateModelInput{
					RestApiId: restOf(r), ModelName: aws.String(r.PhysicalID), PatchOperations: operations,
				})
				return &resource.Result{PhysicalID: r.PhysicalID}, err
			},
			Delete: func(ctx context.Context, r *resource.Request) error {
				_, err := d.RestAPIs.DeleteModel(ctx, &awsapigateway.DeleteModelInput{RestApiId: restOf(r), ModelName: aws.String(r.PhysicalID)})
				return err
			},
		},
	}
}

// restValidator is AWS::ApiGateway::RequestValidator.
func restValidator(d Deps) definition {
	return definition{
		required: []string{"RestApiId"},
		Type: resource.Type{
			Name:       "AWS::ApiGateway::RequestValidator",
			Properties: []string{"Name", "RestApiId", "ValidateRequestBody", "ValidateRequestParameters"},
			Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				in := &awsapigateway.CreateRequestValidatorInput{}
				if err := decode(r, in); err != nil {
					return nil, err
				}
				out, err := d.RestAPIs.CreateRequestValidator(ctx, in)
				if err != nil {
					return nil, err
				}
				return partResult("RequestValidatorId", out.Id), nil
			},
			Update: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				_, err := d.RestAPIs.UpdateRequestValidator(ctx, &awsapigateway.UpdateRequestValidatorInput{
					RestApiId: restOf(r), RequestValidatorId: aws.String(r.PhysicalID),
					PatchOperations: patchOf(r, map[string]string{"ValidateRequestBody": "/validateRequestBody", "ValidateRequestParameters": "/validateRequestParameters"}),
				})
				return partResult("RequestValidatorId", aws.String(r.PhysicalID)), err
			},
			Delete: func(ctx context.Context, r *resource.Request) error {
				_, err := d.RestAPIs.DeleteRequestValidator(ctx, &awsapigateway.DeleteRequestValidatorInput{RestApiId: restOf(r), RequestValidatorId: aws.String(r.PhysicalID)})
				return err
			},
		},
	}
}

// restKey is AWS::ApiGateway::ApiKey.
func restKey(d Deps) definition {
	a := restAPIs{d}
	return definition{Type: resource.Type{
		Name:       "AWS::ApiGateway::ApiKey",
		Properties: []string{"CustomerId", "Description", "Enabled", "GenerateDistinctId", "Name", "StageKeys", "Tags", "Value"},
		Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
			in := &awsapigateway.CreateApiKeyInput{}
			if err := decodeTagged(r, in, &in.Tags); err != nil {
				return nil, err
			}
			in.Name = nameOf(r, "Name", 128)
			out, err := d.RestAPIs.CreateApiKey(ctx, in)
			if err != nil {
				return nil, err
			}
			return partResult("APIKeyId", out.Id), nil
		},
		Update: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
			if changed(r, "StageKeys") {
				return nil, failure(r, "NotUpdatable", "The embedded AWS can't change StageKeys of API key %s.", r.PhysicalID)
			}
			_, err := d.RestAPIs.UpdateApiKey(ctx, &awsapigateway.UpdateApiKeyInput{
				ApiKey:          aws.String(r.PhysicalID),
				PatchOperations: patchOf(r, map[string]string{"CustomerId": "/customerId", "Description": "/description", "Enabled": "/enabled"}),
			})
			if err != nil {
				return nil, err
			}
			return partResult("APIKeyId", aws.String(r.PhysicalID)), a.retag(ctx, r, "/apikeys/"+r.PhysicalID)
		},
		Delete: func(ctx context.Context, r *resource.Request) error {
			_, err := d.RestAPIs.DeleteApiKey(ctx, &awsapigateway.DeleteApiKeyInput{ApiKey: aws.String(r.PhysicalID)})
			return err
		},
	}}
}

// restPlan is AWS::ApiGateway::UsagePlan.
func restPlan(d Deps) definition {
	a := restAPIs{d}
	return definition{Type: resource.Type{
		Name:       "AWS::ApiGateway::UsagePlan",
		Properties: []string{"ApiStages", "Description", "Quota", "Tags", "Throttle", "UsagePlanName"},
		Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
			in := &awsapigateway.CreateUsagePlanInput{}
			if err := decodeTagged(r, in, &in.Tags); err != nil {
				return nil, err
			}
			in.Name = nameOf(r, "UsagePlanName", 128)
			out, err := d.RestAPIs.CreateUsagePlan(ctx, in)
			if err != nil {
				return nil, err
			}
			return partResult("Id", out.Id), nil
		},
		Update: a.updatePlan,
		Delete: func(ctx context.Context, r *resource.Request) error {
			stages, err := planStages(r.Properties)
			if err != nil {
				return err
			}
			if err := a.patchPlan(ctx, r, stageOperations(apigatewaytypes.OpRemove, stages)); err != nil {
				return err
			}
			_, err = d.RestAPIs.DeleteUsagePlan(ctx, &awsapigateway.DeleteUsagePlanInput{UsagePlanId: aws.String(r.PhysicalID)})
			return err
		},
	}}
}

// planStages returns the stages of a usage plan, as patch operations name them.
func planStages(properties map[string]any) ([]string, error) {
	var list []apigatewaytypes.ApiStage
	if err := decodeProperty(properties, "ApiStages", &list); err != nil {
		return nil, err
	}
	var stages []string
	for _, st := range list {
		stages = append(stages, aws.ToString(st.ApiId)+":"+aws.ToString(st.Stage))
	}
	return stages, nil
}

func stageOperations(op apigatewaytypes.Op, stages []string) []apigatewaytypes.PatchOperation {
	var operations []apigatewaytypes.PatchOperation
	for _, stage := range stages {
		operations = append(operations, apigatewaytypes.PatchOperation{Op: op, Path: aws.String("/apiStages"), Value: aws.String(stage)})
	}
	return operations
}

func (a restAPIs) patchPlan(ctx context.Context, r *resource.Request, operations []apigatewaytypes.PatchOperation) error {
	if len(operations) == 0 {
		return nil
	}
	_, err := a.RestAPIs.UpdateUsagePlan(ctx, &awsapigateway.UpdateUsagePlanInput{UsagePlanId: aws.String(r.PhysicalID), PatchOperations: operations})
	return err
}

func (a restAPIs) updatePlan(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	before, err := planStages(r.OldProperties)
	if err != nil {
		return nil, err
	}
	after, err := planStages(r.Properties)
	if err != nil {
		return nil, err
	}
	operations := patchOf(r, map[string]string{"Description": "/description", "UsagePlanName": "/name"})
	operations = append(operations, stageOperations(apigatewaytypes.OpRemove, without(before, after))...)
	operations = append(operations, stageOperations(apigatewaytypes.OpAdd, without(after, before))...)
	for name, members := range map[string][]string{"Quota": {"Limit", "Period"}, "Throttle": {"BurstLimit", "RateLimit"}} {
		if !changed(r, name) {
			continue
		}
		lower := strings.ToLower(name)
		settings, has := r.Properties[name].(map[string]any)
		if !has {
			operations = append(operations, apigatewaytypes.PatchOperation{Op: apigatewaytypes.OpRemove, Path: aws.String("/" + lower)})
			continue
		}
		for _, member := range members {
			if value := stringOf(settings, member); value != "" {
				operations = append(operations, replace("/"+lower+"/"+strings.ToLower(member[:1])+member[1:], value))
			}
		}
	}
	slices.SortStableFunc(operations, func(a, b apigatewaytypes.PatchOperation) int { return strings.Compare(*a.Path, *b.Path) })
	if err := a.patchPlan(ctx, r, operations); err != nil {
		return nil, err
	}
	return partResult("Id", aws.String(r.PhysicalID)), a.retag(ctx, r, "/usageplans/"+r.PhysicalID)
}

// without returns the texts of a list that are not in another.
func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(text string) bool { return slices.Contains(other, text) })
}

// restPlanKey is AWS::ApiGateway::UsagePlanKey.
func restPlanKey(d Deps) definition {
	return definition{
		required: []string{"KeyId", "KeyType", "UsagePlanId"},
		Type: resource.Type{
			Name:       "AWS::ApiGateway::UsagePlanKey",
			Properties: []string{"KeyId", "KeyType", "UsagePlanId"},
			Create: func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
				in := &awsapigateway.CreateUsagePlanKeyInput{}
				if err := decode(r, in); err != nil {
					return nil, err
				}
				if _, err := d.RestAPIs.CreateUsagePlanKey(ctx, in); err != nil {
					return nil, err
				}
				return partResult("Id", aws.String(*in.KeyId+":"+*in.UsagePlanId)), nil
			},
			Delete: func(ctx context.Context, r *resource.Request) error {
				_, err := d.RestAPIs.DeleteUsagePlanKey(ctx, &awsapigateway.DeleteUsagePlanKeyInput{
					KeyId: aws.String(stringOf(r.Properties, "KeyId")), UsagePlanId: aws.String(stringOf(r.Properties, "UsagePlanId")),
				})
				return err
			},
		},
	}
}

// restResponse is AWS::ApiGateway::GatewayResponse.
func restResponse(d Deps) definition {
	put := func(ctx context.Context, r *resource.Request) (*resource.Result, error) {
		in := &awsapigateway.PutGatewayResponseInput{}
		if err := decode(r, in); err != nil {
			return nil, err
		}
		id := r.PhysicalID
		if id == "" {
			id = generatedShortName(r)
		}
		_, err := d.RestAPIs.PutGatewayResponse(ctx, in)
		return partResult("Id", &id), err
	}
	return definition{
		required: []string{"ResponseType", "RestApiId"},
		Type: resource.Type{
			Name:       "AWS::ApiGateway::GatewayResponse",
			Properties: []string{"ResponseParameters", "ResponseTemplates", "ResponseType", "RestApiId", "StatusCode"},
			Create:     put,
			Update:     put,
			Delete: func(ctx context.Context, r *resource.Request) error {
				_, err := d.RestAPIs.DeleteGatewayResponse(ctx, &awsapigateway.DeleteGatewayResponseInput{
					RestApiId: restOf(r), ResponseType: apigatewaytypes.GatewayResponseType(stringOf(r.Properties, "ResponseType")),
				})
				return err
			},
		},
	}
}
