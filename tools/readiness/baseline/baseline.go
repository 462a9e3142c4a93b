// Package baseline finds the base of a release: the release that it follows. A
// release is compared with its base, and judged by the base's policy, so every
// target that asks for the base must get the same answer.
package baseline

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/magewright/magewright/tools/deliver/smoke"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/stack"
)

// None is the value of the flag -base which says that there was no release
// before.
const None = "none"

// Usage explains the flag -base. The magefile says the same of each target.
const Usage = "the release that HEAD follows: a commit, or none; default what production serves, else the latest tag, else HEAD's parent"

// A Base is the release that another one follows.
type Base struct {
	Commit string // full hash, or "" where there is none
	Is     string // how it was found
}

// Find returns the base of the commit that cfg names: the commit that given
// names. Where given is "", it is what production serves, whatever was tagged or
// pushed since; or else the latest tag before the commit; or else the commit's
// parent. What production serves is passed over where awsConfig is nil, where
// production is not deployed, and where it serves the commit itself already.
func Find(ctx context.Context, cfg project.Config, given string, awsConfig *aws.Config) (Base, error) {
	r := repository{git: command.Cmd{Dir: cfg.Dir}}
	switch given {
	case None:
		return Base{Is: "none, as -base says: everything is new"}, nil
	case "":
	default:
		hash, err := r.resolve(ctx, given)
		if err != nil {
			return Base{}, exit.Missing("git log --oneline", "-base=%s is no commit of this repository", given)
		}
		return Base{Commit: hash, Is: "as -base says"}, nil
	}
	if awsConfig != nil {
		served, err := serving(ctx, *awsConfig)
		if err != nil {
			return Base{}, err
		}
		if served != "" && served != cfg.Commit {
			hash, err := r.resolve(ctx, served)
			if err != nil {
				return Base{}, exit.Missing("git fetch --unshallow, or name the release before by -base=COMMIT", "production serves %q, which is no commit of this clone", served)
			}
			return Base{Commit: hash, Is: "what production serves"}, nil
		}
	}
	return r.before(ctx, cfg.Commit)
}

// serving returns the commit that production serves, or "" where production is
// not deployed.
func serving(ctx context.Context, awsConfig aws.Config) (string, error) {
	outputs, err := stack.Describe(ctx, awsConfig, "production")
	if errors.Is(err, stack.ErrNotDeployed) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	commit, err := smoke.Commit(ctx, outputs.FunctionURL)
	if err != nil {
		return "", exit.Missing("curl -i "+outputs.FunctionURL+"healthz, or name the release before by -base=COMMIT", "asking production which release it serves: %w", err)
	}
	if commit == "" {
		return "", exit.Missing("name the release before by -base=COMMIT", "production at %s does not say which release it serves", outputs.FunctionURL)
	}
	return commit, nil
}

// A repository knows commits.
type repository struct{ git command.Cmd }

// resolve returns the full hash of a revision's commit.
func (r repository) resolve(ctx context.Context, revision string) (string, error) {
	return r.git.Output(ctx, "git", "rev-parse", "--verify", "--quiet", revision+"^{commit}")
}

// before returns the release before a commit as far as git knows it.
func (r repository) before(ctx context.Context, commit string) (Base, error) {
	if tag, err := r.git.Output(ctx, "git", "describe", "--tags", "--abbrev=0", commit+"^"); err == nil {
		hash, err := r.resolve(ctx, tag)
		if err != nil {
			return Base{}, fmt.Errorf("reading the commit of tag %s: %w", tag, err)
		}
		return Base{Commit: hash, Is: "the latest tag, " + tag}, nil
	}
	hash, err := r.resolve(ctx, commit+"^")
	if err != nil {
		// Whatever the reason is, git does not know what was before.
		return Base{Is: "none: the commit has no parent in this clone, so everything is new"}, nil //nolint:nilerr // see above
	}
	return Base{Commit: hash, Is: "the commit's parent: there is no tag"}, nil
}
