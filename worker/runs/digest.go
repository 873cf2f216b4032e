package runs

import (
	"encoding/binary"
	"math/bits"

	"github.com/zeebo/xxh3"
)

// Digest stands for a set of pairs in any order: the wrapping sum of their hashes.
type Digest [16]byte

// Summing says which part of each pair a writer hashes into the digest.
type Summing uint8

const (
	SumNothing Summing = iota // spills: the digest stays zero
	SumPairs                  // key and value
	SumKeys                   // for values that folding leaves inexact
)

// sum is a digest in the making.
type sum struct{ hi, lo uint64 }

func (s *sum) add(packed []byte) {
	h := xxh3.Hash128(packed)
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, h.Lo, 0)
	s.hi, _ = bits.Add64(s.hi, h.Hi, carry)
}

func (s *sum) addSum(o sum) {
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, o.lo, 0)
	s.hi, _ = bits.Add64(s.hi, o.hi, carry)
}

func (s *sum) digest() (d Digest) {
	binary.LittleEndian.PutUint64(d[:], s.lo)
	binary.LittleEndian.PutUint64(d[8:], s.hi)
	return d
}

func (d Digest) sum() sum {
	return sum{hi: binary.LittleEndian.Uint64(d[8:]), lo: binary.LittleEndian.Uint64(d[:])}
}
