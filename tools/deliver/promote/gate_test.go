package promote

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/evidencetest"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/agreed"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/manifest/manifesttest"
	"github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/project/stack/stacktest"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/readiness/verify"
)

// bootstrapped is where assets go in an account that cdk bootstrap has prepared.
const bootstrapped = `"bucketName":"cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}",` +
	`"assumeRoleArn":"arn:${AWS::Partition}:iam::${AWS::AccountId}:role/cdk-hnb659fds-file-publishing-role-${AWS::AccountId}-${AWS::Region}"`

var (
	commit   = strings.Repeat("c", 40)
	assessed = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
)

// A release is a project that could be promoted, but for what a test breaks.
type release struct {
	t      *testing.T
	cfg    project.Config
	signer evidencetest.Signer
	pkg    string // SHA-256 of the zip file in the assembly
	lint   evidence.Lint
	policy readiness.Policy
	signed *readiness.Attestations
	bo     evidencetest.Signer // of a person whom the policy names, and who is no author
	commit string
	tree   string
	base   string
	change func(*readiness.Candidate)
	by     caller
	sign   evidence.Signer // of the bundle
	at     time.Time       // when it was assessed
	// unseen says that the evidence does not name the assembly's files.
	unseen bool
}

func newRelease(t *testing.T) *release {
	t.Helper()
	dir := t.TempDir()
	r := &release{
		t: t, signer: evidencetest.NewSigner(t), bo: evidencetest.NewSigner(t), by: caller{account: "111122223333"}, at: assessed, commit: commit, base: strings.Repeat("b", 40),
		cfg:    project.Config{Dir: dir, Evidence: filepath.Join(dir, ".magewright"), Assembly: filepath.Join(dir, "cdk.out"), Commit: commit},
		lint:   evidence.Lint{Files: 3},
		policy: readiness.Policy{Required: []string{"coding-standards"}, MaxAge: readiness.Duration(24 * time.Hour)},
	}
	r.sign = r.signer
	r.policy.People = []readiness.Person{{Name: "Bo", Emails: []string{"bo@example.com"}, Key: r.bo.String()}}
	r.write("cdk.out/magewright.json", manifesttest.Text(t, commit, ""))
	r.write("cdk.out/asset.zip", "the function")
	r.write("cdk.out/manifest.json", `{"artifacts":{"p.assets":{"type":"cdk:asset-manifest","properties":{"file":"magewright-production.assets.json"}},`+
		`"magewright-production":{"type":"aws:cloudformation:stack","dependencies":["p.assets"],"properties":{"templateFile":"magewright-production.template.json"}}}}`)
	r.write("cdk.out/magewright-production.assets.json", `{"files":{`+
		`"a":{"source":{"path":"asset.zip","packaging":"file"},"destinations":{"d":{"objectKey":"a.zip",`+bootstrapped+`}}},`+
		`"t":{"source":{"path":"magewright-production.template.json","packaging":"file"},"destinations":{"d":{"objectKey":"t.json",`+bootstrapped+`}}}}}`)
	r.write("cdk.out/magewright-production.template.json", `{"Resources":{"F":{"Type":"AWS::Lambda::Function","Properties":{"Code":{"S3Bucket":{"Fn::Sub":"cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"},"S3Key":"a.zip"}}}}}`)
	var err error
	if r.pkg, err = cdk.HashFile(filepath.Join(r.cfg.Assembly, "asset.zip")); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *release) write(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.cfg.Dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// waive lets a person who is no author of the release waive a check.
func (r *release) waive(check string, expires time.Time) {
	made := evidence.Made{FinishedOn: r.at.Add(-time.Minute)}
	r.signed = &readiness.Attestations{Made: made, Waivers: []readiness.SignedWaiver{{By: "Bo", Waiver: evidence.Waiver{
		Made: made, Check: check, Scope: evidence.Scope{Package: r.pkg}, Reason: "a fault of the linter", Owner: "Cy", Expires: expires,
	}}}}
}

// assess signs the bundle of the release as readiness does, and returns its
// lines.
func (r *release) assess() []string {
	r.t.Helper()
	candidate := readiness.Candidate{
		Made: evidence.Made{FinishedOn: r.at}, Commit: r.commit, Tree: r.tree, Base: r.base, BaseIs: "the latest tag, v1",
		Package: r.pkg, Account: r.by.account, Commits: []string{r.commit},
		Authors: []string{"al@example.com"},
	}
	if r.change != nil {
		r.change(&candidate)
	}
	used := readiness.PolicyUsed{Made: evidence.Made{FinishedOn: r.at}, Policy: r.policy, From: candidate.Base}
	var statements []evidence.Statement
	add := func(p evidence.Predicate) {
		s, err := evidence.NewStatement(r.commit, r.pkg, p)
		if err != nil {
			r.t.Fatal(err)
		}
		statements = append(statements, s)
	}
	add(candidate)
	add(used)
	r.lint.FinishedOn = r.at.Add(-time.Hour)
	add(r.lint)
	add(readiness.Recheck{Made: evidence.Made{FinishedOn: r.at}, Base: candidate.Base, Lint: r.lint})
	assembly := readiness.Assembly{Made: evidence.Made{FinishedOn: r.at}}
	if !r.unseen {
		var err error
		if assembly.Files, err = cdk.Digests(r.cfg.Assembly); err != nil {
			r.t.Fatal(err)
		}
	}
	add(assembly)
	if r.signed != nil {
		add(*r.signed)
	}
	a, err := readiness.Evaluate(statements, r.at)
	if err != nil {
		r.t.Fatal(err)
	}
	add(a)
	result := evidence.SummaryPassed
	if a.Verdict == readiness.NoGo {
		result = evidence.SummaryFailed
	}
	var b bytes.Buffer
	if err := evidence.WriteBundle(r.t.Context(), &b, r.sign, statements, evidence.Summary{TimeVerified: r.at, VerificationResult: result}, r.commit, r.pkg); err != nil {
		r.t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(b.String()), "\n")
}

// approvals returns the note in which somebody approves the release on the bundle that lies
// there.
func (r *release) approvals(by evidence.Signer, change ...func(*evidence.Attestation)) notesOf {
	return func(ctx context.Context, _ string) ([]string, error) {
		data, err := os.ReadFile(filepath.Join(r.cfg.Evidence, verify.BundleFile))
		if err != nil {
			return nil, err
		}
		a := evidence.Attestation{Made: evidence.Made{FinishedOn: r.at}, Kind: evidence.Approve, Tree: r.tree, What: "go", Bundle: evidence.Digest(data)}
		for _, f := range change {
			f(&a)
		}
		statement, err := evidence.NewStatement(r.commit, r.pkg, a)
		if err != nil {
			return nil, err
		}
		envelope, err := evidence.Seal(ctx, by, statement)
		if err != nil {
			return nil, err
		}
		line, err := json.Marshal(envelope)
		return []string{string(line)}, err
	}
}

// edit changes what an envelope holds, and leaves its signature.
func (r *release) edit(line, from, to string) string {
	r.t.Helper()
	var e map[string]any
	if err := json.Unmarshal([]byte(line), &e); err != nil {
		r.t.Fatal(err)
	}
	payload, err := base64.StdEncoding.DecodeString(e["payload"].(string))
	if err != nil || !bytes.Contains(payload, []byte(from)) {
		r.t.Fatalf("%s has no %s: %v", payload, from, err)
	}
	e["payload"] = base64.StdEncoding.EncodeToString(bytes.Replace(payload, []byte(from), []byte(to), 1))
	changed, err := json.Marshal(e)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(changed)
}

// again is a production that serves the tests' commit already, so that any base is
// right.
var again = stacktest.Stage{Outputs: stacktest.Outputs(), Served: stack.Served{Version: "1", Package: strings.Repeat("a", 64), Commit: commit}}

// TestPromoteRefusesTampering holds that each way to get a release past its
// evidence is refused before anything is touched, and by a message of its own.
func TestPromoteRefusesTampering(t *testing.T) {
	t.Parallel()
	other := evidencetest.NewSigner(t)
	for _, tt := range []struct {
		name   string
		before func(*release)                           // the bundle is signed
		lines  func(*release, []string) []string        // what becomes of it
		after  func(*release, *cdk.Release, *time.Time) // what is promoted
		says   string
	}{
		{name: "as it was assessed"},
		{name: "bundle edited", lines: func(r *release, l []string) []string {
			return slices.Concat(l[:2], []string{r.edit(l[2], `"files":3`, `"files":9`)}, l[3:])
		}, says: "line 3: its content is not what was signed"},
		{name: "verdict edited", lines: func(r *release, l []string) []string {
			return slices.Concat(l[:5], []string{r.edit(l[5], `"verdict":"GO"`, `"verdict":"??"`)}, l[6:])
		}, says: "line 6: its content is not what was signed"},
		{name: "other commit", after: func(_ *release, promoted *cdk.Release, _ *time.Time) { promoted.Commit = strings.Repeat("d", 40) },
			says: "the evidence is for commit cccccccccccc, but the assembly is for dddddddddddd"},
		{name: "other zip", after: func(r *release, _ *cdk.Release, _ *time.Time) { r.write("cdk.out/asset.zip", "another function") },
			says: "the evidence is for the deployment package"},
		{name: "expired", after: func(_ *release, _ *cdk.Release, now *time.Time) { *now = now.Add(24 * time.Hour) },
			says: "the evidence has expired since 2026-11-26T12:00:00Z: coding-standards"},
		{name: "wrong key", after: func(r *release, _ *cdk.Release, _ *time.Time) {
			r.signer = other
		}, says: "signed with a key other than the pinned one"},
		{name: "for looking only", before: func(r *release) { r.change = func(c *readiness.Candidate) { c.Looking = true } },
			says: "the evidence is for looking only: -base has compared the commit with bbbbbbbbbbbb"},
		{name: "statement removed", lines: func(_ *release, l []string) []string { return slices.Concat(l[:2], l[3:]) },
			says: "a statement that the summary names is missing from the bundle"},
		{name: "summary removed", lines: func(_ *release, l []string) []string { return l[:6] }, says: "does not end with a summary"},
		{name: "template edited", after: func(r *release, _ *cdk.Release, _ *time.Time) {
			r.write("cdk.out/magewright-production.template.json", `{"Resources":{"F":{"Type":"AWS::Lambda::Function","Properties":{"Code":{"S3Bucket":{"Fn::Sub":"cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"},"S3Key":"a.zip"}}},"Door":{"Type":"AWS::IAM::Role"}}}`)
		}, says: "the assembly's file magewright-production.template.json is not the one that the evidence has seen"},
		{name: "file added", after: func(r *release, _ *cdk.Release, _ *time.Time) { r.write("cdk.out/nested/more.json", "{}") },
			says: "the assembly has the file nested/more.json, which the evidence has not seen"},
		{name: "file removed", before: func(r *release) { r.write("cdk.out/tree.json", "{}") }, after: func(r *release, _ *cdk.Release, _ *time.Time) {
			if err := os.Remove(filepath.Join(r.cfg.Assembly, "tree.json")); err != nil {
				r.t.Fatal(err)
			}
		}, says: "the assembly lacks the file tree.json, which the evidence has seen"},
		{name: "a link out of the assembly", after: func(r *release, _ *cdk.Release, _ *time.Time) {
			if err := os.Symlink(r.cfg.Dir, filepath.Join(r.cfg.Assembly, "link")); err != nil {
				r.t.Fatal(err)
			}
		}, says: "which is outside of it"},
		{name: "what the CDK CLI leaves", after: func(r *release, _ *cdk.Release, _ *time.Time) {
			r.write("cdk.out/.cache/x.zip", "packed")
			r.write("cdk.out/read.12.1.lock", "12")
		}},
		{name: "evidence of no files", before: func(r *release) { r.unseen = true }, says: "does not say which files the cloud assembly had"},
		{name: "no evidence", after: func(r *release, _ *cdk.Release, _ *time.Time) {
			if err := os.Remove(filepath.Join(r.cfg.Evidence, verify.BundleFile)); err != nil {
				r.t.Fatal(err)
			}
		}, says: "there is no evidence"},
		{name: "a NO-GO", before: func(r *release) { r.lint.Broken = []string{"gofmt"} }, says: "the verdict is NO-GO because of coding-standards"},
		{name: "waiver expired", before: func(r *release) {
			r.lint.Broken = []string{"gofmt"}
			r.waive("coding-standards", assessed.Add(time.Hour))
		}, after: func(_ *release, _ *cdk.Release, now *time.Time) { *now = now.Add(2 * time.Hour) },
			says: "the waiver of coding-standards (the waiver has expired on 2026-11-26T13:00:00Z)"},
		{name: "a rehearsal's verdict elsewhere", before: func(r *release) {
			r.by.account, r.policy.Rehearsal.Account = agreed.RehearsalAccount, agreed.RehearsalAccount
		}, after: func(r *release, _ *cdk.Release, _ *time.Time) { r.by.account = "111122223333" },
			says: "the verdict is GO (rehearsal), but account 111122223333 is not a rehearsal account"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRelease(t)
			if tt.before != nil {
				tt.before(r)
			}
			lines := r.assess()
			if tt.lines != nil {
				lines = tt.lines(r, lines)
			}
			r.write(".magewright/"+verify.BundleFile, strings.Join(lines, "\n")+"\n")
			promoted, now := cdk.Release{Commit: commit, Package: r.pkg}, assessed.Add(time.Minute)
			if tt.after != nil {
				tt.after(r, &promoted, &now)
			}
			record, err := allow(t.Context(), r.cfg, stacktest.Start(t, again, nil), r.signer.Key, promoted, r.by, now, r.approvals(r.bo))
			if tt.says == "" {
				if err != nil || record.Verdict != readiness.Go || len(record.Bundle) != 64 || record.Approval == nil || record.Approval.By != "Bo" {
					t.Fatalf("allow = %+v, %v", record, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("allow = %v, want %q", err, tt.says)
			}
			if refusal := refuse(err); exit.Status(refusal) == 0 || !strings.Contains(refusal.Error(), "next: ") {
				t.Errorf("the refusal is %v, exit code %d", refusal, exit.Status(refusal))
			}
		})
	}
}

// TestPromoteAsksForTheApproval holds that in a pipeline the evidence alone
// allows nothing.
func TestPromoteAsksForTheApproval(t *testing.T) {
	action := func(category, status string) string {
		return `{"stageName":"Approval","actionName":"Approve","status":"` + status + `","updatedBy":"arn:aws:iam::111122223333:user/approver",` +
			`"input":{"actionTypeId":{"category":"` + category + `","owner":"AWS","provider":"Manual","version":"1"}},` +
			`"output":{"executionResult":{"externalExecutionSummary":"seen"}}}`
	}
	for _, tt := range []struct{ name, actions, execution, says string }{
		{"approved", action("Build", "Succeeded") + "," + action("Approval", "Succeeded"), "e-1", ""},
		{"nobody was asked", action("Build", "Succeeded"), "e-1", "nobody has approved execution e-1 of magewright-pipeline"},
		{"not answered yet", action("Approval", "InProgress"), "e-1", "the approval of execution e-1 is InProgress"},
		{"rejected", action("Approval", "Failed"), "e-1", "the approval of execution e-1 is Failed"},
		{"by nobody who is known", strings.Replace(action("Approval", "Succeeded"), "arn:aws:iam::111122223333:user/approver", "", 1), "e-1", "does not say who has approved execution e-1"},
		{"an action that does not say of which execution", "", "", "PIPELINE_EXECUTION_ID is not set"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRelease(t)
			r.write(".magewright/"+verify.BundleFile, strings.Join(r.assess(), "\n")+"\n")
			config := stacktest.Start(t, again, http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
				if target := request.Header.Get("X-Amz-Target"); target != "CodePipeline_20150709.ListActionExecutions" {
					t.Errorf("promote asked for %s", target)
				}
				_, _ = w.Write([]byte(`{"actionExecutionDetails":[` + tt.actions + `]}`))
			}))
			t.Setenv("CODEBUILD_INITIATOR", "codepipeline/magewright-pipeline")
			t.Setenv("PIPELINE_EXECUTION_ID", tt.execution)
			record, err := allow(t.Context(), r.cfg, config, r.signer.Key, cdk.Release{Commit: commit, Package: r.pkg}, r.by, assessed, nil)
			if tt.says != "" {
				if err == nil || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("allow = %v, want %q", err, tt.says)
				}
				return
			}
			want := evidence.Approval{Execution: "e-1", By: "arn:aws:iam::111122223333:user/approver", Summary: "seen", Action: "Approval/Approve"}
			if err != nil || record.Approval == nil || *record.Approval != want {
				t.Errorf("allow = %+v, %v, want %+v", record.Approval, err, want)
			}
		})
	}
}

