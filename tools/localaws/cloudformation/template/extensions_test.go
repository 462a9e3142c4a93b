package template_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/magewright/magewright/tools/localaws/cloudformation/template"
)

// extended declares what the tests of the transform refer to.
const extended = `
Transform: AWS::LanguageExtensions
Parameters:
  Names: {Type: CommaDelimitedList, Default: "x, y"}
  Keep: {Type: String, Default: Retain}
Mappings:
  Sizes: {large: {Disk: 10, Zones: [a, b]}, small: {Disk: 1}}
Conditions:
  Is: !Equals [a, a]
`

// expanded parses a template and applies its transform.
func expanded(text string) (*template.Template, *template.Scope, error) {
	parsed, err := template.Parse(text)
	if err != nil {
		return nil, nil, err
	}
	s := &template.Scope{
		Template: parsed, Pseudo: map[string]any{"AWS::Region": "us-east-1"}, Parameters: map[string]any{},
		Resource: func(logicalID, attribute string) (any, error) {
			if attribute == "Later" {
				return template.Unknown{}, nil
			}
			return strings.TrimSuffix(logicalID+"/"+attribute, "/"), nil
		},
	}
	for name, p := range parsed.Parameters {
		if p.Default == nil {
			continue
		}
		if s.Parameters[name], err = p.Value(name, *p.Default); err != nil {
			return nil, nil, err
		}
	}
	result, err := parsed.Expand(s)
	if err != nil {
		return nil, nil, err
	}
	s.Template = result
	return result, s, nil
}

