package codebuild

import (
	"bytes"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/internal/command"
)

// A checkout is a repository in a test.
type checkout struct {
	t   *testing.T
	dir string
}

func (c checkout) output(args ...string) (string, error) {
	return command.Cmd{Dir: c.dir}.Output(c.t.Context(), "git", args...)
}

func (c checkout) git(args ...string) {
	c.t.Helper()
	identity := []string{"-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"}
	if _, err := c.output(append(identity, args...)...); err != nil {
		c.t.Fatal(err)
	}
}

func (c checkout) write(name, text string) {
	c.t.Helper()
	path := filepath.Join(c.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

func (c checkout) commit() {
	c.t.Helper()
	c.git("add", "-A")
	c.git("commit", "-q", "--allow-empty", "-m", "m")
}

// clone clones the repository into a directory, as a build does.
func (c checkout) clone(dir string) {
	c.t.Helper()
	c.git("clone", "-q", ".", dir)
	if err := setTimes(c.t.Context(), command.Cmd{Dir: dir}); err != nil {
		c.t.Fatal(err)
	}
}

func modified(t *testing.T, dir, name string) time.Time {
	t.Helper()
	info, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return info.ModTime()
}

func newCheckout(t *testing.T) checkout {
	t.Helper()
	c := checkout{t, t.TempDir()}
	c.git("init", "-q")
	return c
}

// TestContentDecidesTimes checks that a file has the same time in every
// checkout as long as its content is the same, and another time otherwise.
func TestContentDecidesTimes(t *testing.T) {
	t.Parallel()
	c := newCheckout(t)
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	untouched := modified(t, filepath.Dir(outside), "outside")
	for name, text := range map[string]string{"a": "1", "same": "1", "sub/dir/b": "2", "with space\tand tab": "3", "ümläut": "4", "empty": ""} {
		c.write(name, text)
	}
	if err := os.Symlink(outside, filepath.Join(c.dir, "link")); err != nil {
		t.Fatal(err)
	}
	c.commit()
	first, second := filepath.Join(t.TempDir(), "c"), filepath.Join(t.TempDir(), "c")
	c.clone(first)
	c.write("a", "2")
	c.commit()
	c.clone(second)
	for _, name := range []string{"same", "sub/dir/b", "with space\tand tab", "ümläut", "empty", ".", "sub", "sub/dir"} {
		if a, b := modified(t, first, name), modified(t, second, name); !a.Equal(b) {
			t.Errorf("%s was changed at %s and at %s", name, a, b)
		}
	}
	if a, b := modified(t, first, "a"), modified(t, second, "a"); a.Equal(b) {
		t.Errorf("another content was changed at %s as well", a)
	}
	if a, b := modified(t, second, "a"), modified(t, second, "sub/dir/b"); !a.Equal(b) {
		t.Errorf("the same content was changed at %s and at %s", a, b)
	}
	if a := modified(t, first, "a"); a.Before(settled) || a.After(settled.AddDate(9, 0, 0)) {
		t.Errorf("it was changed at %s", a)
	}
	if !modified(t, filepath.Dir(outside), "outside").Equal(untouched) {
		t.Error("a file outside of the checkout has another time, because a link leads there")
	}
}

func TestTimesOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	c := newCheckout(t)
	if err := setTimes(t.Context(), command.Cmd{Dir: c.dir}); err != nil {
		t.Errorf("an empty repository: %v", err)
	}
	c.write("a", "1")
	c.commit()
	if err := os.Remove(filepath.Join(c.dir, "a")); err != nil {
		t.Fatal(err)
	}
	if err := setTimes(t.Context(), command.Cmd{Dir: c.dir}); err == nil {
		t.Error("a file that is gone has a time")
	}
	if err := setTimes(t.Context(), command.Cmd{Dir: t.TempDir()}); err == nil {
		t.Error("what is no repository has times")
	}
}

func TestContentTime(t *testing.T) {
	t.Parallel()
	digest := func(text string) []byte {
		data, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	seen := map[time.Time]bool{}
	for _, text := range []string{
		strings.Repeat("00", 20), strings.Repeat("ff", 20), "00000001" + strings.Repeat("00", 16), "00000000" + "0000000000000001" + strings.Repeat("00", 8),
	} {
		at := contentTime(digest(text))
		if at.Before(settled) || at.After(settled.AddDate(9, 0, 0)) || seen[at] {
			t.Errorf("%s was changed at %s", text, at)
		}
		seen[at] = true
	}
	if at := contentTime(digest(strings.Repeat("00", 20))); !at.Equal(settled) {
		t.Errorf("it was changed at %s", at)
	}
}

// TestGoTestBelievesItsCache checks the purpose of the times: in a new checkout
// at the same path, go test only runs the tests that read something that changed.
func TestGoTestBelievesItsCache(t *testing.T) {
	t.Parallel()
	c := newCheckout(t)
	c.write("go.mod", "module example\n\ngo 1.26\n")
	for _, name := range []string{"a", "b"} {
		c.write(name+"/"+name+"_test.go", "package "+name+"\n\nimport (\"os\"; \"testing\")\n\nfunc Test(t *testing.T) {\n\tif _, err := os.ReadFile(\"testdata/x\"); err != nil { t.Fatal(err) }\n\tif entries, err := os.ReadDir(\"testdata\"); err != nil || len(entries) == 0 { t.Fatal(err) }\n}\n")
		c.write(name+"/testdata/x", "1")
	}
	c.commit()
	place := filepath.Join(t.TempDir(), "build")
	test := func() map[string]bool {
		t.Helper()
		if err := os.RemoveAll(place); err != nil {
			t.Fatal(err)
		}
		c.clone(place)
		cmd := exec.CommandContext(t.Context(), "go", "test", "-trimpath", "./...")
		cmd.Dir, cmd.Env = place, append(os.Environ(), "GOFLAGS=")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		cached := map[string]bool{}
		for _, name := range []string{"a", "b"} {
			cached[name] = bytes.Contains(out, []byte("ok  \texample/"+name+"\t(cached)"))
		}
		return cached
	}
	if got := test(); got["a"] || got["b"] {
		t.Errorf("cached at first: %v", got)
	}
	if got := test(); !got["a"] || !got["b"] {
		t.Errorf("cached the next time: %v", got)
	}
	c.write("b/testdata/x", "2") // of the same size
	c.commit()
	if got := test(); !got["a"] || got["b"] {
		t.Errorf("cached after a change of what b reads: %v", got)
	}
	c.write("a/testdata/new", "")
	c.commit()
	if got := test(); got["a"] || !got["b"] {
		t.Errorf("cached after a new file in what a lists: %v", got)
	}
}
