package readiness

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const (
	stagingPlace    = "aws://111122223333/eu-west-1"
	productionPlace = "aws://444455556666/eu-central-1"
)

// stages returns the templates of the passing fixture.
func stages(t *testing.T) (staging, production json.RawMessage) {
	t.Helper()
	var assembly Assembly
	if err := inputs(t, "parity", "pass").Read(&assembly); err != nil {
		t.Fatal(err)
	}
	stacks := assembly.Stacks
	return stacks[stagingStack].Template, stacks[productionStack].Template
}

func canonical(t *testing.T, template json.RawMessage, stack, place string) map[string]any {
	t.Helper()
	c, err := canonicalBeside(template, nil, stack, place)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestCanonicalValues checks which values count as equal and which do not.
func TestCanonicalValues(t *testing.T) {
	t.Parallel()
	c := newCanonicaliser([]string{"Role1ABCC5F0", "TwinAAAAAAAA", "TwinBBBBBBBB", "ParameterCCCCCCCC", "V4E2B22613ba49b5fd83eb98f5c500e19fce5d67b"}, map[string]any{"Parameter": nil}, stagingStack, stagingPlace)
	for in, want := range map[string]string{
		`{"Ref":"Role1ABCC5F0"}`:                `{"Fn::Sub":"${Role}"}`,
		`{"Fn::GetAtt":["Role1ABCC5F0","Arn"]}`: `{"Fn::Sub":"${Role.Arn}"}`,
		`{"Fn::GetAtt":"Role1ABCC5F0.Arn"}`:     `{"Fn::Sub":"${Role.Arn}"}`,
		`{"Fn::Join":["/",["a",{"Ref":"Role1ABCC5F0"},{"Fn::Sub":"${Role1ABCC5F0.Arn}${!b}"}]]}`: `{"Fn::Sub":"a/${Role}/${Role.Arn}${!b}"}`,
		`{"Ref":"V4E2B22613ba49b5fd83eb98f5c500e19fce5d67b"}`:                                    `{"Fn::Sub":"${V}"}`,
		`{"Ref":"ParameterCCCCCCCC"}`:                                                            `{"Fn::Sub":"${ParameterCCCCCCCC}"}`,
		`{"Ref":"TwinAAAAAAAA"}`:                                                                 `{"Fn::Sub":"${TwinAAAAAAAA}"}`,
		`"arn:x:eu-west-1:111122223333:y"`:                                                       `{"Fn::Sub":"arn:x:${AWS::Region}:${AWS::AccountId}:y"}`,
		`"eu-west-10 2111122223333 xeu"`:                                                         `"eu-west-10 2111122223333 xeu"`,
		`"magewright-staging-Errors"`:                                                            `{"Fn::Sub":"${AWS::StackName}-Errors"}`,
		`"magewright-production"`:                                                                `"magewright-production"`,
		`"${Role1ABCC5F0}"`:                                                                      `"${Role1ABCC5F0}"`,
		`{"Fn::Sub":"${!Role1ABCC5F0}"}`:                                                         `"${Role1ABCC5F0}"`,
		`{"Fn::Join":[",",{"Ref":"List"}]}`:                                                      `{"Fn::Join":[",",{"Fn::Sub":"${List}"}]}`,
		`[1,true,{"a":{}}]`:                                                                      `[1,true,{"a":{}}]`,
	} {
		var v any
		if err := json.Unmarshal([]byte(in), &v); err != nil {
			t.Fatal(err)
		}
		once := c.value(v)
		got, err := json.Marshal(once)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s becomes %s, want %s", in, got, want)
		}
		if !reflect.DeepEqual(c.value(once), once) {
			t.Errorf("%s becomes %s, and then %v", in, got, c.value(once))
		}
	}
}

