package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/project"
)

// outputLines is how many lines of a failed command's output are shown.
const outputLines = 30

// seconds returns how long f took.
func (b *bench) seconds(f func() error) (float64, error) {
	start := b.clock.Now()
	err := f()
	return clock.Since(b.clock, start).Seconds(), err
}

// command runs a command in the repository with additional variables and returns its standard
// output. If it fails, its output is part of the error.
func (b *bench) command(ctx context.Context, env []string, name string, args ...string) (string, error) {
	return b.commandIn(ctx, b.cfg.Dir, env, name, args...)
}

// commandIn runs a command as command does, in a directory.
func (b *bench) commandIn(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := command.Cmd{Dir: dir, Env: slices.Concat(b.env, env), Stdout: &stdout, Stderr: &stderr}
	if err := b.execute(ctx, cmd, name, args...); err != nil {
		return stdout.String(), fmt.Errorf("%w\n%s", err, tail(stdout.String()+stderr.String()))
	}
	return stdout.String(), nil
}

// typed runs a command that developers type, with additional words, in a directory. It uses
// the developer's own environment and flags, because their waiting time is measured.
func (b *bench) typed(ctx context.Context, dir string, env []string, line string, more ...string) (string, error) {
	words := append(strings.Fields(line), more...)
	return b.commandIn(ctx, dir, env, words[0], words[1:]...)
}

// mageCommand is the command with which developers run targets.
const mageCommand = "go tool mage"

// figure adds a row with the median of several runs, each of which returns its seconds. If a
// run fails, the row has no number.
func (b *bench) figure(ctx context.Context, name, note string, run func(context.Context) (float64, error)) {
	values := make([]float64, b.runs)
	for i := range values {
		fmt.Fprintf(b.cfg.Stderr, "%s: run %d of %d\n", name, i+1, b.runs)
		var err error
		if values[i], err = run(ctx); err != nil {
			b.fail(name, fmt.Errorf("run %d of %d: %w", i+1, b.runs, err))
			return
		}
		fmt.Fprintf(b.cfg.Stderr, "%s: run %d of %d took %s s\n", name, i+1, b.runs, number(values[i]))
	}
	value, spread := median(values)
	if note != "" {
		spread += "; " + note
	}
	b.add(name, value, "s", spread)
}

// mage adds a row with the time that a mage command takes in the repository itself.
func (b *bench) mage(ctx context.Context, note string, args ...string) {
	b.figure(ctx, "mage "+strings.Join(args, " "), note, func(ctx context.Context) (float64, error) {
		return b.seconds(func() error {
			_, err := b.typed(ctx, b.cfg.Dir, nil, mageCommand, args...)
			return err
		})
	})
}

func (b *bench) list(ctx context.Context) error {
	b.mage(ctx, "", "-l")
	return nil
}

func (b *bench) synth(ctx context.Context) error {
	b.mage(ctx, "", "synth")
	return nil
}

// lint runs lint once before it measures, because the first run may build the linter.
func (b *bench) lint(ctx context.Context) error {
	if _, err := b.typed(ctx, b.cfg.Dir, nil, mageCommand, "lint"); err != nil {
		return err
	}
	b.mage(ctx, "nothing has changed", "lint")
	return nil
}

// compile compiles the magefile as on a fresh machine that has the modules.
func (b *bench) compile(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "magewright-bench-")
	if err != nil {
		return fmt.Errorf("making an empty build cache: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	value, err := b.seconds(func() error {
		_, err := b.typed(ctx, b.cfg.Dir, []string{"GOCACHE=" + filepath.Join(dir, "cache")}, mageCommand, "-compile", filepath.Join(dir, "mage"))
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
	var packages []string
	for file := range strings.Lines(files) {
		packages = append(packages, "./"+path.Dir(strings.TrimSpace(file)))
	}
	slices.Sort(packages)
	out, err := b.typed(ctx, b.cfg.Dir, nil, "go test -run=^$ -bench=.", slices.Compact(packages)...)
	b.report.Rows = append(b.report.Rows, benchmarks(out)...)
	return err
}

var (
	benchmarkPackage = regexp.MustCompile(`^pkg: ` + regexp.QuoteMeta(project.Module) + `/(\S+)`)
	benchmarkResult  = regexp.MustCompile(`^(Benchmark\S+?)(?:-\d+)?\s+(\d+)\s+([\d.]+) ns/op(.*)`)
)

// benchmarks reads the results in the output of go test -bench. See
// https://golang.org/design/14313-benchmark-format.
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
			continue // the expression matches 1.2.3, which go test does not print
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

// tail returns the last lines.
func tail(s string) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-outputLines):], "\n")
}
