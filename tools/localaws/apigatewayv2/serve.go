package apigatewayv2

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/magewright/magewright/tools/localaws/executeapi"
	"github.com/magewright/magewright/tools/localaws/payload"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// maxBody is the size limit of a request in bytes.
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html.
const maxBody = 10 << 20

// An exchange is a request to an API and its response.
type exchange struct {
	api     *api
	live    *live // the stage
	request *http.Request
	id      string
	trace   string
	at      time.Time // by the account's clock
	began   time.Time // by the wall's clock
	body    []byte

	path       []string // below the stage, without escapes
	raw        string   // the whole path, without escapes
	route      *route
	variables  map[string]string // of the path
	authorizer *payload.Authorizer
	caller     principal.Principal

	integration   time.Duration // negative if it was not called
	integrated    int           // its status
	problem       string        // why it failed
	status, bytes int           // of the response
}

// ServeHTTP answers a request to the API.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g := a.service.deps.Gateway
	x := &exchange{
		api: a, request: r, id: newRequestID(), at: a.service.account.Clock.Now(), began: g.Wall.Now(), integration: -1,
		trace: executeapi.Trace(r.Header.Get("X-Amzn-Trace-Id"), a.service.account.Clock.Now()),
	}
	w.Header().Set("Apigw-Requestid", x.id)
	recorder := executeapi.NewRecorder(w)
	x.answer(recorder)
	x.status, x.bytes = recorder.Status, recorder.Bytes
	x.record(g.Wall.Now().Sub(x.began))
}

// newRequestID returns an id in the form of HTTP APIs.
func newRequestID() string {
	b := make([]byte, 11)
	// This never fails.
	_, _ = rand.Read(b)
	return base64.URLEncoding.EncodeToString(b)
}

// choose finds the stage: the one that the path begins with, or else the default.
func (x *exchange) choose() bool {
	stages := *x.api.live.Load()
	path := x.request.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	x.path = executeapi.Split(path)
	x.raw = "/" + strings.Join(x.path, "/")
	if st := stages[x.path[0]]; st != nil && x.path[0] != defaultKey {
		x.live, x.path = st, x.path[1:]
		if len(x.path) == 0 {
			x.path = []string{""}
		}
		return true
	}
	x.live = stages[defaultKey]
	return x.live != nil
}

func (x *exchange) answer(w http.ResponseWriter) {
	if !x.choose() {
		executeapi.Say(w, http.StatusNotFound, "Not Found")
		return
	}
	cors := x.live.router.cors
	if cors != nil && isPreflight(x.request) {
		preflight(w, cors, x.request)
		return
	}
	// The service's own responses have the headers, too.
	origin := crossOrigin(cors, x.request)
	if x.route, x.variables = x.live.router.find(x.request.Method, x.path); x.route == nil {
		x.say(w, origin, http.StatusNotFound, "Not Found")
		return
	}
	if !x.admit() {
		x.say(w, origin, http.StatusTooManyRequests, "Too Many Requests")
		return
	}
	var err error
	if x.body, err = io.ReadAll(http.MaxBytesReader(w, x.request.Body, maxBody)); err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			x.say(w, origin, http.StatusRequestEntityTooLarge, "Request Entity Too Large")
		}
		// The client may have gone away.
		return
	}
	if x.authorizer, err = x.authorize(); err != nil {
		x.problem = err.Error()
		if d, ok := errors.AsType[*denial](err); ok {
			if d.header != "" {
				w.Header().Set("Www-Authenticate", d.header)
			}
			x.say(w, origin, d.status, d.message)
			return
		}
		x.warn(err)
		x.say(w, origin, http.StatusInternalServerError, "Internal Server Error")
		return
	}
	out, err := x.integrate()
	if err != nil {
		x.problem = err.Error()
		status, message := http.StatusInternalServerError, "Internal Server Error"
		switch {
		case errors.Is(err, executeapi.ErrTimeout), errors.Is(err, executeapi.ErrThrottle):
			status, message = http.StatusServiceUnavailable, "Service Unavailable"
		case errors.Is(err, executeapi.ErrTooLarge):
			status, message = http.StatusRequestEntityTooLarge, "Request Entity Too Large"
		}
		x.warn(err)
		x.say(w, origin, status, message)
		return
	}
	x.transform(&out)
	out.SetHeader(w.Header(), func(name string) bool { return cors != nil && strings.HasPrefix(name, "Access-Control-") })
	allow(cors, w.Header(), origin)
	out.Send(w)
}

