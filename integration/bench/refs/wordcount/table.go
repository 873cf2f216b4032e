package wordcount

import (
	"encoding/binary"
	"math/bits"
)

// wordSize is the longest word kept in a slot; what is longer is rare, and lies in a map.
const wordSize = 16

// key is a word of at most wordSize bytes, as two little-endian numbers with zeros behind its end. A word has no zero
// byte, so different words have different keys and no word has the key of two zeros.
type key struct{ lo, hi uint64 }

// hash mixes a key so that its upper bits may be used: both halves of a 128-bit product, folded and multiplied again.
func (k key) hash() uint64 {
	hi, lo := bits.Mul64(k.lo^0x243f6a8885a308d3, k.hi^0x13198a2e03707344)
	return (hi ^ lo) * 0xa4093822299f31d1
}

// bytes writes the word into buf and gives what is used of it.
func (k key) bytes(buf *[wordSize]byte) []byte {
	binary.LittleEndian.PutUint64(buf[:8], k.lo)
	binary.LittleEndian.PutUint64(buf[8:], k.hi)
	if k.hi != 0 {
		return buf[:16-bits.LeadingZeros64(k.hi)/8]
	}
	return buf[:8-bits.LeadingZeros64(k.lo)/8]
}

// keyOf makes the key of a word of 1 to wordSize bytes.
func keyOf(word []byte) key {
	var buf [wordSize]byte
	copy(buf[:], word)
	return key{binary.LittleEndian.Uint64(buf[:8]), binary.LittleEndian.Uint64(buf[8:])}
}

// slot is free when its count is 0. It is padded to half a cache line, so that none lies on two.
type slot struct {
	key
	count int64
	_     int64
}

// table is a hash table with open addressing and linear probing. A key's place is given by the upper bits of its hash.
type table struct {
	slots []slot // a power of two
	shift uint   // 64 - log2(len(slots))
	used  int    // at most 3/5 of len(slots): beyond, chains grow long
	pages *pages // where slots comes from
	long  map[string]*int64
}

func newTable(log2 uint, p *pages) table {
	return table{slots: p.slots(1 << log2), shift: 64 - log2, pages: p, long: map[string]*int64{}}
}

func (t *table) add(k key, hash uint64, n int64) {
	mask := uint64(len(t.slots) - 1)
	for i := hash >> t.shift; ; i++ {
		s := &t.slots[i&mask]
		if s.key == k {
			s.count += n
			return
		}
		if s.count == 0 {
			*s = slot{key: k, count: n}
			if t.used++; t.used > len(t.slots)/5*3 {
				t.grow()
			}
			return
		}
	}
}

func (t *table) addLong(word []byte, n int64) {
	if count := t.long[string(word)]; count != nil { // looks without making a string
		*count += n
		return
	}
	first := n // n itself would be allocated at every call
	t.long[string(word)] = &first
}

func (t *table) grow() {
	old := *t
	*t = newTable(64-old.shift+1, old.pages)
	t.long = old.long
	for i := range old.slots {
		if s := &old.slots[i]; s.count > 0 {
			t.add(s.key, s.hash(), s.count)
		}
	}
	old.pages.free(old.slots)
}
