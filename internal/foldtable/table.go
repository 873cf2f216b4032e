// Package foldtable folds numbers by key: a bounded hash table made for the one thing a combiner does all day.
//
// Where the time goes, and what is done about it (word counts of Zipf text are the yardstick):
//
//   - A probe of a large table is a cache miss. Keys are queued and probed by the batch: first all slots are touched, so
//     that their misses overlap, then the keys are compared.
//   - Most adds hit few keys. A small table in front, which fits in the level 2 cache and keeps whatever came first,
//     takes them without a branch.
//   - Slots are inline: keys of up to 16 bytes are two words in the slot; only longer ones lie in an arena.
//   - Large tables take huge pages, for the page walks cost as much as the misses.
//
// The hash is seeded per table and has nothing to do with the one that partitions: with the same function a table that
// holds one partition would see only every n-th slot.
package foldtable

import (
	"math/bits"
	"math/rand/v2"
	"unsafe"
)

// Op is what is done to two values of one key.
type Op uint8

const (
	Sum Op = iota
	Min
	Max
	SumFloat // values are math.Float64bits
	MinFloat
	MaxFloat
)

const (
	queueLen  = 256
	frontBits = 13 // 8192 slots of 32 bytes: 256 KiB
	firstBits = 14 // slots of a new table
	maxInline = 16
	lenMask   = 1<<24 - 1 // of slot.meta
	// maxLong is the longest key the arena takes; the rare longer one lies in a map.
	maxLong = lenMask - 1
	// fill is the share of slots in use, in tenths, at which a table grows.
	fill = 6
)

// slot holds a key and its value. meta is 0 when free, else the key's length in the low 24 bits and, for keys longer
// than maxInline, its place in the arena above; k0, k1 are then its first 8 bytes and its hash.
type slot struct {
	k0, k1 uint64
	val    int64
	meta   uint64
}

// entry is an add that waits in the queue.
type entry struct {
	k0, k1, hash uint64
	val          int64
	n            uint64 // length of the key, 1 to maxInline
}

// Table folds values by key. It is not safe for concurrent use. Add never fails; after each one the caller looks at Full,
// and lets the table Grow or drains it.
type Table struct {
	op    Op
	seed  uint64
	limit int // bytes

	queue [queueLen]entry
	waits int
	front []slot
	slots []slot
	shift uint
	used  int // of slots
	arena []byte
	over  map[string]int64 // the empty key, and keys beyond maxLong
	overB int              // bytes of its keys
	adds  int64
	full  bool

	touched uint64 // keeps loads that are made for their misses alone
}

// slotSize is the size of a slot, in bytes.
const slotSize = uint64(unsafe.Sizeof(slot{}))

// New makes a table that wants at most limit bytes, of which it takes little at first. Below 1 MiB it is as if 1 MiB.
func New(op Op, limit int) *Table {
	return &Table{op: op, seed: rand.Uint64() | 1, limit: max(limit, 1<<20), front: make([]slot, 1<<frontBits),
		slots: allocate(1 << firstBits), shift: 64 - firstBits}
}

// Add folds v into key's value. The key is copied if it is new. It reports that the table is full, as Full does, once
// it has noticed.
func (t *Table) Add(key string, v int64) (full bool) {
	n := len(key)
	if uint(n-1) >= maxInline {
		t.addLong(key, v)
		return t.full
	}
	w := t.waits
	e := &t.queue[w&(queueLen-1)]
	e.k0, e.k1 = load(key)
	e.n, e.val = uint64(n), v
	t.waits = w + 1
	if w+1 < queueLen {
		return false
	}
	t.flush()
	return t.full
}

// SetLimit changes how many bytes the table wants at most.
func (t *Table) SetLimit(limit int) { t.limit = max(limit, 1<<20) }

// Full says that it is time to Grow, or to Drain.
func (t *Table) Full() bool { return t.full }

// Grow makes room for more keys. It does nothing and gives false where that would pass the limit.
func (t *Table) Grow() bool {
	// Old and new slots live side by side for a moment.
	if (len(t.slots)*3+len(t.front))*32+cap(t.arena)+t.overB > t.limit || t.crowded() {
		return false
	}
	t.grow()
	t.full = false
	return true
}

// crowded says that what lies outside the slots has taken its share.
func (t *Table) crowded() bool { return cap(t.arena) > t.limit/2 || t.overB > t.limit/2 }

// Adds is how often Add was called since the table was last drained.
func (t *Table) Adds() int64 { return t.adds + int64(t.waits) }

// Len is the number of keys. It settles the queue first.
func (t *Table) Len() int {
	t.settle()
	return t.used + len(t.over)
}

// Used is about the number of keys, without settling anything: those in the front table are not counted.
func (t *Table) Used() int { return t.used }

// Bytes is the memory held, in bytes.
func (t *Table) Bytes() int {
	return (len(t.slots)+len(t.front))*32 + cap(t.arena) + t.overB
}

// hash mixes a short key. (Wide multiplication folded, as in wyhash; the second round spreads the high bits that index.)
func (t *Table) hash(k0, k1 uint64) uint64 { return mix(k0, k1, t.seed) }

func mix(k0, k1, seed uint64) uint64 {
	hi, lo := bits.Mul64(k0^seed, k1^0x9e3779b97f4a7c15)
	return (hi ^ lo) * 0xd6e8feb86659fd93
}

