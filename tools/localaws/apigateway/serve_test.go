package apigateway_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsapi "github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/localaws/executeapi/executeapitest"
)

func TestMethods(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Answer(functionARN, `{"statusCode":200}`)
	for _, key := range []string{"GET /", "GET /items", "ANY /items/{id}", "GET /items/new", "POST /{proxy+}"} {
		f.method(t, key)
	}
	f.deploy(t)
	for _, tt := range []struct{ method, path, resource, variables string }{
		{"GET", "", "/", "null"},
		{"GET", "/", "/", "null"},
		{"GET", "/items", "/items", "null"},
		{"GET", "/items/", "/items", "null"},
		{"GET", "/items/new", "/items/new", "null"},
		{"DELETE", "/items/new", "/items/{id}", `{"id":"new"}`},
		{"PUT", "/items/a%20b", "/items/{id}", `{"id":"a b"}`},
		{"POST", "/items", "/{proxy+}", `{"proxy":"items"}`},
		{"POST", "/x/y", "/{proxy+}", `{"proxy":"x/y"}`},
	} {
		if got := f.fetch(t, tt.method, tt.path, ""); got.Status != http.StatusOK {
			t.Errorf("%s %s: %+v", tt.method, tt.path, got)
			continue
		}
		var ev struct {
			Resource       string          `json:"resource"`
			PathParameters json.RawMessage `json:"pathParameters"`
		}
		if err := json.Unmarshal([]byte(f.Last(t)), &ev); err != nil {
			t.Fatal(err)
		}
		if ev.Resource != tt.resource || string(ev.PathParameters) != tt.variables {
			t.Errorf("%s %s: %s %s, want %s %s", tt.method, tt.path, ev.Resource, ev.PathParameters, tt.resource, tt.variables)
		}
	}
	for _, tt := range []struct{ method, path string }{{"DELETE", "/items"}, {"GET", "/nowhere"}} {
		got := f.fetch(t, tt.method, tt.path, "")
		if got.Status != http.StatusForbidden || got.Text != `{"message":"Missing Authentication Token"}` || got.Header.Get("X-Amzn-Errortype") != "MissingAuthenticationTokenException" {
			t.Errorf("%s %s: %+v", tt.method, tt.path, got)
		}
	}
	if got := executeapitest.Fetch(t, http.MethodGet, strings.TrimSuffix(f.url, "/prod")+"/none/items", ""); got.Status != http.StatusForbidden || got.Text != `{"message":"Forbidden"}` {
		t.Errorf("another stage: %+v", got)
	}
}

func TestEvent(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Answer(functionARN, `{"statusCode":200,"headers":{"X-A":"1"},"multiValueHeaders":{"X-B":["1","2"]},"body":"ok"}`)
	f.method(t, "POST /items/{id}")
	f.deploy(t, "/variables/color=red")
	got := f.fetch(t, http.MethodPost, "/items/1?q=1&q=2", `{"k":"v"}`, "Content-Type", "application/json", "User-Agent", "test", "Accept-Encoding", "identity")
	if got.Text != "ok" || got.Header.Get("X-A") != "1" || !slices.Equal(got.Header.Values("X-B"), []string{"1", "2"}) || got.Header.Get("X-Amz-Apigw-Id") == "" {
		t.Errorf("%+v", got)
	}
	id := got.Header.Get("X-Amzn-Requestid")
	_, host, _ := strings.Cut(strings.TrimSuffix(f.url, "/prod"), "//")
	_, port, _ := strings.Cut(host, ":")
	text := strings.NewReplacer(id, "ID", host, "HOST", `"`+port+`"`, `"PORT"`, got.Header.Get("X-Amzn-Trace-Id"), "TRACE").Replace(f.Last(t))
	var ev map[string]any
	if err := json.Unmarshal([]byte(text), &ev); err != nil {
		t.Fatal(err)
	}
	context, _ := ev["requestContext"].(map[string]any)
	if context["resourceId"] == nil {
		t.Error("no resourceId")
	}
	delete(context, "resourceId")
	var want map[string]any
	if err := json.Unmarshal([]byte(`{
		"resource": "/items/{id}", "path": "/items/1", "httpMethod": "POST",
		"headers": {"Accept-Encoding": "identity", "Content-Length": "9", "Content-Type": "application/json", "Host": "HOST", "User-Agent": "test",
			"X-Amzn-Trace-Id": "TRACE", "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Port": "PORT", "X-Forwarded-Proto": "http"},
		"multiValueHeaders": {"Accept-Encoding": ["identity"], "Content-Length": ["9"], "Content-Type": ["application/json"], "Host": ["HOST"], "User-Agent": ["test"],
			"X-Amzn-Trace-Id": ["TRACE"], "X-Forwarded-For": ["127.0.0.1"], "X-Forwarded-Port": ["PORT"], "X-Forwarded-Proto": ["http"]},
		"queryStringParameters": {"q": "2"}, "multiValueQueryStringParameters": {"q": ["1", "2"]}, "pathParameters": {"id": "1"}, "stageVariables": {"color": "red"},
		"requestContext": {"accountId": "000000000000", "apiId": "`+f.api+`", "domainName": "HOST", "domainPrefix": "`+f.api+`", "extendedRequestId": "ID",
			"httpMethod": "POST", "path": "/prod/items/1", "protocol": "HTTP/1.1", "requestId": "ID", "requestTime": "01/Mar/2026:12:00:30 +0000",
			"requestTimeEpoch": 1772366430000, "resourcePath": "/items/{id}", "stage": "prod",
			"identity": {"accessKey": null, "accountId": null, "caller": null, "cognitoAuthenticationProvider": null, "cognitoAuthenticationType": null,
				"cognitoIdentityId": null, "cognitoIdentityPoolId": null, "principalOrgId": null, "sourceIp": "127.0.0.1", "user": null, "userAgent": "test", "userArn": null}},
		"body": "{\"k\":\"v\"}", "isBase64Encoded": false}`), &want); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, ev); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if want := []string{"arn:aws:execute-api:us-east-1:000000000000:" + f.api + "/prod/POST/items/{id}"}; !slices.Equal(f.Asked, want) {
		t.Errorf("asked for %q, want %q", f.Asked, want)
	}
}

