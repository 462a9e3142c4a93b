package ledger_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
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
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/evidencetest"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

var now = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// memory is a store that keeps documents in memory, or fails with err.
type memory struct {
	kept map[string][]byte
	err  error
}

func (m *memory) Put(_ context.Context, name string, document []byte) (bool, error) {
	kept, exists := m.kept[name]
	if exists && !bytes.Equal(kept, document) {
		return false, ledger.ErrExists
	}
	m.kept[name] = document
	return !exists, m.err
}

func (m *memory) Get(_ context.Context, name string) ([]byte, error) {
	kept, ok := m.kept[name]
	if !ok {
		return nil, ledger.ErrNotFound
	}
	return kept, m.err
}

func (m *memory) List(_ context.Context, prefix string) ([]ledger.Object, error) {
	var objects []ledger.Object
	for name, document := range m.kept {
		if strings.HasPrefix(name, prefix) {
			objects = append(objects, ledger.Object{Name: name, Recorded: now.Add(-time.Hour), Size: int64(len(document))})
		}
	}
	return objects, m.err
}

// A pipeline signs what the ledger is sent.
type pipeline struct {
	t *testing.T
	evidencetest.Signer
}

// bundle returns a bundle of a commit with a page.
func (p pipeline) bundle(commit, page string) string {
	p.t.Helper()
	s, err := evidence.NewStatement(commit, "", evidence.Page{HTML: page})
	if err != nil {
		p.t.Fatal(err)
	}
	var b bytes.Buffer
	if err := evidence.WriteBundle(p.t.Context(), &b, p, []evidence.Statement{s}, evidence.Summary{VerificationResult: evidence.SummaryPassed}, commit, ""); err != nil {
		p.t.Fatal(err)
	}
	return b.String()
}

