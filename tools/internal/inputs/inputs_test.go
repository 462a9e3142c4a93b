package inputs_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/internal/inputs"
)

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestKey(t *testing.T) {
	t.Parallel()
	sets := []inputs.Set{
		nil, {"a": ""}, {"": "a"}, {"a": "b"}, {"a": "b", "c": ""}, {"a": "bc"}, {"ab": "c"}, {"a": "b,1:c"}, {"a": "b", "c": "d"}, {"a": "d", "c": "b"},
	}
	seen := map[string]bool{}
	for _, set := range sets {
		for _, action := range []string{"", "a", "lint"} {
			key := set.Key(action)
			if len(key) != 64 || seen[key] || key != set.Key(action) {
				t.Errorf("the key of %q for %q is %s", set, action, key)
			}
			seen[key] = true
		}
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	a, b := inputs.Set{"same": "1", "changed": "1", "gone": ""}, inputs.Set{"same": "1", "changed": "2", "added": ""}
	if got := a.Diff(b); !slices.Equal(got, []string{"added", "changed", "gone"}) {
		t.Errorf("Diff = %q", got)
	}
	if got := a.Diff(a); got != nil {
		t.Errorf("Diff with itself = %q", got)
	}
}

func TestUnknownIsNeverTheSame(t *testing.T) {
	t.Parallel()
	if first, second := inputs.Unknown(), inputs.Unknown(); first == second {
		t.Error("it is the same twice")
	}
}

func TestReadTree(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"a.go": "a", "b/c.txt": "c", ".hidden/d": "d", "e/mage_output_file.go": "", ".git/HEAD": "", "sub/.git": "gitdir: x", "sub/f": "f",
		"infra/package.json": "{}", "infra/node_modules/x.js": "", "node_modules/y.go": "package y", "cdk.out/z": "", "not/cdk.out/z": "",
	})
	tree, err := inputs.ReadTree(dir+"/", filepath.Join(dir, "cdk.out"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for name, digest := range tree {
		names = append(names, name)
		if len(digest) != 64 {
			t.Errorf("the digest of %s is %q", name, digest)
		}
	}
	slices.Sort(names)
	// A directory of packages that npm did not make counts as source.
	want := []string{".hidden/d", "a.go", "b/c.txt", "infra/package.json", "node_modules/y.go", "not/cdk.out/z", "sub/f"}
	if !slices.Equal(names, want) {
		t.Errorf("files are %q, want %q", names, want)
	}
	// The directory itself may be reached through a link.
	link := filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink(dir, link))
	linked, err := inputs.ReadTree(link, filepath.Join(link, "cdk.out"))
	if diff := inputs.Set(tree).Diff(inputs.Set(linked)); err != nil || len(diff) > 0 {
		t.Errorf("through a link %q differ, %v", diff, err)
	}
	if _, err := inputs.ReadTree(filepath.Join(dir, "missing")); err == nil {
		t.Error("a directory that is not there was read")
	}
}

