package apigateway

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsapi "github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"

	"github.com/magewright/magewright/tools/localaws/apigateway/schema"
	"github.com/magewright/magewright/tools/localaws/executeapi"
)

// builtInModels are the models that each API has.
var builtInModels = map[string]string{
	"Empty": `{"$schema":"http://json-schema.org/draft-04/schema#","title":"Empty Schema","type":"object"}`,
	"Error": `{"$schema":"http://json-schema.org/draft-04/schema#","title":"Error Schema","type":"object","properties":{"message":{"type":"string"}}}`,
}

var modelName = regexp.MustCompile(`^[a-zA-Z0-9]+$`)

// CreateModel creates a model of bodies.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_CreateModel.html.
func (s *Service) CreateModel(_ context.Context, in *awsapi.CreateModelInput) (*awsapi.CreateModelOutput, error) {
	out := &awsapi.CreateModelOutput{}
	return out, s.write(in.RestApiId, func(a *api) error {
		if !modelName.MatchString(aws.ToString(in.Name)) {
			return invalid("Model name must be alphanumeric: %s", aws.ToString(in.Name))
		}
		if a.models[*in.Name] != nil {
			return conflict("Model name already exists for this REST API")
		}
		if _, err := schema.Parse(aws.ToString(in.Schema)); err != nil {
			return invalid("Model schema must have a valid JSON Schema: %s", err.Error())
		}
		m := &types.Model{}
		executeapi.Assign(m, in)
		m.Id = aws.String(executeapi.NewID()[:6])
		a.models[*m.Name] = m
		executeapi.Assign(out, m)
		return nil
	})
}

func (a *api) model(name *string) (*types.Model, error) {
	if m := a.models[aws.ToString(name)]; m != nil {
		return m, nil
	}
	return nil, notFound("Invalid model name specified: %s", aws.ToString(name))
}

// GetModel describes a model.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_GetModel.html.
func (s *Service) GetModel(_ context.Context, in *awsapi.GetModelInput) (*awsapi.GetModelOutput, error) {
	if in.Flatten {
		return nil, unsupported("Flatten")
	}
	out := &awsapi.GetModelOutput{}
	return out, s.read(in.RestApiId, func(a *api) error {
		m, err := a.model(in.ModelName)
		if err == nil {
			executeapi.Assign(out, m)
		}
		return err
	})
}

// GetModels lists the models of an API.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_GetModels.html.
func (s *Service) GetModels(_ context.Context, in *awsapi.GetModelsInput) (*awsapi.GetModelsOutput, error) {
	out := &awsapi.GetModelsOutput{}
	return out, s.read(in.RestApiId, func(a *api) (err error) {
		out.Items, out.Position, err = page(executeapi.Sorted(a.models), in.Position, in.Limit)
		return err
	})
}

// UpdateModel changes a model.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateModel.html.
func (s *Service) UpdateModel(_ context.Context, in *awsapi.UpdateModelInput) (*awsapi.UpdateModelOutput, error) {
	out := &awsapi.UpdateModelOutput{}
	return out, s.write(in.RestApiId, func(a *api) error {
		m, err := a.model(in.ModelName)
		if err != nil {
			return err
		}
		next := *m
		err = patch(in.PatchOperations, func(path string, value *string) (bool, error) {
			switch path {
			case "/description":
				next.Description = value
			case "/schema":
				if _, err := schema.Parse(aws.ToString(value)); err != nil {
					return true, invalid("Model schema must have a valid JSON Schema: %s", err.Error())
				}
				next.Schema = value
			default:
				return false, nil
			}
			return true, nil
		})
		if err != nil {
			return err
		}
		a.models[*next.Name] = &next
		executeapi.Assign(out, &next)
		return nil
	})
}

