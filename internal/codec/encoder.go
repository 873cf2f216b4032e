package codec

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Encoder turns rows of Arrow columns into their encoding: the inverse of Decoder, for flat columns.
type Encoder struct {
	raw     bool
	columns []columnWriter
}

type columnWriter func(dst []byte, row int) []byte

// Encodable reports whether NewEncoder takes a column of type t.
func Encodable(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.BOOL, arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64, arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64,
		arrow.FLOAT32, arrow.FLOAT64, arrow.TIMESTAMP, arrow.STRING, arrow.BINARY, arrow.FIXED_SIZE_BINARY:
		return true
	}
	return false
}

// NewEncoder makes an encoder over the columns, which must be of the fields' types, each Encodable.
func NewEncoder(fields []arrow.Field, columns []arrow.Array) *Encoder {
	e := &Encoder{raw: isRaw(fields)}
	for i, f := range fields {
		w := writerFor(columns[i])
		if f.Nullable {
			w = orNull(columns[i], w)
		}
		e.columns = append(e.columns, w)
	}
	if e.raw {
		e.columns = []columnWriter{rawWriter(columns[0])}
	}
	return e
}

// Append appends the encoding of a row.
func (e *Encoder) Append(dst []byte, row int) []byte {
	for _, w := range e.columns {
		dst = w(dst, row)
	}
	return dst
}

func orNull(col arrow.Array, w columnWriter) columnWriter {
	return func(dst []byte, row int) []byte {
		if col.IsNull(row) {
			return append(dst, 0)
		}
		return w(append(dst, 1), row)
	}
}

func rawWriter(col arrow.Array) columnWriter {
	switch c := col.(type) {
	case *array.String:
		return func(dst []byte, row int) []byte { return append(dst, c.Value(row)...) }
	case *array.Binary:
		return func(dst []byte, row int) []byte { return append(dst, c.Value(row)...) }
	}
	panic("codec: " + col.DataType().String() + " is not raw")
}

func writerFor(col arrow.Array) columnWriter {
	switch c := col.(type) {
	case *array.Boolean:
		return func(dst []byte, row int) []byte {
			if c.Value(row) {
				return append(dst, 1)
			}
			return append(dst, 0)
		}
	case *array.Int8:
		return func(dst []byte, row int) []byte { return append(dst, uint8(c.Value(row))^1<<7) }
	case *array.Int16:
		return func(dst []byte, row int) []byte { return be.AppendUint16(dst, uint16(c.Value(row))^1<<15) }
	case *array.Int32:
		return func(dst []byte, row int) []byte { return be.AppendUint32(dst, uint32(c.Value(row))^1<<31) }
	case *array.Int64:
		return func(dst []byte, row int) []byte { return be.AppendUint64(dst, uint64(c.Value(row))^1<<63) }
	case *array.Timestamp:
		return func(dst []byte, row int) []byte { return be.AppendUint64(dst, uint64(c.Value(row))^1<<63) }
	case *array.Uint8:
		return func(dst []byte, row int) []byte { return append(dst, c.Value(row)) }
	case *array.Uint16:
		return func(dst []byte, row int) []byte { return be.AppendUint16(dst, c.Value(row)) }
	case *array.Uint32:
		return func(dst []byte, row int) []byte { return be.AppendUint32(dst, c.Value(row)) }
	case *array.Uint64:
		return func(dst []byte, row int) []byte { return be.AppendUint64(dst, c.Value(row)) }
	case *array.Float32:
		return func(dst []byte, row int) []byte { return be.AppendUint32(dst, orderFloat32(c.Value(row))) }
	case *array.Float64:
		return func(dst []byte, row int) []byte { return be.AppendUint64(dst, orderFloat64(c.Value(row))) }
	case *array.String:
		return func(dst []byte, row int) []byte { return appendEscaped(dst, c.Value(row)) }
	case *array.Binary:
		return func(dst []byte, row int) []byte { return appendEscaped(dst, textOf(c.Value(row))) }
	case *array.FixedSizeBinary:
		return func(dst []byte, row int) []byte { return append(dst, c.Value(row)...) }
	}
	panic("codec: " + col.DataType().String() + " has no encoder")
}
