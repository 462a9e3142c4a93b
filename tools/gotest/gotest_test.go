package gotest

import (
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/exit"
	"github.com/magewright/magewright/tools/project"
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
			name:  "no tests at all prove nothing",
			files: map[string]string{"half.go": half},
			fails: "no test passed",
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
			says:  []string{"--- FAIL example\n"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg, out := module(t, tt.files)
			err := Run(t.Context(), cfg)
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

func TestStatementsMergesWhatSeveralProgramsReport(t *testing.T) {
	t.Parallel()
	profile := filepath.Join(t.TempDir(), "coverage.out")
	text := "mode: atomic\na.go:1.2,3.4 2 0\na.go:5.1,6.2 3 0\na.go:1.2,3.4 2 7\n"
	if err := os.WriteFile(profile, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	covered, total, err := statements(profile)
	if err != nil || covered != 2 || total != 5 {
		t.Errorf("statements = %d of %d, %v; want 2 of 5", covered, total, err)
	}
	if err := os.WriteFile(profile, []byte("mode: atomic\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := statements(profile); err == nil {
		t.Error("a profile without statements must be an error, not 100 %")
	}
}

func TestParseRefusesWhatIsNotJSON(t *testing.T) {
	t.Parallel()
	if err := newResults().Parse(strings.NewReader("FAIL example [build failed]\n"), io.Discard); err == nil {
		t.Error("Parse took text for JSON")
	}
}
