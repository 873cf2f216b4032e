// Package foldtable sums 64-bit integers by key: a bounded hash table made for the one thing a counting job does all day.
//
// Where the time goes, and what is done about it (word counts of Zipf text are the yardstick):
//
//   - A probe of a large table is a cache miss. Keys are queued and probed by the batch: first all slots are touched, so
//     that their misses overlap, then the keys are compared.
//   - Most adds hit few keys. A small table in front, which fits in the level 2 cache and keeps whatever came first,
//     takes them without a branch.
//   - Slots are inline: keys of up to 23 bytes are, with their length, three words in the slot; longer ones lie in an arena.
//   - Large tables take huge pages, for the page walks cost as much as the misses.
//
// The hash is seeded per table and has nothing to do with the one that partitions: with the same function a table that
// holds one partition would see only every n-th slot.
package foldtable

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"unsafe"
)

const (
	queueLen  = 256
	frontBits = 13 // 8192 slots of 32 bytes: 256 KiB
	firstBits = 14 // slots of a new table
	maxInline = 23
	longMark  = 0xff << 56 // in slot.k2
	// maxLong is the longest key the arena takes; the rare longer one lies in a map.
	maxLong = 1<<24 - 1
	// fill is the share of slots in use, in tenths, at which a table grows.
	fill = 6
	// A table grows by a factor of steep up to steepTo slots, for moving what it holds costs a miss a key; then it doubles.
	steep, steepTo = 8, 1 << 20
)

// slot holds a key and its value. Of a key of up to maxInline bytes, k0 to k2 are its bytes, zero-padded, and the last
// byte of k2 its length. Of a longer one k0 is its length in the low 24 bits and its place in the arena above, k2 the upper
// bits of its hash below longMark. k2 is 0 when the slot is free. Two slots make a cache line.
type slot struct {
	k0, k1, k2 uint64
	val        int64
}

// slotSize is the size of a slot, in bytes.
const slotSize = unsafe.Sizeof(slot{})

// Table sums values by key; sums wrap around. It is not safe for concurrent use. Add never fails; when it says that the
// table is full, or Full does, the caller lets it Grow or drains it. After Folds it folds by a function instead.
type Table struct {
	queue [queueLen]slot // adds of short keys that wait
	waits int
	open  uint // length of the longest key that an Adder queues
	front []slot
	slots []slot
	shift uint
	seed  uint64

	used  int // of slots
	full  bool
	limit int // bytes
	arena []byte
	over  map[string]int64 // the empty key, and keys beyond maxLong
	overB int              // bytes of its keys
	adds  uint64

	fold   func(acc, v int64) int64 // nil: sums
	failed func(key []byte, panicked any)
	at     *slot // the pair that fold was called for last

	touched uint64 // keeps loads that are made for their misses alone
}

// New makes a table that wants at most limit bytes, of which it takes little at first. Below 1 MiB it is as if 1 MiB.
func New(limit int) *Table {
	return &Table{open: maxInline, seed: rand.Uint64() | 1, limit: max(limit, 1<<20), front: make([]slot, 1<<frontBits),
		slots: allocate(1 << firstBits), shift: 64 - firstBits}
}

// Add adds v to key's sum. The key is copied if it is new. It reports that the table is full, as Full does, once it has
// noticed.
func (t *Table) Add(key string, v int64) (full bool) {
	n := len(key)
	if uint(n-1) >= maxInline {
		t.addLong(key, v)
		return t.full
	}
	w := t.waits
	e := &t.queue[w&(queueLen-1)]
	e.k0, e.k1, e.k2 = load(key)
	e.val = v
	t.waits = w + 1
	if w+1 < queueLen {
		return false
	}
	t.flush()
	return t.full
}

// Shut sends all keys past the table in Adder's functions, or no longer does.
func (t *Table) Shut(yes bool) {
	t.open = maxInline
	if yes {
		t.open = 0
	}
}

// SetLimit changes how many bytes the table wants at most.
func (t *Table) SetLimit(limit int) { t.limit = max(limit, 1<<20) }

