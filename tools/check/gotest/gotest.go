// Package gotest runs the tests with the race detector and leaves what they
// said as JSON, JUnit and coverage under .magewright.
package gotest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/check/patchcover"
	"github.com/magewright/magewright/tools/check/reuse"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/gocmd"
	"github.com/magewright/magewright/tools/internal/inputs"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// reports are the files that Run leaves in the evidence directory.
var reports = []string{"test.json", "junit.xml", "coverage.out", "sources.json"}

// Run runs the project's tests. It fails if one fails, and if there are none.
// Where nothing has changed since all passed, none is run.
func Run(ctx context.Context, cfg project.Config) error {
	work := reuse.Work{Name: "test", Inputs: read, Run: test, Adopt: reuse.Adopt("test")}
	for _, name := range append(reports[:len(reports):len(reports)], "test"+evidence.Suffix) {
		work.Outputs = append(work.Outputs, reuse.Evidence+"/"+name)
	}
	return work.Do(ctx, cfg)
}

// read returns what tests can read: every file of the project, the toolchain,
// and the variables that they are given. What the go command knows of a test is
// finer, and decides where something has changed.
func read(ctx context.Context, cfg project.Config) (inputs.Set, error) {
	tree, err := inputs.ReadTree(cfg.Dir, cfg.Evidence, cfg.Assembly)
	if err != nil {
		return nil, err
	}
	set := inputs.Set{}
	set.Files(tree, func(string) bool { return true })
	set.Environ(environ(), func(string) bool { return false })
	// Without a repository, tests that ask git get no answer either.
	_ = set.Listed(ctx, cfg.Dir)
	return set, set.Go(ctx, cfg.Dir)
}

// test runs the tests.
func test(ctx context.Context, cfg project.Config) error {
	coverage, err := cfg.Path("coverage.out")
	if err != nil {
		return err
	}
	events, err := cfg.Path("test.json")
	if err != nil {
		return err
	}
	// A profile of an earlier run must not pass for this one's.
	if err := os.Remove(coverage); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the earlier coverage profile: %w", err)
	}
	sources, err := patchcover.DigestSources(cfg.Dir, cfg.Assembly)
	if err != nil {
		return err
	}
	results, runErr := run(ctx, cfg, events, coverage)
	if err := ctx.Err(); err != nil {
		return err
	}
	if results == nil {
		return runErr
	}
	if err := writeJUnit(cfg, results); err != nil {
		return err
	}
	if err := keepSources(cfg, sources); err != nil {
		return err
	}
	if err := keep(cfg, results, runErr); err != nil {
		return err
	}
	for _, failure := range results.Failures() {
		fmt.Fprintf(cfg.Stdout, "--- FAIL %s\n%s", failure.Name(), failure.Output)
	}
	switch tests := results.Count(); {
	case len(results.Failures()) > 0:
		return exit.Failed("go test -race -run NAME ./PACKAGE", "test: %s", results.Summary())
	case runErr != nil:
		return exit.Failed("go vet ./...", "test: %s: %w", results.Summary(), runErr)
	case tests.Passed == 0:
		return exit.Failed("go test ./...", "test: no test passed, which proves nothing: %s", results.Summary())
	}
	covered, total := results.Profile.Count()
	if total == 0 {
		return exit.Failed("go test -cover ./...", "test: the coverage profile measures no statements")
	}
	fmt.Fprintf(cfg.Stdout, "test: %s; %.1f %% of %d statements covered\n", results.Summary(), 100*float64(covered)/float64(total), total)
	return nil
}

// keep leaves what the tests said as evidence, with the digests of the files
// that tell more.
func keep(cfg project.Config, results *Results, runErr error) error {
	count := results.Count()
	tests := evidence.Tests{
		Made:     evidence.Made{FinishedOn: clock.System().Now(), Dirty: cfg.Dirty, Reports: map[string]string{}},
		Result:   evidence.TestsPassed,
		Passed:   count.Passed,
		Skipped:  count.Skipped,
		Packages: count.Packages,
		Module:   results.Module,
		Suites:   results.Suites(),

		Incomplete: results.Incomplete,
	}
	for _, failure := range results.Failures() {
		tests.FailedTests = append(tests.FailedTests, failure.Name())
	}
	if runErr != nil {
		tests.Problem = runErr.Error()
	}
	if runErr != nil || len(tests.FailedTests) > 0 || tests.Passed == 0 {
		tests.Result = evidence.TestsFailed
	}
	for _, name := range reports {
		// Where the tests could not be built there is no coverage.
		if digest, err := evidence.FileDigest(filepath.Join(cfg.Evidence, name)); err == nil {
			tests.Reports[name] = digest
		}
	}
	return evidence.Keep(cfg.Evidence, "test", cfg.Commit, tests)
}

