package gotest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/project/exit"
)

const passes = "package ok\n\nimport \"testing\"\n\nfunc TestFine(t *testing.T) {}\n"

// TestWhatCannotBeBuilt holds that a package which can't be loaded or compiled
// keeps no other from being tested, and that the reason is shown, also where it
// is in a dependency.
func TestWhatCannotBeBuilt(t *testing.T) {
	t.Parallel()
	const uses = "package example\n\nimport \"testing\"\n\nfunc TestUse(t *testing.T) {}\n"
	for _, tt := range []struct {
		name  string
		files map[string]string
		says  map[string]string // by package
	}{
		{
			name:  "a file to embed is missing",
			files: map[string]string{"a/a.go": "package a\n\nimport _ \"embed\"\n\n//go:embed missing.txt\nvar S string\n", "b/b.go": "package b\n\nimport _ \"example/a\"\n"},
			says:  map[string]string{"example/a": "pattern missing.txt: no matching files found", "example/b": "pattern missing.txt: no matching files found"},
		},
		{
			name:  "two packages in a directory",
			files: map[string]string{"a/a.go": "package a\n", "a/b.go": "package b\n"},
			says:  map[string]string{"example/a": "found packages a (a.go) and b (b.go)"},
		},
		{
			name:  "an import cycle",
			files: map[string]string{"a/a.go": "package a\n\nimport _ \"example/b\"\n", "b/b.go": "package b\n\nimport _ \"example/a\"\n"},
			says:  map[string]string{"example/a": "import cycle not allowed", "example/b": "import cycle not allowed"},
		},
		{
			name:  "a module that is not required",
			files: map[string]string{"a/a_test.go": "package a\n\nimport _ \"example.com/missing\"\n"},
			says:  map[string]string{"example/a": "no required module provides package example.com/missing"},
		},
		{
			name: "a dependency that does not compile",
			files: map[string]string{"dep/dep.go": "package dep\n\nfunc D() int { return \"REASON\" }\n", "a/a.go": "package a\n\nimport _ \"example/dep\"\n", "a/a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {}\n",
				"b/b.go": "package b\n\nimport _ \"example/dep\"\n"},
			says: map[string]string{"example/a": `cannot use "REASON"`, "example/b": `cannot use "REASON"`, "example/dep": `cannot use "REASON"`},
		},
		{
			name:  "a C compiler's error",
			files: map[string]string{"a/a.go": "package a\n\n/*\n#error REASON\n*/\nimport \"C\"\n", "a/a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {}\n"},
			says:  map[string]string{"example/a": "#error REASON"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.files["half.go"], tt.files["use_test.go"], tt.files["ok/ok_test.go"] = half, uses, passes
			cfg, out := module(t, tt.files)
			if err := test(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "2 passed") || !strings.Contains(err.Error(), "next: go vet ./...") {
				t.Errorf("Run = %v\n%s", err, out)
			}
			failures := failures(t, cfg.Evidence)
			for pkg, want := range tt.says {
				if !strings.Contains(failures[pkg+" (package)"], want) {
					t.Errorf("JUnit lacks %q of %s: %q", want, pkg, failures)
				}
				if !strings.Contains(out.String(), "--- FAIL "+pkg+"\n") || !strings.Contains(out.String(), want) {
					t.Errorf("the console lacks %s or %q:\n%s", pkg, want, out)
				}
			}
			if len(failures) != len(tt.says) {
				t.Errorf("failures are %q", failures)
			}
		})
	}
}

// TestWithoutACCompiler holds that a machine which can't build with the race detector has
// not failed a test, and that the next command is about the compiler.
func TestWithoutACCompiler(t *testing.T) {
	t.Setenv("CC", filepath.Join(t.TempDir(), "cc"))
	cfg, out := module(t, map[string]string{"a_test.go": passes})
	err := test(t.Context(), cfg)
	if exit.Status(err) != exit.Environment || !strings.Contains(err.Error(), "next: install gcc") || !strings.Contains(out.String(), "C compiler") {
		t.Errorf("Run = %v\n%s", err, out)
	}
	if statements, err := evidence.ReadDir(cfg.Evidence); err != nil || len(statements) > 0 {
		t.Errorf("the evidence is %v, %v", statements, err)
	}
}

// TestABuildIsExplainedOnce holds that what sixty packages need is printed once.
func TestABuildIsExplainedOnce(t *testing.T) {
	t.Parallel()
	r := newResults()
	events := []string{line(t, Event{Action: "build-output", ImportPath: "runtime/cgo", Output: "cgo: C compiler \"cc\" not found\n"})}
	for _, pkg := range []string{"m/a", "m/b"} {
		events = append(events, line(t, Event{Action: "start", Package: pkg}), line(t, Event{Action: "fail", Package: pkg, FailedBuild: "runtime/cgo"}))
	}
	if err := r.Parse(strings.NewReader(strings.Join(events, "")), &strings.Builder{}); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	r.describe(&out)
	if want := "--- FAIL m/a\ncgo: C compiler \"cc\" not found\n--- FAIL m/b\nruntime/cgo can't be built, see above\n"; out.String() != want {
		t.Errorf("it says %q, want %q", &out, want)
	}
	if said := junit(r).Suites[1].Cases[0].Failure.Text; !strings.Contains(said, "not found") {
		t.Errorf("JUnit says %q of the second", said)
	}
}

