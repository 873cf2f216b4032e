package jobs

import (
	"fmt"
	"math"
	"reflect"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/mrctl/mrctl/internal/codec"
)

// RecordBytes are the records of a batch that a MapBatch was given, by their buffers: record i is
// data[offsets[i]:offsets[i+1]].
func RecordBytes(in arrow.RecordBatch) (data []byte, offsets []int32) {
	return codec.Strings(in.Column(0))
}

// StringColumn is a column for Emit over memory of the caller's: string i is data[offsets[i]:offsets[i+1]]. It does for
// bytes too.
func StringColumn(data []byte, offsets []int32) arrow.Array {
	return array.NewStringData(array.NewData(arrow.BinaryTypes.String, max(len(offsets), 1)-1,
		[]*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets)), memory.NewBufferBytes(data)}, nil, 0, 0))
}

// NumberColumn is a column for Emit over memory of the caller's.
func NumberColumn[T Number](values []T) arrow.Array {
	typ, _ := numberType(reflect.TypeFor[T]())
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(values))), len(values)*int(unsafe.Sizeof(*new(T))))
	return array.MakeFromData(array.NewData(typ, len(values), []*memory.Buffer{nil, memory.NewBufferBytes(bytes)}, nil, 0, 0))
}

// numberType is the type of a column whose memory is a slice of t's.
func numberType(t reflect.Type) (arrow.DataType, bool) {
	kind := t.Kind()
	if t.Size() == 8 {
		switch kind {
		case reflect.Int:
			kind = reflect.Int64
		case reflect.Uint:
			kind = reflect.Uint64
		}
	}
	typ, ok := map[reflect.Kind]arrow.DataType{
		reflect.Int8: arrow.PrimitiveTypes.Int8, reflect.Int16: arrow.PrimitiveTypes.Int16,
		reflect.Int32: arrow.PrimitiveTypes.Int32, reflect.Int64: arrow.PrimitiveTypes.Int64,
		reflect.Uint8: arrow.PrimitiveTypes.Uint8, reflect.Uint16: arrow.PrimitiveTypes.Uint16,
		reflect.Uint32: arrow.PrimitiveTypes.Uint32, reflect.Uint64: arrow.PrimitiveTypes.Uint64,
		reflect.Float32: arrow.PrimitiveTypes.Float32, reflect.Float64: arrow.PrimitiveTypes.Float64,
		reflect.Int: arrow.PrimitiveTypes.Int32, reflect.Uint: arrow.PrimitiveTypes.Uint32, // of 32 bits here
	}[kind]
	return typ, ok
}

// plainColumns checks columns of n rows against the fields, and gives them in the fields' own types.
func plainColumns(fields []arrow.Field, columns []arrow.Array, n int) ([]arrow.Array, error) {
	out := columns
	for i, c := range columns {
		f := fields[i]
		if c.Len() != n {
			return nil, fmt.Errorf("emit: column %s has %d rows, not %d", f.Name, c.Len(), n)
		}
		if !arrow.TypeEqual(c.DataType(), f.Type) {
			plain, err := plainStrings(f.Type, c)
			if err != nil {
				return nil, fmt.Errorf("emit: column %s: %w", f.Name, err)
			}
			if &out[0] == &columns[0] {
				out = append([]arrow.Array(nil), columns...)
			}
			out[i], c = plain, plain
		}
		if !f.Nullable && c.NullN() > 0 {
			return nil, fmt.Errorf("emit: column %s has nulls", f.Name)
		}
	}
	return out, nil
}

// plainStrings is a column of strings or bytes, of any Arrow type that holds such, as one of type t, which is String or
// Binary where it can be done.
func plainStrings(t arrow.DataType, col arrow.Array) (arrow.Array, error) {
	if id := t.ID(); id == arrow.STRING || id == arrow.BINARY {
		d := col.Data()
		switch c := col.(type) {
		case *array.String, *array.Binary:
			return array.MakeFromData(array.NewData(t, d.Len(), d.Buffers(), nil, d.NullN(), d.Offset())), nil
		case *array.LargeString:
			return narrow(t, c, c.ValueOffsets(), c.ValueBytes())
		case *array.LargeBinary:
			return narrow(t, c, c.ValueOffsets(), c.ValueBytes())
		case *array.Dictionary:
			if values, err := plainStrings(t, c.Dictionary()); err == nil {
				return spread(t, c, values)
			}
		}
	}
	return nil, fmt.Errorf("it is %v, want %v", col.DataType(), t)
}

// narrow is a column with 64-bit offsets as one with 32. data begins at the first offset.
func narrow(t arrow.DataType, col arrow.Array, wide []int64, data []byte) (arrow.Array, error) {
	if len(data) > math.MaxInt32 {
		return nil, fmt.Errorf("%d bytes in one batch; 2 GiB at most", len(data))
	}
	off := make([]int32, col.Len()+1)
	for i := range wide {
		off[i] = int32(wide[i] - wide[0])
	}
	return array.MakeFromData(array.NewData(t, col.Len(),
		[]*memory.Buffer{validity(col), memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(off)), memory.NewBufferBytes(data)},
		nil, col.NullN(), 0)), nil
}

// spread is a dictionary column with its values in place.
func spread(t arrow.DataType, col *array.Dictionary, values arrow.Array) (arrow.Array, error) {
	data, off := codec.Strings(values)
	b := array.NewBinaryBuilder(memory.DefaultAllocator, arrow.BinaryTypes.Binary)
	for i := range col.Len() {
		if col.IsNull(i) {
			b.AppendNull()
			continue
		}
		v := col.GetValueIndex(i)
		if v < 0 || v >= values.Len() {
			return nil, fmt.Errorf("row %d is value %d of a dictionary of %d", i, v, values.Len())
		}
		if values.IsNull(v) {
			b.AppendNull()
			continue
		}
		b.Append(data[off[v]:off[v+1]])
	}
	d := b.NewArray().Data()
	return array.MakeFromData(array.NewData(t, d.Len(), d.Buffers(), nil, d.NullN(), 0)), nil
}

// validity is a column's bitmap from its first row on; nil: it has no nulls.
func validity(col arrow.Array) *memory.Buffer {
	if col.NullN() == 0 {
		return nil
	}
	bits := make([]byte, (col.Len()+7)/8)
	for i := range col.Len() {
		if col.IsValid(i) {
			bits[i/8] |= 1 << (i % 8)
		}
	}
	return memory.NewBufferBytes(bits)
}
