package readiness

import (
	"time"

	"github.com/magewright/magewright/tools/evidence"
)

// Reviews are who has brought the commits of the range, and what the review
// platform knows of them. Accounts are the platform's: GitHub logins, GitLab
// user names, ARNs on CodeCommit.
type Reviews struct {
	evidence.Made
	Platform   string `json:"platform,omitempty"` // github, gitlab or codecommit
	Repository string `json:"repository,omitempty"`
	// From says how the platform was found: the policy, or the origin remote.
	From string `json:"from,omitempty"`
	// Reason is why the platform was not asked or has not answered, and Next the
	// command that mends it; "" where it has answered.
	Reason   string          `json:"reason,omitempty"`
	Next     string          `json:"next,omitempty"`
	Commits  []RangeCommit   `json:"commits"`
	Requests []ReviewRequest `json:"requests,omitempty"`
	// Rules are what the platform enforces now, in words. They decide nothing:
	// nobody knows what it enforced then.
	Rules []string `json:"rules,omitempty"`
}

// PredicateType implements [evidence.Predicate].
func (Reviews) PredicateType() string { return base + "reviews/v1" }

// A RangeCommit is a commit of the range, as git has it.
type RangeCommit struct {
	Commit  string `json:"commit"`
	Subject string `json:"subject"`
	// Emails are the addresses of author, committer and co-authors. Anybody can
	// write them: they may exclude a reviewer, and never make one.
	Emails []string `json:"emails"`
	// Clean says that it is a merge whose tree is what git merges by itself: it
	// brings nothing but commits that are in the range or before it.
	Clean bool `json:"clean,omitempty"`
	// Claims are what it says of its own review.
	Claims []string `json:"claims,omitempty"`
	// Requests are the ids of the review requests that it came by.
	Requests []string `json:"requests,omitempty"`
}

// A ReviewRequest is a pull request or a merge request.
type ReviewRequest struct {
	ID     string `json:"id"` // as the platform writes it, such as #12
	URL    string `json:"url,omitempty"`
	Merged bool   `json:"merged"`
	// Authors are the accounts that brought its content: who opened it, wrote,
	// committed, co-authored or pushed.
	Authors []string `json:"authors"`
	// Strangers are addresses of authors that no account is known for.
	Strangers []string `json:"strangers,omitempty"`
	// ContentOn is when the platform received the last content, by its own
	// clock; zero where approvals are bound to the revision.
	ContentOn time.Time `json:"contentOn,omitzero"`
	Votes     []Vote    `json:"votes,omitempty"`
	// Problems are why approvals don't count, and Unknown what can't be told.
	Problems []string `json:"problems,omitempty"`
	Unknown  []string `json:"unknown,omitempty"`
}

// The states of a Vote.
const (
	Approved         = "APPROVED"
	ChangesRequested = "CHANGES_REQUESTED"
	Dismissed        = "DISMISSED"
)

// A Vote is the latest word of one reviewer.
type Vote struct {
	By    string    `json:"by"`
	Bot   bool      `json:"bot,omitempty"`
	State string    `json:"state"`
	On    time.Time `json:"on,omitzero"`
	// Bound says that the platform binds it to the revision that was merged.
	Bound bool `json:"bound,omitempty"`
}
