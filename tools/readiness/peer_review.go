package readiness

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/evidence"
)

// peerReview checks that nothing is released that only its author has seen.
func peerReview() Check {
	return Check{
		ID: "peer-review", Item: CodeReview,
		Title: "All changes are peer reviewed",
		Doc: `Each commit of base..HEAD belongs to a merged review request whose content somebody
else has approved. The approver must not be the opener of the request, nor an author,
committer, co-author or pusher of its content, nor a bot. The approval must be the
approver's latest vote, and must be later than the time when the platform received the
last content. On GitHub, where anybody can approve, the approver must be allowed to write
to the repository. A request that was merged to another branch than the policy's
review.branch does not count, if there is one. No request for changes may be open. A merge that contains only what git
merges automatically needs no approval and does not invalidate one. If the platform
can't be asked, a review of this tree counts if it is signed by a person who is not an
author. What a commit says about its own review is shown, but decides nothing. Source:
Kosli's four-eyes policy, with the platform's times instead of the commits'.`,
		Inputs: []evidence.Predicate{Reviews{}},
		Next:   "have it reviewed by somebody who has not written it, then go tool mage readiness",
		Decide: func(in Inputs) Result {
			reviews := read(in, &Reviews{})
			switch {
			case in.Candidate.Shallow:
				r := Undecided("the clone is shallow: commits of the range may be missing")
				r.Next = "git fetch --unshallow"
				return r
			case len(in.Candidate.Commits) == 0:
				return Undecided("there is no commit between the base and HEAD")
			case reviews.Reason != "":
				r := signedReview(in, reviews)
				r.Refused = r.State == Unknown && reviews.Refused
				return r
			}
			return platformReview(in, reviews)
		},
	}
}

// platformReview decides from the platform's answers.
func platformReview(in Inputs, reviews *Reviews) Result {
	requests := map[string]ReviewRequest{}
	for _, r := range reviews.Requests {
		requests[r.ID] = r
	}
	var findings, undecided []string
	clean, approvals := 0, map[string]bool{}
	for _, id := range in.Candidate.Commits {
		i := slices.IndexFunc(reviews.Commits, func(c RangeCommit) bool { return c.Commit == id })
		if i < 0 {
			undecided = append(undecided, fmt.Sprintf("commit %.12s was not examined", id))
			continue
		}
		commit := reviews.Commits[i]
		if commit.Clean {
			clean++
			continue
		}
		by, wrong, unknown := commit.reviewed(requests)
		switch {
		case len(by) > 0:
			for _, vote := range by {
				approvals[vote] = true
			}
		case len(unknown) > 0:
			undecided = append(undecided, fmt.Sprintf("commit %.12s: %s", id, strings.Join(unknown, ", ")))
		default:
			findings = append(findings, fmt.Sprintf("commit %.12s (%s): %s", id, commit.Subject, strings.Join(wrong, ", ")))
		}
	}
	counted := fmt.Sprintf("%s, %d of them empty merges, by %s with %s that count; %s",
		count(len(in.Candidate.Commits), "commit"), clean, count(len(requests), "request"), count(len(approvals), "approval"), reviews.Platform)
	notChecked := "Whether two accounts belong to the same person, and everything before the base."
	if reviews.Platform != GitHub {
		notChecked += " Who pushed before a request was opened: the check assumes that its opener did."
	}
	if len(reviews.Rules) > 0 {
		notChecked += " What the platform enforces now: " + strings.Join(reviews.Rules, "; ") + "."
	}
	if reviews.From != FromPolicy {
		notChecked += " The repository was found through the origin remote, not through the policy."
	}
	return concluded(counted, findings, undecided, notChecked)
}

// FromPolicy is the value of Reviews.From if the policy names the platform.
const FromPolicy = "policy"

// reviewed returns the approvals that cover a commit. If there are none, it
// returns what is wrong or what is unknown. One valid request is enough.
func (c RangeCommit) reviewed(requests map[string]ReviewRequest) (by, wrong, unknown []string) {
	if len(c.Requests) == 0 {
		return nil, []string{"it has no review request"}, nil
	}
	for _, id := range c.Requests {
		request, ok := requests[id]
		if !ok {
			unknown = append(unknown, id+" was not examined")
			continue
		}
		approvals, bad, dark := request.approved()
		switch {
		case len(bad) > 0:
			wrong = append(wrong, bad...)
		case len(dark) > 0:
			unknown = append(unknown, dark...)
		default:
			by = append(by, approvals...)
		}
	}
	return by, wrong, unknown
}

