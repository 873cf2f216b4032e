package codec

import (
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/mrctl/mrctl/internal/errs"
)

// JSONKey marks, in a field's metadata, a utf8 column whose text is compact JSON with sorted keys.
const JSONKey = "mrctl.json"

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

// Decoder turns encoded rows into columns, for whoever knows the fields but not the Go type.
// It is safe for concurrent use.
type Decoder struct {
	raw    bool
	fields []columnReader
}

// columnReader takes one value off b and appends it to its builder.
type columnReader func(b []byte, to array.Builder) (rest []byte, err error)

// NewDecoder compiles a decoder of rows of these fields, as Codec.Fields gives them.
func NewDecoder(fields []arrow.Field) (*Decoder, error) {
	d := &Decoder{raw: isRaw(fields)}
	for _, f := range fields {
		r, err := readerFor(f.Type)
		if err != nil {
			return nil, errs.E(errs.Invalid, "column", f.Name, err)
		}
		if f.Nullable {
			r = nullable(r)
		}
		d.fields = append(d.fields, r)
	}
	return d, nil
}

// Append decodes one row into the builders, one for each field, each of the field's OutputField type. After an error
// the builders may hold a part of the row.
func (d *Decoder) Append(enc []byte, to []array.Builder) (err error) {
	if len(to) != len(d.fields) {
		return errs.New(errs.Invalid, "%d builders for %d columns", len(to), len(d.fields))
	}
	if d.raw {
		appendBytes(to[0], enc)
		return nil
	}
	for i, read := range d.fields {
		if enc, err = read(enc, to[i]); err != nil {
			return err
		}
	}
	if len(enc) > 0 {
		return errs.New(errs.Corrupt, "%d bytes after the end of a row", len(enc))
	}
	return nil
}

func nullable(r columnReader) columnReader {
	return func(b []byte, to array.Builder) ([]byte, error) {
		some, b, err := takeBool(b)
		if err != nil {
			return nil, err
		}
		if !some {
			to.AppendNull()
			return b, nil
		}
		return r(b, to)
	}
}

// appendBytes appends to a string or a binary builder.
func appendBytes(to array.Builder, v []byte) {
	switch b := to.(type) {
	case *array.StringBuilder:
		b.BinaryBuilder.Append(v)
	case *array.BinaryBuilder:
		b.Append(v)
	}
}

func readerFor(t arrow.DataType) (columnReader, error) {
	switch t.ID() {
	case arrow.BOOL:
		return func(b []byte, to array.Builder) ([]byte, error) {
			v, rest, err := takeBool(b)
			if err == nil {
				to.(*array.BooleanBuilder).Append(v)
			}
			return rest, err
		}, nil
	case arrow.INT8:
		return readInt(1, func(to array.Builder, u uint64) { to.(*array.Int8Builder).Append(int8(u ^ 1<<7)) }), nil
	case arrow.INT16:
		return readInt(2, func(to array.Builder, u uint64) { to.(*array.Int16Builder).Append(int16(u ^ 1<<15)) }), nil
	case arrow.INT32:
		return readInt(4, func(to array.Builder, u uint64) { to.(*array.Int32Builder).Append(int32(u ^ 1<<31)) }), nil
	case arrow.INT64:
		return readInt(8, func(to array.Builder, u uint64) { to.(*array.Int64Builder).Append(int64(u ^ 1<<63)) }), nil
	case arrow.UINT8:
		return readInt(1, func(to array.Builder, u uint64) { to.(*array.Uint8Builder).Append(uint8(u)) }), nil
	case arrow.UINT16:
		return readInt(2, func(to array.Builder, u uint64) { to.(*array.Uint16Builder).Append(uint16(u)) }), nil
	case arrow.UINT32:
		return readInt(4, func(to array.Builder, u uint64) { to.(*array.Uint32Builder).Append(uint32(u)) }), nil
	case arrow.UINT64:
		return readInt(8, func(to array.Builder, u uint64) { to.(*array.Uint64Builder).Append(u) }), nil
	case arrow.FLOAT32:
		return readInt(4, func(to array.Builder, u uint64) { to.(*array.Float32Builder).Append(unorderFloat32(uint32(u))) }), nil
	case arrow.FLOAT64:
		return readInt(8, func(to array.Builder, u uint64) { to.(*array.Float64Builder).Append(unorderFloat64(u)) }), nil
	case arrow.TIMESTAMP:
		return readInt(8, func(to array.Builder, u uint64) {
			to.(*array.TimestampBuilder).Append(arrow.Timestamp(int64(u ^ 1<<63)))
		}), nil
	case arrow.STRING, arrow.BINARY:
		return func(b []byte, to array.Builder) ([]byte, error) {
			v, rest, err := takeEscaped(b)
			if err == nil {
				appendBytes(to, v)
			}
			return rest, err
		}, nil
	case arrow.FIXED_SIZE_BINARY:
		return readFixed(t.(*arrow.FixedSizeBinaryType).ByteWidth), nil
	case arrow.STRUCT, arrow.LIST, arrow.FIXED_SIZE_LIST, arrow.MAP:
		return readJSON(t)
	}
	return nil, fmt.Errorf("no value is encoded as %v", t)
}

func readInt(width int, put func(array.Builder, uint64)) columnReader {
	return func(b []byte, to array.Builder) ([]byte, error) {
		u, rest, err := takeUint(b, width)
		if err == nil {
			put(to, u)
		}
		return rest, err
	}
}

func readFixed(width int) columnReader {
	return func(b []byte, to array.Builder) ([]byte, error) {
		if len(b) < width {
			return nil, errShort
		}
		appendBytes(to, b[:width])
		return b[width:], nil
	}
}

func readJSON(t arrow.DataType) (columnReader, error) {
	text, err := TextFor(t)
	if err != nil {
		return nil, err
	}
	return func(b []byte, to array.Builder) ([]byte, error) {
		v, rest, err := text(nil, b)
		if err == nil {
			appendBytes(to, v)
		}
		return rest, err
	}, nil
}

// timeOf is the time that nanoseconds since 1970 stand for, in UTC.
func timeOf(ns int64) time.Time { return time.Unix(0, ns).UTC() }
