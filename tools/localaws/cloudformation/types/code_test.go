package types

import (
	"bytes"
	"testing"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// The same code in a template is the same package: its hash decides what is deployed.
func TestCodeInTemplate(t *testing.T) {
	t.Parallel()
	var first []byte
	for range 20 {
		code, err := codeOf(&resource.Request{Properties: map[string]any{"Code": map[string]any{"ZipFile": "exports.handler = () => 1;"}}})
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = code.ZipFile
		}
		if !bytes.Equal(code.ZipFile, first) {
			t.Fatal("the packages differ")
		}
	}
}
