package gotest

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/inputs/inputstest"
	"github.com/magewright/magewright/tools/project"
)

// TestPackagesFromTheCacheAreCounted holds that the summary says of how many
// packages nothing was run, and that progress does not name those.
func TestPackagesFromTheCacheAreCounted(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, events, summary, progress string }{
		{
			"none",
			`{"Action":"output","Package":"m/a","Output":"ok  \tm/a\t0.01s\n"}
{"Action":"pass","Package":"m/a","Test":"TestA"}
{"Action":"pass","Package":"m/a","Elapsed":0.01}
`,
			"1 passed, 0 failed, 0 skipped in 1 packages", "pass m/a 0.0s\n",
		},
		{
			"one of two",
			`{"Action":"pass","Package":"m/a","Test":"TestA"}
{"Action":"output","Package":"m/a","Output":"ok  \tm/a\t(cached)\tcoverage: 50.0% of statements\n"}
{"Action":"pass","Package":"m/a"}
{"Action":"pass","Package":"m/b","Test":"TestB"}
{"Action":"output","Package":"m/b","Output":"ok  \tm/b\t1.20s\n"}
{"Action":"pass","Package":"m/b","Elapsed":1.2}
`,
			"2 passed, 0 failed, 0 skipped in 2 packages (1 from go test's cache)", "pass m/b 1.2s\n",
		},
		{
			"a test that only prints so",
			`{"Action":"output","Package":"m/a","Test":"TestA","Output":"ok  \tm/a\t(cached)\n"}
{"Action":"output","Package":"m/a","Output":"it is ok \t(cached)\n"}
{"Action":"pass","Package":"m/a","Test":"TestA"}
{"Action":"pass","Package":"m/a","Elapsed":0.1}
`,
			"1 passed, 0 failed, 0 skipped in 1 packages", "pass m/a 0.1s\n",
		},
	} {
		r := newResults()
		var progress bytes.Buffer
		if err := r.Parse(strings.NewReader(tt.events), &progress); err != nil {
			t.Fatal(err)
		}
		if r.Summary() != tt.summary || progress.String() != tt.progress {
			t.Errorf("%s: %q, %q", tt.name, r.Summary(), &progress)
		}
	}
}

// TestRunAgain holds, with the real go command, what is run again of what has
// passed: nothing, or only the packages that have changed, or all.
func TestRunAgain(t *testing.T) {
	inputstest.Isolate(t)
	// A test of another run of this test must not be found.
	unique := strconv.Quote(t.TempDir())
	cfg, out := module(t, map[string]string{
		"a/a.go": "package a\n\nfunc A() string { return " + unique + " }\n", "a/a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) { t.Log(A()) }\n",
		"b/b.go": "package b\n\nfunc B() string { return " + unique + " }\n", "b/b_test.go": "package b\n\nimport (\"os\"; \"testing\")\n\nfunc TestB(t *testing.T) { t.Log(B()); _, _ = os.ReadFile(\"testdata/x\"); if os.Getenv(\"FAIL\") != \"\" { t.Error(\"failed\") } }\n",
		"b/testdata/x": "1",
	})
	cfg.Commit = strings.Repeat("a", 40)
	coverage := func(cfg project.Config) string {
		data, err := os.ReadFile(filepath.Join(cfg.Evidence, "coverage.out"))
		if err != nil {
			t.Error(err)
		}
		return string(data)
	}
	run := func(says string, fails bool) {
		t.Helper()
		out.Reset()
		if err := Run(t.Context(), cfg); (err != nil) != fails {
			t.Fatalf("Run = %v\n%s", err, out)
		}
		if !strings.Contains(out.String(), says) {
			t.Errorf("it says %q, want %q", out, says)
		}
	}
	run("test: 2 passed, 0 failed, 0 skipped in 2 packages; 100.0 %", false)
	profile := coverage(cfg)
	// A minute later, in a checkout of another commit.
	if err := os.RemoveAll(cfg.Evidence); err != nil {
		t.Fatal(err)
	}
	cfg.Commit = strings.Repeat("b", 40)
	run("2 packages; 100.0 % of 2 statements covered\ntest: unchanged since ", false)
	if coverage(cfg) != profile {
		t.Error("the profile is another one")
	}
	var tests evidence.Tests
	statements, err := evidence.ReadDir(cfg.Evidence)
	if err != nil || len(statements) != 1 || statements[0].Decode(&tests) != nil {
		t.Fatalf("ReadDir = %v, %v", statements, err)
	}
	if statements[0].Digest(evidence.GitCommit) != cfg.Commit || tests.Reused == nil || tests.Reused.Commit != strings.Repeat("a", 40) {
		t.Errorf("the evidence is about %s and says %+v", statements[0].Digest(evidence.GitCommit), tests.Reused)
	}
	for name, digest := range tests.Reports {
		if got, err := evidence.FileDigest(filepath.Join(cfg.Evidence, name)); err != nil || got != digest {
			t.Errorf("%s: %s, %v, want %s", name, got, err, digest)
		}
	}
	// What a test reads.
	if err := os.WriteFile(filepath.Join(cfg.Dir, "b", "testdata", "x"), []byte("2"), 0o600); err != nil {
		t.Fatal(err)
	}
	run("test: 2 passed, 0 failed, 0 skipped in 2 packages (1 from go test's cache); 100.0 %", false)
	// Whoever forces it does not want go test's cache either.
	cfg.Force = true
	run("test: 2 passed, 0 failed, 0 skipped in 2 packages; 100.0 %", false)
	cfg.Force = false
	// A variable that no file names: no test gets it.
	t.Setenv("UNNAMED", "1")
	run("test: unchanged since ", false)
	// A variable that one of them reads, and a failure, which is not kept.
	t.Setenv("FAIL", "1")
	run("--- FAIL example/b TestB", true)
	run("--- FAIL example/b TestB", true)
	t.Setenv("FAIL", "")
	run("test: 2 passed", false)
}
