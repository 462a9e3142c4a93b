package collect

import (
	"fmt"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/readiness"
)

// A hub is a GitHub with one pull request, #7, which a test may change.
type hub struct {
	shapes
	t       *testing.T
	pull    map[string]string
	commits []string // JSON
	reviews []string
	pushes  []string // newest first, as GitHub lists them
	answers map[string]string
	branch  string // that the policy says is released
}

const ghUser = `{"login": "%s", "id": 1, "type": "User", "site_admin": false}`

func user(login string) string { return fmt.Sprintf(ghUser, login) }

// newHub has a pull request by ada with two commits. They were pushed at nine
// and ten and approved by grace at eleven.
func newHub(t *testing.T, s shapes) *hub {
	t.Helper()
	h := &hub{shapes: s, t: t, answers: map[string]string{}}
	h.pull = map[string]string{
		"user": "ada", "merged": `"2026-11-24T12:00:00Z"`, "head": s.second,
		"repo": `{"id": 1296269, "name": "r", "full_name": "o/r", "owner": {"login": "o", "id": 9, "type": "Organization"}, "private": true}`,
	}
	h.commits = []string{h.commit(s.first), h.commit(s.second)}
	h.reviews = []string{h.review("grace", "APPROVED", "11:00")}
	h.pushes = []string{h.push(s.second, "10:00"), h.push(s.first, "09:00", "kind", "branch_creation")}
	return h
}

func (h *hub) commit(sha string, changes ...string) string {
	var parents []string
	for _, p := range h.parents(sha) {
		parents = append(parents, `{"sha": "`+p+`"}`)
	}
	return recorded(h.t, "github/commit.json", with(map[string]string{
		"sha": sha, "email": "ada@example.com", "trailers": "", "verified": "false",
		"author": user("ada"), "committer": user("ada"), "parents": array(parents...),
	}, changes...))
}

func (h *hub) review(by, state, at string, changes ...string) string {
	return recorded(h.t, "github/review.json", with(map[string]string{
		"user": user(by), "state": state, "on": "2026-11-24T" + at + ":00Z", "commit": h.second,
	}, changes...))
}

func (h *hub) push(after, at string, changes ...string) string {
	return recorded(h.t, "github/activity.json", with(map[string]string{
		"after": after, "on": "2026-11-24T" + at + ":00Z", "kind": "push", "actor": "ada",
	}, changes...))
}

// decide releases a commit. All commits of its range belong to the pull request.
func (h *hub) decide(commit string, accounts map[string]string) (readiness.Result, readiness.Reviews) {
	h.t.Helper()
	const api = "/api/v3/repos/o/r/"
	pulls := array(recorded(h.t, "github/pull.json", h.pull))
	answers := map[string]string{
		api + "pulls/7/commits":     array(h.commits...),
		api + "pulls/7/reviews":     array(h.reviews...),
		api + "activity":            array(h.pushes...),
		api + "rules/branches/main": recorded(h.t, "github/rules.json", nil),

		api + "collaborators/grace/permission": `{"permission": "write", "role_name": "maintain"}`,
	}
	e := h.env(commit, readiness.ReviewPolicy{Platform: readiness.GitHub, Repository: "o/r", Accounts: accounts, Branch: h.branch})
	for _, c := range e.Candidate.Commits {
		answers[api+"commits/"+c+"/pulls"] = pulls
		answers[api+"commits/"+c] = h.commit(c)
	}
	for path, answer := range h.answers {
		answers[strings.Replace(path, "repos/", "/api/v3/repos/", 1)] = answer
	}
	e.Policy.Review.URL = serve(h.t, answers, "Bearer token").URL
	return decided(h.t, e)
}

