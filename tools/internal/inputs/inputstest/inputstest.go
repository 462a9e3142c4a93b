// Package inputstest checks in tests that the inputs of a target change with
// everything that its result depends on.
package inputstest

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/internal/gocmd"
	"github.com/magewright/magewright/tools/internal/inputs"
	"github.com/magewright/magewright/tools/project"
)

// Isolate gives a test its own caches and settings, but keeps those of the go command.
func Isolate(t *testing.T) {
	t.Helper()
	for _, variable := range []string{"GOCACHE", "GOENV"} {
		value, err := gocmd.In("").Output(t.Context(), "env", variable)
		must(t, err)
		t.Setenv(variable, value)
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	settings := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", settings)
	// The go command would count itself there by a process that outlives it, and
	// perhaps the test.
	mode := filepath.Join(settings, "go", "telemetry", "mode")
	must(t, os.MkdirAll(filepath.Dir(mode), 0o750))
	must(t, os.WriteFile(mode, []byte("off"), 0o600))
}

func realGo(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("go")
	must(t, err)
	return path
}

// A Repository is a project for a test, with a commit.
type Repository struct {
	Config project.Config
	t      *testing.T
	golang string // the replaceable go command
	real   string
}

// New returns a repository with files, and isolates the test.
func New(t *testing.T, files map[string]string) *Repository {
	t.Helper()
	Isolate(t)
	dir := t.TempDir()
	r := &Repository{t: t, real: realGo(t), golang: filepath.Join(t.TempDir(), "go"), Config: project.Config{
		Dir: dir, Evidence: filepath.Join(dir, ".magewright"), Assembly: filepath.Join(dir, "cdk.out"), Stdout: io.Discard, Stderr: io.Discard,
	}}
	// Do this from the start, so that Toolchain does not change PATH later.
	r.Toolchain("go1.26.0")
	t.Setenv("PATH", filepath.Dir(r.golang)+string(filepath.ListSeparator)+os.ExpandEnv("$PATH"))
	for name, text := range files {
		r.Write(name, text)
	}
	r.Git("init", "-q")
	r.Commit("files")
	return r
}

// Path returns the path of a file.
func (r *Repository) Path(name string) string {
	return filepath.Join(r.Config.Dir, filepath.FromSlash(name))
}

// Write writes a file.
func (r *Repository) Write(name, text string) {
	r.t.Helper()
	must(r.t, os.MkdirAll(filepath.Dir(r.Path(name)), 0o750), os.WriteFile(r.Path(name), []byte(text), 0o600))
}

// Git runs git and returns what it prints.
func (r *Repository) Git(args ...string) string {
	r.t.Helper()
	identity := []string{"-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"}
	out, err := command.Cmd{Dir: r.Config.Dir}.Output(r.t.Context(), "git", append(identity, args...)...)
	must(r.t, err)
	return out
}

// Commit commits every file.
func (r *Repository) Commit(message string) {
	r.t.Helper()
	r.Git("add", "-A")
	r.Git("commit", "-q", "--allow-empty", "-m", message)
	r.Config.Commit = r.Git("rev-parse", "HEAD")
}

// Toolchain replaces the go command with another version.
func (r *Repository) Toolchain(version string) {
	r.t.Helper()
	script := "#!/bin/sh\nif [ \"$1\" != env ]; then exec '" + r.real + "' \"$@\"; fi\n'" + r.real +
		"' \"$@\" | sed 's/\"GOVERSION\": \"[^\"]*\"/\"GOVERSION\": \"" + version + "\"/'\n"
	must(r.t, command.WriteProgram(r.golang, []byte(script)))
}

// A Change is a change that a test makes, and the inputs that it must change.
type Change struct {
	Name string
	Make func(r *Repository)
	Want []string
}

// Run makes each change in a repository of its own. It checks that the key of
// the inputs changes, and that the changed inputs are named.
func Run(t *testing.T, read func(context.Context, project.Config) (inputs.Set, error), files map[string]string, changes ...Change) {
	t.Helper()
	for _, change := range changes {
		t.Run(change.Name, func(t *testing.T) {
			r := New(t, files)
			before, err := read(t.Context(), r.Config)
			must(t, err)
			if again, err := read(t.Context(), r.Config); err != nil || again.Key("x") != before.Key("x") {
				t.Fatalf("%q change by themselves, %v", before.Diff(again), err)
			}
			change.Make(r)
			after, err := read(t.Context(), r.Config)
			must(t, err)
			if got := before.Diff(after); !slices.Equal(got, change.Want) {
				t.Errorf("%q changed, want %q", got, change.Want)
			}
			if (before.Key("x") == after.Key("x")) != (len(change.Want) == 0) {
				t.Errorf("the key was %s and is %s", before.Key("x"), after.Key("x"))
			}
		})
	}
}

// Environment returns a change of an environment variable.
func Environment(name, value string, want ...string) Change {
	return Change{"the variable " + name, func(r *Repository) { r.t.Setenv(name, value) }, want}
}

// File returns a change of a file's content that keeps its times.
func File(name, text string, want ...string) Change {
	return Change{"the file " + name, func(r *Repository) {
		info, err := os.Stat(r.Path(name))
		r.Write(name, text)
		if err == nil {
			must(r.t, os.Chtimes(r.Path(name), info.ModTime(), info.ModTime()))
		}
	}, want}
}

// Toolchain is a change of the go command's version.
var Toolchain = Change{"another toolchain", func(r *Repository) { r.Toolchain("go1.99.0") }, []string{"go GOVERSION"}}

// Executable returns a change that makes a file executable.
func Executable(name string, want ...string) Change {
	return Change{"who may execute " + name, func(r *Repository) { must(r.t, os.Chmod(r.Path(name), 0o700)) }, want} // #nosec G302 -- the change
}

// Link returns a change that makes a symbolic link, or a file, lead to another file.
func Link(name, to string, want ...string) Change {
	return Change{"where the link " + name + " leads", func(r *Repository) {
		must(r.t, os.Remove(r.Path(name)), os.Symlink(to, r.Path(name)))
	}, want}
}

// Committed returns a change of the commit alone.
func Committed(want ...string) Change {
	return Change{"the commit", func(r *Repository) { r.Commit("again") }, want}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(strings.TrimSpace(err.Error()))
	}
}
