package readiness

import (
	"strings"
	"testing"
)

// TestThePlanInItsFixture shows the plan of a release as readers see it: the
// texts in testdata/plan, which the fixtures of the check plan have sent.
func TestThePlanInItsFixture(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"pass", "pass-first"} {
		in := inputs(t, "plan", name)
		var sent PlanSent
		if err := in.Read(&sent); err != nil {
			t.Fatal(err)
		}
		plan, err := in.plan(sent.When)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "plan/"+name+".txt", []byte(plan.Text))
	}
}

// TestAPolicyOfDocumentsIsWhole checks that the documentation settings of a
// policy can't be misspelt, and can't be left out if they are required.
func TestAPolicyOfDocumentsIsWhole(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ policy, want string }{
		{"required: [plan]\nmaxAge: 1h\n", "it requires a plan, which needs an owner and contacts"},
		{"required: [plan]\nmaxAge: 1h\nowner: a\n", "it requires a plan, which needs an owner and contacts"},
		{"required: [plan]\nmaxAge: 1h\nowner: a\ncontacts: [b]\n", ""},
		{"required: [documents]\nmaxAge: 1h\ndocuments: {target: [README.md]}\n", `there is no surface "target"`},
		{"required: [documents]\nmaxAge: 1h\ndocuments: {targets: [README.md]}\n", ""},
	} {
		_, err := ParsePolicy(PolicyFile, []byte(tt.policy))
		if got := err != nil; got != (tt.want != "") || got && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q gives %v, want %q", tt.policy, err, tt.want)
		}
	}
}
