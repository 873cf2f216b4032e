package runs

import (
	"context"
	"fmt"

	"github.com/mrctl/mrctl/internal/rows"
)

// Packed gives packed pairs in order of (partition, key), a block at a time; *rowsort.Sorter is one. It is what a Stream
// is to pairs that lie ready: they are put where the file's bytes come from, and moved no more.
type Packed interface {
	// Peek says which partition the next pair is of, and how large it is, packed. ok is false at the end.
	Peek() (part, size int, ok bool)
	// Gather appends the next pairs to dst, which has room: all of one partition and at most limit bytes. n is how many.
	Gather(dst []byte, limit int) (_ []byte, n int)
}

// WritePacked is WriteRun of packed pairs.
func WritePacked(ctx context.Context, path string, partitions int, o Options, in Packed) (Info, error) {
	w, err := Create(path, partitions, o)
	if err != nil {
		return Info{}, err
	}
	for more := true; more; {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		} else {
			more, err = w.gather(in)
		}
		if err != nil {
			w.Abort()
			return Info{}, err
		}
	}
	return w.Finish()
}

// gather writes one block.
func (w *Writer) gather(in Packed) (more bool, err error) {
	part, size, ok := in.Peek()
	if !ok {
		return false, nil
	}
	if err := w.open(part); err != nil {
		return false, err
	}
	if _, err := w.block(in, size); err != nil {
		return false, err
	}
	return true, w.endBlock()
}

// block gathers a block, whose first pair is of size bytes, and gives its pairs. It is still to be ended.
func (w *Writer) block(in Packed, size int) (pairs []byte, err error) {
	limit := max(w.o.block(), size)
	w.begin()
	from := len(w.out)
	if from+limit > cap(w.out) {
		w.grow(from + limit)
	}
	var n int
	if w.out, n = in.Gather(w.out, limit); n == 0 {
		return nil, fmt.Errorf("write run %s: a pair of %d bytes was not given", w.path, size)
	}
	if w.o.Digest != SumNothing {
		for pairs := w.out[from:]; len(pairs) > 0; {
			size := rows.PackedLen(pairs)
			w.hash(pairs[:size])
			pairs = pairs[size:]
		}
	}
	w.rows += uint32(n)
	w.section.Rows += int64(n)
	return w.out[from:], nil
}
