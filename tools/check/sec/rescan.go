package sec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/internal/gitcmd"
	"github.com/magewright/magewright/tools/pins"
	"github.com/magewright/magewright/tools/project"
)

// defaultConfig is the configuration of gitleaks if a commit has none. Without a
// configuration, gitleaks would look for one next to what it scans.
const defaultConfig = "[extend]\nuseDefault = true\n"

// Rescan looks for secrets in the commits from a base to HEAD, or in all commits if the base
// is "". Only the base's configuration counts. What the new commits want to leave out, in
// gitleaks's files or in git's attributes, does not count. Rescan also returns the version of
// gitleaks.
func Rescan(ctx context.Context, cfg project.Config, base string) (scan evidence.Scan, version string, err error) {
	scan = evidence.Scan{Tool: "gitleaks", Config: map[string]string{}}
	if version, err = pins.Gitleaks.Version(); err != nil {
		return scan, "", err
	}
	git := gitcmd.In(cfg.Dir)
	unknown := func(format string, args ...any) (evidence.Scan, string, error) {
		scan.State, scan.Findings = string(Unknown), fmt.Sprintf(format, args...)
		return scan, version, nil
	}
	shallow, err := git.Output(ctx, "rev-parse", "--is-shallow-repository")
	if err != nil {
		return scan, version, fmt.Errorf("looking at the clone: %w", err)
	}
	if shallow == "true" {
		return unknown("a shallow clone lacks the history: git fetch --unshallow")
	}
	plain, err := plainView(ctx, cfg)
	if err != nil {
		return scan, version, err
	}
	if plain.hides != "" {
		return unknown("%s", plain.hides)
	}
	dir, err := os.MkdirTemp("", "rescan-")
	if err != nil {
		return scan, version, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for _, file := range []struct{ name, otherwise string }{{".gitleaks.toml", defaultConfig}, {".gitleaksignore", ""}} {
		text := []byte(file.otherwise)
		if base != "" {
			bases, found, err := git.File(ctx, base, file.name)
			if err != nil {
				return scan, version, err
			}
			if found {
				text, scan.Config[file.name] = bases, evidence.Digest(bases)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, file.name), text, 0o600); err != nil {
			return scan, version, err
		}
	}
	revisions := cfg.Commit
	if base != "" {
		revisions = base + ".." + cfg.Commit
	}
	all, err := countCommits(ctx, cfg, revisions)
	if err != nil {
		return scan, version, err
	}
	commits, err := commitsWithText(ctx, plain.git(), revisions)
	if err != nil {
		return scan, version, err
	}
	program, err := executable(pins.Gitleaks, ctx, cfg.Stderr)
	if err != nil {
		return scan, version, err
	}
	report := filepath.Join(dir, "report.json")
	var log bytes.Buffer
	cmd := command.Cmd{
		Dir: dir, Stdout: &log, Stderr: &log,
		Env: plain.environ(),
	}
	args := slices.Concat(gitleaks, []string{
		"--config=" + filepath.Join(dir, ".gitleaks.toml"), "--gitleaks-ignore-path=" + dir,
		logOpts(revisions), "--report-path=" + report, plain.dir,
	})
	runErr := cmd.Run(ctx, program, args...)
	if ctx.Err() != nil {
		return scan, version, ctx.Err()
	}
	findings, err := readFindings(report)
	if err != nil {
		return unknown("gitleaks left no report: %v: %v: %s", err, runErr, strings.TrimSpace(log.String()))
	}
	saw, ok := scannedCommits(log.String())
	scan.Counted = fmt.Sprintf("%d of %d commits since the base: %d secrets", all-commits+saw, all, len(findings))
	switch {
	case len(findings) > 0:
		scan.State, scan.Findings = string(Fail), strings.Join(findings, "\n")
	case runErr != nil:
		return unknown("scanning: %v: %s", runErr, strings.TrimSpace(log.String()))
	case !ok || saw != commits:
		return unknown("%s", missed(saw, commits))
	default:
		scan.State = string(Pass)
	}
	return scan, version, nil
}
