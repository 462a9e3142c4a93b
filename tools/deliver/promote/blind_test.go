package promote

import (
	"errors"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/deliver/canary"
	"github.com/magewright/magewright/tools/deliver/canary/picture"
)

// TestAttackByBlindness takes the promotion's right to read metrics away. A version that it
// could not judge is not delivered well, though the deployment has ended well.
func TestAttackByBlindness(t *testing.T) {
	t.Parallel()
	refused := errors.New("reading the metrics of f: AccessDenied")
	for name, tt := range map[string]struct {
		verdict  canary.Verdict
		unread   error
		approved bool
		bad      bool
	}{
		"seen, and good":              {canary.Pass, nil, false, false},
		"seen, and too few":           {canary.Inconclusive, nil, false, false},
		"never seen":                  {canary.Inconclusive, refused, false, true},
		"good before it was not seen": {canary.Pass, refused, false, false},
		"a person let it go on":       {canary.Inconclusive, refused, true, false},
	} {
		w := &watch{record: picture.Record{New: "2", Old: "1", Function: "f", Alias: "live", Judgement: &canary.Judgement{Verdict: tt.verdict}}, unread: tt.unread, course: course{approved: tt.approved}}
		f := &follower{watches: map[string]*watch{"d": w}}
		err := f.bad("2")
		if (err != nil) != tt.bad || err != nil && !strings.Contains(err.Error(), "version 2 serves production, and was not judged: reading the metrics of f: AccessDenied") {
			t.Errorf("%s: %v", name, err)
		}
		if err := f.bad("1"); err != nil {
			t.Errorf("%s: the old version serves: %v", name, err)
		}
	}
}
