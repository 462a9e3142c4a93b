package probe_test

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/deliver/probe"
	"github.com/magewright/magewright/tools/project/exit"
)

// TestParse holds that every key is read, and which steps are probes.
func TestParse(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	for _, tt := range []struct {
		name, file string
		want       probe.Steps
	}{
		{
			"probes as they were before there were steps",
			"- {method: GET, path: healthz, status: 200} # needs nothing\n- {method: GET, path: releases, status: 200, token: true}\n",
			probe.Steps{
				{Name: "GET /healthz", Method: "GET", Path: "healthz", Status: 200, Probe: true},
				{Name: "GET /releases", Method: "GET", Path: "releases", Status: 200, Token: true, Probe: true},
			},
		},
		{
			"a request with all that one can have", `
- name: an order is taken
  method: POST
  path: /orders
  headers: {X-Stage: "${stage}", X-Number: 7}
  json: {of: [1, 1.5, true, null, "${commit}"], on: 2026-01-01, hex: 0x10}
  status: 201
  token: true
  within: 1m30s
  expect:
    headers: {Content-Type: application/json, Location: {matches: "^/orders/", exists: true}}
    body: {matches: id}
    json:
      /state: taken
      /lines/0: {equals: {of: 1}}
      /gone: {exists: false}
  capture: {id: /id, all: ""}
- {method: GET, path: "orders/${id}", status: 200}
- {method: GET, path: orders, status: 200, expect: {json: {/0/id: "${id}"}}}
- {method: DELETE, path: "orders/${id}", body: "a $${text}", status: 204}
`,
			probe.Steps{
				{
					Name: "an order is taken", Method: "POST", Path: "/orders", Headers: map[string]string{"X-Stage": "${stage}", "X-Number": "7"},
					JSON:   json.RawMessage(`{"hex":16,"of":[1,1.5,true,null,"${commit}"],"on":"2026-01-01"}`),
					Status: 201, Token: true, Within: 90 * time.Second,
					Expect: probe.Expectations{
						Headers: map[string]probe.Match{"Content-Type": {Equals: json.RawMessage(`"application/json"`)}, "Location": {Matches: expression("^/orders/"), Exists: &yes}},
						Body:    &probe.Match{Matches: expression("id")},
						JSON: map[string]probe.Match{
							"/state": {Equals: json.RawMessage(`"taken"`)}, "/lines/0": {Equals: json.RawMessage(`{"of":1}`)}, "/gone": {Exists: &no},
						},
					},
					Capture: map[string]string{"id": "/id", "all": ""},
				},
				{Name: "GET /orders/${id}", Method: "GET", Path: "orders/${id}", Status: 200},
				{
					Name: "GET /orders", Method: "GET", Path: "orders", Status: 200, Probe: true,
					Expect: probe.Expectations{JSON: map[string]probe.Match{"/0/id": {Equals: json.RawMessage(`"${id}"`)}}},
				},
				{Name: "DELETE /orders/${id}", Method: "DELETE", Path: "orders/${id}", Body: "a $${text}", Status: 204},
			},
		},
		{
			"invocations, an exercise, and who says what a probe is", `
- {invoke: {kind: ping}, probe: true, expect: {json: {"": ok}}}
- {invoke: [], function: Worker, expect: {error: true}}
- {exercise: ledger}
- {method: POST, path: search, status: 200, probe: true}
- {method: GET, path: dear, status: 200, probe: false}
`,
			probe.Steps{
				{Name: "invoke", Invoke: json.RawMessage(`{"kind":"ping"}`), Probe: true, Expect: probe.Expectations{JSON: map[string]probe.Match{"": {Equals: json.RawMessage(`"ok"`)}}}},
				{Name: "invoke Worker", Invoke: json.RawMessage(`[]`), Function: "Worker", Expect: probe.Expectations{Error: true}},
				{Name: "ledger", Exercise: "ledger"},
				{Name: "POST /search", Method: "POST", Path: "search", Status: 200, Probe: true},
				{Name: "GET /dear", Method: "GET", Path: "dear", Status: 200},
			},
		},
	} {
		got, err := probe.Parse([]byte(tt.file))
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %v\n%+v, want\n%+v", tt.name, err, got, tt.want)
		}
	}
	if steps, err := probe.Load("../../.."); err != nil || len(steps.Probes()) < 2 || !steps.Tokens() {
		t.Errorf("this project's own steps are %v, %v", steps, err)
	}
	if _, err := probe.Load(t.TempDir()); exit.Status(err) != exit.Environment || !strings.Contains(err.Error(), "infra/probes.yml") {
		t.Errorf("without a file: %v", err)
	}
}

