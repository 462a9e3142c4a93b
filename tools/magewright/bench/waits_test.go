package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/command"
)

// A world is a bench on a small repository. Git is real; the go command and npm
// are not: a call takes a second of the clock.
type world struct {
	*bench
	calls []string                // of the go command and npm
	env   map[string]string       // of the last call
	fails func(call string) error // whether a call does, with what it prints before
	seen  []string                // the changed line as each call found it
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{"go.mod": "module example.com/x\n", "tools/pins/opa/go.mod": "module example.com/opa\n", "infra/package.json": "{}", "infra/package-lock.json": "{}", "tools/rehearse/main.go": "package main\n"}
	for _, l := range []line{lineOfApp, lineOfLeaf} {
		files[l.file] = "x := " + l.text + "\n"
	}
	if err := writeAll(dir, files); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"init", "--quiet"}, {"add", "-A"}, {"-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "--quiet", "-m", "m"}} {
		cmd := exec.CommandContext(t.Context(), "git", args...) // #nosec G204 -- arguments of this file
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	b, _ := newBench(t)
	b.cfg.Dir, b.cfg.Commit, b.env = dir, "HEAD", os.Environ()
	w := &world{bench: b, fails: func(string) error { return nil }}
	manual := clock.NewManual(time.Unix(0, 0))
	b.clock = manual
	b.execute = func(ctx context.Context, cmd command.Cmd, name string, args ...string) error {
		if name == "git" {
			return cmd.Run(ctx, name, args...)
		}
		call := strings.Join(append([]string{name}, args...), " ")
		w.calls = append(w.calls, strings.ReplaceAll(call, filepath.Dir(cmd.Dir), "TEMP"))
		w.env = map[string]string{}
		for _, variable := range cmd.Env {
			name, value, _ := strings.Cut(variable, "=")
			w.env[name] = value
		}
		for _, l := range []line{lineOfApp, lineOfLeaf} {
			if data, err := os.ReadFile(filepath.Join(cmd.Dir, l.file)); err == nil && string(data) != "x := "+l.text+"\n" {
				w.seen = append(w.seen, strings.TrimSpace(string(data)))
			}
		}
		manual.Advance(time.Second)
		if err := w.fails(call); err != nil {
			fmt.Fprintln(cmd.Stderr, "what it printed")
			return fmt.Errorf("running %s: %w", call, err)
		}
		fmt.Fprintln(cmd.Stdout, "building")
		if ctx.Err() != nil {
			return fmt.Errorf("running %s: %w", name, context.Cause(ctx))
		}
		return nil
	}
	t.Cleanup(b.removeClone)
	return w
}

func TestUnit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.measure(t.Context(), []measurement{unit}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"go build -p=2 std"}, w.calls); diff != "" || w.report.Unit != 1 || w.env["GOMAXPROCS"] != "2" {
		t.Errorf("calls (-want +got):\n%sunit %v", diff, w.report.Unit)
	}
	if entries, err := os.ReadDir(w.env["GOCACHE"]); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the build cache was left behind: %v, %v", entries, err)
	}
}

func TestCold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runs = 2
	if err := w.cold(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"go mod download", "go mod download", "npm ci --no-audit --no-fund --loglevel=error", // once
		"go tool mage rehearse -approve", "go tool mage rehearse -approve", "go tool mage test", "go tool mage test",
	}
	if diff := cmp.Diff(want, w.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	rows := []Row{
		{Name: "mage rehearse -approve, fresh machine", Value: 1, Unit: "s", Note: "median of 2, 1.00 to 1.00; " + freshNote},
		{Name: "mage test, fresh machine", Value: 1, Unit: "s", Note: "median of 2, 1.00 to 1.00; " + freshNote},
	}
	if diff := cmp.Diff(rows, w.report.Rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	for _, cache := range []string{"GOCACHE", "XDG_CACHE_HOME", "MAGEFILE_CACHE", "GOLANGCI_LINT_CACHE"} {
		if dir := w.env[cache]; dir == os.Getenv(cache) || !strings.Contains(dir, "magewright-bench-") {
			t.Errorf("%s is %q", cache, dir)
		}
	}
	if _, err := os.Stat(filepath.Dir(filepath.Dir(w.env["GOCACHE"]))); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the clone was left behind: %v", err)
	}
}

