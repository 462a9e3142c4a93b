package executeapi

import (
	"maps"
	"reflect"
	"slices"
)

// Assign copies the fields of one SDK struct to those of another that have the
// same name and type. The SDK has several structs for each kind of resource.
func Assign(to, from any) { assign(to, from, true) }

// Change is Assign without the fields of from that are not set.
func Change(to, from any) { assign(to, from, false) }

func assign(to, from any, unset bool) {
	dst, src := reflect.ValueOf(to).Elem(), reflect.ValueOf(from).Elem()
	for i := range src.NumField() {
		f := src.Type().Field(i)
		if !f.IsExported() || f.Name == "ResultMetadata" {
			continue
		}
		into := dst.FieldByName(f.Name)
		if into.IsValid() && into.Type() == f.Type && (unset || !src.Field(i).IsZero()) {
			into.Set(src.Field(i))
		}
	}
}

// Used returns those of the named fields of an SDK struct that ask for something:
// not false, zero or empty.
func Used(in any, names ...string) []string {
	v := reflect.ValueOf(in).Elem()
	var used []string
	for _, name := range names {
		f := reflect.Indirect(v.FieldByName(name))
		if !f.IsValid() || f.IsZero() || (f.Kind() == reflect.Map || f.Kind() == reflect.Slice) && f.Len() == 0 {
			continue
		}
		used = append(used, name)
	}
	return used
}

// Sorted returns the values of a map in the order of its keys.
func Sorted[T any](m map[string]*T) []T {
	list := make([]T, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		list = append(list, *m[key])
	}
	return list
}
