package cdk_test

import (
	"archive/zip"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/assembly/cdk"
	"github.com/magewright/magewright/tools/project"
	"github.com/magewright/magewright/tools/project/agreed"
	"github.com/magewright/magewright/tools/project/exit"
	"github.com/magewright/magewright/tools/project/manifest"
)

// assembly is one of two stages whose functions are made of one directory, the second
// in a nested assembly.
var assembly = map[string]string{
	"asset.abc/bootstrap":            "a program",
	"asset.abc/templates/page.html":  "<p>",
	"Dev.template.json":              `{"Resources":{"F":{"Type":"AWS::Lambda::Function","Properties":{"Code":{"S3Key":"abc.zip"}}},"Helper":{"Type":"AWS::Lambda::Function","Properties":{"Code":{"S3Key":"def.zip"}}}}}`,
	"Dev.assets.json":                `{"version":"1","files":{"abc":{"source":{"path":"asset.abc","packaging":"zip"},"destinations":{"here":{"objectKey":"abc.zip"}}},"def":{"source":{"path":"helper.zip","packaging":"file"},"destinations":{"here":{"objectKey":"def.zip"}}}}}`,
	"helper.zip":                     "PK",
	"assembly-Prod/P1.template.json": `{"Resources":{"F":{"Type":"AWS::Lambda::Function","Properties":{"Code":{"S3Key":"abc.zip"}}}}}`,
	"assembly-Prod/P1.assets.json":   `{"version":"1","files":{"abc":{"source":{"path":"../asset.abc","packaging":"zip"},"destinations":{"here":{"objectKey":"abc.zip"}}},"gone":{"source":{"path":"asset.gone","packaging":"zip"}}}}`,
}

