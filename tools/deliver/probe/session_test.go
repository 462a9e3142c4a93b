package probe_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/deliver/probe"
	"github.com/magewright/magewright/tools/internal/clock"
)

func expression(text string) *regexp.Regexp { return regexp.MustCompile(text) }

// steps parses what a test declares, and adds a probe to it.
func steps(t *testing.T, file string) probe.Steps {
	t.Helper()
	declared, err := probe.Parse([]byte(file + "\n- {method: GET, path: probe, status: 200, probe: true}\n"))
	if err != nil {
		t.Fatal(err)
	}
	return declared[:len(declared)-1]
}

// do takes steps until one of them fails.
func do(ctx context.Context, s *probe.Session, declared probe.Steps) (results []probe.Result, err error) {
	for _, step := range declared {
		result, err := s.Do(ctx, step)
		if err != nil {
			return results, err
		}
		results = append(results, result)
	}
	return results, nil
}

// TestExpectations holds, for each expectation, an answer that meets it, one that
// does not, and what is said of the latter.
func TestExpectations(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		expect       string
		answer       string // to a GET, with the header Kind: order
		status       int
		says, absent string
	}{
		{expect: "{}", answer: "not JSON"},
		{expect: "{}", status: 404, answer: "gone", says: "GET /it answered 404 gone, want 200"},
		{expect: "{}", status: 302, answer: "", says: "answered 302"},

		{expect: "{headers: {kind: order}}"},
		{expect: "{headers: {kind: {matches: '^ord'}}}"},
		{expect: "{headers: {kind: {exists: true}}}"},
		{expect: "{headers: {other: {exists: false}}}"},
		{expect: "{headers: {kind: bill}}", says: `header kind is "order", want "bill"`},
		{expect: "{headers: {kind: {matches: '^b'}}}", says: `header kind is "order", which does not match ^b`},
		{expect: "{headers: {other: {exists: true}}}", says: "header other is not there"},
		{expect: "{headers: {other: bill}}", says: "header other is not there"},
		{expect: "{headers: {kind: {exists: false}}}", says: `header kind is "order", but must not be there`},
		{expect: "{headers: {kind: '${stage}'}}", says: `want "staging"`},

		{expect: "{body: hello}", answer: "hello"},
		{expect: "{body: 7}", answer: "7"},
		{expect: "{body: {matches: ell}}", answer: "hello"},
		{expect: "{body: {exists: false}}", answer: ""},
		{expect: "{body: {exists: false}}", answer: "a", says: "the body is \"a\", but must not be there"},
		{expect: "{body: hello}", answer: "hello\n", says: `the body is "hello\n", want "hello"`},
		{expect: "{body: {matches: '^ell'}}", answer: "hello", says: "which does not match ^ell"},

		{expect: "{json: {/state: done}}", answer: `{"state":"done"}`},
		{expect: "{json: {/state: {equals: done}}}", answer: `{"state":"done"}`},
		{expect: "{json: {/state: {matches: 'on'}}}", answer: `{"state":"done"}`},
		{expect: "{json: {/number: {matches: '^1[.]5$'}}}", answer: `{"number":1.5}`},
		{expect: "{json: {/lines/1/of: 2}}", answer: `{"lines":[0,{"of":2.0}]}`},
		{expect: "{json: {/a~1b/~0: true}}", answer: `{"a/b":{"~":true}}`},
		{expect: "{json: {/commit: '${commit}'}}", answer: `{"commit":"c0ffee"}`},
		{expect: "{json: {/text: '$${commit}'}}", answer: `{"text":"${commit}"}`},
		{expect: "{json: {/text: 'of ${commit}'}}", answer: `{"text":"of c0ffee"}`},
		{expect: "{json: {'': [1, {a: null}]}}", answer: `[1, {"a": null}]`},
		{expect: "{json: {/a: null}}", answer: `{"a":null}`},
		{expect: "{json: {/a: {exists: true}}}", answer: `{"a":null}`},
		{expect: "{json: {/b: {exists: false}}}", answer: `{"a":null}`},
		{expect: "{json: {/a: 12345678901234567890}}", answer: `{"a":12345678901234567890}`},
		{expect: "{json: {/a: 12345678901234567890}}", answer: `{"a":12345678901234567891}`, says: "/a is 12345678901234567891, want 12345678901234567890"},
		{expect: "{json: {/a: 1}}", answer: `{"a":"1"}`, says: `/a is "1", want 1`},
		{expect: "{json: {/a: null}}", answer: `{}`, says: "/a is not there"},
		{expect: "{json: {/a: {exists: true}}}", answer: `{}`, says: "/a is not there"},
		{expect: "{json: {/a: {exists: false}}}", answer: `{"a":1}`, says: "/a is 1, but must not be there"},
		{expect: "{json: {/a: {equals: {b: 1}}}}", answer: `{"a":{"b":1,"c":2}}`, says: `/a is {"b":1,"c":2}, want {"b":1}`},
		{expect: "{json: {/a: [1]}}", answer: `{"a":{"b":1}}`, says: `want [1]`},
		{expect: "{json: {/a: x}}", answer: `{"a":[]}`, says: `/a is [], want "x"`},
		{expect: "{json: {/a/01: 1}}", answer: `{"a":[0,1]}`, says: "/a/01 is not there"},
		{expect: "{json: {/a/b: 1}}", answer: `{"a":1}`, says: "/a/b is not there"},
		{expect: "{json: {'': 1}}", answer: `2`, says: "the whole document is 2, want 1"},
		{expect: "{json: {/a: 1}}", answer: `<html>`, says: "the answer <html> is not JSON"},
		{expect: "{json: {/a: 1}}", answer: `{"a":1}{}`, says: "something follows the document"},
		{expect: "{json: {/a: 1}}", answer: strings.Repeat("x", 2000), says: "x... is not JSON"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Kind", "order")
			w.Header().Set("Location", "/elsewhere")
			if tt.status != 0 {
				w.WriteHeader(tt.status)
			}
			_, _ = io.WriteString(w, tt.answer)
		}))
		t.Cleanup(server.Close)
		session := &probe.Session{URL: server.URL, Clock: clock.System(), Values: map[string]any{"commit": "c0ffee", "stage": "staging"}}
		_, err := do(t.Context(), session, steps(t, "- {method: GET, path: it, status: 200, expect: "+tt.expect+"}"))
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s of %.100s: %v, want %q", tt.expect, tt.answer, err, tt.says)
		}
	}
}

