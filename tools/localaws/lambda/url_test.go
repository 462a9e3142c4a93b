package lambda_test

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/magewright/magewright/tools/localaws/lambda"
	"github.com/magewright/magewright/tools/localaws/principal"
)

// open gives function f a URL that anyone may call.
func (f *fixture) open(t testing.TB, with ...func(*awslambda.CreateFunctionUrlConfigInput)) string {
	t.Helper()
	in := &awslambda.CreateFunctionUrlConfigInput{FunctionName: name, AuthType: lambdatypes.FunctionUrlAuthTypeNone}
	for _, change := range with {
		change(in)
	}
	out, err := f.CreateFunctionUrlConfig(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	for _, permission := range []*awslambda.AddPermissionInput{
		{StatementId: aws.String("url"), Action: aws.String("lambda:InvokeFunctionUrl"), FunctionUrlAuthType: lambdatypes.FunctionUrlAuthTypeNone},
		{StatementId: aws.String("function"), Action: aws.String("lambda:InvokeFunction"), InvokedViaFunctionUrl: aws.Bool(true)},
	} {
		permission.FunctionName, permission.Qualifier, permission.Principal = in.FunctionName, in.Qualifier, aws.String("*")
		if _, err := f.AddPermission(t.Context(), permission); err != nil {
			t.Fatal(err)
		}
	}
	return *out.FunctionUrl
}

// An answer is a response without its body.
type answer struct {
	StatusCode int
	Status     string
	Header     http.Header
}

// fetch makes a request and returns the answer and its body.
func fetch(t testing.TB, method, url, body string, headers ...string) (answer, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Status, resp.Header}, string(text)
}

func TestFunctionURLEvent(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t)
	url := f.open(t)
	if !regexp.MustCompile(`^http://127\.0\.0\.1:\d+/$`).MatchString(url) {
		t.Fatalf("URL %s", url)
	}
	resp, text := fetch(t, http.MethodPost, url+"a%20b/c?x=1&x=2&y=%26", `{"k":"v"}`, "Content-Type", "application/json", "Cookie", "a=1; b=2", "X-Two", "1", "X-Two", "2")
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("X-Amzn-Requestid") == "" {
		t.Errorf("%s %v", resp.Status, resp.Header)
	}
	var ev struct {
		Version, RouteKey, RawPath, RawQueryString, Body string
		Cookies                                          []string
		Headers, QueryStringParameters                   map[string]string
		IsBase64Encoded                                  bool
		RequestContext                                   struct {
			AccountID, RequestID, Stage, Time, DomainName string
			TimeEpoch                                     int64
			HTTP                                          struct{ Method, Path, Protocol, SourceIP, UserAgent string }
		}
	}
	if err := json.Unmarshal([]byte(text), &ev); err != nil {
		t.Fatal(err)
	}
	c := ev.RequestContext
	if ev.Version != "2.0" || ev.RouteKey != "$default" || ev.RawPath != "/a%20b/c" || ev.RawQueryString != "x=1&x=2&y=%26" || ev.Body != `{"k":"v"}` || ev.IsBase64Encoded ||
		!slices.Equal(ev.Cookies, []string{"a=1", "b=2"}) || ev.Headers["x-two"] != "1,2" || ev.QueryStringParameters["x"] != "1,2" || ev.QueryStringParameters["y"] != "&" ||
		ev.Headers["cookie"] != "" || ev.Headers["host"] != c.DomainName || ev.Headers["content-length"] != "9" {
		t.Errorf("event %s", text)
	}
	if c.AccountID != "anonymous" || c.RequestID != resp.Header.Get("X-Amzn-Requestid") || c.Stage != "$default" || c.Time != "01/Mar/2026:12:00:30 +0000" || c.TimeEpoch != begin.UnixMilli() ||
		c.HTTP.Method != http.MethodPost || c.HTTP.Path != "/a%20b/c" || c.HTTP.Protocol != "HTTP/1.1" || c.HTTP.SourceIP != "127.0.0.1" {
		t.Errorf("request context %s", text)
	}
	if _, text := fetch(t, http.MethodPost, url, "\x00\xff", "Content-Type", "image/png"); !strings.Contains(text, `"body":"AP8=","isBase64Encoded":true`) {
		t.Errorf("binary body: %s", text)
	}
}

