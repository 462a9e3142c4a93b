package localaws_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/magewright/magewright/tools/internal/testinput"
	"github.com/magewright/magewright/tools/localaws"
)

// deployAPIs deploys a template of testdata/apis, with the canaries' function as its
// functions. It returns the stack's outputs. The CDK has written the templates. It
// adds a preflight and a permission of the test-invoke stage to each resource;
// rest.json has one of each.
func deployAPIs(t testing.TB, cfg aws.Config, name string) map[string]string {
	t.Helper()
	zip, err := function()
	if err != nil {
		t.Fatal(err)
	}
	if err := testinput.Files("tools/localaws/testdata/apis"); err != nil {
		t.Fatal(err)
	}
	template, err := os.ReadFile("testdata/apis/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.WithoutCancel(t.Context())
	objects := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String("packages")}); err != nil {
		t.Fatal(err)
	}
	if _, err := objects.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("packages"), Key: aws.String("function.zip"), Body: bytes.NewReader(zip)}); err != nil {
		t.Fatal(err)
	}
	stacks := cloudformation.NewFromConfig(cfg)
	if _, err := stacks.CreateStack(ctx, &cloudformation.CreateStackInput{
		StackName: &name, TemplateBody: aws.String(string(template)), Capabilities: []types.Capability{types.CapabilityCapabilityIam},
		Parameters: []types.Parameter{{ParameterKey: aws.String("Architecture"), ParameterValue: aws.String(localaws.HostContext()["architecture"].(string))}},
	}); err != nil {
		t.Fatal(err)
	}
	for {
		out, err := stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
		if err != nil {
			t.Fatal(err)
		}
		switch status := out.Stacks[0].StackStatus; {
		case status == types.StackStatusCreateComplete:
			outputs := map[string]string{}
			for _, o := range out.Stacks[0].Outputs {
				outputs[*o.OutputKey] = *o.OutputValue
			}
			return outputs
		case !strings.HasSuffix(string(status), "IN_PROGRESS"):
			events, err := stacks.DescribeStackEvents(ctx, &cloudformation.DescribeStackEventsInput{StackName: &name})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events.StackEvents {
				t.Logf("%s: %s", aws.ToString(e.LogicalResourceId), aws.ToString(e.ResourceStatusReason))
			}
			t.Fatal(status)
		}
		pause(t)
	}
}

// request makes a request and returns the response's status, headers and body.
// headers are names and values.
func request(t testing.TB, method, url, body string, headers ...string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode, resp.Header, string(text)
}

// token returns a token with its issuer's keys.
func token(t *testing.T, claims string) (text, keys string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	text = encode([]byte(`{"alg":"RS256","kid":"k"}`)) + "." + encode([]byte(claims))
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + encode(signature), fmt.Sprintf(`{"keys":[{"kty":"RSA","kid":"k","n":%q,"e":%q}]}`, encode(key.N.Bytes()), encode(big.NewInt(int64(key.E)).Bytes()))
}

