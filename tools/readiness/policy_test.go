package readiness

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestThePolicyOfThisProject checks that the policy can be read, and that its
// integration tests exist.
func TestThePolicyOfThisProject(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	data, err := os.ReadFile(filepath.Join(root, "infra", PolicyFile)) // #nosec G304 -- of this repository
	if err != nil {
		t.Fatal(err)
	}
	policy, err := ParsePolicy(PolicyFile, data)
	if err != nil {
		t.Fatal(err)
	}
	if len(policy.Integration) == 0 {
		t.Error("it names no integration tests")
	}
	for _, pattern := range policy.Integration {
		dir := strings.TrimSuffix(pattern, "/...")
		if tests, err := filepath.Glob(filepath.Join(root, dir, "*_test.go")); err != nil || len(tests) == 0 {
			t.Errorf("integration: there are no tests in %s: %v", dir, err)
		}
	}
}

func TestThresholdsThatRequireNothing(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"coverage: 100": true, "coverage: 0.5": true, "coverageWaivers: 3": true,
		"coverage: 0": false, "coverage: .nan": false, "coverage: -1": false, "coverage: 101": false, "coverage: .inf": false, "coverageWaivers: -1": false,
	} {
		if _, err := ParsePolicy(PolicyFile, []byte("required: [changed-code]\nmaxAge: 24h\n"+text+"\n")); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestMatchesPackage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pattern, pkg string
		want         bool
	}{
		{"./a", "m/a", true}, {"a", "m/a", true}, {"./a/", "m/a", true}, {"./a", "m/a/b", false}, {"./a", "m/ab", false},
		{"./a/...", "m/a", true}, {"./a/...", "m/a/b/c", true}, {"./a/...", "m/ab", false}, {"./a/...", "n/a", false},
		{"./...", "m", true}, {"./...", "m/a", true}, {".", "m", true}, {".", "m/a", false}, {"./...", "mm/a", false},
	} {
		if got := matchesPackage("m", tt.pattern, tt.pkg); got != tt.want {
			t.Errorf("matchesPackage(%q, %q) = %v", tt.pattern, tt.pkg, got)
		}
	}
}
