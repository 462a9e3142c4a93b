package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/magewright/magewright/tools/clock"
	"github.com/magewright/magewright/tools/command"
	"github.com/magewright/magewright/tools/project"
)

// outputLines is how much of the output of a command that failed is shown.
const outputLines = 30

// seconds returns how long f took.
func (b *bench) seconds(f func() error) (float64, error) {
	start := b.clock.Now()
	err := f()
	return clock.Since(b.clock, start).Seconds(), err
}

// command runs a command in the repository, with some more variables, and
// returns its standard output. What it printed is part of the error.
func (b *bench) command(ctx context.Context, env []string, name string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := command.Cmd{Dir: b.cfg.Dir, Env: slices.Concat(b.env, env), Stdout: &stdout, Stderr: &stderr}
	if err := cmd.Run(ctx, name, args...); err != nil {
		return stdout.String(), fmt.Errorf("%w\n%s", err, tail(stdout.String()+stderr.String(), outputLines))
	}
	return stdout.String(), nil
}

// mage adds a row of how long a command of mage takes, as the median of some
// runs.
func (b *bench) mage(ctx context.Context, runs int, note string, args ...string) error {
	values := make([]float64, runs)
	for i := range values {
		var err error
		values[i], err = b.seconds(func() error {
			_, err := b.command(ctx, nil, "go", append([]string{"tool", "mage"}, args...)...)
			return err
		})
		if err != nil {
			return err
		}
	}
	value, spread := median(values)
	if note != "" {
		spread += "; " + note
	}
	b.add("mage "+strings.Join(args, " "), value, "s", spread)
	return nil
}

func (b *bench) list(ctx context.Context) error { return b.mage(ctx, 5, "", "-l") }

func (b *bench) check(ctx context.Context) error { return b.mage(ctx, 1, "", "check") }

func (b *bench) synth(ctx context.Context) error { return b.mage(ctx, 3, "", "synth") }

// lint runs lint once before it measures: the first run may build the linter.
func (b *bench) lint(ctx context.Context) error {
	if _, err := b.command(ctx, nil, "go", "tool", "mage", "lint"); err != nil {
		return err
	}
	return b.mage(ctx, 3, "nothing has changed", "lint")
}

// compile compiles the magefile as on a fresh machine that has the modules.
func (b *bench) compile(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "magewright-bench-")
	if err != nil {
		return fmt.Errorf("making an empty build cache: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	value, err := b.seconds(func() error {
		_, err := b.command(ctx, []string{"GOCACHE=" + filepath.Join(dir, "cache")}, "go", "tool", "mage", "-compile", filepath.Join(dir, "mage"))
		return err
	})
	if err != nil {
		return err
	}
	b.add("first compile of the magefile", value, "s", "one run; empty build cache, mage itself included, modules downloaded before")
	return nil
}

// goBenchmarks runs the Go benchmarks of the packages that have some.
func (b *bench) goBenchmarks(ctx context.Context) error {
	files, err := b.command(ctx, nil, "git", "grep", "--untracked", "-l", "^func Benchmark", "--", "*_test.go")
	if err != nil {
		return fmt.Errorf("looking for benchmarks: %w", err)
	}
	args := []string{"test", "-run=^$", "-bench=."}
	for file := range strings.Lines(files) {
		args = append(args, "./"+path.Dir(strings.TrimSpace(file)))
	}
	slices.Sort(args[3:])
	out, err := b.command(ctx, nil, "go", slices.Compact(args)...)
	b.report.Rows = append(b.report.Rows, benchmarks(out)...)
	return err
}

var (
	benchmarkPackage = regexp.MustCompile(`^pkg: ` + regexp.QuoteMeta(project.Module) + `/(\S+)`)
	benchmarkResult  = regexp.MustCompile(`^(Benchmark\S+?)(?:-\d+)?\s+(\d+)\s+([\d.]+) ns/op(.*)`)
)

// benchmarks reads the results in the output of go test -bench.
// See https://golang.org/design/14313-benchmark-format.
func benchmarks(out string) []Row {
	var rows []Row
	pkg := ""
	for line := range strings.Lines(out) {
		if m := benchmarkPackage.FindStringSubmatch(line); m != nil {
			pkg = m[1] + " "
		}
		m := benchmarkResult.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		value, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			continue // the expression takes 1.2.3, which go test does not print
		}
		rows = append(rows, Row{
			Name:  pkg + m[1],
			Value: value / 1e3,
			Unit:  "µs/op",
			Note:  strings.Join(strings.Fields(m[2]+" iterations "+m[4]), " "),
		})
	}
	return rows
}

// rehearse takes HEAD to production and reads how long each action took.
func (b *bench) rehearse(ctx context.Context) error {
	file, err := b.cfg.Path("rehearsal.json")
	if err != nil {
		return err
	}
	// Those of an earlier rehearsal would pass for the result of this one.
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the earlier rehearsal: %w", err)
	}
	failure := b.mage(ctx, 1, "base and release", "rehearse", "-approve")
	data, err := os.ReadFile(file) // #nosec G304 -- evidence of this project
	if err != nil {
		return errors.Join(failure, fmt.Errorf("reading the rehearsal: %w", err))
	}
	rows, err := actions(data)
	b.report.Rows = append(b.report.Rows, rows...)
	return errors.Join(failure, err)
}

// actions returns a row for each action of a rehearsal.json.
func actions(data []byte) ([]Row, error) {
	var rehearsal struct {
		Stages []struct {
			Name    string
			Actions []struct {
				Name, Status string
				Seconds      float64
			}
		}
	}
	if err := json.Unmarshal(data, &rehearsal); err != nil {
		return nil, fmt.Errorf("reading the rehearsal: %w", err)
	}
	var rows []Row
	for _, stage := range rehearsal.Stages {
		for _, action := range stage.Actions {
			rows = append(rows, Row{Name: "rehearse " + stage.Name + "/" + action.Name, Value: action.Seconds, Unit: "s", Note: action.Status})
		}
	}
	if len(rows) == 0 {
		return nil, errors.New("reading the rehearsal: it names no actions")
	}
	return rows, nil
}

// tail returns the last n lines.
func tail(s string, n int) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
