// Package rowsort holds pairs in memory and gives them back ordered by (partition, key).
//
// Pairs lie packed (rows.AppendPacked) in an arena of equal chunks. Beside it stands an index of 16 bytes a pair:
// partition, the first 8 bytes of the key as a big-endian number, and the position in the arena. The index is collected
// in chunks too, so that growing never copies; Sort scatters it by partition into one slice and then orders each
// partition in place, by MSD radix on the prefix. Only pairs that agree in 8 bytes are looked at again in the arena,
// where the next 8 bytes of their keys take the place of the first; a key that fills half the input costs no more than
// others. Buckets too small for radix are compared.
//
// Nothing is allocated per pair, and Reset keeps the memory for the next fill. What a sorter holds never exceeds its
// budget, except that an empty one takes a single pair of any size: a pair larger than memory must still get through.
// Equal keys come in no promised order, but the same pairs added in the same order always come back in the same order.
package rowsort

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/mrctl/mrctl/internal/rows"
)

// entry is a pair in the index.
type entry struct {
	prefix uint64 // 8 bytes of the key, zero-padded; Sort moves it on along the key
	part   uint32
	pos    uint32 // chunk<<shift | offset
}

const (
	entrySize = 16
	// maxArena keeps positions in 32 bits.
	maxArena = math.MaxUint32
	minChunk = 1 << 10
	maxChunk = 1 << 20
)

// Sorter collects pairs, sorts them, and gives them back. It is not safe for concurrent use.
// Its phases follow each other: Add until it refuses, Sort, Next or Gather until the end, Reset.
type Sorter struct {
	memory int64
	shift  uint // chunks are 1<<shift bytes
	arena  [][]byte
	used   int   // chunks of arena that hold pairs; those above are spare
	off    int   // bytes used in chunk used-1
	held   int64 // bytes of all chunks, spare ones included

	index  [][]entry // chunks of indexChunk entries, all full but the last in use
	inUse  int
	per    int      // entries in an index chunk
	counts []uint32 // pairs by partition

	sorted []entry
	rows   int
	bytes  int64 // packed bytes
	next   int   // where Next stands in sorted
}

// New makes a sorter for partitions 0 to partitions-1 that holds at most memory bytes, its index and the room to sort it
// included; 4 bytes a partition come on top. Little is allocated before pairs come. Memory below 8 KiB is taken as 8 KiB.
func New(memory int64, partitions int) *Sorter {
	memory = max(memory, 8<<10)
	chunk := min(max(memory/16, minChunk), maxChunk)
	shift := uint(bits.Len64(uint64(chunk)) - 1)
	return &Sorter{memory: memory, shift: shift, per: (1 << shift) / entrySize, counts: make([]uint32, partitions)}
}

// Len is the number of pairs held.
func (s *Sorter) Len() int { return s.rows }

// PackedBytes is the size of the pairs held, packed.
func (s *Sorter) PackedBytes() int64 { return s.bytes }

// Held is the memory the sorter holds, in bytes, without its 4 a partition. Reset does not lower it.
func (s *Sorter) Held() int64 {
	return s.held + int64(len(s.index)*s.per+cap(s.sorted))*entrySize
}

// Add puts a copy of a pair into the sorter. It reports false, and takes nothing, when the pair does not fit: sort,
// read and reset, then add it again. An empty sorter always takes it.
func (s *Sorter) Add(part int, key, val []byte) bool {
	size := rows.PackedSize(key, val)
	pos, ok := s.place(size)
	if !ok {
		return false
	}
	c, off := pos>>s.shift, pos&(1<<s.shift-1)
	rows.AppendPacked(s.arena[c][off:off:off+size], key, val)
	s.push(entry{prefix: prefix(key), part: uint32(part), pos: uint32(pos)})
	s.counts[part]++
	s.bytes += int64(size)
	return true
}

// AddCut puts the pair of a record into the sorter whose key is rec[off:end], cut as rows.AppendCut does. It reports
// as Add does.
func (s *Sorter) AddCut(part int, rec []byte, off, end int) bool {
	size := rows.CutSize(rec, off, end)
	pos, ok := s.place(size)
	if !ok {
		return false
	}
	c, at := pos>>s.shift, pos&(1<<s.shift-1)
	rows.AppendCut(s.arena[c][at:at:at+size], rec, off, end)
	s.push(entry{prefix: prefix(rec[off:end]), part: uint32(part), pos: uint32(pos)})
	s.counts[part]++
	s.bytes += int64(size)
	return true
}

