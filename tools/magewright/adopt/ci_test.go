package adopt

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/magewright/targets"
	"github.com/magewright/magewright/tools/pins"
	"github.com/magewright/magewright/tools/project/exit"
)

// repositories are one with a CDK app and one without.
func ciRepositories(t *testing.T) map[string]*Repository {
	t.Helper()
	plain := &Repository{Dir: t.TempDir(), branch: "main", Modules: []Module{{Dir: ".", Path: "example.com/shop"}}, Mage: Mage{Command: "go tool mage"}}
	cdk := &Repository{
		Dir: t.TempDir(), branch: "trunk", Modules: []Module{{Dir: ".", Path: "example.com/shop"}, {Dir: "infra", Path: "example.com/shop/infra"}},
		CDK: []CDK{{Dir: "infra", App: "go run ."}}, Mage: Mage{Command: "go run github.com/magefile/mage@v1.17.2"},
	}
	return map[string]*Repository{"plain": plain, "cdk": cdk}
}

// A step is what is read of a step of a workflow or job.
type step struct {
	Uses string
	Run  string
}

// TestGitHub holds that the workflow asks for least rights, names no key, pins actions,
// and runs targets that there are.
func TestGitHub(t *testing.T) {
	t.Parallel()
	for name, r := range ciRepositories(t) {
		f, err := r.ci("github")
		if err != nil || f.name != ".github/workflows/magewright.yml" {
			t.Fatalf("%s: %+v, %v", name, f, err)
		}
		var workflow struct {
			Permissions map[string]string
			Jobs        map[string]struct {
				Permissions map[string]string
				Strategy    struct{ Matrix struct{ Target []string } }
				Steps       []step
			}
		}
		if err := yaml.Unmarshal(f.data, &workflow); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, f.data)
		}
		if len(workflow.Permissions) != 1 || workflow.Permissions["contents"] != "read" {
			t.Errorf("%s: by default the jobs may %v", name, workflow.Permissions)
		}
		if strings.Contains(string(f.data), "AWS_SECRET_ACCESS_KEY") || strings.Contains(string(f.data), "secrets.") {
			t.Errorf("%s: the workflow needs a secret", name)
		}
		jobs := []string{"verify"}
		if len(r.CDK) > 0 {
			jobs = append(jobs, "comment", "delivery")
		}
		for _, job := range jobs {
			j, found := workflow.Jobs[job]
			if !found || len(workflow.Jobs) != len(jobs) {
				t.Fatalf("%s: the jobs are %v, want %v", name, workflow.Jobs, jobs)
			}
			if (j.Permissions["id-token"] == "write") != (job != "verify") {
				t.Errorf("%s: %s may %v", name, job, j.Permissions)
			}
			var run []string
			for _, s := range j.Steps {
				if s.Uses != "" && !strings.Contains(s.Uses, "@") {
					t.Errorf("%s: %s is not pinned", name, s.Uses)
				}
				run = append(run, s.Run)
			}
			matrix := j.Strategy.Matrix.Target
			if job != "verify" {
				matrix = []string{""}
			}
			for _, target := range matrix {
				checkCommands(t, r, run, "TARGET="+target)
			}
		}
	}
}

// TestGitLab holds the same of GitLab's file, and that one which is there stays.
func TestGitLab(t *testing.T) {
	t.Parallel()
	for name, r := range ciRepositories(t) {
		f, err := r.ci("gitlab")
		if err != nil || f.name != ".gitlab-ci.yml" {
			t.Fatalf("%s: %+v, %v", name, f, err)
		}
		var jobs map[string]struct {
			BeforeScript []string `yaml:"before_script"`
			Script       []string
			Parallel     struct{ Matrix []map[string][]string }
			IDTokens     map[string]any `yaml:"id_tokens"`
		}
		if err := yaml.Unmarshal(f.data, &jobs); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, f.data)
		}
		for _, target := range jobs["magewright"].Parallel.Matrix[0]["TARGET"] {
			checkCommands(t, r, jobs["magewright"].Script, "TARGET="+target)
		}
		comment, found := jobs["magewright comment"]
		if found != (len(r.CDK) > 0) {
			t.Errorf("%s: there is a job for the comment: %v", name, found)
		}
		if found {
			if err := os.MkdirAll(filepath.Join(r.Dir, ".cache"), 0o750); err != nil {
				t.Fatal(err)
			}
			for _, script := range [][]string{comment.Script, jobs["magewright delivery"].Script} {
				checkCommands(t, r, script, "CI_PROJECT_DIR="+r.Dir, "MAGEWRIGHT_OIDC=token", "AWS_ROLE_ARN=arn:aws:iam::1:role/r", "CI_MERGE_REQUEST_DIFF_BASE_SHA=abc")
			}
		}
		if err := os.WriteFile(filepath.Join(r.Dir, ".gitlab-ci.yml"), []byte("build: {script: [make]}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if f, err := r.ci("gitlab"); err != nil || f.name != ".gitlab/magewright.yml" || !strings.Contains(f.what, "include it in .gitlab-ci.yml") {
			t.Errorf("%s: beside theirs it is %+v, %v", name, f, err)
		}
	}
}

