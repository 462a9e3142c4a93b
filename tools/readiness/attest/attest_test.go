package attest

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/evidencetest"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/project/stack/stacktest"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/readiness/baseline"
	"github.com/magewright/magewright/tools/readiness/collect"
	"github.com/magewright/magewright/tools/readiness/verify"
)

// TestMain lets the test binary act as the command.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_IS_ATTEST") != "" {
		exit.Now(Main(context.Background(), os.Args[1:]))
	}
	os.Exit(m.Run())
}

// A desk is a person's workplace: a clone, a home directory, and the endpoint
// of an AWS. The endpoint is "" if the person has no credentials.
type desk struct {
	t         *testing.T
	dir, home string
	endpoint  string
	pinned    string // the key that signs evidence
}

func (d desk) accessKey() string {
	if d.endpoint == "" {
		return ""
	}
	return "key"
}

// environ returns the environment of the command. By default, a program with
// the race detector sleeps for a second when it exits; this turns that off.
func (d desk) environ() []string {
	return command.Environ("TEST_IS_ATTEST=1", "GORACE=atexit_sleep_ms=0", "HOME="+d.home, "XDG_CONFIG_HOME=", "MAGEWRIGHT_KEY=", "CODEBUILD_RESOLVED_SOURCE_VERSION=", "CODEBUILD_SRC_DIR_Assembly=",
		"CDK_CONTEXT_JSON="+d.context(), "AWS_ENDPOINT_URL="+d.endpoint, "AWS_ACCESS_KEY_ID="+d.accessKey(), "AWS_SECRET_ACCESS_KEY="+d.accessKey(), "AWS_REGION=us-east-1", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "AWS_PROFILE=", "AWS_SESSION_TOKEN=", "AWS_WEB_IDENTITY_TOKEN_FILE=",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=", "AWS_CONTAINER_CREDENTIALS_FULL_URI=",
		"GIT_CONFIG_GLOBAL="+filepath.Join(d.home, "gitconfig"), "GIT_CONFIG_SYSTEM=/dev/null")
}

func (d desk) context() string {
	if d.pinned == "" {
		return ""
	}
	return `{"evidenceKey":"` + d.pinned + `"}`
}

// attest runs the command and returns its output and its exit code.
func (d desk) attest(args ...string) (stdout, stderr string, code int) {
	d.t.Helper()
	self, err := os.Executable()
	if err != nil {
		d.t.Fatal(err)
	}
	var out, said bytes.Buffer
	err = command.Cmd{Dir: d.dir, Env: d.environ(), Stdout: &out, Stderr: &said}.Run(d.t.Context(), self, args...)
	if err != nil {
		if code = command.ExitCode(err); code < 0 {
			d.t.Fatal(err)
		}
	}
	return out.String(), said.String(), code
}

func (d desk) git(args ...string) string {
	d.t.Helper()
	out, err := command.Cmd{Dir: d.dir, Env: d.environ()}.Output(d.t.Context(), "git", args...)
	if err != nil {
		d.t.Fatal(err)
	}
	return out
}

