package readiness

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project/agreed"
)

// TestAttackByBuildsThatNobodyKnows keeps the judge from asking about the builds. That is no
// reason to do without the answer.
func TestAttackByBuildsThatNobodyKnows(t *testing.T) {
	t.Parallel()
	commit, made := strings.Repeat("c", 40), evidence.Made{FinishedOn: fixtureNow}
	statements := []evidence.Statement{
		statement(t, commit, Candidate{Made: made, Commit: commit, BaseIs: "none"}),
		statement(t, commit, PolicyUsed{Made: made, From: commit, Policy: Policy{Required: []string{"secrets"}, MaxAge: Duration(time.Hour)}}),
		statement(t, commit, Judge{Made: made, Commit: commit}),
	}
	for _, asked := range []bool{false, true} {
		if asked {
			statements = append(statements, statement(t, commit, Absence{Made: made, Of: Builds{}.PredicateType(), Reason: "access denied"}))
		}
		a, err := Evaluate(statements, fixtureNow)
		if err != nil {
			t.Fatal(err)
		}
		if blocked := slices.ContainsFunc(a.Blocking(), func(o Outcome) bool { return o.ID == "builds" }); blocked != asked {
			t.Errorf("asked %v: that the builds keep it from production is %v", asked, blocked)
		}
	}
}

// TestAttackByARefusedQuestion takes the judge's right to ask away. A rehearsal does without
// what nobody can know there, but not without what AWS has refused to say.
func TestAttackByARefusedQuestion(t *testing.T) {
	t.Parallel()
	commit, made := strings.Repeat("c", 40), evidence.Made{FinishedOn: fixtureNow}
	absent := func(of evidence.Predicate, refused bool) evidence.Statement {
		return statement(t, commit, Absence{Made: made, Of: of.PredicateType(), Reason: "no answer", Refused: refused})
	}
	for _, tt := range []struct {
		name     string
		evidence evidence.Statement
		id       string
		blocks   bool
	}{
		{"what the policy tolerates", absent(evidence.Security{}, false), "vulnerabilities", false},
		{"the same, refused", absent(evidence.Security{}, true), "vulnerabilities", true},
		{"builds that nobody could ask about", absent(Builds{}, false), "builds", true},
		{"builds, refused", absent(Builds{}, true), "builds", true},
		{"reviews, without a platform", statement(t, commit, Reviews{Made: made, Reason: "no platform"}), "peer-review", false},
		{"reviews, refused", statement(t, commit, Reviews{Made: made, Reason: "access denied", Refused: true}), "peer-review", true},
	} {
		a, err := Evaluate([]evidence.Statement{
			statement(t, commit, Candidate{Made: made, Commit: commit, Commits: []string{commit}, BaseIs: "none", Account: agreed.RehearsalAccount}),
			statement(t, commit, PolicyUsed{Made: made, From: commit, Policy: Policy{
				Required: []string{"peer-review", "vulnerabilities"}, MaxAge: Duration(time.Hour),
				Rehearsal: Rehearsal{Account: agreed.RehearsalAccount, Tolerates: []string{"peer-review", "vulnerabilities"}},
			}}),
			statement(t, commit, Judge{Made: made}), tt.evidence,
		}, fixtureNow)
		if err != nil {
			t.Fatal(err)
		}
		if blocks := slices.ContainsFunc(a.Blocking(), func(o Outcome) bool { return o.ID == tt.id }); blocks != tt.blocks {
			t.Errorf("%s: that %s keeps it from production is %v", tt.name, tt.id, blocks)
		}
		// Nobody has judged a first release. Who answers the approval stands in for a person.
		if slices.ContainsFunc(a.Blocking(), func(o Outcome) bool { return o.ID == "judge" }) {
			t.Errorf("%s: the first release keeps itself from production", tt.name)
		}
	}
}

// TestAttackOnTheTable has the subject of a commit write over the verdict in a terminal.
func TestAttackOnTheTable(t *testing.T) {
	t.Parallel()
	const evil = "Add\x1b[2A\x1b[2K\rGO\x07 a\u202ecommit"
	a := Assessment{Judged: evil, Verdict: NoGo, Outcomes: []Outcome{{ID: "a", Item: CodeReview, Required: true, Result: Result{State: Fail, Counted: evil, Reason: evil, Findings: []string{evil}}}}}
	var table bytes.Buffer
	a.WriteTable(&table)
	if strings.ContainsAny(table.String(), "\x1b\r\x07\u202e") || strings.Count(table.String(), "Add[2A[2K GO acommit") != 4 {
		t.Errorf("it prints %q", &table)
	}
}

