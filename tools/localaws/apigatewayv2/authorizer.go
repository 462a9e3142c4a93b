package apigatewayv2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsapi "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"

	"github.com/magewright/magewright/tools/localaws/executeapi"
	"github.com/magewright/magewright/tools/localaws/executeapi/openapi"
	"github.com/magewright/magewright/tools/localaws/iam/policy"
	"github.com/magewright/magewright/tools/localaws/payload"
)

// maxTTL is the longest time, in seconds, for which a decision can be kept.
const maxTTL = 3600

// checkAuthorization checks who may call a route.
func (a *api) checkAuthorization(r *types.Route) error {
	if r.AuthorizationType == "" {
		r.AuthorizationType = types.AuthorizationTypeNone
	}
	if len(r.AuthorizationScopes) > 0 && r.AuthorizationType != types.AuthorizationTypeJwt {
		return invalid("Authorization scopes are only valid for the authorization type JWT")
	}
	var want types.AuthorizerType
	switch r.AuthorizationType {
	case types.AuthorizationTypeNone, types.AuthorizationTypeAwsIam:
		if r.AuthorizerId != nil {
			return invalid("An authorizer can't be used with the authorization type %s", r.AuthorizationType)
		}
		return nil
	case types.AuthorizationTypeJwt:
		want = types.AuthorizerTypeJwt
	case types.AuthorizationTypeCustom:
		want = types.AuthorizerTypeRequest
	default:
		return invalid("Invalid authorization type specified: %s", r.AuthorizationType)
	}
	z := a.authorizers[aws.ToString(r.AuthorizerId)]
	if z == nil {
		return invalid("Unable to find Authorizer by id %s for this API", aws.ToString(r.AuthorizerId))
	}
	if z.AuthorizerType != want {
		return invalid("The authorization type %s needs an authorizer of type %s, not %s", r.AuthorizationType, want, z.AuthorizerType)
	}
	return nil
}

// checkAuthorizer checks an authorizer that is about to be part of an API, and sets
// its defaults.
func (s *Service) checkAuthorizer(z *types.Authorizer) error {
	if aws.ToString(z.Name) == "" {
		return invalid("Name of the authorizer must not be empty")
	}
	for _, source := range z.IdentitySource {
		if _, err := parseSource(source); err != nil {
			return err
		}
	}
	switch z.AuthorizerType {
	case types.AuthorizerTypeJwt:
		switch {
		case len(z.IdentitySource) != 1:
			return invalid("A JWT authorizer needs one identity source")
		case z.JwtConfiguration == nil || aws.ToString(z.JwtConfiguration.Issuer) == "" || len(z.JwtConfiguration.Audience) == 0:
			return invalid("A JWT authorizer needs an issuer and an audience")
		}
		if err := refuse(z, "AuthorizerUri", "AuthorizerPayloadFormatVersion", "EnableSimpleResponses", "AuthorizerResultTtlInSeconds"); err != nil {
			return err
		}
		// The embedded AWS does not run Cognito. A token of its user pools is refused.
		if _, err := s.documentOf(*z.JwtConfiguration.Issuer); err != nil && !openapi.CognitoIssuer(*z.JwtConfiguration.Issuer) {
			return invalid("Invalid issuer: %s", err.Error())
		}
		return nil
	case types.AuthorizerTypeRequest:
	default:
		return invalid("Invalid authorizer type specified: %s", z.AuthorizerType)
	}
	if z.JwtConfiguration != nil {
		return invalid("A JWT configuration is only valid for the authorizer type JWT")
	}
	if _, ok := executeapi.Function(aws.ToString(z.AuthorizerUri)); !ok {
		return invalid("Invalid function URI specified: %s", aws.ToString(z.AuthorizerUri))
	}
	switch version := aws.ToString(z.AuthorizerPayloadFormatVersion); {
	case version != "1.0" && version != "2.0":
		return invalid("AuthorizerPayloadFormatVersion is a required parameter for REQUEST authorizer, 1.0 or 2.0")
	case version == "1.0" && aws.ToBool(z.EnableSimpleResponses):
		return invalid("EnableSimpleResponses is only supported for the payload format version 2.0")
	}
	switch ttl := aws.ToInt32(z.AuthorizerResultTtlInSeconds); {
	case ttl < 0 || ttl > maxTTL:
		return invalid("AuthorizerResultTtlInSeconds must be between 0 and %d", maxTTL)
	case ttl > 0 && len(z.IdentitySource) == 0:
		return invalid("An authorizer whose results are cached needs an identity source")
	}
	return nil
}

