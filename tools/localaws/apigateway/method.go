package apigateway

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsapi "github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"

	"github.com/magewright/magewright/tools/localaws/apigateway/mapping"
	"github.com/magewright/magewright/tools/localaws/executeapi"
	"github.com/magewright/magewright/tools/localaws/executeapi/openapi"
)

const jsonType = "application/json"

// method returns a method of a resource.
func (a *api) method(id, name *string) (*resource, *types.Method, error) {
	r, err := a.resource(id)
	if err != nil {
		return nil, nil, err
	}
	if m := r.methods[aws.ToString(name)]; m != nil {
		return r, m, nil
	}
	return nil, nil, notFound("Invalid Method identifier specified")
}

var requestParameter = regexp.MustCompile(`^method\.request\.(path|querystring|header)\.([^.\s][^\s]*)$`)

// PutMethod creates a method of a resource.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_PutMethod.html.
func (s *Service) PutMethod(_ context.Context, in *awsapi.PutMethodInput) (*awsapi.PutMethodOutput, error) {
	out := &awsapi.PutMethodOutput{}
	return out, s.write(in.RestApiId, func(a *api) error {
		r, err := a.resource(in.ResourceId)
		if err != nil {
			return err
		}
		if !slices.Contains(executeapi.Methods, aws.ToString(in.HttpMethod)) {
			return invalid("Invalid HttpMethod specified. Valid options are GET,PUT,POST,DELETE,PATCH,OPTIONS,HEAD,ANY")
		}
		if r.methods[*in.HttpMethod] != nil {
			return conflict("Method already exists for this resource")
		}
		m := &types.Method{}
		executeapi.Assign(m, in)
		m.ApiKeyRequired = aws.Bool(in.ApiKeyRequired)
		if err := a.checkMethod(m); err != nil {
			return err
		}
		r.methods[*m.HttpMethod] = m
		executeapi.Assign(out, m)
		return nil
	})
}

// checkMethod checks a method that is about to be part of the API.
func (a *api) checkMethod(m *types.Method) error {
	kind := aws.ToString(m.AuthorizationType)
	switch kind {
	case "NONE", "AWS_IAM":
		// Templates name an authorizer nevertheless, which is not asked.
		m.AuthorizerId = nil
	case "CUSTOM", cognito:
		z := a.authorizers[aws.ToString(m.AuthorizerId)]
		if z == nil || (z.Type == types.AuthorizerTypeCognitoUserPools) != (kind == cognito) {
			return invalid("Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid authorizer.")
		}
	default:
		return invalid("Invalid authorization type specified. Valid options are NONE, AWS_IAM, CUSTOM, COGNITO_USER_POOLS")
	}
	if len(m.AuthorizationScopes) > 0 && kind != cognito {
		return unsupported("AuthorizationScopes")
	}
	for name := range m.RequestParameters {
		if !requestParameter.MatchString(name) {
			return invalid("Invalid Parameter name specified: %s", name)
		}
	}
	if m.RequestValidatorId != nil && a.validators[*m.RequestValidatorId] == nil {
		return invalid("Invalid Request Validator identifier specified")
	}
	for _, name := range m.RequestModels {
		if a.models[name] == nil {
			return invalid("Invalid model identifier specified: %s", name)
		}
	}
	return nil
}

// GetMethod describes a method.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_GetMethod.html.
func (s *Service) GetMethod(_ context.Context, in *awsapi.GetMethodInput) (*awsapi.GetMethodOutput, error) {
	out := &awsapi.GetMethodOutput{}
	return out, s.read(in.RestApiId, func(a *api) error {
		_, m, err := a.method(in.ResourceId, in.HttpMethod)
		if err == nil {
			executeapi.Assign(out, m)
		}
		return err
	})
}

// DeleteMethod deletes a method.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteMethod.html.
func (s *Service) DeleteMethod(_ context.Context, in *awsapi.DeleteMethodInput) (*awsapi.DeleteMethodOutput, error) {
	return &awsapi.DeleteMethodOutput{}, s.write(in.RestApiId, func(a *api) error {
		r, m, err := a.method(in.ResourceId, in.HttpMethod)
		if err == nil {
			delete(r.methods, *m.HttpMethod)
		}
		return err
	})
}

