package reuse_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/magewright/magewright/tools/check/reuse"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/actioncache"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/internal/inputs"
	"github.com/magewright/magewright/tools/project"
)

// A place is a checkout with its own caches, and work that counts its runs.
type place struct {
	t    *testing.T
	cfg  project.Config
	out  *bytes.Buffer
	errs *bytes.Buffer
	runs atomic.Int32

	work reuse.Work
	// while is what happens while the work runs; it may fail.
	while func() error
}

// newPlace returns a checkout whose work reads every file, the toolchain and the
// environment, and leaves a report and an assembly.
func newPlace(t *testing.T) *place {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	dir := t.TempDir()
	p := &place{t: t, out: &bytes.Buffer{}, errs: &bytes.Buffer{}}
	p.cfg = project.Config{
		Dir: dir, Evidence: filepath.Join(dir, ".magewright"), Assembly: filepath.Join(dir, "cdk.out"), Commit: strings.Repeat("a", 40),
		Stdout: p.out, Stderr: p.errs,
	}
	p.write("main.go", "package main\n")
	p.write(".tool.yml", "strict: true\n")
	p.work = reuse.Work{
		Name: "work",
		Inputs: func(ctx context.Context, cfg project.Config) (inputs.Set, error) {
			tree, err := inputs.ReadTree(cfg.Dir, cfg.Evidence, cfg.Assembly)
			if err != nil {
				return nil, err
			}
			set := inputs.Set{}
			set.Files(tree, func(string) bool { return true })
			set.Environ(os.Environ(), func(string) bool { return false })
			return set, set.Go(ctx, cfg.Dir)
		},
		Outputs: []string{reuse.Evidence + "/report.json", reuse.Assembly + "/."},
		Run: func(_ context.Context, cfg project.Config) error {
			n := p.runs.Add(1)
			if err := evidence.Keep(cfg.Evidence, "work", cfg.Commit, evidence.Lint{Files: int(n)}); err != nil {
				return err
			}
			p.write(".magewright/report.json", fmt.Sprintf("run %d", n))
			p.write("cdk.out/stack.json", fmt.Sprintf("stack %d", n))
			p.write("cdk.out/asset/app.zip", "PK")
			fmt.Fprintf(cfg.Stdout, "result %d\n", n)
			fmt.Fprintf(cfg.Stderr, "progress %d\n", n)
			if p.while != nil {
				return p.while()
			}
			return nil
		},
	}
	return p
}

func (p *place) path(name string) string { return filepath.Join(p.cfg.Dir, filepath.FromSlash(name)) }

func (p *place) write(name, text string) {
	p.t.Helper()
	if err := os.MkdirAll(filepath.Dir(p.path(name)), 0o750); err != nil {
		p.t.Error(err)
	}
	if err := os.WriteFile(p.path(name), []byte(text), 0o600); err != nil {
		p.t.Error(err)
	}
}

// entries returns the directories of the cache's entries.
func (p *place) entries() []string {
	p.t.Helper()
	records, err := filepath.Glob(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "magewright", "actions", "??", "*", "record.json"))
	if err != nil {
		p.t.Fatal(err)
	}
	for i := range records {
		records[i] = filepath.Dir(records[i])
	}
	return records
}

// do runs the work and returns what was printed.
func (p *place) do() (stdout, stderr string, err error) {
	p.out.Reset()
	p.errs.Reset()
	err = p.work.Do(p.t.Context(), p.cfg)
	return p.out.String(), p.errs.String(), err
}

// runsAgain does the work and holds that it runs, and says why.
func (p *place) runsAgain(says string) {
	p.t.Helper()
	before := p.runs.Load()
	stdout, stderr, err := p.do()
	if err != nil {
		p.t.Fatalf("%v\n%s", err, stderr)
	}
	n := p.runs.Load()
	if n != before+1 || stdout != fmt.Sprintf("result %d\n", n) {
		p.t.Fatalf("it ran %d times and printed %q\n%s", n-before, stdout, stderr)
	}
	if !strings.Contains(stderr, says) {
		p.t.Errorf("it says %q, want %q", stderr, says)
	}
	p.left(n)
}