// TestRefused holds what is refused, and that its line is named.
func TestRefused(t *testing.T) {
	t.Parallel()
	const get = "- {method: GET, path: a, status: 200}\n"
	for _, tt := range []struct{ file, says string }{
		{"", "infra/probes.yml: it has no steps"},
		{"# none\n", "infra/probes.yml: it has no steps"},
		{"[]", "infra/probes.yml: it has no steps"},
		{"- {method: GET", "infra/probes.yml: yaml: line 1"},
		{"steps: []", "infra/probes.yml:1: it must be a list of steps"},
		{get + "---\n" + get, "it has more than one YAML document"},
		{get + "-\n", "infra/probes.yml:2: the step is empty"},
		{get + "- GET\n", "infra/probes.yml:2: the step is not a mapping"},
		{get + "- &a {method: GET, path: a, status: 200}\n- *a\n", "infra/probes.yml:3: *a is an alias for another node"},

		{get + "# more\n- {method: GET, path: a, statuss: 200}", `infra/probes.yml:3: unknown key "statuss" in the step; did you mean "status"?`},
		{"- {method: GET, path: a, status: 200, times: 3}", `infra/probes.yml:1: unknown key "times" in the step`},
		{"- method: GET\n  path: a\n  status: 200\n  expect:\n    jsn: {}", `infra/probes.yml:5: unknown key "jsn" in expect; did you mean "json"?`},
		{"- method: GET\n  path: a\n  status: 200\n  expect:\n    json:\n      /a: {equal: 1}", `infra/probes.yml:6: unknown key "equal" in what is expected; did you mean "equals"?`},
		{"- {method: GET, path: a, path: b, status: 200}", "path is there twice in the step"},
		{"- {invoke: {a: 1, a: 2}}", "a is there twice in a JSON object"},

		{"- {name: nothing}", "the step does nothing: it needs one of event, exercise, invoke, message, method, test"},
		{"- {message: {body: a}}", "the message has no queue"},
		{"- {message: {queue: q}}", "the message is empty"},
		{"- {message: {queue: q, body: a, json: {}}}", "a message can have body or json, but not both"},
		{"- {message: {queue: q, body: a}, status: 200}", "status has no meaning in a step with message"},
		{"- {message: {queue: '${queue}', body: a}}", `no step before this one captures "queue"`},
		{"- {event: {source: shop}}", "the event has no source or no type"},
		{"- {event: {source: aws.s3, type: a}}", `source "aws.s3" is one of AWS's own`},
		{"- {event: {source: shop, type: a, detail: [1]}}", "the detail of an event must be a mapping"},
		{"- {event: {source: shop, type: a, details: {}}}", `unknown key "details" in event; did you mean "detail"?`},
		{"- {test: smoke}", `test "smoke" is not below the project's root; write ./smoke/...`},
		{"- {test: ./../other/...}", "is not below the project's root"},
		{"- {test: ./smoke/..., within: 3s}", "within has no meaning in a step with test"},
		{"- {method: GET, path: a, status: 200, invoke: {}}", "a step has invoke or method, not both"},
		{"- {exercise: ledger, invoke: {}}", "a step has exercise or invoke, not both"},
		{"- {method: GET, status: 200}", "the request has no path"},
		{"- {method: GET, path: a}", "the request has no status"},
		{"- {method: PUTT, path: a, status: 200}", `method "PUTT" is not one of GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE; did you mean "PUT"?`},
		{"- {method: GET, path: 'https://elsewhere/', status: 200}", "is not below the stage's URL"},
		{"- {method: GET, path: a, status: 502}", "status is 502; a working version answers with 200 to 499"},
		{"- {method: GET, path: a, status: fine}", `a number, not "fine"`},
		{"- {method: GET, path: a, status: 200, token: perhaps}", `true or false, not "perhaps"`},
		{"- {method: GET, path: [a], status: 200}", "a text"},
		{"- {method: GET, path: ~, status: 200}", "a text"},
		{"- {method: POST, path: a, status: 200, body: a, json: {}}", "body or json, but not both"},
		{"- {method: GET, path: a, status: 200, headers: {'a b': c}}", `"a b" is not the name of a header`},
		{"- {method: GET, path: a, status: 200, headers: a}", "headers is not a mapping"},
		{"- {method: GET, path: a, status: 200, headers: {[a]: b}}", "a key of headers is not a text"},
		{"- {invoke: {}, status: 200}", "status has no meaning in a step with invoke"},
		{"- {method: GET, path: a, status: 200, function: F}", "function has no meaning in a step with method"},
		{"- {invoke: {}, expect: {headers: {A: b}}}", "the answer to an invocation has no headers"},
		{"- {invoke: .inf}", ".inf is not a number in JSON"},
		{"- {invoke: !!binary aGk=}", "!!binary can't be written in JSON"},
		{"- {invoke: {'${stage}': 1}}", "a key can't have ${...}"},
		{"- {method: GET, path: a, status: 200, expect: {error: true}}", "error is for invocations"},
		{"- {exercise: ledgr}", `there is no exercise "ledgr"; did you mean "ledger"?; there is ledger`},
		{"- {exercise: ledger, within: 3s}", "within has no meaning in a step with exercise"},

		{"- {method: GET, path: a, status: 200, within: 30}", `within "30" is not a time`},
		{"- {method: GET, path: a, status: 200, within: -3s}", "is not a time above 0"},
		{"- {method: GET, path: a, status: 200, within: 1h}", "up to 15m0s"},
		{"- {method: GET, path: a, status: 200, expect: {json: {state.0: b}}}", `"state.0" is not a JSON Pointer; write /state/0`},
		{"- {method: GET, path: a, status: 200, expect: {json: {/a~b: b}}}", "write a ~ as ~0"},
		{"- {method: GET, path: a, status: 200, expect: {body: {}}}", "nothing is expected"},
		{"- {method: GET, path: a, status: 200, expect: {body: {matches: '('}}}", "missing closing )"},
		{"- {method: GET, path: a, status: 200, expect: {body: {matches: '${stage}'}}}", "a regular expression can't have ${...}"},
		{"- {method: GET, path: a, status: 200, expect: {body: {exists: false, equals: a}}}", "a value that must not exist can't have equals or matches"},
		{"- {method: GET, path: a, status: 200, expect: {body: {equals: [a]}}}", "a text"},
		{"- {method: GET, path: a, status: 200, expect: {headers: {'': b}}}", "is not the name of a header"},
		{"- {method: GET, path: a, status: 200, capture: {a-b: /a}}", `"a-b" is not a name`},
		{"- {method: GET, path: a, status: 200, capture: {commit: /a}}", "commit is taken"},
		{"- {method: GET, path: a, status: 200, capture: {a: b}}", `"b" is not a JSON Pointer; write /b`},

		{get + "- {method: GET, path: 'a/${id}', status: 200}\n", `infra/probes.yml:2: no step before this one captures "id"`},
		{"- {method: GET, path: a, status: 200, capture: {order: /id}}\n- {method: GET, path: 'a/${ordre}', status: 200}\n", `infra/probes.yml:2: no step before this one captures "ordre"; did you mean "order"?`},
		{"- {method: GET, path: a, status: 200, capture: {id: /id}, expect: {json: {/id: '${id}'}}}\n", `captures "id"`},
		{"- {invoke: {id: '${id}'}}\n", `captures "id"`},
		{"- {method: GET, path: a, status: 200, headers: {A: '${id}'}}\n", `captures "id"`},
		{"- {method: GET, path: 'a/${commit}', status: 200, probe: true}\n", "a probe is sent without the other steps"},
		{"- {method: PUT, path: a, status: 200}", "no step is a probe"},
		{"- {method: GET, path: a, status: 200, probe: maybe}", "true or false"},
	} {
		if _, err := probe.Parse([]byte(tt.file)); err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "panic") {
			t.Errorf("%q: %v, want %s", tt.file, err, tt.says)
		}
	}
}

