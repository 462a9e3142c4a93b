package readiness

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/magewright/magewright/tools/internal/cfnschema"
)

// TestStatefulTypesAreKnown checks that each stateful type has its create-only
// properties. Without them, a replacement would never be noticed.
func TestStatefulTypesAreKnown(t *testing.T) {
	t.Parallel()
	// No change replaces these.
	never := []string{"AWS::Cognito::UserPool", "AWS::DSQL::Cluster", "Custom::S3AutoDeleteObjects"}
	for name, protections := range stateful {
		if slices.Contains(never, name) != (len(fixed(name)) == 0) || !cfnschema.Known(name) {
			t.Errorf("%s holds data, and what replaces it is not in the table", name)
		}
		for _, p := range protections(nil) {
			if math.IsNaN(p.value) {
				t.Errorf("%s: %s has no default", name, p.name)
			}
		}
	}
}

func TestWildcard(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true}, {"*", "", true}, {"*", "s3:*", true}, {"s3:Get*", "s3:GetObject", true}, {"s3:*", "s3:Get*", true},
		{"s3:Get*", "s3:*", false}, {"s3:GetObject", "s3:Get*", false}, {"s3:Get?bject", "s3:GetObject", true},
		{"s3:Get?", "s3:Get*", false}, {"*a*b", "xaxxb", true}, {"*a*b", "xaxx", false}, {"a", "", false}, {"", "a", false},
	} {
		if got := wildcard(tt.pattern, tt.text); got != tt.want {
			t.Errorf("wildcard(%q, %q) = %t", tt.pattern, tt.text, got)
		}
	}
}

func TestBroadened(t *testing.T) {
	t.Parallel()
	policy := func(statement string) []grant {
		return parsed(t, `{"Resources":{"P":{"Type":"AWS::IAM::Policy","Properties":{"PolicyDocument":{"Statement":[`+statement+`]}}}}}`).grants()
	}
	for _, tt := range []struct {
		name, before, after string
		want                int
	}{
		{"the same", `{"Effect":"Allow","Action":"a:b","Resource":"*"}`, `{"Effect":"Allow","Action":["a:b"],"Resource":["*"]}`, 0},
		{"fewer actions", `{"Effect":"Allow","Action":["a:b","a:c"],"Resource":"*"}`, `{"Effect":"Allow","Action":"A:B","Resource":"*"}`, 0},
		{"a narrower resource", `{"Effect":"Allow","Action":"a:b","Resource":"arn:x/*"}`, `{"Effect":"Allow","Action":"a:b","Resource":"arn:x/y"}`, 0},
		{"a wider resource", `{"Effect":"Allow","Action":"a:b","Resource":"arn:x/y"}`, `{"Effect":"Allow","Action":"a:b","Resource":"arn:x/*"}`, 1},
		{"a new condition", `{"Effect":"Allow","Action":"a:b","Resource":"*"}`, `{"Effect":"Allow","Action":"a:b","Resource":"*","Condition":{"Bool":{"x":"true"}}}`, 0},
		{"a condition that is gone", `{"Effect":"Allow","Action":"a:b","Resource":"*","Condition":{"Bool":{"x":"true"}}}`, `{"Effect":"Allow","Action":"a:b","Resource":"*"}`, 1},
		{"NotAction", `{"Effect":"Allow","Action":"*","Resource":"*"}`, `{"Effect":"Allow","NotAction":"a:b","Resource":"*"}`, 1},
		{"a denial that is narrower", `{"Effect":"Deny","Action":"a:*","Resource":"*"}`, `{"Effect":"Deny","Action":"a:b","Resource":"*"}`, 1},
		{"a denial that is new", `{"Effect":"Allow","Action":"a:b","Resource":"*"}`, `{"Effect":"Allow","Action":"a:b","Resource":"*"},{"Effect":"Deny","Action":"a:b","Resource":"*"}`, 0},
	} {
		if got := broadened(policy(tt.before), policy(tt.after)); len(got) != tt.want {
			t.Errorf("%s: %q, want %d", tt.name, got, tt.want)
		}
	}
}

func TestReplacementSpreads(t *testing.T) {
	t.Parallel()
	stack := func(name string) cfnTemplate {
		return parsed(t, `{"Resources":{
			"F":{"Type":"AWS::Lambda::Function","Properties":{"FunctionName":"`+name+`"}},
			"A":{"Type":"AWS::Lambda::Alias","Properties":{"FunctionName":{"Ref":"F"},"Name":"live"}},
			"P":{"Type":"AWS::Lambda::Permission","Properties":{"FunctionName":{"Fn::Sub":"x-${A}"}}},
			"R":{"Type":"AWS::IAM::Role","Properties":{"Description":{"Ref":"F"}}}}}`)
	}
	d := diffTemplates(stack("one"), stack("two"))
	if len(d.replaced) != 3 || d.replaced["P"] != "FunctionName names A, which is replaced" || d.replaced["R"] != "" {
		t.Errorf("replaced %v", d.replaced)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`"a"`: "a", `{"Ref":"A"}`: "${A}", `{"Fn::GetAtt":"A.Arn"}`: "${A.Arn}", `{"Fn::GetAtt":["A","Arn"]}`: "${A.Arn}",
		`{"Fn::Join":[":",["a",{"Ref":"A"}]]}`: "a:${A}", `{"Fn::Sub":"${A}:b"}`: "${A}:b", `{"a":1}`: `{"a":1}`, `{"Fn::Join":[":",{"Ref":"A"}]}`: `{"Fn::Join":[":",{"Ref":"A"}]}`,
	} {
		var v any
		if err := json.Unmarshal([]byte(in), &v); err != nil {
			t.Fatal(err)
		}
		if got := cfnText(v); got != want {
			t.Errorf("%s is %q, want %q", in, got, want)
		}
	}
}

func parsed(t *testing.T, text string) cfnTemplate {
	t.Helper()
	template, err := parseTemplate(json.RawMessage(strings.TrimSpace(text)))
	if err != nil {
		t.Fatal(err)
	}
	return template
}