// FuzzCanonicalTemplate checks that the canonical form of a canonical template
// is that template, and that swapping the two stages gives differences in the
// same places.
func FuzzCanonicalTemplate(f *testing.F) {
	f.Add("Role1ABCC5F0", "magewright-staging-111122223333", "${Role1ABCC5F0.Arn}${!x}")
	f.Add("A11111111", "${111122223333", "${!${A.B}")
	f.Add("a/~0", "", "${")
	f.Fuzz(func(t *testing.T, id, text, sub string) {
		template := func(id, text, sub string) json.RawMessage {
			data, err := json.Marshal(map[string]any{"Description": text, "Resources": map[string]any{
				"Role1ABCC5F0": map[string]any{"Type": "T", "Properties": map[string]any{text: sub}},
				id: map[string]any{"DependsOn": []string{sub, id, text}, "Properties": map[string]any{
					"Text": text, "Sub": map[string]any{"Fn::Sub": sub}, "Ref": map[string]any{"Ref": id}, "Att": map[string]any{"Fn::GetAtt": []string{id, text}},
					"Join": map[string]any{"Fn::Join": []any{sub, []any{text, map[string]any{"Fn::Sub": sub}, sub}}},
				}},
			}})
			if err != nil {
				t.Fatal(err)
			}
			return data
		}
		var forms []map[string]any
		for _, written := range []json.RawMessage{template(id, text, sub), template(id, sub, text)} {
			once := canonical(t, written, stagingStack, stagingPlace)
			data, err := json.Marshal(once)
			if err != nil {
				t.Fatal(err)
			}
			if twice := canonical(t, data, stagingStack, stagingPlace); !reflect.DeepEqual(once, twice) {
				t.Errorf("%v\nbecomes\n%v", once, twice)
			}
			forms = append(forms, once)
		}
		ahead, n := differences(forms[0], forms[1])
		back, m := differences(forms[1], forms[0])
		for i, d := range back {
			back[i] = difference{d.path, d.other, d.one}
		}
		if n != m || !reflect.DeepEqual(ahead, back) {
			t.Errorf("%d differences in %d values, and swapped %d in %d", len(ahead), n, len(back), m)
		}
		if same, _ := differences(forms[0], forms[0]); len(same) > 0 {
			t.Errorf("a template differs from itself: %v", same)
		}
	})
}

// TestEachInjectedDifferenceIsFound changes and removes each value of
// production's template, one at a time. Each must cause a new difference
// between the stages, except for a change to a value that is declared.
func TestEachInjectedDifferenceIsFound(t *testing.T) {
	t.Parallel()
	staging, production := stages(t)
	want := canonical(t, staging, stagingStack, stagingPlace)
	before, _ := differences(want, canonical(t, production, productionStack, productionPlace))
	injected := 0
	var document map[string]any
	if err := json.Unmarshal(production, &document); err != nil {
		t.Fatal(err)
	}
	try := func(path, kind string) {
		injected++
		data, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		after, _ := differences(want, canonical(t, data, productionStack, productionPlace))
		if reflect.DeepEqual(before, after) {
			t.Errorf("%s %s: no difference was found", path, kind)
		}
	}
	var walk func(v any, path string, set func(any))
	walk = func(v any, path string, set func(any)) {
		switch v := v.(type) {
		case map[string]any:
			for key, e := range v {
				if key == "Metadata" {
					continue
				}
				if path != "" || key != "Resources" {
					delete(v, key)
					try(path+"/"+key, "removed")
				}
				v[key+"Other"] = e
				try(path+"/"+key+"Other", "added")
				delete(v, key+"Other")
				v[key] = e
				walk(e, path+"/"+key, func(fresh any) { v[key] = fresh })
			}
		case []any:
			for i, e := range v {
				walk(e, path+"/-", func(fresh any) { v[i] = fresh })
			}
			set(append(slices.Clone(v), "more"))
			try(path, "longer")
			set(v)
		case string:
			set(v + "x")
			try(path, "changed")
			set(v)
		case float64:
			set(v + 1)
			try(path, "changed")
			set(v)
		case bool:
			set(!v)
			try(path, "changed")
			set(v)
		}
	}
	walk(document, "", func(any) {})
	if injected < 500 {
		t.Errorf("%d differences were injected, want 500 at least", injected)
	}
	t.Logf("%d differences were injected", injected)
}

func TestParityOfThePolicyIsChecked(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`parity: {"/Description": "each says which it is"}`:   "",
		`parity: {"/Description": " "}`:                       "has no reason",
		`parity: {"Resources.Role": "points and no pointer"}`: "is not a JSON Pointer",
	} {
		_, err := ParsePolicy(PolicyFile, []byte("required: [parity]\nmaxAge: 24h\n"+text))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// TestOurOwnPolicyCanBeRead checks our own policy. Otherwise only the next
// release, which reads it from its base, would notice that it can't be read.
func TestOurOwnPolicyCanBeRead(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../infra/" + PolicyFile)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParsePolicy(PolicyFile, text); err != nil {
		t.Error(err)
	}
}
