package collect

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"

	gitlab "gitlab.com/gitlab-org/api/client-go"

	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/readiness"
)

// gitLab queries GitLab's REST API.
type gitLab struct {
	client   *gitlab.Client
	project  string
	known    map[int64]*pull
	accounts map[string]string // by address
}

func newGitLab(w place, web *http.Client) (platform, error) {
	token := os.Getenv("GITLAB_TOKEN")
	if token == "" {
		return nil, exit.Missing("export GITLAB_TOKEN=...", "there is no GITLAB_TOKEN for reading the merge requests of %s", w.Repository)
	}
	options := []gitlab.ClientOptionFunc{gitlab.WithHTTPClient(web), gitlab.WithoutRetries()}
	if w.URL != "" {
		options = append(options, gitlab.WithBaseURL(w.URL))
	}
	client, err := gitlab.NewClient(token, options...)
	if err != nil {
		return nil, fmt.Errorf("reading review.url: %w", err)
	}
	return &gitLab{client, w.Repository, map[int64]*pull{}, map[string]string{}}, nil
}

func (g *gitLab) requests(ctx context.Context, commit string) ([]*pull, error) {
	listed, _, err := g.client.Commits.ListMergeRequestsByCommit(g.project, commit, gitlab.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	var found []*pull
	for _, mr := range listed {
		p, err := g.pull(ctx, mr)
		if err != nil {
			return nil, fmt.Errorf("reading !%d: %w", mr.IID, err)
		}
		found = append(found, p)
	}
	return found, nil
}

func (g *gitLab) pull(ctx context.Context, mr *gitlab.BasicMergeRequest) (*pull, error) {
	if p := g.known[mr.IID]; p != nil {
		return p, nil
	}
	p := &pull{
		ReviewRequest: readiness.ReviewRequest{ID: fmt.Sprintf("!%d", mr.IID), URL: mr.WebURL, Merged: mr.State == "merged" && mr.MergedAt != nil},
		branch:        mr.TargetBranch,
		head:          mr.SHA,
		fetch:         fmt.Sprintf("git fetch origin refs/merge-requests/%d/head", mr.IID),
	}
	if mr.Author != nil {
		p.opener = mr.Author.Username
	}
	if mr.MergedAt != nil {
		p.mergedOn = *mr.MergedAt
	}
	for _, read := range []func(context.Context, int64, *pull) error{g.commits, g.versions, g.votes} {
		if err := read(ctx, mr.IID, p); err != nil {
			return nil, err
		}
	}
	g.known[mr.IID] = p
	return p, nil
}

// turn calls list for each page.
func turn(list func(gitlab.ListOptions) (*gitlab.Response, error)) error {
	options := gitlab.ListOptions{Page: 1, PerPage: 100}
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

func (g *gitLab) commits(ctx context.Context, iid int64, p *pull) error {
	return turn(func(o gitlab.ListOptions) (*gitlab.Response, error) {
		listed, response, err := g.client.MergeRequests.GetMergeRequestCommits(g.project, iid, &gitlab.GetMergeRequestCommitsOptions{ListOptions: o}, gitlab.WithContext(ctx))
		if err != nil {
			return nil, err
		}
		for _, c := range listed {
			people, err := g.people(ctx, append([]string{c.AuthorEmail, c.CommitterEmail}, coAuthors(c.Message)...))
			if err != nil {
				return nil, err
			}
			p.commits = append(p.commits, pullCommit{id: c.ID, parents: c.ParentIDs, people: people})
		}
		return response, nil
	})
}

// versions reads when the branch was pushed to: GitLab keeps a version of the
// request for each push. The notes say who pushed.
// See https://docs.gitlab.com/api/merge_requests/#get-merge-request-diff-versions.
func (g *gitLab) versions(ctx context.Context, iid int64, p *pull) error {
	return turn(func(o gitlab.ListOptions) (*gitlab.Response, error) {
		listed, response, err := g.client.MergeRequests.GetMergeRequestDiffVersions(g.project, iid, &gitlab.GetMergeRequestDiffVersionsOptions{ListOptions: o}, gitlab.WithContext(ctx))
		for _, v := range listed {
			u := update{by: p.opener, after: v.HeadCommitSHA}
			if v.CreatedAt != nil {
				u.on = *v.CreatedAt
			}
			p.updates = append(p.updates, u)
		}
		return response, err
	})
}

// votes reads the current approvals. Their times come from GitLab's own notes,
// because the list of approvals has none. The notes also name the pushers.
// See https://docs.gitlab.com/user/project/system_notes/.
func (g *gitLab) votes(ctx context.Context, iid int64, p *pull) error {
	approvals, _, err := g.client.MergeRequestApprovals.GetConfiguration(g.project, iid, gitlab.WithContext(ctx))
	if err != nil {
		return err
	}
	said := map[string]readiness.Vote{}
	var order []string
	err = turn(func(o gitlab.ListOptions) (*gitlab.Response, error) {
		oldest, created := "asc", "created_at"
		listed, response, err := g.client.Notes.ListMergeRequestNotes(g.project, iid, &gitlab.ListMergeRequestNotesOptions{ListOptions: o, Sort: &oldest, OrderBy: &created}, gitlab.WithContext(ctx))
		for _, note := range listed {
			if !note.System || note.CreatedAt == nil {
				continue
			}
			by, state := note.Author.Username, ""
			switch {
			case note.Body == "approved this merge request":
				state = readiness.Approved
			case note.Body == "unapproved this merge request":
				state = readiness.Dismissed
			case note.Body == "requested changes":
				state = readiness.ChangesRequested
			case pushNote(note.Body):
				p.pushers = append(p.pushers, person{account: by})
				continue
			default:
				continue
			}
			if _, again := said[by]; !again {
				order = append(order, by)
			}
			said[by] = readiness.Vote{By: by, State: state, On: *note.CreatedAt}
		}
		return response, err
	})
	if err != nil {
		return err
	}
	now := map[string]bool{}
	for _, approver := range approvals.ApprovedBy {
		if approver.User == nil {
			continue
		}
		name := approver.User.Username
		vote, told := said[name]
		if !told {
			// The time of the approval is unknown.
			vote = readiness.Vote{By: name, State: readiness.Approved}
		}
		user, _, err := g.client.Users.GetUser(approver.User.ID, gitlab.GetUsersOptions{}, gitlab.WithContext(ctx))
		if err != nil {
			return fmt.Errorf("reading the account %s: %w", name, err)
		}
		vote.Bot = user.Bot
		now[name] = true
		p.Votes = append(p.Votes, vote)
	}
	for _, name := range order {
		vote := said[name]
		if now[name] {
			continue
		}
		if vote.State == readiness.Approved {
			// A push does this, if the project is configured so.
			vote.State = readiness.Dismissed
		}
		p.Votes = append(p.Votes, vote)
	}
	return nil
}

// pushNote reports whether one of GitLab's notes says that somebody has pushed.
func pushNote(body string) bool {
	return strings.HasPrefix(body, "added ") && strings.Contains(strings.SplitN(body, "\n", 2)[0], " commit")
}

// people finds the accounts of e-mail addresses. It knows the addresses that
// GitLab itself assigns, and those that an account shows publicly. GitLab's
// commits do not name accounts.
func (g *gitLab) people(ctx context.Context, emails []string) ([]person, error) {
	var people []person
	for _, email := range emails {
		account, known := g.accounts[email]
		if !known {
			account = nameless(email, "users.noreply.gitlab.com")
			if account == "" {
				users, _, err := g.client.Users.ListUsers(&gitlab.ListUsersOptions{Search: &email}, gitlab.WithContext(ctx))
				if err != nil {
					return nil, fmt.Errorf("looking for an account: %w", err)
				}
				for _, user := range users {
					if strings.EqualFold(user.PublicEmail, email) || strings.EqualFold(user.Email, email) {
						account = user.Username
					}
				}
			}
			g.accounts[email] = account
		}
		people = append(people, person{email, account})
	}
	return people, nil
}

// landed finds the accounts of a squashed or rebased commit's authors. GitLab
// does not reliably report which commits it has signed itself.
func (g *gitLab) landed(ctx context.Context, c *gitCommit) (landing, error) {
	people, err := g.people(ctx, c.writers)
	return landing{gitCommit: c, people: people}, err
}

func (g *gitLab) rules(ctx context.Context, _ []string) []string {
	set, _, err := g.client.Projects.GetApprovalConfiguration(g.project, gitlab.WithContext(ctx))
	if err != nil {
		return []string{"the project's approval settings can't be read"}
	}
	return []string{fmt.Sprintf("a push resets approvals %t, authors may approve %t, committers may approve %t",
		set.ResetApprovalsOnPush, set.MergeRequestsAuthorApproval, !set.MergeRequestsDisableCommittersApproval)}
}
