// Package smoke exercises a deployed stage through its public URL, as a user
// would: the commit that answers, one write and read of real data, and one bad
// input that must be refused.
package smoke

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/cdk"
	"github.com/magewright/magewright/tools/clock"
	"github.com/magewright/magewright/tools/exit"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/stack"
)

// Deadline is how long a stage may take until it answers for the first time.
// A function's first start and the spreading of a new URL are within it.
const Deadline = 30 * time.Second

// A Result is the evidence of a smoke test.
type Result struct {
	Stage  string  `json:"stage"`
	URL    string  `json:"url"`
	Commit string  `json:"commit"` // the commit that answered
	Checks []Check `json:"checks"`
}

// A Check is one request and what came back.
type Check struct {
	Name         string  `json:"name"`
	Status       int     `json:"status"` // of the HTTP response
	Milliseconds float64 `json:"milliseconds"`
}

// Stage returns the work of a target that exercises a stage.
func Stage(name string) func(context.Context, project.Config) error {
	return func(ctx context.Context, cfg project.Config) error { return Run(ctx, cfg, name) }
}

// Run exercises a stage, prints the latencies and leaves the evidence in
// .magewright/smoke-STAGE.json and, for the pipeline's approval, the page of
// the release as RELEASE_URL in .magewright/exports.env.
func Run(ctx context.Context, cfg project.Config, stage string) error {
	aws, err := stack.Connect(ctx)
	if err != nil {
		return err
	}
	release, err := cdk.ReadRelease(cfg)
	if err != nil {
		return err
	}
	outputs, err := stack.Describe(ctx, aws, stage)
	if err != nil {
		return exit.Missing("go tool mage deploy-"+stage, "%w", err)
	}
	result, err := Exercise(ctx, Target{Stage: stage, URL: outputs.FunctionURL, Commit: release.Commit, Clock: clock.System()})
	for _, c := range result.Checks {
		fmt.Fprintf(cfg.Stdout, "%-28s %d  %7.1f ms\n", c.Name, c.Status, c.Milliseconds)
	}
	if err != nil {
		return exit.Failed("aws logs tail --since 10m of the function's log group, or curl -i "+outputs.FunctionURL+"healthz",
			"%s at %s: %w", stage, outputs.FunctionURL, err)
	}
	return record(cfg, result)
}

func record(cfg project.Config, result Result) error {
	evidence, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return fmt.Errorf("recording the smoke test: %w", err)
	}
	page := fmt.Sprintf("RELEASE_URL=%sreleases/%s\n", slashed(result.URL), result.Commit)
	for name, data := range map[string][]byte{"smoke-" + result.Stage + ".json": evidence, "exports.env": []byte(page)} {
		path, err := cfg.Path(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return fmt.Errorf("recording the smoke test: %w", err)
		}
	}
	return nil
}

// A Target is what is exercised.
type Target struct {
	Stage  string
	URL    string
	Commit string // the commit that must answer
	Clock  clock.Clock
}

// Exercise makes the requests in order and stops at the first that is not
// answered as it must be.
func Exercise(ctx context.Context, t Target) (Result, error) {
	s := session{Target: t, client: &http.Client{Timeout: 15 * time.Second}}
	s.result = Result{Stage: t.Stage, URL: t.URL, Checks: []Check{}}
	evidence := []byte(fmt.Sprintf(`{"kind":"smoke","stage":%q,"commit":%q}`, t.Stage, t.Commit))
	steps := []struct {
		name         string
		method, path string
		body         []byte
		status       []int
		verify       func([]byte) error
	}{
		{name: "the deployed commit answers", method: "GET", path: "healthz", status: []int{200}, verify: s.isCommit},
		{name: "evidence is written", method: "PUT", path: "releases/" + t.Commit + "/evidence", body: evidence, status: []int{200, 201}},
		{name: "the same evidence is read", method: "GET", path: "releases/" + t.Commit, status: []int{200}, verify: isEvidence(evidence)},
		{name: "a bad commit is refused", method: "PUT", path: "releases/not-a-commit/evidence", body: evidence, status: []int{400}},
	}
	for i, step := range steps {
		request := func() error { return s.do(ctx, step.name, step.method, step.path, step.body, step.status, step.verify) }
		var err error
		if i == 0 {
			err = s.retry(ctx, request)
		} else {
			err = request()
		}
		if err != nil {
			return s.result, fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return s.result, nil
}

type session struct {
	Target
	client *http.Client
	result Result
}

// retry makes a request until it succeeds or the deadline has passed.
func (s *session) retry(ctx context.Context, request func() error) error {
	start := s.Clock.Now()
	for {
		err := request()
		if err == nil {
			return nil
		}
		if clock.Since(s.Clock, start) > Deadline {
			return fmt.Errorf("not within %v: %w", Deadline, err)
		}
		if err := clock.Sleep(ctx, s.Clock, time.Second); err != nil {
			return err
		}
	}
}

func (s *session) do(ctx context.Context, name, method, path string, body []byte, statuses []int, verify func([]byte) error) error {
	r, err := http.NewRequestWithContext(ctx, method, slashed(s.URL)+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	start := s.Clock.Now()
	response, err := s.client.Do(r) // #nosec G704 -- the URL is the stack's own output
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 6<<20))
	if err != nil {
		return fmt.Errorf("reading the response: %w", err)
	}
	took := clock.Since(s.Clock, start)
	ok := false
	for _, status := range statuses {
		ok = ok || response.StatusCode == status
	}
	if !ok {
		return fmt.Errorf("%s %s answered %d %s, want %d", method, r.URL, response.StatusCode, bytes.TrimSpace(answer), statuses[0])
	}
	if verify != nil {
		if err := verify(answer); err != nil {
			return fmt.Errorf("%s %s: %w", method, r.URL, err)
		}
	}
	s.result.Checks = append(s.result.Checks, Check{Name: name, Status: response.StatusCode, Milliseconds: float64(took.Microseconds()) / 1000})
	return nil
}

func (s *session) isCommit(answer []byte) error {
	var build struct{ Commit string }
	if err := json.Unmarshal(answer, &build); err != nil {
		return fmt.Errorf("the health is not JSON: %w", err)
	}
	if build.Commit != s.Commit {
		return fmt.Errorf("commit %q answers, want %q", build.Commit, s.Commit)
	}
	s.result.Commit = build.Commit
	return nil
}

func isEvidence(want []byte) func([]byte) error {
	return func(answer []byte) error {
		var release struct{ Evidence json.RawMessage }
		if err := json.Unmarshal(answer, &release); err != nil {
			return fmt.Errorf("the release is not JSON: %w", err)
		}
		if !bytes.Equal(release.Evidence, want) {
			return fmt.Errorf("evidence %s was read, and %s was written", release.Evidence, want)
		}
		return nil
	}
}

func slashed(url string) string { return strings.TrimSuffix(url, "/") + "/" }
