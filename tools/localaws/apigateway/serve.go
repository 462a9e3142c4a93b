package apigateway

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"
	"github.com/google/uuid"

	"github.com/magewright/magewright/tools/localaws/apigateway/mapping"
	"github.com/magewright/magewright/tools/localaws/apigateway/schema"
	"github.com/magewright/magewright/tools/localaws/executeapi"
	"github.com/magewright/magewright/tools/localaws/executeapi/openapi"
	"github.com/magewright/magewright/tools/localaws/payload"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// maxBody is the size limit of a request in bytes.
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html.
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

	raw       string // the path below the stage, with its escapes
	resource  *served
	method    *method
	variables map[string]string // of the path
	context   map[string]any    // of the authorizer
	caller    principal.Principal
	key       *types.ApiKey

	integration   time.Duration // negative if it was not called
	integrated    int           // its status
	refused       string        // the type of the gateway response, if it is one
	refusal       string        // its message
	problem       string        // why it is one
	status, bytes int           // of the response
}

// ServeHTTP answers a request to the API.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g := a.service.deps.Gateway
	now := a.service.account.Clock.Now()
	x := &exchange{
		api: a, request: r, id: uuid.NewString(), at: now, began: g.Wall.Now(), integration: -1,
		trace: executeapi.Trace(r.Header.Get("X-Amzn-Trace-Id"), now),
	}
	h := w.Header()
	h.Set("X-Amzn-Requestid", x.id)
	h.Set("X-Amz-Apigw-Id", base64.URLEncoding.EncodeToString([]byte(x.id[:11])))
	h.Set("X-Amzn-Trace-Id", x.trace)
	recorder := executeapi.NewRecorder(w)
	if !x.choose() {
		h.Set("X-Amzn-Errortype", "ForbiddenException")
		executeapi.Say(recorder, http.StatusForbidden, "Forbidden")
		return
	}
	if err := x.answer(recorder); err != nil {
		refusal, ok := errors.AsType[*refusal](err)
		if !ok {
			x.warn(err)
			refusal = refusalOf(err)
		}
		x.refuse(recorder, refusal)
	}
	x.status, x.bytes = recorder.Status, recorder.Bytes
	x.record(g.Wall.Now().Sub(x.began))
}

// choose finds the stage, which the path begins with.
func (x *exchange) choose() bool {
	path := strings.TrimPrefix(x.request.URL.EscapedPath(), "/")
	stage, rest, _ := strings.Cut(path, "/")
	x.raw = "/" + rest
	x.live = (*x.api.live.Load())[stage]
	return x.live != nil
}

// answer answers the request. A refusal is an error.
func (x *exchange) answer(w http.ResponseWriter) error {
	// A slash at the end does not count.
	path := executeapi.Split(strings.TrimSuffix(x.raw, "/"))
	if x.resource, x.method, x.variables = x.live.router.find(x.request.Method, path); x.method == nil {
		return refused("MISSING_AUTHENTICATION_TOKEN", "there is no such method")
	}
	var err error
	if x.body, err = io.ReadAll(http.MaxBytesReader(w, x.request.Body, maxBody)); err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			return refused("REQUEST_TOO_LARGE", err.Error())
		}
		return refused("BAD_REQUEST_BODY", err.Error())
	}
	if err := x.authorize(); err != nil {
		return err
	}
	if err := x.admit(); err != nil {
		return err
	}
	if err := x.validate(); err != nil {
		return err
	}
	i := x.method.MethodIntegration
	switch i.Type {
	case types.IntegrationTypeMock:
		return x.mock(w)
	case types.IntegrationTypeAwsProxy:
		return x.proxy(w)
	default:
		return x.custom(w)
	}
}

// warn says why an integration or an authorizer has no answer.
func (x *exchange) warn(err error) {
	key := ""
	if x.method != nil {
		key = *x.method.HttpMethod + " " + x.resource.path.Text
	}
	x.api.service.account.Log.Warn("a REST API has no answer", "api", *x.api.Id, "stage", *x.live.StageName, "method", key, "error", err)
}

