package gotest

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/evidence"
)

// TestACrashIsExplained runs tests that end their program in every way, and
// holds that the console and the JUnit results name the test that ran and say
// why the program ended.
func TestACrashIsExplained(t *testing.T) {
	t.Parallel()
	const ended = "The test program ended while this test ran"
	for _, tt := range []struct {
		name, source string
		failed       []string          // as the evidence names them
		says         map[string]string // what the failure of each test says, by its name in JUnit
	}{
		{
			name:   "a goroutine panics",
			source: `func TestA(t *testing.T) { t.Run("sub", func(t *testing.T) { go func() { panic("REASON") }(); select {} }) }`,
			failed: []string{"example TestA/sub"}, says: map[string]string{"TestA/sub": "panic: REASON"},
		},
		{
			name:   "a subtest panics, and test2json takes the words for the parent's",
			source: `func TestA(t *testing.T) { t.Run("sub", func(t *testing.T) { panic("REASON") }) }`,
			failed: []string{"example TestA/sub"}, says: map[string]string{"TestA/sub": "panic: REASON", "TestA": "panic: REASON"},
		},
		{
			name:   "an example panics, and test2json takes the words for the package's",
			source: `func ExampleA() { fmt.Println(); panic("REASON")` + "\n// Output: 1\n}\n" + `func TestA(t *testing.T) {}`,
			failed: []string{"example ExampleA"}, says: map[string]string{"ExampleA": "panic: REASON"},
		},
		{
			name:   "a parent panics after its subtest",
			source: `func TestA(t *testing.T) { t.Run("sub", func(t *testing.T) {}); panic("REASON") }`,
			failed: []string{"example TestA"}, says: map[string]string{"TestA": "panic: REASON"},
		},
		{
			name:   "a parent fails beside its subtest",
			source: `func TestA(t *testing.T) { t.Run("sub", func(t *testing.T) { t.Error("SUBTEST") }); t.Error("REASON") }`,
			failed: []string{"example TestA/sub", "example TestA"}, says: map[string]string{"TestA/sub": "SUBTEST", "TestA": "REASON"},
		},
		{
			name:   "log.Fatal",
			source: `func TestA(t *testing.T) { t.Run("sub", func(t *testing.T) { log.Fatal("REASON") }) }`,
			failed: []string{"example TestA/sub"}, says: map[string]string{"TestA/sub": "REASON"},
		},
		{
			name:   "os.Exit without a word",
			source: `func TestA(t *testing.T) { os.Exit(3) }`,
			failed: []string{"example TestA"}, says: map[string]string{"TestA": ended},
		},
		{
			name:   "os.Exit in TestMain",
			source: `func TestMain(m *testing.M) { m.Run(); fmt.Println("REASON"); os.Exit(3) }` + "\n" + `func TestA(t *testing.T) {}`,
			failed: []string{"example"}, says: map[string]string{"(package)": "REASON"},
		},
		{
			// It panics once the other's goroutine is gone, which has reported its end before.
			name: "a parallel subtest panics after another has ended",
			source: `func TestA(t *testing.T) { for _, n := range []string{"a", "b"} { t.Run(n, func(t *testing.T) { t.Parallel(); if n == "b" { alone(); panic("REASON") } }) } }` + "\n" +
				`func alone() { all := make([]byte, 1<<20); for strings.Count(string(all[:runtime.Stack(all, true)]), "created by testing.(*T).Run ") > 2 { runtime.Gosched() } }`,
			failed: []string{"example TestA/b"}, says: map[string]string{"TestA/b": "panic: REASON"},
		},
		{
			name:   "a fatal error of the runtime",
			source: `func TestA(t *testing.T) { var mu sync.Mutex; t.Run("sub", func(t *testing.T) { mu.Unlock() }) }`,
			failed: []string{"example TestA/sub"}, says: map[string]string{"TestA/sub": "fatal error: sync: unlock of unlocked mutex"},
		},
		{
			name:   "a data race outside of the tests",
			source: `var n int; func TestMain(m *testing.M) { var g sync.WaitGroup; for range 2 { g.Go(func() { n++ }) }; g.Wait(); m.Run() }` + "\n" + `func TestA(t *testing.T) {}`,
			failed: []string{"example"}, says: map[string]string{"(package)": "WARNING: DATA RACE"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg, out := module(t, map[string]string{"half.go": half, "a_test.go": "package example\n\nimport (\"fmt\"; \"log\"; \"os\"; \"runtime\"; \"strings\"; \"sync\"; \"testing\")\n\nvar _, _, _, _, _, _ = fmt.Sprint, log.Print, os.Getenv, runtime.Stack, strings.Count, sync.OnceFunc\n\n" +
				"func TestBefore(t *testing.T) {}\n" + tt.source + "\n"})
			if err := test(t.Context(), cfg); err == nil {
				t.Fatalf("it passes:\n%s", out)
			}
			if got := kept(t, cfg.Evidence).FailedTests; !slices.Equal(got, tt.failed) {
				t.Errorf("the evidence names %q, want %q", got, tt.failed)
			}
			for _, name := range tt.failed {
				if !strings.Contains(out.String(), "--- FAIL "+name+"\n") {
					t.Errorf("the console does not name %s:\n%s", name, out)
				}
			}
			failures := failures(t, cfg.Evidence)
			for name, want := range tt.says {
				if !strings.Contains(out.String(), want) {
					t.Errorf("the console lacks %q:\n%s", want, out)
				}
				if !strings.Contains(failures["example "+name], want) {
					t.Errorf("JUnit lacks %q of %s: %q", want, name, failures)
				}
			}
		})
	}
}

