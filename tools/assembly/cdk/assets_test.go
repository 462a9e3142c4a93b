package cdk_test

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/assembly/cdk"
)

func packed(t *testing.T, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		f, err := w.Create(files[i])
		if err == nil {
			_, err = f.Write([]byte(files[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// lists returns the list of an assembly with stack s, which uploads what the list of a
// stack says.
func lists(of string) string {
	return `{"artifacts":{"s.assets":{"type":"cdk:asset-manifest","properties":{"file":"` + of + `.assets.json"}},
		"s":{"type":"aws:cloudformation:stack","displayName":"App/s","dependencies":["s.assets"],"properties":{"templateFile":"s.template.json","stackName":"Shop"}},
		"bare":{"type":"aws:cloudformation:stack","properties":{"templateFile":"bare.template.json"}}}}`
}

func TestAssets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"manifest.json": lists("s"),
		"app.zip":       "PK", "asset.d/index.js": "x", "asset.d/sub/y.js": "y",
		"s.assets.json": `{"files":{
			"1":{"source":{"path":"app.zip","packaging":"file"},"destinations":{"d":{"bucketName":"b-${AWS::AccountId}-${AWS::Region}","objectKey":"1.zip","assumeRoleArn":"arn:${AWS::Partition}:iam::${AWS::AccountId}:role/r","assumeRoleExternalId":"e"}}},
			"2":{"source":{"path":"asset.d","packaging":"zip"},"destinations":{"d":{"bucketName":"b","objectKey":"2.zip","region":"eu-west-1"}}}},
			"dockerImages":{}}`,
	})
	assets, err := cdk.Assets(dir, ".", "s", "aws-cn", "111122223333", "cn-north-1")
	want := []cdk.Asset{
		{Path: "app.zip", Bucket: "b-111122223333-cn-north-1", Key: "1.zip", Role: "arn:aws-cn:iam::111122223333:role/r", ExternalID: "e"},
		{Path: "asset.d", Zip: true, Bucket: "b", Key: "2.zip", Region: "eu-west-1"},
	}
	if err != nil || !slices.Equal(assets, want) {
		t.Fatalf("Assets = %+v, %v, want %+v", assets, err, want)
	}
	for _, tt := range []struct {
		name   string
		asset  cdk.Asset
		object []byte
		says   string
	}{
		{"the file", assets[0], []byte("PK"), ""},
		{"another file", assets[0], []byte("PKX"), "it is not app.zip of the assembly: its SHA-256 is "},
		{"nothing", assets[0], nil, "it is not app.zip"},
		{"the directory, in another order", assets[1], packed(t, "sub/", "", "sub/y.js", "y", "index.js", "x"), ""},
		{"another file of the directory", assets[1], packed(t, "sub/y.js", "y", "index.js", "z"), "it is not asset.d/index.js of the assembly"},
		{"one file less", assets[1], packed(t, "index.js", "x"), "it lacks asset.d/sub/y.js"},
		{"one file more", assets[1], packed(t, "sub/y.js", "y", "index.js", "x", "z", ""), "it has asset.d/z, which is not in the assembly"},
		{"one file twice", assets[1], packed(t, "sub/y.js", "y", "index.js", "evil", "index.js", "x"), "it has index.js twice"},
		{"no zip", assets[1], []byte("PK"), "it is not a zip file"},
	} {
		if err := tt.asset.Is(dir, tt.object); (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.says)
		}
	}
}

func TestAssetsThatCannotBeCompared(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		`{"dockerImages":{"i":{}}}`:                                                     "s.assets.json uploads images",
		`{"files":{"1":{"source":{"executable":["make"]}}}}`:                            "makes asset 1 by a command",
		`{"files":{"1":{"source":{"path":"../x"}}}}`:                                    "which is outside of it",
		`{"files":{"1":{"source":{"path":"x","packaging":"tar"}}}}`:                     `has the packaging "tar"`,
		`{"files":{"1":{"source":{"path":"/etc/passwd","packaging":"file"}}}}`:          "which is outside of it",
		`{"files":{"1":{"source":{"executable":["make"],"Executable":[],"path":"x"}}}}`: "s.assets.json has executable twice",
		`{`: "s.assets.json",
	} {
		dir := t.TempDir()
		write(t, dir, map[string]string{"manifest.json": lists("s"), "s.assets.json": text})
		if _, err := cdk.Assets(dir, ".", "s", "", "", ""); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
}

// TestAttackAnotherListOfAssets has the CDK CLI read another list of assets than the one
// that is called as the stack. The CLI would run the commands in it.
func TestAttackAnotherListOfAssets(t *testing.T) {
	t.Parallel()
	const harmless, evil = `{"files":{"1":{"source":{"path":"x"},"destinations":{"d":{"bucketName":"b","objectKey":"k"}}}}}`, `{"files":{"1":{"source":{"executable":["sh","-c","evil"]}}}}`
	for name, tt := range map[string]struct{ manifest, stack, says string }{
		"none":                      {lists("s"), "s", ""},
		"by the stack's name":       {lists("s"), "Shop", ""},
		"by what it is shown as":    {lists("s"), "App/s", ""},
		"another list":              {lists("t"), "Shop", "manifest.json lets stack Shop upload what t.assets.json lists, instead of s.assets.json"},
		"another spelling":          {strings.Replace(lists("t"), `{"artifacts"`, `{"Artifacts":{},"artifacts"`, 1), "s", "manifest.json says artifacts twice of stack s, in two spellings"},
		"a second list":             {strings.Replace(lists("s"), `{"artifacts":{`, `{"artifacts":{"t":{"type":"cdk:asset-manifest","properties":{"file":"t.assets.json"}},`, 1), "s", ""},
		"a second list that counts": {strings.NewReplacer(`{"artifacts":{`, `{"artifacts":{"t":{"type":"cdk:asset-manifest","properties":{"file":"t.assets.json"}},`, `["s.assets"]`, `["s.assets","t"]`).Replace(lists("s")), "s", "upload what t.assets.json lists"},
		"another stack shown as it": {strings.Replace(lists("t"), `"App/s"`, `"bare"`, 1), "bare", "manifest.json has two stacks that answer to bare"},
		"no such stack":             {lists("s"), "t", "manifest.json has no stack t"},
	} {
		for _, below := range []string{".", "assembly-Prod"} {
			dir := t.TempDir()
			write(t, filepath.Join(dir, below), map[string]string{"manifest.json": tt.manifest, "s.assets.json": harmless, "t.assets.json": evil})
			assets, err := cdk.Assets(dir, below, tt.stack, "", "", "")
			if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%s: %v, want %q", name, err, tt.says)
			}
			if err == nil && (len(assets) != 1 || assets[0].Path != filepath.Join(below, "x")) {
				t.Errorf("%s: %+v", name, assets)
			}
		}
	}
	dir := t.TempDir()
	write(t, dir, map[string]string{"manifest.json": lists("s")})
	if assets, err := cdk.Assets(dir, ".", "bare", "", "", ""); err != nil || len(assets) != 0 {
		t.Errorf("a stack without assets: %v, %v", assets, err)
	}
}

