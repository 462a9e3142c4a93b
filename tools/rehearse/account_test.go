package rehearse

import (
	"testing"

	"github.com/magewright/magewright/tools/project/agreed"
)

// The tools don't import the embedded AWS, and agree on its account by another constant.
func TestTheAccountIsAgreedOn(t *testing.T) {
	t.Parallel()
	if accountID != agreed.RehearsalAccount {
		t.Errorf("the embedded AWS has account %s, and a rehearsal %s", accountID, agreed.RehearsalAccount)
	}
}
