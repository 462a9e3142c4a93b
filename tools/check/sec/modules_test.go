package sec

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/inputs"
	"github.com/magewright/magewright/tools/internal/inputs/inputstest"
	"github.com/magewright/magewright/tools/pins"
	"github.com/magewright/magewright/tools/project/exit"
)

// newVulnerable returns a repository with a govulncheck that finds a vulnerable
// call in modules with a file named "vulnerable", and can't load those with one
// named "broken". It logs what it is told to look at.
func newVulnerable(t *testing.T, more map[string]string) (r *inputstest.Repository, log string) {
	t.Helper()
	all := map[string]string{
		"go.mod": "module example\n\ngo 1.26\n", "a.go": "package a\n",
	}
	for name, text := range more {
		all[name] = text
	}
	r = inputstest.New(t, all)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/modules.json") {
			_, _ = w.Write([]byte(someModule))
			return
		}
		_, _ = w.Write([]byte(`{"modified":"2026-11-01T00:00:00Z"}`))
	}))
	t.Cleanup(server.Close)
	t.Setenv("GOVULNDB", server.URL)
	log = filepath.Join(t.TempDir(), "log")
	pretend(t, `#!/bin/sh
shift 2
dir=${1#-C=}
shift
echo "$(basename "$dir") ${GOWORK:-on}: $*" >>'`+log+`'
if [ -e "$dir/broken" ]; then echo "no such package" >&2; exit 1; fi
echo '{"config":{"db":"db","db_last_modified":"2026-11-01T00:00:00Z"}} {"SBOM":{"modules":[{"path":"stdlib"},{"path":"'"$dir"'"}]}}'
if [ -e "$dir/vulnerable" ]; then echo '{"finding":{"osv":"GO-1","fixed_version":"v1","trace":[{"module":"m","function":"F"}]}}'; fi
`)
	return r, log
}

// TestVulnerabilitiesOfEveryModule holds that each module is compared with the
// database, and its magefiles, and that one which can't be loaded hides nothing.
func TestVulnerabilitiesOfEveryModule(t *testing.T) {
	worker := map[string]string{
		"magefile.go": "//go:build mage\n\npackage main\n", "go.work": "go 1.26\n\nuse .\n",
		"functions/my worker/go.mod": "module worker\n\ngo 1.26\n", "functions/my worker/main.go": "package main\n",
	}
	for _, tt := range []struct {
		name, add       string
		state           State
		counted, reason string
	}{
		{"nothing is found", "nothing", Pass, "3 modules against db of 2026-11-01T00:00:00Z: 0 vulnerabilities called, 0 present but not called, in 2 modules of the repository", ""},
		{"in a nested module", "functions/my worker/vulnerable", Fail, "1 vulnerabilities called", "F in m is called; fixed in v1 (module functions/my worker)"},
		{"a nested module can't be loaded", "functions/my worker/broken", Unknown, "in 1 modules of the repository", "module functions/my worker was not compared: no such package"},
		{"the root can't be loaded", "broken", Unknown, "in 1 modules of the repository", "module . was not compared: no such package"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, log := newVulnerable(t, worker)
			r.Write(tt.add, "")
			check, err := vulnerabilities(t.Context(), r.Config)
			if err != nil || check.State != tt.state || !strings.Contains(check.Counted, tt.counted) || !strings.Contains(check.Reason, tt.reason) {
				t.Errorf("vulnerabilities = %+v, %v", check, err)
			}
			data, err := os.ReadFile(log) // #nosec G304 -- made by the test
			if err != nil {
				t.Fatal(err)
			}
			root := filepath.Base(r.Config.Dir)
			want := []string{root + " on: ./...", root + " on: magefile.go", "my worker off: ./..."}
			if got := strings.Split(strings.TrimSpace(string(data)), "\n"); !slices.Equal(got, want) {
				t.Errorf("it looked at %q, want %q", got, want)
			}
		})
	}
}

// TestAToolThatCannotBeHad holds that it is a failure of the environment, and
// that no evidence of an earlier run is left.
func TestAToolThatCannotBeHad(t *testing.T) {
	r, _ := newVulnerable(t, nil)
	executable = func(pins.Tool, context.Context, io.Writer) (string, error) {
		return "", exit.Missing("", "building govulncheck: no such module")
	}
	if err := evidence.Keep(r.Config.Evidence, "sec", r.Config.Commit, evidence.Security{}); err != nil {
		t.Fatal(err)
	}
	before := tools
	t.Cleanup(func() { tools = before })
	tools = []tool{{"govulncheck", vulnerabilities, vulnerabilityInputs, "govulncheck.json"}}
	if err := Run(t.Context(), r.Config); exit.Status(err) != exit.Environment || !strings.Contains(err.Error(), "no such module") {
		t.Errorf("Run = %v", err)
	}
	if left, err := evidence.ReadDir(r.Config.Evidence); err != nil || len(left) > 0 {
		t.Errorf("evidence of an earlier run is left: %v, %v", left, err)
	}
}

// TestGosecThatCannotBeStarted holds that it is no finding.
func TestGosecThatCannotBeStarted(t *testing.T) {
	before := Gosec
	t.Cleanup(func() { Gosec = before })
	Gosec = []string{filepath.Join(t.TempDir(), "missing"), "gosec"}
	r := inputstest.New(t, files)
	_, err := code(t.Context(), r.Config)
	if exit.Status(err) != exit.Environment || !strings.Contains(err.Error(), "starting gosec") {
		t.Errorf("code: %v", err)
	}
}

// TestAnotherProgramIsAnotherGosec holds that a result is not believed where the
// program that has gosec is another one, as after an update of it.
func TestAnotherProgramIsAnotherGosec(t *testing.T) {
	before := Gosec
	t.Cleanup(func() { Gosec = before })
	r := inputstest.New(t, files)
	Gosec = []string{filepath.Join(t.TempDir(), "program"), "gosec"}
	read := func(content string) inputs.Set {
		t.Helper()
		if err := os.WriteFile(Gosec[0], []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		set, err := codeInputs(t.Context(), r.Config)
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	if diff := read("one").Diff(read("two")); !slices.Equal(diff, []string{"program gosec"}) {
		t.Errorf("%q differ", diff)
	}
}
