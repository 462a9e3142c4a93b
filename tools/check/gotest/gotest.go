// Package gotest runs the tests with the race detector, and leaves the results as JSON, JUnit
// and coverage in .magewright.
package gotest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/check/patchcover"
	"github.com/magewright/magewright/tools/check/reuse"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/inputs"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// reports are the files that Run leaves in the evidence directory.
var reports = []string{"test.json", "junit.xml", "coverage.out", "sources.json"}

// Run runs the project's tests. It fails if a test fails or if there are no tests. If nothing
// has changed since all tests passed, it runs none.
func Run(ctx context.Context, cfg project.Config) error {
	work := reuse.Work{Name: "test", Inputs: read, Run: test, Adopt: reuse.Adopt("test")}
	for _, name := range append(reports[:len(reports):len(reports)], "test"+evidence.Suffix) {
		work.Outputs = append(work.Outputs, reuse.Evidence+"/"+name)
	}
	return work.Do(ctx, cfg)
}

// read returns what tests can read: every file of the project, the toolchain, and the
// variables that they get. If something has changed, the go command decides more precisely
// which tests to run again.
func read(ctx context.Context, cfg project.Config) (inputs.Set, error) {
	tree, err := readTree(cfg)
	if err != nil {
		return nil, err
	}
	set := inputs.Set{}
	set.Files(tree, func(string) bool { return true })
	env, _ := environ(cfg, tree)
	set.Environ(env, func(string) bool { return false })
	// Without a repository, tests that ask git get no answer either.
	_ = set.Listed(ctx, cfg.Dir, cfg.Evidence, cfg.Assembly)
	modules, err := cfg.Modules(ctx)
	if err != nil {
		return nil, err
	}
	return set, set.Go(ctx, cfg.Dir, modules.Dirs()...)
}

func readTree(cfg project.Config) (inputs.Tree, error) {
	return inputs.ReadTree(cfg.Dir, cfg.Evidence, cfg.Assembly)
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
	// The results of an earlier run must not be mistaken for those of this run.
	for _, name := range append(reports[:len(reports):len(reports)], "test"+evidence.Suffix) {
		if err := os.Remove(filepath.Join(cfg.Evidence, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing the results of an earlier run: %w", err)
		}
	}
	sources, err := patchcover.DigestSources(cfg.Dir, cfg.Assembly)
	if err != nil {
		return err
	}
	tree, err := readTree(cfg)
	if err != nil {
		return err
	}
	env, unnamed := environ(cfg, tree)
	results, runErr := run(ctx, cfg, env, events, coverage)
	if err := ctx.Err(); err != nil {
		return err
	}
	if results == nil {
		return runErr
	}
	if err := writeJUnit(cfg, results); err != nil {
		return err
	}
	if results.uncompiled() {
		results.describe(cfg.Stdout)
		return exit.Missing("install gcc or clang, or set CC to the C compiler; go tool mage doctor looks for what else is missing", "test: the race detector needs a C compiler, so no test was built")
	}
	if err := keepSources(cfg, sources); err != nil {
		return err
	}
	if err := keep(cfg, results, runErr); err != nil {
		return err
	}
	results.describe(cfg.Stdout)
	tests := results.Count()
	fmt.Fprint(cfg.Stderr, describe(unnamed, cfg.Why || tests.Failed > 0))
	idle := results.idle()
	for _, pkg := range idle {
		fmt.Fprintf(cfg.Stdout, "test: NOT RUN: the tests of %s: its TestMain ended without m.Run\n", pkg.Name())
	}
	switch {
	case len(results.Failures()) > 0:
		return exit.Failed(results.next(), "test: %s", results.Summary())
	case runErr != nil:
		return exit.Failed("go vet ./...", "test: %s: %w", results.Summary(), runErr)
	case tests.Passed == 0 && len(idle) > 0:
		return exit.Failed("see why TestMain of "+idle[0].Package+" does not call m.Run, then go tool mage test", "test: no test passed, so nothing is proven: %s", results.Summary())
	case tests.Passed == 0:
		return exit.Failed("write a first test in a file whose name ends in _test.go, then go tool mage test", "test: no test passed, so nothing is proven: %s", results.Summary())
	}
	covered, total := results.Profile.Count()
	if total == 0 {
		// Whether go test left a profile was seen when it was read.
		fmt.Fprintf(cfg.Stdout, "test: %s; there are no statements to cover\n", results.Summary())
		return nil
	}
	fmt.Fprintf(cfg.Stdout, "test: %s; %.1f %% of %d statements covered\n", results.Summary(), 100*float64(covered)/float64(total), total)
	return nil
}

// keep leaves the results as evidence, with the digests of the files that have the details.
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
		LeftOut:    results.LeftOut,
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
		// If the tests could not be built, there is no coverage.
		if digest, err := evidence.FileDigest(filepath.Join(cfg.Evidence, name)); err == nil {
			tests.Reports[name] = digest
		}
	}
	return evidence.Keep(cfg.Evidence, "test", cfg.Commit, tests)
}