// TestATreeSeesEveryChange checks that a change to a file that a program can
// see changes the file's digest, and no other.
func TestATreeSeesEveryChange(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		change  func(t *testing.T, dir, outside string)
		changed []string
	}{
		{"nothing", func(*testing.T, string, string) {}, nil},
		{"only a time", func(t *testing.T, dir, _ string) {
			info, err := os.Stat(filepath.Join(dir, "a"))
			must(t, err, os.Chtimes(filepath.Join(dir, "a"), info.ModTime().Add(1e9), info.ModTime().Add(1e9)))
		}, nil},
		{"who may read a file", func(t *testing.T, dir, _ string) { must(t, os.Chmod(filepath.Join(dir, "a"), 0o640)) }, nil}, // #nosec G302 -- the change
		{"content of the same size with the old time", func(t *testing.T, dir, _ string) {
			info, err := os.Stat(filepath.Join(dir, "a"))
			must(t, err)
			write(t, dir, map[string]string{"a": "2"})
			must(t, os.Chtimes(filepath.Join(dir, "a"), info.ModTime(), info.ModTime()))
		}, []string{"a", "inside"}},
		{"who may execute it", func(t *testing.T, dir, _ string) { must(t, os.Chmod(filepath.Join(dir, "a"), 0o700)) }, []string{"a"}}, // #nosec G302 -- the change
		{"a link retargeted to the same content", func(t *testing.T, dir, _ string) {
			must(t, os.Remove(filepath.Join(dir, "inside")), os.Symlink("b", filepath.Join(dir, "inside")))
		}, []string{"inside"}},
		{"a file in the place of a link, with the content that it led to", func(t *testing.T, dir, _ string) {
			must(t, os.Remove(filepath.Join(dir, "inside")))
			write(t, dir, map[string]string{"inside": "1"})
		}, []string{"inside"}},
		{"a file outside that a link leads to", func(t *testing.T, _, outside string) {
			write(t, outside, map[string]string{"file": "2"})
		}, []string{"outside"}},
		{"a file in a directory that a link leads to", func(t *testing.T, dir, _ string) {
			write(t, dir, map[string]string{"sub/c": "2"})
		}, []string{"sub/c"}},
		{"the end of a link that led nowhere", func(t *testing.T, _, outside string) {
			write(t, outside, map[string]string{"later": ""})
		}, []string{"dangling"}},
		{"a new empty file", func(t *testing.T, dir, _ string) { write(t, dir, map[string]string{"new": ""}) }, []string{"new"}},
		{"a directory in the place of a file", func(t *testing.T, dir, _ string) {
			must(t, os.Remove(filepath.Join(dir, "b")))
			write(t, dir, map[string]string{"b/b": "1"})
		}, []string{"b", "b/b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir, outside := t.TempDir(), t.TempDir()
			write(t, dir, map[string]string{"a": "1", "b": "1", "sub/c": "1"})
			write(t, outside, map[string]string{"file": "1"})
			must(t,
				os.Symlink("a", filepath.Join(dir, "inside")), os.Symlink("sub", filepath.Join(dir, "dir")),
				os.Symlink(filepath.Join(outside, "file"), filepath.Join(dir, "outside")),
				os.Symlink(filepath.Join(outside, "later"), filepath.Join(dir, "dangling")), os.Symlink("circle", filepath.Join(dir, "circle")))
			before, err := inputs.ReadTree(dir)
			must(t, err)
			tt.change(t, dir, outside)
			after, err := inputs.ReadTree(dir)
			must(t, err)
			if got := inputs.Set(before).Diff(inputs.Set(after)); !slices.Equal(got, tt.changed) {
				t.Errorf("%q changed, want %q", got, tt.changed)
			}
		})
	}
}

// TestALinkToADirectoryElsewhere checks that no result is reused if a link
// makes files outside the tree readable.
func TestALinkToADirectoryElsewhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{".magewright/x": "", "a/x": ""})
	must(t, os.Symlink(t.TempDir(), filepath.Join(dir, "out")), os.Symlink(".magewright", filepath.Join(dir, "skipped")), os.Symlink("a", filepath.Join(dir, "in")))
	read := func() inputs.Set {
		tree, err := inputs.ReadTree(dir, filepath.Join(dir, ".magewright"))
		must(t, err)
		return inputs.Set(tree)
	}
	if got := read().Diff(read()); !slices.Equal(got, []string{"out", "skipped"}) {
		t.Errorf("%q can't be known", got)
	}
}

func TestANameThatIsNoText(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "a\xff"), nil, 0o600))
	tree, err := inputs.ReadTree(dir)
	if _, ok := tree[`"a\xff"`]; err != nil || !ok {
		t.Errorf("ReadTree = %v, %v", tree, err)
	}
}

func TestFilesAndNames(t *testing.T) {
	t.Parallel()
	source := func(name string) bool { return strings.HasSuffix(name, ".go") }
	other := func(name string) bool { return !source(name) }
	of := func(tree inputs.Tree) inputs.Set {
		set := inputs.Set{}
		set.Files(tree, source)
		set.Names(tree, other)
		return set
	}
	before := of(inputs.Tree{"a.go": "1", "page.html": "1"})
	for _, tt := range []struct {
		name  string
		tree  inputs.Tree
		wants []string
	}{
		{"a source", inputs.Tree{"a.go": "2", "page.html": "1"}, []string{"file a.go"}},
		{"what is in another file", inputs.Tree{"a.go": "1", "page.html": "2"}, nil},
		{"a file that an embed directive would match", inputs.Tree{"a.go": "1", "page.html": "1", "new.html": "1"}, []string{"names of the other files"}},
		{"a file that is gone", inputs.Tree{"a.go": "1"}, []string{"names of the other files"}},
	} {
		if got := before.Diff(of(tt.tree)); !slices.Equal(got, tt.wants) {
			t.Errorf("%s: %q changed, want %q", tt.name, got, tt.wants)
		}
	}
}

