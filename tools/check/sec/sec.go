// Package sec looks for what must not be released: insecure code (gosec), dependencies with
// known vulnerabilities (govulncheck), and secrets (gitleaks).
package sec

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/check/reuse"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/actioncache"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/internal/gocmd"
	"github.com/magewright/magewright/tools/internal/inputs"
	"github.com/magewright/magewright/tools/pins"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// A State is the result of a check.
type State string

// The states of a check. A check that could not be decided is UNKNOWN and never PASS. The
// readiness assessment does not accept UNKNOWN.
const (
	Pass    State = "PASS"
	Fail    State = "FAIL"
	Unknown State = "UNKNOWN"
)

// A Check is the result of one tool.
type Check struct {
	Name    string `json:"name"`
	State   State  `json:"state"`
	Counted string `json:"counted"`          // what was examined
	Reason  string `json:"reason,omitempty"` // why it is not PASS
	Report  string `json:"report,omitempty"` // file below .magewright
	Version string `json:"version"`          // version of the tool
	// Config are the files of the repository that tell the tool what to leave out, with their
	// SHA-256.
	Config   map[string]string  `json:"config,omitempty"`
	Database *evidence.Database `json:"database,omitempty"`

	FinishedOn time.Time        `json:"finishedOn"`
	Reused     *evidence.Reused `json:"reused,omitempty"`
}

// A tool is one of the checks. Its report is NAME.sarif or NAME.json.
type tool struct {
	name   string
	run    func(context.Context, project.Config) (Check, error)
	inputs func(context.Context, project.Config) (inputs.Set, error)
	report string
}

var tools = []tool{
	{"gosec", code, codeInputs, "gosec.sarif"},
	{"govulncheck", vulnerabilities, vulnerabilityInputs, "govulncheck.json"},
	{"gitleaks", secrets, secretInputs, "gitleaks.json"},
}

// Run runs the checks in order, prints a line for each, and leaves the results in
// .magewright/sec.json. It fails if one of them fails. A check that has passed is not run
// again until something changes that it examines.
func Run(ctx context.Context, cfg project.Config) error {
	// The findings of an earlier run must not be mistaken for those of this run.
	for _, name := range []string{"sec.json", "sec" + evidence.Suffix} {
		if err := os.Remove(filepath.Join(cfg.Evidence, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing the earlier evidence: %w", err)
		}
	}
	var results []Check
	var failed []string
	for _, t := range tools {
		result, err := t.check(ctx, cfg)
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		results = append(results, result)
		if result.State == Fail {
			failed = append(failed, result.Name)
		}
	}
	if err := record(cfg, results); err != nil {
		return err
	}
	if len(failed) > 0 {
		return exit.Failed("fix it, or suppress it in its place with a reason; then go tool mage sec", "sec: findings by %s", strings.Join(failed, ", "))
	}
	return nil
}

// Code runs only gosec, like [Run], and returns its result and its version.
func Code(ctx context.Context, cfg project.Config) (scan evidence.Scan, version string, err error) {
	result, err := tools[0].check(ctx, cfg)
	if err != nil {
		return scan, "", fmt.Errorf("gosec: %w", err)
	}
	return result.scan(), result.Version, nil
}

// scan returns the part of a check that is evidence.
func (c Check) scan() evidence.Scan {
	return evidence.Scan{
		Tool: c.Name, State: string(c.State), Counted: c.Counted, Findings: c.Reason, Config: c.Config, Database: c.Database, Reused: c.Reused,
	}
}

// executable returns the path of a pinned tool. Tests have their own tools.
var executable = pins.Tool.Executable

// check runs a tool or takes its result from the cache. Only PASS is taken from there,
// because a finding that was fixed, or a server that can be reached again, must be noticed.
func (t tool) check(ctx context.Context, cfg project.Config) (Check, error) {
	result := "sec/" + t.name + ".json"
	work := reuse.Work{
		Name:    t.name,
		Inputs:  t.inputs,
		Outputs: []string{reuse.Evidence + "/" + t.report, reuse.Evidence + "/" + result},
		Run: func(ctx context.Context, cfg project.Config) error {
			c, err := t.run(ctx, cfg)
			if err != nil {
				return err
			}
			c.FinishedOn = clock.System().Now().UTC()
			fmt.Fprintf(cfg.Stdout, "%-8s %-16s %s\n", c.State, c.Name, c.Counted)
			if c.Reason != "" {
				fmt.Fprintf(cfg.Stdout, "         %s\n", strings.ReplaceAll(c.Reason, "\n", "\n         "))
			}
			if err := writeCheck(cfg, result, c); err != nil {
				return err
			}
			if c.State != Pass {
				return reuse.ErrNotKept
			}
			return nil
		},
		Adopt: func(cfg project.Config, r actioncache.Record) error {
			c, err := readCheck(cfg, result)
			if err != nil {
				return err
			}
			from := reuse.Origin(r)
			c.Reused = &from
			return writeCheck(cfg, result, c)
		},
	}
	if err := work.Do(ctx, cfg); err != nil {
		return Check{}, err
	}
	return readCheck(cfg, result)
}

func writeCheck(cfg project.Config, name string, c Check) error {
	path, err := cfg.Path(name)
	if err != nil {
		return err
	}
	data, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("recording the result: %w", err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return fmt.Errorf("recording the result: %w", err)
	}
	return nil
}

func readCheck(cfg project.Config, name string) (Check, error) {
	var c Check
	data, err := os.ReadFile(filepath.Join(cfg.Evidence, filepath.FromSlash(name))) // #nosec G304 -- below the evidence directory
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err != nil {
		return c, fmt.Errorf("reading the result: %w", err)
	}
	return c, nil
}

// record leaves the results as evidence. The evidence is as old as the oldest result.
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
		if r.FinishedOn.Before(security.FinishedOn) {
			security.FinishedOn = r.FinishedOn
		}
		security.Tools[r.Name] = r.Version
		if r.State != Unknown {
			if security.Reports[r.Report], err = evidence.FileDigest(filepath.Join(cfg.Evidence, r.Report)); err != nil {
				return err
			}
		}
		security.Scans = append(security.Scans, r.scan())
	}
	return evidence.Keep(cfg.Evidence, "sec", cfg.Commit, security)
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

