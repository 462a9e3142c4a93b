package collect

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/magewright/magewright/tools/readiness"
)

const arn = "arn:aws:iam::111122223333:user/"

// serveCodeCommit serves an answer for each operation; "" stands for a failure.
func serveCodeCommit(t *testing.T, answers map[string]string) *aws.Config {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), "CodeCommit_20150413.")
		var in struct{ RevisionID *string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.RevisionID != nil && *in.RevisionID != "9f29d167EXAMPLE" {
			t.Errorf("%s was asked of %v, %v", operation, in.RevisionID, err)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		answer, ok := answers[operation]
		if !ok {
			w.WriteHeader(http.StatusBadRequest)
			answer = `{"__type": "RepositoryDoesNotExistException", "message": "r does not exist"}`
		}
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(server.Close)
	return &aws.Config{Region: "eu-west-1", BaseEndpoint: aws.String(server.URL), Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}
}

func approvals(users ...string) string {
	var states []string
	for _, user := range users {
		states = append(states, `{"userArn": "`+arn+user+`", "approvalState": "APPROVE"}`)
	}
	return `{"approvals": ` + array(states...) + `}`
}

func TestCodeCommit(t *testing.T) {
	s := newShapes(t)
	people := map[string]string{"a@example.com": arn + "ada"}
	request := map[string]string{"source": s.second, "base": s.git("merge-base", s.base, s.second), "merged": "true", "merge": s.merge, "option": "THREE_WAY_MERGE"}
	good := map[string]string{"approved": "true", "notSatisfied": "[]", "overridden": "false", "satisfied": `["Two eyes"]`}
	for _, tt := range []struct {
		name     string
		commit   string            // s.merge by default
		request  map[string]string // replaces request
		rules    map[string]string // replaces good
		answers  map[string]string
		accounts map[string]string
		state    readiness.State
		says     string
	}{
		{name: "merged and approved", state: readiness.Pass, says: "3 commits, 1 of them empty merges, by 1 request with 1 approval"},
		{name: "no rules", rules: with(good, "satisfied", "[]"), state: readiness.Unknown, says: "#7 has no approval rules"},
		{name: "rules that are not met", rules: with(good, "approved", "false", "satisfied", "[]", "notSatisfied", `["Two eyes"]`), state: readiness.Fail, says: "does not meet its approval rules: Two eyes"},
		{name: "not approved", rules: with(good, "approved", "false"), state: readiness.Fail, says: "does not meet its approval rules"},
		{name: "rules that were overridden", rules: with(good, "overridden", "true"), state: readiness.Fail, says: "overriding its approval rules"},
		{name: "nobody approves", answers: map[string]string{"GetPullRequestApprovalStates": approvals()}, state: readiness.Fail, says: "nobody has approved"},
		{name: "the opener approves", answers: map[string]string{"GetPullRequestApprovalStates": approvals("ada")}, state: readiness.Fail, says: "user/ada contributed content"},
		{name: "a pusher approves", answers: map[string]string{"DescribePullRequestEvents": recorded(t, "codecommit/events.json", map[string]string{"actor": arn + "grace", "after": s.second, "base": s.base})},
			state: readiness.Fail, says: "user/grace contributed content"},
		{name: "an author approves", accounts: map[string]string{"a@example.com": arn + "grace"}, state: readiness.Fail, says: "user/grace contributed content"},
		{name: "an author whom nobody knows", accounts: map[string]string{}, state: readiness.Unknown, says: "a@example.com, whose account is unknown"},
		{name: "closed and not merged", request: with(request, "merged", "false"), state: readiness.Fail, says: "it has no review request"},
		{name: "pushed to main", commit: s.direct, state: readiness.Fail, says: "it has no review request"},
		{name: "squashed", commit: s.squash, request: with(request, "merge", s.squash, "option", "SQUASH_MERGE"), state: readiness.Pass},
		{name: "squashed with another content", commit: s.evilSquash, request: with(request, "merge", s.evilSquash, "option", "SQUASH_MERGE"), state: readiness.Fail, says: "which is not what git makes from"},
		{name: "squashed, and the source is not here", commit: s.squash, request: with(request, "merge", s.squash, "option", "SQUASH_MERGE", "source", strings.Repeat("e", 40)),
			state: readiness.Unknown, says: "git fetch origin refs/heads/feature"},
		{name: "the rules can't be evaluated", answers: map[string]string{"EvaluatePullRequestApprovalRules": `{"__type`}, state: readiness.Unknown, says: "evaluating its approval rules"},
		{name: "no repository", answers: map[string]string{"ListPullRequests": "absent"}, state: readiness.Unknown, says: "r does not exist"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			answers := map[string]string{
				"ListPullRequests":                 `{"pullRequestIds": ["7"]}`,
				"GetPullRequest":                   recorded(t, "codecommit/pull_request.json", request),
				"EvaluatePullRequestApprovalRules": recorded(t, "codecommit/evaluation.json", good),
				"GetPullRequestApprovalStates":     approvals("grace"),
				"DescribePullRequestEvents":        recorded(t, "codecommit/events.json", map[string]string{"actor": arn + "ada", "after": s.second, "base": s.base}),
			}
			if tt.request != nil {
				answers["GetPullRequest"] = recorded(t, "codecommit/pull_request.json", tt.request)
			}
			if tt.rules != nil {
				answers["EvaluatePullRequestApprovalRules"] = recorded(t, "codecommit/evaluation.json", tt.rules)
			}
			for operation, answer := range tt.answers {
				answers[operation] = answer
				if answer == "absent" {
					delete(answers, operation)
				}
			}
			commit, accounts := tt.commit, tt.accounts
			if commit == "" {
				commit = s.merge
			}
			if accounts == nil {
				accounts = people
			}
			s := s
			s.t = t
			e := s.env(commit, readiness.ReviewPolicy{Platform: readiness.CodeCommit, Repository: "r", Accounts: accounts})
			e.AWS = serveCodeCommit(t, answers)
			got, _ := decided(t, e)
			wants(t, got, tt.state, tt.says)
		})
	}
}