func TestEnviron(t *testing.T) {
	t.Parallel()
	set := inputs.Set{}
	set.Environ([]string{"A=secret", "B", "C=x=y", "LEFT=1", "TERM=dumb", "SSH_TTY=1", "_=/bin/go", "_A=1", "TERMINAL=1", "PWD=/", "CODEBUILD_BUILD_ID=1"},
		func(name string) bool { return name == "LEFT" })
	want := inputs.Set{"env A": inputs.Hash("secret"), "env B": inputs.Hash(""), "env C": inputs.Hash("x=y"), "env _A": inputs.Hash("1"), "env TERMINAL": inputs.Hash("1")}
	if diff := set.Diff(want); len(diff) > 0 {
		t.Errorf("%q differ: %v", diff, set)
	}
	for name, value := range set {
		if strings.Contains(value, "secret") {
			t.Errorf("%s shows its value", name)
		}
	}
}

func TestGoVariable(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"GOFLAGS": true, "GOCACHE": true, "CGO_ENABLED": true, "CC": true,
		// These influence what is analysed, and the go command does not report them.
		"GOPACKAGESDRIVER": false, "GOOGLE_APPLICATION_CREDENTIALS": false, "CCACHE_DIR": false, "PATH": false, "GL_DEBUG": false,
	} {
		if got := inputs.GoVariable(name); got != want {
			t.Errorf("GoVariable(%s) = %v", name, got)
		}
	}
}

func TestGoSource(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"main.go": true, "a/b_test.go": true, "go.mod": true, "x/go.sum": true, "go.work": true, "asm.s": true, "a.h": true, "lib.syso": true, "x.cxx": true,
		"vendor/modules.txt": true, "testdata/package/a.go": true, "README.md": false, "a/page.html": false, "go": false, "mod.go.txt": false,
	} {
		if got := inputs.GoSource(name); got != want {
			t.Errorf("GoSource(%s) = %v", name, got)
		}
	}
}

// isolated gives the test its own caches and settings, so that it does not
// touch the user's, but keeps those of the go command.
func isolated(t *testing.T) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE", "GOENV").Output()
	must(t, err)
	cache, env, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	t.Setenv("GOCACHE", cache)
	t.Setenv("GOENV", env)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
}

