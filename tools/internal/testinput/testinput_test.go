package testinput_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestATestRunsAgainWhenWhatItsChildReadsHasChanged runs go test three times in
// its own module: first unchanged, then again, and then after a change to a
// file that only a child process reads.
func TestATestRunsAgainWhenWhatItsChildReadsHasChanged(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("testinput.go")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	// go test does not cache a result that depends on files younger than two seconds.
	old := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		old = old.Add(time.Hour)
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module example\n\ngo 1.26\n")
	write("testinput/testinput.go", string(source))
	write("read/by/child.txt", "one")
	write("child/child_test.go", `package child

import (
	"os/exec"
	"testing"

	"example/testinput"
)

func TestChild(t *testing.T) {
	testinput.Read(t, "read")
	if out, err := exec.Command("cat", "../read/by/child.txt").CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
}
`)
	for _, name := range []string{"read", "read/by", "child", "testinput"} {
		if err := os.Chtimes(filepath.Join(dir, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	cached := func() bool {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "go", "test", "./child")
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go test: %v\n%s", err, out)
		}
		return strings.Contains(string(out), "(cached)")
	}
	// It may have run before in the same directory.
	cached()
	if !cached() {
		t.Error("a test whose inputs are the same ran again")
	}
	write("read/by/child.txt", "two")
	if cached() {
		t.Error("a test was answered from the cache after what its child reads had changed")
	}
}
