package lint

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/pins"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// A checkout is a project whose golangci-lint lists the packages that it is
// given, with the tag mage set as by a configuration, and has no findings.
type checkout struct {
	project.Config
	out bytes.Buffer
	log string
}

func newCheckout(t *testing.T, files map[string]string) *checkout {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ein Büro")
	c := &checkout{log: filepath.Join(t.TempDir(), "log")}
	c.Config = project.Config{Dir: dir, Evidence: filepath.Join(dir, ".magewright"), Stdout: &c.out, Stderr: &c.out, Commit: strings.Repeat("a", 40)}
	for name, text := range files {
		c.write(t, filepath.Join(dir, filepath.FromSlash(name)), text, 0o600)
	}
	if err := (command.Cmd{Dir: dir}).Run(t.Context(), "git", "init", "-q"); err != nil {
		t.Fatal(err)
	}
	golang, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	c.write(t, filepath.Join(bin, "golangci-lint"), `#!/bin/sh
exit_code=$(echo "$*" | sed -n 's/.*--issues-exit-code=\([0-9]*\) .*/\1/p')
while [ "${1#-}" != "$1" ] || [ "$1" = run ]; do shift; done
echo "$(basename "$PWD"): $*" >>'`+c.log+`'
if [ -e '`+c.log+`.findings' ]; then exit "${exit_code:-0}"; fi
if [ -e '`+c.log+`.exit' ]; then echo "Error: can't load config: $(cat '`+c.log+`.says')"; echo "The command is terminated due to an error: REPEATED"; exit "$(cat '`+c.log+`.exit')"; fi
exec '`+golang+`' list -tags=mage -deps -f '{{if not .Standard}}{{.ImportPath}}{{end}}' "$@"
`, 0o700)
	before := executable
	executable = func(pins.Tool, context.Context, io.Writer) (string, error) {
		if os.Getenv("BUILD_FAILS") != "" {
			return "", exit.Missing("", "no such tool")
		}
		return filepath.Join(bin, "golangci-lint"), nil
	}
	t.Cleanup(func() { executable = before })
	return c
}

func (c *checkout) write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// linted returns what golangci-lint was told to look at, sorted.
func (c *checkout) linted(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile(c.log)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	slices.Sort(lines)
	return lines
}

func (c *checkout) kept(t *testing.T) []evidence.Statement {
	t.Helper()
	statements, err := evidence.ReadDir(c.Evidence)
	if err != nil {
		t.Fatal(err)
	}
	return statements
}

const library, magefile, root = "package app\n\n// A is one.\nfunc A() int { return 1 }\n", "//go:build mage\n\npackage main\n\nimport \"example/app\"\n\nfunc T() { println(app.A()) }\n", "module example/app\n\ngo 1.26\n"

// TestRepositoriesOfOthers holds what is looked at in repositories of other
// shapes than this one, and that it passes.
func TestRepositoriesOfOthers(t *testing.T) {
	for _, tt := range []struct {
		name   string
		files  map[string]string
		linted []string
	}{
		{
			"a library that its magefile uses",
			map[string]string{"go.mod": root, "lib.go": library, "magefile.go": magefile},
			[]string{"ein Büro: ./...", "ein Büro: magefile.go"},
		},
		{
			"a directory of magefiles",
			map[string]string{"go.mod": root, "lib.go": library, "magefiles/a.go": magefile, "magefiles/b.go": "//go:build mage\n\npackage main\n\nfunc U() { T() }\n",
				"magefiles/b_test.go": "//go:build mage\n\npackage main\n\nimport \"testing\"\n\nfunc TestU(t *testing.T) { U() }\n"},
			[]string{"ein Büro: ./...", "ein Büro: magefiles/a.go magefiles/b.go magefiles/b_test.go"},
		},
		{
			"nothing but magefiles",
			map[string]string{"go.mod": root, "magefile.go": "//go:build mage\n\npackage main\n\nfunc T() {}\n"},
			[]string{"ein Büro: magefile.go"},
		},
		{
			"names that git quotes, vendored code, test data and what the go command ignores",
			map[string]string{"go.mod": root, "größe.go": library, "vendor/other/a.go": "package  other", "testdata/a.go": "package  data", "_old/a.go": "pack", ".#a.go": "somebody edits it"},
			[]string{"ein Büro: ./..."},
		},
		{
			"members of a workspace that use each other, and a module apart",
			map[string]string{
				"go.work": "go 1.26\n\nuse (\n\t.\n\t./sub\n)\n", "go.mod": root, "lib.go": "package app\n\nimport _ \"example/sub\"\n", "sub/go.mod": "module example/sub\n\ngo 1.26\n", "sub/s.go": "package sub\n",
				"my apart/go.mod": "module example/apart\n\ngo 1.26\n", "my apart/a.go": "package apart\n",
			},
			[]string{"ein Büro: ./...", "my apart: ./...", "sub: ./..."},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCheckout(t, tt.files)
			if err := run(t.Context(), c.Config); err != nil {
				t.Fatalf("%v\n%s", err, &c.out)
			}
			if got := c.linted(t); !slices.Equal(got, tt.linted) {
				t.Errorf("golangci-lint looked at %q, want %q", got, tt.linted)
			}
			if got := c.kept(t); len(got) != 1 {
				t.Errorf("the evidence is %v", got)
			}
		})
	}
}

