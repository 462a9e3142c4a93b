package probe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Expectations say what an answer must be like, besides its status.
type Expectations struct {
	Headers map[string]Match // by name
	Body    *Match           // for the whole text
	JSON    map[string]Match // for the values at JSON Pointers (RFC 6901)
	// Error says that the invocation must fail. The function's answer is then its error.
	Error bool
}

// A Match says what a value must be. All of its conditions must hold.
type Match struct {
	Equals  json.RawMessage // nil accepts any value
	Matches *regexp.Regexp
	Exists  *bool
}

// check returns an error if an answer is not as expected.
func (e Expectations) check(a answer, values map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		sent := a.header.Values(name)
		var got any
		if len(sent) > 0 {
			got = strings.Join(sent, ", ")
		}
		if err := e.Headers[name].check(got, len(sent) > 0, values); err != nil {
			return fmt.Errorf("header %s %w", name, err)
		}
	}
	if e.Body != nil {
		if err := e.Body.check(string(a.body), len(a.body) > 0, values); err != nil {
			return fmt.Errorf("the body %w", err)
		}
	}
	if len(e.JSON) == 0 {
		return nil
	}
	document, err := decode(a.body)
	if err != nil {
		return fmt.Errorf("the answer %s is not JSON: %w", short(string(a.body)), err)
	}
	for _, pointer := range slices.Sorted(maps.Keys(e.JSON)) {
		got, found := lookup(document, pointer)
		if err := e.JSON[pointer].check(got, found, values); err != nil {
			return fmt.Errorf("%s %w", at(pointer), err)
		}
	}
	return nil
}

// at returns words for the place of a JSON Pointer. The pointer "" is the whole document.
func at(pointer string) string {
	if pointer == "" {
		return "the whole document"
	}
	return pointer
}

func (m Match) check(got any, found bool, values map[string]any) error {
	if m.Exists != nil && *m.Exists != found {
		if found {
			return fmt.Errorf("is %s, but must not be there", render(got))
		}
		return errors.New("is not there")
	}
	if m.Equals == nil && m.Matches == nil {
		return nil
	}
	if !found {
		return errors.New("is not there")
	}
	if m.Equals != nil {
		want, err := fill(m.Equals, values)
		if err != nil {
			return err
		}
		if !equal(got, want) {
			return fmt.Errorf("is %s, want %s", render(got), render(want))
		}
	}
	if m.Matches != nil && !m.Matches.MatchString(text(got)) {
		return fmt.Errorf("is %s, which does not match %s", render(got), m.Matches)
	}
	return nil
}

// decode reads one JSON document.
func decode(data []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var document any
	if err := decoder.Decode(&document); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the document")
	}
	return document, nil
}

// escapes are the escapes of RFC 6901.
var escapes = strings.NewReplacer("~1", "/", "~0", "~")

// lookup returns the value at a JSON Pointer.
func lookup(document any, pointer string) (any, bool) {
	if pointer == "" {
		return document, true
	}
	for key := range strings.SplitSeq(pointer[1:], "/") {
		key = escapes.Replace(key)
		switch inner := document.(type) {
		case map[string]any:
			value, found := inner[key]
			if !found {
				return nil, false
			}
			document = value
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(inner) || key != strconv.Itoa(i) {
				return nil, false
			}
			document = inner[i]
		default:
			return nil, false
		}
	}
	return document, true
}

// checkPointer refuses what is not a JSON Pointer.
func checkPointer(pointer string) error {
	if pointer != "" && !strings.HasPrefix(pointer, "/") {
		return fmt.Errorf("%q is not a JSON Pointer; write /%s", pointer, strings.ReplaceAll(pointer, ".", "/"))
	}
	for i := range len(pointer) {
		if pointer[i] == '~' && (i+1 == len(pointer) || pointer[i+1] != '0' && pointer[i+1] != '1') {
			return fmt.Errorf("%q is not a JSON Pointer: write a ~ as ~0, and a / inside a key as ~1", pointer)
		}
	}
	return nil
}

// equal compares two values as JSON does: 1.0 equals 1.
func equal(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		return ok && sameNumber(string(a), string(b))
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, equal)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equal)
	default:
		switch b.(type) { // maps and slices can't be compared with ==
		case map[string]any, []any:
			return false
		}
		return a == b
	}
}

func sameNumber(a, b string) bool {
	whole := func(n string) bool { return !strings.ContainsAny(n, ".eE") }
	if a == b || whole(a) && whole(b) { // otherwise long numbers would be rounded
		return a == b
	}
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && x == y
}

// text returns a value as it is written inside a string.
func text(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value) // never happens with a decoded value
	}
	return string(encoded)
}

// render formats a value for a message.
func render(value any) string {
	encoded, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value) // never happens with a decoded value
	}
	return short(string(encoded))
}

// short shortens what would fill the screen.
func short(s string) string {
	const most = 1000
	s = strings.TrimSpace(s)
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

// An answer is the answer to a request or an invocation.
type answer struct {
	status int // 0 for an invocation
	header http.Header
	body   []byte
	failed string // the kind of the error if an invocation failed
}
