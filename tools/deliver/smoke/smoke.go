// Package smoke exercises a deployed stage through its public URL, as a user
// would: the commit that answers, one write and read of real data, and one bad
// input that must be refused.
package smoke

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/kmssign"
	"github.com/magewright/magewright/tools/evidence/ledger"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
)

// Deadline is how long a stage may take until it answers for the first time.
// A function's first start and the spreading of a new URL are within it.
const Deadline = 30 * time.Second

// Stage returns the work of a target that exercises a stage; "" is the first.
func Stage(name string) func(context.Context, project.Config) error {
	return func(ctx context.Context, cfg project.Config) error { return Run(ctx, cfg, name) }
}

// Run exercises a stage, prints the latencies and leaves the evidence, of a
// failure too, in .magewright/smoke-STAGE.intoto.json.
func Run(ctx context.Context, cfg project.Config, stage string) error {
	aws, err := stack.Connect(ctx)
	if err != nil {
		return err
	}
	release, err := cdk.ReadRelease(cfg)
	if err != nil {
		return err
	}
	names, err := manifest.Read(cfg)
	if err != nil {
		return err
	}
	where, err := names.Stage(stage)
	if err != nil {
		return err
	}
	stage = where.Name
	outputs, err := stack.Describe(ctx, aws, where)
	if err != nil {
		return err
	}
	signer, err := kmssign.New(ctx, aws)
	if err != nil {
		return err
	}
	result, err := Exercise(ctx, Target{
		Record: evidence.Deployment{Stage: stage, URL: outputs.FunctionURL},
		Commit: release.Commit, Package: release.Package, Signer: signer, Clock: clock.System(),
	})
	for _, c := range result.Checks {
		fmt.Fprintf(cfg.Stdout, "%-28s %d  %7.1f ms\n", c.Name, c.Status, c.Milliseconds)
	}
	if keepErr := keep(cfg, release.Package, result, err); keepErr != nil {
		return errors.Join(err, keepErr)
	}
	if err != nil {
		return exit.Failed("aws logs tail --since 10m of the function's log group, or curl -i "+outputs.FunctionURL+"healthz",
			"%s at %s: %w", stage, outputs.FunctionURL, err)
	}
	return nil
}

// keep leaves a statement of what was seen, about the release that must answer.
func keep(cfg project.Config, pkg string, result evidence.Smoke, failure error) error {
	result.Made = evidence.Made{FinishedOn: clock.System().Now(), Dirty: cfg.Dirty}
	result.Package, result.Result = pkg, evidence.TestsPassed
	if failure != nil {
		result.Result, result.Problem = evidence.TestsFailed, failure.Error()
	}
	s, err := evidence.NewStatement(cfg.Commit, pkg, result)
	if err != nil {
		return err
	}
	return evidence.Write(cfg.Evidence, "smoke-"+result.Stage, s)
}

// A Target is what is exercised.
type Target struct {
	// Record is what the stage is told of its deployment: it is the real data
	// that is written and read. Stage and URL say where.
	Record  evidence.Deployment
	Commit  string // the commit that must answer
	Package string // SHA-256 of the deployment package
	Signer  evidence.Signer
	Clock   clock.Clock
}

// linkLife is for how long the token of a smoke test is good.
const linkLife = 10 * time.Minute

// Exercise makes the requests in order and stops at the first that is not
// answered as it must be.
func Exercise(ctx context.Context, t Target) (evidence.Smoke, error) {
	s := session{Target: t, client: &http.Client{Timeout: 15 * time.Second}}
	s.result = evidence.Smoke{Stage: t.Record.Stage, URL: t.Record.URL, Checks: []evidence.SmokeCheck{}}
	kept := ledger.Ledger{URL: t.Record.URL, Signer: t.Signer}
	t.Record.FinishedOn = t.Clock.Now().UTC()
	path, digest, record, err := kept.Record(ctx, t.Commit, t.Package, t.Record)
	if err != nil {
		return s.result, err
	}
	if s.token, err = kept.Token(ctx, t.Commit, t.Clock.Now().Add(linkLife)); err != nil {
		return s.result, err
	}
	unsigned := []byte(`{"verdict":"GO"}`)
	steps := []step{
		{name: "the deployed commit answers", method: "GET", path: "healthz", status: 200, verify: s.isCommit},
		{name: "the deployment is recorded", method: "PUT", path: path, body: record, status: 201},
		{name: "the record is read", method: "GET", path: "releases/" + t.Commit, status: 200, verify: holds(digest)},
		{name: "evidence nobody signed is refused", method: "PUT", path: "releases/" + t.Commit + "/evidence", mediaType: "application/jsonl", body: unsigned, status: 403},
		{name: "a bad commit is refused", method: "PUT", path: "releases/not-a-commit/evidence", mediaType: "application/jsonl", body: unsigned, status: 400},
	}
	for i, step := range steps {
		request := func() error { return s.do(ctx, step) }
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

// Commit returns the commit that answers at the URL of a stage.
func Commit(ctx context.Context, url string) (string, error) {
	s := session{Target: Target{Record: evidence.Deployment{URL: url}, Clock: clock.System()}, client: &http.Client{Timeout: 15 * time.Second}}
	var health struct{ Commit string }
	err := s.do(ctx, step{method: "GET", path: "healthz", status: 200, verify: func(answer []byte) error { return json.Unmarshal(answer, &health) }})
	return health.Commit, err
}

// A step is one request and how it must be answered.
type step struct {
	name         string
	method, path string
	mediaType    string // of the body, application/json where it is ""
	body         []byte
	status       int
	verify       func(answer []byte) error
}

type session struct {
	Target
	client *http.Client
	token  string
	result evidence.Smoke
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

func (s *session) do(ctx context.Context, step step) error {
	r, err := http.NewRequestWithContext(ctx, step.method, slashed(s.Record.URL)+step.path, bytes.NewReader(step.body))
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "application/json")
	if s.token != "" {
		r.Header.Set("Authorization", "Bearer "+s.token)
	}
	if step.body != nil {
		r.Header.Set("Content-Type", cmp.Or(step.mediaType, "application/json"))
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
	if response.StatusCode != step.status {
		return fmt.Errorf("%s %s answered %d %s, want %d", step.method, r.URL, response.StatusCode, bytes.TrimSpace(answer), step.status)
	}
	if step.verify != nil {
		if err := step.verify(answer); err != nil {
			return fmt.Errorf("%s %s: %w", step.method, r.URL, err)
		}
	}
	s.result.Checks = append(s.result.Checks, evidence.SmokeCheck{
		Name: step.name, Method: step.method, Status: response.StatusCode, Milliseconds: float64(took.Microseconds()) / 1000,
	})
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

// holds verifies that a release shows the deployment that was recorded.
func holds(digest string) func([]byte) error {
	return func(answer []byte) error {
		var release struct{ Deployments []struct{ Digest string } }
		if err := json.Unmarshal(answer, &release); err != nil {
			return fmt.Errorf("the release is not JSON: %w", err)
		}
		for _, d := range release.Deployments {
			if d.Digest == digest {
				return nil
			}
		}
		return fmt.Errorf("deployment %.12s was recorded, and none of %d is it", digest, len(release.Deployments))
	}
}

func slashed(url string) string { return strings.TrimSuffix(url, "/") + "/" }
