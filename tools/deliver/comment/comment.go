// Package comment is `mage comment`. It writes one comment on the pull or merge request of a
// change, which says what the change brings, and updates it with each push. In any other
// build it prints the comment.
package comment

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/internal/gitcmd"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// marker is in the comment so that it can be found again. Readers don't see it.
const marker = "<!-- magewright -->"

// longest is the most characters of a part that are shown. GitHub allows 65,536 characters in
// a comment.
const longest = 20_000

// A runner runs a command of the program and returns what it prints.
type runner func(ctx context.Context, args ...string) (string, error)

// Run writes the comment. The comment says how readiness decides about the change. Run fails
// only if the comment can't be written, because deciding is the job of the gate.
func Run(ctx context.Context, cfg project.Config) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	text, err := compose(ctx, cfg, os.Getenv("MAGEWRIGHT_BASE"), func(ctx context.Context, args ...string) (string, error) {
		return command.Cmd{Dir: cfg.Dir, Stderr: cfg.Stderr}.Output(ctx, self, args...)
	})
	if err != nil {
		return err
	}
	r := requestOf()
	if r == nil {
		fmt.Fprintln(cfg.Stdout, text)
		return nil
	}
	return r.write(ctx, cfg.Stdout, text)
}

// compose returns the text of the comment about what HEAD adds to a base.
func compose(ctx context.Context, cfg project.Config, base string, run runner) (string, error) {
	flags := []string(nil)
	since := "HEAD~1"
	if base != "" {
		flags, since = []string{"-base=" + base}, base
	}
	changed, err := gitcmd.In(cfg.Dir).Output(ctx, "diff", "--stat=100", since+"...HEAD")
	if err != nil {
		return "", exit.Missing("git fetch --unshallow", "comparing HEAD with %s: %w", since, err)
	}
	// For the command, a NO-GO is an error. Here it is an answer.
	verdict, verdictErr := run(ctx, append([]string{"readiness"}, flags...)...)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	plan, planErr := run(ctx, append([]string{"plan"}, flags...)...)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n### Magewright: %s\n\n", marker, headline(verdict, verdictErr))
	part(&b, "What changes", changed, nil)
	part(&b, "Deployment plan", plan, planErr)
	part(&b, "Readiness, check by check", verdict, verdictErr)
	fmt.Fprintf(&b, "Commit %.12s. This comment is updated with each push.\n", cfg.Commit)
	return b.String(), nil
}

// verdictLine matches the line with the verdict, as [readiness.Assessment.Summary] writes it.
var verdictLine = regexp.MustCompile(`(?m)^(?:NO-GO|GO)[\w-]*(?: \(rehearsal\))? +[0-9a-f]+:.*$`)

// headline returns the verdict in one line.
func headline(said string, err error) string {
	if line := verdictLine.FindString(said); line != "" {
		return line
	}
	if err != nil {
		return "readiness could not be decided"
	}
	return "readiness printed no verdict"
}

// part adds a part that readers can unfold. The fence is longer than any fence in the text,
// so that the text can't end it.
func part(b *strings.Builder, title, text string, err error) {
	if strings.TrimSpace(text) == "" {
		text = "none"
		if err != nil {
			text = "not made: " + err.Error()
		}
	}
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "\n..."
	}
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	fmt.Fprintf(b, "<details><summary>%s</summary>\n\n%s\n%s\n%s\n\n</details>\n\n", title, fence, strings.TrimRight(text, "\n"), fence)
}

// A request is a pull or merge request.
type request struct {
	comments string // the URL of the request's comments
	one      string // the URL of one comment, without its id
	header   http.Header
	update   string // the HTTP method that updates a comment
}

// requestOf returns the pull or merge request that a build is for, or nil if there is none.
// See https://docs.github.com/en/rest/issues/comments and
// https://docs.gitlab.com/api/notes/#merge-requests.
func requestOf() *request {
	if number := pullRequest.FindStringSubmatch(os.Getenv("GITHUB_REF")); number != nil && os.Getenv("GITHUB_TOKEN") != "" {
		issues := os.Getenv("GITHUB_API_URL") + "/repos/" + os.Getenv("GITHUB_REPOSITORY") + "/issues/"
		return &request{
			comments: issues + number[1] + "/comments", one: issues + "comments/", update: http.MethodPatch,
			header: http.Header{"Authorization": {"Bearer " + os.Getenv("GITHUB_TOKEN")}, "Accept": {"application/vnd.github+json"}},
		}
	}
	if number := os.Getenv("CI_MERGE_REQUEST_IID"); number != "" && os.Getenv("MAGEWRIGHT_GITLAB_TOKEN") != "" {
		notes := os.Getenv("CI_API_V4_URL") + "/projects/" + url.PathEscape(os.Getenv("CI_PROJECT_ID")) + "/merge_requests/" + number + "/notes"
		return &request{comments: notes, one: notes + "/", update: http.MethodPut, header: http.Header{"Private-Token": {os.Getenv("MAGEWRIGHT_GITLAB_TOKEN")}}}
	}
	return nil
}

var pullRequest = regexp.MustCompile(`^refs/pull/(\d+)/`)

// write creates the comment, or updates the one that exists.
func (r *request) write(ctx context.Context, out io.Writer, text string) error {
	const pages = 20 // with a hundred comments each
	for page := 1; page <= pages; page++ {
		var comments []struct {
			ID   json.Number `json:"id"`
			Body string      `json:"body"`
		}
		if err := r.send(ctx, http.MethodGet, fmt.Sprintf("%s?per_page=100&page=%d", r.comments, page), nil, &comments); err != nil {
			return err
		}
		for _, c := range comments {
			if strings.HasPrefix(c.Body, marker) {
				if err := r.send(ctx, r.update, r.one+c.ID.String(), map[string]string{"body": text}, nil); err != nil {
					return err
				}
				fmt.Fprintln(out, "updated the comment")
				return nil
			}
		}
		if len(comments) < 100 {
			break
		}
	}
	if err := r.send(ctx, http.MethodPost, r.comments, map[string]string{"body": text}, nil); err != nil {
		return err
	}
	fmt.Fprintln(out, "wrote the comment")
	return nil
}

// send sends a request with a JSON body and decodes the answer.
func (r *request) send(ctx context.Context, method, address string, body, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var sent bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&sent).Encode(body); err != nil {
			return fmt.Errorf("writing the comment: %w", err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, address, &sent)
	if err != nil {
		return fmt.Errorf("writing the comment: %w", err)
	}
	req.Header = r.header.Clone()
	req.Header.Set("Content-Type", "application/json")
	got, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("writing the comment: %w", err)
	}
	defer func() { _ = got.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(got.Body, 32<<20))
	if err == nil && got.StatusCode >= http.StatusBadRequest {
		next := "go tool mage comment, to try again later"
		// GitHub and GitLab answer 404 to a token that may not see something.
		if slices.Contains([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}, got.StatusCode) {
			next = "give the token the permission to comment: pull-requests: write at GitHub, or the scope api at GitLab"
		}
		err = exit.Missing(next, "%s answers %s: %.200s", address, got.Status, data)
	}
	if err == nil && answer != nil {
		err = json.Unmarshal(data, answer)
	}
	if err != nil {
		return fmt.Errorf("writing the comment: %w", err)
	}
	return nil
}
