package expression_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/magewright/magewright/tools/localaws/dynamodb/expression"
	"github.com/magewright/magewright/tools/localaws/dynamodb/value"
)

// parse reads a value in a short form: JSON, with {"SS": [...]}, {"NS": [...]},
// {"BS": [...]} and {"B": "..."} for what JSON doesn't have.
func parse(t testing.TB, text string) value.Value {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	parsed, err := value.FromAWS(convert(v))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return parsed
}

func convert(v any) types.AttributeValue {
	texts := func(list any) (out []string) {
		for _, e := range list.([]any) {
			out = append(out, fmt.Sprint(e))
		}
		return out
	}
	switch v := v.(type) {
	case nil:
		return &types.AttributeValueMemberNULL{Value: true}
	case bool:
		return &types.AttributeValueMemberBOOL{Value: v}
	case string:
		return &types.AttributeValueMemberS{Value: v}
	case json.Number:
		return &types.AttributeValueMemberN{Value: v.String()}
	case []any:
		list := []types.AttributeValue{}
		for _, e := range v {
			list = append(list, convert(e))
		}
		return &types.AttributeValueMemberL{Value: list}
	case map[string]any:
		if list, ok := v["SS"]; ok {
			return &types.AttributeValueMemberSS{Value: texts(list)}
		}
		if list, ok := v["NS"]; ok {
			return &types.AttributeValueMemberNS{Value: texts(list)}
		}
		if list, ok := v["BS"]; ok {
			var bs [][]byte
			for _, s := range texts(list) {
				bs = append(bs, []byte(s))
			}
			return &types.AttributeValueMemberBS{Value: bs}
		}
		if b, ok := v["B"].(string); ok {
			return &types.AttributeValueMemberB{Value: []byte(b)}
		}
		m := map[string]types.AttributeValue{}
		for k, e := range v {
			m[k] = convert(e)
		}
		return &types.AttributeValueMemberM{Value: m}
	}
	panic(fmt.Sprintf("%T", v))
}

// show is the opposite of parse, with the attributes in order.
func show(v value.Value) string {
	list := func(open, close string, elements []value.Value) string {
		var parts []string
		for _, e := range elements {
			parts = append(parts, show(e))
		}
		return open + strings.Join(parts, ",") + close
	}
	switch v.Kind() {
	case value.String:
		return fmt.Sprintf("%q", v.Text())
	case value.Number:
		return value.FormatNumber(v)
	case value.Binary:
		return fmt.Sprintf(`{"B":%q}`, v.Text())
	case value.Bool:
		return fmt.Sprint(v.Bool())
	case value.Null:
		return "null"
	case value.List:
		return list("[", "]", v.Elements())
	case value.Map:
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(v.Item())) {
			parts = append(parts, fmt.Sprintf("%q:%s", name, show(v.Item()[name])))
		}
		return "{" + strings.Join(parts, ",") + "}"
	default:
		return list(fmt.Sprintf(`{%q:[`, v.Kind().String()), "]}", v.Elements())
	}
}

// names and values are the placeholders of all cases.
var names = map[string]string{"#a": "a", "#status": "status", "#dot": "x.y"}

func values(t testing.TB) map[string]value.Value {
	t.Helper()
	out := map[string]value.Value{}
	for name, text := range map[string]string{
		":s": `"abc"`, ":ab": `"ab"`, ":one": `1`, ":two": `2`, ":dec": `1.0`, ":true": `true`, ":null": `null`, ":list": `[1,"x"]`, ":empty": `[]`,
		":map": `{"k":1}`, ":ss": `{"SS":["x","y"]}`, ":ns": `{"NS":["1","2"]}`, ":b": `{"B":"ab"}`, ":N": `"N"`, ":odd": `"Q"`, ":x": `"x"`, ":n5": `5`,
	} {
		out[name] = parse(t, text)
	}
	return out
}

