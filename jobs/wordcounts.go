package jobs

import (
	"context"
	"math/bits"

	"github.com/mrctl/mrctl/internal/boundary"
	"github.com/mrctl/mrctl/internal/combine"
	"github.com/mrctl/mrctl/internal/rows"
)

// WordCounts is the job that counts words: what Words gives, each with the number of times it occurs. The words go from
// the batch of lines into the table of sums with no function called for one, which takes two thirds of the time of the
// same job written with Map.
func WordCounts(name string) Job[string, string, int64, Pair[string, int64]] {
	return Job[string, string, int64, Pair[string, int64]]{Name: name, Combine: Sum[int64](), block: countBlock}
}

// countBlock emits the words of a batch of lines.
func countBlock(_ context.Context, e *emitter[int64], emit func(string, int64), in *rows.Records) {
	c := &wordCounter{e: e, emit: emit}
	for from := 0; from < in.Len(); {
		// Lines that end in a newline may be looked at as one text.
		to := from + 1
		for in.Terminated && to < in.Len() && in.Off[to] > in.Off[to-1] && in.Data[in.Off[to]-1] == '\n' {
			to++
		}
		c.count(in.Data[in.Off[from]:in.Off[to]])
		from = to
	}
}

// wordCounter gathers the places of words and emits them together.
type wordCounter struct {
	e    *emitter[int64]
	emit func(string, int64)
	at   [1024]int32 // where each begins and ends
}

// count emits the words of a text.
func (c *wordCounter) count(b []byte) {
	n, from := 0, 0
	for i := 0; i < len(b); i += 64 {
		if n > len(c.at)/2-64 {
			c.add(b, n)
			n = 0
		}
		m, wide := marks(b[i:min(i+64, len(b))])
		if wide != 0 {
			n, from = c.wide(b, m, i, n, from)
			continue
		}
		// Whether a space ends a word or follows another is not known to the processor, so it is no branch.
		for ; m != 0; m &= m - 1 {
			at := i + bits.TrailingZeros64(m)
			c.at[2*n&1023], c.at[(2*n+1)&1023] = int32(from), int32(at)
			n += (from - at) >> 63 & 1
			from = at + 1
		}
	}
	c.add(b, n)
	if from < len(b) {
		c.emit(textOf(b[from:]), 1)
	}
}

// wide takes the words that end among 64 bytes, some of which are not ASCII.
func (c *wordCounter) wide(b []byte, m uint64, i, n, from int) (int, int) {
	for ; m != 0; m &= m - 1 {
		at, width := i+bits.TrailingZeros64(m), 1
		if b[at] >= 0x80 {
			if width = wideSpace(b[at:]); width == 0 {
				continue
			}
		}
		if at > from {
			c.at[2*n], c.at[2*n+1] = int32(from), int32(at)
			n++
		}
		from = at + width
	}
	return n, from
}

// add emits n words.
func (c *wordCounter) add(b []byte, n int) {
	i := 0
	for i < n && c.e.sums != nil && c.e.gate.Shut == 0 {
		done := c.e.sums.AddAll(b, c.at[2*i:2*n], 2, nil, combine.MaxKey)
		i += done
		switch {
		case c.e.sums.Full():
			c.e.fullSums()
		case i < n: // a word too long for the table
			c.emit(textOf(b[c.at[2*i]:c.at[2*i+1]]), 1)
			i++
		}
	}
	for ; i < n; i++ {
		c.emit(textOf(b[c.at[2*i]:c.at[2*i+1]]), 1)
	}
}

// mapBlock is mapRecords for a job that takes a batch at a time without Arrow.
func (a *mapAttempt[In, K, V, Out]) mapBlock(in *boundary.Input) (err error) {
	returned := false
	defer func() {
		if !returned {
			err = at(in, 0, panicked(recover()))
		}
	}()
	a.job.block(a.ctx, a.e, a.add, &in.Records)
	returned = true
	if a.e.err != nil {
		return placeError(in, 0, a.e.err)
	}
	return nil
}
