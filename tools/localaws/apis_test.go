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
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/magewright/magewright/tools/internal/testinput"
	"github.com/magewright/magewright/tools/localaws"
)

// deployAPIs deploys a template of testdata/apis, which the CDK has written, with the
// canaries' function as its functions. It returns the stack's outputs.
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
func request(t testing.TB, method, url string, headers ...string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
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
		if status, _, text := request(t, tt.method, tt.url, tt.headers...); status != tt.status || text != tt.text {
			t.Errorf("%s %s %v: %d %s, want %d %s", tt.method, tt.url, tt.headers, status, text, tt.status, tt.text)
		}
	}
	if status, header, _ := request(t, http.MethodOptions, url+"items/1", "Origin", "https://shop.example", "Access-Control-Request-Method", "GET"); status != http.StatusNoContent ||
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

// BenchmarkHTTPAPI measures requests to a route with a function, like
// BenchmarkInvoke.
func BenchmarkHTTPAPI(b *testing.B) {
	url := deployAPIs(b, start(b), "http")["Url"] + "items/1"
	const connections = 8
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections}}
	defer client.CloseIdleConnections()
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
			if err != nil || resp.StatusCode != http.StatusOK {
				b.Errorf("%s %s, %v", resp.Status, text, err)
			}
			_ = resp.Body.Close()
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}
