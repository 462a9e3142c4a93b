package openapi_test

import (
	"testing"

	"github.com/magewright/magewright/tools/localaws/executeapi/openapi"
)

// Any document is read, or refused with a reason. Every operation of what is read has a
// method and a path.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"openapi": "3.0.1", "paths": {"/a/{b}": {"get": {"x-amazon-apigateway-integration": {"type": "aws_proxy", "uri": "u"}}}}}`))
	f.Add([]byte("swagger: '2.0'\ninfo: {title: t}\npaths: {/a: {post: {security: [{k: []}], responses: {200: {description: d}}}}}\nsecurityDefinitions: {k: {type: apiKey, name: x-api-key, in: header}}"))
	f.Add([]byte("openapi: 3.0.0\npaths: {/: {x-amazon-apigateway-any-method: {}}}\ncomponents: {schemas: {A: {$ref: '#/components/schemas/A'}}}"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, known := range [][]string{openapi.REST, openapi.HTTP} {
			d, err := openapi.Parse(text, known...)
			if err != nil && err.Error() == "" {
				t.Error("a refusal without a reason")
			}
			if err == nil && d == nil {
				t.Error("there is neither a document nor an error")
			}
		}
	})
}
