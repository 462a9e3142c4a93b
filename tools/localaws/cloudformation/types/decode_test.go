package types

import (
	"encoding/json"
	"math"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awscloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	awscodebuild "github.com/aws/aws-sdk-go-v2/service/codebuild"
	codepipelinetypes "github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// target has a field of each kind that SDK inputs have.
type target struct {
	Text    *string
	Flag    *bool
	Small   *int32
	Big     int64
	Real    *float64
	When    *time.Time
	List    []string
	Weights map[string]float64
	Bytes   []byte
	Union   interface{ isUnion() }
	Any     any
	Nested  *target
	hidden  string
}

func TestDecode(t *testing.T) {
	t.Parallel()
	when := time.Date(2030, 1, 2, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name string
		from string // JSON
		want target
		err  string
	}{
		{name: "as they are", from: `{"Text":"a","Flag":true,"Small":3,"Big":4,"Real":0.5,"List":["a","b"]}`,
			want: target{hidden: "", Text: aws.String("a"), Flag: aws.Bool(true), Small: aws.Int32(3), Big: 4, Real: aws.Float64(0.5), List: []string{"a", "b"}}},
		{name: "from text", from: `{"Flag":"False","Small":"-3","Big":"4.0","Real":"1e3"}`,
			want: target{Flag: aws.Bool(false), Small: aws.Int32(-3), Big: 4, Real: aws.Float64(1000)}},
		{name: "to text", from: `{"Text":12345678901,"List":[true,0.1]}`,
			want: target{Text: aws.String("12345678901"), List: []string{"true", "0.1"}}},
		{name: "empty is not absent", from: `{"Text":"","List":[],"Weights":{},"Nested":{}}`,
			want: target{Text: aws.String(""), List: []string{}, Weights: map[string]float64{}, Nested: &target{}}},
		{name: "nested", from: `{"Nested":{"Nested":{"Weights":{"2":"0.1"}}}}`,
			want: target{Nested: &target{Nested: &target{Weights: map[string]float64{"2": 0.1}}}}},
		{name: "date", from: `{"When":"2030-01-02"}`, want: target{When: &when}},
		{name: "date and zone", from: `{"When":"2030-01-02T01:00:00.000+01:00"}`, want: target{When: &when}},
		{name: "anything", from: `{"Any":{"a":[1]}}`, want: target{Any: map[string]any{"a": []any{1.0}}}},

		{name: "unknown", from: `{"Txt":"a"}`, err: "#: extraneous key [Txt] is not permitted"},
		{name: "unknown deep", from: `{"Nested":{"Nested":{"text":"a"}}}`, err: "#/Nested/Nested: extraneous key [text] is not permitted"},
		{name: "unexported", from: `{"hidden":"a"}`, err: "#: extraneous key [hidden] is not permitted"},
		{name: "list for text", from: `{"Text":["a"]}`, err: "#/Text: expected type: String, found: JSONArray"},
		{name: "text for list", from: `{"List":"a"}`, err: "#/List: expected type: JSONArray, found: String"},
		{name: "object in list", from: `{"List":["a",{}]}`, err: "#/List/1: expected type: String, found: JSONObject"},
		{name: "text for object", from: `{"Nested":"a"}`, err: "#/Nested: expected type: JSONObject, found: String"},
		{name: "null", from: `{"Text":null}`, err: "#/Text: expected type: String, found: Null"},
		{name: "not a flag", from: `{"Flag":"yes"}`, err: "#/Flag: expected type: Boolean, found: String"},
		{name: "number for flag", from: `{"Flag":1}`, err: "#/Flag: expected type: Boolean, found: Number"},
		{name: "fraction", from: `{"Small":1.5}`, err: "#/Small: expected type: Integer, found: Number"},
		{name: "flag for number", from: `{"Small":true}`, err: "#/Small: expected type: Integer, found: Boolean"},
		{name: "not a number", from: `{"Real":"0x10"}`, err: "#/Real: expected type: Number, found: String"},
		{name: "infinite", from: `{"Real":"Inf"}`, err: "#/Real: expected type: Number, found: String"},
		{name: "out of range", from: `{"Small":3000000000}`, err: "#/Small: 3e+09 is out of range"},
		{name: "inexact", from: `{"Big":1e17}`, err: "#/Big: 1e+17 is out of range"},
		{name: "not a date", from: `{"When":"soon"}`, err: "#/When: soon is not an ISO 8601 date"},
		{name: "bytes", from: `{"Bytes":[1]}`, err: "#/Bytes: expected type: JSONArray, found: JSONArray"},
		{name: "union", from: `{"Union":{}}`, err: "#/Union: the embedded AWS does not support this property"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var from map[string]any
			if err := json.Unmarshal([]byte(c.from), &from); err != nil {
				t.Fatal(err)
			}
			var got target
			err := decodeMap(from, &got)
			if (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
				t.Fatalf("error = %v, want %q", err, c.err)
			}
			if err == nil && !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestDecodeRenames(t *testing.T) {
	t.Parallel()
	var in awscodebuild.CreateProjectInput
	properties := map[string]any{"Source": map[string]any{"Type": "CODEPIPELINE", "BuildSpec": "buildspec.yml"}}
	if err := decodeMap(properties, &in); err != nil || aws.ToString(in.Source.Buildspec) != "buildspec.yml" {
		t.Errorf("decoding BuildSpec: %+v, %v", in.Source, err)
	}
	// CloudFormation does not accept the API's spelling.
	err := decodeMap(map[string]any{"Source": map[string]any{"Buildspec": "buildspec.yml"}}, &in)
	if err == nil || err.Error() != "#/Source: extraneous key [Buildspec] is not permitted" {
		t.Errorf("decoding Buildspec: %v", err)
	}
	// Every renamed property has a field.
	for typ, names := range renamed {
		for from, to := range names {
			if _, ok := typ.FieldByName(to); !ok {
				t.Errorf("%v: %s is renamed to %s, which is no field", typ, from, to)
			}
		}
	}
}

func TestDocument(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in        any
		want, err string
	}{
		{in: map[string]any{"a": []any{"<b>", 1.0, true}}, want: `{"a":["<b>",1,true]}`},
		{in: `{"a": 1}`, want: `{"a": 1}`},
		{in: `{"a"`, err: "#/P: expected type: JSONObject, found: String"},
		{in: []any{}, err: "#/P: expected type: JSONObject, found: JSONArray"},
	} {
		got, err := document(map[string]any{"P": c.in}, "P")
		if err != nil && err.Error() != c.err || err == nil && (c.err != "" || *got != c.want) {
			t.Errorf("document(%v) = %v, %v; want %q, %q", c.in, aws.ToString(got), err, c.want, c.err)
		}
	}
	if got, err := document(nil, "P"); got != nil || err != nil {
		t.Errorf("a missing document = %v, %v", got, err)
	}
}

// FuzzDecode decodes arbitrary objects into real inputs. Whatever decode
// accepts must be in the result.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"FunctionName":"f","Code":{"S3Bucket":"b"},"MemorySize":"256","Environment":{"Variables":{"A":1}},"Architectures":["arm64"]}`,
		`{"Name":"p","Source":{"BuildSpec":"x","GitCloneDepth":1},"Environment":{"EnvironmentVariables":[{"Name":"a","Value":true}]}}`,
		`{"Stages":[{"Name":"s","Actions":[{"Configuration":{"A":"b"},"RunOrder":1}]}]}`,
		`{"Threshold":"1e3","Dimensions":[{"Name":"a","Value":"b"}],"ActionsEnabled":"TRUE","Period":60}`,
		`{"Code":{"ZipFile":"x"}}`, `{"MemorySize":1e300}`, `{"EvaluationCriteria":{}}`, `{"Tags":null}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var from map[string]any
		if json.Unmarshal(b, &from) != nil {
			t.Skip()
		}
		for _, into := range []any{
			&awslambda.CreateFunctionInput{}, &awscodebuild.CreateProjectInput{},
			&codepipelinetypes.PipelineDeclaration{}, &awscloudwatch.PutMetricAlarmInput{},
		} {
			if err := decodeMap(from, into); err == nil {
				checkDecoded(t, "#", from, reflect.ValueOf(into))
			} else if !strings.HasPrefix(err.Error(), "#") {
				t.Errorf("an error without a path: %v", err)
			}
		}
	})
}

// checkDecoded compares what was decoded with its source.
func checkDecoded(t *testing.T, path string, from any, got reflect.Value) {
	t.Helper()
	for got.Kind() == reflect.Pointer {
		if got.IsNil() {
			t.Errorf("%s was dropped", path)
			return
		}
		got = got.Elem()
	}
	switch from := from.(type) {
	case map[string]any:
		for name, v := range from {
			if got.Kind() == reflect.Map {
				checkDecoded(t, path+"/"+name, v, got.MapIndex(reflect.ValueOf(name)))
				continue
			}
			field := name
			if to, ok := renamed[got.Type()][name]; ok {
				field = to
			}
			checkDecoded(t, path+"/"+name, v, got.FieldByName(field))
		}
	case []any:
		if got.Len() != len(from) {
			t.Errorf("%s has %d elements, want %d", path, got.Len(), len(from))
			return
		}
		for i, v := range from {
			checkDecoded(t, path+"/*", v, got.Index(i))
		}
	default:
		want, _ := scalar(from)
		switch got.Kind() {
		case reflect.String:
			if got.String() != want {
				t.Errorf("%s = %q, want %q", path, got, want)
			}
		case reflect.Bool:
			if got.Bool() != strings.EqualFold(want, "true") {
				t.Errorf("%s = %v, want %q", path, got, want)
			}
		case reflect.Int32, reflect.Int64:
			if n, _ := number(from); float64(got.Int()) != n {
				t.Errorf("%s = %v, want %q", path, got, want)
			}
		case reflect.Float64:
			if n, _ := number(from); got.Float() != n || math.IsNaN(n) {
				t.Errorf("%s = %v, want %q", path, got, want)
			}
		default:
			t.Errorf("%s: a scalar became a %v", path, got.Kind())
		}
	}
}

func TestGeneratedNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		stack, logical string
		limit          int
		want           string
	}{
		{"stack", "Bucket83908E77", 63, `^stack-Bucket83908E77-[A-Z2-7]{12}$`},
		{strings.Repeat("s", 60), strings.Repeat("L", 60), 64, `^s{25}-L{25}-[A-Z2-7]{12}$`},
		{strings.Repeat("s", 60), "Short", 64, `^s{45}-Short-[A-Z2-7]{12}$`},
		{"st", strings.Repeat("L", 60), 64, `^st-L{48}-[A-Z2-7]{12}$`},
	} {
		r := &resource.Request{StackName: c.stack, LogicalID: c.logical}
		got := generatedName(r, c.limit)
		if !regexp.MustCompile(c.want).MatchString(got) || len(got) > c.limit {
			t.Errorf("generatedName(%q, %q, %d) = %q, want %s", c.stack, c.logical, c.limit, got, c.want)
		}
		if again := generatedName(r, c.limit); again == got {
			t.Errorf("generatedName gave %q twice", got)
		}
	}
	r := &resource.Request{StackName: "Stack", LogicalID: "Bucket"}
	if got := *lowerName(r, "BucketName", 63); !regexp.MustCompile(`^stack-bucket-[a-z2-7]{12}$`).MatchString(got) {
		t.Errorf("lowerName = %q", got)
	}
	r.Properties = map[string]any{"BucketName": "Given"}
	if got := *lowerName(r, "BucketName", 63); got != "Given" {
		t.Errorf("lowerName changed the given name to %q", got)
	}
}

func TestSplitFunctionName(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:lambda:us-east-1:000000000000:function:ledger"
	for in, want := range map[string][2]string{
		"ledger":      {"ledger", ""},
		"ledger:live": {"ledger", "live"},
		arn:           {arn, ""},
		arn + ":7":    {arn, "7"},
	} {
		if f, q := splitFunctionName(in); f != want[0] || q != want[1] {
			t.Errorf("splitFunctionName(%q) = %q, %q", in, f, q)
		}
	}
}
