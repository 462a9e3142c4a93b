package collect

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/internal/gocmd"
	"github.com/magewright/magewright/tools/internal/testinput"
	"github.com/magewright/magewright/tools/readiness"
	"github.com/magewright/magewright/tools/readiness/rego"
)

// checkout is the checkout of this project.
const checkout = "../../.."

// built is the directory in which the tests' programs are built.
var built string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "collect")
	if err != nil {
		panic(err)
	}
	built = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// buildEngine builds the engine's program once. Letting the go command check it
// for each request would take longer than the request.
var buildEngine = sync.OnceValues(func() (program string, err error) {
	program = filepath.Join(built, "opa")
	// The same flags as in rego.Of, so that it is only compiled once.
	_, err = gocmd.In(filepath.Join(checkout, "tools", "pins", "opa"), "GOWORK=off").Output(context.Background(), "build", "-o", program, ".")
	return program, err
})

func builtEngine(t *testing.T) rego.Engine {
	t.Helper()
	testinput.Read(t, "tools/pins/opa")
	program, err := buildEngine()
	if err != nil {
		t.Fatal(err)
	}
	return func(ctx context.Context, request []byte) (string, error) {
		return command.Cmd{Stdin: bytes.NewReader(request)}.Output(ctx, program)
	}
}

// ruleOne and its test form a valid rule.
const (
	ruleOne = `# METADATA
# title: Buckets have names
package magewright.rules.one

subjects contains id if some id, _ in input.template.Resources

violations contains {"id": id, "message": "no name"} if {
	some id, resource in input.template.Resources
	not resource.Properties.Name == "n"
}
`
	testOne = `package magewright.rules.one_test

import data.magewright.rules.one

test_breaks if count(one.violations) == 1 with input as {"template": {"Resources": {"B": {}}}}

test_keeps if count(one.violations) == 0 with input as {"template": {"Resources": {"B": {"Properties": {"Name": "n"}}}}}
`
)

func TestRulesThatCannotBeBelieved(t *testing.T) {
	t.Parallel()
	inputs := map[string]any{"s": json.RawMessage(`{"name":"s","template":{"Resources":{"A":{},"B":{"Properties":{"Name":"n"}}}}}`)}
	with := func(old, replacement string) map[string]string {
		return map[string]string{"one.rego": strings.Replace(ruleOne, old, replacement, 1), "one_test.rego": testOne}
	}
	beside := func(text string) map[string]string {
		return map[string]string{"one.rego": ruleOne, "one_test.rego": testOne, "two.rego": text}
	}
	for name, tt := range map[string]struct {
		rules map[string]string
		want  string // part of a problem, or "" if the rules are valid
	}{
		"sound":                   {with("", ""), ""},
		"none":                    {map[string]string{}, "there is no rule"},
		"only a test":             {map[string]string{"t.rego": "package magewright.rules.one_test\n\ntest_keeps if true\n"}, "there is no rule"},
		"a mistyped namespace":    {beside("package magewright.rule.two\n\nviolations contains 1 if true\n"), "nobody evaluates it"},
		"a nested package":        {beside("package magewright.rules.two.deep\n"), "nobody evaluates it"},
		"an empty file":           {beside("# nothing\n"), "empty module"},
		"one that does not parse": {beside("package magewright.rules.two\n\nx {"), "two.rego:3"},
		"two of one name":         {beside("package magewright.rules.one\n\nother := 1\n"), "there are two packages of rule one"},
		"no title":                {with("# title: Buckets have names\n", "# description: none\n"), "has no title"},
		"no subjects":             {with("subjects contains", "subject contains"), "says nothing by `subjects contains`"},
		"mistyped violations":     {with("violations contains", "violation contains"), "says nothing by `violations contains`"},
		"a mistyped input":        {with("input.template.Resources\n\tnot", "input.templates.Resources\n\tnot"), "undefined ref: input.templates"},
		"a call of the network":   {with("\tnot resource", "\thttp.send({\"method\": \"get\", \"url\": \"http://localhost\"})\n\tnot resource"), "undefined function http.send"},
		"a clock":                 {with("\tnot resource", "\ttime.now_ns() > 0\n\tnot resource"), "undefined function time.now_ns"},
		"an unsure negation":      {with(`not resource.Properties.Name == "n"`, `not startswith(resource.Properties.Name, "n")`), "is undefined, and not true"},
		"an error of a builtin":   {with(`not resource.Properties.Name == "n"`, `not startswith(id, 1) == true`), "startswith"},
		"no tests":                {map[string]string{"one.rego": ruleOne}, "needs both"},
		"no test that breaks it":  {map[string]string{"one.rego": ruleOne, "t.rego": strings.Replace(testOne, "test_breaks", "test_keeps_too", 1)}, "0 tests that break it and 2"},
		"a test that fails":       {map[string]string{"one.rego": ruleOne, "t.rego": strings.Replace(testOne, "== 1", "== 2", 1)}, "test_breaks did not pass"},
		"a test of another name":  {map[string]string{"one.rego": ruleOne, "t.rego": testOne + "\ntest_other if true\n"}, "named neither"},
		"a test of no rule":       {beside("package magewright.rules.two_test\n\ntest_keeps if true\n"), "tests of two, which is no rule"},
		"a violation of another":  {with(`{"id": id, "message"`, `{"id": "C", "message"`), "none of its subjects"},
		"no message":              {with(`"no name"`, `""`), "has no message"},
		"violations of a shape":   {with(`{"id": id, "message": "no name"}`, `id`), "not {id, message}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := builtEngine(t).Ask(t.Context(), tt.rules, inputs)
			if err != nil {
				t.Fatal(err)
			}
			problems := strings.Join(got.Problems, "\n")
			if tt.want != "" && !strings.Contains(problems, tt.want) {
				t.Errorf("problems are %q, want %q", problems, tt.want)
			}
			if tt.want == "" {
				if problems != "" || len(got.Rules) != 1 || got.Rules[0].Tests != 2 || len(got.Rules[0].Results) != 1 {
					t.Fatalf("got %+v", got)
				}
				r := got.Rules[0].Results[0]
				if r.Input != "s" || len(r.Subjects) != 2 || len(r.Violations) != 1 || r.Violations[0].ID != "A" {
					t.Errorf("result %+v", r)
				}
			}
		})
	}
}

