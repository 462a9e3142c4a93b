// Package sec looks for what must not be released: insecure code (gosec),
// dependencies with known vulnerabilities (govulncheck), and secrets
// (gitleaks).
package sec

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/magewright/magewright/tools/clock"
	"github.com/magewright/magewright/tools/command"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/exit"
	"github.com/magewright/magewright/tools/project"
)

// A State is what a check found.
type State string

// The states of a check. A check that could not be decided is UNKNOWN, never
// PASS; the readiness assessment refuses it.
const (
	Pass    State = "PASS"
	Fail    State = "FAIL"
	Unknown State = "UNKNOWN"
)

// A Check is the result of one tool.
type Check struct {
	Name    string `json:"name"`
	State   State  `json:"state"`
	Counted string `json:"counted"`          // what was looked at
	Reason  string `json:"reason,omitempty"` // why it is not PASS
	Report  string `json:"report,omitempty"` // file below .magewright
	Version string `json:"version"`          // of the tool
	// Config are files of the repository that tell the tool what to leave out,
	// and their SHA-256.
	Config   map[string]string  `json:"config,omitempty"`
	Database *evidence.Database `json:"database,omitempty"`
}

// Run runs the checks in order, prints a line for each, and leaves the results
// in .magewright/sec.json. It fails if one of them fails.
func Run(ctx context.Context, cfg project.Config) error {
	checks := []struct {
		what string
		run  func(context.Context, project.Config) (Check, error)
	}{
		{"gosec", code},
		{"govulncheck", vulnerabilities},
		{"gitleaks", secrets},
	}
	var results []Check
	var failed []string
	for _, check := range checks {
		fmt.Fprintf(cfg.Stderr, "%s\n", check.what)
		result, err := check.run(ctx, cfg)
		if err != nil {
			return fmt.Errorf("%s: %w", check.what, err)
		}
		results = append(results, result)
		fmt.Fprintf(cfg.Stdout, "%-8s %-16s %s\n", result.State, result.Name, result.Counted)
		if result.Reason != "" {
			fmt.Fprintf(cfg.Stdout, "         %s\n", strings.ReplaceAll(result.Reason, "\n", "\n         "))
		}
		if result.State == Fail {
			failed = append(failed, result.Name)
		}
	}
	if err := record(cfg, results); err != nil {
		return err
	}
	if len(failed) > 0 {
		return exit.Failed("mend it, or suppress it where it is with a reason; then go tool mage sec", "sec: findings by %s", strings.Join(failed, ", "))
	}
	return nil
}

func record(cfg project.Config, results []Check) error {
	path, err := cfg.Path("sec.json")
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(map[string]any{"commit": cfg.Commit, "dirty": cfg.Dirty, "checks": results}, "", "  ")
	if err != nil {
		return fmt.Errorf("recording the results: %w", err)
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("recording the results: %w", err)
	}
	security := evidence.Security{Made: evidence.Made{
		FinishedOn: clock.System().Now(), Dirty: cfg.Dirty, Tools: map[string]string{}, Reports: map[string]string{},
	}}
	for _, r := range results {
		security.Tools[r.Name] = r.Version
		if r.State != Unknown {
			if security.Reports[r.Report], err = evidence.FileDigest(filepath.Join(cfg.Evidence, r.Report)); err != nil {
				return err
			}
		}
		security.Scans = append(security.Scans, evidence.Scan{
			Tool: r.Name, State: string(r.State), Counted: r.Counted, Findings: r.Reason, Config: r.Config, Database: r.Database,
		})
	}
	return evidence.Keep(cfg.Evidence, "sec", cfg.Commit, security)
}

// pinned returns the version of a tool's module that a module file of its own
// pins.
func pinned(ctx context.Context, cfg project.Config, modfile, module string) (string, error) {
	cmd := command.Cmd{Dir: cfg.Dir, Env: command.Environ("GOWORK=off")}
	version, err := cmd.Output(ctx, "go", "list", "-m", "-modfile="+modfile, "-f={{.Version}}", module)
	if err != nil {
		return "", fmt.Errorf("asking for the version of %s: %w", module, err)
	}
	return version, nil
}

// digests returns the SHA-256 of those of the repository's files that exist.
func digests(cfg project.Config, names ...string) (map[string]string, error) {
	found := map[string]string{}
	for _, name := range names {
		digest, err := evidence.FileDigest(filepath.Join(cfg.Dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found[name] = digest
	}
	return found, nil
}

// gosecVersion finds gosec's version in its summary.
var gosecVersion = regexp.MustCompile(`^gosec (v[0-9.]+):`)

// code analyses every package of the project, the magefile's included.
func code(ctx context.Context, cfg project.Config) (Check, error) {
	check := Check{Name: "gosec", Report: "gosec.sarif"}
	sarif, err := cfg.Path(check.Report)
	if err != nil {
		return check, err
	}
	modules, err := cfg.Modules(ctx)
	if err != nil {
		return check, err
	}
	args := []string{"run", "-trimpath", "-buildvcs=false", "./tools/gosec", "-sarif", sarif}
	for _, module := range modules {
		dirs, err := command.Cmd{Dir: filepath.Join(cfg.Dir, module)}.Output(ctx, "go", "list", "-tags=mage", "-f={{.Dir}}", "./...")
		if err != nil {
			return check, fmt.Errorf("listing packages: %w", err)
		}
		args = append(args, strings.Fields(dirs)...)
	}
	out, err := command.Cmd{Dir: cfg.Dir, Stderr: cfg.Stderr}.Output(ctx, "go", args...)
	if ctx.Err() != nil {
		return check, ctx.Err()
	}
	findings, summary := "", out
	if i := strings.LastIndex(out, "\n"); i >= 0 {
		findings, summary = out[:i], out[i+1:]
	}
	version := gosecVersion.FindStringSubmatch(summary)
	if version != nil {
		check.Version = version[1]
	}
	switch {
	case err == nil && version != nil:
		check.State, check.Counted = Pass, summary
	case version != nil:
		check.State, check.Counted, check.Reason = Fail, summary, findings
	default:
		return check, fmt.Errorf("analysing: %w: %s", err, out)
	}
	return check, nil
}
