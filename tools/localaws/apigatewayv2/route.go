package apigatewayv2

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsapi "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/magewright/magewright/tools/localaws/executeapi"
)

// unsupportedRoute lists what CreateRoute and UpdateRoute refuse. On AWS, WebSocket
// APIs have it, or HTTP APIs ignore it.
var unsupportedRoute = []string{
	"ApiKeyRequired", "ModelSelectionExpression", "RequestModels", "RequestParameters", "RouteResponseSelectionExpression",
}

// newRoute returns a route as an input describes it, with a new id.
func (a *api) newRoute(in *awsapi.CreateRouteInput) (*types.Route, error) {
	if err := refuse(in, unsupportedRoute...); err != nil {
		return nil, err
	}
	r := &types.Route{}
	executeapi.Assign(r, in)
	r.RouteId, r.ApiKeyRequired = aws.String(executeapi.NewID()[:7]), aws.Bool(false)
	return r, a.checkRoute(r)
}

// checkRoute checks a route that is about to be part of the API.
func (a *api) checkRoute(r *types.Route) error {
	key, err := parseKey(aws.ToString(r.RouteKey))
	if err != nil {
		return err
	}
	for _, other := range a.routes {
		if *other.RouteId == *r.RouteId {
			continue
		}
		if k, err := parseKey(*other.RouteKey); err == nil && k.same(key) {
			return conflict("Route with key %s already exists for this API", *r.RouteKey)
		}
	}
	if r.Target != nil {
		if a.integrations[strings.TrimPrefix(*r.Target, "integrations/")] == nil {
			return invalid("Invalid target %s: the API has no such integration", *r.Target)
		}
	}
	return a.checkAuthorization(r)
}

func (a *api) route(id *string) (*types.Route, error) {
	if r := a.routes[aws.ToString(id)]; r != nil {
		return r, nil
	}
	return nil, notFound("Invalid Route identifier specified %s", aws.ToString(id))
}

// CreateRoute creates a route.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-routes.html.
func (s *Service) CreateRoute(_ context.Context, in *awsapi.CreateRouteInput) (*awsapi.CreateRouteOutput, error) {
	out := &awsapi.CreateRouteOutput{}
	return out, s.write(in.ApiId, func(a *api) error {
		r, err := a.newRoute(in)
		if err != nil {
			return err
		}
		a.routes[*r.RouteId] = r
		executeapi.Assign(out, r)
		return nil
	})
}

// GetRoute describes a route.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-routes-routeid.html.
func (s *Service) GetRoute(_ context.Context, in *awsapi.GetRouteInput) (*awsapi.GetRouteOutput, error) {
	out := &awsapi.GetRouteOutput{}
	return out, s.read(in.ApiId, func(a *api) error {
		r, err := a.route(in.RouteId)
		if err == nil {
			executeapi.Assign(out, r)
		}
		return err
	})
}

// GetRoutes lists the routes of an API.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-routes.html.
func (s *Service) GetRoutes(_ context.Context, in *awsapi.GetRoutesInput) (*awsapi.GetRoutesOutput, error) {
	out := &awsapi.GetRoutesOutput{}
	return out, s.read(in.ApiId, func(a *api) (err error) {
		out.Items, out.NextToken, err = page(executeapi.Sorted(a.routes), in.NextToken, in.MaxResults)
		return err
	})
}

// UpdateRoute changes a route.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-routes-routeid.html.
func (s *Service) UpdateRoute(_ context.Context, in *awsapi.UpdateRouteInput) (*awsapi.UpdateRouteOutput, error) {
	if err := refuse(in, unsupportedRoute...); err != nil {
		return nil, err
	}
	out := &awsapi.UpdateRouteOutput{}
	return out, s.write(in.ApiId, func(a *api) error {
		before, err := a.route(in.RouteId)
		if err != nil {
			return err
		}
		r := *before
		executeapi.Change(&r, in)
		if r.AuthorizationType == types.AuthorizationTypeNone || r.AuthorizationType == types.AuthorizationTypeAwsIam {
			r.AuthorizerId = nil
		}
		if err := a.checkRoute(&r); err != nil {
			return err
		}
		a.routes[*r.RouteId] = &r
		executeapi.Assign(out, &r)
		return nil
	})
}

// DeleteRoute deletes a route.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-routes-routeid.html.
func (s *Service) DeleteRoute(_ context.Context, in *awsapi.DeleteRouteInput) (*awsapi.DeleteRouteOutput, error) {
	return &awsapi.DeleteRouteOutput{}, s.write(in.ApiId, func(a *api) error {
		if _, err := a.route(in.RouteId); err != nil {
			return err
		}
		delete(a.routes, *in.RouteId)
		return nil
	})
}