// admit applies API keys, usage plans and throttles.
func (x *exchange) admit() error {
	s := x.api.service
	if aws.ToBool(x.method.ApiKeyRequired) {
		key, refusal := s.identify(x.request.Header.Get("X-Api-Key"), *x.api.Id, *x.live.StageName, x.at)
		x.key = key
		if refusal != "" {
			return refused(refusal, "the API key")
		}
	}
	if limit, ok := x.live.limit(x.settings()); ok {
		rate, burst := limit.rate, limit.burst
		if rate < 0 {
			rate = executeapi.AccountRate
		}
		if burst < 0 {
			burst = executeapi.AccountBurst
		}
		if !x.live.throttles.Bucket(x.settings()).Take(x.at, rate, burst) {
			return refused("THROTTLED", "the throttle of the method")
		}
	}
	if !s.all.Take(x.at, executeapi.AccountRate, executeapi.AccountBurst) {
		return refused("THROTTLED", "the throttle of the account")
	}
	return nil
}

// settings returns the key of the method's settings in the stage.
func (x *exchange) settings() string { return settingKey(x.resource.path.Text, *x.method.HttpMethod) }

// mediaType returns the type of the request's body.
func (x *exchange) mediaType() string {
	kind, _, err := mime.ParseMediaType(x.request.Header.Get("Content-Type"))
	if err != nil {
		return jsonType
	}
	return kind
}

// validate applies the method's request validator.
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-request-validation.html.
func (x *exchange) validate() error {
	v := x.method.validator
	if v == nil {
		return nil
	}
	if v.ValidateRequestParameters {
		var missing []string
		for name, required := range x.method.RequestParameters {
			if required && x.mapped(name, nil) == "" {
				missing = append(missing, name[strings.LastIndex(name, ".")+1:])
			}
		}
		if len(missing) > 0 {
			slices.Sort(missing)
			message := "Missing required request parameters: [" + strings.Join(missing, ", ") + "]"
			return &refusal{kind: "BAD_REQUEST_PARAMETERS", message: message, reason: message}
		}
	}
	if !v.ValidateRequestBody {
		return nil
	}
	name, ok := x.method.RequestModels[x.mediaType()]
	if !ok {
		name, ok = x.method.RequestModels["$default"]
	}
	model := x.live.router.models[name]
	if !ok || model == nil {
		return nil
	}
	if err := model.Validate(x.body, func(name string) *schema.Schema { return x.live.router.models[name] }); err != nil {
		return refused("BAD_REQUEST_BODY", err.Error())
	}
	return nil
}

// payload returns the request as events describe it.
func (x *exchange) payload() *payload.Request {
	r := &payload.Request{
		Request: x.request, Path: x.raw, ID: x.id, Trace: x.trace, Time: x.at,
		API: *x.api.Id, Stage: *x.live.StageName, Account: x.api.service.account.ID,
		PathParameters: x.variables, StageVariables: x.live.Variables,
	}
	if x.caller.ARN != "" {
		r.Authorizer = payload.Signed(x.caller)
	}
	return r
}

// event returns the event of a proxy integration.
func (x *exchange) event() payload.ProxyEvent {
	ev := x.payload().ProxyEvent(x.resource.path.Text, "/"+*x.live.StageName+strings.TrimSuffix(x.raw, "/"))
	ev.RequestContext.ResourceID, ev.RequestContext.Authorizer = aws.String(x.resource.id), x.context
	if x.key != nil {
		ev.RequestContext.Identity.APIKey, ev.RequestContext.Identity.APIKeyID = x.key.Value, x.key.Id
	}
	if len(x.body) > 0 {
		body := string(x.body)
		if ev.IsBase64Encoded = x.isBinary(x.request.Header.Get("Content-Type")); ev.IsBase64Encoded {
			body = base64.StdEncoding.EncodeToString(x.body)
		}
		ev.Body = &body
	}
	return ev
}

// isBinary reports whether the API treats a media type as binary.
func (x *exchange) isBinary(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return slices.Contains(x.live.router.binary, "*/*")
	}
	return slices.ContainsFunc(x.live.router.binary, func(binary string) bool { return binary == "*/*" || binary == kind })
}

// methodARN returns the ARN of the method with a path.
func (x *exchange) methodARN(path string) string {
	return x.api.service.deps.Gateway.ARN(*x.api.Id, "/"+*x.live.StageName+"/"+x.request.Method+path)
}

