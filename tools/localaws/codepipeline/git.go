package codepipeline

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/localaws/mirror"
)

// commitPattern matches a commit id.
var commitPattern = regexp.MustCompile(`^[0-9a-f]{7,64}$`)

type commit struct {
	id, author, authorEmail, message string
	authored                         time.Time
}

// find returns a commit of a repository. If none is named, it is the tip of a branch.
func find(ctx context.Context, m mirror.Mirror, branch, id string) (commit, error) {
	id, err := m.Commit(ctx, cmp.Or(id, "refs/heads/"+branch))
	if err != nil {
		return commit{}, err
	}
	out, err := m.Git.Output(ctx, "git", "show", "--no-patch", "--format=%H%x00%an%x00%ae%x00%aI%x00%B", id+"^{commit}", "--")
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
func archive(ctx context.Context, m mirror.Mirror, c commit, w io.Writer) error {
	var stderr bytes.Buffer
	git := m.Git
	git.Stdout, git.Stderr = w, &stderr
	if err := git.Run(ctx, "git", "archive", "--format=zip", c.id); err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return nil
}
