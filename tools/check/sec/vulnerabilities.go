package sec

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/internal/gocmd"
	"github.com/magewright/magewright/tools/internal/inputs"
	"github.com/magewright/magewright/tools/pins"
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

// vulnerabilityInputs returns what govulncheck depends on: what is built, the
// tool, and the database, which changes every few days.
func vulnerabilityInputs(ctx context.Context, cfg project.Config) (inputs.Set, error) {
	set, err := sources(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if err := pins.Govulncheck.Inputs(set); err != nil {
		return nil, err
	}
	modified, err := databaseModified(ctx, database())
	if err != nil {
		modified = inputs.Unknown() // nothing that is found then is kept
	}
	set["database "+database()] = modified
	return set, nil
}

// database returns the URL of the vulnerability database.
func database() string {
	if given := os.Getenv("GOVULNDB"); given != "" {
		return given
	}
	return "https://vuln.go.dev"
}

// patience is how long the database may take to say of when it is.
const patience = 10 * time.Second

// databaseModified asks a database when it changed last. govulncheck asks it only
// after it has loaded every package, which is for nothing where it can't be
// reached.
// See https://go.dev/doc/security/vuln/database#api.
func databaseModified(ctx context.Context, database string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(database, "/")+"/index/db.json", nil)
	if err != nil {
		return "", err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.RegisterProtocol("file", http.NewFileTransport(http.Dir("/"))) // #nosec G111 -- the copy that the user names
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request) // #nosec G107 G704 -- the database that the user names
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	var index struct{ Modified string }
	if err := json.NewDecoder(response.Body).Decode(&index); err != nil || response.StatusCode != http.StatusOK || index.Modified == "" {
		return "", fmt.Errorf("%s answers %s and does not say when it changed last", request.URL, response.Status)
	}
	return index.Modified, nil
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
	if check.Version, err = pins.Govulncheck.Version(); err != nil {
		return check, err
	}
	if _, err := databaseModified(ctx, database()); err != nil {
		if ctx.Err() != nil {
			return check, ctx.Err()
		}
		return check.unreachable(err.Error()), nil
	}
	args := []string{"-json"}
	if db := os.Getenv("GOVULNDB"); db != "" {
		args = append(args, "-db="+db)
	}
	govulncheck, err := executable(pins.Govulncheck, ctx, cfg.Stderr)
	if err != nil {
		return check, err
	}
	var out, stderr bytes.Buffer
	cmd := command.Cmd{Dir: cfg.Dir, Env: gocmd.Environ("GOWORK=off"), Stdout: &out, Stderr: &stderr}
	runErr := cmd.Run(ctx, govulncheck, append(args, "-tags=mage", "./...")...)
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
		reason := strings.TrimSpace(stderr.String())
		if reason == "" {
			reason = runErr.Error()
		}
		return check.unreachable(reason), nil
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

// unreachable returns the check where nothing could be compared.
func (c Check) unreachable(reason string) Check {
	c.State, c.Counted = Unknown, "nothing was compared with a vulnerability database"
	c.Reason = reason + "\nset GOVULNDB to a mirror or to file:///a/copy of the database"
	return c
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