func TestGo(t *testing.T) {
	isolated(t)
	dir := t.TempDir()
	write(t, dir, map[string]string{"project/go.mod": "module example\n\ngo 1.26\n"})
	project := filepath.Join(dir, "project")
	read := func() inputs.Set {
		t.Helper()
		set := inputs.Set{}
		must(t, set.Go(t.Context(), project))
		return set
	}
	before := read()
	if !strings.HasPrefix(before["go GOVERSION"], "go1.") || before["go GOROOT"] == "" || before["go CGO_ENABLED"] != "0" {
		t.Errorf("settings are %v", before)
	}
	if diff := before.Diff(read()); len(diff) > 0 {
		t.Errorf("%q differ between two readings", diff)
	}
	changed := func(what string, want ...string) {
		t.Helper()
		after := read()
		if got := before.Diff(after); !slices.Equal(got, want) {
			t.Errorf("%s: %q changed, want %q", what, got, want)
		}
		before = after
	}
	t.Setenv("GOFLAGS", "-tags=other")
	changed("a flag", "go GOFLAGS")
	t.Setenv("GOEXPERIMENT", "jsonv2")
	changed("an experiment", "go GOEXPERIMENT")
	t.Setenv("GOEXPERIMENT", "")
	t.Setenv("GOFLAGS", "")
	// These are the user's settings, which no variable shows.
	settings := filepath.Join(dir, "env")
	write(t, dir, map[string]string{"env": "GOEXPERIMENT=jsonv2\n"})
	t.Setenv("GOENV", settings)
	before = read()
	write(t, dir, map[string]string{"env": "GOEXPERIMENT=\n"})
	changed("a setting of the user's", "go GOEXPERIMENT")

	// This comes from elsewhere on this machine.
	other := filepath.Join(dir, "other")
	write(t, dir, map[string]string{
		"other/go.mod": "module other\n\ngo 1.26\n", "other/other.go": "package other\n", "project/inner/go.mod": "module inner\n\ngo 1.26\n",
		"project/go.mod": "module example\n\ngo 1.26\n\nreplace other => ../other\n\nreplace inner => ./inner\n",
	})
	changed("a replaced module", "files of "+other)
	write(t, dir, map[string]string{"other/other.go": "package other // changed\n"})
	changed("a file of a replaced module", "files of "+other)
	write(t, dir, map[string]string{"project/go.mod": "module example\n\ngo 1.26\n", "go.work": "go 1.26\n\nuse ./project\n\nuse ./other\n"})
	changed("a workspace", "file GOWORK", "go GOWORK")
	write(t, dir, map[string]string{"other/other.go": "package other // changed again\n"})
	changed("a file of a module in the workspace", "files of "+other)
	write(t, dir, map[string]string{"go.work": "go 1.26\n\nuse ./project\n"})
	changed("a workspace without it", "file GOWORK", "files of "+other)
	t.Setenv("GOWORK", "off")
	changed("no workspace", "file GOWORK", "go GOWORK")

	// What a nested module takes from elsewhere.
	inner := filepath.Join(project, "inner")
	write(t, dir, map[string]string{"project/inner/go.mod": "module inner\n\ngo 1.26\n\nreplace other => ../../other\n"})
	nested := inputs.Set{}
	must(t, nested.Go(t.Context(), project, inner))
	if nested["files of "+other] == "" {
		t.Error("what replaces a nested module's requirement was not read")
	}
	write(t, dir, map[string]string{"project/inner/go.mod": "modul inner\n"})
	must(t, (inputs.Set{}).Go(t.Context(), project, inner))

	write(t, dir, map[string]string{"project/go.mod": "module example\n\nreplace other => ../missing\n"})
	if err := (inputs.Set{}).Go(t.Context(), project); err == nil {
		t.Error("a module that is not there was read")
	}
}

func TestAnotherToolchain(t *testing.T) {
	isolated(t)
	dir, fake := t.TempDir(), t.TempDir()
	t.Setenv("PATH", fake+string(filepath.ListSeparator)+os.Getenv("PATH"))
	read := func(says string) (inputs.Set, error) {
		must(t, command.WriteProgram(filepath.Join(fake, "go"), []byte("#!/bin/sh\n"+says+"\n")))
		set := inputs.Set{}
		return set, set.Go(t.Context(), dir)
	}
	before, err := read(`echo '{"GOVERSION":"go1.26.0"}'`)
	must(t, err)
	after, err := read(`echo '{"GOVERSION":"go1.26.1"}'`)
	must(t, err)
	if diff := before.Diff(after); !slices.Equal(diff, []string{"go GOVERSION"}) {
		t.Errorf("%q changed", diff)
	}
	for _, says := range []string{"exit 1", "echo go1.26.0", `echo '{"GOVERSION":"go1.26.0","GOWORK":"/missing/go.work"}'`} {
		if _, err := read(says); err == nil {
			t.Errorf("a go command that does %q was believed", says)
		}
	}
}

func TestListed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", args...) // #nosec G204 -- arguments of this test
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
	}
	if err := (inputs.Set{}).Listed(t.Context(), dir); err == nil {
		t.Error("files were listed without a repository")
	}
	git("init", "-q")
	write(t, dir, map[string]string{"a.go": "", "b.go": ""})
	listed := func() string {
		set := inputs.Set{}
		must(t, set.Listed(t.Context(), dir))
		return set["files that git lists"]
	}
	before := listed()
	write(t, dir, map[string]string{".magewright/junit.xml": ""})
	set := inputs.Set{}
	must(t, set.Listed(t.Context(), dir, filepath.Join(dir, ".magewright")))
	if set["files that git lists"] != before {
		t.Error("the results of a target are among what it looks at")
	}
	before = listed()
	git("add", "a.go")
	git("-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "a")
	if listed() != before {
		t.Error("a commit changes which files are looked at")
	}
	write(t, dir, map[string]string{".git/info/exclude": "b.go\n"})
	if listed() == before {
		t.Error("a file that is ignored now is still looked at")
	}
}