// DeleteModel deletes a model that no method uses.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteModel.html.
func (s *Service) DeleteModel(_ context.Context, in *awsapi.DeleteModelInput) (*awsapi.DeleteModelOutput, error) {
	return &awsapi.DeleteModelOutput{}, s.write(in.RestApiId, func(a *api) error {
		m, err := a.model(in.ModelName)
		if err != nil {
			return err
		}
		for _, r := range a.resources {
			for name, method := range r.methods {
				if slices.Contains(slices.Collect(maps.Values(method.RequestModels)), *m.Name) {
					return conflict("Cannot delete model '%s', is referenced in method request: %s %s", *m.Name, name, *r.Path)
				}
			}
		}
		delete(a.models, *m.Name)
		return nil
	})
}

// CreateRequestValidator creates a validator of requests.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_CreateRequestValidator.html.
func (s *Service) CreateRequestValidator(_ context.Context, in *awsapi.CreateRequestValidatorInput) (*awsapi.CreateRequestValidatorOutput, error) {
	out := &awsapi.CreateRequestValidatorOutput{}
	return out, s.write(in.RestApiId, func(a *api) error {
		v := &types.RequestValidator{}
		executeapi.Assign(v, in)
		v.Id = aws.String(executeapi.NewID()[:6])
		a.validators[*v.Id] = v
		executeapi.Assign(out, v)
		return nil
	})
}

func (a *api) validator(id *string) (*types.RequestValidator, error) {
	if v := a.validators[aws.ToString(id)]; v != nil {
		return v, nil
	}
	return nil, notFound("Invalid Request Validator identifier specified")
}

// GetRequestValidator describes a validator.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_GetRequestValidator.html.
func (s *Service) GetRequestValidator(_ context.Context, in *awsapi.GetRequestValidatorInput) (*awsapi.GetRequestValidatorOutput, error) {
	out := &awsapi.GetRequestValidatorOutput{}
	return out, s.read(in.RestApiId, func(a *api) error {
		v, err := a.validator(in.RequestValidatorId)
		if err == nil {
			executeapi.Assign(out, v)
		}
		return err
	})
}

// GetRequestValidators lists the validators of an API.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_GetRequestValidators.html.
func (s *Service) GetRequestValidators(_ context.Context, in *awsapi.GetRequestValidatorsInput) (*awsapi.GetRequestValidatorsOutput, error) {
	out := &awsapi.GetRequestValidatorsOutput{}
	return out, s.read(in.RestApiId, func(a *api) (err error) {
		out.Items, out.Position, err = page(executeapi.Sorted(a.validators), in.Position, in.Limit)
		return err
	})
}

// UpdateRequestValidator changes a validator.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateRequestValidator.html.
func (s *Service) UpdateRequestValidator(_ context.Context, in *awsapi.UpdateRequestValidatorInput) (*awsapi.UpdateRequestValidatorOutput, error) {
	out := &awsapi.UpdateRequestValidatorOutput{}
	return out, s.write(in.RestApiId, func(a *api) error {
		v, err := a.validator(in.RequestValidatorId)
		if err != nil {
			return err
		}
		next := *v
		err = patch(in.PatchOperations, func(path string, value *string) (bool, error) {
			switch path {
			case "/name":
				next.Name = value
			case "/validateRequestBody":
				next.ValidateRequestBody = aws.ToString(value) == "true"
			case "/validateRequestParameters":
				next.ValidateRequestParameters = aws.ToString(value) == "true"
			default:
				return false, nil
			}
			return true, nil
		})
		if err != nil {
			return err
		}
		a.validators[*next.Id] = &next
		executeapi.Assign(out, &next)
		return nil
	})
}

// DeleteRequestValidator deletes a validator.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteRequestValidator.html.
func (s *Service) DeleteRequestValidator(_ context.Context, in *awsapi.DeleteRequestValidatorInput) (*awsapi.DeleteRequestValidatorOutput, error) {
	return &awsapi.DeleteRequestValidatorOutput{}, s.write(in.RestApiId, func(a *api) error {
		if _, err := a.validator(in.RequestValidatorId); err != nil {
			return err
		}
		delete(a.validators, *in.RequestValidatorId)
		return nil
	})
}