// Only bodies of the API's binary types are base64.
func TestBinary(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.method(t, "POST /")
	f.deploy(t)
	f.Answer(functionARN, `{"statusCode":200,"body":"AP8=","isBase64Encoded":true}`)
	if got := f.fetch(t, http.MethodPost, "/", "\x00\xff", "Content-Type", "image/png", "Accept", "image/png, */*"); got.Text != "\x00\xff" || !strings.Contains(f.Last(t), `"body":"AP8=","isBase64Encoded":true`) {
		t.Errorf("binary: %+v %s", got, f.Last(t))
	}
	if got := f.fetch(t, http.MethodPost, "/", "text", "Content-Type", "image/gif"); got.Text != "AP8=" || !strings.Contains(f.Last(t), `"body":"text","isBase64Encoded":false`) {
		t.Errorf("text: %+v %s", got, f.Last(t))
	}
}

func TestProxyAnswers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.method(t, "GET /")
	f.deploy(t)
	const broken = `{"message": "Internal server error"}`
	for _, tt := range []struct {
		answer string
		err    error
		failed bool
		status int
		text   string
	}{
		{`{"statusCode":404,"body":"none"}`, nil, false, 404, "none"},
		{`{}`, nil, false, 200, ""},
		{`{"statusCode":200,"message":"x"}`, nil, false, 502, broken},
		{`{"statusCode":200,"body":{}}`, nil, false, 502, broken},
		{`"text"`, nil, false, 502, broken},
		{`null`, nil, false, 502, broken},
		{`{"errorMessage":"no"}`, nil, true, 502, broken},
		{``, &lambdatypes.TooManyRequestsException{}, false, 500, broken},
		{``, &lambdatypes.ResourceNotFoundException{}, false, 500, broken},
	} {
		f.Mu.Lock()
		f.Answers[functionARN] = func([]byte) (*awslambda.InvokeOutput, error) {
			out := &awslambda.InvokeOutput{Payload: []byte(tt.answer)}
			if tt.failed {
				out.FunctionError = aws.String("Unhandled")
			}
			return out, tt.err
		}
		f.Mu.Unlock()
		if got := f.fetch(t, http.MethodGet, "/", ""); got.Status != tt.status || got.Text != tt.text {
			t.Errorf("%s %v: %d %s, want %d %s", tt.answer, tt.err, got.Status, got.Text, tt.status, tt.text)
		}
	}
	f.Denied = []string{"arn:aws:execute-api:us-east-1:000000000000:" + f.api + "/prod/GET/"}
	if got := f.fetch(t, http.MethodGet, "/", ""); got.Status != http.StatusInternalServerError {
		t.Errorf("denied: %+v", got)
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.method(t, "GET /")
	f.deploy(t)
	release, called := make(chan struct{}), make(chan struct{})
	defer close(release)
	f.Answers[functionARN] = func([]byte) (*awslambda.InvokeOutput, error) {
		close(called)
		<-release
		return &awslambda.InvokeOutput{}, nil
	}
	done := make(chan executeapitest.Response)
	go func() { done <- f.fetch(t, http.MethodGet, "/", "") }()
	<-called
	f.Wall.BlockUntil(1)
	f.Wall.Advance(29 * time.Second)
	if got := <-done; got.Status != http.StatusGatewayTimeout || got.Text != `{"message":"Endpoint request timed out"}` {
		t.Errorf("%+v", got)
	}
}

