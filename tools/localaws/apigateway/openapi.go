package apigateway

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsapi "github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"

	"github.com/magewright/magewright/tools/localaws/executeapi"
	"github.com/magewright/magewright/tools/localaws/executeapi/openapi"
)

// PutRestApi replaces what an API consists of by an OpenAPI document. Its name, stages
// and deployments stay. If the document can't be imported, nothing changes.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_PutRestApi.html.
func (s *Service) PutRestApi(ctx context.Context, in *awsapi.PutRestApiInput) (*awsapi.PutRestApiOutput, error) {
	switch {
	case in.Mode == types.PutModeMerge:
		return nil, unsupported("The mode merge")
	case len(in.Parameters) > 0:
		return nil, unsupported("Parameters of an import")
	}
	d, err := openapi.Parse(in.Body, openapi.REST...)
	if err != nil {
		return nil, invalid("Unable to put resource: %s", err.Error())
	}
	var before api
	if err := s.write(in.RestApiId, func(a *api) error {
		before = api{RestApi: a.RestApi, resources: a.resources, models: a.models, validators: a.validators, authorizers: a.authorizers, responses: a.responses}
		root := *a.resources[*a.RootResourceId]
		root.methods = map[string]*types.Method{}
		a.resources = map[string]*resource{*root.Id: &root}
		a.models = maps.Clone(a.models)
		maps.DeleteFunc(a.models, func(name string, _ *types.Model) bool { _, ok := builtInModels[name]; return !ok })
		a.validators, a.authorizers, a.responses = map[string]*types.RequestValidator{}, map[string]*types.Authorizer{}, map[string]*types.GatewayResponse{}
		return nil
	}); err != nil {
		return nil, err
	}
	i := importer{service: s, ctx: ctx, id: in.RestApiId, document: d, resources: map[string]*string{"/": before.RootResourceId}, validators: map[string]*string{}, authorizers: map[string]*string{}}
	err = i.run()
	out := &awsapi.PutRestApiOutput{}
	return out, s.write(in.RestApiId, func(a *api) error {
		if err != nil {
			a.RestApi, a.resources, a.models, a.validators, a.authorizers, a.responses = before.RestApi, before.resources, before.models, before.validators, before.authorizers, before.responses
			return err
		}
		if a.Description == nil && d.Description != "" {
			a.Description = aws.String(d.Description)
		}
		if d.Version != "" {
			a.Version = aws.String(d.Version)
		}
		executeapi.Assign(out, &a.RestApi)
		return nil
	})
}

// An importer makes an API of a document with the operations that others use.
type importer struct {
	service  *Service
	ctx      context.Context //nolint:containedctx // an importer lives as long as its request
	id       *string
	document *openapi.Document

	resources, validators, authorizers map[string]*string // the ids by path or name
}