// Full says that it is time to Grow, or to Drain.
func (t *Table) Full() bool { return t.full }

// Grow makes room for more keys. It does nothing and gives false where that would pass the limit.
func (t *Table) Grow() bool {
	if t.crowded() {
		return false
	}
	for factor := steep; factor > 1; factor /= 2 {
		// Old and new slots live side by side for a moment.
		slots := (1+factor)*len(t.slots) + len(t.front)
		if slots*int(slotSize)+cap(t.arena)+t.overB > t.limit || factor > 2 && factor*len(t.slots) > steepTo {
			continue
		}
		t.grow(factor)
		t.full = false
		return true
	}
	return false
}

// crowded says that what lies outside the slots has taken its share, or would if the arena grew once more.
func (t *Table) crowded() bool {
	return cap(t.arena) > t.limit/2 || t.overB > t.limit/2 || len(t.arena) > 0 && t.Bytes()+cap(t.arena)/2 > t.limit
}

// Adds is how often Add was called, ever.
func (t *Table) Adds() uint64 { return t.adds + uint64(t.waits) }

// Len is the number of keys. It settles the queue first.
func (t *Table) Len() int {
	t.settle()
	return t.used + len(t.over)
}

// Used is about the number of keys, without settling anything: those in the front table are not counted.
func (t *Table) Used() int { return t.used }

// Bytes is the memory held, in bytes.
func (t *Table) Bytes() int {
	return (len(t.slots)+len(t.front))*int(slotSize) + cap(t.arena) + t.overB
}

// mix hashes a short key. (Wide multiplication folded, as in wyhash; the second round spreads the high bits that index.)
func mix(k0, k1, k2, seed uint64) uint64 {
	hi, lo := bits.Mul64(k0^seed, (k1+bits.RotateLeft64(k2, 21))^0x9e3779b97f4a7c15)
	return (hi ^ lo) * 0xd6e8feb86659fd93
}

// hashOf is the hash of the key in a slot; of a long one as much of it as the slot has.
func (t *Table) hashOf(s *slot) uint64 {
	if s.k2 >= longMark {
		return s.k2 << 8
	}
	return mix(s.k0, s.k1, s.k2, t.seed)
}

// flush settles the queue: front hits without a branch, then the misses with their slots warm. Indices are masked or
// shifted into range by construction, so slots are reached without a check each.
func (t *Table) flush() {
	if t.fold != nil {
		t.flushFold()
		return
	}
	var hashes [queueLen]uint64
	var missed [queueLen]uint8
	misses, seed := 0, t.seed
	front := unsafe.Pointer(unsafe.SliceData(t.front))
	waits := t.waits
	for i := range waits {
		e := &t.queue[i&(queueLen-1)]
		h := mix(e.k0, e.k1, e.k2, seed)
		hashes[i&(queueLen-1)] = h
		s := (*slot)(unsafe.Add(front, uintptr(h>>(64-frontBits))*slotSize))
		differs := (s.k0 ^ e.k0) | (s.k1 ^ e.k1) | (s.k2 ^ e.k2)
		miss := (differs | -differs) >> 63 // 1 where any bit differs
		s.val += e.val & int64(miss-1)
		missed[misses&(queueLen-1)] = uint8(i)
		misses += int(miss)
	}
	slots, shift := unsafe.Pointer(unsafe.SliceData(t.slots)), t.shift
	var touched uint64
	for _, i := range missed[:misses] {
		touched |= (*slot)(unsafe.Add(slots, uintptr(hashes[i]>>shift)*slotSize)).k2
	}
	t.touched = touched // the loads are the point: they overlap here and not below
	for _, i := range missed[:misses] {
		e, h := &t.queue[i], hashes[i]
		if s := (*slot)(unsafe.Add(front, uintptr(h>>(64-frontBits))*slotSize)); s.k2 == 0 {
			*s = *e
			continue
		}
		// Most keys lie in the first slots they may lie in; a call for each would cost as much as the look.
		if s := (*slot)(unsafe.Add(slots, uintptr(h>>shift)*slotSize)); s.k0 == e.k0 && s.k1 == e.k1 && s.k2 == e.k2 {
			s.val += e.val
			continue
		}
		if s := (*slot)(unsafe.Add(slots, uintptr(h>>shift^1)*slotSize)); s.k0 == e.k0 && s.k1 == e.k1 && s.k2 == e.k2 {
			s.val += e.val
			continue
		}
		t.add(e, h)
		slots, shift = unsafe.Pointer(unsafe.SliceData(t.slots)), t.shift // it may have grown
	}
	t.adds += uint64(waits)
	t.waits = 0
}

