package smoke

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/stack"
)

// TestGoTests runs tests of a repository as a step does.
func TestGoTests(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":                "module example.com/shop\n\ngo 1.24\n",
		"smoke/smoke_test.go":   "package smoke\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestURL(t *testing.T) {\n\tif os.Getenv(\"SMOKE_URL\") != \"https://a/\" || os.Getenv(\"SMOKE_OUTPUT_ORDERS_URL\") != \"q\" {\n\t\tt.Error(os.Environ())\n\t}\n}\n\nfunc TestNot(t *testing.T) { t.Skip(\"not here\") }\n",
		"fails/fails_test.go":   "package fails\n\nimport \"testing\"\n\nfunc TestFails(t *testing.T) { t.Error(\"the order is lost\") }\n",
		"skips/skips_test.go":   "package skips\n\nimport \"testing\"\n\nfunc TestSkips(t *testing.T) { t.Skip(\"no URL\") }\n",
		"none/none.go":          "package none\n",
		"broken/broken_test.go": "package broken\n\nvar x int = \"\"\n",
	} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set := variables("staging", "c0ffee", stack.Outputs{FunctionURL: "https://a/", FunctionName: "shop", All: map[string]string{"Orders-Url": "q"}})
	for pattern, want := range map[string]struct {
		says, prints string
		passed       []string
	}{
		"./smoke/...": {passed: []string{"TestURL"}},
		"./fails":     {says: "go test ./fails: ", prints: "the order is lost"},
		"./skips":     {says: "all 1 tests were skipped"},
		"./none":      {says: "there are no tests"},
		"./broken":    {says: "go test ./broken: ", prints: "cannot use \"\""},
		"./nowhere":   {says: "go test ./nowhere: "},
	} {
		t.Run(pattern, func(t *testing.T) {
			t.Parallel()
			var out, said bytes.Buffer
			checks, err := goTest(t.Context(), project.Config{Dir: dir, Stdout: &out, Stderr: &said}, pattern, set)
			var passed []string
			for _, c := range checks {
				passed = append(passed, c.Name)
				if c.Method != "TEST" || c.Status != 200 {
					t.Errorf("%+v", c)
				}
			}
			if !slices.Equal(passed, want.passed) || (err == nil) != (want.says == "") || err != nil && !strings.Contains(err.Error(), want.says) {
				t.Errorf("passed %q, %v; want %q, %q", passed, err, want.passed, want.says)
			}
			if !strings.Contains(out.String(), want.prints) {
				t.Errorf("it prints %s, and nothing of %q", out.String(), want.prints)
			}
		})
	}
}
