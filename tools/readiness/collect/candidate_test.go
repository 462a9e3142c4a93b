package collect

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/readiness/baseline"
)

// repository is a git repository for a test.
type repository struct {
	t   *testing.T
	dir string
}

func newRepository(t *testing.T) repository {
	t.Helper()
	r := repository{t, t.TempDir()}
	r.git("init", "--quiet", "--initial-branch=main")
	return r
}

func (r repository) git(args ...string) string {
	r.t.Helper()
	out, err := command.Cmd{Dir: r.dir, Env: command.Environ(
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
	)}.Output(r.t.Context(), "git", args...)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// commit writes files and returns the commit. A file with an empty text is removed.
func (r repository) commit(files map[string]string) string {
	r.t.Helper()
	for name, text := range files {
		path := filepath.Join(r.dir, name)
		if text == "" {
			r.git("rm", "--quiet", name)
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			r.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	r.git("add", "-A")
	r.git("commit", "--quiet", "--allow-empty", "-m", "change")
	return r.git("rev-parse", "HEAD")
}

func (r repository) at(commit string) project.Config {
	return project.Config{Dir: r.dir, Assembly: filepath.Join(r.dir, "cdk.out"), Commit: commit}
}

func TestChangesThatAreNone(t *testing.T) {
	t.Parallel()
	for _, out := range []string{"M", "M\x00", "R100\x00a\x00", "R\x00a\x00b\x00", "modified\x00a\x00", "M\ta\x00"} {
		if changes, err := parseChanges(out); err == nil {
			t.Errorf("%q is read as %+v", out, changes)
		}
	}
	if changes, err := parseChanges(""); err != nil || len(changes) != 0 {
		t.Errorf("nothing is read as %+v, %v", changes, err)
	}
}

func TestCandidate(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	first := r.commit(map[string]string{"a.go": "package a\n\n// A is a letter.\nconst A = 1\n", "b.txt": "b"})
	second := r.commit(map[string]string{"b.txt": "", "é\tb\"\n.txt": "new"})
	r.git("mv", "a.go", "renamed.go")
	third := r.commit(nil)
	for _, tt := range []struct {
		name, commit, base string
		commits            int
		changed            []readiness.Change
	}{
		{name: "the parent", commit: third, base: second, commits: 1, changed: []readiness.Change{{Path: "renamed.go", Status: "R", From: "a.go"}}},
		{name: "the first commit", commit: first, commits: 1, changed: []readiness.Change{{Path: "a.go", Status: "A"}, {Path: "b.txt", Status: "A"}}},
		{name: "two commits", commit: third, base: first, commits: 2,
			changed: []readiness.Change{{Path: "b.txt", Status: "D"}, {Path: "renamed.go", Status: "R", From: "a.go"}, {Path: "é\tb\"\n.txt", Status: "A"}}},
		{name: "no base", commit: second, commits: 2, changed: []readiness.Change{{Path: "a.go", Status: "A"}, {Path: "é\tb\"\n.txt", Status: "A"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Candidate(t.Context(), r.at(tt.commit), baseline.Base{Commit: tt.base, Is: "as the test says"}, clock.System())
			if err != nil {
				t.Fatal(err)
			}
			if got.Base != tt.base || got.BaseIs != "as the test says" || len(got.Commits) != tt.commits || got.First() != (tt.base == "") {
				t.Errorf("got %+v", got)
			}
			if len(got.Changed) != len(tt.changed) {
				t.Fatalf("changed %+v, want %+v", got.Changed, tt.changed)
			}
			for i, c := range tt.changed {
				if got.Changed[i] != c {
					t.Errorf("changed %+v, want %+v", got.Changed[i], c)
				}
			}
		})
	}
}

// TestAttackMovedPolicy holds that a change which adopts Magewright, or no longer does,
// does not choose by that which policy judges it, and that a base without a policy
// leaves the choice to the change only if it has not adopted Magewright.
func TestAttackMovedPolicy(t *testing.T) {
	t.Parallel()
	const pin, ours, theirs = "magewright/go.mod", "infra/" + readiness.PolicyFile, "magewright/" + readiness.PolicyFile
	const module, strict, lax = "module a/magewright\n", "maxAge: 1h\nrequired: [secrets, sbom]\n", "maxAge: 9000h\nrequired: [sbom]\n"
	for _, tt := range []struct {
		name         string
		base, change map[string]string
		file         string
		fromBase     bool
		starting     bool
	}{
		{"it adopts Magewright", map[string]string{ours: strict}, map[string]string{pin: module, theirs: lax}, ours, true, false},
		{"it no longer does", map[string]string{pin: module, theirs: strict}, map[string]string{pin: "", ours: lax}, theirs, true, false},
		{"the base has none", map[string]string{pin: module}, map[string]string{theirs: lax}, theirs, true, true},
		{"the first policy", map[string]string{"a": "a"}, map[string]string{pin: module, theirs: strict}, theirs, false, false},
		{"adopted without one", map[string]string{"a": "a"}, map[string]string{pin: module}, theirs, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRepository(t)
			from := r.commit(tt.base)
			candidate := readiness.Candidate{Base: from, Commit: r.commit(tt.change)}
			if !tt.fromBase {
				from = candidate.Commit
			}
			used, err := Policy(t.Context(), r.at(candidate.Commit), candidate, clock.System())
			if err != nil || used.From != from || used.File != tt.file || used.Starting != tt.starting || !slices.Contains(used.Policy.Required, "secrets") {
				t.Errorf("it is judged by %+v, %v", used, err)
			}
		})
	}
}

func TestPolicyIsTheBases(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	none := r.commit(map[string]string{"a": "a"})
	strict := r.commit(map[string]string{"infra/" + readiness.PolicyFile: "maxAge: 1h\nrequired: [no-such-check]\n"})
	lax := r.commit(map[string]string{"infra/" + readiness.PolicyFile: "maxAge: 1h\n"})
	policy := func(base, commit string) (readiness.PolicyUsed, error) {
		return Policy(t.Context(), r.at(commit), readiness.Candidate{Base: base, Commit: commit}, clock.System())
	}
	if _, err := policy("", none); err == nil || !strings.Contains(err.Error(), "no policy") {
		t.Errorf("no policy at all gives %v", err)
	}
	if used, err := policy(none, strict); err == nil || used.From != strict || !strings.Contains(err.Error(), "no-such-check") {
		t.Errorf("the candidate's own policy gives %v, from %s", err, used.From)
	}
	if used, err := policy(strict, lax); err == nil || used.From != strict {
		t.Errorf("the policy is from %s, want it from the base: %v", used.From, err)
	}
	if _, err := policy(lax, lax); err == nil || !strings.Contains(err.Error(), "requires no check") {
		t.Errorf("a policy that requires nothing gives %v", err)
	}
}