// deployment returns the record of a deployment and the path it is put at.
func (p pipeline) deployment(commit string, d evidence.Deployment) (path, record string) {
	p.t.Helper()
	s, err := evidence.NewStatement(commit, "", d)
	if err != nil {
		p.t.Fatal(err)
	}
	sealed, err := evidence.Seal(p.t.Context(), p, s)
	if err != nil {
		p.t.Fatal(err)
	}
	data, err := json.Marshal(sealed)
	if err != nil {
		p.t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	return "/releases/" + commit + "/deployments/" + hex.EncodeToString(sum[:]), string(data)
}

func (p pipeline) token(commit string, expires time.Time) string {
	p.t.Helper()
	token, err := evidence.Link{Commit: commit, Expires: expires}.Token(p.t.Context(), p)
	if err != nil {
		p.t.Fatal(err)
	}
	return token
}

func newServer(store ledger.Store, keys evidence.Keys) http.Handler {
	server := &ledger.Server{
		Store: store,
		Keys:  keys,
		Now:   func() time.Time { return now },
		Build: ledger.Build{Commit: commit, Version: "v1.2.3", BuildTime: "2026-11-23T12:00:00Z", FunctionVersion: "7"},
	}
	return server.Handler()
}

// reviews is what a bundle says about the commits of its range.
type reviews struct {
	evidence.Made
	Commits []map[string]string `json:"commits"`
}

func (reviews) PredicateType() string { return evidence.ReviewsType }

// TestPageOfARelease holds that a page has the subject that the evidence names, and says that
// the release serves only if it is the one that answers.
func TestPageOfARelease(t *testing.T) {
	t.Parallel()
	p := pipeline{t, evidencetest.NewSigner(t)}
	other := strings.Repeat("f", 40)
	s, err := evidence.NewStatement(commit, "", reviews{Commits: []map[string]string{{"commit": other, "subject": "Another one"}, {"commit": commit, "subject": "Use <less> ink"}}})
	if err != nil {
		t.Fatal(err)
	}
	var bundle bytes.Buffer
	if err := evidence.WriteBundle(t.Context(), &bundle, p, []evidence.Statement{s}, evidence.Summary{VerificationResult: evidence.SummaryPassed}, commit, ""); err != nil {
		t.Fatal(err)
	}
	for answers, serves := range map[string]bool{commit: true, other: false} {
		server := &ledger.Server{
			Store: &memory{kept: map[string][]byte{"releases/" + commit + "/evidence.intoto.jsonl": bundle.Bytes()}},
			Keys:  evidence.Trust(p.Key), Now: func() time.Time { return now }, Stage: "production",
			Build: ledger.Build{Commit: answers, FunctionVersion: "7"},
		}
		for _, path := range []string{"/releases", "/releases/" + commit} {
			r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
			r.Header.Set("Authorization", "Bearer "+p.token(commit, now.Add(time.Hour)))
			r.Header.Set("Accept", "text/html")
			w := httptest.NewRecorder()
			server.Handler().ServeHTTP(w, r)
			body := w.Body.String()
			if w.Code != http.StatusOK || !strings.Contains(body, "Use &lt;less&gt; ink") || strings.Contains(body, "Another one") || strings.Contains(body, other) {
				t.Errorf("%s: %d\n%s", path, w.Code, body)
			}
			if got := strings.Contains(body, "production</span>") && strings.Contains(body, "version 7 has answered this page"); got != serves {
				t.Errorf("%s: when %.12s answers, the page says that it serves: %v\n%s", path, answers, got, body)
			}
		}
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	p, stranger := pipeline{t, evidencetest.NewSigner(t)}, pipeline{t, evidencetest.NewSigner(t)}
	other := strings.Repeat("f", 40)
	kept, later := p.bundle(commit, "<h1>GO</h1>"), p.bundle(commit, "<h1>GO again</h1>")
	approved, approvedRecord := p.deployment(commit, evidence.Deployment{Stage: "production", Bundle: strings.Repeat("e", 64), Verdict: "GO",
		Approval: &evidence.Approval{By: "arn:aws:iam::111122223333:user/approver", Summary: "seen"}})
	broken, brokenRecord := p.deployment(commit, evidence.Deployment{Stage: "production", Version: "8",
		BreakGlass: &evidence.BreakGlass{Reason: "the <house> burns", By: "arn:aws:iam::111122223333:user/fire", Refused: "the verdict is NO-GO"}})
	strange, strangeRecord := stranger.deployment(commit, evidence.Deployment{Stage: "production"})
	ofOther, ofOtherRecord := p.deployment(other, evidence.Deployment{Stage: "staging"})
	_, lint := p.deployment(commit, evidence.Deployment{})
	lint = strings.Replace(lint, "payloadType", "payloadKind", 1)
	evidencePath := "/releases/" + commit + "/evidence"
	good := "Bearer " + p.token(commit, now.Add(time.Hour))
	for _, tt := range []struct {
		name, method, path, contentType, accept, authorization, body string
		err                                                          error
		noKey                                                        bool
		status                                                       int
		says                                                         string
	}{
		{name: "health says which build answers", method: "GET", path: "/healthz", status: 200,
			says: `{"commit":"` + commit + `","version":"v1.2.3","buildTime":"2026-11-23T12:00:00Z","functionVersion":"7"}`},

		{name: "new evidence", method: "PUT", path: "/releases/" + other + "/evidence", contentType: "application/jsonl", body: p.bundle(other, ""), status: 201, says: "digest"},
		{name: "the same evidence again", method: "PUT", path: evidencePath, contentType: "application/jsonl; charset=utf-8", body: kept, status: 200, says: "digest"},
		{name: "other evidence", method: "PUT", path: evidencePath, contentType: "application/jsonl", body: p.bundle(commit, "other"), status: 409, says: "already kept"},
		{name: "later evidence by its digest", method: "PUT", path: evidencePath + "/" + digest(later), contentType: "application/jsonl", body: later, status: 201, says: digest(later)},
		{name: "later evidence by another digest", method: "PUT", path: evidencePath + "/" + digest(kept), contentType: "application/jsonl", body: later, status: 400, says: "the body's SHA-256 is"},
		{name: "evidence of another commit", method: "PUT", path: evidencePath, contentType: "application/jsonl", body: p.bundle(other, ""), status: 403, says: "of commit " + `\"` + other},
		{name: "evidence by another key", method: "PUT", path: evidencePath, contentType: "application/jsonl", body: stranger.bundle(commit, ""), status: 403, says: "a key other than the pinned one"},
		{name: "evidence that is not signed", method: "PUT", path: evidencePath, contentType: "application/jsonl", body: `{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[]}`, status: 403, says: "it is not signed"},
		{name: "any JSON", method: "PUT", path: evidencePath, contentType: "application/jsonl", body: `{"verdict":"GO"}`, status: 403, says: "it is not signed"},
		{name: "no JSON", method: "PUT", path: evidencePath, contentType: "application/jsonl", body: `{"verdict"`, status: 403, says: "not an envelope"},
		{name: "evidence without its summary", method: "PUT", path: evidencePath, contentType: "application/jsonl", body: strings.SplitAfter(kept, "\n")[0], status: 403, says: "does not end with a summary"},
		{name: "no full hash", method: "PUT", path: "/releases/abc123/evidence", contentType: "application/jsonl", body: kept, status: 400, says: "not a full commit hash"},
		{name: "another media type", method: "PUT", path: evidencePath, contentType: "text/plain", body: kept, status: 415, says: `Content-Type is \"text/plain\"`},
		{name: "no media type", method: "PUT", path: evidencePath, body: kept, status: 415, says: "application/jsonl"},
		{name: "too much evidence", method: "PUT", path: evidencePath, contentType: "application/jsonl", body: strings.Repeat("x", ledger.MaxDocument+1), status: 413, says: "larger than 4194304 bytes"},
		{name: "evidence without a pinned key", method: "PUT", path: evidencePath, contentType: "application/jsonl", body: kept, noKey: true, status: 403, says: "no key is pinned"},

		{name: "a deployment", method: "PUT", path: broken, contentType: "application/json", body: brokenRecord, status: 201, says: "digest"},
		{name: "the same deployment again", method: "PUT", path: approved, contentType: "application/json", body: approvedRecord, status: 200, says: "digest"},
		{name: "a deployment by another key", method: "PUT", path: strange, contentType: "application/json", body: strangeRecord, status: 403, says: "a key other than the pinned one"},
		{name: "a deployment under another digest", method: "PUT", path: approved, contentType: "application/json", body: brokenRecord, status: 400, says: "the body's SHA-256 is"},
		{name: "a deployment of another commit", method: "PUT", path: strings.Replace(ofOther, other, commit, 1), contentType: "application/json", body: ofOtherRecord, status: 403, says: "of commit"},
		{name: "a deployment that is none", method: "PUT", path: "/releases/" + commit + "/deployments/" + digest(lint), contentType: "application/json", body: lint, status: 403, says: "not what was signed"},

		{name: "a release as JSON", method: "GET", path: "/releases/" + commit, accept: "application/json", authorization: good, status: 200, says: `"evidence":["` + digest(kept) + `"],"deployments":[{"finishedOn"`},
		{name: "a release as HTML", method: "GET", path: "/releases/" + commit, accept: "text/html,application/xhtml+xml", authorization: good, status: 200, says: "arn:aws:iam::111122223333:user/approver: seen"},
		{name: "the assessment", method: "GET", path: evidencePath + "/" + digest(kept) + "/assessment", authorization: good, status: 200, says: "<h1>GO</h1>"},
		{name: "the bundle", method: "GET", path: evidencePath + "/" + digest(kept), authorization: good, status: 200, says: kept},
		{name: "a bundle that is not kept", method: "GET", path: evidencePath + "/" + digest(later), authorization: good, status: 404, says: "nothing is kept"},
		{name: "by the link of a browser", method: "GET", path: evidencePath + "/" + digest(kept) + "/assessment?token=" + p.token(commit, now.Add(time.Second)), status: 200, says: "<h1>GO</h1>"},
		{name: "without a token", method: "GET", path: "/releases/" + commit, status: 401, says: "holders of a link token"},
		{name: "the list without a token", method: "GET", path: "/releases", status: 401, says: "holders of a link token"},
		{name: "with an expired token", method: "GET", path: "/releases/" + commit + "?token=" + p.token(commit, now), status: 403, says: "has expired"},
		{name: "with a forged token", method: "GET", path: "/releases/" + commit + "?token=" + stranger.token(commit, now.Add(time.Hour)), status: 403, says: "not signed with the pinned key"},
		{name: "with the token of another commit", method: "GET", path: "/releases/" + commit + "?token=" + p.token(other, now.Add(time.Hour)), status: 403, says: "is for commit " + other},
		{name: "with a token and no pinned key", method: "GET", path: "/releases", authorization: good, noKey: true, status: 403, says: "no key is pinned"},
		{name: "a release that nobody knows", method: "GET", path: "/releases/" + other, authorization: "Bearer " + p.token(other, now.Add(time.Hour)), status: 404, says: "nothing is kept"},
		{name: "an assessment that nobody knows", method: "GET", path: "/releases/" + other + "/evidence/" + digest(kept) + "/assessment", authorization: "Bearer " + p.token(other, now.Add(time.Hour)), status: 404, says: "nothing is kept"},
		{name: "the list as JSON", method: "GET", path: "/releases", authorization: good, status: 200, says: `{"releases":[{"commit":"` + commit},
		{name: "the list as HTML", method: "GET", path: "/releases", accept: "text/html", authorization: good, status: 200, says: `<a href="/releases/` + commit},

		{name: "a store that fails", method: "GET", path: "/releases", authorization: good, err: io.ErrUnexpectedEOF, status: 500, says: "the log has the reason"},
		{name: "a method that is not served", method: "DELETE", path: "/releases/" + commit, status: 405, says: "Method Not Allowed"},
		{name: "a path that is not served", method: "GET", path: "/", status: 404, says: "not found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			before := map[string]string{
				"releases/" + commit + "/evidence.intoto.jsonl": kept,
				strings.TrimPrefix(approved, "/") + ".json":     approvedRecord,
				"releases/" + commit + "/evidence.json":         `{"of":"an older ledger"}`,
			}
			store := &memory{kept: map[string][]byte{}, err: tt.err}
			for name, document := range before {
				store.kept[name] = []byte(document)
			}
			keys := evidence.Trust(p.Key)
			if tt.noKey {
				keys = nil
			}
			r := httptest.NewRequest(tt.method, tt.path, strings.NewReader(tt.body))
			r.Header.Set("Content-Type", tt.contentType)
			r.Header.Set("Accept", tt.accept)
			r.Header.Set("Authorization", tt.authorization)
			w := httptest.NewRecorder()
			newServer(store, keys).ServeHTTP(w, r)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) {
				t.Errorf("%s %s = %d %s\nwant %d and %s", tt.method, tt.path, w.Code, w.Body, tt.status, tt.says)
			}
			for name, document := range store.kept {
				if tt.status >= 400 && string(document) != before[name] {
					t.Errorf("a refused request changed %s to %s", name, document)
				}
			}
		})
	}
}

