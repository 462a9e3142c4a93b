package types

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	awsapigateway "github.com/aws/aws-sdk-go-v2/service/apigateway"
	awscodebuild "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	awsdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	awsecr "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// renamed lists, for each struct, the properties that CloudFormation spells
// differently from its fields.
var renamed = map[reflect.Type]map[string]string{
	reflect.TypeFor[awsapigateway.CreateRestApiInput]():   {"ApiKeySourceType": "ApiKeySource"},
	reflect.TypeFor[awsapigateway.CreateUsagePlanInput](): {"UsagePlanName": "Name"},
	reflect.TypeFor[awscodebuild.ProjectSource]():         {"BuildSpec": "Buildspec"},
	reflect.TypeFor[awsdynamodb.SSESpecification]():       {"SSEEnabled": "Enabled"},
	reflect.TypeFor[awsecr.ImageTagMutabilityExclusionFilter](): {
		"ImageTagMutabilityExclusionFilterType":  "FilterType",
		"ImageTagMutabilityExclusionFilterValue": "Filter",
	},
	reflect.TypeFor[awskms.CreateKeyInput]():                      {"KeyPolicy": "Policy"},
	reflect.TypeFor[awslambda.CreateFunctionInput]():              {"KmsKeyArn": "KMSKeyArn"},
	reflect.TypeFor[awslambda.UpdateFunctionConfigurationInput](): {"KmsKeyArn": "KMSKeyArn"},
	reflect.TypeFor[awslambda.GetFunctionConfigurationOutput]():   {"KmsKeyArn": "KMSKeyArn"},
	reflect.TypeFor[awslambda.CreateFunctionUrlConfigInput]():     {"TargetFunctionArn": "FunctionName"},
	reflect.TypeFor[awslambda.UpdateFunctionUrlConfigInput]():     {"TargetFunctionArn": "FunctionName"},
	reflect.TypeFor[deploymentProperties]():                       {"DistributionId": "DistributionID"},
	reflect.TypeFor[markersConfig]():                              {"jsonEscape": "JSONEscape"},
}

// A propertyError says which property of a resource is wrong. It gives the path
// that CloudFormation's own validation prints.
type propertyError struct {
	path    string // for example /Rules/0/Status
	problem string
}

func (e *propertyError) Error() string { return "#" + e.path + ": " + e.problem }

// decode copies the properties of a resource into an SDK input, or into any
// other struct whose fields have the properties' names. It leaves out the
// properties named in apart, which the type handles itself. It converts scalars
// as CloudFormation does. A property without a field is an error.
func decode(r *resource.Request, into any, apart ...string) error {
	return decodeMap(r.Properties, into, apart...)
}

func decodeMap(properties map[string]any, into any, apart ...string) error {
	rest := maps.Clone(properties)
	for _, name := range apart {
		delete(rest, name)
	}
	return decodeStruct("", rest, reflect.ValueOf(into).Elem())
}

// decodeProperty copies one property, if it is set, into a value.
func decodeProperty(properties map[string]any, name string, into any) error {
	v, ok := properties[name]
	if !ok {
		return nil
	}
	return decodeValue("/"+name, v, reflect.ValueOf(into).Elem())
}

func decodeStruct(path string, from map[string]any, to reflect.Value) error {
	for _, name := range slices.Sorted(maps.Keys(from)) {
		field, ok := fieldOf(to.Type(), name)
		if !ok {
			return &propertyError{path, fmt.Sprintf("extraneous key [%s] is not permitted", name)}
		}
		if err := decodeValue(path+"/"+name, from[name], to.FieldByIndex(field.Index)); err != nil {
			return err
		}
	}
	return nil
}

// fieldOf finds the field for a property name.
func fieldOf(t reflect.Type, name string) (reflect.StructField, bool) {
	names := renamed[t]
	if to, ok := names[name]; ok {
		name = to
	} else if slices.Contains(slices.Collect(maps.Values(names)), name) {
		// This is the API's name, which CloudFormation does not know.
		return reflect.StructField{}, false
	}
	field, ok := t.FieldByName(name)
	return field, ok && field.IsExported() && !field.Anonymous
}