// changeMethod changes a copy of a method, which takes its place if there is no error.
func (s *Service) changeMethod(id, resource, name *string, change func(a *api, m *types.Method) error) error {
	return s.write(id, func(a *api) error {
		r, m, err := a.method(resource, name)
		if err != nil {
			return err
		}
		next := *m
		if err := change(a, &next); err != nil {
			return err
		}
		r.methods[*name] = &next
		return nil
	})
}

// PutMethodResponse declares a response of a method.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_PutMethodResponse.html.
func (s *Service) PutMethodResponse(_ context.Context, in *awsapi.PutMethodResponseInput) (*awsapi.PutMethodResponseOutput, error) {
	out := &awsapi.PutMethodResponseOutput{}
	return out, s.changeMethod(in.RestApiId, in.ResourceId, in.HttpMethod, func(a *api, m *types.Method) error {
		if !status.MatchString(aws.ToString(in.StatusCode)) {
			return invalid("Invalid status code specified: %s", aws.ToString(in.StatusCode))
		}
		for _, name := range in.ResponseModels {
			if a.models[name] == nil {
				return invalid("Invalid model identifier specified: %s", name)
			}
		}
		response := types.MethodResponse{}
		executeapi.Assign(&response, in)
		m.MethodResponses = with(m.MethodResponses, *in.StatusCode, response)
		executeapi.Assign(out, &response)
		return nil
	})
}

var status = regexp.MustCompile(`^[1-5]\d\d$`)

// with returns a copy of a map with one more value.
func with[T any](m map[string]T, key string, value T) map[string]T {
	next := map[string]T{}
	maps.Copy(next, m)
	next[key] = value
	return next
}

// without returns a copy of a map without a key.
func without[T any](m map[string]T, key string) map[string]T {
	next := maps.Clone(m)
	delete(next, key)
	return next
}

// DeleteMethodResponse removes a response of a method.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteMethodResponse.html.
func (s *Service) DeleteMethodResponse(_ context.Context, in *awsapi.DeleteMethodResponseInput) (*awsapi.DeleteMethodResponseOutput, error) {
	return &awsapi.DeleteMethodResponseOutput{}, s.changeMethod(in.RestApiId, in.ResourceId, in.HttpMethod, func(_ *api, m *types.Method) error {
		if _, ok := m.MethodResponses[aws.ToString(in.StatusCode)]; !ok {
			return notFound("Invalid Response status code specified")
		}
		m.MethodResponses = without(m.MethodResponses, *in.StatusCode)
		return nil
	})
}

// GetMethodResponse describes a response of a method.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_GetMethodResponse.html.
func (s *Service) GetMethodResponse(_ context.Context, in *awsapi.GetMethodResponseInput) (*awsapi.GetMethodResponseOutput, error) {
	out := &awsapi.GetMethodResponseOutput{}
	return out, s.read(in.RestApiId, func(a *api) error {
		_, m, err := a.method(in.ResourceId, in.HttpMethod)
		if err != nil {
			return err
		}
		response, ok := m.MethodResponses[aws.ToString(in.StatusCode)]
		if !ok {
			return notFound("Invalid Response status code specified")
		}
		executeapi.Assign(out, &response)
		return nil
	})
}

// unsupportedIntegration lists what PutIntegration refuses.
var unsupportedIntegration = []string{
	"CacheKeyParameters", "CacheNamespace", "ConnectionId", "ContentHandling", "IntegrationTarget", "TlsConfig",
}

// The limits of an integration's time-out in milliseconds. The upper one is the
// default.
const (
	minTimeout = 50
	maxTimeout = 29000
)

// PutIntegration gives a method an integration.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_PutIntegration.html.
func (s *Service) PutIntegration(_ context.Context, in *awsapi.PutIntegrationInput) (*awsapi.PutIntegrationOutput, error) {
	if err := refuse(in, unsupportedIntegration...); err != nil {
		return nil, err
	}
	i := &types.Integration{}
	executeapi.Assign(i, in)
	i.HttpMethod = in.IntegrationHttpMethod
	i.TimeoutInMillis = maxTimeout
	if in.TimeoutInMillis != nil {
		i.TimeoutInMillis = *in.TimeoutInMillis
	}
	if i.PassthroughBehavior == nil {
		i.PassthroughBehavior = aws.String("WHEN_NO_MATCH")
	}
	if err := s.checkIntegration(i); err != nil {
		return nil, err
	}
	out := &awsapi.PutIntegrationOutput{}
	return out, s.changeMethod(in.RestApiId, in.ResourceId, in.HttpMethod, func(_ *api, m *types.Method) error {
		m.MethodIntegration = i
		executeapi.Assign(out, i)
		return nil
	})
}

