package collect

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/readiness"
)

// shapes are the ways in which two commits, first and second, can reach a main
// branch that has meanwhile moved on to base.
type shapes struct {
	repository
	base, first, second string
	merge               string // a merge of second
	evilMerge           string // with additional content
	update, updateMerge string // base merged into the branch, and that branch merged into main
	evilUpdate          string // with additional content
	evilUpdateMerge     string
	squash, evilSquash  string
	rebased             [2]string
	direct              string // pushed to main
}

func newShapes(t *testing.T) shapes {
	t.Helper()
	s := shapes{repository: newRepository(t)}
	s.commit(map[string]string{"a": "a"})
	s.git("checkout", "--quiet", "-b", "feature")
	s.first = s.commit(map[string]string{"one": "1"})
	s.second = s.commit(map[string]string{"two": "2"})
	s.git("checkout", "--quiet", "main")
	s.base = s.commit(map[string]string{"b": "b"})
	head := func() string { return s.git("rev-parse", "HEAD") }
	merge := func(on, branch string) string {
		s.git("checkout", "--quiet", "--detach", on)
		s.git("merge", "--quiet", "--no-ff", "-m", "Merge pull request #7", branch)
		return head()
	}
	spoil := func(commit string) string {
		s.git("checkout", "--quiet", "--detach", commit)
		if err := os.WriteFile(filepath.Join(s.dir, "evil"), []byte("evil"), 0o600); err != nil {
			t.Fatal(err)
		}
		s.git("add", "-A")
		s.git("commit", "--quiet", "--amend", "--no-edit")
		return head()
	}
	s.merge = merge(s.base, s.second)
	s.evilMerge = spoil(s.merge)
	s.update = merge(s.second, s.base)
	s.updateMerge = merge(s.base, s.update)
	s.evilUpdate = spoil(s.update)
	s.evilUpdateMerge = merge(s.base, s.evilUpdate)
	s.git("checkout", "--quiet", "--detach", s.base)
	s.git("merge", "--quiet", "--squash", s.second)
	s.git("commit", "--quiet", "-m", "Add a ledger (#7)\n\nReviewed-by: Grace <grace@example.com>")
	s.squash = head()
	s.evilSquash = spoil(s.squash)
	s.git("checkout", "--quiet", "--detach", s.base)
	s.git("cherry-pick", s.first, s.second)
	s.rebased = [2]string{s.git("rev-parse", "HEAD^"), head()}
	s.git("checkout", "--quiet", "--detach", s.base)
	s.direct = s.commit(map[string]string{"direct": "d"})
	return s
}

// env returns the collector's input for a release of commit.
func (s shapes) env(commit string, policy readiness.ReviewPolicy) Env {
	return Env{
		Project: s.at(commit), Clock: clock.System(), Policy: readiness.Policy{Review: policy},
		Candidate: readiness.Candidate{
			Commit: commit, Base: s.base, Tree: s.git("rev-parse", commit+"^{tree}"),
			Commits: strings.Fields(s.git("rev-list", s.base+".."+commit)),
		},
	}
}

func (s shapes) parents(commit string) []string {
	return strings.Fields(s.git("log", "-1", "--format=%P", commit))
}