// kept returns the evidence of a run.
func kept(t *testing.T, dir string) evidence.Tests {
	t.Helper()
	var tests evidence.Tests
	statements, err := evidence.ReadDir(dir)
	if err != nil || len(statements) != 1 || statements[0].Decode(&tests) != nil {
		t.Fatalf("ReadDir = %v, %v", statements, err)
	}
	return tests
}

// failures returns what the JUnit results say of each failure, by package and
// test.
func failures(t *testing.T, dir string) map[string]string {
	t.Helper()
	var report suites
	data, err := os.ReadFile(filepath.Join(dir, "junit.xml")) // #nosec G304 -- made by the test
	if err != nil || xml.Unmarshal(data, &report) != nil {
		t.Fatalf("%v: %s", err, data)
	}
	said := map[string]string{}
	for _, s := range report.Suites {
		for _, c := range s.Cases {
			if c.Failure != nil {
				said[c.Class+" "+c.Name] = c.Failure.Text
			}
		}
	}
	return said
}

// line returns an event as go test -json prints it.
func line(t *testing.T, e Event) string {
	t.Helper()
	data, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return string(data) + "\n"
}

// TestTestsWithoutAnEnd holds what becomes of tests that had begun when their
// program ended, also where test2json takes its last words for those of a test
// that had passed.
func TestTestsWithoutAnEnd(t *testing.T) {
	t.Parallel()
	event := func(action, test, output string) string {
		return line(t, Event{Action: action, Package: "m/a", Test: test, Output: output})
	}
	begun := func(test string) string {
		return event("run", test, "") + event("output", test, "=== RUN   "+test+"\n")
	}
	for _, tt := range []struct {
		name    string
		events  []string
		results map[string]string
		says    string
	}{
		{
			name: "a time-out while one test runs, one waits and one had passed",
			events: []string{
				begun("TestWaits"), event("pause", "TestWaits", ""), begun("TestSlow"), event("pause", "TestSlow", ""), begun("TestQuick"),
				event("output", "TestQuick", "--- PASS: TestQuick (0.00s)\n"), event("pass", "TestQuick", ""),
				event("cont", "TestSlow", ""), event("output", "TestSlow", "panic: test timed out after 2s\n"), event("fail", "", ""),
			},
			results: map[string]string{"TestWaits": "skip", "TestSlow": "fail", "TestQuick": "pass"},
			says:    "--- FAIL m/a TestSlow\n=== RUN   TestSlow\npanic: test timed out after 2s\n",
		},
		{
			name: "the words are those of a test that had passed",
			events: []string{
				begun("TestSlow"), begun("TestSlow/sub"), event("pause", "TestSlow/sub", ""), begun("TestQuick"),
				event("output", "TestQuick", "--- PASS: TestQuick (0.00s)\n"), event("output", "TestQuick", "panic: REASON\n"), event("pass", "TestQuick", ""), event("fail", "", ""),
			},
			results: map[string]string{"TestSlow": "fail", "TestSlow/sub": "skip", "TestQuick": "pass"},
			says:    "--- FAIL m/a TestSlow\n=== RUN   TestSlow\nAfter TestQuick had ended:\npanic: REASON\n",
		},
		{
			name: "no test runs",
			events: []string{
				begun("TestQuick"), event("output", "TestQuick", "--- PASS: TestQuick (0.00s)\n"), event("output", "TestQuick", "panic: REASON\n"),
				event("pass", "TestQuick", ""), event("fail", "", ""),
			},
			results: map[string]string{"TestQuick": "pass"},
			says:    "--- FAIL m/a\nAfter TestQuick had ended:\npanic: REASON\n",
		},
		{
			name: "a test fails, and then TestMain does",
			events: []string{
				begun("TestA"), event("output", "TestA", "    a_test.go:1: WORDS\n"), event("output", "TestA", "--- FAIL: TestA (0.00s)\n"), event("fail", "TestA", ""),
				event("output", "", "FAIL\n"), event("output", "", "removing the database: REASON\n"), event("output", "", "FAIL\tm/a\t0.1s\n"), event("fail", "", ""),
			},
			results: map[string]string{"TestA": "fail"},
			says:    "--- FAIL: TestA (0.00s)\n--- outside of the tests of m/a\nremoving the database: REASON\n",
		},
		{
			name:    "the go command is killed",
			events:  []string{line(t, Event{Action: "start", Package: "m/a"}), begun("TestA")},
			results: map[string]string{"TestA": "fail"},
			says:    "--- outside of the tests of m/a\nThe go command ended before these tests ended.\n",
		},
	} {
		r := newResults()
		if err := r.Parse(strings.NewReader(strings.Join(tt.events, "")), &strings.Builder{}); err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, test := range r.Tests {
			got[test.Test] = test.Result
		}
		for test, want := range tt.results {
			if got[test] != want || len(got) != len(tt.results) {
				t.Errorf("%s: results are %v, want %v", tt.name, got, tt.results)
			}
		}
		var out strings.Builder
		r.describe(&out)
		if !strings.Contains(out.String(), tt.says) {
			t.Errorf("%s: it says %q, want %q", tt.name, out.String(), tt.says)
		}
	}
}