func TestForEach(t *testing.T) {
	t.Parallel()
	result, s, err := expanded(extended + `
  Fn::ForEach::Flags:
    - Size
    - [large, small]
    - "Is${Size}": !Equals ["${Size}", small]
Resources:
  Plain: {Type: T, Properties: {Text: "${Name}", V: !Sub "${AWS::Region}"}}
  Fn::ForEach::Outer:
    - Name
    - !Ref Names
    - "Top${Name}":
        Type: T
        Properties: {Self: !Ref Name, Text: "a-${Name}", Sub: !Sub "${Name}.${AWS::Region}", Join: !Join [".", [!Ref Name, fifo]], Plain: !Ref Plain}
      Fn::ForEach::Inner:
        - Ip
        - [10.0.0.1, 10.0.0.2]
        - "Low${Name}&{Ip}":
            Type: T
            DependsOn: "Top${Name}"
            Properties:
              Ip: !Ref Ip
              Of: !GetAtt "Top${Name}.Arn"
              ByName: {Ref: {"Fn::Sub": "Top${Name}"}}
              "Key${Name}": 1
  Loops:
    Type: T
    Properties:
      Fn::ForEach::Properties:
        - Zone
        - !FindInMap [Sizes, large, Zones]
        - "Zone${Zone}": !Sub "in ${Zone}"
      Kept: true
  Fn::ForEach::Sized:
    - Size
    - [large, small]
    - "Disk${Size}": {Type: T, Condition: "Is${Size}", Properties: {Size: !FindInMap [Sizes, !Ref Size, Disk]}}
Outputs:
  Fn::ForEach::Out:
    - Name
    - !Ref Names
    - "Out${Name}": {Value: !Ref "Top${Name}"}
`)
	if err != nil {
		t.Fatal(err)
	}
	active, err := s.Active()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]any{}
	for name, a := range active {
		if got[name], err = s.Resolve(a.Properties); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	top := func(name string) map[string]any {
		return map[string]any{"Self": name, "Text": "a-" + name, "Sub": name + ".us-east-1", "Join": name + ".fifo", "Plain": "Plain"}
	}
	low := func(name, ip string) map[string]any {
		return map[string]any{"Ip": ip, "Of": "Top" + name + "/Arn", "ByName": "Top" + name, "Key" + name: 1.0}
	}
	want := map[string]any{
		"Plain": map[string]any{"Text": "${Name}", "V": "us-east-1"},
		"Topx":  top("x"), "Topy": top("y"),
		"Lowx10001": low("x", "10.0.0.1"), "Lowx10002": low("x", "10.0.0.2"),
		"Lowy10001": low("y", "10.0.0.1"), "Lowy10002": low("y", "10.0.0.2"),
		"Loops":     map[string]any{"Zonea": "in a", "Zoneb": "in b", "Kept": true},
		"Disksmall": map[string]any{"Size": 1.0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if needs := active["Lowx10001"].Needs; !reflect.DeepEqual(needs, []string{"Topx"}) {
		t.Errorf("Lowx10001 needs %v", needs)
	}
	if len(result.Outputs) != 2 || !reflect.DeepEqual(result.Outputs["Outy"].Value, map[string]any{"Ref": "Topy"}) {
		t.Errorf("outputs = %v", result.Outputs)
	}
	var processed map[string]any
	if err := json.Unmarshal([]byte(result.Processed), &processed); err != nil {
		t.Fatal(err)
	}
	resources := processed["Resources"].(map[string]any)
	if _, transform := processed["Transform"]; transform || len(resources) != 10 {
		t.Errorf("processed: %s", result.Processed)
	}
	if want := map[string]any{"Type": "T", "Condition": "Islarge", "Properties": map[string]any{"Size": 10.0}}; !reflect.DeepEqual(resources["Disklarge"], want) {
		t.Errorf("processed Disklarge = %v", resources["Disklarge"])
	}
	if !strings.HasPrefix(result.Text, extended) || result.Original == nil {
		t.Error("the original template is lost")
	}
}

func TestExtendedFunctions(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]any{
		`{"Fn::ToJsonString": {a: 1}}`:                                                    `{"a":1}`,
		`{"Fn::ToJsonString": [a, 1, true, {b: "<&>"}]}`:                                  `["a",1,true,{"b":"<&>"}]`,
		`{"Fn::ToJsonString": {a: !Ref Names, b: !GetAtt B.Arn, c: !Ref "AWS::NoValue"}}`: `{"a":["x","y"],"b":"B/Arn"}`,
		`{"Fn::ToJsonString": {a: !If [Is, 1, 2], b: !Sub "${AWS::Region}"}}`:             `{"a":1,"b":"us-east-1"}`,
		`{"Fn::ToJsonString": {a: !GetAtt B.Later}}`:                                      template.Unknown{},
		`{"Fn::ToJsonString": {a: {"Fn::ToJsonString": [1]}}}`:                            `{"a":"[1]"}`,
		`{"Fn::Length": !Ref Names}`:                                                      2.0,
		`{"Fn::Length": [1, !Ref B, 3]}`:                                                  3.0,
		`{"Fn::Length": !Split [",", "a,b,c,d"]}`:                                         4.0,
		`!FindInMap [Sizes, large, Disk]`:                                                 10.0,
		`!FindInMap [Sizes, huge, Disk, {DefaultValue: 99}]`:                              99.0,
		`!FindInMap [Nowhere, huge, Disk, {DefaultValue: !GetAtt B.Arn}]`:                 "B/Arn",
		`!FindInMap [Sizes, !Select [0, [small, large]], Disk, {DefaultValue: 9}]`:        1.0,
		`[!FindInMap [Sizes, huge, Disk, {DefaultValue: !Ref "AWS::NoValue"}], 1]`:        []any{1.0},
	} {
		_, s, err := expanded(extended + "Resources: {B: {Type: T}, A: {Type: T, Properties: {V: " + expression + "}}}")
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		v, err := s.Resolve(s.Template.Resources["A"].Properties["V"])
		if err != nil || !reflect.DeepEqual(v, want) {
			t.Errorf("%s = %#v, %v, want %#v", expression, v, err, want)
		}
	}
	for attribute, want := range map[string]string{
		`Retain`:                   template.Retain,
		`!Ref Keep`:                template.Retain,
		`!If [Is, Delete, Retain]`: template.Delete,
		`!FindInMap [A, b, c, {DefaultValue: Retain}]`: template.Retain,
	} {
		result, _, err := expanded(extended + "Resources: {A: {Type: T, DeletionPolicy: " + attribute + ", UpdateReplacePolicy: " + attribute + "}}")
		if err != nil {
			t.Errorf("%s: %v", attribute, err)
		} else if a := result.Resources["A"]; a.DeletionPolicy != want || a.UpdateReplacePolicy != want {
			t.Errorf("%s: %s, %s", attribute, a.DeletionPolicy, a.UpdateReplacePolicy)
		}
	}
}

func TestExtensionErrors(t *testing.T) {
	t.Parallel()
	const failed = "Transform AWS::LanguageExtensions failed with: "
	loop := func(args string) string { return extended + "Resources: {'Fn::ForEach::L': " + args + "}" }
	for text, want := range map[string]string{
		loop(`a`):                                       failed + "Fn::ForEach layout is incorrect",
		loop(`[N, [a]]`):                                failed + "Fn::ForEach layout is incorrect",
		loop(`[N, a, {"A${N}": {Type: T}}]`):            failed + "Fn::ForEach layout is incorrect",
		loop(`[N, [a], "A${N}"]`):                       failed + "Fn::ForEach layout is incorrect",
		loop(`[[N], [a], {"A${N}": {Type: T}}]`):        failed + "Fn::ForEach layout is incorrect",
		loop(`[N, !Ref Keep, {"A${N}": {Type: T}}]`):    failed + "Could not find a collection or could not be resolved for Fn::ForEach",
		loop(`[N, !Ref Nowhere, {"A${N}": {Type: T}}]`): failed + "Could not find a collection or could not be resolved for Fn::ForEach",
		loop(`[N, [a, {b: c}], {"A${N}": {Type: T}}]`):  failed + "Could not find a collection or could not be resolved for Fn::ForEach",
		loop(`[N, [a, b], {A: {Type: T}}]`):             failed + "the key A of Fn::ForEach::L must contain ${N} or &{N}",
		loop(`[N, [a.b], {"A${N}": {Type: T}}]`):        failed + "LogicalId 'Aa.b' should be alphanumeric",
		loop(`[N, [a.b, ab], {"A&{N}": {Type: T}}]`):    failed + "the key Aab is there twice",
		loop(`[N, [a], {"A${N}": {Type: T, Properties: {"Fn::ForEach::L": [M, [a], {"${M}": 1}]}}}]`):                                                         failed + "the name of the loop Fn::ForEach::L must be alphanumeric and unique",
		extended + "Resources: {L: {Type: T}, 'Fn::ForEach::L': [N, [a], {'A${N}': {Type: T}}]}":                                                              failed + "the name of the loop Fn::ForEach::L must be alphanumeric and unique",
		extended + "Resources: {A: {Type: T, Properties: {V: {'Fn::Length': !GetAtt A.Arn}}}}":                                                                failed + "The Fn::Length value could not be resolved for properties",
		extended + "Resources: {A: {Type: T, Properties: {V: {'Fn::Length': text}}}}":                                                                         failed + "Fn::Length layout is incorrect",
		extended + "Resources: {A: {Type: T, Properties: {V: {'Fn::ToJsonString': text}}}}":                                                                   failed + "Fn::ToJsonString layout is incorrect",
		extended + "Resources: {A: {Type: T, DeletionPolicy: !GetAtt B.Arn}, B: {Type: T}}":                                                                   failed + "Unsupported expression for DeletionPolicy in resource A",
		extended + "Resources: {A: {Type: T, DeletionPolicy: !Ref AWS::NoValue}}":                                                                             failed + "AWS::NoValue is not supported for DeletionPolicy or UpdateReplacePolicy",
		extended + "Resources: {A: {Type: T, DeletionPolicy: !Ref Names}}":                                                                                    failed + "Every DeletionPolicy member must be a string",
		extended + "Metadata: {M: {'Fn::Length': [a]}}\nResources: {A: {Type: T}}":                                                                            failed + "the functions of the transform are not supported in the section Metadata",
		extended + "Resources: {A: {Type: T, Properties: {V: !Ref Nowhere}}}":                                                                                 "Template format error: Unresolved resource dependencies [Nowhere] in the Resources block of the template",
		"Transform: AWS::LanguageExtensions\nConditions: {C: !Not [!Condition C]}\nResources: {A: {Type: T, DeletionPolicy: !If [C, Retain, Delete]}}":        failed + "Unsupported expression for DeletionPolicy in resource A",
		"Transform: AWS::LanguageExtensions\nConditions: {C: !Equals [!If [C, a, b], a]}\nResources: {A: {Type: T, DeletionPolicy: !If [C, Retain, Delete]}}": failed + "Unsupported expression for DeletionPolicy in resource A",
		loop(`[A, !Ref Many, {"Fn::ForEach::M": [B, !Ref Many, {"Fn::ForEach::O": [C, [a], {}]}]}]`):                                                          failed + "the loops produce more than 20000 members",
		"Transform: [AWS::LanguageExtensions, AWS::Include]\nResources: {A: {Type: T}}":                                                                       "Transform AWS::Include failed with: The value of parameter Location under transform Include must resolve to a string, number, boolean or a list of any of these.",
		"Transform: {Name: X}\nResources: {A: {Type: T}}":                                                                                                     `the embedded AWS does not support transforms and macros: Transform {"Name":"X"}`,
		"Resources: {A: {Type: T, DeletionPolicy: !Ref P}}\nParameters: {P: {Type: String}}":                                                                  "Template format error: Every DeletionPolicy member must be a string.",
		"Resources: {A: {Type: T, UpdateReplacePolicy: [Retain]}}":                                                                                            "Template format error: Every UpdateReplacePolicy member must be a string.",
		loop(`[A, !Ref Many, {"Fn::ForEach::M": [B, !Ref Many, {"X${A}${B}": {Type: T}}]}]`) + "\n":                                                           failed + "the loops produce more than 20000 members",
	} {
		many := "  Many: {Type: CommaDelimitedList, Default: '" + numbers(200) + "'}\n"
		text = strings.Replace(text, "Parameters:\n", "Parameters:\n"+many, 1)
		if _, _, err := expanded(text); err == nil || err.Error() != want {
			_, resources, _ := strings.Cut(text, "Resources:")
			t.Errorf("%s\ngot  %v\nwant %s", resources, err, want)
		}
	}
}

// numbers lists n numbers.
func numbers(n int) string {
	var list []string
	for i := range n {
		list = append(list, strings.Repeat("1", i%10)+"0"+strings.Repeat("2", i/10))
	}
	return strings.Join(list, ",")
}
