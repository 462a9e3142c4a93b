package recheck

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/magewright/magewright/tools/check/gosec"
	"github.com/magewright/magewright/tools/check/sec"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/inputs/inputstest"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

// TestMain makes this program also the judge's, with linters that are faster than
// golangci-lint.
func TestMain(m *testing.M) {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	Program, sec.Gosec = []string{self, Command}, []string{self, "gosec"}
	linters = pretended
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case Command:
			exit.Now(Main(context.Background(), os.Args[2:]))
		case "gosec":
			os.Exit(gosec.Run(context.Background(), os.Args[2:], os.Stdout, os.Stderr))
		}
	}
	os.Exit(m.Run())
}

// pretended are linters that find the word FINDING, unless .golangci.yml says not to. They
// also say in which environment they run.
func pretended(_ context.Context, cfg project.Config) error {
	found := evidence.Lint{Made: evidence.Made{FinishedOn: asOf}, Files: 1}
	config, err := os.ReadFile(filepath.Join(cfg.Dir, ".golangci.yml"))
	if err != nil {
		return err
	}
	source, err := os.ReadFile(filepath.Join(cfg.Dir, "a.go"))
	if err != nil {
		return err
	}
	if strings.Contains(string(source), "FINDING") && !strings.Contains(string(config), "silence") {
		found.Broken = []string{"golangci-lint"}
		fmt.Fprintf(cfg.Stdout, "a.go:1: FINDING\n%s\n", strings.Join(os.Environ(), "\n"))
	}
	if err := evidence.Keep(cfg.Evidence, "lint", cfg.Commit, found); err != nil {
		return err
	}
	if found.Broken != nil {
		return exit.Failed("", "lint: findings")
	}
	return nil
}

// A judged is a repository with a release, and a candidate that is judged.
type judged struct {
	*inputstest.Repository
	base string
}

func newJudged(t *testing.T, files map[string]string) *judged {
	t.Helper()
	files["go.mod"] = "module example.com/app\n\ngo 1.26\n"
	if files["a.go"] == "" {
		files["a.go"] = "package a\n"
	}
	r := inputstest.New(t, files)
	j := &judged{r, r.Config.Commit}
	// A judge is started with this.
	t.Setenv("GOTOOLCHAIN", "local")
	j.Config.Judge = project.Judge{Dir: filepath.Join(t.TempDir(), "src-judge"), Commit: j.base}
	j.Config.Stderr = io.Discard
	return j
}

// of looks at what is committed by then.
func (j *judged) of(t *testing.T) (Found, error) {
	t.Helper()
	j.Commit("a candidate")
	found, err := Of(t.Context(), j.Config, j.base)
	if left, _ := filepath.Glob(j.Config.Judge.Dir + "*"); len(left) > 0 {
		t.Errorf("left behind: %s", left)
	}
	return found, err
}

// TestAttackForgedLint commits a finding with what hides it from the candidate's own
// build: a configuration, and a result that is there already. The judge finds it.
func TestAttackForgedLint(t *testing.T) {
	j := newJudged(t, map[string]string{".golangci.yml": "version: \"2\"\n", "below/.golangci.yml": "version: \"2\"\n", "below/b.go": "package b\n"})
	t.Setenv("AWS_SECRET_ACCESS_KEY", "of the judge")
	t.Setenv("GOFLAGS", "-toolexec=evil")
	forged, err := evidence.NewStatement(j.base, "", evidence.Lint{Made: evidence.Made{FinishedOn: asOf}, Files: 1})
	if err != nil {
		t.Fatal(err)
	}
	j.Write("a.go", "package a // FINDING\n")
	j.Write(".golangci.yml", "silence\n")
	j.Write(".golangci.toml", "silence\n")
	j.Write("new/.golangci.yml", "silence\n")
	if err := evidence.Write(j.Path(".magewright"), "a", forged); err != nil {
		t.Fatal(err)
	}
	found, err := j.of(t)
	if err != nil || !slices.Equal(found.Lint.Broken, []string{"golangci-lint"}) || found.Said[0] != "a.go:1: FINDING" {
		t.Fatalf("found %+v, %v", found, err)
	}
	if len(found.Config) != 2 || found.Config[".golangci.yml"] == "" || found.Config["below/.golangci.yml"] == "" {
		t.Errorf("configured by %v", found.Config)
	}
	said := strings.Join(found.Said, "\n")
	for _, secret := range []string{"AWS_", "evil"} {
		if strings.Contains(said, secret) {
			t.Errorf("the linters have got %s:\n%s", secret, said)
		}
	}
	// The base's own says what is left out.
	j.base = j.Config.Commit
	if found, err := Of(t.Context(), j.Config, j.base); err != nil || len(found.Lint.Broken) > 0 {
		t.Errorf("as the base is configured: %+v, %v", found, err)
	}
}

// TestAttackForgedSecurity commits insecure code. That its own build has said nothing
// does not count.
func TestAttackForgedSecurity(t *testing.T) {
	j := newJudged(t, map[string]string{})
	if found, err := j.of(t); err != nil || found.Gosec.State != string(sec.Pass) || found.Tools["gosec"] == "" {
		t.Fatalf("found %+v, %v", found, err)
	}
	j.Write("a.go", "package a\n\nimport \"os\"\n\nfunc A() error { return os.Chmod(\"x\", 0o777) }\n")
	if found, err := j.of(t); err != nil || found.Gosec.State != string(sec.Fail) || !strings.Contains(found.Gosec.Findings, "a.go:5:25: G302") {
		t.Errorf("found %+v, %v", found, err)
	}
}

