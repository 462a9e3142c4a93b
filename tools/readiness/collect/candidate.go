package collect

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/gitcmd"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/readiness/baseline"
)

// emptyTree is the tree without files. The first release is compared with it.
const emptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

// Candidate describes the assessed commit and its difference from the previous
// release, which [baseline.Find] finds.
func Candidate(ctx context.Context, cfg project.Config, base baseline.Base, c clock.Clock) (readiness.Candidate, error) {
	git := gitcmd.In(cfg.Dir)
	candidate := readiness.Candidate{
		Made:   evidence.Made{FinishedOn: c.Now(), Dirty: cfg.Dirty},
		Commit: cfg.Commit,
		Base:   base.Commit,
		BaseIs: base.Is, Looking: base.Looking,
	}
	if base.Looking {
		candidate.BaseIs += "; for looking only, because the commit follows another release"
	}
	var err error
	if candidate.Tree, err = git.Output(ctx, "rev-parse", "--verify", cfg.Commit+"^{tree}"); err != nil {
		return candidate, exit.Missing("git fetch --unshallow", "reading commit %.12s: %w", cfg.Commit, err)
	}
	shallow, err := git.Output(ctx, "rev-parse", "--is-shallow-repository")
	if err != nil {
		return candidate, fmt.Errorf("looking at the clone: %w", err)
	}
	candidate.Shallow = shallow == "true"
	from, commits := emptyTree, cfg.Commit
	if candidate.Base != "" {
		if from, err = git.Output(ctx, "merge-base", candidate.Base, cfg.Commit); err != nil {
			return candidate, exit.Missing("git fetch --unshallow", "comparing with the base: %.12s and %.12s have no common commit here: %w", candidate.Base, cfg.Commit, err)
		}
		commits = candidate.Base + ".." + cfg.Commit
	}
	listed, err := git.Output(ctx, "rev-list", commits)
	if err != nil {
		return candidate, fmt.Errorf("listing the commits of %s: %w", commits, err)
	}
	candidate.Commits = strings.Fields(listed)
	if candidate.Authors, err = authors(ctx, git, commits); err != nil {
		return candidate, err
	}
	changed, err := git.Output(ctx, "diff", "--name-status", "-z", "--no-ext-diff", "--find-renames", from, cfg.Commit)
	if err != nil {
		return candidate, fmt.Errorf("listing what changed since %s: %w", from, err)
	}
	if candidate.Changed, err = parseChanges(changed); err != nil {
		return candidate, err
	}
	if release, err := cdk.ReadRelease(cfg); err == nil {
		candidate.Package = release.Package
	}
	return candidate, nil
}

// authors returns the e-mail addresses of the authors, committers and
// co-authors of commits. It ignores .mailmap, because the change could edit it.
func authors(ctx context.Context, git gitcmd.Cmd, commits string) ([]string, error) {
	said, err := git.Output(ctx, "log", "--no-show-signature", "--format=%ae%n%ce%n%(trailers:key=Co-authored-by,valueonly)", commits)
	if err != nil {
		return nil, fmt.Errorf("listing the authors of %s: %w", commits, err)
	}
	var found []string
	for line := range strings.Lines(said) {
		address := strings.ToLower(strings.TrimSpace(line))
		// The address is in a trailer.
		if _, after, ok := strings.Cut(address, "<"); ok {
			address, _, _ = strings.Cut(after, ">")
		}
		if address != "" {
			found = append(found, address)
		}
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// parseChanges reads `git diff --name-status -z`: a status and a name, or a status with
// a number and two names, each ended by a NUL. See git-diff(1), «Raw output format».
func parseChanges(out string) ([]readiness.Change, error) {
	var changes []readiness.Change
	fields := strings.FieldsFunc(out, func(r rune) bool { return r == 0 })
	for len(fields) > 0 {
		c, names := readiness.Change{Status: fields[0][:1]}, 1
		if strings.ContainsAny(c.Status, "RC") {
			names = 2
		}
		if !status.MatchString(fields[0]) || len(fields) <= names {
			return nil, fmt.Errorf("reading git diff --name-status -z: %q", fields[0])
		}
		if names == 2 {
			c.From = fields[1]
		}
		c.Path = fields[names]
		changes, fields = append(changes, c), fields[names+1:]
	}
	return changes, nil
}

// status matches what git says has become of a file.
var status = regexp.MustCompile(`^([AMDTUX]|[RC][0-9]+)$`)

// Policy reads the policy that judges a candidate. It is the base's policy, so
// that a change can't relax its own rules, from where the base has its settings: a
// change can't move them either. If the base has adopted Magewright and has no
// policy, the starting policy applies. Only if the base has neither, the policy is
// the candidate's own.
func Policy(ctx context.Context, cfg project.Config, candidate readiness.Candidate, c clock.Clock) (readiness.PolicyUsed, error) {
	git := gitcmd.In(cfg.Dir)
	used := readiness.PolicyUsed{Made: evidence.Made{FinishedOn: c.Now()}}
	for _, commit := range []string{candidate.Base, candidate.Commit} {
		if commit == "" {
			continue
		}
		_, adopted, err := git.File(ctx, commit, project.Pin+"/go.mod")
		// The pin may be there and not be committed yet.
		adopted = adopted || commit == candidate.Commit && cfg.Adopted()
		var text []byte
		found := false
		if err == nil {
			used.File = path.Join(project.SettingsDir(adopted), readiness.PolicyFile)
			text, found, err = git.File(ctx, commit, used.File)
		}
		if err != nil {
			return used, exit.Missing("git fetch --unshallow", "reading the policy: %w", err)
		}
		if used.Starting = adopted && !found; used.Starting {
			text = []byte(readiness.StartingPolicy)
		}
		if !found && !used.Starting {
			continue
		}
		used.From, used.Digest = commit, evidence.Digest(text)
		if used.Policy, err = readiness.ParsePolicy(used.File, text); err != nil {
			return used, exit.Missing("git show "+commit+":"+used.File, "commit %.12s: %w", commit, err)
		}
		return used, nil
	}
	return used, exit.Missing("write "+used.File+" and commit it", "there is no policy to judge by: no commit has %s", used.File)
}
