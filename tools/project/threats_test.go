package project_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	testFunc  = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	namedTest = regexp.MustCompile("`(Test\\w+)`")
)

// TestThreatsAreTested holds that each row of the threat model names tests that
// exist, and that each test of an attack is in the threat model.
func TestThreatsAreTested(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(dir, "infra", "THREATS.md"))
	if err != nil {
		t.Fatal(err)
	}
	exists := tests(t)
	named := map[string]bool{}
	rows := 0
	for line := range strings.Lines(string(text)) {
		// The rows of attacks begin with STRIDE's letters.
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 4 || strings.Trim(cells[0], " STRIDE") != "" || strings.TrimSpace(cells[0]) == "" {
			continue
		}
		rows++
		found := namedTest.FindAllStringSubmatch(cells[3], -1)
		if len(found) == 0 {
			t.Errorf("a threat names no test: %s", line)
		}
		for _, match := range found {
			named[match[1]] = true
			if !exists[match[1]] {
				t.Errorf("there is no test %s: %s", match[1], line)
			}
		}
	}
	if rows < 10 {
		t.Errorf("the threat model has %d rows", rows)
	}
	for name := range exists {
		if strings.HasPrefix(name, "TestAttack") && !named[name] {
			t.Errorf("infra/THREATS.md does not say what %s stops", name)
		}
	}
}

// tests returns the names of all tests of the repository.
func tests(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, root := range []string{"app", "infra", "tools"} {
		err := filepath.WalkDir(filepath.Join(dir, root), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path) // #nosec G304 -- of the repository
			for _, match := range testFunc.FindAllSubmatch(text, -1) {
				names[string(match[1])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return names
}