func substitutions(t testing.TB) *expression.Substitutions {
	t.Helper()
	s, err := expression.NewSubstitutions(names, values(t))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const item = `{"a":"abc","n":1,"d":2.50,"b":{"B":"abc"},"l":[1,{"k":"v"},[7,8]],"m":{"k":1,"deep":{"er":["x"]}},"ss":{"SS":["x","y"]},"ns":{"NS":["1","3"]},"t":true,"z":null,"x.y":"dotted","status":"open","things":["x",1]}`

func TestConditions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"a = :s": true, "a <> :s": false, "absent = :s": false, "absent <> :s": true, "n = :dec": true, "n < :two": true, "n >= :one": true, "n > :one": false,
		"a < :one": false, "NOT a < :one": true, "#dot = :s": false, "attribute_exists(#dot)": true, "attribute_exists(m.deep.er[0])": true, "attribute_exists(m.deep.er[1])": false,
		"attribute_not_exists(absent)": true, "attribute_not_exists(a)": false, "attribute_type(n, :N)": true, "attribute_type(a, :N)": false,
		"begins_with(a, :ab)": true, "begins_with(b, :b)": true, "begins_with(b, :ab)": false, "begins_with(n, :ab)": false,
		"contains(a, :ab)": true, "contains(ss, :x)": true, "contains(ns, :one)": true, "contains(ns, :two)": false, "contains(l, :one)": true, "contains(things, :x)": true, "contains(b, :b)": true, "contains(t, :x)": false,
		"size(a) = :n5": false, "size(l) > :two": true, "size(ss) = :two": true, "size(n) = :one": false, "size(m) = :two": true, "size(b) > :two": true,
		"n BETWEEN :one AND :two": true, "d between :one and :two": false, "n IN (:two, :one)": true, "n in (:two)": false, "absent IN (:one)": false,
		"a = :s AND n = :two": false, "a = :s OR n = :two": true, "NOT (a = :s) OR n = :one": true, "a = :ab OR a = :s AND n = :two": false, "(a = :ab OR a = :s) AND n = :one": true,
		"not not a = :s": true, "l[1].k = :x": false, "l[2][1] > :n5": true, "m = :map": false, "ss = :ss": true, "t = :true AND z = :null": true, "(a) = :s": true, "n=:one and(a=:s)": true,
		":one < n": false, ":two > n": true, "a <> n": true, "size(a) < size(item2)": false,
	} {
		test, err := expression.ParseTest(expression.Condition, text, substitutions(t))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := test.Matches(parse(t, item).Item()); got != want {
			t.Errorf("%s is %t", text, got)
		}
	}
}

func TestInvalidConditions(t *testing.T) {
	t.Parallel()
	in := "a IN (" + strings.Repeat(":one, ", 100) + ":one)"
	for text, want := range map[string]string{
		"":                                "The expression can not be empty;",
		"a":                               `Syntax error; token: "<EOF>", near: "a"`,
		"a =":                             `Syntax error; token: "<EOF>", near: "="`,
		"a = :s b":                        `Syntax error; token: "b", near: ":s b"`,
		"a == :s":                         `Syntax error; token: "=", near: "== :s"`,
		"a = ?":                           `Syntax error; token: "?", near: "= ?"`,
		"(a = :s":                         `Syntax error; token: "<EOF>", near: ":s"`,
		"a = 5":                           `Syntax error; token: "5", near: "= 5"`,
		"status = :s AND a = :none":       "Attribute name is a reserved keyword; reserved keyword: status",
		"a = :none":                       "An expression attribute value used in expression is not defined; attribute value: :none",
		"#none = :s":                      "An expression attribute name used in the document path is not defined; attribute name: #none",
		"((a = :s))":                      "The expression has redundant parentheses;",
		"foo(a)":                          "Invalid function name; function: foo",
		"BEGINS_WITH(a, :s)":              "Invalid function name; function: BEGINS_WITH",
		"attribute_exists(a, n)":          "Incorrect number of operands for operator or function; operator or function: attribute_exists, number of operands: 2",
		"attribute_exists(:s)":            "Operator or function requires a document path; operator or function: attribute_exists",
		"begins_with(a, :one)":            "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N",
		"attribute_type(a, :odd)":         "Invalid attribute type name found; type: Q, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}",
		"a < :map":                        "Incorrect operand type for operator or function; operator or function: <, operand type: M",
		"a BETWEEN :two AND :one":         "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {N:2}, upper bound operand: AttributeValue: {N:1}",
		"a BETWEEN :s AND :one":           "The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: {S:abc}, upper bound operand: AttributeValue: {N:1}",
		"a = a":                           "The first operand must be distinct from the remaining operands for this operator or function; operator: =, first operand: [a]",
		"if_not_exists(a, :s) = :s":       "The function is not allowed in a condition expression; function: if_not_exists",
		"size(:one) = :one":               "Incorrect operand type for operator or function; operator or function: size, operand type: N",
		"a = attribute_exists(n)":         "The function is not allowed to be used this way in an expression; function: attribute_exists",
		"a[99999999999] = :s":             "List index is not within the allowable range; index: [99999999999]",
		in:                                "The IN operator is provided with too many operands; number of operands: 101",
		strings.Repeat("a = :s OR ", 500): "Expression size has exceeded the maximum allowed size; expression size: 5000",
	} {
		_, err := expression.ParseTest(expression.Condition, text, substitutions(t))
		if want = "Invalid ConditionExpression: " + want; err == nil || err.Error() != want {
			t.Errorf("%s:\n%v, want\n%s", text, err, want)
		}
	}
}

