package apigatewayv2

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsapi "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/magewright/magewright/tools/localaws/executeapi"
)

// An api is an HTTP API. Its routes, integrations and authorizers are replaced, never
// changed, because answers and deployments share them.
type api struct {
	service  *Service
	endpoint *executeapi.Endpoint
	types.Api

	routes       map[string]*types.Route
	integrations map[string]*types.Integration
	authorizers  map[string]*types.Authorizer
	deployments  map[string]*deployment
	stages       map[string]*stage

	live atomic.Pointer[map[string]*live] // what is served, by stage
}

// unsupportedAPI lists what CreateApi and UpdateApi refuse.
var unsupportedAPI = []string{"DisableExecuteApiEndpoint", "DisableSchemaValidation"}

// selections are the only expressions that an HTTP API may have.
const (
	routeSelection  = "$request.method $request.path"
	apiKeySelection = "$request.header.x-api-key"
)

func checkAPI(in any, protocol types.ProtocolType, route, key *string) error {
	switch {
	case protocol == types.ProtocolTypeWebsocket:
		return invalid("ProtocolType WEBSOCKET is not supported by the embedded AWS.")
	case protocol != types.ProtocolTypeHttp:
		return invalid("Invalid protocol specified. Must be one of [HTTP, WEBSOCKET]")
	case route != nil && *route != routeSelection:
		return invalid("Invalid route selection expression. For HTTP APIs, it must be %s", routeSelection)
	case key != nil && *key != apiKeySelection:
		return invalid("ApiKeySelectionExpression is not supported for protocol type HTTP")
	}
	return refuse(in, unsupportedAPI...)
}

// CreateApi creates an HTTP API. With a target, it also has a default route and a
// default stage.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis.html.
func (s *Service) CreateApi(_ context.Context, in *awsapi.CreateApiInput) (*awsapi.CreateApiOutput, error) {
	if err := checkAPI(in, in.ProtocolType, in.RouteSelectionExpression, in.ApiKeySelectionExpression); err != nil {
		return nil, err
	}
	if aws.ToString(in.Name) == "" {
		return nil, invalid("Name must not be empty")
	}
	cors, err := checkCORS(in.CorsConfiguration)
	if err != nil {
		return nil, err
	}
	if in.Target == nil && (in.RouteKey != nil || in.CredentialsArn != nil) {
		return nil, invalid("RouteKey and CredentialsArn need a Target")
	}
	a := &api{
		service: s, routes: map[string]*types.Route{}, integrations: map[string]*types.Integration{},
		authorizers: map[string]*types.Authorizer{}, deployments: map[string]*deployment{}, stages: map[string]*stage{},
	}
	executeapi.Assign(&a.Api, in)
	a.CorsConfiguration = cors
	a.Tags = maps.Clone(in.Tags)
	a.RouteSelectionExpression, a.ApiKeySelectionExpression = aws.String(routeSelection), aws.String(apiKeySelection)
	a.DisableExecuteApiEndpoint, a.DisableSchemaValidation = aws.Bool(false), nil
	if a.IpAddressType == "" {
		a.IpAddressType = types.IpAddressTypeIpv4
	}
	a.CreatedDate = aws.Time(s.account.Clock.Now())
	a.live.Store(&map[string]*live{})
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.Target != nil {
		if err := a.quick(in); err != nil {
			return nil, err
		}
	}
	if a.endpoint, err = s.deps.Gateway.Open(func(id string) http.Handler {
		a.ApiId = aws.String(id)
		return a
	}); err != nil {
		return nil, err
	}
	a.ApiEndpoint = aws.String(a.endpoint.URL)
	s.apis[a.endpoint.ID] = a
	a.changed()
	out := &awsapi.CreateApiOutput{}
	executeapi.Assign(out, &a.Api)
	return out, nil
}

// quick gives a new API what "quick create" does: an integration, a route to it and
// a stage.
func (a *api) quick(in *awsapi.CreateApiInput) error {
	format := "2.0"
	create := &awsapi.CreateIntegrationInput{
		IntegrationType: types.IntegrationTypeAwsProxy, IntegrationUri: in.Target, PayloadFormatVersion: &format, CredentialsArn: in.CredentialsArn,
	}
	if strings.HasPrefix(*in.Target, "http://") || strings.HasPrefix(*in.Target, "https://") {
		create.IntegrationType = types.IntegrationTypeHttpProxy
	}
	i, err := newIntegration(create)
	if err != nil {
		return err
	}
	i.ApiGatewayManaged = aws.Bool(true)
	a.integrations[*i.IntegrationId] = i
	key := in.RouteKey
	if key == nil {
		key = aws.String(defaultKey)
	}
	r, err := a.newRoute(&awsapi.CreateRouteInput{RouteKey: key, Target: aws.String("integrations/" + *i.IntegrationId)})
	if err != nil {
		return err
	}
	r.ApiGatewayManaged = aws.Bool(true)
	a.routes[*r.RouteId] = r
	return a.addStage(&awsapi.CreateStageInput{StageName: aws.String(defaultKey), AutoDeploy: aws.Bool(true)})
}

