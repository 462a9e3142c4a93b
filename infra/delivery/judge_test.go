package delivery

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A judged repository has a release, whose program judges, and a candidate.
type judged struct {
	t                  *testing.T
	dir                string
	release, candidate string // commits
}

// program returns the source of a program that stands for magewright: it prints by which
// code something is judged, and leaves evidence as magewright does.
func program(name string) string {
	return `package main

import (
	"fmt"
	"os"
	"strings"
)

func main() {
	wd, _ := os.Getwd()
	fmt.Println("` + name + `", strings.Join(os.Args[1:], " "), "candidate", os.Getenv("MAGEWRIGHT_CANDIDATE"), "in", wd)
	os.MkdirAll(".magewright/cdk-home", 0o755)
	os.WriteFile(".magewright/readiness.json", []byte("` + name + `"), 0o600)
	os.WriteFile(".magewright/exports.env", []byte("VERDICT='` + name + `'\n"), 0o600)
}
`
}

func newJudged(t *testing.T) *judged {
	t.Helper()
	j := &judged{t: t, dir: filepath.Join(t.TempDir(), "src")}
	j.write("go.mod", "module example.com/app\n\ngo 1.26\n")
	j.write("tools/magewright/main.go", program("the old judge"))
	j.git("init", "-q", ".")
	j.release = j.commit("Release")
	return j
}

func (j *judged) write(name, text string) {
	j.t.Helper()
	file := filepath.Join(j.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		j.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o700); err != nil { // #nosec G306 -- hooks are run
		j.t.Fatal(err)
	}
}

func (j *judged) git(args ...string) string {
	j.t.Helper()
	git := exec.CommandContext(j.t.Context(), "git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
	git.Dir = j.dir
	out, err := git.CombinedOutput()
	if err != nil {
		j.t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (j *judged) commit(subject string) string {
	j.t.Helper()
	j.git("add", "-f", "-A")
	j.git("commit", "-q", "--allow-empty", "-m", subject)
	j.candidate = j.git("rev-parse", "HEAD")
	return j.candidate
}

// judge runs the commands of the buildspec that the deployed pipeline has, as CodeBuild
// does: in one shell, in the candidate's directory.
func (j *judged) judge(pinned string) (said string, err error) {
	j.t.Helper()
	commands := append(judgeCommands("go run ./tools/magewright"), collectCommands...)
	shell := exec.CommandContext(j.t.Context(), "bash", "-c", strings.Join(commands, " || exit 1\n"))
	shell.Dir = j.dir
	shell.Env = append(os.Environ(), "CODEBUILD_SRC_DIR="+j.dir, "CODEBUILD_RESOLVED_SOURCE_VERSION="+j.candidate, "MAGE_TARGETS=plan -send readiness",
		"MAGEWRIGHT_JUDGE="+pinned, "MAGEWRIGHT_JUDGE_PARAMETER=/magewright/p/judge", "GOFLAGS=-trimpath -buildvcs=false", "CGO_ENABLED=0", "GOTOOLCHAIN=local")
	out, err := shell.CombinedOutput()
	return string(out), err
}

// TestAttackOnTheJudge changes everything by which a candidate could run code of its own
// in the builds that judge and promote. The last release's code decides all the same.
func TestAttackOnTheJudge(t *testing.T) {
	t.Parallel()
	j := newJudged(t)
	mark := filepath.Join(t.TempDir(), "ran")
	evil := "#!/bin/sh\necho evil >> " + mark + "\n"
	j.write("tools/magewright/main.go", program("the candidate"))
	j.write("magefile.go", "//go:build mage\n\npackage main\n\nfunc init() { panic(`evil`) }\n")
	j.write("buildspec.yml", "version: 0.2\nphases: {build: {commands: ['touch "+mark+"']}}\n")
	j.write("go.mod", "module example.com/app\n\ngo 1.99\n\ntoolchain go1.99.0\n")
	j.write("go.work", "go 1.99\n\nuse .\n")
	j.write("cdk.json", `{"app":"touch `+mark+`","build":"touch `+mark+`"}`)
	j.write(".bashrc", evil)
	j.write(".gitattributes", "* filter=evil\n")
	j.write(".magewright/readiness.json", "the candidate")
	j.write(".magewright/exports.env", "touch "+mark+"\n")
	j.commit("Judge myself")
	// A clone has none of these. They show that nothing depends on that.
	j.write(".git/hooks/post-checkout", evil)
	j.git("config", "filter.evil.smudge", "sh -c 'touch "+mark+"'")
	j.git("config", "core.fsmonitor", "touch "+mark)
	j.git("replace", j.release, j.candidate)

	said, err := j.judge(j.release)
	if err != nil || !strings.Contains(said, "the old judge judge plan -send readiness candidate "+j.dir+" in "+j.dir+"-judge") || strings.Contains(said, "the candidate") {
		t.Errorf("%v: it says %s", err, said)
	}
	if data, err := os.ReadFile(filepath.Join(j.dir, ".magewright", "readiness.json")); err != nil || string(data) != "the old judge" {
		t.Errorf("what is left is %q, %v", data, err)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Errorf("something of the candidate was run")
	}
}

// TestAttackByPreparedEvidence has a candidate bring what a judge leaves. Nothing of it is
// handed on, also if no judge has run.
func TestAttackByPreparedEvidence(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "src")
	if err := os.MkdirAll(filepath.Join(dir, ".magewright"), 0o750); err != nil {
		t.Fatal(err)
	}
	shell := exec.CommandContext(t.Context(), "bash", "-ec", strings.Join(collectCommands, "\n")) // #nosec G204 -- of the buildspec
	shell.Env = append(os.Environ(), "CODEBUILD_SRC_DIR="+dir)
	if out, err := shell.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if _, err := os.Stat(filepath.Join(dir, ".magewright")); err == nil {
		t.Error("what the candidate has prepared would be the judge's evidence")
	}
}

// TestAttackByAnotherJudge names a judge that is no release before the candidate.
func TestAttackByAnotherJudge(t *testing.T) {
	t.Parallel()
	j := newJudged(t)
	j.git("checkout", "-q", "-b", "other")
	j.write("tools/magewright/main.go", program("another judge"))
	other := j.commit("Another judge")
	j.git("checkout", "-q", "--detach", j.release)
	j.commit("Candidate")
	for name, tt := range map[string]struct{ pinned, says string }{
		"of another branch":  {other, "is not in the history of " + j.candidate},
		"the name of a ref":  {"other", "/magewright/p/judge says other, which is not a commit"},
		"that is an option":  {"--upload-pack=touch x", "which is not a commit"},
		"that is not there":  {strings.Repeat("e", 40), "is not in the history of"},
		"that nobody pinned": {"", "which is not a commit"},
	} {
		said, err := j.judge(tt.pinned)
		if err == nil || !strings.Contains(said, tt.says) || strings.Contains(said, "judge plan") {
			t.Errorf("a judge %s: %v: it says %s, want %s", name, err, said, tt.says)
		}
	}
}

// TestTheFirstReleaseJudgesItself holds that a release which none was promoted before is
// judged by its own code, in another checkout.
func TestTheFirstReleaseJudgesItself(t *testing.T) {
	t.Parallel()
	j := newJudged(t)
	j.write("tools/magewright/main.go", program("the first release"))
	j.commit("First")
	if said, err := j.judge(NoJudge); err != nil || !strings.Contains(said, "the first release judge plan -send readiness candidate "+j.dir+" in "+j.dir+"-judge") {
		t.Errorf("%v: it says %s", err, said)
	}
}
