package sec

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/internal/inputs/inputstest"
	"github.com/magewright/magewright/tools/pins"
)

var files = map[string]string{
	"go.mod": "module example\n\ngo 1.26\n", "a.go": "package a\n", "b.go": "package a\n", "a_test.go": "package a\n", "page.html": "", ".gitignore": "ignored.*\n",
	"ignored.go": "package a\n", "tools/go.mod": "module tools\n", ".gitleaks.toml": "title = \"a\"\n",
}

const listed, others = "files that git lists", "names of the other files"

var sourceChanges = []inputstest.Change{
	inputstest.File("a.go", "package b\n", "file a.go"),
	inputstest.File("ignored.go", "package b\n", "file ignored.go"),
	inputstest.File("new.go", "package a\n", "file new.go", listed),
	inputstest.File("new.html", "", listed, others),
	inputstest.File(".gitignore", "", listed),
	inputstest.File("a_test.go", "it is not built"),
	inputstest.File("page.html", "it is not looked at"),
	inputstest.File("go.mod", "module example\n\ngo 1.25\n", "file go.mod"),
	inputstest.File("tools/go.mod", "module other\n", "file tools/go.mod"),
	inputstest.Executable("a.go", "file a.go"),
	inputstest.Link("a.go", "b.go", "file a.go"),
	inputstest.Toolchain,
	inputstest.Environment("GOFLAGS", "-tags=x", "go GOFLAGS"),
	inputstest.Environment("LANG", "x", "env LANG"),
	// The tools do not get these.
	inputstest.Environment("GOPACKAGESDRIVER", "driver"),
	inputstest.Environment("SETTING", "x"),
	inputstest.Environment("TERM", "dumb"),
	inputstest.Committed(),
}

func TestCodeInputs(t *testing.T) { inputstest.Run(t, codeInputs, files, sourceChanges...) }

// someModule is the index of modules of a database that knows one.
const someModule = `[{"path":"m","vulns":[{"id":"GO-1"}]}]`

func TestVulnerabilityInputs(t *testing.T) {
	modified := "2026-11-01T00:00:00Z"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/modules.json") {
			fmt.Fprint(w, someModule)
			return
		}
		fmt.Fprintf(w, `{"modified":%q}`, modified)
	}))
	defer server.Close()
	t.Setenv("GOVULNDB", server.URL)
	changes := slices.Concat(sourceChanges, []inputstest.Change{
		{Name: "the database", Make: func(*inputstest.Repository) { modified = "2026-11-02T00:00:00Z" }, Want: []string{"database " + server.URL}},
		{Name: "a database that does not answer", Make: func(*inputstest.Repository) { modified = "" }, Want: []string{"database " + server.URL}},
	})
	inputstest.Run(t, vulnerabilityInputs, files, changes...)

	// Nothing that is found with a database which does not answer is taken again.
	r := inputstest.New(t, files)
	first, err := vulnerabilityInputs(t.Context(), r.Config)
	if err != nil {
		t.Fatal(err)
	}
	second, err := vulnerabilityInputs(t.Context(), r.Config)
	if diff := first.Diff(second); err != nil || len(diff) != 1 {
		t.Errorf("%q differ, %v", diff, err)
	}
}

func TestSecretInputs(t *testing.T) {
	inputstest.Run(t, secretInputs, files,
		inputstest.Committed("commit"),
		inputstest.File("a.go", "it is in no commit"),
		inputstest.File(".gitleaks.toml", "title = \"b\"\n", "file .gitleaks.toml"),
		inputstest.File(".gitleaksignore", "x", "file .gitleaksignore"),
		inputstest.File(".gitattributes", "*.pem -diff\n"),
		inputstest.File("keys/.gitattributes", "* -diff\n"),
		inputstest.Change{Name: "the arguments", Make: func(*inputstest.Repository) {
			before := gitleaks
			t.Cleanup(func() { gitleaks = before })
			gitleaks = append(slices.Clone(gitleaks), "--max-target-megabytes=1")
		}, Want: []string{"arguments"}},
	)
}

// A scanner is a repository with a gitleaks that takes each commit for one
// without a secret, or with one where it adds the file "secret".
type scanner struct {
	*inputstest.Repository
	t   *testing.T
	log string
}

