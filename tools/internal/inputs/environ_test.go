package inputs_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/internal/inputs"
)

// A shell and a build of the same commit have the same inputs, although a build has a home
// of its own.
func TestTheHomeIsNoInput(t *testing.T) {
	t.Parallel()
	shell, build := inputs.Set{}, inputs.Set{}
	none := func(string) bool { return false }
	shell.Environ([]string{"PATH=/bin", "HOME=/home/ada", "XDG_CONFIG_HOME=/home/ada/settings", "SETTING=x"}, none)
	build.Environ([]string{"PATH=/bin", "HOME=/builds/1/home", "USERPROFILE=/builds/1/home", "GOMODCACHE=/home/ada/go/pkg/mod", "CODEBUILD_BUILD_ID=1", "SETTING=x"}, none)
	if d := cmp.Diff(shell, build); d != "" || shell["env SETTING"] == "" {
		t.Errorf("(-shell +build)\n%s", d)
	}
}