// An app of the CDK with HTTP APIs runs unchanged: the addresses in its outputs can
// be called, its permissions and authorizers decide, its access log and its metrics
// are written.
func TestHTTPAPI(t *testing.T) {
	t.Parallel()
	server := startStepped(t)
	cfg := server.aws
	outputs := deployAPIs(t, cfg, "http")
	url := outputs["Url"]
	if !regexp.MustCompile(`^http://127\.0\.0\.1:\d+/$`).MatchString(url) || outputs["Endpoint"]+"/" != url || outputs["ProdUrl"] != url+"prod" {
		t.Fatalf("outputs %v", outputs)
	}
	objects := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	const issuer = "https://issuer.s3.us-east-1.amazonaws.com"
	expiry := server.clock.Now().Unix() + 3600
	good, keys := token(t, fmt.Sprintf(`{"iss":%q,"aud":"shop","exp":%d,"scope":"read"}`, issuer, expiry))
	for key, text := range map[string]string{
		".well-known/openid-configuration": fmt.Sprintf(`{"issuer":%q,"jwks_uri":"%s/keys.json"}`, issuer, issuer), "keys.json": keys,
	} {
		if _, err := objects.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("issuer"), Key: &key, Body: strings.NewReader(text)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		method, url string
		headers     []string
		status      int
		text        string
	}{
		{"GET", url + "items/1", nil, 200, "$LATEST"},
		{"POST", url + "items/1", nil, 200, "$LATEST"},
		{"GET", outputs["ProdUrl"] + "/items/1", nil, 200, "$LATEST"},
		{"GET", outputs["DefaultUrl"], nil, 200, "$LATEST"},
		{"GET", url + "private", nil, 401, `{"message":"Unauthorized"}`},
		{"GET", url + "private", []string{"Authorization", "me"}, 200, "$LATEST"},
		{"GET", url + "token", nil, 401, `{"message":"Unauthorized"}`},
		{"GET", url + "token", []string{"Authorization", "Bearer " + good}, 200, "$LATEST"},
		{"GET", url, nil, 404, `{"message":"Not Found"}`},
	} {
		if status, _, text := request(t, tt.method, tt.url, "", tt.headers...); status != tt.status || text != tt.text {
			t.Errorf("%s %s %v: %d %s, want %d %s", tt.method, tt.url, tt.headers, status, text, tt.status, tt.text)
		}
	}
	if status, header, _ := request(t, http.MethodOptions, url+"items/1", "", "Origin", "https://shop.example", "Access-Control-Request-Method", "GET"); status != http.StatusNoContent ||
		header.Get("Access-Control-Allow-Methods") != "GET,POST" {
		t.Errorf("preflight: %d %v", status, header)
	}
	server.Flush(t.Context())
	lines, err := cloudwatchlogs.NewFromConfig(cfg).FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("access")})
	if err != nil || len(lines.Events) != 1 || !strings.HasPrefix(*lines.Events[0].Message, "127.0.0.1 - - [") {
		t.Errorf("access log: %+v, %v", lines, err)
	}
	metrics, err := cloudwatch.NewFromConfig(cfg).ListMetrics(t.Context(), &cloudwatch.ListMetricsInput{Namespace: aws.String("AWS/ApiGateway"), MetricName: aws.String("Count")})
	if err != nil || len(metrics.Metrics) != 6 {
		t.Errorf("metrics: %+v, %v", metrics, err)
	}

	apis := apigatewayv2.NewFromConfig(cfg)
	all, err := apis.GetApis(t.Context(), &apigatewayv2.GetApisInput{})
	if err != nil || len(all.Items) != 2 || all.Items[0].CreatedDate == nil {
		t.Fatalf("%+v, %v", all, err)
	}
	stacks := cloudformation.NewFromConfig(cfg)
	if _, err := stacks.DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: aws.String("http")}); err != nil {
		t.Fatal(err)
	}
	for {
		left, err := apis.GetApis(t.Context(), &apigatewayv2.GetApisInput{})
		if err != nil {
			t.Fatal(err)
		}
		if len(left.Items) == 0 {
			break
		}
		pause(t)
	}
	if _, err := apis.GetVpcLinks(t.Context(), &apigatewayv2.GetVpcLinksInput{}); err == nil || !strings.Contains(err.Error(), "apigatewayv2 GetVpcLinks is not supported by the embedded AWS") {
		t.Errorf("VPC links: %v", err)
	}
}

