// Package recsort sorts fixed-size records in memory on one thread, as fast as we know how: an index of (first eight
// bytes of the key, number of the record) is sorted by radix, most significant byte first, ties are put in order by
// comparison, and the records are gathered once, into the output.
package recsort

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

// Layout of a record in bytes; the key comes first.
const (
	Size = 100
	Key  = 10
)

// entry stands for a record while it is sorted.
type entry struct {
	prefix uint64 // the first bytes of the key, big-endian, so that numbers order as bytes do
	record uint32
}

// order gives the numbers of the records in key order; records with equal keys stay in the order they came.
func order(records []byte) []entry {
	index := make([]entry, len(records)/Size)
	for i := range index {
		index[i] = entry{binary.BigEndian.Uint64(records[i*Size:]), uint32(i)}
	}
	radix(index, make([]entry, len(index)), 56)
	for rest := index; len(rest) > 1; {
		n := 1
		for n < len(rest) && rest[n].prefix == rest[0].prefix {
			n++
		}
		if n > 1 {
			slices.SortFunc(rest[:n], func(a, b entry) int {
				if c := bytes.Compare(key(records, a), key(records, b)); c != 0 {
					return c
				}
				return cmp.Compare(a.record, b.record)
			})
		}
		rest = rest[n:]
	}
	return index
}

func record(records []byte, e entry) []byte { return records[int(e.record)*Size:][:Size] }
func key(records []byte, e entry) []byte    { return record(records, e)[:Key] }

// radix sorts a by prefix from the byte at shift downwards, stably; spare is as long as a and is overwritten.
func radix(a, spare []entry, shift int) {
	switch {
	case len(a) < 32:
		insertion(a)
		return
	case shift < 0:
		return
	}
	var ends [256]int
	for i := range a {
		ends[byte(a[i].prefix>>shift)]++
	}
	sum := 0
	for i, n := range ends {
		ends[i] = sum
		sum += n
	}
	for _, e := range a {
		b := byte(e.prefix >> shift)
		spare[ends[b]] = e
		ends[b]++
	}
	copy(a, spare)
	from := 0
	for _, to := range ends {
		if to-from > 1 {
			radix(a[from:to], spare[from:to], shift-8)
		}
		from = to
	}
}

func insertion(a []entry) {
	for i := 1; i < len(a); i++ {
		e := a[i]
		j := i
		for ; j > 0 && a[j-1].prefix > e.prefix; j-- {
			a[j] = a[j-1]
		}
		a[j] = e
	}
}
