package wire

import (
	"cmp"
	"fmt"
	"io"
	"math/big"
	"reflect"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/document"
	"github.com/aws/smithy-go/middleware"
	"github.com/aws/smithy-go/traits"
)

// A kind is the form of a shape on the wire.
type kind int

const (
	boolean kind = iota
	integer
	float
	text
	blob
	timestamp
	list
	dict
	structure
	union
	stream // a blob that is read from or written to the body unchanged
)

// A shape maps a Go type of the SDK to the wire.
type shape struct {
	kind   kind
	typ    reflect.Type // without its pointer
	fields []field      // fields of a structure, in the order of the struct
	elem   *shape       // element of a list or dict
	// variants are the members of a union; their index is the same as in unions.
	variants []field
	schema   *smithy.Schema // set if the SDK has a schema
}

// A field is a member of a structure or union.
type field struct {
	name   string // name in a body
	index  int    // index of the struct field or of the variant
	shape  *shape
	value  []int  // index of the value in a variant
	format string // format of a timestamp: "", "date-time", "epoch-seconds" or "http-date"

	flat string // name of an item's element in awsQuery, if the list or map is flattened
	zero bool   // a zero that is sent becomes call.Zero
	// always says that an answer has the list or map even if it is empty.
	always bool

	location location // location of a REST binding
	bound    string   // name of the header, query parameter or label
}

// A location is the place of a member in an HTTP message.
type location int

const (
	inBody location = iota
	inHeader
	inQuery
	inLabel
	inStatus
	inPayload // the member is the whole body
)

// A compiler makes shapes for one service.
type compiler struct {
	metadata
	structs map[reflect.Type]*shape // and unions
	answers answers
	checker *checker // nil for errors, which are not checked
}

func newCompiler(m metadata) *compiler {
	return &compiler{metadata: m, structs: map[reflect.Type]*shape{}}
}

// top makes the shape of an operation's input, its output, or an error.
func (c *compiler) top(t reflect.Type) (*shape, error) {
	return c.shape(t, schemaOf(t))
}

var (
	timeType     = reflect.TypeFor[time.Time]()
	readerType   = reflect.TypeFor[io.Reader]()
	closerType   = reflect.TypeFor[io.ReadCloser]()
	metadataType = reflect.TypeFor[middleware.Metadata]()
)

func (c *compiler) shape(t reflect.Type, schema *smithy.Schema) (*shape, error) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	s := &shape{typ: t, schema: schema}
	switch t.Kind() {
	case reflect.Bool:
		s.kind = boolean
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		s.kind = integer
	case reflect.Float32, reflect.Float64:
		s.kind = float
	case reflect.String:
		s.kind = text
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			s.kind = blob
			return s, nil
		}
		s.kind = list
		return s, c.element(s, schema.ListMember)
	case reflect.Map:
		s.kind = dict
		return s, c.element(s, schema.MapValue)
	case reflect.Interface:
		if t == readerType || t == closerType {
			s.kind = stream
			return s, nil
		}
		// A union may contain itself, as a structure may.
		if known, ok := c.structs[t]; ok {
			return known, nil
		}
		c.structs[t] = s
		return s, c.union(s)
	case reflect.Struct:
		if t == timeType {
			s.kind = timestamp
			return s, nil
		}
		return c.structure(s)
	default:
		return nil, fmt.Errorf("type %v can't be sent over the wire", t)
	}
	return s, nil
}

// element sets the shape of a list's or map's elements.
func (c *compiler) element(s *shape, member func() *smithy.Schema) (err error) {
	var schema *smithy.Schema
	if s.schema != nil {
		schema = member()
	}
	s.elem, err = c.shape(s.typ.Elem(), schema)
	return err
}

// structure maps a struct's fields. A struct may contain itself.
func (c *compiler) structure(s *shape) (*shape, error) {
	if known, ok := c.structs[s.typ]; ok {
		return known, nil
	}
	s.kind = structure
	c.structs[s.typ] = s
	for i := range s.typ.NumField() {
		f := s.typ.Field(i)
		if !f.IsExported() || f.Type == metadataType || f.Name == "ErrorCodeOverride" {
			continue
		}
		m := field{index: i, name: c.name(s.typ.Name(), f.Name)}
		var schema *smithy.Schema
		if s.schema != nil {
			if schema = member(s.schema, f.Name); schema == nil {
				return nil, fmt.Errorf("%s.%s is not in its schema %v", s.typ.Name(), f.Name, s.schema.ID())
			}
			m.bind(schema)
		}
		if c.dateTimes {
			m.format = "date-time"
		}
		var err error
		if m.shape, err = c.shape(f.Type, schema); err != nil {
			return nil, fmt.Errorf("%s.%s: %w", s.typ.Name(), f.Name, err)
		}
		if c.flattened && (m.shape.kind == list || m.shape.kind == dict) {
			m.flat = cmp.Or(c.items[s.typ.Name()+"."+f.Name], flatName(m))
		}
		m.zero = c.zeros[s.typ.Name()+"."+f.Name]
		m.always = c.answers.always[s.typ.Name()+"."+f.Name]
		s.fields = append(s.fields, m)
	}
	return s, nil
}

// flatName returns the name of an item's element: that of a structure's type, and
// otherwise the member's name in the singular.
func flatName(f field) string {
	if f.shape.kind == list && f.shape.elem.kind == structure {
		return f.shape.elem.typ.Name()
	}
	r, n := utf8.DecodeRuneInString(f.name)
	return string(unicode.ToUpper(r)) + strings.TrimSuffix(f.name[n:], "s")
}