// decided collects the reviews and decides from them.
func decided(t *testing.T, e Env) (readiness.Result, readiness.Reviews) {
	t.Helper()
	got, err := Reviews(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	s, err := evidence.NewStatement(e.Candidate.Commit, "", got)
	if err != nil {
		t.Fatal(err)
	}
	check, ok := readiness.Find("peer-review")
	if !ok {
		t.Fatal("there is no check peer-review")
	}
	result := check.Decide(readiness.Inputs{Candidate: e.Candidate, Policy: e.Policy, Now: e.Clock.Now(), Statements: []evidence.Statement{s}})
	return result, got.(readiness.Reviews)
}

// wants checks a result's state, and that its text contains says.
func wants(t *testing.T, got readiness.Result, state readiness.State, says string) {
	t.Helper()
	all := strings.Join(append(got.Findings, got.Counted, got.Reason, got.NotChecked), "\n")
	if got.State != state || !strings.Contains(all, says) {
		t.Errorf("%s, want %s with %q:\n%s", got.State, state, says, all)
	}
}

// recorded returns an answer from testdata after a test's replacements.
func recorded(t *testing.T, file string, values map[string]string) string {
	t.Helper()
	parsed, err := template.New(filepath.Base(file)).Option("missingkey=error").ParseFiles(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, values); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// with returns values after some replacements.
func with(values map[string]string, changes ...string) map[string]string {
	out := map[string]string{}
	for k, v := range values {
		out[k] = v
	}
	for i := 0; i < len(changes); i += 2 {
		out[changes[i]] = changes[i+1]
	}
	return out
}

func array(items ...string) string { return "[" + strings.Join(items, ",") + "]" }

// serve serves answers by path; "500" and the like stand for a status. Other
// paths are not found.
func serve(t *testing.T, answers map[string]string, tokens ...string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token := r.Header.Get("Authorization") + r.Header.Get("Private-Token"); !strings.Contains(token, strings.Join(tokens, "")) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		key := r.URL.EscapedPath()
		if page := r.URL.Query().Get("page"); page != "" && page != "1" {
			key += "?page=" + page
		}
		if after := r.URL.Query().Get("after"); after != "" {
			key += "?after=" + after
		}
		answer, ok := answers[key]
		w.Header().Set("Content-Type", "application/json")
		switch {
		case !ok:
			w.WriteHeader(http.StatusNotFound)
			answer = `{"message":"Not Found"}`
		case answer == "500":
			w.WriteHeader(http.StatusInternalServerError)
			answer = `{"message":"Server Error"}`
		}
		if link := answers["Link "+key]; link != "" {
			w.Header().Set("Link", "<http://"+r.Host+r.URL.EscapedPath()+link+`>; rel="next"`)
			w.Header().Set("X-Next-Page", strings.TrimPrefix(link, "?page="))
		}
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(server.Close)
	return server
}

func TestParseRemote(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"https://github.com/o/r.git":                                      "github o/r ",
		"https://x-access-token:secret@github.com/o/r":                    "github o/r ",
		"git@github.com:o/r.git":                                          "github o/r ",
		"ssh://git@github.com:22/o/r.git":                                 "github o/r ",
		"https://gitlab.com/g/s/p.git":                                    "gitlab g/s/p ",
		"git@gitlab.com:g/p.git":                                          "gitlab g/p ",
		"https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/r":       "codecommit r eu-west-1",
		"ssh://APKA@git-codecommit.eu-west-1.amazonaws.com/v1/repos/r":    "codecommit r eu-west-1",
		"codecommit::eu-west-1://profile@r":                               "codecommit r eu-west-1",
		"codecommit://r":                                                  "codecommit r ",
		"https://github.com/o":                                            "",
		"https://github.com.evil.example/o/r":                             "",
		"https://example.com/github.com/r":                                "",
		"/srv/git/r":                                                      "",
		"https://git-codecommit.eu-west-1.amazonaws.com.evil/v1/repos/r":  "",
		"https://git-codecommit.eu-west-1.amazonaws.com/other/v1/repos/r": "",
	} {
		got, ok := parseRemote(remote)
		if said := got.Platform + " " + got.Repository + " " + got.region; ok != (want != "") || ok && said != want {
			t.Errorf("%s is %q, %t; want %q", remote, said, ok, want)
		}
	}
	if said := withoutSecret("https://ada:secret@example.com/r"); strings.Contains(said, "secret") {
		t.Errorf("a secret is shown: %s", said)
	}
}

func TestNameless(t *testing.T) {
	t.Parallel()
	for email, want := range map[string]string{
		"123+Ada@users.noreply.github.com":  "ada",
		"ada@users.noreply.github.com":      "ada",
		"a-b@users.noreply.github.com":      "a-b",
		"12-ada-b@users.noreply.github.com": "ada-b",
		"ada@example.com":                   "",
	} {
		if got := nameless(email, "users.noreply.github.com"); got != want {
			t.Errorf("%s is %q, want %q", email, got, want)
		}
	}
}

// TestNobodyToAsk checks that without a platform the commits' claims are shown,
// but decide nothing.
func TestNobodyToAsk(t *testing.T) {
	t.Setenv("GITHUB_TOKEN", "")
	t.Setenv("GITLAB_TOKEN", "")
	s := newShapes(t)
	for _, tt := range []struct {
		origin, platform, says, next string
	}{
		{"", "", "there is no origin remote", "review.platform"},
		{"https://git:pw@git.example.com/r", "", "git:xxxxx@git.example.com", "review.platform"},
		{"git@github.com:o/r.git", "github", "there is no GITHUB_TOKEN", "GITHUB_TOKEN"},
		{"git@gitlab.com:g/p.git", "gitlab", "there is no GITLAB_TOKEN", "GITLAB_TOKEN"},
		{"codecommit::eu-west-1://r", "codecommit", "no AWS credentials", "aws"},
	} {
		if tt.origin != "" {
			if tt.platform == "" {
				s.git("remote", "add", "origin", tt.origin)
			}
			s.git("remote", "set-url", "origin", tt.origin)
		}
		got, reviews := decided(t, s.env(s.squash, readiness.ReviewPolicy{}))
		wants(t, got, readiness.Unknown, tt.says)
		wants(t, got, readiness.Unknown, "which proves nothing: Reviewed-by: Grace <grace@example.com>")
		if reviews.Platform != tt.platform || !strings.Contains(got.Next, tt.next) {
			t.Errorf("platform %q, next %q", reviews.Platform, got.Next)
		}
	}
	t.Setenv("GITHUB_TOKEN", "token")
	e := s.env(s.squash, readiness.ReviewPolicy{Platform: readiness.GitHub, Repository: "o/r", URL: "http://127.0.0.1:0"})
	got, _ := decided(t, e)
	wants(t, got, readiness.Unknown, "asking github about commit")
	e.Candidate.Shallow = true
	got, _ = decided(t, e)
	wants(t, got, readiness.Unknown, "shallow")
	e = s.env(s.merge, readiness.ReviewPolicy{})
	got, _ = decided(t, e)
	wants(t, got, readiness.Unknown, "which proves nothing: it is a merge: Merge pull request #7")
	e.Candidate.Base, e.Project.Dir = "no-such-commit", s.dir
	if _, err := Reviews(t.Context(), e); err == nil {
		t.Error("a range that can't be read gives no error")
	}
}

// TestHistory checks that what an author writes into a commit can't hide who wrote it.
func TestHistory(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	base := r.commit(map[string]string{"a": "a"})
	r.git("commit", "--quiet", "--allow-empty", "--author=Ada <ada@example.com>", "-m", "Odd\x1f subject\n\nReviewed-by: a\nReviewed-by: b\n\n  CO-AUTHORED-BY: Grace <grace@example.com>\n\nco-authored-by: linus@example.com\nnot co-authored-by: x@example.com")
	head := r.git("rev-parse", "HEAD")
	e := Env{Project: r.at(head), Candidate: readiness.Candidate{Base: base, Commit: head}}
	commits, err := newHistory(e).commits(t.Context())
	if err != nil || len(commits) != 1 {
		t.Fatalf("%d commits, %v", len(commits), err)
	}
	c := commits[0]
	if got := strings.Join(c.Emails, " "); got != "a@example.com ada@example.com grace@example.com linus@example.com" {
		t.Errorf("addresses are %s", got)
	}
	if got := strings.Join(c.Claims, "; "); c.Commit != head || c.Subject != "Odd\x1f subject" || got != "Reviewed-by: a; Reviewed-by: b" {
		t.Errorf("commit %+v", c)
	}
	e.Candidate.Base = head
	if commits, err := newHistory(e).commits(t.Context()); err != nil || len(commits) != 0 {
		t.Errorf("an empty range gives %d commits, %v", len(commits), err)
	}
	e.Candidate.Base = ""
	if commits, err := newHistory(e).commits(t.Context()); err != nil || len(commits) != 2 {
		t.Errorf("the first release gives %d commits, %v", len(commits), err)
	}
}