// responseValue reports whether a header of a gateway response can be evaluated.
func responseValue(from string) bool {
	return strings.HasPrefix(from, "'") && strings.HasSuffix(from, "'") && len(from) > 1 || requestParameter.MatchString(from) ||
		strings.HasPrefix(from, "context.") || strings.HasPrefix(from, "stageVariables.")
}

// PutGatewayResponse changes what API Gateway itself answers.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_PutGatewayResponse.html.
func (s *Service) PutGatewayResponse(_ context.Context, in *awsapi.PutGatewayResponseInput) (*awsapi.PutGatewayResponseOutput, error) {
	if _, ok := gatewayResponses[string(in.ResponseType)]; !ok {
		return nil, invalid("Invalid response type specified: %s", in.ResponseType)
	}
	if in.StatusCode != nil && *in.StatusCode != "" && !status.MatchString(*in.StatusCode) {
		return nil, invalid("Invalid status code specified: %s", *in.StatusCode)
	}
	for to, from := range in.ResponseParameters {
		if !strings.HasPrefix(to, "gatewayresponse.header.") || !responseValue(from) {
			return nil, invalid("Invalid mapping expression specified: %s: %s", to, from)
		}
	}
	if err := checkTemplates(in.ResponseTemplates); err != nil {
		return nil, err
	}
	out := &awsapi.PutGatewayResponseOutput{}
	return out, s.write(in.RestApiId, func(a *api) error {
		r := &types.GatewayResponse{}
		executeapi.Assign(r, in)
		if len(r.ResponseTemplates) == 0 {
			r.ResponseTemplates = map[string]string{jsonType: defaultTemplate}
		}
		a.responses[string(in.ResponseType)] = r
		executeapi.Assign(out, r)
		return nil
	})
}

// GetGatewayResponse describes what API Gateway itself answers.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_GetGatewayResponse.html.
func (s *Service) GetGatewayResponse(_ context.Context, in *awsapi.GetGatewayResponseInput) (*awsapi.GetGatewayResponseOutput, error) {
	out := &awsapi.GetGatewayResponseOutput{}
	return out, s.read(in.RestApiId, func(a *api) error {
		if _, ok := gatewayResponses[string(in.ResponseType)]; !ok {
			return notFound("Invalid response type specified: %s", in.ResponseType)
		}
		r := a.gatewayResponse(string(in.ResponseType))
		executeapi.Assign(out, &r)
		return nil
	})
}

// gatewayResponse returns the response of a type, which may be the default.
func (a *api) gatewayResponse(kind string) types.GatewayResponse {
	if own := a.responses[kind]; own != nil {
		return *own
	}
	r := types.GatewayResponse{DefaultResponse: true, ResponseType: types.GatewayResponseType(kind), ResponseTemplates: map[string]string{jsonType: defaultTemplate}}
	if known := gatewayResponses[kind]; known.status != "" {
		r.StatusCode = aws.String(known.status)
	}
	return r
}

// GetGatewayResponses lists what API Gateway itself answers.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_GetGatewayResponses.html.
func (s *Service) GetGatewayResponses(_ context.Context, in *awsapi.GetGatewayResponsesInput) (*awsapi.GetGatewayResponsesOutput, error) {
	out := &awsapi.GetGatewayResponsesOutput{}
	return out, s.read(in.RestApiId, func(a *api) (err error) {
		all := []types.GatewayResponse{}
		for _, kind := range slices.Sorted(maps.Keys(gatewayResponses)) {
			all = append(all, a.gatewayResponse(kind))
		}
		out.Items, out.Position, err = page(all, in.Position, in.Limit)
		return err
	})
}

