package program

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/internal/inputs/inputstest"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

func TestFlag(t *testing.T) {
	t.Parallel()
	yes, text, none := true, "a b", (*int)(nil)
	if got := []string{Flag("keep", &yes), Flag("base", &text), Flag("port", none)}; !slices.Equal(got, []string{"-keep=true", "-base=a b", ""}) {
		t.Errorf("flags are %q", got)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		want int // exit code
		says string
	}{
		{[]string{}, 0, ""},
		{[]string{"-base=v1"}, 0, ""},
		{[]string{"-bse=v1"}, exit.Usage, "not defined: -bse"},
		{[]string{"-base=v1", "more"}, exit.Usage, "unexpected arguments: [more]"},
	} {
		flags := Flags("rehearse")
		flags.SetOutput(io.Discard)
		base := flags.String("base", "", "")
		err := Parse(flags, tt.args)
		if exit.Status(err) != tt.want || err != nil && (!strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "go tool mage -h rehearse")) {
			t.Errorf("%q: %v", tt.args, err)
		}
		if tt.want == 0 && len(tt.args) > 0 && *base != "v1" {
			t.Errorf("%q: -base is %q", tt.args, *base)
		}
	}
	var help bytes.Buffer
	flags := Flags("rehearse")
	flags.SetOutput(&help)
	flags.Bool("keep", false, "leave it up")
	if err := Parse(flags, []string{"-h"}); !errors.Is(err, flag.ErrHelp) || !strings.Contains(help.String(), "leave it up") {
		t.Errorf("help: %v\n%s", err, &help)
	}
}

var files = map[string]string{
	"go.mod": "module example\n\ngo 1.26\n", "go.sum": "", "magefile.go": "//go:build mage\n\npackage main\n",
	"tools/magewright/main.go": `package main

import (
	"fmt"
	"os"

	"example/tools/verb"
)

func main() {
	fmt.Println(verb.Says, os.Args[1:])
	if len(os.Args) > 1 && os.Args[1] == "fail" {
		os.Exit(3)
	}
}
`,
	"tools/verb/verb.go": "package verb\n\nconst Says = \"one\"\n", "tools/verb/verb_test.go": "package verb\n", "README.md": "",
}

// build builds the program and returns its path, whether it was compiled, and
// what it prints.
func build(t *testing.T, cfg project.Config) (path string, compiled bool, says string) {
	t.Helper()
	var progress bytes.Buffer
	cfg.Stderr = &progress
	path, err := Build(t.Context(), cfg)
	if err != nil {
		t.Fatalf("%v\n%s", err, &progress)
	}
	out, err := exec.CommandContext(t.Context(), path).Output() // #nosec G204 -- the test's own program
	if err != nil {
		t.Fatal(err)
	}
	return path, strings.HasPrefix(progress.String(), "compiling magewright"), strings.TrimSpace(string(out))
}

