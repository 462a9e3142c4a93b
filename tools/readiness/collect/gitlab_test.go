package collect

import (
	"fmt"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/readiness"
)

// A lab is a GitLab with one merge request, !7, which a test may change.
type lab struct {
	shapes
	t        *testing.T
	request  map[string]string
	commits  []string // JSON
	versions []string
	notes    []string
	approved []string // names of the users whose approval is current
	bots     map[string]bool
	answers  map[string]string
}

func newLab(t *testing.T, s shapes) *lab {
	t.Helper()
	l := &lab{shapes: s, t: t, answers: map[string]string{}, bots: map[string]bool{}}
	l.request = map[string]string{"state": "merged", "head": s.second}
	l.commits = []string{l.commit(s.second), l.commit(s.first)}
	l.versions = []string{l.version(s.second, "10:00"), l.version(s.first, "09:00")}
	l.notes = []string{l.note("ada", `added 1 commit\n\n<ul><li>abc - Add a ledger</li></ul>`, "10:00"), l.note("grace", "approved this merge request", "11:00")}
	l.approved = []string{"grace"}
	return l
}

func (l *lab) commit(sha string, changes ...string) string {
	var parents []string
	for _, p := range l.parents(sha) {
		parents = append(parents, `"`+p+`"`)
	}
	return recorded(l.t, "gitlab/commit.json", with(map[string]string{"sha": sha, "trailers": "", "committer": "ada@example.com", "parents": array(parents...)}, changes...))
}

func (l *lab) version(head, at string) string {
	return recorded(l.t, "gitlab/version.json", map[string]string{"head": head, "on": "2026-11-24T" + at + ":00.000Z"})
}

func (l *lab) note(by, body, at string, changes ...string) string {
	return recorded(l.t, "gitlab/note.json", with(map[string]string{"author": by, "body": body, "on": "2026-11-24T" + at + ":00.000Z", "system": "true"}, changes...))
}

func (l *lab) decide(commit string, accounts map[string]string) readiness.Result {
	l.t.Helper()
	const api, project = "/api/v4/", "/api/v4/projects/g%2Fs%2Fp/"
	request := project + "merge_requests/7/"
	var approvers []string
	for i, name := range l.approved {
		approvers = append(approvers, fmt.Sprintf(`{"user": {"id": %d, "username": %q, "name": "Somebody", "state": "active"}}`, i+1, name))
	}
	answers := map[string]string{
		api + "users":         `[{"id": 1, "username": "ada", "public_email": "Ada@example.com"}, {"id": 4, "username": "adam", "public_email": "adam@example.com"}]`,
		request + "commits":   array(l.commits...),
		request + "versions":  array(l.versions...),
		request + "notes":     array(l.notes...),
		request + "approvals": recorded(l.t, "gitlab/approvals.json", map[string]string{"by": array(approvers...)}),
		project + "approvals": recorded(l.t, "gitlab/project_approvals.json", nil),
	}
	for i, name := range l.approved {
		answers[fmt.Sprintf("%susers/%d", api, i+1)] = fmt.Sprintf(`{"id": %d, "username": %q, "bot": %t}`, i+1, name, l.bots[name])
	}
	e := l.env(commit, readiness.ReviewPolicy{Platform: readiness.GitLab, Repository: "g/s/p", Accounts: accounts})
	for _, c := range e.Candidate.Commits {
		answers[project+"repository/commits/"+c+"/merge_requests"] = array(recorded(l.t, "gitlab/merge_request.json", l.request))
	}
	for path, answer := range l.answers {
		answers[strings.Replace(path, "project/", project, 1)] = answer
	}
	e.Policy.Review.URL = serve(l.t, answers, "token").URL
	got, _ := decided(l.t, e)
	return got
}