// TestAttackAnotherTemplate has CloudFormation read another template than the one that
// was judged: at an address that somebody has prepared, or of another file.
func TestAttackAnotherTemplate(t *testing.T) {
	t.Parallel()
	const list = `{"files":{
		"t":{"source":{"path":"s.template.json","packaging":"file"},"destinations":{"d":{"bucketName":"b-${AWS::AccountId}","objectKey":"good.json"}}},
		"x":{"source":{"path":"evil.json","packaging":"file"},"destinations":{"d":{"bucketName":"b-${AWS::AccountId}","objectKey":"evil.json"}}}}}`
	at := func(url string) string {
		return strings.Replace(lists("s"), `"stackName":"Shop"`, `"stackName":"Shop","stackTemplateAssetObjectUrl":"`+url+`"`, 1)
	}
	const good, elsewhere = "s3://b-${AWS::AccountId}/good.json", "where s.template.json is not uploaded to"
	for name, tt := range map[string]struct{ manifest, stack, says string }{
		"where the template is uploaded to": {at(good), "Shop", ""},
		"where another file is":             {at("s3://b-${AWS::AccountId}/evil.json"), "Shop", elsewhere},
		"where nothing is uploaded to":      {at("s3://b-${AWS::AccountId}/other.json"), "Shop", elsewhere},
		"another bucket":                    {at("s3://evil/good.json"), "Shop", elsewhere},
		"a web page":                        {at("https://evil.example/good.json"), "Shop", elsewhere},
		"no list of assets":                 {strings.Replace(at(good), `"dependencies":["s.assets"],`, "", 1), "Shop", elsewhere},
		"two spellings of the file": {strings.Replace(at(good), `"templateFile":"s.template.json"`, `"templateFile":"evil.template.json","TemplateFile":"s.template.json"`, 1), "Shop",
			"manifest.json says templatefile twice of stack Shop, in two spellings"},
		"two spellings of the properties": {strings.Replace(at(good), `"displayName":"App/s"`, `"Properties":{"templateFile":"s.template.json"}`, 1), "Shop", "says properties twice of stack Shop"},
		"values for its parameters":       {strings.Replace(at(good), `"stackName":"Shop"`, `"stackName":"Shop","parameters":{"Who":"*"}`, 1), "Shop", "gives the parameters of stack Shop values"},
		"another stack of the name": {strings.Replace(at(good), `"bare":{"type":"aws:cloudformation:stack","properties":{`, `"bare":{"type":"aws:cloudformation:stack","displayName":"Shop","properties":{"stackName":"Shop",`, 1), "Shop",
			"manifest.json has two stacks that answer to Shop"},
	} {
		dir := t.TempDir()
		write(t, dir, map[string]string{"manifest.json": tt.manifest, "s.assets.json": list})
		assets, err := cdk.Assets(dir, ".", tt.stack, "aws", "1", "r")
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %+v, %v, want %q", name, assets, err, tt.says)
		}
	}
}

