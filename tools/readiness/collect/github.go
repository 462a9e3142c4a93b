package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/google/go-github/v80/github"

	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/readiness"
)

// mostPullCommits is the maximum number of commits that GitHub lists for a pull
// request.
// See https://docs.github.com/en/rest/pulls/pulls#list-commits-on-a-pull-request.
const mostPullCommits = 250

// gitHub queries GitHub's REST API.
type gitHub struct {
	client      *github.Client
	owner, name string
	known       map[int]*pull
}

func newGitHub(w place, web *http.Client) (platform, error) {
	token := os.Getenv("GITHUB_TOKEN")
	if token == "" {
		return nil, exit.Missing("export GITHUB_TOKEN=...", "there is no GITHUB_TOKEN for reading the pull requests of %s", w.Repository)
	}
	client := github.NewClient(web).WithAuthToken(token)
	if w.URL != "" {
		var err error
		if client, err = client.WithEnterpriseURLs(w.URL, w.URL); err != nil {
			return nil, fmt.Errorf("reading review.url: %w", err)
		}
	}
	owner, name, _ := strings.Cut(w.Repository, "/")
	return &gitHub{client, owner, name, map[int]*pull{}}, nil
}

// pages calls list for each page.
func pages(list func(*github.ListOptions) (*github.Response, error)) error {
	options := &github.ListOptions{PerPage: 100}
	for {
		response, err := list(options)
		if err != nil {
			return err
		}
		if response.NextPage == 0 {
			return nil
		}
		options.Page = response.NextPage
	}
}

func (g *gitHub) requests(ctx context.Context, commit string) ([]*pull, error) {
	var found []*pull
	err := pages(func(o *github.ListOptions) (*github.Response, error) {
		listed, response, err := g.client.PullRequests.ListPullRequestsWithCommit(ctx, g.owner, g.name, commit, o)
		if err != nil {
			return nil, err
		}
		for _, pr := range listed {
			p, err := g.pull(ctx, pr)
			if err != nil {
				return nil, fmt.Errorf("reading #%d: %w", pr.GetNumber(), err)
			}
			found = append(found, p)
		}
		return response, nil
	})
	return found, err
}

// pull reads a pull request. Lists leave out some of its fields, such as
// merged; merged_at has that information.
func (g *gitHub) pull(ctx context.Context, pr *github.PullRequest) (*pull, error) {
	if p := g.known[pr.GetNumber()]; p != nil {
		return p, nil
	}
	p := &pull{
		ReviewRequest: readiness.ReviewRequest{ID: fmt.Sprintf("#%d", pr.GetNumber()), URL: pr.GetHTMLURL(), Merged: pr.MergedAt != nil},
		opener:        pr.GetUser().GetLogin(),
		branch:        pr.GetBase().GetRef(),
		head:          pr.GetHead().GetSHA(),
		mergedOn:      pr.GetMergedAt().Time,
		fetch:         fmt.Sprintf("git fetch origin refs/pull/%d/head", pr.GetNumber()),
	}
	for _, read := range []func(context.Context, *github.PullRequest, *pull) error{g.commits, g.votes, g.updates} {
		if err := read(ctx, pr, p); err != nil {
			return nil, err
		}
	}
	g.known[pr.GetNumber()] = p
	return p, nil
}

func (g *gitHub) commits(ctx context.Context, pr *github.PullRequest, p *pull) error {
	err := pages(func(o *github.ListOptions) (*github.Response, error) {
		listed, response, err := g.client.PullRequests.ListCommits(ctx, g.owner, g.name, pr.GetNumber(), o)
		for _, c := range listed {
			committer := person{c.GetCommit().GetCommitter().GetEmail(), c.GetCommitter().GetLogin()}
			commit := pullCommit{id: c.GetSHA(), people: append(writers(c), committer)}
			for _, parent := range c.Parents {
				commit.parents = append(commit.parents, parent.GetSHA())
			}
			p.commits = append(p.commits, commit)
		}
		return response, err
	})
	if len(p.commits) >= mostPullCommits {
		p.Unknown = append(p.Unknown, fmt.Sprintf("has %d commits or more, and GitHub lists no others", mostPullCommits))
	}
	return err
}

// webFlow is the committer of changes that are made on GitHub's pages.
const webFlow = "web-flow"

// writers returns the author and the co-authors of a commit.
func writers(c *github.RepositoryCommit) []person {
	people := []person{{c.GetCommit().GetAuthor().GetEmail(), c.GetAuthor().GetLogin()}}
	for _, email := range coAuthors(c.GetCommit().GetMessage()) {
		people = append(people, person{email, nameless(email, "users.noreply.github.com")})
	}
	return people
}

