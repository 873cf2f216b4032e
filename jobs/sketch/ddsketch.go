package sketch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// DDSketch summarises numbers by how many of them lie in each of many narrow ranges, so that any quantile can be told
// within 1/129 = 0.78 % of its value. That is Masson, Rim and Lee, "DDSketch" (2019), with ranges that cut each power of
// two into 64 equal ones: they are a number's first bits, so that the same number falls in the same range on any machine.
// It takes 12 bytes for each range that holds a number; nil is the sketch of nothing.
//
// Of the positive and of the negative numbers no more than 4096 ranges are kept each, from the greatest magnitude down:
// a factor of 2^64. What is nearer to zero than that is counted in the last of them, and the bound does not hold for
// quantiles there. Zero has a range of its own, which magnitudes below 2^-1022 are counted in too. NaN and the infinities
// are left out.
//
// The bytes are a 3, then for each range in order of its numbers: its place (an int32; 0 for zero, and minus that of
// the magnitude for negative numbers) and how many numbers it holds (a uint64), big-endian.
type DDSketch []byte

const (
	ddTag    = 3
	ddEntry  = 12
	ddShift  = 52 - 6 // the exponent and 6 bits of the mantissa are the range
	ddRanges = 4096
	ddLeast  = 1 << 6        // the range of 2^-1022
	ddMost   = 0x7fe<<6 | 63 // that of the greatest finite number
)

var errNotDDSketch = errors.New("sketch: these bytes are not a DDSketch")

// ParseDDSketch is b as a DDSketch, in the same memory, or an error if it is none.
func ParseDDSketch(b []byte) (DDSketch, error) {
	if len(b) == 0 {
		return nil, nil
	}
	s := DDSketch(b)
	if b[0] != ddTag || len(b) == 1 || (len(b)-1)%ddEntry != 0 {
		return nil, errNotDDSketch
	}
	least, most := s.bounds()
	last := int32(0)
	for i := range s.entries() {
		at, n := s.entry(i)
		if at <= last && i > 0 || at < -ddMost || at > ddMost || at != 0 && at < ddLeast && at > -ddLeast || n == 0 {
			return nil, fmt.Errorf("%w: entry %d is %d in range %d", errNotDDSketch, i, n, at)
		}
		if low := floor(least, most, at); low != at {
			return nil, fmt.Errorf("%w: range %d is below those that are kept", errNotDDSketch, at)
		}
		last = at
	}
	return s, nil
}

// Add adds a number.
func (s DDSketch) Add(x float64) DDSketch { return s.AddN(x, 1) }

// AddN adds a number n times.
func (s DDSketch) AddN(x float64, n uint64) DDSketch {
	if n == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return s
	}
	at := int32(math.Float64bits(math.Abs(x)) >> ddShift)
	switch {
	case at < ddLeast:
		at = 0
	case x < 0:
		at = -at
	}
	return s.put(at, n).fold()
}

// Merge is the sketch of the numbers of both.
func (s DDSketch) Merge(t DDSketch) DDSketch {
	n, m := s.entries(), t.entries()
	switch {
	case m == 0:
		return s
	case n == 0:
		return slices.Clip(t) // it stays the caller's
	case m == 1:
		return s.put(t.entry(0)).fold()
	case n == 1:
		return slices.Clip(t).put(s.entry(0)).fold()
	}
	out := make(DDSketch, 1, 2+(n+m)*ddEntry)
	out[0] = ddTag
	for i, j := 0, 0; i < n || j < m; {
		var a, b int32 = math.MaxInt32, math.MaxInt32
		var in, jn uint64
		if i < n {
			a, in = s.entry(i)
		}
		if j < m {
			b, jn = t.entry(j)
		}
		sum := uint64(0)
		if a <= b {
			sum = in
			i++
		}
		if b <= a {
			sum = addCounts(sum, jn)
			j++
		}
		out = appendRange(out, min(a, b), sum)
	}
	return out.fold()
}

// addCounts adds and stays at the greatest count, in whatever order: one that wrapped around would be of fewer numbers.
func addCounts(a, b uint64) uint64 {
	sum, carry := bits.Add64(a, b, 0)
	return sum | -carry
}

// Count is how many numbers were added, up to 2^64-1.
func (s DDSketch) Count() uint64 { return s.sum(0, s.entries()) }

