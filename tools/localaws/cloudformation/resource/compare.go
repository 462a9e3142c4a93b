package resource

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// An Opaque is a live value that differs from the template's and has another form,
// so that its parts can't be compared.
type Opaque struct{ Value any }

// The kinds of a [Difference].
const (
	Added    = "ADD"       // an element or a key is only there
	Removed  = "REMOVE"    // a value is only in the template
	NotEqual = "NOT_EQUAL" // the values differ
)

// A Difference is a value that differs from what a template says.
type Difference struct {
	Path             string // for example /Environment/Variables/MODE
	Kind             string
	Expected, Actual any // nil if there is no such value
}

// Compare returns the differences between a value in a template and the live value. A
// value that is not there equals an empty one, and scalars are equal if their texts are.
func Compare(path string, expected, actual any) []Difference {
	if o, ok := actual.(Opaque); ok {
		return []Difference{{path, NotEqual, expected, o.Value}}
	}
	if text, ok := expected.(string); ok && container(actual) {
		// A document may be given as its text.
		var document any
		if json.Unmarshal([]byte(text), &document) == nil && container(document) {
			expected = document
		}
	}
	switch {
	case empty(expected) && empty(actual):
		return nil
	case actual == nil:
		return []Difference{{path, Removed, expected, nil}}
	case expected == nil:
		return []Difference{{path, Added, nil, actual}}
	}
	if e, ok := expected.(map[string]any); ok {
		if a, ok := actual.(map[string]any); ok {
			return compareMaps(path, e, a)
		}
	}
	if e, ok := expected.([]any); ok {
		if a, ok := actual.([]any); ok {
			return compareLists(path, e, a)
		}
	}
	if !container(expected) && !container(actual) && sameText(expected, actual) {
		return nil
	}
	// One element may stand for a list of it, as in policies.
	if single(expected, actual) {
		return nil
	}
	return []Difference{{path, NotEqual, expected, actual}}
}

func compareMaps(path string, expected, actual map[string]any) []Difference {
	names := slices.Collect(maps.Keys(expected))
	for name := range actual {
		if _, both := expected[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var all []Difference
	for _, name := range names {
		all = append(all, Compare(path+"/"+name, expected[name], actual[name])...)
	}
	return all
}

func compareLists(path string, expected, actual []any) []Difference {
	var all []Difference
	for i := range max(len(expected), len(actual)) {
		at := path + "/" + strconv.Itoa(i)
		switch {
		case i >= len(actual):
			all = append(all, Difference{at, Removed, expected[i], nil})
		case i >= len(expected):
			all = append(all, Difference{at, Added, nil, actual[i]})
		default:
			all = append(all, Compare(at, expected[i], actual[i])...)
		}
	}
	return all
}

func single(expected, actual any) bool {
	if list, ok := expected.([]any); ok && len(list) == 1 {
		return !container(actual) && !container(list[0]) && sameText(list[0], actual)
	}
	if list, ok := actual.([]any); ok && len(list) == 1 {
		return !container(expected) && !container(list[0]) && sameText(expected, list[0])
	}
	return false
}

func container(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// empty reports whether a value says nothing.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case bool:
		return !v
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

func sameText(a, b any) bool {
	_, bool1 := a.(bool)
	_, bool2 := b.(bool)
	if bool1 || bool2 {
		return strings.EqualFold(Text(a), Text(b))
	}
	return Text(a) == Text(b)
}

// Text returns a scalar's text, or the JSON of another value.
func Text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