// TestAttackAnotherBucket makes a function of an object that has the name of a judged
// package, and is another one.
func TestAttackAnotherBucket(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		code string
		want int
	}{
		"the package":      {`{"S3Bucket":{"Fn::Sub":"b-${AWS::AccountId}"},"S3Key":"k.zip"}`, 1},
		"another bucket":   {`{"S3Bucket":"evil","S3Key":"k.zip"}`, 0},
		"a bucket by name": {`{"S3Bucket":{"Ref":"Bucket"},"S3Key":"k.zip"}`, 0},
		"another way":      {`{"S3Bucket":{"Fn::Sub":"b-${AWS::AccountId}","Fn::Join":["",["evil"]]},"S3Key":"k.zip"}`, 0},
		"variables of it":  {`{"S3Bucket":{"Fn::Sub":["b-${AWS::AccountId}",{}]},"S3Key":"k.zip"}`, 0},
		"another version":  {`{"S3Bucket":{"Fn::Sub":"b-${AWS::AccountId}"},"S3Key":"k.zip","S3ObjectVersion":"v"}`, 0},
	} {
		dir := t.TempDir()
		write(t, dir, map[string]string{
			"s.template.json": `{"Resources":{"F":{"Type":"AWS::Lambda::Function","Properties":{"Code":` + tt.code + `}}}}`, "app.zip": "PK",
			"s.assets.json": `{"files":{"1":{"source":{"path":"app.zip","packaging":"file"},"destinations":{"d":{"bucketName":"b-${AWS::AccountId}","objectKey":"k.zip"}}}}}`,
		})
		if packages, err := cdk.FunctionPackages(dir, "s.template.json"); err != nil || len(packages) != tt.want {
			t.Errorf("%s: %+v, %v, want %d", name, packages, err, tt.want)
		}
	}
}

func TestDigests(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"a.json": "{}", "d/b.json": "{}", "d/read.1.2.lock": "", ".cache/c.zip": "", "read.1.2.lock": "", "d/.cache/e": "",
	})
	for name, to := range map[string]string{"d/up": "../a.json", "d/other": "b.json"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	sums, err := cdk.Digests(dir)
	if err != nil || len(sums) != 6 || sums["a.json"] != sums["d/b.json"] || sums["d/up"] == sums["d/other"] || sums["d/.cache/e"] == "" {
		t.Errorf("Digests = %v, %v", sums, err)
	}
	for _, to := range []string{"/etc/passwd", "../../a.json"} {
		link := filepath.Join(dir, "d", "out")
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
		if _, err := cdk.Digests(dir); err == nil || !strings.Contains(err.Error(), "which is outside of it") {
			t.Errorf("a link to %s: %v", to, err)
		}
		if err := os.Remove(link); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := cdk.Digests(filepath.Join(dir, "none")); err == nil {
		t.Error("an assembly that is not there has digests")
	}
}
