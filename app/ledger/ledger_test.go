package ledger_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/magewright/magewright/app/ledger"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

// memory is a store that keeps evidence in memory, or fails with err.
type memory struct {
	evidence map[string][]byte
	err      error
}

func (m *memory) Put(_ context.Context, commit string, evidence []byte) (bool, error) {
	kept, exists := m.evidence[commit]
	if exists && !bytes.Equal(kept, evidence) {
		return false, ledger.ErrExists
	}
	m.evidence[commit] = evidence
	return !exists, m.err
}

func (m *memory) Get(_ context.Context, commit string) ([]byte, error) {
	kept, ok := m.evidence[commit]
	if !ok {
		return nil, ledger.ErrNotFound
	}
	return kept, m.err
}

func (m *memory) List(context.Context) ([]ledger.Release, error) {
	releases := []ledger.Release{}
	for commit, evidence := range m.evidence {
		releases = append(releases, ledger.Release{Commit: commit, Recorded: time.Unix(1_800_000_000, 0), Size: int64(len(evidence))})
	}
	return releases, m.err
}

func newServer(store ledger.Store) http.Handler {
	server := &ledger.Server{
		Store:  store,
		Accept: ledger.AnyJSON,
		Build:  ledger.Build{Commit: commit, Version: "v1.2.3", BuildTime: "2026-11-23T12:00:00Z", FunctionVersion: "7"},
	}
	return server.Handler()
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	kept := map[string][]byte{commit: []byte(`{"verdict":"GO"}`)}
	other := strings.Repeat("f", 40)
	for _, tt := range []struct {
		name, method, path, contentType, accept, body string
		err                                           error
		status                                        int
		says                                          string
	}{
		{name: "health says which build answers", method: "GET", path: "/healthz", status: 200,
			says: `{"commit":"` + commit + `","version":"v1.2.3","buildTime":"2026-11-23T12:00:00Z","functionVersion":"7"}`},
		{name: "new evidence", method: "PUT", path: "/releases/" + other + "/evidence", contentType: "application/json", body: `{}`, status: 201, says: other},
		{name: "the same evidence again", method: "PUT", path: "/releases/" + commit + "/evidence", contentType: "application/json; charset=utf-8", body: `{"verdict":"GO"}`, status: 200, says: commit},
		{name: "other evidence", method: "PUT", path: "/releases/" + commit + "/evidence", contentType: "application/json", body: `{"verdict":"NO-GO"}`, status: 409, says: "already kept"},
		{name: "no full hash", method: "PUT", path: "/releases/abc123/evidence", contentType: "application/json", body: `{}`, status: 400, says: "not a full commit hash"},
		{name: "no JSON", method: "PUT", path: "/releases/" + commit + "/evidence", contentType: "application/json", body: `{"verdict"`, status: 400, says: "not a JSON object"},
		{name: "null", method: "PUT", path: "/releases/" + commit + "/evidence", contentType: "application/json", body: `null`, status: 400, says: "not a JSON object"},
		{name: "JSON but no object", method: "PUT", path: "/releases/" + commit + "/evidence", contentType: "application/json", body: `[1]`, status: 400, says: "not a JSON object"},
		{name: "another media type", method: "PUT", path: "/releases/" + commit + "/evidence", contentType: "text/plain", body: `{}`, status: 415, says: `Content-Type is \"text/plain\"`},
		{name: "no media type", method: "PUT", path: "/releases/" + commit + "/evidence", body: `{}`, status: 415, says: "application/json"},
		{name: "too much evidence", method: "PUT", path: "/releases/" + commit + "/evidence", contentType: "application/json",
			body: `{"x":"` + strings.Repeat("x", ledger.MaxEvidence) + `"}`, status: 413, says: "larger than 1048576 bytes"},
		{name: "a release as JSON", method: "GET", path: "/releases/" + commit, accept: "application/json", status: 200, says: `"evidence":{"verdict":"GO"}`},
		{name: "a release as HTML", method: "GET", path: "/releases/" + commit, accept: "text/html,application/xhtml+xml", status: 200, says: "<h1>Release <code>" + commit},
		{name: "a release that nobody knows", method: "GET", path: "/releases/" + other, status: 404, says: "no evidence is kept"},
		{name: "the list as JSON", method: "GET", path: "/releases", status: 200, says: `{"releases":[{"commit":"` + commit},
		{name: "the list as HTML", method: "GET", path: "/releases", accept: "text/html", status: 200, says: `<a href="/releases/` + commit},
		{name: "a store that fails", method: "GET", path: "/releases", err: io.ErrUnexpectedEOF, status: 500, says: "the log has the reason"},
		{name: "a method that is not served", method: "DELETE", path: "/releases/" + commit, status: 405, says: "Method Not Allowed"},
		{name: "a path that is not served", method: "GET", path: "/", status: 404, says: "not found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			store := &memory{evidence: map[string][]byte{}, err: tt.err}
			for c, e := range kept {
				store.evidence[c] = e
			}
			r := httptest.NewRequest(tt.method, tt.path, strings.NewReader(tt.body))
			r.Header.Set("Content-Type", tt.contentType)
			r.Header.Set("Accept", tt.accept)
			w := httptest.NewRecorder()
			newServer(store).ServeHTTP(w, r)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) {
				t.Errorf("%s %s = %d %s\nwant %d and %s", tt.method, tt.path, w.Code, w.Body, tt.status, tt.says)
			}
			if tt.status >= 400 && string(store.evidence[commit]) != string(kept[commit]) {
				t.Errorf("a refused request changed the evidence to %s", store.evidence[commit])
			}
		})
	}
}