// TestAttackByChangedRules changes what judges. The report begins with that.
func TestAttackByChangedRules(t *testing.T) {
	t.Parallel()
	changed := func(names ...string) []Change {
		var all []Change
		for _, name := range names {
			all = append(all, Change{Path: name, Status: "M"})
		}
		return all
	}
	own := []string{"magefile.go", "magefile_ci.go", "magefiles/x.go", "go.mod", "buildspec.yml", "tools/readiness/evaluate.go", "infra/policy/iam.rego", "infra/pipeline/stack.go", "infra/delivery/judge.go", ".golangci.yml", ".gitleaksignore"}
	if got := Rules(changed(append(own, "app/main.go", "README.md", "magewright/go.mod", "toolsx/a.go")...), false); !slices.Equal(got, own) {
		t.Errorf("the rules are %q", got)
	}
	if got := Rules([]Change{{Path: "old/policy.yml", From: "infra/policy/readiness.yml", Status: "R"}}, false); !slices.Equal(got, []string{"infra/policy/readiness.yml"}) {
		t.Errorf("a policy that is moved away gives %q", got)
	}
	adopted := []string{"magefile.go", "magewright/go.mod", "magewright/cdk.json", "magewright/policy/readiness.yml", "magewright.yml"}
	if got := Rules(changed(append(adopted, "tools/x.go", "buildspec.yml")...), true); !slices.Equal(got, adopted) {
		t.Errorf("the rules of another repository are %q", got)
	}

	commit, release := strings.Repeat("c", 40), strings.Repeat("d", 40)
	for _, tt := range []struct {
		name  string
		judge Judge
		want  string
	}{
		{"nothing of the rules", Judge{Commit: release}, "Judged by the code of release dddddddddddd."},
		{"rules", Judge{Commit: release, Rules: own}, "IT CHANGES THE RULES, and is judged by the old ones: 11 files of the judge, magefile.go, magefile_ci.go, magefiles/x.go and 8 more."},
		{"the version", Judge{Commit: release, Version: "v1.0.0", Pinned: "v1.1.0"}, "Judged by the code of release dddddddddddd, Magewright v1.0.0. It pins Magewright v1.1.0, which judges from the next release on."},
		{"first", Judge{}, "NO JUDGE BEFORE IT"},
		{"outside", Judge{Outside: true}, "outside of the pipeline"},
	} {
		tt.judge.Made = evidence.Made{FinishedOn: fixtureNow}
		statements := []evidence.Statement{
			statement(t, commit, Candidate{Made: tt.judge.Made, Commit: commit, BaseIs: "none"}),
			statement(t, commit, PolicyUsed{Made: tt.judge.Made, From: commit, Policy: Policy{Required: []string{"secrets"}, MaxAge: Duration(time.Hour)}}),
			statement(t, commit, tt.judge),
		}
		a, err := Evaluate(statements, fixtureNow)
		if err != nil {
			t.Fatal(err)
		}
		var table, page bytes.Buffer
		a.WriteTable(&table)
		if err := a.WritePage(&page, statements); err != nil {
			t.Fatal(err)
		}
		if (a.Notice != "") != (tt.name == "rules" || tt.name == "first") {
			t.Errorf("%s: the approver is told %q", tt.name, a.Notice)
		}
		first, _, _ := strings.Cut(table.String(), "\n\n")
		if !strings.Contains(strings.Join(strings.Fields(first), " "), tt.want) {
			t.Errorf("%s: the table begins with %q, want %q", tt.name, first, tt.want)
		}
		_, body, _ := strings.Cut(page.String(), "<body>")
		if above, _, _ := strings.Cut(body, "<h1>"); !strings.Contains(above, tt.want) {
			t.Errorf("%s: the page begins with %s, want %q", tt.name, above, tt.want)
		}
		if blocked := slices.ContainsFunc(a.Blocking(), func(o Outcome) bool { return o.ID == "judge" }); blocked != (tt.name == "first") {
			t.Errorf("%s: that the judge keeps it from production is %v", tt.name, blocked)
		}
	}
}
