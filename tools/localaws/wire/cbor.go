package wire

import (
	"fmt"
	"math"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

// cborDialect keeps the values that CBOR has a type for.
type cborDialect struct{}

func (cborDialect) blob(b []byte) any              { return b }
func (cborDialect) time(t time.Time, _ string) any { return t }
func (cborDialect) float(f float64) any            { return f }

// epochTag marks a number as seconds since 1970 (RFC 8949, section 3.4.2).
const epochTag = 1

// toCBOR converts the result of encode to CBOR.
func toCBOR(v any) cbor.Value {
	switch v := v.(type) {
	case bool:
		return cbor.Bool(v)
	case int64:
		if v < 0 {
			return cbor.NegInt(uint64(-v)) // #nosec G115 -- -v is positive, and right for the least int64 too
		}
		return cbor.Uint(uint64(v)) // #nosec G115 -- it isn't negative
	case float64:
		return cbor.Float64(v)
	case string:
		return cbor.String(v)
	case []byte:
		return cbor.Slice(v)
	case time.Time:
		return &cbor.Tag{ID: epochTag, Value: cbor.Float64(float64(v.UnixMilli()) / 1000)}
	case []any:
		l := make(cbor.List, len(v))
		for i, item := range v {
			l[i] = toCBOR(item)
		}
		return l
	case map[string]any:
		m := make(cbor.Map, len(v))
		for k, item := range v {
			m[k] = toCBOR(item)
		}
		return m
	default:
		return &cbor.Nil{}
	}
}

// fromCBOR converts CBOR to the input of decode.
func fromCBOR(v cbor.Value) (any, error) {
	switch v := v.(type) {
	case cbor.Bool:
		return bool(v), nil
	case cbor.Uint:
		return uint64(v), nil
	case cbor.NegInt:
		// NegInt(0) stands for -1<<64.
		if v == 0 || v > math.MaxInt64 {
			return nil, fmt.Errorf("the number -%d is out of range", uint64(v))
		}
		return -int64(v), nil // #nosec G115 -- the range was just checked
	case cbor.Float32:
		return float64(v), nil
	case cbor.Float64:
		return float64(v), nil
	case cbor.String:
		return string(v), nil
	case cbor.Slice:
		return []byte(v), nil
	case *cbor.Nil, *cbor.Undefined:
		return nil, nil
	case *cbor.Tag:
		if v.ID != epochTag {
			return nil, fmt.Errorf("the CBOR tag %d is not supported", v.ID)
		}
		return fromCBOR(v.Value)
	case cbor.List:
		l := make([]any, len(v))
		for i, item := range v {
			var err error
			if l[i], err = fromCBOR(item); err != nil {
				return nil, err
			}
		}
		return l, nil
	case cbor.Map:
		m := make(map[string]any, len(v))
		for k, item := range v {
			var err error
			if m[k], err = fromCBOR(item); err != nil {
				return nil, err
			}
		}
		return m, nil
	default:
		return nil, fmt.Errorf("a CBOR value of type %T is not supported", v)
	}
}