// invoke calls the integration's function.
func (x *exchange) invoke(event any) ([]byte, error) {
	g := x.api.service.deps.Gateway
	i := x.method.MethodIntegration
	function, _ := executeapi.Function(*i.Uri)
	began := g.Wall.Now()
	var caller *principal.Principal
	if aws.ToString(i.Credentials) == openapi.AsCaller {
		if x.caller.ARN == "" {
			return nil, errors.New("the integration uses the caller's credentials, and the method is not authorized by AWS_IAM")
		}
		caller = &x.caller
	}
	answer, err := g.InvokeAs(caller, function, x.methodARN(x.resource.path.Text), x.trace, event, time.Duration(i.TimeoutInMillis)*time.Millisecond)
	x.integration = g.Wall.Now().Sub(began)
	return answer, err
}

// refusalOf returns the refusal for the error of an integration or an authorizer.
func refusalOf(err error) *refusal {
	switch {
	case errors.Is(err, executeapi.ErrTimeout):
		return &refusal{kind: "INTEGRATION_TIMEOUT", reason: err.Error()}
	case errors.Is(err, executeapi.ErrTooLarge):
		return &refusal{kind: "REQUEST_TOO_LARGE", reason: err.Error()}
	}
	return &refusal{kind: "API_CONFIGURATION_ERROR", reason: err.Error()}
}

