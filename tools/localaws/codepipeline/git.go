package codepipeline

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/magewright/magewright/tools/internal/command"
)

// commitPattern matches a commit id.
var commitPattern = regexp.MustCompile(`^[0-9a-f]{7,64}$`)

// repositories keeps a bare clone of each source, so that later executions
// fetch only new commits.
type repositories struct {
	dir string
	mu  sync.Mutex
}

// A checkout is a commit in a bare clone.
type checkout struct {
	git    command.Cmd
	commit commit
}

type commit struct {
	id, author, authorEmail, message string
	authored                         time.Time
}

// fetch gets a commit from a URL. If no commit is named, it gets the tip of a branch.
func (r *repositories) fetch(ctx context.Context, url, branch, id string) (checkout, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	dir := filepath.Join(r.dir, "codepipeline", fmt.Sprintf("%x.git", sha256.Sum256([]byte(url))))
	c := checkout{git: command.Cmd{Dir: dir, Env: gitEnvironment()}}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return c, err
	}
	if _, err := os.Stat(filepath.Join(dir, "HEAD")); err != nil {
		if _, err := c.git.Output(ctx, "git", "init", "--bare", "--quiet"); err != nil {
			return c, err
		}
	}
	fetch := func(refspecs ...string) error {
		_, err := c.git.Output(ctx, "git", append([]string{"fetch", "--quiet", "--force", "--no-tags", "--", url}, refspecs...)...)
		return err
	}
	if id == "" {
		if err := fetch("refs/heads/" + branch); err != nil {
			return c, err
		}
		id = "FETCH_HEAD"
	} else if _, err := c.git.Output(ctx, "git", "cat-file", "-e", id+"^{commit}"); err != nil {
		// A server may refuse to send a commit that is not a tip. Then look for
		// it on the branches.
		if err := fetch(id); err != nil {
			if err := fetch("+refs/heads/*:refs/heads/*"); err != nil {
				return c, err
			}
		}
	}
	var err error
	c.commit, err = c.describe(ctx, id)
	return c, err
}

func (c checkout) describe(ctx context.Context, id string) (commit, error) {
	out, err := c.git.Output(ctx, "git", "show", "--no-patch", "--format=%H%x00%an%x00%ae%x00%aI%x00%B", id+"^{commit}", "--")
	if err != nil {
		return commit{}, err
	}
	fields := strings.SplitN(out, "\x00", 5)
	if len(fields) != 5 {
		return commit{}, fmt.Errorf("reading commit %s: git show answered %q", id, out)
	}
	authored, err := time.Parse(time.RFC3339, fields[3])
	if err != nil {
		return commit{}, fmt.Errorf("reading the date of commit %s: %w", id, err)
	}
	return commit{id: fields[0], author: fields[1], authorEmail: fields[2], authored: authored, message: strings.TrimSpace(fields[4])}, nil
}

// archive writes the commit's tree as a zip.
func (c checkout) archive(ctx context.Context, w io.Writer) error {
	var stderr bytes.Buffer
	git := c.git
	git.Stdout, git.Stderr = w, &stderr
	if err := git.Run(ctx, "git", "archive", "--format=zip", c.commit.id); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return nil
}

// gitEnvironment returns this process's environment without the variables that
// an outer git has set for its own repository. git must not ask for a password,
// because nobody could answer.
func gitEnvironment() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GIT_DIR=") && !strings.HasPrefix(v, "GIT_WORK_TREE=") && !strings.HasPrefix(v, "GIT_INDEX_FILE=") && !strings.HasPrefix(v, "GIT_OBJECT_DIRECTORY=") {
			env = append(env, v)
		}
	}
	return append(env, "GIT_TERMINAL_PROMPT=0")
}
