// Package openapi reads OpenAPI documents with the extensions of API Gateway, as they
// are imported into REST APIs and HTTP APIs.
//
// What an API can't be made of is refused, so that no extension is ignored. Whatever only
// describes an API has no effect, as on AWS: examples, tags, servers, and the schemas of
// answers.
// See https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html.
package openapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A Document is what an API is made of.
type Document struct {
	Title, Description, Version string
	Operations                  []Operation // by path and method
	// Schemes has the authorizers and other schemes of security, by name.
	Schemes map[string]map[string]any
	// Schemas has the models, by name.
	Schemas map[string]any
	// Extensions has the extensions of the document without "x-amazon-apigateway-".
	Extensions map[string]any
}

// An Operation is a method of a path.
type Operation struct {
	Path   string
	Method string // upper case; ANY
	// Integration is nil if there is none.
	Integration map[string]any
	// Security names the scheme, or is "". APIKey is set if a key is required, too.
	Security   string
	APIKey     bool
	Scopes     []string
	Parameters []map[string]any
	Body       map[string]any // the schema of each media type
	Responses  map[string]any
	Validator  string
	Default    bool // of an HTTP API
}

// The extensions of a document that a REST API and an HTTP API can be made of.
var (
	REST = []string{"binary-media-types", "gateway-responses", "request-validator", "request-validators", "api-key-source"}
	HTTP = []string{"cors"}
)

const extension = "x-amazon-apigateway-"

// AsCaller is what an integration has as its credentials if they are those of
// whoever calls.
// See https://docs.aws.amazon.com/apigateway/latest/api/API_PutIntegration.html.
const AsCaller = "arn:aws:iam::*:user/*"

// CognitoIssuer reports whether the tokens of an issuer are those of a user pool.
func CognitoIssuer(issuer string) bool { return strings.HasPrefix(issuer, "https://cognito-idp.") }

// anyMethod stands for all methods.
const anyMethod = extension + "any-method"

var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", anyMethod}

// Parse reads a document in JSON or YAML. known are the extensions of the document that
// the caller can honour, without their prefix.
func Parse(text []byte, known ...string) (*Document, error) {
	var read any
	if err := yaml.Unmarshal(text, &read); err != nil {
		return nil, fmt.Errorf("the document is neither JSON nor YAML: %w", err)
	}
	root := object(named(read))
	switch version := scalar(root["openapi"]) + scalar(root["swagger"]); {
	case strings.HasPrefix(version, "3.0"), slices.Contains([]string{"2", "2.0", "3"}, version):
	case version == "":
		return nil, errors.New("the document has neither swagger: \"2.0\" nor openapi: 3.0.x")
	default:
		return nil, fmt.Errorf("OpenAPI %s is not supported", version)
	}
	info := object(root["info"])
	components := object(root["components"])
	d := &Document{
		Title: scalar(info["title"]), Description: scalar(info["description"]), Version: scalar(info["version"]),
		Schemes: map[string]map[string]any{}, Schemas: map[string]any{}, Extensions: map[string]any{},
	}
	for _, from := range []map[string]any{object(root["securityDefinitions"]), object(components["securitySchemes"])} {
		for name, scheme := range from {
			d.Schemes[name] = object(scheme)
		}
	}
	maps.Copy(d.Schemas, object(root["definitions"]))
	maps.Copy(d.Schemas, object(components["schemas"]))
	for name, v := range root {
		short, ok := strings.CutPrefix(name, extension)
		if !ok {
			continue
		}
		if !slices.Contains(known, short) {
			return nil, fmt.Errorf("the extension %s is not supported", name)
		}
		d.Extensions[short] = v
	}
	paths := object(root["paths"])
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item := object(paths[path])
		for _, method := range slices.Sorted(maps.Keys(item)) {
			if !slices.Contains(methods, method) {
				if strings.HasPrefix(method, extension) || method == "$ref" {
					return nil, fmt.Errorf("path %s: %s is not supported", path, method)
				}
				continue
			}
			o, err := operation(d, root, item, object(item[method]))
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			o.Path, o.Method = path, strings.ToUpper(method)
			if method == anyMethod {
				o.Method = "ANY"
			}
			d.Operations = append(d.Operations, o)
		}
	}
	return d, nil
}