// reused does the work and holds that the result of its nth run is taken.
func (p *place) reused(n int32) {
	p.t.Helper()
	before := p.runs.Load()
	stdout, stderr, err := p.do()
	if err != nil || p.runs.Load() != before || stderr != "" {
		p.t.Fatalf("it ran %d times: %v\n%s", p.runs.Load()-before, err, stderr)
	}
	if !strings.HasPrefix(stdout, fmt.Sprintf("result %d\nwork: unchanged since ", n)) {
		p.t.Errorf("it printed %q", stdout)
	}
	p.left(n)
}

// left holds that the outputs are those of the nth run, and nothing else.
func (p *place) left(n int32) {
	p.t.Helper()
	for name, want := range map[string]string{
		".magewright/report.json": fmt.Sprintf("run %d", n), "cdk.out/stack.json": fmt.Sprintf("stack %d", n), "cdk.out/asset/app.zip": "PK",
	} {
		if data, err := os.ReadFile(p.path(name)); err != nil || string(data) != want {
			p.t.Errorf("%s is %q, %v, want %q", name, data, err, want)
		}
	}
}

func TestTheSameIsNotDoneAgain(t *testing.T) {
	p := newPlace(t)
	p.runsAgain("work runs: it has not passed here before\nprogress 1\n")
	p.reused(1)
	for _, output := range []string{".magewright/report.json", "cdk.out"} {
		if err := os.RemoveAll(p.path(output)); err != nil {
			t.Fatal(err)
		}
		p.reused(1)
	}
	// What is there already must not be taken for an output.
	p.write(".magewright/report.json", "stale")
	p.write("cdk.out/stack.json", "stale")
	p.write("cdk.out/asset/stale.zip", "stale")
	p.write("cdk.out/stale/stale.json", "stale")
	p.reused(1)
	for _, name := range []string{"cdk.out/asset/stale.zip", "cdk.out/stale"} {
		if _, err := os.Lstat(p.path(name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there", name)
		}
	}
	// Another checkout of the same files, with other times.
	first := p.cfg.Dir
	p.cfg.Dir = t.TempDir()
	p.cfg.Evidence, p.cfg.Assembly = p.path(".magewright"), p.path("cdk.out")
	for _, name := range []string{"main.go", ".tool.yml"} {
		data, err := os.ReadFile(filepath.Join(first, name)) // #nosec G304 -- of the test
		if err != nil {
			t.Fatal(err)
		}
		p.write(name, string(data))
	}
	p.reused(1)
}

// TestWhatHasChangedIsDoneAgain attacks the reuse with changes that are easily
// overlooked.
func TestWhatHasChangedIsDoneAgain(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(p *place)
		says   string
	}{
		{"a file with the old size and time", func(p *place) {
			info, err := os.Stat(p.path("main.go"))
			if err != nil {
				p.t.Fatal(err)
			}
			p.write("main.go", "package evil\n")
			if err := os.Chtimes(p.path("main.go"), info.ModTime(), info.ModTime()); err != nil {
				p.t.Fatal(err)
			}
		}, "main.go changed"},
		{"a new file", func(p *place) { p.write("new.txt", "") }, "new.txt changed"},
		{"a new file in a hidden directory", func(p *place) { p.write(".hidden/new.txt", "") }, ".hidden/new.txt changed"},
		{"a file that git would ignore", func(p *place) { p.write("ignored.log", "x") }, "ignored.log changed"},
		{"a file that is gone", func(p *place) { p.must(os.Remove(p.path("main.go"))) }, "main.go changed"},
		{"a file with another name", func(p *place) { p.must(os.Rename(p.path("main.go"), p.path("main_windows.go"))) }, "main.go, main_windows.go changed"},
		{"a file that can be executed", func(p *place) { p.must(os.Chmod(p.path("main.go"), 0o700)) }, "main.go changed"}, // #nosec G302 -- the change
		{"a link in the place of a file", func(p *place) {
			p.must(os.Rename(p.path("main.go"), filepath.Join(p.t.TempDir(), "main.go")))
			p.must(os.Symlink(".tool.yml", p.path("main.go")))
		}, "main.go changed"},
		{"the tool's configuration", func(p *place) { p.write(".tool.yml", "strict: false\n") }, ".tool.yml changed"},
		{"a variable that is new", func(p *place) { p.t.Setenv("WORK_MODE", "loose") }, "env WORK_MODE changed"},
		{"a variable that is empty", func(p *place) { p.t.Setenv("WORK_MODE", "") }, "env WORK_MODE changed"},
		{"a setting of the go command", func(p *place) { p.t.Setenv("GOARCH", "riscv64") }, "go GOARCH changed"},
		{"another toolchain", func(p *place) { fakeGo(p.t, "go1.99.0") }, "go GOVERSION changed"},
		{"several", func(p *place) {
			for _, name := range []string{"b", "a", "d", "c"} {
				p.write(name, "")
			}
		}, "work runs: a, b, c and 1 more changed\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t)
			fakeGo(t, "go1.26.0") // quicker than the real one
			p.runsAgain("it has not passed here before")
			p.reused(1)
			tt.change(p)
			p.runsAgain(tt.says)
			p.reused(2)
		})
	}
}