func TestGitHub(t *testing.T) {
	t.Setenv("GITHUB_TOKEN", "token")
	s := newShapes(t)
	const (
		noreply = `\n\nCo-authored-by: Grace <12+grace@users.noreply.github.com>`
		private = `\n\nco-authored-by:  Grace <g@home.example>`
	)
	for _, tt := range []struct {
		name     string
		commit   string // s.merge by default
		change   func(*hub)
		accounts map[string]string
		state    readiness.State
		says     string
	}{
		{name: "merged and approved", state: readiness.Pass, says: "3 commits, 1 of them empty merges, by 1 request with 1 approval"},
		{name: "the rules are recorded", state: readiness.Pass, says: "main: required approvals 1, stale approvals dismissed true"},
		{name: "no approval", change: func(h *hub) { h.reviews = nil }, state: readiness.Fail, says: "nobody has approved"},
		{name: "the opener approves", change: func(h *hub) { h.pull["user"] = "grace" }, state: readiness.Fail, says: "grace contributed content"},
		{name: "the merger approves", commit: s.merge, change: func(h *hub) { h.answers["repos/o/r/commits/"+s.merge] = h.commit(s.merge, "author", user("grace")) }, state: readiness.Pass},
		{name: "an author approves", change: func(h *hub) { h.commits[0] = h.commit(s.first, "author", user("grace")) }, state: readiness.Fail, says: "grace contributed content"},
		{name: "a committer approves", change: func(h *hub) { h.commits[1] = h.commit(s.second, "committer", user("Grace")) }, state: readiness.Fail, says: "grace contributed content"},
		{name: "committed on GitHub's page", change: func(h *hub) { h.commits[1] = h.commit(s.second, "committer", user("web-flow")) }, state: readiness.Pass},
		{name: "a pusher approves", change: func(h *hub) { h.pushes[0] = h.push(s.second, "10:00", "actor", "grace") }, state: readiness.Fail, says: "grace contributed content"},
		{name: "a co-author approves", change: func(h *hub) { h.commits[0] = h.commit(s.first, "trailers", noreply) }, state: readiness.Fail, says: "grace contributed content"},
		{name: "a co-author whom nobody knows", change: func(h *hub) { h.commits[0] = h.commit(s.first, "trailers", private) }, state: readiness.Unknown, says: "g@home.example, whose account is unknown"},
		{name: "a co-author whom the policy knows", change: func(h *hub) { h.commits[0] = h.commit(s.first, "trailers", private) },
			accounts: map[string]string{"G@home.example": "grace"}, state: readiness.Fail, says: "grace contributed content"},
		{name: "an author whom GitHub does not know", change: func(h *hub) { h.commits[0] = h.commit(s.first, "author", "null") }, state: readiness.Unknown, says: "ada@example.com, whose account is unknown"},
		{name: "an author whom the policy knows", change: func(h *hub) { h.commits[0] = h.commit(s.first, "author", "null") },
			accounts: map[string]string{"ada@example.com": "ada"}, state: readiness.Pass},
		{name: "a bot approves", change: func(h *hub) {
			h.reviews = []string{h.review("x", "APPROVED", "11:00", "user", `{"login": "helper[bot]", "id": 5, "type": "Bot"}`)}
		}, state: readiness.Fail, says: "helper[bot] is a bot"},
		{name: "anybody approves", change: func(h *hub) { h.answers["repos/o/r/collaborators/grace/permission"] = `{"permission": "read"}` }, state: readiness.Fail, says: "grace may not write to the repository"},
		{name: "no member approves", change: func(h *hub) { h.answers["repos/o/r/collaborators/grace/permission"] = `{"permission": "none"}` }, state: readiness.Fail, says: "grace may not write"},
		{name: "an owner approves", change: func(h *hub) { h.answers["repos/o/r/collaborators/grace/permission"] = `{"permission": "admin"}` }, state: readiness.Pass},
		{name: "GitHub does not say what the approver may", change: func(h *hub) { h.reviews = []string{h.review("linus", "APPROVED", "11:00")} }, state: readiness.Unknown, says: "does not show whether linus may write"},
		{name: "nobody may be asked about", change: func(h *hub) { h.answers["repos/o/r/collaborators/grace/permission"] = "500" }, state: readiness.Unknown, says: "asking github about commit"},
		{name: "merged to the branch that is released", change: func(h *hub) { h.branch = "main" }, state: readiness.Pass},
		{name: "merged to another branch", change: func(h *hub) { h.branch = "release" }, state: readiness.Fail, says: "#7 was merged to main, and release is released"},
		{name: "a bot's change", change: func(h *hub) { h.pull["user"] = "dependabot[bot]" }, state: readiness.Pass},
		{name: "a deleted account approves", change: func(h *hub) { h.reviews = []string{h.review("x", "APPROVED", "11:00", "user", "null")} }, state: readiness.Fail, says: "an account that no longer exists"},
		{name: "stale", change: func(h *hub) { h.reviews = []string{h.review("grace", "APPROVED", "09:30")} }, state: readiness.Fail, says: "before the last content of 2026-11-24T10:00:00Z"},
		{name: "dismissed", change: func(h *hub) { h.reviews = []string{h.review("grace", "DISMISSED", "11:00")} }, state: readiness.Fail, says: "withdrawn or dismissed"},
		{name: "changes requested after", change: func(h *hub) { h.reviews = append(h.reviews, h.review("grace", "CHANGES_REQUESTED", "11:30")) }, state: readiness.Fail, says: "changes requested by grace"},
		{name: "changes requested by another", change: func(h *hub) { h.reviews = append(h.reviews, h.review("linus", "CHANGES_REQUESTED", "08:30")) }, state: readiness.Fail, says: "changes requested by linus"},
		{name: "approved after changes were requested", change: func(h *hub) {
			h.reviews = []string{h.review("grace", "CHANGES_REQUESTED", "09:30"), h.review("grace", "APPROVED", "11:00")}
		}, state: readiness.Pass},
		{name: "a comment after", change: func(h *hub) { h.reviews = append(h.reviews, h.review("grace", "COMMENTED", "11:30")) }, state: readiness.Pass},
		{name: "a pending review", change: func(h *hub) { h.reviews = []string{h.review("grace", "PENDING", "11:30")} }, state: readiness.Fail, says: "nobody has approved"},
		{name: "not merged", change: func(h *hub) { h.pull["merged"] = "null" }, state: readiness.Fail, says: "#7 is not merged"},
		{name: "pushed to main", commit: s.direct, change: func(h *hub) { h.answers["repos/o/r/commits/"+s.direct+"/pulls"] = "[]" }, state: readiness.Fail, says: "it has no review request"},
		{name: "the base merged after the approval, which GitHub points to it", commit: s.updateMerge, change: func(h *hub) {
			h.updated(s.update)
			h.reviews = []string{h.review("grace", "APPROVED", "11:00", "commit", s.update)}
		}, state: readiness.Pass, says: "4 commits, 2 of them empty merges"},
		{name: "content and then the base after the approval, which GitHub points to it", commit: s.updateMerge, change: func(h *hub) {
			h.updated(s.update)
			h.reviews = []string{h.review("grace", "APPROVED", "09:30", "commit", s.update)}
		}, state: readiness.Fail, says: "before the last content of 2026-11-24T10:00:00Z"},
		{name: "who merges the base approves", commit: s.updateMerge, change: func(h *hub) {
			h.updated(s.update)
			h.pushes[0] = h.push(s.update, "11:30", "actor", "grace")
		}, state: readiness.Pass},
		{name: "content in the merge of the base", commit: s.evilUpdateMerge, change: func(h *hub) { h.updated(s.evilUpdate) }, state: readiness.Fail, says: "before the last content of 2026-11-24T11:30:00Z"},
		{name: "content in the merge to main", commit: s.evilMerge, change: func(h *hub) {
			h.answers["repos/o/r/commits/"+s.evilMerge] = h.commit(s.evilMerge, "verified", "true", "committer", user("web-flow"))
		},
			state: readiness.Fail, says: "content that only the merge has"},
		{name: "forced away and back after the approval", change: func(h *hub) {
			h.pushes = append([]string{h.push(s.second, "11:40", "kind", "force_push"), h.push(s.direct, "11:30", "kind", "force_push")}, h.pushes...)
		}, state: readiness.Fail, says: "before the last content of 2026-11-24T11:40:00Z"},
		{name: "forced to fewer commits after the approval", change: func(h *hub) {
			h.pull["head"], h.commits = s.first, h.commits[:1]
			h.pushes = append([]string{h.push(s.first, "11:30", "kind", "force_push")}, h.pushes...)
			h.answers["repos/o/r/commits/"+s.second+"/pulls"] = "[]"
		}, state: readiness.Fail, says: "before the last content of 2026-11-24T11:30:00Z"},
		{name: "forced, then approved", change: func(h *hub) {
			h.pushes = append([]string{h.push(s.second, "10:40", "kind", "force_push"), h.push(s.direct, "10:30", "kind", "force_push")}, h.pushes...)
		}, state: readiness.Pass},
		{name: "pushed after it was merged", change: func(h *hub) { h.pushes = append([]string{h.push(s.direct, "13:00")}, h.pushes...) }, state: readiness.Pass},
		{name: "the last push is not listed", change: func(h *hub) { h.pushes = h.pushes[1:] }, state: readiness.Unknown, says: "does not show when its last commit"},
		{name: "no pushes are listed", change: func(h *hub) { h.pushes = nil }, state: readiness.Unknown, says: "does not show when its last commit"},
		{name: "a fork that no longer exists", change: func(h *hub) { h.pull["repo"] = "null" }, state: readiness.Unknown, says: "a fork that no longer exists"},
		{name: "a fork that can't be read", change: func(h *hub) {
			h.pull["repo"] = `{"id": 2, "name": "f", "full_name": "ada/f", "owner": {"login": "ada", "id": 1, "type": "User"}}`
		}, state: readiness.Unknown, says: "ada/f, whose pushes this token may not read"},
		{name: "too many commits", change: func(h *hub) {
			for len(h.commits) < mostPullCommits {
				h.commits = append(h.commits, h.commits[0])
			}
		}, state: readiness.Unknown, says: "GitHub lists no others"},
		{name: "squashed here to the same", commit: s.squash, state: readiness.Pass, says: "1 commit, 0 of them"},
		{name: "squashed to something else", commit: s.evilSquash, state: readiness.Fail, says: "which is not what git makes from"},
		{name: "squashed by another author", commit: s.squash, change: func(h *hub) { h.answers["repos/o/r/commits/"+s.squash] = h.commit(s.squash, "trailers", noreply) },
			state: readiness.Fail, says: "grace contributed content"},
		{name: "squashed, and the head is not here", commit: s.squash, change: func(h *hub) { h.elsewhere(strings.Repeat("e", 40)) }, state: readiness.Unknown, says: "git fetch origin refs/pull/7/head"},
		{name: "squashed and signed by GitHub, and the head is not here", commit: s.squash, change: func(h *hub) {
			h.elsewhere(strings.Repeat("e", 40))
			h.answers["repos/o/r/commits/"+s.squash] = h.commit(s.squash, "verified", "true", "committer", user("web-flow"))
		}, state: readiness.Pass},
		{name: "squashed and signed by its author, and the head is not here", commit: s.squash, change: func(h *hub) {
			h.elsewhere(strings.Repeat("e", 40))
			h.answers["repos/o/r/commits/"+s.squash] = h.commit(s.squash, "verified", "true")
		}, state: readiness.Unknown, says: "is not in this clone for a comparison"},
		{name: "rebased", commit: s.rebased[1], state: readiness.Pass, says: "2 commits, 0 of them"},
		{name: "rebased in part", commit: s.rebased[0], state: readiness.Fail, says: "which is not what git makes from"},
		{name: "a later page of reviews", change: func(h *hub) {
			h.answers["Link repos/o/r/pulls/7/reviews"] = "?page=2"
			h.answers["repos/o/r/pulls/7/reviews?page=2"] = array(h.review("linus", "CHANGES_REQUESTED", "11:30"))
		}, state: readiness.Fail, says: "changes requested by linus"},
		{name: "a later page of pushes", change: func(h *hub) {
			h.answers["Link repos/o/r/activity"] = "?after=cursor"
			h.answers["repos/o/r/activity?after=cursor"] = array(h.pushes...)
			h.pushes = []string{h.push(s.direct, "13:00")}
		}, state: readiness.Pass},
		{name: "the rules can't be read", change: func(h *hub) { h.answers["repos/o/r/rules/branches/main"] = "500" }, state: readiness.Pass, says: "main: its rules can't be read"},
		{name: "no rules", change: func(h *hub) { h.answers["repos/o/r/rules/branches/main"] = "[]" }, state: readiness.Pass, says: "no ruleset requires pull requests"},
		{name: "GitHub is broken", change: func(h *hub) { h.answers["repos/o/r/pulls/7/reviews"] = "500" }, state: readiness.Unknown, says: "asking github about commit"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.t = t
			h := newHub(t, s)
			if tt.change != nil {
				tt.change(h)
			}
			commit := tt.commit
			if commit == "" {
				commit = s.merge
			}
			got, _ := h.decide(commit, tt.accounts)
			wants(t, got, tt.state, tt.says)
		})
	}
}

// updated adds a commit that merges the base and is pushed after the approval.
func (h *hub) updated(merge string) {
	h.pull["head"] = merge
	h.commits = append(h.commits, h.commit(merge, "author", user("linus"), "committer", user("web-flow")))
	h.pushes = append([]string{h.push(merge, "11:30", "actor", "linus")}, h.pushes...)
}

// elsewhere gives the pull request a head that is not in the clone.
func (h *hub) elsewhere(head string) {
	h.pull["head"] = head
	h.commits = []string{strings.ReplaceAll(h.commit(h.second), h.second, head)}
	h.pushes = []string{h.push(head, "10:00")}
}
