package schema_test

import (
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/localaws/apigateway/schema"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	item, err := schema.Parse(`{"type":"object","required":["name"]}`)
	if err != nil {
		t.Fatal(err)
	}
	model := func(name string) *schema.Schema {
		if name == "Item" {
			return item
		}
		return nil
	}
	for _, tt := range []struct {
		schema         string
		valid, invalid []string
	}{
		{`{}`, []string{`1`, `null`, `{}`}, []string{``, `{`}},
		{`{"type":"object","required":["a"],"properties":{"a":{"type":"string"}}}`, []string{`{"a":"x"}`, `{"a":"x","b":1}`}, []string{`{}`, `{"a":1}`, `[]`}},
		{`{"type":["integer","null"]}`, []string{`1`, `1.0`, `null`}, []string{`1.5`, `"1"`}},
		{`{"type":"number"}`, []string{`1.5`, `1`}, []string{`true`}},
		{`{"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":2,"uniqueItems":true}`, []string{`[1]`, `[1,2]`}, []string{`[]`, `[1,2,3]`, `["a"]`, `[1,1.0]`}},
		{`{"items":[{"type":"string"}],"additionalItems":false}`, []string{`["a"]`, `[]`}, []string{`["a",1]`, `[1]`}},
		{`{"enum":["a",1,null,{"b":[2]}]}`, []string{`"a"`, `1.0`, `null`, `{"b":[2]}`}, []string{`"b"`, `{"b":[3]}`, `false`}},
		{`{"minLength":2,"maxLength":3,"pattern":"^a"}`, []string{`"ab"`, `"aéé"`, `1`}, []string{`"a"`, `"abcd"`, `"ba"`}},
		{`{"minimum":1,"exclusiveMinimum":true,"maximum":3,"multipleOf":0.5}`, []string{`1.5`, `3`}, []string{`1`, `3.5`, `1.3`}},
		{`{"maximum":3,"exclusiveMaximum":true}`, []string{`2.9`}, []string{`3`}},
		{`{"properties":{"a":{}},"patternProperties":{"^x":{"type":"integer"}},"additionalProperties":false}`, []string{`{"a":1,"x1":2}`}, []string{`{"b":1}`, `{"x1":"a"}`}},
		{`{"additionalProperties":{"type":"string"},"minProperties":1,"maxProperties":1}`, []string{`{"a":"x"}`}, []string{`{}`, `{"a":1}`, `{"a":"x","b":"y"}`}},
		{`{"allOf":[{"minimum":1},{"maximum":2}]}`, []string{`1`}, []string{`3`}},
		{`{"anyOf":[{"type":"string"},{"type":"integer"}]}`, []string{`1`, `"a"`}, []string{`true`}},
		{`{"oneOf":[{"minimum":1},{"maximum":2}]}`, []string{`0`, `3`}, []string{`1`}},
		{`{"not":{"type":"null"}}`, []string{`1`}, []string{`null`}},
		{`{"$ref":"#/definitions/node","definitions":{"node":{"type":"object","properties":{"next":{"$ref":"#/definitions/node"}}}}}`, []string{`{"next":{"next":{}}}`}, []string{`{"next":1}`, `1`}},
		{`{"$ref":"#"}`, nil, []string{`1`}},
		{`{"$ref":"https://apigateway.amazonaws.com/restapis/a1/models/Item"}`, []string{`{"name":1}`}, []string{`{}`}},
		{`{"$ref":"https://apigateway.amazonaws.com/restapis/a1/models/None"}`, nil, []string{`{}`}},
		{`{"$ref":"#/definitions/none"}`, nil, []string{`{}`}},
		{`{"maximum":1}`, []string{`1`, `1e999999999`}, []string{`2`}},
	} {
		s, err := schema.Parse(tt.schema)
		if err != nil {
			t.Errorf("%s: %v", tt.schema, err)
			continue
		}
		for _, body := range tt.valid {
			if err := s.Validate([]byte(body), model); err != nil {
				t.Errorf("%s: %s: %v", tt.schema, body, err)
			}
		}
		for _, body := range tt.invalid {
			if s.Validate([]byte(body), model) == nil {
				t.Errorf("%s: %s is valid", tt.schema, body)
			}
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{`:                                    "reading the schema",
		`[]`:                                   "# is not an object",
		`{"properties":{"a":{"const":1}}}`:     "does not support the keyword const at #/properties/a",
		`{"anyOf":[{"if":{}}]}`:                "does not support the keyword if at #/anyOf",
		`{"pattern":"("}`:                      "the pattern at #",
		`{"not":{"contains":{}}}`:              "does not support the keyword contains",
		`{"definitions":{"a":{"$defs":{}}}}`:   "does not support the keyword $defs",
		`{"patternProperties":{"a":{"x":{}}}}`: "does not support the keyword x",
	} {
		if _, err := schema.Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// FuzzValidate holds that no schema and no body break the validator.
func FuzzValidate(f *testing.F) {
	f.Add(`{"type":"object","properties":{"a":{"$ref":"#"}}}`, `{"a":{"a":1}}`)
	f.Add(`{"items":[{}],"additionalItems":{"minimum":1}}`, `[1,2e9]`)
	f.Add(`{"oneOf":[{"pattern":"a+"},{"enum":[1]}]}`, `"aa"`)
	f.Fuzz(func(t *testing.T, text, body string) {
		s, err := schema.Parse(text)
		if err != nil {
			t.Skip()
		}
		first := s.Validate([]byte(body), func(string) *schema.Schema { return nil })
		if second := s.Validate([]byte(body), func(string) *schema.Schema { return nil }); (first == nil) != (second == nil) {
			t.Errorf("%s: %s: %v, then %v", text, body, first, second)
		}
	})
}
