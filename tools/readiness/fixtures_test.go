package readiness

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/manifest"
)

// A fixture is the input of a check and the expected answer. The fixtures of a
// check are in testdata/<id>.yml, by name. A name begins with the state that
// the check must reach: pass, fail, unknown or na.
//
// The fixture pass is complete: it has a candidate, a policy, and predicates by
// their type (below base, or in full). Missing parts of the candidate and the
// policy get usable defaults, as does the manifest of an assembly. A predicate with the value "shared" is the one in
// testdata/shared.yml.
//
// Every other fixture only contains differences from pass, or from the fixture
// that its key "from" names:
//
//	fail-weak-key:
//	  policy: {maxAge: 24h}                  # replaces the policy
//	  reviews/v1: null                       # removes the predicate
//	  assembly/v1:                           # edits the predicate:
//	    /stacks/a/template/Resources/Key:    # a key that begins with / is a JSON Pointer,
//	      /DeletionPolicy: Delete            # and may have others below it
//	      /Properties: null                  # null removes
//	    /functions/-: {name: f}              # - appends to a list
//	    /again/reason: !replace {old: new}   # replaces a text wherever it occurs below
//	  want: {findings: [Key is not retained]}
//
// Pointers apply in their order, so later entries of a list must be removed
// first. An edit that finds nothing to edit, or that changes nothing, is an
// error. A complete predicate may also have pointers, which then edit it. The
// tags !file and !sha256 stand for the text and the digest of a golden file
// below testdata.
//
// Each fixture says why the check answers as it does: want.counted if it
// passes, want.findings if it fails, want.reason otherwise.
type fixture struct {
	From string `yaml:"from"`
	// Commits holds the commits that predicates are for, by their type, if that
	// is not the candidate's.
	Commits map[string]string    `yaml:"commits"`
	Given   map[string]yaml.Node `yaml:",inline"`
	Want    want                 `yaml:"want"`
}

// A want is the expected answer of a check. In counted and findings, "…" stands
// for any text.
type want struct {
	Counted  string   `yaml:"counted"`
	Reason   string   `yaml:"reason"` // part of the reason
	Findings []string `yaml:"findings"`
}

// A given is the input of a fixture's check: its candidate, its policy, and its
// predicates by type.
type given map[string]any

// The stacks of this repository, which the fixtures have unless they say otherwise.
const (
	stagingStack    = project.StagingStack
	productionStack = project.ProductionStack
	pipelineStack   = project.PipelineStack
)

var fixtureNow = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// fixtures reads the fixtures of a check.
func fixtures(t *testing.T, id string) map[string]fixture {
	t.Helper()
	var all map[string]fixture
	readYAML(t, id+".yml", &all)
	return all
}

