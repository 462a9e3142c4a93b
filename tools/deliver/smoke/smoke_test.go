package smoke_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/deliver/smoke"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/evidencetest"
	"github.com/magewright/magewright/tools/internal/clock"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

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
		fails  string
	}{
		{name: "a stage that works"},
		{
			name:   "another commit answers",
			broken: map[string]http.HandlerFunc{"GET /healthz": answer(200, `{"commit":"older"}`)},
			fails:  `commit "older" answers, want "` + commit,
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
			fails:  "was recorded, and none of 1 is it",
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
			server := httptest.NewServer(ledger(tt.broken))
			t.Cleanup(server.Close)
			c := clock.NewManual(time.Unix(0, 0))
			go passTime(t, c)
			result, err := smoke.Exercise(t.Context(), target(t, server.URL, c))
			if (err == nil) != (tt.fails == "") || err != nil && !strings.Contains(err.Error(), tt.fails) {
				t.Fatalf("Exercise = %v, want an error with %q", err, tt.fails)
			}
			if err == nil && (result.Commit != commit || len(result.Checks) != 5) {
				t.Errorf("the evidence is %+v", result)
			}
		})
	}
}

func target(t *testing.T, url string, c clock.Clock) smoke.Target {
	return smoke.Target{
		Record: evidence.Deployment{Stage: "staging", URL: url},
		Commit: commit, Signer: evidencetest.NewSigner(t), Clock: c,
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
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if starts > 0 {
			starts--
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		healthy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	c := clock.NewManual(time.Unix(0, 0))
	go passTime(t, c)
	if _, err := smoke.Exercise(t.Context(), target(t, server.URL, c)); err != nil {
		t.Error(err)
	}
}