// DeleteGatewayResponse restores the default response of a type.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteGatewayResponse.html.
func (s *Service) DeleteGatewayResponse(_ context.Context, in *awsapi.DeleteGatewayResponseInput) (*awsapi.DeleteGatewayResponseOutput, error) {
	return &awsapi.DeleteGatewayResponseOutput{}, s.write(in.RestApiId, func(a *api) error {
		if a.responses[string(in.ResponseType)] == nil {
			return notFound("Gateway response type not defined on api")
		}
		delete(a.responses, string(in.ResponseType))
		return nil
	})
}

// checkUserPools checks an authorizer that asks Cognito. The embedded AWS has no Cognito:
// who calls a method with such an authorizer is told so.
func checkUserPools(z *types.Authorizer) error {
	if len(z.ProviderARNs) == 0 {
		return invalid("ProviderARNs is required for an authorizer of type COGNITO_USER_POOLS")
	}
	if z.IdentitySource == nil {
		z.IdentitySource = aws.String("method.request.header.Authorization")
	}
	_, err := parseSources(*z.IdentitySource)
	return err
}

// checkAuthorizer checks an authorizer that is about to be part of an API, and sets
// its defaults.
func checkAuthorizer(z *types.Authorizer) error {
	if aws.ToString(z.Name) == "" {
		return invalid("Authorizer name must not be empty")
	}
	switch z.Type {
	case types.AuthorizerTypeToken, types.AuthorizerTypeRequest:
	case types.AuthorizerTypeCognitoUserPools:
		return checkUserPools(z)
	default:
		return invalid("Invalid authorizer type specified: %s", z.Type)
	}
	if err := refuse(z, "AuthorizerCredentials", "ProviderARNs"); err != nil {
		return err
	}
	if _, ok := executeapi.Function(aws.ToString(z.AuthorizerUri)); !ok {
		return invalid("Invalid Authorizer URI: %s. Authorizer URI should be a valid API Gateway ARN that represents a Lambda function invocation.", aws.ToString(z.AuthorizerUri))
	}
	if z.AuthorizerResultTtlInSeconds == nil {
		z.AuthorizerResultTtlInSeconds = aws.Int32(300)
	}
	if *z.AuthorizerResultTtlInSeconds < 0 || *z.AuthorizerResultTtlInSeconds > 3600 {
		return invalid("Authorizer result TTL must be between 0 and 3600 seconds")
	}
	sources, err := parseSources(aws.ToString(z.IdentitySource))
	if err != nil {
		return err
	}
	switch {
	case z.Type == types.AuthorizerTypeToken && (len(sources) != 1 || sources[0].kind != "header"):
		return invalid("Authorizers of type TOKEN need one header as their identity source: method.request.header.NAME")
	case z.Type == types.AuthorizerTypeRequest && len(sources) == 0 && *z.AuthorizerResultTtlInSeconds > 0:
		return invalid("Identity source is required for an authorizer of type REQUEST whose results are cached")
	}
	if _, err := regexp.Compile(aws.ToString(z.IdentityValidationExpression)); err != nil {
		return invalid("Invalid identity validation expression: %s", aws.ToString(z.IdentityValidationExpression))
	}
	return nil
}

// CreateAuthorizer creates a Lambda authorizer.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_CreateAuthorizer.html.
func (s *Service) CreateAuthorizer(_ context.Context, in *awsapi.CreateAuthorizerInput) (*awsapi.CreateAuthorizerOutput, error) {
	out := &awsapi.CreateAuthorizerOutput{}
	return out, s.write(in.RestApiId, func(a *api) error {
		z := &types.Authorizer{}
		executeapi.Assign(z, in)
		z.Id = aws.String(executeapi.NewID()[:6])
		if z.AuthType == nil {
			z.AuthType = aws.String("custom")
		}
		if err := checkAuthorizer(z); err != nil {
			return err
		}
		for _, other := range a.authorizers {
			if *other.Name == *z.Name {
				return conflict("Authorizer name must be unique. Authorizer %s already exists in this RestApi.", *z.Name)
			}
		}
		a.authorizers[*z.Id] = z
		executeapi.Assign(out, z)
		return nil
	})
}

