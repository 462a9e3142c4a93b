package sec

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/magewright/magewright/tools/internal/actioncache"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/internal/gitcmd"
	"github.com/magewright/magewright/tools/internal/inputs"
	"github.com/magewright/magewright/tools/pins"
	"github.com/magewright/magewright/tools/project"
)

// secretInputs returns what gitleaks depends on: the commits, the tool and its arguments, and
// the configuration that tells gitleaks what to leave out.
func secretInputs(ctx context.Context, cfg project.Config) (inputs.Set, error) {
	head, err := gitcmd.In(cfg.Dir).Output(ctx, "rev-parse", "--verify", "HEAD")
	if err != nil {
		return nil, fmt.Errorf("finding the commit: %w", err)
	}
	set, err := scannerInputs(cfg)
	if err != nil {
		return nil, err
	}
	set["commit"] = head
	return set, nil
}

// scannerInputs returns what gitleaks depends on, apart from the commits.
func scannerInputs(cfg project.Config) (inputs.Set, error) {
	files, err := digests(cfg, secretConfig...)
	if err != nil {
		return nil, err
	}
	set := inputs.Set{"arguments": strings.Join(slices.Concat(gitleaks, logOptions), " ")}
	if err := pins.Gitleaks.Inputs(set); err != nil {
		return nil, err
	}
	for name, digest := range files {
		set["file "+name] = digest
	}
	return set, nil
}

// gitleaks is the command that starts it, without what it scans and where its report goes.
var gitleaks = []string{"git", "--no-banner", "--no-color", "--redact", "--report-format=json"}

// logOptions are the options with which git log shows commits to gitleaks. For a merge, it
// shows what neither parent brings, such as a conflict that was solved by hand. Filters and
// programs in the configuration have no influence. Needs git 2.35.
var logOptions = []string{"--remerge-diff", "--no-textconv", "--no-ext-diff"}

// secretConfig are the files of the repository that tell gitleaks what to leave out.
var secretConfig = []string{".gitleaks.toml", ".gitleaksignore"}

// scanned returns the newest commit before HEAD up to which the same tool, with the same
// configuration, found no secrets; "" if there is none. Commits never change, so only newer
// ones have to be scanned.
func scanned(ctx context.Context, cfg project.Config) (string, error) {
	cache, err := actioncache.Open()
	if err != nil || cfg.Force {
		return "", nil // all commits are scanned
	}
	const most = 500
	commits, err := gitcmd.In(cfg.Dir).Output(ctx, "rev-list", "--topo-order", "--max-count="+strconv.Itoa(most), "--skip=1", "HEAD")
	if err != nil {
		return "", fmt.Errorf("listing commits: %w", err)
	}
	set, err := scannerInputs(cfg)
	if err != nil {
		return "", err
	}
	for commit := range strings.Lines(commits) {
		commit = strings.TrimSpace(commit)
		set["commit"] = commit
		if _, err := cache.Lookup("gitleaks", set.Key("gitleaks")); err == nil {
			return commit, nil
		}
	}
	return "", nil
}