func readYAML(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name)) // #nosec G304 -- fixtures
	if err != nil {
		t.Fatalf("%v: see the type fixture in fixtures_test.go", err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// inputs returns the inputs that a fixture gives to its check.
func inputs(t *testing.T, id, name string) Inputs {
	t.Helper()
	var shared map[string]yaml.Node
	readYAML(t, "shared.yml", &shared)
	all := fixtures(t, id)
	g, err := expand(all, shared, name)
	if err != nil {
		t.Fatalf("testdata/%s.yml: %v", id, err)
	}
	in := Inputs{
		Now:    fixtureNow,
		Policy: Policy{MaxAge: Duration(24 * time.Hour)},
		Candidate: Candidate{
			Commit: strings.Repeat("c", 40), Tree: strings.Repeat("7", 40), Base: strings.Repeat("b", 40),
			BaseIs: "the latest tag, v1", Package: strings.Repeat("a", 64), Account: "111122223333",
			Commits: []string{strings.Repeat("c", 40)},
		},
	}
	for kind, into := range map[string]any{"candidate": &in.Candidate, "policy": &in.Policy} {
		data, err := json.Marshal(g[kind])
		if err == nil {
			err = json.Unmarshal(data, into)
		}
		if err != nil {
			t.Fatalf("testdata/%s.yml: %s: %s: %v", id, name, kind, err)
		}
		delete(g, kind)
	}
	for _, kind := range slices.Sorted(maps.Keys(g)) {
		if p, ok := g[kind].(map[string]any); ok && p["finishedOn"] == nil {
			p["finishedOn"] = fixtureNow.Add(-time.Hour)
		}
		if p, ok := g[kind].(map[string]any); ok && kind == "assembly/v1" && p["manifest"] == nil {
			p["manifest"] = manifest.Old()
		}
		data, err := json.Marshal(g[kind])
		if err != nil {
			t.Fatal(err)
		}
		in.Statements = append(in.Statements, all[name].statement(kind, in.Candidate, data))
	}
	return in
}

// statement returns the statement of a predicate.
func (f fixture) statement(kind string, of Candidate, predicate []byte) evidence.Statement {
	commit := of.Commit
	if other, ok := f.Commits[kind]; ok {
		commit = other
	}
	if !strings.Contains(kind, "://") {
		kind = base + kind
	}
	return evidence.Statement{
		Type: evidence.StatementType, PredicateType: kind, Predicate: predicate,
		Subject: []evidence.Subject{
			{Name: "commit", Digest: map[string]string{evidence.GitCommit: commit}},
			{Name: "app.zip", Digest: map[string]string{evidence.SHA256: of.Package}},
		},
	}
}

// expand applies the differences of a fixture to the fixture that it is based
// on. below lists the fixtures that are based on it.
func expand(all map[string]fixture, shared map[string]yaml.Node, name string, below ...string) (given, error) {
	f, ok := all[name]
	if !ok || slices.Contains(below, name) {
		return nil, fmt.Errorf("%s is not there, or differs from itself by %v", name, below)
	}
	g := given{}
	if name != "pass" {
		if f.From == "" {
			f.From = "pass"
		}
		var err error
		if g, err = expand(all, shared, f.From, append(below, name)...); err != nil {
			return nil, err
		}
	}
	for kind, node := range f.Given {
		if kind != "candidate" && kind != "policy" && !strings.Contains(kind, "/") {
			return nil, fmt.Errorf("%s: %q is neither candidate nor policy nor the type of a predicate", name, kind)
		}
		was, had := g[kind]
		if common, ok := shared[kind]; ok && (!had || node.Value == "shared") {
			var err error
			if was, err = build(&common, nil, true); err != nil {
				return nil, fmt.Errorf("shared.yml: %s: %w", kind, err)
			}
			if node.Value == "shared" {
				g[kind] = was
				continue
			}
		}
		is, err := changed(&node, was)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", name, kind, err)
		}
		if g[kind] = is; is == nil {
			delete(g, kind)
		}
	}
	return g, nil
}

// changed is build, but the result must differ from the previous value.
func changed(n *yaml.Node, was any) (any, error) {
	before, err := json.Marshal(was)
	if err != nil {
		return nil, err
	}
	is, err := build(n, was, true)
	if err != nil {
		return nil, err
	}
	after, err := json.Marshal(is)
	if err == nil && bytes.Equal(before, after) {
		err = errors.New("this changes nothing")
	}
	return is, err
}

// build returns the value of a node. If pointers are allowed, they edit the
// previous value.
func build(n *yaml.Node, was any, pointers bool) (any, error) {
	switch {
	case n.Kind == yaml.AliasNode:
		return build(n.Alias, was, pointers)
	case n.Tag == "!replace":
		return replace(n, was)
	case n.Tag == "!file" || n.Tag == "!sha256":
		data, err := os.ReadFile(filepath.Join("testdata", n.Value)) // #nosec G304 -- a golden file
		if n.Tag == "!sha256" {
			return evidence.Digest(data), err
		}
		return string(data), err
	case n.Kind == yaml.MappingNode:
		return mapping(n, was, pointers)
	case n.Kind == yaml.SequenceNode:
		list := []any{}
		for _, e := range n.Content {
			v, err := build(e, nil, false)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case n.ShortTag() == "!!timestamp":
		return n.Value, nil
	case !strings.HasPrefix(n.ShortTag(), "!!"):
		return nil, fmt.Errorf("line %d: there is no tag %s", n.Line, n.Tag)
	}
	var v any
	err := n.Decode(&v)
	return v, err
}

// mapping builds a mapping: first its names, then the edits by its pointers.
// The pointers edit the names or, if there are none, the previous value.
func mapping(n *yaml.Node, was any, pointers bool) (any, error) {
	var edits []int
	named := map[string]any{}
	seen := map[string]bool{}
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i].Value
		if seen[key] {
			return nil, fmt.Errorf("line %d: %s is there twice", n.Content[i].Line, key)
		}
		seen[key] = true
		if pointers && strings.HasPrefix(key, "/") {
			edits = append(edits, i)
			continue
		}
		v, err := build(n.Content[i+1], nil, false)
		if err != nil {
			return nil, err
		}
		named[key] = v
	}
	if len(edits) == 0 || len(named) > 0 {
		was = named
	}
	for _, i := range edits {
		key := n.Content[i]
		edited, err := edit(was, strings.Split(key.Value, "/")[1:], func(was any) (any, error) {
			return changed(n.Content[i+1], was)
		})
		if err != nil {
			return nil, fmt.Errorf("line %d: %s: %w", key.Line, key.Value, err)
		}
		was = edited
	}
	return was, nil
}

