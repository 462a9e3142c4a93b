package apigateway

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"

	"github.com/magewright/magewright/tools/localaws/apigateway/mapping"
	"github.com/magewright/magewright/tools/localaws/executeapi"
)

// defaultTemplate is the template of a gateway response that nobody has changed.
const defaultTemplate = `{"message":$context.error.messageString}`

// A gatewayDefault is what API Gateway answers by default for a type of refusal.
type gatewayDefault struct{ status, message, errorType string }

const broken = "Internal server error"

// gatewayResponses has the types of gateway responses.
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html.
var gatewayResponses = map[string]gatewayDefault{
	"ACCESS_DENIED":                  {"403", "User is not authorized to access this resource", "AccessDeniedException"},
	"API_CONFIGURATION_ERROR":        {"500", broken, "InternalServerErrorException"},
	"AUTHORIZER_CONFIGURATION_ERROR": {"500", "", "AuthorizerConfigurationException"},
	"AUTHORIZER_FAILURE":             {"500", "", "AuthorizerConfigurationException"},
	"BAD_REQUEST_BODY":               {"400", "Invalid request body", "BadRequestException"},
	"BAD_REQUEST_PARAMETERS":         {"400", "", "BadRequestException"},
	"DEFAULT_4XX":                    {"", "", ""},
	"DEFAULT_5XX":                    {"", "", ""},
	"EXPIRED_TOKEN":                  {"403", "The security token included in the request is expired", "ExpiredTokenException"},
	"INTEGRATION_FAILURE":            {"504", broken, "InternalServerErrorException"},
	"INTEGRATION_TIMEOUT":            {"504", "Endpoint request timed out", "InternalServerErrorException"},
	"INVALID_API_KEY":                {"403", "Forbidden", "ForbiddenException"},
	"INVALID_SIGNATURE":              {"403", "The request signature we calculated does not match the signature you provided.", "InvalidSignatureException"},
	"MISSING_AUTHENTICATION_TOKEN":   {"403", "Missing Authentication Token", "MissingAuthenticationTokenException"},
	"QUOTA_EXCEEDED":                 {"429", "Limit Exceeded", "LimitExceededException"},
	"REQUEST_TOO_LARGE":              {"413", "HTTP content length exceeded 10485760 bytes.", "RequestTooLargeException"},
	"RESOURCE_NOT_FOUND":             {"404", "Not Found", "NotFoundException"},
	"THROTTLED":                      {"429", "Too Many Requests", "TooManyRequestsException"},
	"UNAUTHORIZED":                   {"401", "Unauthorized", "UnauthorizedException"},
	"UNSUPPORTED_MEDIA_TYPE":         {"415", "Unsupported Media Type", "BadRequestException"},
	"WAF_FILTERED":                   {"403", "Forbidden", "ForbiddenException"},
}

// A refusal is an answer of API Gateway itself.
type refusal struct {
	kind string // of the gateway response
	// status and message take the place of those of the type, if they are set.
	status  int
	message string
	reason  string // for the access log
}

func (r *refusal) Error() string { return r.kind + ": " + r.reason }

func refused(kind, reason string) error { return &refusal{kind: kind, reason: reason} }

// failed is the refusal after an integration that has no usable answer.
func failed(status int, reason string) error {
	return &refusal{kind: "DEFAULT_5XX", status: status, message: broken, reason: reason}
}

// refuse answers a request on behalf of API Gateway, with the API's own response of
// that type, if it has one.
func (x *exchange) refuse(w http.ResponseWriter, r *refusal) {
	known := gatewayResponses[r.kind]
	message, code := r.message, r.status
	if message == "" {
		message = known.message
	}
	if code == 0 {
		// The table has a number where a refusal has none.
		code, _ = strconv.Atoi(known.status)
	}
	x.problem, x.refused = r.reason, r.kind
	x.refusal = message
	own := x.live.router.responses[r.kind]
	if own == nil {
		class := "DEFAULT_4XX"
		if code >= http.StatusInternalServerError {
			class = "DEFAULT_5XX"
		}
		own = x.live.router.responses[class]
	}
	h := w.Header()
	errorType := known.errorType
	if errorType == "" {
		errorType = "InternalServerErrorException"
	}
	h.Set("X-Amzn-Errortype", errorType)
	body, contentType := x.defaultBody(r.kind, message), jsonType
	if own != nil {
		body, contentType = x.own(h, own, body)
		if n, err := strconv.Atoi(aws.ToString(own.StatusCode)); err == nil {
			code = n
		}
	}
	h.Set("Content-Type", contentType)
	w.WriteHeader(code)
	// An error means that the client has gone away.
	_, _ = w.Write([]byte(body))
}

// defaultBody returns the body of a response that nobody has changed.
func (x *exchange) defaultBody(kind, message string) string {
	switch {
	case kind == "ACCESS_DENIED":
		return `{"Message":` + executeapi.Quote(message) + `}`
	case message == broken:
		return `{"message": ` + executeapi.Quote(message) + `}`
	case message == "":
		return `{"message":null}`
	default:
		return `{"message":` + executeapi.Quote(message) + `}`
	}
}

// own sets the headers of the API's own response, and returns its body.
func (x *exchange) own(h http.Header, r *types.GatewayResponse, otherwise string) (body, contentType string) {
	for _, to := range slices.Sorted(maps.Keys(r.ResponseParameters)) {
		h.Set(strings.TrimPrefix(to, "gatewayresponse.header."), x.mapped(r.ResponseParameters[to], nil))
	}
	contentType = jsonType
	template, ok := r.ResponseTemplates[jsonType]
	if !ok {
		for _, contentType = range slices.Sorted(maps.Keys(r.ResponseTemplates)) {
			template, ok = r.ResponseTemplates[contentType], true
			break
		}
	}
	if !ok || template == defaultTemplate {
		return otherwise, jsonType
	}
	t, err := mapping.Parse(template)
	if err != nil {
		// It was checked when it was set.
		panic(err)
	}
	if body, err = t.Render(x.values(x.body)); err != nil {
		x.warn(err)
		return otherwise, jsonType
	}
	return body, contentType
}