// TestAttackWithoutAnApproval promotes outside of the pipeline, by who may deploy, on evidence
// that is a GO: without an approval, or with one that does not count.
func TestAttackWithoutAnApproval(t *testing.T) {
	t.Parallel()
	al := evidencetest.NewSigner(t)
	for name, tt := range map[string]struct {
		by     func(*release) evidence.Signer
		change func(*evidence.Attestation)
		says   string
	}{
		"nobody":             {nil, nil, "must sign an approval of the release on this evidence"},
		"an author":          {func(*release) evidence.Signer { return al }, nil, "Al has signed it, but is an author of the release (al@example.com)"},
		"a stranger":         {func(r *release) evidence.Signer { return evidencetest.NewSigner(r.t) }, nil, "a key that belongs to nobody in the policy"},
		"who deploys":        {func(r *release) evidence.Signer { return r.signer }, nil, "a key that belongs to nobody in the policy"},
		"on older evidence":  {nil, func(a *evidence.Attestation) { a.Bundle = strings.Repeat("0", 64) }, "that of Bo is on other evidence"},
		"of another tree":    {nil, func(a *evidence.Attestation) { a.Tree = "x" }, "that of Bo is of another commit"},
		"of the future":      {nil, func(a *evidence.Attestation) { a.FinishedOn = a.FinishedOn.Add(time.Hour) }, "a time in the future"},
		"a review":           {nil, func(a *evidence.Attestation) { a.Kind = evidence.Review }, "there is none"},
		"a manual test":      {nil, func(a *evidence.Attestation) { a.Kind = evidence.ManualTest }, "there is none"},
		"somebody, properly": {nil, func(*evidence.Attestation) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRelease(t)
			r.policy.People = append(r.policy.People, readiness.Person{Name: "Al", Emails: []string{"al@example.com"}, Key: al.String()})
			r.write(".magewright/"+verify.BundleFile, strings.Join(r.assess(), "\n")+"\n")
			signed := notesOf(func(context.Context, string) ([]string, error) {
				return []string{"not an envelope", `{"payload":"e30="}`}, nil
			})
			switch {
			case tt.by != nil:
				signed = r.approvals(tt.by(r))
			case tt.change != nil:
				signed = r.approvals(r.bo, tt.change)
			}
			record, err := allow(t.Context(), r.cfg, stacktest.Start(t, again, nil), r.signer.Key, cdk.Release{Commit: commit, Package: r.pkg}, r.by, assessed.Add(time.Minute), signed)
			if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("allow = %+v, %v, want %q", record, err, tt.says)
			}
		})
	}
	// The approval is of what was signed: a changed one counts for nothing.
	r := newRelease(t)
	r.write(".magewright/"+verify.BundleFile, strings.Join(r.assess(), "\n")+"\n")
	lines, err := r.approvals(r.bo, func(a *evidence.Attestation) { a.What = "no" })(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	lines[0] = r.edit(lines[0], `"no"`, `"go"`)
	_, err = allow(t.Context(), r.cfg, stacktest.Start(t, again, nil), r.signer.Key, cdk.Release{Commit: commit, Package: r.pkg}, r.by, assessed.Add(time.Minute),
		func(context.Context, string) ([]string, error) { return lines, nil })
	if err == nil || !strings.Contains(err.Error(), "in the name of Bo") {
		t.Errorf("an edited approval: %v", err)
	}
}