// proxyMembers are the members of a function's answer to a proxy integration.
var proxyMembers = []string{"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}

// proxy passes the request to a function and its answer back.
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html.
func (x *exchange) proxy(w http.ResponseWriter) error {
	answer, err := x.invoke(x.event())
	if _, failure := errors.AsType[*executeapi.FunctionError](err); failure {
		return failed(http.StatusBadGateway, err.Error())
	}
	if err != nil {
		return err
	}
	malformed := failed(http.StatusBadGateway, "Execution failed due to configuration error: Malformed Lambda proxy response")
	var members map[string]json.RawMessage
	if json.Unmarshal(answer, &members) != nil || members == nil {
		return malformed
	}
	for name := range members {
		if !slices.Contains(proxyMembers, name) {
			return malformed
		}
	}
	encoded := string(members["isBase64Encoded"]) == "true"
	if _, ok := members["statusCode"]; !ok {
		members["statusCode"] = json.RawMessage("200")
	}
	// Without a client that accepts binary, the text of the base64 is the body.
	if encoded && !x.isBinary(strings.TrimSpace(strings.Split(x.request.Header.Get("Accept"), ",")[0])) {
		delete(members, "isBase64Encoded")
	}
	if answer, err = json.Marshal(members); err != nil {
		return fmt.Errorf("reading the function's answer: %w", err)
	}
	out, ok := payload.ParseProxy(answer)
	if !ok {
		return malformed
	}
	x.integrated = out.Status
	out.SetHeader(w.Header(), func(name string) bool { return strings.HasPrefix(name, "X-Amzn-Requestid") })
	out.Send(w)
	return nil
}

// values returns what the references of a template stand for.
func (x *exchange) values(body []byte) mapping.Values {
	query, header := map[string]string{}, map[string]string{}
	for name, values := range x.request.URL.Query() {
		query[name] = values[len(values)-1]
	}
	for name, values := range x.request.Header {
		header[name] = values[len(values)-1]
	}
	return mapping.Values{
		Body: body, Context: x.variable, StageVariables: x.live.Variables,
		Parameters: map[string]map[string]string{"path": x.variables, "querystring": query, "header": header},
	}
}

// mapped returns the value of a parameter mapping. answer has the headers of the
// integration's response.
func (x *exchange) mapped(from string, answer http.Header) string {
	switch {
	case strings.HasPrefix(from, "'"):
		return strings.Trim(from, "'")
	case strings.HasPrefix(from, "context."):
		return x.variable(strings.TrimPrefix(from, "context."))
	case strings.HasPrefix(from, "stageVariables."):
		return x.live.Variables[strings.TrimPrefix(from, "stageVariables.")]
	case strings.HasPrefix(from, "integration.response.header."):
		return answer.Get(strings.TrimPrefix(from, "integration.response.header."))
	}
	m := requestParameter.FindStringSubmatch(from)
	if m == nil {
		return ""
	}
	switch m[1] {
	case "path":
		return x.variables[m[2]]
	case "querystring":
		return x.request.URL.Query().Get(m[2])
	default:
		return x.request.Header.Get(m[2])
	}
}

// record records the metrics and the logs of the request.
func (x *exchange) record(took time.Duration) {
	key := ""
	if x.method != nil {
		key = x.settings()
	}
	sample := executeapi.Sample{Status: x.status, Latency: took, Integration: x.integration, Bytes: x.bytes}
	x.live.monitor.Record(x.api.service.deps.Gateway, x.at, key, sample, x.variable)
	x.execution()
}

// execution writes the execution log of the request. It has the first and the last
// lines of API Gateway's own, and the reason if there is one. At level ERROR, it only
// has requests that failed.
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html.
func (x *exchange) execution() {
	if x.method == nil {
		return
	}
	level := aws.ToString(x.live.setting(x.settings()).LoggingLevel)
	if level != "INFO" && (level != "ERROR" || x.refused == "") {
		return
	}
	var lines []string
	add := func(line string) { lines = append(lines, "("+x.id+") "+line) }
	if level == "INFO" {
		add("Extended Request Id: " + x.variable("extendedRequestId"))
		add("Starting execution for request: " + x.id)
		add("HTTP Method: " + x.request.Method + ", Resource Path: " + strings.TrimSuffix(x.raw, "/"))
	}
	switch {
	case x.refused != "":
		add(x.problem)
	case level == "INFO":
		add("Successfully completed execution")
	}
	add("Method completed with status: " + strconv.Itoa(x.status))
	x.api.service.deps.Gateway.Log(executeapi.ExecutionLogs+*x.api.Id+"/"+*x.live.StageName, *x.api.Id, x.at, lines...)
}

// variable returns the value of a variable of access logs and templates, or "".
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-variables-for-access-logging.html.
func (x *exchange) variable(name string) string {
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
	switch name {
	case "accountId":
		return x.api.service.account.ID
	case "apiId", "domainPrefix":
		return *x.api.Id
	case "domainName":
		return x.request.Host
	case "requestId":
		return x.id
	case "extendedRequestId":
		return base64.URLEncoding.EncodeToString([]byte(x.id[:11]))
	case "requestTime":
		return (&payload.Request{Time: x.at}).TimeText()
	case "requestTimeEpoch":
		return strconv.FormatInt(x.at.UnixMilli(), 10)
	case "httpMethod":
		return x.request.Method
	case "path":
		return "/" + *x.live.StageName + x.raw
	case "protocol":
		return x.request.Proto
	case "stage":
		return *x.live.StageName
	case "status":
		return number(x.status)
	case "responseLength":
		return strconv.Itoa(x.bytes)
	case "xrayTraceId":
		return x.trace
	case "integrationLatency", "integration.latency":
		if x.integration >= 0 {
			return strconv.FormatInt(x.integration.Milliseconds(), 10)
		}
	case "integrationStatus", "integration.status":
		return number(x.integrated)
	case "integrationErrorMessage", "integration.error", "authorizer.error", "error.validationErrorString":
		return x.problem
	case "error.message":
		return x.refusal
	case "error.messageString":
		if x.refusal == "" {
			return "null"
		}
		return executeapi.Quote(x.refusal)
	case "error.responseType":
		return x.refused
	case "resourcePath":
		if x.resource != nil {
			return x.resource.path.Text
		}
	case "resourceId":
		if x.resource != nil {
			return x.resource.id
		}
	}
	return x.identity(name)
}

// identity returns the values of the variables about the caller.
func (x *exchange) identity(name string) string {
	switch name {
	case "identity.sourceIp":
		address, _ := x.payload().Host()
		return address
	case "identity.userAgent":
		return x.request.UserAgent()
	case "identity.caller", "identity.user":
		return x.caller.UserID
	case "identity.userArn":
		return x.caller.ARN
	case "identity.accountId":
		return x.caller.Account
	case "identity.accessKey":
		return x.caller.AccessKeyID
	case "identity.apiKey":
		if x.key != nil {
			return *x.key.Value
		}
	case "identity.apiKeyId":
		if x.key != nil {
			return *x.key.Id
		}
	}
	if property, ok := strings.CutPrefix(name, "authorizer."); ok {
		return mapping.Text(x.context[property])
	}
	return ""
}
