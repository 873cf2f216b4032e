package sketch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/zeebo/xxh3"
)

// HLL counts different items: a HyperLogLog of 2^14 registers. Its count is off by 1.04/sqrt(2^14) = 0.81 % in standard
// deviation, however many there are (below a few hundred it is nearly always exact). It takes 3 bytes an item up to 1365
// registers that are set, and 16 KiB from there on; nil is the HLL of nothing.
//
// The bytes are one of two forms, and which one is a function of the registers alone, so that equal sets are equal bytes:
//
//	1, then for each register that is set, in order: its number and its value, as 18 and 6 bits, big-endian
//	2, then a byte for each register
type HLL []byte

const (
	hllBits   = 14
	registers = 1 << hllBits
	maxRank   = 64 - hllBits + 1
	mostSet   = registers / 12 // registers that are set in the sparse form

	hllSparse = 1
	hllDense  = 2
)

var errNotHLL = errors.New("sketch: these bytes are not an HLL")

// ParseHLL is b as an HLL, in the same memory, or an error if it is none.
func ParseHLL(b []byte) (HLL, error) {
	s := HLL(b)
	if len(b) == 0 {
		return nil, nil
	}
	switch n := len(b) - 1; {
	case b[0] == hllDense && n == registers:
		set := 0
		for _, r := range b[1:] {
			if r > maxRank {
				return nil, fmt.Errorf("%w: a register is %d", errNotHLL, r)
			}
			if r > 0 {
				set++
			}
		}
		if set <= mostSet {
			return nil, fmt.Errorf("%w: only %d registers of a dense one are set", errNotHLL, set)
		}
		return s, nil
	case b[0] == hllSparse && n > 0 && n%3 == 0 && n/3 <= mostSet:
		last := -1
		for i := range n / 3 {
			reg, rank := s.entry(i)
			if reg <= last || reg >= registers || rank < 1 || rank > maxRank {
				return nil, fmt.Errorf("%w: entry %d is register %d of %d", errNotHLL, i, reg, rank)
			}
			last = reg
		}
		return s, nil
	}
	return nil, errNotHLL
}

// Add adds an item.
func (s HLL) Add(item string) HLL { return s.AddHash(xxh3.HashString(item)) }

// AddHash adds an item by its hash, for items that are no strings. All items of an HLL, and of those it is merged with, must
// be hashed by the same function, whose 64 bits are even. Add's is xxh3.
func (s HLL) AddHash(hash uint64) HLL {
	reg := int(hash >> (64 - hllBits))
	rank := byte(bits.LeadingZeros64(hash<<hllBits|1<<(hllBits-1)) + 1)
	return s.raise(reg, rank)
}

// Merge is the HLL of the items of both.
func (s HLL) Merge(t HLL) HLL {
	switch {
	case len(s) == 0:
		return slices.Clip(t) // it stays the caller's
	case s.dense() && t.dense():
		s = own(s, 0)
		for i, r := range t[1:] {
			s[1+i] = max(s[1+i], r)
		}
		return s
	case t.entries() > s.entries(): // the dense one, or else the longer
		s, t = slices.Clip(t), s
	}
	for i := range t.entries() {
		reg, rank := t.entry(i)
		s = s.raise(reg, rank)
	}
	return s
}

// Count estimates how many different items there are.
//
// It is the improved raw estimator of Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches"
// (2017, section 2), which needs no tables of bias and is as good for few items as for many.
func (s HLL) Count() uint64 {
	if len(s) == 0 {
		return 0
	}
	var with [maxRank + 1]int // registers by their value
	if s.dense() {
		for _, r := range s[1:] {
			with[r]++
		}
	} else {
		for i := range s.entries() {
			_, rank := s.entry(i)
			with[rank]++
		}
		with[0] = registers - s.entries()
	}
	const m = float64(registers)
	z := m * tau(1-float64(with[maxRank])/m)
	for k := maxRank - 1; k >= 1; k-- {
		z = (z + float64(with[k])) / 2
	}
	z += m * sigma(float64(with[0])/m)
	return uint64(math.Round(m * m / (2 * math.Ln2 * z)))
}

// sigma corrects for registers that are not set: the share of them is x.
func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for {
		x *= x
		was := z
		z += x * y
		y += y
		if z == was {
			return z
		}
	}
}

// tau corrects for registers that can rise no more: the share of the others is x.
func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for {
		x = math.Sqrt(x)
		was := z
		y /= 2
		z -= (1 - x) * (1 - x) * y
		if z == was {
			return z / 3
		}
	}
}

func (s HLL) dense() bool {
	switch {
	case len(s) == 0 || s[0] == hllSparse && len(s)%3 == 1:
		return false
	case s[0] == hllDense && len(s) == 1+registers:
		return true
	}
	panic(errNotHLL)
}

// entries is how many registers of a sparse one are set; of a dense one it is more than that.
func (s HLL) entries() int { return max(len(s)-1, 0) / 3 }

func (s HLL) entry(i int) (reg int, rank byte) {
	e := s[1+3*i : 4+3*i]
	v := uint32(e[0])<<16 | uint32(e[1])<<8 | uint32(e[2])
	return int(v >> 6), byte(v & 63)
}

// raise makes a register at least rank.
func (s HLL) raise(reg int, rank byte) HLL {
	if s.dense() {
		if s[1+reg] < rank {
			s = own(s, 0)
			s[1+reg] = rank
		}
		return s
	}
	lo, hi := 0, s.entries()
	for lo < hi {
		mid := (lo + hi) / 2
		if r, _ := s.entry(mid); r < reg {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	n := s.entries()
	e := [4]byte{}
	binary.BigEndian.PutUint32(e[:], uint32(reg)<<6|uint32(rank))
	at := 1 + 3*lo
	if lo < n {
		if r, was := s.entry(lo); r == reg {
			if was < rank {
				s = own(s, 0)
				copy(s[at:], e[1:])
			}
			return s
		}
	}
	if n == mostSet {
		return s.spread().raise(reg, rank)
	}
	if n == 0 {
		s = append(make(HLL, 0, 5), hllSparse)
	}
	return slices.Insert(own(s, 3), at, e[1:]...)
}

// spread is a sparse one in the dense form.
func (s HLL) spread() HLL {
	d := make(HLL, 1+registers, 2+registers)
	d[0] = hllDense
	for i := range s.entries() {
		reg, rank := s.entry(i)
		d[1+reg] = rank
	}
	return d
}

// own is s in memory that may be written to, with room for more bytes. What a job is handed may lie in memory that is only
// lent, and ends there: a slice that has no room to spare is taken for one of those, and copied. What is made here has a
// byte to spare.
func own[S ~[]byte](s S, more int) S {
	if cap(s) > len(s)+more {
		return s
	}
	room := 1 + more
	if more > 0 {
		room += len(s) / 2
	}
	return append(make(S, 0, len(s)+room), s...)
}
