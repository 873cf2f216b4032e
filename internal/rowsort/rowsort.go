// Package rowsort holds pairs in memory and gives them back ordered by (partition, key).
//
// All lies in one stretch of memory, as large as the sorter may become and touched only as far as it is used: pairs
// grow from the bottom up, packed (rows.AppendPacked); an index of 16 bytes a pair (the first 8 bytes of the key as a
// big-endian number, the partition, the position of the pair) grows from the top down; and the room between them is at
// least what a second index takes, for sorting:
//
//	| pairs ->          | room to sort |          <- index |
//
// Sort scatters the index by partition and orders each partition by MSD radix on the prefix, from one index into the
// other and back. Only pairs that agree in 8 bytes are looked at again, where the next 8 bytes of their keys take the
// place of the first; a key that fills half the input costs no more than others. Buckets too small for radix are sorted
// by insertion. At last pairs are gathered: in order of keys they lie anywhere in memory, so that reading one after the
// other would wait for memory at each; a few dozen are touched at once, and then copied.
//
// Nothing is allocated per pair, and Reset keeps the memory for the next fill. What a sorter holds never exceeds its
// budget, except that an empty one takes a single pair of any size: a pair larger than memory must still get through.
// Equal keys come back in the order they were added.
package rowsort

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/mrctl/mrctl/internal/rows"
)

// entry is a pair in the index.
type entry struct {
	prefix uint64 // 8 bytes of the key, zero-padded; Sort moves it on along the key
	part   uint32
	pos    uint32 // of its first byte
}

const (
	entrySize = int(unsafe.Sizeof(entry{}))
	least     = 8 << 10
	most      = math.MaxUint32 &^ (entrySize - 1) // keeps positions in 32 bits
)

// Sorter collects pairs, sorts them, and gives them back. It is not safe for concurrent use.
// Its phases follow each other: Add until it refuses, Sort, Next or Gather until the end, Reset. Close ends it.
type Sorter struct {
	mem   []byte
	cells []entry // all of mem: entry i of the index is the i-th from the end
	off   int     // bytes of pairs
	rows  int
	low   int // bytes at the bottom of mem that were used, ever
	high  int // and at its top

	counts []uint32 // pairs by partition
	big    []byte   // a pair too large for mem, which is then alone

	sorted  []entry
	next    int // where Next stands in sorted
	touched int // what of sorted has been touched
	sink    byte
}

// New makes a sorter for partitions 0 to partitions-1 that holds at most memory bytes, its index and the room to sort it
// included; 4 bytes a partition come on top. Memory below 8 KiB is taken as 8 KiB, above 4 GiB as 4 GiB.
func New(memory int64, partitions int) *Sorter {
	n := int(min(max(memory, least), int64(most))) &^ (entrySize - 1)
	mem := allocate(n)
	cells := unsafe.Slice((*entry)(unsafe.Pointer(unsafe.SliceData(mem))), n/entrySize)
	return &Sorter{mem: mem, cells: cells, counts: make([]uint32, partitions)}
}

// Close gives the memory back. Pairs that Next gave are gone with it.
func (s *Sorter) Close() {
	release(s.mem)
	*s = Sorter{}
}

// Len is the number of pairs held.
func (s *Sorter) Len() int { return s.rows }

// Held is the memory the sorter holds, in bytes, without its 4 a partition. Reset does not lower it, but for a pair of
// unusual size.
func (s *Sorter) Held() int64 { return int64(min(s.low+s.high, len(s.mem)) + len(s.big)) }

// Bytes is what the pairs that were added take, packed.
func (s *Sorter) Bytes() int64 { return int64(s.off + len(s.big)) }

// Add puts a copy of a pair into the sorter. It reports false, and takes nothing, when the pair does not fit: sort,
// read and reset, then add it again. An empty sorter always takes it.
func (s *Sorter) Add(part int, key, val []byte) bool {
	size := rows.PackedSize(key, val)
	to, ok := s.room(size)
	if ok {
		rows.AppendPacked(to, key, val)
		s.note(part, prefix(key), size)
	}
	return ok
}

// AddCut puts the pair of a record into the sorter whose key is rec[off:end], cut as rows.AppendCut does. It reports
// as Add does.
func (s *Sorter) AddCut(part int, rec []byte, off, end int) bool {
	size := rows.CutSize(rec, off, end)
	to, ok := s.room(size)
	if ok {
		rows.AppendCut(to, rec, off, end)
		s.note(part, prefix(rec[off:end]), size)
	}
	return ok
}

// room gives the memory for a pair of size bytes.
func (s *Sorter) room(size int) (to []byte, ok bool) {
	end := s.off + size
	if end+2*entrySize*(s.rows+1) > len(s.mem) || s.big != nil {
		if s.rows > 0 {
			return nil, false
		}
		s.big = make([]byte, size)
		return s.big[:0], true
	}
	return s.mem[s.off:s.off:end], true
}

// note adds a pair that room was given for to the index.
func (s *Sorter) note(part int, prefix uint64, size int) {
	s.rows++
	s.counts[part]++
	s.cells[len(s.cells)-s.rows] = entry{prefix: prefix, part: uint32(part), pos: uint32(s.off)}
	if s.big == nil {
		s.off += size
	}
	s.low, s.high = max(s.low, s.off), max(s.high, s.rows*entrySize)
}

// Reset empties the sorter for another fill and keeps its memory, but for a pair of unusual size.
func (s *Sorter) Reset() {
	clear(s.counts)
	s.big, s.off, s.rows = nil, 0, 0
	s.sorted, s.next, s.touched = nil, 0, 0
}

// at is the memory from a pair's first byte on.
func (s *Sorter) at(e *entry) []byte {
	if s.big != nil {
		return s.big
	}
	return s.mem[e.pos:s.off]
}

func (s *Sorter) key(e *entry) []byte {
	key, _, _ := rows.CutPacked(s.at(e))
	return key
}

// prefix is the first 8 bytes of b as a number that orders like them, zero-padded.
func prefix(b []byte) uint64 {
	if len(b) >= 8 {
		return binary.BigEndian.Uint64(b)
	}
	var x uint64
	for i, c := range b {
		x |= uint64(c) << (56 - 8*i)
	}
	return x
}