// GetApi describes an API.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid.html.
func (s *Service) GetApi(_ context.Context, in *awsapi.GetApiInput) (*awsapi.GetApiOutput, error) {
	out := &awsapi.GetApiOutput{}
	return out, s.read(in.ApiId, func(a *api) error {
		executeapi.Assign(out, &a.Api)
		return nil
	})
}

// GetApis lists the APIs.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis.html.
func (s *Service) GetApis(_ context.Context, in *awsapi.GetApisInput) (*awsapi.GetApisOutput, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := []types.Api{}
	for _, id := range slices.Sorted(maps.Keys(s.apis)) {
		all = append(all, s.apis[id].Api)
	}
	items, next, err := page(all, in.NextToken, in.MaxResults)
	return &awsapi.GetApisOutput{Items: items, NextToken: next}, err
}

// UpdateApi changes the settings of an API.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid.html.
func (s *Service) UpdateApi(_ context.Context, in *awsapi.UpdateApiInput) (*awsapi.UpdateApiOutput, error) {
	if err := checkAPI(in, types.ProtocolTypeHttp, in.RouteSelectionExpression, in.ApiKeySelectionExpression); err != nil {
		return nil, err
	}
	if err := refuse(in, "RouteKey", "Target", "CredentialsArn"); err != nil {
		return nil, err
	}
	cors, err := checkCORS(in.CorsConfiguration)
	if err != nil {
		return nil, err
	}
	out := &awsapi.UpdateApiOutput{}
	return out, s.write(in.ApiId, func(a *api) error {
		endpoint, before := a.ApiId, a.CorsConfiguration
		executeapi.Change(&a.Api, in)
		if a.ApiId, a.CorsConfiguration = endpoint, before; in.CorsConfiguration != nil {
			a.CorsConfiguration = cors
		}
		executeapi.Assign(out, &a.Api)
		return nil
	})
}

// DeleteApi deletes an API and closes its port.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid.html.
func (s *Service) DeleteApi(_ context.Context, in *awsapi.DeleteApiInput) (*awsapi.DeleteApiOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.find(in.ApiId)
	if err != nil {
		return nil, err
	}
	delete(s.apis, a.endpoint.ID)
	return &awsapi.DeleteApiOutput{}, a.endpoint.Close()
}

// DeleteCorsConfiguration removes the CORS settings of an API.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-cors.html.
func (s *Service) DeleteCorsConfiguration(_ context.Context, in *awsapi.DeleteCorsConfigurationInput) (*awsapi.DeleteCorsConfigurationOutput, error) {
	return &awsapi.DeleteCorsConfigurationOutput{}, s.write(in.ApiId, func(a *api) error {
		a.CorsConfiguration = nil
		return nil
	})
}

// tagged calls f with the tags of the API or stage that an ARN names:
// arn:aws:apigateway:REGION::/apis/ID or .../apis/ID/stages/NAME.
func (s *Service) tagged(arn *string, f func(tags *map[string]string)) error {
	path, ok := strings.CutPrefix(aws.ToString(arn), "arn:aws:apigateway:"+s.account.Region+"::/apis/")
	id, stage, isStage := strings.Cut(path, "/stages/")
	if !ok || strings.Contains(id, "/") {
		return invalid("Invalid ARN specified in the request: %s. The embedded AWS has tags of APIs and stages only", aws.ToString(arn))
	}
	a, err := s.find(&id)
	if err != nil {
		return err
	}
	if !isStage {
		f(&a.Tags)
		return nil
	}
	st, err := a.stage(&stage)
	if err != nil {
		return err
	}
	f(&st.Tags)
	return nil
}

// TagResource adds tags to an API or a stage.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/tags-resource-arn.html.
func (s *Service) TagResource(_ context.Context, in *awsapi.TagResourceInput) (*awsapi.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &awsapi.TagResourceOutput{}, s.tagged(in.ResourceArn, func(tags *map[string]string) {
		*tags = executeapi.AddTags(*tags, in.Tags)
	})
}

// UntagResource removes tags.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/tags-resource-arn.html.
func (s *Service) UntagResource(_ context.Context, in *awsapi.UntagResourceInput) (*awsapi.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &awsapi.UntagResourceOutput{}, s.tagged(in.ResourceArn, func(tags *map[string]string) {
		*tags = executeapi.RemoveTags(*tags, in.TagKeys)
	})
}

// GetTags returns the tags of an API or a stage.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/tags-resource-arn.html.
func (s *Service) GetTags(_ context.Context, in *awsapi.GetTagsInput) (*awsapi.GetTagsOutput, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := &awsapi.GetTagsOutput{}
	return out, s.tagged(in.ResourceArn, func(tags *map[string]string) { out.Tags = *tags })
}
