package sec

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/magewright/magewright/tools/command"
	"github.com/magewright/magewright/tools/project"
)

// secrets looks for secrets in every commit that leads to HEAD. gitleaks is
// believed only if it says that it scanned as many commits as git counts.
func secrets(ctx context.Context, cfg project.Config) (Check, error) {
	check := Check{Name: "gitleaks", Report: "gitleaks.json"}
	path, err := cfg.Path(check.Report)
	if err != nil {
		return check, err
	}
	if check.Version, err = pinned(ctx, cfg, "tools/gitleaks/go.mod", "github.com/zricethezav/gitleaks/v8"); err != nil {
		return check, err
	}
	if check.Config, err = digests(cfg, ".gitleaks.toml", ".gitleaksignore"); err != nil {
		return check, err
	}
	git := command.Cmd{Dir: cfg.Dir}
	counted, err := git.Output(ctx, "git", "rev-list", "--count", "--no-merges", "HEAD")
	if err != nil {
		return check, fmt.Errorf("counting commits: %w", err)
	}
	commits, err := strconv.Atoi(counted)
	if err != nil {
		return check, fmt.Errorf("counting commits: %w", err)
	}
	if shallow, err := git.Output(ctx, "git", "rev-parse", "--is-shallow-repository"); err != nil || shallow == "true" {
		check.State, check.Counted = Unknown, "a shallow clone lacks the history"
		check.Reason = "git fetch --unshallow"
		return check, nil
	}
	var log bytes.Buffer
	// A configuration of this machine's own would be recorded by nobody.
	cmd := command.Cmd{Dir: cfg.Dir, Env: command.Environ("GOWORK=off", "GITLEAKS_CONFIG=", "GITLEAKS_CONFIG_TOML="), Stdout: &log, Stderr: &log}
	runErr := cmd.Run(ctx, "go", "tool", "-modfile=tools/gitleaks/go.mod", "gitleaks", "git",
		"--no-banner", "--no-color", "--redact", "--log-opts=--no-merges HEAD", "--report-format=json", "--report-path="+path)
	if ctx.Err() != nil {
		return check, ctx.Err()
	}
	scanned, ok := scannedCommits(log.String())
	findings, err := readFindings(path)
	switch {
	case err != nil:
		return check, fmt.Errorf("reading the report: %w: %w: %s", err, runErr, log.String())
	case len(findings) > 0:
		check.State, check.Reason = Fail, strings.Join(findings, "\n")
	case runErr != nil:
		return check, fmt.Errorf("scanning: %w: %s", runErr, log.String())
	case !ok || scanned != commits:
		check.State = Unknown
		check.Reason = fmt.Sprintf("gitleaks scanned %d commits and git counts %d", scanned, commits)
	default:
		check.State = Pass
	}
	check.Counted = fmt.Sprintf("%d of %d commits: %d secrets", scanned, commits, len(findings))
	return check, nil
}

var commitsScanned = regexp.MustCompile(`(\d+) commits scanned`)

func scannedCommits(log string) (int, bool) {
	match := commitsScanned.FindStringSubmatch(log)
	if match == nil {
		return 0, false
	}
	n, err := strconv.Atoi(match[1])
	return n, err == nil
}

func readFindings(path string) ([]string, error) {
	data, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return nil, err
	}
	var found []struct {
		RuleID    string
		File      string
		StartLine int
		Commit    string
	}
	if err := json.Unmarshal(data, &found); err != nil {
		return nil, err
	}
	var lines []string
	for _, f := range found {
		lines = append(lines, fmt.Sprintf("%s:%d: %s in commit %.12s", f.File, f.StartLine, f.RuleID, f.Commit))
	}
	return lines, nil
}
