package smoke_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/deliver/probe"
	"github.com/magewright/magewright/tools/deliver/smoke"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/evidencetest"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/project/stack/stacktest"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

// pkg is the SHA-256 of the release's deployment package.
var pkg = strings.Repeat("a", 64)

// ledger answers as the release ledger does, but for what a test breaks.
func ledger(broken map[string]http.HandlerFunc) http.Handler {
	var kept []string
	mux := http.NewServeMux()
	handle := func(pattern string, h http.HandlerFunc) {
		if b, ok := broken[pattern]; ok {
			h = b
		}
		mux.HandleFunc(pattern, h)
	}
	handle("GET /releases", answer(http.StatusOK, "[]"))
	handle("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"commit":"`+commit+`"}`)
	})
	handle("PUT /releases/"+commit+"/deployments/{digest}", func(w http.ResponseWriter, r *http.Request) {
		kept = append(kept, r.PathValue("digest"))
		w.WriteHeader(http.StatusCreated)
	})
	handle("GET /releases/"+commit, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, `{"commit":"`+commit+`","deployments":[{"digest":"`+strings.Join(kept, `"},{"digest":"`)+`"}]}`)
	})
	handle("PUT /releases/"+commit+"/evidence", answer(http.StatusForbidden, "{}"))
	handle("PUT /releases/not-a-commit/evidence", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
	})
	return mux
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestExercise(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		broken map[string]http.HandlerFunc
		served stack.Served // the release where it is none
		said   string       // of the functions, the commit where it is ""
		fails  string
	}{
		{name: "a stage that works"},
		{
			name:   "functions of uncommitted files",
			broken: map[string]http.HandlerFunc{"GET /healthz": answer(200, `{"commit":"`+commit+`-dirty"}`)},
			said:   commit + "-dirty",
		},
		{
			name:   "another commit answers",
			broken: map[string]http.HandlerFunc{"GET /healthz": answer(200, `{"commit":"older"}`)},
			fails:  `the deployed commit answers: it did not succeed within 30s: GET /healthz: /commit is "older", want "` + commit,
		},
		{
			name:   "another package serves",
			served: stack.Served{Version: "3", Package: strings.Repeat("b", 64)},
			fails:  "version 3 serves a package with SHA-256 bbbbbbbbbbbb, but the release's package has aaaaaaaaaaaa",
		},
		{
			name:   "traffic shifts",
			served: stack.Served{Version: "3", Package: pkg, Shares: map[string]float64{"4": 0.25}},
			fails:  "versions 3 (75 %) 4 (25 %) share the traffic",
		},
		{
			name:   "the function fails",
			broken: map[string]http.HandlerFunc{"GET /healthz": answer(502, `{"Message":"Internal Server Error"}`)},
			fails:  "answered 502",
		},
		{
			name:   "nothing can be written",
			broken: map[string]http.HandlerFunc{"PUT /releases/" + commit + "/deployments/{digest}": answer(500, "{}")},
			fails:  "the deployment is recorded: PUT",
		},
		{
			name:   "another record is read",
			broken: map[string]http.HandlerFunc{"GET /releases/" + commit: answer(200, `{"deployments":[{"digest":"other"}]}`)},
			fails:  "was recorded, but it is not among the 1",
		},
		{
			name:   "unsigned evidence is taken",
			broken: map[string]http.HandlerFunc{"PUT /releases/" + commit + "/evidence": answer(201, "{}")},
			fails:  "evidence nobody signed is refused: PUT",
		},
		{
			name:   "bad input is taken",
			broken: map[string]http.HandlerFunc{"PUT /releases/not-a-commit/evidence": answer(201, "{}")},
			fails:  "a bad commit is refused: PUT",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := clock.NewManual(time.Unix(0, 0))
			go passTime(t, c)
			exercised := target(t, ledger(tt.broken), tt.served, c)
			exercised.Said = tt.said
			result, err := smoke.Exercise(t.Context(), exercised)
			if (err == nil) != (tt.fails == "") || err != nil && !strings.Contains(err.Error(), tt.fails) {
				t.Fatalf("Exercise = %v, want an error with %q", err, tt.fails)
			}
			if err == nil && (result.Commit != commit || result.Version != "3" || result.Package != pkg || len(result.Checks) != 6) {
				t.Errorf("the evidence is %+v", result)
			}
		})
	}
}

