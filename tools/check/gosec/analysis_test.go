package gosec

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/securego/gosec/v2/issue"

	"github.com/magewright/magewright/tools/internal/inputs"
)

// isolated gives the test a cache of its own, but the go command's.
func isolated(t *testing.T) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE", "GOENV").Output()
	if err != nil {
		t.Fatal(err)
	}
	cache, env, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	t.Setenv("GOCACHE", cache)
	t.Setenv("GOENV", env)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
}

func writeFiles(t *testing.T, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// module makes a module the current directory. Its package a uses package b; c
// stands alone and has a finding.
func module(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	writeFiles(t, map[string]string{
		"go.mod": "module example\n\ngo 1.26\n",
		"a/a.go": "package a\n\nimport \"example/b\"\n\nfunc A() int { return b.B() }\n",
		"b/b.go": "package b\n\nfunc B() int { return helper() }\n\n//go:noinline\nfunc helper() int { return 1 }\n",
		"c/c.go": "package c\n\nimport \"os\"\n\nfunc C() error { return os.Chmod(\"x\", 0o777) }\n",
	})
}

var asBefore = regexp.MustCompile(`(\d+) of (\d+) packages unchanged`)

// analyse runs the command. It returns how many packages it did not analyse, and
// the rest of what it says.
func analyse(t *testing.T, args ...string) (reused int, said string) {
	t.Helper()
	var out, errs bytes.Buffer
	code := Run(t.Context(), append(append([]string{"-sarif", filepath.Join(t.TempDir(), "gosec.sarif")}, args...), "."), &out, &errs)
	match := asBefore.FindStringSubmatch(out.String())
	if match == nil {
		t.Fatalf("exit code %d:\n%s%s", code, &out, &errs)
	}
	if _, err := fmt.Sscan(match[1], &reused); err != nil {
		t.Fatal(err)
	}
	said = asBefore.ReplaceAllString(out.String(), "")
	if want := strings.Contains(said, " 0 issues"); (code == 0) != want {
		t.Errorf("exit code %d with %s", code, said)
	}
	return reused, said
}

// TestPackagesAreAnalysedAgain holds which changes make which packages be
// analysed again, and that what is taken from the cache is what was found.
func TestPackagesAreAnalysedAgain(t *testing.T) {
	isolated(t)
	module(t)
	reused, first := analyse(t)
	if reused != 0 || !strings.Contains(first, "c/c.go:5:25: G302") {
		t.Fatalf("%d were known before:\n%s", reused, first)
	}
	steps := []struct {
		name   string
		change func()
		reused int
		same   bool // as at the step before
		says   string
	}{
		{"nothing", func() {}, 3, true, ""},
		{"the body of a function", func() {
			writeFiles(t, map[string]string{"b/b.go": "package b\n\nfunc B() int { return helper() }\n\n//go:noinline\nfunc helper() int { return 2 }\n"})
		}, 2, true, ""},
		{"what a package exports", func() {
			writeFiles(t, map[string]string{"b/b.go": "package b\n\nfunc B() int { return 2 }\n\nfunc New(s []string) {}\n"})
		}, 1, false, ""},
		{"a finding that is suppressed", func() {
			writeFiles(t, map[string]string{"c/c.go": "package c\n\nimport \"os\"\n\nfunc C() error { return os.Chmod(\"x\", 0o777) } // #nosec G302 -- a test\n"})
		}, 2, false, " 0 issues, 1 suppressed"},
		{"nothing, with a suppression", func() {}, 3, true, " 0 issues, 1 suppressed"},
		{"a file that is new to a package", func() {
			writeFiles(t, map[string]string{"a/new.go": "package a\n\nimport \"os\"\n\nfunc New() error { return os.Chmod(\"x\", 0o666) }\n"})
		}, 2, false, "a/new.go:5:27: G302"},
		{"the language's version", func() { writeFiles(t, map[string]string{"go.mod": "module example\n\ngo 1.25\n"}) }, 0, true, "a/new.go:5:27: G302"},
		{"a setting of the go command", func() { t.Setenv("GOEXPERIMENT", "jsonv2") }, 0, true, "a/new.go:5:27: G302"},
		{"a package that can't be compiled", func() {
			writeFiles(t, map[string]string{"c/c.go": "package c\n\nfunc C() int { return missing }\n"})
		}, 2, false, "undefined: missing"},
		{"the same package again", func() {}, 2, true, "undefined: missing"},
	}
	before := first
	for _, step := range steps {
		step.change()
		reused, said := analyse(t)
		if reused != step.reused {
			t.Errorf("%s: %d packages were known before, want %d", step.name, reused, step.reused)
		}
		if (said == before) != step.same || !strings.Contains(said, step.says) {
			t.Errorf("%s: it says\n%s\nand before\n%s", step.name, said, before)
		}
		before = said
	}
}

// TestAPackageOfTheStandardLibrarysName holds that a package is told from the one
// of the same path that the standard library has of its own.
func TestAPackageOfTheStandardLibrarysName(t *testing.T) {
	isolated(t)
	t.Chdir(t.TempDir())
	writeFiles(t, map[string]string{
		"go.mod":                  "module example\n\ngo 1.26\n\nrequire golang.org/x/crypto v0.0.0\n\nreplace golang.org/x/crypto => ./crypto\n",
		"crypto/go.mod":           "module golang.org/x/crypto\n\ngo 1.26\n",
		"crypto/chacha20/ours.go": "package chacha20\n\nconst Ours = 1\n",
		"a/a.go":                  "package a\n\nimport (\n\t\"crypto/tls\"\n\n\t\"golang.org/x/crypto/chacha20\"\n)\n\nvar _ tls.Conn\n\nconst A = chacha20.Ours\n",
	})
	_, first := analyse(t)
	for range 8 { // the order of a map decided
		if reused, said := analyse(t); reused != 1 || said != first {
			t.Fatalf("%d were known before:\n%s", reused, said)
		}
	}
	for n := range 4 {
		writeFiles(t, map[string]string{"crypto/chacha20/ours.go": fmt.Sprintf("package chacha20\n\nconst Ours = %d\n", n+2)})
		if reused, _ := analyse(t); reused != 0 {
			t.Errorf("a change of our package was not seen")
		}
	}
}

func TestForceAnalysesAll(t *testing.T) {
	isolated(t)
	module(t)
	_, first := analyse(t)
	if reused, said := analyse(t, "-force"); reused != 0 || said != first {
		t.Errorf("%d were known before:\n%s", reused, said)
	}
	if reused, said := analyse(t); reused != 3 || said != first {
		t.Errorf("%d were known before:\n%s", reused, said)
	}
}

func TestAnotherCheckoutIsTheSame(t *testing.T) {
	isolated(t)
	module(t)
	_, first := analyse(t)
	module(t)
	if reused, said := analyse(t); reused != 3 || said != first {
		t.Errorf("%d were known before:\n%s", reused, said)
	}
}

// TestAPoisonedResultIsNotBelieved holds that nobody but this user can make a
// finding vanish.
func TestAPoisonedResultIsNotBelieved(t *testing.T) {
	isolated(t)
	module(t)
	_, first := analyse(t)
	records, err := filepath.Glob(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "magewright", "actions", "??", "*", "record.json"))
	if err != nil || len(records) != 3 {
		t.Fatalf("the cache has %v, %v", records, err)
	}
	output := regexp.MustCompile(`"output":"[0-9a-f]*"`)
	for _, record := range records {
		data, err := os.ReadFile(record) // #nosec G304 -- of the test's cache
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(record, output.ReplaceAll(data, []byte(`"output":""`)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if reused, said := analyse(t); reused != 0 || said != first {
		t.Errorf("%d were known before:\n%s", reused, said)
	}
	if reused, _ := analyse(t); reused != 3 {
		t.Errorf("%d were known before", reused)
	}
}

func TestWithoutACache(t *testing.T) {
	isolated(t)
	module(t)
	_, first := analyse(t)
	for _, variable := range []string{"XDG_CACHE_HOME", "XDG_CONFIG_HOME"} {
		file := filepath.Join(t.TempDir(), "file")
		writeFiles(t, map[string]string{file: ""})
		t.Setenv(variable, file)
		if reused, said := analyse(t); reused != 0 || said != first {
			t.Errorf("%d were known before:\n%s", reused, said)
		}
	}
}

// archive returns an archive of the compiler with a first member.
func archive(name, size, content string) string {
	return "!<arch>\n" + fmt.Sprintf("%-16s%-12s%-6s%-6s%-8s%-10s`\n", name, "0", "0", "0", "644", size) + content
}

func member(content string) string { return archive("__.PKGDEF", fmt.Sprint(len(content)), content) }

func TestExportData(t *testing.T) {
	t.Parallel()
	const content = "go object linux amd64 go1.26.0\nbuild id \"x\"\n\n$$B\nu declarations\n$$\n"
	for _, tt := range []struct{ name, file, want, fails string }{
		{name: "an archive", file: member(content), want: "u declarations\n$$\n"},
		{name: "with more members", file: member(content) + "\n_go_.o", want: "u declarations\n$$\n"},
		{name: "of another build", file: member(strings.Replace(content, `"x"`, `"other"`, 1)), want: "u declarations\n$$\n"},
		{name: "nothing", fails: "EOF"},
		{name: "a header that is cut off", file: member(content)[:40], fails: "EOF"},
		{name: "a member that is cut off", file: member(content)[:len(member(content))-3], fails: "truncated"},
		{name: "no declarations", file: member("go object\n"), fails: "no exported declarations"},
		{name: "declarations in the next member", file: archive("__.PKGDEF", "3", "abc\n$$B\nx"), fails: "no exported declarations"},
		{name: "another member first", file: archive("_go_.o", "5", "abcde"), fails: "not an archive"},
		{name: "no archive", file: strings.Replace(member(content), "!<arch>", "!<ARCH>", 1), fails: "not an archive"},
		{name: "no size", file: archive("__.PKGDEF", "", content), fails: "not an archive"},
		{name: "a size with something behind it", file: archive("__.PKGDEF", "5x", content), fails: "not an archive"},
		{name: "a negative size", file: archive("__.PKGDEF", "-1", content), fails: "truncated"},
		{name: "a size beyond the file", file: archive("__.PKGDEF", "9999999999", content), fails: "truncated"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := exportData(strings.NewReader(tt.file))
			if (err == nil) != (tt.fails == "") || err != nil && !strings.Contains(err.Error(), tt.fails) {
				t.Fatalf("error is %v, want %q", err, tt.fails)
			}
			if string(got) != tt.want {
				t.Errorf("declarations are %q", got)
			}
		})
	}
}

// TestExportDataOfTheCompiler holds that the compiler still writes what is read.
func TestExportDataOfTheCompiler(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-export", "-f={{.Export}}", "strings").Output()
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if data, err := exportData(file); err != nil || !bytes.Contains(data, []byte("EqualFold")) {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}

func FuzzExportData(f *testing.F) {
	f.Add(member("go object\nbuild id \"x\"\n\n$$B\nu"))
	f.Add(archive("__.PKGDEF", "-3", "\n$$B\n"))
	f.Fuzz(func(t *testing.T, file string) {
		data, err := exportData(strings.NewReader(file))
		if err != nil {
			return
		}
		if !strings.Contains(file, "\n$$B\n"+string(data)) {
			t.Errorf("%q is not behind the mark in %q", data, file)
		}
		// It says the same where the file comes in pieces, and where more follows.
		again, err := exportData(io.MultiReader(strings.NewReader(file[:10]), strings.NewReader(file[10:]+"more")))
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("%q and then %q, %v", data, again, err)
		}
	})
}

// TestTheProgramIsAnInput holds that other rules, or others that are switched
// on, are another program.
func TestTheProgramIsAnInput(t *testing.T) {
	isolated(t)
	module(t)
	a := newAnalysis()
	if err := a.modules(t.Context(), []string{"."}); err != nil {
		t.Fatal(err)
	}
	if names := slices.Sorted(maps.Keys(a.toolSet)); !slices.Contains(names, "program") || a.toolSet["program"] == inputs.Hash("") {
		t.Errorf("what the rules are is not an input: %q", names)
	}
}

// TestVersion holds that the version which the evidence names is the one that
// runs.
func TestVersion(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f={{.Version}}", "github.com/securego/gosec/v2").Output()
	if got := strings.TrimSpace(string(out)); err != nil || got != version {
		t.Errorf("go.mod pins %s, %v, and the evidence names %s", got, err, version)
	}
}

// TestRepositoriesOfOthers holds that a package beside magefiles is analysed and
// so are they, that a nested module is, and that names with blanks are told.
func TestRepositoriesOfOthers(t *testing.T) {
	isolated(t)
	const insecure = "import \"os\"\n\nfunc F() error { return os.Chmod(\"x\", 0o777) }\n"
	t.Chdir(t.TempDir())
	if err := os.Mkdir("ein Büro", 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir("ein Büro")
	writeFiles(t, map[string]string{
		"go.mod": "module example\n\ngo 1.26\n", "go.work": "go 1.26\n\nuse .\n", "größe.go": "package app\n\n" + insecure, "magefile.go": "//go:build mage\n\npackage main\n\n" + insecure,
		"magefiles/b.go": "//go:build mage\n\npackage main\n\nfunc G() error { return F() }\n", "magefiles/c_test.go": "//go:build mage\n\npackage main\n", "magefiles/c.go": "//go:build mage\n\npackage main\n\n" + insecure,
		"my functions/go.mod": "module functions\n\ngo 1.26\n", "my functions/f.go": "package functions\n\n" + insecure,
	})
	for _, reused := range []string{"0 of 4", "4 of 4"} {
		var out, errs bytes.Buffer
		if code := Run(t.Context(), []string{"-sarif", filepath.Join(t.TempDir(), "gosec.sarif"), ".", "my functions"}, &out, &errs); code != 1 {
			t.Errorf("exit code %d:\n%s", code, &errs)
		}
		for _, want := range []string{"größe.go:5:", "magefile.go:7:", "magefiles/c.go:7:", "my functions/f.go:5:", ": 4 issues, 0 suppressed with a reason, 0 errors; " + reused + " packages unchanged"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("the output lacks %q:\n%s", want, &out)
			}
		}
	}
}

// TestGeneratedCodeIsCounted holds that code which the rules leave out is told, also
// where the result is taken from the cache.
func TestGeneratedCodeIsCounted(t *testing.T) {
	isolated(t)
	module(t)
	writeFiles(t, map[string]string{"a/gen.go": "// Code generated by x. DO NOT EDIT.\n\npackage a\n\nimport \"os\"\n\nfunc G() error { return os.Chmod(\"x\", 0o777) }\n"})
	for range 2 {
		if _, said := analyse(t); strings.Contains(said, "gen.go") || !strings.Contains(said, ": 3 files, ") || !strings.Contains(said, ", 1 generated left out, ") {
			t.Errorf("it says\n%s", said)
		}
	}
}

// TestCodeThatCannotBeAnalysed holds that it fails with the reason, and that the rest
// is analysed nevertheless.
func TestCodeThatCannotBeAnalysed(t *testing.T) {
	isolated(t)
	for _, tt := range []struct {
		name  string
		files map[string]string
		says  string
	}{
		{"an import does not compile", map[string]string{"sub/a.go": "package sub\n\nimport \"sub/b\"\n\nvar A = b.B()\n", "sub/b/b.go": "package b\n\nfunc B() int { return missing }\n"}, "sub/b/b.go:3:23: undefined: missing"},
		{"an import is not there", map[string]string{"sub/a.go": "package sub\n\nimport _ \"example.com/missing\"\n"}, "sub/a.go:3:10: could not import example.com/missing"},
		{"an import has no files here", map[string]string{"sub/a.go": "package sub\n\nimport _ \"sub/b\"\n", "sub/b/b.go": "//go:build other\n\npackage b\n"}, "sub/a.go:3:10: could not import sub/b"},
		{"a module is for a later Go", map[string]string{"sub/go.mod": "module sub\n\ngo 1.999\n", "sub/a.go": "package sub\n"}, "sub: running go list ./...: exit status 1: go: go.mod requires go >= 1.999"},
		{"a module file is broken", map[string]string{"sub/go.mod": "module sub\n\nrequire (\n", "sub/a.go": "package sub\n"}, "go.mod:4: syntax error"},
	} {
		t.Chdir(t.TempDir())
		writeFiles(t, map[string]string{
			"go.mod": "module example\n\ngo 1.26\n", "c.go": "package c\n\nimport \"os\"\n\nfunc C() error { return os.Chmod(\"x\", 0o777) }\n", "sub/go.mod": "module sub\n\ngo 1.26\n",
		})
		writeFiles(t, tt.files)
		for range 2 { // it is not kept
			var out, errs bytes.Buffer
			code := Run(t.Context(), []string{"-sarif", filepath.Join(t.TempDir(), "gosec.sarif"), "sub", "."}, &out, &errs)
			if said := out.String(); code != 1 || !strings.Contains(said, tt.says) || !strings.Contains(said, "c.go:5:25: G302") {
				t.Errorf("%s: exit code %d, and it says\n%s%s", tt.name, code, said, &errs)
			}
		}
	}
}

// TestAttackByTaint brings a flow of data from outside, which only the taint rules see.
func TestAttackByTaint(t *testing.T) {
	t.Parallel()
	a := newAnalysis()
	a.issues = append(a.issues, &issue.Issue{File: "a.go", Line: "1", Col: "1", RuleID: "G703", What: "x"})
	var out bytes.Buffer
	if !a.describe(&out) {
		t.Error("nothing must be mended")
	}
	if said := out.String(); !strings.Contains(said, "a.go:1:1: G703") || !strings.Contains(said, "1 issues, 0 suppressed") {
		t.Errorf("it says\n%s", said)
	}
}
