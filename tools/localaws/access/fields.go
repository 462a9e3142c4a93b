package access

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// values returns the text of a field of an operation's input, or of all items if
// the field or one above it is a list. Of a map, it returns the keys, sorted. path
// has the names separated by dots.
func values(in any, path string) []string {
	return collect(reflect.ValueOf(in), path, nil)
}

// value returns the text of a field that has one value, or "" if it has none.
func value(in any, path string) string { return strings.Join(values(in, path), "") }

func collect(v reflect.Value, path string, texts []string) []string {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return texts
		}
		v = v.Elem()
	}
	if v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8 {
		for i := range v.Len() {
			texts = collect(v.Index(i), path, texts)
		}
		return texts
	}
	if path == "" {
		return append(texts, text(v)...)
	}
	name, rest, _ := strings.Cut(path, ".")
	if v.Kind() != reflect.Struct {
		return texts
	}
	field := v.FieldByName(name)
	if !field.IsValid() {
		return texts
	}
	return collect(field, rest, texts)
}

// text returns a value as a condition key or a name has it. An empty string is
// no value.
func text(v reflect.Value) []string {
	switch v.Kind() {
	case reflect.String:
		if v.String() == "" {
			return nil
		}
		return []string{v.String()}
	case reflect.Slice:
		return []string{string(v.Bytes())}
	case reflect.Map:
		var keys []string
		for _, k := range v.MapKeys() {
			keys = append(keys, k.String())
		}
		slices.Sort(keys)
		return keys
	case reflect.Struct:
		if t, ok := reflect.TypeAssert[time.Time](v); ok {
			return []string{t.UTC().Format(time.RFC3339)}
		}
		return nil
	default:
		return []string{fmt.Sprint(v.Interface())}
	}
}

// tags returns the tags in an operation's input, and the keys of tags that it
// adds or removes.
func tags(in any) (pairs map[string]string, keys []string) {
	v := reflect.ValueOf(in)
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return nil, nil
	}
	pairs = map[string]string{}
	switch field := v.FieldByName("Tags"); {
	case !field.IsValid():
	case field.Kind() == reflect.Map:
		for _, k := range field.MapKeys() {
			pairs[k.String()] = fmt.Sprint(field.MapIndex(k).Interface())
		}
	case field.Kind() == reflect.Slice:
		for i := range field.Len() {
			item := field.Index(i).Interface()
			// KMS has its own names.
			k, value := append(values(item, "Key"), values(item, "TagKey")...), append(values(item, "Value"), values(item, "TagValue")...)
			if len(k) == 1 {
				pairs[k[0]] = strings.Join(value, "")
			}
		}
	}
	for k := range pairs {
		keys = append(keys, k)
	}
	return pairs, append(keys, values(in, "TagKeys")...)
}