// checkCommands runs the commands of a job in a shell whose go is a fake, and holds that
// what they run with Mage are targets.
func checkCommands(t *testing.T, r *Repository, commands []string, env ...string) {
	t.Helper()
	bin := t.TempDir()
	log := filepath.Join(bin, "log")
	if err := command.WriteProgram(filepath.Join(bin, "go"), []byte("#!/bin/sh\necho \"$*\" >>'"+log+"'\n")); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, target := range targets.All() {
		for _, name := range []string{strings.ToLower(target.Name), target.Alias} {
			known[name] = true
			for _, a := range target.Args {
				known[name+" -"+a.Name] = true
			}
		}
	}
	before, mage, _ := strings.Cut(r.Mage.Command, " ")
	ran := 0
	for _, text := range commands {
		if text == "" {
			continue
		}
		cmd := exec.CommandContext(t.Context(), "bash", "-e", "-c", text) // #nosec G204 -- of the file that is tested
		cmd.Dir = r.Dir
		cmd.Env = append(append(os.Environ(), env...), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%q ends with %v\n%s", text, err, out)
		}
	}
	data, err := os.ReadFile(log) // #nosec G304 -- of this test
	if err != nil || before != "go" {
		t.Fatalf("%q run no go: %v", commands, err)
	}
	for line := range strings.Lines(string(data)) {
		target, ok := strings.CutPrefix(strings.TrimSpace(line), mage+" ")
		if ok && known[target] {
			ran++
			continue
		}
		t.Errorf("%q is no target of Mage", line)
	}
	if ran == 0 {
		t.Errorf("%q run no target", commands)
	}
}

func TestOtherSystems(t *testing.T) {
	t.Parallel()
	for name, r := range ciRepositories(t) {
		f, err := r.ci("codebuild")
		if err != nil || f.name != "magewright/buildspec.yml" || !bytes.Contains(f.data, []byte("$MAGE_TARGETS")) {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
		if f, err := r.ci(""); err != nil || f.name != "" {
			t.Errorf("%s: without -ci it is %+v, %v", name, f, err)
		}
		if _, err := r.ci("jenkins"); exit.Status(err) != exit.Usage || !strings.Contains(fmt.Sprint(err), "codebuild, github, gitlab") {
			t.Errorf("%s: jenkins gives %v", name, err)
		}
	}
}

// TestActionlint has the workflows looked at by actionlint, which knows GitHub's syntax,
// contexts and permissions.
func TestActionlint(t *testing.T) {
	t.Parallel()
	linter, err := pins.Actionlint.Executable(t.Context(), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range ciRepositories(t) {
		f, err := r.ci("github")
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "magewright.yml")
		// It must be able to find something.
		broken := bytes.Replace(f.data, []byte("runs-on: ubuntu-24.04"), []byte("runs-on: ${{ matrix.nothing }}"), 1)
		for text, want := range map[string]bool{string(f.data): true, string(broken): false} {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), linter, "-shellcheck=", "-pyflakes=", file).CombinedOutput() // #nosec G204 -- the pinned tool
			if (err == nil) != want {
				t.Errorf("%s: actionlint ends with %v:\n%s", name, err, out)
			}
		}
	}
}

// TestActionsArePinned holds that the workflows run no action by a tag, which whoever owns
// the action can move.
func TestActionsArePinned(t *testing.T) {
	t.Parallel()
	pinned := regexp.MustCompile(`uses: [\w-]+/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	n := 0
	for line := range strings.Lines(github.Root.String()) {
		if !strings.Contains(line, "uses:") {
			continue
		}
		if n++; !pinned.MatchString(strings.TrimSpace(line)) {
			t.Errorf("not pinned: %s", line)
		}
	}
	if n < 10 {
		t.Errorf("there are only %d actions", n)
	}
}
