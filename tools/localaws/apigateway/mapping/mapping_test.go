package mapping_test

import (
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/localaws/apigateway/mapping"
)

const body = `{"name":"a \"b\" / c","count":1.50,"list":[1,{"x":"y"}],"nested":{"k":"v","n":null},"raw":"{\"in\":[7]}"}`

func values() mapping.Values {
	return mapping.Values{
		Body: []byte(body),
		Parameters: map[string]map[string]string{
			"path": {"id": "p"}, "querystring": {"id": "q", "page": "2"}, "header": {"id": "h", "X-Who": "me"},
		},
		Context:        func(name string) string { return map[string]string{"requestId": "r", "identity.sourceIp": "::1"}[name] },
		StageVariables: map[string]string{"color": "red"},
	}
}

func TestRender(t *testing.T) {
	t.Parallel()
	for template, want := range map[string]string{
		`plain $5 text $`:                                    `plain $5 text $`,
		"a ## comment\nb":                                    "a b",
		`{"name": $input.json('$.name')}`:                    `{"name": "a \"b\" / c"}`,
		`$input.json('$.count')`:                             `1.50`,
		`$input.json('$.list[1]')`:                           `{"x":"y"}`,
		`$input.json('$.none')`:                              `""`,
		`$input.json('$')`:                                   `{"count":1.50,"list":[1,{"x":"y"}],"name":"a \"b\" / c","nested":{"k":"v","n":null},"raw":"{\"in\":[7]}"}`,
		`$input.path('$.name')|$input.path("$['name']")`:     `a "b" / c|a "b" / c`,
		`$input.path('$.list[0]')$input.path('$').list[1].x`: `1y`,
		`$input.path('$.nested')`:                            `{k=v, n=}`,
		`$input.path('$.list')`:                              `[1,{"x":"y"}]`,
		`$input.path('$.none.deep')`:                         ``,
		`$input.path('$.name').`:                             `a "b" / c.`,
		`$input.body`:                                        body,
		`$input.params('id') $input.params('page')`:          `p 2`,
		`$input.params('none')`:                              ``,
		`$input.params().header.id`:                          `h`,
		`$input.params().querystring.get('id')`:              `q`,
		`${context.requestId}x $context.identity.sourceIp.`:  `rx ::1.`,
		`$!context.none`:                                     ``,
		`${stageVariables.color}`:                            `red`,
		`$util.escapeJavaScript($input.path('$.name'))`:      `a \"b\" \/ c`,
		`$util.urlEncode($input.json('$.nested'))`:           `%7B%22k%22%3A%22v%22%2C%22n%22%3Anull%7D`,
		`$util.urlDecode('a%20b')`:                           `a b`,
		`$util.base64Decode($util.base64Encode('x'))`:        `x`,
		`$util.parseJson($input.path('$.raw')).in[0]`:        `7`,
		`A=$util.urlEncode($input.params( 'page' ))`:         `A=2`,
	} {
		parsed, err := mapping.Parse(template)
		if err != nil {
			t.Errorf("%s: %v", template, err)
			continue
		}
		if got, err := parsed.Render(values()); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", template, got, err, want)
		}
	}
}

// What a template may not have is named.
func TestUnsupported(t *testing.T) {
	t.Parallel()
	for template, want := range map[string]string{
		"#set($a = 1)":                     "the directive #set",
		"#foreach($x in $y)":               "the directive #foreach",
		"#{if}($a)":                        "the directive #",
		"#* block *#":                      "the directive #",
		"$foo":                             "$foo: there is no such variable",
		"$input":                           "only its members",
		"$input.size()":                    "there is no such function",
		"$input.path('$..a')":              "something else than members and indices",
		"$input.path('$.a[*]')":            "something else than members and indices",
		"$input.path('a')":                 "does not begin with $",
		"$input.path('$.a').size()":        "the method size is not supported",
		"$input.path($context.a)":          "its path must be a string",
		"$input.params()":                  "only a parameter in path, querystring or header",
		"$input.params('a":                 "a string is not closed",
		"$util.time.nowISO8601()":          "there is no such function",
		"${context.a":                      "the brace is not closed",
		"$util.urlEncode(\"x$context.a\")": "a reference in a string in double quotes",
		"$util.urlEncode('a','b')":         "it needs one argument",
		"$util.urlEncode(1)":               "neither a string nor a reference",
	} {
		if _, err := mapping.Parse(template); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", template, err, want)
		}
	}
}

func TestRenderErrors(t *testing.T) {
	t.Parallel()
	for _, template := range []string{"$input.json('$')", "$util.base64Decode('?')", "$util.urlDecode('%')", "$util.parseJson('{')"} {
		parsed, err := mapping.Parse(template)
		if err != nil {
			t.Fatal(err)
		}
		v := values()
		v.Body = []byte("{")
		if _, err := parsed.Render(v); err == nil {
			t.Errorf("%s: no error", template)
		}
	}
}

// FuzzTemplate holds that no template breaks the parser, and that text without
// references comes out as it is.
func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{"a $5", "$input.json('$.a[0]')", "${context.a}", "$input.params().path.x", "$util.parseJson($input.body).a[1]", "##", "$input.path('$').a[", "#if"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := mapping.Parse(text)
		if err != nil {
			t.Skip()
		}
		got, err := parsed.Render(values())
		if err == nil && !strings.ContainsAny(text, "$#") && got != text {
			t.Errorf("%q became %q", text, got)
		}
	})
}
