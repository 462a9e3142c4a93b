// Package value holds the attribute values of the embedded DynamoDB: their
// types, order, sizes, limits and a compact encoding.
//
// Values are immutable. The functions that change a value return another one.
// See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html.
package value

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// A Kind is the data type of a value.
type Kind uint8

// The data types. Their order is not DynamoDB's.
const (
	None Kind = iota // no value
	String
	Number
	Binary
	Bool
	Null
	StringSet
	NumberSet
	BinarySet
	List
	Map
)

var descriptors = [...]string{
	String: "S", Number: "N", Binary: "B", Bool: "BOOL", Null: "NULL",
	StringSet: "SS", NumberSet: "NS", BinarySet: "BS", List: "L", Map: "M",
}

// String returns the type's descriptor, such as NS.
func (k Kind) String() string { return descriptors[k] }

// Element returns the type of a set's elements, or None for a type that is not a set.
func (k Kind) Element() Kind {
	switch k {
	case StringSet:
		return String
	case NumberSet:
		return Number
	case BinarySet:
		return Binary
	default:
		return None
	}
}

// Scalar reports whether a type can be that of a key.
func (k Kind) Scalar() bool { return k == String || k == Number || k == Binary }

// KindOf returns the type with a descriptor, or None.
func KindOf(descriptor string) Kind {
	if descriptor == "" {
		return None
	}
	return Kind(max(slices.Index(descriptors[:], descriptor), 0)) // #nosec G115 -- there are eleven
}

// A Value is an attribute value. The zero Value has the kind None.
type Value struct {
	kind Kind
	// text is a string's or binary's bytes, a number in its sortable form (see
	// number.go), or "t" for true.
	text string
	// list has the elements of a list, and those of a set in ascending order.
	list []Value
	item Item
}

// An Item has values by attribute name. A map is an Item, too.
type Item map[string]Value

// Kind returns the value's type.
func (v Value) Kind() Kind { return v.kind }

// Text returns the bytes of a string or binary, and a number in a form whose
// byte order is the numeric order.
func (v Value) Text() string { return v.text }

// Bool reports whether the value is true.
func (v Value) Bool() bool { return v.text == "t" }

// Elements returns the elements of a list or set. The caller must not change them.
func (v Value) Elements() []Value { return v.list }

// Item returns the attributes of a map. The caller must not change them.
func (v Value) Item() Item { return v.item }

// NewString returns a string.
func NewString(s string) Value { return Value{kind: String, text: s} }

// NewBinary returns a binary value.
func NewBinary(b string) Value { return Value{kind: Binary, text: b} }

// NewList returns a list, which takes over its elements.
func NewList(elements []Value) Value { return Value{kind: List, list: elements} }

// NewMap returns a map, which takes over its attributes.
func NewMap(item Item) Value { return Value{kind: Map, item: item} }

// NewSet returns a set of a kind. Its elements may occur several times.
func NewSet(kind Kind, elements []Value) Value {
	sorted := slices.Clone(elements)
	slices.SortFunc(sorted, Compare)
	return Value{kind: kind, list: slices.CompactFunc(sorted, Equal)}
}

// Compare orders two values of the same scalar type: strings and binaries by
// their bytes, numbers by value.
func Compare(a, b Value) int { return strings.Compare(a.text, b.text) }

// Equal reports whether two values are equal. Values of different types never are.
func Equal(a, b Value) bool {
	if a.kind != b.kind || a.text != b.text || len(a.list) != len(b.list) || len(a.item) != len(b.item) {
		return false
	}
	if !slices.EqualFunc(a.list, b.list, Equal) {
		return false
	}
	return EqualItems(a.item, b.item)
}

// EqualItems reports whether two items have the same attributes.
func EqualItems(a, b Item) bool {
	if len(a) != len(b) {
		return false
	}
	for name, v := range a {
		w, ok := b[name]
		if !ok || !Equal(v, w) {
			return false
		}
	}
	return true
}

// Has reports whether a set or list has an element.
func (v Value) Has(element Value) bool {
	return slices.ContainsFunc(v.list, func(e Value) bool { return Equal(e, element) })
}

// Size returns the size of a value in bytes, by the rules of
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html.
func (v Value) Size() int {
	const overhead = 3
	switch v.kind {
	case String, Binary:
		return len(v.text)
	case Number:
		return numberSize(v.text)
	case Bool, Null:
		return 1
	case List:
		size := overhead
		for _, e := range v.list {
			size += e.Size() + 1
		}
		return size
	case Map:
		return overhead + v.item.Size() + len(v.item)
	default:
		size := 0
		for _, e := range v.list {
			size += e.Size()
		}
		return size
	}
}

// Size returns the size of an item in bytes, its attributes' names included.
func (i Item) Size() int {
	size := 0
	for name, v := range i {
		size += len(name) + v.Size()
	}
	return size
}

// CharacterCount returns the length of a string in UTF-16 code units, as Java counts.
func (v Value) CharacterCount() int {
	n := 0
	for _, r := range v.text {
		if r > 0xffff {
			n++
		}
		n++
	}
	return n
}

// Describe returns a value as DynamoDB's messages show it, such as {S:a}.
func (v Value) Describe() string {
	switch v.kind {
	case String:
		return "{S:" + v.text + "}"
	case Number:
		return "{N:" + FormatNumber(v) + "}"
	case Binary:
		return "{B:java.nio.HeapByteBuffer[pos=0 lim=" + itoa(len(v.text)) + " cap=" + itoa(len(v.text)) + "]}"
	case Bool:
		if v.Bool() {
			return "{BOOL:true}"
		}
		return "{BOOL:false}"
	default:
		return "{" + v.kind.String() + "}"
	}
}

