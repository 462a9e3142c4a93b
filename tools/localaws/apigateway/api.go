package apigateway

import (
	"context"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsapi "github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"

	"github.com/magewright/magewright/tools/localaws/executeapi"
)

// An api is a REST API. Its models, validators, authorizers and responses are
// replaced, never changed, because answers and deployments share them.
type api struct {
	service  *Service
	endpoint *executeapi.Endpoint
	types.RestApi

	resources   map[string]*resource
	models      map[string]*types.Model // by name
	validators  map[string]*types.RequestValidator
	authorizers map[string]*types.Authorizer
	responses   map[string]*types.GatewayResponse // by type
	deployments map[string]*deployment
	stages      map[string]*stage

	live atomic.Pointer[map[string]*live] // what is served, by stage
}

// A resource is a part of the path and the methods below it.
type resource struct {
	types.Resource
	methods map[string]*types.Method
}

// unsupportedAPI lists what CreateRestApi refuses.
var unsupportedAPI = []string{"CloneFrom", "DisableExecuteApiEndpoint", "EndpointAccessMode", "MinimumCompressionSize", "Policy", "SecurityPolicy"}

// CreateRestApi creates a REST API with its root resource.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_CreateRestApi.html.
func (s *Service) CreateRestApi(_ context.Context, in *awsapi.CreateRestApiInput) (*awsapi.CreateRestApiOutput, error) {
	if err := refuse(in, unsupportedAPI...); err != nil {
		return nil, err
	}
	if aws.ToString(in.Name) == "" {
		return nil, invalid("API name should not be empty")
	}
	if in.ApiKeySource == types.ApiKeySourceTypeAuthorizer {
		return nil, unsupported("The API key source AUTHORIZER")
	}
	endpoints := in.EndpointConfiguration
	if endpoints == nil {
		endpoints = &types.EndpointConfiguration{Types: []types.EndpointType{types.EndpointTypeEdge}}
	}
	if slices.Contains(endpoints.Types, types.EndpointTypePrivate) || len(endpoints.VpcEndpointIds) > 0 {
		return nil, unsupported("A private API")
	}
	a := &api{
		service: s, resources: map[string]*resource{}, models: map[string]*types.Model{}, validators: map[string]*types.RequestValidator{},
		authorizers: map[string]*types.Authorizer{}, responses: map[string]*types.GatewayResponse{},
		deployments: map[string]*deployment{}, stages: map[string]*stage{},
	}
	executeapi.Assign(&a.RestApi, in)
	a.MinimumCompressionSize, a.EndpointConfiguration = nil, endpoints
	a.Tags = maps.Clone(in.Tags)
	a.ApiKeySource, a.CreatedDate = types.ApiKeySourceTypeHeader, aws.Time(s.account.Clock.Now())
	a.RootResourceId = aws.String(executeapi.NewID())
	a.resources[*a.RootResourceId] = &resource{Resource: types.Resource{Id: a.RootResourceId, Path: aws.String("/")}, methods: map[string]*types.Method{}}
	for name, schema := range builtInModels {
		a.models[name] = &types.Model{
			Id: aws.String(executeapi.NewID()[:6]), Name: aws.String(name), ContentType: aws.String(jsonType), Schema: aws.String(schema),
			Description: aws.String("This is a default schema model"),
		}
	}
	a.live.Store(&map[string]*live{})
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if a.endpoint, err = s.deps.Gateway.Open(func(id string) http.Handler {
		a.Id = aws.String(id)
		return a
	}); err != nil {
		return nil, err
	}
	s.apis[a.endpoint.ID] = a
	out := &awsapi.CreateRestApiOutput{}
	executeapi.Assign(out, &a.RestApi)
	return out, nil
}

// GetRestApi describes an API.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_GetRestApi.html.
func (s *Service) GetRestApi(_ context.Context, in *awsapi.GetRestApiInput) (*awsapi.GetRestApiOutput, error) {
	out := &awsapi.GetRestApiOutput{}
	return out, s.read(in.RestApiId, func(a *api) error {
		executeapi.Assign(out, &a.RestApi)
		return nil
	})
}

// GetRestApis lists the APIs.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_GetRestApis.html.
func (s *Service) GetRestApis(_ context.Context, in *awsapi.GetRestApisInput) (*awsapi.GetRestApisOutput, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := []types.RestApi{}
	for _, id := range slices.Sorted(maps.Keys(s.apis)) {
		all = append(all, s.apis[id].RestApi)
	}
	items, next, err := page(all, in.Position, in.Limit)
	return &awsapi.GetRestApisOutput{Items: items, Position: next}, err
}