func TestFunctionURLAnswers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t)
	url := f.open(t)
	resp, text := fetch(t, http.MethodGet, url+"teapot", "")
	if resp.StatusCode != http.StatusTeapot || text != "tea" || resp.Header.Get("X-Pot") != "brown" || resp.Header.Get("Content-Type") != "text/plain" ||
		!slices.Equal(resp.Header.Values("Set-Cookie"), []string{"a=b", "c=d"}) {
		t.Errorf("%s %q %v", resp.Status, text, resp.Header)
	}
	if resp, text := fetch(t, http.MethodGet, url+"text", ""); resp.StatusCode != http.StatusOK || text != "hello" || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s %q %v", resp.Status, text, resp.Header)
	}
	for _, path := range []string{"fail", "bad"} {
		if resp, text := fetch(t, http.MethodGet, url+path, ""); resp.StatusCode != http.StatusBadGateway || text != "Internal Server Error" {
			t.Errorf("%s: %s %s", path, resp.Status, text)
		}
	}
	// The body is too large once it is encoded.
	if resp, _ := fetch(t, http.MethodPost, url, strings.Repeat("x", 5<<20), "Content-Type", "image/png"); resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("large body: %s", resp.Status)
	}
	if _, err := f.PutFunctionConcurrency(t.Context(), &awslambda.PutFunctionConcurrencyInput{FunctionName: name, ReservedConcurrentExecutions: aws.Int32(0)}); err != nil {
		t.Fatal(err)
	}
	if resp, text := fetch(t, http.MethodGet, url, ""); resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("X-Amzn-Errortype") != "TooManyRequestsException" ||
		text != `{"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}` {
		t.Errorf("throttled: %s %v %s", resp.Status, resp.Header, text)
	}
	f.Flush(t.Context())
	for metric, want := range map[string]float64{"UrlRequestCount": 6, "Url4xxCount": 3, "Url5xxCount": 2} {
		var sum float64
		for _, v := range f.values("AWS/Lambda " + metric + "{FunctionName=f}") {
			sum += v
		}
		if sum != want {
			t.Errorf("%s: %v, want %v", metric, sum, want)
		}
	}
}

func TestFunctionURLNeedsPermission(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t)
	url := f.open(t)
	if _, err := f.RemovePermission(t.Context(), &awslambda.RemovePermissionInput{FunctionName: name, StatementId: aws.String("function")}); err != nil {
		t.Fatal(err)
	}
	resp, text := fetch(t, http.MethodGet, url, "")
	if resp.StatusCode != http.StatusForbidden || !strings.Contains(text, "Forbidden") || resp.Header.Get("X-Amzn-Errortype") != "AccessDeniedException" {
		t.Errorf("%s %s", resp.Status, text)
	}
}

// verifier knows one access key.
type verifier struct{}

func (verifier) VerifyRequest(r *http.Request, service string) (principal.Principal, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil || service != "lambda" || string(body) != "signed" || !strings.Contains(r.Header.Get("Authorization"), "Credential=AKIAKNOWN/") {
		return principal.Principal{}, errors.New("no")
	}
	return principal.Principal{ARN: "arn:aws:iam::000000000000:user/u", UserID: "AIDA", Account: "000000000000", AccessKeyID: "AKIAKNOWN"}, nil
}

