// Package mirror keeps a bare copy of each repository that pipelines and builds get
// their source from. git checks and packs all objects of a repository to transfer
// it. That happens once, and later only to new commits.
package mirror

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/magewright/magewright/tools/internal/command"
)

// Mirrors are copies of repositories. They are safe for concurrent use.
type Mirrors struct {
	dir string

	mu    sync.Mutex
	locks map[string]*sync.Mutex // by URL
}

// New returns mirrors below a directory, which need not exist.
func New(dir string) *Mirrors { return &Mirrors{dir: dir, locks: map[string]*sync.Mutex{}} }

// Use calls f with the mirror of the repository at url. The mirror has the branches
// and tags that the repository has now. It does not change until f returns.
func (m *Mirrors) Use(ctx context.Context, url string, f func(Mirror) error) error {
	m.mu.Lock()
	lock := m.locks[url]
	if lock == nil {
		lock = &sync.Mutex{}
		m.locks[url] = lock
	}
	m.mu.Unlock()
	lock.Lock()
	defer lock.Unlock()
	one := Mirror{url: url, Git: Git(filepath.Join(m.dir, "repositories", fmt.Sprintf("%x.git", sha256.Sum256([]byte(url)))))}
	if err := one.update(ctx); err != nil {
		return fmt.Errorf("cloning %s: %w", url, err)
	}
	return f(one)
}

// Git returns git without a way to ask for a password, because nobody could answer,
// and without what an outer git has set for a repository of its own.
func Git(dir string) command.Cmd {
	env := []string{"GIT_TERMINAL_PROMPT=0"}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GIT_") {
			env = append(env, v)
		}
	}
	return command.Cmd{Dir: dir, Env: env}
}

// A Mirror is a bare repository.
type Mirror struct {
	Git command.Cmd // in the mirror's directory
	url string
}

func (m Mirror) update(ctx context.Context) error {
	if _, err := os.Stat(m.Git.Dir); err == nil {
		return m.fetch(ctx, "--prune", "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
	}
	if err := os.MkdirAll(filepath.Dir(m.Git.Dir), 0o700); err != nil {
		return err
	}
	// What an interrupted clone leaves must not be taken for a mirror.
	unfinished := m.Git.Dir + ".new"
	if err := os.RemoveAll(unfinished); err != nil {
		return err
	}
	if _, err := Git("").Output(ctx, "git", "clone", "--quiet", "--bare", "--", m.url, unfinished); err != nil {
		return err
	}
	return os.Rename(unfinished, m.Git.Dir)
}

func (m Mirror) fetch(ctx context.Context, flag string, refspecs ...string) error {
	args := []string{"-c", "gc.auto=0", "fetch", "--quiet", "--force", "--no-tags", "--update-shallow", flag, "--", m.url}
	_, err := m.Git.Output(ctx, "git", append(args, refspecs...)...)
	return err
}

// Commit returns the full id of a version: a branch, a tag, or a commit, which need
// not be on any branch. An empty version is the head of the repository.
func (m Mirror) Commit(ctx context.Context, version string) (string, error) {
	if strings.HasPrefix(version, "-") {
		return "", fmt.Errorf("%q is not a version", version)
	}
	if version != "" && version != "HEAD" {
		for _, name := range []string{"refs/heads/" + version, version} {
			if commit, err := m.Git.Output(ctx, "git", "rev-parse", "--verify", "--quiet", name+"^{commit}"); err == nil {
				return commit, nil
			}
		}
	}
	if err := m.fetch(ctx, "--upload-pack=git -c uploadpack.allowAnySHA1InWant=true upload-pack", cmp.Or(version, "HEAD")); err != nil {
		return "", err
	}
	return m.Git.Output(ctx, "git", "rev-parse", "--verify", "FETCH_HEAD^{commit}")
}

// Clone makes a clone of the repository in dir, without its files. The clone shares
// no file with the mirror.
func (m Mirror) Clone(ctx context.Context, dir string) (command.Cmd, error) {
	git := Git(dir)
	if _, err := Git("").Output(ctx, "git", "clone", "--quiet", "--no-checkout", "--no-hardlinks", "--", m.Git.Dir, dir); err != nil {
		return git, err
	}
	_, err := git.Output(ctx, "git", "remote", "set-url", "origin", m.url)
	return git, err
}
