package main

import (
	"encoding/binary"

	"github.com/mrctl/mrctl/internal/boundary"
)

const (
	lineSize  = 100
	cacheLine = 64
	// step is how much is copied at once: what a reader reads before it looks at it.
	step = 128 << 10
)

// template is what batches are made of.
type template struct {
	data []byte
	off  []int32
}

func newTemplate() template {
	t := template{data: make([]byte, boundary.BatchSize)}
	for i := range t.data {
		t.data[i] = byte(i * 7)
	}
	for at := 0; at < len(t.data); at += lineSize {
		t.off = append(t.off, int32(at))
	}
	t.off = append(t.off, int32(len(t.data)))
	return t
}

// fill makes batch n in memory of at least its size.
func (t template) fill(dst []byte, n int) []byte {
	dst = dst[:len(t.data)]
	for at := 0; at < len(dst); at += step {
		copy(dst[at:], t.data[at:min(at+step, len(dst))])
	}
	binary.LittleEndian.PutUint64(dst, uint64(n))
	return dst
}

// checksum is of a word in each cache line of all batches, in their order: a sum of sums.
type checksum uint64

func (c *checksum) add(batch []byte) {
	var sum, sums uint64
	for i := 0; i+8 <= len(batch); i += cacheLine {
		sum += binary.LittleEndian.Uint64(batch[i:])
		sums += sum
	}
	*c = *c*31 + checksum(sums)
}