// An Error is a value that DynamoDB refuses. Its text is DynamoDB's message.
type Error string

func (e Error) Error() string { return string(e) }

const invalid = "One or more parameter values were invalid: "

// maxDepth is how deep values may nest.
const maxDepth = 32

// ErrEmpty is the refusal of a value without a type.
const ErrEmpty = Error("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")

// FromAWS returns the value of the SDK's type. It returns an Error for a value
// that DynamoDB refuses.
func FromAWS(in types.AttributeValue) (Value, error) { return fromAWS(in, 0) }

// ItemFromAWS returns the item of the SDK's type.
func ItemFromAWS(in map[string]types.AttributeValue) (Item, error) { return itemFromAWS(in, 0) }

func itemFromAWS(in map[string]types.AttributeValue, depth int) (Item, error) {
	item := make(Item, len(in))
	for name, a := range in {
		v, err := fromAWS(a, depth)
		if err != nil {
			return nil, err
		}
		item[name] = v
	}
	return item, nil
}

func fromAWS(in types.AttributeValue, depth int) (Value, error) {
	if depth > maxDepth {
		return Value{}, Error("Nesting Levels have exceeded supported limits")
	}
	switch in := in.(type) {
	case *types.AttributeValueMemberS:
		if !utf8.ValidString(in.Value) {
			return Value{}, Error(invalid + "a string is not valid UTF-8")
		}
		return NewString(in.Value), nil
	case *types.AttributeValueMemberN:
		return ParseNumber(in.Value)
	case *types.AttributeValueMemberB:
		return NewBinary(string(in.Value)), nil
	case *types.AttributeValueMemberBOOL:
		if in.Value {
			return Value{kind: Bool, text: "t"}, nil
		}
		return Value{kind: Bool}, nil
	case *types.AttributeValueMemberNULL:
		if !in.Value {
			return Value{}, Error(invalid + "Null attribute value types must have the value of true")
		}
		return Value{kind: Null}, nil
	case *types.AttributeValueMemberSS:
		return setOf(StringSet, in.Value, "An string set  may not be empty", func(s string) (Value, error) { return NewString(s), nil })
	case *types.AttributeValueMemberNS:
		return setOf(NumberSet, in.Value, "An number set  may not be empty", ParseNumber)
	case *types.AttributeValueMemberBS:
		return setOf(BinarySet, in.Value, "Binary sets should not be empty", func(b []byte) (Value, error) { return NewBinary(string(b)), nil })
	case *types.AttributeValueMemberL:
		list := make([]Value, len(in.Value))
		for i, e := range in.Value {
			v, err := fromAWS(e, depth+1)
			if err != nil {
				return Value{}, err
			}
			list[i] = v
		}
		return NewList(list), nil
	case *types.AttributeValueMemberM:
		item, err := itemFromAWS(in.Value, depth+1)
		return NewMap(item), err
	default:
		return Value{}, ErrEmpty
	}
}

// setOf returns a set. An empty one, and one with duplicates, is refused.
func setOf[T any](kind Kind, in []T, empty string, parse func(T) (Value, error)) (Value, error) {
	if len(in) == 0 {
		return Value{}, Error(invalid + empty)
	}
	elements := make([]Value, len(in))
	for i, e := range in {
		v, err := parse(e)
		if err != nil {
			return Value{}, err
		}
		elements[i] = v
	}
	set := NewSet(kind, elements)
	if len(set.list) == len(elements) {
		return set, nil
	}
	if kind == NumberSet {
		return Value{}, Error("Input collection contains duplicates")
	}
	var shown []string
	for _, e := range elements {
		shown = append(shown, e.plain())
	}
	of := ""
	if kind == BinarySet {
		of = "of type BS"
	}
	return Value{}, Error(invalid + "Input collection [" + strings.Join(shown, ", ") + "]" + of + " contains duplicates.")
}

// ToAWS returns the value as the SDK's type.
func (v Value) ToAWS() types.AttributeValue {
	switch v.kind {
	case String:
		return &types.AttributeValueMemberS{Value: v.text}
	case Number:
		return &types.AttributeValueMemberN{Value: FormatNumber(v)}
	case Binary:
		return &types.AttributeValueMemberB{Value: []byte(v.text)}
	case Bool:
		return &types.AttributeValueMemberBOOL{Value: v.Bool()}
	case Null:
		return &types.AttributeValueMemberNULL{Value: true}
	case StringSet:
		return &types.AttributeValueMemberSS{Value: each(v.list, Value.Text)}
	case NumberSet:
		return &types.AttributeValueMemberNS{Value: each(v.list, FormatNumber)}
	case BinarySet:
		return &types.AttributeValueMemberBS{Value: each(v.list, func(e Value) []byte { return []byte(e.text) })}
	case List:
		return &types.AttributeValueMemberL{Value: each(v.list, Value.ToAWS)}
	case Map:
		return &types.AttributeValueMemberM{Value: v.item.ToAWS()}
	default:
		return nil
	}
}

// ToAWS returns the item as the SDK's type. It returns nil for a nil item.
func (i Item) ToAWS() map[string]types.AttributeValue {
	if i == nil {
		return nil
	}
	out := make(map[string]types.AttributeValue, len(i))
	for name, v := range i {
		out[name] = v.ToAWS()
	}
	return out
}

func each[T any](list []Value, f func(Value) T) []T {
	out := make([]T, len(list))
	for i, e := range list {
		out[i] = f(e)
	}
	return out
}
