package collect

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/readiness"
)

// A pull is a review request with what it takes to tell its last content and
// its authors.
type pull struct {
	readiness.ReviewRequest // without Authors, Strangers and ContentOn
	opener                  string
	branch                  string // that it was merged to
	head                    string // its last commit
	mergedOn                time.Time
	commits                 []pullCommit // as they were reviewed
	updates                 []update     // of its branch, in any order
	pushers                 []person     // who has pushed, beside what updates say
	// bound says that approvals are bound to the revision, so that the times of
	// updates don't matter.
	bound bool
	// fetch is the command by which head comes into the clone.
	fetch string
}

// A landing is a commit of the range that a request became, by a squash, a
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

// A person is somebody in a commit: an address, and the account that the
// platform knows it to be of, or "".
type person struct{ email, account string }

// An update is a push, as the platform has recorded it.
type update struct {
	on    time.Time
	by    string
	after string // the branch's head then
}

func (p *pull) commit(id string) *pullCommit {
	for i := range p.commits {
		if p.commits[i].id == id {
			return &p.commits[i]
		}
	}
	return nil
}

// reaches returns the commits of the request that id leads to, itself included.
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

// settle tells from the facts who has brought the content and when the last of
// it came, and whether landed, the commits of the range that the request became,
// are what was reviewed.
func (p *pull) settle(ctx context.Context, h *history, landed []landing, policy readiness.ReviewPolicy) error {
	var people []person
	if p.opener == "" {
		p.Unknown = append(p.Unknown, "was opened by an account that is gone")
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

// content finds the last update that brought content, and who has brought any.
// Any update brings some, but for one that adds clean merges and nothing else
// to what was there.
func (p *pull) content(ctx context.Context, h *history) (people []person) {
	slices.SortStableFunc(p.updates, func(a, b update) int { return a.on.Compare(b.on) })
	seen, head := map[string]bool{}, ""
	for _, u := range p.updates {
		if u.after == head || !p.mergedOn.IsZero() && u.on.After(p.mergedOn) {
			continue
		}
		reached := p.reaches(u.after)
		content := head != "" && !reached[head] // some were dropped
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
				p.Unknown = append(p.Unknown, fmt.Sprintf("has content, %.12s, that an account has pushed which is gone", u.after))
			}
		}
		head = u.after
	}
	if head != p.head {
		p.ContentOn = time.Time{}
		p.Unknown = append(p.Unknown, fmt.Sprintf("does not tell when its last commit, %.12s, was pushed", p.head))
	}
	return people
}

// same holds that what the request became in the range, by a squash, a rebase
// or a merge, is what was reviewed: git makes the same tree of the base and the
// request's head, or the platform has made and signed the one commit that it
// squashed the request to. A signed merge is compared all the same: its parents
// are here.
func (p *pull) same(ctx context.Context, h *history, landed []landing) {
	tip, bottom := landed[0], landed[len(landed)-1] // the newest comes first
	for i, c := range landed {
		switch {
		case len(c.parents) == 2:
			p.Problems = append(p.Problems, fmt.Sprintf("was merged with content of the merge's own, %.12s", c.Commit))
			return
		case len(c.parents) != 1 || i+1 < len(landed) && c.parents[0] != landed[i+1].Commit:
			p.Unknown = append(p.Unknown, fmt.Sprintf("is said to have become %s that do not follow one another", list(landed)))
			return
		}
	}
	switch {
	case len(landed) == 1 && tip.signed:
	case p.head != "" && h.has(ctx, p.head):
		if !h.merged(ctx, bottom.parents[0], p.head, tip.Commit) {
			p.Problems = append(p.Problems, fmt.Sprintf("became %s, which is not what git makes of %.12s and its parent", list(landed), p.head))
		}
	default:
		p.Unknown = append(p.Unknown, fmt.Sprintf("became %s, and %.12s is not here to compare with: %s", list(landed), p.head, p.fetch))
	}
}

func list(commits []landing) string {
	ids := make([]string, len(commits))
	for i, c := range commits {
		ids[i] = c.Commit[:min(12, len(c.Commit))]
	}
	return strings.Join(ids, ", ")
}