// unsupportedAuthorizer lists what CreateAuthorizer and UpdateAuthorizer refuse.
var unsupportedAuthorizer = []string{"AuthorizerCredentialsArn", "IdentityValidationExpression"}

// CreateAuthorizer creates an authorizer.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-authorizers.html.
func (s *Service) CreateAuthorizer(_ context.Context, in *awsapi.CreateAuthorizerInput) (*awsapi.CreateAuthorizerOutput, error) {
	if err := refuse(in, unsupportedAuthorizer...); err != nil {
		return nil, err
	}
	out := &awsapi.CreateAuthorizerOutput{}
	return out, s.write(in.ApiId, func(a *api) error {
		z := &types.Authorizer{}
		executeapi.Assign(z, in)
		z.AuthorizerId = aws.String(executeapi.NewID()[:6])
		if err := s.checkAuthorizer(z); err != nil {
			return err
		}
		for _, other := range a.authorizers {
			if *other.Name == *z.Name {
				return conflict("Authorizer name must be unique. Authorizer %s already exists in this API.", *z.Name)
			}
		}
		a.authorizers[*z.AuthorizerId] = z
		executeapi.Assign(out, z)
		return nil
	})
}

func (a *api) authorizer(id *string) (*types.Authorizer, error) {
	if z := a.authorizers[aws.ToString(id)]; z != nil {
		return z, nil
	}
	return nil, notFound("Invalid Authorizer identifier specified %s", aws.ToString(id))
}

// GetAuthorizer describes an authorizer.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-authorizers-authorizerid.html.
func (s *Service) GetAuthorizer(_ context.Context, in *awsapi.GetAuthorizerInput) (*awsapi.GetAuthorizerOutput, error) {
	out := &awsapi.GetAuthorizerOutput{}
	return out, s.read(in.ApiId, func(a *api) error {
		z, err := a.authorizer(in.AuthorizerId)
		if err == nil {
			executeapi.Assign(out, z)
		}
		return err
	})
}

// GetAuthorizers lists the authorizers of an API.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-authorizers.html.
func (s *Service) GetAuthorizers(_ context.Context, in *awsapi.GetAuthorizersInput) (*awsapi.GetAuthorizersOutput, error) {
	out := &awsapi.GetAuthorizersOutput{}
	return out, s.read(in.ApiId, func(a *api) (err error) {
		out.Items, out.NextToken, err = page(executeapi.Sorted(a.authorizers), in.NextToken, in.MaxResults)
		return err
	})
}

// UpdateAuthorizer changes an authorizer.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-authorizers-authorizerid.html.
func (s *Service) UpdateAuthorizer(_ context.Context, in *awsapi.UpdateAuthorizerInput) (*awsapi.UpdateAuthorizerOutput, error) {
	if err := refuse(in, unsupportedAuthorizer...); err != nil {
		return nil, err
	}
	out := &awsapi.UpdateAuthorizerOutput{}
	return out, s.write(in.ApiId, func(a *api) error {
		before, err := a.authorizer(in.AuthorizerId)
		if err != nil {
			return err
		}
		z := *before
		executeapi.Change(&z, in)
		if err := s.checkAuthorizer(&z); err != nil {
			return err
		}
		a.authorizers[*z.AuthorizerId] = &z
		executeapi.Assign(out, &z)
		return nil
	})
}

// DeleteAuthorizer deletes an authorizer that no route uses.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-authorizers-authorizerid.html.
func (s *Service) DeleteAuthorizer(_ context.Context, in *awsapi.DeleteAuthorizerInput) (*awsapi.DeleteAuthorizerOutput, error) {
	return &awsapi.DeleteAuthorizerOutput{}, s.write(in.ApiId, func(a *api) error {
		if _, err := a.authorizer(in.AuthorizerId); err != nil {
			return err
		}
		for _, r := range a.routes {
			if aws.ToString(r.AuthorizerId) == *in.AuthorizerId {
				return conflict("Cannot delete authorizer '%s'. Referenced by route '%s'", *in.AuthorizerId, *r.RouteKey)
			}
		}
		delete(a.authorizers, *in.AuthorizerId)
		return nil
	})
}

