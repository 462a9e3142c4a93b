package readiness

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestThePlanInItsFixture shows the plan of a release as its readers get it:
// the text in testdata/plan/pass.json. With -update it writes that text into
// the fixtures of the check, those that must fail for another text left out.
func TestThePlanInItsFixture(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"pass.json", "pass-first.json"} {
		file := filepath.Join("testdata", "plan", name)
		data, err := os.ReadFile(file) // #nosec G304 -- a fixture
		if err != nil {
			t.Fatal(err)
		}
		var f fixture
		if err := json.Unmarshal(data, &f); err != nil {
			t.Fatal(err)
		}
		var sent PlanSent
		in := f.inputs(t)
		if err := in.Read(&sent); err != nil {
			t.Fatal(err)
		}
		plan, err := in.plan(sent.When)
		if err != nil {
			t.Fatal(err)
		}
		if plan.Text == sent.Text {
			continue
		}
		if !*update {
			t.Errorf("%s: the plan is\n%s\nwant\n%s", name, plan.Text, sent.Text)
			continue
		}
		old, err := json.Marshal(sent.Text)
		if err != nil {
			t.Fatal(err)
		}
		fresh, err := json.Marshal(plan.Text)
		if err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join("testdata", "plan", "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file) // #nosec G304 -- a fixture
			if err != nil {
				t.Fatal(err)
			}
			text := strings.ReplaceAll(string(data), string(old), string(fresh))
			text = strings.ReplaceAll(text, sent.Digest, plan.Digest)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestAPlanDoesNotDependOnWhenItIsMade holds that what two collections differ
// in is not in the plan: else what was sent could not be generated again.
func TestAPlanDoesNotDependOnWhenItIsMade(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("testdata", "plan", "pass.json"))
	if err != nil {
		t.Fatal(err)
	}
	plans := map[string]bool{}
	for _, edit := range []string{"", `"drift": {`, `"again": {`, `"account": "111122223333",`} {
		text := string(data)
		switch edit {
		case `"drift": {`:
			text = strings.ReplaceAll(text, `"status": "IN_SYNC"`, `"reason": "nobody has asked"`)
		case `"again": {`:
			text = strings.ReplaceAll(text, `"files": 13`, `"files": 0, "reason": "none was made"`)
		case `"account": "111122223333",`:
			text = strings.ReplaceAll(text, edit, edit+` "finishedOn": "2026-11-24T11:59:59Z",`)
		}
		if edit != "" && text == string(data) {
			t.Fatalf("the fixture has no %s", edit)
		}
		var f fixture
		if err := json.Unmarshal([]byte(text), &f); err != nil {
			t.Fatal(err)
		}
		in := f.inputs(t)
		in.Candidate.BaseIs = "as -base says " + edit
		plan, err := in.plan("On Friday.")
		if err != nil {
			t.Fatal(err)
		}
		plans[plan.Digest] = true
	}
	if len(plans) != 1 {
		t.Errorf("%d plans of one release", len(plans))
	}
}

// TestAPolicyOfDocumentsIsWhole holds that what a policy says of documentation
// can't be misspelt, or left out where it is required.
func TestAPolicyOfDocumentsIsWhole(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ policy, want string }{
		{"required: [plan]\nmaxAge: 1h\n", "it requires a plan, which needs an owner and contacts"},
		{"required: [plan]\nmaxAge: 1h\nowner: a\n", "it requires a plan, which needs an owner and contacts"},
		{"required: [plan]\nmaxAge: 1h\nowner: a\ncontacts: [b]\n", ""},
		{"required: [documents]\nmaxAge: 1h\ndocuments: {target: [README.md]}\n", `there is no surface "target"`},
		{"required: [documents]\nmaxAge: 1h\ndocuments: {targets: [README.md]}\n", ""},
	} {
		_, err := ParsePolicy([]byte(tt.policy))
		if got := err != nil; got != (tt.want != "") || got && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q gives %v, want %q", tt.policy, err, tt.want)
		}
	}
}