func TestFunctionURL(t *testing.T) {
	t.Parallel()
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		http.SetCookie(w, &http.Cookie{Name: "seen", Value: "yes"})
		w.Header().Set("X-Path", r.Method+" "+r.URL.String())
		w.Header().Set("X-Cookie", r.Header.Get("Cookie"))
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write(body)
	})
	event := events.LambdaFunctionURLRequest{
		RawPath:         "/a/b",
		RawQueryString:  "q=1&q=2",
		Cookies:         []string{"one=1", "two=2"},
		Body:            base64.StdEncoding.EncodeToString([]byte{0xff, 0xfe}),
		IsBase64Encoded: true,
	}
	event.RequestContext.HTTP.Method = "POST"
	got, err := ledger.FunctionURL(echo)(t.Context(), event)
	if err != nil {
		t.Fatal(err)
	}
	if got.StatusCode != http.StatusTeapot || got.Headers["x-path"] != "POST /a/b?q=1&q=2" || got.Headers["x-cookie"] != "one=1; two=2" {
		t.Errorf("got %+v", got)
	}
	if !got.IsBase64Encoded || got.Body != event.Body {
		t.Errorf("a binary body came back as %q, base64 %v", got.Body, got.IsBase64Encoded)
	}
	if len(got.Cookies) != 1 || got.Cookies[0] != "seen=yes" {
		t.Errorf("cookies are %q", got.Cookies)
	}

	event.Body = "not base64!"
	if got, err := ledger.FunctionURL(echo)(t.Context(), event); err != nil || got.StatusCode != http.StatusBadRequest {
		t.Errorf("a broken body gives %d, %v", got.StatusCode, err)
	}
}

func TestObserve(t *testing.T) {
	t.Parallel()
	var logs, metrics bytes.Buffer
	now := time.Unix(1_800_000_000, 0)
	handler := ledger.Observe(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("out of ink") }), ledger.Observation{
		Log:     slog.New(slog.NewJSONHandler(&logs, nil)),
		Metrics: &metrics,
		Stage:   "staging",
		Now: func() time.Time {
			now = now.Add(25 * time.Millisecond)
			return now
		},
	})
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "req-1"})
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/releases", nil))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "ink") {
		t.Errorf("a panic answers %d %s", w.Code, w.Body)
	}
	for _, want := range []string{"panic: out of ink", `"requestId":"req-1"`, `"status":500`, `"milliseconds":25`} {
		if !strings.Contains(logs.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, &logs)
		}
	}
	var line struct {
		AWS          struct{ CloudWatchMetrics []struct{ Namespace string } } `json:"_aws"`
		Stage        string
		Requests     int
		ServerErrors int
		Latency      float64
	}
	if err := json.Unmarshal(metrics.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if line.Stage != "staging" || line.Requests != 1 || line.ServerErrors != 1 || line.Latency != 25 || line.AWS.CloudWatchMetrics[0].Namespace != ledger.Namespace {
		t.Errorf("metrics are %s", &metrics)
	}
}
