package sec

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/command"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project"
)

// message is one of the JSON messages of govulncheck.
// See https://pkg.go.dev/golang.org/x/vuln/internal/govulncheck.
type message struct {
	Config *struct {
		DB             string `json:"db"`
		DBLastModified string `json:"db_last_modified"`
	} `json:"config"`
	SBOM *struct {
		Modules []struct{} `json:"modules"`
	} `json:"SBOM"`
	Finding *struct {
		OSV   string `json:"osv"`
		Fixed string `json:"fixed_version"`
		Trace []struct {
			Module   string `json:"module"`
			Function string `json:"function"`
		} `json:"trace"`
	} `json:"finding"`
}

// vulnerabilities looks for functions with known vulnerabilities that the
// project calls. With -json the exit code is always 0 and says nothing; what is
// read is the report.
func vulnerabilities(ctx context.Context, cfg project.Config) (Check, error) {
	check := Check{Name: "govulncheck", Report: "govulncheck.json"}
	path, err := cfg.Path(check.Report)
	if err != nil {
		return check, err
	}
	if check.Version, err = pinned(ctx, cfg, "tools/govulncheck/go.mod", "golang.org/x/vuln"); err != nil {
		return check, err
	}
	args := []string{"tool", "-modfile=tools/govulncheck/go.mod", "govulncheck", "-json"}
	if db := os.Getenv("GOVULNDB"); db != "" {
		args = append(args, "-db="+db)
	}
	var out, stderr bytes.Buffer
	cmd := command.Cmd{Dir: cfg.Dir, Env: command.Environ("GOWORK=off"), Stdout: &out, Stderr: &stderr}
	runErr := cmd.Run(ctx, "go", append(args, "-tags=mage", "./...")...)
	if ctx.Err() != nil {
		return check, ctx.Err()
	}
	if err := os.WriteFile(filepath.Clean(path), out.Bytes(), 0o600); err != nil {
		return check, fmt.Errorf("keeping the report: %w", err)
	}
	report, err := parseVulnerabilities(&out)
	if err == nil {
		check.Database = &evidence.Database{Name: report.db, ModifiedOn: report.modified}
	}
	switch {
	case runErr != nil:
		// Most often the database can't be reached.
		check.State, check.Counted = Unknown, "nothing was compared with a vulnerability database"
		check.Reason = strings.TrimSpace(stderr.String())
		if check.Reason == "" {
			check.Reason = runErr.Error()
		}
		check.Reason += "\nset GOVULNDB to a mirror or to file:///a/copy of the database"
	case err != nil:
		check.State, check.Counted, check.Reason = Unknown, "the report can't be read", err.Error()
	case len(report.called) > 0:
		check.State, check.Counted = Fail, report.counted()
		check.Reason = strings.Join(report.called, "\n")
	default:
		check.State, check.Counted = Pass, report.counted()
	}
	return check, nil
}

type vulnReport struct {
	db        string
	modified  time.Time // when the database changed last
	modules   int
	called    []string // one line for each vulnerable function that is called
	notCalled int      // vulnerabilities of modules whose vulnerable functions are not called
}

func (r vulnReport) counted() string {
	return fmt.Sprintf("%d modules against %s of %s: %d vulnerabilities called, %d present but not called",
		r.modules, r.db, r.modified.Format(time.RFC3339), len(r.called), r.notCalled)
}

// parseVulnerabilities reads govulncheck's JSON. A report that does not say
// which database it used is no report.
func parseVulnerabilities(r io.Reader) (vulnReport, error) {
	var report vulnReport
	decoder := json.NewDecoder(r)
	present := map[string]bool{}
	calledIDs := map[string]bool{}
	for {
		var m message
		err := decoder.Decode(&m)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return report, fmt.Errorf("reading govulncheck -json: %w", err)
		}
		if m.Config != nil {
			report.db = m.Config.DB
			if report.modified, err = time.Parse(time.RFC3339, m.Config.DBLastModified); err != nil {
				return report, fmt.Errorf("reading govulncheck -json: the report does not say of when its database is: %w", err)
			}
		}
		if m.SBOM != nil {
			report.modules = len(m.SBOM.Modules)
		}
		if f := m.Finding; f != nil && len(f.Trace) > 0 {
			present[f.OSV] = true
			if last := f.Trace[0]; last.Function != "" {
				calledIDs[f.OSV] = true
				line := fmt.Sprintf("%s: %s in %s is called; fixed in %s", f.OSV, last.Function, last.Module, f.Fixed)
				if !slices.Contains(report.called, line) {
					report.called = append(report.called, line)
				}
			}
		}
	}
	report.notCalled = len(present) - len(calledIDs)
	if report.db == "" {
		return report, errors.New("reading govulncheck -json: the report names no database")
	}
	if report.modules == 0 {
		return report, errors.New("reading govulncheck -json: no modules were looked at")
	}
	return report, nil
}
