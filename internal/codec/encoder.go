package codec

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/mrctl/mrctl/internal/errs"
)

// MaxBatch is the most bytes of rows that are encoded at once: their offsets are 32 bits wide.
const MaxBatch = 1 << 30

// Encoder turns Arrow columns into encoded rows, a column at a time: first it adds up how long each row becomes, then
// each column writes its part of all rows. It keeps its memory from one batch to the next. It is not safe for concurrent
// use.
type Encoder struct {
	fields []arrow.Field
	raw    bool
	data   []byte
	off    []int32
	pos    []int32 // where the next value of each row goes
}

// NewEncoder makes an encoder of flat columns of these fields, as Codec.Fields gives them. Nested ones it refuses.
func NewEncoder(fields []arrow.Field) (*Encoder, error) {
	for _, f := range fields {
		switch f.Type.ID() {
		case arrow.BOOL, arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64, arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64,
			arrow.FLOAT32, arrow.FLOAT64, arrow.TIMESTAMP, arrow.STRING, arrow.BINARY, arrow.FIXED_SIZE_BINARY:
		default:
			return nil, errs.E(errs.Invalid, "column", f.Name, fmt.Errorf("%v is not flat", f.Type))
		}
	}
	return &Encoder{fields: fields, raw: isRaw(fields)}, nil
}

// Raw reports that a row is the bytes of its one column, which Encode then does not copy.
func (e *Encoder) Raw() bool { return e.raw }

// Encode gives n encoded rows of columns of the encoder's types: row i is data[off[i]:off[i+1]]. They are valid until the
// next call, and may be the columns' own memory.
func (e *Encoder) Encode(n int, columns []arrow.Array) (data []byte, off []int32, err error) {
	if e.raw {
		data, off = Strings(columns[0])
		return data, off, nil
	}
	e.off = slices.Grow(e.off[:0], n+1)[:n+1]
	if err := e.measure(columns, e.off); err != nil {
		return nil, nil, err
	}
	e.pos = append(e.pos[:0], e.off[:n]...)
	size := int(e.off[n])
	e.data = slices.Grow(e.data[:0], size)[:size]
	for i, f := range e.fields {
		e.write(columns[i], f.Nullable)
	}
	return e.data, e.off, nil
}

// Strings are the values of a utf8 or binary column without a copy: value i is data[off[i]:off[i+1]].
func Strings(col arrow.Array) (data []byte, off []int32) {
	d := col.Data()
	if d.Len() == 0 {
		return nil, []int32{0}
	}
	off = arrow.Int32Traits.CastFromBytes(d.Buffers()[1].Bytes())[d.Offset() : d.Offset()+d.Len()+1]
	if b := d.Buffers()[2]; b != nil {
		data = b.Bytes()
	}
	return data, off
}

// measure fills off with where rows begin.
func (e *Encoder) measure(columns []arrow.Array, off []int32) error {
	clear(off)
	lengths := off[1:]
	all, total := 0, 0
	for i, f := range e.fields {
		col := columns[i]
		if f.Nullable {
			all++
		}
		width, fixed := width(f.Type)
		switch {
		case !fixed:
			total += measureStrings(lengths, col, f.Nullable)
		case !f.Nullable || col.NullN() == 0:
			all += width
		default:
			for row := range lengths {
				if col.IsValid(row) {
					lengths[row] += int32(width)
				}
			}
			total += width * (len(lengths) - col.NullN())
		}
	}
	if total += all * len(lengths); total > MaxBatch {
		return errs.New(errs.Invalid, "a batch of %d rows takes %d bytes encoded; %d at most", len(lengths), total, MaxBatch)
	}
	at := int32(0)
	for row, n := range lengths {
		at += n + int32(all)
		lengths[row] = at
	}
	return nil
}

// measureStrings adds the lengths of a column's values, and gives their sum.
func measureStrings(lengths []int32, col arrow.Array, nullable bool) (total int) {
	data, off := Strings(col)
	zeros := hasZero(data, off)
	nullable = nullable && col.NullN() > 0
	for row := range lengths {
		if nullable && col.IsNull(row) {
			continue
		}
		v := data[off[row]:off[row+1]]
		n := len(v) + 2
		if zeros {
			n += bytes.Count(v, zero)
		}
		total += n
		lengths[row] += int32(min(n, math.MaxInt32-int(lengths[row]))) // total says when that is not enough
	}
	return total
}

