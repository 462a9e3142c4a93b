package gotest

import (
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// module writes a module of its own and returns a project in it.
func module(t *testing.T, files map[string]string) (project.Config, *strings.Builder) {
	t.Helper()
	dir := t.TempDir()
	files["go.mod"] = "module example\n\ngo 1.26\n"
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	return project.Config{Dir: dir, Evidence: filepath.Join(dir, ".magewright"), Stdout: &out, Stderr: io.Discard}, &out
}

const half = `package example

func Half(n int) int {
	if n%2 != 0 {
		panic("odd")
	}
	return n / 2
}
`

func TestRun(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		files map[string]string
		fails string // part of the error, "" where Run must succeed
		says  []string
	}{
		{
			name: "tests that pass are counted, and what they cover",
			files: map[string]string{"half.go": half, "half_test.go": `package example
import "testing"
func TestHalf(t *testing.T) { t.Run("four", func(t *testing.T) { if Half(4) != 2 { t.Fatal() } }) }
func TestLater(t *testing.T) { t.Skip("not yet") }
`},
			says: []string{"2 passed, 0 failed, 1 skipped in 1 packages", "66.7 % of 3 statements covered"},
		},
		{
			name: "a test that fails is named with its output",
			files: map[string]string{"half.go": half, "half_test.go": `package example
import "testing"
func TestHalf(t *testing.T) { t.Run("four", func(t *testing.T) { t.Error("two was expected") }) }
`},
			fails: "0 passed, 1 failed",
			says:  []string{"--- FAIL example TestHalf/four", "two was expected"},
		},
		{
			name:  "there may be nothing but tests",
			files: map[string]string{"half_test.go": "package example\nimport \"testing\"\nfunc TestHalf(t *testing.T) {}\n"},
			says:  []string{"1 passed, 0 failed, 0 skipped in 1 packages", "; there are no statements to cover"},
		},
		{
			name:  "no tests at all prove nothing",
			files: map[string]string{"half.go": half},
			fails: "no test passed",
		},
		{
			name:  "TestMain that runs no test is named",
			files: map[string]string{"half.go": half, "half_test.go": "package example\nimport \"testing\"\nfunc TestMain(*testing.M) {}\nfunc TestHalf(t *testing.T) { t.Fatal() }\n"},
			fails: "no test passed",
			says:  []string{"test: NOT RUN: the tests of example: its TestMain ended without m.Run"},
		},
		{
			name:  "tests that are all skipped prove nothing",
			files: map[string]string{"half.go": half, "half_test.go": "package example\nimport \"testing\"\nfunc TestHalf(t *testing.T) { t.Skip() }\n"},
			fails: "no test passed",
		},
		{
			name: "code that can't be compiled fails",
			files: map[string]string{"half.go": half, "half_test.go": "package example\nimport \"testing\"\nfunc TestHalf(t *testing.T) { Third(3) }\n",
				"ok/ok_test.go": "package ok\nimport \"testing\"\nfunc TestOK(t *testing.T) {}\n"},
			fails: "1 passed, 1 failed",
			says:  []string{"--- FAIL example\n", "undefined: Third"},
		},
		{
			name:  "a test that ends the process fails",
			files: map[string]string{"half.go": half, "half_test.go": "package example\nimport (\"os\"; \"testing\")\nfunc TestHalf(t *testing.T) { os.Exit(3) }\n"},
			fails: "1 failed",
			says:  []string{"--- FAIL example TestHalf\n"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg, out := module(t, tt.files)
			err := test(t.Context(), cfg)
			if (err == nil) != (tt.fails == "") || err != nil && !strings.Contains(err.Error(), tt.fails) {
				t.Errorf("Run = %v, want an error with %q\n%s", err, tt.fails, out)
			}
			if err != nil && exit.Status(err) != exit.Gate {
				t.Errorf("exit code is %d, want %d", exit.Status(err), exit.Gate)
			}
			for _, want := range tt.says {
				if !strings.Contains(out.String(), want) {
					t.Errorf("the output lacks %q:\n%s", want, out)
				}
			}
			data, err := os.ReadFile(filepath.Join(cfg.Evidence, "junit.xml"))
			if err != nil {
				t.Fatal(err)
			}
			var report suites
			if err := xml.Unmarshal(data, &report); err != nil {
				t.Fatal(err)
			}
			failures := 0
			for _, s := range report.Suites {
				failures += s.Failures
			}
			if strings.Contains(tt.fails, "1 failed") != (failures > 0) {
				t.Errorf("JUnit counts %d failures:\n%s", failures, data)
			}
		})
	}
}

const program = `package main

import (
	"os"
	"syscall"
)

func main() {
	if len(os.Args) > 1 {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	println("done")
}
`

