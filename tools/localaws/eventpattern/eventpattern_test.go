package eventpattern

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const sample = `{
	"source": "aws.codepipeline", "detail-type": "CodePipeline Pipeline Execution State Change", "resources": ["arn:a", "arn:b"],
	"detail": {"state": "FAILED", "version": 3.0, "nothing": null, "yes": true, "empty": [], "name": "magewright-pipeline", "address": "10.1.2.3",
		"stages": [{"name": "Verify", "n": 1}, {"name": "Staging", "n": 2}]}
}`

func TestPatterns(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pattern string
		want    bool
	}{
		{`{"source": ["aws.codepipeline"]}`, true},
		{`{"source": [{"wildcard": "aws.*"}]}`, true},
		{`{"source": [{"wildcard": "*code*line"}]}`, true},
		{`{"source": [{"wildcard": "*code*x*line"}]}`, false},
		{`{"source": [{"wildcard": "aws.code*codepipeline"}]}`, false},
		{`{"source": [{"wildcard": "aws.codepipeline"}]}`, true},
		{`{"source": [{"wildcard": "aws.\\*"}]}`, false},
		{`{"source": [{"anything-but": {"wildcard": "aws.*"}}]}`, false},
		{`{"detail": {"address": [{"cidr": "10.1.0.0/16"}]}}`, true},
		{`{"detail": {"address": [{"cidr": "10.2.0.0/16"}]}}`, false},
		{`{"detail": {"state": [{"cidr": "10.2.0.0/16"}]}}`, false},
		{`{"source": ["aws.codebuild", "aws.codepipeline"]}`, true},
		{`{"source": ["aws.codebuild"]}`, false},
		{`{"source": ["aws.codepipeline"], "detail": {"state": ["SUCCEEDED"]}}`, false},
		{`{"detail": {"state": ["FAILED"], "name": ["magewright-pipeline"]}}`, true},
		{`{"resources": ["arn:b"]}`, true},
		{`{"resources": ["arn:c"]}`, false},
		{`{"detail": {"version": [3]}}`, true},
		{`{"detail": {"version": ["3.0"]}}`, false},
		{`{"detail": {"nothing": [null]}}`, true},
		{`{"detail": {"absent": [null]}}`, false},
		{`{"detail": {"yes": [true]}}`, true},
		{`{"detail": {"yes": ["true"]}}`, false},
		{`{"detail": {"name": [{"prefix": "magewright-"}]}}`, true},
		{`{"detail": {"name": [{"prefix": ""}]}}`, true},
		{`{"detail": {"name": [{"prefix": "Magewright-"}]}}`, false},
		{`{"detail": {"name": [{"prefix": {"equals-ignore-case": "MAGEwright-"}}]}}`, true},
		{`{"detail": {"name": [{"suffix": "pipeline"}]}}`, true},
		{`{"detail": {"name": [{"equals-ignore-case": "MAGEWRIGHT-PIPELINE"}]}}`, true},
		{`{"detail": {"version": [{"prefix": "3"}]}}`, false},
		{`{"detail": {"state": [{"anything-but": "SUCCEEDED"}]}}`, true},
		{`{"detail": {"state": [{"anything-but": ["SUCCEEDED", "FAILED"]}]}}`, false},
		{`{"detail": {"state": [{"anything-but": {"prefix": "FAIL"}}]}}`, false},
		{`{"detail": {"version": [{"anything-but": 3}]}}`, false},
		{`{"detail": {"version": [{"anything-but": [4, "x"]}]}}`, true},
		{`{"detail": {"absent": [{"anything-but": "x"}]}}`, false},
		{`{"detail": {"state": [{"exists": true}]}}`, true},
		{`{"detail": {"state": [{"exists": false}]}}`, false},
		{`{"detail": {"absent": [{"exists": false}]}}`, true},
		{`{"detail": {"absent": {"deeper": [{"exists": false}]}}}`, true},
		{`{"detail": {"absent": {"deeper": [{"exists": true}]}}}`, false},
		{`{"detail": {"empty": [{"exists": false}]}}`, true},
		{`{"detail": {"absent": [{"exists": false}, "x"]}}`, true},
		{`{"detail": {"version": [{"numeric": ["=", 3]}]}}`, true},
		{`{"detail": {"version": [{"numeric": [">", 3]}]}}`, false},
		{`{"detail": {"version": [{"numeric": [">=", 3, "<", 3.5]}]}}`, true},
		{`{"detail": {"version": [{"numeric": [">", 1, "<=", 2.9]}]}}`, false},
		{`{"detail": {"state": [{"numeric": [">", 0]}]}}`, false},
		{`{"detail": {"stages": {"name": ["Staging"]}}}`, true},
		{`{"detail": {"stages": {"name": ["Staging"], "n": [2]}}}`, true},
		{`{"detail": {"stages": {"name": ["Staging"], "n": [1]}}}`, false},
		{`{"detail": {"state": {"deeper": ["x"]}}}`, false},
		{`{"$or": [{"source": ["x"]}, {"detail": {"state": ["FAILED"]}}]}`, true},
		{`{"source": ["aws.codepipeline"], "$or": [{"source": ["x"]}, {"source": ["y"]}]}`, false},
	} {
		p, err := Compile(tt.pattern)
		if err != nil {
			t.Errorf("%s: %v", tt.pattern, err)
			continue
		}
		event, err := ParseJSON(sample)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Matches(event.(map[string]any)); got != tt.want {
			t.Errorf("%s: %t", tt.pattern, got)
		}
	}
}