func (t *Table) flush() {
	if t.op == Sum {
		t.flushSum()
		return
	}
	t.adds += int64(t.waits)
	for i := range t.queue[:t.waits] {
		e := &t.queue[i]
		t.add(e.k0, e.k1, t.hash(e.k0, e.k1), e.n, e.val)
	}
	t.waits = 0
}

// flushSum settles the queue of a summing table: front hits without a branch, then the misses with their slots warm.
// Indices are masked or shifted into range by construction, so slots are reached without a check each.
func (t *Table) flushSum() {
	var missed [queueLen]uint8
	misses, seed := 0, t.seed
	front := unsafe.Pointer(unsafe.SliceData(t.front))
	waits := t.waits
	for i := range waits {
		e := &t.queue[i&(queueLen-1)]
		h := mix(e.k0, e.k1, seed)
		e.hash = h
		s := (*slot)(unsafe.Add(front, h>>(64-frontBits)*slotSize))
		differs := (s.k0 ^ e.k0) | (s.k1 ^ e.k1) | (s.meta ^ e.n)
		miss := (differs | -differs) >> 63 // 1 where any bit differs
		s.val += e.val & int64(miss-1)
		missed[misses&(queueLen-1)] = uint8(i)
		misses += int(miss)
	}
	slots, shift := unsafe.Pointer(unsafe.SliceData(t.slots)), t.shift
	var touched uint64
	for _, i := range missed[:misses] {
		touched |= (*slot)(unsafe.Add(slots, t.queue[i].hash>>shift*slotSize)).meta
	}
	t.touched = touched // the loads are the point: they overlap here and not below
	for _, i := range missed[:misses] {
		e := &t.queue[i]
		if s := (*slot)(unsafe.Add(front, e.hash>>(64-frontBits)*slotSize)); s.meta == 0 {
			*s = slot{e.k0, e.k1, e.val, e.n}
			continue
		}
		// Most keys lie in the first slot they may lie in; a call for each would cost as much as the look.
		if s := (*slot)(unsafe.Add(slots, e.hash>>shift*slotSize)); s.k0 == e.k0 && s.k1 == e.k1 && s.meta == e.n {
			s.val += e.val
			continue
		}
		t.addSum(e)
	}
	t.adds += int64(waits)
	t.waits = 0
}

// addSum adds into the large table: add, for sums alone.
func (t *Table) addSum(e *entry) {
	slots, mask := unsafe.Pointer(unsafe.SliceData(t.slots)), uint64(len(t.slots)-1)
	for i := e.hash >> t.shift; ; i = (i + 1) & mask {
		s := (*slot)(unsafe.Add(slots, i*slotSize))
		if s.k0 == e.k0 && s.k1 == e.k1 && s.meta == e.n {
			s.val += e.val
			return
		}
		if s.meta == 0 {
			*s = slot{e.k0, e.k1, e.val, e.n}
			t.grew()
			return
		}
	}
}

// add folds into the large table.
func (t *Table) add(k0, k1, hash, n uint64, v int64) {
	mask := uint64(len(t.slots) - 1)
	for i := hash >> t.shift; ; i = (i + 1) & mask {
		s := &t.slots[i&mask]
		if s.k0 == k0 && s.k1 == k1 && s.meta == n {
			s.val = t.fold(s.val, v)
			return
		}
		if s.meta == 0 {
			*s = slot{k0, k1, v, n}
			t.grew()
			return
		}
	}
}

func (t *Table) grew() {
	t.used++
	if t.used*10 > len(t.slots)*fill {
		t.full = true
		if t.used*10 > len(t.slots)*9 { // nobody looked at Full: probes must end all the same
			t.grow()
		}
	}
}

func (t *Table) grow() {
	old := t.slots
	t.slots = allocate(2 * len(old))
	t.shift--
	mask := uint64(len(t.slots) - 1)
	for i := range old {
		s := &old[i]
		if s.meta == 0 {
			continue
		}
		h := s.k1
		if s.meta&lenMask <= maxInline {
			h = t.hash(s.k0, s.k1)
		}
		at := h >> t.shift
		for t.slots[at&mask].meta != 0 {
			at = (at + 1) & mask
		}
		t.slots[at&mask] = *s
	}
	release(old)
}

// settle moves what waits in the queue and in the front table to where Drain finds it.
func (t *Table) settle() {
	t.flush()
	if t.op != Sum {
		return
	}
	for i := range t.front {
		if s := &t.front[i]; s.meta != 0 {
			t.add(s.k0, s.k1, t.hash(s.k0, s.k1), s.meta, s.val)
			*s = slot{}
		}
	}
}

// Drain gives every key and its value, in no order, and empties the table, which keeps its memory. key is valid during
// the call only. An error of emit stops it; the table is then empty all the same.
func (t *Table) Drain(emit func(key []byte, v int64) error) error {
	t.settle()
	var err error
	var inline [maxInline]byte
	for i := range t.slots {
		s := &t.slots[i]
		if s.meta == 0 {
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
	t.arena, t.used, t.adds, t.full = t.arena[:0], 0, 0, false
	return err
}

func (t *Table) key(s *slot, inline *[maxInline]byte) []byte {
	n := s.meta & lenMask
	if n > maxInline {
		at := s.meta >> 24
		return t.arena[at : at+n]
	}
	for i := range 8 {
		inline[i] = byte(s.k0 >> (8 * i))
		inline[8+i] = byte(s.k1 >> (8 * i))
	}
	return inline[:n]
}

// Close gives the memory back. The table must not be used afterwards.
func (t *Table) Close() {
	release(t.slots)
	t.slots, t.front, t.arena, t.over = nil, nil, nil, nil
}