// TestProgramsAreMeasured holds that what a test leaves of an instrumented
// program is part of the profile, and that a program which was killed is named:
// it leaves what could be counted (covmeta) and no counters.
func TestProgramsAreMeasured(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, process, argument, says string }{
		{"one that ends", "whole", "", "1 passed, 0 failed, 0 skipped in 1 packages; 66.7 % of 3 statements covered"},
		{"one that is killed", "killed", `"die"`, "1 passed, 0 failed, 0 skipped in 1 packages; 0.0 % of 3 statements covered"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg, out := module(t, map[string]string{"main.go": program, "main_test.go": fmt.Sprintf(`package main
import ("os"; "os/exec"; "path/filepath"; "testing")
func TestProgram(t *testing.T) {
	dir, binary := filepath.Join(os.Getenv(%q), %q), filepath.Join(t.TempDir(), "program")
	if err := os.Mkdir(dir, 0o700); err != nil { t.Fatal(err) }
	if out, err := exec.Command("go", "build", "-cover", "-covermode=atomic", "-o", binary, ".").CombinedOutput(); err != nil { t.Fatalf("%%v\n%%s", err, out) }
	cmd := exec.Command(binary, %s)
	cmd.Env = append(os.Environ(), "GOCOVERDIR=" + dir)
	_ = cmd.Run()
}
`, CountersVariable, tt.process, tt.argument)})
			if err := test(t.Context(), cfg); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if !strings.Contains(out.String(), tt.says) {
				t.Errorf("the output lacks %q:\n%s", tt.says, out)
			}
			var tests evidence.Tests
			statements, err := evidence.ReadDir(cfg.Evidence)
			if err != nil || len(statements) != 1 || statements[0].Decode(&tests) != nil {
				t.Fatalf("ReadDir = %v, %v", statements, err)
			}
			if got := strings.Join(tests.Incomplete, " "); (got == "killed") != (tt.process == "killed") {
				t.Errorf("incomplete processes: %q", got)
			}
			if want := []evidence.Suite{{Package: "example", Passed: 1}}; tests.Module != "example" || !slices.Equal(tests.Suites, want) {
				t.Errorf("module %s, suites %+v", tests.Module, tests.Suites)
			}
			digest, err := evidence.FileDigest(filepath.Join(cfg.Evidence, "sources.json"))
			if err != nil || digest != tests.Reports["sources.json"] || tests.Reports["coverage.out"] == "" {
				t.Errorf("reports %v, sources.json is %s, %v", tests.Reports, digest, err)
			}
			sources, err := os.ReadFile(filepath.Join(cfg.Evidence, "sources.json"))
			if err != nil || !strings.Contains(string(sources), `"main.go": "`) {
				t.Errorf("sources.json is %s, %v", sources, err)
			}
			if left, err := filepath.Glob(filepath.Join(cfg.Evidence, "co*")); err != nil || len(left) != 1 {
				t.Errorf("the run leaves %v, %v", left, err)
			}
		})
	}
}

func TestSuites(t *testing.T) {
	t.Parallel()
	r := newResults()
	events := `{"Action":"pass","Package":"m/a","Test":"TestA"}
{"Action":"skip","Package":"m/a","Test":"TestB"}
{"Action":"pass","Package":"m/a"}
{"Action":"fail","Package":"m/b","Test":"TestC"}
{"Action":"fail","Package":"m/b"}
{"Action":"fail","Package":"m/c"}
{"Action":"skip","Package":"m/d"}
`
	if err := r.Parse(strings.NewReader(events), io.Discard); err != nil {
		t.Fatal(err)
	}
	want := []evidence.Suite{{Package: "m/a", Passed: 1, Skipped: 1}, {Package: "m/b", Failed: 1, Broken: true}, {Package: "m/c", Broken: true}}
	if got := r.Suites(); !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestParseRefusesWhatIsNotJSON(t *testing.T) {
	t.Parallel()
	if err := newResults().Parse(strings.NewReader("FAIL example [build failed]\n"), io.Discard); err == nil {
		t.Error("Parse took text for JSON")
	}
}

// TestNext holds that the next command repeats what failed first, in a shell.
func TestNext(t *testing.T) {
	t.Parallel()
	for want, failed := range map[string]Test{
		"go test -race -run '^TestA$' example/a":                    {Package: "example/a", Test: "TestA"},
		"go test -race -run '^TestA$/^it'\\''s_\\(b\\)$' example/a": {Package: "example/a", Test: "TestA/it's_(b)"},
		"go test -race example/a":                                   {Package: "example/a"},
		"go vet ./...":                                              {Package: "example/a", build: "example/a"},
		"cd 'my functions' && go test -race example/a":              {Package: "example/a", Module: "my functions"},
	} {
		failed.Result = "fail"
		r := &Results{Packages: []Test{failed}}
		if failed.Test != "" {
			r.Tests = []Test{failed}
		}
		if got := r.next(); got != want {
			t.Errorf("next is %s, want %s", got, want)
		}
	}
}
