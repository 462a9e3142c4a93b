package buildspec

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/magewright/magewright/tools/internal/clock"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata")

// The files of an archive form the source directory; "log" and "result" are the
// expected results. The line "outputs:" in the comment lists the artifacts to
// collect; PRIMARY is the primary one.
func TestRun(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob("testdata/run/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, path := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b := Build{
				Source: t.TempDir(), Work: t.TempDir(), Host: []string{"PATH=" + os.Getenv("PATH"), "HOME=/home/builder"},
				Mask:  []string{"hunter22"},
				Clock: clock.NewManual(time.Date(2026, 11, 23, 21, 0, 0, 0, time.UTC)),
			}
			for line := range strings.Lines(string(archive.Comment)) {
				if outputs, ok := strings.CutPrefix(line, "outputs:"); ok {
					for _, id := range strings.Fields(outputs) {
						b.Outputs = append(b.Outputs, strings.TrimPrefix(id, "PRIMARY"))
					}
				}
			}
			for _, f := range archive.Files {
				if f.Name == "log" || f.Name == "result" {
					continue
				}
				name := filepath.Join(b.Source, f.Name)
				if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, f.Data, 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			spec, err := os.ReadFile(filepath.Join(b.Source, "buildspec.yml"))
			if err != nil {
				t.Fatal(err)
			}
			if b.Spec, err = Parse("buildspec.yml", spec); err != nil {
				t.Fatal(err)
			}
			if b.Environment, err = b.Spec.Resolve(t.Context(), secrets{}); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			b.Log = &log
			result, err := Run(t.Context(), b)
			if err != nil {
				t.Fatal(err)
			}
			readable := strings.NewReplacer(b.Source, "SOURCE", b.Work, "WORK", "[Container] 2026/11/23 21:00:00.000000 ", "> ")
			got := map[string]string{"log": readable.Replace(log.String()), "result": readable.Replace(show(t, result))}
			for i, f := range archive.Files {
				text, ok := got[f.Name]
				if !ok {
					continue
				}
				if *update {
					archive.Files[i].Data = []byte(text)
				} else if diff := cmp.Diff(string(f.Data), text); diff != "" {
					t.Errorf("%s (-want +got):\n%s", f.Name, diff)
				}
			}
			if *update {
				if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// secrets answers every lookup with a text that the log must not show.
type secrets struct{}

func (secrets) Parameter(_ context.Context, name string) (string, error) {
	return "param-of-" + name, nil
}
func (secrets) Secret(_ context.Context, ref SecretRef) (string, error) {
	return "secret-of-" + ref.ID, nil
}

func show(t *testing.T, r Result) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", r.Status)
	for _, p := range r.Phases {
		fmt.Fprintf(&b, "%s %s %v\n", p.Name, p.Status, p.Contexts)
	}
	for _, e := range r.Exported {
		fmt.Fprintf(&b, "export %s=%q\n", e.Name, e.Value)
	}
	for _, a := range r.Artifacts {
		fmt.Fprintf(&b, "artifact %q name %q files %d\n", a.Identifier, a.Name, a.Files)
		z, err := zip.OpenReader(a.Path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range z.File {
			in, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(in)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "  %s %s %q\n", f.Mode(), f.Name, data)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range r.Reports {
		fmt.Fprintf(&b, "report %s %v\n", r.Group, r.Files)
		for _, c := range r.Cases {
			fmt.Fprintf(&b, "  %s %s %s %s %v %q\n", c.Suite, c.Prefix, c.Name, c.Status, c.Duration, c.Message)
		}
	}
	return b.String()
}

func mustParse(t *testing.T, text string) *Spec {
	t.Helper()
	s, err := Parse("buildspec.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A watcher closes seen once a certain text has been written to it.
type watcher struct {
	mu    sync.Mutex
	text  string
	seen  chan struct{}
	all   bytes.Buffer
	found bool
}

func watch(text string) *watcher { return &watcher{text: text, seen: make(chan struct{})} }

func (w *watcher) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all.Write(p)
	if !w.found && strings.Contains(w.all.String(), w.text) {
		w.found = true
		close(w.seen)
	}
	return len(p), nil
}

func TestRunEndsEverythingWhenItIsCancelled(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		cause  error
		status Status
		spec   string
	}{
		"stopped":   {errors.New("StopBuild"), Stopped, "sleep 1000 & echo $! >pids; sleep 1000"},
		"timed out": {ErrTimedOut, TimedOut, "(sleep 1000; echo no) & echo $! >pids; exec sleep 1000"},
		"a group of its own": {errors.New("StopBuild"), Stopped,
			"set -m; sleep 1000 & echo $! >pids; set +m; sleep 1000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			log := watch("ready")
			b := Build{
				Spec:   mustParse(t, "version: 0.2\nphases: {build: {commands: ['sleep 1000 & echo $! >first', 'echo ready; "+test.spec+"'], finally: [echo finally]}, post_build: {commands: [echo post]}}"),
				Source: t.TempDir(), Work: t.TempDir(), Host: os.Environ(), Log: log,
			}
			go func() {
				<-log.seen
				// The pids follow right after the line.
				for {
					if data, err := os.ReadFile(filepath.Join(b.Source, "pids")); err == nil && len(data) > 0 {
						break
					}
					if clock.Sleep(t.Context(), clock.System(), time.Millisecond) != nil {
						return
					}
				}
				cancel(test.cause)
			}()
			result, err := Run(ctx, b)
			if !errors.Is(err, test.cause) || result.Status != test.status {
				t.Errorf("Run = %s, %v", result.Status, err)
			}
			if last := result.Phases[len(result.Phases)-1]; last.Name != BuildStep || last.Status != test.status {
				t.Errorf("last phase = %+v", last)
			}
			if text := log.all.String(); strings.Contains(text, "finally\n") || strings.Contains(text, "post\n") {
				t.Errorf("it went on:\n%s", text)
			}
			for _, file := range []string{"first", "pids"} {
				var pid int
				data, err := os.ReadFile(filepath.Join(b.Source, file))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := fmt.Sscan(string(data), &pid); err != nil {
					t.Fatal(err)
				}
				if running(pid) {
					t.Errorf("process %d of %s is still there", pid, file)
				}
			}
		})
	}
}

// running reports whether a process is alive. A zombie is not.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return !errors.Is(err, os.ErrNotExist) && syscall.Kill(pid, 0) == nil
	}
	return !strings.Contains(string(stat), ") Z ")
}

func TestRunLeavesNoBackgroundProcess(t *testing.T) {
	t.Parallel()
	b := Build{
		Spec:   mustParse(t, "version: 0.2\nphases: {build: {commands: ['sleep 1000 & echo $! >pid', exit 0, echo on]}}"),
		Source: t.TempDir(), Work: t.TempDir(), Host: os.Environ(), Log: io.Discard,
	}
	result, err := Run(t.Context(), b)
	if err != nil || result.Status != Succeeded {
		t.Fatalf("Run = %s, %v", result.Status, err)
	}
	data, err := os.ReadFile(filepath.Join(b.Source, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(string(data), &pid); err != nil || running(pid) {
		t.Errorf("process %d is still there (%v)", pid, err)
	}
}

// Who runs a build may start its shell in another way.
func TestRunStartsTheShellAsAsked(t *testing.T) {
	t.Parallel()
	b := Build{
		Spec:   mustParse(t, "version: 0.2\nphases: {build: {commands: ['test \"$STARTED\" = yes']}}"),
		Source: t.TempDir(), Work: t.TempDir(), Host: os.Environ(), Log: io.Discard,
		Start: func(cmd *exec.Cmd) error {
			cmd.Env = append(cmd.Env, "STARTED=yes")
			return cmd.Start()
		},
	}
	if result, err := Run(t.Context(), b); err != nil || result.Status != Succeeded {
		t.Errorf("Run = %s, %v", result.Status, err)
	}
}

func TestRunStoresArtifacts(t *testing.T) {
	t.Parallel()
	full := errors.New("the bucket is full")
	b := Build{
		Spec:    mustParse(t, "version: 0.2\nphases: {build: {commands: [echo x >f]}}\nartifacts: {files: [f]}"),
		Outputs: []string{""},
		Store:   func(_ context.Context, a Artifact) error { return fmt.Errorf("storing %d file: %w", a.Files, full) },
		Source:  t.TempDir(), Work: t.TempDir(), Host: os.Environ(),
	}
	var seen []string
	b.OnPhase = func(p PhaseResult) { seen = append(seen, p.Name+" "+string(p.Status)) }
	result, err := Run(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	want := Context{ClientError, "storing 1 file: the bucket is full"}
	if last := result.Phases[len(result.Phases)-1]; result.Status != Failed || last.Name != UploadArtifacts || !slices.Equal(last.Contexts, []Context{want}) {
		t.Errorf("Run = %+v", result)
	}
	if got := strings.Join(seen, ", "); got != "INSTALL IN_PROGRESS, INSTALL SUCCEEDED, PRE_BUILD IN_PROGRESS, PRE_BUILD SUCCEEDED, BUILD IN_PROGRESS, BUILD SUCCEEDED, POST_BUILD IN_PROGRESS, POST_BUILD SUCCEEDED, UPLOAD_ARTIFACTS IN_PROGRESS, UPLOAD_ARTIFACTS FAILED" {
		t.Errorf("phases seen: %s", got)
	}
}

func TestZipsOfTheSameFilesAreTheSame(t *testing.T) {
	t.Parallel()
	var zips [2][]byte
	for i := range zips {
		b := Build{
			Spec:    mustParse(t, "version: 0.2\nphases: {build: {commands: [mkdir -p a/b, echo x >a/b/f, echo y >g, chmod 700 g]}}\nartifacts: {files: ['**/*']}"),
			Outputs: []string{""}, Source: t.TempDir(), Work: t.TempDir(), Host: os.Environ(),
		}
		result, err := Run(t.Context(), b)
		if err != nil || len(result.Artifacts) != 1 {
			t.Fatalf("Run = %+v, %v", result, err)
		}
		if zips[i], err = os.ReadFile(result.Artifacts[0].Path); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(zips[0], zips[1]) {
		t.Error("two zips of the same files differ")
	}
}

func TestResolvePrecedence(t *testing.T) {
	t.Parallel()
	s := mustParse(t, "version: 0.2\nenv: {variables: {A: spec, B: spec, C: spec}, parameter-store: {D: name}}\nphases: {build: {commands: [a]}}")
	env, err := s.Resolve(t.Context(), secrets{}, Variable{"B", "project", Plaintext}, Variable{"C", "project", Plaintext}, Variable{"C", "$A", Plaintext}, Variable{"E", "id:key", SecretsManager})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"A": "spec", "B": "project", "C": "$A", "D": "param-of-name", "E": "secret-of-id"}
	if diff := cmp.Diff(want, env.Values); diff != "" {
		t.Error(diff)
	}
	if !env.Secret["D"] || !env.Secret["E"] || env.Secret["A"] {
		t.Errorf("secret = %v", env.Secret)
	}
	if _, err := s.Resolve(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "reading the value of D") {
		t.Errorf("without a store: %v", err)
	}
}

func TestSatisfies(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		have, want string
		ok         bool
	}{
		{"1.26.8", "1.26", true}, {"1.26.8", "1.2", false}, {"20.20.2", "20", true}, {"20.20.2", "20.x", true},
		{"20.20.2", "22", false}, {"3.11.2", "latest", true}, {"17.0.2", "corretto17", true}, {"17.0.2", "corretto8", false},
	} {
		if got := satisfies(test.have, test.want); got != test.ok {
			t.Errorf("satisfies(%s, %s) = %v", test.have, test.want, got)
		}
	}
}

func TestAHostThatLacksARuntimeWarns(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	b := Build{
		Spec:   mustParse(t, "version: 0.2\nphases:\n  install:\n    runtime-versions:\n      golang: $WANTED\n      android: 29\n  build: {commands: [a=1]}"),
		Source: t.TempDir(), Work: t.TempDir(), Log: &log,
		Host: append(os.Environ(), "WANTED=0.9"),
	}
	result, err := Run(t.Context(), b)
	if err != nil || result.Status != Succeeded {
		t.Fatalf("Run = %s, %v", result.Status, err)
	}
	if len(result.Warnings) != 2 || !strings.Contains(result.Warnings[0].String(), "buildspec.yml:5:7: runtime-versions: this host has golang 1.") ||
		!strings.HasSuffix(result.Warnings[0].String(), "not 0.9") || !strings.Contains(result.Warnings[1].String(), "buildspec.yml:6:7: runtime-versions: this host does not have android 29") {
		t.Errorf("warnings = %v", result.Warnings)
	}
	if !strings.Contains(log.String(), "Warning: buildspec.yml:5:7: ") {
		t.Errorf("the log doesn't show it:\n%s", log.String())
	}
}

// TestMain runs a build instead of the tests if a test requests it.
func TestMain(m *testing.M) {
	dir := os.Getenv("BUILDSPEC_TEST_KEEPER")
	if dir == "" {
		os.Exit(m.Run())
	}
	spec, err := Parse("buildspec.yml", []byte("version: 0.2\nphases: {build: {commands: [sleep 1000 & echo $! >pid; echo $$ >shell; echo ready; sleep 1000]}}"))
	if err == nil {
		_, err = Run(context.Background(), Build{Spec: spec, Source: dir, Work: filepath.Join(dir, "work"), Host: os.Environ(), Log: os.Stdout})
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func TestABuildEndsWithItsKeeper(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	keeper := exec.CommandContext(t.Context(), os.Args[0])
	keeper.Env = append(os.Environ(), "BUILDSPEC_TEST_KEEPER="+dir)
	log := watch("\nready\n")
	keeper.Stdout, keeper.Stderr = log, log
	if err := keeper.Start(); err != nil {
		t.Fatal(err)
	}
	<-log.seen
	if err := keeper.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := keeper.Wait(); err == nil {
		t.Error("the keeper ended well")
	}
	// When the shell ends, it writes its state into a directory that the test
	// would remove.
	for _, file := range []string{"pid", "shell"} {
		data, err := os.ReadFile(filepath.Join(dir, file)) // #nosec G304 -- written by the build above
		if err != nil {
			t.Fatal(err)
		}
		var pid int
		if _, err := fmt.Sscan(string(data), &pid); err != nil {
			t.Fatal(err)
		}
		// This is five minutes on the slowest machine.
		for tries := 30_000; running(pid); tries-- {
			if tries == 0 {
				t.Fatalf("process %d of %s outlives its keeper", pid, file)
			}
			if err := clock.Sleep(t.Context(), clock.System(), 10*time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
	}
}