// TestBuild holds that the program is built again where it would be another
// one, and only there.
func TestBuild(t *testing.T) {
	r := inputstest.New(t, files)
	first, compiled, says := build(t, r.Config)
	if !compiled || says != "one []" {
		t.Fatalf("compiled: %v; it says %s", compiled, says)
	}
	programs := filepath.Dir(filepath.Dir(first))
	for _, step := range []struct {
		name     string
		change   func()
		compiled bool
		says     string
	}{
		{"nothing", func() {}, false, "one []"},
		{"a test", func() { r.Write("tools/verb/verb_test.go", "package verb // changed\n") }, false, "one []"},
		{"what is no source of it", func() { r.Write("README.md", "changed") }, false, "one []"},
		{"a source with the old times", func() {
			at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			r.Write("tools/verb/verb.go", strings.Replace(files["tools/verb/verb.go"], "one", "two", 1))
			if err := os.Chtimes(r.Path("tools/verb/verb.go"), at, at); err != nil {
				t.Fatal(err)
			}
		}, true, "two []"},
		{"the source as it was", func() { r.Write("tools/verb/verb.go", files["tools/verb/verb.go"]) }, false, "one []"},
		{"a requirement", func() { r.Write("go.sum", "\n") }, true, "one []"},
		{"a toolchain", func() { r.Toolchain("go1.99.0") }, true, "one []"},
		{"a setting of the go command", func() { t.Setenv("GOFLAGS", "-tags=other") }, true, "one []"},
	} {
		step.change()
		if _, compiled, says := build(t, r.Config); compiled != step.compiled || says != step.says {
			t.Errorf("%s: compiled: %v; it says %s", step.name, compiled, says)
		}
	}
	if left, err := filepath.Glob(filepath.Join(programs, "building-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	// Another checkout of the same sources.
	other := r.Config
	other.Dir = t.TempDir()
	if err := os.CopyFS(other.Dir, os.DirFS(r.Config.Dir)); err != nil {
		t.Fatal(err)
	}
	if _, compiled, _ := build(t, other); compiled {
		t.Error("another checkout compiled it again")
	}
}

func TestSeveralBuildAtOnce(t *testing.T) {
	r := inputstest.New(t, files)
	paths := make(chan string)
	for range 2 {
		go func() {
			path, err := Build(context.Background(), r.Config)
			if err != nil {
				t.Errorf("Build: %v", err)
			}
			paths <- path
		}()
	}
	if a, b := <-paths, <-paths; a != b {
		t.Errorf("they built %s and %s", a, b)
	}
	if _, compiled, says := build(t, r.Config); compiled || says != "one []" {
		t.Errorf("compiled: %v; it says %s", compiled, says)
	}
}

func TestWhatCanNotBeBuilt(t *testing.T) {
	r := inputstest.New(t, files)
	r.Write("tools/verb/verb.go", "package verb\n\nconst Says = missing\n")
	for range 2 { // a failure is not kept
		var progress bytes.Buffer
		r.Config.Stderr = &progress
		if path, err := Build(t.Context(), r.Config); err == nil || !strings.Contains(progress.String(), "undefined: missing") {
			t.Errorf("Build = %s, %v\n%s", path, err, &progress)
		}
	}
	if err := os.Remove(r.Path("go.sum")); err != nil {
		t.Fatal(err)
	}
	if _, err := Build(t.Context(), r.Config); err == nil || !strings.Contains(err.Error(), "reading what ./tools/magewright is built from") {
		t.Errorf("without go.sum: %v", err)
	}
}

func TestRun(t *testing.T) {
	r := inputstest.New(t, files)
	t.Chdir(r.Config.Dir)
	if err := Run(t.Context(), "verb", "", "-base=v1"); err != nil {
		t.Error(err)
	}
	if code, err := run(t.Context(), "fail"); code != 3 || err == nil {
		t.Errorf("exit code %d of %v, want the program's", code, err)
	}
}

// TestSettings holds that lint gets a finding for each line that the program prints,
// and that what the program could not look at is no success.
func TestSettings(t *testing.T) {
	with := func(body string) ([]string, error) {
		t.Helper()
		changed := map[string]string{"tools/magewright/main.go": "package main\n\nimport (\n\t\"fmt\"\n\t\"os\"\n)\n\nfunc main() {\n\t" + body + "\n\t_ = fmt.Sprint(os.Args)\n}\n"}
		r := inputstest.New(t, files)
		for name, text := range changed {
			r.Write(name, text)
		}
		r.Config.Stderr = io.Discard
		return Settings.Run(t.Context(), r.Config)
	}
	if found, err := with(`fmt.Println(os.Args[1:]); fmt.Println("infra/cdk.json: broken")`); err != nil || !slices.Equal(found, []string{"[settings]", "infra/cdk.json: broken"}) {
		t.Errorf("found %q, %v", found, err)
	}
	if found, err := with(`fmt.Fprintln(os.Stderr, "no engine"); os.Exit(3)`); err == nil || !strings.Contains(err.Error(), "no engine") {
		t.Errorf("found %q, %v", found, err)
	}
}
