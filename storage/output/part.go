package output

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/storage"
)

// Bytes gathered before they are handed to the store, and the largest buffer that is kept after a huge row.
const (
	flushAt    = 256 << 10
	keepAtMost = 4 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Part writes one part. It is invisible until its token is published. Exactly one of Stage and Abort ends it. It is not
// safe for concurrent use.
type Part struct {
	key    string
	schema *arrow.Schema
	append func(dst []byte, b arrow.RecordBatch, full func([]byte) ([]byte, error)) ([]byte, error)
	w      storage.Writer
	buf    []byte
	rows   int64
	bytes  int64
	crc    uint32
	err    error // what every later call returns
}

// NewPart begins the part at key. meta goes to Store.Create; ctx governs the writes. A column that the format cannot
// write is an errs.Invalid that names it.
func NewPart(ctx context.Context, store storage.Store, key string, f Format, schema *arrow.Schema, meta map[string]string) (*Part, error) {
	p := &Part{key: key, schema: schema, append: appendTSV}
	err := CheckFormat(string(f))
	switch {
	case err != nil:
	case f == Records:
		p.append, err = appendRecords, checkRecords(schema)
	default:
		err = checkText(schema)
	}
	if err != nil {
		return nil, err
	}
	if p.w, err = store.Create(ctx, key, meta); err != nil {
		return nil, err
	}
	return p, nil
}

// Write adds the rows of a batch, which must have the part's columns. It keeps nothing of it.
func (p *Part) Write(b arrow.RecordBatch) error {
	if p.err == nil {
		p.err = p.write(b)
	}
	return p.err
}

func (p *Part) write(b arrow.RecordBatch) (err error) {
	same := b.NumCols() == int64(p.schema.NumFields())
	for i := 0; same && i < p.schema.NumFields(); i++ {
		same = arrow.TypeEqual(b.Column(i).DataType(), p.schema.Field(i).Type)
	}
	if !same {
		return errs.E(errs.Invalid, "write part", p.key, fmt.Errorf("rows of %v, where the part has %v", b.Schema(), p.schema))
	}
	if p.buf, err = p.append(p.buf, b, p.flush); err != nil {
		return errs.E(errs.Other, "write part", p.key, err)
	}
	p.rows += b.NumRows()
	return nil
}

// flush hands buf to the store and gives an empty one back.
func (p *Part) flush(buf []byte) ([]byte, error) {
	if _, err := p.w.Write(buf); err != nil {
		return nil, err
	}
	p.crc = crc32.Update(p.crc, castagnoli, buf)
	p.bytes += int64(len(buf))
	if cap(buf) > keepAtMost {
		return nil, nil
	}
	return buf[:0], nil
}

// Stage makes the part durable, still invisible.
func (p *Part) Stage(ctx context.Context) (Staged, error) {
	if p.err == nil && len(p.buf) > 0 {
		p.buf, p.err = p.flush(p.buf)
	}
	if p.err != nil {
		return Staged{}, errors.Join(p.err, p.w.Abort())
	}
	p.err = errs.E(errs.Invalid, "write part", p.key, errors.New("it is staged already"))
	t, err := p.w.Stage(ctx)
	if err != nil {
		return Staged{}, errs.E(errs.Other, "stage part", p.key, err)
	}
	return Staged{Key: p.key, Token: t, Rows: p.rows, Bytes: p.bytes, CRC: p.crc}, nil
}

// Abort gives the part up. After Stage it does nothing.
func (p *Part) Abort() error { return p.w.Abort() }

// appendTSV appends the rows of a batch as lines: columns as textOf writes them with tabs between, null as \N. full is
// called when enough has gathered.
func appendTSV(dst []byte, b arrow.RecordBatch, full func([]byte) ([]byte, error)) ([]byte, error) {
	cols := b.Columns()
	cells := make([]cell, len(cols))
	for k, col := range cols {
		text, err := textOf(col)
		if err != nil {
			return dst, err
		}
		if col.NullN() > 0 {
			cells[k] = func(dst []byte, i int) []byte {
				if col.IsNull(i) {
					return append(dst, '\\', 'N')
				}
				return text(dst, i)
			}
		} else {
			cells[k] = text
		}
	}
	for i := range int(b.NumRows()) {
		for k, text := range cells {
			if k > 0 {
				dst = append(dst, '\t')
			}
			dst = text(dst, i)
		}
		dst = append(dst, '\n')
		if len(dst) >= flushAt {
			var err error
			if dst, err = full(dst); err != nil {
				return dst, err
			}
		}
	}
	return dst, nil
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