func (a *api) authorizer(id *string) (*types.Authorizer, error) {
	if z := a.authorizers[aws.ToString(id)]; z != nil {
		return z, nil
	}
	return nil, notFound("Invalid Authorizer identifier specified")
}

// GetAuthorizer describes an authorizer.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_GetAuthorizer.html.
func (s *Service) GetAuthorizer(_ context.Context, in *awsapi.GetAuthorizerInput) (*awsapi.GetAuthorizerOutput, error) {
	out := &awsapi.GetAuthorizerOutput{}
	return out, s.read(in.RestApiId, func(a *api) error {
		z, err := a.authorizer(in.AuthorizerId)
		if err == nil {
			executeapi.Assign(out, z)
		}
		return err
	})
}

// GetAuthorizers lists the authorizers of an API.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_GetAuthorizers.html.
func (s *Service) GetAuthorizers(_ context.Context, in *awsapi.GetAuthorizersInput) (*awsapi.GetAuthorizersOutput, error) {
	out := &awsapi.GetAuthorizersOutput{}
	return out, s.read(in.RestApiId, func(a *api) (err error) {
		out.Items, out.Position, err = page(executeapi.Sorted(a.authorizers), in.Position, in.Limit)
		return err
	})
}

// DeleteAuthorizer deletes an authorizer that no method uses.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_DeleteAuthorizer.html.
func (s *Service) DeleteAuthorizer(_ context.Context, in *awsapi.DeleteAuthorizerInput) (*awsapi.DeleteAuthorizerOutput, error) {
	return &awsapi.DeleteAuthorizerOutput{}, s.write(in.RestApiId, func(a *api) error {
		z, err := a.authorizer(in.AuthorizerId)
		if err != nil {
			return err
		}
		for _, r := range a.resources {
			for name, m := range r.methods {
				if aws.ToString(m.AuthorizerId) == *z.Id {
					return conflict("Cannot delete authorizer '%s', is referenced in method: %s %s", *z.Name, name, *r.Path)
				}
			}
		}
		delete(a.authorizers, *z.Id)
		return nil
	})
}

// UpdateAuthorizer changes an authorizer.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateAuthorizer.html.
func (s *Service) UpdateAuthorizer(_ context.Context, in *awsapi.UpdateAuthorizerInput) (*awsapi.UpdateAuthorizerOutput, error) {
	out := &awsapi.UpdateAuthorizerOutput{}
	return out, s.write(in.RestApiId, func(a *api) error {
		z, err := a.authorizer(in.AuthorizerId)
		if err != nil {
			return err
		}
		next := *z
		if err := patch(in.PatchOperations, func(path string, value *string) (bool, error) { return setAuthorizer(&next, path, value) }); err != nil {
			return err
		}
		if err := checkAuthorizer(&next); err != nil {
			return err
		}
		a.authorizers[*next.Id] = &next
		executeapi.Assign(out, &next)
		return nil
	})
}

func setAuthorizer(z *types.Authorizer, path string, value *string) (bool, error) {
	switch path {
	case "/name":
		z.Name = value
	case "/type":
		z.Type = types.AuthorizerType(aws.ToString(value))
	case "/authorizerUri":
		z.AuthorizerUri = value
	case "/identitySource":
		z.IdentitySource = value
	case "/identityValidationExpression":
		z.IdentityValidationExpression = value
	case "/authorizerResultTtlInSeconds":
		n, err := strconv.ParseInt(aws.ToString(value), 10, 32)
		if err != nil {
			return true, invalid("Invalid authorizer result TTL specified: %s", aws.ToString(value))
		}
		z.AuthorizerResultTtlInSeconds = aws.Int32(int32(n))
	default:
		return false, nil
	}
	return true, nil
}
