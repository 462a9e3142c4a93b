package wire

import (
	"encoding/xml"
	"reflect"
	"slices"
	"strings"
)

// An xmlWriter writes the answers of awsQuery.
type xmlWriter struct{ text []byte }

func (w *xmlWriter) open(name, namespace string) {
	w.text = append(w.text, '<')
	w.text = append(w.text, name...)
	if namespace != "" {
		w.text = append(append(append(w.text, ` xmlns="`...), namespace...), '"')
	}
	w.text = append(w.text, '>')
}

func (w *xmlWriter) close(name string) {
	w.text = append(append(append(w.text, "</"...), name...), '>')
}

// Write implements [io.Writer] for functions that escape text.
func (w *xmlWriter) Write(b []byte) (int, error) {
	w.text = append(w.text, b...)
	return len(b), nil
}

func (w *xmlWriter) element(name, value string) {
	w.open(name, "")
	// Write doesn't fail.
	_ = xml.EscapeText(w, []byte(value))
	w.close(name)
}

// structure writes the members of a structure that have a value, and the lists that
// AWS sends even if they are empty.
func (w *xmlWriter) structure(v reflect.Value, s *shape) {
	for _, f := range s.fields {
		switch fv := v.Field(f.index); {
		case absent(fv) && !f.always:
		case f.flat != "":
			w.items(f, fv)
		default:
			w.value(f.name, fv, f.shape)
		}
	}
}

// items writes a flattened list or map: an element for each item.
func (w *xmlWriter) items(f field, v reflect.Value) {
	if f.shape.kind == list {
		for i := range v.Len() {
			w.value(f.flat, v.Index(i), f.shape.elem)
		}
		return
	}
	// Tags have keys, and attributes have names.
	key := "Name"
	if f.flat == "Tag" {
		key = "Key"
	}
	for _, k := range sortedKeys(v) {
		w.open(f.flat, "")
		w.element(key, k.String())
		w.value("Value", v.MapIndex(k), f.shape.elem)
		w.close(f.flat)
	}
}

func sortedKeys(v reflect.Value) []reflect.Value {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	return keys
}

// value writes an element. A list contains member elements; a map contains
// entry elements with key and value.
func (w *xmlWriter) value(name string, v reflect.Value, s *shape) {
	v = reflect.Indirect(v)
	// The list contains a nil pointer.
	if !v.IsValid() {
		return
	}
	switch s.kind {
	case structure:
		w.open(name, "")
		w.structure(v, s)
	case union:
		w.open(name, "")
		if m, value := variant(v, s); m != nil {
			w.value(m.name, value, m.shape)
		}
	case list:
		w.open(name, "")
		for i := range v.Len() {
			w.value("member", v.Index(i), s.elem)
		}
	case dict:
		w.open(name, "")
		for _, k := range sortedKeys(v) {
			w.open("entry", "")
			w.element("key", k.String())
			w.value("value", v.MapIndex(k), s.elem)
			w.close("entry")
		}
	default:
		w.element(name, scalarText(v, s.kind, "date-time"))
		return
	}
	w.close(name)
}
