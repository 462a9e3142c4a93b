package results_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/rehearse/results"
)

var update = flag.Bool("update", false, "write the golden file")

func TestFirstError(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ log, want string }{
		"a linter's finding": {
			"[Container] Running command go tool mage lint\nlint runs: app/x.go changed\napp/x.go:2:7: func x is unused (unused)\nfunc  x( ) {}\n      ^\n1 issues:\nError: lint: findings by golangci-lint\n  next: go tool mage fmt\n",
			"app/x.go:2:7: func x is unused (unused)\n",
		},
		"a compiler's": {
			"# example.com/app\napp/main.go:3:28: undefined: lint\napp/main.go:4:1: syntax error\nError: building\n",
			"app/main.go:3:28: undefined: lint\napp/main.go:4:1: syntax error\n",
		},
		"a test's": {
			"pass example.com/a 0.1s\n--- FAIL: TestX (0.00s)\n    x_test.go:7: 1, want 2\nFAIL example.com/b 0.1s\nError: test: 1 failed\n",
			"--- FAIL: TestX (0.00s)\n    x_test.go:7: 1, want 2\n",
		},
		"a test's, as the target says it": {
			"pass example.com/a 0.1s\n--- FAIL example.com/b TestInk\n=== RUN   TestInk\n    ink_test.go:3: the ink ran out\n--- FAIL: TestInk (0.00s)\nError: test: 1 failed\n",
			"--- FAIL example.com/b TestInk\n    ink_test.go:3: the ink ran out\n--- FAIL: TestInk (0.00s)\n",
		},
		"the CDK's": {
			"synthesizing the stacks\n[Error at /shop/Bucket/Resource] AwsSolutions-S10: no TLS\n\nFound errors\n",
			"[Error at /shop/Bucket/Resource] AwsSolutions-S10: no TLS\n",
		},
		"a check's": {
			"PASS     lint   no findings\nFAIL     gitleaks   1 secret\n         app/x.go:3: generic-api-key in commit 0123\nPASS     other\n",
			"FAIL     gitleaks   1 secret\n         app/x.go:3: generic-api-key in commit 0123\n",
		},
		"a check's, after one that could not be decided": {
			"PASS     gosec   0 issues\nUNKNOWN  govulncheck   no database\nFAIL     gitleaks   1 secret\n         app/x.go:3: generic-api-key\n",
			"FAIL     gitleaks   1 secret\n         app/x.go:3: generic-api-key\n",
		},
		"a check that could not be decided": {
			"PASS     gosec   0 issues\nUNKNOWN  govulncheck   no database\n         set GOVULNDB\ndone\n",
			"UNKNOWN  govulncheck   no database\n         set GOVULNDB\n",
		},
		"a target's": {
			"deploying\nError: there is no cloud assembly\n  next: go tool mage synth\n[Container] Phase complete: BUILD State: FAILED\n",
			"Error: there is no cloud assembly\n  next: go tool mage synth\n",
		},
		"a panic":   {"ok\npanic: no luck\n\ngoroutine 1 [running]:\n", "panic: no luck\n"},
		"a time":    {"12:03:04: begins\nurl http://127.0.0.1:80: x\nError: late\n", "Error: late\n"},
		"nothing":   {"one\ntwo\n", "one\ntwo\n"},
		"much":      {strings.Repeat("x\n", 50), strings.Repeat("x\n", 12)},
		"long":      {"Error: " + strings.Repeat("é", 1000), "Error: " + strings.Repeat("é", 196) + " ...\n"},
		"no log":    {"", "\n"},
		"many more": {"FAIL x\n" + strings.Repeat("  y\n", 50), "FAIL x\n" + strings.Repeat("  y\n", 11)},
	} {
		if diff := cmp.Diff(tt.want, results.FirstError(tt.log)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func FuzzFirstError(f *testing.F) {
	f.Add("app/x.go:2:7: unused\n  next\n")
	f.Fuzz(func(t *testing.T, log string) {
		if first := results.FirstError(log); strings.Count(first, "\n") > 12 && len(log) > 0 {
			t.Errorf("%d lines", strings.Count(first, "\n"))
		}
	})
}

func zipped(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, text := range files {
		f, err := w.Create(name)
		if err == nil {
			_, err = f.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var href = regexp.MustCompile(`href="([^"]+)"`)

func TestWrite(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "rehearsal")
	if err := os.MkdirAll(filepath.Join(dir, "Old-Action"), 0o700); err != nil {
		t.Fatal(err)
	}
	r := results.Rehearsal{
		Commit: "0a1b2c3d4e5f60718293a4b5c6d7e8f901122334", Base: "f9e8d7c6b5a4f3e2d1c0b9a8978685746352413f", Status: "Failed",
		Actions: []results.Action{
			{Stage: "Source", Name: "Source", Status: "Succeeded", Took: "1.0s"},
			{Stage: "Verify", Name: "Test", Status: "Succeeded", Took: "12.0s", Command: "go tool mage test", Log: "pass\n", Artifacts: [][]byte{zipped(t, map[string]string{"junit.xml": "<a/>", "log.txt": "all is well", "sub dir/ü#1.txt": "x"})}},
			{Stage: "Verify", Name: "Lint", Status: "Failed", Took: "3.0s", Command: "go tool mage lint", Log: "app/x.go:2:7: <script>alert(1)</script>\n"},
			{Stage: "Approval", Name: "Readiness", Status: "Failed", Took: "3.0s", Said: "not decided", Artifacts: [][]byte{zipped(t, map[string]string{"readiness.html": "x"})}},
			{Stage: "Production", Name: "Promote", Status: "NotStarted"},
		},
		NotRehearsed: []results.Left{{Name: "AWS::StepFunctions::StateMachine", Why: "the embedded AWS does not run it: shop/Flow", Next: "try it on AWS"}},
	}
	if err := r.Write(dir); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(dir, results.Page))
	if err != nil {
		t.Fatal(err)
	}
	links := href.FindAllStringSubmatch(string(page), -1)
	if len(links) < 7 {
		t.Errorf("the page has %d links", len(links))
	}
	for _, link := range links {
		to, err := url.Parse(link[1])
		if err != nil {
			t.Fatal(err)
		}
		if to.Scheme == "data" {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(to.Path))); err != nil {
			t.Errorf("the page leads to %s: %v", link[1], err)
		}
	}
	if log, err := os.ReadFile(filepath.Join(dir, "Verify-Test", "log.txt")); err != nil || string(log) != "pass\n" {
		t.Errorf("the log is %q: %v", log, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "Old-Action")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what an earlier rehearsal left is there: %v", err)
	}
	golden := filepath.Join("testdata", "failed.html")
	if *update {
		if err := os.WriteFile(golden, page, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(page)); diff != "" {
		t.Error(diff)
	}
}

// TestWriteStaysInItsDirectory checks that an artifact can't write elsewhere, and
// that what was there before is then kept.
func TestWriteStaysInItsDirectory(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	dir := filepath.Join(parent, "rehearsal")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"../../out", "/out", "a/../../../out"} {
		r := results.Rehearsal{Actions: []results.Action{{Stage: "A", Name: "B", Artifacts: [][]byte{zipped(t, map[string]string{name: "x"})}}}}
		if err := r.Write(dir); err == nil || !strings.Contains(err.Error(), "is not the name of a file") {
			t.Errorf("%s: %v", name, err)
		}
	}
	left, err := os.ReadDir(parent)
	if err != nil || len(left) != 1 || left[0].Name() != "rehearsal" {
		t.Errorf("there are %v: %v", left, err)
	}
}
