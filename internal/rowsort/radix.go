package rowsort

import (
	"bytes"
	"math/bits"
)

// small is the bucket below which insertion beats another radix pass; see BenchmarkSort.
const small = 32

// Sort orders what was added by (partition, key). Nothing may be added before Reset.
func (s *Sorter) Sort() {
	n, end := s.rows, len(s.cells)
	index, sorted := s.cells[end-n:], s.cells[end-2*n:end-n]
	s.high = max(s.high, 2*n*entrySize)
	// counts become the start of each partition, then, by scattering, its end.
	var at uint32
	for p, n := range s.counts {
		s.counts[p] = at
		at += n
	}
	for i := n - 1; i >= 0; i-- { // the index begins at its end
		e := index[i]
		sorted[s.counts[e.part]] = e
		s.counts[e.part]++
	}
	var start uint32
	for _, end := range s.counts {
		if end > start {
			s.order(sorted[start:end], index[start:end], 0, false)
		}
		start = end
	}
	s.sorted, s.next, s.touched = sorted, 0, 0
}

// order sorts a, whose keys agree in the first depth bytes and whose prefixes hold the 8 bytes after those. b is as long
// as a and is overwritten; with move the result is to lie there. Equal keys stay in order.
func (s *Sorter) order(a, b []entry, depth int, move bool) {
	if len(a) < small {
		s.insert(a, depth)
		if move {
			copy(b, a)
		}
		return
	}
	var differ uint64
	first := a[0].prefix
	for i := range a {
		differ |= a[i].prefix ^ first
	}
	if differ == 0 {
		s.deeper(a, b, depth, move)
		return
	}
	// The 8 bits from the highest one in which any two differ; those above are common to all.
	shift := uint(max(bits.Len64(differ)-8, 0))
	var ends [256]uint32
	for i := range a {
		ends[byte(a[i].prefix>>shift)]++
	}
	sum(&ends)
	for _, e := range a {
		k := byte(e.prefix >> shift)
		b[ends[k]] = e
		ends[k]++
	}
	var start uint32
	for _, end := range &ends {
		if end > start {
			s.order(b[start:end], a[start:end], depth, !move)
		}
		start = end
	}
}

// sum makes the start of each bucket of its size.
func sum(sizes *[256]uint32) {
	var at uint32
	for i, n := range sizes {
		sizes[i] = at
		at += n
	}
}

// deeper sorts entries whose keys agree in their first depth+8 bytes, zeros past their end included. Those that end
// there differ only in length, and come before all that go on.
func (s *Sorter) deeper(a, b []entry, depth int, move bool) {
	// Reading the pairs out of order is what this costs, so the common cases take one look at each key: all equal, or
	// all going on.
	first := s.key(&a[0])[depth:]
	equal, longer := true, 0
	for i := range a {
		key := s.key(&a[i])[depth:]
		equal = equal && bytes.Equal(key, first)
		if len(key) > 8 {
			a[i].prefix = prefix(key[8:])
			longer++
		}
	}
	switch {
	case equal:
		if move {
			copy(b, a)
		}
	case longer == len(a):
		s.order(a, b, depth+8, move)
	default:
		k := s.byLength(a, b, depth)
		if !move {
			copy(a[:k], b[:k])
		}
		if int(k) < len(a) {
			s.order(b[k:], a[k:], depth+8, !move)
		}
	}
}

// byLength moves entries whose keys agree, as far as they go on, in the 8 bytes from depth into b: those that end within
// them by their length, and then the others. ended is how many end.
func (s *Sorter) byLength(a, b []entry, depth int) (ended uint32) {
	var ends [256]uint32
	class := func(e *entry) int { return min(len(s.key(e))-depth, 9) }
	for i := range a {
		ends[class(&a[i])]++
	}
	sum(&ends)
	for i := range a {
		k := class(&a[i])
		b[ends[k]] = a[i]
		ends[k]++
	}
	return ends[8]
}

// insert sorts a few entries by prefix, and those whose prefixes are equal by the rest of their keys.
func (s *Sorter) insert(a []entry, depth int) {
	tied := false
	for i := 1; i < len(a); i++ {
		e := a[i]
		j := i
		for ; j > 0 && a[j-1].prefix > e.prefix; j-- {
			a[j] = a[j-1]
		}
		tied = tied || j > 0 && a[j-1].prefix == e.prefix
		a[j] = e
	}
	for len(a) > 1 && tied {
		n := 1
		for n < len(a) && a[n].prefix == a[0].prefix {
			n++
		}
		s.compare(a[:n], depth)
		a = a[n:]
	}
}

// compare sorts a few entries by their keys from depth on.
func (s *Sorter) compare(a []entry, depth int) {
	for i := 1; i < len(a); i++ {
		e := a[i]
		key := s.key(&e)[depth:]
		j := i
		for ; j > 0 && bytes.Compare(s.key(&a[j-1])[depth:], key) > 0; j-- {
			a[j] = a[j-1]
		}
		a[j] = e
	}
}
