package pins_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/internal/inputs"
	"github.com/magewright/magewright/tools/pins"
	"github.com/magewright/magewright/tools/project/exit"
)

// TestEachPinNamesOneTool holds that each module file belongs to a tool, and
// names its version.
func TestEachPinNamesOneTool(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.mod")
	if err != nil {
		t.Fatal(err)
	}
	var found []pins.Tool
	set := inputs.Set{}
	for _, file := range files {
		tool := pins.Tool(strings.TrimSuffix(file, ".mod"))
		found = append(found, tool)
		if version, err := tool.Version(); err != nil || !strings.HasPrefix(version, "v") {
			t.Errorf("%s is at version %q, %v", tool, version, err)
		}
		if err := tool.Inputs(set); err != nil || len(set) != len(found) {
			t.Errorf("what %s is: %q, %v", tool, set, err)
		}
	}
	if want := []pins.Tool{pins.Actionlint, pins.Gitleaks, pins.GolangciLint, pins.Govulncheck}; !slices.Equal(found, want) {
		t.Errorf("%q are pinned, want %q", found, want)
	}
	if version, err := pins.Tool("other").Version(); err == nil {
		t.Errorf("a tool that is not pinned is at version %q", version)
	}
}

// TestExecutable holds that a tool is built in no module of the user's, and that
// one which can't be had is no finding.
func TestExecutable(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("GOMODCACHE", t.TempDir())
	t.Setenv("GOPROXY", "off")
	t.Setenv("GOFLAGS", "-mod=vendor")
	t.Chdir(t.TempDir())
	var progress bytes.Buffer
	path, err := pins.Govulncheck.Executable(t.Context(), &progress)
	if exit.Status(err) != exit.Environment || !strings.Contains(progress.String(), "module lookup disabled by GOPROXY=off") {
		t.Errorf("%s, %v\n%s", path, err, &progress)
	}
	if err != nil && !strings.Contains(err.Error(), "next: go mod download golang.org/x/vuln@v") {
		t.Errorf("the next command can't be typed: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "magewright", "programs", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}
