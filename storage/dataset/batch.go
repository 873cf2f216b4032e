package dataset

import "github.com/mrctl/mrctl/internal/rows"

// batch is the batch being filled. Bytes are read into buf behind the finished rows, which are moved up where a
// terminator or a skipped record left a gap.
//
// Invariant: the finished rows are buf[:w], and off has one entry more than there are rows.
type batch struct {
	rec     *rows.Records // nil: no buffer yet
	buf     []byte        // rec.Data up to the bytes it may hold
	w       int
	off     []int32
	maxRows int // 0: no bound
	origins []rows.Origin
	next    int64 // where the next row begins by the last origin
}

func (b *batch) start(rec *rows.Records, n int) {
	*b = batch{rec: rec, buf: rec.Data[:n], off: append(rec.Off[:0], 0)}
	if cap(rec.Off) >= 2 {
		b.maxRows = cap(rec.Off) - 1
	}
}

func (b *batch) rows() int  { return max(0, len(b.off)-1) }
func (b *batch) full() bool { return b.maxRows > 0 && b.rows() == b.maxRows }

// add finishes a row: buf[from:to], which begins at byte at of object and was followed by gap bytes left out.
func (b *batch) add(object string, at int64, from, to, gap int) {
	if last := len(b.origins) - 1; last < 0 || b.next != at || b.origins[last].Object != object {
		b.origins = append(b.origins, rows.Origin{Row: b.rows(), Object: object, Offset: at, Gap: gap})
		b.next = at
	}
	if from != b.w {
		copy(b.buf[b.w:], b.buf[from:to])
	}
	b.w += to - from
	b.off = append(b.off, int32(b.w))
	b.next += int64(to - from + b.origins[len(b.origins)-1].Gap)
}

// finish gives the batch away. nil: there are no rows, and the buffer stays.
func (b *batch) finish() *rows.Records {
	if b.rec == nil || b.rows() == 0 {
		return nil
	}
	rec := b.rec
	rec.Data, rec.Off, rec.Origins = b.buf[:b.w], b.off, b.origins
	*b = batch{}
	return rec
}
