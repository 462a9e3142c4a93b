// Package baseline finds the base of a release: the release before it. A
// release is compared with its base and judged by the base's policy. Every
// target that needs the base must therefore find the same one.
package baseline

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/magewright/magewright/tools/evidence/ledgerclient"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/internal/gitcmd"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
)

// None is the value of the flag -base if there is no previous release.
const None = "none"

// Usage explains the flag -base. The magefile uses the same words for each target.
const Usage = "the release that HEAD follows: a commit, or none; default what production serves, else the latest tag, else HEAD's parent"

// A Base is the release before another one.
type Base struct {
	Commit string // full hash, or "" if there is none
	Is     string // how it was found
	// Looking says that -base names a commit other than the release that HEAD follows. The
	// comparison is then only for looking, and promote refuses it.
	Looking bool
	// Again says that production serves the commit already.
	Again bool
}

// Ancestor reports whether a commit is an ancestor of another one.
func Ancestor(ctx context.Context, cfg project.Config, commit, of string) (bool, error) {
	_, err := gitcmd.In(cfg.Dir).Output(ctx, "merge-base", "--is-ancestor", commit, of)
	// git-merge-base(1) exits with 1 if it does not.
	if command.ExitCode(err) == 1 {
		return false, nil
	}
	if err != nil {
		return false, exit.Missing("git fetch --unshallow", "looking whether %.12s leads to %.12s: %w", commit, of, err)
	}
	return true, nil
}

// Find returns the base of the commit in cfg. If given is not "", it names the base. That
// base is only for looking, unless Find would also find it without given. Otherwise the base
// is the commit that production serves, whatever has been tagged or pushed since. If there is
// none, it is the latest tag before the commit, or else the commit's parent. Find does not
// ask production if awsConfig is nil. It ignores production if that is not deployed or
// already serves the commit.
func Find(ctx context.Context, cfg project.Config, given string, awsConfig *aws.Config) (Base, error) {
	r := repository{git: gitcmd.In(cfg.Dir)}
	if given == "" {
		return r.find(ctx, cfg, awsConfig)
	}
	base := Base{Is: "none, as -base says: everything is new"}
	if given != None {
		hash, err := r.resolve(ctx, given)
		if err != nil {
			return Base{}, exit.Missing("git log --oneline", "-base=%s is not a commit of this repository", given)
		}
		base = Base{Commit: hash, Is: "as -base says"}
	}
	if found, err := r.find(ctx, cfg, awsConfig); err != nil || found.Commit != base.Commit {
		base.Looking = true
	}
	return base, nil
}

// find returns the base if no flag names it.
func (r repository) find(ctx context.Context, cfg project.Config, awsConfig *aws.Config) (Base, error) {
	again, silent := false, ""
	if awsConfig != nil {
		names, err := manifest.ReadAny(cfg)
		if errors.Is(err, manifest.ErrNone) && !cfg.Adopted() {
			names, err = manifest.Old(), nil
		}
		served := ""
		if err == nil {
			served, err = serving(ctx, *awsConfig, names.Last())
		}
		if errors.Is(err, manifest.ErrNone) {
			silent, err = "; no assembly says what production is", nil
		}
		if errors.Is(err, stack.ErrOtherAccount) {
			// promote refuses evidence that was made with such a base.
			silent, err = "; production is in another account, so what it serves is unknown", nil
		}
		if errors.Is(err, errUnnamed) && names.Annotated != "" {
			// It was deployed before Magewright was adopted.
			served, silent, err = "", "; production does not say which commit it serves", nil
		}
		if err != nil {
			return Base{}, err
		}
		again = served == cfg.Commit
		if served != "" && !again {
			hash, err := r.resolve(ctx, served)
			if err != nil {
				return Base{}, exit.Missing("git fetch --unshallow, or name the previous release with -base=COMMIT", "production serves %q, which is not a commit in this clone", served)
			}
			return Base{Commit: hash, Is: "what production serves"}, nil
		}
	}
	base, err := r.before(ctx, cfg.Commit)
	base.Again, base.Is = again, base.Is+silent
	return base, err
}

// errUnnamed says that nothing names the commit that serves.
var errUnnamed = errors.New("neither its description nor its stack's template names a commit")

// serving returns the commit that production serves, or "" if production is not deployed. The
// stack's template names it, or otherwise the version that serves. Old versions don't name a
// commit. If production is a release ledger, the ledger itself is then asked.
func serving(ctx context.Context, awsConfig aws.Config, production manifest.Stage) (string, error) {
	outputs, err := stack.Main(ctx, awsConfig, production)
	if errors.Is(err, stack.ErrNotDeployed) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	served, err := stack.Serving(ctx, awsConfig, outputs)
	if err != nil {
		return "", err
	}
	commit, err := stack.CommitOf(ctx, awsConfig, outputs, served)
	if err != nil || commit != "" {
		return commit, err
	}
	const name = "name the previous release with -base=COMMIT"
	if !outputs.KeepsRecords() {
		return "", exit.Missing(name, "production serves version %s of %s: %w", served.Version, outputs.FunctionName, errUnnamed)
	}
	l := ledgerclient.Client{URL: outputs.FunctionURL}
	if commit, err = l.Commit(ctx); err != nil {
		return "", exit.Missing("curl -i "+outputs.FunctionURL+"healthz, or "+name, "asking production which release it serves: %w", err)
	}
	if commit == "" {
		return "", exit.Missing(name, "production at %s does not say which release it serves", outputs.FunctionURL)
	}
	return commit, nil
}

// A repository resolves commits.
type repository struct{ git gitcmd.Cmd }

// resolve returns the full commit hash of a revision.
func (r repository) resolve(ctx context.Context, revision string) (string, error) {
	return r.git.Output(ctx, "rev-parse", "--verify", "--quiet", revision+"^{commit}")
}

// before returns the release before a commit, as far as git knows it.
func (r repository) before(ctx context.Context, commit string) (Base, error) {
	if tag, err := r.git.Output(ctx, "describe", "--tags", "--abbrev=0", commit+"^"); err == nil {
		hash, err := r.resolve(ctx, tag)
		if err != nil {
			return Base{}, fmt.Errorf("reading the commit of tag %s: %w", tag, err)
		}
		return Base{Commit: hash, Is: "the latest tag, " + tag}, nil
	}
	hash, err := r.resolve(ctx, commit+"^")
	if err != nil {
		// For any of these reasons, git does not know what came before.
		return Base{Is: "none: the commit has no parent in this clone, so everything is new"}, nil //nolint:nilerr // see above
	}
	return Base{Commit: hash, Is: "the commit's parent: there is no tag"}, nil
}