// sum is how many numbers the entries [from, to) hold.
func (s DDSketch) sum(from, to int) uint64 {
	sum := uint64(0)
	for i := from; i < to; i++ {
		_, n := s.entry(i)
		sum = addCounts(sum, n)
	}
	return sum
}

// Quantile is about the number that a share q of the others is below: 0 the least, 0.5 the median, 1 the greatest. It is
// NaN where there are none, or q is not in [0, 1].
func (s DDSketch) Quantile(q float64) float64 {
	total := s.Count()
	if total == 0 || !(q >= 0 && q <= 1) {
		return math.NaN()
	}
	if rank := q * float64(total-1); rank < float64(total-1) { // else it is the last, as a float may not tell
		seen := uint64(0)
		for i := range s.entries() {
			at, n := s.entry(i)
			if seen = addCounts(seen, n); seen > uint64(rank) {
				return middle(at)
			}
		}
	}
	at, _ := s.entry(s.entries() - 1)
	return middle(at)
}

// middle is the number that is no further from any of a range than the bound, relative to them.
func middle(at int32) float64 {
	switch {
	case at == 0:
		return 0
	case at < 0:
		return -middle(-at)
	}
	from, first := math.Float64frombits(uint64(at)<<ddShift), float64(64+at&63)
	return from * (2 * (first + 1) / (2*first + 1)) // 2/(1/from + 1/to), where to is from * (first+1)/first
}

// entries is how many ranges there are.
func (s DDSketch) entries() int {
	if len(s) == 0 {
		return 0
	}
	if s[0] != ddTag || (len(s)-1)%ddEntry != 0 {
		panic(errNotDDSketch)
	}
	return (len(s) - 1) / ddEntry
}

func (s DDSketch) entry(i int) (at int32, n uint64) {
	e := s[1+i*ddEntry:]
	return int32(binary.BigEndian.Uint32(e)), binary.BigEndian.Uint64(e[4:])
}

func appendRange(s DDSketch, at int32, n uint64) DDSketch {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(s, uint32(at)), n)
}

// put counts n numbers in a range.
func (s DDSketch) put(at int32, n uint64) DDSketch {
	lo, hi := 0, s.entries()
	for lo < hi {
		mid := (lo + hi) / 2
		if a, _ := s.entry(mid); a < at {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	place := 1 + lo*ddEntry
	if lo < s.entries() {
		if a, was := s.entry(lo); a == at {
			s = own(s, 0)
			binary.BigEndian.PutUint64(s[place+4:], addCounts(was, n))
			return s
		}
	}
	if len(s) == 0 {
		s = append(make(DDSketch, 0, 2+ddEntry), ddTag)
	}
	var e [ddEntry]byte
	appendRange(e[:0], at, n)
	return slices.Insert(own(s, ddEntry), place, e[:]...)
}

// bounds are the ranges furthest from zero, on either side.
func (s DDSketch) bounds() (least, most int32) {
	least, _ = s.entry(0)
	most, _ = s.entry(s.entries() - 1)
	return least, most
}

// floor is the range that numbers of range at are counted in.
func floor(least, most, at int32) int32 {
	switch {
	case at > 0:
		return max(at, most-ddRanges+1)
	case at < 0:
		return min(at, least+ddRanges-1)
	}
	return 0
}

// fold counts what lies nearer to zero than the ranges that are kept in the nearest of those. Which ones these are
// depends on the greatest magnitude alone, which only grows: so what was folded before, and where, does not show.
func (s DDSketch) fold() DDSketch {
	least, most := s.bounds()
	if most-least < ddRanges {
		return s
	}
	from, to := s.search(least+ddRanges), s.search(max(most-ddRanges+1, 1))
	zero := s.search(0)
	if least < 0 && from < zero {
		s = s.squeeze(from, zero, least+ddRanges-1)
		to = s.search(max(most-ddRanges+1, 1))
	}
	if first := s.search(1); most > 0 && first < to {
		s = s.squeeze(first, to, most-ddRanges+1)
	}
	return s
}

// search is the place of the first entry at a range or above.
func (s DDSketch) search(at int32) int {
	lo, hi := 0, s.entries()
	for lo < hi {
		mid := (lo + hi) / 2
		if a, _ := s.entry(mid); a < at {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// squeeze counts the entries [from, to) in another range.
func (s DDSketch) squeeze(from, to int, at int32) DDSketch {
	sum := s.sum(from, to)
	s = own(s, 0)
	return slices.Delete(s, 1+from*ddEntry, 1+to*ddEntry).put(at, sum)
}