// TestFreeze holds that directories become zip files, the same each time, whatever
// stack and assembly names them, and that the functions' packages have digests then.
func TestFreeze(t *testing.T) {
	t.Parallel()
	var sums []string
	for range 2 {
		dir := t.TempDir()
		write(t, dir, assembly)
		if err := os.Chmod(filepath.Join(dir, "asset.abc", "bootstrap"), 0o700); err != nil { // #nosec G302 -- a program
			t.Fatal(err)
		}
		cfg := project.Config{Assembly: dir}
		stage := manifest.Stage{Place: manifest.Place{Template: "Dev.template.json"}, Functions: []manifest.Function{{Function: "F"}}}
		if got, err := cdk.Delivered(cfg, stage); err == nil || !strings.Contains(err.Error(), "only 0 of them are made from zip files") {
			t.Errorf("before, %v, %v", got, err)
		}
		if err := cdk.Freeze(dir); err != nil {
			t.Fatal(err)
		}
		delivered, err := cdk.Delivered(cfg, stage)
		if err != nil || len(delivered) != 1 || delivered[0].File != "asset.abc.zip" {
			t.Fatalf("%v, %v", delivered, err)
		}
		all, err := cdk.FunctionPackages(dir, "Dev.template.json")
		if err != nil || len(all) != 2 || cdk.PackageDigest(all) == all[0].SHA256 || cdk.PackageDigest(delivered) != delivered[0].SHA256 {
			t.Errorf("%v, %v", all, err)
		}
		nested, err := cdk.FunctionPackages(dir, "assembly-Prod/P1.template.json")
		if err != nil || len(nested) != 1 || nested[0] != delivered[0] {
			t.Errorf("in the nested assembly: %v, %v", nested, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "asset.abc")); err == nil {
			t.Error("the directory is still there")
		}
		sums = append(sums, delivered[0].SHA256)
		archive, err := zip.OpenReader(filepath.Join(dir, "asset.abc.zip"))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		modes := map[string]fs.FileMode{}
		for _, f := range archive.File {
			names = append(names, f.Name)
			modes[f.Name] = f.Mode()
		}
		if !slices.Equal(names, []string{"bootstrap", "templates/page.html"}) || modes["bootstrap"] != 0o755 || modes["templates/page.html"] != 0o644 {
			t.Errorf("the package holds %v", modes)
		}
		if err := archive.Close(); err != nil {
			t.Error(err)
		}
		// Again it changes nothing.
		if err := cdk.Freeze(dir); err != nil {
			t.Error(err)
		}
	}
	if sums[0] != sums[1] {
		t.Errorf("two packages of the same directory have the digests %v", sums)
	}
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.assets.json": "{"})
	if err := cdk.Freeze(dir); err == nil || !strings.Contains(err.Error(), "a.assets.json") {
		t.Errorf("with a broken list: %v", err)
	}
}

// TestReadAdopted holds what the settings of a repository that adopts Magewright must
// say, and that they are read in their place.
func TestReadAdopted(t *testing.T) {
	for name, tt := range map[string]struct{ file, fails string }{
		"whole":                {`{"context":{"cdkApp":"deploy","functions":{"cmd/a":"dist/a.zip"}}}`, ""},
		"without the app":      {`{"context":{}}`, "does not say which directory has the cdk.json"},
		"of another place":     {`{"context":{"cdkApp":"../x"}}`, `"../x" is not in the repository`},
		"built to elsewhere":   {`{"context":{"cdkApp":".","functions":{"cmd/a":"/tmp/a"}}}`, `"/tmp/a" is not in the repository`},
		"with other functions": {`{"context":{"cdkApp":".","functions":["cmd/a"]}}`, "reading the context in magewright/cdk.json"},
		"not there":            {"", "magewright init"},
	} {
		cfg := project.Config{Dir: t.TempDir()}
		write(t, cfg.Dir, map[string]string{"magewright/go.mod": "module x\n"})
		if tt.file != "" {
			write(t, cfg.Dir, map[string]string{"magewright/cdk.json": tt.file})
		}
		got, err := cdk.ReadAdopted(cfg)
		if (err == nil) != (tt.fails == "") || err != nil && (exit.Status(err) != exit.Environment || !strings.Contains(err.Error(), tt.fails)) {
			t.Errorf("%s: %+v, %v, want an error that says %q", name, got, err, tt.fails)
		}
		if err == nil && (got.App != "deploy" || got.Functions["cmd/a"] != "dist/a.zip") {
			t.Errorf("%s: %+v", name, got)
		}
		if cdk.Configured(cfg) != (tt.file != "") {
			t.Errorf("%s: configured is %t", name, cdk.Configured(cfg))
		}
	}
}

// TestDefaultAccount holds where the account of an app comes from that asks for one.
func TestDefaultAccount(t *testing.T) {
	const build = "arn:aws:codebuild:eu-west-1:111122223333:build/shop-Synth:6a1f"
	for _, tt := range []struct{ given, build, lookedUp, want string }{
		{"444455556666", build, "777788889999", "444455556666"},
		{"", build, "777788889999", "111122223333"},
		{"", "", "777788889999", "777788889999"},
		{"", "", "", agreed.RehearsalAccount},
		{"", "no ARN", "", agreed.RehearsalAccount},
	} {
		t.Setenv("CDK_DEFAULT_ACCOUNT", tt.given)
		t.Setenv("CODEBUILD_BUILD_ARN", tt.build)
		if got := cdk.DefaultAccount(tt.lookedUp); got != tt.want {
			t.Errorf("%q in build %q: %s, want %s", tt.given, tt.build, got, tt.want)
		}
	}
}

// An app that asks for an account, as the CDK does for one in Go, gets that of the build; one
// that doesn't ask gets none, so that its stacks can go to any account.
func TestSynthesizeForAnAccount(t *testing.T) {
	t.Setenv("CDK_DEFAULT_ACCOUNT", "")
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	const asks = `
if [ -z "$CDK_DEFAULT_ACCOUNT" ]; then
  echo 'panic: CloudAssemblyError: Unable to parse environment specification "aws:///us-east-1". Expected format: aws://account/region' >&2
  exit 1
fi
`
	const looksUp = `
if [ "$CDK_DEFAULT_ACCOUNT" != 444455556666 ]; then
  echo 'ValidationError: Cannot retrieve value from context provider vpc-provider since account/region are not specified at the stack level' >&2
  exit 1
fi
`
	const answers = `{"vpc-provider:account=444455556666:filter.isDefault=true:region=eu-west-1:returnAsymmetricSubnets=true": {}, "acknowledged-issue-numbers": [1]}`
	for name, tt := range map[string]struct{ build, app, want, says, context string }{
		"asks":                       {"", asks, "aws://" + agreed.RehearsalAccount + "/us-east-1", "before a deployment to AWS: export CDK_DEFAULT_ACCOUNT=", "{}"},
		"asks in a build":            {"arn:aws:codebuild:us-east-1:111122223333:build/shop:1", asks, "aws://111122223333/us-east-1", "synthesizing for account 111122223333\n", answers},
		"does not ask":               {"", "", "aws:///us-east-1", "", answers},
		"looks something up":         {"", looksUp, "aws://444455556666/eu-west-1", "synthesizing for account 444455556666 eu-west-1, whose answers", answers},
		"asks and looks up, a build": {"arn:aws:codebuild:us-east-1:111122223333:build/shop:1", asks + looksUp, "aws://444455556666/eu-west-1", "synthesizing for account 444455556666 eu-west-1, whose answers", answers},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("CODEBUILD_BUILD_ARN", tt.build)
			var said strings.Builder
			dir, out := t.TempDir(), t.TempDir()
			write(t, dir, map[string]string{"cdk.context.json": tt.context, "cdk.json": `{"app": "sh app.sh"}`, "app.sh": tt.app + `
echo "aws://$CDK_DEFAULT_ACCOUNT/$CDK_DEFAULT_REGION" > "$CDK_OUTDIR/asked"
echo '{}' > "$CDK_OUTDIR/S.template.json"
echo '{"version":"36.0.0","artifacts":{"S":{"type":"aws:cloudformation:stack","environment":"aws://unknown-account/unknown-region","properties":{"templateFile":"S.template.json"}}}}' > "$CDK_OUTDIR/manifest.json"
`})
			cfg := project.Config{Dir: root, Evidence: t.TempDir(), Stdout: &said, Stderr: &said}
			if err := cdk.Synthesize(t.Context(), cfg, dir, out); err != nil {
				t.Fatalf("%v\n%s", err, &said)
			}
			asked, err := os.ReadFile(filepath.Join(out, "asked"))
			// On a fresh machine, the first synthesis also says that it installs the CDK CLI.
			silent := !strings.Contains(said.String(), "account") && !strings.Contains(said.String(), "ACCOUNT")
			if err != nil || strings.TrimSpace(string(asked)) != tt.want || !strings.Contains(said.String(), tt.says) || tt.says == "" && !silent {
				t.Errorf("it asked for %q, %v, and said %q", asked, err, &said)
			}
		})
	}
}