func TestSubstitutions(t *testing.T) {
	t.Parallel()
	s := substitutions(t)
	if _, err := expression.ParseTest(expression.Filter, "#a = :s AND #status = :s", s); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(s.Unused()); got != "Value provided in ExpressionAttributeNames unused in expressions: keys: {#dot}" {
		t.Error(got)
	}
	for want, c := range map[string]struct {
		names  map[string]string
		values map[string]value.Value
	}{
		"ExpressionAttributeNames must not be empty":                                {names: map[string]string{}},
		"ExpressionAttributeValues must not be empty":                               {values: map[string]value.Value{}},
		`ExpressionAttributeNames contains invalid key: Syntax error; key: "a"`:     {names: map[string]string{"a": "b"}},
		`ExpressionAttributeValues contains invalid key: Syntax error; key: ":a-b"`: {values: map[string]value.Value{":a-b": value.NewString("x")}},
	} {
		if _, err := expression.NewSubstitutions(c.names, c.values); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestProjections(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a": `{"a":"abc"}`, "a, n, absent": `{"a":"abc","n":1}`, "l[0], l[2][1]": `{"l":[1,[8]]}`, "l[7]": `{}`, "m.k": `{"m":{"k":1}}`, "m.deep.er[0], m.k": `{"m":{"deep":{"er":["x"]},"k":1}}`,
		"a.b": `{}`, "#dot": `{"x.y":"dotted"}`, "l[1].k": `{"l":[{"k":"v"}]}`,
	} {
		selection, err := expression.ParseProjection(text, substitutions(t))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := show(value.NewMap(selection.Of(parse(t, item).Item()))); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"a, a.b":    "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a, b]",
		"a.b, a":    "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a]",
		"a, #a":     "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a]",
		"a.b, a[0]": "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a, [0]]",
		"a,":        `Syntax error; token: "<EOF>", near: ","`,
		"name":      "Attribute name is a reserved keyword; reserved keyword: name",
	} {
		if _, err := expression.ParseProjection(text, substitutions(t)); err == nil || err.Error() != "Invalid ProjectionExpression: "+want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestUpdates(t *testing.T) {
	t.Parallel()
	const small = `{"k":"key","n":1,"l":[1,2,3],"m":{"k":1},"ss":{"SS":["x","y"]},"ns":{"NS":["1"]},"s":"abc"}`
	for text, want := range map[string]string{
		"SET n = :two":                                                 `"n":2`,
		"SET n = n + :one, #a = n":                                     `"a":1,"n":2`,
		"set n = :two - n":                                             `"n":1`,
		"SET l[1] = :x, l[9] = :one, l[7] = :two":                      `"l":[1,"x",3,2,1]`,
		"SET m.k = :s, m.j = m.k":                                      `"m":{"j":1,"k":"abc"}`,
		"SET m.deep = m, n = if_not_exists(n, :two)":                   `"m":{"deep":{"k":1},"k":1}`,
		"SET newer = if_not_exists(newer, :two)":                       `"newer":2`,
		"SET l = list_append(l, :list)":                                `"l":[1,2,3,1,"x"]`,
		"SET fresh = list_append(if_not_exists(fresh, :empty), :list)": `"fresh":[1,"x"]`,
		"SET n = if_not_exists(n, :n5) + :one":                         `"n":2`,
		"REMOVE l[0], l[1]":                                            `"l":[3]`,
		"REMOVE m.k, absent, l[9]":                                     `"m":{}`,
		"SET l[0] = :x REMOVE l[1]":                                    `"l":["x",3]`,
		"ADD n :n5, fresh :one, ns :ns":                                `"fresh":1,"n":6,"ns":{"NS":[1,2]}`,
		"ADD ss :ss DELETE ns :ns":                                     `-"ns"`,
		"DELETE ss :ss, absent :ss":                                    `-"ss"`,
		"REMOVE n ADD fresh :ss SET #a = :null":                        `"a":null,"fresh":{"SS":["x","y"]},-"n"`,
		"SET (n) = :one":                                               "!Syntax",
		"SET #a = (n)":                                                 `"a":1`,
	} {
		change, err := expression.ParseUpdate(text, substitutions(t))
		if strings.HasPrefix(want, "!") {
			if err == nil || !strings.Contains(err.Error(), want[1:]) {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		before := parse(t, small)
		after, err := change.Apply(before.Item())
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if show(before) != show(parse(t, small)) {
			t.Errorf("%s changed the old item to %s", text, show(before))
		}
		expected := maps.Clone(parse(t, small).Item())
		for _, part := range strings.Split(want, ",-") {
			if name, ok := strings.CutPrefix(part, "-"); ok || part != strings.Split(want, ",-")[0] {
				delete(expected, strings.Trim(name, `"`))
				continue
			}
			maps.Copy(expected, parse(t, "{"+part+"}").Item())
		}
		if got, want := show(value.NewMap(after)), show(value.NewMap(expected)); got != want {
			t.Errorf("%s:\n%s, want\n%s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"SET n = absent":                "The provided expression refers to an attribute that does not exist in the item",
		"SET absent.k = :one":           "The document path provided in the update expression is invalid for update",
		"SET s.k = :one":                "The document path provided in the update expression is invalid for update",
		"SET m[0] = :one":               "The document path provided in the update expression is invalid for update",
		"REMOVE absent.k":               "The document path provided in the update expression is invalid for update",
		"SET n = s + :one":              "An operand in the update expression has an incorrect data type",
		"SET n = list_append(s, :list)": "An operand in the update expression has an incorrect data type",
		"ADD s :one":                    "An operand in the update expression has an incorrect data type",
		"ADD ss :ns":                    "An operand in the update expression has an incorrect data type",
		"DELETE ss :ns":                 "An operand in the update expression has an incorrect data type",
	} {
		change, err := expression.ParseUpdate(text, substitutions(t))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if _, err := change.Apply(parse(t, small).Item()); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	for text, want := range map[string]string{
		"SET":                               `Syntax error; token: "<EOF>", near: "SET"`,
		"n = :one":                          `Syntax error; token: "n", near: "n ="`,
		"SET n = :one,":                     `Syntax error; token: "<EOF>", near: ","`,
		"SET n = :one SET s = :s":           `The "SET" section can only be used once in an update expression;`,
		"SET n = n + n + n":                 `Syntax error; token: "+", near: "n + n"`,
		"SET n = n + :s":                    "Incorrect operand type for operator or function; operator or function: +, operand type: S",
		"SET n = list_append(n, :s)":        "Incorrect operand type for operator or function; operator or function: list_append, operand type: S",
		"SET n = size(l)":                   "The function is not allowed in an update expression; function: size",
		"SET n = if_not_exists(:one, :two)": "Operator or function requires a document path; operator or function: if_not_exists",
		"ADD n :s":                          "Incorrect operand type for operator or function; operator: ADD, operand type: STRING, typeSet: ALLOWED_FOR_ADD_OPERAND",
		"DELETE n :one":                     "Incorrect operand type for operator or function; operator: DELETE, operand type: NUMBER, typeSet: ALLOWED_FOR_DELETE_OPERAND",
		"SET m.k = :one, m = :map":          "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [m, k], path two: [m]",
		"SET n = :one REMOVE n":             "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [n], path two: [n]",
		"ADD n n":                           `Syntax error; token: "n", near: "n n"`,
		"SET date = :one":                   "Attribute name is a reserved keyword; reserved keyword: date",
	} {
		if _, err := expression.ParseUpdate(text, substitutions(t)); err == nil || err.Error() != "Invalid UpdateExpression: "+want {
			t.Errorf("%s:\n%v, want\n%s", text, err, want)
		}
	}
}

func TestKeyConditions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a = :s":                             "a = ",
		"a = :s AND n < :two":                "a = n < ",
		"n BETWEEN :one AND :two AND a = :s": "n BETWEEN a = ",
		"(a = :s) AND (begins_with(b, :b))":  "a = b begins_with ",
		":two >= n AND a = :s":               "n <= a = ",
	} {
		tests, err := expression.ParseKeyCondition(text, substitutions(t))
		got := ""
		for _, k := range tests {
			got += k.Attribute + " " + k.Operator + " "
		}
		if err != nil || got != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"a = :s OR n = :one":   "Invalid operator used in KeyConditionExpression: OR",
		"NOT a = :s":           "Invalid operator used in KeyConditionExpression: NOT",
		"a <> :s":              "Invalid operator used in KeyConditionExpression: <>",
		"a IN (:s)":            "Invalid operator used in KeyConditionExpression: IN",
		"contains(a, :s)":      "Invalid operator used in KeyConditionExpression: contains",
		"a = :s AND a = :ab":   "KeyConditionExpressions must only contain one condition per key",
		"a.b = :s":             "KeyConditionExpressions cannot have conditions on nested attributes",
		"size(a) = :one":       "KeyConditionExpressions cannot contain nested operations",
		"a = n":                "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition",
		"begins_with(a, :one)": "Invalid KeyConditionExpression: Incorrect operand type for operator or function; operator or function: begins_with, operand type: N",
	} {
		if _, err := expression.ParseKeyCondition(text, substitutions(t)); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// seeds are expressions of all kinds.
var seeds = []string{
	"a = :s AND (b < :one OR NOT contains(#a, :x))", "size(l[1].k) BETWEEN :one AND :two", "n IN (:one, :two)", "SET a = if_not_exists(b, :one) + :two REMOVE l[3]",
	"ADD n :one DELETE ss :ss", "a.b[0].c, #dot", "((a)) = :s", "SET l = list_append(l, :list), m.k = :s", "attribute_type(a, :N)", "(((((", "a[", "#", ":", "NOT NOT a=:s",
}

// FuzzExpression holds that no text makes a parser or an evaluation panic, that
// an update leaves its item alone, and that what it returns can be stored.
func FuzzExpression(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	before := parse(f, item)
	text := show(before)
	f.Fuzz(func(t *testing.T, source string) {
		if test, err := expression.ParseTest(expression.Filter, source, substitutions(t)); err == nil {
			test.Matches(before.Item())
			test.Matches(nil)
			test.Attributes()
		}
		_, _ = expression.ParseKeyCondition(source, substitutions(t))
		if selection, err := expression.ParseProjection(source, substitutions(t)); err == nil {
			selection.Of(before.Item())
		}
		change, err := expression.ParseUpdate(source, substitutions(t))
		if err != nil {
			return
		}
		after, err := change.Apply(before.Item())
		if show(before) != text {
			t.Fatalf("%q changed the old item", source)
		}
		if err == nil && !value.EqualItems(after, value.Decode(after.Encode())) {
			t.Fatalf("%q made an item that can't be stored", source)
		}
		if _, err := change.Apply(nil); err == nil {
			change.Touched()
		}
	})
}
