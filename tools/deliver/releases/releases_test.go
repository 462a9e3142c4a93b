package releases

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/evidence/bucket"
	"github.com/magewright/magewright/tools/evidence/evidencetest"
	"github.com/magewright/magewright/tools/evidence/timeline"
	"github.com/magewright/magewright/tools/localaws/localawstest"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/readiness"
)

// start is when the first commit of a test was made.
var start = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

// A repository is one of a test.
type repository struct {
	t   *testing.T
	dir string
}

func newRepository(t *testing.T) repository {
	t.Helper()
	r := repository{t, t.TempDir()}
	r.git("init", "-q", "-b", "main")
	return r
}

func (r repository) git(args ...string) string {
	r.t.Helper()
	return r.at(start, args...)
}

func (r repository) at(when time.Time, args ...string) string {
	r.t.Helper()
	git := exec.CommandContext(r.t.Context(), "git", args...) // #nosec G204 -- arguments of this file
	git.Dir = r.dir
	date := when.Format(time.RFC3339)
	git.Env = append(os.Environ(), "GIT_AUTHOR_DATE="+date, "GIT_COMMITTER_DATE="+date, "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := git.Output()
	if err != nil {
		r.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit commits a file of a name some hours after the start.
func (r repository) commit(hours int, name string) string {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(name), 0o600); err != nil {
		r.t.Fatal(err)
	}
	r.git("add", "-A")
	r.at(start.Add(time.Duration(hours)*time.Hour), "commit", "-q", "-m", "Add "+name)
	return r.git("rev-parse", "HEAD")
}

// deployed is a deployment some hours after the start.
func deployed(hours int, commit string) deployment {
	return deployment{commit: commit, Deployment: evidence.Deployment{Made: evidence.Made{FinishedOn: start.Add(time.Duration(hours) * time.Hour)}, Stage: "production", Version: "1"}}
}

// TestFigures computes the four figures from histories whose figures can be counted by
// hand.
func TestFigures(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	one := r.commit(0, "one")
	two := r.commit(2, "two")
	three := r.commit(4, "three")
	r.at(start.Add(30*time.Hour), "revert", "--no-edit", three)
	back := r.git("rev-parse", "HEAD")
	differs := deployed(20, two)
	differs.ReadBack = &evidence.ReadBack{Differs: []string{"the alias"}}
	for name, test := range map[string]struct {
		all  []deployment
		now  int // hours after the start
		want []string
	}{
		"nothing": {nil, 100, []string{"0.0 a week", "not known: it takes two deployments", "not known: nothing was deployed", "none was needed"}},
		"one":     {[]deployment{deployed(10, one)}, 100, []string{"1.0 a week", "not known: it takes two deployments", "0 % (0 of 1)", "none was needed"}},
		// Lead times: 10 h of two, 8 h of three.
		"two, in one week": {[]deployment{deployed(10, one), deployed(12, three)}, 100, []string{"2.0 a week", "9.0 h", "0 % (0 of 2)", "none was needed"}},
		"in two weeks":     {[]deployment{deployed(0, one), deployed(12, two)}, 14 * 24, []string{"1.0 a week", "10.0 h", "0 % (0 of 2)", "none was needed"}},
		// 10 h of two, 20 h of three, 10 h of the revert.
		"a revert":            {[]deployment{deployed(1, one), deployed(12, two), deployed(24, three), deployed(40, back)}, 100, []string{"4.0 a week", "10.0 h", "25 % (1 of 4)", "16.0 h"}},
		"a release of before": {[]deployment{deployed(1, one), deployed(12, three), deployed(14, two)}, 100, []string{"3.0 a week", "9.0 h", "33 % (1 of 3)", "2.0 h"}},
		"not repaired":        {[]deployment{deployed(1, one), differs}, 100, []string{"2.0 a week", "18.0 h", "50 % (1 of 2)", "not known: nothing was deployed since then"}},
		"not what was to be":  {[]deployment{deployed(1, one), differs, deployed(21, two)}, 100, []string{"3.0 a week", "18.0 h", "33 % (1 of 3)", "60 min"}},
		"long ago":            {[]deployment{deployed(1, one), deployed(12, three)}, 24 * 200, []string{"0.0 a week", "not known: it takes two deployments", "not known: nothing was deployed", "none was needed"}},
		"a commit that is gone": {[]deployment{deployed(1, one), deployed(12, strings.Repeat("0", 40))}, 100, []string{
			"2.0 a week", "not known: it takes two deployments", "0 % (0 of 2)", "none was needed"}},
	} {
		f := measure(t.Context(), r.dir, test.all, start.Add(time.Duration(test.now)*time.Hour))
		var got []string
		for _, figure := range f.words("production") {
			got = append(got, figure.Value)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if unknown := len(f.unknown) > 0; unknown != (name == "a commit that is gone") {
			t.Errorf("%s: not known are %q", name, f.unknown)
		}
	}
}

// TestOnce holds that a deployment counts once, however often it was recorded.
func TestOnce(t *testing.T) {
	t.Parallel()
	of := func(hours int, commit, version string, set ...func(*evidence.Deployment)) deployment {
		d := deployed(hours, commit)
		d.Version = version
		for _, f := range set {
			f(&d.Deployment)
		}
		return d
	}
	broken := func(d *evidence.Deployment) { d.BreakGlass = &evidence.BreakGlass{Reason: "it burns"} }
	stopped := func(d *evidence.Deployment) { d.Stopped = "the canary" }
	differs := func(d *evidence.Deployment) { d.ReadBack = &evidence.ReadBack{Differs: []string{"the alias"}} }
	staging := func(d *evidence.Deployment) { d.Stage = "staging" }
	for name, test := range map[string]struct {
		all  []deployment
		want string
	}{
		"in two ledgers":                    {[]deployment{of(1, "a", "1"), of(1, "a", "1")}, "a1"},
		"with another stage between":        {[]deployment{of(1, "a", "1"), of(2, "b", "7", staging), of(3, "a", "1")}, "a1 b7"},
		"against the evidence":              {[]deployment{of(1, "a", "", broken), of(2, "a", "1", broken), of(2, "a", "1", broken)}, "a1"},
		"against the evidence, and stopped": {[]deployment{of(1, "a", "", broken), of(2, "a", "", broken, stopped)}, "a!"},
		"stopped, and tried again":          {[]deployment{of(1, "a", "", stopped), of(2, "a", "2")}, "a! a2"},
		"what differs is in the second":     {[]deployment{of(1, "a", "1"), of(2, "a", "1", differs)}, "a1?"},
		"another one":                       {[]deployment{of(1, "a", "1"), of(2, "b", "2"), of(3, "a", "1")}, "a1 b2 a1"},
	} {
		var got []string
		for _, d := range once(test.all) {
			text := d.commit + d.Version
			if d.Stopped != "" {
				text += "!"
			}
			if d.ReadBack != nil {
				text += "?"
			}
			got = append(got, text)
		}
		if got := strings.Join(got, " "); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// assess returns the bundle of an assessment.
func assess(t *testing.T, signer evidence.Signer, commit, verdict string, outcomes ...readiness.Outcome) []byte {
	t.Helper()
	var statements []evidence.Statement
	for _, p := range []evidence.Predicate{
		readiness.Assessment{Made: evidence.Made{FinishedOn: start}, Verdict: verdict, Commit: commit, Package: "cafe", Outcomes: outcomes},
		evidence.Page{HTML: "<p>" + verdict + "</p>"},
	} {
		s, err := evidence.NewStatement(commit, "cafe", p)
		if err != nil {
			t.Fatal(err)
		}
		statements = append(statements, s)
	}
	var bundle bytes.Buffer
	if err := evidence.WriteBundle(t.Context(), &bundle, signer, statements, evidence.Summary{}, commit, "cafe"); err != nil {
		t.Fatal(err)
	}
	return bundle.Bytes()
}

// TestLedger reads what a bucket keeps, and counts only what the key has signed.
func TestLedger(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	good, bad := r.commit(0, "one"), r.commit(5, "two")
	r.git("tag", "v1.0.0", good)
	client := s3.NewFromConfig(localawstest.Start(t), func(o *s3.Options) { o.UsePathStyle = true })
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("evidence")}); err != nil {
		t.Fatal(err)
	}
	signer, stranger := evidencetest.NewSigner(t), evidencetest.NewSigner(t)
	b := bucket.Bucket{Client: client, Name: "evidence", Signer: signer}
	failed := readiness.Outcome{Title: "All tests pass", Required: true, Result: readiness.Result{State: readiness.Fail, Reason: "1 of 7 <fails>"}}
	passed := readiness.Outcome{Title: "All tests pass", Required: true, Result: readiness.Result{State: readiness.Pass}}
	for _, document := range []struct {
		commit string
		bundle []byte
	}{{good, assess(t, signer, good, "GO", passed)}, {bad, assess(t, signer, bad, "NO-GO", failed)}, {bad, assess(t, stranger, bad, "GO")}} {
		if _, _, err := b.Publish(t.Context(), document.commit, document.bundle, nil, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	approved := deployed(10, good).Deployment
	approved.Approval = &evidence.Approval{By: "ada", Summary: "seen"}
	forged := deployed(20, bad).Deployment
	stopped := deployed(21, bad).Deployment
	stopped.Stopped = "the canary was stopped: FAIL"
	for _, record := range []struct {
		signer evidence.Signer
		commit string
		d      evidence.Deployment
	}{{signer, good, approved}, {stranger, bad, forged}, {signer, bad, stopped}} {
		b.Signer = record.signer
		if err := b.PutDeployment(t.Context(), record.commit, "cafe", record.d); err != nil {
			t.Fatal(err)
		}
	}
	// The same bucket twice: nothing counts twice.
	l, err := read(t.Context(), []bucket.Bucket{b, b}, evidence.Trust(signer.Key))
	if err != nil {
		t.Fatal(err)
	}
	if len(l.deployments) != 2 || len(l.to("production")) != 1 || l.deployments[0].commit != good || l.deployments[0].pkg != "cafe" || len(l.assessments) != 2 || len(l.unreadable) != 2 {
		t.Fatalf("it has %+v", l)
	}
	var out bytes.Buffer
	cfg := project.Config{Dir: r.dir, Evidence: filepath.Join(r.dir, ".magewright"), Stdout: &out}
	v, err := l.page(t.Context(), cfg, "shop", "production", start)
	if err != nil {
		t.Fatal(err)
	}
	v.Serving = []timeline.Serving{{Stage: "production", Commit: good, Version: "version 1", Subject: "Add one"}}
	print(&out, v)
	for _, want := range []string{
		"  production   " + good[:12] + "  version 1  Add one\n",
		"  " + bad[:12] + "  NO-GO  Add two\n      refused: All tests pass: 1 of 7 <fails>\n      2026-11-03 06:00:00 UTC  production, version 1\n      failed: the canary was stopped: FAIL\n",
		"  " + good[:12] + "  GO  v1.0.0  Add one\n      2026-11-02 19:00:00 UTC  production, version 1, approved by ada: seen\n",
		"does not count: s3://evidence/releases/" + bad, "it is signed with a key other than the pinned one",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not print %q:\n%s", want, &out)
		}
	}
	var page bytes.Buffer
	if err := timeline.Write(&page, v); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`<li>All tests pass: 1 of 7 &lt;fails&gt;</li>`, `<span class="state good">GO</span>`, `<a href="` + v.Releases[1].Assessments[0].Link + `">the assessment</a>`} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %s:\n%s", want, &page)
		}
	}
	if kept, err := os.ReadFile(filepath.Join(cfg.Evidence, "releases", v.Releases[1].Assessments[0].Link)); err != nil || string(kept) != "<p>GO</p>" {
		t.Errorf("the page of the assessment is %q, %v", kept, err)
	}
	if newer := v.Releases[0]; newer.Before != good || !strings.Contains(newer.Difference, "1 checks have different results") || v.Releases[1].Difference != "" {
		t.Errorf("compared with %q, the newer release has %q; the first one has %q", newer.Before, newer.Difference, v.Releases[1].Difference)
	}
	if why := l.difference(t.Context(), cfg, strings.Repeat("0", 40), good); why != "there is no commit "+strings.Repeat("0", 40)+" here" {
		t.Errorf("a release that is not in the clone: %q", why)
	}

	out.Reset()
	if err := l.compare(t.Context(), cfg, "HEAD~", "HEAD"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"brings 1 commits\n  " + bad[:12], "takes back 0 commits", "\n two | 1 +", "1 checks have different results\n  All tests pass: FAIL, and was PASS before\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the difference lacks %q:\n%s", want, &out)
		}
	}
	if err := l.compare(t.Context(), cfg, "HEAD~", "nothing"); exit.Status(err) != exit.Gate {
		t.Errorf("of a commit that is not there: %v", err)
	}
}

