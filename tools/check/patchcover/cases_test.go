package patchcover_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/magewright/magewright/tools/check/patchcover"
	"github.com/magewright/magewright/tools/internal/command"
)

var update = flag.Bool("update", false, "run the tests of the cases again for their profiles, and write what")

// TestCases compares two commits of each case: base/ holds the files of the
// first, head/ what differs in the second, and removed names files that are no
// more. profile is what go test wrote at the second; sources, where it is
// there, are files of another text when the tests ran.
func TestCases(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c := newCase(t, archive)
			if *update {
				c.test()
			}
			got := c.cover()
			if *update {
				c.set("want", got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want := c.get("want"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

type testCase struct {
	*testing.T
	archive *txtar.Archive
	dir     string
}

// newCase makes a repository with the commits of a case.
func newCase(t *testing.T, archive *txtar.Archive) testCase {
	c := testCase{t, archive, t.TempDir()}
	c.run("git", "init", "--quiet", "--initial-branch=main")
	for _, state := range []string{"base", "head"} {
		if state == "head" {
			for _, name := range strings.Fields(c.get("removed")) {
				c.run("git", "rm", "--quiet", name)
			}
		}
		for _, f := range archive.Files {
			if name, ok := strings.CutPrefix(f.Name, state+"/"); ok {
				c.write(name, f.Data)
			}
		}
		c.run("git", "add", "-A")
		c.run("git", "commit", "--quiet", "--allow-empty", "-m", state)
		c.run("git", "tag", state)
	}
	return c
}

func (c testCase) write(name string, data []byte) {
	c.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		c.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		c.Fatal(err)
	}
}

func (c testCase) run(name string, args ...string) string {
	c.Helper()
	out, err := command.Cmd{Dir: c.dir, Env: command.Environ(
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
	)}.Output(c.Context(), name, args...)
	if err != nil {
		c.Fatal(err)
	}
	return out
}

func (c testCase) get(name string) string {
	for _, f := range c.archive.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

func (c testCase) set(name, text string) {
	for i, f := range c.archive.Files {
		if f.Name == name {
			c.archive.Files[i].Data = []byte(text)
			return
		}
	}
	c.archive.Files = append(c.archive.Files, txtar.File{Name: name, Data: []byte(text)})
}

// test runs the tests of the second commit for their profile, where the case
// does not have one that was made by hand.
func (c testCase) test() {
	if bytes.Contains(c.archive.Comment, []byte("made by hand")) {
		return
	}
	profile := filepath.Join(c.TempDir(), "profile")
	c.run("go", "test", "-trimpath", "-covermode=atomic", "-coverprofile="+profile, "./...")
	data, err := os.ReadFile(profile)
	if err != nil {
		c.Fatal(err)
	}
	c.set("profile", string(data))
}

// cover returns the result as text.
func (c testCase) cover() string {
	patch, err := patchcover.ReadPatch(c.Context(), c.dir, "base", "head")
	if err != nil {
		c.Fatal(err)
	}
	profile := patchcover.Profile{}
	if err := profile.Read(strings.NewReader(c.get("profile"))); err != nil {
		c.Fatal(err)
	}
	measured := patchcover.Digests{}
	for file, source := range patch.Sources {
		if other := c.get("sources/" + file); other != "" {
			source = []byte(other)
		}
		sum := sha256.Sum256(source)
		measured[file] = hex.EncodeToString(sum[:])
	}
	r, err := patch.Cover(profile, measured)
	if err != nil {
		return err.Error() + "\n"
	}
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, "%d of %d covered in %d files\n", r.Covered, r.Statements, r.Files)
	if r.Moved > 0 {
		_, _ = fmt.Fprintf(&b, "%d of %d moved ones covered\n", r.MovedCovered, r.Moved)
	}
	for _, list := range []struct {
		name  string
		lines []string
	}{
		{"uncovered", r.Uncovered}, {"waived", r.Waived}, {"mute", r.Mute}, {"generated", r.Generated},
		{"flagged", r.Flagged}, {"test support", r.TestSupport}, {"vendored", r.Vendored}, {"deleted test", r.DeletedTests},
	} {
		for _, line := range list.lines {
			_, _ = b.WriteString(list.name + " " + line + "\n")
		}
	}
	return b.String()
}