func (d desk) write(name, text string) {
	d.t.Helper()
	path := filepath.Join(d.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d desk) commit(author string) {
	d.t.Helper()
	d.git("add", "-A")
	d.git("-c", "user.name="+author, "-c", "user.email="+author+"@example.com", "commit", "--quiet", "--allow-empty", "-m", "change")
}

// newDesk returns the desk of Bo, who has no key yet. It adds people to the
// policy of the previous release. Ada has written what follows that release.
func newDesk(t *testing.T) desk {
	t.Helper()
	d := desk{t: t, dir: t.TempDir(), home: t.TempDir()}
	if err := os.WriteFile(filepath.Join(d.home, "gitconfig"), []byte("[user]\nname = Bo \\\"the\\\" Tester\nemail = bo@example.com\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.git("init", "--quiet", "--initial-branch=main")
	d.write("go.mod", "module example.com/app\n")
	d.write("magefile.go", "package main\n")
	d.write("infra/cdk.json", "{}")
	d.write(".gitignore", ".magewright\ncdk.out\n")
	d.policy("")
	d.commit("cy")
	return d
}

func (d desk) policy(people string) {
	d.write("infra/"+readiness.PolicyFile, "required: [drift, coding-standards, secrets]\nmaxAge: 24h\npeople:\n"+people)
}

// known adds Bo to the policy and releases that. After that, Ada changes the
// application.
func (d desk) known() {
	d.t.Helper()
	line, said, code := d.attest("-newKey")
	if code != 0 {
		d.t.Fatal(said)
	}
	d.policy(line)
	d.commit("cy")
	d.write("app.go", "package app\n")
	d.commit("ada")
}

func day(days int) string {
	return clock.System().Now().UTC().AddDate(0, 0, days).Format(time.DateOnly)
}

func TestNewKey(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	line, said, code := d.attest("-newKey")
	file := filepath.Join(d.home, ".config", "magewright", "key.pem")
	if code != 0 || !strings.Contains(said, file) {
		t.Fatalf("exit code %d: %s", code, said)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", info, err)
	}
	before, err := os.ReadFile(file) // #nosec G304 -- made above
	if err != nil {
		t.Fatal(err)
	}
	policy, err := readiness.ParsePolicy(readiness.PolicyFile, []byte("required: [drift]\nmaxAge: 1h\npeople:\n"+line))
	if err != nil || len(policy.People) != 1 || policy.People[0].Name != `Bo "the" Tester` || policy.People[0].Emails[0] != "bo@example.com" {
		t.Errorf("the policy reads %q as %+v, %v", line, policy.People, err)
	}
	if _, said, code := d.attest("-newKey"); code != exit.Environment || !strings.Contains(said, "not overwritten") {
		t.Errorf("a second key: exit code %d: %s", code, said)
	}
	if after, err := os.ReadFile(file); err != nil || !bytes.Equal(before, after) { // #nosec G304 -- made above
		t.Errorf("the key was overwritten, %v", err)
	}
}

func TestWhatIsNotSigned(t *testing.T) {
	t.Parallel()
	waive := func(check, expires string) []string {
		return []string{"-waive=" + check, "-what=why", "-owner=Cy", "-expires=" + expires}
	}
	for _, tt := range []struct {
		name    string
		prepare func(desk)
		args    []string
		code    int
		says    []string
	}{
		{"no key", nil, []string{"-what=tried"}, exit.Environment, []string{"no private key", "go tool mage attest -newKey"}},
		{"a key that nobody knows", func(d desk) { d.attest("-newKey"); d.commit("ada") }, []string{"-what=tried"}, exit.Environment,
			[]string{"belongs to nobody in the policy", `- {name: "Bo \"the\" Tester", emails: ["bo@example.com"], key: M`}},
		{"a key that the change itself adds", func(d desk) { line, _, _ := d.attest("-newKey"); d.policy(line); d.commit("ada") }, []string{"-what=tried"}, exit.Environment, []string{"belongs to nobody in the policy"}},
		{"the policy of the change itself", func(d desk) { d.known(); d.commit("ada") }, []string{"-what=tried", "-base=none"}, exit.Environment, []string{"is the release's own"}},
		{"an exposed key", func(d desk) {
			d.known()
			if err := os.Chmod(filepath.Join(d.home, ".config", "magewright", "key.pem"), 0o644); err != nil { // #nosec G302 -- what must be refused
				d.t.Fatal(err)
			}
		}, []string{"-what=tried"}, exit.Environment, []string{"others may read it", "chmod 600"}},
		{"no key where -key says", desk.known, []string{"-what=tried", "-key=/nowhere/key.pem"}, exit.Environment, []string{"/nowhere/key.pem"}},
		{"files that are not committed", func(d desk) { d.known(); d.write("app.go", "package other\n") }, []string{"-what=tried"}, exit.Gate, []string{"files differ", "git stash"}},
		{"an author", func(d desk) { d.known(); d.commit("bo") }, []string{"-review", "-base=HEAD~2"}, exit.Gate, []string{"are an author", "bo@example.com"}},
		{"a shallow clone", func(d desk) { d.known(); d.write(".git/shallow", d.git("rev-parse", "HEAD^")+"\n") }, []string{"-what=tried"}, exit.Environment, []string{"shallow", "git fetch --unshallow"}},
		{"nothing said", nil, nil, exit.Usage, []string{"what have you tried?"}},
		{"a word too many", nil, []string{"-what=tried", "it"}, exit.Usage, []string{"unexpected arguments: [it]"}},
		{"a flag that is not there", nil, []string{"-waiver=drift"}, exit.Usage, []string{"waiver", "go tool mage -h attest"}},
		{"a review and a waiver", nil, append(waive("drift", day(3)), "-review"), exit.Usage, []string{"separately"}},
		{"an approval and a review", nil, []string{"-approve", "-review"}, exit.Usage, []string{"sign an approval separately"}},
		{"an approval without evidence", desk.known, []string{"-approve"}, exit.Environment, []string{"there is no evidence to approve the release on", "go tool mage readiness"}},
		{"an author's approval", func(d desk) { d.known(); d.commit("bo") }, []string{"-approve", "-base=HEAD~2"}, exit.Gate, []string{"are an author"}},
		{"a key and a review", nil, []string{"-newKey", "-review"}, exit.Usage, []string{"signs nothing"}},
		{"an expiry of nothing", nil, []string{"-what=tried", "-expires=" + day(3)}, exit.Usage, []string{"name the check with -waive"}},
		{"a waiver without an owner", nil, []string{"-waive=drift", "-what=why", "-expires=" + day(3)}, exit.Usage, []string{"-owner=NAME"}},
		{"a scope that is not there", nil, append(waive("drift", day(3)), "-scope=all"), exit.Usage, []string{"-scope=all"}},
		{"a day that is not there", nil, waive("drift", "2026-02-30"), exit.Usage, []string{"-expires=2026-02-30"}},
		{"no such check", desk.known, waive("drfit", day(3)), exit.Usage, []string{`no check "drfit"; did you mean "drift"?`}},
		{"a check that nobody may waive", desk.known, waive("secrets", day(3)), exit.Gate, []string{"nobody may waive secrets"}},
		{"a check that is not required", desk.known, waive("nag", day(3)), exit.Gate, []string{"does not require nag"}},
		{"too long", desk.known, waive("drift", day(32)), exit.Usage, []string{"more than 30 days", day(30)}},
		{"expired", desk.known, waive("drift", day(0)), exit.Usage, []string{"has already begun"}},
		{"no package", desk.known, append(waive("drift", day(3)), "-scope=package"), exit.Environment, []string{"go tool mage synth"}},
		{"a base that is not there", desk.known, []string{"-what=tried", "-base=v9"}, exit.Environment, []string{"-base=v9"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			if tt.prepare != nil {
				tt.prepare(d)
			}
			stdout, stderr, code := d.attest(tt.args...)
			if code != tt.code || stdout != "" {
				t.Errorf("exit code %d, want %d: %s%s", code, tt.code, stdout, stderr)
			}
			for _, says := range tt.says {
				if !strings.Contains(stderr, says) {
					t.Errorf("it does not say %q: %s", says, stderr)
				}
			}
			if noted := d.git("for-each-ref", "refs/notes"); noted != "" {
				t.Errorf("there are notes: %s", noted)
			}
		})
	}
}

// TestWhatIsSigned signs everything that can be signed, and collects it again
// in another clone.
func TestWhatIsSigned(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.known()
	head, pkg := d.git("rev-parse", "HEAD"), strings.Repeat("a", 64)
	d.write("cdk.out/magewright.json", `{"commit":"`+head+`","package":"`+pkg+`"}`)
	for _, tt := range []struct {
		args []string
		says string
	}{
		{[]string{"-what=I have paid with a card\nand been paid back"}, "a manual-test of commit " + head[:12]},
		{[]string{"-review"}, "a review of commit " + head[:12]},
		{[]string{"-waive=drift", "-what=no such API", "-owner=Cy", "-expires=" + day(29)}, "a waiver of drift until " + day(29) + " 00:00 UTC for commit " + head[:12]},
		{[]string{"-waive=coding-standards", "-what=why", "-owner=Cy", "-expires=" + day(1), "-scope=package"}, "a waiver of coding-standards until " + day(1) + " 00:00 UTC for package aaaaaaaaaaaa"},
	} {
		stdout, stderr, code := d.attest(tt.args...)
		if code != 0 || !strings.Contains(stdout, `Bo "the" Tester has signed `+tt.says) || !strings.Contains(stdout, "git push origin refs/notes/magewright") {
			t.Fatalf("%v: exit code %d: %s%s", tt.args, code, stdout, stderr)
		}
	}
	lines := strings.Split(d.git("notes", "--ref=magewright", "show", "HEAD"), "\n")
	if len(lines) != 4 {
		t.Fatalf("the note has %d lines, want 4:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	for _, line := range lines {
		var e evidence.Envelope
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.PayloadType != evidence.PayloadType || len(e.Signatures) != 1 {
			t.Errorf("%v: %s", err, line)
		}
	}
	if changed := d.git("status", "--porcelain"); changed != "" || d.git("rev-parse", "HEAD") != head {
		t.Errorf("signing has changed the checkout: %s", changed)
	}

	other := desk{t: t, dir: filepath.Join(t.TempDir(), "other"), home: d.home}
	d.git("clone", "--quiet", "file://"+d.dir, other.dir)
	a, policy, candidate := other.collect(t.Context(), pkg)
	if len(a.Attestations) != 2 || len(a.Waivers) != 2 || len(a.Refused)+len(a.RefusedWaivers) != 0 || a.Problem != "" {
		t.Fatalf("collected %+v", a)
	}
	if tested := a.Attestations[0]; tested.Kind != evidence.ManualTest || tested.Package != pkg || tested.By != `Bo "the" Tester` || !strings.HasSuffix(tested.What, "paid back") {
		t.Errorf("the manual test is %+v", tested)
	}
	if range_ := a.Waivers[0]; range_.Scope != (evidence.Scope{Base: candidate.Base, Commit: head, Tree: candidate.Tree}) || range_.Owner != "Cy" {
		t.Errorf("the waiver is %+v", range_)
	}
	var statements []evidence.Statement
	for _, p := range []evidence.Predicate{candidate, policy, a} {
		s, err := evidence.NewStatement(head, pkg, p)
		if err != nil {
			t.Fatal(err)
		}
		statements = append(statements, s)
	}
	verdict, err := readiness.Evaluate(statements, clock.System().Now())
	if err != nil || verdict.Waived != 2 || len(verdict.RefusedWaivers()) != 0 {
		t.Errorf("%s, %v: %+v", verdict.Summary(), err, verdict.Waivers)
	}
}

// TestApproval approves on evidence: that of HEAD which is a GO, and no other.
func TestApproval(t *testing.T) {
	t.Parallel()
	key, other := evidencetest.NewSigner(t), evidencetest.NewSigner(t)
	for name, tt := range map[string]struct {
		findings int
		commit   string
		sign     evidence.Signer
		says     string
	}{
		"a GO":              {0, "HEAD", key, "has signed an approval of commit "},
		"a NO-GO":           {1, "HEAD", key, "the verdict is NO-GO, so there is nothing to approve"},
		"of another commit": {0, "HEAD^", key, "the evidence is for commit "},
		"by another key":    {0, "HEAD", other, "the evidence can't be believed"},
	} {
		d := newDesk(t)
		d.known()
		d.pinned = key.String()
		data := d.bundle(t.Context(), d.git("rev-parse", tt.commit), tt.findings, tt.sign)
		d.write(".magewright/"+verify.BundleFile, data)
		stdout, stderr, code := d.attest("-approve")
		if (code == 0) != (name == "a GO") || !strings.Contains(stdout+stderr, tt.says) {
			t.Errorf("%s: exit code %d: %s%s", name, code, stdout, stderr)
		}
		if code != 0 {
			continue
		}
		var e evidence.Envelope
		if err := json.Unmarshal([]byte(d.git("notes", "--ref=magewright", "show", "HEAD")), &e); err != nil {
			t.Fatal(err)
		}
		payload, err := e.DecodeB64Payload()
		if err != nil || !strings.Contains(string(payload), `"bundle":"`+evidence.Digest([]byte(data))+`"`) || !strings.Contains(string(payload), `"kind":"approval"`) {
			t.Errorf("%s, %v", payload, err)
		}
		// It is no review, and nothing that readiness refuses.
		a, _, _ := d.collect(t.Context(), "")
		if len(a.Attestations)+len(a.Refused) != 0 {
			t.Errorf("collected %+v", a)
		}
	}
}

// bundle returns the evidence of a commit, with so many findings of a linter.
func (d desk) bundle(ctx context.Context, commit string, findings int, sign evidence.Signer) string {
	d.t.Helper()
	now := clock.System().Now()
	made := evidence.Made{FinishedOn: now}
	lint := evidence.Lint{Made: made, Files: 3}
	for range findings {
		lint.Broken = append(lint.Broken, "vet")
	}
	var statements []evidence.Statement
	add := func(p evidence.Predicate) {
		s, err := evidence.NewStatement(commit, "", p)
		if err != nil {
			d.t.Fatal(err)
		}
		statements = append(statements, s)
	}
	add(readiness.Candidate{Made: made, Commit: commit, Base: "b", Commits: []string{commit}})
	add(readiness.PolicyUsed{Made: made, Policy: readiness.Policy{Required: []string{"coding-standards"}, MaxAge: readiness.Duration(time.Hour)}, From: "b"})
	add(lint)
	add(readiness.Recheck{Made: made, Base: "b", Lint: lint})
	a, err := readiness.Evaluate(statements, now)
	if err != nil {
		d.t.Fatal(err)
	}
	add(a)
	result := evidence.SummaryPassed
	if a.Verdict == readiness.NoGo {
		result = evidence.SummaryFailed
	}
	var b bytes.Buffer
	if err := evidence.WriteBundle(ctx, &b, sign, statements, evidence.Summary{TimeVerified: now, VerificationResult: result}, commit, ""); err != nil {
		d.t.Fatal(err)
	}
	return b.String()
}

// TestTheBaseIsWhatProductionServes checks that a waiver covers the change that
// readiness decides about. Without credentials it covers the change that git
// knows of, and attest says so.
func TestTheBaseIsWhatProductionServes(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.known()
	d.commit("ada")
	served, parent := d.git("rev-parse", "HEAD~2"), d.git("rev-parse", "HEAD^")
	production := stacktest.Start(t, stacktest.Stage{Outputs: stacktest.Outputs(), Served: stack.Served{Version: "3", Package: strings.Repeat("a", 64), Commit: served}}, nil)
	waive := []string{"-waive=drift", "-what=why", "-owner=Cy", "-expires=" + day(3)}

	stdout, stderr, code := d.attest(waive...)
	if code != 0 || !strings.Contains(stdout, "since "+parent[:12]) || !strings.Contains(stderr, "the base is "+parent[:12]) {
		t.Errorf("without credentials: exit code %d: %s%s", code, stdout, stderr)
	}
	d.endpoint = *production.BaseEndpoint
	stdout, stderr, code = d.attest(waive...)
	if code != 0 || !strings.Contains(stdout, "since "+served[:12]) || strings.Contains(stderr, "the base is") {
		t.Errorf("with credentials: exit code %d: %s%s", code, stdout, stderr)
	}
}

// collect collects what was signed about HEAD.
func (d desk) collect(ctx context.Context, pkg string) (readiness.Attestations, readiness.PolicyUsed, readiness.Candidate) {
	d.t.Helper()
	cfg, c := project.Config{Dir: d.dir, Commit: d.git("rev-parse", "HEAD")}, clock.System()
	base, err := baseline.Find(ctx, cfg, "", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	candidate, err := collect.Candidate(ctx, cfg, base, c)
	if err != nil {
		d.t.Fatal(err)
	}
	candidate.Package = pkg
	policy, err := collect.Policy(ctx, cfg, candidate, c)
	if err != nil {
		d.t.Fatal(err)
	}
	got, err := collect.Attestations(ctx, collect.Env{Project: cfg, Candidate: candidate, Policy: policy.Policy, PolicyFrom: policy.From, Clock: c})
	if err != nil {
		d.t.Fatal(err)
	}
	return got.(readiness.Attestations), policy, candidate
}