// edit changes the value at a path, in place if possible, and returns the
// document. A change to nil removes the value.
func edit(document any, path []string, change func(was any) (any, error)) (any, error) {
	if len(path) == 0 {
		return change(document)
	}
	name := strings.NewReplacer("~1", "/", "~0", "~").Replace(path[0])
	switch d := document.(type) {
	case map[string]any:
		if _, ok := d[name]; !ok && len(path) > 1 {
			return nil, fmt.Errorf("there is no %s", name)
		}
		is, err := edit(d[name], path[1:], change)
		if d[name] = is; is == nil {
			delete(d, name)
		}
		return d, err
	case []any:
		if name == "-" && len(path) == 1 {
			is, err := change(nil)
			return append(d, is), err
		}
		i, err := strconv.Atoi(name)
		if err != nil || i < 0 || i >= len(d) {
			return nil, fmt.Errorf("there is no entry %s of %d", name, len(d))
		}
		is, err := edit(d[i], path[1:], change)
		if d[i] = is; is == nil {
			d = slices.Delete(d, i, i+1)
		}
		return d, err
	}
	return nil, fmt.Errorf("there is no %s in %v", name, document)
}

// replace replaces a text in all names and strings of the previous value.
func replace(n *yaml.Node, was any) (any, error) {
	data, err := json.Marshal(was)
	if err != nil {
		return nil, err
	}
	text := string(data)
	for i := 0; i < len(n.Content); i += 2 {
		old, err := json.Marshal(n.Content[i].Value)
		if err != nil {
			return nil, err
		}
		fresh, err := json.Marshal(n.Content[i+1].Value)
		if err != nil {
			return nil, err
		}
		before := text
		text = strings.ReplaceAll(text, string(old[1:len(old)-1]), string(fresh[1:len(fresh)-1]))
		if text == before {
			return nil, fmt.Errorf("line %d: there is no %s", n.Content[i].Line, old)
		}
	}
	var is any
	err = json.Unmarshal([]byte(text), &is)
	return is, err
}

// like reports whether a text equals the wanted one, in which "…" stands for any text.
func like(got, want string) bool {
	return regexp.MustCompile("(?s)^" + strings.ReplaceAll(regexp.QuoteMeta(want), "…", ".*") + "$").MatchString(got)
}