// mapped makes a method with a mapped integration.
func mapped(kind types.IntegrationType, templates map[string]string, responses ...awsapi.PutIntegrationResponseInput) func(*method) {
	return func(m *method) {
		m.integrate.Type, m.integrate.RequestTemplates, m.responses = kind, templates, responses
	}
}

func TestMappedFunction(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.method(t, "POST /items/{id}", mapped(types.IntegrationTypeAws,
		map[string]string{"application/json": `{"id":"$input.params('id')","name":$input.json('$.name'),"who":"$context.identity.sourceIp","color":"$stageVariables.color"}`},
		awsapi.PutIntegrationResponseInput{
			StatusCode: aws.String("200"), ResponseTemplates: map[string]string{"application/json": `{"got":$input.json('$.out'),"for":"$input.params('id')"}`},
			ResponseParameters: map[string]string{"method.response.header.X-Static": "'one'", "method.response.header.X-Id": "context.requestId"},
		},
		awsapi.PutIntegrationResponseInput{StatusCode: aws.String("404"), SelectionPattern: aws.String("none: .*"), ResponseTemplates: map[string]string{"application/json": `{"error":"$input.path('$.errorMessage')"}`}},
	))
	f.method(t, "POST /strict", mapped(types.IntegrationTypeAws, map[string]string{"application/json": "{}"}), func(m *method) { m.integrate.PassthroughBehavior = aws.String("NEVER") })
	f.method(t, "POST /plain", mapped(types.IntegrationTypeAws, nil, awsapi.PutIntegrationResponseInput{StatusCode: aws.String("200")}))
	f.deploy(t, "/variables/color=red")
	f.Answer(functionARN, `{"out":[1]}`)
	got := f.fetch(t, http.MethodPost, "/items/7", `{"name":"a"}`)
	if want := `{"id":"7","name":"a","who":"127.0.0.1","color":"red"}`; f.Last(t) != want || got.Text != `{"got":[1],"for":"7"}` ||
		got.Header.Get("X-Static") != "one" || got.Header.Get("X-Id") != got.Header.Get("X-Amzn-Requestid") {
		t.Errorf("%s, want %s; %+v", f.Last(t), want, got)
	}
	if got := f.fetch(t, http.MethodPost, "/plain", ""); got.Text != `{"out":[1]}` || f.Last(t) != "{}" {
		t.Errorf("without templates: %+v %s", got, f.Last(t))
	}
	if got := f.fetch(t, http.MethodPost, "/strict", "<a/>", "Content-Type", "application/xml"); got.Status != http.StatusUnsupportedMediaType || got.Text != `{"message":"Unsupported Media Type"}` {
		t.Errorf("another type: %+v", got)
	}
	if got := f.fetch(t, http.MethodPost, "/strict", ""); got.Status != http.StatusInternalServerError {
		t.Errorf("no response is declared: %+v", got)
	}
	f.Answers[functionARN] = func([]byte) (*awslambda.InvokeOutput, error) {
		return &awslambda.InvokeOutput{FunctionError: aws.String("Unhandled"), Payload: []byte(`{"errorMessage":"none: 7"}`)}, nil
	}
	if got := f.fetch(t, http.MethodPost, "/items/7", "{}"); got.Status != http.StatusNotFound || got.Text != `{"error":"none: 7"}` {
		t.Errorf("an error that a pattern matches: %+v", got)
	}
}

func TestMock(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.method(t, "GET /", mapped(types.IntegrationTypeMock, map[string]string{"application/json": `{"statusCode": $input.params('status')}`},
		awsapi.PutIntegrationResponseInput{StatusCode: aws.String("200"), ResponseTemplates: map[string]string{"text/plain": "fine"}},
		awsapi.PutIntegrationResponseInput{StatusCode: aws.String("503"), SelectionPattern: aws.String(`5\d{2}`)},
	))
	f.method(t, "GET /none", mapped(types.IntegrationTypeMock, map[string]string{"application/json": `{}`}, awsapi.PutIntegrationResponseInput{StatusCode: aws.String("200")}))
	f.deploy(t)
	if got := f.fetch(t, http.MethodGet, "/?status=200", ""); got.Status != 200 || got.Text != "fine" || got.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("%+v", got)
	}
	if got := f.fetch(t, http.MethodGet, "/?status=500", ""); got.Status != 503 || got.Text != "" {
		t.Errorf("%+v", got)
	}
	if got := f.fetch(t, http.MethodGet, "/none", ""); got.Status != 500 {
		t.Errorf("without a status: %+v", got)
	}
}

