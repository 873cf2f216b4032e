package codec

import (
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/mrctl/mrctl/internal/cells"
	"github.com/mrctl/mrctl/internal/errs"
)

// JSONKey marks, in a field's metadata, a utf8 column whose text is compact JSON with sorted keys.
const JSONKey = cells.JSONKey

var jsonMeta = arrow.NewMetadata([]string{JSONKey}, []string{"1"})

// OutputField is the column in which a field is shown as part of a result: nested values become JSON text, byte arrays
// plain binary.
func OutputField(f arrow.Field) arrow.Field {
	switch f.Type.ID() {
	case arrow.STRUCT, arrow.LIST, arrow.FIXED_SIZE_LIST, arrow.MAP:
		return arrow.Field{Name: f.Name, Type: arrow.BinaryTypes.String, Nullable: f.Nullable, Metadata: jsonMeta}
	case arrow.FIXED_SIZE_BINARY:
		f.Type = arrow.BinaryTypes.Binary
	}
	return f
}

// OutputFields is OutputField of each.
func OutputFields(fields []arrow.Field) []arrow.Field {
	out := make([]arrow.Field, len(fields))
	for i, f := range fields {
		out[i] = OutputField(f)
	}
	return out
}

// Decoder turns encoded rows into columns, for whoever knows the fields but not the Go type. It is compiled once, holds
// no state, and is safe for concurrent use; the columns are made by its Builders.
type Decoder struct {
	raw     bool
	columns []column // without memory
}

// NewDecoder compiles a decoder of rows of these fields, as Codec.Fields gives them.
func NewDecoder(fields []arrow.Field) (*Decoder, error) {
	d := &Decoder{raw: isRaw(fields)}
	for _, f := range fields {
		c, err := columnFor(f)
		if err != nil {
			return nil, errs.E(errs.Invalid, "column", f.Name, err)
		}
		d.columns = append(d.columns, c)
	}
	return d, nil
}

// columnFor says how a field's values are read and stored.
func columnFor(f arrow.Field) (c column, err error) {
	c = column{typ: OutputField(f).Type, nullable: f.Nullable}
	number := func(k kind, width int, flip uint64) { c.kind, c.width, c.flip = k, width, flip }
	switch t := f.Type; t.ID() {
	case arrow.BOOL:
		number(boolKind, 1, 0)
	case arrow.INT8:
		number(int1, 1, 1<<7)
	case arrow.INT16:
		number(int2, 2, 1<<15)
	case arrow.INT32:
		number(int4, 4, 1<<31)
	case arrow.INT64, arrow.TIMESTAMP:
		number(int8s, 8, 1<<63)
	case arrow.UINT8:
		number(int1, 1, 0)
	case arrow.UINT16:
		number(int2, 2, 0)
	case arrow.UINT32:
		number(int4, 4, 0)
	case arrow.UINT64:
		number(int8s, 8, 0)
	case arrow.FLOAT32:
		number(float4, 4, 0)
	case arrow.FLOAT64:
		number(float8, 8, 0)
	case arrow.STRING, arrow.BINARY:
		c.kind = text
	case arrow.FIXED_SIZE_BINARY:
		c.kind, c.width = fixedText, t.(*arrow.FixedSizeBinaryType).ByteWidth
	case arrow.STRUCT, arrow.LIST, arrow.FIXED_SIZE_LIST, arrow.MAP:
		c.kind = jsonText
		c.json, err = TextFor(t)
	default:
		err = fmt.Errorf("no value is encoded as %v", t)
	}
	return c, err
}

// timeOf is the time that nanoseconds since 1970 stand for, in UTC.
func timeOf(ns int64) time.Time { return time.Unix(0, ns).UTC() }