// UpdateRestApi changes the settings of an API.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateRestApi.html.
func (s *Service) UpdateRestApi(_ context.Context, in *awsapi.UpdateRestApiInput) (*awsapi.UpdateRestApiOutput, error) {
	out := &awsapi.UpdateRestApiOutput{}
	return out, s.write(in.RestApiId, func(a *api) error {
		next := a.RestApi
		err := patch(in.PatchOperations, func(path string, value *string) (bool, error) {
			kind, isType := strings.CutPrefix(path, "/binaryMediaTypes/")
			switch {
			case path == "/name" && value != nil:
				next.Name = value
			case path == "/description":
				next.Description = value
			case path == "/version":
				next.Version = value
			case isType:
				kind = unescapePointer(kind)
				next.BinaryMediaTypes = slices.DeleteFunc(slices.Clone(next.BinaryMediaTypes), func(t string) bool { return t == kind })
				if value != nil {
					next.BinaryMediaTypes = append(next.BinaryMediaTypes, kind)
				}
			default:
				return false, nil
			}
			return true, nil
		})
		if err != nil {
			return err
		}
		a.RestApi = next
		executeapi.Assign(out, &next)
		return nil
	})
}

// unescapePointer returns a segment of a patch path, in which ~1 stands for a slash.
// See RFC 6901.
func unescapePointer(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "~1", "/"), "~0", "~")
}

// DeleteRestApi deletes an API and closes its port.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteRestApi.html.
func (s *Service) DeleteRestApi(_ context.Context, in *awsapi.DeleteRestApiInput) (*awsapi.DeleteRestApiOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.find(in.RestApiId)
	if err != nil {
		return nil, err
	}
	delete(s.apis, a.endpoint.ID)
	for _, p := range s.plans {
		p.ApiStages = slices.DeleteFunc(slices.Clone(p.ApiStages), func(st types.ApiStage) bool { return aws.ToString(st.ApiId) == a.endpoint.ID })
	}
	return &awsapi.DeleteRestApiOutput{}, a.endpoint.Close()
}

func (a *api) resource(id *string) (*resource, error) {
	if r := a.resources[aws.ToString(id)]; r != nil {
		return r, nil
	}
	return nil, notFound("Invalid Resource identifier specified")
}

var pathPart = regexp.MustCompile(`^(\{[a-zA-Z0-9._:-]+\+?\}|[a-zA-Z0-9._~:@!$&'()*+,;=-]+)$`)

// CreateResource creates a resource below another.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_CreateResource.html.
func (s *Service) CreateResource(_ context.Context, in *awsapi.CreateResourceInput) (*awsapi.CreateResourceOutput, error) {
	out := &awsapi.CreateResourceOutput{}
	return out, s.write(in.RestApiId, func(a *api) error {
		parent, err := a.resource(in.ParentId)
		if err != nil {
			return err
		}
		part := aws.ToString(in.PathPart)
		if !pathPart.MatchString(part) {
			return invalid("Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the beginning and the end.")
		}
		if strings.HasSuffix(*parent.Path, "+}") {
			return invalid("Cannot create a child of a resource with a greedy path variable.")
		}
		for _, r := range a.resources {
			if aws.ToString(r.ParentId) != *parent.Id {
				continue
			}
			if *r.PathPart == part {
				return conflict("Another resource with the same parent already has this name: %s", part)
			}
			if strings.HasPrefix(part, "{") && strings.HasPrefix(*r.PathPart, "{") && strings.HasSuffix(part, "+}") == strings.HasSuffix(*r.PathPart, "+}") {
				return invalid("A sibling (%s) of this resource already has a variable path part -- only one is allowed", *r.PathPart)
			}
		}
		made := &resource{
			Resource: types.Resource{
				Id: aws.String(executeapi.NewID()[:6]), ParentId: parent.Id, PathPart: in.PathPart, Path: aws.String(strings.TrimSuffix(*parent.Path, "/") + "/" + part),
			},
			methods: map[string]*types.Method{},
		}
		if _, err := executeapi.ParsePath(*made.Path); err != nil {
			return invalid("Invalid resource path %s: %s", *made.Path, err.Error())
		}
		a.resources[*made.Id] = made
		executeapi.Assign(out, &made.Resource)
		return nil
	})
}

// describe returns a resource with its methods: all about them, or only their names.
func (r *resource) describe(methods bool) types.Resource {
	out := r.Resource
	if len(r.methods) > 0 {
		out.ResourceMethods = map[string]types.Method{}
	}
	for name, m := range r.methods {
		out.ResourceMethods[name] = types.Method{}
		if methods {
			out.ResourceMethods[name] = *m
		}
	}
	return out
}

// GetResource describes a resource.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_GetResource.html.
func (s *Service) GetResource(_ context.Context, in *awsapi.GetResourceInput) (*awsapi.GetResourceOutput, error) {
	out := &awsapi.GetResourceOutput{}
	return out, s.read(in.RestApiId, func(a *api) error {
		r, err := a.resource(in.ResourceId)
		if err != nil {
			return err
		}
		described := r.describe(slices.Contains(in.Embed, "methods"))
		executeapi.Assign(out, &described)
		return nil
	})
}