// An integration with another service calls the embedded AWS, signed with its role.
func TestServices(t *testing.T) {
	t.Parallel()
	type call struct{ path, target, contentType, body, credential string }
	calls := make(chan call, 1)
	status := http.StatusOK
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		credential, _, _ := strings.Cut(r.Header.Get("Authorization"), ",")
		calls <- call{r.URL.Path, r.Header.Get("X-Amz-Target"), r.Header.Get("Content-Type"), string(body), credential}
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"id":"m-1"}`)
	}))
	defer endpoint.Close()
	f := newFixture(t, func(w *executeapitest.World) { w.Account.Endpoint = endpoint.URL })
	service := func(uri string, templates, parameters map[string]string) func(*method) {
		return func(m *method) {
			m.integrate.Type, m.integrate.Uri, m.integrate.Credentials = types.IntegrationTypeAws, aws.String("arn:aws:apigateway:us-east-1:"+uri), aws.String(roleARN)
			m.integrate.RequestTemplates, m.integrate.RequestParameters = templates, parameters
			m.responses = []awsapi.PutIntegrationResponseInput{
				{StatusCode: aws.String("202"), ResponseTemplates: map[string]string{"application/json": `{"sent":$input.json('$.id')}`}},
				{StatusCode: aws.String("400"), SelectionPattern: aws.String(`4\d{2}`)},
			}
		}
	}
	form := map[string]string{"integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"}
	f.method(t, "POST /queue", service("sqs:path/000000000000/jobs", map[string]string{"application/json": "Action=SendMessage&MessageBody=$util.urlEncode($input.body)"}, form))
	f.method(t, "POST /topic", service("sns:action/Publish", map[string]string{"application/json": "Message=$input.path('$.m')"},
		map[string]string{"integration.request.querystring.TopicArn": "'arn:t'"}))
	f.method(t, "PUT /table/{id}", service("dynamodb:action/PutItem", map[string]string{"application/json": `{"TableName":"t","Item":{"id":{"S":"$input.params('id')"}}}`}, nil))
	f.deploy(t)
	for _, tt := range []struct {
		method, path, body string
		want               call
		service            string
	}{
		{"POST", "/queue", `{"a": 1}`, call{path: "/000000000000/jobs", contentType: "application/x-www-form-urlencoded", body: "Action=SendMessage&MessageBody=%7B%22a%22%3A+1%7D&Version=2012-11-05"}, "sqs"},
		{"POST", "/topic", `{"m":"hi"}`, call{path: "/", contentType: "application/x-www-form-urlencoded", body: "Action=Publish&Message=hi&TopicArn=arn%3At&Version=2010-03-31"}, "sns"},
		{"PUT", "/table/7", ``, call{path: "/", target: "DynamoDB_20120810.PutItem", contentType: "application/x-amz-json-1.0", body: `{"TableName":"t","Item":{"id":{"S":"7"}}}`}, "dynamodb"},
	} {
		got := f.fetch(t, tt.method, tt.path, tt.body)
		if got.Status != http.StatusAccepted || got.Text != `{"sent":"m-1"}` {
			t.Errorf("%s: %+v", tt.path, got)
		}
		made := <-calls
		if !strings.HasPrefix(made.credential, "AWS4-HMAC-SHA256 Credential=ASIAROLE/") || !strings.HasSuffix(made.credential, "/us-east-1/"+tt.service+"/aws4_request") {
			t.Errorf("%s: signed with %s", tt.path, made.credential)
		}
		made.credential = ""
		if made != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.path, made, tt.want)
		}
	}
	status = http.StatusForbidden
	if got := f.fetch(t, http.MethodPost, "/queue", "{}"); got.Status != http.StatusBadRequest || got.Header.Get("Content-Type") != "text/xml" {
		t.Errorf("an error of the service: %+v", got)
	}
	<-calls
}

func TestValidation(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	f.Answer(functionARN, `{"statusCode":200,"body":"ok"}`)
	must[*awsapi.CreateModelOutput](t)(f.CreateModel(ctx, &awsapi.CreateModelInput{
		RestApiId: &f.api, Name: aws.String("Tag"), ContentType: aws.String("application/json"), Schema: aws.String(`{"type":"string","maxLength":3}`),
	}))
	must[*awsapi.CreateModelOutput](t)(f.CreateModel(ctx, &awsapi.CreateModelInput{
		RestApiId: &f.api, Name: aws.String("Item"), ContentType: aws.String("application/json"),
		Schema: aws.String(`{"type":"object","required":["name"],"properties":{"tags":{"type":"array","items":{"$ref":"https://apigateway.amazonaws.com/restapis/` + f.api + `/models/Tag"}}}}`),
	}))
	validator := must[*awsapi.CreateRequestValidatorOutput](t)(f.CreateRequestValidator(ctx, &awsapi.CreateRequestValidatorInput{
		RestApiId: &f.api, ValidateRequestBody: true, ValidateRequestParameters: true,
	}))
	f.method(t, "POST /items/{id}", func(m *method) {
		m.put.RequestValidatorId, m.put.RequestModels = validator.Id, map[string]string{"application/json": "Item"}
		m.put.RequestParameters = map[string]bool{"method.request.header.X-Who": true, "method.request.querystring.page": true, "method.request.querystring.size": false}
	})
	f.deploy(t)
	who := []string{"X-Who", "me"}
	for _, tt := range []struct {
		path, body string
		headers    []string
		status     int
		text       string
	}{
		{"/items/1?page=1", `{"name":"a","tags":["abc"]}`, who, 200, "ok"},
		{"/items/1", `{"name":"a"}`, nil, 400, `{"message":"Missing required request parameters: [X-Who, page]"}`},
		{"/items/1?page=1", `{}`, who, 400, `{"message":"Invalid request body"}`},
		{"/items/1?page=1", `{"name":"a","tags":["abcd"]}`, who, 400, `{"message":"Invalid request body"}`},
		{"/items/1?page=1", `no`, who, 400, `{"message":"Invalid request body"}`},
		{"/items/1?page=1", `no`, append(slices.Clone(who), "Content-Type", "text/plain"), 200, "ok"},
	} {
		if got := f.fetch(t, http.MethodPost, tt.path, tt.body, tt.headers...); got.Status != tt.status || got.Text != tt.text {
			t.Errorf("%s %s: %d %s, want %d %s", tt.path, tt.body, got.Status, got.Text, tt.status, tt.text)
		}
	}
}

func TestGatewayResponses(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	f.method(t, "GET /")
	put := func(in *awsapi.PutGatewayResponseInput) {
		t.Helper()
		in.RestApiId = &f.api
		must[*awsapi.PutGatewayResponseOutput](t)(f.PutGatewayResponse(ctx, in))
	}
	put(&awsapi.PutGatewayResponseInput{
		ResponseType: types.GatewayResponseTypeMissingAuthenticationToken, StatusCode: aws.String("404"),
		ResponseParameters: map[string]string{"gatewayresponse.header.X-Path": "context.path", "gatewayresponse.header.X-Who": "method.request.header.X-Who"},
		ResponseTemplates:  map[string]string{"application/json": `{"error":$context.error.messageString,"type":"$context.error.responseType"}`},
	})
	put(&awsapi.PutGatewayResponseInput{ResponseType: types.GatewayResponseTypeDefault5xx, ResponseParameters: map[string]string{"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"}})
	f.deploy(t)
	got := f.fetch(t, http.MethodGet, "/x", "", "X-Who", "me")
	if got.Status != 404 || got.Text != `{"error":"Missing Authentication Token","type":"MISSING_AUTHENTICATION_TOKEN"}` || got.Header.Get("X-Path") != "/prod/x" || got.Header.Get("X-Who") != "me" {
		t.Errorf("%+v", got)
	}
	f.Answer(functionARN, `"malformed"`)
	if got := f.fetch(t, http.MethodGet, "/", ""); got.Status != 502 || got.Header.Get("Access-Control-Allow-Origin") != "*" || got.Text != `{"message": "Internal server error"}` {
		t.Errorf("the response of a class: %+v", got)
	}
	all := must[*awsapi.GetGatewayResponsesOutput](t)(f.GetGatewayResponses(ctx, &awsapi.GetGatewayResponsesInput{RestApiId: &f.api}))
	own := slices.DeleteFunc(slices.Clone(all.Items), func(r types.GatewayResponse) bool { return r.DefaultResponse })
	if len(all.Items) != 21 || len(own) != 2 {
		t.Errorf("%d responses, %d of the API's own", len(all.Items), len(own))
	}
	must[*awsapi.DeleteGatewayResponseOutput](t)(f.DeleteGatewayResponse(ctx, &awsapi.DeleteGatewayResponseInput{RestApiId: &f.api, ResponseType: types.GatewayResponseTypeMissingAuthenticationToken}))
	if got := f.fetch(t, http.MethodGet, "/x", ""); got.Status != 404 {
		t.Errorf("before the next deployment: %+v", got)
	}
	f.deploy(t)
	if got := f.fetch(t, http.MethodGet, "/x", ""); got.Status != 403 {
		t.Errorf("after it: %+v", got)
	}
}

func TestThrottlingLogsAndMetrics(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.Answer(functionARN, `{"statusCode":200,"body":"ok"}`)
	f.method(t, "GET /slow")
	f.method(t, "GET /fast")
	f.deploy(t, "/~1slow/GET/throttling/burstLimit=1", "/~1slow/GET/throttling/rateLimit=1", "/*/*/metrics/enabled=true",
		"/accessLogSettings/destinationArn=arn:aws:logs:us-east-1:000000000000:log-group:access", `/accessLogSettings/format=$context.resourcePath $context.status $context.error.responseType $context.integrationStatus`)
	for _, tt := range []struct {
		path   string
		status int
	}{{"/slow", 200}, {"/slow", 429}, {"/fast", 200}, {"/fast", 200}, {"/none", 403}} {
		if got := f.fetch(t, http.MethodGet, tt.path, ""); got.Status != tt.status {
			t.Errorf("%s: %+v, want %d", tt.path, got, tt.status)
		}
	}
	f.Clock.Advance(time.Second)
	if got := f.fetch(t, http.MethodGet, "/slow", ""); got.Status != 200 {
		t.Errorf("a second later: %+v", got)
	}
	sums := f.Sums(t)
	for name, want := range map[string]float64{
		"AWS/ApiGateway Count shop": 6, "AWS/ApiGateway Count shop prod": 6, "AWS/ApiGateway 4XXError shop prod": 2, "AWS/ApiGateway 5XXError shop prod": 0,
		"AWS/ApiGateway Count shop prod GET /fast": 2, "AWS/ApiGateway 4XXError shop prod GET /fast": 0,
	} {
		if got, ok := sums[name]; !ok || got != want {
			t.Errorf("%s: %v %t, want %v", name, got, ok, want)
		}
	}
	// A method's own settings take the place of those of all methods.
	if _, ok := sums["AWS/ApiGateway Count shop prod GET /slow"]; ok {
		t.Error("detailed metrics of a method whose own settings have none")
	}
	if want := []string{"/slow 200 - 200", "/slow 429 THROTTLED -", "/fast 200 - 200", "/fast 200 - 200", "- 403 MISSING_AUTHENTICATION_TOKEN -", "/slow 200 - 200"}; f.Group != "access" || !slices.Equal(f.Lines, want) {
		t.Errorf("%s: %q", f.Group, f.Lines)
	}
}

func TestExecutionLogs(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	must[*awsapi.UpdateAccountOutput](t)(f.UpdateAccount(t.Context(), &awsapi.UpdateAccountInput{
		PatchOperations: []types.PatchOperation{{Op: types.OpReplace, Path: aws.String("/cloudwatchRoleArn"), Value: aws.String(roleARN)}},
	}))
	f.method(t, "GET /info")
	f.method(t, "GET /error")
	f.deploy(t, "/*/*/logging/loglevel=INFO", "/~1error/GET/logging/loglevel=ERROR")
	f.Answer(functionARN, `{"statusCode":200}`)
	f.fetch(t, http.MethodGet, "/info", "")
	f.fetch(t, http.MethodGet, "/error", "")
	f.Answer(functionARN, `"malformed"`)
	f.fetch(t, http.MethodGet, "/error", "")
	f.Gateway.Flush(t.Context())
	var got []string
	for _, line := range f.Lines {
		_, text, _ := strings.Cut(line, ") ")
		if prefix, _, ok := strings.Cut(text, ": "); ok && (prefix == "Extended Request Id" || prefix == "Starting execution for request") {
			text = prefix
		}
		got = append(got, text)
	}
	want := []string{
		"Extended Request Id", "Starting execution for request", "HTTP Method: GET, Resource Path: /info", "Successfully completed execution", "Method completed with status: 200",
		"Execution failed due to configuration error: Malformed Lambda proxy response", "Method completed with status: 502",
	}
	if group := "API-Gateway-Execution-Logs_" + f.api + "/prod"; f.Group != group || !slices.Equal(f.Groups, []string{group}) || !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", f.Group, got, want)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	f.Answer(functionARN, `{"statusCode":200,"body":"ok"}`)
	f.method(t, "GET /", func(m *method) { m.put.ApiKeyRequired = true })
	f.deploy(t)
	key := func(value string) *string {
		t.Helper()
		return must[*awsapi.CreateApiKeyOutput](t)(f.CreateApiKey(ctx, &awsapi.CreateApiKeyInput{Name: aws.String("k"), Enabled: true, Value: &value})).Id
	}
	const one, two = "one-------------------", "two-------------------"
	first, second := key(one), key(two)
	plan := must[*awsapi.CreateUsagePlanOutput](t)(f.CreateUsagePlan(ctx, &awsapi.CreateUsagePlanInput{
		Name: aws.String("plan"), ApiStages: []types.ApiStage{{ApiId: &f.api, Stage: aws.String("prod")}},
		Throttle: &types.ThrottleSettings{BurstLimit: 2, RateLimit: 1}, Quota: &types.QuotaSettings{Limit: 3, Period: types.QuotaPeriodTypeDay},
	})).Id
	must[*awsapi.CreateUsagePlanKeyOutput](t)(f.CreateUsagePlanKey(ctx, &awsapi.CreateUsagePlanKeyInput{UsagePlanId: plan, KeyId: first, KeyType: aws.String("API_KEY")}))
	get := func(key string) (int, string) {
		t.Helper()
		got := f.fetch(t, http.MethodGet, "/", "", "X-Api-Key", key)
		return got.Status, got.Text
	}
	want := func(what, key string, status int, text string) {
		t.Helper()
		if s, body := get(key); s != status || body != text {
			t.Errorf("%s: %d %s, want %d %s", what, s, body, status, text)
		}
	}
	want("no key", "", 403, `{"message":"Forbidden"}`)
	want("an unknown key", "three", 403, `{"message":"Forbidden"}`)
	want("a key without a plan", two, 403, `{"message":"Forbidden"}`)
	want("a key", one, 200, "ok")
	if !strings.Contains(f.Last(t), `"apiKey":"`+one+`","apiKeyId":"`+*first+`"`) {
		t.Errorf("event %s", f.Last(t))
	}
	want("the burst", one, 200, "ok")
	want("more than the burst", one, 429, `{"message":"Too Many Requests"}`)
	f.Clock.Advance(time.Minute)
	want("a minute later", one, 200, "ok")
	want("more than the quota", one, 429, `{"message":"Limit Exceeded"}`)
	f.Clock.Advance(12 * time.Hour)
	want("the next day", one, 200, "ok")
	must[*awsapi.UpdateApiKeyOutput](t)(f.UpdateApiKey(ctx, &awsapi.UpdateApiKeyInput{ApiKey: first, PatchOperations: []types.PatchOperation{{Op: types.OpReplace, Path: aws.String("/enabled"), Value: aws.String("false")}}}))
	want("a disabled key", one, 403, `{"message":"Forbidden"}`)

	keys := must[*awsapi.GetApiKeysOutput](t)(f.GetApiKeys(ctx, &awsapi.GetApiKeysInput{IncludeValues: aws.Bool(true)}))
	inPlan := must[*awsapi.GetUsagePlanKeysOutput](t)(f.GetUsagePlanKeys(ctx, &awsapi.GetUsagePlanKeysInput{UsagePlanId: plan}))
	if len(keys.Items) != 2 || keys.Items[0].Value == nil || len(inPlan.Items) != 1 || *inPlan.Items[0].Id != *first {
		t.Errorf("%+v %+v", keys.Items, inPlan.Items)
	}
	_, err := f.DeleteUsagePlan(ctx, &awsapi.DeleteUsagePlanInput{UsagePlanId: plan})
	wantError(t, "a plan with stages", err, "has associated API stages")
	_, err = f.CreateApiKey(ctx, &awsapi.CreateApiKeyInput{Value: aws.String(two)})
	wantError(t, "a key twice", err, "API Key already exists")
	must[*awsapi.UpdateUsagePlanOutput](t)(f.UpdateUsagePlan(ctx, &awsapi.UpdateUsagePlanInput{UsagePlanId: plan, PatchOperations: []types.PatchOperation{
		{Op: types.OpRemove, Path: aws.String("/apiStages"), Value: aws.String(f.api + ":prod")}, {Op: types.OpReplace, Path: aws.String("/quota/limit"), Value: aws.String("5")},
		{Op: types.OpRemove, Path: aws.String("/throttle")},
	}}))
	left := must[*awsapi.GetUsagePlanOutput](t)(f.GetUsagePlan(ctx, &awsapi.GetUsagePlanInput{UsagePlanId: plan}))
	if len(left.ApiStages) != 0 || left.Quota.Limit != 5 || left.Throttle != nil {
		t.Errorf("%+v", left)
	}
	must[*awsapi.DeleteUsagePlanOutput](t)(f.DeleteUsagePlan(ctx, &awsapi.DeleteUsagePlanInput{UsagePlanId: plan}))
	must[*awsapi.DeleteApiKeyOutput](t)(f.DeleteApiKey(ctx, &awsapi.DeleteApiKeyInput{ApiKey: second}))
}

func TestAuthorizers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	f.Answer(functionARN, `{"statusCode":200,"body":"ok"}`)
	token := must[*awsapi.CreateAuthorizerOutput](t)(f.CreateAuthorizer(ctx, &awsapi.CreateAuthorizerInput{
		RestApiId: &f.api, Name: aws.String("token"), Type: types.AuthorizerTypeToken, AuthorizerUri: uri(otherARN), IdentitySource: aws.String("method.request.header.Authorization"),
		IdentityValidationExpression: aws.String("me|you"),
	})).Id
	request := must[*awsapi.CreateAuthorizerOutput](t)(f.CreateAuthorizer(ctx, &awsapi.CreateAuthorizerInput{
		RestApiId: &f.api, Name: aws.String("request"), Type: types.AuthorizerTypeRequest, AuthorizerUri: uri(otherARN), AuthorizerResultTtlInSeconds: aws.Int32(0),
		IdentitySource: aws.String("method.request.header.X-Who, method.request.querystring.q"),
	})).Id
	with := func(id *string) func(*method) {
		return func(m *method) { m.put.AuthorizationType, m.put.AuthorizerId = aws.String("CUSTOM"), id }
	}
	f.method(t, "GET /token/{id}", with(token))
	f.method(t, "POST /request", with(request))
	f.method(t, "GET /signed", func(m *method) { m.put.AuthorizationType = aws.String("AWS_IAM") })
	f.deploy(t)
	asked := 0
	decide := func(text string, failed bool) {
		f.Mu.Lock()
		defer f.Mu.Unlock()
		f.Answers[otherARN] = func([]byte) (*awslambda.InvokeOutput, error) {
			asked++
			out := &awslambda.InvokeOutput{Payload: []byte(text)}
			if failed {
				out.FunctionError = aws.String("Unhandled")
			}
			return out, nil
		}
	}
	decide(`{"principalId":"p","context":{"user":"u","level":3},"policyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"execute-api:Invoke","Resource":"arn:aws:execute-api:us-east-1:*:*/prod/GET/token/1"}]}}`, false)
	for _, tt := range []struct {
		path, token string
		status      int
		text        string
	}{
		{"/token/1", "me", 200, "ok"},
		{"/token/2", "me", 403, `{"Message":"User is not authorized to access this resource"}`},
		{"/token/1", "", 401, `{"message":"Unauthorized"}`},
		{"/token/1", "other", 401, `{"message":"Unauthorized"}`},
	} {
		var headers []string
		if tt.token != "" {
			headers = []string{"Authorization", tt.token}
		}
		if got := f.fetch(t, http.MethodGet, tt.path, "", headers...); got.Status != tt.status || got.Text != tt.text {
			t.Errorf("%s %q: %+v, want %d %s", tt.path, tt.token, got, tt.status, tt.text)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times for one token", asked)
	}
	if want := `"authorizer":{"integrationLatency":0,"level":3,"principalId":"p","user":"u"}`; !strings.Contains(f.Last(t), want) {
		t.Errorf("event %s, want %s", f.Last(t), want)
	}
	if want := `{"type":"TOKEN","methodArn":"arn:aws:execute-api:us-east-1:000000000000:` + f.api + `/prod/GET/token/1","authorizationToken":"me"}`; string(f.Events[0]) != want {
		t.Errorf("event of the authorizer %s, want %s", f.Events[0], want)
	}
	f.Clock.Advance(5 * time.Minute)
	f.fetch(t, http.MethodGet, "/token/1", "", "Authorization", "me")
	must[*awsapi.FlushStageAuthorizersCacheOutput](t)(f.FlushStageAuthorizersCache(ctx, &awsapi.FlushStageAuthorizersCacheInput{RestApiId: &f.api, StageName: aws.String("prod")}))
	f.fetch(t, http.MethodGet, "/token/1", "", "Authorization", "me")
	if asked != 3 {
		t.Errorf("asked %d times after five minutes and a flush", asked)
	}
	for _, tt := range []struct {
		text   string
		failed bool
		status int
		body   string
	}{
		{`{"principalId":"p","policyDocument":{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}}`, false, 200, "ok"},
		{`{"errorMessage":"Unauthorized"}`, true, 401, `{"message":"Unauthorized"}`},
		{`{"errorMessage":"no"}`, true, 500, `{"message":null}`},
		{`{"principalId":"p"}`, false, 500, `{"message":null}`},
		{`{"principalId":"p","context":{"a":[]},"policyDocument":{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}}`, false, 500, `{"message":null}`},
	} {
		decide(tt.text, tt.failed)
		if got := f.fetch(t, http.MethodPost, "/request?q=1", "body", "X-Who", "me"); got.Status != tt.status || got.Text != tt.body {
			t.Errorf("%s: %+v, want %d %s", tt.text, got, tt.status, tt.body)
		}
	}
	if got := f.fetch(t, http.MethodPost, "/request", "body", "X-Who", "me"); got.Status != 401 {
		t.Errorf("half an identity: %+v", got)
	}
	if ev := f.Last(t); !strings.Contains(ev, `"type":"REQUEST"`) || !strings.Contains(ev, `"body":null`) || !strings.Contains(ev, `"resource":"/request"`) {
		t.Errorf("event of the authorizer %s", ev)
	}
	if got := f.fetch(t, http.MethodGet, "/signed", ""); got.Status != 403 || got.Text != `{"message":"Missing Authentication Token"}` {
		t.Errorf("unsigned: %+v", got)
	}
	if got := f.fetch(t, http.MethodGet, "/signed", "", "Authorization", "AWS4-HMAC-SHA256 Credential=AKIAOTHER/"); got.Status != 403 || got.Header.Get("X-Amzn-Errortype") != "InvalidSignatureException" {
		t.Errorf("signed by another: %+v", got)
	}
	if got := f.fetch(t, http.MethodGet, "/signed", "", "Authorization", "AWS4-HMAC-SHA256 Credential=AKIAKNOWN/"); got.Status != 200 || !strings.Contains(f.Last(t), `"userArn":"arn:aws:iam::000000000000:user/me"`) {
		t.Errorf("signed: %+v", got)
	}
}