// secrets looks for secrets in every commit that leads to HEAD and was not
// scanned before. gitleaks is believed only if it says that it scanned as many
// commits as have text according to git.
func secrets(ctx context.Context, cfg project.Config) (Check, error) {
	check := Check{Name: "gitleaks", Report: "gitleaks.json"}
	path, err := cfg.Path(check.Report)
	if err != nil {
		return check, err
	}
	if check.Version, err = pins.Gitleaks.Version(); err != nil {
		return check, err
	}
	if check.Config, err = digests(cfg, secretConfig...); err != nil {
		return check, err
	}
	if shallow, err := gitcmd.In(cfg.Dir).Output(ctx, "rev-parse", "--is-shallow-repository"); err != nil || shallow == "true" {
		check.State, check.Counted = Unknown, "a shallow clone lacks the history"
		check.Reason = "git fetch --unshallow"
		return check, nil
	}
	plain, err := plainView(ctx, cfg)
	if err != nil {
		return check, err
	}
	if plain.hides != "" {
		check.State, check.Counted, check.Reason = Unknown, "git may show less than there is", plain.hides
		return check, nil
	}
	since, err := scanned(ctx, cfg)
	if err != nil {
		return check, err
	}
	revisions := "HEAD"
	if since != "" {
		revisions = since + "..HEAD"
	}
	all, err := countCommits(ctx, cfg, "HEAD")
	if err != nil {
		return check, err
	}
	commits, err := commitsWithText(ctx, plain.git(), revisions)
	if err != nil {
		return check, err
	}
	program, err := executable(pins.Gitleaks, ctx, cfg.Stderr)
	if err != nil {
		return check, err
	}
	var log bytes.Buffer
	cmd := command.Cmd{Dir: cfg.Dir, Env: plain.environ(), Stdout: &log, Stderr: &log}
	args := []string{"--gitleaks-ignore-path=" + cfg.Dir, logOpts(revisions), "--report-path=" + path, plain.dir}
	// Without a configuration, gitleaks has its own.
	if config := filepath.Join(cfg.Dir, secretConfig[0]); check.Config[secretConfig[0]] != "" {
		args = append([]string{"--config=" + config}, args...)
	}
	runErr := cmd.Run(ctx, program, slices.Concat(gitleaks, args)...)
	if ctx.Err() != nil {
		return check, ctx.Err()
	}
	saw, ok := scannedCommits(log.String())
	findings, err := readFindings(path)
	switch {
	case err != nil:
		return check, fmt.Errorf("reading the report: %w: %w: %s", err, runErr, log.String())
	case len(findings) > 0:
		check.State, check.Reason = Fail, strings.Join(findings, "\n")
	case runErr != nil:
		return check, fmt.Errorf("scanning: %w: %s", runErr, log.String())
	case !ok || saw != commits:
		check.State = Unknown
		check.Reason = missed(saw, commits)
	default:
		check.State = Pass
	}
	check.Counted = fmt.Sprintf("%d of %d commits: %d secrets", all-commits+saw, all, len(findings))
	if since != "" {
		check.Counted += fmt.Sprintf("; those up to %.12s were scanned before", since)
	}
	return check, nil
}

// logOpts returns the flag by which gitleaks gets revisions from git.
func logOpts(revisions string) string {
	return "--log-opts=" + strings.Join(logOptions, " ") + " " + revisions
}

// missed says that gitleaks has not scanned all commits that have text.
func missed(scanned, commits int) string {
	return fmt.Sprintf("gitleaks scanned %d commits, and according to git %d have text", scanned, commits)
}

func countCommits(ctx context.Context, cfg project.Config, revisions string) (int, error) {
	counted, err := gitcmd.In(cfg.Dir).Output(ctx, "rev-list", "--count", revisions)
	if err != nil {
		return 0, fmt.Errorf("counting commits: %w", err)
	}
	n, err := strconv.Atoi(counted)
	if err != nil {
		return 0, fmt.Errorf("counting commits: %w", err)
	}
	return n, nil
}

// commitsWithText counts those of the commits that gitleaks counts: it sees text in
// a file that the commit does not delete. A commit without any difference, or one that
// only moves files, is not among them.
func commitsWithText(ctx context.Context, git gitcmd.Cmd, revisions string) (int, error) {
	const begin = "commit "
	args := append([]string{"log", "--format=" + begin + "%H", "--numstat", "--diff-filter=d"}, logOptions...)
	out, err := git.Output(ctx, append(args, revisions)...)
	if err != nil {
		return 0, fmt.Errorf("counting commits: %w", err)
	}
	n, counted := 0, false
	for line := range strings.Lines(out) {
		// Lines that were added, lines that were removed, and the file's name. For
		// what is not text, git counts no lines.
		fields := strings.SplitN(line, "\t", 3)
		switch {
		case len(fields) < 3:
			counted = counted && !strings.HasPrefix(line, begin)
		case !counted && strings.Trim(fields[0]+fields[1], "-0") != "":
			n, counted = n+1, true
		}
	}
	return n, nil
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
