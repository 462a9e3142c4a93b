package collect

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codecommit/types"

	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/readiness"
)

// mostClosed limits how many closed pull requests are read to find those of the
// range, because CodeCommit can't search them by commit.
const mostClosed = 500

// codeCommit queries AWS CodeCommit.
type codeCommit struct {
	client  *codecommit.Client
	name    string
	history *history
	closed  []*pull // nil until they have been read
	became  map[string][]*pull
}

func newCodeCommit(w place, e Env, h *history) (platform, error) {
	if e.AWS == nil {
		return nil, exit.Missing(`eval "$(aws configure export-credentials --format env)"`, "there are no AWS credentials for reading the pull requests of %s", w.Repository)
	}
	client := codecommit.NewFromConfig(*e.AWS, func(o *codecommit.Options) {
		if w.region != "" {
			o.Region = w.region
		}
		if w.URL != "" {
			o.BaseEndpoint = &w.URL
		}
	})
	return &codeCommit{client: client, name: w.Repository, history: h}, nil
}

func (c *codeCommit) requests(ctx context.Context, commit string) ([]*pull, error) {
	if c.became == nil {
		if err := c.read(ctx); err != nil {
			return nil, err
		}
	}
	var found []*pull
	for _, p := range c.closed {
		if p.commit(commit) != nil || slices.Contains(c.became[commit], p) {
			found = append(found, p)
		}
	}
	return found, nil
}

// read reads the merged pull requests.
func (c *codeCommit) read(ctx context.Context) error {
	became := map[string][]*pull{}
	pages := codecommit.NewListPullRequestsPaginator(c.client, &codecommit.ListPullRequestsInput{RepositoryName: &c.name, PullRequestStatus: types.PullRequestStatusEnumClosed})
	seen := 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("listing the pull requests of %s: %w", c.name, err)
		}
		for _, id := range page.PullRequestIds {
			if seen++; seen > mostClosed {
				return fmt.Errorf("%s has more than %d closed pull requests, and CodeCommit can't search them by commit", c.name, mostClosed)
			}
			got, err := c.client.GetPullRequest(ctx, &codecommit.GetPullRequestInput{PullRequestId: &id})
			if err != nil {
				return fmt.Errorf("reading #%s: %w", id, err)
			}
			p, merge, err := c.pull(ctx, got.PullRequest)
			if err != nil {
				return fmt.Errorf("reading #%s: %w", id, err)
			}
			if p != nil {
				c.closed = append(c.closed, p)
				became[merge] = append(became[merge], p)
			}
		}
	}
	c.became = became
	return nil
}

// pull reads a pull request. It returns nil if the request was not merged to
// this repository.
func (c *codeCommit) pull(ctx context.Context, pr *types.PullRequest) (_ *pull, merge string, err error) {
	i := slices.IndexFunc(pr.PullRequestTargets, func(t types.PullRequestTarget) bool {
		return aws.ToString(t.RepositoryName) == c.name && t.MergeMetadata != nil && t.MergeMetadata.IsMerged
	})
	if i < 0 {
		return nil, "", nil
	}
	target, id := pr.PullRequestTargets[i], aws.ToString(pr.PullRequestId)
	source := aws.ToString(target.SourceCommit)
	p := &pull{
		ReviewRequest: readiness.ReviewRequest{ID: "#" + id, Merged: true},
		opener:        aws.ToString(pr.AuthorArn),
		branch:        strings.TrimPrefix(aws.ToString(target.DestinationReference), "refs/heads/"),
		head:          source,
		bound:         true,
		fetch:         "git fetch origin " + aws.ToString(target.SourceReference),
	}
	if err := c.commits(ctx, p, aws.ToString(target.MergeBase), source); err != nil {
		return nil, "", err
	}
	if err := c.votes(ctx, p, pr); err != nil {
		return nil, "", err
	}
	return p, aws.ToString(target.MergeMetadata.MergeCommitId), nil
}

// commits reads the request's commits from the clone, because CodeCommit does
// not list them.
func (c *codeCommit) commits(ctx context.Context, p *pull, mergeBase, source string) error {
	if mergeBase == "" || source == "" || !c.history.has(ctx, source) || !c.history.has(ctx, mergeBase) {
		p.Unknown = append(p.Unknown, fmt.Sprintf("has commits that are not in this clone, up to %.12s: %s", source, p.fetch))
		return nil
	}
	source_ := &history{git: c.history.git, ids: mergeBase + ".." + source, merges: c.history.merges}
	commits, err := source_.commits(ctx)
	for _, commit := range commits {
		p.commits = append(p.commits, pullCommit{id: commit.Commit, parents: commit.parents, people: strangers(commit.Emails)})
	}
	return err
}

func strangers(emails []string) []person {
	people := make([]person, len(emails))
	for i, email := range emails {
		people[i] = person{email: email}
	}
	return people
}

// votes reads whether the approval rules are met at the merged revision, who
// has approved it, and who has pushed.
// See https://docs.aws.amazon.com/codecommit/latest/APIReference/API_EvaluatePullRequestApprovalRules.html.
func (c *codeCommit) votes(ctx context.Context, p *pull, pr *types.PullRequest) error {
	rules, err := c.client.EvaluatePullRequestApprovalRules(ctx, &codecommit.EvaluatePullRequestApprovalRulesInput{PullRequestId: pr.PullRequestId, RevisionId: pr.RevisionId})
	if err != nil {
		return fmt.Errorf("evaluating its approval rules: %w", err)
	}
	switch e := rules.Evaluation; {
	case e == nil || len(e.ApprovalRulesSatisfied)+len(e.ApprovalRulesNotSatisfied) == 0:
		p.Unknown = append(p.Unknown, "has no approval rules")
	case e.Overridden:
		p.Problems = append(p.Problems, "was merged by overriding its approval rules")
	case !e.Approved || len(e.ApprovalRulesNotSatisfied) > 0:
		p.Problems = append(p.Problems, "does not meet its approval rules: "+strings.Join(e.ApprovalRulesNotSatisfied, ", "))
	}
	states, err := c.client.GetPullRequestApprovalStates(ctx, &codecommit.GetPullRequestApprovalStatesInput{PullRequestId: pr.PullRequestId, RevisionId: pr.RevisionId})
	if err != nil {
		return fmt.Errorf("reading its approvals: %w", err)
	}
	for _, a := range states.Approvals {
		if a.ApprovalState == types.ApprovalStateApprove {
			p.Votes = append(p.Votes, readiness.Vote{By: aws.ToString(a.UserArn), State: readiness.Approved, Bound: true})
		}
	}
	pages := codecommit.NewDescribePullRequestEventsPaginator(c.client, &codecommit.DescribePullRequestEventsInput{
		PullRequestId: pr.PullRequestId, PullRequestEventType: types.PullRequestEventTypePullRequestSourceReferenceUpdated,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("reading who has pushed to it: %w", err)
		}
		for _, event := range page.PullRequestEvents {
			p.pushers = append(p.pushers, person{account: aws.ToString(event.ActorArn)})
		}
	}
	return nil
}

func (c *codeCommit) landed(_ context.Context, commit *gitCommit) (landing, error) {
	return landing{gitCommit: commit, people: strangers(commit.writers)}, nil
}

func (c *codeCommit) rules(context.Context, []string) []string { return nil }
