package target

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/magewright/magewright/tools/internal/live"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

func TestPrefixed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		writes []string
		want   string
	}{
		{"nothing", nil, ""},
		{"a line", []string{"compiling\n"}, "lint: compiling\n"},
		{"lines at once", []string{"a\nb\n"}, "lint: a\nlint: b\n"},
		{"a line in pieces", []string{"com", "pil", "ing\nnext", "\n"}, "lint: compiling\nlint: next\n"},
		{"an empty line", []string{"\n"}, "lint: \n"},
		{"a line that says it already", []string{"lint runs: a.go changed\n", "lint: done\n"}, "lint runs: a.go changed\nlint: done\n"},
		{"a last line without an end", []string{"a\nlast"}, "lint: a\nlint: last\n"},
	} {
		var out bytes.Buffer
		p := &prefixed{mu: &sync.Mutex{}, to: &out, prefix: "lint: "}
		for _, text := range tt.writes {
			if n, err := io.WriteString(p, text); n != len(text) || err != nil {
				t.Errorf("%s: wrote %d of %q: %v", tt.name, n, text, err)
			}
		}
		p.end()
		if out.String() != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, &out, tt.want)
		}
	}
	p := &prefixed{mu: &sync.Mutex{}, to: broken{}, prefix: "lint: "}
	if _, err := io.WriteString(p, "a\n"); err == nil {
		t.Error("a line that could not be written was")
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken") }

// inProject makes a project the current directory and returns a function that
// returns what was printed since to standard output and error.
func inProject(t *testing.T) func() (stdout, stderr string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"go.mod", "magefile.go"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"init", "-q"}, {"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "--allow-empty", "-m", "a"}} {
		cmd := exec.CommandContext(t.Context(), "git", args...) // #nosec G204 -- arguments of this file
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
	}
	t.Chdir(dir)
	for _, variable := range []string{"CODEBUILD_RESOLVED_SOURCE_VERSION", "CODEBUILD_SRC_DIR_Assembly"} {
		t.Setenv(variable, "")
	}
	files := make([]*os.File, 2)
	for i, stream := range []**os.File{&os.Stdout, &os.Stderr} {
		file, err := os.Create(filepath.Join(t.TempDir(), "printed"))
		if err != nil {
			t.Fatal(err)
		}
		before := *stream
		t.Cleanup(func() { *stream = before; _ = file.Close() })
		*stream, files[i] = file, file
	}
	return func() (string, string) {
		var said [2]string
		for i, file := range files {
			data, err := os.ReadFile(file.Name())
			if err != nil {
				t.Fatal(err)
			}
			said[i] = string(data)
		}
		return said[0], said[1]
	}
}

// TestParallel holds that targets run two at a time, that what they print is
// kept apart, and that one which fails does not keep the others from running.
func TestParallel(t *testing.T) {
	printed := inProject(t)
	var running, most, all atomic.Int32
	var met sync.WaitGroup
	met.Add(2)
	var targets []Named
	for i, name := range []string{"lint", "test", "sec", "synth"} {
		targets = append(targets, Named{Name: name, Run: func(_ context.Context, cfg project.Config) error {
			n := running.Add(1)
			defer running.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			all.Add(1)
			if i < 2 { // the first two run at once, or wait for ever
				met.Done()
				met.Wait()
			}
			for line := range 20 {
				fmt.Fprintf(cfg.Stdout, "%s prints %d\n", name, line)
				fmt.Fprintf(cfg.Stderr, "progress %d of ", line)
				fmt.Fprintf(cfg.Stderr, "%s\n", name)
			}
			fmt.Fprint(cfg.Stderr, "unfinished")
			if name == "sec" {
				return exit.Failed("go tool mage sec", "sec: findings")
			}
			return nil
		}})
	}
	err := Parallel(t.Context(), targets...)
	if err == nil || !strings.HasPrefix(err.Error(), "sec: findings") || strings.Contains(err.Error(), "lint") {
		t.Errorf("Parallel = %v", err)
	}
	if all.Load() != 4 || most.Load() != 2 {
		t.Errorf("%d targets ran, %d at once", all.Load(), most.Load())
	}
	stdout, stderr := printed()
	for _, target := range targets {
		result := "ok"
		if target.Name == "sec" {
			result = "FAILED"
		}
		block := regexp.MustCompile(`(?m)^== ` + target.Name + `: ` + result + ` \(\d+\.\ds\)\n(?:` + target.Name + ` prints \d+\n){20}`)
		if !block.MatchString(stdout) {
			t.Errorf("the output of %s is not in one piece:\n%s", target.Name, stdout)
		}
		for line := range 20 {
			if want := fmt.Sprintf("%s: progress %d of %s\n", target.Name, line, target.Name); !strings.Contains(stderr, want) {
				t.Errorf("progress lacks %q", want)
			}
		}
		if want := target.Name + ": unfinished\n"; !strings.Contains(stderr, want) {
			t.Errorf("progress lacks %q", want)
		}
	}
	if lines := strings.Count(stderr, "\n"); lines != 4*21 {
		t.Errorf("%d lines of progress:\n%s", lines, stderr)
	}
}

