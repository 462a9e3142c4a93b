package template

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxDepth limits how deep values may nest. Real templates stay below twenty.
const maxDepth = 200

// decode reads a template into strings, bools, float64s, []any and
// map[string]any. It reads the text as JSON if it begins with a brace, and as
// YAML otherwise.
func decode(text string) (any, error) {
	if strings.HasPrefix(strings.TrimLeft(text, " \t\r\n\ufeff"), "{") {
		return decodeJSON(strings.TrimPrefix(text, "\ufeff"))
	}
	return decodeYAML(text)
}

// decodeJSON works on tokens, because decoding into maps with encoding/json
// would hide duplicate keys.
func decodeJSON(text string) (any, error) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	at := func() string {
		before := text[:min(int(dec.InputOffset()), len(text))]
		line := strings.Count(before, "\n") + 1
		column := len(before) - strings.LastIndex(before, "\n")
		return fmt.Sprintf("(line %d, column %d)", line, column)
	}
	v, err := jsonValue(dec, "", at)
	if err == nil {
		if _, end := dec.Token(); !errors.Is(end, io.EOF) {
			err = errors.New("text after the template")
		}
	}
	if err == nil {
		return v, nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return nil, e
	}
	return nil, formatErrorf("JSON not well-formed. %s", at())
}

func jsonValue(dec *json.Decoder, path string, at func() string) (any, error) {
	if strings.Count(path, "/") > maxDepth {
		return nil, formatErrorf("nesting is deeper than %d levels. %s", maxDepth, at())
	}
	token, err := dec.Token()
	if err != nil {
		return nil, fmt.Errorf("reading JSON: %w", err)
	}
	switch token := token.(type) {
	case nil:
		return nil, nullError(path)
	case json.Number:
		return number(token.String()), nil
	case json.Delim:
		if token == '[' {
			return jsonArray(dec, path, at)
		}
		return jsonObject(dec, path, at)
	default:
		return token, nil
	}
}

func jsonArray(dec *json.Decoder, path string, at func() string) (any, error) {
	list := []any{}
	for dec.More() {
		v, err := jsonValue(dec, path+"/"+strconv.Itoa(len(list)), at)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := dec.Token()
	return list, err
}

func jsonObject(dec *json.Decoder, path string, at func() string) (any, error) {
	m := map[string]any{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("reading JSON: %w", err)
		}
		key, ok := token.(string)
		if !ok {
			return nil, fmt.Errorf("reading JSON: key %v is not a string", token)
		}
		// CloudFormation accepts a key that is given twice. The last one counts.
		if m[key], err = jsonValue(dec, path+"/"+key, at); err != nil {
			return nil, err
		}
	}
	_, err := dec.Token()
	return m, err
}

func decodeYAML(text string) (any, error) {
	dec := yaml.NewDecoder(strings.NewReader(text))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, formatErrorf("unsupported structure.")
		}
		return nil, formatErrorf("YAML not well-formed. (%s)", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var next yaml.Node
	if err := dec.Decode(&next); !errors.Is(err, io.EOF) {
		return nil, formatErrorf("YAML not well-formed. (more than one document)")
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, formatErrorf("unsupported structure.")
	}
	return yamlValue(doc.Content[0], "")
}

func yamlValue(n *yaml.Node, path string) (any, error) {
	if strings.Count(path, "/") > maxDepth {
		return nil, formatErrorf("nesting is deeper than %d levels. (line %d, column %d)", maxDepth, n.Line, n.Column)
	}
	function := ""
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
		function = n.Tag[1:]
	}
	v, err := yamlPlain(n, function != "", path)
	if err != nil || function == "" {
		return v, err
	}
	return shortForm(function, v), nil
}

// yamlPlain returns the value of a node without its function. A scalar that has
// a function is always a string.
func yamlPlain(n *yaml.Node, tagged bool, path string) (any, error) {
	switch n.Kind {
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			k := n.Content[i]
			key, err := yamlKey(k, path)
			if err != nil {
				return nil, err
			}
			// As in JSON, the last one of two counts.
			if m[key], err = yamlValue(n.Content[i+1], path+"/"+key); err != nil {
				return nil, err
			}
		}
		return m, nil
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for i, c := range n.Content {
			v, err := yamlValue(c, path+"/"+strconv.Itoa(i))
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case yaml.ScalarNode:
		if tagged {
			return n.Value, nil
		}
		return yamlScalar(n, path)
	case yaml.AliasNode:
		return nil, formatErrorf("YAML aliases are not allowed in CloudFormation templates")
	default:
		return nil, formatErrorf("unsupported structure.")
	}
}

// number converts text that is written as a number, if the conversion loses
// nothing. Account ids with leading zeros, for example, stay text.
func number(text string) any {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return text
	}
	if formatNumber(f) == text {
		return f
	}
	if strings.ContainsAny(text, ".eE") && !strings.ContainsAny(text, "xX_") {
		return f
	}
	return text
}

func formatNumber(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// shortForm turns YAML's short form, !Name value, into the function's full form.
func shortForm(name string, v any) any {
	switch name {
	case "Ref", "Condition":
		return map[string]any{name: v}
	case "GetAtt":
		if s, ok := v.(string); ok {
			if logicalID, attribute, found := strings.Cut(s, "."); found {
				v = []any{logicalID, attribute}
			}
		}
	}
	return map[string]any{"Fn::" + name: v}
}

func nullError(path string) error {
	return formatErrorf("[%s] 'null' values are not allowed in templates", path)
}