func TestFunctionURLWithIAM(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(d *lambda.Deps) { d.Verifier = verifier{} })
	f.create(t)
	url := f.open(t, func(in *awslambda.CreateFunctionUrlConfigInput) { in.AuthType = lambdatypes.FunctionUrlAuthTypeAwsIam })
	for authorization, want := range map[string]int{"": http.StatusForbidden, "AWS4-HMAC-SHA256 Credential=AKIAOTHER/": http.StatusForbidden, "AWS4-HMAC-SHA256 Credential=AKIAKNOWN/": http.StatusOK} {
		resp, text := fetch(t, http.MethodPost, url, "signed", "Authorization", authorization)
		if resp.StatusCode != want {
			t.Errorf("%q: %s %s", authorization, resp.Status, text)
		}
		if want == http.StatusOK && !strings.Contains(text, `"authorizer":{"iam":{"accessKey":"AKIAKNOWN","accountId":"000000000000","callerId":"AIDA","userArn":"arn:aws:iam::000000000000:user/u","userId":"AIDA"}}`) {
			t.Errorf("event %s", text)
		}
	}
	g := newFixture(t)
	g.create(t)
	url = g.open(t, func(in *awslambda.CreateFunctionUrlConfigInput) { in.AuthType = lambdatypes.FunctionUrlAuthTypeAwsIam })
	if resp, _ := fetch(t, http.MethodPost, url, "signed", "Authorization", "AWS4-HMAC-SHA256 Credential=AKIAKNOWN/"); resp.StatusCode != http.StatusForbidden {
		t.Errorf("without a verifier: %s", resp.Status)
	}
}

func TestFunctionURLCORS(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t)
	url := f.open(t, func(in *awslambda.CreateFunctionUrlConfigInput) {
		in.Cors = &lambdatypes.Cors{
			AllowOrigins: []string{"https://a.example"}, AllowMethods: []string{"GET"}, AllowHeaders: []string{"x-a"},
			ExposeHeaders: []string{"x-b"}, MaxAge: aws.Int32(60), AllowCredentials: aws.Bool(true),
		}
	})
	resp, _ := fetch(t, http.MethodOptions, url, "", "Origin", "https://a.example", "Access-Control-Request-Method", "GET")
	for header, want := range map[string]string{
		"Access-Control-Allow-Origin": "https://a.example", "Access-Control-Allow-Methods": "GET", "Access-Control-Allow-Headers": "x-a",
		"Access-Control-Max-Age": "60", "Access-Control-Allow-Credentials": "true",
	} {
		if got := resp.Header.Get(header); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
	if resp, _ := fetch(t, http.MethodOptions, url, "", "Origin", "https://b.example", "Access-Control-Request-Method", "GET"); resp.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("another origin may use it")
	}
	// The configuration takes precedence over the function's headers.
	if resp, _ := fetch(t, http.MethodGet, url+"teapot", "", "Origin", "https://a.example"); resp.Header.Get("Access-Control-Allow-Origin") != "https://a.example" || resp.Header.Get("Access-Control-Expose-Headers") != "x-b" {
		t.Errorf("%v", resp.Header)
	}
	f.Flush(t.Context())
	if got := f.values("AWS/Lambda Invocations{FunctionName=f}"); len(got) != 1 {
		t.Errorf("preflights invoke the function: %v", got)
	}
	// Without a configuration, the function's headers apply, and the function
	// answers preflight requests itself.
	if out, err := f.UpdateFunctionUrlConfig(t.Context(), &awslambda.UpdateFunctionUrlConfigInput{FunctionName: name, Cors: &lambdatypes.Cors{}}); err != nil || out.Cors != nil {
		t.Errorf("UpdateFunctionUrlConfig: %+v, %v", out, err)
	}
	if resp, _ := fetch(t, http.MethodOptions, url+"teapot", "", "Origin", "https://a.example", "Access-Control-Request-Method", "GET"); resp.StatusCode != http.StatusTeapot || resp.Header.Get("Access-Control-Allow-Origin") != "https://mine" {
		t.Errorf("%s %v", resp.Status, resp.Header)
	}
}

