package tsv

import (
	"slices"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Rows writes the rows of one batch. Columns are looked at once, for their buffers and for what needs escapes, and room
// is made for many rows at once: a cell costs little more than its bytes, with nothing called through an interface.
type Rows struct {
	n       int
	columns []column
}

// kind is how the cells of a column are written.
type kind uint8

const (
	plainText kind = iota // utf8, binary of which nothing is escaped
	escapedText
	signed
	unsigned
	floating
	boolean
	timestamp
)

// column is a column by what its kind needs.
type column struct {
	kind kind

	off  []int32 // of text i: data[off[i]:off[i+1]]
	data []byte

	ints   []int64 // timestamps too
	uints  []uint64
	floats []float64
	bits   int // of a float
	bools  *array.Boolean
	unit   arrow.TimeUnit

	nulls arrow.Array // the column, if it has any
}

// NewRows looks at a batch that Check has passed. The batch must not change while rows are written.
func NewRows(rec arrow.RecordBatch) *Rows {
	r := &Rows{n: int(rec.NumRows()), columns: make([]column, rec.NumCols())}
	for i, col := range rec.Columns() {
		r.columns[i] = columnOf(col)
		if col.NullN() > 0 {
			r.columns[i].nulls = col
		}
	}
	return r
}

// Len is the number of rows.
func (r *Rows) Len() int { return r.n }

func columnOf(col arrow.Array) column {
	switch a := col.(type) {
	case *array.Int8:
		return column{kind: signed, ints: widened[int64](a.Int8Values())}
	case *array.Int16:
		return column{kind: signed, ints: widened[int64](a.Int16Values())}
	case *array.Int32:
		return column{kind: signed, ints: widened[int64](a.Int32Values())}
	case *array.Int64:
		return column{kind: signed, ints: a.Int64Values()}
	case *array.Uint8:
		return column{kind: unsigned, uints: widened[uint64](a.Uint8Values())}
	case *array.Uint16:
		return column{kind: unsigned, uints: widened[uint64](a.Uint16Values())}
	case *array.Uint32:
		return column{kind: unsigned, uints: widened[uint64](a.Uint32Values())}
	case *array.Uint64:
		return column{kind: unsigned, uints: a.Uint64Values()}
	case *array.Float32:
		return column{kind: floating, floats: widened[float64](a.Float32Values()), bits: 32}
	case *array.Float64:
		return column{kind: floating, floats: a.Float64Values(), bits: 64}
	case *array.Boolean:
		return column{kind: boolean, bools: a}
	case *array.Timestamp:
		return column{kind: timestamp, ints: widened[int64](a.TimestampValues()), unit: a.DataType().(*arrow.TimestampType).Unit}
	}
	c := column{off: []int32{0}}
	if d := col.Data(); d.Len() > 0 {
		c.off = arrow.Int32Traits.CastFromBytes(d.Buffers()[1].Bytes())[d.Offset() : d.Offset()+d.Len()+1]
		if b := d.Buffers()[2]; b != nil {
			c.data = b.Bytes()
		}
	}
	if needsEscape(c.data[c.off[0]:c.off[len(c.off)-1]]) {
		c.kind = escapedText
	}
	return c
}

// widened are values as the widest type of their kind. That is another pass over memory that is needed at once.
func widened[To, From int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64 | arrow.Timestamp](v []From) []To {
	out := make([]To, len(v))
	for i, x := range v {
		out[i] = To(x)
	}
	return out
}

// Append appends rows, from a given one on, until they may take more than most bytes, and gives the first it did not
// append. It appends one at least.
func (r *Rows) Append(dst []byte, from, most int) (text []byte, to int) {
	const many = 1 << 10
	to = min(from+many, r.n)
	room := r.room(from, to)
	for room > most && to > from+1 {
		to = from + (to-from)/2
		room = r.room(from, to)
	}
	if room > most { // one row, of unusual size
		room = r.exact(from)
	}
	dst = slices.Grow(dst, room+slack)
	n := len(dst)
	return dst[:n+r.put(dst[n:n+room+slack], from, to)], to
}

const (
	// slack is how much longer than its text a buffer is, so that short texts can be copied without asking how short.
	slack = 16
	// maxCell is the most bytes of a cell that is no text: a number, or a time of any year.
	maxCell = 64
)

// room is at least what rows take.
func (r *Rows) room(from, to int) int {
	n := 0
	for i := range r.columns {
		c := &r.columns[i]
		switch c.kind {
		case plainText:
			n += int(c.off[to] - c.off[from])
		case escapedText:
			n += 2 * int(c.off[to]-c.off[from])
		default:
			n += maxCell * (to - from)
		}
	}
	return n + 3*len(r.columns)*(to-from) + (to - from) // tabs, nulls, ends of lines
}

// exact is what a row takes where its escapes are counted, for one that is large.
func (r *Rows) exact(row int) int {
	n := r.room(row, row+1)
	for i := range r.columns {
		if c := &r.columns[i]; c.kind == escapedText {
			s := c.data[c.off[row]:c.off[row+1]]
			n -= len(s) - countEscapes(s)
		}
	}
	return n
}

// put writes rows at the start of dst, which has room and some slack, and gives their length.
func (r *Rows) put(dst []byte, from, to int) (n int) {
	for row := from; row < to; row++ {
		for i := range r.columns {
			c := &r.columns[i]
			if i > 0 {
				dst[n] = '\t'
				n++
			}
			if c.nulls != nil && c.nulls.IsNull(row) {
				n += copy(dst[n:], `\N`)
				continue
			}
			switch c.kind {
			case plainText:
				at, end := int(c.off[row]), int(c.off[row+1])
				if end-at <= slack && at+slack <= len(c.data) {
					*(*[slack]byte)(dst[n:]) = [slack]byte(c.data[at:])
				} else {
					copy(dst[n:], c.data[at:end])
				}
				n += end - at
			case escapedText:
				n += putEscaped(dst[n:], c.data[c.off[row]:c.off[row+1]])
			case signed:
				n += putInt(dst[n:], c.ints[row])
			case unsigned:
				n += putUint(dst[n:], c.uints[row])
			case floating:
				n += putFloat(dst[n:], c.floats[row], c.bits)
			default:
				n += c.putRare(dst[n:], row)
			}
		}
		dst[n] = '\n'
		n++
	}
	return n
}

func (c *column) putRare(dst []byte, row int) int {
	if c.kind == boolean {
		return len(strconv.AppendBool(dst[:0], c.bools.Value(row)))
	}
	return len(arrow.Timestamp(c.ints[row]).ToTime(c.unit).UTC().AppendFormat(dst[:0], time.RFC3339Nano))
}