// TestRulesElsewhere checks that rules which nothing can evaluate are no passed check. The
// end-to-end test of other repositories has the engine.
func TestRulesElsewhere(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	commit := r.commit(map[string]string{"magewright/go.mod": "module a/magewright\n", "magewright/policy/urls.rego": "package magewright.rules.urls\n"})
	cfg := r.at(commit)
	cfg.Assembly = filepath.Join(t.TempDir(), "cdk.out")
	writeFiles(t, cfg.Assembly, assemblyFiles(commit))
	_, err := Policies(t.Context(), Env{Project: cfg, Clock: clock.System(), Candidate: readiness.Candidate{Commit: commit}})
	if err == nil || !strings.Contains(err.Error(), "does not know the version of its engine") || !strings.Contains(err.Error(), "next: GOWORK=off go -C magewright get -tool") {
		t.Errorf("error is %v", err)
	}
}

// ourRules returns the rules of this repository, by their files.
func ourRules(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(checkout, "infra", "policy", "*.rego"))
	if err != nil {
		t.Fatal(err)
	}
	rules := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file) // #nosec G304 -- a rule of this repository
		if err != nil {
			t.Fatal(err)
		}
		rules[filepath.Base(file)] = string(text)
	}
	return rules
}

// TestTheDocumentsRule holds that the rule which the document shows counts, and finds what it
// is about.
func TestTheDocumentsRule(t *testing.T) {
	t.Parallel()
	testinput.Read(t, "infra/docs")
	text, err := os.ReadFile(filepath.Join(checkout, "infra", "docs", "howto.md"))
	if err != nil {
		t.Fatal(err)
	}
	shown := strings.Split(string(text), "```text\n")
	if len(shown) != 3 {
		t.Fatalf("the document has %d texts, want the rule and its test", len(shown)-1)
	}
	rules := map[string]string{"lib.rego": ourRules(t)["lib.rego"]}
	for i, name := range []string{"queue_retention.rego", "queue_retention_test.rego"} {
		rules[name], _, _ = strings.Cut(shown[i+1], "```")
	}
	got, err := builtEngine(t).Ask(t.Context(), rules, map[string]any{"s": json.RawMessage(`{"name":"s","template":{"Resources":{"Q":{"Type":"AWS::SQS::Queue","Properties":{"MessageRetentionPeriod":60}}}}}`)})
	if err != nil || len(got.Problems) > 0 || len(got.Rules) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	if r := got.Rules[0]; r.ID != "queue_retention" || r.Tests != 2 || len(r.Results) != 1 || len(r.Results[0].Violations) != 1 {
		t.Errorf("it is %+v", r)
	}
}

