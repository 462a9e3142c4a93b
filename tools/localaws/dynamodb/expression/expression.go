// Package expression is the expression language of the embedded DynamoDB:
// conditions, filters, key conditions, projections and updates.
//
// An error of this package has the text that DynamoDB answers with a
// ValidationException.
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html.
package expression

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/magewright/magewright/tools/localaws/dynamodb/value"
)

// An Error is an expression that DynamoDB refuses. Its text is DynamoDB's message.
type Error string

func (e Error) Error() string { return string(e) }

func errorf(format string, args ...any) error { return Error(fmt.Sprintf(format, args...)) }

// A Use is the request parameter that an expression stands in.
type Use string

// The parameters.
const (
	Condition    Use = "ConditionExpression"
	Filter       Use = "FilterExpression"
	KeyCondition Use = "KeyConditionExpression"
	Projection   Use = "ProjectionExpression"
	Update       Use = "UpdateExpression"
)

// invalid returns the error of a parameter.
func (u Use) invalid(format string, args ...any) error {
	return Error("Invalid " + string(u) + ": " + fmt.Sprintf(format, args...))
}

// Limits from
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-expression-parameters.
const (
	maxLength    = 4 << 10
	maxOperators = 300
	maxOperands  = 100 // of IN
)

// Substitutions are the names and values that stand for the placeholders of a
// request's expressions, and which of them have been used.
type Substitutions struct {
	names      map[string]string
	values     map[string]value.Value
	usedNames  map[string]bool
	usedValues map[string]bool
}

// NewSubstitutions returns the substitutions of a request. names and values may
// be nil; if they are empty and not nil, they are refused.
func NewSubstitutions(names map[string]string, values map[string]value.Value) (*Substitutions, error) {
	if names != nil && len(names) == 0 {
		return nil, Error("ExpressionAttributeNames must not be empty")
	}
	if values != nil && len(values) == 0 {
		return nil, Error("ExpressionAttributeValues must not be empty")
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !placeholder(name, '#') {
			return nil, errorf("ExpressionAttributeNames contains invalid key: Syntax error; key: %q", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !placeholder(name, ':') {
			return nil, errorf("ExpressionAttributeValues contains invalid key: Syntax error; key: %q", name)
		}
	}
	return &Substitutions{names: names, values: values, usedNames: map[string]bool{}, usedValues: map[string]bool{}}, nil
}

// placeholder reports whether a text is a sign and at least one letter, digit
// or underscore.
func placeholder(text string, sign byte) bool {
	if len(text) < 2 || text[0] != sign {
		return false
	}
	for i := 1; i < len(text); i++ {
		if !wordByte(text[i]) {
			return false
		}
	}
	return true
}

// Unused returns an error that names the substitutions that no expression has used.
func (s *Substitutions) Unused() error {
	for _, kind := range []struct {
		parameter string
		all       []string
		used      map[string]bool
	}{
		{"ExpressionAttributeNames", slices.Collect(maps.Keys(s.names)), s.usedNames},
		{"ExpressionAttributeValues", slices.Collect(maps.Keys(s.values)), s.usedValues},
	} {
		unused := slices.DeleteFunc(kind.all, func(name string) bool { return kind.used[name] })
		if len(unused) > 0 {
			slices.Sort(unused)
			return errorf("Value provided in %s unused in expressions: keys: {%s}", kind.parameter, strings.Join(unused, ", "))
		}
	}
	return nil
}

// A part is one step of a document path: an attribute's name or a list's index.
type part struct {
	name  string
	index int // -1 for a name
}

func (p part) String() string {
	if p.index < 0 {
		return p.name
	}
	return fmt.Sprintf("[%d]", p.index)
}

// A Path says where in an item a value is, such as a.b[2].
type Path []part

func (p Path) String() string {
	parts := make([]string, len(p))
	for i, part := range p {
		parts[i] = part.String()
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// Attribute returns the name of the attribute of the item that a path leads into.
func (p Path) Attribute() string { return p[0].name }

// Nested reports whether a path leads into a map or list.
func (p Path) Nested() bool { return len(p) > 1 }

// get returns the value at a path.
func (p Path) get(item value.Item) (value.Value, bool) {
	v, ok := item[p[0].name]
	for _, step := range p[1:] {
		if !ok {
			break
		}
		v, ok = step.of(v)
	}
	return v, ok
}

// of returns the value that a step leads to from v.
func (p part) of(v value.Value) (value.Value, bool) {
	if p.index < 0 {
		inner, ok := v.Item()[p.name]
		return inner, ok
	}
	if v.Kind() != value.List || p.index >= len(v.Elements()) {
		return value.Value{}, false
	}
	return v.Elements()[p.index], true
}