// place finds room for size bytes in the arena and one entry in the index.
func (s *Sorter) place(size int) (pos int, ok bool) {
	chunk := 1 << s.shift
	need := 0 // chunks to go on to
	if s.used == 0 || s.off+size > chunk {
		need = max((size+chunk-1)/chunk, 1)
	}
	var grow int64
	if s.rows == s.inUse*s.per {
		if s.inUse == len(s.index) {
			grow += int64(s.per) * entrySize
		}
		// Room to sort what the next index chunk can hold.
		grow += max(0, int64((s.inUse+1)*s.per-cap(s.sorted))*entrySize)
	} else {
		grow += max(0, int64(s.inUse*s.per-cap(s.sorted))*entrySize)
	}
	spare := len(s.arena) - s.used
	if need > 1 || spare == 0 {
		grow += int64(need * chunk)
	}
	if s.rows > 0 && (s.Held()+grow > s.memory || (s.used+need)<<s.shift > maxArena) {
		return 0, false
	}
	if need == 0 {
		pos = (s.used-1)<<s.shift | s.off
		s.off += size
		return pos, true
	}
	if need == 1 && spare > 0 {
		s.used++
	} else {
		// A pair larger than a chunk owns as many chunk numbers as it would fill, all backed by the first. Spare chunks
		// above are given up: they are of the common size and will come again.
		s.drop(s.used)
		big := make([]byte, need*chunk)
		s.held += int64(len(big))
		s.arena = append(s.arena, big)
		for range need - 1 {
			s.arena = append(s.arena, nil)
		}
		s.used += need
	}
	pos = (s.used - need) << s.shift
	s.off = size
	if need > 1 {
		s.off = chunk // nothing more goes there
	}
	return pos, true
}

// drop gives up the chunks from i on.
func (s *Sorter) drop(i int) {
	for _, c := range s.arena[i:] {
		s.held -= int64(len(c))
	}
	clear(s.arena[i:])
	s.arena = s.arena[:i]
}

func (s *Sorter) push(e entry) {
	if s.rows == s.inUse*s.per {
		if s.inUse == len(s.index) {
			s.index = append(s.index, make([]entry, s.per))
		}
		s.inUse++
	}
	s.index[s.inUse-1][s.rows%s.per] = e
	s.rows++
}

// Next gives the next pair in order, packed, after Sort. The bytes stay valid until Reset. ok is false at the end.
func (s *Sorter) Next() (part int, packed []byte, ok bool) {
	if s.next == len(s.sorted) {
		return 0, nil, false
	}
	e := &s.sorted[s.next]
	s.next++
	b := s.at(e)
	_, _, n := rows.CutPacked(b)
	return int(e.part), b[:n:n], true
}

// Gather empties b and fills it with the next pairs in order, all of one partition and together at most limit bytes of
// keys and values; a larger pair comes alone. ok is false at the end.
func (s *Sorter) Gather(b *rows.Batch, limit int) (part int, ok bool) {
	b.Reset()
	if s.next == len(s.sorted) {
		return 0, false
	}
	p := s.sorted[s.next].part
	for s.next < len(s.sorted) {
		e := &s.sorted[s.next]
		if e.part != p {
			break
		}
		key, val, _ := rows.CutPacked(s.at(e))
		if b.Len() > 0 && len(b.Keys)+len(b.Vals)+len(key)+len(val) > limit {
			break
		}
		b.Append(key, val)
		s.next++
	}
	return int(p), true
}

// Reset empties the sorter for another fill and keeps its memory, but for pairs of unusual size.
func (s *Sorter) Reset() {
	for i, c := range s.arena {
		if len(c) != 1<<s.shift {
			s.drop(i)
			break
		}
	}
	clear(s.counts)
	s.used, s.off, s.inUse, s.rows, s.bytes, s.next = 0, 0, 0, 0, 0, 0
	s.sorted = s.sorted[:0]
}

// at is the arena from a pair's first byte on.
func (s *Sorter) at(e *entry) []byte {
	return s.arena[e.pos>>s.shift][e.pos&(1<<s.shift-1):]
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