// An app of the CDK with REST APIs runs unchanged: proxy and mapped integrations,
// MOCK and CORS, request validation, authorizers, API keys and gateway responses.
func TestRESTAPI(t *testing.T) {
	t.Parallel()
	server := startStepped(t)
	cfg := server.aws
	outputs := deployAPIs(t, cfg, "rest")
	url := outputs["Url"]
	if !regexp.MustCompile(`^http://127\.0\.0\.1:\d+/prod/$`).MatchString(url) || outputs["ItemUrl"] != url+"items" {
		t.Fatalf("outputs %v", outputs)
	}
	key := []string{"X-Api-Key", "aaaaaaaaaaaaaaaaaaaaaaaa"}
	for _, tt := range []struct {
		method, url, body string
		headers           []string
		status            int
		text              string
	}{
		{"GET", url + "items", "", nil, 200, "$LATEST"},
		{"PATCH", url + "items/1", "", nil, 200, "$LATEST"},
		{"GET", url + "files/a/b", "", nil, 200, "$LATEST"},
		{"POST", url + "items", `{"name":"a","count":1}`, nil, 200, "$LATEST"},
		{"POST", url + "items", `{"count":1}`, nil, 400, `{"message":"Invalid request body"}`},
		{"DELETE", url + "items", "", nil, 400, `{"message":"Missing required request parameters: [reason]"}`},
		{"DELETE", url + "items?reason=old", "", nil, 200, "$LATEST"},
		{"GET", url + "health", "", nil, 200, `{"status":"ok"}`},
		{"GET", url + "keyed", "", nil, 403, `{"message":"Forbidden"}`},
		{"GET", url + "keyed", "", key, 200, "$LATEST"},
		{"GET", url + "private", "", nil, 401, `{"message":"Unauthorized"}`},
		{"GET", url + "private", "", []string{"Authorization", "me"}, 200, "$LATEST"},
		{"GET", url + "asked", "", []string{"X-Who", "me"}, 200, "$LATEST"},
		{"POST", url + "mapped?id=1", `{"name":"a"}`, nil, 200, `{"version": "$LATEST"}`},
		{"GET", url + "nowhere", "", nil, 404, `{"nothing":"at /prod/nowhere"}`},
		{"GET", outputs["SmallEndpoint758BAF22"], "", nil, 200, "$LATEST"},
		{"PUT", outputs["SmallEndpoint758BAF22"] + "a/b", "", nil, 200, "$LATEST"},
	} {
		if status, _, text := request(t, tt.method, tt.url, tt.body, tt.headers...); status != tt.status || text != tt.text {
			t.Errorf("%s %s %s %v: %d %s, want %d %s", tt.method, tt.url, tt.body, tt.headers, status, text, tt.status, tt.text)
		}
	}
	if status, header, _ := request(t, http.MethodOptions, url+"items", "", "Origin", "https://shop.example", "Access-Control-Request-Method", "GET"); status != http.StatusNoContent ||
		header.Get("Access-Control-Allow-Origin") != "*" || header.Get("Access-Control-Allow-Methods") != "OPTIONS,GET,PUT,POST,DELETE,PATCH,HEAD" {
		t.Errorf("preflight: %d %v", status, header)
	}
	server.Flush(t.Context())
	lines, err := cloudwatchlogs.NewFromConfig(cfg).FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("access")})
	if err != nil || len(lines.Events) != 16 || !strings.Contains(*lines.Events[0].Message, `"resourcePath":"/items","status":"200"`) {
		t.Errorf("access log: %+v, %v", lines, err)
	}
	apis := apigateway.NewFromConfig(cfg)
	all, err := apis.GetRestApis(t.Context(), &apigateway.GetRestApisInput{})
	if err != nil || len(all.Items) != 2 || all.Items[0].CreatedDate == nil {
		t.Fatalf("%+v, %v", all, err)
	}
	if _, err := cloudformation.NewFromConfig(cfg).DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: aws.String("rest")}); err != nil {
		t.Fatal(err)
	}
	for {
		left, err := apis.GetRestApis(t.Context(), &apigateway.GetRestApisInput{})
		if err != nil {
			t.Fatal(err)
		}
		if len(left.Items) == 0 {
			break
		}
		pause(t)
	}
	if _, err := apis.GetSdkTypes(t.Context(), &apigateway.GetSdkTypesInput{}); err == nil || !strings.Contains(err.Error(), "apigateway GetSdkTypes is not supported by the embedded AWS") {
		t.Errorf("SDKs: %v", err)
	}
}

// Methods without a function use other services of the embedded AWS, as the CDK's
// AwsIntegration writes them.
func TestAPIOfServices(t *testing.T) {
	t.Parallel()
	// A table takes a while to be active.
	cfg := start(t)
	url := deployAPIs(t, cfg, "services")["Url"]
	for _, tt := range []struct{ method, path, body, text string }{
		{"POST", "jobs", `{"job":1}`, `{"queued":true}`},
		{"POST", "news", `{"text":"a & b"}`, `{"published":true}`},
		{"PUT", "items/7", `{"name":"the \"seventh\""}`, `{"id":"7"}`},
		{"GET", "items/7", "", `{"name":"the \"seventh\""}`},
		{"GET", "items/8", "", `{"name":""}`},
	} {
		if status, _, text := request(t, tt.method, url+tt.path, tt.body); status != http.StatusOK || text != tt.text {
			t.Errorf("%s %s: %d %s, want %s", tt.method, tt.path, status, text, tt.text)
		}
	}
	queues := sqs.NewFromConfig(cfg)
	queue, err := queues.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("jobs")})
	if err != nil {
		t.Fatal(err)
	}
	out, err := queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: queue.QueueUrl})
	if err != nil || len(out.Messages) != 1 || *out.Messages[0].Body != `{"job":1}` {
		t.Errorf("messages %+v, %v", out, err)
	}
}

// BenchmarkHTTPAPI measures requests to a route with a function, like
// BenchmarkInvoke.
func BenchmarkHTTPAPI(b *testing.B) {
	url := deployAPIs(b, start(b), "http")["Url"] + "items/1"
	const connections = 8
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections}}
	defer client.CloseIdleConnections()
	var throttled atomic.Int64
	b.SetParallelism(connections)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
			if err != nil {
				b.Error(err)
				return
			}
			resp, err := client.Do(r)
			if err != nil {
				b.Error(err)
				return
			}
			text, err := io.ReadAll(resp.Body)
			// The account's limit is 10,000 requests a second.
			if resp.StatusCode == http.StatusTooManyRequests {
				throttled.Add(1)
			} else if err != nil || resp.StatusCode != http.StatusOK {
				b.Errorf("%s %s, %v", resp.Status, text, err)
			}
			_ = resp.Body.Close()
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
	b.ReportMetric(float64(throttled.Load()), "throttled")
}
