package collect

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/internal/gitcmd"
	"github.com/magewright/magewright/tools/readiness"
)

// A history is the history of the clone, with cached information about its merges.
type history struct {
	git    gitcmd.Cmd
	ids    string // the range as arguments of git rev-list
	merges map[string]bool
}

// A gitCommit is a commit of the range, with its parents and the addresses of
// its author and co-authors.
type gitCommit struct {
	readiness.RangeCommit
	parents []string
	writers []string
}

func newHistory(e Env) *history {
	h := &history{git: gitcmd.In(e.Project.Dir), ids: e.Candidate.Commit, merges: map[string]bool{}}
	if e.Candidate.Base != "" {
		h.ids = e.Candidate.Base + ".." + e.Candidate.Commit
	}
	return h
}

var (
	coAuthor = regexp.MustCompile(`(?im)^\s*co-authored-by:.*?([^\s<>]+@[^\s<>]+)`)
	reviewer = regexp.MustCompile(`(?im)^\s*((?:reviewed|approved|acked)-by:.*)$`)
)

// coAuthors returns the addresses in a message's Co-authored-by lines, wherever
// they are.
func coAuthors(message string) []string {
	var emails []string
	for _, m := range coAuthor.FindAllStringSubmatch(message, -1) {
		emails = append(emails, m[1])
	}
	return emails
}

// commits returns the commits of the range, newest first.
func (h *history) commits(ctx context.Context) ([]*gitCommit, error) {
	out, err := h.git.Output(ctx, "log", "-z", "--no-show-signature", "--no-mailmap", "--format=%H%x00%P%x00%ae%x00%ce%x00%s%x00%B", h.ids)
	if err != nil {
		return nil, fmt.Errorf("reading the commits of %s: %w", h.ids, err)
	}
	// No field of a commit can contain a NUL.
	all := strings.Split(strings.TrimSuffix(out, "\x00"), "\x00")
	if out == "" {
		return nil, nil
	}
	if len(all)%6 != 0 {
		return nil, fmt.Errorf("reading the commits of %s: git log answered %d fields", h.ids, len(all))
	}
	var commits []*gitCommit
	for fields := range slices.Chunk(all, 6) {
		c := &gitCommit{parents: strings.Fields(fields[1])}
		c.Commit, c.Subject = fields[0], fields[4]
		c.Clean = h.clean(ctx, c.Commit, c.parents)
		c.writers = append([]string{fields[2]}, coAuthors(fields[5])...)
		for _, email := range append([]string{fields[3]}, c.writers...) {
			if !slices.Contains(c.Emails, email) && !c.Clean {
				c.Emails = append(c.Emails, email)
			}
		}
		for _, m := range reviewer.FindAllStringSubmatch(fields[5], -1) {
			c.Claims = append(c.Claims, strings.TrimSpace(m[1]))
		}
		if len(c.parents) > 1 {
			c.Claims = append(c.Claims, "it is a merge: "+c.Subject)
		}
		commits = append(commits, c)
	}
	return commits, nil
}

// has reports whether the clone contains a commit.
func (h *history) has(ctx context.Context, commit string) bool {
	_, err := h.git.Output(ctx, "cat-file", "-e", commit+"^{commit}")
	return err == nil
}

// clean reports whether a merge of two parents has exactly the tree that git
// makes automatically, so that the merge itself adds nothing. If that can't be
// determined, the merge is not clean: because of a conflict, an octopus merge,
// or a parent that is not in the clone.
func (h *history) clean(ctx context.Context, commit string, parents []string) bool {
	if len(parents) != 2 {
		return false
	}
	known, ok := h.merges[commit]
	if !ok {
		known = h.merged(ctx, parents[0], parents[1], commit)
		h.merges[commit] = known
	}
	return known
}

// merged reports whether the tree of a commit is what git makes automatically
// from one and other.
func (h *history) merged(ctx context.Context, one, other, commit string) bool {
	merge, err := h.git.Output(ctx, "merge-tree", "--write-tree", one, other)
	if err != nil {
		return false
	}
	tree, err := h.git.Output(ctx, "rev-parse", "--verify", "--quiet", commit+"^{tree}")
	return err == nil && merge == tree
}
