package cdk_test

import (
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/assembly/cdk"
)

// Templates that differ are uploaded under different names, so that no template of an
// earlier release is deployed.
func TestWriteTemplate(t *testing.T) {
	t.Parallel()
	former := strings.Repeat("f", 64)
	listed := map[string]string{
		"P/A.template.json": "{}",
		"P/A.assets.json":   `{"files":{"` + former + `":{"source":{"path":"A.template.json","packaging":"file"},"destinations":{"here":{"bucketName":"b","objectKey":"p/` + former + `.json","assumeRoleArn":"r"}}},"f":{"source":{"path":"f.zip","packaging":"file"},"destinations":{"here":{"bucketName":"b","objectKey":"f.zip"}}}}}`,
		"P/B.template.json": "{}",
		"P/B.assets.json":   `{"files":{"` + former + `":{"source":{"path":"B.template.json","packaging":"file"},"destinations":{"here":{"bucketName":"b","objectKey":"p/` + former + `.json"}}}}}`,
		"P/manifest.json": `{"artifacts":{
			"A.assets":{"type":"cdk:asset-manifest","properties":{"file":"A.assets.json"}},
			"A":{"type":"aws:cloudformation:stack","dependencies":["A.assets"],"properties":{"templateFile":"A.template.json","stackTemplateAssetObjectUrl":"s3://b/p/` + former + `.json"}},
			"B.assets":{"type":"cdk:asset-manifest","properties":{"file":"B.assets.json"}},
			"B":{"type":"aws:cloudformation:stack","dependencies":["B.assets"],"properties":{"templateFile":"B.template.json","stackTemplateAssetObjectUrl":"s3://b/p/` + former + `.json"}}}}`,
	}
	dir := t.TempDir()
	write(t, dir, listed)
	keys := map[string]bool{}
	for _, content := range []string{`{"Metadata":1}`, `{"Metadata":2}`, `{"Metadata":2}`} {
		if err := cdk.WriteTemplate(dir, "P/A.template.json", []byte(content)); err != nil {
			t.Fatal(err)
		}
		// Assets refuses a list that does not upload to where the manifest says.
		assets, err := cdk.Assets(dir, "P", "A", "aws", "1", "r")
		if err != nil || len(assets) != 2 {
			t.Fatalf("%v, %v", assets, err)
		}
		for _, a := range assets {
			if a.Path == "P/A.template.json" {
				keys[a.Key] = true
			}
			if a.Path == "P/f.zip" && a.Key != "f.zip" || strings.Contains(a.Key, former) {
				t.Errorf("%s is uploaded as %s", a.Path, a.Key)
			}
		}
	}
	if len(keys) != 2 {
		t.Errorf("two templates are uploaded as %v", keys)
	}
	if other, err := cdk.Assets(dir, "P", "B", "aws", "1", "r"); err != nil || len(other) != 1 || other[0].Key != "p/"+former+".json" {
		t.Errorf("the other stack: %v, %v", other, err)
	}
	write(t, dir, map[string]string{"C.template.json": "{}"})
	if err := cdk.WriteTemplate(dir, "C.template.json", []byte("{ }")); err != nil {
		t.Errorf("a stack that uploads nothing: %v", err)
	}
	write(t, dir, map[string]string{"C.assets.json": "{"})
	if err := cdk.WriteTemplate(dir, "C.template.json", []byte("{}")); err == nil || !strings.Contains(err.Error(), "C.assets.json") {
		t.Errorf("a broken list: %v", err)
	}
}