func TestRunWithoutAProject(t *testing.T) {
	t.Chdir(t.TempDir())
	err := Run(t.Context(), func(context.Context, project.Config) error { t.Error("it ran"); return nil })
	if exit.Status(err) != exit.Environment {
		t.Errorf("Run = %v", err)
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := project.Config{Dir: dir, Evidence: filepath.Join(dir, ".magewright"), Assembly: filepath.Join(dir, "cdk.out")}
	for _, path := range []string{cfg.Evidence, filepath.Join(cfg.Assembly, "asset"), filepath.Join(dir, "app")} {
		if err := os.MkdirAll(path, 0o750); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := Clean(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 || entries[0].Name() != "app" {
		t.Errorf("left are %v, %v", entries, err)
	}
}

// TestParallelOnATerminal holds that what failed is printed first and whole, and of the
// others a line.
func TestParallelOnATerminal(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	screen := live.Fake(&out, false, func() (int, int) { return 80, 24 })
	targets := []Named{
		{"lint", func(_ context.Context, cfg project.Config) error {
			fmt.Fprintln(cfg.Stdout, "first\nlint: no findings")
			return nil
		}},
		{"test", func(_ context.Context, cfg project.Config) error {
			fmt.Fprintln(cfg.Stdout, "--- FAIL: TestInk\n    the ink ran out")
			return exit.Failed("go test ./app", "test: 1 failed")
		}},
	}
	err := parallel(t.Context(), project.Config{Stdout: screen, Stderr: &out}, screen, targets)
	if exit.Status(err) != exit.Gate || !strings.HasPrefix(err.Error(), "test: 1 failed") {
		t.Errorf("it ends with %v", err)
	}
	shown := regexp.MustCompile(`\(\d+\.\ds\)`).ReplaceAllString(out.String(), "(1.0s)")
	const want = "== test: FAILED (1.0s)\n--- FAIL: TestInk\n    the ink ran out\n== lint: ok (1.0s)\n   lint: no findings\n"
	if !strings.HasSuffix(shown, want) {
		t.Errorf("it shows\n%s\nwant at its end\n%s", shown, want)
	}
}

// TestParallelIsStopped holds that after Ctrl-C it is said what was stopped and what did
// not run: neither has failed.
func TestParallelIsStopped(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancelCause(t.Context())
	var both sync.WaitGroup
	both.Add(2)
	running := func(ctx context.Context, _ project.Config) error {
		both.Done()
		<-ctx.Done()
		return errors.New("signal: killed")
	}
	go func() {
		both.Wait()
		interrupt(errors.New("interrupt signal received"))
	}()
	never := func(context.Context, project.Config) error { t.Error("it ran after Ctrl-C"); return nil }
	var out bytes.Buffer
	cfg := project.Config{Stdout: &out, Stderr: &out}
	err := exit.Stopped(ctx, parallel(ctx, cfg, live.NewScreen(&out), []Named{{"lint", running}, {"test", running}, {"sec", never}, {"synth", never}}))
	if exit.Status(err) != exit.Interrupted || err.Error() != "stopped: interrupt signal received" {
		t.Errorf("exit code %d, %v", exit.Status(err), err)
	}
	for _, want := range []string{"== lint: stopped (", "== test: stopped (", "== sec: not run\n", "== synth: not run\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, &out)
		}
	}
}