func decodeValue(path string, from any, to reflect.Value) error {
	mismatch := func(want string) error {
		return &propertyError{path, fmt.Sprintf("expected type: %s, found: %s", want, typeName(from))}
	}
	switch to.Kind() {
	case reflect.Pointer:
		to.Set(reflect.New(to.Type().Elem()))
		return decodeValue(path, from, to.Elem())
	case reflect.String:
		s, ok := scalar(from)
		if !ok {
			return mismatch("String")
		}
		to.SetString(s)
	case reflect.Bool:
		s, ok := scalar(from)
		if !ok {
			return mismatch("Boolean")
		}
		switch strings.ToLower(s) {
		case "true":
			to.SetBool(true)
		case "false":
			to.SetBool(false)
		default:
			return mismatch("Boolean")
		}
	case reflect.Int32, reflect.Int64:
		n, ok := number(from)
		if !ok || n != math.Trunc(n) {
			return mismatch("Integer")
		}
		// Above 2^53, float64 can't represent every integer.
		if math.Abs(n) > 1<<53 || to.OverflowInt(int64(n)) {
			return &propertyError{path, fmt.Sprintf("%v is out of range", n)}
		}
		to.SetInt(int64(n))
	case reflect.Float64:
		n, ok := number(from)
		if !ok {
			return mismatch("Number")
		}
		to.SetFloat(n)
	case reflect.Slice:
		list, ok := from.([]any)
		if !ok || to.Type().Elem().Kind() == reflect.Uint8 {
			return mismatch("JSONArray")
		}
		to.Set(reflect.MakeSlice(to.Type(), len(list), len(list)))
		for i, v := range list {
			if err := decodeValue(path+"/"+strconv.Itoa(i), v, to.Index(i)); err != nil {
				return err
			}
		}
	case reflect.Map:
		m, ok := from.(map[string]any)
		if !ok || to.Type().Key().Kind() != reflect.String {
			return mismatch("JSONObject")
		}
		to.Set(reflect.MakeMapWithSize(to.Type(), len(m)))
		for _, name := range slices.Sorted(maps.Keys(m)) {
			v := reflect.New(to.Type().Elem()).Elem()
			if err := decodeValue(path+"/"+name, m[name], v); err != nil {
				return err
			}
			to.SetMapIndex(reflect.ValueOf(name).Convert(to.Type().Key()), v)
		}
	case reflect.Struct:
		if to.Type() == reflect.TypeFor[time.Time]() {
			return decodeTime(path, from, to)
		}
		m, ok := from.(map[string]any)
		if !ok {
			return mismatch("JSONObject")
		}
		return decodeStruct(path, m, to)
	case reflect.Interface:
		// A field of type any takes every value. An SDK union is an interface
		// with methods, so it is not one.
		if from == nil || to.NumMethod() > 0 {
			return unsupported(path)
		}
		to.Set(reflect.ValueOf(from))
	default:
		return unsupported(path)
	}
	return nil
}

func unsupported(path string) error {
	return &propertyError{path, "the embedded AWS does not support this property"}
}

func decodeTime(path string, from any, to reflect.Value) error {
	s, _ := from.(string)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			to.Set(reflect.ValueOf(t.UTC()))
			return nil
		}
	}
	return &propertyError{path, fmt.Sprintf("%v is not an ISO 8601 date", from)}
}

// scalar returns the text of a scalar: CloudFormation accepts a number or a
// boolean where it expects a string.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), !math.IsInf(v, 0) && !math.IsNaN(v)
	}
	return "", false
}

// number returns the value of a number, or of a scalar that spells one.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, !math.IsInf(v, 0) && !math.IsNaN(v)
	case string:
		// ParseFloat would also take hexadecimal, underscores and infinity.
		if strings.Trim(v, "0123456789+-.eE") != "" {
			return 0, false
		}
		n, err := strconv.ParseFloat(v, 64)
		return n, err == nil
	}
	return 0, false
}

// typeName names the type of a value as CloudFormation's validation does.
func typeName(v any) string {
	switch v.(type) {
	case string:
		return "String"
	case bool:
		return "Boolean"
	case float64:
		return "Number"
	case []any:
		return "JSONArray"
	case map[string]any:
		return "JSONObject"
	case nil:
		return "Null"
	}
	return fmt.Sprintf("%T", v)
}

// document returns the text of a property that holds a JSON document, such as a
// policy. CloudFormation also accepts the text itself. The result is nil if the
// property is not set.
func document(properties map[string]any, name string) (*string, error) {
	v, ok := properties[name]
	if !ok {
		return nil, nil
	}
	text, err := documentText("/"+name, v)
	return &text, err
}

func documentText(path string, v any) (string, error) {
	text, isText := v.(string)
	if isText && json.Valid([]byte(text)) {
		return text, nil
	}
	if _, ok := v.(map[string]any); !ok {
		return "", &propertyError{path, "expected type: JSONObject, found: " + typeName(v)}
	}
	return jsonText(v)
}

// jsonText encodes a document without HTML escapes, which the template does not
// contain.
func jsonText(v any) (string, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", fmt.Errorf("encoding a document: %w", err)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// restored returns the properties of an update, and sets removed properties
// back to AWS's defaults. This is needed because an API's update leaves a
// setting alone if the request does not contain it.
func restored(r *resource.Request, defaults map[string]any) map[string]any {
	properties := maps.Clone(r.Properties)
	for name, value := range defaults {
		_, has := properties[name]
		if _, had := r.OldProperties[name]; had && !has {
			properties[name] = value
		}
	}
	return properties
}

// changed reports whether an update changes one of the named properties.
func changed(r *resource.Request, names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return !reflect.DeepEqual(r.Properties[name], r.OldProperties[name])
	})
}

// stringOf returns a property that is a scalar, or "".
func stringOf(properties map[string]any, name string) string {
	s, _ := scalar(properties[name])
	return s
}
