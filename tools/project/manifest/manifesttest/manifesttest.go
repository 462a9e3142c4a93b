// Package manifesttest makes manifests for tests.
package manifesttest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/magewright/magewright/tools/project/manifest"
)

// Text returns the manifest of an assembly that was made from a commit and a package. The
// stacks have the names of this repository's stacks.
func Text(t testing.TB, commit, pkg string) string {
	t.Helper()
	names := manifest.Old()
	names.Name, names.Repository, names.Untagged = "magewright", "magewright/magewright", true
	text, err := json.Marshal(struct {
		SchemaVersion   int
		Commit, Package string
		manifest.Manifest
	}{1, commit, pkg, names})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Write writes that manifest into an assembly.
func Write(t testing.TB, assembly, commit, pkg string) {
	t.Helper()
	if err := os.MkdirAll(assembly, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(assembly, manifest.File), []byte(Text(t, commit, pkg)), 0o600); err != nil {
		t.Fatal(err)
	}
}
