package dataset

import (
	"github.com/mrctl/mrctl/internal/errs"
	"github.com/mrctl/mrctl/internal/rows"
)

// rowBatch is the batch of encoded rows that is being filled, in memory of the caller's.
type rowBatch struct {
	buffer func(n int) *rows.Records // Options.Buffer
	size   int                       // Options.Batch
	out    *rows.Records             // nil: none
}

// put adds a copy of a row that begins at byte at of an object. fits is false where the batch is to be handed over first.
func (b *rowBatch) put(row []byte, object string, at int64) (fits bool, err error) {
	if b.out == nil {
		if b.out = b.buffer(max(b.size, len(row))); b.out == nil {
			return false, errs.E(errs.Canceled, "read input", object, errNoBuffer)
		}
		b.out.Data, b.out.Terminated = b.out.Data[:0], false
		b.out.Origins, b.out.Starts = nil, make([]int64, 0, 1024)
	}
	o := b.out
	bounded := cap(o.Off) >= 2
	if len(o.Data)+len(row) > cap(o.Data) || bounded && len(o.Off) == cap(o.Off) {
		if o.Len() > 0 {
			return false, nil
		}
		b.out = nil // a row larger than any before
		return b.put(row, object, at)
	}
	if o.Len() == 0 {
		o.Off = append(o.Off[:0], 0)
	}
	if n := len(o.Origins); n == 0 || o.Origins[n-1].Object != object {
		o.Origins = append(o.Origins, rows.Origin{Row: o.Len(), Object: object, Offset: at})
	}
	o.Data = append(o.Data, row...)
	o.Off = append(o.Off, int32(len(o.Data)))
	o.Starts = append(o.Starts, at)
	return true, nil
}

// finish gives the batch away; nil: there are no rows in it.
func (b *rowBatch) finish() *rows.Records {
	if b.out == nil || b.out.Len() == 0 {
		return nil
	}
	out := b.out
	b.out = nil
	return out
}