func TestCI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runs = 2
	if err := w.ci(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"./.ci/run", "./.ci/run", "./.ci/run",
		"go mod download", "go mod download", "npm ci --no-audit --no-fund --loglevel=error", // once
		"./.ci/run", "./.ci/run",
	}
	if diff := cmp.Diff(want, w.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	rows := []Row{
		{Name: ".ci/run, warm caches", Value: 1, Unit: "s", Note: "median of 2, 1.00 to 1.00"},
		{Name: ".ci/run, fresh machine", Value: 1, Unit: "s", Note: "median of 2, 1.00 to 1.00; " + freshNote},
	}
	if diff := cmp.Diff(rows, w.report.Rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestWarm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runs = 2
	if err := w.warmRehearsal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(slices.Repeat([]string{"go tool mage rehearse -approve"}, 5), w.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"x := " + lineOfApp.with(1), "x := " + lineOfApp.with(2)}, w.seen); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if out, err := w.warm.run(t.Context(), "git", "status", "--porcelain"); out != "" || err != nil {
		t.Errorf("not committed: %s%v", out, err)
	}
	// The next measurement finds the clone as this one left it.
	if err := w.test(t.Context()); err != nil {
		t.Fatal(err)
	}
	if last := w.seen[len(w.seen)-1]; last != "x := "+lineOfApp.with(4) {
		t.Errorf("the last line is %q", last)
	}
	var names []string
	for _, row := range w.report.Rows {
		names = append(names, row.Name)
	}
	want := []string{"mage rehearse -approve, nothing changed", "mage rehearse -approve, one line of app changed", "mage test, one line of app changed"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if data, err := os.ReadFile(filepath.Join(w.cfg.Dir, lineOfApp.file)); err != nil || string(data) != "x := "+lineOfApp.text+"\n" {
		t.Errorf("the repository itself was changed: %q, %v", data, err)
	}
}

func TestAFailedRunIsNoNumber(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := 0
	w.fails = func(string) error {
		// The first run, which does not count, and the three with nothing changed.
		if n++; n == 6 {
			return errors.New("exit status 1")
		}
		return nil
	}
	if err := w.check(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []Row{
		{Name: "mage check, nothing changed", Value: 1, Unit: "s", Note: "median of 3, 1.00 to 1.00"},
		{Name: "mage check, one line of tools/internal/suggest changed", Unit: failed, Note: "run 2 of 3: running go tool mage check: exit status 1", Output: "what it printed"},
	}
	if diff := cmp.Diff(want, w.report.Rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestFirstOutput(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runs = 1
	w.fails = func(call string) error {
		if call == "go tool mage -l" {
			return errors.New("exit status 3")
		}
		return nil
	}
	if err := w.firstOutput(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, row := range w.report.Rows {
		got = append(got, row.Name+" "+row.Unit)
	}
	want := []string{
		"first output of mage -l, warm caches failed",
		"first output of mage lint, warm caches s",
		"first output of mage lint, fresh machine s",
		"first output of mage rehearse -approve, one line of tools/rehearse changed s",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	data, err := os.ReadFile(filepath.Join(w.warm.dir, "tools/rehearse/main.go"))
	if want := "package main\n\nvar Bench1 = 1\n"; err != nil || string(data) != want {
		t.Errorf("the program is %q, %v, want %q", data, err, want)
	}
}

// TestFirstOutputEndsTheTarget has a target that would run for ever.
func TestFirstOutputEndsTheTarget(t *testing.T) {
	t.Parallel()
	b, _ := newBench(t)
	b.env = os.Environ()
	for script, want := range map[string]error{
		"echo building; exec sleep 1000":    nil,
		"echo building >&2; sleep 1000":     nil,
		"exit 0":                            errNoOutput,
		"echo 'Error: no'; exec sleep 1000": errOnlyError,
	} {
		b.execute = func(ctx context.Context, cmd command.Cmd, _ string, _ ...string) error {
			return cmd.Run(ctx, "sh", "-c", script)
		}
		if _, err := (&clone{bench: b, dir: t.TempDir()}).firstOutput(t.Context(), "lint"); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", script, err, want)
		}
	}
}

// TestTheChangedLines holds that the lines which measurements change are there.
func TestTheChangedLines(t *testing.T) {
	t.Parallel()
	for _, l := range []line{lineOfApp, lineOfLeaf} {
		data, err := os.ReadFile(filepath.Join("..", "..", "..", l.file))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(data), l.text); n != 1 {
			t.Errorf("%s holds %q %d times, want once: name another line in clone.go", l.file, l.text, n)
		}
		if l.with(1) == l.with(2) || l.with(1) == l.text {
			t.Errorf("the changes of %s are alike", l.file)
		}
		if changed := strings.Replace(string(data), l.text, l.with(1), 1); strings.Count(changed, l.text) != 1 {
			t.Errorf("in a clone where %s was changed, this test would fail", l.file)
		}
	}
}

// TestDev holds that a file is saved each time that dev waits, and that the time until it
// serves is measured.
func TestDev(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	manual := w.clock.(*clock.Manual)
	w.execute = func(ctx context.Context, cmd command.Cmd, name string, args ...string) error {
		if name == "git" {
			return cmd.Run(ctx, name, args...)
		}
		for ctx.Err() == nil {
			fmt.Fprint(cmd.Stdout, "\nwaiting for a file to be saved; Ctrl-C ends\n")
			data, err := os.ReadFile(filepath.Join(cmd.Dir, lineOfApp.file))
			if err != nil {
				return err
			}
			w.seen = append(w.seen, strings.TrimSpace(string(data)))
			manual.Advance(700 * time.Millisecond)
			fmt.Fprint(cmd.Stdout, "serves what was saved after               0.61 s\nsmoke: 6 steps are as they must be        0.21 s\n")
		}
		return context.Cause(ctx)
	}
	if err := w.dev(t.Context()); err != nil {
		t.Fatal(err)
	}
	last := w.report.Rows[len(w.report.Rows)-1]
	if last.Name != "mage dev, from a saved file to serving it" || last.Value != 0.7 || len(w.seen) != w.runs+1 || w.seen[0] == w.seen[1] {
		t.Errorf("the row is %+v, and what was saved %q", last, w.seen)
	}
	w.execute = func(ctx context.Context, cmd command.Cmd, name string, args ...string) error {
		if name == "git" {
			return cmd.Run(ctx, name, args...)
		}
		fmt.Fprintln(cmd.Stdout, "Error: no port")
		return errors.New("exit status 3")
	}
	if err := w.dev(t.Context()); err == nil || !strings.Contains(err.Error(), "dev ended after 0 of ") || !strings.Contains(err.Error(), "Error: no port") {
		t.Errorf("where dev fails: %v", err)
	}
}
