package console_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/localaws"
)

// secret returns the secret in the console's link.
func (w *world) secret() string {
	_, secret, _ := strings.Cut(w.console.Link(), "#")
	return secret
}

// An answered request.
type answered struct {
	StatusCode int
	Status     string
	Header     http.Header
}

// ask sends a request to the console.
func (w *world) ask(method, path, body string, headers map[string]string) (answered, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+localaws.ConsolePath+path, strings.NewReader(body))
	w.must(err)
	for name, value := range headers {
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(r) // #nosec G704 -- the test's own endpoint
	w.must(err)
	text, err := io.ReadAll(response.Body)
	w.must(err)
	_ = response.Body.Close()
	return answered{response.StatusCode, response.Status, response.Header}, string(text)
}

// TestAttackTheConsoleFromAPage holds that another web page can't use the console, even
// if it had the secret, and that a name that it has rebound leads nowhere.
func TestAttackTheConsoleFromAPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	own, err := url.Parse(w.server.URL)
	w.must(err)
	const stop = `{"Pipeline":"p","Execution":"e"}`
	for name, tt := range map[string]struct {
		headers map[string]string
		status  int
	}{
		"its own page":               {map[string]string{"Origin": w.server.URL, "Sec-Fetch-Site": "same-origin"}, http.StatusBadRequest},
		"its own page by its name":   {map[string]string{"Host": "localhost:" + own.Port(), "Origin": "http://localhost:" + own.Port(), "Sec-Fetch-Site": "same-origin"}, http.StatusBadRequest},
		"another site":               {map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, http.StatusForbidden},
		"a page in a sandbox":        {map[string]string{"Origin": "null"}, http.StatusForbidden},
		"another port":               {map[string]string{"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"}, http.StatusForbidden},
		"the page of an API":         {map[string]string{"Origin": "http://abc.execute-api.localhost:" + own.Port(), "Sec-Fetch-Site": "same-site"}, http.StatusForbidden},
		"the same origin by a name":  {map[string]string{"Origin": "http://localhost:" + own.Port()}, http.StatusForbidden},
		"https":                      {map[string]string{"Origin": "https://" + own.Host}, http.StatusForbidden},
		"a browser that says so":     {map[string]string{"Sec-Fetch-Site": "cross-site"}, http.StatusForbidden},
		"a form that is sent":        {map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, http.StatusForbidden},
		"a rebound name":             {map[string]string{"Host": "evil.example:" + own.Port(), "Origin": "http://evil.example:" + own.Port()}, http.StatusForbidden},
		"a name below localhost":     {map[string]string{"Host": "evil.localhost:" + own.Port(), "Origin": "http://evil.localhost:" + own.Port()}, http.StatusForbidden},
		"a bucket's name":            {map[string]string{"Host": "evil.s3.localhost:" + own.Port()}, http.StatusForbidden},
		"an address of this machine": {map[string]string{"Host": "127.0.0.2:" + own.Port()}, http.StatusForbidden},
	} {
		tt.headers["Authorization"] = "Bearer " + w.secret()
		if response, text := w.ask(http.MethodPost, "api/stop", stop, tt.headers); response.StatusCode != tt.status {
			t.Errorf("%s: %s: %s", name, response.Status, text)
		}
	}
	// A link from elsewhere leads to the page, in a window, and never in a frame.
	from := map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
	if response, text := w.ask(http.MethodGet, "", "", from); response.StatusCode != http.StatusOK || strings.Contains(text, w.secret()) {
		t.Errorf("a link: %s: %s", response.Status, text)
	}
	from["Sec-Fetch-Dest"] = "iframe"
	if response, _ := w.ask(http.MethodGet, "", "", from); response.StatusCode != http.StatusForbidden {
		t.Errorf("a frame: %s", response.Status)
	}
	// What a preflight asks for is not allowed.
	response, _ := w.ask(http.MethodOptions, "api/stop", "", map[string]string{"Origin": "https://evil.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"})
	if response.StatusCode != http.StatusForbidden || response.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a preflight: %s %v", response.Status, response.Header)
	}
}

