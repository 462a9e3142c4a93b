package local

import (
	"testing"

	"github.com/magewright/magewright/tools/project/exit"
)

func TestModeOfIAM(t *testing.T) {
	t.Parallel()
	err := Main(t.Context(), []string{"-iam=maybe"})
	if err == nil || exit.Status(err) != exit.Usage {
		t.Errorf("-iam=maybe: %v", err)
	}
}
