package collect

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/gitcmd"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/readiness"
)

const (
	// mostCommits is how many commits a platform is asked about, because each
	// needs one request or more.
	mostCommits = 500
	// platformTimeout is how long a platform may take to answer.
	platformTimeout = 30 * time.Second
)

// A platform finds the review requests of commits.
type platform interface {
	// requests returns the requests of a commit of the range. The platform
	// itself may have made that commit when it merged.
	requests(ctx context.Context, commit string) ([]*pull, error)
	// landed returns the people behind a commit that a request became, and
	// whether the platform has signed it.
	landed(ctx context.Context, c *gitCommit) (landing, error)
	// rules describes in words what the platform enforces for the branches.
	rules(ctx context.Context, branches []string) []string
}

// Reviews asks the review platform about each commit of the range. If the
// platform can't be asked, the result contains the reason and what the commits claim.
func Reviews(ctx context.Context, e Env) (evidence.Predicate, error) {
	history := newHistory(e)
	commits, err := history.commits(ctx)
	if err != nil {
		return nil, err
	}
	r := readiness.Reviews{Made: evidence.Made{FinishedOn: e.Clock.Now()}}
	where, err := findPlatform(ctx, e)
	if err == nil {
		r.Platform, r.Repository, r.From = where.Platform, where.Repository, where.from
		err = askPlatform(ctx, e, where, history, commits, &r)
	}
	if err != nil {
		r.Reason, r.Requests, r.Refused = err.Error(), nil, refused(err)
		if missing, ok := errors.AsType[*exit.Error](err); ok {
			r.Reason, r.Next = missing.Err.Error(), missing.Next
		}
	}
	for _, c := range commits {
		r.Commits = append(r.Commits, c.RangeCommit)
	}
	return r, nil
}

func askPlatform(ctx context.Context, e Env, where place, history *history, commits []*gitCommit, r *readiness.Reviews) error {
	if e.Candidate.Shallow {
		return exit.Missing("git fetch --unshallow", "the clone is shallow")
	}
	if len(commits) > mostCommits {
		return exit.Missing("go tool mage readiness -base=COMMIT", "%d commits are too many: a platform is asked about at most %d", len(commits), mostCommits)
	}
	client, err := where.connect(e, history)
	if err != nil {
		return err
	}
	pulls := map[string]*pull{}
	landed := map[string][]landing{} // commits that differ from those reviewed in the request
	for _, c := range commits {
		if c.Clean {
			continue
		}
		found, err := client.requests(ctx, c.Commit)
		if err != nil {
			return exit.Missing("go tool mage readiness", "asking %s about commit %.12s: %w", where.Platform, c.Commit, err)
		}
		for _, p := range found {
			pulls[p.ID] = p
			c.Requests = append(c.Requests, p.ID)
			if p.commit(c.Commit) != nil {
				continue
			}
			l, err := client.landed(ctx, c)
			if err != nil {
				return exit.Missing("go tool mage readiness", "asking %s about commit %.12s: %w", where.Platform, c.Commit, err)
			}
			landed[p.ID] = append(landed[p.ID], l)
		}
	}
	branches := map[string]bool{}
	for _, id := range slices.Sorted(maps.Keys(pulls)) {
		p := pulls[id]
		branches[p.branch] = true
		if err := p.settle(ctx, history, landed[id], e.Policy.Review); err != nil {
			return fmt.Errorf("reading %s: %w", id, err)
		}
		r.Requests = append(r.Requests, p.ReviewRequest)
	}
	r.Rules = client.rules(ctx, slices.Sorted(maps.Keys(branches)))
	return nil
}

// A place is a review platform and a repository on it.
type place struct {
	readiness.ReviewPolicy
	from   string
	region string // for CodeCommit
}

// connect returns a client for the platform, or an error if there is no token.
func (w place) connect(e Env, h *history) (platform, error) {
	web := &http.Client{Timeout: platformTimeout}
	switch w.Platform {
	case readiness.GitHub:
		return newGitHub(w, web)
	case readiness.GitLab:
		return newGitLab(w, web)
	default:
		return newCodeCommit(w, e, h)
	}
}

// findPlatform takes the platform from the policy, which is the base's, or
// otherwise from the origin remote.
func findPlatform(ctx context.Context, e Env) (place, error) {
	if e.Policy.Review.Platform != "" {
		return place{ReviewPolicy: e.Policy.Review, from: readiness.FromPolicy}, nil
	}
	next := "name review.platform and review.repository in " + path.Join(e.Project.Settings(), readiness.PolicyFile)
	origin, err := gitcmd.In(e.Project.Dir).Output(ctx, "remote", "get-url", "origin")
	if err != nil {
		return place{}, exit.Missing(next, "there is no origin remote, and the policy names no review platform")
	}
	found, ok := parseRemote(origin)
	if !ok {
		return place{}, exit.Missing(next, "the origin remote, %s, is not a known review platform", withoutSecret(origin))
	}
	found.from = "origin"
	return found, nil
}

var (
	scpLike        = regexp.MustCompile(`^(?:[\w.-]+@)?([\w.-]+):([^/].*)$`)
	codecommitHost = regexp.MustCompile(`^git-codecommit\.([a-z0-9-]+)\.amazonaws\.com$`)
	grc            = regexp.MustCompile(`^codecommit:(?::([a-z0-9-]+):)?//(?:[^@/]+@)?([\w.-]+)$`)
)

// parseRemote parses the addresses that git, and git-remote-codecommit, use for
// the platforms' own hosts.
// See https://docs.aws.amazon.com/codecommit/latest/userguide/setting-up-git-remote-codecommit.html.
func parseRemote(remote string) (place, bool) {
	if m := grc.FindStringSubmatch(remote); m != nil {
		return place{ReviewPolicy: readiness.ReviewPolicy{Platform: readiness.CodeCommit, Repository: m[2]}, region: m[1]}, true
	}
	host, path := "", ""
	if u, err := url.Parse(remote); err == nil && u.Host != "" {
		host, path = u.Hostname(), u.Path
	} else if m := scpLike.FindStringSubmatch(remote); m != nil {
		host, path = m[1], m[2]
	}
	path = strings.TrimSuffix(strings.Trim(path, "/"), ".git")
	found := place{ReviewPolicy: readiness.ReviewPolicy{Repository: path}}
	switch aws := codecommitHost.FindStringSubmatch(host); {
	case host == "github.com" && strings.Count(path, "/") == 1:
		found.Platform = readiness.GitHub
	case host == "gitlab.com" && strings.Count(path, "/") >= 1:
		found.Platform = readiness.GitLab
	case aws != nil && strings.HasPrefix(path, "v1/repos/"):
		found.Platform, found.region, found.Repository = readiness.CodeCommit, aws[1], strings.TrimPrefix(path, "v1/repos/")
	default:
		return place{}, false
	}
	return found, true
}

// withoutSecret returns a remote without the password that it may contain.
func withoutSecret(remote string) string {
	if u, err := url.Parse(remote); err == nil {
		return u.Redacted()
	}
	return remote
}

// nameless returns the user of an address that a platform assigns in place of a
// person's own, such as 1234+ada@users.noreply.github.com, or "".
func nameless(email, domain string) string {
	name, ok := strings.CutSuffix(strings.ToLower(email), "@"+domain)
	if !ok {
		return ""
	}
	for _, separator := range []string{"+", "-"} { // used by GitHub and by GitLab
		if id, rest, found := strings.Cut(name, separator); found && id != "" && strings.Trim(id, "0123456789") == "" {
			return rest
		}
	}
	return name
}
