package releases

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/internal/gitcmd"
	"github.com/magewright/magewright/tools/magewright/program"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/project/target"
)

// RedeployMain runs the target redeploy with its flags.
func RedeployMain(ctx context.Context, args []string) error {
	flags := program.Flags("redeploy")
	wanted := flags.String("release", "", "the `commit` of a release that users have had")
	if err := program.Parse(flags, args); err != nil {
		return err
	}
	if *wanted == "" || strings.HasPrefix(*wanted, "-") {
		return &exit.Error{Code: exit.Usage, Next: "go tool mage releases, which lists them", Err: errors.New("-release=COMMIT must name a release")}
	}
	return target.Run(ctx, func(ctx context.Context, cfg project.Config) error {
		awsConfig, err := stack.Connect(ctx)
		if err != nil {
			return err
		}
		l, names, err := open(ctx, cfg, awsConfig)
		if err != nil {
			return err
		}
		return l.redeploy(ctx, cfg, *wanted, names.Last().Name)
	})
}

// redeploy commits the files of a release on top of HEAD if the release was good on a stage.
// The result is a release like every other one: the same gate decides, a person approves, and
// a canary shifts the traffic. It rewrites no history and does not bypass the pipeline.
func (l ledger) redeploy(ctx context.Context, cfg project.Config, wanted, stage string) error {
	const list = "go tool mage releases"
	git := gitcmd.In(cfg.Dir)
	if cfg.Dirty {
		return exit.Failed("git stash, or commit", "files differ from HEAD, and redeploy would overwrite them")
	}
	commit, err := git.Output(ctx, "rev-parse", "--verify", "--quiet", wanted+"^{commit}")
	if err != nil {
		return exit.Failed(list, "there is no commit %s here", wanted)
	}
	good, err := l.good(ctx, cfg.Dir, commit, stage)
	if err != nil {
		return exit.Failed(list, "%.12s is not redeployed: %w", commit, err)
	}
	if err := git.Run(ctx, "merge-base", "--is-ancestor", commit, cfg.Commit); command.ExitCode(err) == 1 {
		return exit.Failed("git checkout the branch that is delivered", "%.12s is not in the history of HEAD, %.12s: its files would replace changes that it never contained", commit, cfg.Commit)
	} else if err != nil {
		return err
	}
	if err := git.Run(ctx, "diff", "--quiet", commit, cfg.Commit, "--"); err == nil {
		return exit.Failed(list, "HEAD already has the files of %.12s", commit)
	} else if command.ExitCode(err) != 1 {
		return err
	}
	_, taken, err := between(ctx, cfg.Dir, commit, cfg.Commit)
	if err != nil {
		return err
	}
	user := gitcmd.AsUser(cfg.Dir)
	made, err := user.Output(ctx, "commit-tree", commit+"^{tree}", "-p", cfg.Commit, "-m", message(commit, subjectOf(ctx, cfg.Dir, commit), stage, good, taken))
	if err != nil {
		return fmt.Errorf("committing the files of %.12s: %w", commit, err)
	}
	if err := user.Run(ctx, "merge", "--quiet", "--ff-only", made); err != nil {
		return fmt.Errorf("going on to %.12s: %w", made, err)
	}
	fmt.Fprintf(cfg.Stdout, "commit %.12s has the files of %.12s, which was deployed to %s on %s\nit takes back:\n", made, commit, stage, good.FinishedOn.UTC().Format(time.DateOnly))
	for _, c := range taken {
		fmt.Fprintf(cfg.Stdout, "  %.12s  %s\n", c.hash, c.subject)
	}
	fmt.Fprintln(cfg.Stdout, "next:\n  go tool mage rehearse   take it through the pipeline on this machine\n  git push                deliver it: the same gate, approval and canary decide\n  git reset --keep HEAD~  undo this commit")
	return nil
}

// good returns the newest deployment of a commit to a stage if the evidence allowed it and
// nobody took it back. Otherwise it returns an error with the reason.
func (l ledger) good(ctx context.Context, dir, commit, stage string) (deployment, error) {
	all := l.to(stage)
	known := measure(ctx, dir, all, time.Time{})
	why := fmt.Errorf("no signed record says that it was deployed to %s", stage)
	for i, d := range slices.Backward(all) {
		if d.commit != commit {
			continue
		}
		switch {
		case d.BreakGlass != nil:
			why = errors.New("it was deployed although the evidence did not allow it: " + d.BreakGlass.Refused)
		case !strings.HasPrefix(d.Verdict, "GO"):
			why = errors.New("no verdict allowed its deployment")
		case !l.allowed(d):
			// Other builds than the promotion sign records too, such as the one that runs
			// the candidate's own code.
			why = errors.New("the evidence that its record names is not kept, or did not allow it")
		case known.taken[i]:
			why = errors.New("its deployment failed, or the next one took it back")
		case known.unsure[i] != nil:
			why = fmt.Errorf("it is unknown whether the next deployment took it back: %w", known.unsure[i])
		default:
			return d, nil
		}
	}
	return deployment{}, why
}

// allowed reports whether the evidence that a record names is kept, and let that release
// into production.
func (l ledger) allowed(d deployment) bool {
	return slices.ContainsFunc(l.assessments, func(a assessment) bool {
		return a.digest == d.Bundle && a.Commit == d.commit && strings.HasPrefix(a.Verdict, "GO")
	})
}

// message returns the message of the commit. For each commit that is taken back it has the
// line that git revert writes, so that tools and DORA's figures recognise it.
func message(commit, subject, stage string, good deployment, taken []change) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Redeploy %.12s: %s\n\nIt has the files of commit %s, which was deployed to\n%s on %s", commit, subject, commit, stage, good.FinishedOn.UTC().Format(time.RFC3339))
	if good.Bundle != "" {
		fmt.Fprintf(&b, ", on evidence %.12s", good.Bundle)
	}
	b.WriteString(".\n")
	for _, c := range taken {
		fmt.Fprintf(&b, "\n%s\nThis reverts commit %s.\n", c.subject, c.hash)
	}
	return b.String()
}
