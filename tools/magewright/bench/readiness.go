package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/magewright/magewright/tools/check/patchcover"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/readiness/baseline"
	"github.com/magewright/magewright/tools/readiness/collect"
)

// A large is a repository with a change of many files.
type large struct {
	files, changed int // Go files
	functions      int // functions of each file, and blocks of its profile
}

const linesOfFunction = 6

// readiness decides the checks for a large change, from the repository and the results of
// tests. It runs neither the tests nor AWS.
func (b *bench) readiness(ctx context.Context) error {
	return b.readinessOf(ctx, large{files: 2000, changed: 500, functions: 50})
}

func (b *bench) readinessOf(ctx context.Context, l large) (err error) {
	dir, err := os.MkdirTemp("", "magewright-bench-")
	if err != nil {
		return fmt.Errorf("making a repository: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cfg := project.Config{Dir: dir, Evidence: filepath.Join(dir, ".magewright"), Assembly: filepath.Join(dir, "cdk.out"), Stdout: io.Discard, Stderr: io.Discard}
	tests, err := b.make(ctx, l, &cfg)
	if err != nil {
		return fmt.Errorf("making a repository: %w", err)
	}
	const runs = 3
	values := make([]float64, runs)
	for i := range values {
		if values[i], err = b.seconds(func() error { return b.assess(ctx, l, cfg, tests) }); err != nil {
			return err
		}
	}
	value, note := median(values)
	b.add("readiness", value, "s", fmt.Sprintf("%s; %d Go files, %d of them changed, %d blocks; tests and AWS left out", note, l.files, l.changed, l.files*l.functions))
	return nil
}

// assess does the same as `mage readiness` with one collector. It leaves out those that ask
// AWS or synthesize.
func (b *bench) assess(ctx context.Context, l large, cfg project.Config, tests evidence.Tests) error {
	base, err := baseline.Find(ctx, cfg, "HEAD^", nil)
	if err != nil {
		return err
	}
	candidate, err := collect.Candidate(ctx, cfg, base, b.clock)
	if err != nil {
		return err
	}
	policy, err := collect.Policy(ctx, cfg, candidate, b.clock)
	if err != nil {
		return err
	}
	code, err := collect.ChangedCode(ctx, collect.Env{Project: cfg, Candidate: candidate, Policy: policy.Policy, Clock: b.clock})
	if err != nil {
		return err
	}
	var statements []evidence.Statement
	for _, p := range []evidence.Predicate{candidate, policy, tests, code} {
		s, err := evidence.NewStatement(candidate.Commit, "", p)
		if err != nil {
			return err
		}
		statements = append(statements, s)
	}
	a, err := readiness.Evaluate(statements, b.clock.Now())
	if err != nil {
		return err
	}
	a.WriteTable(io.Discard)
	if err := a.WritePage(io.Discard, statements); err != nil {
		return err
	}
	for _, o := range a.Outcomes {
		if want := fmt.Sprintf("%d of %d changed statements covered", l.changed, l.changed); o.ID == "changed-code" && (o.State != readiness.Pass || !strings.HasPrefix(o.Counted, want)) {
			return fmt.Errorf("the measured run is wrong: %s, %s %s, want %s", o.State, o.Counted, o.Reason, want)
		}
	}
	return nil
}

// make makes a repository with two commits, and the results that tests of the second one
// would have left.
func (b *bench) make(ctx context.Context, l large, cfg *project.Config) (evidence.Tests, error) {
	var tests evidence.Tests
	git := command.Cmd{Dir: cfg.Dir}
	policy := "required: [changed-code]\nmaxAge: 24h\n"
	if err := writeAll(cfg.Dir, map[string]string{"go.mod": "module example.com/large\n", "infra/" + readiness.PolicyFile: policy}); err != nil {
		return tests, err
	}
	for state, files := range []int{l.files, l.changed} {
		for i := range files {
			if err := writeAll(cfg.Dir, map[string]string{largeName(i): l.file(state)}); err != nil {
				return tests, err
			}
		}
		for _, args := range [][]string{
			{"init", "--quiet"}, {"add", "-A"},
			{"-c", "user.name=bench", "-c", "user.email=bench@example.com", "commit", "--quiet", "-m", "state"},
		} {
			if _, err := git.Output(ctx, "git", args...); err != nil {
				return tests, err
			}
		}
	}
	var err error
	if cfg.Commit, err = git.Output(ctx, "git", "rev-parse", "HEAD"); err != nil {
		return tests, err
	}
	sources, err := patchcover.DigestSources(cfg.Dir)
	if err != nil {
		return tests, err
	}
	digests, err := json.Marshal(sources)
	if err != nil {
		return tests, err
	}
	if err := writeAll(cfg.Evidence, map[string]string{"coverage.out": l.profile(), "sources.json": string(digests)}); err != nil {
		return tests, err
	}
	tests = evidence.Tests{Made: evidence.Made{FinishedOn: b.clock.Now(), Reports: map[string]string{}}, Result: evidence.TestsPassed, Passed: 1}
	for _, name := range []string{"coverage.out", "sources.json"} {
		if tests.Reports[name], err = evidence.FileDigest(filepath.Join(cfg.Evidence, name)); err != nil {
			return tests, err
		}
	}
	return tests, nil
}

func writeAll(dir string, files map[string]string) error {
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func largeName(i int) string { return fmt.Sprintf("p%d/f%d.go", i/20, i) }

// file returns a file whose first function differs by state.
func (l large) file(state int) string {
	var text bytes.Buffer
	_, _ = text.WriteString("package p\n\n")
	for i := range l.functions {
		n := 1
		if i == 0 {
			n += state
		}
		_, _ = fmt.Fprintf(&text, "func f%d(n int) int {\n\tn += %d\n\tn *= 3\n\treturn n\n}\n\n", i, n)
	}
	return text.String()
}

// profile returns a profile with a block for each function.
func (l large) profile() string {
	var text bytes.Buffer
	_, _ = text.WriteString("mode: set\n")
	for i := range l.files {
		for f := range l.functions {
			line := 3 + f*linesOfFunction
			_, _ = fmt.Fprintf(&text, "example.com/large/%s:%d.%d,%d.2 3 1\n", largeName(i), line, len(fmt.Sprintf("func f%d(n int) int {", f)), line+linesOfFunction-2)
		}
	}
	return text.String()
}