// TestBrokenGlassIsImpossibleToMiss holds that a deployment against the
// evidence is the first thing that both pages say.
func TestBrokenGlassIsImpossibleToMiss(t *testing.T) {
	t.Parallel()
	p := pipeline{t, evidencetest.NewSigner(t)}
	path, record := p.deployment(commit, evidence.Deployment{Stage: "production",
		BreakGlass: &evidence.BreakGlass{Reason: "the <house> burns", By: "arn:aws:iam::111122223333:user/fire", Refused: "the verdict is NO-GO"}})
	store := &memory{kept: map[string][]byte{strings.TrimPrefix(path, "/") + ".json": []byte(record)}}
	for _, page := range []string{"/releases", "/releases/" + commit} {
		r := httptest.NewRequest(http.MethodGet, page+"?token="+p.token(commit, now.Add(time.Hour)), nil)
		r.Header.Set("Accept", "text/html")
		w := httptest.NewRecorder()
		newServer(store, evidence.Trust(p.Key)).ServeHTTP(w, r)
		alert, list := strings.Index(w.Body.String(), `role="alert">Break glass: deployed to production against the evidence`), strings.Index(w.Body.String(), "<ol")
		if alert < 0 || alert > list || !strings.Contains(w.Body.String(), "the &lt;house&gt; burns”. It had been refused: the verdict is NO-GO") {
			t.Errorf("%s = %d %s", page, w.Code, w.Body)
		}
	}
}

func digest(document string) string {
	sum := sha256.Sum256([]byte(document))
	return hex.EncodeToString(sum[:])
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
