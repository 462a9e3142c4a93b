package wire

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/magewright/magewright/tools/localaws/call"
)

// decodeInput sets an operation's input, which must be a structure.
func decodeInput(v any, s *shape, in reflect.Value) error {
	if v == nil {
		return mismatch("a structure", v)
	}
	return decode(v, s, in)
}

// decode sets dst to v, which comes from the parser of some format. v is nil,
// bool, string, []byte, time.Time, a number (json.Number, int64, uint64 or
// float64), []any, map[string]any, or the *node of a form. It ignores members
// that the shape doesn't have, as AWS does.
func decode(v any, s *shape, dst reflect.Value) error {
	if v == nil {
		return nil
	}
	if dst.Kind() == reflect.Pointer {
		p := reflect.New(dst.Type().Elem())
		if err := decode(v, s, p.Elem()); err != nil {
			return err
		}
		dst.Set(p)
		return nil
	}
	switch s.kind {
	case structure:
		return decodeStructure(v, s, dst)
	case union:
		return decodeUnion(v, s, dst)
	case list:
		return decodeList(v, s, dst)
	case dict:
		return decodeDict(v, s, dst)
	default:
		return decodeScalar(v, s.kind, dst)
	}
}

func decodeStructure(v any, s *shape, dst reflect.Value) error {
	get, err := members(v)
	if err != nil {
		return err
	}
	for _, f := range s.fields {
		if f.location != inBody {
			continue
		}
		value := get(f.name)
		if _, form := v.(*node); form && f.flat != "" {
			value = get(f.flat)
		}
		if err := decode(value, f.shape, dst.Field(f.index)); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		if f.zero && value != nil && dst.Field(f.index).IsZero() {
			dst.Field(f.index).SetInt(call.Zero)
		}
	}
	return nil
}

// members returns a function that gets a structure's members by name.
func members(v any) (func(string) any, error) {
	switch v := v.(type) {
	case map[string]any:
		return func(name string) any { return v[name] }, nil
	case *node:
		return func(name string) any {
			if n := v.children[name]; n != nil {
				return n
			}
			// A nil *node would not be a nil interface.
			return nil
		}, nil
	}
	return nil, mismatch("a structure", v)
}

func decodeUnion(v any, s *shape, dst reflect.Value) error {
	get, err := members(v)
	if err != nil {
		return err
	}
	// Almost always it has one member, which is quicker to look for.
	if only, ok := v.(map[string]any); ok && len(only) == 1 {
		for name, value := range only {
			i := slices.IndexFunc(s.variants, func(m field) bool { return m.name == name })
			if i < 0 || value == nil {
				break
			}
			return s.variants[i].set(value, s, dst)
		}
	}
	for _, m := range s.variants {
		value := get(m.name)
		if value == nil {
			continue
		}
		if !dst.IsNil() {
			return errors.New("more than one member of a union is set")
		}
		if err := m.set(value, s, dst); err != nil {
			return err
		}
	}
	if dst.IsNil() {
		return errors.New("no known member of a union is set")
	}
	return nil
}

// set makes a member that of a union.
func (m *field) set(value any, s *shape, dst reflect.Value) error {
	variant := reflect.New(unions[s.typ][m.index])
	if err := decode(value, m.shape, variant.Elem().FieldByIndex(m.value)); err != nil {
		return fmt.Errorf("%s: %w", m.name, err)
	}
	dst.Set(variant)
	return nil
}

func decodeList(v any, s *shape, dst reflect.Value) error {
	var items []any
	switch v := v.(type) {
	case []any:
		items = v
	case *node:
		items = v.list()
	default:
		return mismatch("a list", v)
	}
	l := reflect.MakeSlice(dst.Type(), len(items), len(items))
	for i, item := range items {
		if err := decode(item, s.elem, l.Index(i)); err != nil {
			return fmt.Errorf("%d: %w", i, err)
		}
	}
	dst.Set(l)
	return nil
}