func newScanner(t *testing.T) *scanner {
	t.Helper()
	s := &scanner{Repository: inputstest.New(t, files), t: t, log: filepath.Join(t.TempDir(), "ranges")}
	script := `#!/bin/sh
for a in "$@"; do
	case "$a" in
	--log-opts=*) opts=${a#--log-opts=};;
	--report-path=*) report=${a#--report-path=};;
	esac
	source=$a
done
case "$report" in /*) ;; *) report=$PWD/$report;; esac
cd "$source"
echo "${opts##* }" >>'` + s.log + `'
` + countText + `
if [ -n "$(git log --format= --name-only $opts -- secret)" ]; then
	echo '[{"RuleID":"private-key","File":"secret","StartLine":1,"Commit":"0123456789abcdef"}]' >"$report"
	exit 1
fi
echo '[]' >"$report"
`
	pretend(t, script)
	return s
}

// countText says how many commits were scanned as gitleaks does, which counts
// those that show it text.
const countText = `n=$(git log -p -U0 --diff-filter=d --format='commit %H' $opts | awk '/^commit /{new=1} /^@@ /{n+=new; new=0} END{print n+0}')
echo "$n commits scanned" >&2`

// pretend puts a script in the place of each pinned tool.
func pretend(t *testing.T, script string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "tool")
	if err := command.WriteProgram(name, []byte(script)); err != nil {
		t.Fatal(err)
	}
	before := executable
	executable = func(pins.Tool, context.Context, io.Writer) (string, error) { return name, nil }
	t.Cleanup(func() { executable = before })
}

// scan checks for secrets and returns the result, and what gitleaks scanned.
func (s *scanner) scan() (Check, string) {
	s.t.Helper()
	if err := os.Remove(s.log); err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	c, err := tool{"gitleaks", secrets, secretInputs, "gitleaks.json"}.check(s.t.Context(), s.Config)
	if err != nil {
		s.t.Fatal(err)
	}
	ranges, err := os.ReadFile(s.log)
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	return c, strings.TrimSpace(string(ranges))
}

// expect scans and holds what was scanned and what was found.
func (s *scanner) expect(state State, ranges, counted string) {
	s.t.Helper()
	c, got := s.scan()
	if c.State != state || got != ranges || c.Counted != counted {
		s.t.Errorf("%s: %q was scanned: %s %s", c.State, got, c.Counted, c.Reason)
	}
}

// TestOnlyNewCommitsAreScanned holds that what was scanned is not scanned again,
// and that each commit was scanned by the same tool with the same
// configuration.
func TestOnlyNewCommitsAreScanned(t *testing.T) {
	s := newScanner(t)
	s.expect(Pass, "HEAD", "1 of 1 commits: 0 secrets")
	s.expect(Pass, "", "1 of 1 commits: 0 secrets") // nothing has changed
	first := s.Config.Commit
	s.Commit("second")
	s.Commit("third")
	s.expect(Pass, first+"..HEAD", "3 of 3 commits: 0 secrets; those up to "+first[:12]+" were scanned before")
	third := s.Config.Commit

	// A secret is found, and found again until it is mended.
	s.Write("secret", "x")
	s.Commit("secret")
	for range 2 {
		s.expect(Fail, third+"..HEAD", "4 of 4 commits: 1 secrets; those up to "+third[:12]+" were scanned before")
	}
	s.Git("rm", "-q", "secret")
	s.Commit("removed, but it stays in the history")
	s.expect(Fail, third+"..HEAD", "5 of 5 commits: 1 secrets; those up to "+third[:12]+" were scanned before")
	s.Git("reset", "-q", "--hard", third)
	s.Commit("without it")

	// What a merge brings counts, and what it adds itself.
	s.Git("checkout", "-q", "-b", "side", first)
	s.Write("secret", "x")
	s.Commit("secret on a branch")
	s.Git("checkout", "-q", "-")
	s.Git("merge", "-q", "--no-ff", "-m", "merge", "side")
	s.expect(Fail, third+"..HEAD", "6 of 6 commits: 1 secrets; those up to "+third[:12]+" were scanned before")
	s.Git("reset", "-q", "--hard", third)
	s.Git("checkout", "-q", "-b", "other", first)
	s.Commit("nothing on a branch")
	s.Git("checkout", "-q", "-")
	s.Git("merge", "-q", "--no-ff", "--no-commit", "other")
	s.Write("secret", "x")
	s.Commit("merge")
	s.expect(Fail, third+"..HEAD", "5 of 5 commits: 1 secrets; those up to "+third[:12]+" were scanned before")
	s.Git("reset", "-q", "--hard", third)

	// Commits without text are not missed: gitleaks does not count them.
	s.Write("image", "\x00")
	s.Commit("no text")
	s.Git("mv", "a.go", "moved.go")
	s.Commit("another name")
	s.Git("rm", "-q", "moved.go")
	s.Commit("deleted")
	s.Write("empty", "")
	s.Commit("an empty file")
	s.Write("text", "x\n")
	s.Commit("text")
	s.expect(Pass, third+"..HEAD", "8 of 8 commits: 0 secrets; those up to "+third[:12]+" were scanned before")
	s.Git("reset", "-q", "--hard", third)

	// Another configuration, tool, or view of the history: everything again.
	s.Write(".gitleaksignore", "x")
	s.Commit("leave out")
	count := s.Git("rev-list", "--count", "HEAD")
	s.expect(Pass, "HEAD", count+" of "+count+" commits: 0 secrets")
	before := s.Config.Commit
	s.Commit("one more")
	s.Config.Force = true
	n := s.Git("rev-list", "--count", "HEAD")
	s.expect(Pass, "HEAD", n+" of "+n+" commits: 0 secrets")
	s.Config.Force = false

	// An entry that somebody else has made is not believed.
	s.Commit("and another")
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	if _, ranges := s.scan(); ranges != "HEAD" {
		t.Errorf("%q was scanned, although nobody trustworthy has scanned %s", ranges, before)
	}
}

