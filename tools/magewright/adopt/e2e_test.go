//go:build e2e

// Magewright in other people's repositories: this commit, served as a module,
// checks a repository of each shape and takes it to production. It compiles the whole
// program once more, as the module of others, so that `mage test` leaves it out:
//
//	go test -tags=e2e -timeout=30m -v -run TestOtherRepositories ./tools/magewright/adopt

package adopt

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/magewright/magewright/tools/internal/gocmd"
)

// TestOtherRepositories holds that a repository of each shape is checked after two
// commands and taken to production by the third, and that the functions in it are
// made of what they were made of before.
func TestOtherRepositories(t *testing.T) {
	commit := strings.TrimSpace(run(t, "../../..", 0, "git", "rev-parse", "HEAD"))
	source := t.TempDir()
	archive := filepath.Join(t.TempDir(), "source.tar")
	run(t, "../../..", 0, "git", "archive", "--format=tar", "--output="+archive, commit)
	run(t, source, 0, "tar", "-xf", archive)
	// A version of its own, in the machine's module cache, which has all that
	// the program needs.
	version := "v0.1.0-e2e." + commit[:12]
	t.Setenv("GOPROXY", publish(t, source, version)+","+strings.TrimSpace(run(t, ".", 0, "go", "env", "GOPROXY")))
	t.Setenv("GONOSUMDB", "github.com/magewright/*")
	cache := moduleCache(t)
	t.Cleanup(func() { forget(t, cache, version) })

	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no repositories: %v", err)
	}
	for _, archive := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(archive), ".txtar"), func(t *testing.T) {
			dir, want := repository(t, archive)
			tidy(t, dir)
			before := functions(t, dir)
			if err := Init(t.Context(), dir, Options{Version: version}, t.Output()); err != nil {
				t.Fatal(err)
			}
			ruled := path.Base(t.Name()) == "hello"
			if ruled {
				write(t, dir, rule)
			}
			git(t, dir, "add", "-A")
			git(t, dir, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "Check with Magewright")
			if after := functions(t, dir); after != before {
				t.Errorf("the functions were\n%s\nand are\n%s", before, after)
			}
			_, next, _ := strings.Cut(want, "next:")
			command, _, _ := strings.Cut(strings.TrimSpace(next), " -l ")
			mage := strings.Fields(command)
			t.Logf("%s", run(t, dir, 0, mage[0], append(mage[1:], "check")...))
			for _, name := range []string{".magewright/lint.intoto.json", ".magewright/test.intoto.json", ".magewright/sec.intoto.json", ".magewright/junit.xml", ".magewright/gosec.sarif", "cdk.out/magewright.json"} {
				if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
					t.Error(err)
				}
			}
			if left := git(t, dir, "status", "--porcelain"); left != "" {
				t.Errorf("check left %s", left)
			}
			walk(t, dir, mage)
			if !ruled {
				return
			}
			run(t, dir, 0, mage[0], append(mage[1:], "synth")...)
			_, hold, _ := strings.Cut(run(t, dir, 0, mage[0], append(mage[1:], "readiness", "-missing")...), "hold today, and are not required yet")
			if hold, _, _ = strings.Cut(hold, "\n\n"); !strings.Contains(hold, "policies") {
				t.Errorf("the organisation's rule does not hold; these checks do: %s", hold)
			}
		})
	}
}

// rule is a rule of an organisation, with its tests.
var rule = []txtar.File{
	{Name: "magewright/policy/described.rego", Data: []byte(`# METADATA
# title: Every program has a runtime
package magewright.rules.described

subjects contains id if some id, r in input.template.Resources

subjects contains c.name if some c in input.sbom.components

violations contains {"id": id, "message": "has no runtime"} if {
	some id, r in input.template.Resources
	r.Type == "AWS::Lambda::Function"
	not r.Properties.Runtime
}
`)},
	{Name: "magewright/policy/described_test.rego", Data: []byte(`package magewright.rules.described_test

import data.magewright.rules.described

of(properties) := {"template": {"Resources": {"F": {"Type": "AWS::Lambda::Function", "Properties": properties}}}}

test_keeps if count(described.violations) == 0 with input as of({"Runtime": "provided.al2023"})

test_breaks if count(described.violations) == 1 with input as of({})
`)},
}

