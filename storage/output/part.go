package output

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/tsv"
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
	format formatWriter
	w      storage.Writer
	buf    []byte // gathered, not handed to w yet
	rows   int64
	bytes  int64
	crc    uint32
	err    error // what every later call returns
}

// formatWriter turns batches into the bytes of a part, by its buf and flush.
type formatWriter interface {
	write(b arrow.RecordBatch) error
	// end writes what follows the last batch.
	end() error
}

// NewPart begins the part at key. meta goes to Store.Create; ctx governs the writes. A column that the format cannot
// write is an errs.Invalid that names it.
func NewPart(ctx context.Context, store storage.Store, key string, f Format, schema *arrow.Schema, meta map[string]string) (*Part, error) {
	p := &Part{key: key, schema: schema}
	err := CheckFormat(string(f))
	switch {
	case err != nil:
	case f == Records:
		p.format, err = recordsWriter{p}, checkRecords(schema)
	case f == Arrow:
		p.format = &arrowWriter{part: p}
	default:
		p.format, err = tsvWriter{p}, tsv.Check(schema)
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

func (p *Part) write(b arrow.RecordBatch) error {
	same := b.NumCols() == int64(p.schema.NumFields())
	for i := 0; same && i < p.schema.NumFields(); i++ {
		same = arrow.TypeEqual(b.Column(i).DataType(), p.schema.Field(i).Type)
	}
	if !same {
		return errs.E(errs.Invalid, "write part", p.key, fmt.Errorf("rows of %v, where the part has %v", b.Schema(), p.schema))
	}
	if err := p.format.write(b); err != nil {
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
	if p.err == nil {
		p.err = p.format.end()
	}
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

// tsvWriter writes lines, as package tsv has them.
type tsvWriter struct{ *Part }

func (w tsvWriter) write(b arrow.RecordBatch) (err error) {
	rows := tsv.NewRows(b)
	for at := 0; at < rows.Len(); {
		if w.buf, at = rows.Append(w.buf, at, flushAt); len(w.buf) >= flushAt {
			if w.buf, err = w.flush(w.buf); err != nil {
				return err
			}
		}
	}
	return nil
}

func (tsvWriter) end() error { return nil }
