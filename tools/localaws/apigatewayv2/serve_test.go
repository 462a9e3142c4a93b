package apigatewayv2_test

import (
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsapi "github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/localaws/executeapi/executeapitest"
)

// The routes of AWS's example of route priority, and some more.
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html.
func TestRoutes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	target := f.integration(t, functionARN, "2.0")
	for _, key := range []string{"ANY /{proxy+}", "$default", "GET /pets/{proxy+}", "GET /pets/dog/{id}", "GET /pets/dog/1", "ANY /pets/dog/1", "GET /", "PUT /a/{b}/c/{d}"} {
		f.route(t, key, target)
	}
	f.stage(t, "$default")
	for _, tt := range []struct{ method, path, route, variables string }{
		{"GET", "/pets/dog/1", "GET /pets/dog/1", ""},
		{"POST", "/pets/dog/1", "ANY /pets/dog/1", ""},
		{"GET", "/pets/dog/2", "GET /pets/dog/{id}", `{"id":"2"}`},
		{"GET", "/pets/cat/1", "GET /pets/{proxy+}", `{"proxy":"cat/1"}`},
		{"POST", "/test/5", "ANY /{proxy+}", `{"proxy":"test/5"}`},
		{"GET", "/", "GET /", ""},
		{"POST", "/", "$default", ""},
		{"PUT", "/a/x%2Fy/c/%C3%A9", "PUT /a/{b}/c/{d}", `{"b":"x/y","d":"é"}`},
		{"GET", "/pets/dog/2/", "GET /pets/{proxy+}", `{"proxy":"dog/2/"}`},
	} {
		if got := f.fetch(t, tt.method, tt.path, ""); got.Status != http.StatusOK {
			t.Errorf("%s %s: %d %s", tt.method, tt.path, got.Status, got.Text)
			continue
		}
		var ev struct {
			RouteKey       string          `json:"routeKey"`
			PathParameters json.RawMessage `json:"pathParameters"`
		}
		if err := json.Unmarshal([]byte(f.Last(t)), &ev); err != nil {
			t.Fatal(err)
		}
		if ev.RouteKey != tt.route || string(ev.PathParameters) != tt.variables {
			t.Errorf("%s %s: %s %s, want %s %s", tt.method, tt.path, ev.RouteKey, ev.PathParameters, tt.route, tt.variables)
		}
	}
}

func TestNoRoute(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.simple(t, "GET /a")
	for _, path := range []string{"/", "/b", "/a/", "/a/b", "/$default/a"} {
		if got := f.fetch(t, http.MethodGet, path, ""); got.Status != http.StatusNotFound || got.Text != `{"message":"Not Found"}` {
			t.Errorf("%s: %d %s", path, got.Status, got.Text)
		}
	}
	if got := f.fetch(t, http.MethodPost, "/a", ""); got.Status != http.StatusNotFound {
		t.Errorf("another method: %d", got.Status)
	}
}

// event returns an event without what is different in each run.
func event(t *testing.T, text, host string, got executeapitest.Response) map[string]any {
	t.Helper()
	id := got.Header.Get("Apigw-Requestid")
	if id == "" {
		t.Errorf("no request id: %v", got.Header)
	}
	text = strings.ReplaceAll(text, id, "ID")
	_, port, _ := strings.Cut(host, ":")
	text = strings.ReplaceAll(strings.ReplaceAll(text, host, "HOST"), `"`+port+`"`, `"PORT"`)
	var ev map[string]any
	if err := json.Unmarshal([]byte(text), &ev); err != nil {
		t.Fatal(err)
	}
	for _, headers := range []string{"headers", "multiValueHeaders"} {
		h, _ := ev[headers].(map[string]any)
		maps.DeleteFunc(h, func(name string, _ any) bool { return strings.EqualFold(name, "X-Amzn-Trace-Id") })
	}
	return ev
}