// TestEveryModuleIsTested holds that the tests of nested modules and of members
// of a workspace run, that results name the module, and that one which can't be
// loaded keeps no other from being tested.
func TestEveryModuleIsTested(t *testing.T) {
	t.Parallel()
	const fails = "package worker\n\nimport \"testing\"\n\nfunc TestBroken(t *testing.T) { t.Fatal(\"REASON\") }\n"
	nested := func(name string) string { return "module example/" + name + "\n\ngo 1.26\n" }
	for _, tt := range []struct {
		name   string
		files  map[string]string
		failed []string
		says   []string
	}{
		{
			name:   "a nested module fails",
			files:  map[string]string{"functions/my worker/go.mod": nested("worker"), "functions/my worker/worker_test.go": fails},
			failed: []string{"example/worker TestBroken (module functions/my worker)"},
			says:   []string{"REASON"},
		},
		{
			name: "a member of a workspace, and a module that is none",
			files: map[string]string{"go.work": "go 1.26\n\nuse (\n\t.\n\t./sub\n)\n", "sub/go.mod": nested("sub"), "sub/a_test.go": strings.Replace(fails, "worker", "sub", 1),
				"other/go.mod": nested("other"), "other/a_test.go": strings.Replace(fails, "worker", "other", 1)},
			failed: []string{"example/other TestBroken (module other)", "example/sub TestBroken (module sub)"},
		},
		{
			name:   "one can't be loaded",
			files:  map[string]string{"a/go.mod": "modul example/a\n", "a/a.go": "package a\n", "b/go.mod": nested("b"), "b/b_test.go": passes},
			failed: []string{"a (module a)"},
			says:   []string{"unknown directive: modul"},
		},
		{
			name:   "two have the same path",
			files:  map[string]string{"a/go.mod": nested("same"), "a/a_test.go": fails, "b/go.mod": nested("same"), "b/b_test.go": passes},
			failed: []string{"example/same TestBroken (module a)"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.files["half.go"], tt.files["half_test.go"] = half, "package example\n\nimport \"testing\"\n\nfunc TestHalf(t *testing.T) { Half(2) }\n"
			cfg, out := module(t, tt.files)
			err := test(t.Context(), cfg)
			tests := kept(t, cfg.Evidence)
			if err == nil || strings.Join(tests.FailedTests, "\n") != strings.Join(tt.failed, "\n") || tests.Module != "example" {
				t.Errorf("Run = %v, failed are %q of module %s, want %q\n%s", err, tests.FailedTests, tests.Module, tt.failed, out)
			}
			if err != nil && !strings.Contains(err.Error(), "next: cd ") {
				t.Errorf("the next command is of the root: %v", err)
			}
			for _, want := range append(tt.says, tt.failed...) {
				if !strings.Contains(out.String(), want) {
					t.Errorf("the console lacks %q:\n%s", want, out)
				}
			}
			for _, s := range tests.Suites {
				if (s.Module == "") != (s.Package == "example") {
					t.Errorf("suite %s is of module %q", s.Package, s.Module)
				}
			}
		})
	}
}

// TestNestedModulesAreMeasured holds that the profile has the statements of
// every module, and that modules which are left out are named.
func TestNestedModulesAreMeasured(t *testing.T) {
	t.Parallel()
	tested := func(pkg string) string {
		return "package " + pkg + "\n\nimport \"testing\"\n\nfunc TestHalf(t *testing.T) { Half(2) }\n"
	}
	cfg, out := module(t, map[string]string{
		"half.go": half, "half_test.go": tested("example"),
		"sub/go.mod": "module example/sub\n\ngo 1.26\n", "sub/half.go": strings.Replace(half, "example", "sub", 1), "sub/half_test.go": tested("sub"),
		"untested/go.mod": "module example/untested\n\ngo 1.26\n", "untested/half.go": strings.Replace(half, "example", "untested", 1),
		"testdata/data/go.mod": "module data\n", "testdata/data/data.go": "package data\n",
		"pin/go.mod":   "module pin\n",
		"tools/go.mod": "module tools\n", "tools/tools.go": "//go:build tools\n\npackage tools\n",
		"magefile_test.go": "//go:build mage\n\npackage main\n",
	})
	if err := test(t.Context(), cfg); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"2 passed, 0 failed, 0 skipped in 2 packages", "; 44.4 % of 9 statements covered", "test: left out: module testdata/data", "test: left out: module tools (build constraints exclude", "test: left out: magefile_test.go (a test that needs the build tag mage"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
	profile, err := os.ReadFile(filepath.Join(cfg.Evidence, "coverage.out"))
	if err != nil || !strings.Contains(string(profile), "example/sub/half.go:") || !strings.Contains(string(profile), "example/untested/half.go:") {
		t.Errorf("the profile is %s, %v", profile, err)
	}
	if left := kept(t, cfg.Evidence).LeftOut; len(left) != 3 || !strings.HasPrefix(left[0], "testdata/data ") {
		t.Errorf("left out are %q", left)
	}
}

// TestAModuleInAGitRepository holds that git's list decides which modules there
// are, also where git would quote a name.
func TestAModuleInAGitRepository(t *testing.T) {
	t.Parallel()
	cfg, out := module(t, map[string]string{
		"half.go": half, "half_test.go": "package example\n\nimport \"testing\"\n\nfunc TestHalf(t *testing.T) { Half(2) }\n", ".gitignore": "/ignored/\n",
		"größe/go.mod": "module example/size\n\ngo 1.26\n", "größe/ok_test.go": passes,
		"ignored/go.mod": "module example/ignored\n\ngo 1.26\n", "ignored/ok_test.go": "package ok\n\nimport \"testing\"\n\nfunc TestFine(t *testing.T) { t.Fatal() }\n",
	})
	if err := (command.Cmd{Dir: cfg.Dir}).Run(t.Context(), "git", "init", "-q"); err != nil {
		t.Fatal(err)
	}
	if err := test(t.Context(), cfg); err != nil || !strings.Contains(out.String(), "2 passed") {
		t.Errorf("Run = %v\n%s", err, out)
	}
}
