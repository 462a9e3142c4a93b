//go:build e2e

// The AWS SDK for JavaScript against the embedded AWS. npm installs it, which takes half a
// minute, so that `mage test` leaves this out:
//
//	go test -tags=e2e -timeout=10m -run TestJavaScript ./tools/localaws

package localaws_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/internal/clock"
)

// What programs do with the SDK for JavaScript works, and what they are refused has the
// names that they look for.
func TestJavaScript(t *testing.T) {
	npm, err := exec.LookPath("npm")
	if err != nil || node() == "" {
		t.Skip("there is no npm and no node on PATH to run the SDK for JavaScript with")
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "javascript"))); err != nil {
		t.Fatal(err)
	}
	install := exec.CommandContext(t.Context(), npm, "ci", "--no-audit", "--no-fund")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	server := serve(t, clock.NewElastic(600))
	script := exec.CommandContext(t.Context(), node(), "conformance.mjs")
	script.Dir, script.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	for name, value := range server.Environment() {
		script.Env = append(script.Env, name+"="+value)
	}
	var said strings.Builder
	script.Stderr = &said
	out, err := script.Output()
	if text := strings.TrimSpace(string(out)); err != nil || text != "9 checks" {
		t.Errorf("%v\n%s\n%s", err, text, said.String())
	}
}
