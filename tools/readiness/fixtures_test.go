package readiness

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/evidence"
)

// A fixture is what a check is given and what it must answer. What it leaves
// out of candidate, policy and predicates is filled in so that it is usable.
type fixture struct {
	Candidate  json.RawMessage `json:"candidate"`
	Policy     json.RawMessage `json:"policy"`
	Predicates []struct {
		Type      string         `json:"type"` // below base, or whole
		Commit    string         `json:"commit"`
		Package   string         `json:"package"`
		Predicate map[string]any `json:"predicate"`
	} `json:"predicates"`
	Want struct {
		Counted  string   `json:"counted"`
		Reason   string   `json:"reason"` // a part of it
		Findings []string `json:"findings"`
	} `json:"want"`
}

var fixtureNow = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func (f fixture) inputs(t *testing.T) Inputs {
	t.Helper()
	in := Inputs{
		Now:    fixtureNow,
		Policy: Policy{MaxAge: Duration(24 * time.Hour)},
		Candidate: Candidate{
			Commit: strings.Repeat("c", 40), Tree: strings.Repeat("7", 40), Base: strings.Repeat("b", 40),
			BaseIs: "the latest tag, v1", Package: strings.Repeat("a", 64), Account: "111122223333",
			Commits: []string{strings.Repeat("c", 40)},
		},
	}
	for into, data := range map[any]json.RawMessage{&in.Candidate: f.Candidate, &in.Policy: f.Policy} {
		if data == nil {
			continue
		}
		if err := json.Unmarshal(data, into); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range f.Predicates {
		if _, ok := p.Predicate["finishedOn"]; !ok {
			p.Predicate["finishedOn"] = fixtureNow.Add(-time.Hour)
		}
		data, err := json.Marshal(p.Predicate)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(p.Type, "://") {
			p.Type = base + p.Type
		}
		if p.Commit == "" {
			p.Commit = in.Candidate.Commit
		}
		if p.Package == "" {
			p.Package = in.Candidate.Package
		}
		in.Statements = append(in.Statements, evidence.Statement{
			Type: evidence.StatementType, PredicateType: p.Type, Predicate: data,
			Subject: []evidence.Subject{
				{Name: "commit", Digest: map[string]string{evidence.GitCommit: p.Commit}},
				{Name: "app.zip", Digest: map[string]string{evidence.SHA256: p.Package}},
			},
		})
	}
	return in
}

// TestEveryCheckCanFail walks the list: a check without a fixture that fails,
// one that is undecided and one that passes is no check.
func TestEveryCheckCanFail(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, check := range Checks() {
		if seen[check.ID] || check.ID == "" || check.Title == "" || check.Doc == "" || check.Next == "" || len(check.Inputs) == 0 {
			t.Errorf("check %q is listed twice, or lacks an id, a title, its documentation, its next command or its inputs", check.ID)
		}
		seen[check.ID] = true
		for prefix, state := range map[string]State{"fail": Fail, "unknown": Unknown, "pass": Pass, "na": NotApplicable} {
			files, err := filepath.Glob(filepath.Join("testdata", check.ID, prefix+"*.json"))
			if err != nil {
				t.Fatal(err)
			}
			if len(files) == 0 && state != NotApplicable {
				t.Errorf("%s has no fixture testdata/%s/%s.json", check.ID, check.ID, prefix)
			}
			for _, file := range files {
				t.Run(check.ID+"/"+strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
					t.Parallel()
					data, err := os.ReadFile(file) // #nosec G304 -- a fixture
					if err != nil {
						t.Fatal(err)
					}
					var f fixture
					decoder := json.NewDecoder(strings.NewReader(string(data)))
					decoder.DisallowUnknownFields()
					if err := decoder.Decode(&f); err != nil {
						t.Fatal(err)
					}
					got := f.inputs(t).decide(check)
					if got.State != state {
						t.Errorf("%s, want %s: %+v", got.State, state, got)
					}
					if f.Want.Counted != "" && got.Counted != f.Want.Counted {
						t.Errorf("counted %q, want %q", got.Counted, f.Want.Counted)
					}
					if !strings.Contains(got.Reason, f.Want.Reason) {
						t.Errorf("reason %q, want %q", got.Reason, f.Want.Reason)
					}
					if f.Want.Findings != nil && strings.Join(got.Findings, "\n") != strings.Join(f.Want.Findings, "\n") {
						t.Errorf("findings\n%s\nwant\n%s", strings.Join(got.Findings, "\n"), strings.Join(f.Want.Findings, "\n"))
					}
				})
			}
		}
	}
}
