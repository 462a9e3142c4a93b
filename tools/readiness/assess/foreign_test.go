package assess

import (
	"archive/zip"
	"bytes"
	"errors"
	flags "flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/magewright/magewright/tools/assembly/annotate"
	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/evidence"
	"github.com/magewright/magewright/tools/internal/clock"
	"github.com/magewright/magewright/tools/internal/command"
	"github.com/magewright/magewright/tools/localaws/localawstest"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
	"github.com/magewright/magewright/tools/readiness"
)

var update = flags.Bool("update", false, "rewrite the golden files")

// zips are the packages of the functions in the archives, by their logical ids.
var zips = map[string]string{"ApiHandler5E7490E8": "api.zip", "Worker22DD": "worker.zip", "Hello": "hello.zip"}

// foreign makes a repository that adopts Magewright, of the files of an archive. Its
// assembly is what a CDK app of somebody else would write, around the functions that
// its template names, annotated.
func foreign(t *testing.T, archive *txtar.Archive) project.Config {
	t.Helper()
	dir := t.TempDir()
	for _, f := range archive.Files {
		file := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o750), os.WriteFile(file, f.Data, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	git := func(args ...string) string {
		out, err := command.Cmd{Dir: dir}.Output(t.Context(), "git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	git("init", "-q")
	git("commit", "-q", "--allow-empty", "-m", "before")
	git("add", "-A")
	git("commit", "-q", "-m", "theirs")
	cfg := project.Config{
		Dir: dir, Evidence: filepath.Join(dir, ".magewright"), Assembly: filepath.Join(dir, "cdk.out"),
		Commit: git("rev-parse", "HEAD"), Stdout: io.Discard, Stderr: io.Discard,
	}
	modules, err := cfg.Modules(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, main := range []string{"functions/api", "functions/worker", "cmd/hello"} {
		for _, m := range modules.All {
			if below, ok := strings.CutPrefix(main, strings.TrimPrefix(m.Dir+"/", "./")); ok || m.Dir == main {
				pack(t, cfg, m, "./"+strings.TrimPrefix(below, m.Dir), filepath.Base(main))
			}
		}
	}
	if err := annotate.Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	names, err := manifest.ReadAny(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var packages []cdk.FunctionPackage
	for _, f := range names.Last().Functions {
		sum, err := cdk.HashFile(filepath.Join(cfg.Assembly, zips[f.Function]))
		if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, cdk.FunctionPackage{LogicalID: f.Function, SHA256: sum})
	}
	if err := cdk.WriteRelease(cfg, cdk.Release{Commit: cfg.Commit, Package: cdk.PackageDigest(packages)}); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// pack builds a function into the assembly, as NAME.zip.
func pack(t *testing.T, cfg project.Config, m project.GoModule, pkg, name string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(m.Abs(), filepath.FromSlash(pkg))); err != nil {
		return
	}
	executable := filepath.Join(t.TempDir(), "bootstrap")
	if out, err := m.Go("CGO_ENABLED=0").Output(t.Context(), "build", "-o", executable, pkg); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data, err := os.ReadFile(executable) // #nosec G304 -- made above
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	archive := zip.NewWriter(&packed)
	entry, err := archive.CreateHeader(&zip.FileHeader{Name: "bootstrap", Method: zip.Store})
	if err == nil {
		_, err = entry.Write(data)
	}
	if err := errors.Join(err, archive.Close(), os.WriteFile(filepath.Join(cfg.Assembly, name+".zip"), packed.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// withoutAccounts takes all credentials away.
func withoutAccounts(t *testing.T) {
	t.Helper()
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "GITHUB_TOKEN", "GITLAB_TOKEN", "CDK_CONTEXT_JSON"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

// anotherTime matches what differs between two runs: digests and temporary paths.
var anotherTime = regexp.MustCompile(`(\n  reproducible: there was no second synthesis: )[^\n]*|\b[0-9a-f]{12}\b`)

// TestWhatIsMissingElsewhere holds what readiness says in repositories of other
// people that have set up nothing but init: a line for each check, with the command
// that helps, and no word of this repository's own files.
func TestWhatIsMissingElsewhere(t *testing.T) {
	withoutAccounts(t)
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no repositories: %v", err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var want []byte
			theirs := &txtar.Archive{Comment: archive.Comment, Files: slices.DeleteFunc(slices.Clone(archive.Files), func(f txtar.File) bool {
				if f.Name == "missing" {
					want = f.Data
				}
				return f.Name == "missing"
			})}
			cfg := foreign(t, theirs)
			var out bytes.Buffer
			cfg.Stdout = &out
			if err := missing(t.Context(), cfg, "", clock.System()); err != nil {
				t.Fatal(err)
			}
			got := anotherTime.ReplaceAllString(out.String(), "$1...")
			for _, ours := range []string{"infra/", "tools/", "magewright-staging", "magewright-production"} {
				if strings.Contains(got, ours) {
					t.Errorf("it says %s, which is ours", ours)
				}
			}
			if *update {
				theirs.Files = append(theirs.Files, txtar.File{Name: "missing", Data: []byte(got)})
				if err := os.WriteFile(name, txtar.Format(theirs), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(want) {
				t.Errorf("go test ./tools/readiness/assess -run %s -update, and git diff: it says\n%s", t.Name(), got)
			}
		})
	}
}

// TestAGoElsewhere holds that such a repository gets a GO as soon as what the
// starting policy requires holds.
func TestAGoElsewhere(t *testing.T) {
	withoutAccounts(t)
	archive, err := txtar.ParseFile("testdata/shop.txtar")
	if err != nil {
		t.Fatal(err)
	}
	cfg := foreign(t, archive)
	var out bytes.Buffer
	cfg.Stdout = &out
	err = assess(t.Context(), cfg, "", clock.System())
	if exit.Status(err) != exit.Gate || !strings.Contains(err.Error(), "NO-GO because of coding-standards, tests-pass, static-analysis, vulnerabilities, secrets") {
		t.Fatalf("without evidence: %v", err)
	}
	evidenceOf(t, cfg, "PASS")
	out.Reset()
	if err := assess(t.Context(), cfg, "", clock.System()); err != nil || !strings.Contains(out.String(), "\nGO ") || !strings.Contains(out.String(), "not signed: there are no AWS credentials") {
		t.Errorf("with evidence: %v\n%s", err, &out)
	}
	out.Reset()
	if err := missing(t.Context(), cfg, "", clock.System()); err != nil || !strings.HasPrefix(out.String(), fmt.Sprintf("5 of %d checks are required, and 5 of these hold today\n", len(readiness.Checks()))) || strings.Contains(out.String(), "(required)") {
		t.Errorf("with evidence: %v\n%s", err, &out)
	}
}

// evidenceOf writes the evidence that the target check leaves, with a result for the
// vulnerabilities. It returns the clock.
func evidenceOf(t *testing.T, cfg project.Config, vulnerabilities string) clock.Clock {
	t.Helper()
	now := evidence.Made{FinishedOn: clock.System().Now(), Tools: map[string]string{"gosec": "v2", "govulncheck": "v1", "gitleaks": "v8"}}
	release, err := cdk.ReadRelease(cfg)
	if err != nil {
		t.Fatal(err)
	}
	scan := func(tool, state string) evidence.Scan {
		return evidence.Scan{Tool: tool, State: state, Counted: "2 files", Findings: "no database", Database: &evidence.Database{Name: readiness.DefaultDatabase, ModifiedOn: now.FinishedOn}}
	}
	for name, p := range map[string]evidence.Predicate{
		"lint": evidence.Lint{Made: now, Files: 3},
		"test": evidence.Tests{Made: now, Result: evidence.TestsPassed, Passed: 3, Packages: 2, Module: "example.com/shop"},
		"sec":  evidence.Security{Made: now, Scans: []evidence.Scan{scan("gosec", "PASS"), scan("govulncheck", vulnerabilities), scan("gitleaks", "PASS")}},
	} {
		s, err := evidence.NewStatement(cfg.Commit, release.Package, p)
		if err == nil {
			err = evidence.Write(cfg.Evidence, name, s)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return clock.System()
}

// TestWithAnAccountElsewhere holds what an account adds before anything is deployed
// there: nothing can be lost, widened or taken back. In a rehearsal, which may have
// no vulnerability database, that is a GO.
func TestWithAnAccountElsewhere(t *testing.T) {
	withoutAccounts(t)
	archive, err := txtar.ParseFile("testdata/shop.txtar")
	if err != nil {
		t.Fatal(err)
	}
	cfg := foreign(t, archive)
	made := evidenceOf(t, cfg, "UNKNOWN")
	awsConfig := localawstest.Start(t)
	credentials, err := awsConfig.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": *awsConfig.BaseEndpoint, "AWS_REGION": awsConfig.Region,
		"AWS_ACCESS_KEY_ID": credentials.AccessKeyID, "AWS_SECRET_ACCESS_KEY": credentials.SecretAccessKey,
	} {
		t.Setenv(name, value)
	}
	var out bytes.Buffer
	cfg.Stdout = &out
	if err := assess(t.Context(), cfg, "", made); err != nil || !strings.Contains(out.String(), "GO (rehearsal) ") || !strings.Contains(out.String(), "bundle    not signed: ") {
		t.Errorf("it is %v\n%s", err, &out)
	}
	out.Reset()
	if err := missing(t.Context(), cfg, "", made); err != nil {
		t.Fatal(err)
	}
	said := strings.Join(strings.Fields(out.String()), " ")
	for _, says := range []string{"change-set, broadening, drift, previous-version, reversible, reference, parity need something set up", "plan: there is no evidence; next: go tool mage plan -send", "staging-deployed: "} {
		if !strings.Contains(said, says) {
			t.Errorf("it does not say %q:\n%s", says, &out)
		}
	}
}