// run runs the tests and returns what they said, also where some failed.
func run(ctx context.Context, cfg project.Config, events, coverage string) (*Results, error) {
	racing, plain, err := packages(ctx, cfg)
	if err != nil {
		return nil, err
	}
	results := newResults()
	if results.Module, err = gocmd.In(cfg.Dir).Output(ctx, "list", "-m"); err != nil {
		return nil, fmt.Errorf("reading the module's path: %w", err)
	}
	// Its name is another one each time: the go command takes tests that look at
	// it for new, and does not answer from its cache what leaves no counters.
	counters, err := os.MkdirTemp(filepath.Dir(coverage), "counters-")
	if err != nil {
		return nil, fmt.Errorf("making a place for the counters of programs: %w", err)
	}
	defer func() { _ = os.RemoveAll(counters) }()
	file, err := os.Create(filepath.Clean(events))
	if err != nil {
		return results, fmt.Errorf("keeping what the tests say: %w", err)
	}
	// Without the paths of this checkout in it, what is compiled here is found
	// again in the build cache by the next checkout, such as a build's.
	// lint runs go vet on all packages, with their tests.
	test := []string{"test", "-json", "-vet=off", "-covermode=atomic"}
	if cfg.Force {
		test = append(test, "-count=1")
	}
	profiles := []string{coverage + ".race", coverage + ".plain", coverage + ".programs"}
	var errs []error
	for i, args := range [][]string{append([]string{"-race"}, racing...), plain} {
		if len(args) > 1-i {
			errs = append(errs, goTest(ctx, cfg, results, file, counters, append(append(test[:len(test):len(test)], "-coverprofile="+profiles[i]), args...)))
		}
	}
	errs = append(errs, file.Close())
	if err := errors.Join(errs...); err != nil {
		return results, err
	}
	if results.Incomplete, err = convertCounters(ctx, cfg, counters, profiles[2]); err != nil {
		return results, err
	}
	results.Profile, err = mergeProfiles(coverage, profiles)
	return results, err
}

// packages returns the project's packages, apart from those that can't be
// tested with the race detector: jsii-runtime-go, the client of the CDK's
// kernel, has races of its own.
func packages(ctx context.Context, cfg project.Config) (racing, plain []string, err error) {
	list := func(args ...string) ([]string, error) {
		out, err := gocmd.In(cfg.Dir).Output(ctx, append([]string{"list"}, args...)...)
		if err != nil {
			return nil, fmt.Errorf("listing packages: %w", err)
		}
		return strings.Fields(out), nil
	}
	all, err := list("./...")
	if err != nil {
		return nil, nil, err
	}
	const jsii = `{{range .Deps}}{{if eq . "github.com/aws/jsii-runtime-go/runtime"}}{{$.ImportPath}} {{end}}{{end}}`
	dependents, err := list("-test", "-f", jsii, "./...")
	if err != nil {
		return nil, nil, err
	}
	for _, p := range all {
		if slices.Contains(dependents, p) || slices.Contains(dependents, p+".test") {
			plain = append(plain, p)
		} else {
			racing = append(racing, p)
		}
	}
	return racing, plain, nil
}

// goTest runs go test and adds what it says to results and to events.
func goTest(ctx context.Context, cfg project.Config, results *Results, events io.Writer, counters string, args []string) error {
	reader, writer := io.Pipe()
	parsed := make(chan error, 1)
	go func() {
		err := results.Parse(io.TeeReader(reader, events), cfg.Stderr)
		_, _ = io.Copy(io.Discard, reader) // a reader that gave up must not block the tests
		parsed <- err
	}()
	cmd := gocmd.In(cfg.Dir)
	cmd.Env = append(environ(), CountersVariable+"="+counters)
	cmd.Stdout, cmd.Stderr = writer, cfg.Stderr
	if slices.Contains(args, "-race") {
		// The race detector is a library in C, so that cgo is what it is by
		// default. The go commands of tests have it off, see package gocmd.
		cmd.Env = append(cmd.Env, "CGO_ENABLED=")
	}
	runErr := cmd.Run(ctx, args...)
	_ = writer.Close()
	if err := <-parsed; err != nil {
		return fmt.Errorf("reading what the tests say: %w", err)
	}
	return runErr
}