// name returns the wire name of a struct field, according to the service's
// convention.
func (c *compiler) name(typ, field string) string {
	if name, ok := c.renamed[typ+"."+field]; ok {
		return name
	}
	irregular := c.irregular[typ+"."+field]
	// The SDK adds this to names that it uses for something else.
	field = strings.TrimSuffix(field, "_")
	if c.lowerCamel == irregular {
		return field
	}
	r, n := utf8.DecodeRuneInString(field)
	return string(unicode.ToLower(r)) + field[n:]
}

// member finds the schema of a struct field. The SDK derives the name of the
// field from the member's name by capitalizing the first letter.
func member(schema *smithy.Schema, field string) *smithy.Schema {
	if m := schema.Member(field); m != nil {
		return m
	}
	r, n := utf8.DecodeRuneInString(field)
	return schema.Member(string(unicode.ToLower(r)) + field[n:])
}

// bind applies the schema of a member.
func (f *field) bind(schema *smithy.Schema) {
	f.name = schema.MemberName()
	if t, ok := smithy.SchemaTrait[*traits.JSONName](schema); ok {
		f.name = t.Name
	}
	if t, ok := smithy.SchemaTrait[*traits.TimestampFormat](schema); ok {
		f.format = t.Format
	}
	if t, ok := smithy.SchemaTrait[*traits.HTTPHeader](schema); ok {
		f.location, f.bound = inHeader, t.Name
	}
	if t, ok := smithy.SchemaTrait[*traits.HTTPQuery](schema); ok {
		f.location, f.bound = inQuery, t.Name
	}
	if _, ok := smithy.SchemaTrait[*traits.HTTPLabel](schema); ok {
		f.location, f.bound = inLabel, schema.MemberName()
	}
	if _, ok := smithy.SchemaTrait[*traits.HTTPResponseCode](schema); ok {
		f.location = inStatus
	}
	if _, ok := smithy.SchemaTrait[*traits.HTTPPayload](schema); ok {
		f.location = inPayload
	}
}

// union maps the members of a union type.
func (c *compiler) union(s *shape) error {
	members, ok := unions[s.typ]
	if !ok {
		return fmt.Errorf("the members of the union %v are unknown", s.typ)
	}
	s.kind = union
	for i, typ := range members {
		goName := strings.TrimPrefix(typ.Name(), s.typ.Name()+"Member")
		m := field{index: i, name: goName}
		var schema *smithy.Schema
		if s.schema != nil {
			if schema = member(s.schema, goName); schema == nil {
				return fmt.Errorf("%s is not in its schema %v", typ.Name(), s.schema.ID())
			}
			m.bind(schema)
		}
		value, _ := typ.FieldByName("Value")
		m.value = value.Index
		var err error
		if m.shape, err = c.shape(value.Type, schema); err != nil {
			return fmt.Errorf("%s: %w", typ.Name(), err)
		}
		s.variants = append(s.variants, m)
	}
	return nil
}

// schemaOf returns the Smithy schema of an SDK type, or nil if the SDK has
// none. The SDK only reveals it to a serializer.
func schemaOf(t reflect.Type) *smithy.Schema {
	v, ok := reflect.TypeAssert[smithy.Serializable](reflect.New(t))
	if !ok {
		return nil
	}
	var r schemaRecorder
	v.Serialize(&r)
	return r.schema
}

// A schemaRecorder is a serializer that keeps the schema of the outermost
// structure and drops the values.
type schemaRecorder struct{ schema *smithy.Schema }

func (r *schemaRecorder) WriteStruct(s *smithy.Schema) {
	if r.schema == nil {
		r.schema = s
	}
}

func (*schemaRecorder) Bytes() []byte                                { return nil }
func (*schemaRecorder) WriteInt8(*smithy.Schema, int8)               {}
func (*schemaRecorder) WriteInt16(*smithy.Schema, int16)             {}
func (*schemaRecorder) WriteInt32(*smithy.Schema, int32)             {}
func (*schemaRecorder) WriteInt64(*smithy.Schema, int64)             {}
func (*schemaRecorder) WriteFloat32(*smithy.Schema, float32)         {}
func (*schemaRecorder) WriteFloat64(*smithy.Schema, float64)         {}
func (*schemaRecorder) WriteBool(*smithy.Schema, bool)               {}
func (*schemaRecorder) WriteString(*smithy.Schema, string)           {}
func (*schemaRecorder) WriteBigInt(*smithy.Schema, *big.Int)         {}
func (*schemaRecorder) WriteBigFloat(*smithy.Schema, *big.Float)     {}
func (*schemaRecorder) WriteBlob(*smithy.Schema, []byte)             {}
func (*schemaRecorder) WriteTime(*smithy.Schema, time.Time)          {}
func (*schemaRecorder) WriteUnion(_, _ *smithy.Schema)               {}
func (*schemaRecorder) CloseUnion()                                  {}
func (*schemaRecorder) WriteDocument(*smithy.Schema, document.Value) {}
func (*schemaRecorder) WriteNil(*smithy.Schema)                      {}
func (*schemaRecorder) CloseStruct()                                 {}
func (*schemaRecorder) WriteList(*smithy.Schema)                     {}
func (*schemaRecorder) CloseList()                                   {}
func (*schemaRecorder) WriteMap(*smithy.Schema)                      {}
func (*schemaRecorder) WriteKey(*smithy.Schema, string)              {}
func (*schemaRecorder) CloseMap()                                    {}