func TestFunctionURLConfigs(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.create(t, func(in *awslambda.CreateFunctionInput) { in.Publish = true })
	live := aws.String("live")
	if _, err := f.CreateAlias(t.Context(), &awslambda.CreateAliasInput{FunctionName: name, Name: live, FunctionVersion: aws.String("1")}); err != nil {
		t.Fatal(err)
	}
	url := f.open(t, func(in *awslambda.CreateFunctionUrlConfigInput) { in.Qualifier = live })
	for text, in := range map[string]*awslambda.CreateFunctionUrlConfigInput{
		"Failed to create function url config for [functionArn = arn:aws:lambda:us-east-1:000000000000:function:f:live]": {Qualifier: live, AuthType: "NONE"},
		"Value '1' at 'qualifier'":        {Qualifier: aws.String("1"), AuthType: "NONE"},
		"Function does not exist":         {Qualifier: aws.String("none"), AuthType: "NONE"},
		"RESPONSE_STREAM is not":          {AuthType: "NONE", InvokeMode: "RESPONSE_STREAM"},
		"enum value set: [NONE, AWS_IAM]": {AuthType: "SOME"},
	} {
		in.FunctionName = name
		if _, err := f.CreateFunctionUrlConfig(t.Context(), in); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("want %q, got %v", text, err)
		}
	}
	if resp, _ := fetch(t, http.MethodGet, url, ""); resp.StatusCode != http.StatusOK {
		t.Errorf("%s", resp.Status)
	}
	if resp, _ := fetch(t, http.MethodGet, url+"fail", ""); resp.StatusCode != http.StatusBadGateway {
		t.Errorf("%s", resp.Status)
	}
	// Of an alias, the metrics also say which version ran.
	f.Flush(t.Context())
	for metric, want := range map[string]float64{"UrlRequestCount": 2, "Url4xxCount": 0, "Url5xxCount": 1} {
		for _, dimensions := range []string{"{FunctionName=f,Resource=f:live}", "{FunctionName=f,Resource=f:live,ExecutedVersion=1}"} {
			var sum float64
			for _, v := range f.values("AWS/Lambda " + metric + dimensions) {
				sum += v
			}
			if sum != want {
				t.Errorf("%s%s: %v, want %v", metric, dimensions, sum, want)
			}
		}
	}
	updated, err := f.UpdateFunctionUrlConfig(t.Context(), &awslambda.UpdateFunctionUrlConfigInput{FunctionName: name, Qualifier: live, AuthType: "AWS_IAM"})
	if err != nil || *updated.FunctionUrl != url {
		t.Errorf("UpdateFunctionUrlConfig: %+v, %v", updated, err)
	}
	if resp, _ := fetch(t, http.MethodGet, url, ""); resp.StatusCode != http.StatusForbidden {
		t.Errorf("with AWS_IAM: %s", resp.Status)
	}
	if out, err := f.ListFunctionUrlConfigs(t.Context(), &awslambda.ListFunctionUrlConfigsInput{FunctionName: name}); err != nil || len(out.FunctionUrlConfigs) != 1 {
		t.Errorf("ListFunctionUrlConfigs: %+v, %v", out, err)
	}
	if _, err := f.DeleteFunctionUrlConfig(t.Context(), &awslambda.DeleteFunctionUrlConfigInput{FunctionName: name, Qualifier: live}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.GetFunctionUrlConfig(t.Context(), &awslambda.GetFunctionUrlConfigInput{FunctionName: name, Qualifier: live}); err == nil || !strings.Contains(err.Error(), "The resource you requested does not exist.") {
		t.Errorf("GetFunctionUrlConfig: %v", err)
	}
	if c, err := net.Dial("tcp", strings.Trim(url, "htp:/")); err == nil {
		t.Errorf("the port is still open: %v", c.Close())
	}
}