func operation(d *Document, root, item, from map[string]any) (Operation, error) {
	o := Operation{Responses: object(from["responses"]), Validator: scalar(root[extension+"request-validator"]), Body: map[string]any{}}
	for name, v := range from {
		switch name {
		case extension + "integration":
			o.Integration = object(v)
		case extension + "request-validator":
			o.Validator = scalar(v)
		case extension + "auth":
			if kind := scalar(object(v)["type"]); kind != "NONE" {
				return o, fmt.Errorf("the extension %s of type %s is not supported", name, kind)
			}
		default:
			if strings.HasPrefix(name, extension) {
				return o, fmt.Errorf("the extension %s is not supported", name)
			}
		}
	}
	o.Default, _ = from["isDefaultRoute"].(bool)
	security, ok := from["security"].([]any)
	if !ok {
		security, _ = root["security"].([]any)
	}
	for _, requirement := range security {
		for name, scopes := range object(requirement) {
			if isAPIKey(d.Schemes[name]) {
				o.APIKey = true
				continue
			}
			if o.Security != "" {
				return o, errors.New("more than one requirement of security is not supported, except for an API key")
			}
			o.Security = name
			for _, scope := range list(scopes) {
				o.Scopes = append(o.Scopes, scalar(scope))
			}
		}
	}
	consumes := append(list(from["consumes"]), list(root["consumes"])...)
	for _, p := range append(list(item["parameters"]), list(from["parameters"])...) {
		parameter := object(p)
		switch {
		case parameter["$ref"] != nil:
			return o, errors.New("a reference to a parameter is not supported")
		case parameter["in"] == "body":
			kind := "application/json"
			if len(consumes) > 0 {
				kind = scalar(consumes[0])
			}
			o.Body[kind] = parameter["schema"]
		default:
			o.Parameters = append(o.Parameters, parameter)
		}
	}
	for kind, content := range object(object(from["requestBody"])["content"]) {
		o.Body[kind] = object(content)["schema"]
	}
	return o, nil
}

// isAPIKey reports whether a scheme asks for a key of API Gateway's.
func isAPIKey(scheme map[string]any) bool {
	return scalar(scheme["type"]) == "apiKey" && strings.EqualFold(scalar(scheme["name"]), "x-api-key") && scheme[extension+"authtype"] == nil && scheme[extension+"authorizer"] == nil
}

// Into reads the members of an object, spelt as in the document, into a struct of the
// SDK, whose fields begin with a capital. Members that it does not have are an error.
func Into(from map[string]any, into any) error {
	spelt := map[string]any{}
	for name, v := range from {
		field, ok := reflect.TypeOf(into).Elem().FieldByNameFunc(func(f string) bool { return strings.EqualFold(f, name) })
		if !ok {
			return fmt.Errorf("%s is not supported", name)
		}
		spelt[field.Name] = fitting(v, field.Type)
	}
	text, err := json.Marshal(spelt)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return fmt.Errorf("reading the document: %w", err)
	}
	return nil
}

// fitting returns a value in which the scalars are texts where a field has texts.
func fitting(v any, field reflect.Type) any {
	if field.Kind() == reflect.Pointer {
		field = field.Elem()
	}
	switch m, isObject := v.(map[string]any); {
	case field.Kind() == reflect.String && !isObject:
		return scalar(v)
	case field.Kind() == reflect.Map && isObject:
		all := map[string]any{}
		for name, e := range m {
			all[name] = fitting(e, field.Elem())
		}
		return all
	}
	return v
}

// Reference returns the name of the model that a schema refers to, or "".
func Reference(schema any) string {
	ref := scalar(object(schema)["$ref"])
	for _, prefix := range []string{"#/definitions/", "#/components/schemas/"} {
		if name, ok := strings.CutPrefix(ref, prefix); ok {
			return name
		}
	}
	return ""
}

// Object returns a value that is an object, or an empty one.
func Object(v any) map[string]any { return object(v) }

// Text returns the text of a scalar, or "".
func Text(v any) string { return scalar(v) }

// named returns a value in which the keys of objects are texts. In YAML, the status codes
// of answers may be numbers.
func named(v any) any {
	switch v := v.(type) {
	case []any:
		for i, e := range v {
			v[i] = named(e)
		}
	case map[string]any:
		for name, e := range v {
			v[name] = named(e)
		}
	case map[any]any:
		m := map[string]any{}
		for name, e := range v {
			m[fmt.Sprint(name)] = named(e)
		}
		return m
	}
	return v
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	if m == nil {
		return map[string]any{}
	}
	return m
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

func scalar(v any) string {
	switch v.(type) {
	case nil, map[string]any, []any:
		return ""
	}
	return fmt.Sprint(v)
}
