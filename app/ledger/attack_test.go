package ledger_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/magewright/magewright/app/ledger"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/evidencetest"
)

// ask sends a request to a ledger and returns its answer.
func ask(h http.Handler, method, path, contentType, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestAttackByManyLines sends documents that nobody has signed, and that would become
// hundreds of megabytes if they were decoded. The function has 256.
func TestAttackByManyLines(t *testing.T) {
	p := pipeline{t, evidencetest.NewSigner(t)}
	store := &memory{kept: map[string][]byte{}}
	server := newServer(store, evidence.Trust(p.Key))
	signed := strings.SplitAfter(p.bundle(commit, "page"), "\n")[0]
	fill := func(begin, part, end string) string {
		return begin + strings.Repeat(part, (ledger.MaxDocument-len(begin)-len(end))/len(part)) + end
	}
	for _, tt := range []struct{ name, body, says string }{
		{"small envelopes", fill("", "{}\n", ""), "line 1: it is not signed"},
		{"small envelopes behind one that is signed", fill(signed, "{}\n", ""), "line 2: it is not signed"},
		{"empty lines", fill("", "\n", ""), "line 1 is not an envelope"},
		{"signed lines, again and again", fill("", signed, ""), "it has more than 256 lines"},
		{"signatures", fill(`{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[{}`, ",{}", "]}"), "its signatures are larger than 8192 bytes"},
		{"nested lists", fill("", "[", ""), "line 1 is not an envelope"},
		{"nested lists of signatures", fill(`{"signatures":`, "[", ""), "line 1 is not an envelope"},
		{"a large payload", fill(`{"payload":"`, "AAAA", `","signatures":[{"keyid":"`+p.ID()+`","sig":"AAAA"}]}`), "its content is not what was signed"},
	} {
		for _, path := range []string{"/releases/" + commit + "/evidence", "/releases/" + commit + "/deployments/" + digest(tt.body)} {
			contentType := "application/jsonl"
			if strings.Contains(path, "deployments") {
				contentType = "application/json"
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			w := ask(server, http.MethodPut, path, contentType, tt.body)
			runtime.ReadMemStats(&after)
			if strings.Contains(path, "deployments") {
				if w.Code != http.StatusRequestEntityTooLarge {
					t.Errorf("%s: a deployment: %d %s", tt.name, w.Code, w.Body)
				}
			} else if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), tt.says) {
				t.Errorf("%s: %d %.300s, want %q", tt.name, w.Code, w.Body, tt.says)
			}
			// All that was allocated, not what was in use at once.
			if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 64 {
				t.Errorf("%s: %d MiB were allocated for %d of a request", tt.name, used, len(tt.body)>>20)
			}
			if len(store.kept) > 0 {
				t.Fatalf("%s: it was kept", tt.name)
			}
		}
	}
}

// TestAttackByLink reads by links that the key has signed, but not for that.
func TestAttackByLink(t *testing.T) {
	t.Parallel()
	p := pipeline{t, evidencetest.NewSigner(t)}
	other := strings.Repeat("f", 40)
	store := &memory{kept: map[string][]byte{}}
	for _, of := range []string{commit, other} {
		path, record := p.deployment(of, evidence.Deployment{Stage: "production", Version: "8 of " + of})
		store.kept[strings.TrimPrefix(path, "/")+".json"] = []byte(record)
		store.kept["releases/"+of+"/evidence.intoto.jsonl"] = []byte(p.bundle(of, "<h1>"+of+"</h1>"))
	}
	server := newServer(store, evidence.Trust(p.Key))
	for _, page := range []string{"/releases", "/releases/" + commit} {
		for _, accept := range []string{"text/html", "application/json"} {
			r := httptest.NewRequest(http.MethodGet, page+"?token="+p.token(commit, now.Add(time.Hour)), nil)
			r.Header.Set("Accept", accept)
			w := httptest.NewRecorder()
			server.ServeHTTP(w, r)
			if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "8 of "+commit) || strings.Contains(w.Body.String(), other) {
				t.Errorf("%s as %s = %d %s", page, accept, w.Code, w.Body)
			}
		}
	}
	for _, tt := range []struct{ path, commit, says string }{
		{"/releases/" + other, commit, "the link token is for commit " + commit},
		{"/releases/" + other + "/evidence/" + digest(p.bundle(other, "")), commit, "the link token is for commit " + commit},
		{"/releases", "", "the link token is for no commit"},
		{"/releases/", "", "not found"},
		{"/releases", "..", "the link token is for no commit"},
	} {
		w := ask(server, http.MethodGet, tt.path+"?token="+p.token(tt.commit, now.Add(time.Hour)), "", "")
		if w.Code < 400 || !strings.Contains(w.Body.String(), tt.says) || strings.Contains(w.Body.String(), "8 of") {
			t.Errorf("%s by a token for %q = %d %s, want %q", tt.path, tt.commit, w.Code, w.Body, tt.says)
		}
	}
	if w := ask(server, http.MethodGet, "/releases?token="+p.token(commit, now.AddDate(1, 0, 0)), "", ""); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "valid for too long") {
		t.Errorf("by a token for a year: %d %s", w.Code, w.Body)
	}
}