// warn says why an integration or an authorizer has no answer, which on AWS only
// the access log shows.
func (x *exchange) warn(err error) {
	x.api.service.account.Log.Warn("an HTTP API has no answer", "api", *x.api.ApiId, "stage", *x.live.StageName, "route", x.route.text, "error", err)
}

// say answers on behalf of API Gateway itself.
func (x *exchange) say(w http.ResponseWriter, origin string, status int, message string) {
	allow(x.live.router.cors, w.Header(), origin)
	executeapi.Say(w, status, message)
}

// admit applies the throttles of the account and of the route.
func (x *exchange) admit() bool {
	s := x.live.settings(x.route.text)
	if s.ThrottlingRateLimit != nil || s.ThrottlingBurstLimit != nil {
		rate, burst := float64(executeapi.AccountRate), float64(executeapi.AccountBurst)
		if s.ThrottlingRateLimit != nil {
			rate = *s.ThrottlingRateLimit
		}
		if s.ThrottlingBurstLimit != nil {
			burst = float64(*s.ThrottlingBurstLimit)
		}
		if !x.live.throttles.Bucket(x.route.text).Take(x.at, rate, burst) {
			return false
		}
	}
	return x.api.service.all.Take(x.at, executeapi.AccountRate, executeapi.AccountBurst)
}

// integrate calls the route's integration.
func (x *exchange) integrate() (payload.Response, error) {
	i := x.route.integration
	if i == nil {
		return payload.Response{}, errors.New("the route has no integration")
	}
	g := x.api.service.deps.Gateway
	function, _ := executeapi.Function(*i.IntegrationUri)
	r := x.payload(x.authorizer)
	var event any = r.Event()
	parse := payload.Parse
	if *i.PayloadFormatVersion == "1.0" {
		event, parse = x.proxyEvent(r), payload.ParseProxy
	}
	began := g.Wall.Now()
	answer, err := g.Invoke(function, x.functionARN(), x.trace, event, time.Duration(*i.TimeoutInMillis)*time.Millisecond)
	x.integration = g.Wall.Now().Sub(began)
	if err != nil {
		return payload.Response{}, err
	}
	out, ok := parse(answer)
	if !ok {
		return payload.Response{}, fmt.Errorf("the function's answer is not a response in payload format %s", *i.PayloadFormatVersion)
	}
	x.integrated = out.Status
	return out, nil
}

// functionARN returns the ARN for which the function's policy must allow the
// invocation: that of the route, with the names of its variables.
func (x *exchange) functionARN() string {
	path := "/" + x.route.text
	if x.route.text != defaultKey {
		path = "/" + x.request.Method + x.route.path.Text
	}
	return x.api.service.deps.Gateway.ARN(*x.api.ApiId, "/"+*x.live.StageName+path)
}

// routeARN returns the ARN that authorizers decide about.
func (x *exchange) routeARN() string {
	return x.api.service.deps.Gateway.ARN(*x.api.ApiId, "/"+*x.live.StageName+"/"+x.request.Method+"/"+strings.Join(x.path, "/"))
}

// payload returns the request as events describe it.
func (x *exchange) payload(z *payload.Authorizer) *payload.Request {
	return &payload.Request{
		Request: x.request, Body: x.body, Path: x.raw, ID: x.id, Trace: x.trace, Time: x.at,
		API: *x.api.ApiId, Route: x.route.text, Stage: *x.live.StageName, Account: x.api.service.account.ID,
		Authorizer: z, PathParameters: x.variables, StageVariables: x.live.StageVariables,
	}
}