// votes keeps each reviewer's last review that approves or requests changes. A
// comment does not revoke an earlier review.
func (g *gitHub) votes(ctx context.Context, pr *github.PullRequest, p *pull) error {
	latest := map[string]int{}
	err := pages(func(o *github.ListOptions) (*github.Response, error) {
		listed, response, err := g.client.PullRequests.ListReviews(ctx, g.owner, g.name, pr.GetNumber(), o)
		// The reviews are sorted by time.
		for _, review := range listed {
			switch review.GetState() {
			case readiness.Approved, readiness.ChangesRequested, readiness.Dismissed:
			default:
				continue
			}
			by := review.GetUser().GetLogin()
			vote := readiness.Vote{By: by, Bot: review.GetUser().GetType() != "User", State: review.GetState(), On: review.GetSubmittedAt().Time}
			i, again := latest[by]
			if !again || by == "" {
				latest[by] = len(p.Votes)
				p.Votes = append(p.Votes, vote)
			} else if !vote.On.Before(p.Votes[i].On) {
				p.Votes[i] = vote
			}
		}
		return response, err
	})
	if err != nil {
		return err
	}
	// Anybody can approve a request of a public repository.
	for i := range p.Votes {
		v := &p.Votes[i]
		if v.State != readiness.Approved || v.By == "" || v.Bot {
			continue
		}
		level, response, err := g.client.Repositories.GetPermissionLevel(ctx, g.owner, g.name, v.By)
		switch {
		case response != nil && (response.StatusCode == http.StatusNotFound || response.StatusCode == http.StatusForbidden) && !limited(err):
			v.Permission = readiness.MayUnknown
		case err != nil:
			return err
		default:
			v.Permission = cmp.Or(level.GetPermission(), readiness.MayUnknown)
		}
	}
	return nil
}

// updates reads when the branch was pushed to, and by whom, from the activity
// of the branch's repository. Authors choose the dates in their commits, and a
// review's commit_id changes when the base is merged.
// See https://docs.github.com/en/rest/repos/repos#list-repository-activities.
func (g *gitHub) updates(ctx context.Context, pr *github.PullRequest, p *pull) error {
	from := pr.GetHead().GetRepo()
	if from == nil {
		p.Unknown = append(p.Unknown, "came from a fork that no longer exists")
		return nil
	}
	options := &github.ListRepositoryActivityOptions{Ref: "refs/heads/" + pr.GetHead().GetRef(), PerPage: 100}
	for {
		listed, response, err := g.client.Repositories.ListRepositoryActivities(ctx, from.GetOwner().GetLogin(), from.GetName(), options)
		if response != nil && (response.StatusCode == http.StatusNotFound || response.StatusCode == http.StatusForbidden) && !limited(err) {
			p.Unknown = append(p.Unknown, fmt.Sprintf("came from %s, whose pushes this token may not read", from.GetFullName()))
			return nil
		}
		if err != nil {
			return err
		}
		for _, a := range listed {
			p.updates = append(p.updates, pushed(a))
		}
		if response.After == "" {
			return nil
		}
		options.After = response.After
	}
}

func pushed(a *github.RepositoryActivity) update {
	u := update{after: a.After}
	if a.Timestamp != nil {
		u.on = a.Timestamp.Time
	}
	if a.Actor != nil && a.Actor.Login != nil {
		u.by = *a.Actor.Login
	}
	return u
}

// limited reports whether GitHub refuses because of too many requests.
func limited(err error) bool {
	if _, ok := errors.AsType[*github.RateLimitError](err); ok {
		return true
	}
	_, ok := errors.AsType[*github.AbuseRateLimitError](err)
	return ok
}

// landed reads the accounts that GitHub knows for a squashed or rebased commit,
// and whether GitHub has signed it. Its committer is the person who merged it.
func (g *gitHub) landed(ctx context.Context, c *gitCommit) (landing, error) {
	got, _, err := g.client.Repositories.GetCommit(ctx, g.owner, g.name, c.Commit, &github.ListOptions{PerPage: 1})
	if err != nil {
		return landing{}, err
	}
	signed := got.GetCommit().GetVerification().GetVerified() && got.GetCommitter().GetLogin() == webFlow
	return landing{gitCommit: c, people: writers(got), signed: signed}, nil
}

func (g *gitHub) rules(ctx context.Context, branches []string) []string {
	var said []string
	for _, branch := range branches {
		rules, _, err := g.client.Repositories.GetRulesForBranch(ctx, g.owner, g.name, url.PathEscape(branch), nil)
		switch {
		case err != nil:
			said = append(said, fmt.Sprintf("%s: its rules can't be read", branch))
		case len(rules.PullRequest) == 0:
			said = append(said, fmt.Sprintf("%s: no ruleset requires pull requests", branch))
		default:
			for _, r := range rules.PullRequest {
				said = append(said, fmt.Sprintf("%s: required approvals %d, stale approvals dismissed %t, last push approved by somebody else %t",
					branch, r.Parameters.RequiredApprovingReviewCount, r.Parameters.DismissStaleReviewsOnPush, r.Parameters.RequireLastPushApproval))
			}
		}
	}
	return said
}