func (i *importer) run() error {
	for _, step := range []func() error{i.settings, i.parts, i.schemes, i.methods} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (i *importer) settings() error {
	if source := openapi.Text(i.document.Extensions["api-key-source"]); source != "" && source != "HEADER" {
		return unsupported("The API key source " + source)
	}
	kinds, _ := i.document.Extensions["binary-media-types"].([]any)
	if len(kinds) == 0 {
		return nil
	}
	return i.service.write(i.id, func(a *api) error {
		a.BinaryMediaTypes = nil
		for _, kind := range kinds {
			a.BinaryMediaTypes = append(a.BinaryMediaTypes, openapi.Text(kind))
		}
		return nil
	})
}

// parts makes models, validators and gateway responses.
func (i *importer) parts() error {
	for _, name := range slices.Sorted(maps.Keys(i.document.Schemas)) {
		schema, err := json.Marshal(i.document.Schemas[name])
		if err != nil {
			return invalid("Invalid model specified: %s", name)
		}
		if strings.Contains(string(schema), `"$ref"`) {
			// A method that needs it is refused.
			continue
		}
		if _, err := i.service.CreateModel(i.ctx, &awsapi.CreateModelInput{RestApiId: i.id, Name: &name, ContentType: aws.String(jsonType), Schema: aws.String(string(schema))}); err != nil {
			return err
		}
	}
	validators := openapi.Object(i.document.Extensions["request-validators"])
	for _, name := range slices.Sorted(maps.Keys(validators)) {
		in := &awsapi.CreateRequestValidatorInput{RestApiId: i.id, Name: &name}
		if err := openapi.Into(openapi.Object(validators[name]), in); err != nil {
			return invalid("Invalid request validator %s: %s", name, err.Error())
		}
		in.RestApiId, in.Name = i.id, &name
		out, err := i.service.CreateRequestValidator(i.ctx, in)
		if err != nil {
			return err
		}
		i.validators[name] = out.Id
	}
	responses := openapi.Object(i.document.Extensions["gateway-responses"])
	for _, kind := range slices.Sorted(maps.Keys(responses)) {
		in := &awsapi.PutGatewayResponseInput{}
		from := maps.Clone(openapi.Object(responses[kind]))
		if code, ok := from["statusCode"]; ok {
			from["statusCode"] = openapi.Text(code)
		}
		if err := openapi.Into(from, in); err != nil {
			return invalid("Invalid gateway response %s: %s", kind, err.Error())
		}
		in.RestApiId, in.ResponseType = i.id, types.GatewayResponseType(kind)
		if _, err := i.service.PutGatewayResponse(i.ctx, in); err != nil {
			return err
		}
	}
	return nil
}

// schemes makes the authorizers.
func (i *importer) schemes() error {
	for _, name := range slices.Sorted(maps.Keys(i.document.Schemes)) {
		scheme := i.document.Schemes[name]
		from := maps.Clone(openapi.Object(scheme["x-amazon-apigateway-authorizer"]))
		if len(from) == 0 {
			continue
		}
		kind := strings.ToUpper(openapi.Text(from["type"]))
		delete(from, "type")
		in := &awsapi.CreateAuthorizerInput{}
		if err := openapi.Into(from, in); err != nil {
			return invalid("Invalid authorizer %s: %s", name, err.Error())
		}
		in.RestApiId, in.Name, in.Type = i.id, &name, types.AuthorizerType(kind)
		if in.IdentitySource == nil && (kind == "TOKEN" || kind == cognito) {
			in.IdentitySource = aws.String("method.request.header." + openapi.Text(scheme["name"]))
		}
		out, err := i.service.CreateAuthorizer(i.ctx, in)
		if err != nil {
			return err
		}
		i.authorizers[name] = out.Id
	}
	return nil
}

// resource returns the id of a path's resource, which it makes with its parents.
func (i *importer) resource(path string) (*string, error) {
	path = "/" + strings.Trim(path, "/")
	if id := i.resources[path]; id != nil {
		return id, nil
	}
	cut := strings.LastIndexByte(path, '/')
	parent, err := i.resource(path[:cut])
	if err != nil {
		return nil, err
	}
	out, err := i.service.CreateResource(i.ctx, &awsapi.CreateResourceInput{RestApiId: i.id, ParentId: parent, PathPart: aws.String(path[cut+1:])})
	if err != nil {
		return nil, err
	}
	i.resources[path] = out.Id
	return out.Id, nil
}

func (i *importer) methods() error {
	for _, o := range i.document.Operations {
		id, err := i.resource(o.Path)
		if err == nil {
			err = i.method(o, id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (i *importer) method(o openapi.Operation, id *string) error {
	in := &awsapi.PutMethodInput{RestApiId: i.id, ResourceId: id, HttpMethod: &o.Method, AuthorizationType: aws.String("NONE"), AuthorizationScopes: o.Scopes, ApiKeyRequired: o.APIKey}
	if o.Security != "" {
		scheme, ok := i.document.Schemes[o.Security]
		switch {
		case !ok:
			return invalid("Security scheme %s of %s %s is not defined", o.Security, o.Method, o.Path)
		case i.authorizers[o.Security] != nil:
			in.AuthorizationType, in.AuthorizerId = aws.String("CUSTOM"), i.authorizers[o.Security]
			if openapi.Text(openapi.Object(scheme["x-amazon-apigateway-authorizer"])["type"]) == "cognito_user_pools" {
				in.AuthorizationType = aws.String(cognito)
			}
		case openapi.Text(scheme["x-amazon-apigateway-authtype"]) == "awsSigv4":
			in.AuthorizationType = aws.String("AWS_IAM")
		default:
			return unsupported("The security scheme " + o.Security)
		}
	}
	for _, p := range o.Parameters {
		place, ok := map[string]string{"query": "querystring", "header": "header", "path": "path"}[openapi.Text(p["in"])]
		if !ok {
			return unsupported("A parameter in " + openapi.Text(p["in"]))
		}
		required, _ := p["required"].(bool)
		in.RequestParameters = with(in.RequestParameters, "method.request."+place+"."+openapi.Text(p["name"]), required)
	}
	for kind, schema := range o.Body {
		name := openapi.Reference(schema)
		if name == "" {
			return unsupported("A request body of " + o.Method + " " + o.Path + " whose schema is not a model")
		}
		in.RequestModels = with(in.RequestModels, kind, name)
	}
	if o.Validator != "" {
		if in.RequestValidatorId = i.validators[o.Validator]; in.RequestValidatorId == nil {
			return invalid("Invalid request validator specified: %s", o.Validator)
		}
	}
	if _, err := i.service.PutMethod(i.ctx, in); err != nil {
		return err
	}
	for _, code := range slices.Sorted(maps.Keys(o.Responses)) {
		if !status.MatchString(code) {
			continue
		}
		response := &awsapi.PutMethodResponseInput{RestApiId: i.id, ResourceId: id, HttpMethod: &o.Method, StatusCode: &code}
		for header := range openapi.Object(openapi.Object(o.Responses[code])["headers"]) {
			response.ResponseParameters = with(response.ResponseParameters, "method.response.header."+header, false)
		}
		if _, err := i.service.PutMethodResponse(i.ctx, response); err != nil {
			return err
		}
	}
	return i.integration(o, id)
}

func (i *importer) integration(o openapi.Operation, id *string) error {
	if o.Integration == nil {
		return nil
	}
	from := maps.Clone(o.Integration)
	responses := openapi.Object(from["responses"])
	kind, method := strings.ToUpper(openapi.Text(from["type"])), openapi.Text(from["httpMethod"])
	behavior := openapi.Text(from["passthroughBehavior"])
	for _, name := range []string{"type", "httpMethod", "responses", "passthroughBehavior", "payloadFormatVersion"} {
		delete(from, name)
	}
	in := &awsapi.PutIntegrationInput{}
	if err := openapi.Into(from, in); err != nil {
		return invalid("Invalid integration of %s %s: %s", o.Method, o.Path, err.Error())
	}
	in.RestApiId, in.ResourceId, in.HttpMethod, in.Type = i.id, id, &o.Method, types.IntegrationType(kind)
	if method != "" {
		in.IntegrationHttpMethod = aws.String(strings.ToUpper(method))
	}
	if behavior != "" {
		in.PassthroughBehavior = aws.String(strings.ToUpper(behavior))
	}
	if _, err := i.service.PutIntegration(i.ctx, in); err != nil {
		return err
	}
	if kind == "AWS_PROXY" {
		// The function answers; such an integration has no mapping.
		return nil
	}
	for _, pattern := range slices.Sorted(maps.Keys(responses)) {
		from := maps.Clone(openapi.Object(responses[pattern]))
		code := openapi.Text(from["statusCode"])
		delete(from, "statusCode")
		response := &awsapi.PutIntegrationResponseInput{}
		if err := openapi.Into(from, response); err != nil {
			return invalid("Invalid integration response of %s %s: %s", o.Method, o.Path, err.Error())
		}
		response.RestApiId, response.ResourceId, response.HttpMethod, response.StatusCode = i.id, id, &o.Method, &code
		if pattern != "default" {
			response.SelectionPattern = &pattern
		}
		if _, err := i.service.PutIntegrationResponse(i.ctx, response); err != nil {
			return err
		}
	}
	return nil
}