func TestBadPatterns(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		``:                                       "EOF",
		`[]`:                                     "not an object",
		`{}`:                                     "Empty objects",
		`{"a": "x"}`:                             "must be an object or an array at $",
		`{"a": []}`:                              "Empty arrays",
		`{"a": {}}`:                              "Empty objects",
		`{"a": [["x"]]}`:                         "Match value must be",
		`{"a": [{"glob": "*"}]}`:                 "does not support the match type glob at $.a",
		`{"a": [{"wildcard": "a**"}]}`:           "Consecutive wildcard",
		`{"a": [{"wildcard": "a\\x"}]}`:          "Invalid escape",
		`{"a": [{"wildcard": 1}]}`:               "must be a string",
		`{"a": [{"cidr": "10.0.0.1"}]}`:          "Malformed CIDR",
		`{"a": [{"prefix": 1}]}`:                 "must be a string",
		`{"a": [{"prefix": "x", "b": 1}]}`:       "Only one key",
		`{"a": [{"exists": "yes"}]}`:             "true or false",
		`{"a": [{"numeric": [">"]}]}`:            "array of an operator",
		`{"a": [{"numeric": ["<", 1, ">", 2]}]}`: "Bad numeric range operator",
		`{"a": [{"numeric": ["!", 1]}]}`:         "Unrecognized",
		`{"a": [{"numeric": [">", 6e9]}]}`:       "must be numeric",
		`{"a": [1e999999999]}`:                   "not a number",
		`{"a": [{"anything-but": []}]}`:          "Empty arrays",
		`{"a": ["x"]} {}`:                        "more than one",
	} {
		if _, err := Compile(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", pattern, err, want)
		}
	}
}

// A value matches itself. anything-but refuses exactly the values that an exact
// match accepts.
func TestExactnessAndItsOpposite(t *testing.T) {
	t.Parallel()
	scalar := rapid.OneOf(rapid.Map(rapid.String(), func(s string) any { return s }), rapid.Map(rapid.IntRange(-5, 5), func(i int) any { return i }), rapid.Map(rapid.Bool(), func(b bool) any { return b }))
	rapid.Check(t, func(t *rapid.T) {
		build := func(v any) map[string]any {
			text, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := ParseJSON(string(text))
			if err != nil {
				t.Fatal(err)
			}
			return parsed.(map[string]any)
		}
		wanted, value := scalar.Draw(t, "wanted"), scalar.Draw(t, "value")
		exact, err := compileObject(build(map[string]any{"k": []any{wanted}}), "$", 0)
		if err != nil {
			t.Fatal(err)
		}
		but, err := compileObject(build(map[string]any{"k": []any{map[string]any{"anything-but": wanted}}}), "$", 0)
		if err != nil {
			t.Fatal(err)
		}
		event := build(map[string]any{"k": value})
		if got := exact.Matches(event); got != (wanted == value) || got == but.Matches(event) {
			t.Fatalf("wanted %v, value %v: exact %t, anything-but %t", wanted, value, got, but.Matches(event))
		}
	})
}

func FuzzPattern(f *testing.F) {
	f.Add(`{"a":[{"numeric":[">",1]}]}`, `{"a":1}`)
	f.Add(`{"a":{"b":[{"anything-but":{"suffix":"x"}}]}}`, `{"a":[{"b":"y"}]}`)
	f.Fuzz(func(t *testing.T, text, eventText string) {
		p, err := Compile(text)
		if err != nil {
			return
		}
		v, err := ParseJSON(eventText)
		if event, ok := v.(map[string]any); err == nil && ok && p.Matches(event) != (&Pattern{or: []Pattern{*p}}).Matches(event) {
			t.Error("a pattern and it as the only alternative differ")
		}
	})
}
