package reduceside

import (
	"context"

	"github.com/mrctl/mrctl/internal/rows"
	"github.com/mrctl/mrctl/jobs/spec"
	"github.com/mrctl/mrctl/worker/runs"
	"github.com/mrctl/mrctl/worker/table"
)

// records writes the pairs of an identity map as the records they were.
type records struct {
	key  spec.KeyBytes
	put  func(*rows.Records) error
	b    rows.Records
	full int // bytes in a batch
	n    int64
}

// asRecords is asTheyAre for the identity.
func (r *reduction) asRecords(ctx context.Context, in runs.Stream, part table.PartWriter) (err error) {
	w := &records{full: min(r.batch(), inCache)}
	if w.key, err = r.t.Job.KeyBytes(); err != nil {
		return err
	}
	if to, ok := part.(table.RecordWriter); ok {
		w.put = to.WriteRecords
	} else {
		cols, err := table.NewColumns(r.t.Stage, part, r.batch())
		if err != nil {
			return err
		}
		w.put = func(b *rows.Records) error { return columns(cols, b) }
	}
	held := int64(w.full + w.full/minRow*4)
	r.t.Budget.Take(held)
	defer r.t.Budget.Give(held)
	for {
		p, err := r.next(ctx, in)
		if err != nil {
			return err
		}
		if p == nil {
			break
		}
		if err := w.add(p.Key, p.Val); err != nil {
			return err
		}
	}
	if err := w.flush(); err != nil {
		return err
	}
	r.tally.RowsOut = uint64(w.n)
	return nil
}

// inCache is the bytes of records gathered at a time: so few that their checksum, and the copy that the store makes,
// find them in cache still.
const inCache = 256 << 10

// minRow is the bytes of a row that a batch has an offset for: rows of shorter ones fill it by their number.
const minRow = 16

func (w *records) add(key, val []byte) error {
	b := &w.b
	if len(b.Data)+len(key)+len(val) > cap(b.Data) || len(b.Off) == cap(b.Off) {
		if err := w.flush(); err != nil {
			return err
		}
		if n := max(w.full, len(key)+len(val)); cap(b.Data) < n || cap(b.Data) > 2*w.full {
			b.Data = make([]byte, 0, n) // the first, or after or for a record of unusual size
		}
		if b.Off == nil {
			b.Off = make([]int32, 0, w.full/minRow+2)
		}
		b.Off = append(b.Off, 0)
	}
	b.Data = rows.AppendUncut(b.Data, key, val, w.key.Off)
	b.Off = append(b.Off, int32(len(b.Data)))
	return nil
}

func (w *records) flush() error {
	if w.b.Len() == 0 {
		return nil
	}
	w.n += int64(w.b.Len())
	err := w.put(&w.b)
	w.b.Data, w.b.Off = w.b.Data[:0], w.b.Off[:0]
	return err
}

// columns writes records to a part that knows Arrow alone.
func columns(c *table.Columns, b *rows.Records) error {
	for i := range b.Len() {
		if err := c.Append(b.Data[b.Off[i]:b.Off[i+1]], nil); err != nil {
			return err
		}
	}
	return c.Flush()
}
