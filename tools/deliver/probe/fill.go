package probe

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/internal/suggest"
)

// placeholder matches ${name}. It also matches $${name}, which stands for the text ${name}.
var placeholder = regexp.MustCompile(`\$?\$\{([^{}]*)\}`)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// names returns the names in a text's placeholders.
func names(text string) []string {
	var found []string
	for _, match := range placeholder.FindAllStringSubmatch(text, -1) {
		if !strings.HasPrefix(match[0], "$$") {
			found = append(found, match[1])
		}
	}
	return found
}

// unknown returns an error for the first name that is not in known.
func unknown(found, known []string) error {
	for _, name := range found {
		if !slices.Contains(known, name) && !strings.HasPrefix(name, Output) {
			return fmt.Errorf("no step before this one captures %q%s", name, suggest.DidYouMean(name, known))
		}
	}
	return nil
}

// fillText replaces the placeholders in a text with values.
func fillText(s string, values map[string]any) (string, error) {
	var missing error
	filled := placeholder.ReplaceAllStringFunc(s, func(found string) string {
		if rest, escaped := strings.CutPrefix(found, "$$"); escaped {
			return "$" + rest
		}
		value, ok := values[found[2:len(found)-1]]
		if name := found[2 : len(found)-1]; !ok && strings.HasPrefix(name, Output) {
			missing = fmt.Errorf("the stage's stack has no output %s%s", name[len(Output):], suggest.DidYouMean(name, slices.Sorted(maps.Keys(values))))
		} else if !ok {
			missing = fmt.Errorf("%s has no value", found)
		}
		return text(value)
	})
	return filled, missing
}

// fill decodes JSON and replaces placeholders with values. A string that is only a
// placeholder becomes the value with the value's own type.
func fill(data json.RawMessage, values map[string]any) (any, error) {
	document, err := decode(data)
	if err != nil {
		return nil, err
	}
	return fillValue(document, values)
}

func fillValue(value any, values map[string]any) (any, error) {
	var err error
	switch v := value.(type) {
	case string:
		if whole := placeholder.FindString(v); whole == v && whole != "" && !strings.HasPrefix(v, "$$") {
			if known, ok := values[v[2:len(v)-1]]; ok {
				return known, nil
			}
		}
		return fillText(v, values)
	case []any:
		for i := range v {
			if v[i], err = fillValue(v[i], values); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for key := range v {
			if v[key], err = fillValue(v[key], values); err != nil {
				return nil, err
			}
		}
	}
	return value, nil
}

// fillJSON does the same as fill, for JSON that is sent.
func fillJSON(data json.RawMessage, values map[string]any) ([]byte, error) {
	value, err := fill(data, values)
	if err != nil {
		return nil, err
	}
	return json.Marshal(value)
}
