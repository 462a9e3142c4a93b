package sec

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/project"
)

func TestParseVulnerabilities(t *testing.T) {
	t.Parallel()
	const config = `{"config":{"db":"file:///db","db_last_modified":"2026-11-01T00:00:00Z"}}
{"SBOM":{"modules":[{"path":"example"},{"path":"stdlib"}]}}
`
	for _, tt := range []struct {
		name, report      string
		called, notCalled int
		fails             string
	}{
		{name: "nothing found", report: config},
		{
			name: "a vulnerable function is called",
			report: config + `{"finding":{"osv":"GO-2026-0001","fixed_version":"v1.2.3","trace":[{"module":"m"}]}}
{"finding":{"osv":"GO-2026-0001","fixed_version":"v1.2.3","trace":[{"module":"m","function":"Parse"},{"module":"example","function":"main"}]}}`,
			called: 1,
		},
		{name: "a vulnerable module is there", report: config + `{"finding":{"osv":"GO-2026-0002","trace":[{"module":"m"}]}}`, notCalled: 1},
		{name: "an empty report", report: "", fails: "names no database"},
		{name: "a database of no time", report: `{"config":{"db":"d"}}`, fails: "when its database was last changed"},
		{name: "a report of nothing", report: `{"config":{"db":"d","db_last_modified":"2026-11-01T00:00:00Z"}}`, fails: "no modules"},
		{name: "a report that breaks off", report: config + `{"finding":`, fails: "reading govulncheck"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseVulnerabilities(strings.NewReader(tt.report))
			if (err == nil) != (tt.fails == "") || err != nil && !strings.Contains(err.Error(), tt.fails) {
				t.Fatalf("error is %v, want %q", err, tt.fails)
			}
			if err == nil && (len(got.called) != tt.called || got.notCalled() != tt.notCalled || len(got.modules) != 2) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestDigests(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".gitleaks.toml"), []byte("title = \"x\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := digests(project.Config{Dir: dir}, ".gitleaks.toml", ".gitleaksignore")
	if err != nil || len(got) != 1 || len(got[".gitleaks.toml"]) != 64 {
		t.Errorf("digests = %v, %v", got, err)
	}
	if _, err := digests(project.Config{Dir: dir}, "."); err == nil {
		t.Error("what can't be read must not be left out")
	}
}

func TestScannedCommits(t *testing.T) {
	t.Parallel()
	for log, want := range map[string]int{
		"11:02PM INF 17 commits scanned.\n11:02PM INF no leaks found": 17,
		"11:02PM INF no leaks found":                                  -1,
		"":                                                            -1,
	} {
		if got, ok := scannedCommits(log); ok != (want >= 0) || ok && got != want {
			t.Errorf("scannedCommits(%q) = %d, %v", log, got, ok)
		}
	}
}

func TestReadFindings(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gitleaks.json")
	if _, err := readFindings(path); err == nil {
		t.Error("a missing report must not be an empty one")
	}
	report := `[{"RuleID":"private-key","File":"a.pem","StartLine":3,"Commit":"0123456789abcdef"}]`
	if err := os.WriteFile(path, []byte(report), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := readFindings(path)
	if err != nil || len(got) != 1 || got[0] != "a.pem:3: private-key in commit 0123456789ab" {
		t.Errorf("readFindings = %q, %v", got, err)
	}
}
