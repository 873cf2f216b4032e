// Command batch counts words a batch at a time: it looks at the text eight bytes at once and hands over where words
// begin and end, with no function called for a word. Words are what lies between blanks of ASCII.
package main

import (
	"context"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/mrctl/mrctl/jobs"
)

// enough is how many words are handed over at once: their bounds and their text are still in the cache of the core.
const enough = 4 << 10

func count(_ context.Context, in arrow.RecordBatch, emit *jobs.BatchEmitter) error {
	text, lines := jobs.RecordBytes(in)
	words := emit.Bounds()
	for i := range len(lines) - 1 {
		words = appendWords(words, text, int(lines[i]), int(lines[i+1]))
		if len(words) >= 2*enough {
			if err := emit.EmitPieces(text, words); err != nil {
				return err
			}
			words = words[:0]
		}
	}
	return emit.EmitPieces(text, words)
}

const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// blanks marks, in the high bit of its byte, each byte of x that is a blank: 09 to 0D, and 20.
func blanks(x uint64) uint64 {
	low := x &^ highs
	control := (low + (0x80-0x09)*ones) &^ (low + (0x80-0x0e)*ones)
	space := ^((low ^ 0x20*ones) + 0x7f*ones)
	return (control | space) &^ x & highs
}

// appendWords appends where each word of text[from:to] begins and ends.
func appendWords(words []int32, text []byte, from, to int) []int32 {
	words = slices.Grow(words, to-from+8)
	n, within := len(words), uint64(0) // within: 80 when the byte before is part of a word
	all := words[:cap(words)]
	for i := from; i < to; i += 8 {
		var x uint64
		if i+8 <= len(text) {
			x = binary.LittleEndian.Uint64(text[i:])
		} else {
			var last [8]byte
			copy(last[:], text[i:])
			x = binary.LittleEndian.Uint64(last[:])
		}
		word := ^blanks(x) & highs
		if i+8 > to {
			word &= highs >> (8 * (i + 8 - to))
		}
		edges := word ^ (word<<8 | within)
		within = word >> 56
		// Eight bytes have four edges at most as a rule: writing so many needs no branch for each.
		out := (*[8]int32)(all[n:])
		rest := four((*[4]int32)(out[:4]), int32(i), edges)
		if rest != 0 {
			four((*[4]int32)(out[4:]), int32(i), rest)
		}
		n += bits.OnesCount64(edges)
	}
	if within != 0 {
		all[n] = int32(to)
		n++
	}
	return all[:n]
}

// four writes where the first four edges are, or whatever, and gives the rest.
func four(out *[4]int32, i int32, edges uint64) (rest uint64) {
	out[0] = i + int32(bits.TrailingZeros64(edges)>>3)
	edges &= edges - 1
	out[1] = i + int32(bits.TrailingZeros64(edges)>>3)
	edges &= edges - 1
	out[2] = i + int32(bits.TrailingZeros64(edges)>>3)
	edges &= edges - 1
	out[3] = i + int32(bits.TrailingZeros64(edges)>>3)
	return edges & (edges - 1)
}

var job = jobs.Job[string, string, int64, jobs.Pair[string, int64]]{Name: "batch", MapBatch: count, Combine: jobs.Sum[int64]()}

func main() { jobs.Main(job) }