// FuzzParse holds that whatever stands in the file, Parse refuses it with a
// message that names the file, or returns steps that can be taken.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"- {method: GET, path: healthz, status: 200}\n", "- {invoke: {a: [1, 0x1F, 1e999, .nan]}, probe: true, expect: {error: true}}\n",
		"- {method: GET, path: a, status: 200, capture: {id: /a~1b/0}, within: 3s}\n- {method: PUT, path: '${id}$${id}${', status: 201, json: {a: '${id}'}}\n",
		"- &a {method: GET, path: a, status: 200}\n- *a\n", "- {exercise: ledger}\n", "? [a]\n: b\n", "- {<<: {method: GET}, path: a}\n", "- !!set {a}\n", "- {invoke: 2026-01-01}",
		"- {method: GET, path: a, status: 200, expect: {headers: {A: b}, body: {matches: x}, json: {'': {exists: true}}}}\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, file string) {
		steps, err := probe.Parse([]byte(file))
		if err != nil {
			if !strings.HasPrefix(err.Error(), probe.File+":") {
				t.Errorf("the error does not name the file: %v", err)
			}
			return
		}
		if len(steps.Probes()) == 0 {
			t.Error("there is no probe")
		}
		for _, s := range steps {
			for _, document := range []json.RawMessage{s.Invoke, s.JSON} {
				if document != nil && !json.Valid(document) {
					t.Errorf("%s is not JSON", document)
				}
			}
			if s.Name == "" || s.Method == "" && s.Invoke == nil && s.Exercise == "" {
				t.Errorf("%+v does nothing, or has no name", s)
			}
		}
	})
}

// TestTheDocumentsSteps holds that the steps which the document shows can be read.
func TestTheDocumentsSteps(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../../infra/docs/smoke.md")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(readme), "declared in `infra/probes.yml`, in order:\n\n```yaml\n")
	file, _, _ := strings.Cut(shown, "```\n")
	steps, err := probe.Parse([]byte(file))
	if err != nil || len(steps) != 8 || len(steps.Probes()) != 1 {
		t.Errorf("%d steps, %d probes, %v", len(steps), len(steps.Probes()), err)
	}
}
