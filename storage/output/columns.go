package output

import (
	"fmt"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/mrctl/mrctl/internal/errs"
)

// cell appends the value in row i of a column, which is not null, as text.
type cell func(dst []byte, i int) []byte

// textOf makes the cells of a column. The types are those checkText takes:
//
//	integers       decimal
//	floats         shortest that reads back as the same; NaN, +Inf, -Inf
//	bool           true, false
//	timestamp      RFC 3339 in UTC, with as many digits of the second, up to 9, as there are
//	utf8, binary   the bytes, tab, newline, carriage return and backslash written \t \n \r \\
func textOf(col arrow.Array) (cell, error) {
	switch a := col.(type) {
	case *array.Int8:
		return signed(a.Int8Values()), nil
	case *array.Int16:
		return signed(a.Int16Values()), nil
	case *array.Int32:
		return signed(a.Int32Values()), nil
	case *array.Int64:
		return signed(a.Int64Values()), nil
	case *array.Uint8:
		return unsigned(a.Uint8Values()), nil
	case *array.Uint16:
		return unsigned(a.Uint16Values()), nil
	case *array.Uint32:
		return unsigned(a.Uint32Values()), nil
	case *array.Uint64:
		return unsigned(a.Uint64Values()), nil
	case *array.Float32:
		v := a.Float32Values()
		return func(dst []byte, i int) []byte { return strconv.AppendFloat(dst, float64(v[i]), 'g', -1, 32) }, nil
	case *array.Float64:
		v := a.Float64Values()
		return func(dst []byte, i int) []byte { return strconv.AppendFloat(dst, v[i], 'g', -1, 64) }, nil
	case *array.Boolean:
		return func(dst []byte, i int) []byte { return strconv.AppendBool(dst, a.Value(i)) }, nil
	case *array.Timestamp:
		v, unit := a.TimestampValues(), a.DataType().(*arrow.TimestampType).Unit
		return func(dst []byte, i int) []byte { return v[i].ToTime(unit).UTC().AppendFormat(dst, time.RFC3339Nano) }, nil
	}
	b, err := bytesOf(col)
	if err != nil {
		return nil, err
	}
	if !needsEscape(b.all()) {
		return func(dst []byte, i int) []byte { return append(dst, b.at(i)...) }, nil
	}
	return func(dst []byte, i int) []byte { return appendEscaped(dst, b.at(i)) }, nil
}

func signed[T int8 | int16 | int32 | int64](v []T) cell {
	return func(dst []byte, i int) []byte { return strconv.AppendInt(dst, int64(v[i]), 10) }
}

func unsigned[T uint8 | uint16 | uint32 | uint64](v []T) cell {
	return func(dst []byte, i int) []byte { return strconv.AppendUint(dst, uint64(v[i]), 10) }
}

// blobs is a column of byte strings by its buffers: row i is data[off[i]:off[i+1]].
type blobs struct {
	off  []int32
	data []byte // from the start of the buffer
}

func (b blobs) at(i int) []byte { return b.data[b.off[i]:b.off[i+1]] }

// all is the bytes of all rows, one after the other.
func (b blobs) all() []byte { return b.data[b.off[0]:b.off[len(b.off)-1]] }

// bytesOf gives the byte strings of a utf8 or binary column.
func bytesOf(col arrow.Array) (blobs, error) {
	switch col.(type) {
	case *array.String, *array.Binary:
	default:
		return blobs{}, fmt.Errorf("columns of type %s cannot be written", col.DataType())
	}
	if col.Len() == 0 {
		return blobs{off: []int32{0}}, nil
	}
	d := col.Data()
	var b blobs
	b.off = arrow.Int32Traits.CastFromBytes(d.Buffers()[1].Bytes())[d.Offset() : d.Offset()+d.Len()+1]
	if buf := d.Buffers()[2]; buf != nil {
		b.data = buf.Bytes()
	}
	return b, nil
}

// checkText says which column cannot be written as text.
func checkText(schema *arrow.Schema) error {
	for _, f := range schema.Fields() {
		switch f.Type.ID() {
		case arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64, arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64,
			arrow.FLOAT32, arrow.FLOAT64, arrow.BOOL, arrow.TIMESTAMP, arrow.STRING, arrow.BINARY:
		default:
			return errs.E(errs.Invalid, "output column", f.Name, fmt.Errorf("its type %s cannot be written as tsv", f.Type))
		}
	}
	return nil
}

// checkRecords says why the last column is no records.
func checkRecords(schema *arrow.Schema) error {
	if n := schema.NumFields(); n > 0 {
		if f := schema.Field(n - 1); f.Type.ID() != arrow.STRING && f.Type.ID() != arrow.BINARY {
			return errs.E(errs.Invalid, "output column", f.Name,
				fmt.Errorf("the format records writes the bytes of the last column, and %s is not bytes", f.Type))
		}
		return nil
	}
	return errs.New(errs.Invalid, "the format records needs a column of bytes, and there are no columns")
}