// ResetAuthorizersCache forgets the decisions of the authorizers of a stage.
// See https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis-apiid-stages-stagename-cache-authorizers.html.
func (s *Service) ResetAuthorizersCache(_ context.Context, in *awsapi.ResetAuthorizersCacheInput) (*awsapi.ResetAuthorizersCacheOutput, error) {
	return &awsapi.ResetAuthorizersCacheOutput{}, s.read(in.ApiId, func(a *api) error {
		if _, err := a.stage(in.StageName); err != nil {
			return err
		}
		if l := (*a.live.Load())[*in.StageName]; l != nil {
			for _, r := range l.router.routes {
				if r.authorizer != nil {
					r.authorizer.results.Forget()
				}
			}
		}
		return nil
	})
}

// A source is where the identity of a caller is in a request.
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html.
type source struct{ kind, name string }

func parseSource(text string) (source, error) {
	for prefix, kind := range map[string]string{"$request.header.": "header", "$request.querystring.": "querystring", "$context.": "context", "$stageVariables.": "stageVariables"} {
		if name, ok := strings.CutPrefix(text, prefix); ok && name != "" {
			return source{kind, name}, nil
		}
	}
	return source{}, invalid("Invalid identity source %s. It must be $request.header.NAME, $request.querystring.NAME, $context.NAME or $stageVariables.NAME", text)
}

// value returns the identity, or "" if the request has none.
func (s source) value(x *exchange) string {
	switch s.kind {
	case "header":
		return strings.Join(x.request.Header.Values(s.name), ",")
	case "querystring":
		return strings.Join(x.request.URL.Query()[s.name], ",")
	case "stageVariables":
		return x.live.StageVariables[s.name]
	default:
		return x.variable(s.name)
	}
}

// An authorizer decides about requests.
type authorizer struct {
	types.Authorizer
	api     *api
	sources []source
	keys    keySet // of a JWT authorizer
	results executeapi.Decisions[*decision]
}

func newAuthorizer(a *api, z *types.Authorizer) *authorizer {
	out := &authorizer{Authorizer: *z, api: a}
	for _, text := range z.IdentitySource {
		s, err := parseSource(text)
		if err != nil {
			// It was checked when the authorizer was made.
			panic(err)
		}
		out.sources = append(out.sources, s)
	}
	return out
}

// A decision is what a Lambda authorizer has answered.
type decision struct {
	simple  bool // whether the caller is authorized, if there is no policy
	policy  *policy.Policy
	context map[string]any
}

// A denial is why a request is refused.
type denial struct {
	status  int
	message string
	header  string // WWW-Authenticate, or ""
	reason  string // for the access log
}

func (d *denial) Error() string { return d.message + ": " + d.reason }

func unauthorized(reason string) error {
	return &denial{http.StatusUnauthorized, "Unauthorized", "Bearer", reason}
}

func forbidden(reason string) error { return &denial{http.StatusForbidden, "Forbidden", "", reason} }

// authorize decides whether a request may go to its route, and returns what the
// function learns about the caller.
func (x *exchange) authorize() (*payload.Authorizer, error) {
	r := x.route
	switch r.AuthorizationType {
	case types.AuthorizationTypeAwsIam:
		caller, err := executeapi.Caller(x.api.service.deps.Verifier, x.request, x.body)
		if err != nil {
			return nil, forbidden(err.Error())
		}
		x.caller = caller
		return payload.Signed(caller), nil
	case types.AuthorizationTypeJwt:
		return r.authorizer.token(x)
	case types.AuthorizationTypeCustom:
		return r.authorizer.ask(x)
	}
	return nil, nil
}

// ask asks the function of a Lambda authorizer, unless it has answered for this
// identity before.
func (z *authorizer) ask(x *exchange) (*payload.Authorizer, error) {
	var identity []string
	for _, s := range z.sources {
		value := s.value(x)
		if value == "" {
			return nil, unauthorized("the identity source " + s.name + " is missing")
		}
		identity = append(identity, value)
	}
	// A separator that no header has.
	key := strings.Join(identity, "\n")
	ttl := time.Duration(aws.ToInt32(z.AuthorizerResultTtlInSeconds)) * time.Second
	d, err := z.results.Of(key, x.at, ttl, func() (*decision, error) { return z.call(x, identity) })
	if err != nil {
		return nil, err
	}
	if d.policy == nil && !d.simple || d.policy != nil && !x.allowedBy(d.policy) {
		return nil, forbidden("the authorizer does not allow it")
	}
	return &payload.Authorizer{Lambda: d.context}, nil
}