func TestAScanThatMissesCommits(t *testing.T) {
	s := newScanner(t)
	s.expect(Pass, "HEAD", "1 of 1 commits: 0 secrets")
	first := s.Config.Commit
	s.Write("second", "x")
	s.Commit("second")
	t.Run("a gitleaks that sees no commit", func(t *testing.T) {
		pretend(t, "#!/bin/sh\nfor a in \"$@\"; do case \"$a\" in --report-path=*) echo '[]' >\"${a#--report-path=}\";; esac; done\necho '0 commits scanned' >&2\n")
		c, _ := s.scan()
		if c.State != Unknown || !strings.Contains(c.Reason, "gitleaks scanned 0 commits, and according to git 1 have text") {
			t.Errorf("%+v", c)
		}
	})
	s.expect(Pass, first+"..HEAD", "2 of 2 commits: 0 secrets; those up to "+first[:12]+" were scanned before")
}

// TestAttackEmptyDatabase compares with databases that know of nothing.
func TestAttackEmptyDatabase(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body, modules string
		status              int
		want                string
	}{
		{"a database", `{"modified":"2026-11-01T00:00:00Z"}`, someModule, http.StatusOK, "2026-11-01T00:00:00Z"},
		{"an empty one", `{"modified":"2026-11-01T00:00:00Z"}`, `[]`, http.StatusOK, ""},
		{"one without an index", `{"modified":"2026-11-01T00:00:00Z"}`, ``, http.StatusOK, ""},
		{"one that does not say when", `{}`, someModule, http.StatusOK, ""},
		{"a page", `<html>`, someModule, http.StatusOK, ""},
		{"nothing", ``, someModule, http.StatusOK, ""},
		{"a refusal", `{"modified":"2026-11-01T00:00:00Z"}`, someModule, http.StatusForbidden, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(tt.status)
				switch r.URL.Path {
				case "/db/index/db.json":
					fmt.Fprint(w, tt.body)
				case "/db/index/modules.json":
					fmt.Fprint(w, tt.modules)
				default:
					t.Errorf("%s was asked for", r.URL)
				}
			}))
			defer server.Close()
			for _, suffix := range []string{"/db", "/db/"} {
				if got, err := databaseModified(t.Context(), server.URL+suffix); got != tt.want || (err == nil) != (tt.want != "") {
					t.Errorf("databaseModified = %q, %v", got, err)
				}
			}
		})
	}
	dir := t.TempDir()
	if _, err := databaseModified(t.Context(), "file://"+dir); err == nil {
		t.Error("an empty directory is a database")
	}
	if err := os.Mkdir(filepath.Join(dir, "index"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "index", "db.json"), []byte(`{"modified":"x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "index", "modules.json"), []byte(someModule), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := databaseModified(t.Context(), "file://"+dir); got != "x" || err != nil {
		t.Errorf("a copy: %q, %v", got, err)
	}
	closed := httptest.NewServer(nil)
	closed.Close()
	for _, database := range []string{closed.URL, "gopher://x", "://"} {
		if got, err := databaseModified(t.Context(), database); err == nil {
			t.Errorf("%s changed at %q", database, got)
		}
	}
}

// TestAttackSilencedSecret adds a secret and, in the same commit, what keeps a
// scanner from finding it. The scanner here finds "SECRET" in what git shows, unless
// its configuration says otherwise.
func TestAttackSilencedSecret(t *testing.T) {
	pretend(t, `#!/bin/sh
for a in "$@"; do
	case "$a" in
	--log-opts=*) opts=${a#--log-opts=};;
	--report-path=*) report=${a#--report-path=};;
	--config=*) config=${a#--config=};;
	--gitleaks-ignore-path=*) ignore=${a#--gitleaks-ignore-path=};;
	esac
	source=$a
done
cd "$source"
`+countText+`
cd - >/dev/null
echo '[]' >"$report"
if grep -q allowlist "$config" "$source/.gitleaks.toml" .gitleaks.toml "$source/.gitleaksignore" "$ignore/.gitleaksignore" 2>/dev/null; then exit 0; fi
if git -C "$source" log -p $opts | grep -q '^+.*SECRET'; then
	echo '[{"RuleID":"private-key","File":"key.pem","StartLine":1,"Commit":"0123456789abcdef"}]' >"$report"
	exit 1
fi
`)
	for _, tt := range []struct {
		name    string
		silence func(r *inputstest.Repository)
		state   State
		says    string
	}{
		{"nothing silences it", func(*inputstest.Repository) {}, Fail, "key.pem:1: private-key"},
		{"a configuration", func(r *inputstest.Repository) { r.Write(".gitleaks.toml", "[allowlist]\n") }, Fail, "key.pem:1: private-key"},
		{"a list of findings", func(r *inputstest.Repository) { r.Write(".gitleaksignore", "allowlist\n") }, Fail, "key.pem:1: private-key"},
		{"an attribute", func(r *inputstest.Repository) { r.Write(".gitattributes", "*.pem -diff\n") }, Fail, "key.pem:1: private-key"},
		{"a program that makes text of it", func(r *inputstest.Repository) {
			r.Write(".gitattributes", "*.pem diff=quiet\n")
			r.Git("config", "diff.quiet.textconv", "true")
		}, Fail, "key.pem:1: private-key"},
		{"an attribute of the clone", func(r *inputstest.Repository) { r.Write(".git/info/attributes", "*.pem -diff\n") }, Unknown, "info/attributes, which is in no commit"},
		{"a macro of the clone", func(r *inputstest.Repository) { r.Write(".git/info/attributes", "[attr]quiet -diff\n*.pem quiet\n") }, Unknown, "info/attributes, which is in no commit"},
		{"a harmless attribute of the clone", func(r *inputstest.Repository) { r.Write(".git/info/attributes", "CHANGELOG.md merge=union\n") }, Fail, "key.pem:1: private-key"},
		{"a list of the clone", func(r *inputstest.Repository) { r.Write(".git/.gitleaksignore", "allowlist\n") }, Unknown, ".gitleaksignore, which is in no commit"},
	} {
		r := inputstest.New(t, map[string]string{"a.go": "package a\n"})
		base := r.Config.Commit
		r.Write("key.pem", "SECRET\n")
		tt.silence(r)
		r.Commit("add a key")
		scan, version, err := Rescan(t.Context(), r.Config, base)
		if err != nil || scan.State != string(tt.state) || !strings.Contains(scan.Findings, tt.says) || version == "" || scan.Config == nil {
			t.Errorf("%s: %+v, %q, %v", tt.name, scan, version, err)
		}
		// The target sec sees the same, except that the configuration is that of the checkout,
		// which somebody may be trying out.
		if tt.name != "a configuration" && tt.name != "a list of findings" {
			check, err := secrets(t.Context(), r.Config)
			if err != nil || check.State != tt.state || !strings.Contains(check.Reason, tt.says) {
				t.Errorf("sec, %s: %+v, %v", tt.name, check, err)
			}
		}
		if tt.name == "an attribute" {
			// The commits that only its attributes hide have text as well.
			r.Git("rm", "-q", "key.pem")
			r.Git("commit", "-q", "--amend", "-m", "an attribute alone")
			r.Write("a.pem", "public\n")
			r.Commit("add what it is for")
			scan, _, err := Rescan(t.Context(), r.Config, base)
			if err != nil || scan.State != string(Pass) {
				t.Errorf("an attribute alone: %+v, %v", scan, err)
			}
		}
		// Of the base, the same says what is left out.
		if tt.name == "a configuration" {
			scan, _, err := Rescan(t.Context(), r.Config, r.Config.Commit)
			if err != nil || scan.State != string(Pass) || scan.Config[".gitleaks.toml"] == "" || scan.Counted != "0 of 0 commits since the base: 0 secrets" {
				t.Errorf("with the base's own configuration: %+v, %v", scan, err)
			}
		}
	}
}