var zero = []byte{0}

// hasZero says that some value needs escapes. One look at all of them costs less than one at each.
func hasZero(data []byte, off []int32) bool {
	return bytes.IndexByte(data[off[0]:off[len(off)-1]], 0) >= 0
}

// width is the length of all values of a type, if they have one.
func width(t arrow.DataType) (n int, fixed bool) {
	if t.ID() == arrow.BOOL {
		return 1, true
	}
	f, fixed := t.(arrow.FixedWidthDataType)
	if !fixed {
		return 0, false
	}
	return f.BitWidth() / 8, true
}

// write writes a column's part of all rows.
func (e *Encoder) write(col arrow.Array, nullable bool) {
	var null bitmap
	if nullable {
		for row, at := range e.pos {
			e.data[at] = 0
			if col.IsValid(row) {
				e.data[at] = 1
			}
			e.pos[row]++
		}
		if col.NullN() > 0 {
			null = bitmap{col.NullBitmapBytes(), col.Data().Offset()}
		}
	}
	switch c := col.(type) {
	case *array.Int8:
		writeInts(e, c.Int8Values(), 1<<7, null)
	case *array.Int16:
		writeInts(e, c.Int16Values(), 1<<15, null)
	case *array.Int32:
		writeInts(e, c.Int32Values(), 1<<31, null)
	case *array.Int64:
		writeInts(e, c.Int64Values(), 1<<63, null)
	case *array.Timestamp:
		writeInts(e, c.TimestampValues(), 1<<63, null)
	case *array.Uint8:
		writeInts(e, c.Uint8Values(), 0, null)
	case *array.Uint16:
		writeInts(e, c.Uint16Values(), 0, null)
	case *array.Uint32:
		writeInts(e, c.Uint32Values(), 0, null)
	case *array.Uint64:
		writeInts(e, c.Uint64Values(), 0, null)
	case *array.Float32:
		for row, v := range c.Float32Values() {
			if !null.at(row) {
				be.PutUint32(e.next(row, 4), orderFloat32(v))
			}
		}
	case *array.Float64:
		for row, v := range c.Float64Values() {
			if !null.at(row) {
				be.PutUint64(e.next(row, 8), orderFloat64(v))
			}
		}
	case *array.Boolean:
		for row := range c.Len() {
			if !null.at(row) {
				to := e.next(row, 1)
				if to[0] = 0; c.Value(row) {
					to[0] = 1
				}
			}
		}
	case *array.FixedSizeBinary:
		for row := range c.Len() {
			if !null.at(row) {
				v := c.Value(row)
				copy(e.next(row, len(v)), v)
			}
		}
	default:
		e.writeStrings(col, null)
	}
}

// next is where the next n bytes of a row go.
func (e *Encoder) next(row, n int) []byte {
	at := int(e.pos[row])
	e.pos[row] += int32(n)
	return e.data[at : at+n]
}

// bitmap is the validity of a column; the zero bitmap is of one without nulls.
type bitmap struct {
	valid []byte
	from  int
}

// at reports that a row is null.
func (b bitmap) at(row int) bool {
	if b.valid == nil {
		return false
	}
	row += b.from
	return b.valid[row>>3]>>(row&7)&1 == 0
}

func writeInts[I integer](e *Encoder, vals []I, flip uint64, null bitmap) {
	width := int32(unsafe.Sizeof(I(0)))
	data, pos := e.data, e.pos[:len(vals)]
	for row, v := range vals {
		if null.at(row) {
			continue
		}
		at := pos[row]
		pos[row] += width
		switch u := uint64(v) ^ flip; width {
		case 1:
			data[at] = byte(u)
		case 2:
			be.PutUint16(data[at:], uint16(u))
		case 4:
			be.PutUint32(data[at:], uint32(u))
		default:
			be.PutUint64(data[at:], u)
		}
	}
}

func (e *Encoder) writeStrings(col arrow.Array, null bitmap) {
	data, off := Strings(col)
	zeros := hasZero(data, off)
	for row := range e.pos {
		if null.at(row) {
			continue
		}
		v := data[off[row]:off[row+1]]
		if !zeros {
			to := e.next(row, len(v)+2)
			n := copy(to, v)
			to[n], to[n+1] = 0, 0
			continue
		}
		from := e.pos[row]
		e.pos[row] += int32(len(appendEscaped(e.data[from:from:len(e.data)], textOf(v))))
	}
}
