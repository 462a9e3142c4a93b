package apigateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"
	"github.com/aws/smithy-go"

	"github.com/magewright/magewright/tools/localaws/executeapi"
	"github.com/magewright/magewright/tools/localaws/iam/policy"
	"github.com/magewright/magewright/tools/localaws/payload"
)

// A source is where the identity of a caller is in a request.
type source struct{ kind, name string }

// parseSources reads the identity sources of an authorizer, separated by commas.
func parseSources(text string) ([]source, error) {
	var sources []source
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		found := false
		for prefix, kind := range map[string]string{
			"method.request.header.": "header", "method.request.querystring.": "querystring", "context.": "context", "stageVariables.": "stageVariables",
		} {
			if name, ok := strings.CutPrefix(part, prefix); ok && name != "" {
				sources, found = append(sources, source{kind, name}), true
			}
		}
		if !found {
			return nil, invalid("Invalid identity source specified: %s", part)
		}
	}
	return sources, nil
}

func (s source) value(x *exchange) string {
	switch s.kind {
	case "header":
		return x.request.Header.Get(s.name)
	case "querystring":
		return x.request.URL.Query().Get(s.name)
	case "stageVariables":
		return x.live.Variables[s.name]
	default:
		return x.variable(s.name)
	}
}

// An authorizer decides about requests.
type authorizer struct {
	types.Authorizer
	sources []source
	valid   *regexp.Regexp // of a token; nil if each is
	results executeapi.Decisions[*decision]
}

// A decision is what a Lambda authorizer has answered.
type decision struct {
	policy  *policy.Policy
	context map[string]any
}

func newAuthorizer(z *types.Authorizer) (*authorizer, error) {
	out := &authorizer{Authorizer: *z}
	var err error
	if out.sources, err = parseSources(aws.ToString(z.IdentitySource)); err != nil {
		return nil, err
	}
	if text := aws.ToString(z.IdentityValidationExpression); text != "" {
		if out.valid, err = regexp.Compile(`\A(?:` + text + `)\z`); err != nil {
			return nil, invalid("Invalid identity validation expression: %s", text)
		}
	}
	return out, nil
}

// authorize decides whether the request may go to its method.
func (x *exchange) authorize() error {
	switch aws.ToString(x.method.AuthorizationType) {
	case "AWS_IAM":
		caller, err := executeapi.Caller(x.api.service.deps.Verifier, x.request, x.body)
		if errors.Is(err, executeapi.ErrUnsigned) {
			return refused("MISSING_AUTHENTICATION_TOKEN", err.Error())
		}
		if err != nil {
			message := ""
			if api, ok := errors.AsType[smithy.APIError](err); ok {
				message = api.ErrorMessage()
			}
			return &refusal{kind: "INVALID_SIGNATURE", message: message, reason: err.Error()}
		}
		x.caller = caller
	case "CUSTOM":
		return x.method.authorizer.decide(x)
	case cognito:
		if s := x.method.authorizer.sources[0]; s.value(x) == "" {
			return refused("UNAUTHORIZED", "the identity source "+s.name+" is missing")
		}
		return refused("AUTHORIZER_CONFIGURATION_ERROR", "the embedded AWS does not run Cognito, so that it can't verify the token")
	}
	return nil
}

// cognito is the authorization type of methods that need a token of Cognito.
const cognito = "COGNITO_USER_POOLS"

// decide asks the function of the authorizer, unless it has answered for this
// identity before.
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html.
func (z *authorizer) decide(x *exchange) error {
	var identity []string
	for _, s := range z.sources {
		value := s.value(x)
		if value == "" {
			return refused("UNAUTHORIZED", "the identity source "+s.name+" is missing")
		}
		identity = append(identity, value)
	}
	if z.Type == types.AuthorizerTypeToken && z.valid != nil && !z.valid.MatchString(identity[0]) {
		return refused("UNAUTHORIZED", "the token does not match the validation expression")
	}
	// A separator that no header has.
	key := strings.Join(identity, "\n")
	ttl := time.Duration(*z.AuthorizerResultTtlInSeconds) * time.Second
	d, err := z.results.Of(key, x.at, ttl, func() (*decision, error) { return z.ask(x, identity) })
	if err != nil {
		return err
	}
	x.context = d.context
	if !x.api.service.deps.Gateway.Allows(d.policy, x.methodARN(x.raw), x.variable("identity.sourceIp")) {
		return refused("ACCESS_DENIED", "the authorizer does not allow it")
	}
	return nil
}

// tokenEvent is the event of an authorizer of type TOKEN.
type tokenEvent struct {
	Type               string `json:"type"`
	MethodARN          string `json:"methodArn"`
	AuthorizationToken string `json:"authorizationToken"`
}

// requestEvent is the event of an authorizer of type REQUEST.
type requestEvent struct {
	Type      string `json:"type"`
	MethodARN string `json:"methodArn"`
	payload.ProxyEvent
}

// ask calls the function of the authorizer.
func (z *authorizer) ask(x *exchange, identity []string) (*decision, error) {
	var event any
	if z.Type == types.AuthorizerTypeToken {
		event = tokenEvent{"TOKEN", x.methodARN(x.raw), identity[0]}
	} else {
		ev := x.event()
		// An authorizer does not see the body.
		ev.Body, ev.IsBase64Encoded = nil, false
		event = requestEvent{"REQUEST", x.methodARN(x.raw), ev}
	}
	function, _ := executeapi.Function(*z.AuthorizerUri)
	g := x.api.service.deps.Gateway
	began := g.Wall.Now()
	answer, err := g.Invoke(function, g.ARN(*x.api.Id, "/authorizers/"+*z.Id), x.trace, event, maxTimeout*time.Millisecond)
	took := g.Wall.Now().Sub(began)
	fail := func(err error) error {
		x.warn(fmt.Errorf("asking the authorizer %s: %w", *z.Name, err))
		return refused("AUTHORIZER_CONFIGURATION_ERROR", err.Error())
	}
	if failure, ok := errors.AsType[*executeapi.FunctionError](err); ok && failure.Kind() == "Unauthorized" {
		return nil, refused("UNAUTHORIZED", "the authorizer says so")
	}
	if err != nil {
		return nil, fail(err)
	}
	var given struct {
		PrincipalID        *string         `json:"principalId"`
		PolicyDocument     json.RawMessage `json:"policyDocument"`
		Context            map[string]any  `json:"context"`
		UsageIdentifierKey string          `json:"usageIdentifierKey"`
	}
	if err := json.Unmarshal(answer, &given); err != nil {
		return nil, fail(err)
	}
	if given.PrincipalID == nil || given.PolicyDocument == nil {
		return nil, fail(errors.New("the answer has no principalId and policyDocument"))
	}
	d := &decision{context: map[string]any{}}
	if d.policy, err = policy.Parse(string(given.PolicyDocument), policy.Identity); err != nil {
		return nil, fail(err)
	}
	for name, value := range given.Context {
		switch value.(type) {
		case string, float64, bool, nil:
			d.context[name] = value
		default:
			return nil, fail(fmt.Errorf("the member %s of the context is neither a string, a number nor a boolean", name))
		}
	}
	d.context["principalId"] = *given.PrincipalID
	d.context["integrationLatency"] = took.Milliseconds()
	return d, nil
}
