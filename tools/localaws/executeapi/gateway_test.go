package executeapi_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/localaws/account"
	"github.com/magewright/magewright/tools/localaws/executeapi"
)

type noMetrics struct{}

func (noMetrics) PutMetricData(context.Context, *awscloudwatch.PutMetricDataInput) (*awscloudwatch.PutMetricDataOutput, error) {
	return &awscloudwatch.PutMetricDataOutput{}, nil
}

// open starts a gateway with an API that says hello.
func open(t *testing.T) (*executeapi.Gateway, *executeapi.Endpoint) {
	t.Helper()
	a := account.Account{ID: account.DefaultID, Region: "us-east-1", Clock: clock.System(), Log: slog.New(slog.DiscardHandler)}
	g := executeapi.New(a, executeapi.Deps{Metrics: noMetrics{}})
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	e, err := g.Open(func(id string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, id+" "+r.URL.Path) })
	})
	if err != nil {
		t.Fatal(err)
	}
	return g, e
}

// get makes a request to a URL with another host.
func get(t *testing.T, url, host string, headers map[string]string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		r.Host = host
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// An API answers pages of any origin, but not to a name that a page has made for
// this machine.
func TestHosts(t *testing.T) {
	t.Parallel()
	g, e := open(t)
	rest := httptest.NewServer(g.Hosts(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "the endpoint") })))
	defer rest.Close()
	for _, tt := range []struct {
		url, host string
		status    int
		text      string
	}{
		{e.URL, "", 200, e.ID + " /a"},
		{e.URL, "localhost", 200, e.ID + " /a"},
		{e.URL, e.ID + ".execute-api.us-east-1.amazonaws.com", 200, e.ID + " /a"},
		{e.URL, "evil.example", 403, "does not answer for the host evil.example"},
		{e.URL, "127.0.0.1.evil.example", 403, "does not answer"},
		{rest.URL, "", 200, "the endpoint"},
		{rest.URL, e.ID + ".execute-api.localhost:4566", 200, e.ID + " /a"},
		{rest.URL, e.ID + ".execute-api.us-east-1.localhost", 200, e.ID + " /a"},
		{rest.URL, e.ID + ".execute-api.us-east-1.amazonaws.com", 200, e.ID + " /a"},
		{rest.URL, "none.execute-api.localhost", 403, "Forbidden"},
		{rest.URL, e.ID + ".execute-api.evil.example", 200, "the endpoint"},
	} {
		if status, text := get(t, tt.url+"/a", tt.host, map[string]string{"Origin": "https://page.example"}); status != tt.status || !strings.Contains(text, tt.text) {
			t.Errorf("%s at %s: %d %s", tt.host, tt.url, status, text)
		}
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	g, e := open(t)
	for text, want := range map[string]string{
		"https://" + e.ID + ".execute-api.us-east-1.amazonaws.com/prod/": e.URL + "/prod/",
		"a=https://" + e.ID + ".execute-api.us-east-1.amazonaws.com":     "a=" + e.URL,
		"https://" + e.ID + ".execute-api.eu-west-1.amazonaws.com/":      "https://" + e.ID + ".execute-api.eu-west-1.amazonaws.com/",
		"https://other.execute-api.us-east-1.amazonaws.com/":             "https://other.execute-api.us-east-1.amazonaws.com/",
		e.ID + ".execute-api.us-east-1.amazonaws.com":                    e.ID + ".execute-api.us-east-1.amazonaws.com",
		"https://s3.us-east-1.amazonaws.com/":                            "https://s3.us-east-1.amazonaws.com/",
	} {
		if got := g.Addresses(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if text := "https://" + e.ID + ".execute-api.us-east-1.amazonaws.com"; g.Addresses(text) != text {
		t.Error("a closed API has an address")
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Open(func(string) http.Handler { return nil }); err == nil {
		t.Error("opened an API after Close")
	}
}

func TestBucket(t *testing.T) {
	t.Parallel()
	var b executeapi.Bucket
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	take := func(n int) (taken int) {
		for range n {
			if b.Take(now, 2, 3) {
				taken++
			}
		}
		return taken
	}
	if n := take(5); n != 3 {
		t.Errorf("a full bucket gave %d", n)
	}
	now = now.Add(time.Second)
	if n := take(5); n != 2 {
		t.Errorf("a second later it gave %d", n)
	}
	now = now.Add(time.Hour)
	if n := take(5); n != 3 {
		t.Errorf("an hour later it gave %d", n)
	}
	now = now.Add(-time.Minute)
	if n := take(1); n != 0 {
		t.Errorf("a clock that goes back gave %d", n)
	}
	if (&executeapi.Bucket{}).Take(now, 0, 0) {
		t.Error("a limit of zero admits a request")
	}
}

func TestFunction(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:lambda:us-east-1:000000000000:function:f:live"
	for uri, ok := range map[string]bool{
		arn: true,
		"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/" + arn + "/invocations": true,
		"arn:aws:apigateway:us-east-1:sqs:path/000000000000/queue":                              false,
		"https://a.example": false, "": false, arn + "${stageVariables.a}": false,
	} {
		if got, is := executeapi.Function(uri); is != ok || ok && got != arn {
			t.Errorf("%s: %s %t", uri, got, is)
		}
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	value := func(name string) string { return map[string]string{"requestId": "1", "identity.sourceIp": "::1"}[name] }
	for format, want := range map[string]string{
		`$context.requestId`: "1", `{"id":"$context.requestId","ip":"$context.identity.sourceIp"}`: `{"id":"1","ip":"::1"}`,
		`$context.requestId.`: "1.", `$context.none`: "-", `$other.requestId`: `$other.requestId`,
	} {
		if got := executeapi.Format(format, value); got != want {
			t.Errorf("%s: %s, want %s", format, got, want)
		}
	}
}
