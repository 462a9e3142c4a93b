package baseline_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/project/stack"
	"github.com/magewright/magewright/tools/project/stack/stacktest"
	"github.com/magewright/magewright/tools/readiness/baseline"
	"github.com/magewright/magewright/tools/surface"
)

// history makes a repository with a linear history. The first commit is tagged.
func history(t *testing.T, commits int) (dir string, hashes []string) {
	t.Helper()
	dir = t.TempDir()
	git := func(args ...string) string {
		t.Helper()
		out, err := command.Cmd{Dir: dir, Env: command.Environ("GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")}.Output(
			t.Context(), "git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	git("init", "--quiet")
	for range commits {
		git("commit", "--quiet", "--allow-empty", "-m", "change")
		hashes = append(hashes, git("rev-parse", "HEAD"))
	}
	git("tag", "v1", hashes[0])
	return dir, hashes
}

// production is an account whose production serves a version of a commit.
func production(t *testing.T, commit string) *aws.Config {
	t.Helper()
	// Whatever the application would say of itself, it is not asked.
	cfg := stacktest.Start(t, stacktest.Stage{
		Outputs: stacktest.Outputs("FunctionUrl", "", "EvidenceBucket", "b"),
		Served:  stack.Served{Version: "3", Package: strings.Repeat("a", 64), Commit: commit},
	}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s %s", r.Method, r.URL) }))
	return &cfg
}

// absent is an account that has no production.
func absent(t *testing.T) *aws.Config {
	t.Helper()
	cfg := stacktest.Start(t, stacktest.Stage{}, nil)
	return &cfg
}

// silent is an account whose production serves a version that names no commit.
// Where it is a ledger, its health says something.
func silent(t *testing.T, ledger bool, status int, health string) *aws.Config {
	t.Helper()
	s := stacktest.Stage{Outputs: stacktest.Outputs("FunctionUrl", ""), Served: stack.Served{Version: "3", Package: strings.Repeat("a", 64)}}
	if ledger {
		s.Outputs["EvidenceBucket"] = "b"
	}
	cfg := stacktest.Start(t, s, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !ledger || r.URL.Path != "/healthz" {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, health)
	}))
	return &cfg
}

// templated is an account whose production names its commit in the stack's template.
func templated(t *testing.T, commit string) *aws.Config {
	t.Helper()
	cfg := stacktest.Start(t, stacktest.Stage{
		Outputs: stacktest.Outputs(), Served: stack.Served{Version: "3", Package: strings.Repeat("a", 64)},
		Template: fmt.Sprintf(`{"Metadata":{"magewright":{"commit":%q}}}`, commit),
	}, nil)
	return &cfg
}

// TestAttackAnotherCommitServes holds that a version whose description names an old
// commit, which the CDK app has written there, does not make that the base: synth has
// written the commit into the template.
func TestAttackAnotherCommitServes(t *testing.T) {
	t.Parallel()
	dir, commits := history(t, 3)
	production := stacktest.Start(t, stacktest.Stage{
		Outputs: stacktest.Outputs(), Served: stack.Served{Version: "3", Package: strings.Repeat("a", 64), Commit: commits[0]},
		Template: fmt.Sprintf(`{"Metadata":{"magewright":{"commit":%q}}}`, commits[1]),
	}, nil)
	got, err := baseline.Find(t.Context(), project.Config{Dir: dir, Commit: commits[2], Assembly: t.TempDir()}, "", &production)
	if err != nil || got.Commit != commits[1] {
		t.Errorf("%+v, %v, want %s", got, err, commits[1])
	}
}

// TestBaseElsewhere holds that several functions are one release, that one stage is
// enough to be asked, and that no stack of another repository is asked.
func TestBaseElsewhere(t *testing.T) {
	t.Parallel()
	dir, commits := history(t, 3)
	cfg := project.Config{Dir: dir, Commit: commits[2], Assembly: t.TempDir()}
	names := manifest.Old()
	names.Repository, names.Annotated = "acme/shop", "the templates"
	names.Stages = names.Stages[1:]
	names.Stages[0].Functions = append(names.Stages[0].Functions, names.Stages[0].Functions[0])
	text, err := json.Marshal(struct {
		SchemaVersion int
		manifest.Manifest
	}{1, names})
	if err == nil {
		err = os.WriteFile(filepath.Join(cfg.Assembly, manifest.File), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	got, err := baseline.Find(t.Context(), cfg, "", templated(t, commits[0]))
	if err != nil || got.Commit != commits[0] || got.Is != "what production serves" {
		t.Errorf("%+v, %v", got, err)
	}
	cfg.Assembly = t.TempDir()
	pin := filepath.Join(dir, "magewright", "go.mod")
	if err := errors.Join(os.Mkdir(filepath.Dir(pin), 0o750), os.WriteFile(pin, []byte("module a/magewright\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	got, err = baseline.Find(t.Context(), cfg, "", templated(t, commits[0]))
	if err != nil || !strings.HasSuffix(got.Is, "; no assembly says what production is") {
		t.Errorf("without an assembly: %+v, %v", got, err)
	}
}

// TestProductionIsOlderThanMagewright holds that a production which names no commit is
// no hindrance where another CDK app has made it, and that this is said.
func TestProductionIsOlderThanMagewright(t *testing.T) {
	t.Parallel()
	dir, commits := history(t, 2)
	cfg := project.Config{Dir: dir, Commit: commits[1], Assembly: t.TempDir()}
	names := manifest.Old()
	names.Repository, names.Annotated = "acme/shop", "the templates"
	text, err := json.Marshal(struct {
		SchemaVersion int
		manifest.Manifest
	}{1, names})
	if err == nil {
		err = os.WriteFile(filepath.Join(cfg.Assembly, manifest.File), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	got, err := baseline.Find(t.Context(), cfg, "", silent(t, false, 200, ""))
	if err != nil || got.Commit != commits[0] || !strings.HasSuffix(got.Is, "production does not say which commit it serves") {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	dir, commits := history(t, 4)
	serves := func(commit string) *aws.Config { return production(t, commit) }
	first, second, third, head := commits[0], commits[1], commits[2], commits[3]
	for _, tt := range []struct {
		name, commit, given string
		aws                 *aws.Config
		want, is            string
		fails               string
	}{
		{name: "production is behind", commit: head, aws: serves(second), want: second, is: "what production serves"},
		{name: "production serves the commit itself", commit: head, aws: serves(head), want: first, is: "the latest tag, v1"},
		{name: "production is not deployed", commit: head, aws: absent(t), want: first, is: "the latest tag, v1"},
		{name: "no account", commit: head, want: first, is: "the latest tag, v1"},
		{name: "a commit that is named", commit: head, given: third[:12], aws: serves(second), want: third, is: "as -base says"},
		{name: "none", commit: head, given: baseline.None, aws: serves(second), is: "none, as -base says"},
		{name: "the first commit", commit: first, is: "has no parent"},
		{name: "a commit that is no commit", commit: head, given: "nope", fails: "-base=nope is not a commit of this repository"},
		{name: "production serves what is not cloned", commit: head, aws: serves(strings.Repeat("a", 40)), fails: "is not a commit in this clone"},
		{name: "a ledger of before versions named commits", commit: head, aws: silent(t, true, 200, fmt.Sprintf(`{"commit": %q}`, second)), want: second, is: "what production serves"},
		{name: "a ledger that does not know", commit: head, aws: silent(t, true, 200, "{}"), fails: "does not say which release it serves"},
		{name: "a ledger that is broken", commit: head, aws: silent(t, true, 200, "<html>"), fails: "asking production which release it serves"},
		{name: "a ledger that fails", commit: head, aws: silent(t, true, 502, "{}"), fails: "healthz answered 502 {}"},
		{name: "no ledger, and no commit", commit: head, aws: silent(t, false, 200, ""), fails: "version 3 of service: neither its description nor its stack's template names a commit"},
		{name: "no ledger, and a template that names the commit", commit: head, aws: templated(t, second), want: second, is: "what production serves"},
		{name: "no ledger, and -base", commit: head, given: third, aws: silent(t, false, 200, ""), want: third, is: "as -base says"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := baseline.Find(t.Context(), project.Config{Dir: dir, Commit: tt.commit}, tt.given, tt.aws)
			if tt.fails != "" {
				if exit.Status(err) != exit.Environment || !strings.Contains(err.Error(), tt.fails) || !strings.Contains(err.Error(), "next: ") {
					t.Errorf("%+v, %v; want an error that says %q", got, err, tt.fails)
				}
				return
			}
			if err != nil || got.Commit != tt.want || !strings.Contains(got.Is, tt.is) {
				t.Errorf("%+v, %v; want %.12s, %s", got, err, tt.want, tt.is)
			}
		})
	}
}

// TestProductionIsCalledAsTheManifestSays holds that the stack of the assembly's last
// stage is asked for, and where there is no assembly that of the old name.
func TestProductionIsCalledAsTheManifestSays(t *testing.T) {
	t.Parallel()
	dir, commits := history(t, 2)
	asked := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.PostFormValue("Action") == "GetCallerIdentity" {
			_, _ = fmt.Fprint(w, `<GetCallerIdentityResponse><GetCallerIdentityResult><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`)
			return
		}
		if name := r.PostFormValue("StackName"); name != "" {
			asked = name
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprint(w, `<ErrorResponse><Error><Code>ValidationError</Code><Message>Stack with id x does not exist</Message></Error></ErrorResponse>`)
	}))
	t.Cleanup(server.Close)
	awsConfig := &aws.Config{Region: "us-east-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}
	for text, want := range map[string]string{
		"": "magewright-production",
		`{"schemaVersion":1,"repository":"a/b","pipeline":{"stack":"p","template":"p"},"stages":[{"stack":"s","template":"s"},{"stack":"shop-live","template":"l","functions":[{}]}]}`: "shop-live",
		// Nothing is asked, and the reason is said.
		`{"schemaVersion":1,"repository":"a/b","pipeline":{"stack":"p","template":"p"},"stages":[{"stack":"s","template":"s"},{"stack":"shop-live","account":"444455556666","template":"l","functions":[{}]}]}`: "",
	} {
		asked = ""
		cfg := project.Config{Dir: dir, Commit: commits[1], Assembly: t.TempDir()}
		if text != "" {
			if err := os.WriteFile(filepath.Join(cfg.Assembly, "magewright.json"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, err := baseline.Find(t.Context(), cfg, "", awsConfig)
		if err != nil || asked != want || strings.Contains(got.Is, "production is in another account") != (want == "") {
			t.Errorf("%q was asked for, %+v, %v, want %s", asked, got, err, want)
		}
	}
}

// TestWithoutATag checks that HEAD's parent is the last resort.
func TestWithoutATag(t *testing.T) {
	t.Parallel()
	dir, commits := history(t, 2)
	if _, err := (command.Cmd{Dir: dir}).Output(t.Context(), "git", "tag", "--delete", "v1"); err != nil {
		t.Fatal(err)
	}
	got, err := baseline.Find(t.Context(), project.Config{Dir: dir, Commit: commits[1]}, "", nil)
	if err != nil || got.Commit != commits[0] || !strings.Contains(got.Is, "parent") {
		t.Errorf("%+v, %v; want the parent %.12s", got, err, commits[0])
	}
}

// TestTheMagefileSaysWhichBase checks that every target with the flag -base
// explains it in the same words.
func TestTheMagefileSaysWhichBase(t *testing.T) {
	t.Parallel()
	magefile, err := os.ReadFile("../../../magefile.go")
	if err != nil {
		t.Fatal(err)
	}
	targets, err := surface.Tree{"magefile.go": magefile}.Targets()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, target := range targets {
		for _, flag := range target.Flags {
			if flag.Name != "base" {
				continue
			}
			found++
			if flag.Doc != baseline.Usage {
				t.Errorf("%s -base is %q, want %q", target.Name, flag.Doc, baseline.Usage)
			}
		}
	}
	if found != 4 {
		t.Errorf("%d targets have a flag -base, want attest, plan, readiness and rehearse", found)
	}
}
