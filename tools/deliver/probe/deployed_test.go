package probe_test

import (
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/deliver/probe"
	"github.com/magewright/magewright/tools/deliver/stagetest"
	"github.com/magewright/magewright/tools/internal/clock"
)

// TestADeployedFunction takes declared steps with a function that the embedded
// AWS runs, by its URL and by invocations. It is none of this repository's
// ledgers.
func TestADeployedFunction(t *testing.T) {
	t.Parallel()
	s := stagetest.New(t)
	session := func() *probe.Session {
		return &probe.Session{
			URL: s.Outputs.FunctionURL, Invoke: probe.Function(s.AWS, s.Outputs), Token: "any",
			Values: map[string]any{"commit": stagetest.Older}, Clock: clock.System(),
		}
	}
	results, err := do(t.Context(), session(), steps(t, `
- {method: GET, path: healthz, status: 200, expect: {json: {/commit: "${commit}"}}, capture: {of: /commit}}
- {method: GET, path: releases, status: 401}
- {method: PUT, path: "releases/${of}", token: true, json: {id: 1, of: "${of}"}, status: 200}
- {method: GET, path: "releases/${of}", token: true, status: 200, expect: {json: {"": {equals: {id: 1, of: "${commit}"}}}}}
- invoke: {rawPath: /healthz, requestContext: {http: {method: GET}}}
  expect: {json: {/statusCode: 200, /body: {matches: '"commit"'}}}
`))
	if err != nil || len(results) != 5 {
		t.Fatalf("%+v, %v", results, err)
	}

	// An invocation goes to the version that the alias names, and its error is
	// seen.
	version := s.Publish(t, stagetest.Newer, map[string]string{"FAULT": "errors:1"})
	s.Point(t, version)
	for step, says := range map[string]string{
		"{invoke: {rawPath: /healthz}}": `the invocation failed (Unhandled): {"errorMessage":"failed on purpose"`,
		"{invoke: {rawPath: /healthz}, expect: {error: true, json: {/errorMessage: failed on purpose, /errorType: errorString}}}": "",
	} {
		if _, err := do(t.Context(), session(), steps(t, "- "+step)); (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", step, err, says)
		}
	}
}