func (s *Service) checkIntegration(i *types.Integration) error {
	uri := aws.ToString(i.Uri)
	switch i.Type {
	case types.IntegrationTypeMock:
	case types.IntegrationTypeAws, types.IntegrationTypeAwsProxy:
		if strings.Contains(uri, "${stageVariables") {
			return unsupported("A stage variable in the Uri of an integration")
		}
		if err := s.checkCalled(i); err != nil {
			return err
		}
		if aws.ToString(i.HttpMethod) == "" {
			return invalid("Enumeration value for HttpMethod must be non-empty")
		}
	default:
		return unsupported("An integration of type " + string(i.Type))
	}
	if i.ConnectionType == types.ConnectionTypeVpcLink || i.ResponseTransferMode == types.ResponseTransferModeStream {
		return unsupported("ConnectionType VPC_LINK or ResponseTransferMode STREAM")
	}
	if i.TimeoutInMillis < minTimeout || i.TimeoutInMillis > maxTimeout {
		return invalid("Timeout should be between %d ms and %d ms", minTimeout, maxTimeout)
	}
	if !slices.Contains([]string{"WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER"}, *i.PassthroughBehavior) {
		return invalid("Invalid passthrough behavior specified: %s", *i.PassthroughBehavior)
	}
	for to, from := range i.RequestParameters {
		if !integrationParameter.MatchString(to) || !mappedValue(from) {
			return invalid("Invalid mapping expression specified: Validation Result: warnings : [], errors : [Invalid mapping expression parameter specified: %s: %s]", to, from)
		}
	}
	return checkTemplates(requestTemplates(i))
}

// requestTemplates returns the templates that an integration uses. A function behind a
// proxy gets the whole request: API Gateway keeps templates and parameters, which the CDK's
// LambdaIntegration can write too, without using them.
func requestTemplates(i *types.Integration) map[string]string {
	if i.Type == types.IntegrationTypeAwsProxy {
		return nil
	}
	return i.RequestTemplates
}

// checkCalled checks what an integration calls: a function, or another service.
func (s *Service) checkCalled(i *types.Integration) error {
	uri := aws.ToString(i.Uri)
	_, isFunction := executeapi.Function(uri)
	switch {
	case !isFunction && i.Type == types.IntegrationTypeAwsProxy:
		return invalid("Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations. The embedded AWS supports functions: %s", uri)
	case !isFunction:
		return s.checkTarget(i)
	case aws.ToString(i.Credentials) != "" && *i.Credentials != openapi.AsCaller:
		return unsupported("Credentials of an integration with a function, other than the caller's,")
	case i.Type == types.IntegrationTypeAws && len(i.RequestParameters) > 0:
		return unsupported("RequestParameters of an integration with a function")
	}
	return nil
}

var (
	integrationParameter = regexp.MustCompile(`^integration\.request\.(path|querystring|header)\.[^\s]+$`)
	responseParameter    = regexp.MustCompile(`^method\.response\.header\.[^\s]+$`)
)

// mappedValue reports whether a value of a parameter mapping can be evaluated.
func mappedValue(from string) bool {
	return strings.HasPrefix(from, "'") && strings.HasSuffix(from, "'") && len(from) > 1 || requestParameter.MatchString(from) ||
		strings.HasPrefix(from, "context.") || strings.HasPrefix(from, "stageVariables.") || strings.HasPrefix(from, "integration.response.header.")
}

// checkTemplates refuses templates that use what the embedded AWS does not support.
func checkTemplates(templates map[string]string) error {
	for _, contentType := range slices.Sorted(maps.Keys(templates)) {
		if _, err := mapping.Parse(templates[contentType]); err != nil {
			return invalid("The mapping template for %s is not supported by the embedded AWS: %s", contentType, err.Error())
		}
	}
	return nil
}

// GetIntegration describes the integration of a method.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_GetIntegration.html.
func (s *Service) GetIntegration(_ context.Context, in *awsapi.GetIntegrationInput) (*awsapi.GetIntegrationOutput, error) {
	out := &awsapi.GetIntegrationOutput{}
	return out, s.read(in.RestApiId, func(a *api) error {
		_, m, err := a.method(in.ResourceId, in.HttpMethod)
		if err != nil {
			return err
		}
		if m.MethodIntegration == nil {
			return notFound("Invalid Integration identifier specified")
		}
		executeapi.Assign(out, m.MethodIntegration)
		return nil
	})
}