// proxyEvent returns the event in format 1.0. Unlike in those of REST APIs, the path
// has the stage in front.
func (x *exchange) proxyEvent(r *payload.Request) payload.ProxyEvent {
	ev := r.ProxyEvent(x.route.path.Text, x.raw)
	ev.Version = "1.0"
	ev.RequestContext.ResourceID = aws.String(x.route.text)
	switch z := r.Authorizer; {
	case z == nil:
	case z.JWT != nil:
		ev.RequestContext.Authorizer = map[string]any{"claims": z.JWT.Claims, "scopes": z.JWT.Scopes}
	case z.Lambda != nil:
		ev.RequestContext.Authorizer = z.Lambda
	}
	return ev
}

// record records the metrics and the access log of the request.
func (x *exchange) record(took time.Duration) {
	if x.live == nil {
		return
	}
	key := ""
	if x.route != nil {
		key = x.route.text
	}
	sample := executeapi.Sample{Status: x.status, Latency: took, Integration: x.integration, Bytes: x.bytes}
	x.live.monitor.Record(x.api.service.deps.Gateway, x.at, key, sample, x.variable)
}

// variable returns the value of a variable of access logs, or "".
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html.
func (x *exchange) variable(name string) string {
	address, _, _ := strings.Cut(x.request.RemoteAddr, ":")
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	switch name {
	case "accountId":
		return x.api.service.account.ID
	case "apiId":
		return *x.api.ApiId
	case "domainName":
		return x.request.Host
	case "domainPrefix":
		return *x.api.ApiId
	case "requestId", "extendedRequestId":
		return x.id
	case "requestTime":
		return (&payload.Request{Time: x.at}).TimeText()
	case "requestTimeEpoch":
		return strconv.FormatInt(x.at.Unix(), 10)
	case "httpMethod":
		return x.request.Method
	case "path":
		return x.raw
	case "protocol":
		return x.request.Proto
	case "stage":
		return *x.live.StageName
	case "status":
		return number(x.status)
	case "responseLength":
		return strconv.Itoa(x.bytes)
	case "identity.sourceIp":
		return address
	case "identity.userAgent":
		return x.request.UserAgent()
	case "identity.caller", "identity.user":
		return x.caller.UserID
	case "identity.userArn":
		return x.caller.ARN
	case "identity.accountId":
		return x.caller.Account
	case "error.message", "error.messageString", "error.responseType":
		return x.failure(name)
	case "integrationErrorMessage", "integration.error", "authorizer.error":
		return x.problem
	case "integrationLatency", "integration.latency":
		if x.integration >= 0 {
			return strconv.FormatInt(x.integration.Milliseconds(), 10)
		}
	case "integrationStatus", "integration.status":
		return number(x.integrated)
	case "integration.integrationStatus":
		if x.integrated > 0 {
			return "200"
		}
	case "routeKey":
		if x.route != nil {
			return x.route.text
		}
	}
	return x.identity(name)
}

// failure returns the values of the variables about an error of API Gateway itself.
func (x *exchange) failure(name string) string {
	message := map[int]string{
		http.StatusNotFound: "Not Found", http.StatusTooManyRequests: "Too Many Requests", http.StatusUnauthorized: "Unauthorized",
		http.StatusForbidden: "Forbidden", http.StatusServiceUnavailable: "Service Unavailable", http.StatusInternalServerError: "Internal Server Error",
	}[x.status]
	// The function has answered.
	if x.integrated != 0 || message == "" {
		return ""
	}
	switch name {
	case "error.message":
		return message
	case "error.messageString":
		return executeapi.Quote(message)
	}
	return strings.ToUpper(strings.ReplaceAll(message, " ", "_"))
}

// identity returns the values of the variables about what an authorizer has learned.
func (x *exchange) identity(name string) string {
	z := x.authorizer
	property, ok := strings.CutPrefix(name, "authorizer.")
	if z == nil || !ok {
		return ""
	}
	if claim, ok := strings.CutPrefix(property, "claims."); ok && z.JWT != nil {
		return z.JWT.Claims[claim]
	}
	return text(z.Lambda[property])
}