func (p *place) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// fakeGo puts a go command on PATH, always in the same place, that reports a
// version and the architecture.
func fakeGo(t *testing.T, version string) {
	t.Helper()
	dir := os.Getenv("FAKE_GO")
	if dir == "" {
		dir = t.TempDir()
		t.Setenv("FAKE_GO", dir)
		t.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
	}
	script := "#!/bin/sh\necho '{\"GOVERSION\":\"" + version + "\",\"GOARCH\":\"'\"$GOARCH\"'\"}'\n"
	if err := command.WriteProgram(filepath.Join(dir, "go"), []byte(script)); err != nil {
		t.Fatal(err)
	}
}

func TestWhy(t *testing.T) {
	p := newPlace(t)
	fakeGo(t, "go1.26.0")
	p.cfg.Why = true
	p.runsAgain("it has not passed here before")
	for _, name := range []string{"b", "a", "d", "c"} {
		p.write(name, "")
	}
	p.runsAgain("work runs: a, b, c, d changed\n")
	// The cache was emptied, and nothing has changed.
	p.must(os.RemoveAll(p.entries()[0]))
	p.must(os.RemoveAll(p.entries()[0]))
	p.runsAgain("its last result is no longer in the cache")
	p.write(".magewright/inputs/work.json", "{")
	p.must(os.RemoveAll(p.entries()[0]))
	p.runsAgain("what it read the last time can't be read")
}

func TestForce(t *testing.T) {
	p := newPlace(t)
	fakeGo(t, "go1.26.0")
	p.runsAgain("")
	p.cfg.Force = true
	p.runsAgain("work runs: -force was given")
	p.cfg.Force = false
	p.reused(2) // and not the result of before

	// The inputs do not decide everything: it fails now. The earlier success must
	// not be believed any more.
	p.cfg.Force = true
	p.while = func() error { return errors.New("broken") }
	if _, _, err := p.do(); err == nil || err.Error() != "broken" {
		t.Fatalf("Do = %v", err)
	}
	p.cfg.Force, p.while = false, nil
	p.runsAgain("its last result is no longer in the cache")
}

