package sec

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
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
		Modules []struct {
			Path string `json:"path"`
		} `json:"modules"`
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

// vulnerabilityInputs returns what govulncheck depends on: the sources that are built, the
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
		modified = inputs.Unknown() // then nothing that is found is kept
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

// patience is how long the database may take to say when it was last changed.
const patience = 10 * time.Second

// databaseModified asks a database when it was last changed and whether it has entries,
// because an empty one finds nothing. govulncheck asks it only after loading every package,
// which would be wasted time if it can't be reached. See
// https://go.dev/doc/security/vuln/database#api.
func databaseModified(ctx context.Context, database string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.RegisterProtocol("file", http.NewFileTransport(http.Dir("/"))) // #nosec G111 -- the copy that the user names
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	var index struct{ Modified string }
	if err := readIndex(ctx, client, database, "db.json", &index); err != nil {
		return "", err
	}
	if index.Modified == "" {
		return "", fmt.Errorf("%s does not say when it was last changed", database)
	}
	var modules []struct {
		Path  string
		Vulns []struct{ ID string }
	}
	if err := readIndex(ctx, client, database, "modules.json", &modules); err != nil {
		return "", err
	}
	if len(modules) == 0 {
		return "", fmt.Errorf("%s is empty: it has no vulnerabilities of any module", database)
	}
	return index.Modified, nil
}

// readIndex reads a file of a database's index.
func readIndex(ctx context.Context, client *http.Client, database, name string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(database, "/")+"/index/"+name, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request) // #nosec G107 G704 -- the database that the user names
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if err := json.NewDecoder(response.Body).Decode(into); err != nil || response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s and is not the index of a vulnerability database", request.URL, response.Status)
	}
	return nil
}

// vulnerabilities looks for functions with known vulnerabilities that the project calls. With
// -json, the exit code is always 0 and means nothing, so the report is read.
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
	modules, err := cfg.Modules(ctx)
	if err != nil {
		return check, err
	}
	modules.Describe(cfg, "govulncheck")
	govulncheck, err := executable(pins.Govulncheck, ctx, cfg.Stderr)
	if err != nil {
		return check, err
	}
	args := []string{"-json"}
	if db := os.Getenv("GOVULNDB"); db != "" {
		args = append(args, "-db="+db)
	}
	var all bytes.Buffer
	var total vulnReport
	var unread []string
	compared := 0
	for _, module := range modules.All {
		before := len(unread)
		for _, packages := range module.Patterns(false) {
			var out, stderr bytes.Buffer
			dir, err := filepath.Abs(module.Abs())
			if err != nil {
				return check, err
			}
			// It refuses a file name that exists in its own directory, because it takes it
			// for a binary.
			cmd := command.Cmd{Dir: filepath.Dir(path), Env: gocmd.ToolEnviron(module.Environ()...), Stdout: &out, Stderr: &stderr}
			runErr := cmd.Run(ctx, govulncheck, append(append(args[:len(args):len(args)], "-C="+dir), packages...)...)
			if ctx.Err() != nil {
				return check, ctx.Err()
			}
			_, _ = all.Write(out.Bytes()) // never fails
			if runErr != nil {
				reason := strings.TrimSpace(stderr.String())
				if reason == "" {
					reason = runErr.Error()
				}
				unread = append(unread, fmt.Sprintf("module %s was not compared: %s", module.Dir, reason))
				continue
			}
			report, err := parseVulnerabilities(&out)
			if err != nil {
				unread = append(unread, fmt.Sprintf("module %s: %v", module.Dir, err))
				continue
			}
			if module.Dir != "." {
				for i := range report.called {
					report.called[i] += " (module " + module.Dir + ")"
				}
			}
			total = total.with(report)
		}
		if len(unread) == before {
			compared++
		}
	}
	if err := os.WriteFile(filepath.Clean(path), all.Bytes(), 0o600); err != nil {
		return check, fmt.Errorf("keeping the report: %w", err)
	}
	if total.db == "" {
		check.State, check.Counted, check.Reason = Unknown, "nothing was compared with a vulnerability database", strings.Join(unread, "\n")
		return check, nil
	}
	check.Database = &evidence.Database{Name: total.db, ModifiedOn: total.modified}
	check.State, check.Counted = Pass, total.counted()
	if len(modules.All) > 1 {
		check.Counted += fmt.Sprintf(", in %d modules of the repository", compared)
	}
	check.Reason = strings.Join(append(total.called, unread...), "\n")
	switch {
	case len(total.called) > 0:
		check.State = Fail
	case len(unread) > 0:
		check.State = Unknown
	}
	return check, nil
}

// unreachable returns the check's result if nothing could be compared.
func (c Check) unreachable(reason string) Check {
	c.State, c.Counted = Unknown, "nothing was compared with a vulnerability database"
	c.Reason = reason + "\nset GOVULNDB to a mirror or to file:///a/copy of the database"
	return c
}

type vulnReport struct {
	db       string
	modified time.Time // when the database was last changed
	modules  map[string]bool
	called   []string        // one line for each vulnerable function that is called
	present  map[string]bool // vulnerabilities, and whether their functions are called
}

// with returns the union of both reports.
func (r vulnReport) with(other vulnReport) vulnReport {
	if r.db == "" {
		return other
	}
	maps.Copy(r.modules, other.modules)
	for id, called := range other.present {
		r.present[id] = r.present[id] || called
	}
	r.called = append(r.called, other.called...)
	return r
}

// notCalled counts the vulnerabilities of modules whose vulnerable functions are not called.
func (r vulnReport) notCalled() int {
	n := 0
	for _, called := range r.present {
		if !called {
			n++
		}
	}
	return n
}

func (r vulnReport) counted() string {
	return fmt.Sprintf("%d modules against %s of %s: %d vulnerabilities called, %d present but not called",
		len(r.modules), r.db, r.modified.Format(time.RFC3339), len(r.called), r.notCalled())
}

// parseVulnerabilities reads govulncheck's JSON. A report that does not name its database is
// not a report.
func parseVulnerabilities(r io.Reader) (vulnReport, error) {
	report := vulnReport{modules: map[string]bool{}, present: map[string]bool{}}
	decoder := json.NewDecoder(r)
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
				return report, fmt.Errorf("reading govulncheck -json: the report does not say when its database was last changed: %w", err)
			}
		}
		if m.SBOM != nil {
			for _, module := range m.SBOM.Modules {
				report.modules[module.Path] = true
			}
		}
		if f := m.Finding; f != nil && len(f.Trace) > 0 {
			last := f.Trace[0]
			report.present[f.OSV] = report.present[f.OSV] || last.Function != ""
			if last.Function != "" {
				line := fmt.Sprintf("%s: %s in %s is called; fixed in %s", f.OSV, last.Function, last.Module, f.Fixed)
				if !slices.Contains(report.called, line) {
					report.called = append(report.called, line)
				}
			}
		}
	}
	if report.db == "" {
		return report, errors.New("reading govulncheck -json: the report names no database")
	}
	if len(report.modules) == 0 {
		return report, errors.New("reading govulncheck -json: no modules were examined")
	}
	return report, nil
}
