// Package combine is the table in which a map function's pairs meet before they leave the process. Most of the time of
// a counting job is spent here, so it is a room of its own: bounded, with keys of up to 16 bytes inside the slots.
package combine

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"unsafe"
)

// MaxKey is the longest key a Table takes, in bytes; longer ones gain nothing by being combined.
const MaxKey = 1 << 12

const (
	inline    = 16 // bytes of a key that fit into a slot
	minSlots  = 1 << 10
	chunkSize = 1 << 18 // of the arena; a key never crosses two
	lenBits   = 16      // of slot.meta; the rest is the key's place in the arena
)

// Table maps keys to values. It does not grow by itself: when Full, call Grow, or take what is in it and Reset.
// It is not safe for concurrent use.
//
// Invariant: Len < len(slots), so that a probe always ends.
type Table[V any] struct {
	slots []slot[V]
	shift uint // 64 - log2(len(slots))
	n     int
	full  int // Len at which it is Full: 5/8 of the slots; 0 when the arena has used up the limit

	arena [][]byte // chunks of long keys
	used  int      // chunks in use; those after it are kept for the next Reset
	seed  [2]uint64
	max   int
}

// slot is empty when meta is 0. A short key is k0 and k1, little-endian and zero padded; of a long one k0 is the first
// 8 bytes and k1 the hash.
type slot[V any] struct {
	k0, k1 uint64
	meta   uint64 // length+1, and above lenBits the place in the arena
	val    V
}

// New makes a table that holds at most max bytes, tables being copied included. It starts small.
func New[V any](max int) *Table[V] {
	t := &Table[V]{max: max, seed: [2]uint64{rand.Uint64(), rand.Uint64()}}
	t.alloc(minSlots)
	return t
}

func (t *Table[V]) alloc(slots int) {
	t.slots = make([]slot[V], slots)
	t.shift = uint(64 - bits.TrailingZeros(uint(slots)))
	t.full = slots / 8 * 5
}

// Len is the number of keys.
func (t *Table[V]) Len() int { return t.n }

// Full reports that the next new key needs Grow or Reset first.
func (t *Table[V]) Full() bool { return t.n >= t.full }

// Bytes is what the table holds.
func (t *Table[V]) Bytes() int { return len(t.slots)*t.slotSize() + len(t.arena)*chunkSize }

func (t *Table[V]) slotSize() int { return int(unsafe.Sizeof(slot[V]{})) }

// Grow makes room for more keys. It returns false, and does nothing, when that would pass the table's limit.
func (t *Table[V]) Grow() bool {
	factor := 2
	if len(t.slots) < 1<<14 {
		factor = 4
	}
	if t.full == 0 || t.Bytes()+factor*len(t.slots)*t.slotSize() > t.max {
		return false
	}
	old := t.slots
	t.alloc(factor * len(old))
	mask := uint64(len(t.slots) - 1)
	for i := range old {
		s := &old[i]
		if s.meta == 0 {
			continue
		}
		h := s.k1
		if s.len() <= inline {
			h = t.hash(s.k0, s.k1)
		}
		at := h >> t.shift
		for t.slots[at].meta != 0 {
			at = (at + 1) & mask
		}
		t.slots[at] = *s
	}
	return true
}

// Reset empties the table and keeps its memory and its size.
func (t *Table[V]) Reset() {
	clear(t.slots)
	t.n, t.used = 0, 0
	t.full = len(t.slots) / 8 * 5
}

func (s *slot[V]) len() int { return int(s.meta&(1<<lenBits-1)) - 1 }

// Upsert finds the value of key, of at most MaxKey bytes, or makes a new zero one (fresh). The table must not be Full.
// The pointer is valid until the next Grow or Reset. The key is copied.
func (t *Table[V]) Upsert(key string) (val *V, fresh bool) {
	if len(key) > inline {
		return t.upsertLong(key)
	}
	k0, k1 := load(key)
	meta := uint64(len(key) + 1)
	mask := uint64(len(t.slots) - 1)
	for i := t.hash(k0, k1) >> t.shift; ; i = (i + 1) & mask {
		s := &t.slots[i]
		if s.k0 == k0 && s.k1 == k1 && s.meta == meta {
			return &s.val, false
		}
		if s.meta == 0 {
			s.k0, s.k1, s.meta = k0, k1, meta
			t.n++
			return &s.val, true
		}
	}
}

