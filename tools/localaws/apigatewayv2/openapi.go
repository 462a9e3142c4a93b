package apigatewayv2

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsapi "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/magewright/magewright/tools/localaws/executeapi"
	"github.com/magewright/magewright/tools/localaws/executeapi/openapi"
)

// ImportApi makes an HTTP API of an OpenAPI document.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis.html.
func (s *Service) ImportApi(ctx context.Context, in *awsapi.ImportApiInput) (*awsapi.ImportApiOutput, error) {
	d, err := parse(in.Body, in.Basepath)
	if err != nil {
		return nil, err
	}
	made, err := s.CreateApi(ctx, &awsapi.CreateApiInput{Name: &d.Title, ProtocolType: types.ProtocolTypeHttp})
	if err != nil {
		return nil, err
	}
	out := &awsapi.ImportApiOutput{}
	if err := s.replace(made.ApiId, d, out); err != nil {
		_, _ = s.DeleteApi(ctx, &awsapi.DeleteApiInput{ApiId: made.ApiId}) // the first error is the reason
		return nil, err
	}
	return out, nil
}

// parse reads a document. The embedded AWS ignores its base path, which is the default.
func parse(body, base *string) (*openapi.Document, error) {
	if base != nil && *base != "ignore" {
		return nil, invalid("Basepath %s is not supported by the embedded AWS.", *base)
	}
	d, err := openapi.Parse([]byte(aws.ToString(body)), openapi.HTTP...)
	if err != nil {
		return nil, invalid("Unable to import the document: %s", err.Error())
	}
	return d, nil
}

// ReimportApi replaces the routes, integrations and authorizers of an API by those of an
// OpenAPI document. If it can't be imported, nothing changes.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid.html.
func (s *Service) ReimportApi(_ context.Context, in *awsapi.ReimportApiInput) (*awsapi.ReimportApiOutput, error) {
	d, err := parse(in.Body, in.Basepath)
	if err != nil {
		return nil, err
	}
	out := &awsapi.ReimportApiOutput{}
	return out, s.replace(in.ApiId, d, out)
}

// replace makes an API what a document says, and assigns it to an output.
func (s *Service) replace(id *string, d *openapi.Document, out any) error {
	return s.write(id, func(a *api) error {
		// Nobody sees the copy until it is complete.
		next := &api{
			service: s, Api: a.Api, routes: map[string]*types.Route{}, integrations: map[string]*types.Integration{}, authorizers: map[string]*types.Authorizer{},
		}
		if err := next.load(d); err != nil {
			return err
		}
		a.Api, a.routes, a.integrations, a.authorizers = next.Api, next.routes, next.integrations, next.authorizers
		executeapi.Assign(out, &a.Api)
		return nil
	})
}

func (a *api) load(d *openapi.Document) error {
	if from := openapi.Object(d.Extensions["cors"]); len(from) > 0 {
		cors := &types.Cors{}
		if err := openapi.Into(from, cors); err != nil {
			return invalid("Invalid CORS configuration: %s", err.Error())
		}
		checked, err := checkCORS(cors)
		if err != nil {
			return err
		}
		a.CorsConfiguration = checked
	}
	if d.Version != "" {
		a.Version = aws.String(d.Version)
	}
	ids := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(d.Schemes)) {
		from := openapi.Object(d.Schemes[name]["x-amazon-apigateway-authorizer"])
		if len(from) == 0 {
			continue
		}
		z, err := authorizerOf(name, from)
		if err == nil {
			err = a.service.checkAuthorizer(z)
		}
		if err != nil {
			return err
		}
		a.authorizers[*z.AuthorizerId], ids[name] = z, *z.AuthorizerId
	}
	for _, o := range d.Operations {
		if err := a.loadRoute(d, o, ids); err != nil {
			return err
		}
	}
	return nil
}

