package types

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/localaws/cloudformation/resource"
)

// A reading collects the live values of those properties that a template sets.
type reading struct {
	request *resource.Request
	live    map[string]any
}

// read returns what reads a resource of the type.
func (d definition) read(from reader) func(context.Context, *resource.Request) (map[string]any, error) {
	return func(ctx context.Context, asked *resource.Request) (map[string]any, error) {
		r := d.effective(asked)
		into := reading{r, map[string]any{}}
		switch err := from(ctx, r, into); {
		case err == nil:
			return into.live, nil
		case errors.Is(err, resource.ErrGone), handlerCode(err) == "NotFound":
			return nil, resource.ErrGone
		default:
			return nil, handlerError(r, err)
		}
	}
}

// set takes the live value of a property, which may be one of the SDK's structs.
func (r reading) set(property string, value any) {
	if expected, ok := r.request.Properties[property]; ok {
		r.live[property] = shape(expected, reflect.ValueOf(value))
	}
}

// fields takes the properties for which a struct of the SDK has a field.
func (r reading) fields(of any, except ...string) {
	v := reflect.Indirect(reflect.ValueOf(of))
	for property := range r.request.Properties {
		if field, ok := fieldOf(v.Type(), property); ok && !slices.Contains(except, property) {
			r.set(property, v.FieldByIndex(field.Index).Interface())
		}
	}
}

// attributes takes properties that a service has as texts. Those that are documents
// have JSON.
func (r reading) attributes(attributes map[string]string, names ...string) {
	for _, name := range names {
		text, ok := attributes[name]
		switch {
		case !ok:
			r.set(name, nil)
		case strings.HasPrefix(text, "{"):
			r.set(name, parsed(&text))
		default:
			r.set(name, text)
		}
	}
}

// tags takes the tags without those that the template does not set itself.
func (r reading) tags(tags map[string]string) {
	own, err := tagsIn(r.request.Properties)
	if err != nil {
		return
	}
	tags = maps.Clone(tags)
	maps.DeleteFunc(tags, func(key, value string) bool {
		_, isOwn := own[key]
		inherited, ok := r.request.Tags[key]
		return strings.HasPrefix(key, "aws:") || !isOwn && ok && inherited == value
	})
	if _, isMap := r.request.Properties["Tags"].(map[string]any); isMap {
		r.set("Tags", tags)
		return
	}
	list := tagList(tags, func(k, v *string) struct{ Key, Value string } { return struct{ Key, Value string }{*k, *v} })
	r.set("Tags", list)
}

// api compares a property with what it was translated to for the service. If that is
// what the service has, the live value is the template's. Otherwise it can only be
// shown in the service's form.
func (r reading) api(property string, sent, live any) {
	expected, ok := r.request.Properties[property]
	if !ok {
		return
	}
	wanted := shape(nil, reflect.ValueOf(sent))
	actual := shape(wanted, reflect.ValueOf(live))
	if actual, ok := actual.(map[string]any); ok {
		// What the template does not have at all is a difference, too. Below that are
		// the service's defaults.
		all, _ := shape(nil, reflect.ValueOf(live)).(map[string]any)
		for name, v := range all {
			if _, has := actual[name]; !has {
				actual[name] = v
			}
		}
	}
	if len(resource.Compare("", wanted, actual)) == 0 {
		r.live[property] = expected
		return
	}
	r.live[property] = resource.Opaque{Value: actual}
}

// parsed returns the value of a JSON document, or the text if it is none.
func parsed(text *string) any {
	if text == nil {
		return nil
	}
	var v any
	if err := json.Unmarshal([]byte(*text), &v); err != nil {
		return *text
	}
	return v
}

// shape returns a value of the SDK in the form that it has in the template. Of a struct
// it takes the fields that the template sets, or all that are set if expected is nil.
// The elements of lists are in the template's order, as far as they are equal.
func shape(expected any, v reflect.Value) any {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int32, reflect.Int64:
		return float64(v.Int())
	case reflect.Float64, reflect.Float32:
		return v.Float()
	case reflect.Slice:
		return shapeList(expected, v)
	case reflect.Map:
		if v.IsNil() {
			return nil
		}
		of, _ := expected.(map[string]any)
		m := map[string]any{}
		for _, key := range v.MapKeys() {
			m[key.String()] = shape(of[key.String()], v.MapIndex(key))
		}
		return m
	case reflect.Struct:
		if t, ok := v.Interface().(time.Time); ok {
			return t.UTC().Format(time.RFC3339)
		}
		return shapeStruct(expected, v)
	}
	return nil
}

func shapeStruct(expected any, v reflect.Value) any {
	m := map[string]any{}
	visible := slices.DeleteFunc(reflect.VisibleFields(v.Type()), func(f reflect.StructField) bool {
		return !f.IsExported() || f.Anonymous || f.Name == "ResultMetadata"
	})
	if len(visible) == 0 {
		// Such a struct switches something on.
		return true
	}
	if of, ok := expected.(map[string]any); ok {
		for name, e := range of {
			field, ok := fieldOf(v.Type(), name)
			if !ok {
				// The service does not tell this.
				m[name] = e
				continue
			}
			if value := shape(e, v.FieldByIndex(field.Index)); value != nil {
				m[name] = value
			}
		}
		return m
	}
	for _, field := range visible {
		if value := shape(nil, v.FieldByIndex(field.Index)); value != nil && value != "" {
			m[field.Name] = value
		}
	}
	return m
}

func shapeList(expected any, v reflect.Value) any {
	if v.IsNil() {
		return nil
	}
	of, _ := expected.([]any)
	used := make([]bool, v.Len())
	list := make([]any, min(len(of), v.Len()), max(len(of), v.Len()))
	var open []int
	for i := range of {
		j := 0
		for ; j < v.Len(); j++ {
			if used[j] {
				continue
			}
			if value := shape(of[i], v.Index(j)); len(resource.Compare("", of[i], value)) == 0 {
				used[j] = true
				if i < len(list) {
					list[i] = value
				} else {
					list = append(list, value)
				}
				break
			}
		}
		if j == v.Len() {
			open = append(open, i)
		}
	}
	// Those that equal no element of the template take the places that are left.
	for j := range v.Len() {
		switch {
		case used[j]:
		case len(open) > 0 && open[0] < len(list):
			list[open[0]] = shape(of[open[0]], v.Index(j))
			open = open[1:]
		default:
			list = append(list, shape(nil, v.Index(j)))
		}
	}
	return slices.DeleteFunc(list, func(v any) bool { return v == nil })
}
