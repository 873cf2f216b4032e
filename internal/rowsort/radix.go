package rowsort

import (
	"bytes"
	"cmp"
	"math/bits"
	"slices"
)

// small is the bucket below which comparing beats another radix pass; see BenchmarkSort.
const small = 64

// Sort orders what was added by (partition, key). Nothing may be added before Reset.
func (s *Sorter) Sort() {
	if cap(s.sorted) < s.rows {
		s.sorted = make([]entry, s.rows, s.inUse*s.per)
	}
	s.sorted = s.sorted[:s.rows]
	s.next = 0
	// counts become the start of each partition, then, by scattering, its end.
	var at uint32
	for p, n := range s.counts {
		s.counts[p] = at
		at += n
	}
	left := s.rows
	for _, chunk := range s.index[:s.inUse] {
		n := min(left, s.per)
		for i := range chunk[:n] {
			e := &chunk[i]
			s.sorted[s.counts[e.part]] = *e
			s.counts[e.part]++
		}
		left -= n
	}
	var start uint32
	for _, end := range s.counts {
		s.radix(s.sorted[start:end], 0)
		start = end
	}
}

// radix orders entries whose keys agree in the first depth bytes and whose prefixes hold the 8 bytes after those.
func (s *Sorter) radix(e []entry, depth int) {
	if len(e) < small {
		s.compare(e, depth)
		return
	}
	var differ uint64
	for i := range e {
		differ |= e[i].prefix ^ e[0].prefix
	}
	if differ == 0 {
		s.deeper(e, depth)
		return
	}
	// The highest byte in which any two differ; the ones above it are common to all.
	shift := uint(bits.Len64(differ)-1) &^ 7
	ends := flag(e, 256, func(x entry) int { return int(byte(x.prefix >> shift)) })
	start := 0
	for _, end := range ends {
		if end-start > 1 {
			s.radix(e[start:end], depth)
		}
		start = end
	}
}

// deeper orders entries whose keys agree in their first depth+8 bytes, zeros past their end included. Those that end
// there differ only in length, and come before all that go on.
func (s *Sorter) deeper(e []entry, depth int) {
	// Reading the arena out of order is what this costs, so the common cases take one look at each key: all equal, or
	// all going on.
	first := s.key(&e[0])[depth:]
	equal, longer := true, 0
	for i := range e {
		key := s.key(&e[i])[depth:]
		equal = equal && bytes.Equal(key, first)
		if len(key) > 8 {
			e[i].prefix = prefix(key[8:])
			longer++
		}
	}
	if equal {
		return
	}
	if longer < len(e) {
		ends := flag(e, 10, func(x entry) int { return min(len(s.key(&x))-depth, 9) })
		e = e[ends[8]:]
	}
	if len(e) > 1 {
		s.radix(e, depth+8)
	}
}

// flag permutes e in place by bucket (American flag sort) and gives the end of each of n buckets.
func flag(e []entry, n int, bucket func(entry) int) (ends [256]int) {
	var next [256]int
	for i := range e {
		ends[bucket(e[i])]++
	}
	at := 0
	for b := range n {
		next[b] = at
		at += ends[b]
		ends[b] = at
	}
	for b := range n {
		for next[b] < ends[b] {
			x := e[next[b]]
			for {
				t := bucket(x)
				if t == b {
					break
				}
				x, e[next[t]] = e[next[t]], x
				next[t]++
			}
			e[next[b]] = x
			next[b]++
		}
	}
	return ends
}

func (s *Sorter) compare(e []entry, depth int) {
	if len(e) < 2 {
		return
	}
	slices.SortFunc(e, func(a, b entry) int {
		if a.prefix != b.prefix {
			return cmp.Compare(a.prefix, b.prefix)
		}
		return bytes.Compare(s.key(&a)[depth:], s.key(&b)[depth:])
	})
}
