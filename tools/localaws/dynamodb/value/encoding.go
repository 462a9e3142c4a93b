package value

import (
	"encoding/binary"
	"maps"
	"slices"
)

// The encoding of an item is a count, and for each attribute in the order of
// the names its name and value. A value is a byte for its type and, depending on
// the type, its bytes, elements or attributes. Texts have their length before
// them. It has no pointers, so that a million items cost the garbage collector
// little, and decoding copies no text.

// isTrue marks true in the byte of the type, which is all that a boolean has.
const isTrue = 0x80

// Encode returns the compact form of an item.
func (i Item) Encode() string {
	b := make([]byte, 0, i.Size()+4*len(i)+4)
	return string(i.append(b))
}

func (i Item) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(i)))
	for _, name := range slices.Sorted(maps.Keys(i)) {
		b = appendText(b, name)
		b = i[name].append(b)
	}
	return b
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func (v Value) append(b []byte) []byte {
	switch v.kind {
	case Bool:
		if v.Bool() {
			return append(b, byte(Bool)|isTrue)
		}
		return append(b, byte(Bool))
	case Null:
		return append(b, byte(Null))
	case Map:
		return v.item.append(append(b, byte(Map)))
	case List:
		b = binary.AppendUvarint(append(b, byte(List)), uint64(len(v.list)))
		for _, e := range v.list {
			b = e.append(b)
		}
		return b
	case StringSet, NumberSet, BinarySet:
		b = binary.AppendUvarint(append(b, byte(v.kind)), uint64(len(v.list)))
		for _, e := range v.list {
			b = appendText(b, e.text)
		}
		return b
	default:
		return appendText(append(b, byte(v.kind)), v.text)
	}
}

// Decode returns the item that Encode has made a text of. The item shares the
// text's memory.
func Decode(text string) Item {
	d := decoder{text}
	return d.item()
}

// Lookup returns one attribute of an encoded item, without decoding the others.
func Lookup(text, name string) (Value, bool) {
	d := decoder{text}
	for range d.count() {
		found := d.bytes()
		if found == name {
			return d.value(), true
		}
		// The names are sorted.
		if found > name {
			break
		}
		d.skip()
	}
	return Value{}, false
}

// A decoder reads what Encode has written. Anything else makes it panic.
type decoder struct{ rest string }

func (d *decoder) count() int {
	n, shift := 0, 0
	for i := range len(d.rest) {
		c := d.rest[i]
		n |= int(c&0x7f) << shift
		if c < 0x80 {
			d.rest = d.rest[i+1:]
			return n
		}
		shift += 7
	}
	panic("value: the encoding of an item ends early")
}

func (d *decoder) bytes() string {
	n := d.count()
	text := d.rest[:n]
	d.rest = d.rest[n:]
	return text
}

func (d *decoder) item() Item {
	n := d.count()
	item := make(Item, n)
	for range n {
		name := d.bytes()
		item[name] = d.value()
	}
	return item
}

func (d *decoder) kind() byte {
	k := d.rest[0]
	d.rest = d.rest[1:]
	return k
}

func (d *decoder) value() Value {
	k := d.kind()
	switch kind := Kind(k &^ isTrue); kind {
	case Bool:
		if k&isTrue != 0 {
			return Value{kind: Bool, text: "t"}
		}
		return Value{kind: Bool}
	case Null:
		return Value{kind: Null}
	case Map:
		return Value{kind: Map, item: d.item()}
	case List:
		list := make([]Value, d.count())
		for i := range list {
			list[i] = d.value()
		}
		return Value{kind: List, list: list}
	case StringSet, NumberSet, BinarySet:
		list := make([]Value, d.count())
		for i := range list {
			list[i] = Value{kind: kind.Element(), text: d.bytes()}
		}
		return Value{kind: kind, list: list}
	default:
		return Value{kind: kind, text: d.bytes()}
	}
}

// skip passes over a value.
func (d *decoder) skip() {
	switch kind := Kind(d.kind() &^ isTrue); kind {
	case Bool, Null:
	case Map:
		for range d.count() {
			d.bytes()
			d.skip()
		}
	case List:
		for range d.count() {
			d.skip()
		}
	case StringSet, NumberSet, BinarySet:
		for range d.count() {
			d.bytes()
		}
	default:
		d.bytes()
	}
}