// run runs the tests and returns the results, even if some tests failed.
func run(ctx context.Context, cfg project.Config, env []string, events, coverage string) (*Results, error) {
	modules, err := cfg.Modules(ctx)
	if err != nil {
		return nil, err
	}
	modules.Describe(cfg, "test")
	results := newResults()
	results.LeftOut = modules.LeftOut
	for _, module := range modules.All {
		for _, file := range slices.Concat(module.Magefiles...) {
			if strings.HasSuffix(file, "_test.go") {
				left := path.Join(module.Dir, file) + " (a test that needs the build tag mage, which go test does not set)"
				results.LeftOut = append(results.LeftOut, left)
				fmt.Fprintf(cfg.Stdout, "test: left out: %s\n", left)
			}
		}
	}
	// The directory has a new name each time. So the go command runs a test again if the test
	// looks at the name, and does not take its result from the cache, which would leave no
	// counters.
	counters, err := os.MkdirTemp(filepath.Dir(coverage), "counters-")
	if err != nil {
		return nil, fmt.Errorf("making a place for the counters of programs: %w", err)
	}
	defer func() { _ = os.RemoveAll(counters) }()
	file, err := os.Create(filepath.Clean(events))
	if err != nil {
		return results, fmt.Errorf("keeping what the tests say: %w", err)
	}
	// Compiled packages do not contain the paths of this checkout, so the next checkout, such
	// as that of a build, finds them in the build cache. lint runs go vet on all packages
	// with their tests, so it is off here.
	test := []string{"test", "-json", "-vet=off", "-covermode=atomic"}
	if cfg.Force {
		test = append(test, "-count=1")
	}
	programs := coverage + ".programs"
	profiles := []string{programs}
	defer func() {
		for _, profile := range profiles {
			_ = os.Remove(profile) // merging has removed it already
		}
	}()
	var errs []error
	for _, module := range modules.All {
		results.module = ""
		if module.Dir == "." {
			results.Module = module.Path
		} else {
			results.module = module.Dir
		}
		racing, plain, err := packages(ctx, module)
		if err != nil {
			results.broken(module, err.Error())
			errs = append(errs, err)
			continue
		}
		for i, args := range [][]string{append([]string{"-race"}, racing...), plain} {
			if len(args) > 1-i {
				profile := fmt.Sprintf("%s.%d", coverage, len(profiles))
				profiles = append(profiles, profile)
				errs = append(errs, goTest(ctx, cfg, module, append(env[:len(env):len(env)], CountersVariable+"="+counters), results, file, append(append(test[:len(test):len(test)], "-coverprofile="+profile), args...)))
			}
		}
	}
	errs = append(errs, file.Close())
	if err := errors.Join(errs...); err != nil {
		return results, err
	}
	if results.Incomplete, err = convertCounters(ctx, cfg, counters, programs); err != nil {
		return results, err
	}
	results.Profile, err = mergeProfiles(coverage, profiles)
	return results, err
}

// packages returns the packages of a module. It leaves out those that can't be tested with
// the race detector because they depend on jsii-runtime-go, the client of the CDK's kernel,
// which has data races of its own. A package that can't be loaded is included: go test says
// why, and runs the others.
func packages(ctx context.Context, module project.GoModule) (racing, plain []string, err error) {
	list := func(args ...string) ([]string, error) {
		var said bytes.Buffer
		list := module.Go()
		list.Stderr = &said
		out, err := list.Output(ctx, append([]string{"list", "-e"}, args...)...)
		if err != nil && said.Len() > 0 {
			return nil, fmt.Errorf("the packages can't be listed: %s", bytes.TrimSpace(said.Bytes()))
		}
		if err != nil {
			return nil, fmt.Errorf("listing packages: %w", err)
		}
		return strings.FieldsFunc(out, func(r rune) bool { return r == '\n' }), nil
	}
	const tested = `{{.ImportPath}}{{if or .TestGoFiles .XTestGoFiles}} with tests{{end}}`
	all, err := list("-f", tested, "./...")
	if err != nil {
		return nil, nil, err
	}
	tests := 0
	for i, p := range all {
		if path, ok := strings.CutSuffix(p, " with tests"); ok {
			all[i] = path
			tests++
		}
	}
	if tests == 0 {
		// Nothing runs that could race. Everything else uses the same flags, so that nothing
		// is compiled twice.
		return nil, all, nil
	}
	const jsii = `{{range .Deps}}{{if eq . "github.com/aws/jsii-runtime-go/runtime"}}{{$.ImportPath}}{{"\n"}}{{end}}{{end}}`
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

// goTest runs go test in a module, and adds its output to results and to events.
func goTest(ctx context.Context, cfg project.Config, module project.GoModule, env []string, results *Results, events io.Writer, args []string) error {
	reader, writer := io.Pipe()
	parsed := make(chan error, 1)
	go func() {
		err := results.Parse(io.TeeReader(reader, events), cfg.Stderr)
		_, _ = io.Copy(io.Discard, reader) // a reader that gave up must not block the tests
		parsed <- err
	}()
	var said bytes.Buffer
	cmd := module.Go()
	cmd.Env = slices.Concat(env, module.Environ())
	cmd.Stdout, cmd.Stderr = writer, io.MultiWriter(cfg.Stderr, &said)
	if slices.Contains(args, "-race") {
		// The race detector is a C library, so cgo has its default here. The go commands that
		// tests run have it off; see package gocmd.
		cmd.Env = append(cmd.Env, "CGO_ENABLED=")
	}
	failed := len(results.Failures())
	runErr := cmd.Run(ctx, args...)
	_ = writer.Close()
	if err := <-parsed; err != nil {
		return fmt.Errorf("reading what the tests say: %w", err)
	}
	if runErr != nil && ctx.Err() == nil && len(results.Failures()) == failed {
		// The go command refused to start.
		results.broken(module, fmt.Sprintf("%s%v\n", &said, runErr))
	}
	return runErr
}