// walk takes a repository to production: a release that changes a function, or only a
// document, after the one that init has made.
func walk(t *testing.T, dir string, mage []string) {
	t.Helper()
	r, err := look(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	released := txtar.File{Name: path.Join(r.Functions[0], "released.go"), Data: []byte("package main\n\nimport \"fmt\"\n\nfunc init() { fmt.Println(\"released\") }\n")}
	document := path.Base(t.Name()) == "api"
	if document {
		// Of what is deployed, only the commit in the templates changes, and CloudFormation
		// does not change that alone.
		released = txtar.File{Name: "docs/release.md", Data: []byte("Released.\n")}
	}
	write(t, dir, []txtar.File{released})
	git(t, dir, "add", "-A")
	git(t, dir, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "Release")
	said := run(t, dir, 0, mage[0], append(mage[1:], "rehearse", "-approve")...)
	t.Logf("%s", said)
	var report struct {
		Status       string
		NotRehearsed []struct{ Name string }
		Production   struct{ Commit, URL string }
	}
	data, err := os.ReadFile(filepath.Join(dir, ".magewright", "rehearsal.json")) // #nosec G304 -- of the test
	if err == nil {
		err = json.Unmarshal(data, &report)
	}
	serves := "HEAD"
	if document {
		serves = "HEAD^"
	}
	if head := strings.TrimSpace(git(t, dir, "rev-parse", serves)); err != nil || report.Status != "Succeeded" || report.Production.Commit != head || (report.Production.URL == "") != (path.Base(t.Name()) == "worker") {
		t.Errorf("%v, production serves %+v, want %s; the report says %s", err, report.Production, head, report.Status)
	}
	// These CDK apps know nothing of CodeDeploy.
	for i, name := range []string{"drill", "canary", "plan"} {
		if len(report.NotRehearsed) <= i || report.NotRehearsed[i].Name != name || !strings.Contains(said, "NOT REHEARSED  "+name+": ") {
			t.Errorf("%v are not rehearsed, and %s must be said", report.NotRehearsed, name)
		}
	}
	if path.Base(t.Name()) == "stages" {
		for _, action := range []string{"PilotsApproval", "EastDeploy", "EastSmoke", "WestDeploy", "WestSmoke"} {
			if !strings.Contains(said, action) {
				t.Errorf("the release did not go through %s", action)
			}
		}
	}
	if left := git(t, dir, "status", "--porcelain"); left != "" {
		t.Errorf("rehearse left %s", left)
	}
}

// tidy completes the go.sum of each module, and commits them.
func tidy(t *testing.T, dir string) {
	t.Helper()
	for _, name := range strings.Fields(git(t, dir, "ls-files", "*go.mod")) {
		tidy := gocmd.In(filepath.Join(dir, filepath.Dir(name)), "GOWORK=off")
		if out, err := tidy.Output(t.Context(), "mod", "tidy"); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	for _, name := range strings.Fields(git(t, dir, "ls-files", "*package.json")) {
		run(t, filepath.Join(dir, filepath.Dir(name)), 0, "npm", "install", "--package-lock-only", "--no-audit", "--no-fund", "--loglevel=error")
	}
	git(t, dir, "add", "-A")
	git(t, dir, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "sums")
}

// functions builds the Lambda functions and returns which modules each is made
// of.
func functions(t *testing.T, dir string) string {
	t.Helper()
	r, err := look(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, f := range r.Functions {
		out := filepath.Join(t.TempDir(), "bootstrap")
		build := gocmd.In(filepath.Join(dir, f), "CGO_ENABLED=0")
		if said, err := build.Output(t.Context(), "build", "-o", out, "."); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		made := run(t, dir, 0, "go", "version", "-m", out)
		_, made, _ = strings.Cut(made, "\n") // without the file's path
		all.WriteString(f + "\n" + made)
	}
	return all.String()
}

// forget removes a version of this module from the machine's module cache.
func forget(t *testing.T, cache, version string) {
	t.Helper()
	extracted := filepath.Join(cache, "github.com", "magewright", "magewright@"+version)
	err := filepath.WalkDir(extracted, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			err = os.Chmod(path, 0o700) // #nosec G302 -- to be removed
		}
		return err
	})
	err = errors.Join(err, os.RemoveAll(extracted))
	downloaded, globErr := filepath.Glob(filepath.Join(cache, "cache", "download", "github.com", "magewright", "magewright", "@v", version+".*"))
	for _, name := range downloaded {
		err = errors.Join(err, os.Remove(name))
	}
	if err := errors.Join(err, globErr); err != nil {
		t.Error(err)
	}
}