// allowedBy reports whether the policy of an authorizer allows the request.
func (x *exchange) allowedBy(p *policy.Policy) bool {
	return x.api.service.deps.Gateway.Allows(p, x.routeARN(), x.variable("identity.sourceIp"))
}

// requestEvent is the event of a Lambda authorizer in format 2.0.
type requestEvent struct {
	payload.Event
	Type           string   `json:"type"`
	RouteARN       string   `json:"routeArn"`
	IdentitySource []string `json:"identitySource"`
}

// requestEvent1 is the event of a Lambda authorizer in format 1.0.
type requestEvent1 struct {
	payload.ProxyEvent
	Type               string `json:"type"`
	MethodARN          string `json:"methodArn"`
	IdentitySource     string `json:"identitySource"`
	AuthorizationToken string `json:"authorizationToken"`
}

// call calls the function of a Lambda authorizer.
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html.
func (z *authorizer) call(x *exchange, identity []string) (*decision, error) {
	var event any
	// An authorizer does not see the body.
	r := x.payload(nil)
	r.Body = nil
	if *z.AuthorizerPayloadFormatVersion == "2.0" {
		ev := r.Event()
		event = requestEvent{ev, "REQUEST", x.routeARN(), identity}
	} else {
		all := strings.Join(identity, ",")
		event = requestEvent1{x.proxyEvent(r), "REQUEST", x.routeARN(), all, all}
	}
	function, _ := executeapi.Function(*z.AuthorizerUri)
	g := x.api.service.deps.Gateway
	answer, err := g.Invoke(function, g.ARN(*x.api.ApiId, "/authorizers/"+*z.AuthorizerId), x.trace, event, maxTimeout*time.Millisecond)
	if failed, ok := errors.AsType[*executeapi.FunctionError](err); ok && failed.Kind() == "Unauthorized" {
		return nil, unauthorized("the authorizer says so")
	}
	if err != nil {
		return nil, fmt.Errorf("asking the authorizer %s: %w", *z.Name, err)
	}
	var given struct {
		IsAuthorized   *bool           `json:"isAuthorized"`
		PolicyDocument json.RawMessage `json:"policyDocument"`
		PrincipalID    *string         `json:"principalId"`
		Context        map[string]any  `json:"context"`
	}
	if err := json.Unmarshal(answer, &given); err != nil {
		return nil, fmt.Errorf("reading the answer of the authorizer %s: %w", *z.Name, err)
	}
	d := &decision{context: given.Context}
	if aws.ToBool(z.EnableSimpleResponses) {
		if given.IsAuthorized == nil {
			return nil, fmt.Errorf("reading the answer of the authorizer %s: it has no isAuthorized", *z.Name)
		}
		d.simple = *given.IsAuthorized
		return d, nil
	}
	if given.PrincipalID == nil || given.PolicyDocument == nil {
		return nil, fmt.Errorf("reading the answer of the authorizer %s: it has no principalId and policyDocument", *z.Name)
	}
	if d.policy, err = policy.Parse(string(given.PolicyDocument), policy.Identity); err != nil {
		return nil, fmt.Errorf("reading the policy of the authorizer %s: %w", *z.Name, err)
	}
	return d, nil
}

// text returns a claim or a member of an authorizer's context as access logs and
// events show it: a list in brackets, without commas.
func text(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		return value
	case bool:
		return strconv.FormatBool(value)
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64)
	case json.Number:
		return value.String()
	case []any:
		var parts []string
		for _, v := range value {
			parts = append(parts, text(v))
		}
		return "[" + strings.Join(parts, " ") + "]"
	case map[string]any:
		var parts []string
		for _, key := range slices.Sorted(maps.Keys(value)) {
			parts = append(parts, key+":"+text(value[key]))
		}
		return "map[" + strings.Join(parts, " ") + "]"
	}
	return ""
}