// sources returns what a tool depends on that examines the sources that are built: the
// sources, their module files, the list of files that git has, and the toolchain.
func sources(ctx context.Context, cfg project.Config) (inputs.Set, error) {
	tree, err := inputs.ReadTree(cfg.Dir, cfg.Evidence, cfg.Assembly)
	if err != nil {
		return nil, err
	}
	set := inputs.Set{}
	reads := func(name string) bool { return inputs.GoSource(name) && !strings.HasSuffix(name, "_test.go") }
	set.Files(tree, reads)
	set.Names(tree, func(name string) bool { return !reads(name) })
	set.Environ(gocmd.ToolEnviron(), inputs.Offline)
	if err := set.Listed(ctx, cfg.Dir, cfg.Evidence, cfg.Assembly); err != nil {
		return nil, err
	}
	modules, err := cfg.Modules(ctx)
	if err != nil {
		return nil, err
	}
	return set, set.Go(ctx, cfg.Dir, modules.Dirs()...)
}

// codeInputs returns what gosec depends on. If gosec is compiled from this repository, its
// version and the enabled rules are in the sources. Otherwise they are in the program that
// contains it.
func codeInputs(ctx context.Context, cfg project.Config) (inputs.Set, error) {
	set, err := sources(ctx, cfg)
	if err != nil || !filepath.IsAbs(Gosec[0]) {
		return set, err
	}
	set["program gosec"], err = evidence.FileDigest(Gosec[0])
	return set, err
}

// gosecVersion finds gosec's version in its summary.
var gosecVersion = regexp.MustCompile(`^gosec (v[0-9.]+):`)

// Gosec is the command that runs package gosec. A program that contains the package names
// itself, so the magefile, which does not, stays light.
var Gosec = []string{"go", "run", "github.com/magewright/magewright/tools/check/gosec/command"}

// code analyses every package of the project, including the magefile's.
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
	modules.Describe(cfg, "gosec")
	args := slices.Concat(Gosec[1:], []string{"-sarif", sarif})
	if cfg.Force {
		args = append(args, "-force")
	}
	for _, module := range modules.All {
		args = append(args, module.Dir)
	}
	var said bytes.Buffer
	run := command.Cmd{Dir: cfg.Dir, Env: gocmd.ToolEnviron(), Stderr: io.MultiWriter(cfg.Stderr, &said)}
	out, err := run.Output(ctx, Gosec[0], args...)
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
	case !strings.HasPrefix(said.String(), "gosec: ") && !strings.Contains(said.String(), "\ngosec: "):
		return check, exit.Missing(strings.Join(Gosec, " "), "starting gosec: %w\n%s", err, strings.TrimSpace(said.String()))
	default:
		return check, fmt.Errorf("analysing: %w: %s", err, out)
	}
	return check, nil
}