var fixtureStates = map[string]State{"pass": Pass, "fail": Fail, "unknown": Unknown, "na": NotApplicable}

// TestEveryCheckCanFail goes through the list: each check must have a fixture
// that fails, one that is undecided and one that passes.
func TestEveryCheckCanFail(t *testing.T) {
	t.Parallel()
	known := map[string]bool{"shared": true}
	for _, check := range Checks() {
		if known[check.ID] || check.ID == "" || check.Title == "" || check.Doc == "" || check.Next == "" || len(check.Inputs) == 0 {
			t.Errorf("check %q is listed twice, or lacks an id, a title, its documentation, its next command or its inputs", check.ID)
		}
		known[check.ID] = true
		missing := map[string]bool{"pass": true, "fail": true, "unknown": true}
		for name, f := range fixtures(t, check.ID) {
			prefix, _, _ := strings.Cut(name, "-")
			delete(missing, prefix)
			t.Run(check.ID+"/"+name, func(t *testing.T) {
				t.Parallel()
				for _, problem := range f.Want.problems(fixtureStates[prefix], inputs(t, check.ID, name).decide(check)) {
					t.Error(problem)
				}
			})
		}
		for prefix := range missing {
			t.Errorf("testdata/%s.yml has no fixture whose name begins with %s: see the type fixture in fixtures_test.go", check.ID, prefix)
		}
	}
	files, err := filepath.Glob(filepath.Join("testdata", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if id, ok := strings.CutSuffix(filepath.Base(file), ".yml"); ok && !known[id] {
			t.Errorf("%s has the fixtures of no check", file)
		}
	}
}

// problems compares an answer with the expected one, which must give a reason.
func (w want) problems(state State, got Result) (problems []string) {
	say := func(wrong bool, format string, args ...any) {
		if wrong {
			problems = append(problems, fmt.Sprintf(format, args...))
		}
	}
	say(got.State != state, "%s, want %q, which the fixture's name says: %+v", got.State, state, got)
	say((state == Pass || w.Counted != "") && !like(got.Counted, w.Counted), "counted %q, want %q", got.Counted, w.Counted)
	say(!strings.Contains(got.Reason, w.Reason), "reason %q, want %q", got.Reason, w.Reason)
	say(state != Pass && w.Reason == "" && (state != Fail || len(w.Findings) == 0), "the fixture does not say why: %+v", got)
	say((state == Fail || w.Findings != nil) && !slices.EqualFunc(got.Findings, w.Findings, like),
		"findings\n%s\nwant\n%s", strings.Join(got.Findings, "\n"), strings.Join(w.Findings, "\n"))
	return problems
}

// TestAFixtureSaysWhy checks that the right state with a different reason is
// not accepted, and that a fixture must give a reason.
func TestAFixtureSaysWhy(t *testing.T) {
	t.Parallel()
	passed, failed, undecided := Passed("2 keys of v1"), Failed("2 keys", "a is weak", "b of v1 is weak"), Undecided("the key is gone")
	for _, tt := range []struct {
		state   State
		want    want
		got     Result
		problem string
	}{
		{Pass, want{Counted: "2 keys of …"}, passed, ""},
		{Pass, want{Counted: "3 keys of …"}, passed, "counted"},
		{Pass, want{}, passed, "counted"},
		{Fail, want{Findings: []string{"a is weak", "b … is weak"}}, failed, ""},
		{Fail, want{Findings: []string{"a is weak"}}, failed, "findings"},
		{Fail, want{Reason: "2 found"}, failed, "findings"},
		{Fail, want{}, Result{State: Fail, Reason: "no finding"}, "does not say why"},
		{Unknown, want{Reason: "is gone"}, undecided, ""},
		{Unknown, want{Reason: "is weak"}, undecided, "reason"},
		{Unknown, want{}, undecided, "does not say why"},
		{Fail, want{Reason: "is gone"}, undecided, "the fixture's name"},
		{"", want{Reason: "is gone"}, undecided, "the fixture's name"},
	} {
		problems := tt.want.problems(tt.state, tt.got)
		if (len(problems) == 0) != (tt.problem == "") || !strings.Contains(strings.Join(problems, "\n"), tt.problem) {
			t.Errorf("%q %+v: %q, want %q", tt.state, tt.want, problems, tt.problem)
		}
	}
}

// TestAFixtureIsADifference checks the meaning of the differences in fixtures.
func TestAFixtureIsADifference(t *testing.T) {
	t.Parallel()
	const pass = "pass: {a/v1: {k: {x: 1, y: [1, 2, 3]}, t: old is old, p/q: 1}, b/v1: shared}\n"
	var shared map[string]yaml.Node
	if err := yaml.Unmarshal([]byte("b/v1: {n: 1}\nc/v1: {d: &d {n: [1]}, e: *d, /e: {/n/0: 2}}"), &shared); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, fail, want string }{
		{"nothing", "{}", `{"a/v1":{"k":{"x":1,"y":[1,2,3]},"p/q":1,"t":"old is old"},"b/v1":{"n":1}}`},
		{"values", "{a/v1: {x: 2}, b/v1: null, policy: {parity: {/x: 1}}}", `{"a/v1":{"x":2},"policy":{"parity":{"/x":1}}}`},
		{"pointers", "{b/v1: null, a/v1: {/k: {/y/-: 4, /y/2: null, /y/0: null, /x: null}, /p~1q: null, /new: {is: 1}, /t: null}}", `{"a/v1":{"k":{"y":[2,4]},"new":{"is":1}}}`},
		{"replaced", "{b/v1: null, a/v1: {/t: !replace {old: new}, /k: !replace {x: z}}}", `{"a/v1":{"k":{"y":[1,2,3],"z":1},"p/q":1,"t":"new is new"}}`},
		{"shared", "{a/v1: null, b/v1: {/n: 2}, c/v1: shared}", `{"b/v1":{"n":2},"c/v1":{"d":{"n":[1]},"e":{"n":[2]}}}`},
		{"from", "{from: fail-b, a/v1: {/y: 2}}\nfail-b: {a/v1: {x: 1}, b/v1: null}", `{"a/v1":{"x":1,"y":2}}`},

		{"idle", "{a/v1: {/k/x: 1}}", "line 2: /k/x: this changes nothing"},
		{"idle value", "{b/v1: {n: 1}}", "b/v1: this changes nothing"},
		{"removed before", "{a/v1: {/k/z: null}}", "this changes nothing"},
		{"no predicate", "{d/v1: null}", "this changes nothing"},
		{"nothing to edit", "{policy: {/x: 1}}", "there is no x"},
		{"no name", "{a/v1: {/z/x: 1}}", "there is no z"},
		{"no entry", "{a/v1: {/k/y/3: 1}}", "there is no entry 3 of 3"},
		{"no text", "{a/v1: {/t: !replace {young: new}}}", `there is no "young"`},
		{"no tag", "{a/v1: {/t: !fiel plan/pass.txt}}", "there is no tag !fiel"},
		{"twice", "{a/v1: {/k/x: 2, /k/x: 3}}", "/k/x is there twice"},
		{"misspelt", "{wants: {}}", `"wants" is neither`},
		{"circle", "{from: fail}", "differs from itself"},
		{"no fixture", "{from: fail-c}", "fail-c is not there"},
	} {
		var all map[string]fixture
		if err := yaml.Unmarshal([]byte(pass+"fail: "+tt.fail), &all); err != nil {
			t.Fatal(tt.name, err)
		}
		got, err := expand(all, shared, "fail")
		data, _ := json.Marshal(got)
		if err != nil && !strings.Contains(err.Error(), tt.want) || err == nil && string(data) != tt.want {
			t.Errorf("%s: %s, %v, want %s", tt.name, data, err, tt.want)
		}
	}
}