func wantJSON(t *testing.T, got map[string]any, want string) {
	t.Helper()
	var w map[string]any
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(w, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.route(t, "POST /a/{id}", f.integration(t, functionARN, "2.0"))
	f.route(t, "PUT /a/{id}", f.integration(t, functionARN, "1.0"))
	variables := func(in *awsapi.CreateStageInput) { in.StageVariables = map[string]string{"color": "red"} }
	f.stage(t, "$default")
	f.stage(t, "prod", variables)
	host := strings.TrimPrefix(f.url, "http://")
	headers := []string{"Content-Type", "application/json", "Cookie", "a=1; b=2", "X-Two", "1", "X-Two", "2", "User-Agent", "test", "Accept-Encoding", "identity"}
	got := f.fetch(t, http.MethodPost, "/prod/a/x%20y?q=1&q=2&r=%26", `{"k":"v"}`, headers...)
	wantJSON(t, event(t, f.Last(t), host, got), `{
		"version": "2.0", "routeKey": "POST /a/{id}", "rawPath": "/prod/a/x y", "rawQueryString": "q=1&q=2&r=%26", "cookies": ["a=1", "b=2"],
		"headers": {"accept-encoding": "identity", "content-length": "9", "content-type": "application/json", "host": "HOST", "user-agent": "test",
			"x-forwarded-for": "127.0.0.1", "x-forwarded-port": "PORT", "x-forwarded-proto": "http", "x-two": "1,2"},
		"queryStringParameters": {"q": "1,2", "r": "&"}, "pathParameters": {"id": "x y"}, "stageVariables": {"color": "red"},
		"requestContext": {"accountId": "000000000000", "apiId": "`+f.api+`", "domainName": "HOST", "domainPrefix": "`+f.api+`",
			"http": {"method": "POST", "path": "/prod/a/x y", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "test"},
			"requestId": "ID", "routeKey": "POST /a/{id}", "stage": "prod", "time": "01/Mar/2026:12:00:30 +0000", "timeEpoch": 1772366430000},
		"body": "{\"k\":\"v\"}", "isBase64Encoded": false}`)

	f.Answer(functionARN, `{"statusCode":201,"headers":{"X-A":"1"},"multiValueHeaders":{"Set-Cookie":["a=1","b=2"]},"body":"made"}`)
	got = f.fetch(t, http.MethodPut, "/a/1?q=1&q=2", "\x00\xff", "Content-Type", "image/png", "X-Two", "1", "X-Two", "2", "User-Agent", "test", "Accept-Encoding", "identity")
	wantJSON(t, event(t, f.Last(t), host, got), `{
		"version": "1.0", "resource": "/a/{id}", "path": "/a/1", "httpMethod": "PUT",
		"headers": {"Accept-Encoding": "identity", "Content-Length": "2", "Content-Type": "image/png", "Host": "HOST", "User-Agent": "test",
			"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Port": "PORT", "X-Forwarded-Proto": "http", "X-Two": "2"},
		"multiValueHeaders": {"Accept-Encoding": ["identity"], "Content-Length": ["2"], "Content-Type": ["image/png"], "Host": ["HOST"], "User-Agent": ["test"],
			"X-Forwarded-For": ["127.0.0.1"], "X-Forwarded-Port": ["PORT"], "X-Forwarded-Proto": ["http"], "X-Two": ["1", "2"]},
		"queryStringParameters": {"q": "2"}, "multiValueQueryStringParameters": {"q": ["1", "2"]}, "pathParameters": {"id": "1"}, "stageVariables": null,
		"requestContext": {"accountId": "000000000000", "apiId": "`+f.api+`", "domainName": "HOST", "domainPrefix": "`+f.api+`", "extendedRequestId": "ID",
			"httpMethod": "PUT", "path": "/a/1", "protocol": "HTTP/1.1", "requestId": "ID", "requestTime": "01/Mar/2026:12:00:30 +0000", "requestTimeEpoch": 1772366430000,
			"resourceId": "PUT /a/{id}", "resourcePath": "/a/{id}", "stage": "$default",
			"identity": {"accessKey": null, "accountId": null, "caller": null, "cognitoAuthenticationProvider": null, "cognitoAuthenticationType": null,
				"cognitoIdentityId": null, "cognitoIdentityPoolId": null, "principalOrgId": null, "sourceIp": "127.0.0.1", "user": null, "userAgent": "test", "userArn": null}},
		"body": "AP8=", "isBase64Encoded": true}`)
	if got.Status != http.StatusCreated || got.Text != "made" || !slices.Equal(got.Header.Values("Set-Cookie"), []string{"a=1", "b=2"}) || got.Header.Get("X-A") != "1" {
		t.Errorf("%+v", got)
	}
}

// The function's policy decides, for the route with the names of its variables.
func TestPermissions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	target := f.integration(t, functionARN, "2.0")
	f.route(t, "ANY /pets/{id}", target)
	f.route(t, "$default", target)
	f.stage(t, "$default")
	f.stage(t, "prod")
	prefix := "arn:aws:execute-api:us-east-1:000000000000:" + f.api
	f.Denied = []string{prefix + "/prod/DELETE/pets/{id}"}
	f.fetch(t, http.MethodGet, "/pets/1", "")
	f.fetch(t, http.MethodGet, "/else", "")
	got := f.fetch(t, http.MethodDelete, "/prod/pets/1", "")
	if want := []string{prefix + "/$default/GET/pets/{id}", prefix + "/$default/$default", prefix + "/prod/DELETE/pets/{id}"}; !slices.Equal(f.Asked, want) {
		t.Errorf("asked for %q, want %q", f.Asked, want)
	}
	if got.Status != http.StatusInternalServerError || got.Text != `{"message":"Internal Server Error"}` || len(f.Events) != 2 {
		t.Errorf("denied: %+v, %d events", got, len(f.Events))
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.simple(t, "GET /two")
	f.route(t, "GET /one", f.integration(t, otherARN, "1.0"))
	f.route(t, "GET /none", nil)
	const broken, busy = `{"message":"Internal Server Error"}`, `{"message":"Service Unavailable"}`
	for _, tt := range []struct {
		path, answer string
		err          error
		failed       bool
		status       int
		text         string
	}{
		{"/two", `{"hello":"world"}`, nil, false, 200, `{"hello":"world"}`},
		{"/two", `{"statusCode":418,"headers":{"Content-Type":"text/plain"},"body":"tea"}`, nil, false, 418, "tea"},
		{"/two", `{"statusCode":"?"}`, nil, false, 500, broken},
		{"/two", `{"errorMessage":"no"}`, nil, true, 500, broken},
		{"/two", ``, &lambdatypes.TooManyRequestsException{}, false, 503, busy},
		{"/two", ``, &lambdatypes.RequestTooLargeException{}, false, 413, `{"message":"Request Entity Too Large"}`},
		{"/two", ``, &lambdatypes.ResourceNotFoundException{}, false, 500, broken},
		{"/one", `{"statusCode":200,"body":"ok"}`, nil, false, 200, "ok"},
		{"/one", `{"hello":"world"}`, nil, false, 500, broken},
		{"/none", ``, nil, false, 500, broken},
	} {
		for _, function := range []string{functionARN, otherARN} {
			f.Mu.Lock()
			f.Answers[function] = func([]byte) (*awslambda.InvokeOutput, error) {
				out := &awslambda.InvokeOutput{Payload: []byte(tt.answer)}
				if tt.failed {
					out.FunctionError = aws.String("Unhandled")
				}
				return out, tt.err
			}
			f.Mu.Unlock()
		}
		if got := f.fetch(t, http.MethodGet, tt.path, ""); got.Status != tt.status || got.Text != tt.text {
			t.Errorf("%s %s %v: %d %s, want %d %s", tt.path, tt.answer, tt.err, got.Status, got.Text, tt.status, tt.text)
		}
	}
}

func TestChangedResponses(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	made := must[*awsapi.CreateIntegrationOutput](t)(f.CreateIntegration(t.Context(), &awsapi.CreateIntegrationInput{
		ApiId: &f.api, IntegrationType: types.IntegrationTypeAwsProxy, IntegrationUri: aws.String(functionARN), PayloadFormatVersion: aws.String("2.0"),
		ResponseParameters: map[string]map[string]string{
			"200": {"append:header.X-Many": "two", "overwrite:header.X-Set": "${response.header.X-Many} at $context.stage", "remove:header.X-Gone": "''"},
			"404": {"overwrite:statuscode": "410"},
		},
	}))
	f.route(t, "GET /", aws.String("integrations/"+*made.IntegrationId))
	f.stage(t, "$default")
	f.Answer(functionARN, `{"statusCode":200,"headers":{"X-Many":"one","X-Gone":"1"},"body":"ok"}`)
	got := f.fetch(t, http.MethodGet, "/", "")
	if got.Status != 200 || !slices.Equal(got.Header.Values("X-Many"), []string{"one", "two"}) || got.Header.Get("X-Set") != "one at $default" || got.Header.Get("X-Gone") != "" {
		t.Errorf("%+v", got)
	}
	f.Answer(functionARN, `{"statusCode":404}`)
	if got := f.fetch(t, http.MethodGet, "/", ""); got.Status != http.StatusGone {
		t.Errorf("another status: %+v", got)
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.simple(t, "GET /")
	release := make(chan struct{})
	defer close(release)
	called := make(chan struct{})
	f.Answers[functionARN] = func([]byte) (*awslambda.InvokeOutput, error) {
		close(called)
		<-release
		return &awslambda.InvokeOutput{}, nil
	}
	done := make(chan executeapitest.Response)
	go func() { done <- f.fetch(t, http.MethodGet, "/", "") }()
	<-called
	f.Wall.BlockUntil(1)
	f.Wall.Advance(30 * time.Second)
	if got := <-done; got.Status != http.StatusServiceUnavailable || got.Text != `{"message":"Service Unavailable"}` {
		t.Errorf("%+v", got)
	}
}

// A stage that does not deploy automatically serves what was deployed to it.
func TestDeployments(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	status := func(path string) int { return f.fetch(t, http.MethodGet, path, "").Status }
	_, err := f.CreateDeployment(ctx, &awsapi.CreateDeploymentInput{ApiId: &f.api})
	wantError(t, "a deployment without routes", err, "At least one route is required before deploying the Api.")
	target := f.integration(t, functionARN, "2.0")
	f.route(t, "GET /a", target)
	first := must[*awsapi.CreateDeploymentOutput](t)(f.CreateDeployment(ctx, &awsapi.CreateDeploymentInput{ApiId: &f.api}))
	manual := func(in *awsapi.CreateStageInput) { in.AutoDeploy, in.DeploymentId = nil, first.DeploymentId }
	f.stage(t, "manual", manual)
	f.stage(t, "auto")
	f.route(t, "GET /b", target)
	if a, b, c := status("/manual/a"), status("/manual/b"), status("/auto/b"); a != 200 || b != 404 || c != 200 {
		t.Errorf("before the second deployment: %d %d %d", a, b, c)
	}
	second := must[*awsapi.CreateDeploymentOutput](t)(f.CreateDeployment(ctx, &awsapi.CreateDeploymentInput{ApiId: &f.api, StageName: aws.String("manual")}))
	if b := status("/manual/b"); b != 200 {
		t.Errorf("after the second deployment: %d", b)
	}
	must[*awsapi.UpdateStageOutput](t)(f.UpdateStage(ctx, &awsapi.UpdateStageInput{ApiId: &f.api, StageName: aws.String("manual"), DeploymentId: first.DeploymentId}))
	if b := status("/manual/b"); b != 404 {
		t.Errorf("back at the first deployment: %d", b)
	}
	_, err = f.DeleteDeployment(ctx, &awsapi.DeleteDeploymentInput{ApiId: &f.api, DeploymentId: first.DeploymentId})
	wantError(t, "a deployment in use", err, "Active stages pointing to this deployment")
	must[*awsapi.DeleteDeploymentOutput](t)(f.DeleteDeployment(ctx, &awsapi.DeleteDeploymentInput{ApiId: &f.api, DeploymentId: second.DeploymentId}))
	all := must[*awsapi.GetDeploymentsOutput](t)(f.GetDeployments(ctx, &awsapi.GetDeploymentsInput{ApiId: &f.api}))
	if len(all.Items) != 2 {
		t.Errorf("%d deployments, want the first one and the automatic one", len(all.Items))
	}
	must[*awsapi.DeleteStageOutput](t)(f.DeleteStage(ctx, &awsapi.DeleteStageInput{ApiId: &f.api, StageName: aws.String("manual")}))
	if a := status("/manual/a"); a != 404 {
		t.Errorf("a deleted stage: %d", a)
	}
}

func TestQuickCreate(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	out := must[*awsapi.CreateApiOutput](t)(f.CreateApi(t.Context(), &awsapi.CreateApiInput{
		Name: aws.String("quick"), ProtocolType: types.ProtocolTypeHttp, Target: aws.String(functionARN),
	}))
	f.url = *out.ApiEndpoint
	if got := f.fetch(t, http.MethodGet, "/any/path", ""); got.Status != http.StatusOK || got.Text != "answered" {
		t.Errorf("%+v", got)
	}
	must[*awsapi.DeleteApiOutput](t)(f.DeleteApi(t.Context(), &awsapi.DeleteApiInput{ApiId: out.ApiId}))
	if c, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(f.url, "http://")); err == nil {
		_ = c.Close()
		t.Error("a deleted API answers")
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.simple(t, "GET /")
	f.Answer(functionARN, `{"statusCode":200,"headers":{"Access-Control-Allow-Origin":"https://function.example","Vary":"Accept"},"body":""}`)
	if got := f.fetch(t, http.MethodGet, "/", "", "Origin", "https://a.example"); got.Header.Get("Access-Control-Allow-Origin") != "https://function.example" {
		t.Errorf("without settings, the function decides: %v", got.Header)
	}
	ask := []string{"Access-Control-Request-Method", "PUT"}
	if got := f.fetch(t, http.MethodOptions, "/", "", append(ask, "Origin", "https://a.example")...); got.Status != http.StatusNotFound {
		t.Errorf("a preflight request without settings: %+v", got)
	}
	set := func(c *types.Cors) {
		t.Helper()
		must[*awsapi.UpdateApiOutput](t)(f.UpdateApi(t.Context(), &awsapi.UpdateApiInput{ApiId: &f.api, CorsConfiguration: c}))
	}
	set(&types.Cors{
		AllowOrigins: []string{"https://a.example", "http://*"}, AllowMethods: []string{"GET", "PUT"}, AllowHeaders: []string{"x-a"},
		ExposeHeaders: []string{"x-b"}, MaxAge: aws.Int32(60), AllowCredentials: aws.Bool(true),
	})
	for _, tt := range []struct {
		method, path, origin string
		status               int
		want                 map[string]string
	}{
		{"OPTIONS", "/nowhere", "https://a.example", 204, map[string]string{
			"Access-Control-Allow-Origin": "https://a.example", "Access-Control-Allow-Methods": "GET,PUT", "Access-Control-Allow-Headers": "x-a",
			"Access-Control-Max-Age": "60", "Access-Control-Allow-Credentials": "true", "Vary": "Origin",
		}},
		{"OPTIONS", "/", "https://b.example", 204, map[string]string{"Access-Control-Allow-Origin": "", "Access-Control-Allow-Methods": ""}},
		{"GET", "/", "http://b.example", 200, map[string]string{"Access-Control-Allow-Origin": "http://b.example", "Access-Control-Expose-Headers": "x-b"}},
		{"GET", "/", "https://b.example", 200, map[string]string{"Access-Control-Allow-Origin": ""}},
		{"GET", "/", "", 200, map[string]string{"Access-Control-Allow-Origin": "", "Vary": "Accept"}},
		{"GET", "/nowhere", "https://a.example", 404, map[string]string{"Access-Control-Allow-Origin": "https://a.example"}},
	} {
		headers := slices.Clone(ask)
		if tt.origin != "" {
			headers = append(headers, "Origin", tt.origin)
		}
		got := f.fetch(t, tt.method, tt.path, "", headers...)
		if got.Status != tt.status {
			t.Errorf("%s %s from %q: %d, want %d", tt.method, tt.path, tt.origin, got.Status, tt.status)
		}
		for name, want := range tt.want {
			if value := got.Header.Get(name); value != want {
				t.Errorf("%s %s from %q: %s is %q, want %q", tt.method, tt.path, tt.origin, name, value, want)
			}
		}
	}
	set(&types.Cors{AllowOrigins: []string{"*"}})
	if got := f.fetch(t, http.MethodGet, "/", "", "Origin", "null"); got.Header.Get("Access-Control-Allow-Origin") != "*" || len(got.Header.Values("Vary")) != 1 {
		t.Errorf("any origin: %v", got.Header)
	}
	must[*awsapi.DeleteCorsConfigurationOutput](t)(f.DeleteCorsConfiguration(t.Context(), &awsapi.DeleteCorsConfigurationInput{ApiId: &f.api}))
	if got := f.fetch(t, http.MethodGet, "/", "", "Origin", "null"); got.Header.Get("Access-Control-Allow-Origin") != "https://function.example" {
		t.Errorf("without settings again: %v", got.Header)
	}
}

func TestThrottling(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	target := f.integration(t, functionARN, "2.0")
	f.route(t, "GET /slow", target)
	f.route(t, "GET /fast", target)
	f.stage(t, "$default", func(in *awsapi.CreateStageInput) {
		in.DefaultRouteSettings = &types.RouteSettings{ThrottlingRateLimit: aws.Float64(100), ThrottlingBurstLimit: aws.Int32(100)}
		in.RouteSettings = map[string]types.RouteSettings{"GET /slow": {ThrottlingRateLimit: aws.Float64(0.5), ThrottlingBurstLimit: aws.Int32(2)}}
	})
	status := func(path string) int { return f.fetch(t, http.MethodGet, path, "").Status }
	if a, b := status("/slow"), status("/slow"); a != 200 || b != 200 {
		t.Errorf("the burst: %d %d", a, b)
	}
	if got := f.fetch(t, http.MethodGet, "/slow", ""); got.Status != http.StatusTooManyRequests || got.Text != `{"message":"Too Many Requests"}` {
		t.Errorf("throttled: %+v", got)
	}
	if other := status("/fast"); other != 200 {
		t.Errorf("another route: %d", other)
	}
	f.Clock.Advance(time.Second)
	if half := status("/slow"); half != http.StatusTooManyRequests {
		t.Errorf("after half a token: %d", half)
	}
	f.Clock.Advance(time.Second)
	if a, b := status("/slow"), status("/slow"); a != 200 || b != http.StatusTooManyRequests {
		t.Errorf("after a token: %d %d", a, b)
	}
}

func TestAccessLogAndMetrics(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.simple(t, "GET /a")
	f.stage(t, "prod", func(in *awsapi.CreateStageInput) {
		in.AccessLogSettings = &types.AccessLogSettings{
			DestinationArn: aws.String("arn:aws:logs:us-east-1:000000000000:log-group:access"),
			Format:         aws.String(`$context.identity.sourceIp [$context.requestTime] "$context.httpMethod $context.routeKey $context.protocol" $context.status $context.responseLength $context.integrationStatus $context.error.message $context.path $context.unknown.x`),
		}
		in.DefaultRouteSettings = &types.RouteSettings{DetailedMetricsEnabled: aws.Bool(true)}
	})
	f.fetch(t, http.MethodGet, "/prod/a", "")
	f.fetch(t, http.MethodGet, "/prod/b", "")
	f.fetch(t, http.MethodGet, "/a", "")
	f.Gateway.Flush(t.Context())
	want := []string{
		`127.0.0.1 [01/Mar/2026:12:00:30 +0000] "GET GET /a HTTP/1.1" 200 8 200 - /prod/a -`,
		`127.0.0.1 [01/Mar/2026:12:00:30 +0000] "GET - HTTP/1.1" 404 23 - Not Found /prod/b -`,
	}
	if f.Group != "access" || !slices.Equal(f.Lines, want) {
		t.Errorf("%s: %q", f.Group, f.Lines)
	}
	got := map[string]float64{}
	for key, sum := range f.Sums(t) {
		got[strings.ReplaceAll(key, f.api, "API")] = sum
	}
	for name, value := range map[string]float64{
		"AWS/ApiGateway Count API": 3, "AWS/ApiGateway Count API prod": 2, "AWS/ApiGateway Count API $default": 1, "AWS/ApiGateway 4xx API prod": 1,
		"AWS/ApiGateway 5xx API prod": 0, "AWS/ApiGateway Count API prod GET /a": 1, "AWS/ApiGateway DataProcessed API prod": 31,
	} {
		if v, ok := got[name]; !ok || v != value {
			t.Errorf("%s: %v %t, want %v", name, v, ok, value)
		}
	}
	if _, ok := got["AWS/ApiGateway Count API $default GET /a"]; ok {
		t.Error("detailed metrics of a stage without them")
	}
	for _, name := range []string{"Latency", "IntegrationLatency"} {
		if _, ok := got["AWS/ApiGateway "+name+" API prod"]; !ok {
			t.Errorf("no %s", name)
		}
	}
}
