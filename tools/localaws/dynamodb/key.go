package dynamodb

import (
	"encoding/binary"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/magewright/magewright/tools/localaws/dynamodb/value"
)

// Limits of keys in bytes, from
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html.
const (
	maxPartitionKey = 2048
	maxSortKey      = 1024
)

// An attribute is a part of a key.
type attribute struct {
	name string
	kind value.Kind
}

// A schema is the key of a table or index. The sort key has no name if there is none.
type schema struct {
	partition, sort attribute
}

// attributes returns the parts of the key.
func (s schema) attributes() []attribute {
	if s.sort.name == "" {
		return []attribute{s.partition}
	}
	return []attribute{s.partition, s.sort}
}

func (s schema) has(name string) bool {
	return name != "" && (s.partition.name == name || s.sort.name == name)
}

// elements returns the schema as the SDK's type.
func (s schema) elements() []types.KeySchemaElement {
	kinds := []types.KeyType{types.KeyTypeHash, types.KeyTypeRange}
	var elements []types.KeySchemaElement
	for i, a := range s.attributes() {
		elements = append(elements, types.KeySchemaElement{AttributeName: &a.name, KeyType: kinds[i]})
	}
	return elements
}

// A key's bytes order items. They are a hash of the partition key, the partition
// key with its length before it, and the sort key. The keys of an index end with
// the table's key, because an index may have several items of a key.

// hashLength is how many bytes of a key are the hash.
const hashLength = 8

// partitionPrefix returns the bytes that all keys of a partition begin with.
func partitionPrefix(v value.Value) []byte {
	text := v.Text()
	h := fnv.New64a()
	// This never fails.
	_, _ = h.Write([]byte(text))
	b := make([]byte, 0, hashLength+2+len(text)+16)
	b = binary.BigEndian.AppendUint64(b, mix(h.Sum64()))
	b = binary.AppendUvarint(b, uint64(len(text)))
	return append(b, text...)
}

// mix spreads similar hashes over all 64 bits, so that segments of a scan are of
// similar size.
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// appendSort appends a sort key so that the order of the bytes is the keys'
// order, whatever follows: a zero byte becomes 0x00 0xff, and 0x00 0x01 is the end.
func appendSort(b []byte, v value.Value) []byte {
	return append(appendSortPrefix(b, v.Text()), 0, 1)
}

// appendSortPrefix appends the beginning of sort keys.
func appendSortPrefix(b []byte, text string) []byte {
	if strings.IndexByte(text, 0) < 0 {
		return append(b, text...)
	}
	for i := range len(text) {
		b = append(b, text[i])
		if text[i] == 0 {
			b = append(b, 0xff)
		}
	}
	return b
}

// bytes returns the bytes of an item's key. The item has the key's attributes.
func (s schema) bytes(item value.Item) []byte {
	b := partitionPrefix(item[s.partition.name])
	if s.sort.name != "" {
		b = appendSort(b, item[s.sort.name])
	}
	return b
}

// of returns the attributes of an item that are its key.
func (s schema) of(item value.Item) value.Item {
	key := value.Item{}
	for _, a := range s.attributes() {
		key[a.name] = item[a.name]
	}
	return key
}

// complete reports whether an item has the attributes of the key.
func (s schema) complete(item value.Item) bool {
	return !slices.ContainsFunc(s.attributes(), func(a attribute) bool { _, ok := item[a.name]; return !ok })
}

// successor returns the smallest text that is greater than all texts with a
// prefix. It is empty if there is none.
func successor(prefix []byte) string {
	next := slices.Clone(prefix)
	for i := len(next) - 1; i >= 0; i-- {
		if next[i] != 0xff {
			next[i]++
			return string(next[:i+1])
		}
	}
	return ""
}

// checkKeyValue reports what is wrong with the value of a key attribute.
func checkKeyValue(a attribute, v value.Value, sort bool) error {
	if v.Text() == "" {
		kind := "string"
		if v.Kind() == value.Binary {
			kind = "binary"
		}
		return validation("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty %s value. Key: %s", kind, a.name)
	}
	if !sort && len(v.Text()) > maxPartitionKey {
		return validation("One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of%d bytes", maxPartitionKey)
	}
	if sort && len(v.Text()) > maxSortKey {
		return validation("One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size limit of %d bytes", maxSortKey)
	}
	return nil
}

// parseKey reads the primary key of a request.
func (s schema) parseKey(in map[string]types.AttributeValue) (value.Item, error) {
	key, err := value.ItemFromAWS(in)
	if err != nil {
		return nil, invalid(err)
	}
	if len(key) != len(s.attributes()) {
		return nil, validation("The provided key element does not match the schema")
	}
	for i, a := range s.attributes() {
		v, ok := key[a.name]
		if !ok || v.Kind() != a.kind {
			return nil, validation("The provided key element does not match the schema")
		}
		if err := checkKeyValue(a, v, i > 0); err != nil {
			return nil, err
		}
	}
	return key, nil
}

// checkItem reports what is wrong with the key of an item that is to be stored.
func (s schema) checkItem(item value.Item) error {
	for i, a := range s.attributes() {
		v, ok := item[a.name]
		if !ok {
			return validation("One or more parameter values were invalid: Missing the key %s in the item", a.name)
		}
		if v.Kind() != a.kind {
			return validation("One or more parameter values were invalid: Type mismatch for key %s expected: %s actual: %s", a.name, a.kind, v.Kind())
		}
		if err := checkKeyValue(a, v, i > 0); err != nil {
			return err
		}
	}
	return nil
}

// checkItem reports what is wrong with the index's key in an item that is to be
// stored. An item without the key is not in the index.
func (ix *index) checkItem(item value.Item) error {
	for i, a := range ix.schema.attributes() {
		v, ok := item[a.name]
		switch {
		case !ok:
		case v.Kind() != a.kind:
			return validation("One or more parameter values were invalid: Type mismatch for Index Key %s Expected: %s Actual: %s IndexName: %s", a.name, a.kind, v.Kind(), ix.name)
		case v.Text() == "":
			kind := "string"
			if a.kind == value.Binary {
				kind = "binary"
			}
			return validation("One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty %s value. IndexName: %s, IndexKey: %s", kind, ix.name, a.name)
		default:
			if err := checkKeyValue(a, v, i > 0); err != nil {
				return err
			}
		}
	}
	return nil
}