// approved returns the approvals that count, or the reasons why none does.
func (r ReviewRequest) approved() (by, wrong, unknown []string) {
	say := func(format string, args ...any) string { return r.ID + " " + fmt.Sprintf(format, args...) }
	if !r.Merged {
		wrong = append(wrong, say("is not merged"))
	}
	for _, problem := range r.Problems {
		wrong = append(wrong, say("%s", problem))
	}
	var useless []string
	for _, vote := range r.Votes {
		switch {
		case vote.State == ChangesRequested:
			wrong = append(wrong, say("has changes requested by %s", vote.By))
		case vote.State != Approved:
			useless = append(useless, fmt.Sprintf("the approval by %s was withdrawn or dismissed", vote.By))
		case vote.By == "":
			useless = append(useless, "an approval is by an account that no longer exists")
		case vote.Bot:
			useless = append(useless, vote.By+" is a bot")
		case slices.ContainsFunc(r.Authors, func(a string) bool { return strings.EqualFold(a, vote.By) }):
			useless = append(useless, vote.By+" contributed content to it")
		case vote.Permission == MayUnknown:
			unknown = append(unknown, say("does not show whether %s may write to the repository", vote.By))
		case vote.Permission != "" && vote.Permission != MayWrite && vote.Permission != MayAdminister:
			useless = append(useless, vote.By+" may not write to the repository")
		case vote.Bound:
			by = append(by, say("by %s", vote.By))
		case vote.On.IsZero() || r.ContentOn.IsZero():
			unknown = append(unknown, say("does not show whether %s approved the last content", vote.By))
		case !vote.On.After(r.ContentOn):
			useless = append(useless, fmt.Sprintf("%s approved on %s, before the last content of %s", vote.By, vote.On.Format(time.RFC3339), r.ContentOn.Format(time.RFC3339)))
		default:
			by = append(by, say("by %s", vote.By))
		}
	}
	if len(by) == 0 && len(unknown) == 0 {
		wrong = append(wrong, say("is approved by nobody else: %s", orNobody(useless)))
	}
	for _, dark := range r.Unknown {
		unknown = append(unknown, say("%s", dark))
	}
	if len(r.Strangers) > 0 {
		unknown = append(unknown, say("has content by %s, whose account is unknown: name it under review.accounts in %s", strings.Join(r.Strangers, " and "), "the policy"))
	}
	return by, wrong, unknown
}

func orNobody(useless []string) string {
	if len(useless) == 0 {
		return "nobody has approved"
	}
	return strings.Join(useless, ", ")
}

// signedReview decides if the platform was not asked. It uses a review of this
// tree that a person has signed.
func signedReview(in Inputs, reviews *Reviews) Result {
	counted := count(len(in.Candidate.Commits), "commit")
	why := "the review platform was not asked: " + reviews.Reason
	authors, missing := in.signedAuthors(reviews)
	var signed Attestations
	if reason, _ := in.unusable(signed.PredicateType()); reason == "" {
		signed = *read(in, &Attestations{})
	}
	for _, a := range signed.Attestations {
		switch {
		case a.Kind != evidence.Review || a.By == "":
		case a.Tree != in.Candidate.Tree:
			why += fmt.Sprintf("; the review signed by %s is for another tree, %.12s", a.By, a.Tree)
		case len(missing) > 0:
			why += fmt.Sprintf("; it is unknown whether %s is an author: %s", a.By, strings.Join(missing, " and "))
		case slices.ContainsFunc(authors, func(author string) bool { return strings.EqualFold(author, a.By) }):
			why += fmt.Sprintf("; %s has signed a review, but is an author", a.By)
		default:
			r := Passed("%s by %s, reviewed as tree %.12s by %s", counted, strings.Join(authors, ", "), a.Tree, a.By)
			r.NotChecked = "Who pushed: the authors are those that the commits name, and a commit can name anybody. The review platform was not asked: " + reviews.Reason
			return r
		}
	}
	for _, refused := range signed.Refused {
		why += "; refused: " + refused
	}
	r := Undecided("%s", why)
	r.Counted, r.Next = counted, reviews.Next
	for _, c := range reviews.Commits {
		for _, claim := range c.Claims {
			r.Findings = append(r.Findings, fmt.Sprintf("commit %.12s makes a claim, which proves nothing: %s", c.Commit, claim))
		}
	}
	return r
}

// author returns the owner of an address according to the policy, or "".
func (p Policy) author(email string) string {
	for _, person := range p.People {
		if slices.ContainsFunc(person.Emails, func(own string) bool { return strings.EqualFold(own, email) }) {
			return person.Name
		}
	}
	return p.Review.Account(email)
}

// signedAuthors returns the people behind the addresses in the range's commits,
// according to the policy, and what is missing for a complete answer.
func (in Inputs) signedAuthors(reviews *Reviews) (authors, missing []string) {
	seen := 0
	for _, c := range reviews.Commits {
		if !slices.Contains(in.Candidate.Commits, c.Commit) {
			continue
		}
		seen++
		for _, email := range c.Emails {
			who := in.Policy.author(email)
			if who == "" {
				missing = append(missing, email+" is not in people or review.accounts")
				continue
			}
			authors = append(authors, who)
		}
	}
	if seen != len(in.Candidate.Commits) {
		missing = append(missing, fmt.Sprintf("%d of %s were examined", seen, count(len(in.Candidate.Commits), "commit")))
	}
	slices.Sort(authors)
	slices.Sort(missing)
	return slices.Compact(authors), slices.Compact(missing)
}
