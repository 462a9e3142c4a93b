package releases

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/readiness"
)

// allowed is a deployment that the evidence allowed.
func allowed(hours int, commit string) deployment {
	d := deployed(hours, commit)
	d.Verdict, d.Bundle = "GO", strings.Repeat("b", 64)
	return d
}

// judged is a ledger of deployments, with the evidence that allowed them.
func judged(all ...deployment) ledger {
	l := ledger{deployments: all}
	for _, d := range all {
		l.assessments = append(l.assessments, assessment{Assessment: readiness.Assessment{Commit: d.commit, Verdict: "GO"}, digest: strings.Repeat("b", 64)})
	}
	return l
}

// TestAttackByAForgedRecord has the build that runs the candidate's code sign that a release
// was good in production. Its key may sign records, so that only the evidence tells.
func TestAttackByAForgedRecord(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	one := r.commit(0, "one")
	two := r.commit(2, "two")
	record := allowed(1, one)
	evidenceOf := func(commit, verdict, digest string) ledger {
		return ledger{deployments: []deployment{record}, assessments: []assessment{{Assessment: readiness.Assessment{Commit: commit, Verdict: verdict}, digest: digest}}}
	}
	for name, l := range map[string]ledger{
		"no evidence":                   {deployments: []deployment{record}},
		"evidence of another release":   evidenceOf(two, "GO", record.Bundle),
		"evidence that it was no good":  evidenceOf(one, "NO-GO", record.Bundle),
		"evidence that it doesn't name": evidenceOf(one, "GO", strings.Repeat("c", 64)),
	} {
		err := l.redeploy(t.Context(), project.Config{Dir: r.dir, Commit: two, Stdout: &bytes.Buffer{}}, one, "production")
		if exit.Status(err) != exit.Gate || !strings.Contains(err.Error(), "the evidence that its record names is not kept, or did not allow it") || r.git("rev-parse", "HEAD") != two {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRedeploy commits the files of a good release on top of HEAD.
func TestRedeploy(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	r.git("config", "user.name", "Ada")
	r.git("config", "user.email", "ada@example.com")
	one := r.commit(0, "one")
	two := r.commit(2, "two")
	three := r.commit(4, "three")
	l := judged(allowed(1, one), allowed(12, three))
	var out bytes.Buffer
	cfg := project.Config{Dir: r.dir, Commit: three, Stdout: &out}
	if err := l.redeploy(t.Context(), cfg, one[:12], "production"); err != nil {
		t.Fatal(err)
	}
	head := r.git("rev-parse", "HEAD")
	if r.git("rev-parse", "HEAD^{tree}") != r.git("rev-parse", one+"^{tree}") || r.git("rev-parse", "HEAD~") != three || r.git("status", "--porcelain") != "" {
		t.Errorf("HEAD is\n%s\nand the files differ: %s", r.git("log", "-1", "--stat"), r.git("status", "--porcelain"))
	}
	said := r.git("log", "-1", "--format=%an%n%B")
	for _, want := range []string{"Ada\nRedeploy " + one[:12] + ": Add one\n", "on 2026-11-02T10:00:00Z, on evidence bbbbbbbbbbbb.", "Add three\nThis reverts commit " + three + ".", "Add two\nThis reverts commit " + two + "."} {
		if !strings.Contains(said, want) {
			t.Errorf("its message lacks %q:\n%s", want, said)
		}
	}
	if !strings.Contains(out.String(), "it takes back:\n  "+three[:12]+"  Add three\n") {
		t.Errorf("it prints\n%s", &out)
	}
	// When that is deployed, the figures know that the release before it failed.
	f := measure(t.Context(), r.dir, []deployment{allowed(1, one), allowed(12, three), allowed(14, head)}, start)
	if f.failed != 1 || !f.taken[1] || f.taken[0] || f.taken[2] {
		t.Errorf("the figures are %+v", f)
	}
	cfg.Commit = head
	if err := l.redeploy(t.Context(), cfg, one, "production"); exit.Status(err) != exit.Gate || !strings.Contains(err.Error(), "has the files of") {
		t.Errorf("again: %v", err)
	}
}

func TestRedeployRefuses(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	one := r.commit(0, "one")
	r.git("checkout", "-q", "-b", "side")
	aside := r.commit(1, "aside")
	r.git("checkout", "-q", "main")
	two := r.commit(2, "two")
	r.git("revert", "--no-edit", two)
	back := r.git("rev-parse", "HEAD")
	three := r.commit(4, "three")
	broken, unjudged, differs := allowed(1, one), deployed(1, one), allowed(1, one)
	broken.BreakGlass = &evidence.BreakGlass{Refused: "no tests"}
	differs.ReadBack = &evidence.ReadBack{Differs: []string{"the alias"}}
	for name, test := range map[string]struct {
		all    []deployment
		wanted string
		dirty  bool
		why    string
	}{
		"files that differ":             {[]deployment{allowed(1, one)}, one, true, "files differ from HEAD"},
		"a commit that is not there":    {nil, "nothing", false, "there is no commit nothing here"},
		"what was never deployed":       {[]deployment{allowed(1, one)}, two, false, "no signed record says that it was deployed to production"},
		"what was deployed to staging":  {[]deployment{{commit: two, Deployment: evidence.Deployment{Stage: "staging"}}}, two, false, "no signed record"},
		"a broken glass":                {[]deployment{broken}, one, false, "although the evidence did not allow it: no tests"},
		"what nobody has judged":        {[]deployment{unjudged}, one, false, "no verdict allowed"},
		"what was not what was to be":   {[]deployment{differs}, one, false, "its deployment failed"},
		"what was taken back":           {[]deployment{allowed(1, one), allowed(3, two), allowed(4, back)}, two, false, "took it back"},
		"what may have been taken back": {[]deployment{allowed(1, one), allowed(3, strings.Repeat("0", 40))}, one, false, "it is unknown whether the next deployment took it back: reading the commits"},
		"what another branch has":       {[]deployment{allowed(1, aside)}, aside, false, "is not in the history of HEAD"},
		"what is there already":         {[]deployment{allowed(1, three)}, three, false, "has the files of"},
	} {
		cfg := project.Config{Dir: r.dir, Commit: three, Dirty: test.dirty, Stdout: &bytes.Buffer{}}
		err := judged(test.all...).redeploy(t.Context(), cfg, test.wanted, "production")
		if exit.Status(err) != exit.Gate || !strings.Contains(err.Error(), test.why) || !strings.Contains(err.Error(), "\n  next: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if head := r.git("rev-parse", "HEAD"); head != three {
		t.Errorf("HEAD is %s, and was %s", head, three)
	}
	for _, args := range [][]string{nil, {"-release=--all"}} {
		if err := RedeployMain(context.Background(), args); exit.Status(err) != exit.Usage {
			t.Errorf("%q: %v", args, err)
		}
	}
}