// TestAttackByAReason hides by its reason that a release was deployed against the evidence.
func TestAttackByAReason(t *testing.T) {
	t.Parallel()
	broken := evidence.Deployment{Stage: "production", BreakGlass: &evidence.BreakGlass{By: "eve", Reason: "an outage\r\x1b[2K      approved by ada\nof pay"}}
	var out bytes.Buffer
	print(&out, timeline.Page{Releases: []timeline.Release{{Commit: "c", Deployments: []timeline.Deployment{{Deployment: broken}}}}})
	if want := "production, BREAK GLASS by eve: an outage [2K      approved by ada of pay\n"; !strings.Contains(out.String(), want) || strings.ContainsAny(out.String(), "\r\x1b") {
		t.Errorf("%q is printed, which lacks %q", out.String(), want)
	}
}

// TestAttackByASubject writes to the terminal by the subject of a commit.
func TestAttackByASubject(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	one := r.commit(0, "one")
	r.git("commit", "-q", "--allow-empty", "-m", "Add\x1b]52;c;ZXZpbA==\a two\u202e")
	two := r.git("rev-parse", "HEAD")
	_, all, err := between(t.Context(), r.dir, one, two)
	if err != nil || len(all) != 1 {
		t.Fatalf("%+v, %v", all, err)
	}
	const want = "Add]52;c;ZXZpbA== two"
	if got := subjectOf(t.Context(), r.dir, two); got != want || all[0].subject != want {
		t.Errorf("%q and %q are printed", got, all[0].subject)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, flag := range []string{"-diff=HEAD", "-diff=..HEAD", "-diff=HEAD..", "-diff=--output=x..HEAD"} {
		if err := Main(context.Background(), []string{flag}); exit.Status(err) != exit.Usage {
			t.Errorf("%s: %v", flag, err)
		}
	}
}