func TestGitLab(t *testing.T) {
	t.Setenv("GITLAB_TOKEN", "token")
	s := newShapes(t)
	for _, tt := range []struct {
		name     string
		commit   string // s.merge by default
		change   func(*lab)
		accounts map[string]string
		state    readiness.State
		says     string
	}{
		{name: "merged and approved", state: readiness.Pass, says: "3 commits, 1 of them empty merges, by 1 request with 1 approval"},
		{name: "the settings are recorded", state: readiness.Pass, says: "a push resets approvals true, authors may approve false, committers may approve false"},
		{name: "the settings can't be read", change: func(l *lab) { l.answers["project/approvals"] = "500" }, state: readiness.Pass, says: "settings can't be read"},
		{name: "no approval", change: func(l *lab) { l.approved, l.notes = nil, nil }, state: readiness.Fail, says: "nobody has approved"},
		{name: "the opener approves", change: func(l *lab) {
			l.approved, l.notes = []string{"ada"}, []string{l.note("ada", "approved this merge request", "11:00")}
		}, state: readiness.Fail, says: "ada contributed content"},
		{name: "a committer approves", change: func(l *lab) {
			l.commits[0] = l.commit(s.second, "committer", "7-grace@users.noreply.gitlab.com")
		}, state: readiness.Fail, says: "grace contributed content"},
		{name: "a committer whom nobody knows", change: func(l *lab) { l.commits[0] = l.commit(s.second, "committer", "g@home.example") }, state: readiness.Unknown, says: "g@home.example, whose account is unknown"},
		{name: "a committer whom the policy knows", change: func(l *lab) { l.commits[0] = l.commit(s.second, "committer", "g@home.example") },
			accounts: map[string]string{"g@home.example": "grace"}, state: readiness.Fail, says: "grace contributed content"},
		{name: "a co-author approves", change: func(l *lab) {
			l.commits[0] = l.commit(s.second, "trailers", `\n\nCo-authored-by: Grace <grace@users.noreply.gitlab.com>`)
		}, state: readiness.Fail, says: "grace contributed content"},
		{name: "a pusher approves", change: func(l *lab) { l.notes[0] = l.note("grace", `added 2 commits\n\n<ul></ul>`, "10:00") }, state: readiness.Fail, says: "grace contributed content"},
		{name: "a bot approves", change: func(l *lab) { l.bots["grace"] = true }, state: readiness.Fail, says: "grace is a bot"},
		{name: "stale, on a project that keeps approvals", change: func(l *lab) { l.notes[1] = l.note("grace", "approved this merge request", "09:30") }, state: readiness.Fail, says: "before the last content of 2026-11-24T10:00:00Z"},
		{name: "reset by a push", change: func(l *lab) { l.approved = nil }, state: readiness.Fail, says: "withdrawn or dismissed"},
		{name: "taken back", change: func(l *lab) {
			l.approved = nil
			l.notes = append(l.notes, l.note("grace", "unapproved this merge request", "11:30"))
		}, state: readiness.Fail, says: "withdrawn or dismissed"},
		{name: "changes requested after", change: func(l *lab) { l.notes = append(l.notes, l.note("linus", "requested changes", "11:30")) }, state: readiness.Fail, says: "changes requested by linus"},
		{name: "changes requested after by the approver", change: func(l *lab) { l.notes = append(l.notes, l.note("grace", "requested changes", "11:30")) }, state: readiness.Fail, says: "changes requested by grace"},
		{name: "only written that it is approved", change: func(l *lab) { l.notes[1] = l.note("grace", "approved this merge request", "11:00", "system", "false") }, state: readiness.Unknown, says: "does not show whether grace approved"},
		{name: "an approval without a note", change: func(l *lab) { l.notes = l.notes[:1] }, state: readiness.Unknown, says: "does not show whether grace approved"},
		{name: "not merged", change: func(l *lab) { l.request["state"] = "opened" }, state: readiness.Fail, says: "!7 is not merged"},
		{name: "pushed to main", commit: s.direct, change: func(l *lab) { l.answers["project/repository/commits/"+s.direct+"/merge_requests"] = "[]" }, state: readiness.Fail, says: "it has no review request"},
		{name: "the base merged after the approval", commit: s.updateMerge, change: func(l *lab) {
			l.request["head"] = s.update
			l.commits = append(l.commits, l.commit(s.update))
			l.versions = append([]string{l.version(s.update, "11:30")}, l.versions...)
		}, state: readiness.Pass},
		{name: "forced away and back after the approval", change: func(l *lab) {
			l.versions = append([]string{l.version(s.second, "11:40"), l.version(s.direct, "11:30")}, l.versions...)
		}, state: readiness.Fail, says: "before the last content of 2026-11-24T11:40:00Z"},
		{name: "no versions", change: func(l *lab) { l.versions = nil }, state: readiness.Unknown, says: "does not show when its last commit"},
		{name: "squashed", commit: s.squash, accounts: map[string]string{"a@example.com": "ada"}, state: readiness.Pass},
		{name: "squashed to something else", commit: s.evilSquash, accounts: map[string]string{"a@example.com": "ada"}, state: readiness.Fail, says: "which is not what git makes from"},
		{name: "a later page of notes", change: func(l *lab) {
			l.answers["Link project/merge_requests/7/notes"] = "?page=2"
			l.answers["project/merge_requests/7/notes?page=2"] = array(l.note("linus", "requested changes", "11:30"))
		}, state: readiness.Fail, says: "changes requested by linus"},
		{name: "GitLab is broken", change: func(l *lab) { l.answers["project/merge_requests/7/approvals"] = "500" }, state: readiness.Unknown, says: "asking gitlab about commit"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.t = t
			l := newLab(t, s)
			if tt.change != nil {
				tt.change(l)
			}
			commit := tt.commit
			if commit == "" {
				commit = s.merge
			}
			wants(t, l.decide(commit, tt.accounts), tt.state, tt.says)
		})
	}
}
