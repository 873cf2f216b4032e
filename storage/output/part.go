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
	z      compressor // before w; nil: none
	buf    []byte     // gathered, not handed to z or w yet
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
	if err == nil {
		p.format, err = writerOf(p, f.base())
	}
	if err != nil {
		return nil, err
	}
	if p.z, err = compressorOf(f, sink{p}); err != nil {
		return nil, err
	}
	if p.w, err = store.Create(ctx, key, meta); err != nil {
		return nil, err
	}
	return p, nil
}

func writerOf(p *Part, f Format) (formatWriter, error) {
	switch f {
	case Records:
		return recordsWriter{p}, checkRecords(p.schema)
	case Arrow:
		return &arrowWriter{part: p}, nil
	case Parquet:
		return newParquetWriter(p)
	case CSV:
		return newCSVWriter(p)
	case JSONL:
		return newJSONLWriter(p)
	default:
		return tsvWriter{p}, tsv.Check(p.schema)
	}
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

// sink is where the bytes of a part go, to be counted on their way to the store.
type sink struct{ p *Part }

func (s sink) Write(b []byte) (int, error) {
	n, err := s.p.w.Write(b)
	if err == nil {
		s.p.crc = crc32.Update(s.p.crc, castagnoli, b)
		s.p.bytes += int64(len(b))
	}
	return n, err
}

// flush hands buf to the store, or to what compresses it, and gives an empty one back.
func (p *Part) flush(buf []byte) (_ []byte, err error) {
	if p.z != nil {
		_, err = p.z.Write(buf)
	} else {
		_, err = sink{p}.Write(buf)
	}
	if err != nil {
		return nil, err
	}
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
	if p.err == nil && p.z != nil {
		p.err = p.z.Close()
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
