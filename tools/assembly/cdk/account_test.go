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

// TestOneAccount holds that the stacks of all accounts belong to the account of the context,
// in the lists that the CDK CLI reads and in the templates, and that nothing else changes.
func TestOneAccount(t *testing.T) {
	t.Parallel()
	const stack = `{"type":"aws:cloudformation:stack","environment":"aws://111122223333/eu-west-1","properties":{"templateFile":"Prod.template.json","stackTemplateAssetObjectUrl":"s3://cdk-assets-111122223333-eu-west-1/OLD.json"}}`
	files := map[string]string{
		"magewright/go.mod": "module x\n",
		"cdk.out/manifest.json": `{"artifacts":{"Prod":` + stack + `,"Dev":{"type":"aws:cloudformation:stack","environment":"aws://444455556666/eu-west-1","properties":{"templateFile":"Dev.template.json"}},
			"Free":{"type":"aws:cloudformation:stack","environment":"aws://unknown-account/unknown-region","properties":{}}}}`,
		"cdk.out/Prod.assets.json":            `{"files":{"OLD":{"source":{"path":"Prod.template.json"},"destinations":{"d":{"bucketName":"cdk-assets-111122223333-eu-west-1","objectKey":"OLD.json"}}}}}`,
		"cdk.out/Prod.template.json":          `{"Arn":"arn:aws:sns:eu-west-1:111122223333:t","Longer":"1111222233334","Other":"arn:aws:iam::999999999999:root"}`,
		"cdk.out/Dev.template.json":           `{"Arn":"arn:aws:sns:eu-west-1:444455556666:t"}`,
		"cdk.out/asset.abc/manifest.json":     `111122223333`,
		"cdk.out/assembly-X/manifest.json":    `{"artifacts":{"X":{"type":"aws:cloudformation:stack","environment":"aws://111122223333/us-east-1","properties":{"stackName":"Dev"}}}}`,
		"cdk.out/assembly-X/other.json":       `111122223333`,
		"cdk.out/assembly-X/X.template.json":  `{}`,
		"cdk.out/assembly-X/X.assets.json":    `{"files":{}}`,
		"cdk.out/assembly-X/deep/nested.json": `111122223333`,
	}
	run := func(context string) (dir string, replaced []string, err error) {
		dir = t.TempDir()
		write(t, dir, files)
		write(t, dir, map[string]string{"magewright/cdk.json": `{"context":` + context + `}`})
		replaced, err = cdk.OneAccount(project.Config{Dir: dir, Assembly: filepath.Join(dir, "cdk.out")})
		return dir, replaced, err
	}
	read := func(dir, name string) string {
		data, err := os.ReadFile(filepath.Join(dir, "cdk.out", name)) // #nosec G304 -- of the test
		if err != nil {
			t.Error(err)
		}
		return string(data)
	}
	dir, replaced, err := run(`{"account":"000000000000"}`)
	if want := []string{"111122223333", "444455556666"}; err != nil || !slices.Equal(replaced, want) {
		t.Fatalf("replaced %q, %v, want %q", replaced, err, want)
	}
	if got, want := read(dir, "Prod.template.json"), `{"Arn":"arn:aws:sns:eu-west-1:000000000000:t","Longer":"1111222233334","Other":"arn:aws:iam::999999999999:root"}`; got != want {
		t.Errorf("the template is %s, want %s", got, want)
	}
	list, assets := read(dir, "manifest.json"), read(dir, "Prod.assets.json")
	for _, text := range []string{list, assets, read(dir, "Dev.template.json"), read(dir, "assembly-X/manifest.json")} {
		if strings.Contains(text, "111122223333") || strings.Contains(text, "444455556666") || strings.Contains(text, "OLD") || !strings.Contains(text, "000000000000") {
			t.Errorf("left is %s", text)
		}
	}
	if !strings.Contains(list, "aws://unknown-account/unknown-region") {
		t.Errorf("a stack without an account has one now: %s", list)
	}
	for _, name := range []string{"asset.abc/manifest.json", "assembly-X/other.json"} {
		if got := read(dir, name); got != "111122223333" {
			t.Errorf("%s is %s", name, got)
		}
	}
	// The template is uploaded under a name of its own, where the CDK CLI has it deployed from.
	_, key, _ := strings.Cut(assets, `"objectKey": "`)
	key, _, _ = strings.Cut(key, `"`)
	if key == "" || !strings.Contains(list, "s3://cdk-assets-000000000000-eu-west-1/"+key) {
		t.Errorf("it is uploaded as %q, and the list has %s", key, list)
	}
	if dir, replaced, err := run("{}"); err != nil || replaced != nil || read(dir, "Dev.template.json") != files["cdk.out/Dev.template.json"] {
		t.Errorf("without the context: %q, %v", replaced, err)
	}
	if _, _, err := run(`{"account":"prod"}`); exit.Status(err) != exit.Gate || !strings.Contains(err.Error(), `"prod", which is not the id of an account`) {
		t.Errorf("with a name: %v", err)
	}
	files["cdk.out/assembly-X/manifest.json"] = strings.Replace(files["cdk.out/assembly-X/manifest.json"], "us-east-1", "eu-west-1", 1)
	if _, _, err := run(`{"account":"000000000000"}`); exit.Status(err) != exit.Gate || !strings.Contains(err.Error(), "stack Dev in eu-west-1 belongs to the accounts 111122223333 and 444455556666") {
		t.Errorf("two stacks that would be one: %v", err)
	}
}

// TestLookedUp holds whose answers a cdk.context.json has.
func TestLookedUp(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		`{"availability-zones:account=1:region=eu-west-1":[],"ssm:account=1:parameterName=/a:region=eu-west-1":"x"}`: {"1", "eu-west-1"},
		`{"availability-zones:account=1:region=eu-west-1":[],"availability-zones:account=1:region=eu-west-2":[]}`:    {"1", ""},
		`{"availability-zones:account=1:region=eu-west-1":[],"availability-zones:account=2:region=eu-west-1":[]}`:    {"", "eu-west-1"},
		`{"@aws-cdk/core:x":true}`: {"", ""},
		"":                         {"", ""},
	} {
		dir := t.TempDir()
		if text != "" {
			write(t, dir, map[string]string{"cdk.context.json": text})
		}
		account, region, err := cdk.LookedUp(dir)
		if err != nil || account != want[0] || region != want[1] {
			t.Errorf("%s: %q, %q, %v, want %q", text, account, region, err, want)
		}
	}
	dir := t.TempDir()
	write(t, dir, map[string]string{"cdk.context.json": "{"})
	if _, _, err := cdk.LookedUp(dir); err == nil {
		t.Error("a broken file was read")
	}
}
