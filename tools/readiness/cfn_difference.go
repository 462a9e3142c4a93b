package readiness

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// A difference is a place where two documents differ. It has a JSON Pointer
// (RFC 6901) and the two values, which may be nil.
type difference struct {
	path       string
	one, other any
}

// differences compares two JSON documents value by value. It also returns how
// many values it compared: those that are in either document. A value that only
// one document has is one difference, whatever is below it.
func differences(one, other any) (found []difference, compared int) {
	differ(one, other, "", &found, &compared)
	return found, compared
}

func differ(one, other any, path string, found *[]difference, compared *int) {
	a, isMap := branch[map[string]any](one)
	b, alsoMap := branch[map[string]any](other)
	if isMap && alsoMap {
		keys := maps.Clone(a)
		maps.Copy(keys, b)
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			at := path + "/" + pointer.Replace(key)
			first, inFirst := a[key]
			second, inSecond := b[key]
			if inFirst && inSecond {
				differ(first, second, at, found, compared)
				continue
			}
			*found = append(*found, difference{at, first, second})
			*compared += leaves(first) + leaves(second)
		}
		return
	}
	c, isList := branch[[]any](one)
	d, alsoList := branch[[]any](other)
	if isList && alsoList && len(c) == len(d) {
		for i := range c {
			differ(c[i], d[i], fmt.Sprintf("%s/%d", path, i), found, compared)
		}
		return
	}
	*compared += max(leaves(one), leaves(other))
	if !reflect.DeepEqual(one, other) {
		*found = append(*found, difference{path, one, other})
	}
}

// pointer escapes a key for a JSON Pointer.
var pointer = strings.NewReplacer("~", "~0", "/", "~1")

// branch returns a value that contains other values: a list or a map that is
// not empty and not a text in the form of Fn::Sub.
func branch[T map[string]any | []any](v any) (T, bool) {
	t, ok := v.(T)
	if sub, isMap := v.(map[string]any); isMap && len(sub) == 1 {
		if _, isText := sub["Fn::Sub"].(string); isText {
			return t, false
		}
	}
	return t, ok && reflect.ValueOf(v).Len() > 0
}

// leaves counts the values below a value that contain no others.
func leaves(v any) int {
	n := 0
	if m, ok := branch[map[string]any](v); ok {
		for _, e := range m {
			n += leaves(e)
		}
		return n
	}
	if list, ok := branch[[]any](v); ok {
		for _, e := range list {
			n += leaves(e)
		}
		return n
	}
	if v == nil {
		return 0
	}
	return 1
}

// describe describes a difference for a reader, using the names of the two documents.
func (d difference) describe(one, other string) string {
	// most is the maximum number of characters of a value.
	const most = 100
	value := func(v any) string {
		text := []rune(cfnText(v))
		if len(text) > most {
			return string(text[:most]) + "..."
		}
		if _, isText := v.(string); isText {
			return strconv.Quote(string(text))
		}
		return string(text)
	}
	switch {
	case d.one == nil:
		return fmt.Sprintf("%s is only in %s: %s", d.path, other, value(d.other))
	case d.other == nil:
		return fmt.Sprintf("%s is only in %s: %s", d.path, one, value(d.one))
	}
	return fmt.Sprintf("%s: %s has %s, %s has %s", d.path, one, value(d.one), other, value(d.other))
}
