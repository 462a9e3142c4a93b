// Package payload has the events with which function URLs and API Gateway invoke
// a function for an HTTP request, and reads the function's answers.
//
// Format 2.0 is the one of function URLs and HTTP APIs. Format 1.0 is the one of
// REST APIs; HTTP APIs have it, too, with other paths.
package payload

import (
	"encoding/base64"
	"mime"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/magewright/magewright/tools/localaws/principal"
)

// An Event is an event in format 2.0.
// See https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html and
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html.
type Event struct {
	Version               string            `json:"version"`
	RouteKey              string            `json:"routeKey"`
	RawPath               string            `json:"rawPath"`
	RawQueryString        string            `json:"rawQueryString"`
	Cookies               []string          `json:"cookies,omitempty"`
	Headers               map[string]string `json:"headers"`
	QueryStringParameters map[string]string `json:"queryStringParameters,omitempty"`
	PathParameters        map[string]string `json:"pathParameters,omitempty"`
	StageVariables        map[string]string `json:"stageVariables,omitempty"`
	RequestContext        Context           `json:"requestContext"`
	Body                  string            `json:"body,omitempty"`
	IsBase64Encoded       bool              `json:"isBase64Encoded"`
}

// A Context is the request context of an event in format 2.0.
type Context struct {
	AccountID    string      `json:"accountId"`
	APIID        string      `json:"apiId"`
	Authorizer   *Authorizer `json:"authorizer,omitempty"`
	DomainName   string      `json:"domainName"`
	DomainPrefix string      `json:"domainPrefix"`
	HTTP         HTTP        `json:"http"`
	RequestID    string      `json:"requestId"`
	RouteKey     string      `json:"routeKey"`
	Stage        string      `json:"stage"`
	Time         string      `json:"time"`
	TimeEpoch    int64       `json:"timeEpoch"`
}

// HTTP describes the request of a [Context].
type HTTP struct {
	Method    string `json:"method"`
	Path      string `json:"path"`
	Protocol  string `json:"protocol"`
	SourceIP  string `json:"sourceIp"`
	UserAgent string `json:"userAgent"`
}

// An Authorizer says who the caller is, according to the authorizer that allowed
// the request.
type Authorizer struct {
	IAM    *IAM           `json:"iam,omitempty"`
	JWT    *JWT           `json:"jwt,omitempty"`
	Lambda map[string]any `json:"lambda,omitempty"`
}

// IAM is a caller who has signed the request.
type IAM struct {
	AccessKey string `json:"accessKey"`
	AccountID string `json:"accountId"`
	CallerID  string `json:"callerId"`
	UserARN   string `json:"userArn"`
	UserID    string `json:"userId"`
}

// JWT is a caller who has sent a token.
type JWT struct {
	Claims map[string]string `json:"claims"`
	Scopes []string          `json:"scopes"`
}

// Signed returns the authorizer of a caller who has signed the request.
func Signed(p principal.Principal) *Authorizer {
	return &Authorizer{IAM: &IAM{AccessKey: p.AccessKeyID, AccountID: p.Account, CallerID: p.UserID, UserARN: p.ARN, UserID: p.UserID}}
}

// A Request is an HTTP request with what an event says about it.
type Request struct {
	*http.Request
	Body  []byte
	Path  string // as the event shows it
	ID    string
	Trace string // X-Ray trace header
	Time  time.Time
	// API is the id that the host name begins with on AWS. Route and Stage are what
	// was selected.
	API, Route, Stage string
	Account           string // the caller's account, or "anonymous"
	Authorizer        *Authorizer
	PathParameters    map[string]string
	StageVariables    map[string]string
}

// Host returns the caller's address, and the port that the request came to.
func (r *Request) Host() (address, port string) {
	address, port, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		address, port = r.RemoteAddr, ""
	}
	if _, ours, err := net.SplitHostPort(r.Request.Host); err == nil {
		port = ours
	}
	return address, port
}

// timeLayout is the time of a request, in the format of access logs.
const timeLayout = "02/Jan/2006:15:04:05 -0700"

// TimeText returns the time of the request, as events and access logs show it.
func (r *Request) TimeText() string { return r.Time.UTC().Format(timeLayout) }

// Event returns the event in format 2.0.
func (r *Request) Event() Event {
	address, port := r.Host()
	ev := Event{
		Version: "2.0", RouteKey: r.Route, RawPath: r.Path, RawQueryString: r.URL.RawQuery,
		Headers: map[string]string{
			"host": r.Request.Host, "x-forwarded-for": address, "x-forwarded-proto": "http", "x-forwarded-port": port, "x-amzn-trace-id": r.Trace,
		},
		PathParameters: r.PathParameters, StageVariables: r.StageVariables,
	}
	for name, values := range r.Header {
		switch name {
		case "Cookie":
			for _, line := range values {
				for cookie := range strings.SplitSeq(line, ";") {
					ev.Cookies = append(ev.Cookies, strings.TrimSpace(cookie))
				}
			}
		case "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Amzn-Trace-Id":
		default:
			ev.Headers[strings.ToLower(name)] = strings.Join(values, ",")
		}
	}
	if r.ContentLength > 0 {
		ev.Headers["content-length"] = strconv.FormatInt(r.ContentLength, 10)
	}
	for name, values := range r.URL.Query() {
		if ev.QueryStringParameters == nil {
			ev.QueryStringParameters = map[string]string{}
		}
		ev.QueryStringParameters[name] = strings.Join(values, ",")
	}
	ev.Body, ev.IsBase64Encoded = Text(r.Body, r.Header.Get("Content-Type"))
	c := &ev.RequestContext
	c.AccountID, c.APIID, c.Authorizer, c.DomainName, c.DomainPrefix = r.Account, r.API, r.Authorizer, r.Request.Host, r.API
	c.RequestID, c.RouteKey, c.Stage = r.ID, r.Route, r.Stage
	c.Time, c.TimeEpoch = r.TimeText(), r.Time.UnixMilli()
	c.HTTP = HTTP{Method: r.Method, Path: r.Path, Protocol: r.Proto, SourceIP: address, UserAgent: r.UserAgent()}
	return ev
}

// Text returns a body as a string. It leaves a body of a text type unchanged.
func Text(body []byte, contentType string) (text string, encoded bool) {
	if len(body) == 0 {
		return "", false
	}
	kind, _, err := mime.ParseMediaType(contentType)
	isText := err == nil && (strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "+json") || strings.HasSuffix(kind, "+xml") ||
		slices.Contains([]string{"application/json", "application/xml", "application/javascript"}, kind))
	if isText && utf8.Valid(body) {
		return string(body), false
	}
	return base64.StdEncoding.EncodeToString(body), true
}
