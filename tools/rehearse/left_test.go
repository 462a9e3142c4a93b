package rehearse

import (
	"bytes"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/project/manifest"
)

// TestWhatIsNotRehearsedIsSaid holds that a step which a delivery lacks is named, with
// what to do about it, and that nothing is said of one that has all.
func TestWhatIsNotRehearsedIsSaid(t *testing.T) {
	t.Parallel()
	plain := manifest.Function{Function: "Hello"}
	whole := manifest.Function{Function: "Hello", Alias: "live", Application: "App", DeploymentGroup: "Group"}
	for _, tt := range []struct {
		first, last manifest.Function
		annotated   string
		want        []string
	}{
		{plain, plain, "the templates", []string{"drill", "canary", "plan", "ledger"}},
		{whole, plain, "the templates", []string{"canary", "plan", "ledger"}},
		{whole, manifest.Function{Function: "Hello", Alias: "live"}, "", []string{"canary"}},
		{whole, whole, "", nil},
	} {
		names := manifest.Manifest{Annotated: tt.annotated, Stages: []manifest.Stage{
			{Name: "dev", Functions: []manifest.Function{tt.first}}, {Name: "prod", Functions: []manifest.Function{tt.last}},
		}}
		var out bytes.Buffer
		steps := notRehearsed(names)
		describeLeft(&out, steps)
		var got []string
		for _, s := range steps {
			got = append(got, s.Name)
			if !strings.Contains(out.String(), "NOT REHEARSED  "+s.Name+": ") || s.Why == "" || !strings.Contains(out.String(), "next: "+s.Next) {
				t.Errorf("%s is said as\n%s", s.Name, &out)
			}
		}
		if strings.Join(got, " ") != strings.Join(tt.want, " ") {
			t.Errorf("%+v, %+v: %v, want %v", tt.first, tt.last, got, tt.want)
		}
	}
	if got := notRehearsed(manifest.Old()); len(got) > 0 {
		t.Errorf("of the old names: %v", got)
	}
}