// TestPoisonedEntries holds that what does not come from this work is never
// taken for its result.
func TestPoisonedEntries(t *testing.T) {
	for _, tt := range []struct {
		name   string
		poison func(p *place, entry string)
		says   string
	}{
		{"an output", func(p *place, entry string) {
			p.must(os.WriteFile(filepath.Join(entry, "evidence", "report.json"), []byte("run 0"), 0o600))
		}, "evidence/report.json has another digest"},
		{"an output that is gone", func(p *place, entry string) {
			p.must(os.Remove(filepath.Join(entry, "assembly", "stack.json")))
		}, "is not believed"},
		{"an output that is a link to this checkout's", func(p *place, entry string) {
			p.must(os.Remove(filepath.Join(entry, "assembly", "stack.json")))
			p.write("cdk.out/stack.json", "evil")
			p.must(os.Symlink(p.path("cdk.out/stack.json"), filepath.Join(entry, "assembly", "stack.json")))
		}, "assembly/stack.json has another digest"},
		{"an output and its digest", func(p *place, entry string) {
			p.must(os.WriteFile(filepath.Join(entry, "evidence", "report.json"), []byte("run 0"), 0o600))
			p.replaceInRecord(entry, inputs.Hash("run 1"), inputs.Hash("run 0"))
		}, "was not written by this user's key"},
		{"what it printed", func(p *place, entry string) { p.replaceInRecord(entry, "result 1", "result 7") }, "was not written by this user's key"},
		{"a record that is cut off", func(p *place, entry string) {
			p.must(os.Truncate(filepath.Join(entry, "record.json"), 100))
		}, "is not believed"},
		{"a key of another user", func(p *place, _ string) {
			p.must(os.WriteFile(filepath.Join(os.Getenv("XDG_CONFIG_HOME"), "magewright", "actions.key"), make([]byte, 32), 0o600))
		}, "was not written by this user's key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t)
			fakeGo(t, "go1.26.0")
			p.runsAgain("")
			p.reused(1)
			tt.poison(p, p.entries()[0])
			p.runsAgain(tt.says)
			p.reused(2)
		})
	}
	t.Run("the entry of another work", func(t *testing.T) {
		p := newPlace(t)
		fakeGo(t, "go1.26.0")
		p.runsAgain("")
		first := p.entries()[0]
		p.write("main.go", "package evil\n")
		p.runsAgain("main.go changed")
		for _, entry := range p.entries() {
			if entry != first { // the first result for the second's key
				p.must(os.RemoveAll(entry))
				p.must(os.CopyFS(entry, os.DirFS(first)))
			}
		}
		p.runsAgain("is of another action")
		p.reused(3)
	})
}

// replaceInRecord changes a record as it is on the disk.
func (p *place) replaceInRecord(entry, from, to string) {
	p.t.Helper()
	file := filepath.Join(entry, "record.json")
	data, err := os.ReadFile(file) // #nosec G304 -- in the test's cache
	if err != nil || !bytes.Contains(data, []byte(from)) {
		p.t.Fatalf("%s lacks %s: %v", data, from, err)
	}
	p.must(os.WriteFile(file, bytes.ReplaceAll(data, []byte(from), []byte(to)), 0o600))
}

func TestWhatIsNotKept(t *testing.T) {
	t.Run("a failure", func(t *testing.T) {
		p := newPlace(t)
		fakeGo(t, "go1.26.0")
		p.while = func() error { return errors.New("broken") }
		if _, _, err := p.do(); err == nil || len(p.entries()) > 0 {
			t.Errorf("Do = %v, and %v is kept", err, p.entries())
		}
		p.while = nil
		p.runsAgain("it has not passed here before")
	})
	t.Run("a success that must not be used again", func(t *testing.T) {
		p := newPlace(t)
		fakeGo(t, "go1.26.0")
		p.while = func() error { return fmt.Errorf("unreachable: %w", reuse.ErrNotKept) }
		p.runsAgain("")
		p.runsAgain("")
		if len(p.entries()) > 0 {
			t.Errorf("%v is kept", p.entries())
		}
	})
	t.Run("the result of a file that changed meanwhile", func(t *testing.T) {
		p := newPlace(t)
		fakeGo(t, "go1.26.0")
		p.while = func() error { p.write("main.go", "package meanwhile\n"); return nil }
		p.runsAgain("the result is not kept, because main.go changed while it ran")
		p.while = nil
		p.runsAgain("")
		p.reused(2)
		p.write("main.go", "package main\n") // the first content was never seen whole
		p.runsAgain("main.go changed")
	})
	t.Run("work whose output is missing", func(t *testing.T) {
		p := newPlace(t)
		fakeGo(t, "go1.26.0")
		p.work.Outputs = append(p.work.Outputs, reuse.Evidence+"/missing.json")
		p.runsAgain("keeping the result of work: ")
		p.runsAgain("")
	})
	t.Run("work that leaves a link", func(t *testing.T) {
		p := newPlace(t)
		fakeGo(t, "go1.26.0")
		p.while = func() error {
			_ = os.Remove(p.path("cdk.out/link"))
			return os.Symlink("stack.json", p.path("cdk.out/link"))
		}
		p.runsAgain("is not a regular file")
		p.runsAgain("")
	})
}