func (t *Table[V]) upsertLong(key string) (val *V, fresh bool) {
	k0, h := binary.LittleEndian.Uint64(bytesOf(key)), t.hashLong(key)
	mask := uint64(len(t.slots) - 1)
	for i := h >> t.shift; ; i = (i + 1) & mask {
		s := &t.slots[i]
		if s.k1 == h && s.k0 == k0 && s.len() == len(key) && string(t.long(s)) == key {
			return &s.val, false
		}
		if s.meta == 0 {
			s.k0, s.k1, s.meta = k0, h, uint64(len(key)+1)|t.keep(key)<<lenBits
			t.n++
			return &s.val, true
		}
	}
}

// keep copies a long key into the arena and gives its place: the chunk's number times chunkSize, and the offset.
func (t *Table[V]) keep(key string) uint64 {
	if t.used == 0 || len(t.arena[t.used-1])+len(key) > chunkSize {
		if t.used == len(t.arena) {
			t.arena = append(t.arena, make([]byte, 0, chunkSize))
		}
		t.arena[t.used] = t.arena[t.used][:0]
		t.used++
		if t.used == len(t.arena) && t.Bytes()+chunkSize > t.max {
			t.full = 0
		}
	}
	c := &t.arena[t.used-1]
	at := uint64(t.used-1)*chunkSize + uint64(len(*c))
	*c = append(*c, key...)
	return at
}

func (t *Table[V]) long(s *slot[V]) []byte {
	at := s.meta >> lenBits
	from := at % chunkSize
	return t.arena[at/chunkSize][from : from+uint64(s.len())]
}

// All calls yield for each key, in no order worth relying on. The key is valid during the call.
func (t *Table[V]) All(yield func(key []byte, val *V) bool) {
	var short [inline]byte
	for i := range t.slots {
		s := &t.slots[i]
		if s.meta == 0 {
			continue
		}
		var key []byte
		if n := s.len(); n <= inline {
			binary.LittleEndian.PutUint64(short[:], s.k0)
			binary.LittleEndian.PutUint64(short[8:], s.k1)
			key = short[:n]
		} else {
			key = t.long(s)
		}
		if !yield(key, &s.val) {
			return
		}
	}
}

// load packs a key of at most 16 bytes into two words, zero padded, without reading past its end: two loads overlap.
func load(key string) (k0, k1 uint64) {
	b, n := bytesOf(key), uint(len(key))
	switch {
	case n > 8:
		return binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[n-8:]) >> (8 * (16 - n) & 63)
	case n == 8:
		return binary.LittleEndian.Uint64(b), 0
	case n >= 4:
		return uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[n-4:]))<<(8*(n-4)&63), 0
	case n > 0:
		return uint64(b[0]) | uint64(b[n/2])<<(8*(n/2)&63) | uint64(b[n-1])<<(8*(n-1)&63), 0
	}
	return 0, 0
}

// hash mixes a short key with the table's own seed, so that nobody outside can choose keys that collide. Its high bits
// are the good ones.
func (t *Table[V]) hash(k0, k1 uint64) uint64 {
	hi, lo := bits.Mul64(k0^t.seed[0], k1^t.seed[1])
	return (hi ^ lo) * 0x9fb21c651e98df25
}

func (t *Table[V]) hashLong(key string) uint64 {
	b := bytesOf(key)
	h := t.seed[0] ^ uint64(len(b))
	for ; len(b) >= 8; b = b[8:] {
		hi, lo := bits.Mul64(h^binary.LittleEndian.Uint64(b), t.seed[1]|1)
		h = hi ^ lo
	}
	k0, _ := load(key[len(key)-len(b):])
	hi, lo := bits.Mul64(h^k0, t.seed[1]|1)
	return (hi ^ lo) * 0x9fb21c651e98df25
}

func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
