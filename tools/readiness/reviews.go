package readiness

import (
	"time"

	"github.com/magewright/magewright/tools/evidence"
)

// Reviews says who contributed the commits of the range, and what the review
// platform knows about them. Accounts are the platform's: GitHub logins, GitLab
// user names, CodeCommit ARNs.
type Reviews struct {
	evidence.Made
	Platform   string `json:"platform,omitempty"` // github, gitlab or codecommit
	Repository string `json:"repository,omitempty"`
	// From says where the platform was found: in the policy, or in the origin remote.
	From string `json:"from,omitempty"`
	// Reason says why the platform was not asked or has not answered, and Next
	// is the command that fixes it. Both are "" if it has answered.
	Reason string `json:"reason,omitempty"`
	Next   string `json:"next,omitempty"`
	// Refused says that AWS was asked and that IAM has refused the question.
	Refused  bool            `json:"refused,omitempty"`
	Commits  []RangeCommit   `json:"commits"`
	Requests []ReviewRequest `json:"requests,omitempty"`
	// Rules describes in words what the platform enforces now. They decide
	// nothing, because it is unknown what it enforced at the time.
	Rules []string `json:"rules,omitempty"`
}

// PredicateType implements [evidence.Predicate].
func (Reviews) PredicateType() string { return evidence.ReviewsType }

// A RangeCommit is a commit of the range, as in git.
type RangeCommit struct {
	Commit  string `json:"commit"`
	Subject string `json:"subject"`
	// Emails are the addresses of author, committer and co-authors. Anybody can
	// write them, so they can exclude a reviewer, but never make somebody a reviewer.
	Emails []string `json:"emails"`
	// Clean says that it is a merge whose tree is the one that git makes
	// automatically. It brings only commits that are in the range or before it.
	Clean bool `json:"clean,omitempty"`
	// Claims lists what the commit says about its own review.
	Claims []string `json:"claims,omitempty"`
	// Requests lists the ids of its review requests.
	Requests []string `json:"requests,omitempty"`
}

// A ReviewRequest is a pull request or a merge request.
type ReviewRequest struct {
	ID     string `json:"id"` // in the platform's notation, for example #12
	URL    string `json:"url,omitempty"`
	Merged bool   `json:"merged"`
	// Authors are the accounts that contributed its content: those that opened
	// it, or wrote, committed, co-authored or pushed content.
	Authors []string `json:"authors"`
	// Strangers are the addresses of authors whose account is unknown.
	Strangers []string `json:"strangers,omitempty"`
	// ContentOn is when the platform received the last content, by the
	// platform's clock. It is zero if approvals are bound to the revision.
	ContentOn time.Time `json:"contentOn,omitzero"`
	Votes     []Vote    `json:"votes,omitempty"`
	// Problems are the reasons why approvals don't count. Unknown lists what is
	// unknown.
	Problems []string `json:"problems,omitempty"`
	Unknown  []string `json:"unknown,omitempty"`
}

// The states of a Vote.
const (
	Approved         = "APPROVED"
	ChangesRequested = "CHANGES_REQUESTED"
	Dismissed        = "DISMISSED"
)

// What a reviewer may do with a repository, in GitHub's words but for the last.
const (
	MayAdminister = "admin"
	MayWrite      = "write"
	MayUnknown    = "unknown"
)

// A Vote is the latest vote of one reviewer.
type Vote struct {
	By    string    `json:"by"`
	Bot   bool      `json:"bot,omitempty"`
	State string    `json:"state"`
	On    time.Time `json:"on,omitzero"`
	// Bound says that the platform binds the vote to the merged revision.
	Bound bool `json:"bound,omitempty"`
	// Permission is what the reviewer may do with the repository: [MayAdminister],
	// [MayWrite], or another word of the platform's. It is "" for a platform that lets
	// nobody else approve, and [MayUnknown] if it does not say.
	Permission string `json:"permission,omitempty"`
}