// TestACrashWhileWriting holds that what a process leaves which is killed at
// any moment while it writes an entry is never believed.
func TestACrashWhileWriting(t *testing.T) {
	p := newPlace(t)
	fakeGo(t, "go1.26.0")
	p.runsAgain("")
	entry := p.entries()[0]
	cache := filepath.Dir(filepath.Dir(entry))
	whole := filepath.Join(t.TempDir(), "whole")
	p.must(os.CopyFS(whole, os.DirFS(entry)))
	// Before it was renamed.
	p.must(os.Rename(entry, filepath.Join(cache, "writing-123")))
	p.runsAgain("its last result is no longer in the cache")
	p.reused(2)
	// A file system that loses what was written last, but keeps the name.
	for _, name := range []string{"record.json", "evidence/report.json", "assembly/stack.json"} {
		size := int64(len("run 1"))
		for _, cut := range []int64{0, 1, size - 1} {
			p.must(os.Truncate(filepath.Join(entry, name), cut))
			p.runsAgain("is not believed")
			p.reused(p.runs.Load())
		}
	}
	// Half of an entry that was being removed.
	p.must(os.Remove(filepath.Join(entry, "record.json")))
	p.runsAgain("its last result is no longer in the cache")
	p.reused(p.runs.Load())
}

// TestTwoAtOnce holds that two processes which do the same work at the same time
// both get a whole result, and leave one entry.
func TestTwoAtOnce(t *testing.T) {
	p := newPlace(t)
	fakeGo(t, "go1.26.0")
	var both sync.WaitGroup
	both.Add(2)
	var done sync.WaitGroup
	for n := range 2 {
		done.Go(func() {
			// Each has its own place for outputs, as two checkouts have.
			cfg := p.cfg
			dir := filepath.Join(cfg.Evidence, fmt.Sprint(n))
			cfg.Evidence, cfg.Assembly = filepath.Join(dir, "evidence"), filepath.Join(dir, "assembly")
			var out, errs bytes.Buffer
			cfg.Stdout, cfg.Stderr = &out, &errs
			work := p.work
			read := p.work.Inputs
			work.Inputs = func(ctx context.Context, _ project.Config) (inputs.Set, error) { return read(ctx, p.cfg) }
			work.Run = func(_ context.Context, cfg project.Config) error {
				p.runs.Add(1)
				both.Done()
				both.Wait() // both run before one can have kept anything
				for path, text := range map[string]string{
					filepath.Join(cfg.Evidence, "report.json"): fmt.Sprintf("of %d", n), filepath.Join(cfg.Assembly, "stack.json"): fmt.Sprintf("of %d", n),
				} {
					if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, []byte(text), 0o600)); err != nil {
						return err
					}
				}
				fmt.Fprintf(cfg.Stdout, "of %d\n", n)
				return nil
			}
			if err := work.Do(t.Context(), cfg); err != nil || out.String() != fmt.Sprintf("of %d\n", n) {
				t.Errorf("work %d: %v, %q\n%s", n, err, &out, &errs)
			}
		})
	}
	done.Wait()
	if p.runs.Load() != 2 || len(p.entries()) != 1 {
		t.Fatalf("%d runs, entries %v", p.runs.Load(), p.entries())
	}
	stdout, stderr, err := p.do()
	if err != nil || p.runs.Load() != 2 {
		t.Fatalf("%v, %d runs\n%s", err, p.runs.Load(), stderr)
	}
	// All of it is of one of the two.
	winner, _, _ := strings.Cut(stdout, "\n")
	for _, name := range []string{".magewright/report.json", "cdk.out/stack.json"} {
		if data, err := os.ReadFile(p.path(name)); err != nil || string(data) != winner {
			t.Errorf("%s is %q, %v; it printed %q", name, data, err, stdout)
		}
	}
}