// target is a stage that an application answers for, and what is exercised of it.
func target(t *testing.T, app http.Handler, served stack.Served, c clock.Clock) smoke.Target {
	t.Helper()
	if served.Version == "" {
		served = stack.Served{Version: "3", Package: pkg}
	}
	cfg := stacktest.Start(t, stacktest.Stage{Outputs: stacktest.Outputs(), Served: served}, app)
	return smoke.Target{
		AWS: cfg, Outputs: stack.Outputs{FunctionURL: *cfg.BaseEndpoint + "/", FunctionName: "service", AliasName: "live"}, Steps: declared(t, ""),
		Record: evidence.Deployment{Stage: "staging"},
		Commit: commit, Package: pkg, Signer: evidencetest.NewSigner(t), Clock: c,
	}
}

// declared are the steps of a file, or this project's own.
func declared(t *testing.T, file string) probe.Steps {
	t.Helper()
	steps, err := probe.Parse([]byte(file))
	if file == "" {
		steps, err = probe.Load("../../..")
	}
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

// TestAServiceOfAnyKind holds that a stage which is no ledger is exercised by
// what is declared of it alone, and is not asked for its health.
func TestAServiceOfAnyKind(t *testing.T) {
	t.Parallel()
	var asked []string
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path)
		if r.URL.Path == "/2015-03-31/functions/service/invocations" {
			_, _ = io.WriteString(w, `{"pong":"`+r.URL.Query().Get("Qualifier")+`"}`)
			return
		}
		_, _ = io.WriteString(w, `{"id":7}`)
	})
	released := target(t, app, stack.Served{}, clock.System())
	released.Signer = nil // nothing is signed
	released.Steps = declared(t, `
- {name: an order is taken, method: POST, path: orders, json: {of: "${version}"}, status: 200, capture: {id: /id}}
- {method: GET, path: "orders/${id}", status: 200}
- {invoke: {kind: ping}, probe: true, expect: {json: {/pong: live}}}
`)
	result, err := smoke.Exercise(t.Context(), released)
	if err != nil || result.Commit != commit || result.Version != "3" || len(result.Checks) != 3 {
		t.Fatalf("%+v, %v", result, err)
	}
	if got, want := strings.Join(asked, ", "), "POST /orders, GET /orders/7, POST /2015-03-31/functions/service/invocations"; got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
	if last := result.Checks[2]; last.Name != "invoke" || last.Method != "INVOKE" || last.Status != 200 {
		t.Errorf("the invocation is %+v", last)
	}
	released.Outputs.FunctionURL, released.Steps = "", released.Steps[2:]
	if result, err = smoke.Exercise(t.Context(), released); err != nil || result.URL != "" || len(result.Checks) != 1 {
		t.Errorf("without a URL: %+v, %v", result, err)
	}
	released.Steps[0].Exercise = "dance"
	if _, err = smoke.Exercise(t.Context(), released); err == nil || !strings.Contains(err.Error(), "there is no exercise dance") {
		t.Errorf("an exercise that there is not: %v", err)
	}
}

// TestTheVersionChangesMeanwhile holds that what was exercised is what serves.
func TestTheVersionChangesMeanwhile(t *testing.T) {
	t.Parallel()
	version := 3
	aliases := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/aliases/live"):
			_, _ = fmt.Fprintf(w, `{"FunctionVersion":"%d"}`, version)
		case strings.HasSuffix(r.URL.Path, "/configuration"):
			digest := strings.Repeat("\xaa", 32) // pkg
			_, _ = fmt.Fprintf(w, `{"CodeSha256":%q}`, base64.StdEncoding.EncodeToString([]byte(digest)))
		default:
			version++ // a deployment of the same package
		}
	}))
	t.Cleanup(aliases.Close)
	released := target(t, nil, stack.Served{}, clock.System())
	released.AWS.BaseEndpoint, released.Outputs.FunctionURL = &aliases.URL, aliases.URL
	released.Steps = declared(t, "- {method: GET, path: a, status: 200}")
	if _, err := smoke.Exercise(t.Context(), released); err == nil || !strings.Contains(err.Error(), "version 4 serves, but version 3 served when the steps began") {
		t.Errorf("the error is %v", err)
	}
}

// passTime lets each pause of the code under test end at once.
func passTime(t *testing.T, c *clock.Manual) {
	for t.Context().Err() == nil {
		c.BlockUntil(1)
		c.Advance(time.Second)
	}
}

func TestAStageThatStartsSlowlyIsWaitedFor(t *testing.T) {
	t.Parallel()
	starts := 3
	healthy := ledger(nil)
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if starts > 0 {
			starts--
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		healthy.ServeHTTP(w, r)
	})
	c := clock.NewManual(time.Unix(0, 0))
	go passTime(t, c)
	released := target(t, slow, stack.Served{}, c)
	released.Steps[0].Within = 0 // it is waited for without being told
	if _, err := smoke.Exercise(t.Context(), released); err != nil {
		t.Error(err)
	}
}
