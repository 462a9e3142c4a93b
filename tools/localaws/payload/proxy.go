package payload

import (
	"net/http"
	"strconv"
)

// A ProxyEvent is an event in format 1.0. Unlike in format 2.0, members without a
// value are null.
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html.
type ProxyEvent struct {
	// Version is only there in events of HTTP APIs.
	Version                         string              `json:"version,omitempty"`
	Resource                        string              `json:"resource"`
	Path                            string              `json:"path"`
	HTTPMethod                      string              `json:"httpMethod"`
	Headers                         map[string]string   `json:"headers"`
	MultiValueHeaders               map[string][]string `json:"multiValueHeaders"`
	QueryStringParameters           map[string]string   `json:"queryStringParameters"`
	MultiValueQueryStringParameters map[string][]string `json:"multiValueQueryStringParameters"`
	RequestContext                  ProxyContext        `json:"requestContext"`
	PathParameters                  map[string]string   `json:"pathParameters"`
	StageVariables                  map[string]string   `json:"stageVariables"`
	Body                            *string             `json:"body"`
	IsBase64Encoded                 bool                `json:"isBase64Encoded"`
}

// A ProxyContext is the request context of an event in format 1.0.
type ProxyContext struct {
	AccountID         string         `json:"accountId"`
	APIID             string         `json:"apiId"`
	Authorizer        map[string]any `json:"authorizer,omitempty"`
	DomainName        string         `json:"domainName"`
	DomainPrefix      string         `json:"domainPrefix"`
	ExtendedRequestID string         `json:"extendedRequestId"`
	HTTPMethod        string         `json:"httpMethod"`
	Identity          Identity       `json:"identity"`
	Path              string         `json:"path"`
	Protocol          string         `json:"protocol"`
	RequestID         string         `json:"requestId"`
	RequestTime       string         `json:"requestTime"`
	RequestTimeEpoch  int64          `json:"requestTimeEpoch"`
	ResourceID        *string        `json:"resourceId"`
	ResourcePath      string         `json:"resourcePath"`
	Stage             string         `json:"stage"`
}

// An Identity says who the caller is, in format 1.0.
type Identity struct {
	AccessKey                     *string `json:"accessKey"`
	AccountID                     *string `json:"accountId"`
	APIKey                        *string `json:"apiKey,omitempty"`
	APIKeyID                      *string `json:"apiKeyId,omitempty"`
	Caller                        *string `json:"caller"`
	CognitoAuthenticationProvider *string `json:"cognitoAuthenticationProvider"`
	CognitoAuthenticationType     *string `json:"cognitoAuthenticationType"`
	CognitoIdentityID             *string `json:"cognitoIdentityId"`
	CognitoIdentityPoolID         *string `json:"cognitoIdentityPoolId"`
	PrincipalOrgID                *string `json:"principalOrgId"`
	SourceIP                      string  `json:"sourceIp"`
	User                          *string `json:"user"`
	UserAgent                     string  `json:"userAgent"`
	UserARN                       *string `json:"userArn"`
}

// ProxyEvent returns the event in format 1.0. resource is the path of the resource
// or route, with its variables. contextPath is the path of the request context,
// which has the stage in front.
func (r *Request) ProxyEvent(resource, contextPath string) ProxyEvent {
	address, port := r.Host()
	many := http.Header{
		"Host": {r.Request.Host}, "X-Forwarded-For": {address}, "X-Forwarded-Proto": {"http"}, "X-Forwarded-Port": {port}, "X-Amzn-Trace-Id": {r.Trace},
	}
	for name, values := range r.Header {
		if _, ours := many[name]; !ours {
			many[name] = values
		}
	}
	if r.ContentLength > 0 {
		many.Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
	}
	ev := ProxyEvent{
		Resource: resource, Path: r.Path, HTTPMethod: r.Method, Headers: last(many), MultiValueHeaders: many,
		PathParameters: r.PathParameters, StageVariables: r.StageVariables,
		RequestContext: ProxyContext{
			AccountID: r.Account, APIID: r.API, DomainName: r.Request.Host, DomainPrefix: r.API, ExtendedRequestID: r.ID,
			HTTPMethod: r.Method, Path: contextPath, Protocol: r.Proto, RequestID: r.ID, RequestTime: r.TimeText(), RequestTimeEpoch: r.Time.UnixMilli(),
			ResourcePath: resource, Stage: r.Stage, Identity: Identity{SourceIP: address, UserAgent: r.UserAgent()},
		},
	}
	if text, encoded := Text(r.Body, r.Header.Get("Content-Type")); text != "" {
		ev.Body, ev.IsBase64Encoded = &text, encoded
	}
	if query := r.URL.Query(); len(query) > 0 {
		ev.MultiValueQueryStringParameters, ev.QueryStringParameters = query, last(query)
	}
	if a := r.Authorizer; a != nil && a.IAM != nil {
		id := &ev.RequestContext.Identity
		id.AccessKey, id.AccountID, id.Caller, id.User, id.UserARN = &a.IAM.AccessKey, &a.IAM.AccountID, &a.IAM.CallerID, &a.IAM.UserID, &a.IAM.UserARN
	}
	return ev
}

// last returns the last of each list of values.
func last(many map[string][]string) map[string]string {
	one := make(map[string]string, len(many))
	for name, values := range many {
		if len(values) > 0 {
			one[name] = values[len(values)-1]
		}
	}
	return one
}