// TestSession holds what is sent: methods, headers, bodies, tokens, and what was
// captured.
func TestSession(t *testing.T) {
	t.Parallel()
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		asked = append(asked, strings.Join([]string{r.Method, r.URL.String(), r.Host[:4], r.Header.Get("Content-Type"), r.Header.Get("Authorization"), r.Header.Get("X-Id"), string(body)}, "|"))
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"release":{"id":7,"name":"a b"},"all":[{"id":7}]}`)
	}))
	t.Cleanup(server.Close)
	session := &probe.Session{URL: server.URL + "/", Token: "link", Clock: clock.System(), Values: map[string]any{"stage": "staging"}}
	results, err := do(t.Context(), session, steps(t, `
- {method: POST, path: /releases, json: {stage: "${stage}"}, status: 201, token: true, capture: {id: /release/id, name: /release/name, all: /all}}
- {method: PUT, path: "releases/${id}?of=${stage}", headers: {X-Id: "n${id}", Content-Type: text/plain, Host: else.example}, body: "it is ${name}, not $${name}", status: 201}
- {method: PATCH, path: "releases/${id}", json: ["${id}", "${id}.", "${all}"], status: 201, expect: {json: {/release/id: "${id}", /all: "${all}"}}}
- {method: DELETE, path: "releases/${id}", status: 201}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`POST|/releases|127.|application/json|Bearer link||{"stage":"staging"}`,
		`PUT|/releases/7?of=staging|else|text/plain||n7|it is a b, not ${name}`,
		`PATCH|/releases/7|127.|application/json|||[7,"7.",[{"id":7}]]`,
		`DELETE|/releases/7|127.||||`,
	}
	if got := strings.Join(asked, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("asked\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	if len(results) != 4 || results[0].Method != http.MethodPost || results[0].Status != 201 || !strings.Contains(string(results[0].Body), "release") {
		t.Errorf("the results are %+v", results)
	}
	for file, says := range map[string]string{
		"- {method: GET, path: a, status: 201, capture: {x: /nowhere}}":  "the answer has no /nowhere to capture as x",
		"- {method: GET, path: a, status: 201, headers: {A: \"b\\nc\"}}": "invalid header field value",
		"- {method: GET, path: \"%zz\", status: 201}":                    "invalid URL escape",
	} {
		if _, err := do(t.Context(), session, steps(t, file)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %s", file, err, says)
		}
	}
	session.URL = ""
	if _, err := do(t.Context(), session, steps(t, "- {method: GET, path: a, status: 200}")); err == nil || !strings.Contains(err.Error(), "GET /a: the stage has no URL; invoke its function instead") {
		t.Errorf("without a URL: %v", err)
	}
	session.URL, session.Values = server.URL, nil
	if _, err := do(t.Context(), session, steps(t, `- {method: GET, path: "${stage}", status: 200}`)); err == nil || !strings.Contains(err.Error(), "${stage} has no value") {
		t.Errorf("without a value: %v", err)
	}
}