// next is the slot to look at after slot i, for a key whose first slot is first: the other one of a pair, which lies in the
// same cache line, and then the next pair.
func next(i, first uint64) uint64 {
	if (i^first)&1 == 0 {
		return i ^ 1
	}
	return (i ^ 1) + 2
}

// add adds into the large table.
func (t *Table) add(e *slot, hash uint64) {
	mask := uint64(len(t.slots) - 1)
	for i := hash >> t.shift; ; i = next(i, hash>>t.shift) & mask {
		s := &t.slots[i&mask]
		if s.k0 == e.k0 && s.k1 == e.k1 && s.k2 == e.k2 {
			s.val = t.join(s.val, e.val)
			return
		}
		if s.k2 == 0 {
			*s = *e
			t.grew()
			return
		}
	}
}

// join is what two values of a key make.
func (t *Table) join(acc, v int64) int64 {
	if t.fold != nil {
		return t.fold(acc, v)
	}
	return acc + v
}

func (t *Table) grew() {
	t.used++
	if t.used*10 > len(t.slots)*fill {
		t.full = true
		if t.used*10 > len(t.slots)*9 { // nobody looked at Full: probes must end all the same
			t.grow(2)
		}
	}
}

func (t *Table) grow(factor int) {
	old := t.slots
	t.slots = allocate(factor * len(old))
	t.shift -= uint(bits.TrailingZeros(uint(factor)))
	mask := uint64(len(t.slots) - 1)
	for i := range old {
		s := &old[i]
		if s.k2 == 0 {
			continue
		}
		first := t.hashOf(s) >> t.shift
		at := first
		for t.slots[at&mask].k2 != 0 {
			at = next(at, first) & mask
		}
		t.slots[at&mask] = *s
	}
	release(old)
}

// settle moves what waits in the queue and in the front table to where Drain finds it.
func (t *Table) settle() {
	t.flush()
	defer t.guard()
	for i := range t.front {
		if s := &t.front[i]; s.k2 != 0 {
			t.at = s
			t.add(s, t.hashOf(s))
			*s = slot{}
		}
	}
}

// Drain gives every key and its sum, in no order, and empties the table, which keeps its memory. key is valid during the
// call only. An error of emit stops it; the table is then empty all the same.
func (t *Table) Drain(emit func(key []byte, v int64) error) error {
	t.settle()
	var err error
	var inline [3 * 8]byte
	for i := range t.slots {
		s := &t.slots[i]
		if s.k2 == 0 {
			continue
		}
		if err == nil {
			err = emit(t.key(s, &inline), s.val)
		}
		*s = slot{}
	}
	for k, v := range t.over {
		if err == nil {
			err = emit([]byte(k), v)
		}
	}
	t.over, t.overB = nil, 0
	t.arena, t.used, t.full = t.arena[:0], 0, false
	if cap(t.arena) > t.limit/8 {
		t.arena = nil // kept, it would be what crowds the table from the next long key on
	}
	return err
}

func (t *Table) key(s *slot, inline *[3 * 8]byte) []byte {
	if s.k2 >= longMark {
		return t.long(s)
	}
	binary.LittleEndian.PutUint64(inline[:8], s.k0)
	binary.LittleEndian.PutUint64(inline[8:], s.k1)
	binary.LittleEndian.PutUint64(inline[16:], s.k2)
	return inline[:s.k2>>56]
}

// Close gives the memory back. The table must not be used afterwards.
func (t *Table) Close() {
	release(t.slots)
	t.slots, t.front, t.arena, t.over = nil, nil, nil, nil
}