// TestAttackByRights gives a stack rights by which somebody could take it over, each
// written so that a rule which compares texts would not see it.
func TestAttackByRights(t *testing.T) {
	t.Parallel()
	testinput.Read(t, "tools/pins/opa")
	policy := func(action, resource string) string {
		return `{"Type":"AWS::IAM::Policy","Properties":{"PolicyDocument":{"Statement":[{"Effect":"Allow","Action":` + action + `,"Resource":` + resource + `}]}}}`
	}
	attacks := map[string]struct{ resource, rule string }{
		"every action of a service":     {policy(`"s3:?*"`, `"arn:aws:s3:::b"`), "iam_wildcards"},
		"every service":                 {policy(`["*:*"]`, `"arn:aws:s3:::b"`), "iam_wildcards"},
		"policies of every role":        {policy(`"iam:Put*"`, `"*"`), "iam_power"},
		"new identities":                {policy(`["s3:GetObject","iam:Create*"]`, `["*"]`), "iam_power"},
		"managed policies":              {policy(`"iam:Attach*"`, `"*"`), "iam_power"},
		"every role for a service":      {policy(`"iam:PassRole"`, `"*"`), "iam_power"},
		"every role, and everything":    {policy(`"iam:PassRole"`, `"arn:aws:iam::111122223333:*"`), "iam_power"},
		"every role, in another way":    {policy(`"sts:AssumeRole"`, `{"Fn::Sub":"arn:aws:iam::${AWS::AccountId}:r*"}`), "iam_power"},
		"every role":                    {policy(`"sts:AssumeRole"`, `"*"`), "iam_power"},
		"a role that everybody assumes": {`{"Type":"AWS::IAM::Role","Properties":{"AssumeRolePolicyDocument":{"Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"*"}}]}}}`, "public_principal"},
		"a function for everybody":      {`{"Type":"AWS::Lambda::Permission","Properties":{"Action":"lambda:InvokeFunction","FunctionName":"f","Principal":"*"}}`, "lambda_permission"},
		"a wildcard that comes later":   {`{"Type":"AWS::IAM::Role","Metadata":{"cdk_nag":{"rules_to_suppress":[{"id":"AwsSolutions-IAM5","reason":"for now"}]}},"Properties":{}}`, "nag_suppressions"},
	}
	inputs := map[string]any{}
	for name, attack := range attacks {
		inputs[name] = json.RawMessage(`{"name":"s","template":{"Resources":{"Door":` + attack.resource + `}}}`)
	}
	got, err := rego.Of(checkout).Ask(t.Context(), ourRules(t), inputs)
	if err != nil || len(got.Problems) > 0 {
		t.Fatalf("%q, %v", got.Problems, err)
	}
	found := map[string][]string{}
	for _, r := range got.Rules {
		for _, result := range r.Results {
			if len(result.Violations) > 0 {
				found[result.Input] = append(found[result.Input], r.ID)
			}
		}
	}
	for name, attack := range attacks {
		if !slices.Contains(found[name], attack.rule) {
			t.Errorf("%s: the rules %q are broken, and not %s", name, found[name], attack.rule)
		}
	}
}

// TestOurRules checks that the rules of this repository are valid: it runs
// their tests.
func TestOurRules(t *testing.T) {
	t.Parallel()
	rules := ourRules(t)
	testinput.Read(t, "tools/pins/opa")
	got, err := rego.Of(checkout).Ask(t.Context(), rules, map[string]any{})
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range got.Problems {
		t.Error(problem)
	}
	tests := 0
	for _, r := range got.Rules {
		tests += r.Tests
	}
	if want := (len(rules) - 1) / 2; len(got.Rules) != want || want == 0 || tests < 2*want {
		t.Errorf("%d rules with %d tests, want %d rules", len(got.Rules), tests, want)
	}
}

// TestPoliciesAreTheBases checks that a change can't relax the rules that judge it.
func TestPoliciesAreTheBases(t *testing.T) {
	t.Parallel()
	r := newRepository(t)
	first := r.commit(map[string]string{"a": "a"})
	base := r.commit(map[string]string{"infra/policy/one.rego": ruleOne, "infra/policy/one_test.rego": testOne, "infra/policy/readiness.yml": "x"})
	relaxed := r.commit(map[string]string{"infra/policy/one.rego": strings.Replace(ruleOne, `== "n"`, `== "m"`, 1)})
	for _, tt := range []struct{ name, base, commit, from string }{
		{"the base has rules", base, relaxed, base},
		{"the base has none", first, base, base},
		{"there is no base", "", base, base},
	} {
		cfg := r.at(tt.commit)
		cfg.Evidence, cfg.Assembly = t.TempDir(), filepath.Join(t.TempDir(), "cdk.out")
		writeFiles(t, cfg.Assembly, assemblyFiles(tt.commit))
		writeFiles(t, cfg.Evidence, map[string]string{sbomFile: `{"components":[{"name":"std"}]}`})
		e := Env{Project: cfg, Clock: clock.System(), Candidate: readiness.Candidate{Base: tt.base, Commit: tt.commit}}
		got, err := policies(t.Context(), e, builtEngine(t))
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		p := got.(readiness.Policies)
		if p.From != tt.from || len(p.Files) != 2 || len(p.Problems) > 0 || p.Tools["opa"] == "" {
			t.Errorf("%s: %+v", tt.name, p)
		}
		if len(p.Inputs) != 2 || p.Inputs[0].Name != "s" || p.Inputs[0].Subjects != 3 || p.Inputs[1].Name != readiness.SBOMInput || p.Inputs[1].Subjects != 1 {
			t.Errorf("%s: inputs %+v", tt.name, p.Inputs)
		}
	}
	_, err := policies(t.Context(), Env{Project: r.at(first), Clock: clock.System(), Candidate: readiness.Candidate{Commit: first}}, builtEngine(t))
	if err == nil {
		t.Error("no assembly and no rules must be an error")
	}
}
