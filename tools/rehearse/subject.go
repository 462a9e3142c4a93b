package rehearse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/magewright/magewright/tools/assembly/synth"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/internal/gitcmd"
	"github.com/magewright/magewright/tools/localaws/mirror"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/readiness/baseline"
)

// A subject is what is rehearsed: a commit, and the previous release.
type subject struct {
	commit  string
	branch  string
	base    string // full hash, or "" if there is none
	baseIs  string // how the base was found, or why there is none
	leftOut []string
	dir     string          // directory of the repository
	adopted bool            // it is not Magewright's own repository
	mirrors *mirror.Mirrors // has the repository
}

func newSubject(ctx context.Context, cfg project.Config, base baseline.Base) (*subject, error) {
	git := gitcmd.In(cfg.Dir)
	s := &subject{commit: cfg.Commit, base: base.Commit, baseIs: base.Is, dir: cfg.Dir, adopted: cfg.Adopted()}
	changed, err := gitcmd.Changes(ctx, cfg.Dir)
	if err != nil {
		return nil, err
	}
	for _, c := range changed {
		s.leftOut = append(s.leftOut, c.Path)
	}
	if s.branch, err = git.Output(ctx, "symbolic-ref", "--quiet", "--short", "HEAD"); err != nil {
		// HEAD is detached. The execution names its commit anyway.
		s.branch = "main"
	}
	return s, nil
}

// describe prints what is rehearsed, and what is left out.
func (s *subject) describe(w io.Writer) {
	fmt.Fprintf(w, "commit    %s\n", s.commit)
	if len(s.leftOut) == 0 {
		return
	}
	const most = 8
	names := s.leftOut
	more := ""
	if len(names) > most {
		more = fmt.Sprintf(" and %d more", len(names)-most)
		names = names[:most]
	}
	fmt.Fprintf(w, "left out  not committed: %s%s\n", strings.Join(names, ", "), more)
}

// definedAlike reports whether two commits define the same pipeline, which
// means that nothing that synthesis reads differs.
func (s *subject) definedAlike(ctx context.Context, a, b string) (bool, error) {
	args := []string{"diff", "--quiet", a, b}
	if s.adopted {
		// The CDK app may be in any directory.
		args = append(args, "--", ".")
	} else {
		args = append(args, "--", "infra", "go.mod", "go.sum")
	}
	err := gitcmd.In(s.dir).Run(ctx, args...)
	if code := command.ExitCode(err); err != nil && code != 1 {
		return false, fmt.Errorf("comparing the pipelines of %.12s and %.12s: %w", a, b, err)
	}
	return err == nil, nil
}

// mirror begins to copy the repository for the checkouts. They wait for that. The
// caller must call the result when there is none left.
func (s *subject) mirror(ctx context.Context) (remove func() error, err error) {
	dir, err := os.MkdirTemp("", "magewright-")
	if err != nil {
		return nil, fmt.Errorf("copying the repository: %w", err)
	}
	s.mirrors = mirror.New(dir)
	var copying sync.WaitGroup
	copying.Go(func() {
		// A checkout says what has failed.
		_ = s.mirrors.Use(ctx, s.url(), func(mirror.Mirror) error { return nil })
	})
	return func() error {
		copying.Wait()
		return os.RemoveAll(dir)
	}, nil
}

// url is what git clones the repository from.
func (s *subject) url() string { return "file://" + s.dir }

// checkout makes a clean clone of a commit in a temporary directory.
func (s *subject) checkout(ctx context.Context, cfg project.Config, commit string) (project.Config, error) {
	dir, err := os.MkdirTemp("", "magewright-")
	if err != nil {
		return cfg, fmt.Errorf("checking out %s: %w", commit, err)
	}
	git := gitcmd.In("")
	git.Stderr = cfg.Stderr
	err = s.mirrors.Use(ctx, s.url(), func(m mirror.Mirror) error {
		return git.Run(ctx, "clone", "--quiet", "--no-checkout", "--no-hardlinks", "--", m.Git.Dir, dir)
	})
	for _, args := range [][]string{{"remote", "set-url", "origin", s.url()}, {"checkout", "--quiet", "--detach", commit}} {
		if err == nil {
			err = git.Run(ctx, append([]string{"-C", dir}, args...)...)
		}
	}
	if err != nil {
		return cfg, errors.Join(fmt.Errorf("checking out %s: %w", commit, err), os.RemoveAll(dir))
	}
	cfg.Dir, cfg.Commit, cfg.Dirty = dir, commit, false
	cfg.Evidence, cfg.Assembly = filepath.Join(dir, ".magewright"), filepath.Join(dir, "cdk.out")
	return cfg, nil
}

// synthesize checks out a commit and synthesizes it, or takes its assembly from
// the cache. The caller must remove the checkout.
func (s *subject) synthesize(ctx context.Context, cfg project.Config, commit string) (project.Config, error) {
	checkout, err := s.checkout(ctx, cfg, commit)
	if err != nil {
		return project.Config{}, err
	}
	if cfg.Adopted() && !checkout.Adopted() {
		err = fmt.Errorf("%.12s does not pin Magewright yet", commit)
	} else {
		err = synth.Run(ctx, checkout)
	}
	if err != nil {
		return project.Config{}, errors.Join(err, removeCheckout(checkout))
	}
	return checkout, nil
}

// removeCheckout removes the result of checkout, if there is one.
func removeCheckout(checkout project.Config) error {
	if checkout.Dir == "" {
		return nil
	}
	return os.RemoveAll(checkout.Dir)
}