// TestAttackForgedTests has a build claim tests that are not those of the sources.
func TestAttackForgedTests(t *testing.T) {
	j := newJudged(t, map[string]string{
		"a_test.go":       "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {}\n\nfunc TestB(*testing.T) {}\n\nfunc FuzzC(f *testing.F) {}\n\nfunc TestMain(m *testing.M) {}\n\nfunc Testify(t *testing.T) {}\n\nfunc BenchmarkD(b *testing.B) {}\n\nconst s = `\nfunc TestE(t *testing.T) {}`\n",
		"x_test.go":       "package a_test\n\nimport . \"testing\"\n\nfunc Test(t *T) {}\n\ntype s struct{}\n\nfunc (s) TestM(t *T) {}\n",
		"e2e_test.go":     "//go:build e2e\n\npackage a\n\nimport \"testing\"\n\nfunc TestE2E(t *testing.T) {}\n",
		"other/go.mod":    "module example.com/other\n\ngo 1.26\n",
		"other/o_test.go": "package o\n\nimport \"testing\"\n\nfunc TestO(t *testing.T) {}\n",
		"plain/p.go":      "package p\n",
	})
	found, err := j.of(t)
	want := []evidence.Suite{{Package: "example.com/app", Passed: 4}, {Package: "example.com/other", Module: "other", Passed: 1}}
	if err != nil || !slices.Equal(found.Declared, want) {
		t.Errorf("found %+v, %v; want %+v", found.Declared, err, want)
	}
}

// TestAttackOnTheRecheck brings all that could run a program of the candidate's while a
// judge looks at its code.
func TestAttackOnTheRecheck(t *testing.T) {
	for name, tt := range map[string]struct {
		files map[string]string
		says  string // "" if the judge can look at it
	}{
		"what others run": {map[string]string{
			"go.mod":                  "module example.com/app\n\ngo 1.26\n\ntoolchain go1.26.9-evil\n",
			"c.go":                    "package a\n\n// #cgo CFLAGS: -fplugin=./evil\n// #cgo pkg-config: --define-variable=x evil\n// int x(void);\nimport \"C\"\n",
			"g.go":                    "package a\n\n//go:generate ./evil\n",
			".gitattributes":          "* filter=evil\n",
			".githooks/post-checkout": "evil",
			".golangci.yml":           "linters: {settings: {custom: {evil: {path: evil.so}}}}\n",
		}, ""},
		"a newer language":        {map[string]string{"go.mod": "module example.com/app\n\ngo 1.99\n"}, "go.mod requires go >= 1.99"},
		"a workspace":             {map[string]string{"go.work": "go 1.99\n\nuse .\n"}, "go.work"},
		"a link out of the clone": {map[string]string{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJudged(t, map[string]string{"link/.golangci.yml": "version: \"2\"\n", "link/l.go": "package l\n"})
			outside := t.TempDir()
			evil := filepath.Join(outside, "evil")
			j.Write("evil", "#!/bin/sh\ntouch "+evil+"\n")
			if err := os.Chmod(j.Path("evil"), 0o700); err != nil { // #nosec G302 -- it is run, if the test fails
				t.Fatal(err)
			}
			for file, text := range tt.files {
				j.Write(file, text)
			}
			if len(tt.files) == 0 {
				if err := os.RemoveAll(j.Path("link")); err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(outside, j.Path("link")); err != nil {
					t.Fatal(err)
				}
			}
			_, err := j.of(t)
			if left, readErr := os.ReadDir(outside); readErr != nil || len(left) > 0 {
				t.Errorf("outside of the clone there is %v, %v", left, readErr)
			}
			switch {
			case len(tt.files) == 0:
				// Without the base's configuration, nothing is looked at.
				if err == nil || !strings.Contains(err.Error(), "configuring the linters as the base does") {
					t.Errorf("a link: %v", err)
				}
			case tt.says == "" && err != nil, tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)):
				t.Errorf("it ends with %v, want %q", err, tt.says)
			}
		})
	}
}

// TestAttackByACachedResult holds that a judge believes no result that a build has kept:
// it reads and writes a cache of its own.
func TestAttackByACachedResult(t *testing.T) {
	j := newJudged(t, map[string]string{})
	caches := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", caches)
	if out, err := j.of(t); err != nil {
		t.Fatalf("%+v, %v", out, err)
	}
	kept := func(name string) int {
		found, err := filepath.Glob(filepath.Join(caches, "magewright", name, "??", "*", "record.json"))
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	// Those of gosec's target and of the package.
	if kept("judge") != 2 || kept("actions") != 0 {
		t.Errorf("the judge has kept %d results in its cache and %d in that of builds", kept("judge"), kept("actions"))
	}
	found, err := j.of(t)
	if err != nil || found.Gosec.Reused == nil {
		t.Errorf("it has found its own result again: %+v, %v", found.Gosec, err)
	}
}

func TestWhoMayLookAgain(t *testing.T) {
	cfg := project.Config{Dir: t.TempDir()}
	if _, err := Of(t.Context(), cfg, ""); err == nil || !strings.Contains(err.Error(), "only the program of a judge does so") {
		t.Errorf("without a judge: %v", err)
	}
	if err := Main(t.Context(), nil); exit.Status(err) != exit.Usage {
		t.Errorf("without arguments: %v", err)
	}
}

// asOf is when the evidence of these tests was made.
var asOf = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