// DeleteIntegration removes the integration of a method.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteIntegration.html.
func (s *Service) DeleteIntegration(_ context.Context, in *awsapi.DeleteIntegrationInput) (*awsapi.DeleteIntegrationOutput, error) {
	return &awsapi.DeleteIntegrationOutput{}, s.changeMethod(in.RestApiId, in.ResourceId, in.HttpMethod, func(_ *api, m *types.Method) error {
		if m.MethodIntegration == nil {
			return notFound("Invalid Integration identifier specified")
		}
		m.MethodIntegration = nil
		return nil
	})
}

// PutIntegrationResponse maps answers of an integration to a response of its method.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_PutIntegrationResponse.html.
func (s *Service) PutIntegrationResponse(_ context.Context, in *awsapi.PutIntegrationResponseInput) (*awsapi.PutIntegrationResponseOutput, error) {
	if err := refuse(in, "ContentHandling"); err != nil {
		return nil, err
	}
	if err := checkTemplates(in.ResponseTemplates); err != nil {
		return nil, err
	}
	if _, err := regexp.Compile(aws.ToString(in.SelectionPattern)); err != nil {
		return nil, invalid("Invalid selection pattern specified: %s", aws.ToString(in.SelectionPattern))
	}
	out := &awsapi.PutIntegrationResponseOutput{}
	return out, s.changeMethod(in.RestApiId, in.ResourceId, in.HttpMethod, func(_ *api, m *types.Method) error {
		if m.MethodIntegration == nil {
			return notFound("Invalid Integration identifier specified")
		}
		declared, ok := m.MethodResponses[aws.ToString(in.StatusCode)]
		if !ok {
			return notFound("Invalid Response status code specified")
		}
		for to, from := range in.ResponseParameters {
			if !responseParameter.MatchString(to) || !mappedValue(from) {
				return invalid("Invalid mapping expression specified: %s: %s", to, from)
			}
			if _, ok := declared.ResponseParameters[to]; !ok {
				return invalid("Invalid mapping expression parameter specified: %s is not declared by the method response %s", to, *in.StatusCode)
			}
		}
		response := types.IntegrationResponse{}
		executeapi.Assign(&response, in)
		i := *m.MethodIntegration
		i.IntegrationResponses = with(i.IntegrationResponses, *in.StatusCode, response)
		m.MethodIntegration = &i
		executeapi.Assign(out, &response)
		return nil
	})
}

// GetIntegrationResponse describes a response of an integration.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_GetIntegrationResponse.html.
func (s *Service) GetIntegrationResponse(_ context.Context, in *awsapi.GetIntegrationResponseInput) (*awsapi.GetIntegrationResponseOutput, error) {
	out := &awsapi.GetIntegrationResponseOutput{}
	return out, s.read(in.RestApiId, func(a *api) error {
		_, m, err := a.method(in.ResourceId, in.HttpMethod)
		if err != nil {
			return err
		}
		if m.MethodIntegration != nil {
			if response, ok := m.MethodIntegration.IntegrationResponses[aws.ToString(in.StatusCode)]; ok {
				executeapi.Assign(out, &response)
				return nil
			}
		}
		return notFound("Invalid Response status code specified")
	})
}

// DeleteIntegrationResponse removes a response of an integration.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteIntegrationResponse.html.
func (s *Service) DeleteIntegrationResponse(_ context.Context, in *awsapi.DeleteIntegrationResponseInput) (*awsapi.DeleteIntegrationResponseOutput, error) {
	return &awsapi.DeleteIntegrationResponseOutput{}, s.changeMethod(in.RestApiId, in.ResourceId, in.HttpMethod, func(_ *api, m *types.Method) error {
		if m.MethodIntegration == nil {
			return notFound("Invalid Integration identifier specified")
		}
		i := *m.MethodIntegration
		if _, ok := i.IntegrationResponses[aws.ToString(in.StatusCode)]; !ok {
			return notFound("Invalid Response status code specified")
		}
		i.IntegrationResponses = without(i.IntegrationResponses, *in.StatusCode)
		m.MethodIntegration = &i
		return nil
	})
}