// GetResources lists the resources of an API.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_GetResources.html.
func (s *Service) GetResources(_ context.Context, in *awsapi.GetResourcesInput) (*awsapi.GetResourcesOutput, error) {
	out := &awsapi.GetResourcesOutput{}
	return out, s.read(in.RestApiId, func(a *api) (err error) {
		all := []types.Resource{}
		for _, id := range slices.Sorted(maps.Keys(a.resources)) {
			all = append(all, a.resources[id].describe(slices.Contains(in.Embed, "methods")))
		}
		out.Items, out.Position, err = page(all, in.Position, in.Limit)
		return err
	})
}

// DeleteResource deletes a resource and those below it.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteResource.html.
func (s *Service) DeleteResource(_ context.Context, in *awsapi.DeleteResourceInput) (*awsapi.DeleteResourceOutput, error) {
	return &awsapi.DeleteResourceOutput{}, s.write(in.RestApiId, func(a *api) error {
		r, err := a.resource(in.ResourceId)
		if err != nil {
			return err
		}
		if r.ParentId == nil {
			return invalid("Root resource cannot be deleted")
		}
		a.remove(*r.Id)
		return nil
	})
}

func (a *api) remove(id string) {
	delete(a.resources, id)
	for child, r := range a.resources {
		if aws.ToString(r.ParentId) == id {
			a.remove(child)
		}
	}
}

// tagged calls f with the tags of what an ARN names: an API, a stage, an API key or
// a usage plan.
func (s *Service) tagged(arn *string, f func(tags *map[string]string)) error {
	path, ok := strings.CutPrefix(aws.ToString(arn), "arn:aws:apigateway:"+s.account.Region+"::/")
	kind, id, _ := strings.Cut(path, "/")
	id, stage, isStage := strings.Cut(id, "/stages/")
	switch {
	case !ok:
	case kind == "restapis" && isStage:
		a, err := s.find(&id)
		if err != nil {
			return err
		}
		st, err := a.stage(&stage)
		if err != nil {
			return err
		}
		f(&st.Tags)
		return nil
	case kind == "restapis":
		a, err := s.find(&id)
		if err != nil {
			return err
		}
		f(&a.Tags)
		return nil
	case kind == "apikeys" && s.keys[id] != nil:
		next := *s.keys[id]
		f(&next.Tags)
		s.keys[id] = &next
		return nil
	case kind == "usageplans" && s.plans[id] != nil:
		f(&s.plans[id].Tags)
		return nil
	}
	return notFound("Invalid resource specified in the ARN %s. The embedded AWS has tags of APIs, stages, API keys and usage plans", aws.ToString(arn))
}

// TagResource adds tags.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_TagResource.html.
func (s *Service) TagResource(_ context.Context, in *awsapi.TagResourceInput) (*awsapi.TagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &awsapi.TagResourceOutput{}, s.tagged(in.ResourceArn, func(tags *map[string]string) {
		*tags = executeapi.AddTags(*tags, in.Tags)
	})
}

// UntagResource removes tags.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_UntagResource.html.
func (s *Service) UntagResource(_ context.Context, in *awsapi.UntagResourceInput) (*awsapi.UntagResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &awsapi.UntagResourceOutput{}, s.tagged(in.ResourceArn, func(tags *map[string]string) {
		*tags = executeapi.RemoveTags(*tags, in.TagKeys)
	})
}

// GetTags returns tags.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_GetTags.html.
func (s *Service) GetTags(_ context.Context, in *awsapi.GetTagsInput) (*awsapi.GetTagsOutput, error) {
	// Reading the tags of a key replaces it.
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &awsapi.GetTagsOutput{}
	return out, s.tagged(in.ResourceArn, func(tags *map[string]string) { out.Tags = *tags })
}

// GetAccount describes the account's settings.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_GetAccount.html.
func (s *Service) GetAccount(_ context.Context, _ *awsapi.GetAccountInput) (*awsapi.GetAccountOutput, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := &awsapi.GetAccountOutput{
		ApiKeyVersion: aws.String("4"), Features: []string{"UsagePlans"},
		ThrottleSettings: &types.ThrottleSettings{BurstLimit: executeapi.AccountBurst, RateLimit: executeapi.AccountRate},
	}
	if s.role != "" {
		out.CloudwatchRoleArn = aws.String(s.role)
	}
	return out, nil
}

// UpdateAccount changes the role that execution logs are written with. Without a
// role, they can't be turned on.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateAccount.html.
func (s *Service) UpdateAccount(ctx context.Context, in *awsapi.UpdateAccountInput) (*awsapi.UpdateAccountOutput, error) {
	s.mu.Lock()
	err := patch(in.PatchOperations, func(path string, value *string) (bool, error) {
		s.role = aws.ToString(value)
		return path == "/cloudwatchRoleArn", nil
	})
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	now, err := s.GetAccount(ctx, &awsapi.GetAccountInput{})
	out := &awsapi.UpdateAccountOutput{}
	executeapi.Assign(out, now)
	return out, err
}
