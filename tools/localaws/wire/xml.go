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

// structure writes the members of a structure that have a value.
func (w *xmlWriter) structure(v reflect.Value, s *shape) {
	for _, f := range s.fields {
		if fv := v.Field(f.index); !absent(fv) {
			w.value(f.name, fv, f.shape)
		}
	}
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
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
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