// TestAttackByAFrame holds that no answer is shown in another page, taken for
// another type or kept on the way.
func TestAttackByAFrame(t *testing.T) {
	t.Parallel()
	p := pipeline{t, evidencetest.NewSigner(t)}
	store := &memory{kept: map[string][]byte{"releases/" + commit + "/evidence.intoto.jsonl": []byte(p.bundle(commit, "<h1>GO</h1>"))}}
	server := newServer(store, evidence.Trust(p.Key))
	token := "?token=" + p.token(commit, now.Add(time.Hour))
	bundle := "/releases/" + commit + "/evidence/" + digest(string(store.kept["releases/"+commit+"/evidence.intoto.jsonl"]))
	for _, path := range []string{"/healthz", "/nothing", "/releases", "/releases" + token, "/releases/" + commit + token, bundle + token, bundle + "/assessment" + token} {
		w := ask(server, http.MethodGet, path, "", "")
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Content-Security-Policy": "frame-ancestors 'none'",
			"Strict-Transport-Security": "max-age=31536000", "Referrer-Policy": "no-referrer",
		} {
			if got := w.Header().Get(name); !strings.Contains(got, want) {
				t.Errorf("%s: %d, %s is %q", path, w.Code, name, got)
			}
		}
	}
}

// TestAttackByAReplacedKey replaces the key: what it has signed in its time is shown,
// nothing that it signs later is accepted, and no record hides the others.
func TestAttackByAReplacedKey(t *testing.T) {
	t.Parallel()
	old, fresh, stranger := pipeline{t, evidencetest.NewSigner(t)}, pipeline{t, evidencetest.NewSigner(t)}, pipeline{t, evidencetest.NewSigner(t)}
	store := &memory{kept: map[string][]byte{}} // an hour ago
	for i, by := range []pipeline{old, fresh, stranger} {
		path, record := by.deployment(commit, evidence.Deployment{Stage: "production", Version: fmt.Sprintf("version-%d", i)})
		store.kept[strings.TrimPrefix(path, "/")+".json"] = []byte(record)
	}
	store.kept["releases/"+commit+"/evidence.intoto.jsonl"] = []byte(old.bundle(commit, "<h1>GO</h1>"))
	keys, err := evidence.ParseKeys(old.String() + "@.." + now.Add(-30*time.Minute).Format(time.RFC3339) + "," + fresh.String() + "@" + now.Add(-90*time.Minute).Format(time.RFC3339) + "..")
	if err != nil {
		t.Fatal(err)
	}
	server := newServer(store, keys)
	token := "?token=" + fresh.token(commit, now.Add(time.Hour))
	for _, page := range []string{"/releases", "/releases/" + commit} {
		w := ask(server, http.MethodGet, page+token, "", "")
		body := w.Body.String()
		if w.Code != http.StatusOK || !strings.Contains(body, "version-0") || !strings.Contains(body, "version-1") || strings.Contains(body, "version-2") || !strings.Contains(body, `"unreadable":["`) {
			t.Errorf("%s = %d %s", page, w.Code, body)
		}
	}
	first := string(store.kept["releases/"+commit+"/evidence.intoto.jsonl"])
	if w := ask(server, http.MethodGet, "/releases/"+commit+"/evidence/"+digest(first)+"/assessment"+token, "", ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "<h1>GO</h1>") {
		t.Errorf("the page that the old key has signed: %d %s", w.Code, w.Body)
	}
	if w := ask(server, http.MethodGet, "/releases?token="+old.token(commit, now.Add(time.Hour)), "", ""); w.Code != http.StatusForbidden {
		t.Errorf("a link of the old key: %d %s", w.Code, w.Body)
	}
	kept := len(store.kept)
	later := old.bundle(commit, "<h1>GO, says the old key</h1>")
	if w := ask(server, http.MethodPut, "/releases/"+commit+"/evidence/"+digest(later), "application/jsonl", later); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "a key that does not count at that time") {
		t.Errorf("evidence of the old key: %d %s", w.Code, w.Body)
	}
	path, record := old.deployment(commit, evidence.Deployment{Stage: "production"})
	if w := ask(server, http.MethodPut, path, "application/json", record); w.Code != http.StatusForbidden || len(store.kept) != kept {
		t.Errorf("a deployment of the old key: %d %s", w.Code, w.Body)
	}
}
