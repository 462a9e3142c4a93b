package comment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/readiness"
)

// TestOneComment holds that wrote the comment once and then updated, by the shapes of
// GitHub's and of GitLab's API.
func TestOneComment(t *testing.T) {
	given := func(env map[string]string, url string) *request {
		for _, name := range []string{"GITHUB_REF", "GITHUB_TOKEN", "GITHUB_REPOSITORY", "GITHUB_API_URL", "CI_MERGE_REQUEST_IID", "CI_PROJECT_ID", "CI_API_V4_URL", "MAGEWRIGHT_GITLAB_TOKEN"} {
			t.Setenv(name, strings.Replace(env[name], "URL", url, 1))
		}
		return requestOf()
	}
	for _, tt := range []struct {
		name, comments, one, update, header string
		env                                 map[string]string
	}{
		{
			"github", "/repos/o/r/issues/7/comments", "/repos/o/r/issues/comments/", http.MethodPatch, "Authorization=Bearer secret",
			map[string]string{"GITHUB_REF": "refs/pull/7/merge", "GITHUB_TOKEN": "secret", "GITHUB_REPOSITORY": "o/r", "GITHUB_API_URL": "URL"},
		},
		{
			"gitlab", "/projects/12/merge_requests/7/notes", "/projects/12/merge_requests/7/notes/", http.MethodPut, "Private-Token=secret",
			map[string]string{"CI_MERGE_REQUEST_IID": "7", "CI_PROJECT_ID": "12", "CI_API_V4_URL": "URL", "MAGEWRIGHT_GITLAB_TOKEN": "secret"},
		},
	} {
		// The first page is full of others' comments.
		bodies := make([]string, 100)
		for i := range bodies {
			bodies[i] = "looks good"
		}
		denied := false
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			name, value, _ := strings.Cut(tt.header, "=")
			if r.Header.Get(name) != value || denied {
				http.Error(w, `{"message": "Resource not accessible"}`, http.StatusForbidden)
				return
			}
			var sent struct{ Body string }
			data, _ := io.ReadAll(r.Body)
			_ = json.Unmarshal(data, &sent)
			var id int
			switch _, err := fmt.Sscanf(r.URL.Path, tt.one+"%d", &id); {
			case r.Method == http.MethodGet && r.URL.Path == tt.comments:
				var page int
				_, _ = fmt.Sscan(r.URL.Query().Get("page"), &page)
				list := []map[string]any{}
				for i := 100 * (page - 1); i < min(100*page, len(bodies)); i++ {
					list = append(list, map[string]any{"id": i, "body": bodies[i]})
				}
				_ = json.NewEncoder(w).Encode(list)
			case r.Method == http.MethodPost && r.URL.Path == tt.comments:
				bodies = append(bodies, sent.Body)
				w.WriteHeader(http.StatusCreated)
			case r.Method == tt.update && err == nil:
				bodies[id] = sent.Body
			default:
				http.NotFound(w, r)
			}
		}))
		r := given(tt.env, server.URL)
		for i := range 3 {
			if err := r.write(t.Context(), io.Discard, fmt.Sprintf("%s\ntext %d", marker, i)); err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
		}
		if len(bodies) != 101 || !strings.HasSuffix(bodies[100], "text 2") {
			t.Errorf("%s: there are %d comments, the last %q", tt.name, len(bodies), bodies[len(bodies)-1])
		}
		denied = true
		if err := r.write(t.Context(), io.Discard, "text"); exit.Status(err) != exit.Environment || !strings.Contains(err.Error(), "permission to comment") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: a refusal gives %v", tt.name, err)
		}
		server.Close()
	}
	for _, env := range []map[string]string{{}, {"GITHUB_REF": "refs/heads/main", "GITHUB_TOKEN": "t"}, {"GITHUB_REF": "refs/pull/7/merge"}, {"CI_MERGE_REQUEST_IID": "7"}} {
		if r := given(env, ""); r != nil {
			t.Errorf("%v is of a request: %+v", env, r)
		}
	}
}

func TestCompose(t *testing.T) {
	t.Parallel()
	cfg := project.Config{Dir: t.TempDir(), Commit: strings.Repeat("a", 40)}
	git := func(args ...string) {
		t.Helper()
		if err := (command.Cmd{Dir: cfg.Dir}).Run(t.Context(), "git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...); err != nil {
			t.Fatal(err)
		}
	}
	git("init", "-q")
	git("commit", "-q", "--allow-empty", "-m", "a")
	if err := os.WriteFile(filepath.Join(cfg.Dir, "new.go"), []byte("package a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	git("add", "-A")
	git("commit", "-q", "-m", "b")
	text, err := compose(t.Context(), cfg, "HEAD~1", func(_ context.Context, args ...string) (string, error) {
		if len(args) != 2 || args[1] != "-base=HEAD~1" {
			t.Errorf("the program is run with %q", args)
		}
		if args[0] == "plan" {
			return "", errors.New("there are no AWS credentials")
		}
		return "  PASS  tests\n  ``` no end of it\n\nNO-GO aaaaaaaaaaaa: 12 passed, 1 failed", errors.New("exit status 1")
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		marker + "\n### Magewright: NO-GO aaaaaaaaaaaa: 12 passed, 1 failed\n", "new.go | 1 +", "not made: there are no AWS credentials",
		"\n````\n  PASS  tests\n  ``` no end of it\n", "Commit aaaaaaaaaaaa.",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("it lacks %q:\n%s", want, text)
		}
	}
	if !strings.HasPrefix(text, marker) {
		t.Error("it would not be found again")
	}
}

// TestHeadline holds that each verdict is found in the line that readiness prints.
func TestHeadline(t *testing.T) {
	t.Parallel()
	for _, verdict := range []string{readiness.Go, readiness.GoWaivers, readiness.GoRehearsal, readiness.NoGo} {
		line := readiness.Assessment{Verdict: verdict, Commit: strings.Repeat("a", 40)}.Summary()
		if got := headline("  PASS  tests\n\n"+line+"\n", nil); got != line {
			t.Errorf("of %q the headline is %q", line, got)
		}
	}
}