// TestWithoutACache holds that everything runs where nothing can be kept.
func TestWithoutACache(t *testing.T) {
	for _, tt := range []struct {
		name    string
		prepare func(p *place)
	}{
		{"a file in the place of the cache", func(p *place) {
			p.must(os.MkdirAll(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "magewright"), 0o700))
			p.must(os.WriteFile(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "magewright", "actions"), nil, 0o600))
		}},
		{"a cache that may not be read", func(p *place) {
			if os.Getuid() == 0 {
				p.t.Skip("root may read everything")
			}
			p.must(os.MkdirAll(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "magewright", "actions"), 0))
		}},
		{"a file in the place of the configuration", func(p *place) {
			p.must(os.WriteFile(filepath.Join(os.Getenv("XDG_CONFIG_HOME"), "magewright"), nil, 0o600))
		}},
		{"no home directory", func(p *place) {
			p.t.Setenv("XDG_CONFIG_HOME", "")
			p.t.Setenv("HOME", "")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t)
			fakeGo(t, "go1.26.0")
			tt.prepare(p)
			for range 2 {
				p.runsAgain("")
			}
			p.while = func() error { return reuse.ErrNotKept }
			p.runsAgain("")
			p.while = func() error { return errors.New("broken") }
			if _, _, err := p.do(); err == nil || err.Error() != "broken" {
				t.Errorf("Do = %v", err)
			}
		})
	}
}

func TestInputsThatCannotBeRead(t *testing.T) {
	p := newPlace(t)
	fakeGo(t, "go1.26.0")
	p.runsAgain("")
	p.work.Inputs = func(context.Context, project.Config) (inputs.Set, error) { return nil, errors.New("unreadable") }
	if _, _, err := p.do(); err == nil || !strings.Contains(err.Error(), "reading what work depends on: unreadable") || p.runs.Load() != 1 {
		t.Errorf("Do = %v", err)
	}
}

func TestAdopt(t *testing.T) {
	p := newPlace(t)
	fakeGo(t, "go1.26.0")
	t.Setenv("CODEBUILD_BUILD_ID", "lint:1")
	p.work.Outputs = append(p.work.Outputs, reuse.Evidence+"/work"+evidence.Suffix)
	p.work.Adopt = reuse.Adopt("work")
	p.cfg.Dirty = true
	p.runsAgain("")
	first := p.cfg.Commit
	p.cfg.Commit, p.cfg.Dirty = strings.Repeat("b", 40), false
	p.reused(1)
	statements, err := evidence.ReadDir(p.cfg.Evidence)
	if err != nil || len(statements) != 1 {
		t.Fatalf("ReadDir = %v, %v", statements, err)
	}
	var lint evidence.Lint
	if err := statements[0].Decode(&lint); err != nil {
		t.Fatal(err)
	}
	if got := statements[0].Subject; len(got) != 1 || got[0].Digest["gitCommit"] != p.cfg.Commit {
		t.Errorf("the statement is about %+v", got)
	}
	if lint.Dirty || lint.Files != 1 || lint.Reused == nil || lint.Reused.Commit != first || lint.Reused.Build != "lint:1" || lint.Reused.Key != filepath.Base(p.entries()[0]) {
		t.Errorf("it says %+v, %+v", lint, lint.Reused)
	}
	// What can't be adopted is not believed.
	p.work.Adopt = func(project.Config, actioncache.Record) error { return errors.New("not mine") }
	p.runsAgain("not mine")
}