// TestAttackTheConsoleWithoutItsSecret holds that another user of the machine can read
// nothing and do nothing, and that the files that anybody may read hold no secret.
func TestAttackTheConsoleWithoutItsSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := newWorld(t)
	if w.secret() == other.secret() || len(w.secret()) < 26 {
		t.Errorf("the secrets are %d characters, alike: %t", len(w.secret()), w.secret() == other.secret())
	}
	if strings.Contains(w.console.Link(), w.server.Credentials().SecretAccessKey) {
		t.Error("the link shows the secret of AWS's key")
	}
	for _, given := range []string{"", "Bearer ", "Bearer guessed", "Bearer " + other.secret(), "Bearer " + w.secret()[:20], "Bearer " + w.server.Credentials().SecretAccessKey, "Basic " + w.secret()} {
		for _, path := range []string{"GET api/watch?topics=%5B%7B%22kind%22:%22about%22%7D%5D", "GET api/artifact", "GET api/file", "GET api/none", "POST api/approve", "POST api/retry", "POST api/stop", "POST api/transition", "GET api/sent", "POST api/replay"} {
			method, at, _ := strings.Cut(path, " ")
			response, text := w.ask(method, at, "{}", map[string]string{"Authorization": given})
			if response.StatusCode != http.StatusUnauthorized || strings.Contains(text, person) {
				t.Errorf("%s with %q: %s: %s", path, given, response.Status, text)
			}
		}
	}
	// The secret in the query would be in logs and in the history.
	if response, _ := w.ask(http.MethodGet, "api/artifact?secret="+w.secret(), "", nil); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("the secret in the query: %s", response.Status)
	}
	for _, path := range []string{"", "app.js", "app.css", "page/x", "pipeline/x"} {
		if _, text := w.ask(http.MethodGet, path, "", nil); strings.Contains(text, w.secret()) {
			t.Errorf("%s shows the secret", path)
		}
	}
	if response, _ := w.ask(http.MethodGet, "page/guessed", "", nil); response.StatusCode != http.StatusNotFound {
		t.Errorf("a page that nobody has asked for: %s", response.Status)
	}
}

// TestAttackTheConsoleByWhatItShows holds that text from logs and files stays text: no
// script runs but the console's own, which never parses HTML. The same is tried in a
// browser, in TestBrowser.
func TestAttackTheConsoleByWhatItShows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"", "app.js", "pipeline/%3Cscript%3E", "api/none", "page/x"} {
		response, text := w.ask(http.MethodGet, path, "", nil)
		csp := response.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: the policy has no %s: %s", path, want, csp)
			}
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "http") || response.Header.Get("X-Content-Type-Options") != "nosniff" || response.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: %v", path, response.Header)
		}
		if path != "app.js" && strings.Contains(text, "<script>") {
			t.Errorf("%s: %s", path, text)
		}
	}
	script, err := os.ReadFile("dist/app.js")
	w.must(err)
	// Preact has code for dangerouslySetInnerHTML, which the policy keeps from working.
	for _, sink := range []string{"document.write", "insertAdjacentHTML", "outerHTML", "eval(", "new Function", "localStorage", "sessionStorage", "document.cookie"} {
		if strings.Contains(string(script), sink) {
			t.Errorf("the script has %s", sink)
		}
	}
	if external := regexp.MustCompile(`https?://[^"'`+"`"+` ]+`).FindAllString(string(script), -1); len(external) > 0 {
		for _, address := range external {
			if !strings.HasPrefix(address, "http://www.w3.org/") {
				t.Errorf("the script knows %s", address)
			}
		}
	}
}

// event reads the first event of topics.
func (w *world) event(topics string) json.RawMessage {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.server.URL+localaws.ConsolePath+"api/watch?topics="+url.QueryEscape(topics), nil)
	w.must(err)
	r.Header.Set("Authorization", "Bearer "+w.secret())
	response, err := http.DefaultClient.Do(r) // #nosec G704 -- the test's own endpoint
	w.must(err)
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body)
		w.t.Fatalf("%s: %s: %s", topics, response.Status, text)
	}
	return readEvent(w.t, response.Body)
}
