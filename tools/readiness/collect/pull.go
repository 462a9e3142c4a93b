package collect

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/readiness"
)

// A pull is a review request, with the facts that determine its last content
// and its authors.
type pull struct {
	readiness.ReviewRequest // without Authors, Strangers and ContentOn
	opener                  string
	branch                  string // the branch it was merged to
	head                    string // its last commit
	mergedOn                time.Time
	commits                 []pullCommit // as reviewed
	updates                 []update     // pushes to its branch, in any order
	pushers                 []person     // people who have pushed, in addition to those in updates
	// bound says that approvals are bound to the revision, so that the times of
	// updates don't matter.
	bound bool
	// fetch is the command that fetches head into the clone.
	fetch string
}

// A landing is a commit of the range that a request became, through a squash, a
// rebase or a merge.
type landing struct {
	*gitCommit
	people []person // author and co-authors
	// signed says that the platform itself has made and signed it.
	signed bool
}

// A pullCommit is a commit of a review request.
type pullCommit struct {
	id      string
	parents []string
	people  []person // author, committer, co-authors
}

// A person is somebody named in a commit: an e-mail address, and the account
// that it belongs to according to the platform, or "".
type person struct{ email, account string }

// An update is a push that the platform has recorded.
type update struct {
	on    time.Time
	by    string
	after string // the branch's head after it
}

func (p *pull) commit(id string) *pullCommit {
	for i := range p.commits {
		if p.commits[i].id == id {
			return &p.commits[i]
		}
	}
	return nil
}

// reaches returns the commits of the request that can be reached from id,
// including id itself.
func (p *pull) reaches(id string) map[string]bool {
	reached, next := map[string]bool{}, []string{id}
	for len(next) > 0 {
		c := p.commit(next[0])
		next = next[1:]
		if c != nil && !reached[c.id] {
			reached[c.id] = true
			next = append(next, c.parents...)
		}
	}
	return reached
}

// settle determines who contributed the content and when the last of it
// arrived. It also determines whether landed, the commits of the range that the
// request became, are what was reviewed.
func (p *pull) settle(ctx context.Context, h *history, landed []landing, policy readiness.ReviewPolicy) error {
	if policy.Branch != "" && p.Merged && p.branch != policy.Branch {
		p.Problems = append(p.Problems, fmt.Sprintf("was merged to %s, and %s is released", p.branch, policy.Branch))
	}
	var people []person
	if p.opener == "" {
		p.Unknown = append(p.Unknown, "was opened by an account that no longer exists")
	}
	people = append(people, person{account: p.opener})
	for _, c := range p.commits {
		if !h.clean(ctx, c.id, c.parents) {
			people = append(people, c.people...)
		}
	}
	for _, c := range landed {
		people = append(people, c.people...)
	}
	people = append(people, p.pushers...)
	if !p.bound {
		people = append(people, p.content(ctx, h)...)
	}
	for _, who := range people {
		named := policy.Account(who.email)
		for _, account := range []string{who.account, named} {
			if account != "" {
				p.Authors = append(p.Authors, account)
			}
		}
		if who.account == "" && named == "" && who.email != "" {
			p.Strangers = append(p.Strangers, who.email)
		}
	}
	slices.Sort(p.Authors)
	p.Authors = slices.Compact(p.Authors)
	slices.Sort(p.Strangers)
	p.Strangers = slices.Compact(p.Strangers)
	if len(landed) > 0 && p.Merged {
		p.same(ctx, h, landed)
	}
	return ctx.Err()
}

// content finds the last update that brought content, and all people who
// brought some. Every update brings content, except one that only adds clean
// merges to the previous commits.
func (p *pull) content(ctx context.Context, h *history) (people []person) {
	slices.SortStableFunc(p.updates, func(a, b update) int { return a.on.Compare(b.on) })
	seen, head := map[string]bool{}, ""
	for _, u := range p.updates {
		if u.after == head || !p.mergedOn.IsZero() && u.on.After(p.mergedOn) {
			continue
		}
		reached := p.reaches(u.after)
		// A push that drops commits changes the content.
		content := head != "" && !reached[head]
		for id := range reached {
			content = content || !seen[id] && !h.clean(ctx, id, p.commit(id).parents)
			seen[id] = true
		}
		if content {
			p.ContentOn = u.on
			if len(reached) > 0 {
				people = append(people, person{account: u.by})
			}
			if u.by == "" && len(reached) > 0 {
				p.Unknown = append(p.Unknown, fmt.Sprintf("has content, %.12s, pushed by an account that no longer exists", u.after))
			}
		}
		head = u.after
	}
	if head != p.head {
		p.ContentOn = time.Time{}
		p.Unknown = append(p.Unknown, fmt.Sprintf("does not show when its last commit, %.12s, was pushed", p.head))
	}
	return people
}

// same checks that what the request became in the range, through a squash, a
// rebase or a merge, is what was reviewed. Either git makes the same tree from
// the base and the request's head, or the platform has made and signed the
// single commit that it squashed the request to. A signed merge is compared
// anyway, because its parents are in the clone.
func (p *pull) same(ctx context.Context, h *history, landed []landing) {
	// The newest commit comes first.
	tip, bottom := landed[0], landed[len(landed)-1]
	for i, c := range landed {
		switch {
		case len(c.parents) == 2:
			p.Problems = append(p.Problems, fmt.Sprintf("was merged with content that only the merge has, %.12s", c.Commit))
			return
		case len(c.parents) != 1 || i+1 < len(landed) && c.parents[0] != landed[i+1].Commit:
			p.Unknown = append(p.Unknown, fmt.Sprintf("became, according to the platform, %s that do not follow one another", list(landed)))
			return
		}
	}
	switch {
	case len(landed) == 1 && tip.signed:
	case p.head != "" && h.has(ctx, p.head):
		if !h.merged(ctx, bottom.parents[0], p.head, tip.Commit) {
			p.Problems = append(p.Problems, fmt.Sprintf("became %s, which is not what git makes from %.12s and its parent", list(landed), p.head))
		}
	default:
		p.Unknown = append(p.Unknown, fmt.Sprintf("became %s, but %.12s is not in this clone for a comparison: %s", list(landed), p.head, p.fetch))
	}
}

func list(commits []landing) string {
	ids := make([]string, len(commits))
	for i, c := range commits {
		ids[i] = c.Commit[:min(12, len(c.Commit))]
	}
	return strings.Join(ids, ", ")
}