// authorizerOf reads an authorizer. Its identity source is a list, or a text with commas.
func authorizerOf(name string, from map[string]any) (*types.Authorizer, error) {
	from = maps.Clone(from)
	kind := strings.ToUpper(openapi.Text(from["type"]))
	source := openapi.Text(from["identitySource"])
	jwt := openapi.Object(from["jwtConfiguration"])
	for _, done := range []string{"type", "identitySource", "jwtConfiguration"} {
		delete(from, done)
	}
	z := &types.Authorizer{}
	if version := formatVersion(from["authorizerPayloadFormatVersion"]); version != "" {
		from["authorizerPayloadFormatVersion"] = version
	}
	if err := openapi.Into(from, z); err != nil {
		return nil, invalid("Invalid authorizer %s: %s", name, err.Error())
	}
	z.AuthorizerId, z.Name, z.AuthorizerType = aws.String(executeapi.NewID()[:7]), &name, types.AuthorizerType(kind)
	for part := range strings.SplitSeq(source, ",") {
		if part = strings.TrimSpace(part); part != "" {
			z.IdentitySource = append(z.IdentitySource, part)
		}
	}
	if len(jwt) > 0 {
		z.JwtConfiguration = &types.JWTConfiguration{Issuer: aws.String(openapi.Text(jwt["issuer"]))}
		text, err := json.Marshal(jwt["audience"])
		if err != nil || json.Unmarshal(text, &z.JwtConfiguration.Audience) != nil {
			return nil, invalid("Invalid authorizer %s: its audience is not a list of texts", name)
		}
	}
	return z, nil
}

// formatVersion returns the version of a payload, which a document may have as a number.
func formatVersion(v any) string {
	version := openapi.Text(v)
	if version == "1" || version == "2" {
		return version + ".0"
	}
	return version
}

func (a *api) loadRoute(d *openapi.Document, o openapi.Operation, authorizers map[string]string) error {
	key := o.Method + " " + o.Path
	if o.Default || o.Path == "/"+defaultKey {
		key = defaultKey
	}
	in := &awsapi.CreateRouteInput{RouteKey: &key, AuthorizationScopes: o.Scopes}
	if o.APIKey {
		return invalid("HTTP APIs have no API keys: %s", key)
	}
	if o.Security != "" {
		id, ok := authorizers[o.Security]
		switch {
		case ok:
			in.AuthorizerId, in.AuthorizationType = &id, types.AuthorizationTypeJwt
			if a.authorizers[id].AuthorizerType == types.AuthorizerTypeRequest {
				in.AuthorizationType = types.AuthorizationTypeCustom
			}
		case openapi.Text(d.Schemes[o.Security]["x-amazon-apigateway-authtype"]) == "awsSigv4":
			in.AuthorizationType = types.AuthorizationTypeAwsIam
		default:
			return invalid("The security scheme %s is not supported by the embedded AWS.", o.Security)
		}
	}
	if o.Integration != nil {
		from := maps.Clone(o.Integration)
		create := &awsapi.CreateIntegrationInput{
			IntegrationType: types.IntegrationType(strings.ToUpper(openapi.Text(from["type"]))), IntegrationUri: aws.String(openapi.Text(from["uri"])),
		}
		if method := openapi.Text(from["httpMethod"]); method != "" {
			create.IntegrationMethod = &method
		}
		if credentials := openapi.Text(from["credentials"]); credentials != "" {
			create.CredentialsArn = &credentials
		}
		if version := formatVersion(from["payloadFormatVersion"]); version != "" {
			create.PayloadFormatVersion = &version
		}
		for _, done := range []string{"type", "uri", "httpMethod", "credentials", "payloadFormatVersion"} {
			delete(from, done)
		}
		if err := openapi.Into(from, create); err != nil {
			return invalid("Invalid integration of %s: %s", key, err.Error())
		}
		i, err := newIntegration(create)
		if err != nil {
			return err
		}
		a.integrations[*i.IntegrationId] = i
		in.Target = aws.String("integrations/" + *i.IntegrationId)
	}
	r, err := a.newRoute(in)
	if err != nil {
		return err
	}
	a.routes[*r.RouteId] = r
	return nil
}
