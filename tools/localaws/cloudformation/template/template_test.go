package template_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/localaws/cloudformation/template"
)

// base declares the names that the tests' expressions refer to.
const base = `
Parameters:
  Name: {Type: String, Default: n}
  List: {Type: CommaDelimitedList, Default: "a, b,c"}
  Empty: {Type: CommaDelimitedList, Default: ""}
Mappings:
  Regions:
    us-east-1: {Image: ami-1, Sizes: [s, m]}
Conditions:
  Is: {"Fn::Equals": [{Ref: Name}, n]}
  Not: !Not [{Condition: Is}]
Resources:
  Topic: {Type: "AWS::SNS::Topic"}
  Excluded: {Type: "AWS::SNS::Topic", Condition: Not}
  It:
    Type: Test::Type
    Properties:
      V: %s
`

func scope(t *testing.T, text string) (*template.Scope, error) {
	t.Helper()
	parsed, err := template.Parse(text)
	if err != nil {
		return nil, err
	}
	s := &template.Scope{
		Template: parsed,
		Pseudo: map[string]any{
			"AWS::Region": "us-east-1", "AWS::AccountId": "000000000000", "AWS::StackName": "st",
			"AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com", "AWS::NotificationARNs": []any{},
			"AWS::StackId": "arn:aws:cloudformation:us-east-1:000000000000:stack/st/1",
		},
		Parameters: map[string]any{},
		Resource: func(logicalID, attribute string) (any, error) {
			switch attribute {
			case "":
				return "phys-" + logicalID, nil
			case "Tags":
				return []any{"t1", "t2"}, nil
			case "Later":
				return template.Unknown{}, nil
			case "Missing":
				return nil, errors.New("no such attribute")
			}
			return logicalID + "/" + attribute, nil
		},
		Import: func(name string) (any, error) {
			if name != "shared" {
				return nil, errors.New("No export named " + name + " found.")
			}
			return "imported", nil
		},
	}
	for name, p := range parsed.Parameters {
		if p.Default == nil {
			continue
		}
		if s.Parameters[name], err = p.Value(name, *p.Default); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// evaluate returns the value of an expression that is given in YAML.
func evaluate(t *testing.T, expression string) (any, error) {
	t.Helper()
	s, err := scope(t, fmt.Sprintf(base, expression))
	if err != nil {
		return nil, err
	}
	active, err := s.Active()
	if err != nil {
		return nil, err
	}
	v, err := s.Resolve(active["It"].Properties)
	if err != nil {
		return nil, err
	}
	m, _ := v.(map[string]any)
	return m["V"], nil
}

func TestFunctions(t *testing.T) {
	t.Parallel()
	unknown := template.Unknown{}
	for expression, want := range map[string]any{
		`!Ref Name`:                                       "n",
		`!Ref List`:                                       []any{"a", "b", "c"},
		`!Ref Empty`:                                      []any{},
		`!Ref Topic`:                                      "phys-Topic",
		`{Ref: "AWS::Region"}`:                            "us-east-1",
		`!Ref AWS::NoValue`:                               nil,
		`{A: 1, B: !Ref "AWS::NoValue"}`:                  map[string]any{"A": 1.0},
		`[1, !Ref "AWS::NoValue", true]`:                  []any{1.0, true},
		`!GetAtt Topic.Arn`:                               "Topic/Arn",
		`!GetAtt Topic.Outputs.X`:                         "Topic/Outputs.X",
		`{"Fn::GetAtt": [Topic, Arn]}`:                    "Topic/Arn",
		`{"Fn::GetAtt": "Topic.Arn"}`:                     "Topic/Arn",
		`{"Fn::GetAtt": [Topic, {Ref: Name}]}`:            "Topic/n",
		`!GetAtt Topic.Later`:                             unknown,
		`!Sub "${Name}-${Topic}-${Topic.Arn}"`:            "n-phys-Topic-Topic/Arn",
		`!Sub "${AWS::Region} ${!Literal} $ {x"`:          "us-east-1 ${Literal} $ {x",
		`!Sub ["${X}-${Name}", {X: !Ref Topic}]`:          "phys-Topic-n",
		`!Sub "x${Topic.Later}"`:                          template.Unknown{Prefix: "x"},
		`!Sub ["${X}", {X: 5}]`:                           "5",
		`!Join ["-", [a, 1, true, !Ref Name]]`:            "a-1-true-n",
		`!Cidr [192.168.0.0/24, 6, 5]`:                    []any{"192.168.0.0/27", "192.168.0.32/27", "192.168.0.64/27", "192.168.0.96/27", "192.168.0.128/27", "192.168.0.160/27"},
		`!Cidr ["2001:db8::/56", 2, 64]`:                  []any{"2001:db8::/64", "2001:db8:0:1::/64"},
		`!Select [1, !Cidr ["10.0.255.0/16", "2", "8"]]`:  "10.0.1.0/24",
		`!Cidr [!GetAtt Topic.Later, 2, 8]`:               unknown,
		`!Join [",", !Ref List]`:                          "a,b,c",
		`!Join ["", [a, !Ref "AWS::NoValue", b]]`:         "ab",
		`!Join ["", [a, !GetAtt Topic.Later]]`:            template.Unknown{Prefix: "a"},
		`!Join [":", !GetAtt Topic.Tags]`:                 "t1:t2",
		`!Select [1, !Ref List]`:                          "b",
		`!Select ["0", [x, y]]`:                           "x",
		`!Select [0, [x, !GetAtt Topic.Later]]`:           "x",
		`!Select [0, !GetAtt Topic.Later]`:                unknown,
		`!Split ["/", !GetAtt Topic.Arn]`:                 []any{"Topic", "Arn"},
		`!Split ["/", !GetAtt Topic.Later]`:               unknown,
		`!Select [1, !Split ["-", !Ref Topic]]`:           "Topic",
		`!If [Is, 1, 2]`:                                  1.0,
		`!If [Not, 1, !If [Is, 2, 3]]`:                    2.0,
		`!If [Not, 1, !Ref "AWS::NoValue"]`:               nil,
		`!If [Not, !Ref Excluded, kept]`:                  "kept",
		`!FindInMap [Regions, !Ref "AWS::Region", Image]`: "ami-1",
		`!FindInMap [Regions, us-east-1, Sizes]`:          []any{"s", "m"},
		`!ImportValue shared`:                             "imported",
		`!Base64 abc`:                                     "YWJj",
		`{"Fn::Base64": !Sub "${Topic.Later}"}`:           unknown,
		`!GetAZs us-east-1`:                               []any{"us-east-1a", "us-east-1b", "us-east-1c"},
		`{"Fn::GetAZs": ""}`:                              []any{"us-east-1a", "us-east-1b", "us-east-1c"},
		`012345678901`:                                    "012345678901",
		`2012-10-17`:                                      "2012-10-17",
		`"5"`:                                             "5",
		`1:30.5`:                                          90.5,
		`1.5`:                                             1.5,
		`{Condition: {StringEquals: {a: b}}}`:             map[string]any{"Condition": map[string]any{"StringEquals": map[string]any{"a": "b"}}},
	} {
		got, err := evaluate(t, expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("%s = %#v, want %#v", expression, got, want)
		}
	}
}

// AWS reads the scalars of YAML 1.1, in values and in keys. What is quoted
// stays a string.
func TestScalars(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]any{
		"yes": true, "Yes": true, "YES": true, "on": true, "On": true, "ON": true, "true": true, "True": true, "TRUE": true,
		"no": false, "No": false, "NO": false, "off": false, "Off": false, "OFF": false, "false": false, "FALSE": false,
		"y": "y", "Y": "Y", "n": "n", "N": "N", "yEs": "yEs", "oN": "oN",
		`"yes"`: "yes", `'no'`: "no", "!!str on": "on", "!Ref Name": "n",
		"012": 10.0, "-012": -10.0, "0o14": "0o14", "089": "089", "012345678901": "012345678901", "012345670123": 1402433619.0,
		`"012"`: "012", "1_000": 1000.0, `"1_000"`: "1_000", "0b11": 3.0, "0x1F": 31.0, "0xZ": "0xZ", "+12": 12.0, "0": 0.0,
		"12:30:45": 45045.0, "1:30": 90.0, "-1:30": -90.0, "12:70": "12:70", "00:30": "00:30", "'12:30'": "12:30",
		"1.5": 1.5, "1_0.5": 10.5, "1e3": 1000.0, ".5": 0.5, ".inf": ".inf", "-.INF": "-.INF", ".nan": ".nan", "1.2.3": "1.2.3",
		"123456789012345678901": "123456789012345678901", "0x1FFFFFFFFFFFFFFFF": "36893488147419103231",
		"2012-10-17": "2012-10-17", "2001-12-14t21:59:43.10-05:00": "2001-12-14t21:59:43.10-05:00",
		`!!bool "yes"`: true, `!!int "012"`: 10.0,
		`"~"`: "~", `""`: "",
	} {
		if got, err := evaluate(t, text); err != nil || got != want {
			t.Errorf("%s = %#v, %v, want %#v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"~":               "[/Resources/It/Properties/V] 'null' values are not allowed in templates",
		"null":            "[/Resources/It/Properties/V] 'null' values are not allowed in templates",
		"[a, Null]":       "[/Resources/It/Properties/V/1] 'null' values are not allowed in templates",
		"{on: a}":         "[/Resources/It/Properties/V] map keys must be strings; received boolean [true] instead",
		"{No: a}":         "[/Resources/It/Properties/V] map keys must be strings; received boolean [false] instead",
		"{200: a}":        "[/Resources/It/Properties/V] map keys must be strings; received numeric [200] instead",
		"{012: a}":        "[/Resources/It/Properties/V] map keys must be strings; received numeric [10] instead",
		"{0653: a}":       "[/Resources/It/Properties/V] map keys must be strings; received numeric [427] instead",
		"{0689: a}":       "[/Resources/It/Properties/V] map keys must be strings; received numeric [0689] instead",
		"{12:30: a}":      "[/Resources/It/Properties/V] map keys must be strings; received numeric [750] instead",
		"{~: a}":          "[/Resources/It/Properties/V] map keys must be strings; received null instead",
		"{!Sub a: b}":     "[/Resources/It/Properties/V] map keys must be strings; received a map instead",
		"{{a: b}: c}":     "[/Resources/It/Properties/V] map keys must be strings; received a map instead",
		"{yes: a, on: b}": "[/Resources/It/Properties/V] map keys must be strings; received boolean [true] instead",
	} {
		if _, err := evaluate(t, text); err == nil || err.Error() != "Template format error: "+want {
			t.Errorf("%s:\ngot  %v\nwant Template format error: %s", text, err, want)
		}
	}
	got, err := evaluate(t, `{"on": a, '200': b, y: c, 2012-10-17: d}`)
	if want := map[string]any{"on": "a", "200": "b", "y": "c", "2012-10-17": "d"}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("quoted keys = %v, %v", got, err)
	}
	const parameter = "Parameters: {P: {Type: String, Default: no, AllowedValues: [yes, no]}}\nResources: {A: {Type: T}}"
	parsed, err := template.Parse(parameter)
	if err != nil {
		t.Fatal(err)
	}
	p := parsed.Parameters["P"]
	if _, err := p.Value("P", "no"); *p.Default != "false" || err == nil {
		t.Errorf("an unquoted default is %q, and the value no: %v", *p.Default, err)
	}
	// JSON has no such scalars.
	if v, err := template.Parse(`{"Resources": {"A": {"Type": "T", "Properties": {"on": "yes", "12": "012"}}}}`); err != nil ||
		!reflect.DeepEqual(v.Resources["A"].Properties, map[string]any{"on": "yes", "12": "012"}) {
		t.Errorf("JSON: %v, %v", v, err)
	}
}

func TestFunctionErrors(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		`!Ref Nowhere`:                      "Template format error: Unresolved resource dependencies [Nowhere] in the Resources block of the template",
		`[!Ref Q, !Sub "${P}"]`:             "Template format error: Unresolved resource dependencies [P, Q] in the Resources block of the template",
		`!Ref Excluded`:                     "Template format error: Unresolved resource dependencies [Excluded] in the Resources block of the template",
		`!Ref It`:                           "Circular dependency between resources: [It]",
		`!Ref [a]`:                          "Template error: every Ref object must have a single String value.",
		`!GetAtt Nowhere.Arn`:               "Template error: instance of Fn::GetAtt references undefined resource Nowhere",
		`!GetAtt Topic`:                     "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute",
		`!GetAtt Topic.Missing`:             "no such attribute",
		`!If [Never, 1, 2]`:                 "Template error: unresolved condition dependency Never in Fn::If",
		`!If [Is, 1]`:                       "Template error: Fn::If requires a list argument with three elements",
		`!Select [3, [a]]`:                  "Template error: Fn::Select cannot select nonexistent value at index 3",
		`!Select [x, [a]]`:                  "Template error: Fn::Select requires a list argument with a valid index value as its first element",
		`!Select [!Ref Name, [a]]`:          "Template error: Fn::Select requires a list argument with a valid index value as its first element",
		`!Join [",", text]`:                 "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined.",
		`!Split [",", [a]]`:                 "Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split.",
		`!FindInMap [Regions, mars, Image]`: "Template error: Unable to get mapping for Regions::mars::Image",
		`!FindInMap [Nope, mars, Image]`:    "Template error: Mapping named 'Nope' is not present in the 'Mappings' section of template.",
		`!ImportValue other`:                "No export named other found.",
		`!Equals [a, b]`:                    "Template error: Fn::Equals is only allowed in conditions and rules",
		`!Sub "${}"`:                        "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons",
		`!Sub "${List}"`:                    "Template error: Fn::Sub expression does not resolve to a string: ${List}",
		`!Cidr [a, 1, 2]`:                   "Template error: Fn::Cidr: a is not a CIDR block",
		`!Cidr [10.0.0.0/24, 1]`:            "Template error: every Fn::Cidr object requires three parameters, (1) an IP address block, (2) the number of CIDR blocks, between 1 and 256, and (3) the number of subnet bits",
		`!Cidr [10.0.0.0/24, 300, 4]`:       "Template error: every Fn::Cidr object requires three parameters, (1) an IP address block, (2) the number of CIDR blocks, between 1 and 256, and (3) the number of subnet bits",
		`!Cidr [10.0.0.0/24, 3, 7]`:         "Template error: Fn::Cidr: 10.0.0.0/24 has no 3 blocks of 7 bits",
		`!Cidr [10.0.0.0/24, 1, 33]`:        "Template error: Fn::Cidr: 10.0.0.0/24 has no 1 blocks of 33 bits",
		`!Nothing [a]`:                      "Template error: Encountered unsupported function: Fn::Nothing Supported functions are: [Fn::Base64, Fn::GetAtt, Fn::GetAZs, Fn::ImportValue, Fn::Join, Fn::Split, Fn::FindInMap, Fn::Select, Ref, Fn::Equals, Fn::If, Fn::Not, Condition, Fn::And, Fn::Or, Fn::Contains, Fn::EachMemberEquals, Fn::EachMemberIn, Fn::Sub, Fn::Cidr]",
		`{"Fn::Sub": x, Other: y}`:          "Template error: Fn::Sub must be the only member of its object",
	} {
		_, err := evaluate(t, expression)
		if err == nil || err.Error() != want {
			t.Errorf("%s:\ngot  %v\nwant %s", expression, err, want)
		}
	}
}

// What is wrong with the arguments of a function shows in the template alone,
// whether a condition excludes the function or not.
func TestArgumentErrors(t *testing.T) {
	t.Parallel()
	const (
		equals = "Template error: every Fn::Equals object requires a list of 2 string parameters."
		not    = "Template error: every Fn::Not object requires one boolean parameter."
		branch = "Template error: Fn::If requires a list argument with three elements"
		join   = "Template error: every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined."
		choice = "Template error: Fn::Select requires a list argument with two elements: an integer index and a list"
		split  = "Template error: every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split."
		find   = "Template error: every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value"
		attr   = "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute"
		sub    = "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and an optional second argument to specify a mapping of values to replace in the string"
		export = "Template error: the attribute in Fn::ImportValue must not depend on any resources, imported values, or Fn::GetAZs"
	)
	boolean := func(name string) string {
		return "Template error: every Fn::" + name + " object requires a list of at least 2 and at most 10 boolean parameters."
	}
	eleven := strings.Repeat("!Equals [a, b], ", 11)
	for _, test := range []struct{ condition, value, want string }{
		{"!Equals [a]", "x", equals},
		{"!Equals [a, b, c]", "x", equals},
		{"!Equals a", "x", equals},
		{"!Equals [[a], b]", "x", equals},
		{"!Equals [{a: b}, b]", "x", equals},
		{"!Equals [!Ref List, a]", "x", equals},
		{"!Equals [!Split [',', 'a,b'], a]", "x", equals},
		{"!And [!Equals [a, a]]", "x", boolean("And")},
		{"!And [" + eleven + "]", "x", boolean("And")},
		{"!And [a, b]", "x", boolean("And")},
		{"!Or [!Equals [a, a]]", "x", boolean("Or")},
		{"!Or [" + eleven + "]", "x", boolean("Or")},
		{"!Or {Condition: Is}", "x", boolean("Or")},
		{"!Not [!Equals [a, a], !Equals [a, a]]", "x", not},
		{"!Not []", "x", not},
		{"!Not [a]", "x", not},
		{"!Not {Condition: Is}", "x", not},
		{"!Not [!Equals [a]]", "x", equals},
		{"true", "x", "Template format error: Conditions can only be boolean operations on parameters and other conditions"},
		{"!Ref Name", "x", "Template format error: Conditions can only be boolean operations on parameters and other conditions"},
		{"!Condition Nowhere", "x", "Template format error: Unresolved condition dependency Nowhere in the Conditions block of the template"},
		{"!Equals [!ImportValue shared, a]", "x", "Template error: Cannot use Fn::ImportValue in Conditions."},
		{"!Equals [!GetAtt Topic.Arn, a]", "x", "Template format error: Unresolved dependencies [Topic]. Cannot reference resources in the Conditions block of the template"},
		{"!And [!Contains [[a], a], !Condition Is]", "x", "Template format error: Conditions can only be boolean operations on parameters and other conditions"},
		{"!Equals [a, !If [Is, a, b]]", "x", "Template error: Cannot use Fn::If in Conditions."},
		{"!And [!Condition C, !Condition C]", "x", "Template format error: Circular dependencies for conditions: [C]"},
		{"", "!If [Is, 1]", branch},
		{"", "!If [Is, 1, 2, 3]", branch},
		{"", "!If Is", branch},
		{"", "!If [!Equals [a, a], 1, 2]", "Template error: Fn::If requires a list argument with the first element being a condition"},
		{"", "!If [Not, !Join [a], 1]", join},
		{"", "!Join [a, b]", join},
		{"", "!Join [[a], [b]]", join},
		{"", "!Join ['', [a, [b]]]", join},
		{"", "!Join ['', [a, {b: c}]]", join},
		{"", "!Join ['', a, b]", join},
		{"", "!Select [0]", choice},
		{"", "!Select [0, a]", choice},
		{"", "!Select 0", choice},
		{"", "!Select [-1, [a]]", "Template error: Fn::Select cannot select nonexistent value at index -1"},
		{"", "!Select [[0], [a]]", "Template error: Fn::Select requires a list argument with a valid index value as its first element"},
		{"", "!Split [a]", split},
		{"", "!Split ['', a]", split},
		{"", "!Split [',', !Ref List]", split},
		{"", "!FindInMap [Regions, us-east-1]", find},
		{"", "!FindInMap [Regions, us-east-1, Image, {DefaultValue: x}]", find},
		{"", "!FindInMap [Regions, [us-east-1], Image]", find},
		{"", "!FindInMap [Nowhere, !Ref Name, Image]", "Template error: Mapping named 'Nowhere' is not present in the 'Mappings' section of template."},
		{"", "!GetAtt [Topic]", attr},
		{"", "!GetAtt ['', Arn]", attr},
		{"", "!Sub [a]", sub},
		{"", "!Sub [a, b]", sub},
		{"", "!Sub ['${A}', {A: 1}, b]", sub},
		{"", "!Sub '${A-b}'", "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons"},
		{"", "!Base64 [a]", "Template error: every Fn::Base64 object must have a String-typed value."},
		{"", "{'Fn::GetAZs': {a: b}}", "Template error: every Fn::GetAZs object must have a String-typed value."},
		{"", "!ImportValue [a]", "Template error: the attribute in Fn::ImportValue must be a string or a function that returns a string"},
		{"", "{'Fn::ImportValue': !Ref Topic}", export},
		{"", "{'Fn::ImportValue': !Sub '${Topic.Arn}'}", export},
		{"", "{'Fn::ImportValue': !ImportValue shared}", export},
		{"", "!Ref {a: b}", "Template error: every Ref object must have a single String value."},
	} {
		text := fmt.Sprintf(base, test.value)
		if test.condition != "" {
			text = strings.Replace(text, "Resources:", "  C: "+test.condition+"\nResources:", 1)
		}
		s, err := scope(t, text)
		if err == nil {
			_, err = s.Conditions()
		}
		if err == nil || err.Error() != test.want {
			t.Errorf("%s %s:\ngot  %v\nwant %s", test.condition, test.value, err, test.want)
		}
	}
	const rules = "Rules: {R: {Assertions: [{Assert: !Not [!Condition Is]}]}}\n"
	const unsupported = "Template format error: Following functions are not supported in the Rules block of the template: [Condition]."
	if _, err := template.Parse(rules + fmt.Sprintf(base, "x")); err == nil || err.Error() != unsupported {
		t.Errorf("a rule that names a condition: %v", err)
	}
}

// CloudFormation accepts keys that are given twice, and the last one counts.
func TestKeyGivenTwice(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"Resources": {"A": {"Type": "T", "Properties": {"P": "first", "Q": 1, "P": "last"}}}}`,
		"Resources:\n  A: {Type: Unheard}\n  A: {Type: T, Properties: {P: first, Q: 1, P: last}}\n",
	} {
		got, err := template.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if a := got.Resources["A"]; a.Type != "T" || a.Properties["P"] != "last" {
			t.Errorf("%s: %+v", text, a)
		}
	}
}

func TestTemplateErrors(t *testing.T) {
	t.Parallel()
	const one = "Resources: {A: {Type: T}}\n"
	for text, want := range map[string]string{
		``:                                        "Template format error: unsupported structure.",
		`[a]`:                                     "Template format error: unsupported structure.",
		`{"Resources": {}`:                        "Template format error: JSON not well-formed. (line 1, column 17)",
		"{\n \"Resources\" 1}":                    "Template format error: JSON not well-formed. (line 2, column 14)",
		`{"Resources": {}} x`:                     "Template format error: JSON not well-formed. (line 1, column 19)",
		`{"Resources": null}`:                     "Template format error: [/Resources] 'null' values are not allowed in templates",
		"Resources: {A: ":                         "Template format error: YAML not well-formed. (line 1: did not find expected node content)",
		"Resources: {A: {Type: ~}}":               "Template format error: [/Resources/A/Type] 'null' values are not allowed in templates",
		"a: &x 1\nb: *x":                          "Template format error: YAML aliases are not allowed in CloudFormation templates",
		"Foo: 1\nBar: 1\n" + one:                  "Invalid template property or properties [Bar, Foo]",
		`Description: x`:                          "Template format error: At least one Resources member must be defined.",
		"Resources: {}":                           "Template format error: At least one Resources member must be defined.",
		"Resources: {A: {}}":                      "Template format error: [/Resources/A] Every Resources object must contain a Type member.",
		"Resources: {A: 1}":                       "Template format error: [/Resources/A] Every Resources member must be an object.",
		"Resources: {A-b: {Type: T}}":             "Template format error: Resource name A-b is non alphanumeric.",
		"Resources: {A: {Type: T, Foo: 1}}":       "Invalid template resource property 'Foo'",
		"Resources: {A: {Type: T, DependsOn: B}}": "Template format error: Unresolved resource dependencies [B] in the Resources block of the template",
		"Resources: {A: {Type: T, Condition: C}}": "Template format error: Unresolved condition dependency C in the Resources block of the template",
		"Resources: {A: {Type: T, DeletionPolicy: Keep}}":                                                            "Template error: resource A: the embedded AWS does not support DeletionPolicy Keep",
		"Resources: {A: {Type: T, DependsOn: B}, B: {Type: T, Properties: {X: !Ref A}}, C: {Type: T, DependsOn: A}}": "Circular dependency between resources: [A, B]",
		"Description: " + strings.Repeat("x", 1025) + "\n" + one:                                                     "Template format error: 'Description' length is greater than 1024.",
		"AWSTemplateFormatVersion: '2011-01-01'\n" + one:                                                             "Template format error: unsupported value for AWSTemplateFormatVersion.",
		"Transform: AWS::Serverless-2017\n" + one:                                                                    `the embedded AWS does not support transforms and macros: Transform "AWS::Serverless-2017"`,
		"Parameters: {P: {Type: Foo}}\n" + one:                                                                       "Template format error: Unrecognized parameter type: Foo",
		"Parameters: {P: {Default: x}}\n" + one:                                                                      "Template format error: Every Parameters object must contain a Type member.",
		"Parameters: {P: {Type: String, Default: [x]}}\n" + one:                                                      "Template format error: Every Default member must be a string.",
		"Parameters: {A: {Type: String}}\n" + one:                                                                    "Template format error: A is defined as both a parameter and a resource.",
		"Resources: {A: {Type: T, Condition: [C]}}":                                                                  "Template format error: Every Condition member must be a string.",
		"Conditions: {C: !Equals [!Ref A, x]}\n" + one:                                                               "Template format error: Unresolved dependencies [A]. Cannot reference resources in the Conditions block of the template",
		"Conditions: {C: !Not [{Condition: D}]}\n" + one:                                                             "Template format error: Unresolved condition dependency D in the Conditions block of the template",
		"Conditions: {C: !Not [{Condition: C}]}\n" + one:                                                             "Template format error: Circular dependencies for conditions: [C]",
		"Outputs: {O: {Value: !Ref Z}}\n" + one:                                                                      "Template format error: Unresolved resource dependencies [Z] in the Outputs block of the template",
		"Outputs: {O: {Description: x}}\n" + one:                                                                     "Template format error: [/Outputs/O] Every Outputs member must contain a Value object",
		"Outputs: {O: {Value: x, Export: {Name: !Ref A}}}\n" + one:                                                   "Template format error: Output O is malformed. The Name field of every Export member must be specified and consist of a literal, or of parameters and pseudo parameters",
	} {
		_, err := template.Parse(text)
		if err == nil || err.Error() != want {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, want)
			continue
		}
		if _, ok := errors.AsType[*template.Error](err); !ok {
			t.Errorf("%s: error of type %T", text, err)
		}
	}
}

func TestJSONAndYAMLAreOne(t *testing.T) {
	t.Parallel()
	fromYAML, err := template.Parse(`
AWSTemplateFormatVersion: 2010-09-09
Resources:
  A:
    Type: T
    DeletionPolicy: Retain
    Properties: {N: 3, S: !Sub "${B.Arn}", L: [!GetAtt B.Arn, true], U: "\U0001F600"}
  B: {Type: T}
`)
	if err != nil {
		t.Fatal(err)
	}
	fromJSON, err := template.Parse(`{"AWSTemplateFormatVersion": "2010-09-09", "Resources": {
		"A": {"Type": "T", "DeletionPolicy": "Retain", "Properties": {"N": 3, "S": {"Fn::Sub": "${B.Arn}"},
			"L": [{"Fn::GetAtt": ["B", "Arn"]}, true], "U": "\ud83d\ude00"}},
		"B": {"Type": "T"}}}`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fromYAML.Resources, fromJSON.Resources); diff != "" {
		t.Error(diff)
	}
}

func TestParameters(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		declaration, value string
		want               any
		err                string
	}{
		{`Type: String`, "x", "x", ""},
		{`Type: Number, MinValue: 1, MaxValue: 5`, "5", "5", ""},
		{`Type: Number`, "five", nil, "Parameter validation failed: parameter value five for parameter name P is not a number"},
		{`Type: Number, MinValue: 1`, "0", nil, "Parameter 'P' must be a number not less than 1"},
		{`Type: Number, MaxValue: 5`, "6", nil, "Parameter 'P' must be a number not greater than 5"},
		{`Type: String, MinLength: 2`, "x", nil, "Parameter 'P' must contain at least 2 characters"},
		{`Type: String, MaxLength: 1`, "xy", nil, "Parameter 'P' must contain at most 1 characters"},
		{`Type: String, AllowedValues: [a, 1]`, "1", "1", ""},
		{`Type: String, AllowedValues: [a, b]`, "c", nil, "Parameter 'P' must be one of AllowedValues"},
		{`Type: String, AllowedPattern: "(?!x)[a-z]+"`, "abc", "abc", ""},
		{`Type: String, AllowedPattern: "(?!x)[a-z]+"`, "xyz", nil, "Parameter 'P' must match pattern (?!x)[a-z]+"},
		{`Type: String, AllowedPattern: "[a-z]+"`, "a1", nil, "Parameter 'P' must match pattern [a-z]+"},
		{`Type: String, AllowedPattern: "[a-z]+", ConstraintDescription: letters only`, "a1", nil, "Parameter 'P' failed to satisfy constraint: letters only"},
		{`Type: CommaDelimitedList`, "a, b", []any{"a", "b"}, ""},
		{`Type: "List<Number>"`, "1,2", []any{"1", "2"}, ""},
		{`Type: "List<Number>"`, "1,b", nil, "Parameter validation failed: parameter value b for parameter name P is not a number"},
		{`Type: "AWS::SSM::Parameter::Value<String>"`, "33", "33", ""},
		{`Type: "AWS::SSM::Parameter::Value<List<String>>"`, "a,b", []any{"a", "b"}, ""},
	} {
		parsed, err := template.Parse("Resources: {A: {Type: T}}\nParameters: {P: {" + test.declaration + "}}")
		if err != nil {
			t.Fatalf("%s: %v", test.declaration, err)
		}
		got, err := parsed.Parameters["P"].Value("P", test.value)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if text != test.err || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s %q = %v, %v", test.declaration, test.value, got, err)
		}
	}
}

func TestRulesAndConditions(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]bool{
		`!Equals [!Ref Name, n]`:                              true,
		`!Equals [1, "1"]`:                                    true,
		`!And [!Equals [a, a], !Equals [a, b]]`:               false,
		`!Or [!Equals [a, a], !Equals [a, b]]`:                true,
		`!Not [!Equals [a, a]]`:                               false,
		`{"Fn::Contains": [["1", "2"], "2"]}`:                 true,
		`{"Fn::Contains": [!Ref List, z]}`:                    false,
		`{"Fn::EachMemberEquals": [[a, a], a]}`:               true,
		`{"Fn::EachMemberEquals": [!Ref List, a]}`:            false,
		`{"Fn::EachMemberIn": [!Ref List, [a, b, c, d]]}`:     true,
		`{"Fn::EachMemberIn": [!Ref List, [a, b]]}`:           false,
		`!Not [{"Fn::Contains": [["1", "2"], !Ref Name]}]`:    true,
		`!Equals [!FindInMap [Regions, us-east-1, Image], x]`: false,
	} {
		s, err := scope(t, fmt.Sprintf(base, "x")+"Rules: {R: {Assertions: [{Assert: "+expression+", AssertDescription: It must be.}]}}")
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		err = s.CheckRules()
		if want && err != nil || !want && (err == nil || err.Error() != "Template error: Rule R failed: It must be.") {
			t.Errorf("%s: %v", expression, err)
		}
	}
	s, err := scope(t, fmt.Sprintf(base, "x")+`Rules: {R: {RuleCondition: !Equals [a, b], Assertions: [{Assert: !Equals [a, b]}]}}`)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.CheckRules(); err != nil {
		t.Errorf("a rule whose condition does not hold failed: %v", err)
	}
	conditions, err := s.Conditions()
	if err != nil || !reflect.DeepEqual(conditions, map[string]bool{"Is": true, "Not": false}) {
		t.Errorf("conditions = %v, %v", conditions, err)
	}
}

// The rule that the CDK puts into every template.
func TestCheckBootstrapVersion(t *testing.T) {
	t.Parallel()
	const text = `{"Resources": {"A": {"Type": "T"}},
"Parameters": {"BootstrapVersion": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/cdk-bootstrap/hnb659fds/version"}},
"Rules": {"CheckBootstrapVersion": {"Assertions": [{"Assert": {"Fn::Not": [{"Fn::Contains": [["1", "2", "3", "4", "5"], {"Ref": "BootstrapVersion"}]}]},
"AssertDescription": "Version 6 required."}]}}}`
	for version, want := range map[string]string{"33": "", "5": "Template error: Rule CheckBootstrapVersion failed: Version 6 required."} {
		s, err := scope(t, text)
		if err != nil {
			t.Fatal(err)
		}
		s.Parameters["BootstrapVersion"] = version
		got := ""
		if err := s.CheckRules(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("version %s: %q", version, got)
		}
	}
}

func TestDynamicReferences(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]any{
		`"{{resolve:ssm:/a}}"`: "<ssm /a>",
		`"x-{{resolve:ssm:/a:1}}-{{resolve:secretsmanager:s}}-y"`: "x-<ssm /a:1>-<secretsmanager s>-y",
		`"{{resolve:ssm:/a}}{{resolve:ssm:/a}}"`:                  "<ssm /a><ssm /a>",
		`!Sub "{{resolve:ssm-secure:${Name}:2}}"`:                 "<ssm-secure n:2>",
		`!Sub "{{resolve:ssm:${Topic.Later}}}"`:                   template.Unknown{Prefix: "{{resolve:ssm:"},
		`!Join ["", ["{{resolve:", "ssm:/a}}"]]`:                  "<ssm /a>",
		`!Join [":", ["{{resolve:ssm", !Ref Name, "3}}"]]`:        "<ssm n:3>",
		`!Split [" ", "{{resolve:ssm:/a}}"]`:                      []any{"<ssm", "/a>"},
		`!Base64 "{{resolve:ssm:/a}}"`:                            "PHNzbSAvYT4=",
		`{A: ["{{resolve:ssm:/a}}"]}`:                             map[string]any{"A": []any{"<ssm /a>"}},
		`"{{resolve:other:/a}} {{resolve:ssm:/a"`:                 "{{resolve:other:/a}} {{resolve:ssm:/a",
	} {
		s, err := scope(t, fmt.Sprintf(base, expression))
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		s.Reference = func(ref template.DynamicReference) (string, error) {
			return "<" + ref.Service + " " + ref.Key + ">", nil
		}
		v, err := s.Resolve(s.Template.Resources["It"].Properties["V"])
		if err != nil || !reflect.DeepEqual(v, want) {
			t.Errorf("%s = %#v, %v, want %#v", expression, v, err, want)
		}
	}
}

func TestReferences(t *testing.T) {
	t.Parallel()
	got := template.References(map[string]any{
		"A": map[string]any{"Ref": "Z"},
		"B": []any{map[string]any{"Fn::Sub": []any{"${X} ${Y.Arn} ${!No} ${L}", map[string]any{"L": map[string]any{"Ref": "M"}}}}},
		"C": map[string]any{"Fn::GetAtt": "G.A.B"},
	})
	want := []template.Reference{{Name: "G", Attribute: "A.B"}, {Name: "M"}, {Name: "X"}, {Name: "Y", Attribute: "Arn"}, {Name: "Z"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestActiveFollowsConditions(t *testing.T) {
	t.Parallel()
	s, err := scope(t, fmt.Sprintf(base, `!If [Not, !Ref Excluded, !Ref Topic]`)+"Outputs: {O: {Condition: Not, Value: !Ref Excluded}, P: {Value: !If [Is, a, !Ref Excluded]}}")
	if err != nil {
		t.Fatal(err)
	}
	active, err := s.Active()
	if err != nil {
		t.Fatal(err)
	}
	if _, there := active["Excluded"]; there || !reflect.DeepEqual(active["It"].Needs, []string{"Topic"}) {
		t.Errorf("active = %v", active)
	}
	outputs, err := s.ActiveOutputs(active)
	if err != nil || len(outputs) != 1 || outputs["P"].Value != "a" {
		t.Errorf("outputs = %v, %v", outputs, err)
	}
	if s, err = scope(t, fmt.Sprintf(base, "x")+"Outputs: {O: {Value: !Ref Excluded}}"); err != nil {
		t.Fatal(err)
	}
	if active, err = s.Active(); err != nil {
		t.Fatal(err)
	}
	const want = "Unresolved resource dependencies [Excluded] in the Outputs block of the template"
	if _, err = s.ActiveOutputs(active); err == nil || err.Error() != want {
		t.Errorf("an output of a resource that a condition excludes: %v", err)
	}
}

// Any template that parses must pass through the checks and the resolution
// without a panic.
func FuzzParse(f *testing.F) {
	f.Add(fmt.Sprintf(base, "!Sub '${Name}'"))
	f.Add(`{"Resources": {"A": {"Type": "T", "Properties": {"X": {"Fn::If": ["C", 1, {"Ref": "AWS::NoValue"}]}}}}, "Conditions": {"C": {"Fn::Equals": [1, 2]}}}`)
	f.Add("Resources: {A: {Type: T, DependsOn: [A]}}")
	f.Add("a: !Sub [*x")
	f.Add("Rules: {R: {Assertions: [{Assert: !Or [1]}]}}\nResources: {A: {Type: T}}")
	f.Add("Transform: AWS::LanguageExtensions\nResources: {'Fn::ForEach::L': [N, [a, b], {'A${N}': {Type: T, Properties: {V: {'Fn::ToJsonString': {a: !Ref N}}, L: {'Fn::Length': [a]}}}}]}")
	f.Add("Transform: AWS::LanguageExtensions\nConditions: {C: !Not [!Condition C]}\nResources: {A: {Type: T, DeletionPolicy: !If [C, Retain, Delete]}}")
	f.Add("Resources: {A: {Type: T, Properties: {V: [0b1, 012, 1:30, on, {012: x}], R: '{{resolve:ssm:/a:1}}'}}}")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := scope(t, text)
		if err != nil {
			return
		}
		if s.Template, err = s.Template.Expand(s); err != nil {
			return
		}
		_ = s.CheckRules()
		active, err := s.Active()
		if err != nil {
			return
		}
		for _, a := range active {
			_, _ = s.Resolve(a.Properties)
		}
		if outputs, err := s.ActiveOutputs(active); err == nil {
			for _, o := range outputs {
				_, _ = s.Resolve(o.Value)
			}
		}
	})
}

// FuzzServerless expands SAM's objects. What they become is a template that resolves
// without a panic.
func FuzzServerless(f *testing.F) {
	const sam = "Transform: AWS::Serverless-2016-10-31\n"
	for _, text := range []string{
		"Resources: {F: {Type: AWS::Serverless::Function, Properties: {Handler: h, Runtime: provided.al2023, CodeUri: s3://b/k, AutoPublishAlias: live, DeploymentPreference: {Type: AllAtOnce}, Events: {A: {Type: Api, Properties: {Path: '/{id}', Method: get}}, S: {Type: SQS, Properties: {Queue: !Ref Q}}, T: {Type: Schedule, Properties: {Schedule: rate(1 day)}}}}}, Q: {Type: AWS::SQS::Queue}}",
		"Globals: {Function: {Timeout: 3, Environment: {Variables: {A: b}}}}\nResources: {F: {Type: AWS::Serverless::Function, Properties: {Handler: h, Runtime: provided.al2023, InlineCode: x, Policies: [{SQSPollerPolicy: {QueueName: q}}, AWSLambdaExecute], FunctionUrlConfig: {AuthType: NONE}}}}",
		"Resources: {A: {Type: AWS::Serverless::Api, Properties: {StageName: p, Auth: {DefaultAuthorizer: Z, Authorizers: {Z: {FunctionArn: arn}}, ApiKeyRequired: true, UsagePlan: {CreateUsagePlan: PER_API}}, Cors: \"'*'\", Domain: {DomainName: d, CertificateArn: c}}}}",
		"Resources: {A: {Type: AWS::Serverless::HttpApi, Properties: {Auth: {Authorizers: {J: {JwtConfiguration: {issuer: i, audience: [a]}, IdentitySource: s}}}}}, T: {Type: AWS::Serverless::SimpleTable}, L: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: s3://b/l}}}",
		"Resources: {C: {Type: AWS::Serverless::Connector, Properties: {Source: {Id: F}, Destination: {Id: T}, Permissions: [Read]}}, F: {Type: AWS::Lambda::Function, Properties: {Role: r}}, T: {Type: AWS::DynamoDB::Table}}",
	} {
		f.Add(sam + text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := scope(t, text)
		if err != nil {
			return
		}
		if s.Template, err = s.Template.Expand(s); err != nil {
			if strings.Contains(err.Error(), "panic") {
				t.Error(err)
			}
			return
		}
		active, err := s.Active()
		if err != nil {
			return
		}
		for name, a := range active {
			if strings.HasPrefix(a.Type, "AWS::Serverless::") && len(s.Template.Transforms) > 0 {
				t.Errorf("%s is still %s", name, a.Type)
			}
			_, _ = s.Resolve(a.Properties)
		}
	})
}