// TestWithin holds that a step is tried again until it succeeds or its time is
// over, and one without a time is not.
func TestWithin(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		within string
		works  int // from which try on
		says   string
		tries  int
	}{
		{within: ", within: 3s", works: 3, tries: 3},
		{within: ", within: 3s", works: 100, says: "it did not succeed within 3s: GET /a: /ready is false, want true", tries: 5},
		{within: "", works: 2, says: "GET /a: /ready is false, want true", tries: 1},
	} {
		tries := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			tries++
			_ = json.NewEncoder(w).Encode(map[string]any{"ready": tries >= tt.works})
		}))
		t.Cleanup(server.Close)
		c := clock.NewManual(time.Unix(0, 0))
		go func() { // each pause ends at once
			for t.Context().Err() == nil {
				c.BlockUntil(1)
				c.Advance(time.Second)
			}
		}()
		session := &probe.Session{URL: server.URL, Clock: c}
		_, err := do(t.Context(), session, steps(t, "- {method: GET, path: a, status: 200, expect: {json: {/ready: true}}"+tt.within+"}"))
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) || tries != tt.tries {
			t.Errorf("%+v: %d tries, %v", tt, tries, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	session := &probe.Session{URL: "http://127.0.0.1:1", Clock: clock.NewManual(time.Unix(0, 0))}
	if _, err := do(ctx, session, steps(t, "- {method: GET, path: a, status: 200, within: 3s}")); !errors.Is(err, context.Canceled) {
		t.Errorf("after an interruption: %v", err)
	}
}

// TestInvoke holds what counts as success of an invocation.
func TestInvoke(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		step            string
		payload, failed string
		err             error
		says            string
		status          int
	}{
		{step: "{invoke: {id: '${stage}'}, expect: {json: {/ok: true}}}", payload: `{"ok":true}`, status: 200},
		{step: "{invoke: {id: '${stage}'}, expect: {json: {/ok: true}}}", payload: `{"ok":false}`, says: "invoke: /ok is false, want true"},
		{step: "{invoke: {id: '${stage}'}}", payload: `{"errorType":"Bad"}`, failed: "Unhandled", says: `the invocation failed (Unhandled): {"errorType":"Bad"}`},
		{step: "{invoke: {id: '${stage}'}, expect: {error: true, json: {/errorType: Bad}}}", payload: `{"errorType":"Bad"}`, failed: "Unhandled", status: 400},
		{step: "{invoke: {id: '${stage}'}, expect: {error: true}}", payload: `null`, says: "the invocation succeeded with null, but it must fail"},
		{step: "{invoke: {id: '${stage}'}}", err: errors.New("denied"), says: "denied"},
	} {
		session := &probe.Session{Clock: clock.System(), Values: map[string]any{"stage": "staging"}, Invoke: func(_ context.Context, _ string, event []byte) ([]byte, string, error) {
			if string(event) != `{"id":"staging"}` {
				t.Errorf("the event is %s", event)
			}
			return []byte(tt.payload), tt.failed, tt.err
		}}
		results, err := do(t.Context(), session, steps(t, "- "+tt.step))
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", tt.step, err, tt.says)
		}
		if err == nil && (results[0].Method != "INVOKE" || results[0].Status != tt.status) {
			t.Errorf("%s: %+v", tt.step, results)
		}
	}
}
