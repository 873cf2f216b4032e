package codec

import (
	"encoding/binary"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/mrctl/mrctl/internal/errs"
)

// keepAtMost is the largest buffer of a column, in bytes, that a Builder keeps for the next batch.
const keepAtMost = 8 << 20

// Builder gathers encoded rows as Arrow columns, which it lays out itself, in memory that it uses again for each batch:
// Arrow's own builders ask their allocator, and count references, for every batch, and are reached through an interface
// for every value. It is not safe for concurrent use.
type Builder struct {
	raw     bool
	columns []column
	rows    int
}

// NewBuilder makes an empty builder of the decoder's columns.
func (d *Decoder) NewBuilder() *Builder {
	b := &Builder{raw: d.raw, columns: append([]column(nil), d.columns...)}
	for i := range b.columns {
		b.columns[i].reset()
	}
	return b
}

// Len is the number of rows since the last Take.
func (b *Builder) Len() int { return b.rows }

// Append decodes one row. After an error the builder is spent.
func (b *Builder) Append(row []byte) (err error) {
	if b.raw {
		b.rows++
		return b.columns[0].putText(row)
	}
	for i := range b.columns {
		if row, err = b.columns[i].take(row, b.rows); err != nil {
			return err
		}
	}
	if len(row) > 0 {
		return errs.New(errs.Corrupt, "%d bytes after the end of a row", len(row))
	}
	b.rows++
	return nil
}

// Take adds the columns to dst, one for each field, each of the field's OutputField type, and empties the builder. They
// live in its memory: they are valid until the next Append.
func (b *Builder) Take(dst []arrow.Array) []arrow.Array {
	for i := range b.columns {
		dst = append(dst, b.columns[i].array(b.rows))
		b.columns[i].reset()
	}
	b.rows = 0
	return dst
}

// kind is how a value is encoded and stored.
type kind uint8

const (
	boolKind kind = iota
	int1
	int2
	int4
	int8s
	float4
	float8
	text      // escaped
	fixedText // of a fixed length, stored as one that varies
	jsonText  // nested, stored as its JSON
)

// column is one column: how its values are read, and those read so far.
type column struct {
	typ      arrow.DataType // of the Arrow column
	kind     kind
	nullable bool
	width    int    // of a number, or of fixedText
	flip     uint64 // what is flipped in an integer
	json     Text

	data  []byte  // values, as Arrow has them; bits for bools
	off   []int32 // of texts; nil: the column is not text
	valid []byte  // bits; shorter than rows until the first null, for the rest is valid
	nulls int
}

var native = binary.NativeEndian

// take reads a value off b and stores it as that of row.
func (c *column) take(b []byte, row int) (rest []byte, err error) {
	if c.nullable {
		some, rest, err := takeBool(b)
		if err != nil {
			return nil, err
		}
		if b = rest; !some {
			c.null(row)
			return b, nil
		}
		if c.nulls > 0 {
			c.valid = setBit(c.valid, row)
		}
	}
	if len(b) < c.width {
		return nil, errShort
	}
	switch c.kind {
	case int1:
		c.data = append(c.data, b[0]^byte(c.flip))
	case int2:
		c.data = native.AppendUint16(c.data, be.Uint16(b)^uint16(c.flip))
	case int4:
		c.data = native.AppendUint32(c.data, be.Uint32(b)^uint32(c.flip))
	case int8s:
		c.data = native.AppendUint64(c.data, be.Uint64(b)^c.flip)
	case float4:
		c.data = native.AppendUint32(c.data, math.Float32bits(unorderFloat32(be.Uint32(b))))
	case float8:
		c.data = native.AppendUint64(c.data, math.Float64bits(unorderFloat64(be.Uint64(b))))
	case fixedText:
		return b[c.width:], c.putText(b[:c.width])
	case text:
		return c.takeText(b)
	default:
		return c.takeRest(b, row)
	}
	return b[c.width:], nil
}

// takeText is take for strings and bytes.
func (c *column) takeText(b []byte) (rest []byte, err error) {
	v, rest, err := takeEscaped(b)
	if err != nil {
		return nil, err
	}
	return rest, c.putText(v)
}

// takeRest is take for what is rare.
func (c *column) takeRest(b []byte, row int) (rest []byte, err error) {
	if c.kind == boolKind {
		v, rest, err := takeBool(b)
		if err != nil {
			return nil, err
		}
		if v {
			c.data = setBit(c.data, row)
		}
		return rest, nil
	}
	v, rest, err := c.json(c.data, b)
	if err != nil {
		return nil, err
	}
	c.data = v
	return rest, c.endText()
}

func (c *column) putText(v []byte) error {
	c.data = append(c.data, v...)
	return c.endText()
}

// endText ends a text at the end of the data.
func (c *column) endText() error {
	if len(c.data) > math.MaxInt32 {
		return errs.New(errs.Invalid, "a column of more than 2 GiB in one batch")
	}
	c.off = append(c.off, int32(len(c.data)))
	return nil
}

// null stores a null as the value of row.
func (c *column) null(row int) {
	if c.nulls == 0 { // all before are valid
		c.valid = c.valid[:0]
		for i := range row {
			c.valid = setBit(c.valid, i)
		}
	}
	c.nulls++
	switch c.kind {
	case boolKind:
	case text, fixedText, jsonText:
		c.off = append(c.off, int32(len(c.data)))
	default:
		c.data = append(c.data, make([]byte, c.width)...)
	}
}

// setBit sets bit i of a bitmap that may be too short for it; what it lacks is zero.
func setBit(bits []byte, i int) []byte {
	for len(bits) <= i/8 {
		bits = append(bits, 0)
	}
	bits[i/8] |= 1 << (i % 8)
	return bits
}

// array is the column of n rows, over its own memory.
func (c *column) array(n int) arrow.Array {
	buffers := make([]*memory.Buffer, 2, 3)
	if c.nulls > 0 {
		c.valid = padBits(c.valid, n)
		buffers[0] = memory.NewBufferBytes(c.valid)
	}
	if c.kind == boolKind {
		c.data = padBits(c.data, n)
	}
	values := memory.NewBufferBytes(c.data)
	if c.isText() {
		buffers[1] = memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(c.off))
		buffers = append(buffers, values)
	} else {
		buffers[1] = values
	}
	return array.MakeFromData(array.NewData(c.typ, n, buffers, nil, c.nulls, 0))
}

func (c *column) isText() bool { return c.kind == text || c.kind == fixedText || c.kind == jsonText }

func (c *column) reset() {
	if cap(c.data) > keepAtMost {
		c.data = nil
	}
	c.data, c.off, c.valid, c.nulls = c.data[:0], c.off[:0], c.valid[:0], 0
	if c.isText() {
		c.off = append(c.off, 0)
	}
}

// padBits is bits with zeros up to n of them.
func padBits(bits []byte, n int) []byte {
	for len(bits) < (n+7)/8 {
		bits = append(bits, 0)
	}
	return bits
}