func decodeDict(v any, s *shape, dst reflect.Value) error {
	var entries map[string]any
	switch v := v.(type) {
	case map[string]any:
		entries = v
	case *node:
		entries = v.dict()
	default:
		return mismatch("a map", v)
	}
	m := reflect.MakeMapWithSize(dst.Type(), len(entries))
	for k, v := range entries {
		e := reflect.New(dst.Type().Elem()).Elem()
		if err := decode(v, s.elem, e); err != nil {
			return fmt.Errorf("%s: %w", k, err)
		}
		m.SetMapIndex(reflect.ValueOf(k).Convert(dst.Type().Key()), e)
	}
	dst.Set(m)
	return nil
}

func decodeScalar(v any, k kind, dst reflect.Value) error {
	if n, ok := v.(*node); ok {
		return decodeText(n.value, k, dst)
	}
	switch k {
	case boolean:
		b, ok := v.(bool)
		if !ok {
			return mismatch("a boolean", v)
		}
		dst.SetBool(b)
	case text:
		t, ok := v.(string)
		if !ok {
			return mismatch("a string", v)
		}
		dst.SetString(t)
	case blob:
		if b, ok := v.([]byte); ok {
			dst.SetBytes(b)
			return nil
		}
		t, ok := v.(string)
		if !ok {
			return mismatch("a blob", v)
		}
		return decodeText(t, k, dst)
	case integer:
		return decodeInteger(v, dst)
	case float:
		f, err := number(v)
		if err != nil {
			return err
		}
		dst.SetFloat(f)
	case timestamp:
		return decodeTime(v, dst)
	default:
		return errors.New("a stream can't be a member of a structure")
	}
	return nil
}

// decodeText reads a scalar from a form, a path, a query or a header.
func decodeText(t string, k kind, dst reflect.Value) error {
	switch k {
	case boolean:
		b, err := strconv.ParseBool(t)
		if err != nil {
			return mismatch("a boolean", t)
		}
		dst.SetBool(b)
	case text:
		dst.SetString(t)
	case blob:
		b, err := base64.StdEncoding.DecodeString(t)
		if err != nil {
			return fmt.Errorf("reading base64: %w", err)
		}
		dst.SetBytes(b)
	case integer:
		return decodeInteger(json.Number(t), dst)
	case float:
		f, err := number(t)
		if err != nil {
			f, err = number(json.Number(t))
		}
		if err != nil {
			return err
		}
		dst.SetFloat(f)
	case timestamp:
		return decodeTime(t, dst)
	default:
		return errors.New("a stream can't be written as text")
	}
	return nil
}

func decodeInteger(v any, dst reflect.Value) error {
	var i int64
	switch v := v.(type) {
	case int64:
		i = v
	case uint64:
		if v > math.MaxInt64 {
			return mismatch("an integer in range", v)
		}
		i = int64(v) // #nosec G115 -- the range was just checked
	case json.Number:
		var err error
		// 1.0 and 1e3 are integers, too.
		if i, err = v.Int64(); err != nil {
			f, ferr := v.Float64()
			if ferr != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
				return mismatch("an integer", v)
			}
			i = int64(f)
		}
	default:
		return mismatch("an integer", v)
	}
	if dst.OverflowInt(i) {
		return mismatch("an integer in range", v)
	}
	dst.SetInt(i)
	return nil
}

// number reads a floating point number. JSON represents three special values as
// strings.
func number(v any) (float64, error) {
	switch v := v.(type) {
	case float64:
		return v, nil
	case int64:
		return float64(v), nil
	case uint64:
		return float64(v), nil
	case json.Number:
		if f, err := v.Float64(); err == nil {
			return f, nil
		}
	case string:
		switch v {
		case "NaN":
			return math.NaN(), nil
		case "Infinity":
			return math.Inf(1), nil
		case "-Infinity":
			return math.Inf(-1), nil
		}
	}
	return 0, mismatch("a number", v)
}