// TestFormat holds that names which git quotes are told and formatted.
func TestFormat(t *testing.T) {
	c := newCheckout(t, map[string]string{"go.mod": root, "größe.go": "package  app\n"})
	err := run(t.Context(), c.Config)
	if exit.Status(err) != exit.Gate || !strings.Contains(err.Error(), "findings by gofmt") || !strings.Contains(c.out.String(), "größe.go:1: not formatted") {
		t.Errorf("run = %v\n%s", err, &c.out)
	}
	if err := Format(t.Context(), c.Config); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), c.Config); err != nil {
		t.Errorf("run = %v\n%s", err, &c.out)
	}
}

// TestALinterThatCannotStart holds that it is the environment that is wrong, in
// words, and that no evidence is left, not even an earlier one.
func TestALinterThatCannotStart(t *testing.T) {
	for _, tt := range []struct {
		name     string
		prepare  func(t *testing.T, c *checkout)
		code     int
		says     []string
		evidence int
	}{
		{"it can't be built", func(t *testing.T, _ *checkout) { t.Setenv("BUILD_FAILS", "1") }, exit.Environment, []string{"no such tool"}, 0},
		{"it can't read its configuration", func(t *testing.T, c *checkout) { c.write(t, c.log+".exit", "3", 0o600) }, exit.Environment, []string{"can't load config"}, 0},
		{"its configuration is one for golangci-lint 1", func(t *testing.T, c *checkout) {
			c.write(t, c.log+".says", "unsupported version of the configuration", 0o600)
			c.write(t, c.log+".exit", "3", 0o600)
		}, exit.Environment, []string{"could not look at module .: exit status 3\nError: can't load config: unsupported", "next: ", "golangci-lint migrate, which"}, 0},
		{"the go command is too old for the module", func(t *testing.T, c *checkout) {
			t.Setenv("GOTOOLCHAIN", "local")
			c.write(t, filepath.Join(c.Dir, "go.mod"), "module example/app\n\ngo 1.999\n", 0o600)
		}, exit.Environment, []string{"go vet can't read module .", "requires go >= 1.999", "GOTOOLCHAIN=auto"}, 0},
		{"it has findings", func(t *testing.T, c *checkout) { c.write(t, c.log+".exit", "1", 0o600) }, exit.Gate, []string{"findings by golangci-lint"}, 1},
		{"its configuration has another exit code for findings", func(t *testing.T, c *checkout) { c.write(t, c.log+".findings", "", 0o600) }, exit.Gate, []string{"findings by golangci-lint"}, 1},
		{"it finds nothing to look at", func(t *testing.T, c *checkout) { c.write(t, c.log+".exit", "5", 0o600) }, 0, nil, 1},
		{"the code does not compile", func(t *testing.T, c *checkout) {
			c.write(t, c.log+".exit", "7", 0o600)
			c.write(t, filepath.Join(c.Dir, "lib.go"), "package app\n\nvar _ = missing\n", 0o600)
		}, exit.Gate, []string{"findings by go vet, golangci-lint"}, 1},
		{"the environment chooses another system, which is no input", func(t *testing.T, c *checkout) {
			c.write(t, filepath.Join(c.Dir, "lib_plan9.go"), "package app\n\nvar _ = missing\n", 0o600)
			t.Setenv("GOOS", "plan9")
		}, 0, nil, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCheckout(t, map[string]string{"go.mod": root, "lib.go": library})
			if err := evidence.Keep(c.Evidence, "lint", c.Commit, evidence.Lint{Files: 1}); err != nil {
				t.Fatal(err)
			}
			tt.prepare(t, c)
			err := run(t.Context(), c.Config)
			if exit.Status(err) != tt.code {
				t.Errorf("exit code %d of %v, want %d\n%s", exit.Status(err), err, tt.code, &c.out)
			}
			for _, want := range tt.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v does not say %q", err, want)
				}
			}
			if err != nil && strings.Contains(err.Error()+c.out.String(), "REPEATED") && tt.code == exit.Environment {
				t.Errorf("it is said twice: %v\n%s", err, &c.out)
			}
			if got := c.kept(t); len(got) != tt.evidence {
				t.Errorf("the evidence is %v", got)
			}
		})
	}
}

// TestGofmtBesideTheGoCommand holds that gofmt is found where only the go command is in the
// PATH, and that its absence is a fault of the machine.
func TestGofmtBesideTheGoCommand(t *testing.T) {
	c := newCheckout(t, map[string]string{"go.mod": root, "lib.go": library})
	link := func(dir, name string) {
		program, err := exec.LookPath(name)
		if err == nil {
			program, err = filepath.EvalSymlinks(program)
		}
		if err == nil {
			err = os.Symlink(program, filepath.Join(dir, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	path := t.TempDir()
	link(path, "go")
	link(path, "git")
	t.Setenv("PATH", path)
	if _, err := exec.LookPath("gofmt"); err == nil {
		t.Fatal("gofmt is in the PATH")
	}
	if found, err := gofmt(t.Context(), c.Config); err != nil || filepath.Base(found) != "gofmt" {
		t.Errorf("gofmt is %q, %v", found, err)
	}
	t.Setenv("GOROOT", t.TempDir())
	if _, err := gofmt(t.Context(), c.Config); exit.Status(err) != exit.Environment || !strings.Contains(err.Error(), "next: ") {
		t.Errorf("without gofmt: %v", err)
	}
}
