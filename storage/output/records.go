package output

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/mrctl/mrctl/internal/errs"
)

// recordsWriter writes the bytes of the last column.
type recordsWriter struct{ *Part }

func (w recordsWriter) write(b arrow.RecordBatch) (err error) {
	w.buf, err = appendRecords(w.buf, b, w.flush)
	return err
}

func (recordsWriter) end() error { return nil }

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

// appendRecords appends the bytes of the last column.
func appendRecords(dst []byte, b arrow.RecordBatch, full func([]byte) ([]byte, error)) ([]byte, error) {
	col := b.Column(int(b.NumCols()) - 1)
	blobs, err := bytesOf(col)
	if err != nil {
		return dst, err
	}
	if col.NullN() == 0 {
		return gather(dst, blobs.all(), full)
	}
	for i := range col.Len() {
		if !col.IsNull(i) {
			if dst, err = gather(dst, blobs.at(i), full); err != nil {
				return dst, err
			}
		}
	}
	return dst, nil
}

// gather appends s, handing over what is enough.
func gather(dst, s []byte, full func([]byte) ([]byte, error)) (_ []byte, err error) {
	for len(s) > 0 {
		n := min(len(s), max(1, flushAt-len(dst)))
		dst, s = append(dst, s[:n]...), s[n:]
		if len(dst) >= flushAt {
			if dst, err = full(dst); err != nil {
				return dst, err
			}
		}
	}
	return dst, nil
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
