package codec

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// rowwise turns rows of Arrow columns into their encoding one by one: what Encoder must equal.
type rowwise struct {
	raw     bool
	columns []columnWriter
}

type columnWriter func(dst []byte, row int) []byte

// newRowwise makes an encoder over the columns, which must be of the fields' types, each Encodable.
func newRowwise(fields []arrow.Field, columns []arrow.Array) *rowwise {
	e := &rowwise{raw: isRaw(fields)}
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

// append appends the encoding of a row.
func (e *rowwise) append(dst []byte, row int) []byte {
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
