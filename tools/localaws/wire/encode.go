package wire

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"net/http"
	"reflect"
	"strconv"
	"time"
)

// A dialect writes the values that formats write differently.
type dialect interface {
	blob([]byte) any
	time(t time.Time, format string) any
	float(float64) any
}

// encode returns v as bool, int64, string, []any, map[string]any, and the
// dialect's values for the rest. It leaves out members without a value,
// except for the lists and maps that AWS sends even if they are empty.
func encode(v reflect.Value, s *shape, format string, d dialect) any {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	switch s.kind {
	case boolean:
		return v.Bool()
	case integer:
		return v.Int()
	case float:
		return d.float(v.Float())
	case text:
		return v.String()
	case blob:
		return d.blob(v.Bytes())
	case timestamp:
		return d.time(timeOf(v), format)
	case list:
		items := make([]any, v.Len())
		for i := range items {
			items[i] = encode(v.Index(i), s.elem, format, d)
		}
		return items
	case dict:
		entries := make(map[string]any, v.Len())
		for it := v.MapRange(); it.Next(); {
			entries[it.Key().String()] = encode(it.Value(), s.elem, format, d)
		}
		return entries
	case union:
		m, value := variant(v, s)
		if m == nil {
			return nil
		}
		return map[string]any{m.name: encode(value, m.shape, m.format, d)}
	case structure:
		fields := make(map[string]any, len(s.fields))
		for _, f := range s.fields {
			if fv := v.Field(f.index); f.location == inBody && (f.always || !absent(fv)) {
				fields[f.name] = encode(fv, f.shape, f.format, d)
			}
		}
		return fields
	// Only a REST body can carry a stream.
	default:
		return nil
	}
}

// absent reports whether a struct field has no value to send. A number or
// boolean that isn't a pointer always has one.
func absent(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		return v.IsNil()
	// An enumeration may have no value.
	case reflect.String:
		return v.Len() == 0
	default:
		return false
	}
}

// variant returns the member of a union that is set, and its value.
func variant(v reflect.Value, s *shape) (*field, reflect.Value) {
	set := reflect.Indirect(v.Elem())
	for i := range s.variants {
		if unions[s.typ][s.variants[i].index] == set.Type() {
			return &s.variants[i], set.FieldByIndex(s.variants[i].value)
		}
	}
	return nil, reflect.Value{}
}

func timeOf(v reflect.Value) time.Time {
	t, _ := reflect.TypeAssert[time.Time](v)
	return t
}

// isoTime formats a timestamp as awsQuery does, with milliseconds.
func isoTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999Z") }

// epoch formats a timestamp as seconds since 1970 with milliseconds.
func epoch(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', -1, 64)
}

// formatTime formats a timestamp in one of Smithy's formats.
// See https://smithy.io/2.0/spec/protocol-traits.html#timestampformat-trait.
func formatTime(t time.Time, format string) string {
	switch format {
	case "date-time":
		return isoTime(t)
	case "http-date":
		return t.UTC().Format(http.TimeFormat)
	default:
		return epoch(t)
	}
}

// scalarText formats a scalar for a header or XML. format is the timestamp format.
func scalarText(v reflect.Value, k kind, format string) string {
	v = reflect.Indirect(v)
	switch k {
	case boolean:
		return strconv.FormatBool(v.Bool())
	case integer:
		return strconv.FormatInt(v.Int(), 10)
	case float:
		return floatText(v.Float())
	case blob:
		return base64.StdEncoding.EncodeToString(v.Bytes())
	case timestamp:
		return formatTime(timeOf(v), format)
	default:
		return v.String()
	}
}

func floatText(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	default:
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
}

// jsonDialect writes blobs as base64 and timestamps as seconds.
type jsonDialect struct{}

func (jsonDialect) blob(b []byte) any { return base64.StdEncoding.EncodeToString(b) }

func (jsonDialect) time(t time.Time, format string) any {
	if format == "date-time" || format == "http-date" {
		return formatTime(t, format)
	}
	return json.Number(epoch(t))
}

func (jsonDialect) float(f float64) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return floatText(f)
	}
	return f
}
