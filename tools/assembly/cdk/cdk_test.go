package cdk_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/exit"
)

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestErrorsAreReadFromBothPlaces(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"manifest.json": `{"artifacts":{
			"a":{"metadata":{"/a/Bucket":[{"type":"aws:cdk:error","data":"AwsSolutions-S1: no logs"},{"type":"aws:cdk:warning","data":"w"}]}},
			"b":{"additionalMetadataFile":"b.metadata.json"},"tree":{}}}`,
		"b.metadata.json": `{"/b/Role":[{"type":"aws:cdk:error","data":"AwsSolutions-IAM5: wildcard"}],"/b":[{"type":"aws:cdk:stack-tags","data":[]}]}`,
	})
	got, err := cdk.Errors(dir)
	want := []cdk.Message{{Path: "/a/Bucket", Text: "AwsSolutions-S1: no logs"}, {Path: "/b/Role", Text: "AwsSolutions-IAM5: wildcard"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("Errors = %v, %v; want %v", got, err, want)
	}
}

func TestAnAssemblyThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]map[string]string{
		"no manifest":         {},
		"a manifest cut off":  {"manifest.json": `{"artifacts":`},
		"no artifacts":        {"manifest.json": `{}`},
		"no metadata file":    {"manifest.json": `{"artifacts":{"a":{"additionalMetadataFile":"gone.json"}}}`},
		"metadata of no JSON": {"manifest.json": `{"artifacts":{"a":{"additionalMetadataFile":"m.json"}}}`, "m.json": "{"},
	} {
		dir := t.TempDir()
		write(t, dir, files)
		if got, err := cdk.Errors(dir); err == nil {
			t.Errorf("%s: Errors = %v, want an error", name, got)
		}
	}
}

func TestReadRelease(t *testing.T) {
	t.Parallel()
	const head = "0123456789abcdef0123456789abcdef01234567"
	for _, tt := range []struct {
		name, release string
		fails         string
	}{
		{name: "of this commit", release: `{"commit":"` + head + `","package":"abc"}`},
		{name: "none", fails: "there is no cloud assembly"},
		{name: "of another commit", release: `{"commit":"ffffffffffff"}`, fails: "was synthesized from ffffffffffff, but this is 0123456789ab"},
		{name: "of uncommitted files", release: `{"commit":"` + head + `","dirty":true}`, fails: "files that are not committed"},
		{name: "broken", release: `{`, fails: "magewright.json"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := project.Config{Assembly: t.TempDir(), Commit: head}
			if tt.release != "" {
				write(t, cfg.Assembly, map[string]string{"magewright.json": tt.release})
			}
			_, err := cdk.ReadRelease(cfg)
			if (err == nil) != (tt.fails == "") || err != nil && !strings.Contains(err.Error(), tt.fails) {
				t.Fatalf("error is %v, want %q", err, tt.fails)
			}
			if err != nil && (exit.Status(err) != exit.Environment || !strings.Contains(err.Error(), "go tool mage synth")) {
				t.Errorf("exit code %d of %v", exit.Status(err), err)
			}
		})
	}
}

// TestTheManifestIsKept holds that the release is recorded beside what the CDK app
// has written, and that both are the same each time.
func TestTheManifestIsKept(t *testing.T) {
	t.Parallel()
	const head = "0123456789abcdef0123456789abcdef01234567"
	for name, tt := range map[string]struct{ written, want string }{
		"beside a manifest": {`{"schemaVersion":1,"stages":[{"name":"a"}]}`, "{\n  \"commit\": \"" + head + "\",\n  \"dirty\": false,\n  \"package\": \"abc\",\n  \"schemaVersion\": 1,\n  \"stages\": [\n    {\n      \"name\": \"a\"\n    }\n  ]\n}\n"},
		"alone":             {"", "{\n  \"commit\": \"" + head + "\",\n  \"dirty\": false,\n  \"package\": \"abc\"\n}\n"},
		"over a broken one": {"{", ""},
	} {
		cfg := project.Config{Assembly: t.TempDir(), Commit: head}
		if tt.written != "" {
			write(t, cfg.Assembly, map[string]string{"magewright.json": tt.written})
		}
		err := cdk.WriteRelease(cfg, cdk.Release{Commit: head, Package: "abc"})
		if tt.want == "" {
			if err == nil || !strings.Contains(err.Error(), "what the CDK app has written") {
				t.Errorf("%s: error is %v", name, err)
			}
			continue
		}
		got, readErr := os.ReadFile(filepath.Join(cfg.Assembly, "magewright.json"))
		if err != nil || readErr != nil || string(got) != tt.want {
			t.Errorf("%s: %v, %v, it holds %s, want %s", name, err, readErr, got, tt.want)
		}
		if r, err := cdk.ReadRelease(cfg); err != nil || r.Package != "abc" {
			t.Errorf("%s: the release is %+v, %v", name, r, err)
		}
	}
}

func TestContextOfTheEnvironmentWins(t *testing.T) {
	cfg := project.Config{Dir: t.TempDir()}
	write(t, cfg.Dir, map[string]string{"infra/cdk.json": `{"context":{"branch":"main","architecture":"arm64"}}`})
	t.Setenv("CDK_CONTEXT_JSON", `{"architecture":"x86_64"}`)
	context, err := cdk.Context(cfg)
	if err != nil || context["branch"] != "main" || context["architecture"] != "x86_64" {
		t.Fatalf("Context = %v, %v", context, err)
	}
	goos, goarch, err := cdk.Target(context)
	if err != nil || goos != "linux" || goarch != "amd64" {
		t.Errorf("Target = %s/%s, %v", goos, goarch, err)
	}
	context["architecture"] = "mips"
	if _, _, err := cdk.Target(context); err == nil {
		t.Error("an architecture that AWS Lambda lacks was taken")
	}
	t.Setenv("CDK_CONTEXT_JSON", `[]`)
	if _, err := cdk.Context(cfg); exit.Status(err) != exit.Environment {
		t.Errorf("a context that is no object gives %v", err)
	}
}