func TestBreakGlassNeedsAReason(t *testing.T) {
	t.Parallel()
	if err := BreakGlass(" because ")(t.Context(), project.Config{}); exit.Status(err) != exit.Usage {
		t.Errorf("BreakGlass = %v, want a usage error", err)
	}
}

// TestMain takes away what a build of the pipeline, where these tests run too,
// would add to what they set up.
func TestMain(m *testing.M) {
	for _, name := range []string{"CDK_CONTEXT_JSON", "CODEBUILD_INITIATOR", "PIPELINE_EXECUTION_ID"} {
		if err := os.Unsetenv(name); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// TestOnlyALedgerIsTold holds that a staging which keeps no records is sent none.
func TestOnlyALedgerIsTold(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		bucket string
		told   int
	}{{"", 0}, {"evidence", 1}} {
		told := 0
		outputs := stacktest.Outputs("FunctionUrl", "")
		if tt.bucket != "" {
			outputs["EvidenceBucket"] = tt.bucket
		}
		cfg := stacktest.Start(t, stacktest.Stage{Outputs: outputs}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if told++; r.Method != http.MethodPut || !strings.HasPrefix(r.URL.Path, "/releases/"+commit+"/deployments/") {
				t.Errorf("%s %s", r.Method, r.URL)
			}
			w.WriteHeader(http.StatusCreated)
		}))
		names := manifest.Old()
		err := keep(t.Context(), cfg, names, evidencetest.NewSigner(t), cdk.Release{Commit: commit, Package: strings.Repeat("a", 64)}, evidence.Deployment{Stage: names.Last().Name})
		if err != nil || told != tt.told {
			t.Errorf("%+v: told %d times, %v", tt, told, err)
		}
	}
}