// decodeTime reads a timestamp in any of AWS's formats. The last accepted year is 9999.
func decodeTime(v any, dst reflect.Value) error {
	var t time.Time
	switch v := v.(type) {
	case time.Time:
		t = v
	case string:
		var err error
		if t, err = time.Parse(time.RFC3339, v); err == nil {
			break
		}
		if t, err = http.ParseTime(v); err == nil {
			break
		}
		if _, err := strconv.ParseFloat(v, 64); err != nil {
			return mismatch("a timestamp", v)
		}
		return decodeTime(json.Number(v), dst)
	default:
		f, err := number(v)
		const last = 253402300799
		if err != nil || math.IsNaN(f) || math.Abs(f) > last {
			return mismatch("a timestamp", v)
		}
		t = time.UnixMilli(int64(math.Round(f * 1000)))
	}
	dst.Set(reflect.ValueOf(t.UTC()))
	return nil
}

func mismatch(want string, got any) error {
	what := ""
	switch got := got.(type) {
	case nil:
		what = "null"
	case bool:
		what = "a boolean"
	case string:
		what = "the string " + strconv.Quote(abbreviate(got))
	case json.Number:
		what = "the number " + abbreviate(got.String())
	case []any:
		what = "a list"
	case map[string]any:
		what = "a structure"
	case *node:
		what = "a form field"
	default:
		what = fmt.Sprintf("a value of another type (%T)", got)
	}
	return fmt.Errorf("wanted %s, got %s", want, what)
}

func abbreviate(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

// A node is one level in the dotted names of an awsQuery form.
type node struct {
	value    string
	children map[string]*node
}

// maxDepth limits how deep a form's names nest.
const maxDepth = 64

// add sets the value of a dotted name, such as Tags.member.1.Key.
func (n *node) add(name, value string) error {
	parts := strings.SplitN(name, ".", maxDepth+1)
	if len(parts) > maxDepth {
		return fmt.Errorf("the parameter %q is nested too deeply", abbreviate(name))
	}
	for _, part := range parts {
		child := n.children[part]
		if child == nil {
			child = &node{}
			if n.children == nil {
				n.children = map[string]*node{}
			}
			n.children[part] = child
		}
		n = child
	}
	n.value = value
	return nil
}

// list returns the members of a list: X.member.N, the same with another name
// than "member", or the flattened X.N. The numbers may have gaps.
func (n *node) list() []any {
	numbered := n.numbered()
	if numbered == nil && len(n.children) == 1 {
		for _, only := range n.children {
			numbered = only.numbered()
		}
	}
	items := make([]any, len(numbered))
	for i, c := range numbered {
		items[i] = c
	}
	return items
}

// dict returns the entries of a map: X.entry.N.key and .value. Services use
// different names for key and value.
func (n *node) dict() map[string]any {
	numbered := n.numbered()
	if numbered == nil {
		if entries := n.children["entry"]; entries != nil {
			numbered = entries.numbered()
		}
	}
	m := map[string]any{}
	for _, e := range numbered {
		key, value := e.first("key", "Key", "Name"), e.first("value", "Value")
		if key == nil {
			continue
		}
		if value == nil {
			value = &node{}
		}
		m[key.value] = value
	}
	return m
}

func (n *node) first(names ...string) *node {
	for _, name := range names {
		if c := n.children[name]; c != nil {
			return c
		}
	}
	return nil
}

// numbered returns the children sorted by number. It returns nil if the name of
// one is not a number.
func (n *node) numbered() []*node {
	keys := make([]int, 0, len(n.children))
	for k := range n.children {
		i, err := strconv.Atoi(k)
		if err != nil || i < 0 || strconv.Itoa(i) != k {
			return nil
		}
		keys = append(keys, i)
	}
	slices.Sort(keys)
	nodes := make([]*node, len(keys))
	for i, k := range keys {
		nodes[i] = n.children[strconv.Itoa(k)]
	}
	return nodes
}
